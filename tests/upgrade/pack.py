"""``python -m upgrade.pack``: make the archive of an older package, from which the test of upgrades starts.

A checkout in continuous integration has no history, so the package is a file of the repository. The same
commit gives the same bytes. Run this in a clone with history, from its root:

  PYTHONPATH=tests python -m upgrade.pack d3f4d78

The shipped checklists are left out, since the test has small ones of its own.
"""

from __future__ import annotations

import argparse
import lzma
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = ROOT / "tests" / "fixtures" / "upgrade" / "older.tar.xz"
PARTS = (
    "dags",
    "plugins",
    "include/launch_pipeline",
    "include/environments",
    "include/checklists/variables.yaml",
    "include/contacts.example.yaml",
)
"""What a stack runs from, without checklists."""


def pack(commit: str, archive: Path = ARCHIVE) -> None:
    """Write the parts of a commit as ``tar.xz``. Raises CalledProcessError if git does not know it."""
    command = ("git", "-C", str(ROOT), "archive", "--format=tar", commit, "--", *PARTS)
    tar = subprocess.run(command, check=True, capture_output=True).stdout
    archive.write_bytes(lzma.compress(tar, preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=as_written)
    parser.add_argument("commit")
    pack(parser.parse_args().commit)
