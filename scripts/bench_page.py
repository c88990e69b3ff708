"""docs/benchmarks.md: what stands between the marks of a step is made from its result, the rest is written by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from scripts.bench_measure import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "pictures"


@dataclass(frozen=True)
class Section:
    """What one step says on the page: Markdown, and SVG by file name."""

    step: str
    markdown: str
    pictures: dict[str, str]

    @property
    def marks(self) -> tuple[str, str]:
        """The two lines it stands between."""
        return f"<!-- bench:{self.step} -->", f"<!-- /bench:{self.step} -->"


def section(step: str, module: ModuleType, result: dict[str, Any]) -> Section:
    """What a step's module makes of its result."""
    pictures = module.pictures(result) if hasattr(module, "pictures") else {}
    return Section(step, module.page(result).strip(), pictures)


def _filled(page: str, found: Section) -> str | None:
    """The page with this section as it should be; None if the page has no place for it."""
    begin, end = found.marks
    before, begun, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        return None
    return f"{before}{begin}\n{found.markdown}\n{end}{after}"


def write(sections: list[Section], page: Path = PAGE, pictures: Path = PICTURES) -> list[Path]:
    """Fill in the page and its pictures; returns the files that changed. SystemExit if a section has no place."""
    text = page.read_text(encoding="utf-8")
    wanted: dict[Path, str] = {}
    for found in sections:
        filled = _filled(text, found)
        if filled is None:
            raise SystemExit(f"bench: {page.name} lacks the lines {' and '.join(found.marks)}")
        text = filled
        wanted |= {pictures / name: svg for name, svg in found.pictures.items()}
    wanted[page] = text
    changed = [path for path, now in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != now]
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    return changed


def differences(sections: list[Section], page: Path = PAGE, pictures: Path = PICTURES) -> list[str]:
    """Where page or pictures don't say what the results say, one line each."""
    text, lines = page.read_text(encoding="utf-8"), []
    for found in sections:
        if _filled(text, found) != text:
            lines.append(
                f"{page.name}: the section of {found.step} is not that of its result: run scripts/bench.py --page"
            )
        for name, svg in found.pictures.items():
            path = pictures / name
            if not path.is_file() or path.read_text(encoding="utf-8") != svg:
                lines.append(f"{name}: not that of the result of {found.step}")
    return lines
