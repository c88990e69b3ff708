"""Are the materials there, and does everybody answer for them who must? (P4, P5)"""

from __future__ import annotations

import math
from datetime import datetime

from oracle.domain.dossier import ControlKind, Controller, Dossier, Evidence, IntermediaryRole
from oracle.rules.case import Case, OfDossier, daily
from oracle.rules.verdict import Basis, DossierRule, Outcome, Rule, failed, passed, unclear

__all__ = ["RULES", "undertakers"]

#: What P4 asks for, and by analogy to Guideline No. 2 of the 2023 regime the opinion.
_NEEDED = {
    "FILING_REPORT": "the filing report (备案报告)",
    "OVERSEAS_MATERIALS": "the full set of overseas issuance materials (境外全套发行资料)",
    "LEGAL_OPINION": "the domestic legal opinion (境内法律意见书)",
}


def doc_1(case: OfDossier) -> Outcome:
    """P4: filing report, full overseas issuance materials and domestic legal opinion are there, by their hash."""
    for kind, name in _NEEDED.items():
        found = [item for item in case.dossier.evidence if item.kind == kind]
        if not found:
            return failed(f"evidence has no {kind}: {name} is missing")
        for item in found:
            if item.size == 0:
                return failed(f"evidence {item.id} ({kind}) has size 0: an empty file is no document")
            if item.issued_on > case.today:
                return failed(f"evidence {item.id} ({kind}) is dated {item.issued_on}, after today, {case.today}")
    lawyers = [item for item in case.dossier.intermediaries if item.role is IntermediaryRole.DOMESTIC_LAWYER]
    cited = {item.opinion for item in lawyers}
    if not any(item.id in cited for item in case.dossier.evidence if item.kind == "LEGAL_OPINION"):
        return unclear("no DOMESTIC_LAWYER of intermediaries cites a LEGAL_OPINION as its opinion: whose it is is open")
    return passed("filing report, overseas issuance materials and domestic legal opinion are there")


def undertakers(dossier: Dossier) -> tuple[tuple[str, str], ...]:
    """Every (role, signer) that must answer for the materials: entity, controllers, officers, intermediaries (P5)."""
    return (
        ("FILING_ENTITY", dossier.filing_entity.uscc),
        *((link.role.value, _name(link)) for link in dossier.control_chain if link.kind is not ControlKind.NONE),
        *(("OFFICER", officer.person_hash) for officer in dossier.officers),
        *((item.role.value, item.id) for item in dossier.intermediaries),
    )


def _name(link: Controller) -> str:
    return link.person_hash or link.uscc or link.foreign_reg or ""


def doc_2(case: Case) -> Outcome:
    """P5: entity, controlling shareholder, actual controller, officers and intermediaries answer for the materials."""
    if daily(case, _last_undertaking) <= case.now:
        return daily(case, _undertaken)
    return _answered(case, case.now)


def _last_undertaking(case: OfDossier) -> float:
    """When the newest undertaking was signed, in seconds since 1970."""
    return max((datetime.fromisoformat(item.at).timestamp() for item in case.dossier.signatures), default=0)


def _undertaken(case: OfDossier) -> Outcome:
    return _answered(case, math.inf)


def _answered(case: OfDossier, now: float) -> Outcome:
    documents: dict[str, Evidence] = {item.id: item for item in case.dossier.evidence}
    made = {(item.role, item.signer): item for item in case.dossier.signatures}
    for role, signer in undertakers(case.dossier):
        undertaking = made.get((role, signer))
        if undertaking is None:
            return failed(f"signatures has no undertaking of {role} {signer}")
        if datetime.fromisoformat(undertaking.at).timestamp() > now:
            return failed(f"signatures: the undertaking of {role} {signer} is dated {undertaking.at}, after now")
        kind = documents[undertaking.evidence].kind
        if kind != "UNDERTAKING":
            return unclear(f"signatures: {role} {signer} signed {undertaking.evidence}, a {kind}, not an UNDERTAKING")
    if not case.dossier.officers:
        return unclear("officers is empty: P5 names directors, supervisors and senior managers; who they are is open")
    return passed(f"{len(undertakers(case.dossier))} undertakings, one of each who answers for the materials")


RULES: tuple[Rule, ...] = (
    DossierRule("DOC-1", "P4", Basis.GUIDELINES, doc_1),
    Rule("DOC-2", "P5", Basis.GUIDELINES, doc_2),
)
