"""What is done on chain: a renewal by quorum, a suspension by this node. Steps of plain functions over JSON values.

Each step may be run again after a crash at any point: it looks first whether its work is done. A step's failure is a
value, never an exception, so that a workflow always ends and the next look decides anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from oracle.chain.registry import FilingState, Registry
from oracle.chain.rpc import chain_faults
from oracle.collector.node_client import NodeClient
from oracle.collector.proposal import MIN_LEFT_SECONDS, collect_update
from oracle.collector.quorum import Asked, Quorum
from oracle.domain.approval import FilingUpdate, OnChainStatus, OperatorSignature, Suspension
from oracle.domain.names import filing_id
from oracle.domain.reason import encode_reason
from oracle.errors import FilingGateError, RefusedError
from oracle.node.config import WatchNodeConfig, read_secret
from oracle.node.service import Node
from oracle.rules.decision import latest_end
from oracle.rules.table import evaluate
from oracle.signing.eip712 import Domain, update_digest
from oracle.store.collections import Collections
from oracle.store.watch_state import WatchState
from oracle.watch.judge import Outcome, judge
from oracle.watch.own_node import OwnNode
from oracle.watch.schedule import pause_after, renewal_end

__all__ = ["GAS_OF_UPDATE", "RENEWAL_REASON", "Actions", "Result", "Step", "renew", "suspend"]

LOG = logging.getLogger("filing_gate.watch")

#: The reason that a renewal carries on chain; the same everywhere, or relays would propose different bytes.
RENEWAL_REASON = "renewed while all rules pass"

#: Gas that a renewal may need, for telling an empty relay from another refusal.
GAS_OF_UPDATE = 300_000

#: A JSON object: `moot` (nothing to do any more, why), `failure` ([kind, sentence]), or what the step made.
Result = dict[str, Any]

#: Runs one step by its name: at once, or as a durable step that is never run again once it is done.
Step = Callable[..., Result]

#: Alerts of actions that failed, and those that a finished action takes off its filing.
_FAILURES = ("peers", "quorum", "relay-gas", "send")
_SETTLED = {"renew": ("expiry", *_FAILURES), "suspend": ("suspension", *_FAILURES)}


def _json(item: Any) -> Any:
    return item.model_dump(mode="json", by_alias=True)


class Actions:
    """The steps of one node's actions. `clock` gives seconds since 1970."""

    def __init__(self, node: Node, clock: Callable[[], int]) -> None:
        self._node = node
        self._clock = clock
        self._collections = Collections(node.database.engine)
        self._watch = WatchState(node.database.engine)

    # Renewal ---------------------------------------------------------------------------------------------------------

    def propose(self, number: str, sequence: int) -> Result:
        """What to propose: the update that is being collected for already, else one with its end on the grid."""
        node, now = self._node, self._clock()
        filing = _filing(number)
        registry = node.registry()
        state = node.duties.sync(number, registry, now)
        moot = self._moot(number, state, sequence, now)
        if moot is not None:
            return {"moot": moot}
        dossier = node.duties.approved_dossier(number, state)
        if dossier is None:
            return {"moot": "the approved dossier is not known here"}
        case = node.case(dossier, chain=registry, now=now)
        judgement = judge(case, evaluate(case))
        record = case.standing.record
        if judgement.outcome is not Outcome.CLEAR or record is None:
            return {"moot": f"{judgement.outcome.value}: {judgement.explanation}"}
        record_hash = "0x" + record.record_hash().hex()
        waiting = self._collections.open(filing, sequence + 1, max(state.valid_until, now + MIN_LEFT_SECONDS))
        if waiting is not None and waiting.update.record_hash == record_hash:
            return {"update": _json(waiting.update)}
        longest = min(node.config.policy.max_approval_seconds, registry.max_validity())
        end = renewal_end(node.config.watch, now, longest, latest_end(case))
        if end <= state.valid_until:
            return {"moot": "the window can't be longer: the offer, the filing or a document ends"}
        change = FilingUpdate(
            filing=filing,
            status=int(OnChainStatus.APPROVED),
            record_hash=record_hash,
            valid_until=end,
            sequence=sequence + 1,
            reason=encode_reason(RENEWAL_REASON),
        )
        self._collections.add(change, self._digest(change))
        return {"update": _json(change)}

    def _moot(self, number: str, state: FilingState, sequence: int, now: int) -> str | None:
        if state.sequence != sequence:
            return f"the chain stands at sequence {state.sequence}, not {sequence}"
        if state.status is not OnChainStatus.APPROVED:
            return f"the filing is {state.status.name} on chain"
        if self._node.duties.folded(number, now).stopped:
            return "the filing is stopped by this node's record"
        return None

    def _digest(self, change: FilingUpdate) -> str:
        chain = self._node.config.chain
        return "0x" + update_digest(Domain(chain.id, chain.registry), change).hex()

    def collect(self, number: str, update: Result) -> Result:
        """The signatures of a quorum over the update, or over the one that nodes hold instead. Each is kept at once."""
        node, change = self._node, FilingUpdate.model_validate(update)
        registry = node.registry()
        state = registry.filing_state(change.filing)
        if state.sequence >= change.sequence:
            return {"moot": f"the chain stands at sequence {state.sequence} already"}
        dossier = node.duties.approved_dossier(number, state)
        if dossier is None:
            return {"moot": "the approved dossier is not known here"}
        kept = self._collections.signatures(self._digest(change))
        proposed = collect_update(
            self._nodes(), registry, node.config.chain.id, dossier, change, now=self._clock(), kept=kept
        )
        digest = "0x" + proposed.digest.hex()
        self._collections.add(proposed.proposal, digest)
        for url, signature in proposed.quorum.given:
            self._collections.add_signature(digest, url, signature)
        if not proposed.quorum.reached:
            # Nodes that were asked when it was on chain already refuse its sequence.
            return _overtaken(registry, change) or {"failure": list(_short(proposed.quorum))}
        signatures = [_json(item) for item in proposed.quorum.require()]
        return {"update": _json(proposed.proposal), "signatures": signatures}

    def _nodes(self) -> list[Asked]:
        others = [NodeClient(item.url, key=self._key(item)) for item in self._node.config.watch.nodes]
        return [OwnNode(self._node), *others]

    def _key(self, item: WatchNodeConfig) -> str | None:
        if item.key_env is None and item.key_file is None:
            return None
        file = self._node.config.path(item.key_file) if item.key_file else None
        return read_secret(f"watch.nodes {item.url}", env=item.key_env, file=file)

    def send_update(self, update: Result, signatures: Sequence[Result]) -> Result:
        """Submit the update, unless the chain has it or went on without it."""
        relay = self._node.relay
        change = FilingUpdate.model_validate(update)
        given = [OperatorSignature.model_validate(item) for item in signatures]
        registry = self._node.registry()
        overtaken = _overtaken(registry, change)
        if overtaken is not None:
            return overtaken
        if relay is None:
            return {"failure": ["send", "no [relay] is configured"]}
        try:
            receipt = registry.update(relay, change, given)
        except RefusedError as error:
            return _overtaken(registry, change) or {"failure": self._refusal(registry, error)}
        return {"transaction": "0x" + bytes(receipt["transactionHash"]).hex()}

    def _refusal(self, registry: Registry, error: FilingGateError) -> list[str]:
        relay = self._node.relay
        if relay is None:
            return ["send", str(error)]
        w3 = registry.w3
        with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
            balance, price = int(w3.eth.get_balance(relay.address)), int(w3.eth.gas_price)  # type: ignore[arg-type]
        if balance < price * GAS_OF_UPDATE:
            return ["relay-gas", f"the relay {relay.address} holds {balance} wei, too little for gas: {error}"]
        return ["send", str(error)]

    def confirm(self, number: str) -> Result:
        """What the chain says now, taken into the record."""
        node = self._node
        state = node.duties.sync(number, node.registry(), self._clock())
        return {"status": state.status.name, "sequence": state.sequence, "validUntil": state.valid_until}

    # Suspension ------------------------------------------------------------------------------------------------------

    def sign_suspension(self, number: str) -> Result:
        """This node's signature over a suspension for the filing as it stands, stored before it is returned."""
        node, now = self._node, self._clock()
        state = node.duties.sync(number, node.registry(), now)
        if state.status is not OnChainStatus.APPROVED:
            return {"moot": f"the filing is {state.status.name} on chain"}
        if not node.duties.folded(number, now).stopped:
            return {"moot": "the record no longer asks for it"}
        suspension, signature = node.duties.sign_suspension(number, state, now)
        return {"suspension": _json(suspension), "signature": _json(signature)}

    def send_suspension(self, number: str, suspension: Result, signature: Result) -> Result:
        """Bring the suspension on chain, unless the filing is suspended or has gone on."""
        node = self._node
        signed = Suspension.model_validate(suspension)
        registry = node.registry()
        state = registry.filing_state(signed.filing)
        if state.status is not OnChainStatus.APPROVED:
            return {"moot": f"the filing is {state.status.name} on chain"}
        if state.sequence != signed.sequence:
            return {
                "failure": ["send", f"the chain went on to sequence {state.sequence}: signed anew at the next look"]
            }
        given = OperatorSignature.model_validate(signature)
        try:
            transaction = node.duties.send_suspension(number, registry, signed, given, self._clock())
        except RefusedError as error:
            if registry.filing_state(signed.filing).status is OnChainStatus.SUSPENDED:
                return {"moot": "the filing was suspended meanwhile"}
            return {"failure": self._refusal(registry, error)}
        return {"transaction": transaction}

    # Both ------------------------------------------------------------------------------------------------------------

    def conclude(self, key: str, attempt: int, number: str, outcome: Result) -> Result:
        """Keep how the try ended, and look at the filing again: at once after a success, later after each failure."""
        now, kind = self._clock(), key.split(":", 1)[0]
        failure = outcome.get("failure")
        if self._watch.end(key, attempt, (failure[0], failure[1]) if failure else None):
            failures = self._watch.action(key).failures
            if failure:
                LOG.warning("%s: %s failed: %s", number, kind, failure[1])
                severity = "critical" if kind == "suspend" else "warning"
                text = f"{kind}, try {attempt}: {failure[1]}"
                alert = {"kind": failure[0], "severity": severity, "text": text, "since": now}
                self._watch.settle(number, _FAILURES, alert)
            else:
                LOG.info("%s: %s: %s", number, kind, outcome.get("moot") or f"done, {outcome.get('transaction')}")
                self._watch.settle(number, _SETTLED[kind])
            self._watch.hasten(number, now + (pause_after(failures, self._node.config.watch) if failure else 0))
        return outcome


