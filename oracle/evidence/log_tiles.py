"""Tiles of a log as files: paths, contents, and a tree read through them (C2SP tlog-tiles).

    tile/<L>/<N>[.p/<W>]            W hashes: nodes of level 8 L, from number 256 N on; W is 256 if absent
    tile/entries/<N>[.p/<W>]        the leaves 256 N ... themselves, each after its length in two bytes

<N> is written in groups of three digits, all but the last after an x: 1234067 is x001/x234/067. Each hash of a tile of
level L + 1 is the root of one full tile of level L.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from oracle.evidence.log_tree import HASH_BYTES, MAX_TREE_SIZE, BadLogProof, hash_node

__all__ = [
    "MAX_LEAF_BYTES",
    "TILE_WIDTH",
    "Tile",
    "TileTree",
    "entry_bundle",
    "parse_tile_path",
    "read_entry_bundle",
    "tile_at",
    "tile_root",
    "tiles_of",
]

#: Hashes of a full tile: it stands for eight levels of the tree.
TILE_WIDTH = 256
_HEIGHT = 8

#: The length of a leaf stands in two bytes.
MAX_LEAF_BYTES = 0xFFFF

_PATH = re.compile(r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/){0,5}\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


@dataclass(frozen=True, order=True)
class Tile:
    """A tile by its level, number in the level, and width; level -1 is an entry bundle."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Its path below the log's prefix."""
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        number = "".join(f"x{group}/" for group in groups[:-1]) + groups[-1]
        level = "entries" if self.level < 0 else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{number}{partial}"

    def within(self, size: int) -> bool:
        """Whether a tree of that size has all that this tile holds."""
        return self.index * TILE_WIDTH + self.width <= size >> (_HEIGHT * max(self.level, 0))


def parse_tile_path(path: str) -> Tile | None:
    """The tile of a path, None if it is no tile's path, or one that is not written in the one right way."""
    found = _PATH.fullmatch(path)
    if not found:
        return None
    level = -1 if found[1] == "entries" else int(found[1])
    index = int(found[2].replace("x", "").replace("/", ""))
    tile = Tile(level, index, int(found[3]) if found[3] else TILE_WIDTH)
    return tile if tile.path == path and level < 64 else None


def tile_at(level: int, index: int, size: int) -> Tile:
    """The tile of a level and number as a tree of that size has it: full, or partial at the right edge."""
    return Tile(level, index, min(TILE_WIDTH, (size >> (_HEIGHT * max(level, 0))) - index * TILE_WIDTH))


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile and entry bundle of a tree of that size, the entry bundles first."""
    for level in (-1, *range(_HEIGHT)):
        count = size >> (_HEIGHT * max(level, 0))
        for index in range(-(-count // TILE_WIDTH)):
            yield tile_at(level, index, size)


def _fold(hashes: list[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [hash_node(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def _hashes(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def tile_root(data: bytes) -> bytes:
    """The node that a full tile stands for."""
    return _fold(_hashes(data))


class TileTree:
    """The nodes of a tree of a given size, read from its tiles; each tile is read once.

    `read` gives a tile's bytes. A tile of the wrong length is BadLogProof; a wrong hash in it makes proofs fail.
    """

    def __init__(self, size: int, read: Callable[[Tile], bytes]) -> None:
        if not 0 <= size <= MAX_TREE_SIZE:
            raise BadLogProof(f"a log of {size} leaves is not believed")
        self.size = size
        self._read = read
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Node (level, index), see `oracle.evidence.log_tree.Nodes`."""
        row, height = divmod(level, _HEIGHT)
        number, offset = divmod(index << height, TILE_WIDTH)
        hashes = self.tile(row, number)
        return _fold(hashes[offset : offset + (1 << height)])

    def tile(self, level: int, index: int) -> list[bytes]:
        """The hashes of a tile."""
        if (level, index) not in self._tiles:
            tile = tile_at(level, index, self.size)
            data = self._read(tile)
            if len(data) != tile.width * HASH_BYTES:
                raise BadLogProof(f"{tile.path} has {len(data)} bytes, not {tile.width * HASH_BYTES}")
            self._tiles[level, index] = _hashes(data)
        return self._tiles[level, index]


def entry_bundle(leaves: Sequence[bytes]) -> bytes:
    """The file of consecutive leaves. ValueError for a leaf of more than MAX_LEAF_BYTES."""
    if any(len(leaf) > MAX_LEAF_BYTES for leaf in leaves):
        raise ValueError(f"a leaf has more than {MAX_LEAF_BYTES} bytes")
    return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)


def read_entry_bundle(data: bytes, width: int) -> list[bytes]:
    """The `width` leaves of an entry bundle. BadLogProof if it holds more, fewer, or is cut short."""
    leaves: list[bytes] = []
    at = 0
    while at < len(data) and len(leaves) < width:
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise BadLogProof("an entry bundle is cut short")
        leaves.append(data[at + 2 : end])
        at = end
    if at != len(data) or len(leaves) != width:
        raise BadLogProof(f"an entry bundle does not hold {width} leaves")
    return leaves
