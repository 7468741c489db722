"""Run a program that ends when its parent process ends.

The supervisor runs this file: ``python -I -S guard.py PARENT SIGNAL USER -- PROGRAM ARG...``. It imports only
the standard library, so that it starts in milliseconds. It prepares the process and then executes the
program:

- When ``PARENT`` dies for any reason, the kernel sends ``SIGNAL`` (Linux only; elsewhere the next start of
  the stack stops what was left).
- If ``USER`` is not ``-``, it gives up root first, because PostgreSQL refuses to run as root. A home below
  ``/root`` must stay reachable without opening it to everyone. So on Linux the process keeps the right to
  pass closed directories (ambient capabilities), and no file mode is changed.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522


def main(argv: list[str]) -> None:
    """Give up root, tie this process to its parent, and execute the program; exit with 125 if orphaned."""
    parent, signal_number, user = int(argv[0]), int(argv[1]), argv[2]
    if user != "-":
        give_up_root(user)
    # Only after the change of user: the kernel clears the signal when credentials change.
    die_with_parent(signal_number)
    if os.getppid() != parent:
        sys.exit(125)
    os.execvp(argv[4], argv[4:])  # noqa: S606 - executing the given program is the point


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel for ``signal_number`` when the parent dies; a no-op outside Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def give_up_root(user: str) -> None:
    """Change to ``user``, keeping only the right to pass closed directories (Linux)."""
    import pwd  # noqa: PLC0415 - needed as root only

    entry = pwd.getpwnam(user)
    linux = sys.platform == "linux"
    # Read this and open the C library first: afterwards Python's own files may not be readable.
    permitted = _permitted() if linux else 0
    if linux:
        ctypes.CDLL(None).prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if linux:
        _keep_passage(permitted)


def _keep_passage(permitted: int) -> None:
    """Keep only the two capabilities that pass closed directories, and make them survive ``exec``."""
    libc = ctypes.CDLL(None)
    wanted = [bit for bit in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) if permitted >> bit & 1]
    mask = sum(1 << bit for bit in wanted)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    libc.capset(header, data)
    for bit in wanted:
        libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, bit, 0, 0)


def _permitted() -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0


if __name__ == "__main__":
    main(sys.argv[1:])
