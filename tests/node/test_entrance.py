"""What a call passes before the API looks at it: key, scope, limit, bounds; and idempotency keys, over real HTTP."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import ValidationError

from oracle.node.access import ACCESS, KEY_SECONDS, PUBLIC_TREES, Access, UnauthenticatedError
from oracle.node.config import HttpConfig
from oracle.node.http_api import create_app
from oracle.node.limits import client_address
from oracle.store.api_keys import ApiKeys, Scope
from oracle.store.sessions import Sessions
from tests.node.running_nodes import ServedNode, bare_node, rows
from tests.samples.dossier import sample_bytes

Serve = Callable[..., AbstractContextManager[ServedNode]]
JSON = {"Content-Type": "application/json"}
#: One for all: making one reads every certificate of the system.
CLIENT = httpx2.Client(trust_env=False, timeout=20)


@contextmanager
def served(folder: Path, **http: Any) -> Iterator[ServedNode]:
    with ExitStack() as stack:
        node = ServedNode(bare_node(folder, **http))
        stack.callback(node.stop)
        yield node


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    limits = dict.fromkeys(("issuer", "auditor", "operator", "anonymous"), 0)
    with served(tmp_path_factory.mktemp("node"), limits=limits, body_seconds=0.4) as found:
        yield found


def call(node: ServedNode, method: str, path: str, key: str | None = None, **more: Any) -> httpx2.Response:
    headers = {**(JSON if method == "POST" else {}), **more.pop("headers", {})}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return CLIENT.request(method, node.url + path, headers=headers, **more)


def count(node: ServedNode) -> int:
    return int(rows(node, "select count(*) from requests")[0][0])


@pytest.mark.parametrize("scope", list(Scope))
def test_scope__every_call__is_let_through_or_403_as_the_table_says(node: ServedNode, scope: Scope) -> None:
    key = node.new_key(scope)
    for (method, path), scopes in ACCESS.items():
        answer = call(node, method, path.replace("{}", "1"), key, content=b"{}" if method == "POST" else None)
        allowed = scopes is None or scope in scopes
        assert (answer.status_code != 403) is allowed, (method, path)
        assert answer.status_code != 401
    assert (call(node, "GET", "/v1/colour", key).status_code == 404) is (scope is Scope.OPERATOR)


def test_table__every_described_call__stands_in_it(node: ServedNode) -> None:
    described = {
        (method.upper(), "/".join("{}" if part.startswith("{") else part for part in path.split("/")))
        for path, operations in create_app(node.node).openapi()["paths"].items()
        for method in operations
    }
    assert {call for call in described if not call[1].startswith(PUBLIC_TREES)} <= set(ACCESS)


@pytest.mark.parametrize("key", (None, "x", "fgk_0123456789ab_" + "0" * 64, "fgk_" + "é" * 3))
def test_key__none_or_not_known__401_and_nothing_stored(node: ServedNode, key: str | None) -> None:
    before = count(node)
    headers = {} if key is None else {"Authorization": f"Bearer {key}".encode()}
    answer = call(node, "POST", "/v1/dossiers", content=sample_bytes(), headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert answer.headers["content-type"] == "application/problem+json"
    assert key is None or len(key) < 4 or key not in answer.text
    assert count(node) == before


def test_key__revoked_or_expired__refused_within_a_second(node: ServedNode) -> None:
    keys, now = ApiKeys(node.node.database.engine), int(time.time())
    kept, key = keys.new("a", [Scope.AUDITOR], now)
    old = keys.new("b", [Scope.AUDITOR], now - 10, now - 1)[1]
    assert call(node, "GET", "/v1/decisions", key).status_code == 200
    assert keys.revoke(kept.id, now)
    assert not keys.revoke(kept.id, now)
    assert call(node, "GET", "/v1/decisions", old).status_code == 401
    end = time.monotonic() + KEY_SECONDS
    while time.monotonic() < end:
        time.sleep(0.1)
    assert call(node, "GET", "/v1/decisions", key).status_code == 401


def test_key__good_a_moment_ago__is_not_looked_up_again_and_not_believed_for_longer(node: ServedNode) -> None:
    keys, now, clock = ApiKeys(node.node.database.engine), int(time.time()), [100.0]
    kept, key = keys.new("a", [Scope.AUDITOR], now)
    short = keys.new("b", [Scope.AUDITOR], now - 10, now + 2)[1]
    access = Access(node.node.config.http, keys, Sessions(node.node.database.engine), lambda: clock[0])
    assert access.known(f"Bearer {key}") is None
    assert access.caller(f"Bearer {key}").key == access.caller(f"bearer {key}").key == kept
    access.caller(f"Bearer {short}")
    keys.revoke(kept.id, now)
    clock[0] += KEY_SECONDS - 0.01
    known = access.known(f"Bearer {key}")
    assert known is not None
    assert known.key == kept
    assert access.known(f"Bearer {key[:-1]}") is None
    assert key not in repr(vars(access))
    while time.time() < now + 2:
        time.sleep(0.05)
    assert access.known(f"Bearer {short}") is None
    clock[0] += 0.01
    assert access.known(f"Bearer {key}") is None
    with pytest.raises(UnauthenticatedError, match="revoked"):
        access.caller(f"Bearer {key}")


def test_key__used__stands_nowhere_in_the_database(node: ServedNode) -> None:
    key = node.new_key(Scope.ISSUER)
    answer = call(node, "POST", "/v1/dossiers", key, content=sample_bytes(), headers={"X-Request-Id": key})
    assert answer.status_code in (200, 201)
    assert answer.headers["x-request-id"] != key
    secret = key.rpartition("_")[2].encode()
    folder = node.node.config.base
    assert [path for path in folder.rglob("*") if path.is_file() and secret in path.read_bytes()] == []
    in_url = call(node, "GET", f"/v1/dossiers/{key}", key)
    assert in_url.status_code == 400
    assert key not in in_url.text


def test_request_id__sane_or_not__is_answered_and_stored(node: ServedNode) -> None:
    for given, kept in (("sane-1.2:x_Y", True), ("x" * 65, False), ("a b", False), ("", False)):
        answer = call(node, "GET", "/v1/dossiers/0x00", node.key, headers={"X-Request-Id": given})
        name = answer.headers["x-request-id"]
        assert (name == given) is kept
        assert answer.json()["requestId"] == name
        assert rows(node, "select count(*) from request_origins where name = ? and api_key = ?", name, node.key[4:16])


def test_idempotency__repeated__same_bytes_also_after_restart_and_other_body_422(tmp_path: Path) -> None:
    body, headers = sample_bytes(), {"Idempotency-Key": "once-1"}
    with served(tmp_path) as first:
        answers = [call(first, "POST", "/v1/dossiers", first.key, content=body, headers=headers) for _ in range(2)]
        assert [item.status_code for item in answers] == [201, 201]
        assert answers[0].content == answers[1].content
        assert answers[1].headers["idempotency-replayed"] == "true"
        other = call(first, "POST", "/v1/dossiers", first.key, content=body + b" ", headers=headers)
        assert (other.status_code, other.json()["type"]) == (422, "urn:filing-gate:problem:key-reused")
        # Another caller's key of the same name is another key.
        assert call(first, "POST", "/v1/dossiers", first.new_key(Scope.ISSUER), content=b"{}", headers=headers).is_error
        key = first.key
    with served(tmp_path) as replica:
        again = call(replica, "POST", "/v1/dossiers", key, content=body, headers=headers)
        assert (again.status_code, again.content) == (201, answers[0].content)


def test_idempotency__both_at_once__one_works_the_other_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path) as node, ThreadPoolExecutor(2) as pool:
        add = node.node.database.add_dossier

        def slow(request_id: int, dossier: Any) -> bool:
            time.sleep(0.6)
            return add(request_id, dossier)

        monkeypatch.setattr(node.node.database, "add_dossier", slow)
        options: dict[str, Any] = {"content": sample_bytes(), "headers": {"Idempotency-Key": "k"}}
        calls = [pool.submit(call, node, "POST", "/v1/dossiers", node.key, **options) for _ in range(2)]
        answers = sorted((item.result() for item in calls), key=lambda item: item.status_code)
        assert [item.status_code for item in answers] == [201, 409]
        assert answers[1].headers["retry-after"] == "1"


def test_limit__used_up__429_with_the_time_to_wait(tmp_path: Path) -> None:
    with served(tmp_path, limits={"auditor": 2, "anonymous": 3}) as node:
        key, other = node.new_key(Scope.AUDITOR), node.new_key(Scope.AUDITOR)
        answers = [call(node, "GET", "/v1/decisions", key) for _ in range(3)]
        assert [item.status_code for item in answers] == [200, 200, 429]
        assert answers[0].headers["ratelimit"] == '"auditor";r=1;t=0'
        assert 1 <= int(answers[2].headers["retry-after"]) <= 30
        assert call(node, "GET", "/v1/decisions", other).status_code == 200
        assert [call(node, "GET", "/healthz").status_code for _ in range(4)] == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    (
        ("DELETE", "/v1/dossiers", 405, "POST"),
        ("OPTIONS", "/v1/decisions/1", 405, "GET, HEAD"),
        ("GET", "/v1/dossiers/" + "x" * 5000, 414, None),
        ("GET", "/v1/dossiers/%00", 400, None),
        ("GET", "/v1/filings?limit=0", 422, None),
        ("GET", "/v1/filings?limit=1&limit=2", 422, None),
        ("GET", "/v1/filings?colour=red", 422, None),
        ("GET", "/v1/decisions?cursor=%2e", 422, None),
        ("GET", "/v1/decisions?cursor=AAAA", 422, None),
    ),
)
def test_request__out_of_bounds__problem_document(
    node: ServedNode, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = call(node, method, path, node.key)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.headers.get("allow") == allow


def test_answer__any__carries_the_headers_of_safety_and_no_server(node: ServedNode) -> None:
    for answer in (call(node, "GET", "/healthz"), call(node, "GET", "/v1/x"), call(node, "HEAD", "/v1/operator")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert (answer.headers["referrer-policy"], answer.headers["cache-control"]) == ("no-referrer", "no-store")
        assert {"server", "strict-transport-security", "access-control-allow-origin"} & set(answer.headers) == set()
    assert (answer.status_code, answer.content) == (200, b"")


def test_body__drips_or_is_no_json_type__refused_in_time_and_not_stored(node: ServedNode) -> None:
    before, parts = count(node), urlsplit(node.url)
    assert call(node, "POST", "/v1/dossiers", node.key, headers={"Content-Type": "text/plain"}).status_code == 415
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as link:
        head = f"POST /v1/dossiers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {node.key}\r\n"
        link.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{".encode())
        began = time.monotonic()
        assert link.recv(100).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < 5
    assert count(node) == before


def test_cors__configured_origin_only__and_tls_in_front_is_said(tmp_path: Path) -> None:
    with served(tmp_path, cors_origins=["https://issuer.example"], behind_tls=True) as node:
        ask = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        good, bad = (
            call(node, "OPTIONS", "/v1/filings", headers={**ask, "Origin": origin})
            for origin in ("https://issuer.example", "https://other.example")
        )
        assert good.headers["access-control-allow-origin"] == "https://issuer.example"
        assert "access-control-allow-origin" not in bad.headers
        assert good.headers["strict-transport-security"].startswith("max-age=")


def test_no_keys__loopback_name_only__everything_is_open(tmp_path: Path) -> None:
    with served(tmp_path, auth="none") as node:
        assert call(node, "GET", "/v1/decisions").status_code == 200
        assert call(node, "GET", "/v1/decisions", headers={"Host": "evil.example"}).status_code == 421
    with pytest.raises(ValidationError, match="loopback"):
        HttpConfig(auth="none", host="0.0.0.0")
    assert HttpConfig(auth="none", host="::1").auth == "none"


def test_metrics__with_the_switch__needs_no_key(node: ServedNode, tmp_path: Path) -> None:
    assert call(node, "GET", "/metrics").status_code == 401
    with served(tmp_path, public_metrics=True) as other:
        assert call(other, "GET", "/metrics").status_code != 401


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    (
        ("9.9.9.9", "1.1.1.1", "9.9.9.9"),
        ("10.0.0.1", "1.1.1.1, 8.8.8.8", "8.8.8.8"),
        ("10.0.0.1", "1.1.1.1, 10.0.0.2", "1.1.1.1"),
        ("10.0.0.1", None, "10.0.0.1"),
    ),
)
def test_client_address__forwarded__is_believed_from_trusted_proxies_only(
    peer: str, forwarded: str | None, expected: str
) -> None:
    assert client_address(peer, forwarded, ["10.0.0.0/8"]) == expected


def test_pages__of_decisions_and_filings__hold_every_row_once(node: ServedNode) -> None:
    database = node.node.database
    for index in range(5):
        request = database.add_request("t", "POST", "/v1/approvals", b"{}")
        name, approved = "0x" + f"{index:064x}", index % 2 == 0
        database.add_decision(request, "approval", name, 1_700_000_000 + index, approved, b"{}")
    found, cursor = [], ""
    while True:
        page = call(node, "GET", f"/v1/decisions?limit=2{cursor}", node.key).json()
        found += page["decisions"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [row["decidedAt"] - 1_700_000_000 for row in found] == [4, 3, 2, 1, 0]
    assert [row["approved"] for row in found] == [True, False, True, False, True]
    assert call(node, "POST", "/v1/dossiers", node.key, content=sample_bytes()).status_code in (200, 201)
    listed = call(node, "GET", "/v1/filings?limit=1", node.key).json()
    assert [row["number"] for row in listed["filings"]] == ["国合函〔2026〕1024号"]
    assert listed["filings"][0]["entityName"] == "示例(上海)充电科技有限公司"
    assert listed["next"] is None
