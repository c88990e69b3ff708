"""`make bench`: what the project costs, measured beside its peers; docs/benchmarks.md explains every figure.

python scripts/bench.py                  both
python scripts/bench.py sign             bench/results/sign.json: signing and checking an approval, beside
                                         eth-account and the bare curve; operations per second on one core, median
                                         of five rounds. All paths handle the same approvals; before timing, every
                                         digest is compared with eth-account's
python scripts/bench.py gas              bench/results/gas.json: see scripts/bench_gas.py
python scripts/bench.py growth           bench/results/growth.json: see scripts/bench_growth.py; not by default
python scripts/bench.py gas --check      measures nothing; 1 if gas.json and the tests' snapshot disagree
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import argparse
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
from scripts import bench_gas, bench_growth
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


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Measure, print, and write bench/results/.")
    parser.add_argument("what", nargs="*", metavar="{sign,gas,growth}", help="sign and gas by default")
    parser.add_argument("--check", action="store_true", help="compare gas.json with the snapshot, measure nothing")
    options = parser.parse_args(argv)
    for name in options.what:
        if name not in ("sign", "gas", "growth"):
            parser.error(f"{name} is not one of sign, gas, growth")
    if options.check:
        lines = bench_gas.differences()
        for line in lines:
            print(f"bench: {line}", file=sys.stderr)
        if lines:
            print("bench: run `make bench BENCH_ARGS=gas` and commit the result", file=sys.stderr)
        return 1 if lines else 0
    what = options.what or ["sign", "gas"]
    code = sign() if "sign" in what else 0
    if code == 0 and "gas" in what:
        try:
            print(bench_gas.write())
        except bench_gas.PeersMissing as error:
            print(f"bench: {error}", file=sys.stderr)
            return 2
        print(f"wrote {bench_gas.RESULT.relative_to(ROOT)}")
    if code == 0 and "growth" in what:
        code = bench_growth.main([])
    return code


def sign() -> int:
    """Measures signing, prints and writes it."""
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
