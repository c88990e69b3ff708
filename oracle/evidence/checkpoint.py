"""Checkpoints (C2SP tlog-checkpoint): what a log signs of its tree at one size, as a signed note of three lines.

<origin>                 whose log: filing-gate/<chain id>/<registry>/<operator>, addresses in lower case
<size>                   the number of leaves
<base64 of the root>     RFC 9162, SHA-256
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from oracle.evidence.log_tree import HASH_BYTES, MAX_TREE_SIZE, BadLogProof
from oracle.evidence.signed_note import NoteVerifier, open_note, strict_base64

__all__ = ["Checkpoint", "log_origin", "log_statement", "open_checkpoint", "parse_checkpoint"]

_SIZE = re.compile("0|[1-9][0-9]{0,15}")


@dataclass(frozen=True)
class Checkpoint:
    """A log's tree at one size; `root` has 32 bytes."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


def log_origin(chain_id: int, registry: str, operator: str) -> str:
    """The origin line, and the key's name, of the log of one operator of one registry."""
    return f"filing-gate/{chain_id}/{registry.lower()}/{operator.lower()}"


def log_statement(verifier_key: str) -> str:
    """What an operator signs (EIP-191) so that the log with that verifier key is known to be the operator's."""
    return f"filing-gate log/v1 {verifier_key}"


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a note's text; extension lines are passed over. BadLogProof if it is none."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise BadLogProof("a checkpoint has three lines or more, none of them empty")
    origin, size, root = lines[0], lines[1], strict_base64(lines[2])
    if not _SIZE.fullmatch(size) or int(size) > MAX_TREE_SIZE:
        raise BadLogProof("a checkpoint's second line is the number of leaves")
    if root is None or len(root) != HASH_BYTES:
        raise BadLogProof("a checkpoint's third line is a root hash in base64")
    return Checkpoint(origin, int(size), root)


def open_checkpoint(note: bytes, verifier: NoteVerifier) -> Checkpoint:
    """The checkpoint in a note signed by the key, whose name is the log's origin. BadLogProof otherwise."""
    found = parse_checkpoint(open_note(note, verifier))
    if found.origin != verifier.name:
        raise BadLogProof(f"the checkpoint is of another log: {found.origin[:200]}")
    return found
