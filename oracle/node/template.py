"""The configuration that `filing-gate operator init` writes."""

from __future__ import annotations

import json
from collections.abc import Sequence

__all__ = ["NO_CHANNEL", "NO_REGISTRY", "config_text"]

#: What stands in the file where a value is still to be entered.
NO_REGISTRY = "<address of the registry>"
NO_CHANNEL = "<channel code>"


def config_text(
    *,
    name: str,
    chain_id: int,
    rpc_url: str,
    registry: str | None,
    port: int,
    site: str,
    table_channels: Sequence[str],
    notice_channels: Sequence[str],
    password_env: str,
) -> str:
    """A commented TOML file. Text is written as JSON strings, which TOML reads alike."""

    def quoted(text: str) -> str:
        # TOML wants DEL escaped, JSON does not.
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

    def listed(codes: Sequence[str]) -> str:
        return json.dumps(list(codes) or [NO_CHANNEL])

    return f"""# One operator's node. Paths are relative to this file. No secret stands here, only where it is found.
name = {quoted(name)}

[http]
host = "127.0.0.1"   # no authentication yet: keep it here, or behind a proxy that has
port = {port}
cache_seconds = 30   # how long a sighting is answered from the store; 0 asks the sources each time

[chain]
id = {chain_id}
registry = {quoted(registry or NO_REGISTRY)}
rpc_url = {quoted(rpc_url)}   # if it holds an access key, write rpc_url_env = "NAME" instead

# Where a filing has tranches on further chains, PLAN-1 needs to read them too; one block a chain.
# [[chains]]
# id = 1
# registry = "0x..."           # the committee's registry there
# rpc_url_env = "NAME"         # or rpc_url

[key]
keystore = "keystore.json"
password_env = {quoted(password_env)}   # or password_file = "path"

# An account that brings suspensions and renewals on chain. It needs gas and no right; without it anybody may.
# [relay]
# keystore = "relay.json"
# password_env = "NAME"        # or password_file

# Who may declare events and record reports after the filing, besides this operator's own key.
# [duties]
# sweep_seconds = 60           # how often `serve` looks what is due
# [[duties.declarants]]
# address = "0x..."            # the issuer's key for this
# filings = []                 # filing numbers; none: every filing

# Filings approved on chain are looked at again, renewed and suspended by `serve` itself (docs/watch.md).
# [watch]
# enabled = true
# interval_seconds = 600       # how often the sources of one filing are asked anew
# jitter = 1.0                 # over which part of the interval the filings are spread
# retry_seconds = 30           # first pause after a look that said nothing certain; it doubles up to the interval
# renew_before_seconds = 21600 # a window that ends sooner is renewed, by nodes with [relay] and [[watch.nodes]]
# validity_seconds = 86400     # length of a renewed window; policy and registry bind as well
# grid_seconds = 3600          # renewed windows end on multiples of it, so that several relays propose the same
# concurrency = 4
# database_url = "sqlite:///watch.db"   # or database_url_env = "NAME"; default: beside the store
# [[watch.nodes]]              # the other operators' nodes, which a relay asks for signatures
# url = "https://..."
# key_env = "NAME"             # or key_file; leave both out where the node asks for no key

[store]
url = "sqlite:///node.db"
evidence = "evidence"

# All operators of a committee share the policy: its hash is part of what they sign. Absent keys take the defaults.
[policy]
min_level = 3                  # 3 = matched official publication
freshness_seconds = 259200     # an older sighting is stale
max_approval_seconds = 259200  # longest window of one approval
# report_working_days = 3      # what "promptly" means for reports after the filing
# switched_off = []            # rules of basis POLICY or ANALOGY not applied, e.g. ["GOV-1"]; see `filing-gate rules`

# The channels that will carry token filings have not been announced: enter their codes when they are.
[[sources]]
type = "csrc"
base_url = {quoted(site)}
table_channels = {listed(table_channels)}
notice_channels = {listed(notice_channels)}
"""
