"""The node's append-only log in its database: leaves in one total order without gaps, and the tiles over them.

`append_leaf` runs in the transaction that adds the row which the leaf is of: either both are there or neither. Writers
queue for the one row of `log_head`, also those of other replicas, so that an index is taken only by who commits it; a
transaction that fails gives its indices back. The lock is held from the first leaf of a transaction to its end: take it
last. Roots of full tiles are kept as they fill, so that a proof reads a few tiles and never the whole log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, bindparam, func, select, update
from sqlalchemy.exc import IntegrityError

from oracle.domain.life_record import RecordedEvent, RecordKind
from oracle.errors import FilingGateError
from oracle.evidence.log_leaf import LogLeaf, signature_leaf
from oracle.evidence.log_tiles import TILE_WIDTH, Tile, TileTree, entry_bundle, tile_root
from oracle.evidence.log_tree import hash_leaf
from oracle.store import tables
from oracle.store.added_rows import add_rows

__all__ = ["FoundLeaf", "LogStore", "StoredBinding", "append_leaf", "leaves_of_event"]

_HEAD = 1
_GROWN = (
    update(tables.log_head)
    .where(tables.log_head.c.id == _HEAD)
    .values(size=tables.log_head.c.size + bindparam("count"))
    .returning(tables.log_head.c.size)
)
_BROKEN = "stop the node and restore the newest backup: the log can't be trusted to go on"


@dataclass(frozen=True)
class FoundLeaf:
    """A leaf's place in the log, and its bytes."""

    index: int
    leaf: bytes


@dataclass(frozen=True)
class StoredBinding:
    """What ties a log's key to its operator: the statement and the operator's signature over it (EIP-191, 0x-hex)."""

    statement: str
    signature: str


def append_leaf(connection: Connection, *leaves: LogLeaf) -> None:
    """Append leaves to the log in the connection's transaction. FilingGateError if the log's tables contradict it."""
    if not leaves:
        return
    first = _taken(connection, len(leaves))
    rows = []
    for index, leaf in enumerate(leaves, start=first):
        data = leaf.as_bytes()
        rows.append((index, data, hash_leaf(data), leaf.kind, leaf.id, leaf.sha256))
    try:
        add_rows(connection, tables.log_leaves, rows)
        _keep_roots(connection, first, first + len(leaves))
    except IntegrityError:
        # Callers take an IntegrityError for a row that is there already; this is another thing.
        raise FilingGateError(
            f"the log has a leaf {first} already, and says that it has not", where="log_leaves", remedy=_BROKEN
        ) from None


def leaves_of_event(key: str, item: RecordedEvent) -> tuple[LogLeaf, ...]:
    """The leaf of an event that holds a signature of this node over a suspension; none of other events."""
    if item.kind is not RecordKind.SIGNED:
        return ()
    return (signature_leaf(key.removeprefix("signed:"), item.content["signature"]["signature"]),)


def _taken(connection: Connection, count: int) -> int:
    """The first of `count` indices that are this transaction's own."""
    size = connection.execute(_GROWN, {"count": count}).scalar()
    if size is None:
        try:
            with connection.begin_nested():
                connection.execute(tables.log_head.insert().values(id=_HEAD, size=0))
        except IntegrityError:
            pass  # another replica made it in this moment
        size = connection.execute(_GROWN, {"count": count}).scalar_one()
    return int(size) - count


