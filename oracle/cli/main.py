"""The command tree and its one exit: exit 0 done, 1 refused or findings, 2 usage or bad input, 3 unreachable."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from oracle import __version__
from oracle.cli.output import JSON_FLAG, json_text, progress, say
from oracle.errors import FilingGateError, InputError

__all__ = ["main"]

#: Command -> (module, attribute, one line of help). Modules are imported only when their command runs.
_COMMANDS = {
    "dossier": ("dossier_commands", "dossier", "Write and check a dossier."),
    "observe": ("operator_commands", "observe", "What each configured source says of a filing now."),
    "evaluate": ("operator_commands", "evaluate", "The verdict of every rule on a dossier, with a node's sources."),
    "rules": ("rules_commands", "rules", "The rules, and each in words: what it asks, with examples."),
    "evidence": ("evidence_commands", "evidence", "Verify what was stored; add documents by their hash."),
    "replay": ("evidence_commands", "replay", "Make a stored decision again, offline, byte for byte."),
    "manual": ("manual_commands", "manual", "A sighting that one person enters and another confirms."),
    "operator": ("operator_commands", "operator", "Set up an operator."),
    "key": ("key_commands", "key", "Make a key; does the operator's sign; what a restored node may sign."),
    "serve": ("operator_commands", "serve", "Run an operator's node."),
    "store": ("store_commands", "store", "A node's database: upgrade, backup, restore, fsck."),
    "check": ("check_command", "check", "Look at all a node needs, before and after any change."),
    "api-key": ("api_key_commands", "api_key", "Keys for those who call a node: make, list, revoke."),
    "deploy": ("issuer_commands", "deploy", "Deploy committee, registry and tokens."),
    "approve": ("issuer_commands", "approve", "Propose an approval, collect m of n signatures, submit."),
    "mint": ("issuer_commands", "mint", "Mint tokens inside their filing."),
    "mint-batch": ("issuer_commands", "mint_batch", "Mint to many holders with one check of the filing."),
    "status": ("issuer_commands", "status", "Filing, tranches, issued against cap, expiry, operators."),
    "committee": ("committee_commands", "committee", "The committee, and its changes by the registry's owner."),
    "suspend": ("lifecycle_commands", "suspend", "Stop a filing at once, as one operator."),
    "resume": ("lifecycle_commands", "resume", "Renew or resume a filing by quorum."),
    "revoke": ("lifecycle_commands", "revoke", "End a filing that the regulator ended, by quorum. Final."),
    "complete": (
        "lifecycle_commands",
        "complete",
        "Close a filing whose issuance is reported complete, by quorum. Final.",
    ),
    "duties": ("duties_commands", "duties", "Reports owed after the approval: list, declare, report, sweep."),
    "log": ("log_commands", "log", "A node's append-only log: check that history was not rewritten; export it."),
    "audit": ("auditor_commands", "audit", "Recompute everything from the chain and name every deviation."),
    "bundle": ("bundle_commands", "bundle", "One file that shows why an approval or update was signed."),
    "verify": ("bundle_commands", "verify", "Check such a file by itself, without network."),
    "rehearse": ("rehearse_commands", "rehearse", "Try every forbidden thing on a local copy of the chain."),
    "verify-code": ("code_commands", "verify_code", "Compare the deployed code with a build of this source."),
}


class _Lazy(click.Group):
    """Loads a command's module when it is called; the list of commands needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"oracle.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in _COMMANDS.items()])


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="filing-gate")
def _root() -> None:
    """A token backed by Chinese domestic assets is minted only while the CSRC filing that covers it is good."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(given))


def _run(arguments: list[str]) -> int:
    as_json = JSON_FLAG in arguments
    try:
        return _command(arguments)
    except (click.Abort, KeyboardInterrupt):
        progress("stopped")
        return 130
    except click.ClickException as error:
        if as_json:
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "filing-gate"
            fault = InputError(error.format_message(), where="command line", remedy=f"see `{command} --help`")
            say(json_text(fault.as_json()))
        else:
            error.show()
        return 2
    except FilingGateError as error:
        if as_json:
            say(json_text(error.as_json()))
        else:
            progress(f"filing-gate: {error}")
        return error.exit_code


def _command(arguments: list[str]) -> int:
    """Run the command; what the system refuses (a folder, a full disk) becomes an error of ours."""
    try:
        for argument in arguments:
            argument.encode("utf-8")
        code = _root.main(arguments, prog_name="filing-gate", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except UnicodeEncodeError:
        raise InputError(
            "an argument is not UTF-8 text", where="command line", remedy="write it in UTF-8, or rename the file"
        ) from None
    except OSError as error:
        raise InputError(
            f"the system refused: {error.strerror or type(error).__name__}",
            where=str(error.filename) if error.filename else None,
            remedy="check the path, its permissions and the disk",
        ) from None
