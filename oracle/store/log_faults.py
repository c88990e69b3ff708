"""The log held against itself and against the rows it is of: every hash again, and no row without its leaf."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, select

from oracle.domain.filing import Observation
from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.evidence.checkpoint import open_checkpoint
from oracle.evidence.log_leaf import LogLeaf, decision_leaf, observation_leaf, read_leaf, signature_leaf
from oracle.evidence.log_tiles import TILE_WIDTH, Tile, tile_root
from oracle.evidence.log_tree import BadLogProof, hash_leaf, tree_root
from oracle.evidence.signed_note import parse_verifier_key
from oracle.store import tables
from oracle.store.log import LogStore, leaves_of_event

__all__ = ["log_faults", "rows_as_leaves"]


def rows_as_leaves(connection: Connection) -> Iterator[LogLeaf]:
    """The leaf of every decision record, observation and signature that the database holds, kind by kind."""
    records, seen = tables.decision_records, tables.observations
    signed, events = tables.signatures, tables.filing_events
    query = select(records.c.decision_id, records.c.record).order_by(records.c.decision_id)
    for number, record in connection.execute(query):
        yield decision_leaf(int(number), bytes(record))
    positions: Counter[str] = Counter()
    for sighting, content in connection.execute(select(seen.c.sighting, seen.c.content).order_by(seen.c.id)):
        yield observation_leaf(sighting, positions[sighting], Observation.model_validate_json(content))
        positions[sighting] += 1
    for digest, signature in connection.execute(select(signed.c.digest, signed.c.signature).order_by(signed.c.id)):
        yield signature_leaf(digest, signature)
    made = select(events.c.key, events.c.at, events.c.by, events.c.content)
    for key, at, by, content in connection.execute(
        made.where(events.c.kind == RecordKind.SIGNED.value).order_by(events.c.id)
    ):
        yield from leaves_of_event(key, RecordedEvent(RecordKind.SIGNED, int(at), by, json.loads(content)))


def log_faults(engine: Engine) -> Iterator[str]:
    """One sentence for each thing of the log that does not hold; reads every leaf."""
    store = LogStore(engine)
    size = store.size()
    logged: Counter[LogLeaf] = Counter()
    with engine.connect() as connection:
        table = tables.log_leaves
        expected = 0
        columns = (table.c.index, table.c.leaf, table.c.hash, table.c.kind, table.c.ident, table.c.sha256)
        for index, data, digest, *names in connection.execute(select(*columns).order_by(table.c.index)):
            if index != expected:
                yield f"leaf {expected} is missing before leaf {index}"
            expected = index + 1
            data = data if isinstance(data, bytes) else str(data).encode("utf-8", "replace")  # edited by hand
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
        if expected != size:
            yield f"the log says it has {size} leaves and has {expected}"
        rows = Counter(rows_as_leaves(connection))
        for leaf in rows - logged:
            yield f"{leaf.kind} {leaf.id} as it is stored has no leaf in the log"
        for leaf in logged - rows:
            yield f"the log names {leaf.kind} {leaf.id} with SHA-256 {leaf.sha256}, which is not stored"
        yield from _node_faults(connection, store, size)
    yield from _checkpoint_faults(store, size)


def _node_faults(connection: Connection, store: LogStore, size: int) -> Iterator[str]:
    table = tables.log_nodes
    columns = (table.c.level, table.c.index, table.c.hash)
    kept = {(int(level), int(index)): bytes(data) for level, index, data in connection.execute(select(*columns))}
    wanted: set[tuple[int, int]] = set()
    level, count = 1, size // TILE_WIDTH
    while count:
        wanted |= {(level, index) for index in range(count)}
        level, count = level + 1, count // TILE_WIDTH
    for place in sorted(wanted | set(kept)):
        below = store.tile(Tile(place[0] - 1, place[1])) if place in wanted else b""
        fits = len(below) == TILE_WIDTH * 32 and kept.get(place) == tile_root(below)
        if not fits:
            yield f"node {place[1]} of level {place[0]} is not the root of its tile"


def _checkpoint_faults(store: LogStore, size: int) -> Iterator[str]:
    for key, note in store.checkpoints():
        try:
            found = open_checkpoint(note, parse_verifier_key(key))
            if found.size > size:
                yield f"a checkpoint of {found.size} leaves was signed, and the log has {size}"
            elif tree_root(found.size, store.tree(found.size)) != found.root:
                yield f"the checkpoint of {found.size} leaves does not fit the log"
        except BadLogProof as error:
            yield f"a checkpoint can't be checked: {error}"
