"""Files that a program writes: finds the new ones and copies them to the reports folder."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MOST_FILES = 100
_MOST_BYTES = 20 * 1024 * 1024
_SIDECAR = ".meta.json"
_COARSE = 2.0
"""Seconds that a file system may round a time by."""
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Before:
    """The files that were there before the program ran, and when that was."""

    stamps: Mapping[Path, Stamp]
    began: float

    def is_new(self, path: Path) -> bool:
        """Return whether the program wrote a file; one that it only moved or copied may be older."""
        seen = _stamp(path)
        return self.stamps.get(path) != seen and seen[1] / 1e9 >= self.began - _COARSE


def prepare(root: Path, globs: Sequence[str]) -> Before:
    """Create the named folders, and record the files that match already.

    Files of an earlier run must not count as new. Raises Inconclusive for a path that leads out of the
    program's folder.
    """
    for glob in globs:
        path = Path(glob)
        if path.is_absolute() or ".." in path.parts:
            message = f"artifact '{glob}' leads out of the program's folder"
            raise Inconclusive(message)
        if not any(sign in str(path.parent) for sign in "*?[") and root.is_dir():
            (root / path.parent).mkdir(parents=True, exist_ok=True)
    stamps = {path: _stamp(path) for glob in globs for path in _matching(root, glob)}
    return Before(stamps, time.time())


def _stamp(path: Path) -> Stamp:
    seen = path.stat()
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _matching(root: Path, glob: str) -> Iterator[Path]:
    """Yield files below the root, without sidecars and links that lead out of it."""
    inside = root.resolve()
    for path in sorted(root.glob(glob)):
        own = path.resolve().is_relative_to(inside) and not path.name.endswith(_SIDECAR)
        if own and path.is_file():
            yield path


@dataclass(frozen=True)
class Keeping:
    """The destination of artifacts, and the content of their sidecars."""

    target: Path | None
    """None: artifacts are listed but not copied."""
    about: Mapping[str, Any] | None
    """None: no sidecar, so that the file is not mistaken for a finished report."""


def keep(
    root: Path, globs: Sequence[str], before: Before, keeping: Keeping
) -> tuple[list[dict[str, Any]], list[str]]:
    """Copy the new files and list them with their SHA-256; also return what is missing.

    A glob is missing without a new file; a file that cannot be kept is missing, too, and its copy of an
    earlier run is removed.
    """
    kept: list[dict[str, Any]] = []
    missing = []
    for glob in globs:
        new = [path for path in _matching(root, glob) if before.is_new(path)]
        if not new:
            missing.append(glob)
        for path in new:
            one = _kept(root, path, keeping, full=len(kept) >= _MOST_FILES)
            kept.append(one)
            if one.get("problem"):
                missing.append(f"{one['path']} ({one['problem']})")
    return kept[:_MOST_FILES], missing[:_MOST_FILES]


def _kept(root: Path, path: Path, keeping: Keeping, *, full: bool) -> dict[str, Any]:
    size, relative = path.stat().st_size, str(path.relative_to(root))
    target = None if keeping.target is None else keeping.target / relative
    if size > _MOST_BYTES or full:
        _forget(target)
        problem = f"more than {_MOST_FILES} files" if full else f"larger than {_MOST_BYTES // 1024**2} MiB"
        return {"path": relative, "size": size, "kept": False, "problem": problem}
    content = path.read_bytes()
    if target is not None:
        _forget(target)
        _write(target, content)
        if keeping.about is not None:
            _write(_beside(target), json.dumps(keeping.about).encode())
    checksum = hashlib.sha256(content).hexdigest()
    return {"path": relative, "size": size, "sha256": checksum, "kept": target is not None}


def _beside(report: Path) -> Path:
    return report.with_name(report.name + _SIDECAR)


def _forget(target: Path | None) -> None:
    """Remove a report of an earlier run; its sidecar first, so that it speaks for nothing else meanwhile."""
    if target is not None:
        _beside(target).unlink(missing_ok=True)
        target.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    """Write the file atomically, so that no half-written report is read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".artifact-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def reports_folder(reports: Any) -> Path | None:
    """Return the folder in ``${reports}``; None if it is a URL or not set."""
    text = str(reports or "")
    scheme = urlsplit(text).scheme
    path = Path(unquote(urlsplit(text).path) if scheme == "file" else text)
    return path if text and scheme in {"", "file"} and path.is_dir() else None
