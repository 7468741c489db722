"""Says what resolvers answer in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.phrases import Label, wanted, wrong
from launch_pipeline.checks.language.units import alone, counted, named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding

_TTL = Label("the TTL", "duration")


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or what the resolvers answer of a name that passed."""
    answers = _answers(facts)
    if finding is None:
        return _answered(params, answers)
    if finding.holds:
        return "" if finding.expression in {"count", "consistent", "missing", "unexpected", "ttl"} else None
    if finding.expression == "ttl":
        return wrong(finding, _TTL)
    told = {
        "count": _too_few(params, answers, finding),
        "consistent": _missing(answers, facts.get("missing")) or f"the resolvers disagree: {_each(answers)}",
        "missing": _missing(answers, finding.actual),
        "unexpected": _unexpected(answers, finding.actual),
    }
    return told.get(finding.expression)


def _answers(facts: Mapping[str, Any]) -> dict[str, list[str]]:
    told = facts.get("answers")
    found = told.items() if isinstance(told, dict) else ()
    return {str(name): list(map(str, values)) for name, values in found if isinstance(values, list | tuple)}


def _answered(params: Any, answers: Mapping[str, list[str]]) -> str | None:
    seen = list(dict.fromkeys(str(value) for values in answers.values() for value in values))
    on = counted(len(answers), "resolver")
    return f"{alone(params.names, '')} answers {named(seen)} on {on}".strip() if seen else None


def _each(answers: Mapping[str, list[str]]) -> str:
    return named(
        [f"{resolver} answers {named(list(map(str, values)))}" for resolver, values in answers.items()]
    )


def _too_few(params: Any, answers: Mapping[str, list[str]], finding: Finding) -> str:
    fewest = min(answers, key=lambda resolver: len(answers[resolver]), default="")
    count = len(answers.get(fewest, []))
    on = f" on {fewest}" if fewest else ""
    of = alone(params.names, "")
    records = counted(count, f"{params.type} record") + (f" of {of}" if of else "")
    return f"{records}{on}; wanted {wanted(finding)}"


def _missing(answers: Mapping[str, list[str]], missing: Any) -> str | None:
    if not isinstance(missing, list) or not missing:
        return None
    for resolver, values in answers.items():
        if not set(missing) <= set(values):
            return f"{resolver} answers {named(list(map(str, values)))}; wanted {named(missing)}"
    return f"not answered: {named(missing)}"


def _unexpected(answers: Mapping[str, list[str]], unexpected: Any) -> str | None:
    if not isinstance(unexpected, list):
        return None
    where = [resolver for resolver, values in answers.items() if set(unexpected) & set(values)]
    return f"{named(unexpected)} is still answered" + (f" on {named(where)}" if where else "")
