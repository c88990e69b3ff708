"""Everything public has a comment, and docs/reference/ is made from the comments."""

from __future__ import annotations

import copy
from typing import Any

from scripts.compile import ROOT, compile_project
from scripts.natspec import build, comment_parts, differences, missing, with_gas

SOURCE = "contracts/interfaces/IFilingRegistry.sol"


def sources() -> tuple[dict[str, str], dict[str, Any]]:
    names, made = compile_project()
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in names}, {
        name: made.get(name, {}) for name in names
    }


def test_reference__made_again__equals_the_committed_pages() -> None:
    pages, lacking = build()
    assert lacking == []
    assert differences(pages) == [], "run `python scripts/natspec.py` and commit the result"


def test_differences__page_changed_gone_or_surplus__named() -> None:
    pages, _ = build()
    kept = pages.pop("ITrancheFactory.md")
    assert differences(pages) == ["ITrancheFactory.md: no such contract"]
    assert differences(pages | {"ITrancheFactory.md": kept + "x", "New.md": ""}) == [
        "ITrancheFactory.md: is not what the comments make",
        "New.md: is not what the comments make",
    ]


def test_missing__each_kind_of_hole__named() -> None:
    texts, made = sources()
    spoilt = copy.deepcopy(made)
    output = spoilt[SOURCE]["IFilingRegistry"]
    del output["userdoc"]["methods"]["consume(uint256)"], output["devdoc"]["methods"]["consume(uint256)"]
    del output["devdoc"]["methods"]["canIssue(address,uint256)"]["returns"]["reason"]
    del output["devdoc"]["errors"]["ZeroCap(address)"][0]["params"]["token"]
    del output["userdoc"]["events"]["SuccessorAnnounced(address)"]
    text = texts[SOURCE]
    texts[SOURCE] = text.replace("     * @param dossierHash Hash of the issuer's dossier.\n", "", 1)
    assert missing(texts, spoilt) == [
        f"{SOURCE}: IFilingRegistry.SuccessorAnnounced",
        f"{SOURCE}: IFilingRegistry.ZeroCap: parameter token",
        f"{SOURCE}: IFilingRegistry.canIssue: return value reason",
        f"{SOURCE}: IFilingRegistry.consume",
        f"{SOURCE}: IFilingRegistry.consume: parameter amount",
        f"{SOURCE}: struct FilingApproval: field dossierHash",
    ]


def test_comment_parts__block_and_lines__description_and_fields() -> None:
    block = "/**\n     * @dev One slot.\n     * @param seat Number\n     * of its seat.\n     */"
    assert comment_parts(block) == ("One slot.", {"seat": "Number of its seat."})
    assert comment_parts("/// @dev One\n/// slot.\n") == ("One slot.", {})


def test_with_gas__table__is_replaced() -> None:
    found = with_gas("a\n<!-- gas -->\nold\n<!-- end -->\nb\n", {"mint": 66434})
    assert (
        found
        == "a\n<!-- gas -->\n| what | gas, or bytes of code |\n| --- | --: |\n| mint | 66,434 |\n<!-- end -->\nb\n"
    )
