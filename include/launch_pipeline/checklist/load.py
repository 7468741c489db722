"""Loads YAML into the validated model. Every error names file, item, value and fix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from launch_pipeline.checklist.files import checklist_folder, read_yaml
from launch_pipeline.checklist.graph import graph_problems
from launch_pipeline.checklist.messages import checklist_mistakes, one_of, parameter_mistakes
from launch_pipeline.checklist.model import CheckSpec, Phase
from launch_pipeline.checklist.overrides import OVERRIDES, Overrides, overlaid, overrides
from launch_pipeline.errors import ChecklistError, ConfigurationError, InvalidChecklist

ParameterModels = Mapping[str, type[BaseModel]]
"""Check kinds and the models of their parameters, from ``checks.engine.registry``."""


def load_phase(path: Path, kinds: ParameterModels) -> Phase:
    """Read one checklist file.

    Raises InvalidChecklist with all errors in the file.
    """
    try:
        changes = overrides(path.parent)
        raw = overlaid(read_yaml(path), changes)
    except ConfigurationError as error:
        raise InvalidChecklist((ChecklistError(*_parts(error)),)) from error
    try:
        phase = Phase.model_validate(raw)
    except ValidationError as error:
        problems = [ChecklistError(path.name, *mistake) for mistake in checklist_mistakes(raw, error)]
        raise InvalidChecklist(_sourced(problems, raw, changes)) from error
    if problems := [*_check_problems(path, phase, kinds), *graph_problems(str(path.name), phase)]:
        raise InvalidChecklist(_sourced(problems, raw, changes))
    return phase


def _sourced(
    problems: list[ChecklistError], raw: dict[str, Any], changes: Overrides
) -> tuple[ChecklistError, ...]:
    """Name the overlay as the file of problems of the items that it changes."""
    changed = changes.of(str(raw.get("id")))
    return tuple(
        ChecklistError(
            OVERRIDES if one.place.partition(":")[0] in changed else one.source,
            one.place,
            one.problem,
            one.fix,
        )
        for one in problems
    )


def checklist_files(folder: Path | None = None) -> list[Path]:
    """Return the checklist files in the order of the document; their names begin with a number."""
    return sorted((folder or checklist_folder()).glob("[0-9][0-9]_*.yaml"))


def load_phases(kinds: ParameterModels, folder: Path | None = None) -> list[Phase]:
    """Read all checklist files in the order of the document.

    Raises InvalidChecklist with all errors in any file, and across files.
    """
    problems: list[ChecklistError] = []
    phases: dict[str, Phase] = {}
    for path in checklist_files(folder):
        try:
            phases[path.name] = load_phase(path, kinds)
        except InvalidChecklist as error:
            problems += error.problems
    problems += _across(phases)
    problems += _strangers(phases, folder) if not problems else []
    if problems:
        raise InvalidChecklist(tuple(problems))
    return list(phases.values())


def _strangers(phases: dict[str, Phase], folder: Path | None) -> list[ChecklistError]:
    """Find refs of the overlay whose phase does not exist."""
    known = {phase.id for phase in phases.values()}
    return [
        ChecklistError(OVERRIDES, f"items.{ref}", "names no phase.", one_of(ref.split(".")[0], sorted(known)))
        for ref in overrides(folder).items
        if ref.split(".")[0] not in known
    ]


def _across(phases: dict[str, Phase]) -> list[ChecklistError]:
    """Find phases and Dags whose names are not unique over all files."""
    problems: list[ChecklistError] = []
    seen: dict[str, str] = {}
    for name, phase in phases.items():
        dags = [phase.dag] if phase.dag else [section.dag for section in phase.sections]
        for key in (f"phase {phase.id}", *(f"dag {dag}" for dag in dict.fromkeys(dags))):
            if key in seen:
                problem = f"{key!r} is also in {seen[key]}."
                problems.append(ChecklistError(name, key, problem, "Choose a unique name."))
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
        problem = f"there is no check kind {check.kind!r}."
        return [ChecklistError(path.name, place, problem, one_of(check.kind, sorted(kinds)))]
    try:
        kinds[check.kind].model_validate(check.params)
    except ValidationError as error:
        return [
            ChecklistError(path.name, ": ".join(filter(None, (place, ".".join(loc)))), problem, fix)
            for loc, problem, fix in parameter_mistakes(kinds[check.kind], error)
        ]
    return []


def _parts(error: ConfigurationError) -> tuple[str, str, str, str]:
    return Path(error.source).name, error.place, error.problem, error.fix
