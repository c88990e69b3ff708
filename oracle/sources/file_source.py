"""The sources that read one file, signed or not: where it stands, what time it is, what was seen before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from oracle.domain.fields import Text
from oracle.evidence.store import EvidenceStore
from oracle.sources.detached_signature import Recover
from oracle.sources.document import Located, reading
from oracle.sources.seen_before import SeenBefore

__all__ = ["FileSource", "NamedFile"]


class NamedFile(Located):
    """A file under the name of its source."""

    name: Text


Config = TypeVar("Config", bound=NamedFile)


class FileSource(Generic[Config]):
    """A source over one file. `base` is the folder of relative paths, `state` that of what was seen before."""

    def __init__(
        self,
        config: Config,
        evidence: EvidenceStore,
        clock: Callable[[], datetime],
        *,
        recover: Recover,
        base: Path,
        state: Path,
    ) -> None:
        self._config = config
        self._clock = clock
        self._recover = recover
        self._read = reading(config, evidence, clock, base)
        self._seen = SeenBefore(state, config.name)

    @property
    def name(self) -> str:
        """The configured name."""
        return self._config.name
