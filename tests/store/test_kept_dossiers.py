"""Dossiers in memory: the bound, who goes first, and that what they share changes none of them."""

from __future__ import annotations

from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier
from oracle.store.kept_dossiers import KeptDossiers
from tests.samples.dossier import sample_parsed


def _dossiers(count: int) -> list[Dossier]:
    return [sample_parsed({"filing.filingNumber": f"国合函〔2026〕{10 + index}号"}) for index in range(count)]


def test_put__more_than_fit__the_longest_unused_go() -> None:
    dossiers = _dossiers(4)
    kept = KeptDossiers(most_bytes=3 * len(dossiers[0].canonical()))
    for index in range(3):
        kept.put(str(index), dossiers[index])
    assert kept.get("0") is dossiers[0]
    kept.put("3", dossiers[3])
    assert [kept.get(str(index)) for index in range(4)] == [dossiers[0], None, dossiers[2], dossiers[3]]


def test_peek__a_round_over_all_of_them__keeps_none_for_longer() -> None:
    dossiers = _dossiers(4)
    kept = KeptDossiers(most_bytes=3 * len(dossiers[0].canonical()))
    for index in range(3):
        kept.put(str(index), dossiers[index])
    assert [kept.peek(str(index)) for index in range(4)] == [*dossiers[:3], None]
    assert kept.peek("0") is dossiers[0]
    kept.put("3", dossiers[3])
    assert [kept.peek(str(index)) for index in range(4)] == [None, *dossiers[1:]]


def test_put__parts_that_set_the_same_fields_share_that__each_stays_as_it_was() -> None:
    first, second = _dossiers(2)
    other = sample_parsed({"filing.validUntil": "2027-11-20"})
    before = [item.canonical() for item in (first, second, other)]
    kept = KeptDossiers()
    for index, item in enumerate((first, second, other)):
        kept.put(str(index), item)
    assert first.model_fields_set is second.model_fields_set
    assert first.filing.model_fields_set is second.filing.model_fields_set
    assert other.filing.model_fields_set == first.filing.model_fields_set | {"valid_until"}
    # A copy that sets more fields than its original has a set of its own.
    copied = first.filing.model_copy(update={"valid_until": None})
    assert copied.model_fields_set is not first.filing.model_fields_set
    written = [
        canonical_bytes(item.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True))
        for item in (first, second, other)
    ]
    assert written == before
