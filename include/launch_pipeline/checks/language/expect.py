"""The language of ``expect``: a JMESPath into the observation, and the comparison it must meet.

One language for all kinds: ``{"latency_ms.p95": "< 500", "text": ["exists", "not matches Traceback"]}``.
Anything but a clear yes is a no: a missing value passes only ``absent`` and ``== null``, NaN passes
nothing, values of different types are never smaller, larger or equal.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.canonical import plain
from launch_pipeline.checks.language.paths import compiled, look_up
from launch_pipeline.checks.language.patterns import found, guard_pattern
from launch_pipeline.checks.language.values import (
    LIMIT,
    alike,
    duration,
    is_nan,
    listed,
    moment,
    same,
    unquoted,
)
from launch_pipeline.checks.verdict import Finding, Observation, Subject, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

FORMS = (
    "'== x', '!= x', '< x', '<= x', '> x', '>= x', 'between a b', 'in [a, b]', 'not in [a, b]', "
    "'contains x', 'contains_all [a, b]', 'matches REGEX', 'not matches REGEX', 'age <= 26h', "
    "'exists', 'absent'"
)
"""The comparisons a checklist may use, as error messages list them."""

_PLACEHOLDER = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_AGE = re.compile(r"(<=|>=|<|>)\s*(\S+)")
SKEW = timedelta(minutes=5)
"""Tolerated difference between clocks."""
_SHOWN = 80


class Operator(StrEnum):
    """Operators; a longer one comes before its prefix."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    AT_MOST = "<="
    AT_LEAST = ">="
    LESS = "<"
    MORE = ">"
    NOT_IN = "not in"
    NOT_MATCHES = "not matches"
    CONTAINS_ALL = "contains_all"
    CONTAINS = "contains"
    MATCHES = "matches"
    BETWEEN = "between"
    EXISTS = "exists"
    ABSENT = "absent"
    AGE = "age"
    IN = "in"


@dataclass(frozen=True)
class Comparison:
    """One comparison as written: the operator, its operand, and the whole text."""

    operator: Operator
    operand: str
    text: str


@dataclass(frozen=True)
class Answer:
    """Whether a comparison holds, and why not; ``unknown`` if that cannot be decided."""

    holds: bool
    note: str = ""
    unknown: bool = False


def parse_comparison(text: Any) -> Comparison:
    """Parse one comparison; raises ValueError that lists the accepted forms."""
    if not isinstance(text, str) or len(text) > LIMIT:
        message = f"{str(text)[:60]!r} is not a comparison; write one of {FORMS}"
        raise ValueError(message)
    return _comparison(text)


@lru_cache(maxsize=4096)
def _comparison(text: str) -> Comparison:
    stripped = text.strip()
    for operator in Operator:
        operand = _operand(stripped, operator)
        if operand is not None:
            comparison = Comparison(operator, operand, stripped)
            _check_operand(comparison)
            return comparison
    message = f"{text[:60]!r} is not a comparison; write one of {FORMS}"
    raise ValueError(message)


def _operand(text: str, operator: Operator) -> str | None:
    if not text.startswith(operator.value):
        return None
    rest = text[len(operator.value) :]
    ends_in_letter = operator.value[-1].isalpha()
    return rest.strip() if not (ends_in_letter and rest and not rest[0].isspace()) else None


def _check_operand(comparison: Comparison) -> None:
    operator, operand = comparison.operator, comparison.operand
    if operator in {Operator.EXISTS, Operator.ABSENT}:
        _refuse(bool(operand), comparison, f"'{operator}' takes nothing after it")
        return
    _refuse(not operand, comparison, f"'{operator}' needs a value; write '' for an empty text")
    if _PLACEHOLDER.search(operand):
        return
    if operator in {Operator.MATCHES, Operator.NOT_MATCHES}:
        guard_pattern(operand)
    elif operator in {Operator.IN, Operator.NOT_IN, Operator.CONTAINS_ALL}:
        _refuse(not listed(operand), comparison, "write a list that is not empty, such as ['a', 'b']")
    elif operator is Operator.BETWEEN:
        _refuse(
            _bounds(operand) is None, comparison, "write two numbers, durations or times: 'between 1 900'"
        )
    elif operator is Operator.AGE:
        _refuse(_age_limit(operand) is None, comparison, "write a sign and a duration: 'age <= 26h'")
    elif operator in _ORDER:
        _refuse(alike(operand, operand) is None, comparison, "write a number, a duration or a time with zone")


