"""A decision as a document, `decision/v1`: everything it was made from and what came out, in canonical JSON (RFC 8785).

    schema, kind, decidedAt, software      "decision/v1"; "approval" or "update"; seconds since 1970; name/version
    operator, chain                        who decided; the registry's id and address, and the filing's state there
    ruleset                                version and hash of the rules
    sources                                how each source was configured, without what only concerns time and load
    dossierHash, case                      the dossier by hash; policy, observations, facts of the chain, other inputs
    proposed, digest                       what was to be signed, and its EIP-712 digest
    inputs                                 SHA-256 of the canonical dossier and of each part above that is an input
    outcome                                approved, verdicts, failed, differences

A field of the case that has its default is left out, so a record stays valid when a case learns to hold more. Dossiers
are named by `dossierHash` and not repeated. Pure: an auditor rebuilds the document with `build` and compares bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache, lru_cache
from typing import Any, Literal, get_type_hints

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from oracle.domain.approval import FilingApproval, FilingUpdate
from oracle.domain.canonical import canonical_bytes
from oracle.domain.dossier import Dossier
from oracle.domain.fields import Address
from oracle.domain.filing import Observation
from oracle.errors import InputError
from oracle.rules.case import Case, OfDay, query_for, steady
from oracle.rules.decision import (
    Decision,
    FilingOnChain,
    decide_approval,
    decide_update,
    latest_end,
    planned_tranches,
)
from oracle.rules.policy import Policy
from oracle.rules.table import RULESET_VERSION, evaluate, ruleset_hash

__all__ = [
    "SCHEMA",
    "Circumstances",
    "build",
    "decide",
    "document_bytes",
    "dossier_hashes",
    "prepare",
    "read",
    "signed_envelope",
    "without_floats",
]

SCHEMA = "decision/v1"

Kind = Literal["approval", "update"]
Proposal = FilingApproval | FilingUpdate

_PROPOSALS: dict[str, type[FilingApproval] | type[FilingUpdate]] = {"approval": FilingApproval, "update": FilingUpdate}
_HINTS = get_type_hints(Case)
_DOSSIERS = tuple[Dossier, ...]
_KINDS: dict[Any, str] = {_DOSSIERS: "dossiers", tuple[Observation, ...]: "observations"}
_CHAIN = TypeAdapter(FilingOnChain)
_ADDRESS: TypeAdapter[str] = TypeAdapter(Address)
#: These two stand in the document by themselves.
_OUTSIDE = ("dossier", "now")


@dataclass(frozen=True)
class Circumstances:
    """What a decision was made in, apart from its case: all that `build` cannot compute.

    `chain` is the filing's state at `registry`; `sources` are JSON-ready; `digest` is 0x-hex of the EIP-712 digest.
    """

    kind: Kind
    operator: str
    chain_id: int
    registry: str
    chain: FilingOnChain
    proposed: Proposal
    digest: str
    software: str
    sources: tuple[Mapping[str, Any], ...] = ()


def prepare(case: Case, chain_id: int) -> None:
    """Have made what is made once of a dossier, a sighting or a day. Nothing of the case is decided by it."""
    evaluate(case)
    steady(case, _case_part)
    query_for(case.dossier)
    planned_tranches(case, chain_id)
    latest_end(case)
    if case.standing.record is not None:
        case.standing.record.record_hash()


def decide(case: Case, about: Circumstances) -> Decision:
    """The decision on the proposal, by the function of its kind."""
    if isinstance(about.proposed, FilingApproval):
        return decide_approval(case, about.chain_id, about.chain, about.proposed)
    return decide_update(case, about.chain, about.proposed)


def _sha256(dossier: Dossier) -> str:
    return hashlib.sha256(dossier.canonical()).hexdigest()


def _hash(dossier: Dossier) -> str:
    return "0x" + dossier.dossier_hash().hex()


def without_floats(value: Any) -> Any:
    """A JSON-ready value without the keys that hold a float: seconds to wait have no exact form, and mean nothing."""
    if isinstance(value, Mapping):
        return {key: without_floats(item) for key, item in value.items() if not isinstance(item, float)}
    if isinstance(value, list | tuple):
        return [without_floats(item) for item in value if not isinstance(item, float)]
    return value


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_HINTS[name])


@cache
def _parts() -> list[tuple[str, str, Any, str | None]]:
    """Of each field of a case that stands in the document: its name, its key there, its default, its kind."""
    return [
        (field.name, to_camel(field.name), field.default, _KINDS.get(_HINTS[field.name]))
        for field in fields(Case)
        if field.name not in _OUTSIDE
    ]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the document in canonical JSON, and its SHA-256 (hex)."""

    form: bytes
    sha256: str


