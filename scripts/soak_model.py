"""The script of a soak run, drawn from a seed, and what the chain must say at its end by that script alone."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

__all__ = ["FATES", "Event", "Final", "Life", "Pace", "Trouble", "draw_lives", "draw_troubles", "expected"]

#: One filing in twenty each; with fewer filings the first of them.
FATES = (
    *("renewed", "withdrawn", "amended", "declared", "removed", "renewed", "quiet", "back", "renewed", "ended"),
    *("quiet", "declared", "renewed", "unsent", "quiet", "renewed", "removed", "quiet", "renewed", "back"),
)

#: Offset of a window's end that the run does not reach, in seconds.
FAR = 86_400


@dataclass(frozen=True)
class Pace:
    """Seconds: how long it runs, how often a node looks at a filing, and how far apart is what must not meet.

    A renewal falls due `renew_before` before its window's end and comes within an interval; `margin` lies between
    that and an event, so that the order of both is the script's and not the scheduler's.
    """

    seconds: int
    interval: int
    margin: int

    @property
    def renew_before(self) -> int:
        """`[watch] renew_before_seconds`."""
        return self.interval + 4 * self.margin


@dataclass(frozen=True)
class Event:
    """Something that happens to a filing `at` seconds after the start.

    `what`: withdraw (its withdrawal is published), amend (its notice now states other units), remove (its notice is
    taken down), restore, declare (a major risk, to a node that pays), tell (the same, to the node that can't).
    """

    at: int
    what: str


@dataclass(frozen=True)
class Life:
    """One filing: its fate by name, the end of its first window (offset in seconds), and what happens."""

    index: int
    fate: str
    ends: int
    events: tuple[Event, ...] = ()

    @property
    def number(self) -> str:
        """Its number."""
        return f"国合函〔2026〕{5000 + self.index}号"

    @property
    def company(self) -> str:
        """Its company, which has no other filing."""
        return f"示例{self.index:04}（上海）充电科技有限公司"


@dataclass(frozen=True)
class Final:
    """What the chain must say: status by name, sequence, whether its window was renewed, whether it is open."""

    status: str
    sequence: int
    renewed: bool
    open: bool


@dataclass(frozen=True)
class Trouble:
    """What goes wrong for all for `seconds`: the `site` fails as `kind` says, or `node` number `kind` is killed."""

    at: int
    what: str
    kind: str
    seconds: int


def draw_lives(seed: int, count: int, pace: Pace, fates: tuple[str, ...] = FATES) -> list[Life]:
    """The lives of `count` filings."""
    random = Random(seed)  # noqa: S311 - a run is to be repeated
    return [_life(random, index, fates[index % len(fates)], pace) for index in range(count)]


def _life(random: Random, index: int, fate: str, pace: Pace) -> Life:
    wait, margin, last = pace.interval, pace.margin, pace.seconds - pace.interval - pace.margin
    due = random.randint(2 * margin, last - margin)
    if fate == "renewed":
        return Life(index, fate, due + pace.renew_before)
    if fate == "ended":
        due = random.randint(margin, max(margin, last - wait - 2 * margin))
        at = random.randint(due + wait + margin, max(due + wait + margin, last))
        return Life(index, fate, due + pace.renew_before, (Event(at, "amend"),))
    if fate == "removed":
        gone = random.randint(1, due - margin)
        return Life(index, fate, due + pace.renew_before, (Event(gone, "remove"),))
    if fate == "back":
        again = random.randint(margin, due - margin)
        gone = random.randint(1, max(1, again - margin))
        return Life(index, fate, due + pace.renew_before, (Event(gone, "remove"), Event(again, "restore")))
    if fate == "quiet":
        return Life(index, fate, FAR)
    what = {"withdrawn": "withdraw", "amended": "amend", "declared": "declare", "unsent": "tell"}[fate]
    return Life(index, fate, FAR, (Event(random.randint(1, last), what),))


def draw_troubles(seed: int, pace: Pace) -> list[Trouble]:
    """One failure of the site, of another kind each time, and one killed node, in each three minutes."""
    random = Random(seed ^ 0x5EED)  # noqa: S311 - a run is to be repeated
    kinds = ["500", "html-for-json", "drip", "bad-json", "huge", "slow"]
    found = []
    for index, begin in enumerate(range(0, pace.seconds - pace.interval - pace.margin, 180)):
        span = min(180, pace.seconds - pace.interval - pace.margin - begin)
        length = max(1, min(pace.margin // 2, span // 3))
        found.append(Trouble(begin + random.randint(0, span // 3), "site", kinds[index % len(kinds)], length))
        found.append(Trouble(begin + random.randint(span // 3, span), "node", str(index % 3), 1))
    return found


def expected(life: Life, pace: Pace) -> Final:
    """What the rules of docs/watch.md make of a life by the end of the run, told by its script and nothing else."""
    status, sequence, renewed, published = "APPROVED", 1, False, True
    due = Event(life.ends - pace.renew_before, "due")
    wants = False
    for event in sorted((*life.events, due), key=lambda item: item.at):
        if event.at > pace.seconds or status != "APPROVED":
            continue
        match event.what:
            case "due":
                wants = True
            case "remove" | "restore":
                published = event.what == "restore"
            case "withdraw" | "amend" | "declare":
                status, sequence = "SUSPENDED", sequence + 1
        # A renewal needs the publication; one that is only late comes when all rules pass again.
        if wants and published and not renewed and status == "APPROVED":
            renewed, sequence = True, sequence + 1
    return Final(status, sequence, renewed, status == "APPROVED" and (renewed or life.ends > pace.seconds))
