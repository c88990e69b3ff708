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
import subprocess
import time
from collections.abc import Callable
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
from oracle.domain.address import eip55
from oracle.domain.approval import FilingApproval, OperatorSignature, Tranche
from oracle.domain.canonical import keccak256
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner
from scripts.bench_chart import bars
from scripts.bench_measure import Rate, machine, machine_line, memory_mb, rate_of, round_of, versions, versions_line
from tests.anvil import start_anvil
from tests.signing.typed_data import signable

PAIRS = 20_000
#: Three events each.
MOST_PAIRS, MOST_EVENTS = 66_700, 200_000
TARGET, MOST_MB = 3_000, 300
RATES = {
    "events_per_second": "events audited, by HTTP",
    "events_per_second_by_socket": "events audited, by the node's socket",
    "events_per_cpu_second": "events audited a second of the audit's own CPU time",
    "web3_events_per_second": "events read by web3.py, signatures recovered by eth-account",
    "bare_recover_per_second": "signatures recovered by bare coincurve",
}
SHORT = {
    "events_per_second": "ours, HTTP",
    "events_per_second_by_socket": "ours, socket",
    "web3_events_per_second": "web3.py",
}
OPERATORS = sorted(
    (KeySigner(keccak256(f"bench operator {number}".encode())) for number in range(5)),
    key=lambda key: int(key.address, 16),
)
THRESHOLD = 3
TOKENS = 32
PER_BLOCK = 10
PEER_BLOCKS = 100
ROUNDS = 3


class Play:
    """A deployment on a local chain that has every filing approved and its token minted, again and again."""

    def __init__(self, w3: Web3, folder: Path) -> None:
        self.w3, self.file = w3, folder / "deployment.json"
        accounts = [str(account) for account in w3.eth.accounts]
        self._relay, self._issuer = accounts[3], accounts[2]
        manifest = Manifest(
            committee=CommitteeManifest(operators=[key.address for key in OPERATORS], threshold=THRESHOLD),
            registry=RegistryManifest(),
            tokens=[
                TokenManifest(
                    id=f"t{n}", name=f"T{n}", symbol=f"T{n}", decimals=6, admin=accounts[1], issuer=self._issuer
                )
                for n in range(TOKENS)
            ],
        )
        deployment = deploy(manifest, w3, NodeAccountSender(accounts[0]))
        self.file.write_text(deployment.model_dump_json(by_alias=True))
        registry = Registry(w3, deployment.registry)
        self._registry, self._tokens = registry.address, [token.address for token in deployment.tokens]
        self._approve_data = _approve_data(registry, Domain(deployment.chain_id, deployment.registry))
        self._mint = Token(w3, self._tokens[0]).mint_data("0x" + "11" * 20, 1)[:4]
        self._rpc = RawRpc([str(getattr(w3.provider, "endpoint_uri", ""))], timeout=120)
        self._played, self._now = 0, int(w3.eth.get_block("latest")["timestamp"])
        raw_call(w3, "evm_setAutomine", [False])

    def until(self, pairs: int) -> None:
        """Go on until so many pairs of an approval and a mint are mined; the tokens' first approvals have no mint."""
        waiting: list[tuple[str, list[Any]]] = []
        for pair in range(self._played, pairs):
            token = self._tokens[pair % TOKENS]
            waiting.append(_sent(self._relay, self._registry, self._approve_data(self._approval(pair)), 400_000))
            if pair >= TOKENS:  # by then the token's filing is approved in a block before
                holder = keccak256(b"holder %d" % (pair % 5000))[12:]
                data = self._mint + bytes(12) + holder + (1000).to_bytes(32, "big")
                waiting.append(_sent(self._issuer, token, data, 200_000))
            if len(waiting) >= PER_BLOCK:
                self._rpc.batch([*waiting, ("evm_mine", [])])
                waiting.clear()
        self._rpc.batch([*waiting, ("evm_mine", [])])
        self._played = pairs

    def _approval(self, pair: int) -> FilingApproval:
        which = pair % TOKENS
        return FilingApproval(
            filing="0x" + keccak256(b"bench filing %d" % which).hex(),
            tranches=(Tranche(token=self._tokens[which], cap=10**12 + pair, decimals=6),),
            dossier_hash="0x" + keccak256(b"dossier %d" % pair).hex(),
            record_hash="0x" + keccak256(b"record %d" % which).hex(),
            ruleset_hash="0x" + keccak256(b"rules").hex(),
            valid_after=self._now - 3600,
            valid_until=self._now + 70 * 3600,
            sequence=pair // TOKENS + 1,
        )


