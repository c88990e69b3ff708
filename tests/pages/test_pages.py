"""The pages over HTTP and in a real browser: what each shows to whom, in both languages, wide and narrow, safely."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from oracle.domain.names import filing_id
from oracle.node.access import scopes_for
from oracle.node.pages.surroundings import PAGE_POLICY
from oracle.node.pages.verify_page import MAX_UPLOAD
from oracle.store.api_keys import Scope
from tests.pages.shown_world import HOSTILE, HOSTILE_NUMBER, ShownWorld
from tests.samples.dossier import ENTITY_NAME, NUMBER, USCC

pytestmark = pytest.mark.slow

CLIENT = httpx2.Client(trust_env=False, timeout=30)
HTML = {"Accept": "text/html"}
BUNDLE = Path("tests/audit/fixtures/bundle-v1.zip")
FILING = f"/filings/{quote(NUMBER)}"
SUSPENDED = f"/filings/{quote('国合函〔2026〕1003号')}"


def get(shown: ShownWorld, path: str, key: str | None = None, **headers: str) -> httpx2.Response:
    own = {**HTML, **headers, **({"Authorization": f"Bearer {key}"} if key else {})}
    return CLIENT.get(shown.url + path, headers=own)


@contextmanager
def opened(
    browser: Browser,
    shown: ShownWorld,
    path: str,
    *,
    key: str | None = None,
    language: str = "en",
    width: int = 1440,
    scheme: Any = "light",
    script: bool = True,
) -> Iterator[Page]:
    """A page in a fresh context. What the browser complains of (policy, script) fails the test."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    locale = {"en": "en-GB", "zh": "zh-CN"}[language]
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        locale=locale,
        color_scheme=scheme,
        java_script_enabled=script,
        extra_http_headers=headers,
    )
    complaints: list[str] = []
    try:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.goto(shown.url + path)
        yield page
        # A status of 404, 422 or 500 is told to the console, too; so is a search that the next key stroke replaced.
        told = re.compile(
            "the server responded with a status of|Response Status Error Code|htmx:(sendAbort|afterRequest)"
        )
        assert not [text for text in complaints if not told.search(text)]
    finally:
        context.close()


def go(page: Page, shown: ShownWorld, path: str, key: str | None) -> None:
    """To another page in the same context, which keeps the style and scripts."""
    page.set_extra_http_headers({"Authorization": f"Bearer {key}"} if key else {})
    page.goto(shown.url + path)


def places(shown: ShownWorld) -> list[tuple[str, str | None]]:
    """Each page once: path and key."""
    return [
        ("/", shown.key),
        ("/", None),
        (FILING, shown.key),
        (SUSPENDED, None),
        (f"/check?token={shown.senior}", None),
        ("/check?token=0x12", None),
        ("/verify", None),
        (f"/evidence/{shown.evidence}", shown.key),
        ("/nothing-here", None),
    ]


# Over HTTP ------------------------------------------------------------------------------------------------------------


def test_every_page__headers__policy_nosniff_language(shown: ShownWorld) -> None:
    for path, key in places(shown):
        answer = get(shown, path, key, **{"Accept-Language": "zh"})
        assert answer.status_code < 500, path
        assert answer.headers["content-security-policy"] == PAGE_POLICY, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["content-language"] == "zh-Hans"
        assert answer.headers["cache-control"] == "no-store"
        assert '<html lang="zh-Hans">' in answer.text
        assert "access-control-allow-origin" not in answer.headers
    assert "unsafe" not in PAGE_POLICY


