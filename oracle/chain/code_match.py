"""Whether runtime code on a chain is this build's, and what stands in the places of its immutables."""

from __future__ import annotations

from oracle.chain.artifacts import artifact

__all__ = ["created_by", "immutables", "known_build", "same_code"]

#: The tokens that this version ships.
_TOKENS = ("AssetBackedToken",)


def _places(name: str) -> list[slice]:
    return [slice(place["start"], place["start"] + place["length"]) for place in artifact(name)["immutableReferences"]]


def same_code(name: str, code: bytes) -> bool:
    """Whether `code` equals the artifact's runtime code outside the places where the compiler puts immutables."""
    expected = bytearray.fromhex(artifact(name)["deployedBytecode"].removeprefix("0x"))
    found = bytearray(code)
    if len(expected) != len(found):
        return False
    for place in _places(name):
        expected[place] = found[place] = bytes(place.stop - place.start)
    return expected == found


def known_build(code: bytes) -> str | None:
    """The name of the token contract whose code this is, or None."""
    return next((name for name in _TOKENS if same_code(name, code)), None)


def immutables(name: str, code: bytes) -> set[bytes]:
    """The 32-byte words in those places; `code` must be the artifact's (`same_code`).

    One immutable may stand in several places, and a creation code of one's own could fill them differently.
    """
    return {code[place] for place in _places(name)}


def created_by(name: str, creation: bytes) -> bool:
    """Whether creation code is the artifact's, whatever constructor arguments follow it."""
    return creation.startswith(bytes.fromhex(artifact(name)["bytecode"].removeprefix("0x")))
