"""The log held against itself and against the rows it is of: every hash again, and no row without its leaf."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, select, type_coerce
from sqlalchemy.types import NULLTYPE

from oracle.domain.filing import Observation
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.errors import FilingGateError
from oracle.evidence.checkpoint import open_checkpoint
from oracle.evidence.log_leaf import LogLeaf, decision_leaf, observation_leaf, read_leaf, signature_leaf
from oracle.evidence.log_tiles import TILE_WIDTH, Tile, TileTree, tile_root
from oracle.evidence.log_tree import HASH_BYTES, BadLogProof, hash_leaf, tree_root
from oracle.evidence.signed_note import parse_verifier_key
from oracle.store import tables
from oracle.store.log import leaves_of_event

__all__ = ["faults_of_log", "log_faults", "rows_as_leaves"]


def rows_as_leaves(connection: Connection) -> Iterator[LogLeaf]:
    """The leaf of every decision record, observation and signature that the database holds, kind by kind."""
    for _, leaves in _leaves_of_rows(connection):
        yield from leaves()


def _leaves_of_rows(connection: Connection) -> Iterator[tuple[str, Callable[[], tuple[LogLeaf, ...]]]]:
    """Each row that has a leaf by its name, and what makes the leaf of it."""
    records, seen = tables.decision_records, tables.observations
    signed, events = tables.signatures, tables.filing_events
    query = select(records.c.decision_id, _raw(records.c.record)).order_by(records.c.decision_id)
    for number, record in connection.execute(query):
        yield f"decision {number}", partial(_of_record, number, record)
    positions: Counter[str] = Counter()
    for sighting, content in connection.execute(select(seen.c.sighting, seen.c.content).order_by(seen.c.id)):
        name = str(sighting)
        yield f"observation {name}/{positions[name]}", partial(_of_observation, name, positions[name], content)
        positions[name] += 1
    for digest, signature in connection.execute(select(signed.c.digest, signed.c.signature).order_by(signed.c.id)):
        yield f"signature {digest}", partial(_of_signature, digest, signature)
    made = select(events.c.key, events.c.at, events.c.by, events.c.content)
    for key, at, by, content in connection.execute(
        made.where(events.c.kind == RecordKind.SIGNED.value).order_by(events.c.id)
    ):
        yield f"filing_events {key}", partial(_of_event, key, at, by, content)


def _of_record(number: Any, record: Any) -> tuple[LogLeaf, ...]:
    return (decision_leaf(int(number), _bytes(record)),)


def _of_observation(sighting: str, position: int, content: Any) -> tuple[LogLeaf, ...]:
    return (observation_leaf(sighting, position, Observation.model_validate_json(content)),)


def _of_signature(digest: Any, signature: Any) -> tuple[LogLeaf, ...]:
    return (signature_leaf(str(digest), signature),)


def _of_event(key: str, at: Any, by: str, content: str) -> tuple[LogLeaf, ...]:
    return leaves_of_event(key, RecordedEvent(RecordKind.SIGNED, int(at), by, json.loads(content)))


def _raw(column: Any) -> Any:
    """A column as the driver gives it: one that was edited by hand may hold a text where bytes belong."""
    return type_coerce(column, NULLTYPE)


def _bytes(value: Any) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else bytes(value)


def log_faults(engine: Engine) -> Iterator[str]:
    """As `faults_of_log`, on a connection of its own."""
    with engine.connect() as connection:
        yield from faults_of_log(connection)


def faults_of_log(connection: Connection) -> Iterator[str]:
    """One sentence for each thing of the log that does not hold; reads every leaf. A row of any form is a sentence."""
    size = int(connection.execute(select(tables.log_head.c.size)).scalar() or 0)
    logged: Counter[LogLeaf] = Counter()
    hashes: list[bytes] = []
    table = tables.log_leaves
    columns = (table.c.index, _raw(table.c.leaf), _raw(table.c.hash), table.c.kind, table.c.ident, table.c.sha256)
    for index, kept, digest, *names in connection.execute(select(*columns).order_by(table.c.index)):
        if index != len(hashes):
            yield f"leaf {len(hashes)} is missing before leaf {index}"
            hashes += [bytes(HASH_BYTES)] * max(index - len(hashes), 0)
        data = _bytes(kept)
        hashes.append(_bytes(digest)[:HASH_BYTES].ljust(HASH_BYTES, b"\0"))
        if hash_leaf(data) != digest:
            yield f"leaf {index} does not fit its hash"
        try:
            leaf = read_leaf(data)
        except BadLogProof as error:
            yield f"leaf {index}: {error}"
            continue
        if [leaf.kind, leaf.id, leaf.sha256] != names:
            yield f"leaf {index} is found under a name that is not its own"
        logged[leaf] += 1
    if len(hashes) != size:
        yield f"the log says it has {size} leaves and has {len(hashes)}"
    rows: Counter[LogLeaf] = Counter()
    for name, leaves in _leaves_of_rows(connection):
        try:
            rows.update(leaves())
        except (ValueError, KeyError, TypeError, AttributeError, FilingGateError):
            yield f"{name} can't be read, and so not held against its leaf"
    for leaf in rows - logged:
        yield f"{leaf.kind} {leaf.id} as it is stored has no leaf in the log"
    for leaf in logged - rows:
        yield f"the log names {leaf.kind} {leaf.id} with SHA-256 {leaf.sha256}, which is not stored"
    yield from _tree_faults(connection, hashes, size)


def _tree_faults(connection: Connection, hashes: list[bytes], size: int) -> Iterator[str]:
    table, notes = tables.log_nodes, tables.log_checkpoints
    columns = (table.c.level, table.c.index, _raw(table.c.hash))
    kept = {(int(level), int(index)): _bytes(data) for level, index, data in connection.execute(select(*columns))}
    wanted: set[tuple[int, int]] = set()
    level, count = 1, size // TILE_WIDTH
    while count:
        wanted |= {(level, index) for index in range(count)}
        level, count = level + 1, count // TILE_WIDTH

    def tile(asked: Tile) -> bytes:
        return _tile(hashes, kept, asked)

    for place in sorted(wanted | set(kept)):
        below = tile(Tile(place[0] - 1, place[1])) if place in wanted else b""
        if len(below) != TILE_WIDTH * HASH_BYTES or kept.get(place) != tile_root(below):
            yield f"node {place[1]} of level {place[0]} is not the root of its tile"
    for key, note in connection.execute(select(notes.c.verifier_key, _raw(notes.c.note)).order_by(notes.c.size)):
        try:
            found = open_checkpoint(_bytes(note), parse_verifier_key(str(key)))
            if found.size > size:
                yield f"a checkpoint of {found.size} leaves was signed, and the log has {size}"
            elif tree_root(found.size, TileTree(found.size, tile)) != found.root:
                yield f"the checkpoint of {found.size} leaves does not fit the log"
        except BadLogProof as error:
            yield f"a checkpoint can't be checked: {error}"


def _tile(hashes: list[bytes], nodes: Mapping[tuple[int, int], bytes], tile: Tile) -> bytes:
    """A tile of what was read; fewer bytes than the tile's if something is missing."""
    begin = tile.index * TILE_WIDTH
    if tile.level == 0:
        return b"".join(hashes[begin : begin + tile.width])
    places = ((tile.level, index) for index in range(begin, begin + tile.width))
    return b"".join(nodes.get(place, b"") for place in places)