def _filing(number: str) -> str:
    return "0x" + filing_id(number).hex()


def _overtaken(registry: Registry, change: FilingUpdate) -> Result | None:
    """Nothing to do any more, if the chain has the update's sequence already."""
    sequence = registry.filing_state(change.filing).sequence
    if sequence < change.sequence:
        return None
    return {"moot": f"the chain stands at sequence {sequence} already: another relay was quicker"}


def _short(quorum: Quorum) -> tuple[str, str]:
    """Why there was no quorum: "peers" if somebody refused, else "quorum"; how many of how many, who and why."""
    left = [answer for answer in quorum.answers if answer.outcome != "signed"]
    refused = any(answer.outcome == "refused" for answer in left)
    told = "; ".join(f"{item.node}: {item.outcome}: {item.reason or 'no reason given'}"[:300] for item in left)
    return ("peers" if refused else "quorum", f"{len(quorum.signatures)} of {quorum.threshold} signatures; {told}")


def _tried(function: Callable[..., Result], *arguments: Any) -> Result:
    try:
        return function(*arguments)
    except FilingGateError as error:
        return {"failure": ["send", str(error)]}


def renew(actions: Actions, step: Step, key: str, attempt: int, number: str, sequence: int) -> Result:
    """Propose, collect, send, confirm. The same body at once and as a workflow."""
    outcome = step("propose", _tried, actions.propose, number, sequence)
    if "update" in outcome:
        outcome = step("collect", _tried, actions.collect, number, outcome["update"])
    if "signatures" in outcome:
        outcome = step("send", _tried, actions.send_update, outcome["update"], outcome["signatures"])
    return _ended(actions, step, key, attempt, number, outcome)


def suspend(actions: Actions, step: Step, key: str, attempt: int, number: str) -> Result:
    """Sign, send, confirm."""
    outcome = step("sign", _tried, actions.sign_suspension, number)
    if "suspension" in outcome:
        given = (number, outcome["suspension"], outcome["signature"])
        outcome = step("send", _tried, actions.send_suspension, *given)
    return _ended(actions, step, key, attempt, number, outcome)


def _ended(actions: Actions, step: Step, key: str, attempt: int, number: str, outcome: Result) -> Result:
    if "failure" not in outcome:
        seen = step("confirm", _tried, actions.confirm, number)
        outcome = {**outcome, **seen}
    return step("conclude", actions.conclude, key, attempt, number, outcome)
