"""Finds what a branch held at a time, as far as git can tell.

Git records when a commit was made, not when it arrived on a branch: a merge brings commits that are older
than itself, and a push may bring commits of any age. So only the commits that are not later than the time,
together with everything before them, count as there at that time. Where a later merge joined several such
lines of history, each of them may have been the branch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from launch_pipeline.checks.kinds.git_repository.store import Repository


@dataclass(frozen=True)
class Commit:
    """A commit's time, as its author's machine had it, and its parents."""

    made_at: int
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Then:
    """What a branch may have held at a time."""

    candidates: tuple[str | None, ...]
    """Commits, the one along first parents first; None: nothing was there yet."""
    misdated: frozenset[str]
    """Commits that claim to be older than a later one among their ancestors."""


async def state_at(repository: Repository, tip: str, at: datetime) -> Then:
    """Find the commits that a branch which is now at ``tip`` may have been at."""
    out = await repository.run("rev-list", "--topo-order", "--reverse", "--parents", "--timestamp", tip)
    history = dict(_commit(line.split()) for line in out.decode().splitlines())
    limit = at.timestamp()
    later: set[str] = set()
    for name, commit in history.items():  # parents come before their children
        if commit.made_at > limit or any(parent in later for parent in commit.parents):
            later.add(name)
    misdated = frozenset(name for name in later if history[name].made_at <= limit)
    return Then(tuple(dict.fromkeys(_earlier(history, later, tip))), misdated)


def _commit(words: list[str]) -> tuple[str, Commit]:
    made_at, name, *parents = words
    return name, Commit(int(made_at), tuple(parents))


def _earlier(history: Mapping[str, Commit], later: set[str], tip: str) -> Iterator[str | None]:
    """Yield the newest commits that are not later, depth first along first parents."""
    todo: list[str] = [tip]
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in later:
            yield name
        elif history[name].parents:
            todo += reversed(history[name].parents)
        else:
            yield None
