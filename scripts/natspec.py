"""Make docs/reference/ from the comments of contracts/, as the compiler reads them.

    python scripts/natspec.py            write docs/reference/, and the table of gas in docs/contracts.md; 1 if
                                         something public has no comment
    python scripts/natspec.py --check    compare with the committed pages, write nothing; 1 if they differ

Functions, events, errors and constants that our sources declare need a description, and every named parameter and
return value one of its own; so do structs, their fields, and enums. What a contract inherits from a dependency is
listed, not judged. Unnamed parameters are described where they have a name, in the interface.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    # This folder holds an `inspect.py`, a Brownie script; the standard library's must be found first.
    sys.path[0] = str(ROOT)

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.compile import CompileError, compile_project

PAGES = ROOT / "docs" / "reference"
OVERVIEW = ROOT / "docs" / "contracts.md"
GAS = ROOT / "tests" / "contracts" / "gas_snapshot.json"
BEGIN, END = "<!-- gas -->", "<!-- end -->"

_COMMENT = r"(?P<comment>/\*\*(?:(?!\*/).)*\*/|(?:///[^\n]*\n\s*)+)?\s*"
_STRUCT = re.compile(_COMMENT + r"\bstruct (?P<name>\w+) \{(?P<body>[^}]*)\}", re.DOTALL)
_ENUM = re.compile(_COMMENT + r"\benum (?P<name>\w+) \{(?P<body>[^}]*)\}", re.DOTALL)
_DECLARED = re.compile(
    r"^\s*(?:function|event|error) (\w+)\(|^\s*[\w\[\]]+ public (?:constant |immutable )*(\w+)\b", re.MULTILINE
)
_CONTRACT = re.compile(
    r"^(?:abstract )?(?:contract|interface|library) (?P<name>\w+)(?: is (?P<parents>[\w\s,]+))? \{", re.MULTILINE
)
_TYPE = re.compile(r"^(?:struct|contract|enum) (?:\w+\.)?")

Item = Mapping[str, Any]


def comment_parts(comment: str) -> tuple[str, dict[str, str]]:
    """A comment's description and its `@param` entries, each on one line."""
    lines = [
        re.sub(r"^\s*(?:/\*\*|\*/|\*|///)\s?", "", line).removesuffix("*/").strip() for line in comment.split("\n")
    ]
    description, fields = "", {}
    for part in re.split(r"(?=@\w+ )", " ".join(filter(None, lines))):
        tag, _, text = part.partition(" ")
        if tag == "@param":
            name, _, text = text.partition(" ")
            fields[name] = text.strip()
        else:
            description = f"{description} {text if tag.startswith('@') else part}".strip()
    return description, fields


def kinds(source: str) -> Iterator[tuple[str, str, str, dict[str, str], dict[str, str]]]:
    """Structs and enums of a source: kind, name, description, field to type, field to description."""
    for kind, pattern in (("struct", _STRUCT), ("enum", _ENUM)):
        for found in pattern.finditer(source):
            description, described = comment_parts(found["comment"] or "")
            body = re.sub(r"//[^\n]*", "", found["body"])
            if kind == "struct":
                fields = {}
                for entry in filter(str.strip, body.split(";")):
                    of, field = entry.split()
                    fields[field] = of
            else:
                fields = {entry.strip(): "" for entry in body.split(",")}
            yield kind, found["name"], description, fields, described


def kind_of(value: Item) -> str:
    """A parameter's type as the source writes it."""
    return _TYPE.sub("", value.get("internalType", value["type"]))


def signature(item: Item) -> str:
    """An item's name and types, as the compiler's documentation is keyed."""

    def plain(value: Item) -> str:
        kind: str = value["type"]
        if not kind.startswith("tuple"):
            return kind
        return f"({','.join(map(plain, value['components']))}){kind.removeprefix('tuple')}"

    return f"{item['name']}({','.join(map(plain, item['inputs']))})"


def documented(item: Item, output: Item) -> dict[str, Any]:
    """What the comments say of one entry of the ABI: `text`, `params` and `returns`."""
    developer, user = output["devdoc"], output["userdoc"]
    if item["type"] == "constructor":
        key, place = "constructor", "methods"
    else:
        key = signature(item)
        place = {"function": "methods", "event": "events", "error": "errors"}[item["type"]]
    of_developer, of_user = developer.get(place, {}).get(key, {}), user.get(place, {}).get(key, {})
    if place == "errors":
        # An error may be declared more than once; the compiler gives a list.
        of_developer, of_user = (
            [*found, {}][0] if isinstance(found, list) else found for found in (of_developer, of_user)
        )
    if place == "methods" and not of_developer:
        of_developer = developer.get("stateVariables", {}).get(item.get("name", ""), {})
    texts = [of_user.get("notice", ""), of_developer.get("details", "")]
    # An implementation may put the underscore at the other end of a name.
    described = {name.strip("_"): text for name, text in of_developer.get("params", {}).items()}
    returned = of_developer.get("returns", {})
    if "return" in of_developer:
        returned = {"_0": of_developer["return"]}
    return {"text": "\n\n".join(filter(None, texts)), "params": described, "returns": returned}


