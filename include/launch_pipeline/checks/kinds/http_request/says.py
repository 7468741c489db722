"""Says what was answered to a request in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import Label, wanted, wrong
from launch_pipeline.checks.language.units import counted, milliseconds, plainly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_STATUS = re.compile(r'(?:last\.)?statuses\."(\d{3})"')
_COUNT = re.compile(r'counts\."([^"]+)"')
_LATENCY = re.compile(r"latency_ms\.(\w+)")


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or what was answered."""
    if finding is None:
        return _answered(params, facts)
    if latency := _LATENCY.fullmatch(finding.expression):
        return "" if finding.holds else wrong(finding, Label(latency[1], "ms"))
    if counted_status := _STATUS.fullmatch(finding.expression):
        return "" if finding.holds else _share(_total(facts), finding, counted_status[1])
    if counted_value := _COUNT.fullmatch(finding.expression):
        return "" if finding.holds else _share(_told(facts), finding, counted_value[1])
    if finding.expression == "status":
        return "" if finding.holds else _status(params, finding)
    return None


def _answer(params: Any, status: Any) -> str:
    """Say the status, and of which request where no subject names it."""
    targets = params.targets
    request = f"{params.method} {targets[0]} " if len(targets) == 1 else ""
    return f"{request}answered {plainly(status)}"


def _status(params: Any, finding: Finding) -> str:
    return f"{_answer(params, finding.actual)}; wanted {wanted(finding)}"


def _told(facts: Mapping[str, Any]) -> tuple[int, dict[str, int]]:
    known = _numbers(facts.get("counts"))
    return sum(known.values()), known


def _numbers(given: Any) -> dict[str, int]:
    told = given.items() if isinstance(given, dict) else ()
    return {str(name): many for name, many in told if isinstance(many, int)}


def _total(facts: Mapping[str, Any]) -> tuple[int, dict[str, int]]:
    known = _numbers(facts.get("statuses"))
    failures = facts.get("failures")
    lost = failures if isinstance(failures, int) and not isinstance(failures, bool) else 0
    return sum(known.values()) + lost, {**known, **({"no answer": lost} if lost else {})}


def _share(told: tuple[int, dict[str, int]], finding: Finding, answer: str) -> str:
    total, tally = told
    others = {name: many for name, many in tally.items() if name != answer}
    many = tally.get(answer, 0)
    rest = f" ({_tally(others)})" if others else ""
    return (
        f"{many or 'none'} of {counted(total, 'request')} answered {answer}{rest}; wanted {wanted(finding)}"
    )


def _tally(tally: Mapping[str, int]) -> str:
    return ", ".join(f"{many} x {name}" for name, many in tally.items())


def _answered(params: Any, facts: Mapping[str, Any]) -> str | None:
    total, tally = _total(facts)
    if total <= 1:
        return _answer(params, facts.get("status"))
    latency = facts.get("latency_ms")
    p95 = latency.get("p95") if isinstance(latency, dict) else None
    slowest = f", p95 {milliseconds(p95)}" if isinstance(p95, int | float) else ""
    return f"{total} requests: {_tally(tally)}{slowest}"