def _refuse(wrong: bool, comparison: Comparison, fix: str) -> None:
    if wrong:
        message = f"{comparison.text[:60]!r} cannot be read: {fix}"
        raise ValueError(message)


def _bounds(operand: str) -> tuple[str, str] | None:
    words = [w for w in operand.replace(",", " ").split() if w != "and"]
    if len(words) == 2 and alike(words[0], words[1]):  # noqa: PLR2004
        return words[0], words[1]
    return None


def _age_limit(operand: str) -> tuple[str, timedelta] | None:
    match = _AGE.fullmatch(operand)
    limit = duration(match[2]) if match else None
    return (match[1], limit) if match and limit is not None else None


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


def compare(comparison: Comparison, actual: Any, now: datetime) -> Answer:
    """Compare one observed value; never raises."""
    operator = comparison.operator
    if is_nan(actual):
        return Answer(holds=False, note="not a number", unknown=True)
    if actual is None and comparison.text not in {"absent", "== null"}:
        return Answer(holds=False, note="missing")
    if operator in _ORDER:
        return _ordered(operator.value, actual, comparison.operand)
    if operator is Operator.AGE:
        return _aged(actual, comparison.operand, now)
    return _OTHERS[operator](actual, comparison.operand)


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _ordered(sign: str, actual: Any, operand: str) -> Answer:
    pair = alike(actual, unquoted(operand))
    if pair is None:
        return Answer(holds=False, note="cannot be compared: different types")
    return Answer(holds=_ORDER[sign](*pair))


def _aged(actual: Any, operand: str, now: datetime) -> Answer:
    limit, then = _age_limit(operand), moment(actual)
    if limit is None or then is None:
        return Answer(holds=False, note="not a time with zone")
    age = now - then
    if age < -SKEW:
        return Answer(holds=False, note="lies in the future: a clock is wrong", unknown=True)
    return Answer(holds=_ORDER[limit[0]](age, limit[1]))


def _between(actual: Any, operand: str) -> Answer:
    bounds = _bounds(operand)
    if bounds is None:
        return Answer(holds=False, note="the bounds are different types")
    low, high = (_ordered(">=", actual, bounds[0]), _ordered("<=", actual, bounds[1]))
    return Answer(holds=low.holds and high.holds, note=low.note or high.note)


def _not_equal(actual: Any, operand: str) -> Answer:
    wanted = unquoted(operand)
    if wanted == "null":
        return Answer(holds=actual is not None)
    mixed = isinstance(actual, int | float | list | dict) and not _same_sort(actual, wanted)
    if mixed:
        return Answer(holds=False, note="cannot be compared: different types")
    return Answer(holds=not same(actual, wanted))


def _same_sort(actual: Any, wanted: str) -> bool:
    if isinstance(actual, bool):
        return wanted.lower() in {"true", "false"}
    if isinstance(actual, list):
        return listed(wanted) is not None
    return wanted.startswith("{") if isinstance(actual, dict) else alike(actual, wanted) is not None


def _member(actual: Any, operand: str, *, wanted: bool) -> Answer:
    choices = listed(operand)
    if not choices or isinstance(actual, list | dict):
        return Answer(holds=False, note="not one value and a list" if choices else "the list is empty")
    return Answer(holds=any(same(actual, choice) for choice in choices) is wanted)


def _has(actual: Any, wanted: str) -> bool | None:
    if isinstance(actual, str):
        return wanted in actual if wanted else None
    if isinstance(actual, list):
        return any(same(element, wanted) for element in actual)
    return wanted in actual if isinstance(actual, dict) else None


def _contains(actual: Any, operand: str) -> Answer:
    has = _has(actual, unquoted(operand))
    return Answer(holds=bool(has), note="neither text, list nor mapping" if has is None else "")


def _contains_all(actual: Any, operand: str) -> Answer:
    choices = listed(operand)
    if not choices:
        return Answer(holds=False, note="the list is empty")
    lacking = [choice for choice in choices if not _has(actual, choice)]
    return Answer(holds=not lacking, note=f"lacks {', '.join(lacking)}"[:200] if lacking else "")


def _matched(actual: Any, operand: str, *, wanted: bool) -> Answer:
    if isinstance(actual, bool) or not isinstance(actual, str | int | float):
        return Answer(holds=False, note="not a text")
    try:
        return Answer(holds=found(operand, str(actual)) is wanted)
    except ValueError as error:
        return Answer(holds=False, note=str(error)[:200], unknown=True)


