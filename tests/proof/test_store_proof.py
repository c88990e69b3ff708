"""What a decision rests on is derived again from stored bytes alone, for every type of source and kind of sighting."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from oracle.audit.evidence_check import Sighting, StoreProof, prove_store
from oracle.audit.log_check import Fetch
from oracle.audit.replay import parse_decision, replay
from oracle.audit.witness import NodeWitness
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import parse_dossier
from oracle.domain.filing import AdverseKind, FilingQuery, Observation, ObservationKind, Party
from oracle.domain.lifecycle import LifeCycle
from oracle.errors import InputError, UnreachableError
from oracle.evidence.store import EvidenceStore
from oracle.rules.case import query_for
from oracle.sources.parsed_again import read_settings, settings_bytes
from tests.cli.command_line import gate
from tests.proof.every_source import EverySource, every_source
from tests.samples.dossier import ENTITY_NAME, NUMBER

BOTH = FilingQuery(number=NUMBER, entity_name=ENTITY_NAME)
TYPES = ("csrc/1", "registry-file/1", "http-json/1", "manual/1", "screening/1")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EverySource]:
    with every_source(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture(scope="module")
def seen(world: EverySource) -> tuple[Observation, ...]:
    """What was seen in three visits: as it was set up, with a row in the table, and after a withdrawal."""
    first = world.observe()
    world.site.set_row_status(ENTITY_NAME, "征求意见")
    second = world.observe()
    world.site.withdraw_notice(NUMBER, kind="撤回")
    third = world.observe()
    kinds = (ObservationKind.STATUS_TABLE, ObservationKind.WITHDRAWAL)
    return (*first, *(item for item in (*second, *third) if item.kind in kinds))


@pytest.fixture(scope="module")
def decision(world: EverySource, seen: tuple[Observation, ...]) -> bytes:
    return world.decide(seen)


def subjects(proof: StoreProof) -> list[str]:
    return [finding.subject for finding in proof.check.findings]


def test_prove__decision_on_every_source__all_parsed_again(
    world: EverySource, seen: tuple[Observation, ...], decision: bytes
) -> None:
    assert {item.parser_version for item in seen} == set(TYPES)
    assert {item.kind for item in seen if item.parser_version == "csrc/1"} == {
        *(set(ObservationKind) - {ObservationKind.ABSENCE, ObservationKind.FAILURE})
    }
    proof = prove_store(world.store)
    assert proof.check.findings == []
    assert proof.check.counts["parsedAgain"] == proof.check.counts["observations"] == len(seen)
    assert "bytesOnly" not in proof.check.counts
    assert proof.check.counts["captures.restedOn"] > 5
    assert proof.check.counts["captures.robots"] > 0


def served(world: EverySource, asked: list[str], hidden: str = "") -> Fetch:
    """What a node's API answers of this store; `hidden` is a part of the paths at which it has nothing."""

    def get(path: str) -> bytes | None:
        asked.append(path)
        place, _, query = path.partition("?")
        name = place.rpartition("/")[2]
        if hidden and hidden in path:
            return b'{"captures": []}' if place == "/v1/captures" else None
        if place == "/v1/captures":
            given = dict(parse_qsl(query))
            moment = datetime.strptime(given["at"], "%Y%m%dT%H%M%S%z")
            return canonical_bytes({"captures": world.store.captures(given["address"], moment, given.get("payload"))})
        if place.startswith("/v1/dossiers/"):
            return canonical_bytes(world.dossier)
        try:
            return world.store.get(name)
        except InputError:
            return None

    return get


def faults(world: EverySource, decision: bytes, fetch: Fetch) -> dict[str, str]:
    """Kind of fault by the observation's place, for what a node gives."""
    read = NodeWitness(fetch).read(decision)
    asked = query_for(parse_dossier(canonical_bytes(world.dossier), what="sample"))
    found = {item.place: read.fault(item, asked) for item in read.seen_in(parse_decision(decision, what="decision"))}
    return {place: fault.kind for place, fault in found.items() if fault is not None}


