"""`make demo`: the whole line on a local chain, scene by scene, with real processes and real transactions.

It starts anvil, the stand-in of the regulator's site and three operator nodes, deploys a 2-of-3 committee with its
registry and two tranche tokens, and plays what may and what must not happen. Each scene prints what was expected and
what happened and goes into build/demo/result.json (or --out); the exit code is 0 only if all are as expected. Nothing
is left running (unless --keep).
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import argparse
import json
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

from web3 import Web3

from oracle.chain.events import decode_call
from oracle.chain.registry import Token
from oracle.chain.rpc import raw_call
from oracle.collector.node_client import NodeClient
from oracle.collector.proposal import propose_approval
from oracle.domain.approval import OperatorSignature
from oracle.domain.dossier import parse_dossier
from oracle.errors import FilingGateError
from oracle.signing.eip712 import Domain, approval_digest
from oracle.signing.keys import load_keystore
from scripts.demo_world import NUMBER, PASSWORD, PLAIN, Stopped, World, today
from tests.anvil import AnvilNotRunningError, start_anvil
from tests.samples.dossier import ENTITY_NAME

BOLD, GREEN, RED = ("\033[1m", "\033[32m", "\033[31m") if sys.stdout.isatty() else ("", "", "")
Outcome = tuple[bool, str]
DEFAULT_OUT = ROOT / "build" / "demo"
#: Marks a folder that a demo made and may empty.
MADE_HERE = ".demo"


class Scenes:
    """The scenes, in the order of `play`. Each gives whether it went as expected, and what happened."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.dossier = world.out / "dossier.json"
        self.played: list[dict[str, Any]] = []
        self._before_expiry = ""

    def play(self) -> None:
        """All scenes."""
        scene = self._scene
        scene("mint before approval", "refused: no approval names the token", self.before_approval)
        scene(
            "the filing still stands at 补充材料, the issuer claims it is filed",
            "all three nodes refuse and name rule FILE-1",
            self.too_early,
        )
        scene("the filing is published", "2 of 3 operators sign, the approval is on chain", self.published)
        scene("mint inside the approval", "minted", lambda: self.good_mint(100_000))
        scene("mint over the cap", "refused: 700,000 units are left", self.over_the_cap)
        scene("the approval is submitted again", "nothing changes", self.replayed)
        scene("an approval signed by one operator twice", "refused: signatures must ascend", self.one_twice)
        scene("the publication is withdrawn, one operator suspends", "mint refused: suspended", self.withdrawn)
        scene("the publication is back, a quorum resumes", "refused before; resumed and minted after", self.resumed)
        scene("the approval expires, nobody renews", "mint refused: expired", self.expired)
        scene("audit of the chain", "clean", self.audited)
        scene("audit of a copy with a million units slipped in", "the audit names it: SUPPLY", self.tampered)

    @property
    def ok(self) -> bool:
        """Whether all went as expected."""
        return all(scene["ok"] for scene in self.played)

    def _scene(self, name: str, expected: str, play: Callable[[], Outcome]) -> None:
        print(f"\n{BOLD}{len(self.played) + 1}. {name}{PLAIN}\n   expected  {expected}", flush=True)
        try:
            ok, happened = play()
        except (FilingGateError, Stopped) as error:
            ok, happened = False, f"the scene could not be played: {error}"
        self.played.append({"name": name, "expected": expected, "happened": happened, "ok": ok})
        mark = f"{GREEN}ok" if ok else f"{RED}NOT AS EXPECTED"
        print(f"   happened  {happened}\n   {mark}{PLAIN}", flush=True)

    def refused_mint(self, units: int, error: str) -> Outcome:
        """A mint that must revert with a named error and change nothing."""
        before = self.world.issued()
        transaction, reason = self.world.try_mint(units)
        refused = reason is not None and reason.startswith(error + "(")
        return refused and self.world.issued() == before, f"{reason or 'minted'} · tx {transaction}"

    def good_mint(self, units: int) -> Outcome:
        """A mint through the CLI that must pass and count."""
        before = self.world.issued()
        done = self.world.as_issuer("mint", "senior", self.world.holder, str(units))
        after = self.world.issued()
        told = f"minted {units:,} units, issued {after // 10**6:,} of 800,000 · tx {done['transaction']}"
        return after - before == int(done["baseUnits"]) == units * 10**6, f"{told} · gas {done['gas']:,}"

    def before_approval(self) -> Outcome:
        return self.refused_mint(1_000, "TokenNotApproved")

    def over_the_cap(self) -> Outcome:
        return self.refused_mint(700_001, "CapExceeded")

    def _approve(self, expect: int) -> dict[str, Any]:
        return self.world.ask_nodes("approve", str(self.world.out / "manifest.toml"), str(self.dossier), expect=expect)

    def too_early(self) -> Outcome:
        self.world.site.set_row_status(ENTITY_NAME, "补充材料")
        answer = self._approve(1)
        refused = [row for row in answer["answers"] if row["outcome"] == "refused"]
        rules = [{failed["rule"]: failed for failed in row["failed"]} for row in refused]
        named = all(row.get("FILE-1", {}).get("result") == "FAIL" for row in rules)
        why = rules[0]["FILE-1"]["explanation"] if rules and named else "FILE-1 is not named"
        others = ", ".join(sorted(set().union(*rules) - {"FILE-1"}))
        ok = len(refused) == 3 and named and answer["signed"] == 0
        return ok, f"{len(refused)} of 3 nodes refuse; FILE-1 FAIL: {why}; also not passed: {others}"

    def published(self) -> Outcome:
        site = self.world.site
        site.set_row_status(ENTITY_NAME, None)
        issued_on = (today() - timedelta(days=27)).isoformat()
        site.publish_notice(
            number=NUMBER, company=ENTITY_NAME, units=1_000_000, amount="100000000", issued_on=issued_on
        )
        answer = self._approve(0)
        state = self.world.state()
        signed = sum(row["outcome"] == "signed" for row in answer["answers"])
        ok = signed >= 2 and state.status.name == "APPROVED" and state.sequence == 1
        told = f"{signed} signatures counted, 2 needed; status {state.status.name}, sequence {state.sequence}"
        return ok, f"{told} · tx {answer['transaction']}"

    def replayed(self) -> Outcome:
        world = self.world
        inputs = [
            bytes.fromhex(raw_call(world.w3, "eth_getTransactionByHash", [log["transactionHash"]])["input"][2:])
            for log in world.registry_logs()
        ]
        original = next(data for data in inputs if (decode_call("FilingRegistry", data) or [""])[0] == "approve")
        before = world.state(), len(world.registry_logs()), world.issued()
        transaction, reason = world.transact(world.deployment.registry, original)
        after = world.state(), len(world.registry_logs()), world.issued()
        told = "accepted without effect: state, events and totals as before" if before == after else "it had an effect"
        return before == after and reason is None, f"{told} · tx {transaction}"

    def one_twice(self) -> Outcome:
        world = self.world
        dossier = parse_dossier(self.dossier.read_bytes(), what="dossier.json")
        url = world.nodes[0]
        node, chain_id = NodeClient(url, key=world.keys[url]), world.deployment.chain_id
        proposed = propose_approval(
            [node], world.registry, chain_id, dossier, now=int(time.time()), window_seconds=86400
        )
        approval = proposed.proposal
        key = load_keystore(world.directory(1) / "keystore.json", PASSWORD)
        signature = key.sign(approval_digest(Domain(chain_id, world.registry.address), approval))
        twice = [OperatorSignature(operator=key.address, signature="0x" + signature.hex())] * 2
        transaction, reason = world.transact(world.registry.address, world.registry.approve_data(approval, twice))
        refused = reason is not None and reason.startswith("SignaturesNotAscending(")
        return refused and world.state().sequence == 1, f"{reason or 'accepted'} · tx {transaction}"

    def withdrawn(self) -> Outcome:
        world = self.world
        world.site.remove_notice(NUMBER)
        config, keystore = world.directory(2) / "node.toml", world.directory(2) / "keystore.json"
        seen = world.cli("observe", "--config", str(config), "--number", NUMBER, "--entity", ENTITY_NAME, expect=(1,))
        stopped = world.on_chain(
            "suspend", NUMBER, "--reason", "publication gone", "--operator-keystore", str(keystore)
        )
        ok, mint = self.refused_mint(1_000, "FilingIsSuspended")
        told = f"operator-2 observes: {seen['reason']}; suspends · tx {stopped['transaction']}; mint: {mint}"
        return ok and seen["status"] is None, told

    def resumed(self) -> Outcome:
        world = self.world
        resume = ("resume", NUMBER, "--dossier", str(self.dossier), "--reason")
        refused = world.ask_nodes(*resume, "too early", expect=1)
        world.site.set_state(notices=[{**notice, "withdrawn": False} for notice in world.site.read()["notices"]])
        done = world.ask_nodes(*resume, "publication restored")
        ok, mint = self.good_mint(50_000)
        told = f"before: {refused['signed']} of 2 signatures; after: {done['signed']} of 2 · tx {done['transaction']}"
        return ok and refused["signed"] == 0, f"{told}; {mint}"

    def expired(self) -> Outcome:
        self._before_expiry = raw_call(self.world.w3, "evm_snapshot", [])
        raw_call(self.world.w3, "evm_setNextBlockTimestamp", [hex(self.world.state().valid_until)])
        return self.refused_mint(1_000, "FilingExpired")

    def audited(self) -> Outcome:
        report = self.world.on_chain("audit", expect=(0, 1))
        (self.world.out / "audit.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
        found = ", ".join(sorted({finding["id"] for finding in report["findings"]}))
        told = f"{sum(report['checks'].values())} checks of {len(report['checks'])} kinds"
        return report["clean"], f"{told}, no deviation" if report["clean"] else f"{told}, deviations: {found}"

    def tampered(self) -> Outcome:
        """The copy's senior token gets a million units written into its storage."""
        world = self.world
        with start_anvil() as copy:
            w3 = Web3(Web3.HTTPProvider(copy.url))
            raw_call(w3, "anvil_loadState", [raw_call(world.w3, "anvil_dumpState", [])])
            token = world.deployment.token("senior").address
            supply = Token(w3, token).total_supply()
            slots = (raw_call(w3, "eth_getStorageAt", [token, hex(slot), "latest"]) for slot in range(32))
            slot = next(index for index, value in enumerate(slots) if int(value, 16) == supply)
            more = "0x" + (supply + 10**12).to_bytes(32, "big").hex()
            raw_call(w3, "anvil_setStorageAt", [token, hex(slot), more])
            deployment = str(world.out / "deployment.json")
            report = world.cli("audit", "--rpc", copy.url, "--deployment", deployment, expect=(0, 1))
        rows = report["findings"]
        told = "; ".join(
            f"{row['id']} ({row['severity']}): expected {row['expected']}, found {row['found']}" for row in rows
        )
        return [row["id"] for row in rows] == ["SUPPLY"], told or "no deviation"

    def keep(self) -> None:
        """Leave everything up until Ctrl-C, with the chain's clock as before the expiry, and say how to use it."""
        world = self.world
        raw_call(world.w3, "evm_revert", [self._before_expiry])
        rpc = f"--rpc {world.anvil.url} --deployment {_shown(world.out / 'deployment.json')}"
        print("\nKept running until Ctrl-C (the expiry is undone):")
        print(f"  chain  {world.anvil.url}\n  site   {world.site.url}\n  nodes  {' '.join(world.nodes)}")
        print(f"  keys   {_shown(world.out / 'node-keys.toml')}")
        print(f"  pages  {world.nodes[0]}/\n         sign in with the operator's key in {_shown(world.operator_key)}")
        print(f"Try  .venv/bin/filing-gate status {rpc}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print("\nstopping", flush=True)


def _shown(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def main() -> int:
    """Play the demo; 0 only if every scene went as expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--keep", action="store_true", help="leave chain, site and nodes running until Ctrl-C")
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_OUT, metavar="DIR", help="all files go here; emptied first (build/demo)"
    )
    arguments = parser.parse_args()
    began = time.monotonic()
    out: Path = arguments.out.resolve()
    foreign = out != DEFAULT_OUT and out.is_dir() and not (out / MADE_HERE).exists() and any(out.iterdir())
    if foreign or out.is_file():
        print(f"demo: {out} holds files that are not a demo's: name another folder with --out", file=sys.stderr)
        return 2
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / MADE_HERE).touch()
    # A shell starts a background job with interrupts ignored; a demo must end by them all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        with ExitStack() as stack:
            scenes = Scenes(World(stack, out))
            scenes.play()
            result = {"scenes": scenes.played, "ok": scenes.ok}
            path = out / "result.json"
            path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            good, took = sum(scene["ok"] for scene in scenes.played), time.monotonic() - began
            print(f"\n{good} of {len(scenes.played)} scenes as expected in {took:.0f} s; {_shown(path)}")
            pages = f"{scenes.world.nodes[0]}/"
            if arguments.keep:
                scenes.keep()
            else:
                print(f"The nodes' pages were at {pages} (make demo KEEP=1 keeps them up)")
            return 0 if scenes.ok else 1
    except (Stopped, AnvilNotRunningError, FilingGateError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; nothing is left running", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
