"""A node's log as others see it: checkpoints signed with the log's key, tiles and proofs of what was signed.

Nothing is shown that no checkpoint covers. Before a checkpoint is signed, the log is held against the newest one signed
before, as database and `LogMemory` know it: a log that no longer fits is never signed again.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from sqlalchemy import Engine

from oracle.domain.canonical import canonical_bytes
from oracle.errors import FilingGateError, InputError
from oracle.evidence.checkpoint import Checkpoint, log_origin, log_statement, open_checkpoint
from oracle.evidence.folder import FolderBlobs
from oracle.evidence.log_leaf import LogProof
from oracle.evidence.log_tiles import Tile, tiles_of
from oracle.evidence.log_tree import BadLogProof, consistency_proof, inclusion_proof, tree_root
from oracle.evidence.signed_note import sign_note, verifier_of
from oracle.node.config import NodeConfig
from oracle.signing.content import sign_text
from oracle.signing.keys import Signer
from oracle.store.log import FoundLeaf, LogStore, StoredBinding
from oracle.store.log_memory import LogMemory

__all__ = ["LogForkedError", "PublishedLog", "load_log_key", "log_of", "new_log_key", "open_log"]


class LogForkedError(FilingGateError):
    """To go on would fork the log: what was signed before is no longer its beginning."""


def _forked(what: str) -> LogForkedError:
    return LogForkedError(
        f"{what}; to go on would fork the log",
        where="[store] url",
        remedy="restore the newest backup; if it is lost, begin a log with a new key (docs/log.md)",
    )


class PublishedLog:
    """One log. Thread-safe, and safe for several replicas on one database."""

    def __init__(
        self, engine: Engine, key: Ed25519PrivateKey, *, chain_id: int, registry: str, operator: str, memory: Path
    ) -> None:
        """`memory` is the folder of `LogMemory`. Nothing is read before `check` or `checkpoint`."""
        self.origin = log_origin(chain_id, registry, operator)
        self.verifier = verifier_of(self.origin, key)
        self.store = LogStore(engine)
        self._operator = operator
        self._key = key
        self._memory = LogMemory(memory, self.verifier)
        self._lock = threading.Lock()
        self._checked: Checkpoint | None = None

    @property
    def verifier_key(self) -> str:
        """The log's key as a reader needs it: name+hash+base64."""
        return str(self.verifier)

    def bind(self, signer: Signer) -> None:
        """Have the operator's key sign whose log this is, once for each log key."""
        if self.store.binding(self.verifier_key) is None:
            statement = log_statement(self.verifier_key)
            signature = "0x" + sign_text(signer, statement).hex()
            self.store.add_binding(self.verifier_key, StoredBinding(statement, signature))

    def binding(self) -> dict[str, str]:
        """Keys verifierKey, statement, signature. InputError if the operator has not signed yet."""
        found = self.store.binding(self.verifier_key)
        if found is None:
            raise InputError(
                "the operator's key has not signed whose log this is",
                where="[transparency] key",
                remedy="start the node once with `filing-gate serve`",
            )
        return {"verifierKey": self.verifier_key, "statement": found.statement, "signature": found.signature}

    def check(self) -> None:
        """LogForkedError if the log does not begin with what was signed last, as database or memory know it."""
        with self._lock:
            self._check()

    def _check(self) -> int:
        """The log's size, read last: another replica may sign while this one looks."""
        stored, signed = self._stored()
        signed_once = {item for item in (signed, self._memory.newest(), self._checked) if item is not None}
        size = self.store.size()
        for known in signed_once:
            if known.size > size:
                raise _forked(
                    f"the log has {size} leaves, and a checkpoint of {known.size} was signed: the database is older"
                )
            if self._root(known.size) != known.root:
                raise _forked(f"the first {known.size} leaves of the log are not those that were signed")
        if stored is not None and signed != self._checked:
            self._memory.remember(stored)
            self._checked = signed
        return size

    def _stored(self) -> tuple[bytes, Checkpoint] | tuple[None, None]:
        """The newest checkpoint in the database, as note and read."""
        note = self.store.newest_checkpoint(self.verifier_key)
        if note is None:
            return None, None
        try:
            return note, open_checkpoint(note, self.verifier)
        except BadLogProof as error:
            raise FilingGateError(
                f"the stored checkpoint can't be read: {error}",
                where="log_checkpoints",
                remedy="restore the newest backup",
            ) from None

    def _root(self, size: int) -> bytes:
        try:
            return tree_root(size, self.store.tree(size))
        except BadLogProof as error:
            raise _forked(f"the log's tables lack leaves: {error}") from None

    def checkpoint(self) -> bytes:
        """The signed note of the log as it is now. Each size is signed at most once, and never one smaller than before.

        LogForkedError if the log was changed since it was last signed.
        """
        with self._lock:
            stored, known = self._stored()
            if stored is not None and known == self._checked and known is not None and known.size == self.store.size():
                return stored
            size = self._check()
            if stored is not None and known is not None and known.size == size:
                return stored
            made = Checkpoint(self.origin, size, self._root(size))
            note = sign_note(made.text, self.origin, self._key)
            # Another replica may have signed a larger tree in the meantime: then that one is shown.
            newest = self.store.add_checkpoint(self.verifier_key, size, note)
            self._memory.remember(newest)
            self._checked = open_checkpoint(newest, self.verifier)
            return newest

    def signed_size(self) -> int:
        """The size of the newest checkpoint; 0 if none was signed."""
        _, signed = self._stored()
        return signed.size if signed is not None else 0

    def tile(self, tile: Tile) -> bytes | None:
        """A tile's or entry bundle's bytes, None where no checkpoint covers all of it."""
        return self.store.tile(tile) if tile.within(self.signed_size()) else None

    def find(
        self,
        *,
        leaf_hash: bytes | None = None,
        subject: tuple[str, str] | None = None,
        sha256: str | None = None,
    ) -> tuple[LogProof, FoundLeaf] | None:
        """The proof, against a checkpoint of now, that a leaf is in the log; None if none fits `LogStore.find`."""
        note = self.checkpoint()
        size = open_checkpoint(note, self.verifier).size
        found = self.store.find(leaf_hash=leaf_hash, subject=subject, sha256=sha256, below=size)
        if found is None:
            return None
        proof = inclusion_proof(found.index, size, self.store.tree(size))
        document = LogProof(
            checkpoint=note.decode("utf-8"),
            index=found.index,
            leaf=found.leaf.decode("utf-8"),
            proof=[item.hex() for item in proof],
        )
        return document, found

    def write_to(self, folder: Path) -> tuple[int, int]:
        """Write checkpoint, key and every tile below a folder as they are served; (files written, size of the tree).

        A file that is there is left as it is: tiles never change. The checkpoint comes last, so that what it promises
        is there.
        """
        key, note = canonical_bytes(self.binding()), self.checkpoint()
        size = open_checkpoint(note, self.verifier).size
        blobs = FolderBlobs(folder)
        count = 0
        for tile in tiles_of(size):
            if not blobs.exists(tile.path):
                blobs.write(tile.path, self.store.tile(tile))
                count += 1
        for name, data in (("key.json", key), ("checkpoint", note)):
            if blobs.read(name) != data:
                blobs.write(name, data)
                count += 1
        return count, size

    def consistency(self, old: int) -> tuple[bytes, list[bytes]]:
        """A checkpoint of now, and the proof that it continues the tree of `old` leaves. InputError if it can't."""
        note = self.checkpoint()
        size = open_checkpoint(note, self.verifier).size
        if not 0 <= old <= size:
            raise InputError(f"the log has {size} leaves", where="from", remedy="ask for a size it had")
        return note, consistency_proof(old, size, self.store.tree(size))


