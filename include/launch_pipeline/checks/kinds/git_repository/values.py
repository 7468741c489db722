"""Values in files of a repository: reads the files as data, and judges what they hold."""

from __future__ import annotations

import asyncio
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.git_repository.documents import read_document
from launch_pipeline.checks.kinds.git_repository.tree import Tree
from launch_pipeline.checks.kinds.git_repository.tree import shown as shown_path
from launch_pipeline.checks.language.expect import answered, parse_expectations, shown
from launch_pipeline.checks.language.paths import look_up

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from launch_pipeline.checks.language.comparisons import Comparison

_MOST_EXTENDS = 10


async def read_merged(path: str, text: str, tree: Tree, read: Callable[[str], Awaitable[str]]) -> Any:
    """Read a file as data; a tsconfig is merged with the files that it extends."""
    try:
        document = await asyncio.to_thread(read_document, path, text)
        seen = {path}
        parent = _extended(path, document)
        while parent is not None and len(seen) <= _MOST_EXTENDS:
            known = _file(tree, parent)
            if known is None or known in seen:
                message = f"extends '{parent}', which is not in the repository"
                return {"unreadable": message}
            seen.add(known)
            base = await asyncio.to_thread(read_document, known, await read(known))
            parent = _extended(known, base)
            document = _laid_over(base, document)
    except ValueError as error:
        return {"unreadable": str(error)}
    return document


def _file(tree: Tree, path: str) -> str | None:
    found = (tree.resolved(name)[0] for name in (path, f"{path}.json"))
    return next((name for name in found if name in tree.entries), None)


def _extended(path: str, document: Any) -> str | None:
    """Return the file that a tsconfig extends; raises ValueError for several."""
    if not posixpath.basename(path).startswith("tsconfig") and not path.endswith(".json"):
        return None
    parent = document.get("extends") if isinstance(document, dict) else None
    if parent is None:
        return None
    if not isinstance(parent, str):
        message = "extends several files, which is not supported"
        raise ValueError(message)  # noqa: TRY004  (callers read ValueError as "unreadable")
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), parent))


def _laid_over(base: Any, document: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(document, dict)):
        return document
    merged = {**base, **document}
    below, above = base.get("compilerOptions"), document.get("compilerOptions")
    if isinstance(below, dict) and isinstance(above, dict):
        merged["compilerOptions"] = {**below, **above}
    return merged


@dataclass(frozen=True)
class Judged:
    """Values that are not as wanted, and those of which that cannot be said."""

    unmet: list[str]
    doubtful: list[str]


def judge_values(
    values: Mapping[str, str | Sequence[str]], documents: Mapping[str, Any], now: datetime
) -> Judged:
    """Judge the values of every document."""
    wanted = parse_expectations(values)
    judged = Judged([], [])
    for path, document in documents.items():
        problem = document.get("unreadable") if isinstance(document, dict) and len(document) == 1 else None
        if problem:
            judged.unmet.append(f"{shown_path(path)}: {problem}")
            continue
        for expression, comparisons in wanted.items():
            _judge_one(judged, shown_path(path), (expression, comparisons), document, now)
    return judged


def _judge_one(
    judged: Judged, path: str, wanted: tuple[str, tuple[Comparison, ...]], document: Any, now: datetime
) -> None:
    expression, comparisons = wanted
    found = look_up(expression, document)
    for comparison in comparisons:
        answer = answered(found, comparison, now)
        if not answer.holds:
            seen = answer.note or shown(found.value)
            said = f"{path}: {expression} = {seen}, want {comparison.text}"
            (judged.doubtful if answer.unknown else judged.unmet).append(said)
