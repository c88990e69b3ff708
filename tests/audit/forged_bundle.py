"""The kept bundle of version 1, taken apart for tests to falsify and put together again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oracle.audit.bundle_file import BundleSubject, _zip, pack, unpack
from oracle.audit.evidence_check import StampTerms
from oracle.domain.canonical import canonical_bytes
from oracle.evidence.timestamp import root_certificates
from oracle.signing.keys import KeySigner
from oracle.signing.personal_message import decision_message, message_digest

FIXTURES = Path(__file__).parent / "fixtures"
KEPT = (FIXTURES / "bundle-v1.zip").read_bytes()
#: The operators of `tests.node.running_nodes`, by address in lower case.
KEYS = {key.address.lower(): key for key in (KeySigner(bytes([number]) * 32) for number in (1, 2, 3))}
TERMS = StampTerms(root_certificates((FIXTURES / "bundle-v1-roots.pem").read_bytes(), where="roots"))

Json = dict[str, Any]


class Forged:
    """A bundle's files, to change. What is packed lists the files as they are then, unless `listed` is kept."""

    def __init__(self, made: bytes = KEPT) -> None:
        self.files = unpack(made)
        self.manifest: Json = json.loads(self.files.pop("bundle.json"))
        self.signers: list[str] = [item["operator"].lower() for item in self.chain["signatures"]]
        self.relist = True

    @property
    def chain(self) -> Json:
        found: Json = json.loads(self.files["chain.json"])
        return found

    @property
    def signer(self) -> str:
        """The first of the signers."""
        return self.signers[0]

    def name(self, file: str, signer: int = 0) -> str:
        """A file of a signer."""
        return f"operators/{self.signers[signer]}/{file}"

    def edit(self, name: str, change: Callable[[Json], object]) -> None:
        """Change a JSON file in place."""
        content = json.loads(self.files[name])
        change(content)
        self.files[name] = canonical_bytes(content)

    def on_chain(self, change: Callable[[Json], object]) -> None:
        """Change chain.json."""
        self.edit("chain.json", change)

    def decided(self, change: Callable[[Json], object], *, signed: bool = True) -> None:
        """Change the first signer's decision; `signed`: as if its operator had signed that."""

        def both(envelope: Json) -> None:
            change(envelope["decision"])
            if signed:
                sha256 = hashlib.sha256(canonical_bytes(envelope["decision"])).hexdigest()
                signature = KEYS[self.signer].sign(message_digest(decision_message(sha256)))
                envelope["signature"]["signature"] = "0x" + signature.hex()

        self.edit(self.name("decision.json"), both)

    def of_kind(self, begins: bytes, signer: int = 0) -> list[str]:
        """The first signer's stored files that begin so."""
        folder = self.name("files/", signer)
        found = [name for name, data in self.files.items() if name.startswith(folder) and data.startswith(begins)]
        assert found
        return sorted(found)

    def put(self, data: bytes, signer: int = 0) -> str:
        """Add a stored file under its own hash; the hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.files[self.name(f"files/{sha256}", signer)] = data
        return sha256

    def packed(self) -> bytes:
        """The bundle of these files."""
        subject = BundleSubject.model_validate_json(json.dumps(self.manifest["subject"]))
        if self.relist:
            return pack(subject, self.files)
        return _zip({**self.files, "bundle.json": canonical_bytes(self.manifest)})
