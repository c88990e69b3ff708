"""The command `filing-gate`. Thin: it parses, calls, prints."""

from oracle.cli.main import main

__all__ = ["main"]