def test_node__decision_on_every_source__origins_and_all_pages_are_served(world: EverySource, decision: bytes) -> None:
    asked: list[str] = []
    assert faults(world, decision, served(world, asked)) == {}
    assert len(asked) == len(set(asked)) < 150
    screened = [item for item in asked if item.startswith("/v1/captures") and "payload" not in item]
    assert screened, "pages of a list that no observation names"
    page = screened[0].split("address=")[1][:64]
    # Another observation is of that page itself, and so lacks its origin.
    assert set(faults(world, decision, served(world, [], page)).values()) == {"absent", "origin"}


def test_node__that_hides_its_captures__no_origin_holds(world: EverySource, decision: bytes) -> None:
    found = faults(world, decision, served(world, [], "/v1/captures"))
    assert set(found.values()) == {"origin"}
    assert len(found) > 5


@pytest.mark.parametrize(
    "answer", ([], {}, {"captures": "x"}, {"captures": ["../node.db"]}, {"captures": ["0" * 64] * 21})
)
def test_node__answer_that_is_no_list_of_captures__one_error(
    world: EverySource, decision: bytes, answer: object
) -> None:
    true = served(world, [])

    def get(path: str) -> bytes | None:
        return canonical_bytes(answer) if path.startswith("/v1/captures") else true(path)

    with pytest.raises(UnreachableError, match="not a list of captures"):
        NodeWitness(get).read(decision)


def test_replay__decision_on_every_source__same_bytes_offline(
    world: EverySource, decision: bytes, tmp_path: Path
) -> None:
    signed = parse_decision(decision, what="decision")
    dossier = parse_dossier(canonical_bytes(world.dossier), what="sample")
    again = replay(signed.document, {"0x" + dossier.dossier_hash().hex(): dossier})
    assert again.differences == ()
    assert canonical_bytes(again.document) == canonical_bytes(signed.document)
    path = tmp_path / "decision.json"
    path.write_bytes(decision)
    answer = gate("replay", path, "--evidence", world.store, "--json")
    assert (answer.code, answer.json["identical"], answer.json["evidence"]) == (0, True, []), answer


def test_prove__a_byte_changed_in_any_file__finding_names_it(
    world: EverySource, decision: bytes, tmp_path: Path
) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(str(world.store), copy)
    files = sorted(path for path in copy.glob("??/*") if path.read_bytes())
    assert len(files) > 30
    for path in files:
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert {path.name for path in files} <= set(subjects(prove_store(EvidenceStore(copy))))


@pytest.mark.parametrize("parser", TYPES)
def test_prove__what_one_sighting_rests_on_changed_or_gone__decision_names_that_sighting(
    world: EverySource, decision: bytes, tmp_path: Path, parser: str
) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(str(world.store), copy)
    observations = parse_decision(decision, what="decision").document["case"]["observations"]
    number, item = next((n, item) for n, item in enumerate(observations) if item["parserVersion"] == parser)
    payload = item.get("attachmentSha256") or item["sha256"]
    for name in (payload, *world.store.warcs_of(payload)):
        path = copy / name[:2] / name
        if path.exists():
            path.write_bytes(path.read_bytes()[:-1])
    proof = prove_store(EvidenceStore(copy), decisions={"it": decision}, only="it")
    assert f"it observations[{number}]" in subjects(proof)
    shutil.rmtree(copy / payload[:2], ignore_errors=True)
    for name in world.store.warcs_of(payload):
        (copy / name[:2] / name).unlink(missing_ok=True)
    proof = prove_store(EvidenceStore(copy), decisions={"it": decision}, only="it")
    assert f"it observations[{number}]" in subjects(proof)


#: How an operator might state something else than the bytes say, by the kind of sighting.
LIES: dict[ObservationKind, dict[str, Any]] = {
    ObservationKind.NOTICE: {"as_of": date(2020, 1, 1)},
    ObservationKind.WITHDRAWAL: {"status": LifeCycle.FILED},
    ObservationKind.STATUS_TABLE: {"status": LifeCycle.FILED, "raw_status": "已备案"},
    ObservationKind.SUPPLEMENT: {"as_of": date(2020, 1, 1)},
    ObservationKind.ADVERSE: {"party": Party(name="别人有限公司")},
    ObservationKind.SCREENED: {"party": Party(name=ENTITY_NAME)},
    ObservationKind.UNSCREENED: {"party": Party(name="别人有限公司")},
    ObservationKind.NEAR_NAME: {"detail": "another name"},
}


