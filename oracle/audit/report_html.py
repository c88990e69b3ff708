"""The audit's report as one HTML file: no script, no outside resource, prints well. Text from outside is escaped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from oracle.audit.findings import FINDINGS
from oracle.chain.filing_picture import filing_picture, in_utc

__all__ = ["MOST_PICTURES", "report_html"]

#: Filings beyond this are listed without a picture; those with findings come first.
MOST_PICTURES = 200

#: Rows of a list that are shown; the JSON has all of them.
MOST_ROWS = 500


def report_html(report: Mapping[str, Any], *, command: str) -> str:
    """The page for a report as `AuditReport.as_json` gives it. `command` says how the report was made."""
    tokens: dict[str, list[Mapping[str, Any]]] = {}
    for token in report["tokens"]:
        tokens.setdefault(token["filing"], []).append(token)
    counts = Counter(finding["id"] for finding in report["findings"])
    subjects = " ".join(finding["subject"] for finding in report["findings"]).lower()

    def touched(filing: Mapping[str, Any]) -> bool:
        names = [filing["filing"], *(token["token"] for token in tokens.get(filing["filing"], []))]
        return any(name.lower() in subjects for name in names)

    filings = sorted(report["filings"], key=lambda filing: not touched(filing))
    lives = [_life(filing, tokens.get(filing["filing"], []), report["lastBlockTime"]) for filing in filings]
    page: str = _template().render(
        report=report,
        command=command,
        title="Audit of the filing gate",
        checks=[_check(name, report["checks"].get(name, 0), counts[name]) for name in sorted({*FINDINGS, *counts})],
        made=sum(report["checks"].values()),
        lives=lives[:MOST_PICTURES],
        more=len(lives) - MOST_PICTURES,
        others=[token for filing, found in tokens.items() for token in found if filing not in _ids(filings)],
        rows=MOST_ROWS,
    )
    return page


def _ids(filings: Sequence[Mapping[str, Any]]) -> set[str]:
    return {filing["filing"] for filing in filings}


def _life(filing: Mapping[str, Any], tokens: Sequence[Mapping[str, Any]], now: int) -> dict[str, Any]:
    times = [change["time"] for change in filing["changes"]] or [now]
    first, last = min(times), max(*times, now)
    # Not S704: filing_picture escapes what it did not write itself.
    return {
        "filing": filing,
        "tokens": tokens,
        "picture": Markup(filing_picture(filing, tokens, first, last)),  # noqa: S704
    }


def _check(name: str, made: int, found: int) -> dict[str, Any]:
    severity, title = FINDINGS.get(name, ("critical", "named by a newer version"))
    result = "deviates" if found else ("holds" if made else "not applicable")
    return {"id": name, "severity": severity, "title": title, "made": made, "found": found, "result": result}


def _utc(moment: int) -> str:
    return f"{in_utc(moment)} UTC"


def _grouped(amount: str) -> str:
    return f"{int(amount):,}"


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("oracle.audit"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"utc": _utc, "grouped": _grouped}
    return environment.get_template("report.html")
