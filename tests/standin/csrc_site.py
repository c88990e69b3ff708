"""A stand-in of the regulator's site: the same calls, shapes and traps (regulation 3), steered through a JSON file.

    python -m tests.standin.csrc_site --port 8099 --state state.json
    python tests/standin/csrc_site.py --state state.json          # a free port; the first line of output is its address

`CsrcSite` runs it from Python, in a thread or as a process, and changes its state. The file is read again at each
request, so another program may write it too (whole, by renaming). See README.md for its keys.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from datetime import date
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # started by its path, not with -m
    sys.path.insert(0, str(ROOT))

from tests.standin import csrc_content as content  # noqa: E402

JSON_TYPE = "application/json;charset=UTF-8"
HOME = "<!DOCTYPE html><html><head><title>首页</title></head><body>首页</body></html>"
BLOCKED = "<!DOCTYPE html><html><head><title>提示</title></head><body>您的访问存在风险</body></html>"

#: Where a fault strikes unless its `path` says otherwise (a part of the request's path).
FAULT_PATHS = {
    "500": "/",
    "slow": "/",
    "drip": "/searchList/",
    "html-for-xlsx": ".xlsx",
    "html-for-json": "/searchList/",
    "bad-json": "/searchList/",
    "drift": "/searchList/",
    "huge": "/searchList/",
    "lying-length": "/searchList/",
    "short-body": "/searchList/",
    "gzip": "/searchList/",
    "redirect": "/searchList/",
    "redirect-loop": "/searchList/",
    "total-changes": "/searchList/",
    "page-repeats": "/searchList/",
    "ends-early": "/searchList/",
}


def list_body(channel: str, number: int, size: int, total: int, rows: list[content.Item], host: str) -> bytes:
    """An answer of searchList."""
    data = {
        "page": number,
        "rows": size,
        "total": total,
        "channelId": content.channel_id(channel),
        "channelName": "",
        "results": [content.list_item(item, host) for item in rows],
    }
    return json.dumps({"data": data}, ensure_ascii=False).encode()


class Published:
    """What a state publishes, made once: with thousands of notices it would cost more than the client that asks."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        self.items = content.items_of(state)
        self._by_folder: dict[str, list[content.Item]] = {}
        for item in (item for items in self.items.values() for item in items):
            self._by_folder.setdefault(f"c{item.manuscript_id}", []).append(item)
        self._lists: dict[tuple[str, int, int, str], bytes] = {}

    def near(self, path: str) -> list[content.Item]:
        """The items that an address may be of: their folder's name is a part of it."""
        return [item for part in path.split("/")[:5] for item in self._by_folder.get(part, ())]

    def list_body(self, channel: str, number: int, size: int, host: str) -> bytes:
        """One page of a channel's list."""
        key = (channel, number, size, host)
        if key not in self._lists:
            rows = self.items[channel]
            page = rows[(number - 1) * size : number * size]
            self._lists[key] = list_body(channel, number, size, len(rows), page, host)
        return self._lists[key]


