"""Judges the values in files of a repository."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.git_repository.extending import UNREAD
from launch_pipeline.checks.kinds.git_repository.tree import shown as shown_path
from launch_pipeline.checks.language.expect import answered, parse_expectations, shown
from launch_pipeline.checks.language.paths import look_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from launch_pipeline.checks.language.comparisons import Comparison


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
            unread = document.get(UNREAD) if isinstance(document, dict) else None
            if unread and found.value is None:
                judged.doubtful.append(f"{path} extends {unread}, which is not in the repository")
            else:
                (judged.doubtful if answer.unknown else judged.unmet).append(said)
