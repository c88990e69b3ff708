"""Pictures of results as SVG: text, so that a change of a number is a change of a line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 720, 170, 90, 22, 44
_COLOURS = ("#1f5fa8", "#8a8f98", "#b58b3a", "#5b8f6b", "#c9ccd1", "#a05d7a")
_STYLE = 'font-family="system-ui, sans-serif" font-size="12" fill="#333"'


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'


def _page(title: str, height: int, body: Sequence[str]) -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" {_STYLE}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        _text(16, 24, title, weight="600"),
        *body,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def bars(title: str, groups: Mapping[str, Mapping[str, float]], unit: str = "") -> str:
    """Lying bars from zero, one group under the other, all on one scale; the number stands at each bar's end."""
    most = max(value for group in groups.values() for value in group.values()) or 1
    scale, y, body = (_WIDTH - _LEFT - _RIGHT) / most, _TOP, []
    for name, group in groups.items():
        body.append(_text(16, y + 14, name, weight="600"))
        y += _ROW
        for number, (label, value) in enumerate(group.items()):
            body.append(_text(_LEFT - 8, y + 14, label, anchor="end"))
            colour = _COLOURS[number % len(_COLOURS)]
            width = max(value * scale, 1)
            body.append(f'<rect x="{_LEFT}" y="{y + 3}" width="{width:.1f}" height="15" fill="{colour}"/>')
            body.append(_text(_LEFT + width + 6, y + 14, f"{value:,.0f}{unit}"))
            y += _ROW
        y += 8
    return _page(title, y + 8, body)


def lines(title: str, series: Mapping[str, Mapping[float, float]], across: str, up: str) -> str:
    """Curves over a common number, both axes logarithmic; x and y are more than zero."""
    xs = sorted({x for points in series.values() for x in points})
    ys = [y for points in series.values() for y in points.values()]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    high = max(high, low + 1)
    first, last = math.log10(xs[0]), math.log10(xs[-1])
    left, top, width, height = 70, _TOP, _WIDTH - 210, 260

    def at(x: float, y: float) -> tuple[float, float]:
        along = (math.log10(x) - first) / ((last - first) or 1)
        return left + along * width, top + height - (math.log10(y) - low) / (high - low) * height

    body = []
    for power in range(low, high + 1):
        _, y = at(xs[0], 10.0**power)
        body.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" stroke="#e3e5e8"/>')
        body.append(_text(left - 8, y + 4, f"{10.0**power:,g}", anchor="end"))
    for x in xs:
        along, _ = at(x, 10.0**low)
        body.append(_text(along, top + height + 18, f"{x:,g}", anchor="middle"))
    body.append(_text(left + width / 2, top + height + 38, across, anchor="middle"))
    body.append(_text(left, top - 6, up))
    for number, (name, points) in enumerate(series.items()):
        colour, places = _COLOURS[number % len(_COLOURS)], [at(x, y) for x, y in sorted(points.items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        body.append(f'<rect x="{left + width + 16}" y="{top + 20 * number}" width="10" height="10" fill="{colour}"/>')
        body.append(_text(left + width + 32, top + 9 + 20 * number, name))
    return _page(title, top + height + 50, body)
