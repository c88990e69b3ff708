"""Stand-ins of two services that sign: AWS KMS (JSON 1.1 over HTTP) and Web3Signer (JSON-RPC), with what can go wrong.

Both keep one secp256k1 key and give s in the upper half every second time. `fault` is None or

    slow      no answer                          drip      a byte now and then
    huge      an answer without end              html      a web page, status 200
    redirect  302 to /elsewhere                  other-key signed by another key
    garbage   JSON with nonsense for a signature

KMS only: throttled-once, throttled, disabled, denied, wrong-spec (a key of P-256).
Web3Signer only: error (a JSON-RPC error), old (before 25.9: typed data under a personal message's prefix), other-id.
"""

from __future__ import annotations

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler
from typing import Any

import coincurve
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from eth_account import Account
from eth_account.messages import SignableMessage, encode_defunct, encode_typed_data
from eth_utils.crypto import keccak

from tests.standin.local_server import LocalServer

__all__ = ["ACCESS_KEY", "ORDER", "SECRET_KEY", "KmsServer", "Web3SignerServer"]

ACCESS_KEY, SECRET_KEY = "testkey", "testsecret"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_OTHER = b"\x66" * 32


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _SigningServer

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.fault
        self.server.requests.append((dict(self.headers.items()), body))
        if fault in ("slow", "drip", "huge"):
            self._endless(fault)
        elif fault == "html":
            self.send(200, b"<!DOCTYPE html><html>log in</html>", "text/html")
        elif fault == "redirect":
            self.send(302, b"", "text/html")
        else:
            self.server.answer(self, body)

    def _endless(self, fault: str) -> None:
        self.close_connection = True
        if fault == "slow":
            self.server.stopping.wait(20)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "100000000")
        self.end_headers()
        try:
            while not self.server.stopping.wait(0 if fault == "huge" else 0.05):
                self.wfile.write(b" " * (65536 if fault == "huge" else 1))
        except OSError:
            return  # the client hung up

    def send(self, status: int, body: bytes, kind: str = "application/x-amz-json-1.1") -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _SigningServer(LocalServer):
    def __init__(self, secret: bytes) -> None:
        super().__init__(_Handler)
        self.secret = secret
        self.fault: str | None = None
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self._made = 0

    def answer(self, handler: _Handler, body: bytes) -> None:
        raise NotImplementedError

    def rsv(self, digest: bytes) -> tuple[int, int, int]:
        """r, s and parity; s is in the upper half every second time."""
        secret = _OTHER if self.fault == "other-key" else self.secret
        raw = coincurve.PrivateKey(secret).sign_recoverable(digest, hasher=None)
        r, s, parity = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"), raw[64]
        self._made += 1
        return (r, ORDER - s, parity ^ 1) if self._made % 2 else (r, s, parity)


class KmsServer(_SigningServer):
    """Use as a context manager. `key_id` is the one key it knows."""

    key_id = "alias/filing-gate"

    def answer(self, handler: _Handler, body: bytes) -> None:
        """GetPublicKey and Sign, as AWS documents them."""
        asked = json.loads(body)
        target = handler.headers.get("X-Amz-Target", "")
        signed = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/" in handler.headers.get("Authorization", "")
        codes = {
            "throttled": "ThrottlingException",
            "throttled-once": "ThrottlingException",
            "disabled": "DisabledException",
            "denied": "AccessDeniedException",
        }
        if not signed:
            self._error(handler, "UnrecognizedClientException")
        elif self.fault in codes:
            code = codes[self.fault]
            self.fault = None if self.fault == "throttled-once" else self.fault
            self._error(handler, code)
        elif asked["KeyId"] != self.key_id:
            self._error(handler, "NotFoundException")
        elif target == "TrentService.GetPublicKey":
            self._public_key(handler)
        elif target == "TrentService.Sign" and asked["SigningAlgorithm"] == "ECDSA_SHA_256":
            self._sign(handler, asked)
        else:
            self._error(handler, "ValidationException")

    def _public_key(self, handler: _Handler) -> None:
        wrong = self.fault == "wrong-spec"
        curve: ec.EllipticCurve = ec.SECP256R1() if wrong else ec.SECP256K1()
        key = ec.derive_private_key(int.from_bytes(self.secret, "big"), curve).public_key()
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._json(
            handler,
            {
                "KeyId": self.key_id,
                "KeySpec": "ECC_NIST_P256" if wrong else "ECC_SECG_P256K1",
                "KeyUsage": "SIGN_VERIFY",
                "PublicKey": base64.b64encode(der).decode(),
                "SigningAlgorithms": ["ECDSA_SHA_256"],
            },
        )

    def _sign(self, handler: _Handler, asked: dict[str, str]) -> None:
        message = base64.b64decode(asked["Message"])
        digest = message if asked.get("MessageType", "RAW") == "DIGEST" else hashlib.sha256(message).digest()
        if len(digest) != 32:
            self._error(handler, "ValidationException")
            return
        r, s, _ = self.rsv(digest)
        der = b"no DER" if self.fault == "garbage" else encode_dss_signature(r, s)
        self._json(handler, {"KeyId": self.key_id, "Signature": base64.b64encode(der).decode()})

    @staticmethod
    def _json(handler: _Handler, content: dict[str, Any]) -> None:
        handler.send(200, json.dumps(content).encode())

    @staticmethod
    def _error(handler: _Handler, code: str) -> None:
        handler.send(400, json.dumps({"__type": code, "message": "no"}).encode())


class Web3SignerServer(_SigningServer):
    """Use as a context manager. v is given as 27 and 28, or as 0 and 1, in turns of two."""

    @property
    def account(self) -> str:
        """The address it holds, in lower case as it lists it."""
        return str(Account.from_key(self.secret).address).lower()

    def answer(self, handler: _Handler, body: bytes) -> None:
        """eth_accounts, eth_sign, eth_signTypedData."""
        asked = json.loads(body)
        answer = {"jsonrpc": "2.0", "id": asked["id"] + (self.fault == "other-id")}
        if asked["method"] == "eth_accounts":
            result: Any = ["0x" + "ab" * 20, self.account]
        elif self.fault == "error" or asked["params"][0] != self.account:
            fault = {"code": -32000, "message": "Signing from \x1b is not an unlocked account"}
            handler.send(400, json.dumps({**answer, "error": fault}).encode(), "application/json")
            return
        elif asked["method"] == "eth_sign":
            result = self._signed(encode_defunct(hexstr=asked["params"][1]))
        else:
            result = self._typed(asked["params"][1])
        handler.send(200, json.dumps({**answer, "result": result}).encode(), "application/json")

    def _typed(self, text: str) -> str:
        message = encode_typed_data(full_message=json.loads(text))
        if self.fault == "old":
            return self._signed(encode_defunct(b"\x19" + message.version + message.header + message.body))
        return self._signed(message)

    def _signed(self, message: SignableMessage) -> str:
        if self.fault == "garbage":
            return "0x1234"
        r, s, parity = self.rsv(keccak(b"\x19" + message.version + message.header + message.body))
        v = parity + (27 if self._made % 4 < 2 else 0)
        return f"0x{r:064x}{s:064x}{v:02x}"