def _part(form: bytes) -> _Part:
    return _Part(form, hashlib.sha256(form).hexdigest())


def _case_part(case: OfDay) -> _Part:
    return _part(canonical_bytes(_case_json(case)))


def _case_json(case: OfDay) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, key, default, kind in _parts():
        value = getattr(case, name)
        if default is not MISSING and value == default:
            continue
        if kind == "dossiers":
            found[key] = [_hash(item) for item in value]
        elif kind == "observations":
            found[key] = [orjson.Fragment(item.canonical_form) for item in value]
        elif isinstance(value, Policy):
            found[key] = orjson.Fragment(value.computed(_policy_form))
        else:
            found[key] = _adapter(name).dump_python(value, mode="json", by_alias=True, exclude_none=True)
    return found


@lru_cache(maxsize=64)
def _chain_part(chain_id: int, registry: str, chain: FilingOnChain) -> _Part:
    filing = {**vars(chain), "status": int(chain.status)}
    return _part(canonical_bytes({"id": chain_id, "registry": registry, "filing": filing}))


#: The configuration's own tuple is given again and again.
_KNOWN_SOURCES: dict[int, tuple[tuple[Mapping[str, Any], ...], _Part]] = {}


def _sources_part(sources: tuple[Mapping[str, Any], ...]) -> _Part:
    known = _KNOWN_SOURCES.get(id(sources))
    if known is None or known[0] is not sources:
        _KNOWN_SOURCES.clear()
        known = _KNOWN_SOURCES[id(sources)] = (sources, _part(canonical_bytes([dict(item) for item in sources])))
    return known[1]


def _policy_form(policy: Policy) -> bytes:
    return canonical_bytes(policy.model_dump(mode="json", by_alias=True, exclude_none=True))


def build(case: Case, about: Circumstances, decision: Decision) -> dict[str, Any]:
    """The document of a decision. Its bytes are `canonical_bytes` of it."""
    found: dict[str, Any] = json.loads(document_bytes(case, about, decision))
    return found


def document_bytes(case: Case, about: Circumstances, decision: Decision) -> bytes:
    """The document of a decision in canonical JSON. Parts that many decisions share are written once."""
    parts = {
        "case": steady(case, _case_part),
        "chain": _chain_part(about.chain_id, about.registry, about.chain),
        "proposed": _part(about.proposed.canonical_form),
        "sources": _sources_part(about.sources),
    }
    hashes = {name: part.sha256 for name, part in parts.items()}
    document = {
        "schema": SCHEMA,
        "kind": about.kind,
        "decidedAt": case.now,
        "software": about.software,
        "operator": about.operator,
        "ruleset": {"version": RULESET_VERSION, "hash": "0x" + ruleset_hash(case.policy).hex()},
        "dossierHash": _hash(case.dossier),
        **{name: orjson.Fragment(part.form) for name, part in parts.items()},
        "digest": about.digest,
        "inputs": {"dossier": case.dossier.computed(_sha256), **hashes},
        "outcome": orjson.Fragment(decision.canonical),
    }
    return canonical_bytes(document)


def signed_envelope(document: bytes, operator: str, signature: bytes) -> bytes:
    """The signed decision as it is stored and served, in canonical JSON; `document` is canonical already."""
    signed = {"operator": operator, "scheme": "eip191", "signature": "0x" + signature.hex()}
    return b'{"decision":' + document + b',"signature":' + canonical_bytes(signed) + b"}"


