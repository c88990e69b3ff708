"""A zip archive from outside, rebuilt within bounds before any library opens it.

A declared size may lie, and a reader written for trusted files believes it. Each entry is unpacked here with a limit
and checked against its CRC; what comes back is a plain archive whose sizes are true.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from oracle.sources.parse_error import ParseError

__all__ = ["MAX_ENTRIES", "MAX_UNPACKED", "rebuilt_zip"]

MAX_ENTRIES = 1000
#: Bytes of all entries together, unpacked. The real table of 267 rows unpacks to well under 1 MB.
MAX_UNPACKED = 50_000_000

_REMEDY = "look at the stored attachment; the site may have been tampered with"


def rebuilt_zip(data: bytes, *, max_entries: int = MAX_ENTRIES, max_unpacked: int = MAX_UNPACKED) -> dict[str, bytes]:
    """The entries of a zip archive by name, unpacked. ParseError for anything damaged, encrypted or too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _unpacked(archive, max_entries, max_unpacked)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError, RuntimeError) as error:
        raise ParseError(f"the attachment is a damaged zip archive: {error}", remedy=_REMEDY) from None


def _unpacked(archive: zipfile.ZipFile, max_entries: int, max_unpacked: int) -> dict[str, bytes]:
    # Not `is_dir`, which stumbles over an entry without a name.
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    if len(entries) > max_entries:
        raise ParseError(f"the attachment has {len(entries)} entries, more than {max_entries}", remedy=_REMEDY)
    if sum(entry.file_size for entry in entries) > max_unpacked:
        raise ParseError(f"the attachment unpacks to more than {max_unpacked} bytes", remedy=_REMEDY)
    if len({entry.filename for entry in entries}) != len(entries):
        raise ParseError("the attachment has two entries of one name", remedy=_REMEDY)
    files: dict[str, bytes] = {}
    for entry in entries:
        if entry.flag_bits & 0x1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ParseError("the attachment is encrypted or packed in an unusual way", remedy=_REMEDY)
        with archive.open(entry) as packed:
            # zipfile stops at the declared size, which is within the bound; the CRC then shows what was cut off.
            files[entry.filename] = packed.read(entry.file_size)
            if packed.read(1):
                raise ParseError("an entry of the attachment is larger than it declares", remedy=_REMEDY)
    return files