_OTHERS: dict[Operator, Callable[[Any, str], Answer]] = {
    Operator.EQUAL: lambda actual, operand: Answer(holds=same(actual, unquoted(operand))),
    Operator.NOT_EQUAL: _not_equal,
    Operator.IN: lambda actual, operand: _member(actual, operand, wanted=True),
    Operator.NOT_IN: lambda actual, operand: _member(actual, operand, wanted=False),
    Operator.CONTAINS: _contains,
    Operator.CONTAINS_ALL: _contains_all,
    Operator.MATCHES: lambda actual, operand: _matched(actual, operand, wanted=True),
    Operator.NOT_MATCHES: lambda actual, operand: _matched(actual, operand, wanted=False),
    Operator.BETWEEN: _between,
    Operator.EXISTS: lambda actual, _operand: Answer(holds=actual is not None),
    Operator.ABSENT: lambda actual, _operand: Answer(holds=actual is None),
}


def _findings(
    subject: Subject, wanted: Mapping[str, tuple[Comparison, ...]], now: datetime
) -> Iterable[tuple[Finding, Answer]]:
    for expression, comparisons in wanted.items():
        actual, problem = look_up(expression, subject.facts)
        for comparison in comparisons:
            answer = Answer(holds=False, note=problem) if problem else compare(comparison, actual, now)
            finding = Finding(
                subject=subject.name,
                expression=expression,
                wanted=comparison.text,
                actual=actual,
                holds=answer.holds,
                note=answer.note,
            )
            yield finding, answer


def judge(
    observation: Observation, criteria: Mapping[str, str | Sequence[str]], now: datetime | None = None
) -> tuple[Verdict, tuple[Finding, ...], str]:
    """Judge an observation: return the verdict, every comparison, and a headline for people.

    ``criteria`` must hold for every subject. An observation without subjects fails, unless it may be
    empty; no criteria, or a value that is NaN, is inconclusive. Raises ValueError if the criteria
    themselves are invalid.
    """
    verdict, findings = weigh(observation, criteria, now)
    return verdict, findings, summarise(verdict, findings)


def weigh(
    observation: Observation, criteria: Mapping[str, str | Sequence[str]], now: datetime | None = None
) -> tuple[Verdict, tuple[Finding, ...]]:
    """Judge as :func:`judge` does, without the headline."""
    wanted = parse_expectations(criteria)
    moment_of_judgement = now or datetime.now(UTC)
    judged = [pair for s in observation.subjects for pair in _findings(s, wanted, moment_of_judgement)]
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


def summarise(verdict: Verdict, findings: Sequence[Finding]) -> str:
    """Return one line for Slack: ``p95 = 312, want < 300``, or what held."""
    if not findings:
        return {
            Verdict.PASSED: "nothing found, as expected",
            Verdict.FAILED: "nothing found",
            Verdict.INCONCLUSIVE: "nothing was expected of the observation",
        }[verdict]
    subjects = list(dict.fromkeys(finding.subject for finding in findings))
    wrong = [finding for finding in findings if not finding.holds]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        name = f"{wrong[0].subject}: " if len(subjects) > 1 else ""
        return f"{name}{_wrong(wrong[0])}{more}"
    if len(subjects) > 1:
        wanted = dict.fromkeys(f"{finding.expression} {finding.wanted}" for finding in findings)
        return f"all {len(subjects)}: " + _some(list(wanted))
    return _some([_right(finding) for finding in findings])


def _some(texts: Sequence[str], most: int = 3) -> str:
    rest = f" (and {len(texts) - most} more)" if len(texts) > most else ""
    return ", ".join(texts[:most]) + rest


def _wrong(finding: Finding) -> str:
    if finding.actual is None and finding.note == "missing":
        return f"{finding.expression} is missing, want {finding.wanted}"
    note = f" ({finding.note})" if finding.note else ""
    return f"{finding.expression} = {shown(finding.actual)}, want {finding.wanted}{note}"


def _right(finding: Finding) -> str:
    if finding.wanted == "absent":
        return f"{finding.expression} is absent"
    return f"{finding.expression} = {shown(finding.actual)}"


def shown(value: Any) -> str:
    """Return an observed value, short enough for a headline."""
    if isinstance(value, str):
        text = " ".join(value.split()) if value.strip() else repr(value)
    elif isinstance(value, float):
        text = f"{value:.6g}"
    else:
        text = json.dumps(plain(value), ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
