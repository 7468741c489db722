"""The files of a commit: the entries of its tree, and what its links and submodules stand for."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.git_repository.globs import matching, may_match_below
from launch_pipeline.checks.kinds.git_repository.store import Entry, Repository
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LINK, _SUBMODULE = "120000", "160000"
_MOST_LINKS = 5000
_MOST_HOPS = 40


@dataclass(frozen=True)
class Selection:
    """The files that globs match; a link stands for the file that it leads to, which counts once."""

    files: dict[str, Entry]
    """By the path of the file itself."""
    unseen: tuple[str, ...] = ()
    """What the globs may match and the repository does not hold, with the reason."""
    links: frozenset[str] = field(default_factory=frozenset)
    """The links on the way to these files."""


@dataclass(frozen=True)
class Tree:
    """All entries of a commit, and the targets of its links."""

    entries: Mapping[str, Entry]
    links: Mapping[str, str]
    folders: frozenset[str]

    @classmethod
    async def read(cls, repository: Repository, commit: str) -> Tree:
        """Read the tree of a commit; raises Inconclusive for too many links."""
        listing = await repository.run("ls-tree", "-r", "-l", "-z", commit)
        entries = dict(map(_entry, listing.split(b"\0")[:-1]))
        linked = {path: one.oid for path, one in entries.items() if one.mode == _LINK}
        if len(linked) > _MOST_LINKS:
            message = f"the repository has more than {_MOST_LINKS} links; it cannot be read"
            raise Inconclusive(message)
        targets = await repository.blobs(linked.values())
        return cls(
            entries, {path: os.fsdecode(targets[oid]) for path, oid in linked.items()}, _folders(entries)
        )

    async def select(self, globs: Sequence[str], exclude: Sequence[str]) -> Selection:
        """Return the files that the globs match, also through links."""
        return await asyncio.to_thread(self._select, globs, exclude)

    def _select(self, globs: Sequence[str], exclude: Sequence[str]) -> Selection:
        aliases = {path: path for path in self.entries if not self._is_submodule(path)} | self._aliases()
        files: dict[str, Entry] = {}
        used: set[str] = set()
        unseen = [
            f"{shown(path)} is a submodule, whose files are in another repository"
            for path in filter(self._is_submodule, self.entries)
            if may_match_below(path, globs, exclude)
        ]
        for path in matching(aliases, globs, exclude):
            real, hops = self.resolved(path)
            entry = self.entries.get(real) if real is not None else None
            if entry is not None and entry.mode not in {_LINK, _SUBMODULE}:
                files[str(real)] = entry
                used |= hops
            elif path in self.links and real not in self.folders:
                unseen.append(self._lost(path))
        unseen += self._lost_folders(globs, exclude)
        return Selection(files, tuple(dict.fromkeys(unseen)), frozenset(used))

    def _is_submodule(self, path: str) -> bool:
        return self.entries[path].mode == _SUBMODULE

    def _lost(self, link: str) -> str:
        return f"{shown(link)} is a link to {shown(self.links[link])!r}, which is not in the repository"

    def _aliases(self) -> dict[str, str]:
        """Return the paths that links to folders give to the files in them."""
        aliases = {}
        for link in self.links:
            folder, _ = self.resolved(link)
            if folder is None or folder not in self.folders:
                continue
            prefix = f"{folder}/" if folder else ""
            for path in self.entries:
                if path.startswith(prefix):
                    aliases[f"{link}/{path.removeprefix(prefix)}"] = path
        return aliases

    def _lost_folders(self, globs: Sequence[str], exclude: Sequence[str]) -> list[str]:
        """Return the links to nowhere below which a glob may match."""
        leads = {link: self.resolved(link)[0] for link in self.links}
        known = self.folders | self.entries.keys()
        return [
            self._lost(link)
            for link, real in leads.items()
            if real not in known and may_match_below(link, globs, exclude)
        ]

    def resolved(self, path: str) -> tuple[str | None, set[str]]:
        """Follow the links of a path; None if they lead out of the repository or in a circle."""
        todo, done, used = path.split("/"), list[str](), set[str]()
        hops = 0
        while todo:
            part = todo.pop(0)
            if part == ".." and not done:
                return None, used
            if part == "..":
                done.pop()
            elif part not in {"", "."}:
                done.append(part)
            target = self.links.get("/".join(done))
            if target is None:
                continue
            used.add("/".join(done))
            hops += 1
            if target.startswith("/") or hops > _MOST_HOPS:
                return None, used
            done.pop()
            todo = [*target.split("/"), *todo]
        return "/".join(done), used


def _entry(line: bytes) -> tuple[str, Entry]:
    about, _, path = line.partition(b"\t")
    mode, _, oid, size = about.decode().split()
    return os.fsdecode(path), Entry(mode, oid, int(size) if size.isdecimal() else 0)


def _folders(paths: Iterable[str]) -> frozenset[str]:
    folders = {""}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return frozenset(folders)


def shown(path: str) -> str:
    """Return a path for people; bytes that are not UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")
