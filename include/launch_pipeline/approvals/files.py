"""Read a YAML file into a frozen model; an error names file, place, value and fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from launch_pipeline.checklist.files import read_yaml
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)

_FAULT = "fault"
_FIXES = {
    "missing": "add it",
    "extra_forbidden": "remove it, or correct its spelling",
    "string_type": "write it in quotes",
    "string_pattern_mismatch": "match the form of the example",
}


def fault(place: str, problem: str, fix: str) -> PydanticCustomError:
    """Build the error that a validator raises and ``load_model`` turns into a ConfigurationError."""
    return PydanticCustomError(
        _FAULT, "{place}: {problem} Fix: {fix}", {"place": place, "problem": problem, "fix": fix}
    )


def load_model(path: Path, model: type[M], example: str) -> M:
    """Read one YAML mapping as ``model``.

    ``example`` names a file in the right form. Raises ConfigurationError if the file cannot be read, is not
    YAML, or is refused by the model (with the first problem and the number of further ones).
    """
    content = read_yaml(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        place, problem, fix = _first_problem(error, example)
        raise ConfigurationError(str(path), place, problem, fix) from error


def _first_problem(error: ValidationError, example: str) -> tuple[str, str, str]:
    details = error.errors(include_url=False)
    first = details[0]
    more = f" ({len(details) - 1} more follow.)" if len(details) > 1 else ""
    if first["type"] == _FAULT:
        context = first["ctx"]
        return context["place"], f"{context['problem']}{more}", context["fix"]
    return _place(first), f"{_problem(first)}{more}", f"{_fix(first)}; see {example} for the form."


def _place(detail: ErrorDetails) -> str:
    return ".".join(str(part) for part in detail["loc"] if part != "[key]")


def _problem(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        return "it is missing."
    if detail["type"] == "extra_forbidden":
        return f"the key {detail['loc'][-1]!r} is not known."
    return f"{detail['input']!r} is not accepted: {message}."


def _fix(detail: ErrorDetails) -> str:
    return _FIXES.get(detail["type"], "correct the value")
