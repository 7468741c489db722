"""Files that a program makes: which are new, and a copy of them where reports are looked for."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
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
Stamp = tuple[int, int, int]


def prepare(root: Path, globs: Sequence[str]) -> dict[Path, Stamp]:
    """Make the folders that are named, and note what matches already.

    What an earlier run left must not be taken for new. Raises Inconclusive for a path that leads out
    of the program's folder.
    """
    for glob in globs:
        path = Path(glob)
        if path.is_absolute() or ".." in path.parts:
            message = f"artifact '{glob}' leads out of the program's folder"
            raise Inconclusive(message)
        if not any(sign in str(path.parent) for sign in "*?[") and root.is_dir():
            (root / path.parent).mkdir(parents=True, exist_ok=True)
    return {path: _stamp(path) for glob in globs for path in _matching(root, glob)}


def _stamp(path: Path) -> Stamp:
    seen = path.stat()
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _matching(root: Path, glob: str) -> Iterator[Path]:
    """Yield files below the root; a link that leads out of it is none of them, nor is a sidecar."""
    inside = root.resolve()
    for path in sorted(root.glob(glob)):
        own = path.resolve().is_relative_to(inside) and not path.name.endswith(_SIDECAR)
        if own and path.is_file():
            yield path


@dataclass(frozen=True)
class Keeping:
    """Where artifacts go, and what their sidecars say."""

    target: Path | None
    """None: they are listed and stay where they are."""
    about: Mapping[str, Any] | None
    """None: no sidecar, so that nobody takes the file for a finished report."""


def keep(
    root: Path, globs: Sequence[str], before: Mapping[Path, Stamp], keeping: Keeping
) -> tuple[list[dict[str, Any]], list[str]]:
    """List what is new, with its SHA-256, and copy it; also name the globs that nothing new matches."""
    kept: list[dict[str, Any]] = []
    missing = []
    for glob in globs:
        new = [path for path in _matching(root, glob) if before.get(path) != _stamp(path)]
        if not new:
            missing.append(glob)
        kept += [_kept(root, path, keeping) for path in new[: _MOST_FILES - len(kept)]]
    return kept, missing


def _kept(root: Path, path: Path, keeping: Keeping) -> dict[str, Any]:
    size, relative = path.stat().st_size, str(path.relative_to(root))
    if size > _MOST_BYTES:
        return {"path": relative, "size": size, "kept": False}
    content = path.read_bytes()
    if keeping.target is not None:
        _write(keeping.target / relative, content)
        beside = keeping.target / (relative + _SIDECAR)
        if keeping.about is None:
            beside.unlink(missing_ok=True)
        else:
            _write(beside, json.dumps(keeping.about).encode())
    checksum = hashlib.sha256(content).hexdigest()
    return {"path": relative, "size": size, "sha256": checksum, "kept": keeping.target is not None}


def _write(path: Path, content: bytes) -> None:
    """Write as a whole or not at all: a report that is half there must not be read."""
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
    """Give the folder that ``${reports}`` names; None where it is a URL or not there."""
    text = str(reports or "")
    scheme = urlsplit(text).scheme
    path = Path(unquote(urlsplit(text).path) if scheme == "file" else text)
    return path if text and scheme in {"", "file"} and path.is_dir() else None
