"""YAML to validated model. Every mistake names file, item, value and fix; none is skipped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from launch_pipeline.checklist.files import checklist_folder, read_yaml
from launch_pipeline.checklist.graph import graph_problems
from launch_pipeline.checklist.model import CheckSpec, Phase
from launch_pipeline.errors import ChecklistError, ConfigurationError, InvalidChecklist

ParameterModels = Mapping[str, type[BaseModel]]
"""Kind of check to the model of its parameters; given by the checks room."""


def load_phase(path: Path, kinds: ParameterModels) -> Phase:
    """Read one checklist file.

    Raises InvalidChecklist with everything that is wrong with the file.
    """
    try:
        raw = read_yaml(path)
    except ConfigurationError as error:
        raise InvalidChecklist((ChecklistError(*_parts(error)),)) from error
    try:
        phase = Phase.model_validate(raw)
    except ValidationError as error:
        raise InvalidChecklist(tuple(_model_problems(path, raw, error))) from error
    if problems := [*_check_problems(path, phase, kinds), *graph_problems(str(path.name), phase)]:
        raise InvalidChecklist(tuple(problems))
    return phase


def checklist_files(folder: Path | None = None) -> list[Path]:
    """Checklist files in the order of the document: their names begin with a number."""
    return sorted((folder or checklist_folder()).glob("[0-9][0-9]_*.yaml"))


def load_phases(kinds: ParameterModels, folder: Path | None = None) -> list[Phase]:
    """Read all checklist files in the document's order.

    Raises InvalidChecklist with what is wrong in any file, or across files.
    """
    problems: list[ChecklistError] = []
    phases: dict[str, Phase] = {}
    for path in checklist_files(folder):
        try:
            phases[path.name] = load_phase(path, kinds)
        except InvalidChecklist as error:
            problems += error.problems
    problems += _across(phases)
    if problems:
        raise InvalidChecklist(tuple(problems))
    return list(phases.values())


def _across(phases: dict[str, Phase]) -> list[ChecklistError]:
    """Phase and Dag names are unique over all files."""
    problems: list[ChecklistError] = []
    seen: dict[str, str] = {}
    for name, phase in phases.items():
        dags = [phase.dag] if phase.dag else [section.dag for section in phase.sections]
        for key in (f"phase {phase.id}", *(f"dag {dag}" for dag in dict.fromkeys(dags))):
            if key in seen:
                problem = f"{key!r} is also in {seen[key]}."
                problems.append(ChecklistError(name, key, problem, "Give it a name of its own."))
            seen[key] = name
    return problems


def _check_problems(path: Path, phase: Phase, kinds: ParameterModels) -> list[ChecklistError]:
    problems = []
    for section, item in phase.items():
        for number, check in enumerate(item.checks, 1):
            place = f"{section.id}.{item.id}: check {number} ({check.kind})"
            problems += _one_check(path, place, check, kinds)
    return problems


def _one_check(path: Path, place: str, check: CheckSpec, kinds: ParameterModels) -> list[ChecklistError]:
    if check.kind not in kinds:
        fix = f"Use one of: {', '.join(sorted(kinds))}."
        return [ChecklistError(path.name, place, f"there is no check kind {check.kind!r}.", fix)]
    try:
        kinds[check.kind].model_validate(check.params)
    except ValidationError as error:
        return [_describe(path, place, kinds[check.kind], detail) for detail in error.errors()]
    return []


def _model_problems(path: Path, raw: dict[str, Any], error: ValidationError) -> list[ChecklistError]:
    return [_describe(path, _place(raw, detail["loc"]), Phase, detail) for detail in error.errors()]


def _describe(path: Path, place: str, model: type[BaseModel], detail: Any) -> ChecklistError:
    loc = [str(part) for part in detail["loc"]]
    key = loc[-1] if loc else ""
    problem, fix = _wording(detail, key, model)
    where = f"{place}: {'.'.join(loc)}" if loc and model is not Phase else place
    return ChecklistError(path.name, where, problem, fix)


def _wording(detail: Any, key: str, model: type[BaseModel]) -> tuple[str, str]:
    """Problem and fix for one pydantic error, in words for people who write checklists."""
    kind, value, context = detail["type"], detail.get("input"), detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = f" Known here: {', '.join(model.model_fields)}." if model is not Phase else ""
        return f"there is no key {key!r}.", f"Remove it or correct its spelling.{known}"
    if kind == "missing":
        return f"{key!r} is missing.", f"Add '{key}:'."
    if kind in {"enum", "literal_error"}:
        return f"{value!r} is not allowed.", f"Use {context.get('expected', 'a known value')}."
    if kind == "string_pattern_mismatch":
        return f"{value!r} is no identifier.", "Use lower-case letters, digits and underscores."
    if kind == "value_error":
        return (
            f"{context.get('error', detail['msg'])!s}.",
            "See the message; the schema beside the files knows all keys.",
        )
    return (
        f"{str(value)[:80]!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}.",
        f"Correct the value of {key!r}.",
    )


def _place(raw: Any, loc: tuple[int | str, ...]) -> str:
    """Turn a model path into ``section.item: key``, the way a person finds it in the file."""
    names: list[str] = []
    keys: list[str] = []
    for part in loc:
        raw = _step(raw, part)
        if isinstance(part, int) and isinstance(raw, dict) and isinstance(raw.get("id"), str):
            names.append(raw["id"])
            keys.clear()
        else:
            keys.append(str(part))
    return ": ".join(filter(None, (".".join(names), ".".join(keys))))


def _step(raw: Any, part: int | str) -> Any:
    try:
        return raw[part]
    except (KeyError, IndexError, TypeError):
        return None


def _parts(error: ConfigurationError) -> tuple[str, str, str, str]:
    return Path(error.source).name, error.place, error.problem, error.fix
