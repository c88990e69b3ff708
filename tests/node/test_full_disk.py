"""A disk that fills under a serving node: 503, nothing half-written is believed, on as before when there is room."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.load import Heard, Place
from tests.node.served_process import ground

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(300)]


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own in memory; only root may make one."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path, size: int) -> None:
    """Write on and on, in pieces of so many bytes."""
    with path.open("ab", buffering=0) as file:
        while True:
            file.write(b"x" * size)


def calls(place: Place, heard: Heard, *, full: bool) -> None:
    """Ten calls of both kinds: each is refused with 503 and says why, or each is answered."""
    for turn in range(10):
        path, body = place.dossier() if turn % 2 else place.approval(turn)
        reply = place.post(path, body)
        assert reply.status == 503 if full else reply.status in (200, 201), reply.content
        if full:
            assert reply.content["type"] == "urn:filing-gate:problem:unreachable"
            assert "can't be" in reply.content["title"], reply.content
    assert place.lost(heard) == []


def proven(place: Place) -> None:
    """The node still ends well, and what it kept holds."""
    assert "Traceback" not in place.served.text()
    assert place.served.stop() == 0
    found = place.command("store", "fsck")
    assert found["clean"], found["findings"]


def test_disk_full__503__then_room_again__as_before(tmp_path: Path) -> None:
    """The real thing: database, write-ahead log and evidence on a disk of 12 MB that somebody else fills."""
    with ground(tmp_path) as base, small_disk(tmp_path / "disk", "12m") as disk:
        (disk / "evidence").mkdir()
        (tmp_path / "evidence-full").symlink_to(disk / "evidence")
        place = Place(base, "full", f"sqlite:///{disk / 'node.db'}", filings=2)
        heard = Heard()
        calls(place, heard, full=False)
        filler = disk / "filler"
        for size in (4096, 1):
            with pytest.raises(OSError, match="No space left"):
                fill(filler, size)
        calls(place, heard, full=True)
        shown = place.served.get("/readyz")
        assert shown.status_code == 503
        assert "bytes free" in str(shown.json())
        filler.unlink()
        calls(place, heard, full=False)
        proven(place)
        # The disk goes with the test, and the process must have let go of it.


def test_files_that_may_not_grow__503__then_they_may__as_before(tmp_path: Path) -> None:
    """The same where nobody may mount: a limit of the system on the size of every file that the node writes."""
    with ground(tmp_path) as base:
        place = Place(base, "limited", filings=2)
        heard = Heard()
        calls(place, heard, full=False)
        pid = place.served.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
        calls(place, heard, full=True)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        calls(place, heard, full=False)
        proven(place)
