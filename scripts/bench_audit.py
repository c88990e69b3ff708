"""How fast a history is audited, and with how much memory -> bench/results/audit.json

A committee of five, three of whom sign, approves and the issuer mints, again and again, on a local anvil; ten
transactions a block. The audit runs as a process of its own, without anything known beforehand, and must be clean. An
event is a log: one approval with its mint makes three. Beside it, in the same run and on the first blocks of the same
chain: web3.py reading and decoding events, blocks and transactions, with eth-account recovering the signatures; and
bare coincurve recovering as many as it can.

    python scripts/bench_audit.py --pairs 20000
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import argparse
import json
import resource
import subprocess
import time
from typing import Any

import coincurve
from eth_account import Account
from web3 import Web3

from oracle.audit.chain_audit import Progress, audit_chain
from oracle.chain.artifacts import abi
from oracle.chain.deployment import (
    CommitteeManifest,
    Manifest,
    RegistryManifest,
    TokenManifest,
    deploy,
    load_deployment,
)
from oracle.chain.raw_rpc import RawRpc
from oracle.chain.registry import Registry, Token
from oracle.chain.rpc import connect, raw_call
from oracle.chain.sender import NodeAccountSender
from oracle.domain.approval import FilingApproval, OperatorSignature, Tranche
from oracle.domain.canonical import keccak256
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner
from scripts.bench_measure import machine, rate_of, round_of, versions
from tests.anvil import start_anvil
from tests.signing.typed_data import signable

PAIRS = 20_000
OPERATORS = sorted(
    (KeySigner(keccak256(f"bench operator {number}".encode())) for number in range(5)),
    key=lambda key: int(key.address, 16),
)
THRESHOLD = 3
TOKENS = 32
PER_BLOCK = 10
PEER_BLOCKS = 100
ROUNDS = 3


def play(w3: Web3, pairs: int, folder: Path) -> Path:
    """Deploy, approve and mint; returns the deployment file."""
    accounts = [str(account) for account in w3.eth.accounts]
    manifest = Manifest(
        committee=CommitteeManifest(operators=[key.address for key in OPERATORS], threshold=THRESHOLD),
        registry=RegistryManifest(),
        tokens=[
            TokenManifest(id=f"t{n}", name=f"T{n}", symbol=f"T{n}", decimals=6, admin=accounts[1], issuer=accounts[2])
            for n in range(TOKENS)
        ],
    )
    deployment = deploy(manifest, w3, NodeAccountSender(accounts[0]))
    file = folder / "deployment.json"
    file.write_text(deployment.model_dump_json(by_alias=True))
    registry, domain = Registry(w3, deployment.registry), Domain(deployment.chain_id, deployment.registry)
    tokens = [Token(w3, token.address) for token in deployment.tokens]
    rpc = RawRpc([str(getattr(w3.provider, "endpoint_uri", ""))])
    raw_call(w3, "evm_setAutomine", [False])
    now = int(w3.eth.get_block("latest")["timestamp"])
    waiting: list[tuple[str, list[Any]]] = []
    for pair in range(pairs):
        which = pair % TOKENS
        approval = FilingApproval(
            filing="0x" + keccak256(b"bench filing %d" % which).hex(),
            tranches=(Tranche(token=tokens[which].address, cap=10**12 + pair, decimals=6),),
            dossier_hash="0x" + keccak256(b"dossier %d" % pair).hex(),
            record_hash="0x" + keccak256(b"record %d" % which).hex(),
            ruleset_hash="0x" + keccak256(b"rules").hex(),
            valid_after=now - 3600,
            valid_until=now + 70 * 3600,
            sequence=pair // TOKENS + 1,
        )
        digest = approval_digest(domain, approval)
        signed = [
            OperatorSignature(operator=key.address, signature="0x" + key.sign(digest).hex())
            for key in OPERATORS[:THRESHOLD]
        ]
        waiting.append(_sent(accounts[3], registry.address, registry.approve_data(approval, signed), 400_000))
        mint = tokens[which].mint_data("0x" + keccak256(b"holder %d" % (pair % 5000))[12:].hex(), 1000)
        if pair >= TOKENS:  # by then the token's filing is approved in a block before
            waiting.append(_sent(accounts[2], tokens[which].address, mint, 200_000))
        if len(waiting) >= PER_BLOCK:
            rpc.batch([*waiting, ("evm_mine", [])])
            waiting.clear()
    rpc.batch([*waiting, ("evm_mine", [])])
    return file


def _sent(sender: str, to: str, data: bytes, gas: int) -> tuple[str, list[Any]]:
    return "eth_sendTransaction", [{"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(gas)}]


def audit(url: str, file: Path) -> dict[str, Any]:
    """One audit in this process: seconds, events, and the most memory it ever held."""
    far: list[Progress] = []
    began = time.perf_counter()
    report = audit_chain(connect(url), load_deployment(file), advanced=far.append)
    seconds = time.perf_counter() - began
    if not report.clean:
        raise SystemExit(f"bench: the audit found {report.findings[0]}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    signatures = report.checks["SIGNATURE-INVALID"]
    return {"seconds": seconds, "events": far[-1].events, "peak_rss_mb": round(peak), "signatures": signatures}


def peer(w3: Web3, file: Path) -> int:
    """Events per second of web3.py and eth-account, over the first blocks."""
    deployment = load_deployment(file)
    registry = w3.eth.contract(address=Web3.to_checksum_address(deployment.registry), abi=abi("FilingRegistry"))
    domain = Domain(deployment.chain_id, deployment.registry)
    first, last = deployment.block, min(deployment.block + PEER_BLOCKS, w3.eth.block_number)
    began, events = time.perf_counter(), 0
    for log in registry.events.FilingApproved().get_logs(from_block=first, to_block=last):
        events += 1
        w3.eth.get_block(log["blockNumber"])
        sent = w3.eth.get_transaction(log["transactionHash"])
        _, arguments = registry.decode_function_input(sent["input"])
        given = arguments["approval"]
        approval = FilingApproval.model_validate(
            {key: "0x" + value.hex() if isinstance(value, bytes) else value for key, value in given.items()}
        )
        for entry in arguments["signatures"]:
            if Account.recover_message(signable(domain, approval), signature=entry["signature"]) != entry["operator"]:
                raise SystemExit("bench: a signature is not its operator's")
    for log in registry.events.Issued().get_logs(from_block=first, to_block=last):
        events += 1
        w3.eth.get_block(log["blockNumber"])
    for token in deployment.tokens:
        contract = w3.eth.contract(address=Web3.to_checksum_address(token.address), abi=abi("AssetBackedToken"))
        events += len(contract.events.Transfer().get_logs(from_block=first, to_block=last))
    return round(events / (time.perf_counter() - began))


def bare_recover() -> int:
    """Recoveries per second of coincurve alone."""
    digest = keccak256(b"bench")
    raw = coincurve.PrivateKey(OPERATORS[0].secret).sign_recoverable(digest, hasher=None)

    def once(_: int) -> object:
        return coincurve.PublicKey.from_signature_and_message(raw, digest, hasher=None)

    return rate_of([round_of(once) for _ in range(ROUNDS)]).median


def audited(url: str, file: Path) -> dict[str, Any]:
    """`audit` in a process of its own."""
    command = [sys.executable, str(ROOT / "scripts" / "bench_audit.py"), "--audit", url, str(file)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def measure(pairs: int = PAIRS) -> dict[str, Any]:
    """Make a chain, audit it several times, and let the peers read the beginning of it."""
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with start_anvil() as anvil:
        w3 = connect(anvil.url, timeout=120)
        file = play(w3, pairs, folder)
        runs = [audited(anvil.url, file) for _ in range(ROUNDS)]
        theirs = peer(w3, file)
    rate = rate_of([run["events"] / run["seconds"] for run in runs])
    return {
        "events_per_second": rate.median,
        "web3_events_per_second": theirs,
        "bare_recover_per_second": bare_recover(),
        "peak_rss_mb": max(run["peak_rss_mb"] for run in runs),
        "pairs": pairs,
        "events": runs[0]["events"],
        "signatures": runs[0]["signatures"],
        "spread_events_per_second": rate.spread,
        "machine": machine(),
        "versions": versions("web3", "eth-account", "coincurve", "orjson", "safe-pysha3"),
    }


def page(result: dict[str, Any]) -> str:
    """The table of docs/benchmarks.md."""
    keys = ("events_per_second", "web3_events_per_second", "bare_recover_per_second", "peak_rss_mb")
    return "\n".join(["| | |", "|---|--:|", *(f"| `{key}` | {result[key]:,} |" for key in keys)])


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure the audit.")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"approvals with a mint each (default {PAIRS})")
    parser.add_argument("--audit", nargs=2, metavar=("URL", "DEPLOYMENT"), help="one audit, as JSON")
    options = parser.parse_args(argv)
    if options.audit:
        print(json.dumps(audit(options.audit[0], Path(options.audit[1]))))
        return 0
    print(json.dumps(measure(options.pairs), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
