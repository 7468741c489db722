"""The language of ``expect``: a JMESPath into the observation, and the comparison it must meet.

One language for all kinds: ``{"latency_ms.p95": "< 500", "text": ["exists", "not matches Traceback"]}``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.canonical import plain
from launch_pipeline.checks.language.comparisons import (
    FORMS,
    Answer,
    Comparison,
    compare,
    parse_comparison,
)
from launch_pipeline.checks.language.headline import Voice, headline
from launch_pipeline.checks.language.paths import Found, compiled, look_up
from launch_pipeline.checks.language.reader import is_false
from launch_pipeline.checks.verdict import Finding, Observation, Subject, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SHOWN = 80


def as_list(value: str | Sequence[str]) -> list[str]:
    """Return one comparison or several as a list."""
    return [value] if isinstance(value, str) else list(value)


def parse_expectations(expect: Mapping[str, str | Sequence[str]]) -> dict[str, tuple[Comparison, ...]]:
    """Parse a whole ``expect``; raises ValueError if a path or a comparison is wrong."""
    parsed: dict[str, tuple[Comparison, ...]] = {}
    for expression, wanted in expect.items():
        compiled(expression)
        if not wanted:
            message = f"{expression!r} has no comparison; write one of {FORMS}"
            raise ValueError(message)
        parsed[expression] = tuple(parse_comparison(text) for text in as_list(wanted))
    return parsed


def _findings(
    subject: Subject, wanted: Mapping[str, tuple[Comparison, ...]], now: datetime, *, sparse: bool
) -> Iterable[tuple[Finding, Answer]]:
    for expression, comparisons in wanted.items():
        found = look_up(expression, subject.facts, sparse=sparse)
        unknown = _unknown(subject, found)
        for comparison in comparisons:
            answer = answered(found, comparison, now, unknown)
            finding = Finding(
                subject=subject.name,
                expression=expression,
                wanted=comparison.text,
                actual=found.value,
                holds=answer.holds,
                note=answer.note,
            )
            yield finding, answer


def _unknown(subject: Subject, found: Found) -> str:
    """Return why one of the facts that a value was read from is not known; empty if all are."""
    if "*" in found.roots:
        return next(iter(subject.unknown.values()), "")
    return next((subject.unknown[root] for root in sorted(found.roots) if root in subject.unknown), "")


def answered(found: Found, comparison: Comparison, now: datetime, unknown: str = "") -> Answer:
    """Compare the value of a path; one that is ``unknown`` for that reason, or doubtful, never holds."""
    if unknown:
        return Answer(holds=False, note=unknown, unknown=True)
    if found.problem:
        return Answer(holds=False, note=found.problem)
    answer = compare(comparison, found.value, now)
    doubt = found.doubt or (found.missing if is_false(found.value) else "")
    if answer.holds and doubt:
        return Answer(holds=False, note=doubt, unknown=True)
    return answer


def judge(
    observation: Observation, criteria: Mapping[str, str | Sequence[str]], now: datetime | None = None
) -> tuple[Verdict, tuple[Finding, ...], str]:
    """Judge an observation: return the verdict, every comparison, and a headline for people.

    ``criteria`` must hold for every subject. An observation without subjects fails, unless it may be
    empty; no criteria, or a value that is NaN, is inconclusive. Raises ValueError if the criteria
    themselves are invalid.
    """
    moment_of_judgement = now or datetime.now(UTC)
    verdict, findings = weigh(observation, criteria, moment_of_judgement)
    return verdict, findings, headline(verdict, observation, findings, Voice(moment_of_judgement))


def weigh(
    observation: Observation, criteria: Mapping[str, str | Sequence[str]], now: datetime | None = None
) -> tuple[Verdict, tuple[Finding, ...]]:
    """Judge as :func:`judge` does, without the headline."""
    wanted = parse_expectations(criteria)
    moment_of_judgement = now or datetime.now(UTC)
    sparse = observation.sparse
    judged = [
        pair
        for subject in observation.subjects
        for pair in _findings(subject, wanted, moment_of_judgement, sparse=sparse)
    ]
    findings = tuple(finding for finding, _ in judged)
    return _verdict(observation, bool(wanted), [answer for _, answer in judged]), findings


def _verdict(observation: Observation, asked: bool, answers: list[Answer]) -> Verdict:
    if not asked:
        return Verdict.INCONCLUSIVE
    if not observation.subjects:
        return Verdict.PASSED if observation.may_be_empty else Verdict.FAILED
    wrong = [answer for answer in answers if not answer.holds]
    if not wrong:
        return Verdict.PASSED
    return Verdict.INCONCLUSIVE if all(answer.unknown for answer in wrong) else Verdict.FAILED


def shown(value: Any) -> str:
    """Return an observed value as it is, short enough for one line."""
    if isinstance(value, str):
        text = " ".join(value.split()) if value.strip() else repr(value)
    elif isinstance(value, float):
        text = f"{value:.6g}"
    else:
        text = json.dumps(plain(value), ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