def declared(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Contract to the names of functions, events, errors and public variables that it has from our sources."""
    own: dict[str, set[str]] = {}
    parents: dict[str, list[str]] = {}
    for text in texts.values():
        for found in _CONTRACT.finditer(text):
            body = text[found.end() :].split("\n}\n")[0]
            own[found["name"]] = {first or second for first, second in _DECLARED.findall(body)}
            parents[found["name"]] = re.findall(r"\w+", found["parents"] or "")

    def with_inherited(name: str) -> set[str]:
        return own[name].union(*(with_inherited(parent) for parent in parents[name] if parent in own))

    return {name: with_inherited(name) for name in own}


def missing(texts: Mapping[str, str], made: Mapping[str, Mapping[str, Item]]) -> list[str]:
    """What has no description, one line each. `texts` are our sources, `made` the compiler's output of them."""
    lines = []
    names = declared(texts)
    for source, text in texts.items():
        for kind, name, description, fields, described in kinds(text):
            if not description:
                lines.append(f"{source}: {kind} {name}")
            lines += [
                f"{source}: {kind} {name}: field {field}"
                for field in fields
                if kind == "struct" and field not in described
            ]
        for contract, output in made[source].items():
            if not {**output["devdoc"], **output["userdoc"]}.get("title") or not output["userdoc"].get("notice"):
                lines.append(f"{source}: {contract}: title or notice")
            for item in output["abi"]:
                if item["type"] != "constructor" and item.get("name") not in names[contract]:
                    continue
                found = documented(item, output)
                where = f"{source}: {contract}.{item.get('name', 'constructor')}"
                # The getter of a variable is described by the variable.
                variable = item["type"] == "function" and _is_variable(item["name"], texts)
                if not found["text"] and (item["type"] != "constructor" or item["inputs"]):
                    lines.append(where)
                lines += [
                    f"{where}: parameter {value['name']}"
                    for value in item.get("inputs", ())
                    if value["name"] and value["name"].strip("_") not in found["params"]
                ]
                lines += [
                    f"{where}: return value {value['name'] or number}"
                    for number, value in enumerate(item.get("outputs", ()))
                    if not variable and (value["name"] or f"_{number}") not in found["returns"]
                ]
    return sorted(set(lines))


def _is_variable(name: str, texts: Mapping[str, str]) -> bool:
    pattern = re.compile(rf" public (?:constant |immutable )*{name}\b")
    return any(pattern.search(text) for text in texts.values())


def tidy(text: str) -> str:
    """Comment text as Markdown: the compiler joins the lines of a list into one."""
    text = re.sub(r"\{(\w+)(?:-(\w+))?\}", lambda found: f"`{'.'.join(filter(None, found.groups()))}`", text)
    text = re.sub(r"(?<=[:;.]) - ", "\n- ", text)
    text = re.sub(r" (?=Requirements(?: beside[^:]*)?:|What it does NOT do:|NOTE:|WARNING:)", "\n\n", text)
    text = re.sub(r" (?=Emits an? )", "\n\n", text)
    return re.sub(r":\n- ", ":\n\n- ", text)


def page(source: str, contract: str, output: Item, text: str, names: set[str]) -> str:
    """The page of one contract."""
    developer, user = output["devdoc"], output["userdoc"]
    lines = [
        f"# {contract}",
        "",
        f"Made from the comments of [`{source}`](../../{source}) by `scripts/natspec.py`; edit those.",
        "",
        *filter(None, (tidy(user.get("notice", "")), "", tidy(developer.get("details", "")))),
        "",
    ]
    for heading, kind in (
        ("Deployment", "constructor"),
        ("Functions", "function"),
        ("Events", "event"),
        ("Errors", "error"),
    ):
        items = [item for item in output["abi"] if item["type"] == kind]
        ours = [item for item in items if kind == "constructor" or item["name"] in names]
        theirs = [item for item in items if item not in ours]
        if not items:
            continue
        lines += [f"## {heading}", ""]
        for item in sorted(ours, key=lambda item: item.get("name", "")):
            lines += _entry(item, documented(item, output))
        if theirs:
            listed = ", ".join(f"`{signature(item)}`" for item in sorted(theirs, key=lambda item: str(item["name"])))
            lines += [f"From OpenZeppelin: {listed}.", ""]
    own = _own_text(text, contract)
    found = list(kinds(own))
    if found:
        lines += ["## Types", ""]
    for kind, name, description, fields, described in found:
        lines += [f"### {kind} {name}", "", tidy(description), ""]
        if kind == "struct":
            lines += ["| field | type | |", "| --- | --- | --- |"]
            lines += [f"| `{field}` | `{of}` | {described.get(field, '')} |" for field, of in fields.items()] + [""]
        else:
            lines += [", ".join(f"`{field}` = {number}" for number, field in enumerate(fields)), ""]
    return "\n".join(lines)


def _own_text(text: str, contract: str) -> str:
    """The part of a source that is one contract's."""
    return next(text[one.end() :].split("\n}\n")[0] for one in _CONTRACT.finditer(text) if one["name"] == contract)


def _entry(item: Item, found: Mapping[str, Any]) -> list[str]:
    values = ", ".join(f"{kind_of(value)} {value['name']}".strip() for value in item["inputs"])
    head = f"{item.get('name', 'constructor')}({values})"
    if item["type"] == "function":
        head += f" {item['stateMutability']}" if item["stateMutability"] != "nonpayable" else ""
    lines = [f"### `{head}`", "", tidy(found["text"]), ""]
    rows = [
        (f"`{value['name']}`", value, found["params"].get(value["name"].strip("_"), ""))
        for value in item["inputs"]
        if value["name"]
    ]
    rows += [
        (
            f"returns `{value['name']}`" if value["name"] else "returns",
            value,
            found["returns"].get(value["name"] or f"_{number}", ""),
        )
        for number, value in enumerate(item.get("outputs", ()))
    ]
    if rows:
        lines += ["| | type | |", "| --- | --- | --- |"]
        lines += [f"| {name} | `{kind_of(value)}` | {text} |" for name, value, text in rows] + [""]
    return lines


def with_gas(overview: str, gas: Mapping[str, int]) -> str:
    """The overview with its table of gas made anew from the snapshot."""
    head, rest = overview.split(BEGIN)
    tail = rest.split(END)[1]
    rows = [f"| {name} | {value:,} |" for name, value in sorted(gas.items())]
    table = "\n".join(["| what | gas, or bytes of code |", "| --- | --: |", *rows])
    return f"{head}{BEGIN}\n{table}\n{END}{tail}"


def build() -> tuple[dict[str, str], list[str]]:
    """File name to text of every page, and what has no description."""
    sources, made = compile_project()
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in sources}
    ours = {name: made.get(name, {}) for name in sources}
    names = declared(texts)
    pages = {}
    listed = []
    for source in sources:
        for contract, output in sorted(ours[source].items()):
            # A library without an entry in the ABI is no more than the inside of another contract.
            if output["abi"]:
                pages[f"{contract}.md"] = page(source, contract, output, texts[source], names[contract])
                listed.append(f"| [{contract}]({contract}.md) | {output['userdoc'].get('notice', '')} |")
    intro = (
        "# The contracts, by their comments\n\nMade by `scripts/natspec.py`. "
        "How they work together: [contracts.md](../contracts.md).\n"
    )
    pages["README.md"] = "\n".join([intro, "| contract | |", "| --- | --- |", *listed, ""])
    return pages, missing(texts, ours)


