"""Pictures of the pages for docs/pages/: each in English and Chinese, wide and narrow, light and dark.

    .venv/bin/python scripts/screenshots.py [--out DIR] [--url URL --key KEY] [NAME ...]

Builds a world with three weeks of history (tests/pages/shown_world.py) and looks at it in Chromium; with --url it looks
at a node that runs already. Pictures have a palette of 160 colours, which keeps them small.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.pages.browser import launched
from tests.pages.shown_world import shown_world
from tests.samples.dossier import NUMBER, sample_bytes

OUT = ROOT / "docs" / "pages"
BUNDLE = ROOT / "tests" / "audit" / "fixtures" / "bundle-v1.zip"
MOST_BYTES = 150_000
COLOURS = 160
#: The first statement on the page of observations.
_OBSERVATION = "observation"
_SUSPEND = (("#number", NUMBER), ("#reason", "The charging stations burnt down on 21 November"))
#: Longest part of a page that is pictured, in CSS pixels.
TALLEST = 2_000


@dataclass(frozen=True)
class Place:
    """What to look at. `seen`: with the operator's key; `signed_in`: in a session made with it.

    `files` are given to the page's file field, then it is sent. `fill` is entered by field, then its form is sent.
    """

    name: str
    path: str
    seen: bool = True
    signed_in: bool = False
    files: Path | None = None
    fill: tuple[tuple[str, str], ...] = ()
    widths: tuple[int, ...] = (1440, 390)
    schemes: tuple[str, ...] = ("light",)
    languages: tuple[str, ...] = field(default=("en", "zh"))


def places(senior: str) -> list[Place]:
    """All pages; the second of a pair of widths is a telephone's."""
    return [
        Place("register", "/", schemes=("light", "dark")),
        Place("register-stranger", "/", seen=False, widths=(1440,), languages=("en",)),
        Place("filing", f"/filings/{quote(NUMBER)}", schemes=("light", "dark")),
        Place("check", f"/check?token={senior}"),
        Place("check-error", "/check?token=0x12", widths=(390,)),
        Place("verify", "/verify", files=BUNDLE),
        Place("sessions", "/operator/sessions", seen=False, signed_in=True, widths=(1440,), languages=("en",)),
        Place("dossier", "/dossier", seen=False),
        Place("dossier-errors", "/dossier", seen=False, fill=(("#dossierId", "6F1D2C3B"),)),
        Place("dossier-checked", "/dossier", seen=False, signed_in=True, files=_dossier()),
        Place("sign-in", "/operator/sign-in", seen=False, widths=(390,)),
        Place("operator", "/operator", seen=False, signed_in=True),
        Place("observations", "/operator/observations", seen=False, signed_in=True, widths=(1440,)),
        Place("observation", _OBSERVATION, seen=False, signed_in=True),
        Place("suspensions", "/operator/suspensions", seen=False, signed_in=True),
        Place("suspend", "/operator/suspensions", seen=False, signed_in=True, fill=_SUSPEND),
        Place("health", "/operator/health", seen=False, signed_in=True),
        Place("not-found", "/nothing-here", widths=(1440,), languages=("en",)),
    ]


def _dossier() -> Path:
    path = Path(tempfile.gettempdir()) / "filing-gate-sample-dossier.json"
    path.write_bytes(sample_bytes())
    return path


@dataclass(frozen=True)
class _Looked:
    url: str
    key: str
    senior: str


@contextmanager
def _node(arguments: argparse.Namespace) -> Iterator[_Looked]:
    if arguments.url:
        yield _Looked(arguments.url, arguments.key or "", arguments.token or "")
        return
    with tempfile.TemporaryDirectory(prefix="pages-") as folder, shown_world(Path(folder)) as world:
        yield _Looked(world.url, world.key, world.senior)


def picture(browser: Browser, node: _Looked, place: Place, language: str, width: int, scheme: Any) -> bytes:
    """A PNG of the page from its top, full colour."""
    headers = {"Authorization": f"Bearer {node.key}"} if place.seen and node.key else {}
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        locale="zh-CN" if language == "zh" else "en-GB",
        color_scheme=scheme,
        extra_http_headers=headers,
        reduced_motion="reduce",
    )
    try:
        page = context.new_page()
        if place.signed_in:
            page.goto(node.url + "/operator")
            page.fill("#key", node.key)
            page.press("#key", "Enter")
        if place.path == _OBSERVATION:
            page.goto(node.url + "/operator/observations")
            page.click("main table a >> nth=0")
        else:
            page.goto(node.url + place.path)
        for opener in page.locator("#load > summary").all() if place.files is not None else ():
            opener.click()
        if place.files is not None:
            page.set_input_files("input[type=file]", place.files)
            page.click("#load button" if place.path == "/dossier" else "form button")
        for name, value in place.fill:
            page.fill(name, value)
        if place.fill:
            page.click("main form p.actions button, main form.card button >> nth=0")
        return _shot(page, width)
    finally:
        context.close()


def _shot(page: Page, width: int) -> bytes:
    page.wait_for_load_state("networkidle")
    tall = min(int(page.evaluate("document.documentElement.scrollHeight")), TALLEST)
    page.set_viewport_size({"width": width, "height": tall})
    return page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": tall})


def small(png: bytes) -> bytes:
    """The same picture with a palette."""
    out = BytesIO()
    with Image.open(BytesIO(png)) as found:
        found.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            out, "PNG", optimize=True
        )
    return out.getvalue()


def main() -> int:
    """Write all pictures, or those whose name begins with a NAME."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR")
    parser.add_argument("--url", help="a node that runs")
    parser.add_argument("--key", help="an operator's API key for it")
    parser.add_argument("--token", help="a token to check there")
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with _node(arguments) as node, sync_playwright() as playwright, launched(playwright) as browser:
        for place in places(node.senior):
            if arguments.names and not any(place.name.startswith(name) for name in arguments.names):
                continue
            for scheme in place.schemes:
                for width in place.widths:
                    for language in place.languages:
                        if scheme == "dark" and (width != place.widths[0] or language != place.languages[0]):
                            continue
                        name = "-".join([place.name, language, *(["narrow"] if width < 600 else [])])
                        name += "-dark" if scheme == "dark" else ""
                        began = time.monotonic()
                        data = small(picture(browser, node, place, language, width, scheme))
                        (arguments.out / f"{name}.png").write_bytes(data)
                        print(f"{name}.png  {len(data):,} bytes  {time.monotonic() - began:.1f} s", flush=True)
                        if len(data) >= MOST_BYTES:
                            print(f"  larger than {MOST_BYTES:,} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