def test_prove__operator_signs_what_the_bytes_do_not_say__each_observation_named(
    world: EverySource, seen: tuple[Observation, ...], tmp_path: Path
) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(str(world.store), copy)
    liar = EverySource(world.folder, world.config, EvidenceStore(copy), world.site, world.dossier)
    lies = [item.model_copy(update=LIES[item.kind]) for item in seen]
    # Who is sanctioned by a list that names nobody of the filing: the party is no lie there, the kind is.
    lies = [
        item.model_copy(update={"kind": ObservationKind.ADVERSE, "matched_by": "NAME"})
        if item.source == "sanctions" or item.adverse is AdverseKind.MARKET_BAN
        else item
        for item in lies
    ]
    data = liar.decide(tuple(lies))
    name = "the lie"
    proof = prove_store(liar.store, decisions={name: data}, only=name)
    told = {subject.removeprefix(f"{name} ") for subject in subjects(proof) if subject.startswith(name)}
    assert told == {f"observations[{number}]" for number in range(len(lies))}
    assert not proof.check.counts["parsedAgain"]


@pytest.mark.parametrize(
    ("change", "problem"),
    (
        ({"parser_version": "csrc/9"}, "no parser csrc/9"),
        ({"source": "nobody"}, "no configuration of the source nobody"),
        ({"source": "vendor"}, "another type"),
    ),
)
def test_prove__parser_or_source_unknown__finding_not_silence(
    world: EverySource, seen: tuple[Observation, ...], change: dict[str, str], problem: str, tmp_path: Path
) -> None:
    item = seen[0].model_copy(update=change)
    proof = prove_store(world.store, sightings=[Sighting("observation 1", BOTH, item)])
    found = [item.problem for item in proof.check.findings if item.subject == "observation 1"]
    assert len(found) == 1
    assert problem in found[0]


def test_prove__configuration_changed_since__what_the_store_keeps_still_reads_it(
    world: EverySource, seen: tuple[Observation, ...], tmp_path: Path
) -> None:
    """The vendor's answer is moved to other pointers later; what was seen before is read as it was read then."""
    vendor = next(item for item in seen if item.source == "vendor")
    later = [item.model_dump(mode="json", by_alias=True) for item in world.config.sources if item.name == "vendor"]
    later[0]["fields"] = dict.fromkeys(later[0]["fields"], "/elsewhere")
    later = [{key: value for key, value in later[0].items() if not isinstance(value, float)}]
    sightings = [Sighting("observation 1", BOTH, vendor)]
    assert prove_store(world.store, sightings=sightings, settings=read_settings(later)).clean
    bare = EvidenceStore(tmp_path / "bare")
    for warc in world.store.warcs_of(vendor.sha256 or ""):
        bare.put_exchange(world.store.exchange(warc))
    found = prove_store(bare, sightings=sightings, settings=read_settings(later)).check.findings
    assert "leads to nothing" in found[0].problem
    bare.put(settings_bytes(later))
    assert not prove_store(bare, sightings=sightings).clean


def test_prove__nothing_found_and_nothing_readable__named_by_their_class(world: EverySource, tmp_path: Path) -> None:
    with every_source(tmp_path) as other:
        other.site.set_state(notices=[], tokenRows=[], requests=[], fault={"kind": "html-for-json", "path": "c10192"})
        shutil.rmtree(tmp_path / "manual")
        found = other.observe()
        other.decide(found)
        proof = prove_store(other.store)
        assert proof.check.findings == []
        unread = [item for item in found if item.kind is ObservationKind.UNSCREENED and item.list_version is None]
        assert proof.check.counts["notParsed.listUnread"] == len(unread) > 0
        assert proof.check.counts["notParsed.noBytes"] == 1
        other.site.set_state(fault="500")
        other.decide(other.observe())
        proof = prove_store(other.store)
        assert proof.check.findings == []
        assert proof.check.counts["notParsed.failure"] >= 1


def test_verify__command__names_what_is_not_parsed(world: EverySource, decision: bytes) -> None:
    answer = gate("evidence", "verify", "--dir", world.store, "--json")
    assert (answer.code, answer.json["clean"], answer.json["timestamps"]) == (0, True, [])
    assert answer.json["checked"]["parsedAgain"] == len(json.loads(decision)["decision"]["case"]["observations"])
