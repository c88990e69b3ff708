"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from oracle.errors import InputError

if TYPE_CHECKING:
    from web3 import Web3

    from oracle.chain.deployment import Deployment
    from oracle.chain.sender import Sender
    from oracle.collector.node_client import NodeClient
    from oracle.domain.dossier import Dossier
    from oracle.signing.keys import KeySigner

__all__ = [
    "DEFAULT_HOURS",
    "NO_PASSWORD",
    "address",
    "asked_password",
    "config_option",
    "deployment_of",
    "deployment_option",
    "hours_option",
    "key_of",
    "key_options",
    "node_clients",
    "node_keys_of",
    "node_keys_option",
    "node_option",
    "read_bytes",
    "read_dossier",
    "url_without_secret",
    "rpc_callback",
    "rpc_option",
    "rpcs_option",
    "sender_of",
]

Command = TypeVar("Command", bound=Callable[..., Any])

#: Default window of an approval or renewal, in hours.
DEFAULT_HOURS = 24

PASSWORD_ENV = "FILING_GATE_PASSWORD"  # noqa: S105
NODE_KEY_ENV = "FILING_GATE_NODE_KEY"

#: What to do about an address of a node that holds a user or password.
NO_PASSWORD = "leave it out: a node's key stands in --node-keys"  # noqa: S105


def _http_url(text: str, where: str) -> str:
    """The URL if it is http(s) with a host and a port that exists. The error never echoes it: it may hold a secret."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 host that can't be
        good = False
    if not good or not text.isprintable():
        raise InputError("not an http(s) URL", where=where, remedy="write e.g. http://127.0.0.1:8545")
    return text


def _url_or_socket(text: str) -> str:
    """An http(s) URL, or the path of a node's socket on this machine."""
    if not text.startswith("/"):
        return _http_url(text, "--rpc")
    if not Path(text).is_socket():
        raise InputError(
            "not a socket", where=f"--rpc {text}", remedy="write the path that the node prints, or its URL"
        )
    return text


def url_without_secret(text: str, where: str, remedy: str) -> str:
    """An http(s) URL that holds neither user nor password; the error does not echo it."""
    if "@" in urlsplit(_http_url(text, where)).netloc:
        raise InputError("the address holds a user name or password", where=where, remedy=remedy)
    return text


