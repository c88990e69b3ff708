"""A stand-in of a time stamp authority (RFC 3161 3.4): a real HTTP server with `openssl ts` as its engine.

`fault` is None or: `wrong-nonce`, `wrong-hash` (a good token over another question), `expired`, `wrong-usage` (another
certificate signs), `html`, `huge`, `slow`, `busy`, `refused` (a well-formed refusal), `empty`.
"""

from __future__ import annotations

import hashlib
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.standin.local_server import LocalServer

__all__ = ["POLICY", "TimeAuthority"]

POLICY = "1.3.6.1.4.1.99999.1"
_CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = {policy}
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class _Handler(BaseHTTPRequestHandler):
    server: _Site

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        question = self.rfile.read(int(self.headers["Content-Length"]))
        authority = self.server.authority
        authority.questions.append((self.headers["Content-Type"], question))
        status, body = 200, b""
        match authority.fault:
            case "html":
                body = b"<!DOCTYPE html><html>log in</html>"
            case "huge":
                body = b"\x30" * 5_000_000
            case "slow":
                self.server.stopping.wait(10)
            case "busy":
                status = 503
            case "refused":
                # TimeStampResp { PKIStatusInfo { status rejection(2) } }
                body = bytes.fromhex("30053003020102")
            case "empty":
                pass
            case _:
                body = authority.answer(question)
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True


class _Site(LocalServer):
    authority: TimeAuthority


class TimeAuthority:
    """Use as a context manager. `roots` is the PEM file of its root; `questions` are (content type, bytes) so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.fault: str | None = None
        self.questions: list[tuple[str, bytes]] = []
        self.roots = self._certificates()
        (folder / "ts.cnf").write_text(_CONFIG.format(folder=folder, policy=POLICY))
        (folder / "serial").write_text("01\n")
        self._lock = threading.Lock()
        self._site = _Site(_Handler)
        self._site.authority = self

    @property
    def url(self) -> str:
        """http://127.0.0.1:port/tsr."""
        return f"{self._site.endpoint}/tsr"

    def __enter__(self) -> Self:
        self._site.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._site.__exit__(kind, error, trace)

    def answer(self, question: bytes) -> bytes:
        """What `openssl ts` answers, or what the fault makes of it."""
        with self._lock:
            place = question.index(b"\x04\x20") + 2
            if self.fault == "wrong-hash":
                question = question[:place] + hashlib.sha256(b"another").digest() + question[place + 32 :]
            elif self.fault == "wrong-nonce":
                # The same imprint under a nonce of openssl's own.
                imprint = question[place : place + 32]
                question = self._openssl("-query", "-digest", imprint.hex(), "-sha256", "-cert")
            signer = "expired" if self.fault == "expired" else "good"
            (self._folder / "question.tsq").write_bytes(question)
            token = self._openssl(
                *("-reply", "-queryfile", "question.tsq", "-config", "ts.cnf"),
                *("-signer", f"{signer}.pem", "-inkey", f"{signer}.key"),
            )
            return self._signed_by_another(token) if self.fault == "wrong-usage" else token

    def _signed_by_another(self, token: bytes) -> bytes:
        """The same statement signed by a certificate that may not stamp: `openssl ts` itself would refuse to."""
        (self._folder / "token.tsr").write_bytes(token)
        self._openssl("-reply", "-in", "token.tsr", "-token_out", "-out", "token.der")
        unpack = ("cms", "-verify", "-noverify", "-inform", "DER", "-in", "token.der", "-out", "info.der")
        self._run("openssl", *unpack)
        info_type = "1.2.840.113549.1.9.16.1.4"
        sign = ("cms", "-sign", "-binary", "-nodetach", "-cades", "-econtent_type", info_type, "-in", "info.der")
        signer = ("-signer", "wrong-usage.pem", "-inkey", "wrong-usage.key", "-md", "sha256", "-outform", "DER")
        signed = self._run("openssl", *sign, *signer)
        granted = bytes.fromhex("3003020100")
        return b"\x30\x82" + len(granted + signed).to_bytes(2, "big") + granted + signed

    def _openssl(self, *arguments: str) -> bytes:
        return self._run("openssl", "ts", *arguments)

    def _run(self, *command: str) -> bytes:
        return subprocess.run(command, cwd=self._folder, capture_output=True, check=True, timeout=20).stdout

    def _certificates(self) -> Path:
        now = datetime.now(UTC)
        root_key = ec.generate_private_key(ec.SECP256R1())
        root = _certificate("Root of tests", root_key, None, now - timedelta(days=900), now + timedelta(days=900))
        self._save("root", root, root_key)
        stamping, signing = ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING
        for name, usage, ends in (
            ("good", stamping, now + timedelta(days=90)),
            ("expired", stamping, now - timedelta(days=1)),
            ("wrong-usage", signing, now + timedelta(days=90)),
        ):
            key = ec.generate_private_key(ec.SECP256R1())
            made = _certificate(f"Stamps {name}", key, (root, root_key), now - timedelta(days=90), ends, usage)
            self._save(name, made, key)
        return self._folder / "root.pem"

    def _save(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        (self._folder / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        raw = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self._folder / f"{name}.key").write_bytes(raw)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    begins: datetime,
    ends: datetime,
    usage: ObjectIdentifier | None = None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256())
