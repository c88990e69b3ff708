"""The configuration that `filing-gate operator init` writes."""

from __future__ import annotations

import json
from collections.abc import Sequence

__all__ = ["KEY_BLANKS", "KEY_TYPES", "NO_CHANNEL", "NO_REGISTRY", "config_text"]

#: What stands in the file where a value is still to be entered.
NO_REGISTRY = "<address of the registry>"
NO_CHANNEL = "<channel code>"

#: The same for keys that are made elsewhere; each with a value that the file would be well-formed with.
KEY_BLANKS = {
    "<path of the module>": "module.so",
    "<label of the token>": "token",
    "<label of the key>": "key",
    "<region>": "region",
    "<key id>": "key",
    "<address of the key>": "0x" + "00" * 20,
}

_KEYS = {
    "pkcs11": """type = "pkcs11"
module = "<path of the module>"   # the PKCS #11 library of the device
token = "<label of the token>"
key_label = "<label of the key>"  # or key_id = "hex", or both
pin_env = "FILING_GATE_PIN"       # or pin_file = "path"
""",
    "aws-kms": """type = "aws-kms"
region = "<region>"
key_id = "<key id>"               # id, ARN or alias/...; credentials as the AWS tools find them
""",
    "web3signer": """type = "web3signer"
url = "http://127.0.0.1:9000"     # Web3Signer 25.9 or newer; https unless on this machine
address = "<address of the key>"
""",
}

#: What `[key] type` may be.
KEY_TYPES = ("keystore", *_KEYS)


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
    key_type: str = "keystore",
) -> str:
    """A commented TOML file. Text is written as JSON strings, which TOML reads alike."""

    def quoted(text: str) -> str:
        # TOML wants DEL escaped, JSON does not.
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

    def listed(codes: Sequence[str]) -> str:
        return json.dumps(list(codes) or [NO_CHANNEL])

    keystore = f"""keystore = "keystore.json"
password_env = {quoted(password_env)}   # or password_file = "path", or password_prompt = true
# address = "0x..."            # refused if the key is another
# A key in a hardware module, AWS KMS or Web3Signer: docs/keys.md
"""
    return f"""# One operator's node. Paths are relative to this file. No secret stands here, only where it is found.
name = {quoted(name)}

[http]
host = "127.0.0.1"   # for others to reach it, put a proxy with TLS before it (docs/api.md)
port = {port}
cache_seconds = 30   # how long a sighting is answered from the store; 0 asks the sources each time
auth = "keys"        # callers need a key: `filing-gate api-key new`; "none" is for a loopback address only
# public_metrics = false       # whether /metrics needs no key
# trusted_proxies = []         # proxies whose X-Forwarded-For is believed, e.g. ["127.0.0.1"]
# behind_tls = false           # true: callers come by TLS only, so browsers are told to insist on it
# cors_origins = []            # pages whose scripts may call the API, e.g. ["https://issuer.example"]
# body_seconds = 20            # how long a request may take to arrive
# idempotency_hours = 48       # how long the answer to an Idempotency-Key is repeated
# [http.limits]                # calls a minute for one key by its scope, at each replica; 0: no limit
# issuer = 600
# auditor = 600
# operator = 3000
# anonymous = 300              # calls without a good key, by address

[chain]
id = {chain_id}
registry = {quoted(registry or NO_REGISTRY)}
rpc_url = {quoted(rpc_url)}   # if it holds an access key, write rpc_url_env = "NAME" instead
# Several endpoints instead of one, in the order of preference; one on another chain or far behind is never used.
# rpc_urls_env = ["NAME", "OTHER"]   # or rpc_urls = ["http://...", "http://..."]
# max_lag_blocks = 5           # how far behind the others an endpoint may be and still be read from
# confirmations = 12           # blocks after which the relay's transactions are final; 0 on a development chain
# finalized = false            # true: they must also be in a block that the chain calls finalized

# Where a filing has tranches on further chains, PLAN-1 needs to read them too; one block a chain.
# [[chains]]
# id = 1
# registry = "0x..."           # the committee's registry there
# rpc_url_env = "NAME"         # or rpc_url

[key]
{_KEYS.get(key_type, keystore)}
# An account that brings suspensions and renewals on chain. It needs gas and no right; without it anybody may.
# [relay]
# keystore = "relay.json"
# password_env = "NAME"        # or password_file
# max_fee_gwei = 200           # the most offered for one gas, and of that as a tip: whole, or a text like "0.5"
# max_priority_fee_gwei = 5
# replace_after_seconds = 60   # not mined for so long: sent again with fees an eighth higher, up to the caps
# wait_seconds = 120           # how long a caller waits; the transaction goes on without it

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
url = "sqlite:///node.db"      # or postgresql://user@host/name; with a password: url_env = "NAME" instead
evidence = "evidence"

# The append-only log of what this node observed, decided and signed: its key signs checkpoints (docs/log.md).
[transparency]
key = "log-key.pem"

# [logging]
# format = "json"              # or "console"; one event a line, on stderr
# level = "info"

# What `/readyz` and `filing-gate check` hold the node to.
# [readiness]
# source_seconds = 21600       # newest success of a source that still counts as fresh
# head_seconds = 900           # oldest newest block; 0: never looked at
# min_free_bytes = 536870912

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
