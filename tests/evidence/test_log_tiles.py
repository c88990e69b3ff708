"""Tiles: paths, contents, and that a tree read through them is the tree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle.evidence.log_tiles import (
    TILE_WIDTH,
    Tile,
    TileTree,
    entry_bundle,
    parse_tile_path,
    read_entry_bundle,
    tile_root,
    tiles_of,
)
from oracle.evidence.log_tree import (
    MAX_TREE_SIZE,
    BadLogProof,
    consistency_proof,
    hash_leaf,
    hash_node,
    inclusion_proof,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

#: Enough for a third level of tiles, and built once: the hash of each leaf is its number.
SIZE = 70_000
LEVELS = [[hash_leaf(index.to_bytes(4, "big")) for index in range(SIZE)]]
while len(LEVELS[-1]) > 1:
    row = LEVELS[-1]
    LEVELS.append([hash_node(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)])


def whole(level: int, index: int) -> bytes:
    """A node of the tree as it is."""
    return LEVELS[level][index]


def read(tile: Tile) -> bytes:
    row = LEVELS[8 * tile.level]
    return b"".join(row[tile.index * TILE_WIDTH : tile.index * TILE_WIDTH + tile.width])


@pytest.mark.parametrize(
    ("tile", "path"),
    (
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(63, 999, 1), "tile/63/999.p/1"),
        (Tile(2, 1000, 255), "tile/2/x001/000.p/255"),
        (Tile(-1, 5), "tile/entries/005"),
        (Tile(-1, 123_456, 7), "tile/entries/x123/456.p/7"),
    ),
)
def test_tile_path__both_ways__as_specified(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_tile_path(path) == tile


@pytest.mark.parametrize(
    "path",
    (
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        "tile/0/../000",
        "tile/entries/",
        "tile/0/" + "x001/" * 50 + "000",
        "",
    ),
)
def test_tile_path__anything_else__is_none(path: str) -> None:
    assert parse_tile_path(path) is None


def test_tiles_of__the_sizes_the_specification_counts__agree() -> None:
    tiles = [tile for tile in tiles_of(70_000) if tile.level >= 0]
    shapes = [(tile.level, tile.width) for tile in tiles]
    assert shapes.count((0, 256)) == 273
    assert [shape for shape in shapes if shape[1] != 256] == [(0, 112), (1, 17), (2, 1)]
    assert shapes.count((1, 256)) == 1
    assert [(tile.level, tile.width) for tile in tiles_of(256)] == [(-1, 256), (0, 256), (1, 1)]
    assert list(tiles_of(0)) == []
    assert all(tile.within(70_000) for tile in tiles_of(70_000))
    assert not any(tile.within(69_999) for tile in (Tile(0, 273, 112), Tile(-1, 273, 112), Tile(2, 1)))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, SIZE), st.data())
def test_tile_tree__any_size__gives_the_same_proofs_as_the_whole_tree(size: int, data: st.DataObject) -> None:
    read_tiles: list[Tile] = []

    def counted(tile: Tile) -> bytes:
        read_tiles.append(tile)
        return read(tile)

    tree = TileTree(size, counted)
    root = tree_root(size, tree)
    assert root == tree_root(size, whole)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size))
    proof = inclusion_proof(index, size, tree)
    assert proof == inclusion_proof(index, size, whole)
    verify_inclusion(whole(0, index), index, size, proof, root)
    consistency = consistency_proof(old, size, tree)
    verify_consistency(old, size, consistency, tree_root(old, whole), root)
    assert len(read_tiles) == len(set(read_tiles)) <= 9
    assert set(read_tiles) <= set(tiles_of(size))


def test_tile_tree__a_tile_cut_short_or_a_size_beyond_belief__refused() -> None:
    with pytest.raises(BadLogProof, match=r"tile/0/000\.p/3 has 64 bytes, not 96"):
        tree_root(3, TileTree(3, lambda tile: read(tile)[:64]))
    with pytest.raises(BadLogProof, match="not believed"):
        TileTree(MAX_TREE_SIZE + 1, read)


def test_tile_root__full_tile__is_the_node_above() -> None:
    assert tile_root(read(Tile(0, 3))) == whole(8, 3)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20))
def test_entry_bundle__any_leaves__come_back(leaves: list[bytes]) -> None:
    data = entry_bundle(leaves)
    assert read_entry_bundle(data, len(leaves)) == leaves
    for changed, width in ((data[:-1], len(leaves)), (data + b"\0", len(leaves)), (data, len(leaves) + 1)):
        with pytest.raises(BadLogProof):
            read_entry_bundle(changed, width)


def test_entry_bundle__lengths__stand_in_two_bytes() -> None:
    assert entry_bundle([b"", b"a", b"bc"]).hex() == "000000016100026263"
    with pytest.raises(ValueError, match="65535"):
        entry_bundle([bytes(65_536)])
