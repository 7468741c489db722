"""Become another program, tied to the life of whoever started it.

Run as a file by the supervisor: ``python -I -S guard.py PARENT SIGNAL USER -- PROGRAM ARG...``. It imports
nothing but the standard library so that it costs milliseconds, changes this process and then replaces it:

- when ``PARENT`` dies, however it dies, the kernel sends ``SIGNAL`` (Linux; elsewhere the next start of the
  stack sweeps what was left);
- with ``USER`` other than ``-``, root is given up first. PostgreSQL refuses to run as root, and a home
  below ``/root`` must stay reachable without opening it to everybody, so the right to pass closed
  directories is kept (ambient capabilities, Linux) instead of changing any mode.
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
    """Tie, give up root, and become the program; exits with 125 when the parent is gone already."""
    parent, signal_number, user = int(argv[0]), int(argv[1]), argv[2]
    if user != "-":
        give_up_root(user)
    # After the change of user: the kernel forgets the signal whenever credentials change.
    die_with_parent(signal_number)
    if os.getppid() != parent:
        sys.exit(125)
    os.execvp(argv[4], argv[4:])  # noqa: S606 - becoming the given program is the point


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel for ``signal_number`` when the parent dies; a no-op outside Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def give_up_root(user: str) -> None:
    """Change to ``user``, keeping only the right to pass closed directories (Linux)."""
    import pwd  # noqa: PLC0415 - needed as root only

    entry = pwd.getpwnam(user)
    linux = sys.platform == "linux"
    # Read, and the C library opened, before: afterwards Python's own files may be out of reach.
    permitted = _permitted() if linux else 0
    if linux:
        ctypes.CDLL(None).prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if linux:
        _keep_passage(permitted)


def _keep_passage(permitted: int) -> None:
    """Reduce the kept capabilities to those two that exist here and hand them on through ``exec``."""
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
