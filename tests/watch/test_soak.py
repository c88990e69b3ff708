"""The long run in small: its model by itself, a whole run, and a site that is hostile about one filing of several."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from oracle.domain.approval import OnChainStatus
from scripts import soak_model
from scripts.soak import Soak, filing_of, main
from scripts.soak_model import Event, Final, Life, Pace, draw_lives, expected

PACE = Pace(600, 180, 30)


@pytest.mark.parametrize(
    ("events", "ends", "final"),
    (
        ((), soak_model.FAR, Final("APPROVED", 1, False, True)),
        ((), 400, Final("APPROVED", 2, True, True)),
        ((Event(50, "remove"),), 400, Final("APPROVED", 1, False, False)),
        ((Event(50, "remove"), Event(60, "restore")), 400, Final("APPROVED", 2, True, True)),
        ((Event(50, "remove"), Event(500, "restore")), 400, Final("APPROVED", 2, True, True)),
        ((Event(50, "withdraw"),), 400, Final("SUSPENDED", 2, False, False)),
        ((Event(350, "amend"),), 400, Final("SUSPENDED", 3, True, False)),
        ((Event(50, "tell"),), soak_model.FAR, Final("APPROVED", 1, False, True)),
        ((Event(50, "declare"), Event(60, "withdraw")), soak_model.FAR, Final("SUSPENDED", 2, False, False)),
    ),
)
def test_model__by_the_script_alone(events: tuple[Event, ...], ends: int, final: Final) -> None:
    assert expected(Life(0, "any", ends, events), PACE) == final


def test_lives__same_for_a_seed__and_nothing_meets_a_renewal() -> None:
    lives = draw_lives(7, 200, PACE)
    assert lives == draw_lives(7, 200, PACE)
    assert lives != draw_lives(8, 200, PACE)
    assert {life.fate for life in lives} == set(soak_model.FATES)
    for life in lives:
        due = life.ends - PACE.renew_before
        for event in life.events:
            assert 0 < event.at < PACE.seconds - PACE.interval
            assert not due - PACE.margin < event.at < due + PACE.interval + PACE.margin, life


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(400)
def test_soak__in_small__chain_as_the_model_says(tmp_path: Path) -> None:
    out = tmp_path / "soak.json"
    assert main(["--filings", "5", "--seconds", "30", "--out", str(out)]) == 0
    found = json.loads(out.read_text("utf-8"))
    assert (found["differences"], found["audit"], found["filings"]) == ([], [], 5)
    assert all(node["looks"] > 5 for node in found["nodes"])


def looked(soak: Soak, index: int) -> dict[str, tuple[int, str]]:
    """Of each filing by its folded number: when node `index` last looked, and what it found."""
    path = soak.operators[index].folder / "node.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        rows = connection.execute("select number, looked_at, outcome from watched_filings where number <> ''")
        return {number: (int(at), str(outcome)) for number, at, outcome in rows}


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ("huge", "drip", "500", "html-for-json"))
def test_site_hostile_about_one_filing__the_others_looked_at_in_time__it_is_never_suspended(
    tmp_path: Path, kind: str
) -> None:
    pace = Pace(30, 5, 2)
    with ExitStack() as stack:
        soak = Soak(stack, tmp_path, 1, 4, pace, fates=("quiet",))
        victim = soak.lives[0]
        soak.site.set_state(fault={"kind": kind, "path": f"/c{7_800_000 + victim.index}/"})
        wanted = ["CLEAR", "CLEAR", "CLEAR", "INDETERMINATE"]
        end = time.monotonic() + 90
        while sorted(outcome for _, outcome in looked(soak, 0).values()) != wanted:
            assert time.monotonic() < end, looked(soak, 0)
            time.sleep(0.5)
        worst, end = 0, time.monotonic() + 22
        while time.monotonic() < end:
            time.sleep(1)
            worst = max(
                worst, int(time.time()) - min(at for at, outcome in looked(soak, 0).values() if outcome == "CLEAR")
            )
        # The step that holds the hostile page ends with the visit's deadline (20 s), and the others wait for its end.
        assert worst <= pace.interval + 20 + 15, worst
        soak.site.withdraw_notice(soak.lives[1].number)
        end = time.monotonic() + 60
        while soak.registry.filing_state(filing_of(soak.lives[1])).status is not OnChainStatus.SUSPENDED:
            assert time.monotonic() < end, "the others are not watched"
            time.sleep(0.2)
        state = soak.registry.filing_state(filing_of(victim))
        assert (state.status, state.sequence) == (OnChainStatus.APPROVED, 1)
        assert all("Traceback" not in operator.log.read_text("utf-8") for operator in soak.operators)
