"""`dossier new` and `dossier check`: what a person gets wrong is named by file and field, with what to do."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oracle.domain.dossier import parse_dossier
from oracle.domain.template import template_text, unfilled
from oracle.rules.case import SHANGHAI
from tests.cli.command_line import gate, program
from tests.samples.dossier import USCC, changed, sample_bytes, sample_dossier

TODAY = datetime.now(UTC).astimezone(SHANGHAI).date()


def filed(**changes: Any) -> dict[str, Any]:
    """The sample on the real day, since `check` reads the clock."""
    return sample_dossier(changes, today=TODAY)


def written(folder: Path, content: object, name: str = "dossier.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def test_new__fresh_name__writes_the_template(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    answer = gate("dossier", "new", path, "--json")
    assert answer.code == 0
    assert path.read_text(encoding="utf-8") == template_text()
    assert answer.json == {"file": str(path), "toFill": len(unfilled(template_text()))}


def test_new__name_taken__never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("mine", encoding="utf-8")
    answer = gate("dossier", "new", path)
    assert answer.code == 2
    assert answer.line == f"filing-gate: {path}: the file exists (choose another name)"
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ("mine.json", "mine", "mine.TOML"))
def test_new__not_toml__refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    answer = gate("dossier", "new", tmp_path / name)
    assert answer.code == 2
    assert ".toml" in answer.line
    assert list(tmp_path.iterdir()) == []


def test_new__folder_missing__says_so(tmp_path: Path) -> None:
    answer = gate("dossier", "new", tmp_path / "none" / "mine.toml", "--json")
    assert answer.code == 2
    assert answer.json["where"].endswith("mine.toml")
    assert answer.json["remedy"]


def test_check__template_as_it_is__names_lines_and_keys(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    gate("dossier", "new", path)
    text = gate("dossier", "check", path)
    assert text.code == 2
    line, key = unfilled(template_text())[0]
    assert f"line {line} {key}" in text.line
    document = gate("dossier", "check", path, "--json")
    assert document.code == 2
    rows = [(row["line"], row["key"]) for row in document.json["details"]]
    assert rows == unfilled(template_text())


def test_check__good__hashes_verdicts_and_exit_0(tmp_path: Path) -> None:
    path = written(tmp_path, filed())
    answer = gate("dossier", "check", path, "--json", "--out", tmp_path / "canonical.json")
    assert (answer.code, answer.err) == (0, "")
    content = answer.json
    dossier = parse_dossier(path.read_bytes(), what="sample")
    assert content["dossierHash"] == "0x" + dossier.dossier_hash().hex()
    assert re.fullmatch(r"0x[0-9a-f]{64}", content["filing"])
    assert {row["result"] for row in content["verdicts"]} == {"PASS", "INDETERMINATE"}
    assert (tmp_path / "canonical.json").read_bytes() == dossier.canonical()
    text = gate("dossier", "check", path)
    assert text.code == 0
    assert content["dossierHash"] in text.out
    assert "no rule fails" in text.out


def test_check__a_rule_fails__exit_1_and_the_rule_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, filed(**{"assets[0].dispute": "MAJOR"}))
    answer = gate("dossier", "check", path, "--json")
    assert answer.code == 1
    failed = [row["rule"] for row in answer.json["verdicts"] if row["result"] == "FAIL"]
    assert failed
    text = gate("dossier", "check", path)
    assert text.code == 1
    assert all(rule in text.out for rule in failed)


WRONG_CHECK_DIGIT = USCC[:-1] + ("1" if USCC[-1] != "1" else "2")


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    (
        ("filingEntity.uscc", WRONG_CHECK_DIGIT, "check character"),
        ("filingEntity.colour", "red", "unknown key"),
        ("issuePlan.maxIssueAmount.amount", 100.5, "decimal string"),
        ("controlChain", [], "at least 1"),
        ("filing.statusAsOf", "2026-13-40", "date"),
        ("assets[0].titleEvidence", "nothing-1", "no evidence with id nothing-1"),
        ("issuePlan.mintController", "0x52908400098527886E0F7030069857D2E4169Ee7", "checksum"),
    ),
)
def test_check__one_field_wrong__named_with_a_remedy(tmp_path: Path, path: str, value: object, problem: str) -> None:
    file = written(tmp_path, changed(filed(), {path: value}))
    text = gate("dossier", "check", file)
    assert (text.code, text.out) == (2, "")
    assert text.line.startswith(f"filing-gate: {file}: {path}: ")
    assert problem in text.line
    assert "dossier check" in text.line
    document = gate("dossier", "check", file, "--json")
    assert (document.code, document.err) == (2, "")
    assert set(document.json) == {"error", "where", "remedy", "details"}
    assert document.json["where"] == str(file)
    row = next(row for row in document.json["details"] if row["field"] == path)
    assert problem in row["problem"]


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    (
        ("binary.json", random.Random(1).randbytes(5000), "not UTF-8"),
        ("binary.toml", random.Random(1).randbytes(5000), "not TOML"),
        ("large.json", b" " * 3_000_000, "larger than"),
        ("large.toml", b"#" * 3_000_000, "larger than"),
        ("syntax.toml", b'a = 1\nb = = "x"\n', "line 2"),
        ("syntax.json", b'{"a": 1,\n "b" 2}', "line 2"),
        ("twice.json", b'{"schema": "dossier/v1", "schema": "dossier/v1"}', "schema: the key stands twice"),
        ("twice.toml", b"a = 1\na = 2\n", "line 2"),
        ("deep.json", b"[" * 100_000, "nested too deeply"),
        ("nan.json", b'{"a": NaN}', "NaN"),
        ("list.json", b"[]", "not an object"),
        ("empty.json", b"", "not JSON"),
        ("digits.json", b"1" * 10_000, "too long"),
    ),
)
def test_check__file_not_usable__one_line_and_one_document(
    tmp_path: Path, name: str, data: bytes, problem: str
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    text = gate("dossier", "check", file)
    assert (text.code, text.out) == (2, "")
    assert text.line.startswith(f"filing-gate: {file}")
    assert problem in text.line
    assert text.line.endswith(")")
    document = gate("dossier", "check", file, "--json")
    assert (document.code, document.err) == (2, "")
    assert document.json["error"]
    assert document.json["where"].startswith(str(file))
    assert document.json["remedy"]


@pytest.mark.parametrize("name", ("none.json", "none.toml"))
def test_check__no_such_file__says_so(tmp_path: Path, name: str) -> None:
    answer = gate("dossier", "check", tmp_path / name)
    assert answer.code == 2
    assert answer.line == f"filing-gate: {tmp_path / name}: cannot be read: No such file or directory (check the path)"


def test_check__directory__says_so(tmp_path: Path) -> None:
    document = gate("dossier", "check", tmp_path, "--json")
    assert document.code == 2
    assert "is a directory" in document.json["error"]


def test_check__out_cannot_be_written__says_so(tmp_path: Path) -> None:
    file = written(tmp_path, filed())
    answer = gate("dossier", "check", file, "--out", tmp_path / "none" / "canonical.json", "--json")
    assert answer.code == 2
    assert answer.json["where"].endswith("canonical.json")


ESCAPES = "\x1b]0;owned\x07\x1b[2J\u009b31m\u202egpj"


def steers(text: str) -> list[str]:
    """The characters of a text that could steer a terminal."""
    return [char for char in text if not char.isprintable() and char != "\n"]


@pytest.mark.parametrize("as_json", ((), ("--json",)))
def test_check__terminal_escapes__never_reach_the_terminal(tmp_path: Path, as_json: tuple[str, ...]) -> None:
    hostile = filed(**{"filingEntity.nameZh": ESCAPES, "otherProcedures[0].state": "REFUSED"})
    for content in (hostile, {**filed(), ESCAPES: 1}, changed(filed(), {"assets[0].dispute": ESCAPES})):
        file = written(tmp_path, content)
        answer = gate("dossier", "check", file, *as_json)
        assert answer.code in (1, 2)
        assert steers(answer.out + answer.err) == []
    file = tmp_path / f"d{ESCAPES}.json"
    answer = gate("dossier", "check", file, *as_json)
    assert answer.code == 2
    assert steers(answer.out + answer.err) == []
    if as_json:
        assert answer.json["where"] == str(file)


def test_check__text_of_10_kb_in_a_field__the_line_stays_short(tmp_path: Path) -> None:
    file = written(tmp_path, {**filed(), "k" * 10_000: 1})
    answer = gate("dossier", "check", file)
    assert answer.code == 2
    assert len(answer.line) < 1100
    assert len(gate("dossier", "check", file, "--json").json["details"][0]["field"]) == 10_000


def test_check__as_a_program__one_line_and_no_traceback(tmp_path: Path) -> None:
    file = tmp_path / "dossier.json"
    file.write_bytes(sample_bytes({"filingEntity.uscc": WRONG_CHECK_DIGIT}))
    answer = program("dossier", "check", file)
    assert (answer.code, answer.out) == (2, "")
    assert "filingEntity.uscc" in answer.line


def test_check__argument_not_utf8__refused(tmp_path: Path) -> None:
    answer = gate("dossier", "check", tmp_path / "d\udcff.json", "--json")
    assert answer.code == 2
    assert "UTF-8" in answer.json["error"]
