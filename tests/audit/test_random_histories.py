"""Any history the registry lets happen is clean, and replaying its events gives the registry's state."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oracle.audit.chain_audit import audit_chain
from oracle.domain.approval import OnChainStatus
from oracle.errors import RefusedError
from tests.audit.full_history import Recording
from tests.chain.small_world import CAP, FILING, HOUR, NEWCOMER, OPERATORS, OTHER_FILING, ROTATION_DELAY, World, undone

FILINGS = st.sampled_from((FILING, OTHER_FILING))
STEPS = st.one_of(
    st.tuples(st.just("approve"), FILINGS, st.integers(0, 2), st.integers(1, CAP)),
    st.tuples(st.just("renew"), FILINGS),
    st.tuples(st.just("suspend"), FILINGS),
    st.tuples(st.just("end"), FILINGS, st.sampled_from((OnChainStatus.REVOKED, OnChainStatus.COMPLETED))),
    st.tuples(st.just("mint"), st.integers(0, 2), st.integers(1, CAP)),
    st.tuples(st.just("wait"), st.integers(1, 50)),
    st.tuples(st.just("replace"), st.booleans()),
    st.tuples(st.just("remove")),
    st.tuples(st.just("threshold"), st.sampled_from(("raiseThreshold", "announceThreshold", "applyThreshold"))),
)


def step(world: World, action: tuple) -> None:
    kind, *values = action
    if kind == "approve":
        filing, index, cap = values
        world.approve((index, cap), filing=filing)
    elif kind == "renew":
        world.update(OnChainStatus.APPROVED, values[0])
    elif kind == "suspend":
        world.suspend_by_signature(values[0])
    elif kind == "end":
        world.update(values[1], values[0])
    elif kind == "mint":
        world.mint(*values)
    elif kind == "replace":
        # The third operator makes room, or goes: the two who sign approvals stay.
        pair = NEWCOMER.address, OPERATORS[2].address
        world.registry_call("announceOperator", *pair)
        world.travel(ROTATION_DELAY)
        world.registry_call("applyOperator" if values[0] else "cancelOperator", *pair)
    elif kind == "remove":
        world.registry_call("removeOperator", OPERATORS[2].address)
    elif kind == "threshold":
        wanted = {"raiseThreshold": [3], "announceThreshold": [2], "applyThreshold": []}
        world.registry_call(values[0], *wanted[values[0]])
    else:
        world.travel(values[0] * HOUR)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=4, max_size=14))
def test_audit__any_history_the_registry_allows__is_clean_and_rebuilds_its_state(
    empty: World, steps: list[tuple]
) -> None:
    with undone(empty) as world:
        world.approve((0, CAP))
        world.approve((1, CAP), filing=OTHER_FILING)
        for action in steps:
            try:
                step(world, action)
            except (RefusedError, ValueError):  # ValueError: a suspension of sequence 0 can't even be written down
                continue
        report = audit_chain(world.w3, world.deployment)
        assert report.findings == []
        assert report.checks["STATE-FILING"] == 2
        _, history = Recording.of(world).replayed()
        for filing, known in history.filings.items():
            state = world.registry.filing_state("0x" + filing.hex())
            assert (known.status, known.valid_until, known.sequence) == (
                state.status,
                state.valid_until,
                state.sequence,
            )
        for token in world.tokens:
            tranche = history.tranches.get(token.address.lower())
            issued = world.registry.tranche_state(token.address).issued
            assert (tranche.issued if tranche else 0) == issued == token.total_supply()
