"""Signing and checking approvals, beside eth-account and the bare curve -> bench/results/sign.json

Operations per second on one core. All paths handle the same approvals; before timing, every digest is compared with
eth-account's.
"""

from __future__ import annotations

from typing import Any

import coincurve
from eth_account import Account

from oracle.domain.approval import FilingApproval, Tranche
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner
from oracle.signing.recovery import recover
from scripts.bench_measure import (
    ROUNDS,
    Rate,
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


def measure() -> dict[str, Any]:
    """Every path in turn, round by round, so that all of them see the same machine."""
    made = approvals(COUNT)
    digests = [approval_digest(DOMAIN, approval) for approval in made]
    if digests != [digest_by_eth_account(DOMAIN, approval) for approval in made]:
        raise SystemExit("bench: our digests are not eth-account's")
    signatures = [KEY.sign(digest) for digest in digests]
    curve = coincurve.PrivateKey(KEY.secret)
    raw = [signature[:64] + bytes([signature[64] - 27]) for signature in signatures]

    def ours_recover(index: int) -> None:
        at = index % COUNT
        assert recover(approval_digest(DOMAIN, made[at]), signatures[at]) == KEY.address

    def theirs_recover(index: int) -> None:
        at = index % COUNT
        message = signable(DOMAIN, made[at])
        assert Account.recover_message(message, signature=signatures[at]) == KEY.address

    work = {
        ("sign", "ours"): lambda index: KEY.sign(approval_digest(DOMAIN, made[index % COUNT])),
        ("sign", "eth_account"): lambda index: Account.sign_message(signable(DOMAIN, made[index % COUNT]), KEY.secret),
        ("sign", "bare"): lambda index: curve.sign_recoverable(digests[index % COUNT], hasher=None),
        ("recover", "ours"): ours_recover,
        ("recover", "eth_account"): theirs_recover,
        ("recover", "bare"): lambda index: coincurve.PublicKey.from_signature_and_message(
            raw[index % COUNT], digests[index % COUNT], hasher=None
        ),
    }
    rounds: dict[tuple[str, str], list[float]] = {key: [] for key in work}
    for _ in range(ROUNDS):
        for key, each in work.items():
            rounds[key].append(round_of(each))
    rates: dict[tuple[str, str], Rate] = {key: rate_of(values) for key, values in rounds.items()}
    return {
        **{
            name: {path: rate.median for (of, path), rate in rates.items() if of == name}
            for name in ("sign", "recover")
        },
        "spread": {
            name: {path: rate.spread for (of, path), rate in rates.items() if of == name}
            for name in ("sign", "recover")
        },
        "rounds": ROUNDS,
        "messages": COUNT,
        "machine": machine(),
        "versions": versions("eth-account", "coincurve", "eth-hash", "safe-pysha3"),
    }


def page(result: dict[str, Any]) -> str:
    """The table of docs/benchmarks.md."""
    lines = ["| per second | " + " | ".join(result["sign"]) + " |", "|---|" + "--:|" * len(result["sign"])]
    lines += [
        f"| {name} | " + " | ".join(f"{rate:,}" for rate in result[name].values()) + " |"
        for name in ("sign", "recover")
    ]
    return "\n".join([*lines, "", machine_line(result["machine"]), versions_line(result["versions"])])