def _approve_data(registry: Registry, domain: Domain) -> Callable[[FilingApproval], bytes]:
    """Signs an approval with one tranche and gives its call data, a hundred times as fast as the ABI's encoder.

    The encoder is asked once, and each word of that call is then replaced by that of the approval wanted.
    """

    def signatures(approval: FilingApproval) -> list[bytes]:
        digest = approval_digest(domain, approval)
        return [key.sign(digest) for key in OPERATORS[:THRESHOLD]]

    def words(approval: FilingApproval) -> list[bytes]:
        (tranche,) = approval.tranches
        texts = (approval.filing, approval.dossier_hash, approval.record_hash, approval.ruleset_hash)
        numbers = (int(tranche.token, 16), tranche.cap, approval.valid_after, approval.valid_until, approval.sequence)
        fixed = [bytes.fromhex(text[2:]) for text in texts] + [number.to_bytes(32, "big") for number in numbers]
        return fixed + signatures(approval)

    marks = [keccak256(b"mark %d" % number) for number in range(9)]
    marked = FilingApproval(
        filing="0x" + marks[0].hex(),
        tranches=(Tranche(token=eip55(marks[4][12:]), cap=int.from_bytes(marks[5][20:], "big"), decimals=6),),
        dossier_hash="0x" + marks[1].hex(),
        record_hash="0x" + marks[2].hex(),
        ruleset_hash="0x" + marks[3].hex(),
        valid_after=int.from_bytes(marks[6][27:], "big"),
        valid_until=int.from_bytes(marks[7][27:], "big"),
        sequence=int.from_bytes(marks[8][27:], "big"),
    )
    signed = [
        OperatorSignature(operator=key.address, signature="0x" + signature.hex())
        for key, signature in zip(OPERATORS, signatures(marked), strict=False)
    ]
    form, places = registry.approve_data(marked, signed), words(marked)
    if any(form.count(place) != 1 for place in places):
        raise SystemExit("bench: the call data of an approval is not laid out as expected")

    def filled(approval: FilingApproval) -> bytes:
        data = form
        for place, word in zip(places, words(approval), strict=True):
            data = data.replace(place, word)
        return data

    return filled


