"""Alter files that checks read: reports in a folder, documents in the repository."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from launch_rehearsal.tampering.breaks import Act, Break
from launch_rehearsal.tampering.documents import Document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REPORT = "report "


def altered_file(content: bytes, change: Break) -> bytes | None:
    """Return the content of a file after a break; None where the file itself is removed."""
    if change.act is Act.DROP and not change.at:
        return None
    if change.at == "body":
        before = content if change.act is Act.ADD else b""
        return before + str(change.put).encode()
    return Document(content).altered(change)


@contextmanager
def altered_reports(folder: Path, changes: list[Break]) -> Iterator[None]:
    """Alter reports while the block runs."""
    kept: dict[Path, bytes] = {}
    try:
        for change in changes:
            path = folder / change.where.removeprefix(REPORT)
            kept.setdefault(path, path.read_bytes())
            left = altered_file(path.read_bytes(), change)
            if left is None:
                path.unlink()
            else:
                path.write_bytes(left)
        yield
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
