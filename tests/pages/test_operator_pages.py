"""The operator's and the dossier's pages in a real browser: their main use in both languages, errors, hostile texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from oracle.domain.personal_message import message_digest
from oracle.node.config import ManualSourceConfig
from oracle.signing.keys import KeySigner
from oracle.signing.recovery import recover
from oracle.sources.manual import kept_statements, write_statement
from oracle.sources.manual_statement import ManualFile
from tests.pages.by_hand import ANNA, BO
from tests.pages.shown_world import HOSTILE, HOSTILE_NUMBER, ShownWorld
from tests.samples.dossier import sample_bytes, sample_dossier

pytestmark = pytest.mark.slow

EVE = KeySigner(b"\x77" * 32)
OPERATOR = ("/operator", "/operator/observations", "/operator/suspensions", "/operator/health", "/operator/sessions")


@contextmanager
def signed_in(
    browser: Browser, shown: ShownWorld, *, language: str = "en", width: int = 1440, script: bool = True, key: str = ""
) -> Iterator[Page]:
    """A browser that has signed in by the form. What it complains of fails the test."""
    locale = {"en": "en-GB", "zh": "zh-CN"}[language]
    context = browser.new_context(viewport={"width": width, "height": 900}, locale=locale, java_script_enabled=script)
    complaints: list[str] = []
    try:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.goto(shown.url + "/operator")
        page.fill("#key", key or shown.key)
        page.press("#key", "Enter")
        expect(page.locator(".subbar")).to_be_visible()
        yield page
        assert not [text for text in complaints if "the server responded with a status of" not in text]
        page.goto(shown.url + "/operator")
        page.click(".who button")
        expect(page.locator("#key")).to_be_visible()
        page.goto(shown.url + "/operator")
        expect(page.locator("#key")).to_be_visible()
    finally:
        context.close()


def serious(page: Page) -> list[tuple[str, str]]:
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    found = Axe().run(page).response["violations"]
    return [(item["id"], item["nodes"][0]["html"][:120]) for item in found if item["impact"] in ("serious", "critical")]


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def statement_page(page: Page, shown: ShownWorld) -> str:
    page.goto(shown.url + "/operator/observations")
    address = str(page.locator("main table a").first.get_attribute("href"))
    page.goto(shown.url + address)
    return address


def source_of(shown: ShownWorld) -> tuple[Path, ManualSourceConfig]:
    node = shown.world.nodes[0].node
    source = next(item for item in node.config.sources if isinstance(item, ManualSourceConfig))
    return node.config.path(source.folder), source


def signature(signer: KeySigner, page: Page) -> str:
    return "0x" + signer.sign(message_digest(page.locator("ol.todo pre").nth(1).inner_text())).hex()


@pytest.mark.parametrize(("language", "width"), (("en", 390), ("zh", 1440)))
def test_each_page__fits_is_named_and_accessible(
    shown: ShownWorld, browser: Browser, language: str, width: int
) -> None:
    with signed_in(browser, shown, language=language, width=width) as page:
        found = []
        address = statement_page(page, shown)
        for path in (*OPERATOR, address):
            page.goto(shown.url + path)
            expect(page.locator("h1")).to_have_count(1)
            assert fits(page), path
            # The name of a filing is Chinese in any language.
            named = path == address or (re.search("[㐀-鿿]", page.title()) is not None) is (language == "zh")
            assert named, (path, page.title())
            found += [(path, *item) for item in serious(page)]
        assert not found


@pytest.mark.parametrize(("language", "width"), (("zh", 390), ("en", 1440)))
def test_dossier__empty_form__fits_and_every_fault_is_at_its_field(
    shown: ShownWorld, browser: Browser, language: str, width: int
) -> None:
    with signed_in(browser, shown, language=language, width=width) as page:
        page.goto(shown.url + "/dossier")
        page.fill("#dossierId", HOSTILE[1])
        page.click("p.actions button")
        expect(page.locator("#refused")).to_be_focused()
        count = page.locator("#refused li").count()
        assert count > 100
        told = {"en": "a UUID in lower case", "zh": "应为小写 UUID"}[language]
        expect(page.locator("#dossierId-error1")).to_contain_text(told)
        assert page.input_value("#dossierId") == HOSTILE[1]
        page.click("#refused li a >> nth=2")
        expect(page.locator('[id="filingEntity.nameZh"]')).to_be_in_viewport()
        assert fits(page)
        assert not serious(page)


def test_dossier__without_script__filled_checked_handed_in(shown: ShownWorld, browser: Browser, tmp_path: Path) -> None:
    content = sample_dossier({"reviewedBy": HOSTILE[0], "assets[0].description": HOSTILE[1]})
    wrong = json.loads(json.dumps(content))
    wrong["overseasIssuer"]["jurisdiction"] = "Hong Kong"
    (tmp_path / "wrong.json").write_text(json.dumps(wrong), encoding="utf-8")
    with signed_in(browser, shown, script=False, key=shown.issuer) as page:
        page.goto(shown.url + "/dossier")
        page.click("#load summary")
        page.set_input_files("#file", tmp_path / "wrong.json")
        page.click("#load button")
        expect(page.locator("#refused li")).to_have_count(1)
        field = page.locator('[id="overseasIssuer.jurisdiction"]')
        expect(field).to_have_attribute("aria-invalid", "true")
        officers = page.locator('[id="officers"]')
        rows = officers.locator("fieldset.row").count()
        field.fill("HK")
        officers.locator("summary").click()
        page.click('button[value="add officers"]')
        expect(officers.locator("fieldset.row")).to_have_count(rows + 1)
        page.click(f'button[value="remove officers[{rows}]"]')
        expect(officers.locator("fieldset.row")).to_have_count(rows)
        page.click("p.actions button")
        expect(page.locator("h1")).to_have_text("The dossier is valid")
        name = page.locator("#handed-in").inner_text()
        assert page.locator("table.verdicts tbody tr").count() == 42
        with page.expect_download() as download:
            page.click('button[value="download"]')
        canonical = Path(download.value.path()).read_bytes()
        assert json.loads(canonical) == content
        database = shown.world.nodes[0].node.database
        assert database.dossier(name) is None
        page.click('button[formaction="/dossier/send"]')
        expect(page.locator("h1")).to_have_text("The dossier is handed in")
        kept = database.dossier(name)
        assert kept is not None
        assert kept.canonical() == canonical


def test_dossier__stranger__may_try_and_is_asked_to_sign_in(shown: ShownWorld, browser: Browser) -> None:
    page = browser.new_page(locale="zh-CN")
    try:
        page.goto(shown.url + "/dossier")
        page.click("#load summary")
        page.fill("#text", sample_bytes().decode())
        page.click("#load button")
        expect(page.locator("h1")).to_have_text("材料有效")
        expect(page.locator("table.verdicts").first).to_contain_text("备案")
        expect(page.locator("a[target=_blank]")).to_be_visible()
        assert page.locator('[formaction="/dossier/send"]').count() == 0
        page.click('button[value="again"]')
        expect(page.locator("h1")).to_have_text("材料有效")
        assert not serious(page)
    finally:
        page.close()


def test_observation__signature_of_nobody_of_the_first_and_of_the_second_person(
    shown: ShownWorld, browser: Browser, tmp_path: Path
) -> None:
    folder, source = source_of(shown)
    before = kept_statements(folder, source, recover)
    with signed_in(browser, shown) as page:
        statement_page(page, shown)
        assert page.evaluate("window.hit") is None
        expect(page.locator(".lead")).to_contain_text(HOSTILE[0])
        for given, told in (
            ("", "missing"),
            (HOSTILE[1], "not a signature"),
            ("0x" + "00" * 65, "not a signature"),
            ("{}", "not a signature"),
            (signature(EVE, page), "is not listed"),
            (signature(ANNA, page), "both entered and confirmed"),
        ):
            page.fill("#signature", given)
            page.click("form.card button")
            expect(page.locator("#signature-error")).to_contain_text(told)
            assert page.input_value("#signature") == given
        late = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
        (tmp_path / "late.json").write_text(
            json.dumps({"by": BO.address, "at": late, "signature": "0x" + "11" * 65}), encoding="utf-8"
        )
        page.set_input_files("#file", tmp_path / "late.json")
        page.click("form.card button")
        expect(page.locator("#signature-error")).to_contain_text("a time to come")
        assert kept_statements(folder, source, recover) == before
        page.fill("#signature", signature(BO, page))
        page.click("form.card button")
        expect(page.locator(".callout.good")).to_be_visible()
    [after] = kept_statements(folder, source, recover)
    assert (after.entered, after.confirmed) == ("Anna", "Bo 王")
    file = before[0].file
    assert file is not None
    write_statement(folder, ManualFile(statement=file.statement, entered=file.entered))


def test_observation__file_that_does_not_hold__is_shown_as_a_fault(shown: ShownWorld, browser: Browser) -> None:
    folder, _ = source_of(shown)
    bad = folder / "bad.json"
    bad.write_text(json.dumps({"statement": HOSTILE[0]}), encoding="utf-8")
    try:
        with signed_in(browser, shown, language="zh") as page:
            page.goto(shown.url + "/operator/observations")
            expect(page.locator("main table")).to_contain_text("无效")
    finally:
        bad.unlink()


@pytest.mark.parametrize("language", ("en", "zh"))
def test_suspension__errors_at_their_fields__then_named_with_filing_and_effect(
    shown: ShownWorld, browser: Browser, language: str
) -> None:
    told = {
        "en": ("no filing number", "A reason in one line", "has not come yet", "Nothing has been done yet"),
        "zh": ("不是备案文号", "须填写一行", "尚未到来", "目前尚未执行"),
    }[language]
    with signed_in(browser, shown, language=language, width=390) as page:
        page.goto(shown.url + f"/operator/suspensions?number={quote(HOSTILE[1])}")
        page.fill("#event_on", "2999-01-01")
        page.click("form.card button")
        for name, words in zip(("number", "reason", "event_on"), told, strict=False):
            expect(page.locator(f"#{name}-error")).to_contain_text(words)
        assert page.input_value("#number") == HOSTILE[1]
        page.fill("#number", "国合函〔2026〕9999号")
        page.fill("#reason", HOSTILE[1])
        page.fill("#event_on", "2026-11-01")
        page.click("form.card button")
        expect(page.locator("#number-error")).to_be_visible()
        page.fill("#number", HOSTILE_NUMBER)
        page.click("form.card button")
        expect(page.locator(".lead")).to_contain_text(told[3])
        expect(page.locator("dl.facts")).to_contain_text(HOSTILE_NUMBER)
        expect(page.locator("dl.facts")).to_contain_text(HOSTILE[1])
        assert page.evaluate("window.hit") is None
        assert fits(page)
        assert not serious(page)
        if language == "zh":
            return
        page.click("button.danger")
        expect(page.locator(".callout.good")).to_be_visible()
        page.goto(shown.url + "/operator/suspensions")
        expect(page.locator("main")).to_contain_text(HOSTILE[1])
        assert page.evaluate("window.hit") is None
        assert page.locator("img:not(.brand img)").count() == 0
