"""Who files: the domestic entity that actually controls the underlying assets (境内备案主体, P4)."""

from __future__ import annotations

from oracle.domain.names import fold_name
from oracle.rules.case import OfDay, OfDossier
from oracle.rules.verdict import Basis, DayRule, DossierRule, Outcome, Rule, failed, passed, unclear

__all__ = ["RULES"]


def ent_1(case: OfDay) -> Outcome:
    """P4: the publication names the filing entity. The code itself is checked where the dossier is read (GB 32100)."""
    own = case.dossier.filing_entity.name_zh
    record = case.standing.record
    if record is None:
        return unclear(f"no publication names the entity of filingEntity.nameZh {own}: {case.standing.reason}")
    if fold_name(record.entity_name) != case.entity_name:
        return failed(f"the publication names {record.entity_name}, filingEntity.nameZh is {own}")
    return passed(f"the publication names {own}")


def ent_2(case: OfDossier) -> Outcome:
    """P4: the filing entity is the one that controls every asset."""
    uscc = case.dossier.filing_entity.uscc
    for asset in case.dossier.assets:
        if asset.controller_uscc != uscc:
            return failed(
                f"assets.controllerUscc of {asset.asset_id} is {asset.controller_uscc}, filingEntity.uscc is {uscc}"
            )
    return passed(f"{uscc} controls all {len(case.dossier.assets)} asset(s)")


RULES: tuple[Rule, ...] = (
    DayRule("ENT-1", "P4", Basis.GUIDELINES, ent_1),
    DossierRule("ENT-2", "P4", Basis.GUIDELINES, ent_2),
)
