"""The limits of one instance, in processes of their own."""

from __future__ import annotations

import signal
import subprocess
import sys

_BEGIN = (
    "from sendit.pipeline.pool import limits; limits._SECONDS = 1; limits.MEMORY = 64 << 20\nwith limits.limited(0):\n"
)


def run(body: str) -> subprocess.CompletedProcess[str]:
    """A process that works under small limits."""
    return subprocess.run([sys.executable, "-c", _BEGIN + body], capture_output=True, text=True, check=False)


def test_what_hangs_ends_its_process() -> None:
    """Also within C code that never comes back."""
    assert run("    import re; re.match('(a+)+$', 'a' * 60 + 'b')\n").returncode == -signal.SIGALRM


def test_what_asks_for_too_much_memory() -> None:
    """It gets an error where it asks, and the process goes on."""
    done = run("    try: bytearray(1 << 30)\n    except MemoryError: pass\nprint(len(bytearray(1 << 28)))\n")
    assert (done.stdout, done.stderr) == (f"{1 << 28}\n", "")
