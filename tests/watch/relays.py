"""Nodes of the small world as relays: each renews with the other two, and pays from an account of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oracle.chain.sender import NodeAccountSender
from oracle.node.config import WatchConfig, WatchNodeConfig
from oracle.node.service import Node
from oracle.watch.cycle import Watcher
from tests.node.running_nodes import ServedNode, World

HOUR, DAY = 3600, 86_400


def relay(world: World, index: int, *, others: list[str] | None = None, funds: bool = True, **watch: Any) -> Watcher:
    """The watch of operator `index` (from 0), on its own database. It asks `others`: by default the rest."""
    served = world.nodes[index]
    urls = [node.url for node in world.nodes if node is not served] if others is None else others
    keys = {node.url: str(key_file(node)) for node in world.nodes}
    config = WatchConfig(nodes=[WatchNodeConfig(url=url, key_file=keys.get(url)) for url in urls], **watch)
    account = str(world.w3.eth.accounts[-1 - index])
    sender = NodeAccountSender(account) if funds else None
    node = served.node
    changed = node.config.model_copy(update={"watch": config})
    fresh = Node(changed, node.database, node._sources, world.signers[index], node.evidence, sender)
    return Watcher(fresh)


def key_file(served: ServedNode) -> Path:
    """A file with an API key of the node."""
    path = served.node.config.base / "api.key"
    path.write_text(served.key, encoding="utf-8")
    path.chmod(0o600)
    return path


def updates(world: World, filing: str) -> list[Any]:
    """The registry's updates of a filing, as they are on chain."""
    from oracle.chain.filing_history import filing_events, latest_block

    found = filing_events(world.registry, filing, 0, latest_block(world.registry))
    return [event for event in found if event.name == "FilingUpdated"]
