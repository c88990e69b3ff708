"""One filing's life as an SVG picture: its windows, what stopped it, and what was minted against each cap.

Pure and deterministic: numbers of the report's JSON in, text out. Every text from outside is escaped. For the audit's
report and for the node's pages, which have words of their own language and show what came before the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

__all__ = ["ENGLISH", "filing_picture", "in_utc"]

_WIDTH = 960
_LEFT, _RIGHT = 150, 20
_ROW = 46
_TOP = 34

#: Kind of a change -> (class of its mark, letter in it).
_MARKS = {
    "APPROVED": ("ok", "A"),
    "RENEWED": ("ok", "R"),
    "SUSPENDED": ("stop", "S"),
    "REVOKED": ("end", "X"),
    "COMPLETED": ("end", "C"),
}

#: The picture's words; another language has the same keys and placeholders.
ENGLISH: Mapping[str, str] = {
    "window": "window",
    "before": "before",
    "may_mint": "may mint from {start} to {end} UTC",
    "change": "{kind} {time} UTC, sequence {sequence}, block {block}",
    "token": "{token}: {issued} of {cap} base units issued, {burned} burned",
    "token_held": "{token}: {issued} of {cap} base units issued",
    "share": "{share} % of its cap",
    "no_cap": "no cap",
    "spoken": "Filing {filing}: now {status}; {changes}; {tokens} tokens",
}


def filing_picture(
    filing: Mapping[str, Any],
    tokens: Sequence[Mapping[str, Any]],
    first: int,
    last: int,
    *,
    words: Mapping[str, str] = ENGLISH,
    before: Sequence[tuple[int, str, str]] = (),
) -> str:
    """The picture of a row of `filings` with its rows of `tokens`; first, last: the time it shows, in seconds.

    A token may have a `label`, and `burned` may be missing. `before` are moments off the chain, (seconds, one letter,
    sentence), on a line of their own. `words` may also have names of kinds, `kind_APPROVED` and so on.
    """
    changes = filing["changes"]
    last = max(last, first + 1)
    span = last - first

    def at(moment: int) -> float:
        inside = min(max(moment, first), last)
        return round(_LEFT + (inside - first) / span * (_WIDTH - _LEFT - _RIGHT), 1)

    line = _ROW if before else 0
    height = _TOP + line + _ROW * (1 + len(tokens)) + 26
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" class="life" xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(_spoken(filing, tokens, words))}</title>",
    ]
    bottom = height - 26
    for number in range(5):
        moment = first + span * number // 4
        x = at(moment)
        anchor = "end" if number == 4 else "middle"
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP - 8}" y2="{bottom}"/>')
        label = _tick(moment, span)
        parts.append(f'<text class="tick" x="{x}" y="{bottom + 16}" text-anchor="{anchor}">{label}</text>')
    for moment, letter, sentence in before:
        parts.append(_mark("past", at(moment), _TOP - 14, letter, sentence))
    if before:
        parts.append(f'<text x="4" y="{_TOP - 10}">{escape(words["before"])}</text>')
    top = _TOP + line
    parts.append(f'<text x="4" y="{top + 16}">{escape(words["window"])}</text>')
    parts += _windows(changes, at, last, top, words)
    for change in changes:
        mark, letter = _MARKS.get(change["kind"], ("end", "?"))
        x = at(change["time"])
        kind = words.get(f"kind_{change['kind']}", change["kind"])
        title = words["change"].format(
            kind=kind, time=in_utc(change["time"]), sequence=change["sequence"], block=change["block"]
        )
        if change.get("reason"):
            title += f": {change['reason']}"
        parts.append(_mark(mark, x, top - 14, letter, title))
    for number, token in enumerate(tokens):
        parts += _issued(token, top + _ROW * (1 + number), at, last, _caps(changes, token["token"]), words)
    return "".join([*parts, "</svg>"])


def _mark(kind: str, x: float, y: int, letter: str, title: str) -> str:
    return (
        f'<g class="{kind}"><title>{escape(title)}</title><circle cx="{x}" cy="{y}" r="8"/>'
        f'<text class="letter" x="{x}" y="{y + 4}" text-anchor="middle">{escape(letter)}</text></g>'
    )


def _windows(changes: Sequence[Mapping[str, Any]], at: Any, last: int, top: int, words: Mapping[str, str]) -> list[str]:
    """A bar for each stretch of time in which minting was allowed."""
    parts = []
    for index, change in enumerate(changes):
        if "validUntil" not in change or change["kind"] not in ("APPROVED", "RENEWED"):
            continue
        start = max(change["time"], change.get("validAfter", 0))
        next_change = changes[index + 1]["time"] if index + 1 < len(changes) else last
        end = min(change["validUntil"], next_change, last)
        if end > start:
            x, width = at(start), max(at(end) - at(start), 1.0)
            title = escape(words["may_mint"].format(start=in_utc(start), end=in_utc(end)))
            parts.append(
                f'<rect class="open" x="{x}" y="{top}" width="{round(width, 1)}" height="22">'
                f"<title>{title}</title></rect>"
            )
    return parts


def _caps(changes: Sequence[Mapping[str, Any]], token: str) -> list[tuple[int, int]]:
    return [
        (change["time"], int(tranche["cap"]))
        for change in changes
        for tranche in change.get("tranches", [])
        if tranche["token"].lower() == token.lower()
    ]


def _issued(
    token: Mapping[str, Any],
    top: int,
    at: Any,
    last: int,
    caps: Sequence[tuple[int, int]],
    words: Mapping[str, str],
) -> list[str]:
    """The cap and what was issued, as steps over time."""
    mints = [(moment, int(amount)) for moment, amount in token["mints"]]
    most = max([1, *(cap for _, cap in caps), *(amount for _, amount in mints)])
    base, tall = top + 32, 28

    def steps(points: Sequence[tuple[int, int]]) -> str:
        x, path = None, ""
        for moment, value in points:
            y = round(base - value / most * tall, 1)
            path += f"M{at(moment)},{base}V{y}" if x is None else f"H{at(moment)}V{y}"
            x = at(moment)
        return path + (f"H{at(last)}" if points else "")

    share = escape(_share(int(token["issued"]), int(token["cap"]), words))
    name = escape(token.get("label") or f"{token['token'][:8]}…{token['token'][-4:]}")
    title = escape(words["token" if "burned" in token else "token_held"].format(**token))
    return [
        f'<g><title>{title}</title><text x="4" y="{top + 20}">{name}</text>',
        f'<text class="tick" x="4" y="{top + 34}">{share}</text>',
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>',
        f'<path class="cap" d="{steps(caps)}"/><path class="issued" d="{steps(mints)}"/></g>',
    ]


def _share(issued: int, cap: int, words: Mapping[str, str]) -> str:
    return words["share"].format(share=f"{issued * 1000 // cap / 10:g}") if cap else words["no_cap"]


def _spoken(filing: Mapping[str, Any], tokens: Sequence[Mapping[str, Any]], words: Mapping[str, str]) -> str:
    kinds = [change["kind"] for change in filing["changes"]]
    counted = ", ".join(
        f"{kinds.count(kind)} × {words.get(f'kind_{kind}', kind.lower())}" for kind in _MARKS if kind in kinds
    )
    return words["spoken"].format(filing=filing["filing"], status=filing["status"], changes=counted, tokens=len(tokens))


def _tick(moment: int, span: int) -> str:
    """A day, and its hour where a few days are all there is."""
    return in_utc(moment, "%Y-%m-%d" if span > 8 * 86_400 else "%m-%d %H:%M")


def in_utc(moment: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A moment in UTC in words; the number of seconds if no calendar has it, as a chain may state any."""
    try:
        return datetime.fromtimestamp(moment, UTC).strftime(form)
    except (OverflowError, ValueError, OSError):
        return str(moment)
