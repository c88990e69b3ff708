"""Keys behind AWS KMS and Web3Signer, over real HTTP to stand-ins that may lie, stall and swell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from eth_account import Account

from oracle.domain.approval import FilingApproval, FilingUpdate, Suspension, Tranche
from oracle.errors import FilingGateError, InputError, UnreachableError
from oracle.signing.aws_kms import KmsSigner
from oracle.signing.content import sign_document, sign_text, try_signer
from oracle.signing.eip712 import Domain
from oracle.signing.personal_message import message_digest
from oracle.signing.recovery import SECP256K1_HALF_ORDER, recover
from oracle.signing.typed_data import document_digest
from oracle.signing.web3signer import Web3SignerSigner
from tests.signing.typed_data import digest_by_eth_account
from tests.standin.signing_services import ACCESS_KEY, SECRET_KEY, KmsServer, Web3SignerServer

SECRET = b"\x05" * 32
ADDRESS = str(Account.from_key(SECRET).address)
DOMAIN = Domain(31337, "0x" + "12" * 20)
HASH = "0x" + "ab" * 32
APPROVAL = FilingApproval(
    filing=HASH,
    tranches=(
        Tranche(token="0x" + "01" * 20, cap=2**96 - 1, decimals=18),
        Tranche(token="0x" + "02" * 20, cap=1, decimals=0),
    ),
    dossier_hash=HASH,
    record_hash=HASH,
    ruleset_hash=HASH,
    valid_after=1,
    valid_until=2**47,
    sequence=2**53 - 1,
)
UPDATE = FilingUpdate(filing=HASH, status=1, record_hash=HASH, valid_until=9, sequence=7, reason=HASH)
SUSPENSION = Suspension(filing=HASH, sequence=1, reason=HASH)
SECONDS = 0.4


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Iterator[KmsServer]:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    with KmsServer(SECRET) as server:
        yield server


@pytest.fixture
def web3signer() -> Iterator[Web3SignerServer]:
    with Web3SignerServer(SECRET) as server:
        yield server


def by_kms(server: KmsServer) -> KmsSigner:
    return KmsSigner(server.key_id, region="cn-north-1", endpoint=server.endpoint, seconds=SECONDS)


def by_web3signer(server: Web3SignerServer) -> Web3SignerSigner:
    return Web3SignerSigner(server.endpoint, ADDRESS, seconds=SECONDS)


@pytest.mark.parametrize("document", (APPROVAL, UPDATE, SUSPENSION))
def test_sign_document__by_each_service__is_the_key_s_over_the_registry_s_digest(
    kms: KmsServer, web3signer: Web3SignerServer, document: FilingApproval | FilingUpdate | Suspension
) -> None:
    digest = digest_by_eth_account(DOMAIN, document)
    assert digest == document_digest(DOMAIN, document)
    for signer in (by_kms(kms), by_web3signer(web3signer)):
        assert signer.address == ADDRESS
        for _ in range(4):  # upper and lower s, v as 0, 1 and as 27, 28
            signature = sign_document(signer, DOMAIN, document)
            assert recover(digest, signature) == ADDRESS == Account._recover_hash(digest, signature=signature)
            assert int.from_bytes(signature[32:64], "big") <= SECP256K1_HALF_ORDER


def test_sign_text__by_each_service__is_eip_191s(kms: KmsServer, web3signer: Web3SignerServer) -> None:
    for signer in (by_kms(kms), by_web3signer(web3signer)):
        assert recover(message_digest("一份记录 0x00"), sign_text(signer, "一份记录 0x00")) == ADDRESS
        assert 0 < try_signer(signer).seconds < 10


def test_kms__requests__say_digest_and_are_signed(kms: KmsServer) -> None:
    by_kms(kms).sign(b"\x07" * 32)
    (asked, _), (signed, body) = kms.requests
    assert asked["X-Amz-Target"] == "TrentService.GetPublicKey"
    assert signed["X-Amz-Target"] == "TrentService.Sign"
    assert b'"MessageType": "DIGEST"' in body
    assert f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/" in signed["Authorization"]
    assert "/cn-north-1/kms/aws4_request" in signed["Authorization"]
    assert SECRET_KEY not in str(kms.requests)


def test_kms__throttled_once__is_asked_again(kms: KmsServer) -> None:
    signer = by_kms(kms)
    kms.fault = "throttled-once"
    assert recover(b"\x07" * 32, signer.sign(b"\x07" * 32)) == ADDRESS
    assert len(kms.requests) == 3


#: fault, exception, what it says
COMMON = (
    ("slow", UnreachableError, "answer"),
    ("drip", UnreachableError, "answer"),
    ("huge", UnreachableError, "answer"),
    ("html", UnreachableError, "answer"),
    ("redirect", UnreachableError, "answer"),
    ("garbage", UnreachableError, "no signature"),
    ("other-key", FilingGateError, "is not 0x"),
)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    (
        *COMMON,
        ("throttled", UnreachableError, "ThrottlingException"),
        ("disabled", InputError, "DisabledException"),
        ("denied", InputError, "AccessDeniedException"),
    ),
)
def test_kms__in_trouble__one_error_that_names_the_key_in_bounded_time(
    kms: KmsServer, fault: str, error: type[FilingGateError], message: str
) -> None:
    signer = by_kms(kms)
    kms.fault = fault
    _refused(lambda: signer.sign(b"\x07" * 32), error, message, kms.key_id)


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    (
        *COMMON,
        ("error", UnreachableError, "eth_signTypedData failed: Signing from  is not an unlocked account"),
        ("old", FilingGateError, "is not 0x"),
        ("other-id", UnreachableError, "something else than JSON-RPC"),
    ),
)
def test_web3signer__in_trouble__one_error_that_names_the_key_in_bounded_time(
    web3signer: Web3SignerServer, fault: str, error: type[FilingGateError], message: str
) -> None:
    signer = by_web3signer(web3signer)
    web3signer.fault = fault
    _refused(lambda: sign_document(signer, DOMAIN, UPDATE), error, message, web3signer.endpoint)


def _refused(sign: Callable[[], bytes], error: type[FilingGateError], message: str, where: str) -> None:
    begun = time.monotonic()
    with pytest.raises(error) as caught:
        sign()
    assert time.monotonic() - begun < 3 * SECONDS + 8  # three tries with the library's pauses
    assert type(caught.value) is error
    assert message in str(caught.value)
    assert where in str(caught.value)
    assert SECRET_KEY not in str(caught.value)


def test_kms__wrong_key__refused_when_it_is_opened(kms: KmsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="NotFoundException"):
        KmsSigner("alias/none", region="cn-north-1", endpoint=kms.endpoint)
    kms.fault = "wrong-spec"
    with pytest.raises(InputError, match="of spec ECC_NIST_P256, not ECC_SECG_P256K1"):
        by_kms(kms)
    kms.fault = None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    with pytest.raises(InputError, match="UnrecognizedClientException"):
        by_kms(kms)


def test_web3signer__without_the_key_or_a_content__refused(web3signer: Web3SignerServer) -> None:
    with pytest.raises(InputError, match="it holds 2 keys, and not that of"):
        Web3SignerSigner(web3signer.endpoint, "0x" + "12" * 20)
    with pytest.raises(FilingGateError, match="not bare digests"):
        by_web3signer(web3signer).sign(b"\x07" * 32)


def test_services__not_there__unreachable(kms: KmsServer) -> None:
    for make in (
        lambda: KmsSigner("k", region="cn-north-1", endpoint="http://127.0.0.1:9"),
        lambda: Web3SignerSigner("http://127.0.0.1:9", ADDRESS),
    ):
        with pytest.raises(UnreachableError):
            make()