def new_log_key(path: Path) -> None:
    """Write a new log key, readable by its owner only. InputError if a file of that name exists."""
    key = Ed25519PrivateKey.generate()
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with open(path, "xb", opener=_private) as file:
            file.write(data)
    except FileExistsError:
        raise InputError(
            "a file of this name exists", where=str(path), remedy="choose another name; a key is never overwritten"
        ) from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def load_log_key(path: Path) -> Ed25519PrivateKey:
    """The key of a PEM file. InputError if it can't be read, has a password, or is of another kind."""
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="check the path in [transparency] key"
        ) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(
            "not an Ed25519 key in PEM (PKCS #8, without a password)",
            where=str(path),
            remedy="make one with `openssl genpkey -algorithm ed25519 -out FILE`",
        )
    return key


def open_log(config: NodeConfig, engine: Engine, signer: Signer) -> PublishedLog | None:
    """The configured log, bound to the operator and checked; None if no log key is configured."""
    log = log_of(config, engine, signer.address)
    if log is not None:
        log.check()
        log.bind(signer)
    return log


def log_of(config: NodeConfig, engine: Engine, operator: str) -> PublishedLog | None:
    """The configured log of an operator, neither bound nor checked; None if no log key is configured."""
    if config.transparency is None:
        return None
    return PublishedLog(
        engine,
        load_log_key(config.path(config.transparency.key)),
        chain_id=config.chain.id,
        registry=config.chain.registry,
        operator=operator,
        memory=config.path(config.store.state) / "log",
    )
