"""Files below one folder, each written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from oracle.errors import FilingGateError, UnreachableError

__all__ = ["MAX_FILE_BYTES", "FolderBlobs"]

#: A file larger than this is none of ours: captures and documents are bounded far below.
MAX_FILE_BYTES = 2**30

_UNFINISHED = ".new-"


class FolderBlobs:
    """Implements `Blobs` on a folder. Safe for several processes; a written file survives loss of power."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __str__(self) -> str:
        return str(self._directory)

    def exists(self, name: str) -> bool:
        """Whether a file of this name is there."""
        return (self._directory / name).is_file()

    def read(self, name: str) -> bytes | None:
        """The file's bytes, None if there is none. FilingGateError if it is larger than MAX_FILE_BYTES."""
        path = self._directory / name
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        if len(data) > MAX_FILE_BYTES:
            raise FilingGateError(
                f"larger than {MAX_FILE_BYTES} bytes", where=str(path), remedy="evidence is never so large: remove it"
            )
        return data

    def write(self, name: str, data: bytes) -> None:
        """Write a file durably under a temporary name and rename it: after a crash it is there whole, or not at all.

        UnreachableError if it can't be written, as on a full disk.
        """
        try:
            self._write(self._directory / name, data)
        except OSError as error:
            raise UnreachableError(
                f"the evidence can't be written: {error.strerror or type(error).__name__}",
                where=str(self._directory),
                remedy="make room on its disk and check its permissions; then try again",
            ) from None

    def _write(self, path: Path, data: bytes) -> None:
        self._make(path.parent)
        if not data:
            # Nothing in it can be half written, so its name is all that has to last.
            path.touch()
            _sync(path.parent)
            return
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync(path.parent)

    def names(self, prefix: str = "") -> Iterator[str]:
        """The names of all files below a folder name that ends in "/", or of all; leftovers of a crash left out."""
        top = self._directory / prefix
        for folder, folders, files in os.walk(top):
            folders.sort()
            for file in sorted(files):
                if not file.startswith(_UNFINISHED):
                    yield (Path(folder) / file).relative_to(self._directory).as_posix()

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it; each new name is synced, or a crash could lose the files in it."""
        if folder.is_dir():
            return
        if folder != folder.parent:
            self._make(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
