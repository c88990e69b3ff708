"""Brownie: have a filing approved by the operators' nodes, then mint inside it.

    KEYSTORE=build/demo/issuer.json FILING_GATE_PASSWORD=demo brownie run issue --network anvil

Environment: DEPLOYMENT and DOSSIER (default: the demo's), NODES (addresses with blanks between), NODE_KEYS
(their API keys, TOML), TOKEN (senior), TO (the sender), AMOUNT in whole tokens (1000), HOURS of the window (24),
KEYSTORE.
"""

import os
import time

from oracle.chain.deployment import load_deployment
from oracle.chain.registry import Registry, Token
from oracle.cli.options import address, read_dossier
from oracle.collector.node_keys import clients, read_node_keys
from oracle.collector.proposal import propose_approval
from oracle.domain.units import format_units, parse_units
from oracle.errors import InputError
from scripts.brownie_sender import connected, file, sender, told

NODES = "http://127.0.0.1:8701 http://127.0.0.1:8702 http://127.0.0.1:8703"


def _hours(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 8784:
        raise InputError(f"{text[:80]!r} is not a number of hours", where="HOURS", remedy="write 1 to 8784")
    return int(text)


@told
def main() -> None:
    """Propose, collect, submit, mint."""
    w3, account = connected(), sender()
    deployment = load_deployment(file("DEPLOYMENT", "build/demo/deployment.json"))
    dossier = read_dossier(file("DOSSIER", "build/demo/dossier.json"))
    # All inputs are read before anything is sent.
    token = deployment.token(os.environ.get("TOKEN", "senior"))
    amount = parse_units(os.environ.get("AMOUNT", "1000"), token.decimals)
    holder = address(os.environ.get("TO", account.address), "TO")
    hours = _hours(os.environ.get("HOURS", "24"))
    registry = Registry(w3, deployment.registry)
    keys = read_node_keys(file("NODE_KEYS", "build/demo/node-keys.toml"))
    nodes = clients(os.environ.get("NODES", NODES).split(), keys)
    proposed = propose_approval(
        nodes, registry, deployment.chain_id, dossier, now=int(time.time()), window_seconds=hours * 3600
    )
    signatures = proposed.quorum.require()
    receipt = registry.approve(account, proposed.proposal, signatures)
    print(f"approved by {len(signatures)} operators, sequence {proposed.proposal.sequence}, gas {receipt['gasUsed']}")

    receipt = Token(w3, token.address).mint(account, holder, amount)
    state = registry.tranche_state(token.address)
    print(f"minted {format_units(amount, token.decimals)} {token.symbol} to {holder}, gas {receipt['gasUsed']}")
    print(f"issued {format_units(state.issued, token.decimals)} of {format_units(state.cap, token.decimals)}")
