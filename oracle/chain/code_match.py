"""Whether runtime code on a chain is this build's, and what stands in the places of its immutables."""

from __future__ import annotations

from oracle.chain.artifacts import artifact

__all__ = ["created_by", "immutables", "known_build", "same_code"]

#: The tokens that this version ships.
_TOKENS = ("AssetBackedToken",)


def _places(name: str) -> list[list[slice]]:
    return [
        [slice(place["start"], place["start"] + place["length"]) for place in of_one]
        for of_one in artifact(name)["immutableReferences"].values()
    ]


def same_code(name: str, code: bytes) -> bool:
    """Whether `code` equals the artifact's runtime code outside the places where the compiler puts immutables."""
    expected = bytearray.fromhex(artifact(name)["deployedBytecode"].removeprefix("0x"))
    found = bytearray(code)
    if len(expected) != len(found):
        return False
    for place in (place for of_one in _places(name) for place in of_one):
        expected[place] = found[place] = bytes(place.stop - place.start)
    return expected == found


def known_build(code: bytes) -> str | None:
    """The name of the token contract whose code this is, or None."""
    return next((name for name in _TOKENS if same_code(name, code)), None)


def immutables(name: str, code: bytes) -> list[set[bytes]]:
    """For each immutable the 32-byte words in its places; `code` must be the artifact's (`same_code`).

    The compiler puts one word in all places of an immutable; a creation code of one's own could fill them differently,
    so that a getter shows one value and another one is used.
    """
    return [{code[place] for place in of_one} for of_one in _places(name)]


def created_by(name: str, creation: bytes) -> bool:
    """Whether creation code is the artifact's, whatever constructor arguments follow it."""
    return creation.startswith(bytes.fromhex(artifact(name)["bytecode"].removeprefix("0x")))