def rpc_callback(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """What an option that takes a node's address checks; None where it may be left out."""
    return None if value is None else _http_url(value, f"--{parameter.name}")


def _nodes(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(url_without_secret(value, "--node", NO_PASSWORD) for value in values)


rpc_option = click.option(
    "--rpc",
    required=True,
    callback=rpc_callback,
    envvar="FILING_GATE_RPC",
    show_envvar=True,
    metavar="URL",
    help="HTTP address of an Ethereum node.",
)
rpcs_option = click.option(
    "--rpc",
    "rpcs",
    multiple=True,
    required=True,
    callback=lambda _, __, values: tuple(_url_or_socket(value) for value in values),
    envvar="FILING_GATE_RPC",
    show_envvar=True,
    metavar="URL|PATH",
    help="HTTP address of an Ethereum node, or the path of its socket (IPC); give it once for each to have several "
    "compared.",
)
node_option = click.option(
    "--node",
    "nodes",
    multiple=True,
    required=True,
    callback=_nodes,
    metavar="URL",
    help="An operator's node; give it once for each.",
)
node_keys_option = click.option(
    "--node-keys",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="FILING_GATE_NODE_KEYS",
    show_envvar=True,
    metavar="FILE",
    help=f'The nodes\' API keys (TOML, mode 0600): "URL" = "fgk_…". For a single node also ${NODE_KEY_ENV}.',
)
config_option = click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The node's configuration.",
)
deployment_option = click.option(
    "--deployment",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Default: deployments/<chain id>.json",
)


def _hours(_: click.Context, __: click.Parameter, value: float) -> float:
    if math.isnan(value):  # passes every comparison of the range
        raise click.BadParameter("nan is not a length of time")
    return value


hours_option = click.option(
    "--hours",
    type=click.FloatRange(min=0.01, max=8784),
    default=DEFAULT_HOURS,
    show_default=True,
    callback=_hours,
    help="Length of the window, from now.",
)


def key_options(command: Command) -> Command:
    """Adds --keystore, --password-file and --from."""
    for option in (
        click.option(
            "--from",
            "account",
            metavar="ADDRESS",
            help="Send from an account that the Ethereum node holds (test chains).",
        ),
        click.option(
            "--password-file",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help=f"Its password; else ${PASSWORD_ENV}, else asked.",
        ),
        click.option(
            "--keystore",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Keystore v3 file of the key to use.",
        ),
    ):
        command = option(command)
    return command


def address(text: str, where: str) -> str:
    """An address in EIP-55 form; InputError for anything else, or for capitals that don't fit its checksum."""
    from eth_utils.address import is_address, is_checksum_address, to_checksum_address

    if not text.startswith("0x") or not is_address(text) or (text != text.lower() and not is_checksum_address(text)):
        raise InputError(
            f"{text[:80]!r} is not an address (or fails its EIP-55 checksum)", where=where, remedy="copy it again"
        )
    return str(to_checksum_address(text))


def node_clients(urls: Sequence[str], keys_file: Path | None) -> list[NodeClient]:
    """The nodes of --node, each with its own key. A key in the environment is for a single node and no other."""
    from oracle.collector.node_keys import clients

    return clients(urls, node_keys_of(urls, keys_file))


def node_keys_of(urls: Sequence[str], keys_file: Path | None) -> dict[str, str]:
    """The nodes' keys by address without a last slash: of --node-keys, else for a single node of the environment."""
    from oracle.collector.node_keys import read_node_keys

    given = os.environ.get(NODE_KEY_ENV)
    if keys_file is not None:
        return read_node_keys(keys_file)
    if given and len(urls) > 1:
        raise InputError(
            "one key is not shown to several nodes", where=f"${NODE_KEY_ENV}", remedy="write a file for --node-keys"
        )
    return {url.rstrip("/"): given for url in urls} if given else {}


def _password(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise InputError(
                "the file can't be read", where=f"--password-file {file}", remedy="check path and permissions"
            ) from None
    if PASSWORD_ENV in os.environ:
        return os.environ[PASSWORD_ENV]
    return asked_password("Keystore password")


def asked_password(prompt: str, *, twice: bool = False) -> str:
    """A password typed at the terminal; InputError if there is none."""
    if not sys.stdin.isatty():
        raise InputError(
            "no password is given and no terminal to ask at", where=f"${PASSWORD_ENV}", remedy=f"set ${PASSWORD_ENV}"
        )
    answer: str = click.prompt(prompt, hide_input=True, confirmation_prompt=twice, err=True)
    return answer


def key_of(keystore: Path, password_file: Path | None) -> KeySigner:
    """The key of --keystore."""
    from oracle.signing.keys import load_keystore

    return load_keystore(keystore, _password(password_file))


def sender_of(keystore: Path | None, password_file: Path | None, account: str | None) -> Sender:
    """Who sends: the key of --keystore, or the node's account of --from."""
    from oracle.chain.sender import KeySender, NodeAccountSender

    if (keystore is None) == (account is None):
        raise InputError("who sends?", where="command line", remedy="give either --keystore or --from")
    if keystore is not None:
        return KeySender(key_of(keystore, password_file).secret)
    try:
        return NodeAccountSender(str(account))
    except ValueError:
        raise InputError(
            f"{account!r} is not an address", where="--from", remedy="write 0x and 40 hexadecimal digits"
        ) from None


def deployment_of(path: Path | None, w3: Web3) -> Deployment:
    """The deployment file for the chain that answers; InputError if it is another chain's."""
    from oracle.chain.deployment import load_deployment
    from oracle.chain.rpc import chain_faults

    with chain_faults(str(getattr(w3.provider, "endpoint_uri", ""))):
        chain_id = w3.eth.chain_id
    deployment = load_deployment(path or Path("deployments") / f"{chain_id}.json")
    if deployment.chain_id != chain_id:
        raise InputError(
            f"the deployment is on chain {deployment.chain_id}, the node on {chain_id}",
            where="--deployment",
            remedy="point --rpc to the right chain",
        )
    return deployment


def read_bytes(path: Path) -> bytes:
    """A dossier file's bytes, one more at most than a dossier may have."""
    from oracle.domain.dossier import MAX_DOSSIER_BYTES

    try:
        with path.open("rb") as file:
            return file.read(MAX_DOSSIER_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), remedy="check the path") from None


def read_dossier(path: Path) -> Dossier:
    """A dossier from a .toml or .json file."""
    from oracle.domain.dossier import parse_dossier

    return parse_dossier(read_bytes(path), what=str(path), toml=path.suffix == ".toml")