def dossier_hashes(document: Mapping[str, Any]) -> list[str]:
    """The `dossierHash` of every dossier a replay needs, that of the decision first."""
    case = document.get("case")
    found = [document.get("dossierHash")]
    for name, hint in _HINTS.items():
        listed = case.get(to_camel(name)) if isinstance(case, Mapping) else None
        if hint == _DOSSIERS and isinstance(listed, list):
            found += listed
    return [name for name in found if isinstance(name, str)]


def read(document: Any, dossiers: Mapping[str, Dossier]) -> tuple[Case, Circumstances]:
    """The case and circumstances of a document, its dossiers taken from `dossiers` by their hash.

    InputError names the field that is missing or wrong, or the dossier that is not given.
    """
    if not isinstance(document, Mapping) or document.get("schema") != SCHEMA:
        raise InputError(f"not a {SCHEMA} document", where="schema", remedy="give a decision as the node serves it")
    kind = document.get("kind")
    if kind not in _PROPOSALS:
        raise InputError(f"unknown kind {str(kind)[:40]!r}", where="kind", remedy="use the software that made it")
    chain = _object(document, "chain")
    about = Circumstances(
        kind=kind,
        operator=_checked(_ADDRESS, document.get("operator"), "operator"),
        chain_id=_value(chain, "id", int, "chain.id"),
        registry=_checked(_ADDRESS, chain.get("registry"), "chain.registry"),
        chain=_checked(_CHAIN, chain.get("filing"), "chain.filing"),
        proposed=_checked(TypeAdapter(_PROPOSALS[kind]), document.get("proposed"), "proposed"),
        digest=_value(document, "digest", str),
        software=_value(document, "software", str),
        sources=tuple(_objects(document, "sources")),
    )
    given = _object(document, "case")
    values: dict[str, Any] = {
        "now": _value(document, "decidedAt", int),
        "dossier": _dossier(document.get("dossierHash"), dossiers, "dossierHash"),
    }
    for name, hint in _HINTS.items():
        key = to_camel(name)
        if name in _OUTSIDE or key not in given:
            continue
        where = f"case.{key}"
        if hint == _DOSSIERS:
            listed = _value(given, key, list, where)
            values[name] = tuple(_dossier(item, dossiers, where) for item in listed)
        else:
            values[name] = _checked(_adapter(name), given[key], where)
    missing = [field.name for field in fields(Case) if field.default is MISSING and field.name not in values]
    if missing:
        raise InputError("missing", where=f"case.{to_camel(missing[0])}", remedy="restore the decision from a backup")
    return Case(**values), about


def _dossier(name: Any, dossiers: Mapping[str, Dossier], where: str) -> Dossier:
    found = dossiers.get(name) if isinstance(name, str) else None
    if found is None:
        raise InputError(
            f"the dossier {str(name)[:80]} is not among those given",
            where=where,
            remedy="give it with --dossier, or name the store that holds it with --evidence",
        )
    return found


def _value(document: Mapping[str, Any], key: str, kind: type[Any], where: str | None = None) -> Any:
    value = document.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InputError(
            "missing, or of the wrong type", where=where or key, remedy="restore the decision from a backup"
        )
    return value


def _object(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _value(document, key, dict)
    return found


def _objects(document: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found: list[Any] = _value(document, key, list)
    if not all(isinstance(item, dict) for item in found):
        raise InputError("not a list of objects", where=key, remedy="restore the decision from a backup")
    return found


def _checked(adapter: TypeAdapter[Any], value: Any, where: str) -> Any:
    try:
        # As JSON, where dates are texts and tuples are lists; as Python values the strict models would refuse both.
        return adapter.validate_json(canonical_bytes(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise InputError(
            first["msg"], where=f"{where}.{path}" if path else where, remedy="restore the decision from a backup"
        ) from None
