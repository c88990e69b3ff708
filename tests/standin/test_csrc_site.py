"""The stand-in bites: each trap of the real site is really there, and it can be run and steered from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import Request, urlopen

import pytest

from tests.standin.csrc_content import TOKEN_NOTICES, TOKEN_TABLE, channel_id, items_of
from tests.standin.csrc_site import ROOT, CsrcSite, SiteState

COMPANY = "苏州恒信供应链管理有限公司"
NUMBER = "国合函〔2026〕886号"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CsrcSite]:
    with CsrcSite(tmp_path / "state.json") as running:
        yield running


def get(address: str, **headers: str) -> tuple[bytes, str, dict[str, str]]:
    with urlopen(Request(address, headers=headers), timeout=5) as answer:
        return answer.read(), answer.url, dict(answer.headers)


def page_of(site: CsrcSite, code: str, number: int = 1) -> dict:
    query = f"_isAgg=true&_isJson=true&_pageSize=18&_template=index&page={number}"
    answer: dict = json.loads(get(f"{site.url}/searchList/{channel_id(code)}?{query}")[0])
    return dict(answer["data"])


def test_list__page_of_18__with_filler_around(site: CsrcSite) -> None:
    site.publish_notice(number=NUMBER, company=COMPANY, units=10, amount="100", issued_on="2026-11-20")
    pages = [page_of(site, TOKEN_NOTICES, number)["results"] for number in (1, 2, 3, 4)]
    assert [len(rows) for rows in pages] == [18, 18, 10, 0]
    notice = next(row for row in pages[1] if COMPANY in row["title"])
    assert notice["url"].startswith(f"//{site.host}/csrc/c900102/")
    assert notice["channelCodeName"] == TOKEN_NOTICES


def test_list__without_the_json_switch__web_page(site: CsrcSite) -> None:
    assert get(f"{site.url}/searchList/{channel_id(TOKEN_NOTICES)}?page=1")[0].startswith(b"<!DOCTYPE html>")


def test_attachment__cookie_and_referer__both_needed(site: CsrcSite) -> None:
    item = next(item for item in items_of(site.read())[TOKEN_TABLE] if item.table)
    page, file = site.url + item.path, site.url + item.file_path
    body, _, headers = get(page)
    cookie = headers["Set-Cookie"].split(";")[0]
    assert get(file, Cookie=cookie, Referer=page)[0].startswith(b"PK\x03\x04")
    for wrong in ({}, {"Cookie": cookie}, {"Referer": page}, {"Cookie": cookie, "Referer": site.url + "/"}):
        assert get(file, **wrong)[0].startswith(b"<!DOCTYPE html>")
    href = body.decode().split('<p><a href="')[1].split('"')[0]
    assert href.startswith("../../")
    assert urljoin(page, href) == file
    assert get(urljoin(site.url + "/", href))[0].startswith(b"<!DOCTYPE html>")


def test_old_style_address__home_page(site: CsrcSite) -> None:
    item = next(item for item in items_of(site.read())[TOKEN_TABLE] if item.table)
    assert get(f"{site.url}/csrc/{TOKEN_TABLE}/c{item.manuscript_id}/content.shtml")[1] == f"{site.url}/"


def test_removed_notice__404_and_not_listed(site: CsrcSite) -> None:
    manuscript = site.publish_notice(number=NUMBER, company=COMPANY, units=10, amount="100", issued_on="2026-11-20")
    assert get(f"{site.url}/csrc/c900102/c{manuscript}/content.shtml")
    site.remove_notice(NUMBER)
    with pytest.raises(HTTPError, match="404"):
        get(f"{site.url}/csrc/c900102/c{manuscript}/content.shtml")
    assert page_of(site, TOKEN_NOTICES)["total"] == 45


@pytest.mark.parametrize("module", (True, False))
def test_program__started_as_module_or_by_path__answers_and_follows_its_state(tmp_path: Path, module: bool) -> None:
    state = tmp_path / "state.json"
    what = ["-m", "tests.standin.csrc_site"] if module else [str(ROOT / "tests/standin/csrc_site.py")]
    command = [sys.executable, *what, "--state", str(state)]
    with subprocess.Popen(command, cwd=ROOT if module else tmp_path, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        url = running.stdout.readline().strip()
        try:
            SiteState(state).set_row_status(COMPANY, "已接收")
            answer = json.loads(get(f"{url}/getChannelList?channelCode={TOKEN_TABLE}")[0])
            assert answer["results"]["channelId"] == channel_id(TOKEN_TABLE)
        finally:
            running.terminate()


def test_process__of_its_own__starts_and_stops(tmp_path: Path) -> None:
    with CsrcSite(tmp_path / "state.json", process=True) as running:
        assert get(running.url)[0].startswith(b"<!DOCTYPE html>")
    with pytest.raises(OSError, match="refused"):
        get(running.url)
