"""A test chain with registry and three tokens, keystores of all who act, and one filing that is approved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from web3 import HTTPProvider, Web3

from oracle.chain.deployment import Deployment, deploy, load_manifest, save_deployment
from oracle.chain.registry import Registry
from oracle.chain.rpc import raw_call
from oracle.chain.sender import KeySender
from oracle.domain.approval import FilingApproval, OperatorSignature, Tranche
from oracle.domain.names import filing_id
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner, new_keystore
from tests.anvil import start_anvil
from tests.cli.command_line import PASSWORD

NUMBER = "国合函〔2026〕3003号"
FILING = "0x" + filing_id(NUMBER).hex()
#: Whole tokens of each tranche.
CAP = 1000
HOLDER = "0x" + "b0" * 20

MANIFEST = """\
[committee]
operators = ["{one}", "{two}", "{three}"]
threshold = 2
retention_seconds = 3600

[[tokens]]
id = "senior"
name = "Senior"
symbol = "SNR"
decimals = 6
admin = "{issuer}"
issuer = "{issuer}"

[[tokens]]
id = "junior"
name = "Junior"
symbol = "JNR"
decimals = 0
admin = "{issuer}"
issuer = "{issuer}"

[[tokens]]
id = "wide"
name = "Wide"
symbol = "WDE"
decimals = 18
admin = "{issuer}"
issuer = "{issuer}"
"""


@dataclass(frozen=True)
class DeployedGate:
    """`folder` holds manifest.toml, deployment.json and the keystores one, two, three, issuer, stranger (.json)."""

    folder: Path
    url: str
    w3: Web3
    deployment: Deployment
    keys: dict[str, KeySigner]

    @property
    def at(self) -> tuple[str, ...]:
        """The options that name chain and deployment."""
        return ("--rpc", self.url, "--deployment", str(self.folder / "deployment.json"))

    @property
    def manifest(self) -> Path:
        """The manifest that was deployed."""
        return self.folder / "manifest.toml"

    @property
    def registry(self) -> Registry:
        """The registry."""
        return Registry(self.w3, self.deployment.registry)

    def keystore(self, name: str) -> Path:
        """The keystore of one who acts."""
        return self.folder / f"{name}.json"

    def by(self, name: str) -> tuple[str, ...]:
        """The options that send as one who acts."""
        return ("--keystore", str(self.keystore(name)))

    def rpc(self, method: str, *params: Any) -> Any:
        """A raw call of the chain's node."""
        return raw_call(self.w3, method, list(params))

    def issued(self, token: str = "senior") -> int:
        """Base units issued so far."""
        return self.registry.tranche_state(self.deployment.token(token).address).issued

    def approve(self, hours: int = 24) -> None:
        """Approve all tokens, CAP whole units of each."""
        now = int(self.w3.eth.get_block("latest")["timestamp"])
        tokens = sorted(self.deployment.tokens, key=lambda token: int(token.address, 16))
        approval = FilingApproval(
            filing=FILING,
            tranches=tuple(
                Tranche(token=token.address, cap=CAP * 10**token.decimals, decimals=token.decimals) for token in tokens
            ),
            dossier_hash="0x" + "0d" * 32,
            record_hash="0x" + "0e" * 32,
            ruleset_hash="0x" + "0f" * 32,
            valid_after=now - 60,
            valid_until=now + hours * 3600,
            sequence=self.registry.filing_state(FILING).sequence + 1,
        )
        digest = approval_digest(Domain(self.deployment.chain_id, self.registry.address), approval)
        signatures = [
            OperatorSignature(operator=key.address, signature="0x" + key.sign(digest).hex())
            for key in (self.keys["one"], self.keys["two"])
        ]
        self.registry.approve(KeySender(self.keys["issuer"].secret), approval, signatures)


@contextmanager
def deployed_gate(folder: Path) -> Iterator[DeployedGate]:
    """Start the chain, deploy and approve; all ends with the block."""
    names = ("one", "two", "three", "issuer", "stranger")
    keys = {name: new_keystore(folder / f"{name}.json", PASSWORD, light=True) for name in names}
    text = MANIFEST.format(**{name: key.address for name, key in keys.items()})
    (folder / "manifest.toml").write_text(text, encoding="utf-8")
    with start_anvil() as anvil:
        w3 = Web3(HTTPProvider(anvil.url))
        for key in keys.values():
            raw_call(w3, "anvil_setBalance", [key.address, hex(10**20)])
        plan = load_manifest(folder / "manifest.toml")
        deployment = deploy(plan, w3, KeySender(keys["issuer"].secret))
        save_deployment(deployment, folder / "deployment.json")
        running = DeployedGate(folder, anvil.url, w3, deployment, keys)
        running.approve()
        yield running
