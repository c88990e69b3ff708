"""`filing-gate rules` and `filing-gate rules explain ID`."""

from __future__ import annotations

from pathlib import Path

import click

from oracle.cli.output import emit, json_option, table

__all__ = ["rules"]

_HEADINGS = {
    "en": {"inputs": "looks at", "switchable": "may be switched off", "fixed": "can't be switched off"},
    "zh": {"inputs": "输入", "switchable": "可由政策关闭", "fixed": "不可关闭"},
}
_language = click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of titles and texts."
)


@click.group(invoke_without_command=True)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="A node's configuration: shows what it switches off and the hash of its rule set.",
)
@_language
@json_option
@click.pass_context
def rules(ctx: click.Context, config: Path | None, lang: str, as_json: bool) -> None:
    """List the rules: id, basis, citation, title."""
    if ctx.invoked_subcommand is not None:
        return
    from oracle.rules.explanations import listing
    from oracle.rules.policy import Policy
    from oracle.rules.table import RULESET_VERSION, ruleset_hash

    policy = Policy()
    if config is not None:
        from oracle.node.config import load_config

        policy = load_config(config).policy
    rows = listing(policy, lang)
    hashed = "0x" + ruleset_hash(policy).hex()
    off = [row["id"] for row in rows if not row["applied"]]
    lines = table(
        [["rule", "basis", "cite", "title"], *([row[key] for key in ("id", "basis", "cite", "title")] for row in rows)]
    )
    lines += [f"switched off: {', '.join(off)}"] if off else []
    lines.append(f"{len(rows) - len(off)} rules, {RULESET_VERSION}, rulesetHash {hashed}")
    emit(as_json, {"ruleset": RULESET_VERSION, "rulesetHash": hashed, "rules": rows}, lines)


@rules.command()
@click.argument("ident", metavar="ID")
@_language
@json_option
def explain(ident: str, lang: str, as_json: bool) -> None:
    """What rule ID asks, what it looks at, and an example of each outcome."""
    from oracle.rules.explanations import explain as explanation_of

    found = explanation_of(ident)
    text, words = found.texts[lang], _HEADINGS[lang]
    lines = [
        f"{found.rule.id}  {text.title}",
        f"{found.rule.basis.value}, {found.rule.cite}; {words['switchable' if found.switchable else 'fixed']}",
        "",
        text.text,
        "",
        f"{words['inputs']}: {', '.join(found.inputs)}",
        *table([[outcome.value, example] for outcome, example in text.examples.items()]),
    ]
    emit(as_json, found.as_json(), lines)