def _sent(sender: str, to: str, data: bytes, gas: int) -> tuple[str, list[Any]]:
    return "eth_sendTransaction", [{"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(gas)}]


def audit(url: str, file: Path) -> dict[str, Any]:
    """One audit in this process: seconds, seconds of its CPU, events, and the most memory it ever held."""
    far: list[Progress] = []
    began, used = time.perf_counter(), time.process_time()
    report = audit_chain(connect(url), load_deployment(file), advanced=far.append)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    if not report.clean:
        raise SystemExit(f"bench: the audit found {report.findings[0]}")
    peak = memory_mb("VmHWM")
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "events": far[-1].events,
        "peak_rss_mb": round(peak),
        "signatures": report.checks["SIGNATURE-INVALID"],
    }


def peer(w3: Web3, file: Path) -> float:
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
    return events / (time.perf_counter() - began)


def bare_recover() -> Rate:
    """Recoveries per second of coincurve alone."""
    digest = keccak256(b"bench")
    raw = coincurve.PrivateKey(OPERATORS[0].secret).sign_recoverable(digest, hasher=None)

    def once(_: int) -> object:
        return coincurve.PublicKey.from_signature_and_message(raw, digest, hasher=None)

    return rate_of([round_of(once) for _ in range(ROUNDS)])


def audited(url: str, file: Path) -> dict[str, Any]:
    """`audit` in a process of its own."""
    command = [sys.executable, str(ROOT / "scripts" / "bench_audit.py"), "--audit", url, str(file)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return found


def measure(pairs: int = PAIRS, most: int = MOST_PAIRS) -> dict[str, Any]:
    """Make a chain, audit it by HTTP and by socket, let the peers read its beginning; make it longer, audit again."""
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with start_anvil(prune_history=True) as anvil:
        w3 = connect(anvil.url, timeout=120)
        play = Play(w3, folder)
        play.until(pairs)
        runs = [audited(anvil.url, play.file) for _ in range(ROUNDS)]
        by_socket = [audited(str(anvil.ipc), play.file) for _ in range(ROUNDS)]
        theirs = [peer(w3, play.file) for _ in range(ROUNDS)]
        play.until(most)
        long = audited(anvil.url, play.file)
        client = str(w3.client_version)
    wall, cpu, socket = (
        rate_of([run["events"] / run[key] for run in found])
        for found, key in ((runs, "seconds"), (runs, "cpu_seconds"), (by_socket, "seconds"))
    )
    peers, bare = rate_of(theirs), bare_recover()
    return {
        "events_per_second": wall.median,
        "web3_events_per_second": peers.median,
        "bare_recover_per_second": bare.median,
        "peak_rss_mb": max(run["peak_rss_mb"] for run in runs),
        "events_per_cpu_second": cpu.median,
        "events_per_second_by_socket": socket.median,
        "pairs": pairs,
        "events": runs[0]["events"],
        "signatures": runs[0]["signatures"],
        "longest": {
            "events": long["events"],
            "signatures": long["signatures"],
            "events_per_second": round(long["events"] / long["seconds"]),
            "peak_rss_mb": long["peak_rss_mb"],
        },
        "spread": {
            "events_per_second": wall.spread,
            "events_per_cpu_second": cpu.spread,
            "events_per_second_by_socket": socket.spread,
            "web3_events_per_second": peers.spread,
            "bare_recover_per_second": bare.spread,
        },
        "rounds": ROUNDS,
        "machine": machine(),
        "versions": {
            "chain": client,
            **versions("web3", "eth-account", "coincurve", "orjson", "safe-pysha3"),
        },
    }


def page(result: dict[str, Any]) -> str:
    """The tables of docs/benchmarks.md."""
    lines = ["| | a second | slowest–fastest |", "|---|--:|--:|"]
    for key, name in RATES.items():
        low, high = result["spread"][key]
        lines.append(f"| {name} | {result[key]:,} | {low:,}–{high:,} |")
    longest = result["longest"]
    rows = ((result["events"], result["peak_rss_mb"]), (longest["events"], longest["peak_rss_mb"]))
    lines += ["", "| events | most memory, MB |", "|--:|--:|", *(f"| {events:,} | {peak:,} |" for events, peak in rows)]
    lines += ["", "| to reach | | measured | |", "|---|--:|--:|---|"]
    fast, small = result["events_per_second"], longest["peak_rss_mb"]
    lines.append(f"| events a second | {TARGET:,} | {fast:,} | {'met' if fast >= TARGET else 'missed'} |")
    # Fewer events than asked for prove nothing.
    verdict = "missed" if small > MOST_MB else "met" if longest["events"] >= MOST_EVENTS else "too few events to tell"
    lines.append(f"| MB at {longest['events']:,} events | {MOST_MB} | {small:,} | {verdict} |")
    about = (
        f"{result['pairs']:,} approvals and mints: {result['events']:,} events, {result['signatures']:,} signatures. "
        f"{result['rounds']} rounds, medians. {machine_line(result['machine'])}"
    )
    return "\n".join([*lines, "", "![Audit](pictures/audit.svg)", "", about, versions_line(result["versions"])])


def pictures(result: dict[str, Any]) -> dict[str, str]:
    """A bar for each way to read a history."""
    keys = ("events_per_second", "events_per_second_by_socket", "web3_events_per_second")
    return {"audit.svg": bars("Events audited a second", {"audit": {SHORT[key]: result[key] for key in keys}})}


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure the audit.")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"approvals with a mint each (default {PAIRS})")
    parser.add_argument("--most", type=int, default=MOST_PAIRS, help=f"for the memory (default {MOST_PAIRS})")
    parser.add_argument("--audit", nargs=2, metavar=("URL", "DEPLOYMENT"), help="one audit, as JSON")
    options = parser.parse_args(argv)
    if options.audit:
        print(json.dumps(audit(options.audit[0], Path(options.audit[1]))))
        return 0
    print(json.dumps(measure(options.pairs, options.most), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
