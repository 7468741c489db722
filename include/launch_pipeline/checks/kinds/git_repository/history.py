"""Counts what changed on paths since a time or a ref, and says where git cannot tell."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.git_repository.arrival import Then, state_at
from launch_pipeline.checks.kinds.git_repository.globs import matching
from launch_pipeline.checks.kinds.git_repository.seen import Seen
from launch_pipeline.checks.language.comparisons import SKEW
from launch_pipeline.checks.language.values import moment
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from launch_pipeline.checks.kinds.git_repository.definition import GitRepositoryParams
    from launch_pipeline.checks.kinds.git_repository.store import Repository
    from launch_pipeline.checks.kinds.git_repository.tree import Selection

_LONGEST = 1024 * 1024
"""Bytes of paths that one command may have."""
_ID = re.compile(r"[0-9a-fA-F]{7,64}")
_ADVICE = "git does not record when commits arrive; name the tag or commit of the freeze instead of a time"


@dataclass(frozen=True)
class _Change:
    """What touched the paths between two commits."""

    commits: tuple[tuple[str, int], ...]
    """Names and times."""
    differing: int
    """Files that are not the same in both."""

    @property
    def count(self) -> int:
        return len(self.commits) or self.differing


@dataclass(frozen=True)
class History:
    """The history of a commit, on the paths of a check."""

    repository: Repository
    commit: str
    params: GitRepositoryParams
    selection: Selection
    now: datetime

    async def read(self) -> Seen:
        """Answer what the check asks of the history; raises Inconclusive for a shallow clone."""
        params, seen = self.params, Seen()
        if not (params.max_age or params.changed_since or params.unchanged_since):
            return seen
        shallow = await self.repository.run("rev-parse", "--is-shallow-repository")
        if shallow.strip() == b"true":
            message = "the repository is a shallow clone: its history and dates cannot be trusted"
            raise Inconclusive(message)
        seen.facts["last_commit"] = await self._newest()
        if params.changed_since:
            await self._changed(params.changed_since, seen)
        if params.unchanged_since:
            await self._unchanged(params.unchanged_since, seen)
        return seen

    async def _newest(self) -> str | None:
        paths = [*self.selection.files, *self.selection.links]
        if not paths:
            return None
        out = await self.repository.run("log", "-1", "--format=%cI", self.commit, "--", *_literal(paths))
        return out.decode().strip() or None

    async def _unchanged(self, since: str, seen: Seen) -> None:
        at = moment(since)
        if at is None:
            base = await self._base(since)
            await self._refuse_branch(since)
            seen.facts["changes"] = (await self._between(base)).count
        elif at > self.now:
            message = f"'unchanged_since' is {since}, which lies in the future"
            raise Inconclusive(message)
        else:
            await self._unchanged_at(since, await state_at(self.repository, self.commit, at), seen)

    async def _unchanged_at(self, since: str, then: Then, seen: Seen) -> None:
        first, *others = [await self._between(base) for base in then.candidates]
        seen.facts["changes"] = first.count
        if first.commits and all(name in then.misdated for name, _ in first.commits):
            seen.unknown["changes"] = f"a commit from before {since} follows a later one: {_ADVICE}"
        elif not first.count and any(one.differing for one in others):
            seen.unknown["changes"] = f"a merge after {since} joined two lines of history: {_ADVICE}"

    async def _changed(self, since: str, seen: Seen) -> None:
        at = moment(since)
        if at is None:
            seen.facts["changed"] = (await self._between(await self._base(since))).count > 0
            return
        then = await state_at(self.repository, self.commit, at)
        first = await self._between(then.candidates[0])
        known = (at.timestamp(), (self.now + SKEW).timestamp())
        seen.facts["changed"] = any(known[0] < made_at <= known[1] for _, made_at in first.commits)
        if first.count and not seen.facts["changed"]:
            what = f"nothing on these paths was made between {since} and now, though older changes arrived"
            seen.unknown["changed"] = f"{what}: {_ADVICE}"

    async def _base(self, since: str) -> str:
        base = await self.repository.commit_of(since)
        if base is None:
            message = f"'{since}' is neither a time with zone nor in the repository"
            raise Inconclusive(message)
        return base

    async def _refuse_branch(self, since: str) -> None:
        """Raise Inconclusive unless it is a tag or a commit's id: a branch moves, so it shows no freeze."""
        asked = ("rev-parse", "--symbolic-full-name", "--end-of-options", since)
        named = (await self.repository.run(*asked, accept=(0, 128))).decode("utf-8", "replace").split()
        full = named[-1] if named and named[-1].startswith("refs/") else ""
        if not (full.startswith("refs/tags/") or (not full and _ID.fullmatch(since))):
            message = f"'{since}' is neither a tag nor a commit's id, so it may move; name the freeze by one"
            raise Inconclusive(message)

    async def _between(self, base: str | None) -> _Change:
        """Return what touched the paths between a commit and ours; without one, in the whole history."""
        span = self.commit if base is None else f"{base}..{self.commit}"
        names = await self._names("log", "--format=", span)
        apart: set[str] = set()
        if base is not None:
            apart = await self._names("diff", base, self.commit)
        if not names | apart:
            return _Change((), 0)
        out = await self.repository.run("log", "--format=%H %ct", span, "--", *_literal(names | apart))
        commits = (line.split() for line in out.decode().splitlines())
        return _Change(tuple((name, int(made_at)) for name, made_at in commits), len(apart))

    async def _names(self, command: str, *arguments: str) -> set[str]:
        """Return the changed files that the check is about, also those that are gone or lead to one."""
        out = await self.repository.run(command, "--name-only", "--no-renames", "-z", *arguments, "--")
        names = {os.fsdecode(name.lstrip(b"\n")) for name in out.split(b"\0") if name.strip()}
        through = self.selection.links | self.selection.files.keys()
        return {*matching(names, self.params.paths, self.params.exclude), *(names & through)}


def _literal(paths: Sequence[str] | set[str]) -> list[str]:
    """Return pathspecs of exactly these paths; raises Inconclusive for too many."""
    specs = [f":(top,literal){path}" for path in sorted(paths)]
    if sum(map(len, specs)) > _LONGEST:
        message = f"{len(specs)} files match, too many for their history; narrow the paths"
        raise Inconclusive(message)
    return specs
