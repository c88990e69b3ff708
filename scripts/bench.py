"""`make bench`: what signing and checking an approval costs, beside eth-account and the bare curve, in one run.

Writes bench/results/sign.json: operations per second on one core, median of five rounds. All paths handle the same
approvals; before timing, every digest is compared with eth-account's.
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import coincurve
from eth_account import Account
from eth_account.messages import SignableMessage

from oracle.domain.approval import FilingApproval, Tranche
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import KeySigner
from oracle.signing.recovery import recover
from tests.signing.typed_data import digest_by_eth_account, signable

ROUNDS = 5
SECONDS = 0.5
DOMAIN = Domain(31337, "0x5FbDB2315678afecb367f032d93F642f64180aa3")
KEY = KeySigner(b"\x01" * 32)
RESULT = ROOT / "bench" / "results" / "sign.json"


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


def per_second(work: Callable[[int], object]) -> int:
    """Calls of `work(index)` per second, median of the rounds."""
    rates = []
    for _ in range(ROUNDS):
        done, began = 0, time.perf_counter()
        while (now := time.perf_counter()) - began < SECONDS:
            work(done)
            done += 1
        rates.append(done / (now - began))
    return round(statistics.median(rates))


def main() -> int:
    """Measure, print, write."""
    made = approvals(200)
    typed: list[SignableMessage] = [signable(DOMAIN, approval) for approval in made]
    digests = [approval_digest(DOMAIN, approval) for approval in made]
    if digests != [digest_by_eth_account(DOMAIN, approval) for approval in made]:
        print("bench: our digests are not eth-account's", file=sys.stderr)
        return 1
    signatures = [KEY.sign(digest) for digest in digests]
    curve = coincurve.PrivateKey(KEY.secret)
    raw = [signature[:64] + bytes([signature[64] - 27]) for signature in signatures]
    count = len(made)

    def ours_recover(index: int) -> None:
        at = index % count
        assert recover(approval_digest(DOMAIN, made[at]), signatures[at]) == KEY.address

    def theirs_recover(index: int) -> None:
        at = index % count
        message = signable(DOMAIN, made[at])
        assert Account.recover_message(message, signature=signatures[at]) == KEY.address

    measured: dict[str, Any] = {
        "sign": {
            "ours": per_second(lambda index: KEY.sign(approval_digest(DOMAIN, made[index % count]))),
            "eth_account": per_second(
                lambda index: Account.sign_message(signable(DOMAIN, made[index % count]), KEY.secret)
            ),
            "bare": per_second(lambda index: curve.sign_recoverable(digests[index % count], hasher=None)),
        },
        "recover": {
            "ours": per_second(ours_recover),
            "eth_account": per_second(theirs_recover),
            "bare": per_second(
                lambda index: coincurve.PublicKey.from_signature_and_message(
                    raw[index % count], digests[index % count], hasher=None
                )
            ),
        },
        "machine": {"python": platform.python_version(), "processor": platform.machine()},
        "versions": {name: version(name) for name in ("eth-account", "coincurve", "eth-hash")},
        "messages": len(typed),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    for name in ("sign", "recover"):
        print(name + "  " + "  ".join(f"{path} {rate:,}/s" for path, rate in measured[name].items()))
    print(f"wrote {RESULT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
