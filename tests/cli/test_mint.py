"""`mint` and `mint-batch` on a real chain: amounts, addresses and the CSV, and what the contract refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import Answer, gate
from tests.cli.deployed_gate import CAP, HOLDER, DeployedGate


def mint(chain: DeployedGate, amount: str, *more: str, token: str = "senior", to: str = HOLDER) -> Answer:
    return gate("mint", token, to, amount, *chain.at, *(more or chain.by("issuer")), "--json")


@pytest.mark.parametrize(
    ("amount", "units"), (("1.5", 1_500_000), ("1.500000", 1_500_000), ("0.000001", 1), ("007", 7_000_000))
)
def test_mint__amount_in_tokens__counts_in_base_units(chain: DeployedGate, amount: str, units: int) -> None:
    answer = mint(chain, amount)
    assert answer.code == 0
    assert answer.json["baseUnits"] == str(units)
    assert chain.issued() == units
    assert f"({units} base units)" in answer.err


@pytest.mark.parametrize("name", ("senior", "SNR", "address", "ADDRESS"))
def test_mint__token_by_id_symbol_or_address__is_found(chain: DeployedGate, name: str) -> None:
    address = chain.deployment.token("senior").address
    token = {"address": address, "ADDRESS": address.lower()}.get(name, name)
    assert mint(chain, "1", token=token).code == 0
    assert chain.issued() == 10**6


@pytest.mark.parametrize(
    ("amount", "problem"),
    (
        ("1.0000001", "more than the token's 6 decimals"),
        ("0", "zero"),
        ("0.0", "zero"),
        ("1e3", "not an amount"),
        ("1,000", "not an amount"),
        (".5", "not an amount"),
        ("5.", "not an amount"),
        ("0x10", "not an amount"),
        ("١", "not an amount"),
        (" 1", "not an amount"),
        ("", "not an amount"),
        ("NaN", "not an amount"),
        ("9" * 61, "not an amount"),
        ("9" * 10_000, "not an amount"),
    ),
)
def test_mint__amount_that_is_none__exit_2_and_nothing_minted(chain: DeployedGate, amount: str, problem: str) -> None:
    answer = mint(chain, amount)
    assert chain.issued() == 0
    assert answer.code == 2
    assert problem in answer.json["error"]
    assert answer.json["where"] == "AMOUNT"
    assert answer.json["remedy"]
    assert len(answer.json["error"]) < 200


def test_mint__more_than_256_bits__exit_2_and_just_below_exit_1(chain: DeployedGate) -> None:
    whole, rest = divmod(2**256, 10**18)
    answer = mint(chain, f"{whole}.{rest:018}", token="wide")
    assert (answer.code, answer.json["error"]) == (2, "more than a token can count")
    answer = mint(chain, f"{whole}.{rest - 1:018}", token="wide")
    assert answer.code == 1
    assert f"requested={2**256 - 1}," in answer.json["error"]
    assert mint(chain, "9" * 60).code == 1


def test_mint__negative__is_a_usage_error(chain: DeployedGate) -> None:
    assert mint(chain, "-5").code == 2
    refused = gate("mint", *chain.at, *chain.by("issuer"), "--json", "--", "senior", HOLDER, "-5")
    assert refused.code == 2
    assert refused.json["where"] == "AMOUNT"
    assert chain.issued() == 0


def test_mint__whole_units_only__half_refused(chain: DeployedGate) -> None:
    assert "0 decimals" in mint(chain, "0.5", token="junior").json["error"]
    assert mint(chain, "2", token="junior").json["baseUnits"] == "2"


@pytest.mark.parametrize(
    "to",
    (
        "",
        "0x12",
        "b0" * 20,
        "0x" + "zz" * 20,
        "0x52908400098527886E0F7030069857D2E4169Ee7",
        "vitalik.eth",
        "0x" + "b0" * 5000,
        "\x1b[2J",
    ),
)
def test_mint__bad_address__exit_2_and_not_echoed_at_length(chain: DeployedGate, to: str) -> None:
    answer = mint(chain, "1", to=to)
    assert answer.code == 2
    assert answer.json["where"] == "TO"
    assert "is not an address" in answer.json["error"]
    assert len(answer.out) < 400
    assert "\x1b" not in answer.out + answer.err


def test_mint__zero_address__refused_by_the_contract(chain: DeployedGate) -> None:
    answer = mint(chain, "1", to="0x" + "00" * 20)
    assert answer.code == 1
    assert "ERC20InvalidReceiver" in answer.json["error"]


def test_mint__over_the_cap__exit_1_with_the_values_and_what_is_left(chain: DeployedGate) -> None:
    assert mint(chain, "400").code == 0
    answer = mint(chain, "600.000001")
    assert answer.code == 1
    assert "CapExceeded(" in answer.json["error"]
    assert "requested=600000001, remaining=600000000" in answer.json["error"]
    assert answer.json["details"]["revertData"].startswith("0x")
    assert f"issued 400 of {CAP:,} SNR, 600 left" in answer.err
    assert mint(chain, "600").code == 0
    assert chain.issued() == CAP * 10**6


def test_mint__by_a_stranger__exit_1_with_the_role(chain: DeployedGate) -> None:
    answer = mint(chain, "1", *chain.by("stranger"))
    assert answer.code == 1
    assert answer.json["error"].startswith("AccessControlUnauthorizedAccount(account=" + chain.keys["stranger"].address)


def test_mint__sender_without_gas__exit_1_and_says_funds(chain: DeployedGate) -> None:
    chain.rpc("anvil_setBalance", chain.keys["issuer"].address, "0x0")
    answer = mint(chain, "1")
    assert answer.code == 1
    assert "funds" in answer.json["error"] + answer.json["remedy"]
    assert chain.issued() == 0


@pytest.mark.parametrize("given", ((), ("--keystore", "x", "--from", HOLDER)))
def test_mint__no_sender_or_two__exit_2(chain: DeployedGate, given: tuple[str, ...]) -> None:
    answer = gate("mint", "senior", HOLDER, "1", *chain.at, *given)
    assert answer.code == 2
    assert "either --keystore or --from" in answer.line


@pytest.mark.parametrize(
    ("options", "where"),
    ((("--from", "me"), "--from"), (("--keystore", "none.json"), "none.json")),
)
def test_mint__sender_not_usable__named(chain: DeployedGate, options: tuple[str, str], where: str) -> None:
    answer = mint(chain, "1", *options)
    assert answer.code == 2
    assert answer.json["where"] == where


def test_mint__password_file_missing_or_wrong__named(chain: DeployedGate, tmp_path: Path) -> None:
    file = tmp_path / "password"
    assert str(file) in mint(chain, "1", *chain.by("issuer"), "--password-file", str(file)).json["where"]
    file.write_text("geheim\n", encoding="utf-8")
    answer = mint(chain, "1", *chain.by("issuer"), "--password-file", str(file))
    assert answer.code == 2
    assert "does not open" in answer.json["error"]
    assert "geheim" not in answer.out


def test_mint__unknown_token__names_those_there_are(chain: DeployedGate) -> None:
    answer = mint(chain, "1", token="gold")
    assert answer.code == 2
    assert answer.json["where"] == "TOKEN"
    assert "senior (SNR), junior (JNR), wide (WDE)" in answer.json["remedy"]


def batch(chain: DeployedGate, folder: Path, data: bytes, *more: str) -> Answer:
    file = folder / "holders.csv"
    file.write_bytes(data)
    return gate("mint-batch", "senior", file, *chain.at, *chain.by("issuer"), "--json", *more)


OTHER = "0x" + "c0" * 20


def test_mint_batch__good_file__one_transaction_for_all(chain: DeployedGate, tmp_path: Path) -> None:
    text = f"\ufeffaddress,amount\r\n{HOLDER},1.5\r\n\r\n {OTHER} , 2 \r\n"
    answer = batch(chain, tmp_path, text.encode())
    assert answer.code == 0
    assert (answer.json["holders"], answer.json["baseUnits"]) == (2, "3500000")
    assert chain.issued() == 3_500_000


@pytest.mark.parametrize(
    ("data", "line", "problem"),
    (
        (f"{HOLDER},1\n{OTHER},0\n", 2, "zero"),
        (f"{HOLDER},1\n{OTHER},1e3\n", 2, "not an amount"),
        (f"address,amount\n{HOLDER},1\n{OTHER},-1\n", 3, "not an amount"),
        (f"{HOLDER},1\n{OTHER},0.0000001\n", 2, "6 decimals"),
        (f"{HOLDER}\n", 1, "not two columns"),
        (f"{HOLDER},1\n{HOLDER},1,2\n", 2, "not two columns"),
        (f"{HOLDER};1\n", 1, "not two columns"),
        ("0x12,1\n", 1, "is not an address"),
        (f"{HOLDER},1\nto,amount\n", 2, "is not an address"),
    ),
)
def test_mint_batch__bad_line__its_number_is_named_and_nothing_minted(
    chain: DeployedGate, tmp_path: Path, data: str, line: int, problem: str
) -> None:
    answer = batch(chain, tmp_path, data.encode())
    assert answer.code == 2
    assert answer.json["where"].endswith(f"holders.csv line {line}")
    assert problem in answer.json["error"]
    assert chain.issued() == 0


@pytest.mark.parametrize("data", (b"", b"address,amount\n", b"\xff\xfe\x00", b"\x00", b'"' + b"x" * 200_000))
def test_mint_batch__file_without_holders_or_not_csv__clear(chain: DeployedGate, tmp_path: Path, data: bytes) -> None:
    answer = batch(chain, tmp_path, data)
    assert answer.code == 2
    assert "holders.csv" in answer.json["where"]
    assert answer.json["remedy"]


def test_mint_batch__file_missing__clear(chain: DeployedGate) -> None:
    answer = gate("mint-batch", "senior", "none.csv", *chain.at, *chain.by("issuer"), "--json")
    assert answer.code == 2
    assert answer.json["where"] == "none.csv"


def test_mint_batch__sum_over_the_cap__exit_1(chain: DeployedGate, tmp_path: Path) -> None:
    answer = batch(chain, tmp_path, f"{HOLDER},{CAP}\n{OTHER},1\n".encode())
    assert answer.code == 1
    assert "CapExceeded(" in answer.json["error"]
    assert chain.issued() == 0


def test_mint_batch__sum_over_256_bits__exit_2(chain: DeployedGate, tmp_path: Path) -> None:
    file = tmp_path / "holders.csv"
    half = f"{2**255 // 10**18}.{2**255 % 10**18:018}"
    file.write_text(f"{HOLDER},{half}\n{HOLDER},{half}\n", encoding="utf-8")
    answer = gate("mint-batch", "wide", file, *chain.at, *chain.by("issuer"), "--json")
    assert (answer.code, answer.json["where"]) == (2, str(file))
    assert "add up" in answer.json["error"]
    assert chain.issued("wide") == 0
