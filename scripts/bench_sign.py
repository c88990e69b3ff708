"""Signing and checking approvals, beside eth-account, the EAS SDK, viem and the bare curve -> bench/results/sign.json

Operations per second of CPU time, on one core. All paths handle the same approvals of the same registry with the same
key; before timing, every digest and signature is compared with eth-account's, and the peers' with ours.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import coincurve
from eth_account import Account

from oracle.domain.approval import FilingApproval, Tranche
from oracle.signing.content import sign_document
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner
from oracle.signing.recovery import recover
from oracle.signing.typed_data import typed_data
from scripts.bench_chart import bars
from scripts.bench_measure import (
    PEERS,
    ROUNDS,
    SECONDS,
    NotReady,
    machine,
    machine_line,
    rate_of,
    round_of,
    versions,
    versions_line,
)
from tests.signing.typed_data import digest_by_eth_account, signable

DOMAIN = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
KEY = KeySigner(b"\x01" * 32)
COUNT = 200

PATHS = ("ours", "eth_account", "eas_sdk", "viem", "bare")
PEERS_NAMES = ("ours", "eth-account", "EAS SDK", "viem", "bare coincurve")
NAMES = {
    "sign": "digest and sign",
    "recover": "digest and recover",
    "handed_out": "digest, sign and recover",
}
TARGETS = {"sign": 15_000, "recover": 10_000}


def approvals(count: int) -> list[FilingApproval]:
    """Approvals that differ in everything that varies in practice."""
    tokens = ("0x" + "11" * 20, "0x" + "22" * 20)
    return [
        FilingApproval(
            filing="0x" + index.to_bytes(32, "big").hex(),
            tranches=tuple(Tranche(token=token, cap=10**12 + index, decimals=6) for token in tokens),
            dossier_hash="0x" + (index + 1).to_bytes(32, "big").hex(),
            record_hash="0x" + (index + 2).to_bytes(32, "big").hex(),
            ruleset_hash="0x" + "33" * 32,
            valid_after=1_790_000_000 + index,
            valid_until=1_790_086_400 + index,
            sequence=1 + index,
        )
        for index in range(count)
    ]


def peers(made: list[FilingApproval], signatures: list[bytes]) -> dict[str, Any]:
    """What bench/peers/sign.cjs measures. Raises NotReady if its packages are not installed."""
    script = PEERS / "sign.cjs"
    if not (PEERS / "node_modules" / "viem").is_dir():
        raise NotReady("run bench/peers/install.sh; it installs viem and the EAS SDK")
    documents = [
        {**typed_data(DOMAIN, approval), "signature": "0x" + signature.hex()}
        for approval, signature in zip(made, signatures, strict=True)
    ]
    asked = {
        "key": "0x" + KEY.secret.hex(),
        "address": KEY.address,
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "documents": documents,
    }
    done = subprocess.run(["node", str(script)], input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {script.name}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure() -> dict[str, Any]:
    """Every path of this process in turn, round by round, so that all of them see the same machine; then the others."""
    made = approvals(COUNT)
    digests = [approval_digest(DOMAIN, approval) for approval in made]
    if digests != [digest_by_eth_account(DOMAIN, approval) for approval in made]:
        raise SystemExit("bench: our digests are not eth-account's")
    signatures = [KEY.sign(digest) for digest in digests]
    if signatures != [bytes(Account.sign_message(signable(DOMAIN, one), KEY.secret).signature) for one in made]:
        raise SystemExit("bench: our signatures are not eth-account's")
    others = peers(made, signatures)
    curve = coincurve.PrivateKey(KEY.secret)
    raw = [signature[:64] + bytes([signature[64] - 27]) for signature in signatures]

    def ours_recover(index: int) -> None:
        at = index % COUNT
        assert recover(approval_digest(DOMAIN, made[at]), signatures[at]) == KEY.address

    def theirs_recover(index: int) -> None:
        at = index % COUNT
        message = signable(DOMAIN, made[at])
        assert Account.recover_message(message, signature=signatures[at]) == KEY.address

    work: dict[tuple[str, str], Callable[[int], object]] = {
        ("sign", "ours"): lambda index: KEY.sign(approval_digest(DOMAIN, made[index % COUNT])),
        ("sign", "eth_account"): lambda index: Account.sign_message(signable(DOMAIN, made[index % COUNT]), KEY.secret),
        ("sign", "bare"): lambda index: curve.sign_recoverable(digests[index % COUNT], hasher=None),
        ("recover", "ours"): ours_recover,
        ("recover", "eth_account"): theirs_recover,
        ("recover", "bare"): lambda index: coincurve.PublicKey.from_signature_and_message(
            raw[index % COUNT], digests[index % COUNT], hasher=None
        ),
        ("handed_out", "ours"): lambda index: sign_document(KEY, DOMAIN, made[index % COUNT]),
    }
    rounds: dict[tuple[str, str], list[float]] = {key: [] for key in work}
    for _ in range(ROUNDS):
        for key, each in work.items():
            rounds[key].append(round_of(each))
    for path in ("eas_sdk", "viem"):
        for name in ("sign", "recover"):
            rounds[name, path] = others[path][name]
    rates = {key: rate_of(values) for key, values in rounds.items()}
    names = {"sign": PATHS, "recover": PATHS, "handed_out": ("ours",)}
    return {
        **{name: {path: rates[name, path].median for path in paths} for name, paths in names.items()},
        "spread": {name: {path: rates[name, path].spread for path in paths} for name, paths in names.items()},
        "rounds": ROUNDS,
        "messages": COUNT,
        "machine": machine(),
        "versions": {**versions("eth-account", "coincurve", "eth-hash", "safe-pysha3"), **others["versions"]},
    }


def against(rates: dict[str, int]) -> dict[str, float]:
    """Ours as a share of the bare curve's, and how many times eth-account's."""
    return {"bare": rates["ours"] / rates["bare"], "eth_account": rates["ours"] / rates["eth_account"]}


def _row(name: str, result: dict[str, Any]) -> str:
    rates, spread = result[name], result["spread"][name]
    cells = [f"{rates[path]:,} ({spread[path][0]:,}–{spread[path][1]:,})" if path in rates else "–" for path in PATHS]
    return f"| {NAMES[name]} | " + " | ".join(cells) + " |"


def page(result: dict[str, Any]) -> str:
    """The table of docs/benchmarks.md."""
    lines = ["| per second | " + " | ".join(PEERS_NAMES) + " |", "|---|" + "--:|" * len(PATHS)]
    lines += [_row(name, result) for name in NAMES]
    lines += ["", "| to reach | | measured | |", "|---|--:|--:|---|"]
    for name in ("sign", "recover"):
        share = against(result[name])
        for what, limit, found, shown in (
            ("a second", TARGETS[name], result[name]["ours"], "{:,}"),
            ("of the bare curve", 0.6, share["bare"], "{:.2f}"),
            ("times eth-account", 8, share["eth_account"], "{:.1f}"),
        ):
            met = "met" if found >= limit else "missed"
            lines.append(f"| {NAMES[name]}: {what} | {limit:,} | {shown.format(found)} | {met} |")
    about = f"{result['rounds']} rounds: the median (slowest–fastest). {machine_line(result['machine'])}"
    return "\n".join(
        [*lines, "", "![Signing and checking](pictures/sign.svg)", "", about, versions_line(result["versions"])]
    )


def pictures(result: dict[str, Any]) -> dict[str, str]:
    """One bar for each path."""
    groups = {
        NAMES[name]: dict(zip(PEERS_NAMES, (result[name][path] for path in PATHS), strict=True))
        for name in ("sign", "recover")
    }
    return {"sign.svg": bars("Approvals a second, one core", groups)}
