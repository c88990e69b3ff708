"""What becomes of a secret, and of a text that would forge a line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oracle.node.config import NodeConfig, parse_config
from oracle.node.logs import Redactor, configure_logs, secrets_of

CONFIG = """
name = "operator-1"
[chain]
id = 1
registry = "0x1212121212121212121212121212121212121212"
rpc_url = "https://user:rpc-password@rpc.example.org/v3/0123456789abcdef?apikey=fedcba9876543210"
[[chains]]
id = 2
registry = "0x1212121212121212121212121212121212121212"
rpc_urls_env = ["FIRST_RPC", "SECOND_RPC"]
[[chains]]
id = 3
registry = "0x1212121212121212121212121212121212121212"
rpc_urls = ["https://one.example.org/one-rpc-key", "https://two.example.org/two-rpc-key"]
[key]
keystore = "keystore.json"
password_file = "password"
[store]
url_env = "DB_URL"
[logging]
format = "{format}"
level = "debug"
[[sources]]
type = "csrc"
notice_channels = ["c1"]
"""


ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": "aws-secret",
    "HSM_PIN": "123456",
    "HOME": "/root",
    "FIRST_RPC": "https://rpc.example.org/first-rpc-key",
    "SECOND_RPC": "https://rpc.example.org/second-rpc-key",
    "DB_URL": "postgresql+psycopg://gate:db-password@db/gate",
}


def config(folder: Path, form: str = "json") -> NodeConfig:
    (folder / "password").write_text("from a file\n", "utf-8")
    parsed = parse_config(CONFIG.replace("{format}", form), where="test")
    return parsed.model_copy(update={"base": folder})


@pytest.fixture
def untouched() -> Iterator[None]:
    """Logging as it was before."""
    import sys
    import threading

    root = logging.getLogger()
    kept = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    yield
    root.handlers[:], sys.excepthook, threading.excepthook = kept[0], kept[2], kept[3]
    root.setLevel(kept[1])
    logging.captureWarnings(False)


def written(folder: Path, form: str, name: str, message: str, *arguments: Any, **options: Any) -> str:
    """What one event of a logger becomes."""
    out = io.StringIO()
    configure_logs(config(folder, form), out)
    logging.getLogger(name).warning(message, *arguments, **options)
    return out.getvalue()


def test_secrets__of_configuration_and_environment__all_are_found(tmp_path: Path) -> None:
    found = secrets_of(config(tmp_path), ENVIRONMENT)
    wanted = {"from a file", "aws-secret", "123456", "rpc-password", "db-password"}
    assert wanted | {"0123456789abcdef", "fedcba9876543210"} <= found
    assert {f"{which}-rpc-key" for which in ("first", "second", "one", "two")} <= found
    assert "/root" not in found
    assert "v3" not in found


@pytest.mark.parametrize(
    "text",
    (
        "the word s3cret/ä as it stands",
        "as a URL writes it: s3cret%2F%C3%A4",
        r"as JSON writes it: s3cret/\u00e4",
        "Authorization: Bearer abcdefghij0123",
        "{'authorization': 'Bearer abcdefghij0123'}",
        "Basic abcdefghij0123==",
        "key fgk_abcdefghij0123 is not known",
        "https://me:abcdefghij0123@host/x",
        "https://me:abcdefg@hij0123@host/x",
        "host=db password=abcdefghij0123 user=x",
        "api_key: abcdefghij0123",
    ),
)
def test_redactor__secret_or_its_shape__is_cut_out(text: str) -> None:
    cleaned = Redactor(["s3cret/ä"]).text(text)
    assert "s3cret" not in cleaned
    assert "hij0123" not in cleaned
    assert "…" in cleaned


def test_redactor__what_is_no_secret__stays() -> None:
    text = "TokenNotApproved(token=0x1212121212121212121212121212121212121212) at https://rpc.example.org/v3"
    assert Redactor(["other-secret"]).text(text) == text


@pytest.mark.parametrize("char", ("\n", "\r", "\x1b", "\u202e", "\u2028", "\x00", "\x85", "\ud800"))
@pytest.mark.parametrize("form", ("json", "console"))
@pytest.mark.usefixtures("untouched")
def test_line__forged_by_a_text__stays_one_line(tmp_path: Path, form: str, char: str) -> None:
    text = written(tmp_path, form, "x", "name %s", f"a{char}b", extra={"filing": f"c{char}d"})
    assert text.count("\n") == 1
    assert char not in text.rstrip("\n")
    assert "operator-1" in text


@pytest.mark.usefixtures("untouched")
def test_json__facts_and_trace__stand_under_their_names(tmp_path: Path) -> None:
    try:
        raise ValueError("from a file\nforged")
    except ValueError:
        text = written(tmp_path, "json", "x", "failed", exc_info=True, extra={"password": "p", "rules": ["FILE-1"]})
    line = json.loads(text)
    assert (line["event"], line["level"], line["logger"], line["operator"]) == ("failed", "warning", "x", "operator-1")
    assert line["rules"] == ["FILE-1"]
    assert line["password"] == "…"
    assert line["exception"][0].startswith("Traceback")
    assert "from a file" not in text


@pytest.mark.usefixtures("untouched")
def test_event__that_cannot_be_formatted__shows_no_arguments(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = written(tmp_path, "json", "x", "%d", "from a file")
    assert text == "filing_gate.logs: an event of x could not be written\n"
    assert "from a file" not in "".join(capfd.readouterr())
