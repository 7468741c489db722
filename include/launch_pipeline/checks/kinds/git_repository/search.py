"""Searches files for forbidden text: git searches copies that it takes for text, with names of ours."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.git_repository.content import Text, is_picture, read_text
from launch_pipeline.checks.kinds.git_repository.tree import shown
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from launch_pipeline.checks.kinds.git_repository.store import Entry, Repository

_LARGEST = 32 * 1024 * 1024
_MOST_BYTES = 1024 * 1024 * 1024


@dataclass
class Searched:
    """Lines with forbidden text, and the files that could not be searched."""

    hits: set[tuple[str, int]] = field(default_factory=set)
    unsearched: list[str] = field(default_factory=list)


async def search(repository: Repository, files: Mapping[str, Entry], patterns: Sequence[str]) -> Searched:
    """Search every file, whatever its encoding, its name and its attributes.

    The patterns are git's (PCRE). Raises Inconclusive for a pattern that git refuses, or too many bytes.
    """
    if sum(one.size for one in files.values()) > _MOST_BYTES:
        message = f"the files have more than {_MOST_BYTES // 1024**3} GiB; narrow the paths"
        raise Inconclusive(message)
    searched = Searched()
    with tempfile.TemporaryDirectory(prefix="launch-search-") as folder:
        names = await _copied(repository, files, Path(folder), patterns, searched)
        for name, line in await _found(repository, folder, patterns) if names else ():
            searched.hits.add((names[name], line))
    return searched


async def _copied(
    repository: Repository, files: Mapping[str, Entry], folder: Path, patterns: Sequence[str], to: Searched
) -> dict[str, str]:
    """Copy the files as UTF-8; return the path in the repository by the name of the copy."""
    names: dict[str, str] = {}
    for path, entry in files.items():
        if entry.size > _LARGEST:
            to.unsearched.append(f"{shown(path)} is larger than {_LARGEST // 1024**2} MiB")
    small = {path: entry for path, entry in files.items() if entry.size <= _LARGEST}
    async for path, raw in _with_lines(repository, small, to):
        try:
            text = read_text(raw)
        except ValueError as error:
            to.unsearched.append(f"{shown(path)} {error}")
            continue
        if not (text.utf8 or all(map(str.isascii, patterns))):
            to.unsearched.append(f"{shown(path)} is not UTF-8, and a pattern is not ASCII")
        for variant in _variants(text):
            name = f"{len(names):08d}"
            names[name] = path
            await asyncio.to_thread((folder / name).write_bytes, variant.encode("utf-8", "replace"))
    return names


async def _with_lines(
    repository: Repository, files: Mapping[str, Entry], to: Searched
) -> AsyncIterator[tuple[str, bytes]]:
    """Yield the files that may hold lines: all but pictures. Of pictures alone nothing is proved."""
    pictures = 0
    async for path, raw in repository.contents(files):
        if is_picture(path, raw):
            pictures += 1
        else:
            yield path, raw
    if pictures and pictures == len(files):
        to.unsearched.append("every file is a picture or a font")


def _variants(text: Text) -> Iterator[str]:
    """Yield a text as it is, and with every line ended as git ends it, so that ``$`` is its end."""
    for one in (text.best, *text.others):
        yield one
        if "\r" in one:
            yield one.replace("\r\n", "\n").replace("\r", "\n")


async def _found(repository: Repository, folder: str, patterns: Sequence[str]) -> Iterator[tuple[str, int]]:
    wanted = [argument for pattern in patterns for argument in ("-e", pattern)]
    out = await repository.outside(folder, "grep", "--no-index", "-a", "-n", "-z", "-P", *wanted, "--", ".")
    return filter(None, map(_hit, out.split(b"\n")))


def _hit(line: bytes) -> tuple[str, int] | None:
    name, _, rest = line.partition(b"\0")
    number = rest.partition(b"\0")[0].partition(b":")[0]
    return (name.decode(), int(number)) if number.isdigit() and name.isdigit() else None