def _keep_roots(connection: Connection, first: int, size: int) -> None:
    level = 0
    while (full := range(first // TILE_WIDTH, size // TILE_WIDTH)) and level < 8:
        rows = [
            {"level": level + 1, "index": index, "hash": tile_root(_tile(connection, Tile(level, index)))}
            for index in full
        ]
        connection.execute(tables.log_nodes.insert(), rows)
        first, size, level = first // TILE_WIDTH, size // TILE_WIDTH, level + 1


def _tile(connection: Connection, tile: Tile) -> bytes:
    """What the database has of a tile; fewer bytes than the tile's if something is missing."""
    begin = tile.index * TILE_WIDTH
    table = tables.log_leaves if tile.level <= 0 else tables.log_nodes
    column = tables.log_leaves.c.leaf if tile.level < 0 else table.c.hash
    query = select(column).where(table.c.index >= begin, table.c.index < begin + tile.width)
    if tile.level > 0:
        query = query.where(tables.log_nodes.c.level == tile.level)
    rows = connection.execute(query.order_by(table.c.index)).scalars().all()
    return entry_bundle(rows) if tile.level < 0 else b"".join(rows)


class LogStore:
    """The log as it lies in a database: read by anybody, appended to by `append_leaf` alone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operator(self) -> str | None:
        """The address of the operator that the database is tied to, None if it is not yet."""
        with self._engine.connect() as connection:
            return connection.execute(select(tables.meta.c.value).where(tables.meta.c.key == "operator")).scalar()

    def size(self) -> int:
        """The number of leaves."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(tables.log_head.c.size)).scalar() or 0)

    def tile(self, tile: Tile) -> bytes:
        """A tile's or entry bundle's bytes."""
        with self._engine.connect() as connection:
            return _tile(connection, tile)

    def tree(self, size: int) -> TileTree:
        """The tree of that size, read through its tiles."""
        return TileTree(size, self.tile)

    def find(
        self,
        *,
        leaf_hash: bytes | None = None,
        subject: tuple[str, str] | None = None,
        sha256: str | None = None,
        below: int,
    ) -> FoundLeaf | None:
        """The first leaf below an index by its hash, its (kind, id), or the SHA-256 of its content; None if none."""
        table = tables.log_leaves
        query = select(table.c.index, table.c.leaf).where(table.c.index < below)
        if leaf_hash is not None:
            query = query.where(table.c.hash == leaf_hash)
        if subject is not None:
            query = query.where(table.c.kind == subject[0], table.c.ident == subject[1])
        if sha256 is not None:
            query = query.where(table.c.sha256 == sha256)
        with self._engine.connect() as connection:
            row = connection.execute(query.order_by(table.c.index).limit(1)).one_or_none()
        return FoundLeaf(int(row[0]), bytes(row[1])) if row else None

    def newest_checkpoint(self, verifier_key: str) -> bytes | None:
        """The note of the largest tree that this key signed, None if it signed none."""
        with self._engine.connect() as connection:
            return _newest(connection, verifier_key)

    def add_checkpoint(self, verifier_key: str, size: int, note: bytes) -> bytes:
        """Keep a note that was signed, unless there is one of this size or a larger one; the newest is returned."""
        table, head = tables.log_checkpoints, tables.log_head
        with self._engine.begin() as connection:
            # Replicas queue here, so that no smaller checkpoint follows a larger one. An empty log has nothing to queue
            # for: its one checkpoint is not kept.
            if connection.execute(update(head).where(head.c.id == _HEAD).values(size=head.c.size)).rowcount == 0:
                return note
            newest = select(func.max(table.c.size)).where(table.c.verifier_key == verifier_key)
            known = connection.execute(newest).scalar()
            if known is None or known < size:
                connection.execute(table.insert().values(verifier_key=verifier_key, size=size, note=note))
            found = _newest(connection, verifier_key)
        return note if found is None else found

    def checkpoints(self) -> Sequence[tuple[str, bytes]]:
        """(verifier key, note) of every checkpoint ever signed, by size."""
        table = tables.log_checkpoints
        with self._engine.connect() as connection:
            rows = connection.execute(select(table.c.verifier_key, table.c.note).order_by(table.c.size)).all()
        return [(str(row[0]), bytes(row[1])) for row in rows]

    def binding(self, verifier_key: str) -> StoredBinding | None:
        """What ties this key to the operator, None if nothing was stored."""
        table = tables.log_keys
        query = select(table.c.statement, table.c.signature).where(table.c.verifier_key == verifier_key)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return StoredBinding(*row) if row else None

    def add_binding(self, verifier_key: str, binding: StoredBinding) -> None:
        """Keep what ties a key to the operator; what is there already stays."""
        row = {"verifier_key": verifier_key, "statement": binding.statement, "signature": binding.signature}
        try:
            with self._engine.begin() as connection:
                connection.execute(tables.log_keys.insert().values(row))
        except IntegrityError:
            return


def _newest(connection: Connection, verifier_key: str) -> bytes | None:
    table = tables.log_checkpoints
    query = select(table.c.note).where(table.c.verifier_key == verifier_key).order_by(table.c.size.desc()).limit(1)
    note = connection.execute(query).scalar()
    return None if note is None else bytes(note)
