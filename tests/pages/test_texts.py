"""The two languages say the same things, and the visitor gets the one that was chosen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.requests import Request

from oracle.node.pages.language import catalogue, language_of, translator
from oracle.node.pages.languages_page import local as is_local
from oracle.node.pages.shown import amount, cut, percent, size, span
from oracle.node.register import RowStatus

TEMPLATES = Path("oracle/node/pages/templates")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_KEY = re.compile(r"""\bt\("([a-z_0-9]+\.[A-Za-z_0-9]+)"[,)]""")


def request(accept: str = "", cookie: str = "") -> Request:
    headers = [(b"accept-language", accept.encode()), (b"cookie", cookie.encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers, "query_string": b""})


def test_catalogues__both_languages__same_keys_and_placeholders() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    assert english.keys() == chinese.keys()
    assert len(english) > 200
    for key, text in english.items():
        assert text.strip(), key
        assert chinese[key].strip(), key
        assert set(_PLACEHOLDER.findall(text)) == set(_PLACEHOLDER.findall(chinese[key])), key


def test_catalogues__chinese__is_chinese() -> None:
    chinese = [text for key, text in catalogue("zh").items() if re.search("[㐀-鿿]", text)]
    # Signs like "{n}" alone need none.
    assert len(chinese) > 0.95 * len(catalogue("zh"))


def test_templates__every_text_they_name__is_in_the_catalogue() -> None:
    named = {
        (path.name, key) for path in TEMPLATES.glob("*.html") for key in _KEY.findall(path.read_text(encoding="utf-8"))
    }
    assert len(named) > 100
    assert not [row for row in named if row[1] not in catalogue("en")]
    assert all(f"status.{status.value}" in catalogue("en") for status in RowStatus)


def test_templates__no_script_or_style_in_them() -> None:
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|style=|javascript:|\son[a-z]+=", text), path.name
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path.name
        assert not re.search(r"\|\s*safe\b|autoescape\s+false", text), path.name


@pytest.mark.parametrize(
    ("accept", "cookie", "expected"),
    (
        ("", "", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh"),
        ("en-GB,zh;q=0.5", "", "en"),
        ("fr, zh-TW;q=0.2, en;q=0.1", "", "zh"),
        ("zh;q=0, en;q=0.1", "", "en"),
        ("zh;q=x", "", "en"),
        ("de", "", "en"),
        ("zh", "language=en", "en"),
        ("en", "language=zh", "zh"),
        ("en", "language=xx", "en"),
        (",;=;q=," * 50, "", "en"),
    ),
)
def test_language__what_the_browser_asks__is_chosen(accept: str, cookie: str, expected: str) -> None:
    assert language_of(request(accept, cookie)) == expected


@pytest.mark.parametrize(
    ("target", "local"),
    (
        ("/", True),
        ("/filings/国合函?x=//y", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example", False),
        ("javascript:alert(1)", False),
        ("", False),
        ("/\r\nX: y", False),
    ),
)
def test_language_switch__another_site__is_no_target(target: str, local: bool) -> None:
    assert is_local(target) is local


def test_shown__amounts_shares_and_spans__exact() -> None:
    assert amount(123_456_789, 6) == "123.456789"
    assert amount("1000000000000", 6) == "1,000,000"
    assert amount(10**30 + 1, 18) == "1,000,000,000,000.000000000000000001"
    assert (percent(999_999, 1_000_000), percent(1, 1), percent(0, 0), percent(1, 3)) == ("99.9", "100", "0", "33.3")
    assert [size(count) for count in (0, 1023, 1024, 1536, 2**30 - 1, 2**30, 5 * 2**40, 2**60)] == [
        *("0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1,023.9 MiB", "1.0 GiB", "5.0 TiB", "1,048,576.0 TiB")
    ]
    assert cut("0x" + "ab" * 20, 6, 4) == "0xabab…abab"
    assert cut("short") == "short"
    t = translator("en")
    assert [span(seconds, t) for seconds in (-5, 59, 3_660, 90_000, 400_000)] == [
        "0 s",
        "59 s",
        "1 h 1 min",
        "1 d 1 h",
        "4 days",
    ]