def test_static_files__address_names_content__kept_for_ever(shown: ShownWorld) -> None:
    found = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', get(shown, "/").text))
    assert len(found) == 4
    for path in found:
        answer = get(shown, path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        plain = get(shown, path, **{"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.content == answer.content
    assert get(shown, "/static/site.0000000000000000.css").status_code == 404


@pytest.mark.parametrize("scope", (None, *Scope))
def test_sight__what_a_page_shows__never_more_than_the_api_gives(shown: ShownWorld, scope: Scope | None) -> None:
    key = {None: None, Scope.ISSUER: shown.issuer, Scope.AUDITOR: shown.auditor, Scope.OPERATOR: shown.key}[scope]
    scopes = {scope} if scope else set()

    def may(path: str) -> bool:
        return bool(scopes & (scopes_for("GET", path) or set()))

    # By the id alone: a number that the visitor brings is shown again.
    filing = "0x" + filing_id(NUMBER).hex()
    for path in ("/", "/filings.csv", f"/filings/{filing}"):
        text = get(shown, path, key).text
        assert filing[:12] in text or may("/v1/filings/1")
        for secret in (NUMBER, ENTITY_NAME, USCC):
            assert (secret in text) is may("/v1/filings/1"), (path, secret)
    page = get(shown, f"/filings/{filing}", key).text
    assert ("FILE-1" in page) is may("/v1/decisions/1")
    assert (f"/evidence/{shown.evidence}" in page) is may("/v1/evidence/1")
    for path in (f"/evidence/{shown.evidence}", f"/evidence/{shown.evidence}/original"):
        assert (get(shown, path, key).status_code == 200) is may("/v1/evidence/1")
    pending = get(shown, f"/filings/{quote('国合函〔2026〕1100号')}", key)
    assert pending.status_code == (200 if may("/v1/filings/1") else 404)


def test_key__unknown__401_page(shown: ShownWorld) -> None:
    answer = get(shown, "/", "fgk_0123456789ab_" + "0" * 64)
    assert answer.status_code == 401
    assert "<h1>" in answer.text


def test_errors__browser_or_program__page_or_problem_document(shown: ShownWorld) -> None:
    page = get(shown, "/nothing-here")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    for path in ("/nothing-here", "/v1/filings/1"):
        answer = CLIENT.get(shown.url + path, headers={"Accept": "application/json"})
        assert answer.headers["content-type"] == "application/problem+json"
    # The API stays the API, whatever a browser asks for.
    assert get(shown, "/v1/filings").headers["content-type"] == "application/problem+json"


def test_register__search_and_filter__as_asked(shown: ShownWorld) -> None:
    def numbers(query: str, key: str | None = shown.key) -> list[str]:
        text = get(shown, f"/?{query}", key).text
        return re.findall(r'<a href="/filings/([^"]+)"', text)

    everything = numbers("")
    assert len(everything) == 7
    assert [quote("国合函〔2026〕886号"), quote("国合函〔2026〕903号")] == everything[:2]
    for words in ("1024", "国合函 [2026] 1024 号", "上海", shown.senior, shown.senior.lower()):
        assert quote(NUMBER) in numbers(f"q={quote(words)}"), words
    assert len(numbers(f"q={USCC}")) == 7
    assert numbers("q=nobody") == []
    assert numbers("status=open") == [quote("国合函〔2026〕886号"), quote(NUMBER)]
    assert numbers("status=pending") == [quote("国合函〔2026〕1100号")]
    assert numbers("status=nonsense&page=9999") == everything
    # A stranger finds by what he has in full only.
    assert numbers("q=1024", None) == []
    assert len(numbers(f"q={quote(NUMBER)}", None)) == 1
    assert len(numbers(f"q={shown.senior}", None)) == 1
    assert numbers("status=pending", None) == []


def test_csv__every_row__no_formula(shown: ShownWorld) -> None:
    answer = get(shown, "/filings.csv", shown.key)
    assert answer.headers["content-disposition"] == 'attachment; filename="filings.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["number"] for row in rows} >= {NUMBER, HOSTILE_NUMBER}
    senior = next(row for row in rows if row["token"] == shown.senior and row["number"] == NUMBER)
    assert (senior["cap"], senior["issued"], senior["status"]) == ("800000000000", "421500000000", "open")
    assert not [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@")]


def test_evidence__hostile_original__text_or_download_only(shown: ShownWorld) -> None:
    page = get(shown, f"/filings/{quote(HOSTILE_NUMBER)}", shown.key).text
    name = re.search(r"/evidence/([0-9a-f]{64})", page)
    assert name is not None
    text = get(shown, f"/evidence/{name[1]}", shown.key).text
    assert "&lt;script&gt;window.hit=1" in text
    assert "<script>window" not in text
    original = get(shown, f"/evidence/{name[1]}/original", shown.key)
    assert original.headers["content-security-policy"].startswith("sandbox; ")
    assert original.headers["content-type"] == "application/octet-stream"
    assert original.headers["content-disposition"].startswith("attachment")
    for missing in ("0" * 64, "..%2f..%2fetc", "A" * 64):
        assert get(shown, f"/evidence/{missing}", shown.key).status_code == 404


@pytest.mark.parametrize(
    ("files", "status", "told"),
    (
        ({}, 422, "Choose a file"),
        ({"other": ("x", b"x")}, 422, "Choose a file"),
        ({"bundle": ("x.zip", b"PK not a bundle")}, 422, "This file is no bundle"),
        ({"bundle": ("x.zip", b"\0" * (MAX_UPLOAD + 1))}, 413, "larger than 16 MB"),
    ),
)
def test_verify__what_is_no_bundle__refused_at_the_field(shown: ShownWorld, files: Any, status: int, told: str) -> None:
    answer = CLIENT.post(shown.url + "/verify", headers=HTML, files=files or {"x": ("", b"")})
    assert answer.status_code == status
    assert told in answer.text


def test_verify__no_form__422(shown: ShownWorld) -> None:
    for headers, body in (({"Content-Type": "multipart/form-data"}, b"x"), ({}, b""), ({"Content-Type": "a/b"}, b"{}")):
        answer = CLIENT.post(shown.url + "/verify", headers={**HTML, **headers}, content=body)
        assert answer.status_code == 422, headers


# In a browser ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ("en", "zh"))
def test_each_page__wide_and_narrow__fits_and_is_named(shown: ShownWorld, browser: Browser, language: str) -> None:
    for width in (390, 1440):
        with opened(browser, shown, "/", language=language, width=width) as page:
            for path, key in places(shown):
                go(page, shown, path, key)
                wide = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
                assert wide[0] <= wide[1], (path, width, wide)
                tops = page.evaluate("[...document.querySelectorAll('.top nav a')].map(link => link.offsetTop)")
                assert len(tops) == 5, path
                assert len(set(tops)) == 1, (path, width)
                expect(page.locator("h1")).to_have_count(1)
                chinese = re.search("[㐀-鿿]", page.title()) is not None
                assert chinese is (language == "zh" or path in (FILING, SUSPENDED)), (path, page.title())


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_each_page__axe__no_serious_finding(shown: ShownWorld, browser: Browser, scheme: str) -> None:
    found = []
    with opened(browser, shown, "/", scheme=scheme, width=390 if scheme == "dark" else 1440) as page:
        for path, key in [*places(shown), ("/verify?report", None)]:
            go(page, shown, path, key)
            if path.endswith("?report"):
                page.set_input_files("#bundle", BUNDLE)
                page.click("form button")
                page.wait_for_selector("#report")
            page.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true })")
            for item in Axe().run(page).response["violations"]:
                if item["impact"] in ("serious", "critical"):
                    found.append((path, item["id"], [node["html"][:120] for node in item["nodes"][:3]]))
    assert not found


def test_axe__a_page_that_is_wrong__is_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><title>x</title><main><input><h1>x</h1></main>")
    assert "label" in [item["id"] for item in Axe().run(page).response["violations"]]
    page.close()


def test_register__typing__filters_without_a_reload(shown: ShownWorld, browser: Browser) -> None:
    with opened(browser, shown, "/", key=shown.key) as page:
        page.evaluate("window.same = true")
        page.locator("#q").press_sequentially("886")
        expect(page.locator("#count")).to_have_text("Filings: 1")
        expect(page.locator("table.register tbody tr")).to_have_count(1)
        assert page.evaluate("window.same")
        assert "q=886" in page.url
        page.fill("#q", "")
        page.select_option("#status", "suspended")
        expect(page.locator("#count")).to_have_text("Filings: 2")


def test_check__refreshed_while_the_node_is_away__says_that_it_may_be_old(shown: ShownWorld, browser: Browser) -> None:
    with opened(browser, shown, f"/check?token={shown.senior}") as page:
        note = page.locator("#unanswered")
        expect(note).to_be_hidden()
        page.route("**/check?*", lambda route: route.fulfill(status=500, body=""))
        page.evaluate("htmx.trigger('#answer', 'refresh')")
        expect(note).to_be_visible()
        page.unroute("**/check?*")
        page.evaluate("htmx.trigger('#answer', 'refresh')")
        expect(note).to_be_hidden()
        expect(page.locator("#answer .callout.good")).to_be_visible()


def test_register__without_script__searches_and_switches_language(shown: ShownWorld, browser: Browser) -> None:
    with opened(browser, shown, "/", key=shown.key, script=False) as page:
        page.fill("#q", "886")
        page.press("#q", "Enter")
        expect(page.locator("table.register tbody tr")).to_have_count(1)
        page.click("text=简体中文")
        expect(page.locator("h1")).to_have_text("备案登记")
        assert page.input_value("#q") == "886"
        page.click("table.register a >> nth=0")
        expect(page.locator("h1")).to_contain_text("886")


def test_keyboard__first_stop__skips_to_the_content(shown: ShownWorld, browser: Browser) -> None:
    with opened(browser, shown, "/") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "q"


@pytest.mark.parametrize(
    ("language", "yes", "until"), (("en", "Yes: this token", "378,500"), ("zh", "可以", "378,500"))
)
def test_check__token_of_an_open_filing__yes_how_much_until_when(
    shown: ShownWorld, browser: Browser, language: str, yes: str, until: str
) -> None:
    with opened(browser, shown, "/check", language=language) as page:
        page.fill("#token", f"  {shown.senior} ")
        page.press("#token", "Enter")
        expect(page.locator("#answer .callout")).to_contain_text(yes)
        expect(page.locator("#answer .callout")).to_contain_text(until)


def test_check__every_reason__in_words(shown: ShownWorld) -> None:
    tokens = shown.world.deployment.tokens
    expected = {
        tokens[4].address: "has expired",
        tokens[6].address: "revoked or completed",
        tokens[8].address: "is suspended",
        "0x" + "12" * 20: "No approval names this token",
    }
    for token, words in expected.items():
        answer = get(shown, f"/check?token={token}")
        assert answer.status_code == 200
        assert words in answer.text, token


@pytest.mark.parametrize(
    ("given", "told"),
    (
        ("", "Enter the address"),
        ("0x12", "This is no address"),
        ("0x" + "aB" * 20, "checksum"),
        (HOSTILE[1], "no address"),
    ),
)
def test_check__what_is_no_address__error_at_the_field(
    shown: ShownWorld, browser: Browser, given: str, told: str
) -> None:
    with opened(browser, shown, f"/check?token={quote(given)}") as page:
        field = page.locator("#token")
        expect(field).to_have_attribute("aria-invalid", "true")
        described = str(field.get_attribute("aria-describedby")).split()
        assert told in page.locator(f"#{described[-1]}").inner_text()
        assert field.input_value() == given


@pytest.mark.parametrize("language", ("en", "zh"))
def test_verify__bundle__each_check_is_shown(shown: ShownWorld, browser: Browser, language: str) -> None:
    with opened(browser, shown, "/verify", language=language, width=390) as page:
        page.set_input_files("#bundle", BUNDLE)
        page.click("form button")
        expect(page.locator("#report .callout.good")).to_be_visible()
        # One row for each kind of check that holds, and one for each that has nothing to go by.
        assert page.locator("#report tbody tr").count() > 15
        page.locator("#report summary").first.click()
        expect(page.locator("#report details[open] li").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_verify__tampered_bundle__says_which_check_fails(shown: ShownWorld, browser: Browser, tmp_path: Path) -> None:
    data = BUNDLE.read_bytes()
    at = data.index(b'"validUntil":') + len(b'"validUntil":')
    (tmp_path / "bad.zip").write_bytes(data[:at] + (b"2" if data[at : at + 1] == b"1" else b"1") + data[at + 1 :])
    with opened(browser, shown, "/verify") as page:
        page.set_input_files("#bundle", tmp_path / "bad.zip")
        page.click("form button")
        expect(page.locator(".error, #report .callout.bad").first).to_be_visible()


def test_filing__all_parts__line_verdicts_sources_signatures(shown: ShownWorld, browser: Browser) -> None:
    with opened(browser, shown, FILING, key=shown.key) as page:
        expect(page.locator("ol.steps li.done")).to_have_count(6)
        expect(page.locator("svg.life circle")).to_have_count(8 + 3)
        assert page.locator("svg.life [style]").count() == 0
        expect(page.locator("#changes + .card tbody tr")).to_have_count(8)
        expect(page.locator("#changes + .card")).to_contain_text("2 of 3 operators")
        page.click("summary")
        assert page.locator("table.verdicts tbody tr").count() == 42
        expect(page.locator("table.verdicts")).to_contain_text("P5")
        page.click("a[href^='/evidence/']")
        expect(page.locator("pre")).to_contain_text(NUMBER)
    with opened(browser, shown, SUSPENDED, key=shown.key, language="zh") as page:
        expect(page.locator(".callout.bad")).to_contain_text("已暂停")
        expect(page.locator("ol.steps li.stopped")).to_have_count(1)


def test_hostile_texts__everywhere__are_text(shown: ShownWorld, browser: Browser) -> None:
    token = shown.world.deployment.tokens[11].address
    paths = [
        ("/", shown.key),
        (f"/filings/{quote(HOSTILE_NUMBER)}", shown.key),
        (f"/check?token={token}", shown.key),
        *((f"/?q={quote(text)}", shown.key) for text in HOSTILE),
        *((f"/check?token={quote(text)}", None) for text in HOSTILE[:2]),
        *((f"/{quote(text, safe='')}", None) for text in HOSTILE[:2]),
        (f"/filings/{quote(HOSTILE[1], safe='')}", None),
        (f"/language/zh?back={quote(HOSTILE[3])}", None),
    ]
    with opened(browser, shown, "/") as page:
        for path, key in paths:
            go(page, shown, path, key)
            assert page.evaluate("window.hit") is None, path
            assert page.locator("img:not(.brand img), iframe, object, svg[onload]").count() == 0, path
            links = page.eval_on_selector_all("a", "found => found.map(link => link.protocol)")
            assert set(links) <= {"http:"}, path
    with opened(browser, shown, f"/filings/{quote(HOSTILE_NUMBER)}", key=shown.key) as page:
        expect(page.locator(".lead")).to_have_text(re.compile(re.escape(HOSTILE[0])))
        expect(page.locator("body")).to_contain_text("{{ 7*7 }}")
