"""The error tree.

    FilingGateError            exit 2   anything this project reports to a person
    ├── InputError             exit 2   a file, argument or key is wrong; nothing was changed
    ├── RefusedError           exit 1   the rules, a node or the contract said no
    └── UnreachableError       exit 3   a node, chain or site gave no usable answer

An error says what is wrong, where (key, row, rule, field) and what to do. It never carries a secret.
"""

from __future__ import annotations

from typing import Any

__all__ = ["FilingGateError", "InputError", "RefusedError", "UnreachableError"]


class FilingGateError(Exception):
    """Base of every error a user can meet.

    `what` is one sentence, `where` names the place, `remedy` says what to do, `details` is JSON-ready data.
    """

    exit_code = 2

    def __init__(
        self, what: str, *, where: str | None = None, remedy: str | None = None, details: Any | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy
        self.details = details

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.remedy})" if self.remedy else text

    def as_json(self) -> dict[str, Any]:
        """The error as one JSON object with the keys that are set."""
        fields = {"error": self.what, "where": self.where, "remedy": self.remedy, "details": self.details}
        return {key: value for key, value in fields.items() if value is not None}


class InputError(FilingGateError):
    """A file, argument, key or configuration value is wrong."""

    exit_code = 2


class RefusedError(FilingGateError):
    """The answer is no: a rule failed, a node refused, or the contract reverted."""

    exit_code = 1


class UnreachableError(FilingGateError):
    """Somebody who had to answer did not, or answered with something unusable."""

    exit_code = 3
