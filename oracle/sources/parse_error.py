"""What the pure half of a source raises."""

from __future__ import annotations

from oracle.errors import UnreachableError

__all__ = ["ParseError"]


class ParseError(UnreachableError):
    """The site answered, and its bytes cannot be read with certainty: damaged, changed in shape, or contradictory."""
