"""The keys that operators gave to a caller: one a node, in a file that nobody else can read.

"https://one.example" = "fgk_…"
"https://two.example" = { env = "NAME" }   # the key stands in an environment variable
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from oracle.collector.node_client import NodeClient
from oracle.errors import InputError

__all__ = ["clients", "read_node_keys"]

_MAX_BYTES = 1_000_000


def read_node_keys(path: Path) -> dict[str, str]:
    """Address -> key. InputError for a file that others may read, or that says something else; no key is in it."""
    where = str(path)
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise InputError(
                    f"others may read it (mode {mode:o}), and it holds keys", where=where, remedy=f"chmod 600 {path}"
                )
            data = file.read(_MAX_BYTES)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=where, remedy="check the path") from None
    try:
        content = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        # What is wrong is not repeated: it may be a key.
        raise InputError("not TOML", where=where, remedy='write lines like "http://127.0.0.1:8700" = "fgk_…"') from None
    return {address.rstrip("/"): _key(address, value, where) for address, value in content.items()}


def _key(address: str, value: object, where: str) -> str:
    if isinstance(value, dict) and list(value) == ["env"] and isinstance(value["env"], str):
        found = os.environ.get(value["env"])
        if not found:
            raise InputError(
                f"the environment variable {value['env'][:80]} is not set", where=where, remedy="export it"
            )
        return found
    if isinstance(value, str):
        return value
    raise InputError(
        f"the entry of {address[:80]!r} is no key", where=where, remedy='write "fgk_…" or { env = "NAME" }'
    )


def clients(urls: Sequence[str], keys: Mapping[str, str]) -> list[NodeClient]:
    """A client for each address, with its own key; a node that has none in `keys` is called without."""
    return [NodeClient(url, key=keys.get(url.rstrip("/"))) for url in urls]
