"""What a serving process asks of the C library."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Eight threads that hold memory at once; glibc then says which heaps there are.
PROGRAM = """
import ctypes, sys, threading
from oracle.node.serving import one_heap

if sys.argv[1] == "one":
    one_heap()
all_there, told = threading.Barrier(9), threading.Event()

def hold():
    held = [bytes(50_000) for _ in range(10)]
    all_there.wait(60)
    told.wait(60)

for _ in range(8):
    threading.Thread(target=hold, daemon=True).start()
all_there.wait(60)
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
assert libc.malloc_info(0, file) == 0
libc.fclose(file)
told.set()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has heaps of threads")
@pytest.mark.parametrize(("asked", "one"), (("one", True), ("default", False)))
def test_one_heap__threads_hold_memory__all_is_of_one_heap(tmp_path: Path, asked: str, one: bool) -> None:
    told = tmp_path / "heaps.xml"
    subprocess.run([sys.executable, "-c", PROGRAM, asked, str(told)], cwd=ROOT, check=True, timeout=120)
    heaps = len(re.findall(r"<heap nr=", told.read_text()))
    assert (heaps == 1) is one, heaps
