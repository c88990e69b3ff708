"""Signing in to the pages, over real HTTP: sessions, forms that come from elsewhere, scopes, limits, uploads."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from oracle.chain.key_standing import KeyStanding, Standing
from oracle.node.access import PAGES, form_token
from oracle.node.condition import Head
from oracle.node.http_api import create_app
from oracle.node.refreshed import Refreshed
from oracle.store.api_keys import ApiKeys, Scope
from oracle.store.sessions import Sessions
from tests.node.running_nodes import ServedNode, bare_node, rows
from tests.samples.dossier import sample_bytes, sample_dossier


class _Forgetful(httpx2.Client):
    """Keeps no cookie: each request says itself who sends it."""

    def send(self, *args: Any, **kwargs: Any) -> httpx2.Response:
        answer = super().send(*args, **kwargs)
        self.cookies.clear()
        return answer


CLIENT = _Forgetful(trust_env=False, timeout=20)
HTML = {"Accept": "text/html"}
OURS = {**HTML, "Sec-Fetch-Site": "same-origin"}
NO_LIMITS = dict.fromkeys(("issuer", "auditor", "operator", "anonymous", "sign_in"), 0)


@contextmanager
def served(folder: Path, **http: Any) -> Iterator[ServedNode]:
    node = ServedNode(bare_node(folder, **http))
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    with served(tmp_path_factory.mktemp("node"), limits=NO_LIMITS, body_seconds=2) as found:
        yield found


@dataclass
class Person:
    """Somebody signed in: the token of the session, as the cookie has it."""

    node: ServedNode
    token: str
    cookie: str = "session"

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return CLIENT.get(self.node.url + path, headers={**OURS, "Cookie": f"{self.cookie}={self.token}", **headers})

    def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None, **more: Any) -> Any:
        fields = {"form_token": form_token(self.token), **fields}
        own = {**OURS, "Cookie": f"{self.cookie}={self.token}", **(headers or {})}
        return CLIENT.post(self.node.url + path, data=fields, headers=own, **more)


def sign_in(node: ServedNode, key: str, headers: dict[str, str] | None = None, **fields: str) -> httpx2.Response:
    data = urlencode({"key": key, **fields})
    media = {"Content-Type": "application/x-www-form-urlencoded"}
    return CLIENT.post(node.url + "/operator/sign-in", content=data, headers={**OURS, **media, **(headers or {})})


def signed_in(node: ServedNode, *scopes: Scope) -> Person:
    answer = sign_in(node, node.new_key(*scopes))
    assert answer.status_code == 303, answer.text
    found = re.fullmatch(r"session=([0-9a-f_]{77}); (.*)", answer.headers["set-cookie"])
    assert found
    return Person(node, found[1])


def test_sign_in__good_key__a_cookie_that_scripts_and_other_sites_never_get(node: ServedNode) -> None:
    answer = sign_in(node, node.key)
    cookie = answer.headers["set-cookie"]
    assert (answer.status_code, answer.headers["location"]) == (303, "/operator")
    assert {"HttpOnly", "Path=/", "SameSite=strict", "Max-Age=3600"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert node.key not in cookie


def test_sign_in__behind_tls__secure_and_bound_to_the_host(tmp_path: Path) -> None:
    with served(tmp_path, behind_tls=True, session_minutes=5) as found:
        cookie = sign_in(found, found.key).headers["set-cookie"]
        assert re.match(r"__Host-session=[0-9a-f_]{77}; ", cookie)
        assert {"HttpOnly", "Path=/", "SameSite=strict", "Secure", "Max-Age=300"} <= set(cookie.split("; "))
        token = cookie.partition("=")[2].partition(";")[0]
        assert Person(found, token, "__Host-session").get("/operator/sessions").status_code == 200
        assert Person(found, token, "session").get("/operator/sessions").status_code == 303


@pytest.mark.parametrize("key", ("", "x", "fgk_0123456789ab_" + "0" * 64, "fgk_<script>", "é" * 500))
def test_sign_in__unknown_key__401_no_cookie_and_the_key_nowhere(node: ServedNode, key: str) -> None:
    answer = sign_in(node, key)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert not key or len(key) < 2 or key not in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_sign_in__expired_or_revoked_key__refused(node: ServedNode) -> None:
    keys, now = ApiKeys(node.node.database.engine), int(time.time())
    kept, revoked = keys.new("a", [Scope.OPERATOR], now)
    keys.revoke(kept.id, now)
    _, expired = keys.new("b", [Scope.OPERATOR], now - 10, now - 5)
    assert [sign_in(node, key).status_code for key in (revoked, expired)] == [401, 401]


def test_sign_in__a_session_is_brought_along__a_new_token_and_the_old_one_is_dead(node: ServedNode) -> None:
    attacker = signed_in(node, Scope.AUDITOR)
    answer = sign_in(node, node.key, {"Cookie": f"session={attacker.token}"})
    assert answer.status_code == 303
    assert attacker.token not in answer.headers["set-cookie"]
    assert attacker.get("/operator/health").status_code == 303


def test_sign_in__token_that_the_node_never_made__is_not_taken_over(node: ServedNode) -> None:
    planted = "0123456789ab_" + "0" * 64
    answer = sign_in(node, node.key, {"Cookie": f"session={planted}"})
    assert planted not in answer.headers["set-cookie"]
    assert Person(node, planted).get("/operator").status_code == 303


def test_sign_in__too_often__429_until_a_minute_has_passed(tmp_path: Path) -> None:
    with served(tmp_path, limits={"sign_in": 3}) as found:
        statuses = [sign_in(found, "x").status_code for _ in range(4)]
        assert statuses == [401, 401, 401, 429]
        assert sign_in(found, found.key).status_code == 429


@pytest.mark.parametrize(
    "back", ("https://evil.example/", "//evil.example", "/\\evil.example", "/v1/filings", "/operator\n")
)
def test_sign_in__sent_on_elsewhere__goes_to_the_operators_page(node: ServedNode, back: str) -> None:
    assert sign_in(node, node.key, back=back).headers["location"] == "/operator"


def test_key_and_token__after_use__stand_nowhere_on_the_disk(node: ServedNode) -> None:
    key = node.new_key(Scope.OPERATOR)
    answer = sign_in(node, key)
    person = Person(node, answer.headers["set-cookie"].partition("=")[2].partition(";")[0])
    pages = [person.get(path).text for path in ("/operator", "/operator/sessions", "/operator/health")]
    secrets = [key.rpartition("_")[2], person.token.partition("_")[2]]
    assert not [secret for secret in secrets if any(secret in text for text in pages)]
    kept = [path.read_bytes() for path in node.node.config.base.rglob("*") if path.is_file()]
    assert not [secret for secret in secrets if any(secret.encode() in data for data in kept)]


def test_session__expired_signed_out_or_key_revoked__asks_to_sign_in(node: ServedNode) -> None:
    sessions, keys = Sessions(node.node.database.engine), ApiKeys(node.node.database.engine)
    now = int(time.time())
    key, _ = keys.new("a", [Scope.OPERATOR], now - 100)
    over = Person(node, sessions.new(key, now - 100, 99)[1])
    assert over.get("/operator").headers["location"] == "/operator/sign-in?back=%2Foperator"
    person = Person(node, sessions.new(key, now, 600)[1])
    other = Person(node, sessions.new(key, now, 600)[1])
    assert person.get("/operator/sessions").status_code == 200
    out = person.post("/operator/sign-out", {})
    assert (out.status_code, 'session=""' in out.headers["set-cookie"]) == (303, True)
    assert person.get("/operator/sessions").status_code == 303
    assert other.get("/operator/sessions").status_code == 200
    keys.revoke(key.id, now)
    assert other.get("/operator/sessions").status_code == 303
    assert other.post("/operator/suspensions", {"number": "x"}).status_code == 401


def test_session__ended_by_an_operator__is_gone(node: ServedNode) -> None:
    person, other = signed_in(node, Scope.OPERATOR), signed_in(node, Scope.AUDITOR)
    assert other.token[:12] in person.get("/operator/sessions").text
    assert person.post("/operator/sessions", {"session": other.token[:12]}).status_code == 303
    assert other.get("/operator/health").status_code == 303


FORMS = sorted(
    path.replace("{}", "0" * 64) for method, path in PAGES if method == "POST" and path.startswith("/operator")
)


@pytest.mark.parametrize("path", tuple(path for path in FORMS if path != "/operator/sign-in"))
def test_form__token_missing_wrong_or_of_another_session__403_and_nothing_done(node: ServedNode, path: str) -> None:
    person, other = signed_in(node, Scope.OPERATOR), signed_in(node, Scope.OPERATOR)
    before = rows(node, "select count(*) from requests")
    for token in ("", "0" * 64, form_token(other.token), person.token, "é"):
        answer = person.post(path, {"form_token": token, "session": person.token[:12]})
        assert (answer.status_code, "Nothing was changed" in answer.text) == (403, True), token
    assert person.get("/operator/sessions").status_code == 200
    assert rows(node, "select count(*) from requests") == before


@pytest.mark.parametrize("path", (*FORMS, "/dossier", "/dossier/send"))
@pytest.mark.parametrize(
    "headers",
    (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ),
    ids=str,
)
def test_form__from_another_site_or_from_nowhere__403(node: ServedNode, path: str, headers: dict[str, str]) -> None:
    token = signed_in(node, Scope.OPERATOR).token
    own = {**HTML, "Cookie": f"session={token}", "Content-Type": "application/x-www-form-urlencoded", **headers}
    answer = CLIENT.post(node.url + path, content=urlencode({"form_token": form_token(token)}), headers=own)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_form__an_older_browser_names_the_origin__is_taken(node: ServedNode) -> None:
    media = {"Content-Type": "application/x-www-form-urlencoded", **HTML, "Origin": node.url}
    answer = CLIENT.post(node.url + "/operator/sign-in", content=urlencode({"key": node.key}), headers=media)
    assert answer.status_code == 303


def test_pages__key_of_another_scope__403_for_what_its_scope_may_not(node: ServedNode) -> None:
    allowed = {
        Scope.ISSUER: {"/operator"},
        Scope.AUDITOR: {"/operator", "/operator/health"},
        Scope.OPERATOR: {"/operator", "/operator/health", "/operator/observations", "/operator/suspensions"},
    }
    for scope, paths in allowed.items():
        person = signed_in(node, scope)
        for path in allowed[Scope.OPERATOR]:
            assert person.get(path).status_code == (200 if path in paths else 403), (scope, path)
        status = person.post("/operator/suspensions/review", {"number": "x"}).status_code
        assert status == (422 if scope is Scope.OPERATOR else 403)


@pytest.mark.parametrize(("chain", "coin"), ((1, "ETH"), (137, "of the native coin")))
def test_health__balance_and_space__for_people_and_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chain: int, coin: str
) -> None:
    with served(tmp_path) as found:
        head = Head(1, 1, KeyStanding(Standing.MEMBER, ()), 1_234_567_890_123_456_789)
        monkeypatch.setattr(found.node, "relay", SimpleNamespace(address="0x" + "11" * 20))
        monkeypatch.setattr(found.node.condition, "head", Refreshed("head", lambda: head))
        monkeypatch.setattr(found.node.condition, "disks", lambda: {"database": 5 * 2**30 + 2**29, "state": None})
        settings = found.node.config
        there = settings.model_copy(update={"chain": settings.chain.model_copy(update={"id": chain})})
        monkeypatch.setattr(found.node, "config", there)
        text = signed_in(found, Scope.OPERATOR).get("/operator/health").text
    assert f"<dd>1.234567890123456789 {coin} " in text
    assert "1,234,567,890,123,456,789 wei" in text
    assert "<dd>5.5 GiB " in text
    assert "5,905,580,032 bytes" in text


def test_session__at_the_api__is_no_key(node: ServedNode) -> None:
    person = signed_in(node, Scope.OPERATOR)
    for path in ("/v1/filings", "/metrics", "/v1/decisions"):
        assert person.get(path).status_code == 401


def test_pages__stand_in_no_description_of_the_api(node: ServedNode) -> None:
    paths = create_app(node.node).openapi()["paths"]
    assert not [path for path in paths if path.startswith(("/operator", "/dossier"))]


def test_keyless_node__session_without_key__forms_need_its_token(tmp_path: Path) -> None:
    with served(tmp_path, auth="none") as found:
        answer = sign_in(found, "")
        token = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
        person = Person(found, token)
        assert person.get("/operator/sessions").status_code == 200
        assert person.post("/operator/sessions", {"form_token": ""}).status_code == 403
        assert CLIENT.get(found.url + "/operator", headers=OURS).status_code == 303
        assert CLIENT.get(found.url + "/operator", headers={**OURS, "Host": "evil.example"}).status_code == 421


# The dossier ----------------------------------------------------------------------------------------------------------


def load(node: ServedNode, data: bytes, person: Person | None = None, **fields: str) -> httpx2.Response:
    files = {"file": ("dossier", data)}
    headers = {**OURS, **({"Cookie": f"session={person.token}"} if person else {})}
    return CLIENT.post(node.url + "/dossier", data={"do": "load", **fields}, files=files, headers=headers)


def test_dossier__valid_file__tried_and_nothing_is_stored(node: ServedNode) -> None:
    before = rows(node, "select count(*) from requests"), rows(node, "select count(*) from dossiers")
    answer = load(node, sample_bytes())
    assert answer.status_code == 200
    assert "dossierHash" in answer.text
    assert "/dossier/send" not in answer.text
    assert (rows(node, "select count(*) from requests"), rows(node, "select count(*) from dossiers")) == before


def test_dossier__confirmed__stored_as_the_call_and_only_if_it_is_what_was_shown(node: ServedNode) -> None:
    dossier = json.dumps(sample_dossier({"revision": 1, "preparedBy": "somebody else"}))
    person = signed_in(node, Scope.ISSUER)
    shown = load(node, dossier.encode(), person).text
    found = re.search(r'name="hash" value="(0x[0-9a-f]{64})"', shown)
    assert found
    other = person.post("/dossier/send", {"document": dossier, "hash": "0x" + "0" * 64})
    assert other.status_code == 422
    assert rows(node, "select count(*) from dossiers where hash = ?", found[1]) == [(0,)]
    sent = person.post("/dossier/send", {"document": dossier, "hash": found[1]})
    assert (sent.status_code, found[1] in sent.text) == (201, True)
    kept = rows(
        node,
        "select r.path, o.api_key from dossiers d join requests r on r.id = d.request_id "
        "join request_origins o on o.request_id = r.id where d.hash = ?",
        found[1],
    )
    [(path, key)] = kept
    assert (path, key in person.node.url) == ("/v1/dossiers", False)
    assert rows(node, "select scopes from api_keys where id = ?", key) == [("issuer",)]
    assert person.post("/dossier/send", {"document": dossier, "hash": found[1]}).status_code == 200
    auditor = signed_in(node, Scope.AUDITOR)
    assert auditor.post("/dossier/send", {"document": dossier, "hash": found[1]}).status_code == 403
    assert person.post("/dossier/send", {"document": dossier, "hash": found[1], "form_token": ""}).status_code == 403


HOSTILE = "\"'><script>hit()</script>{{7*7}}"


def test_dossier__hostile_values__escaped_at_their_fields_and_kept_as_typed(node: ServedNode) -> None:
    content = sample_dossier(
        {
            "filingEntity.uscc": HOSTILE,
            "assets[0].dispute": HOSTILE,
            "issuePlan.useOfProceeds": HOSTILE,
            "evidence[0].id": HOSTILE,
        }
    )
    content[HOSTILE] = HOSTILE
    answer = load(node, json.dumps(content).encode())
    assert answer.status_code == 422
    assert "<script>hit" not in answer.text
    assert "49" not in re.findall(r"value=\"([^\"]*script[^\"]*)\"", answer.text)
    assert answer.text.count("&lt;script&gt;hit()&lt;/script&gt;{{7*7}}") >= 5
    for name in ("filingEntity.uscc", "assets[0].dispute", "evidence[0].id"):
        assert f'id="{name}-error1"' in answer.text


@pytest.mark.parametrize(
    ("data", "told"),
    (
        (b"{", "not JSON"),
        (b"[]", "an object is expected"),
        (b'{"a": 1, "a": 2}', "stands twice"),
        (b"a = = 1", "neither JSON nor TOML"),
        (b"\xff\xfe\x00", "neither JSON nor TOML"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"assets": [' + b"{}," * 20_000 + b"{}]}", "more than"),
        (b" \n", "Choose a file"),
    ),
)
def test_dossier__what_is_none__one_clear_sentence_at_the_file(node: ServedNode, data: bytes, told: str) -> None:
    answer = load(node, data)
    assert (answer.status_code, told in answer.text) == (422, True)
    assert 'id="file-error"' in answer.text


def test_dossier__pasted_text_that_can_not_be_read__stays_in_its_field(node: ServedNode) -> None:
    answer = CLIENT.post(
        node.url + "/dossier", data={"do": "load", "text": "{ not <json>", "preparedBy": "Anna"}, headers=OURS
    )
    assert "{ not &lt;json&gt;</textarea>" in answer.text
    assert 'name="preparedBy" value="Anna"' in answer.text


def test_dossier__too_large_or_too_many_fields_or_damaged__refused(node: ServedNode) -> None:
    assert load(node, b"x" * 3_600_000).status_code == 413
    headers = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}
    many = CLIENT.post(node.url + "/dossier", content="a=1&" * 10_001, headers=headers)
    damaged = CLIENT.post(
        node.url + "/dossier",
        content=b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n",
        headers={**OURS, "Content-Type": "multipart/form-data; boundary=x"},
    )
    plain = CLIENT.post(node.url + "/dossier", content=b"{}", headers={**OURS, "Content-Type": "text/plain"})
    assert [answer.status_code for answer in (many, damaged, plain)] == [400, 400, 415]


def test_dossier__download__the_canonical_bytes_as_a_file(node: ServedNode) -> None:
    text = sample_bytes().decode()
    answer = CLIENT.post(node.url + "/dossier", data={"do": "download", "document": text}, headers=OURS)
    assert answer.headers["content-disposition"].startswith('attachment; filename="dossier-')
    assert answer.headers["content-type"] == "application/octet-stream"
    assert json.loads(answer.content) == json.loads(text)


def test_dossier__row_added_without_a_script__what_was_typed_stays(node: ServedNode) -> None:
    answer = CLIENT.post(
        node.url + "/dossier", data={"do": "add officers", "officers[0].role": "董事长 <b>"}, headers=OURS
    )
    assert answer.status_code == 200
    assert 'name="officers[0].role" value="董事长 &lt;b&gt;"' in answer.text
    assert 'name="officers[1].role" value=""' in answer.text
