"""Where the contracts keep what, found by looking: a test can then write what no transaction would."""

from __future__ import annotations

from oracle.domain.canonical import keccak256
from tests.chain.small_world import World

_BASES = range(64)


def read(world: World, address: str, slot: int) -> int:
    """A slot's content."""
    return int(world.rpc("eth_getStorageAt", address, hex(slot), "latest"), 16)


def write(world: World, address: str, slot: int, value: int) -> None:
    """Replace a slot's content."""
    world.rpc("anvil_setStorageAt", address, hex(slot), "0x" + value.to_bytes(32, "big").hex())


def write_bits(world: World, address: str, slot: int, value: int, offset: int, width: int) -> None:
    """Replace `width` bits of a slot that begin `offset` bits from its low end."""
    mask = ((1 << width) - 1) << offset
    write(world, address, slot, read(world, address, slot) & ~mask | value << offset)


def plain_slot(world: World, address: str, value: int) -> int:
    """The first slot that holds exactly this."""
    return next(slot for slot in _BASES if read(world, address, slot) == value)


def mapped_slot(world: World, address: str, key: int, unlike: int = 0) -> int:
    """The slot of a mapping's entry for this key that holds neither nothing nor `unlike`."""
    slots = (int.from_bytes(keccak256(key.to_bytes(32, "big") + base.to_bytes(32, "big")), "big") for base in _BASES)
    return next(slot for slot in slots if read(world, address, slot) not in (0, unlike))


def filing_slot(world: World, filing: str) -> int:
    """The registry's slot of a filing: status (8 bits), start (48), end (48), sequence (64), tag (88)."""
    return mapped_slot(world, world.registry.address, int(filing[2:18], 16), unlike=int(filing, 16))


def tranche_slot(world: World, index: int) -> int:
    """The registry's slot of a token: cap (96 bits), issued (96), key (64)."""
    return mapped_slot(world, world.registry.address, int(world.tokens[index].address, 16))


def balance_slot(account: str) -> int:
    """A token's slot of an account's balance: the base token declares its balances first."""
    return int.from_bytes(keccak256(int(account, 16).to_bytes(32, "big") + bytes(32)), "big")
