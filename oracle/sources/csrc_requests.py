"""Supplement requests (补充材料要求公示) by company, and decisions that name offenders: lines and texts to facts. Pure.

A request stands under a line that is the company's name and nothing else, numbered or not. A decision (行政处罚,
市场禁入) names its parties in title and text, where nothing but punctuation stands at both ends of a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from difflib import SequenceMatcher
from enum import Enum

from oracle.domain.names import fold_name
from oracle.sources.published_values import parse_date, squeezed

__all__ = [
    "Mention",
    "decisions_version",
    "mention_of",
    "names_somebody",
    "near_name_detail",
    "near_names",
    "period_end",
    "requested",
]

_NUMBERING = re.compile(r"^(?:[((]?[一二三四五六七八九十百零0-9]{1,4}[))]?[、..,]?)?")
_DAY = r"[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日"
#: What may stand directly before and after a name in a decision's text.
_BEFORE = frozenset("：:、,，。.;；()“”\"'‘’《》[]和与及对")
_AFTER = frozenset("：:、,，。.;；()“”\"'‘’《》[]和与及的等")
_LIKENESS = 0.8
_MAX_COMPARED = 5000
#: Names that are compared in full; each may take some milliseconds.
_MAX_MEASURED = 50
_MAX_NAME = 120


class Mention(Enum):
    """How a text speaks of a name."""

    NONE = "none"
    UNCLEAR = "unclear"
    """The name stands within a longer run of letters: perhaps another's name, perhaps not."""
    NAMED = "named"


def requested(lines: Iterable[str], name: str) -> bool:
    """Whether one of the lines is the heading of that folded name: 一、甲公司 or 1. 甲公司（以下简称…）.

    Lines are as `docx_lines` and `parse_page` give them: NFKC, without blanks.
    """
    for line in lines:
        if len(line) < len(name):
            continue
        folded = fold_name(line[:500])
        for heading in {folded, folded[_NUMBERING.match(folded).end() :]}:  # type: ignore[union-attr]
            rest = heading.removeprefix(name)
            if heading.startswith(name) and (rest in ("", ":") or rest.startswith("(以下简称")):
                return True
    return False


def period_end(title: str) -> date | None:
    """The last day a title of requests speaks of: （2026年11月9日—2026年11月13日）; None if it names none."""
    found = re.findall(_DAY, squeezed(title)[:500])
    try:
        return max((parse_date(day) for day in found), default=None)
    except ValueError:
        return None


def mention_of(text: str, name: str) -> Mention:
    """How a decision's text speaks of a folded name. Both are compared folded, never in part for NAMED."""
    folded, place, found = fold_name(text), -1, Mention.NONE
    while name and (place := folded.find(name, place + 1)) >= 0:
        end = place + len(name)
        before = place == 0 or folded[place - 1] in _BEFORE
        after = end == len(folded) or folded[end] in _AFTER
        if before and after:
            return Mention.NAMED
        found = Mention.UNCLEAR
    return found


def names_somebody(title: str) -> bool:
    """Whether a decision's title gives its party in brackets: 行政处罚决定书（张某）, not a number or a year."""
    return re.search(r"\([^()0-9〔]{2,}\)", squeezed(title)) is not None


def near_names(name: str, others: Iterable[str], *, limit: int = 5) -> list[str]:
    """Names much like a folded one and not equal to it, likest first. For a person to look at, and nothing else."""
    found: list[tuple[float, str]] = []
    perhaps: list[tuple[float, str]] = []
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(name[:_MAX_NAME])
    for other in list(dict.fromkeys(others))[:_MAX_COMPARED]:
        if not other or other == name or len(other) > _MAX_NAME:
            continue
        if name in other or (other in name and len(other) * 2 > len(name)):
            found.append((1.0, other))
            continue
        matcher.set_seq1(other)
        if matcher.real_quick_ratio() >= _LIKENESS and (at_most := matcher.quick_ratio()) >= _LIKENESS:
            perhaps.append((at_most, other))
    for _, other in sorted(perhaps, key=lambda item: (-item[0], item[1]))[:_MAX_MEASURED]:
        matcher.set_seq1(other)
        if (likeness := matcher.ratio()) >= _LIKENESS:
            found.append((likeness, other))
    return [other for _, other in sorted(found, key=lambda item: (-item[0], item[1]))[:limit]]


def near_name_detail(found: str, name: str) -> str:
    """What is shown of a near name."""
    return f"{found} is much like {name} and not it: check the name that is asked for"


def decisions_version(channel: str, count: int) -> str:
    """`list_version` of a channel of decisions: its code, and how many decisions were read."""
    return f"{channel}, {count} decisions"