class Handler(BaseHTTPRequestHandler):
    """Answers one request from the state as it is now."""

    protocol_version = "HTTP/1.1"
    # Header and body are two writes; without this each answer would wait for an acknowledgement.
    disable_nagle_algorithm = True
    server: Site

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the site's own record of requests is `Site.requests`."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.host = self.headers.get("Host", "")
        self.published = self.server.published()
        self.state = self.published.state
        self.server.requests.append(self.path)
        self.fault = self._fault(parts.path)
        if not self._struck():
            self._route(parts.path)

    def _fault(self, path: str) -> str | None:
        fault = self.state.get("fault")
        if not fault:
            return None
        kind, where = (fault, None) if isinstance(fault, str) else (fault["kind"], fault.get("path"))
        if (where or FAULT_PATHS[kind]) not in f"{path}?{urlsplit(self.path).query}":
            return None
        if isinstance(fault, dict) and "times" in fault and self.server.struck >= fault["times"]:
            return None
        self.server.struck += 1
        return str(kind)

    def _struck(self) -> bool:
        """Gives the faults that replace the whole answer; True if one did."""
        match self.fault:
            case "500":
                self._send(b"<html>busy</html>", "text/html", status=500)
            case "slow":
                self.server.stopping.wait(self.state.get("slowSeconds", 3))
                self._send(b"{}", "application/json")
            case "drip":
                self._drip()
            case "html-for-xlsx" | "html-for-json":
                self._html(BLOCKED)
            case "bad-json":
                self._send(b'{"data": {"total": 1, "results": [', "application/json")
            case "drift":
                self._json({"data": {"count": 1, "items": []}})
            case "huge":
                self._stream(200_000_000, None)
            case "lying-length":
                self._stream(200_000_000, 100)
            case "short-body":
                self._stream(100, 5000)
            case "gzip":
                self._send(b"\x1f\x8b\x08\x00", "application/json", {"Content-Encoding": "gzip"})
            case "redirect":
                self._send(
                    b"", "text/html", {"Location": self.state.get("redirectTo", "https://example.org/")}, status=302
                )
            case "redirect-loop":
                self._send(b"", "text/html", {"Location": self.path}, status=302)
            case _:
                return False
        return True

    def _route(self, path: str) -> None:
        if path == "/":
            self._html(HOME)
        elif path == "/robots.txt" and "robots" in self.state:
            self._send(self.state["robots"].encode(), "text/plain")
        elif path == "/getChannelList":
            self._channels()
        elif path == "/getLocalList":
            levels = [
                {"channelCode": c, "channelId": content.channel_id(c), "channelName": "备案"}
                for c in content.REAL_CHANNEL
            ]
            self._json({"results": {"channelLevel": levels}})
        elif path.startswith("/searchList/"):
            self._list(path.removeprefix("/searchList/"))
        elif path.endswith("/common_list.shtml"):
            self._html(
                f'<html><body><input id="channelid" value="{content.channel_id(path.split("/")[2])}"></body></html>'
            )
        else:
            self._page_or_file(path)

    def _channels(self) -> None:
        code = self.query.get("channelCode", "")
        known = [entry for entry in content.REAL_CHANNEL if entry not in self.state.get("hiddenChannels", [])]
        described = [{"channelCode": c, "channelId": content.channel_id(c), "displayName": "备案"} for c in known]
        if code in self.state.get("nestedChannels", []):
            found: Any = {
                "channelCode": content.PARENT,
                "channelId": content.channel_id(content.PARENT),
                "children": described,
            }
        else:
            found = next(({**entry, "children": []} for entry in described if entry["channelCode"] == code), None)
        self._json({"code": 200, "results": found})

    def _list(self, wanted: str) -> None:
        items = self.published.items
        channel = next((code for code in items if content.channel_id(code) == wanted), None)
        if channel is None or self.query.get("_isJson") != "true":
            self._html(HOME)
            return
        number, size = int(self.query.get("page", "1")), int(self.query.get("_pageSize", "18"))
        if self.fault is None:
            self._send(self.published.list_body(channel, number, size, self.host), JSON_TYPE)
            return
        shown = 1 if self.fault == "page-repeats" else number
        rows = items[channel][(shown - 1) * size : shown * size]
        if self.fault == "ends-early" and number > 1:
            rows = []
        total = len(items[channel]) + (number - 1 if self.fault == "total-changes" else 0)
        self._send(list_body(channel, number, size, total, rows, self.host), JSON_TYPE)

    def _page_or_file(self, path: str) -> None:
        for item in self.published.near(path):
            if path == item.path and not item.gone:
                session = secrets.token_hex(16)
                self.server.sessions.add(session)
                self._html(content.detail_page(item), {"Set-Cookie": f"csrc_session={session}; Path=/; HttpOnly"})
                return
            if path == item.file_path and (item.table or item.docx):
                self._file(item)
                return
            old_style = f"/csrc/{item.channel}/c{item.manuscript_id}/content.shtml"
            if path == old_style and path != item.path:
                self._send(b"", "text/html", {"Location": "/"}, status=302)
                return
        if path.endswith("/content.shtml"):
            self._html("<html><body>404</body></html>", status=404)
        else:
            self._html(HOME)

    def _file(self, item: content.Item) -> None:
        """The attachment for a visitor who comes from its page with the page's cookie, a web page for anybody else."""
        morsel = SimpleCookie(self.headers.get("Cookie", "")).get("csrc_session")
        known = morsel is not None and morsel.value in self.server.sessions
        if not known or self.headers.get("Referer") != f"http://{self.host}{item.path}":
            self._html(BLOCKED)
            return
        if item.docx:
            kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
            self._send(content.docx_bytes(item.docx), kind)
            return
        assert item.table is not None
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        self._send(content.table_xlsx(*item.table, item.layout), kind)

    def _drip(self) -> None:
        """A byte of the header now and then: no single read takes long, the whole never ends."""
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.server.stopping.wait(0.05):
            try:
                self.wfile.write(b"a")
                self.wfile.flush()
            except OSError:
                return

    def _stream(self, size: int, declared: int | None) -> None:
        """`size` bytes; the declared length may be another, or missing (then the end of the connection is the end)."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if declared is not None:
            self.send_header("Content-Length", str(declared))
        self.send_header("Connection", "close")
        self.end_headers()
        chunk = b" " * 65536
        try:
            while size > 0 and not self.server.stopping.is_set():
                self.wfile.write(chunk[:size])
                self.server.streamed += len(chunk[:size])
                size -= len(chunk)
        except OSError:
            return

    def _json(self, value: Any) -> None:
        self._send(json.dumps(value, ensure_ascii=False).encode(), JSON_TYPE)

    def _html(self, text: str, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self._send(text.encode(), "text/html; charset=utf-8", headers, status)

    def _send(self, body: bytes, kind: str, headers: dict[str, str] | None = None, status: int = 200) -> None:
        sent = dict(headers or {})
        if self.state.get("etags") and status == 200:
            sent["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if self.headers.get("If-None-Match") == sent["ETag"]:
                status, body = 304, b""
                self.server.unchanged.append(self.path)
        headers = sent
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True


class Site(ThreadingHTTPServer):
    """The server. `requests` are the targets asked so far, `struck` counts faults, `streamed` endless bytes."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, state_file: Path) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.state_file = state_file
        self._published: tuple[Any, Published] | None = None
        self._reading = threading.Lock()
        self.sessions: set[str] = set()
        self.requests: list[str] = []
        self.unchanged: list[str] = []
        self.struck = 0
        self.streamed = 0
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def published(self) -> Published:
        """What the state file says now; it is read again when it is another file."""
        with self._reading:
            try:
                found = self.state_file.stat()
                mark: Any = (found.st_ino, found.st_mtime_ns, found.st_size)
            except FileNotFoundError:
                mark = None
            if self._published is None or self._published[0] != mark:
                state = {} if mark is None else json.loads(self.state_file.read_text("utf-8"))
                self._published = (mark, Published(state))
            return self._published[1]