def differences(pages: Mapping[str, str]) -> list[str]:
    """Names of pages that are not as committed, one line each."""
    there = {path.name: path.read_text(encoding="utf-8") for path in sorted(PAGES.glob("*.md"))}
    lines = [f"{name}: is not what the comments make" for name in sorted(pages) if there.get(name) != pages[name]]
    overview = OVERVIEW.read_text(encoding="utf-8")
    if overview != with_gas(overview, json.loads(GAS.read_text(encoding="utf-8"))):
        lines.append(f"{OVERVIEW.name}: the table of gas is not the snapshot's")
    return lines + [f"{name}: no such contract" for name in sorted(there) if name not in pages]


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make docs/reference/ from the comments of contracts/.")
    parser.add_argument("--check", action="store_true", help="compare with the committed pages, write nothing")
    options = parser.parse_args(argv)
    try:
        pages, lines = build()
    except CompileError as error:
        print(f"natspec: {error}", file=sys.stderr)
        return 2
    lines = [f"no description: {line}" for line in lines]
    if options.check:
        lines += differences(pages)
    else:
        PAGES.mkdir(parents=True, exist_ok=True)
        for stale in PAGES.glob("*.md"):
            if stale.name not in pages:
                stale.unlink()
        for name, text in pages.items():
            (PAGES / name).write_text(text, encoding="utf-8")
        overview = with_gas(OVERVIEW.read_text(encoding="utf-8"), json.loads(GAS.read_text(encoding="utf-8")))
        OVERVIEW.write_text(overview, encoding="utf-8")
    for line in lines:
        print(f"natspec: {line}", file=sys.stderr)
    if not lines:
        print(f"natspec: {len(pages)} pages, everything public is described")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