class SiteState:
    """The state file of a running stand-in, wherever it runs. Writes are atomic."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            self._write({"tokenRows": [], "tableAsOf": "2026-11-20", "notices": [], "withdrawals": [], "fault": None})

    def read(self) -> dict[str, Any]:
        """The whole state."""
        state: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        return state

    def set_state(self, **changes: Any) -> None:
        """Replace these keys, keep the others."""
        self._write({**self.read(), **changes})

    def publish_notice(
        self, *, number: str, company: str, units: int, amount: str, issued_on: str | None = None, **more: Any
    ) -> str:
        """Publish a filing notice and give its manuscript id. `amount` in yuan, a decimal string; `issued_on` ISO."""
        state = self.read()
        manuscript_id = str(7_800_000 + len(state["notices"]))
        issued_on = issued_on or date.today().isoformat()  # noqa: DTZ011 - the demo's own day
        notice: dict[str, Any] = {
            "manuscriptId": manuscript_id,
            "number": number,
            "company": company,
            "issuedOn": issued_on,
        }
        notice |= {"units": units, "amount": amount, "withdrawn": False, **more}
        self.set_state(notices=[*state["notices"], notice])
        return manuscript_id

    def withdraw_notice(self, number: str, *, kind: str = "撤销", issued_on: str | None = None, **more: Any) -> None:
        """Publish that the filing is revoked (撤销), recalled (撤回) or terminated (终止). The notice stays up."""
        state = self.read()
        company = next(entry["company"] for entry in state["notices"] if entry["number"] == number)
        issued_on = issued_on or date.today().isoformat()  # noqa: DTZ011 - the demo's own day
        entry = {"manuscriptId": str(7_900_000 + len(state["withdrawals"])), "number": number, "company": company}
        entry |= {"issuedOn": issued_on, "kind": kind, **more}
        self.set_state(withdrawals=[*state["withdrawals"], entry])

    def remove_notice(self, number: str) -> None:
        """Take the notice down: it leaves the list and its page answers 404."""
        notices = [{**n, "withdrawn": True} if n["number"] == number else n for n in self.read()["notices"]]
        self.set_state(notices=notices)

    def set_row_status(self, company: str, status: str | None, **more: Any) -> None:
        """Put the company into the token status table with that 备案状态; None takes it out."""
        rows = [row for row in self.read()["tokenRows"] if row["company"] != company]
        self.set_state(tokenRows=rows if status is None else [*rows, {"company": company, "status": status, **more}])

    def _write(self, state: dict[str, Any]) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".state-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(state, file, ensure_ascii=False, indent=1)
        os.replace(temporary, self.path)


class CsrcSite(SiteState):
    """A running stand-in: in a thread of this program, or as a process of its own (`process=True`)."""

    def __init__(self, state_file: Path, *, process: bool = False, port: int = 0) -> None:
        super().__init__(state_file)
        self._process: subprocess.Popen[str] | None = None
        self.site: Site | None = None
        if process:
            self.url = self._start_process(port)
        else:
            self.site = Site(port, state_file)
            self.url = self.site.url
            self._thread = threading.Thread(target=self.site.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            self._thread.start()

    def _start_process(self, port: int) -> str:
        command = [sys.executable, str(Path(__file__).resolve()), "--port", str(port), "--state", str(self.path)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.startswith("http://"):
            raise RuntimeError(f"the stand-in did not start: {line!r}")
        return line.strip()

    @property
    def pid(self) -> int:
        """The number of the process it runs in."""
        return self._process.pid if self._process is not None else os.getpid()

    @property
    def host(self) -> str:
        """host:port."""
        return self.url.removeprefix("http://")

    def stop(self) -> None:
        """End it and free its port."""
        if self.site:
            self.site.stopping.set()
            self.site.shutdown()
            self.site.server_close()
            self._thread.join(timeout=5)
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=5)
            if self._process.stdout:
                self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--state", type=Path, required=True, help="the JSON file that steers the site")
    arguments = parser.parse_args()
    site = Site(arguments.port, arguments.state)
    print(site.url, flush=True)
    with suppress(KeyboardInterrupt), site:
        site.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
