"""Translates pydantic's errors into the words of people who write checklists."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.model import Item, Moment, Phase, Repeat, Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel, ValidationError

_PARTS: dict[str, type[BaseModel]] = {"sections": Section, "items": Item, "opens": Moment, "repeat": Repeat}
"""Keys, and the model of their content."""

_WANTED = {
    "model_type": ("a mapping of keys", "Write 'key: value' lines below it."),
    "dict_type": ("a mapping of keys", "Write 'key: value' lines below it."),
    "tuple_type": ("a list", "Write its entries with '- ', or in [brackets]."),
    "list_type": ("a list", "Write its entries with '- ', or in [brackets]."),
    "string_type": ("text", "Write text; quotes make text of anything."),
    "bool_type": ("true or false", "Write true or false."),
    "bool_parsing": ("true or false", "Write true or false."),
    "int_type": ("a whole number", "Write a whole number."),
    "int_parsing": ("a whole number", "Write a whole number."),
    "int_from_float": ("a whole number", "Write a whole number."),
    "invalid_key": ("text, as a key must be", "Put the key in quotes, or correct it."),
    "string_pattern_mismatch": ("an identifier", "Use lower-case letters, digits and underscores."),
}
"""Pydantic's error types: what was wanted, and the fix."""

_UNION_MEMBERS = {"str", "list[str]"}
"""Parts of a location that pydantic adds for a union of text and list of text."""

_ADVICE = re.compile(r"; (?=(?:add|give|name|remove|see|set|shorten|use|write)\b)")
"""Separates problem and fix in the messages of our own models."""

_SHOWN = 80


def checklist_mistakes(raw: Any, error: ValidationError) -> Iterator[tuple[str, str, str]]:
    """Yield place, problem and fix of every error in the form of a checklist file."""
    for detail in error.errors():
        if detail["type"] == "too_short" and detail["input"]:
            # The entries exist but are invalid; each has its own error.
            continue
        problem, fix = _wording(detail, _model_at(detail["loc"]))
        yield _place(raw, detail["loc"]), problem, fix


def parameter_mistakes(
    model: type[BaseModel], error: ValidationError
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield location, problem and fix of every error in the parameters of one check."""
    seen: set[tuple[str, ...]] = set()
    for detail in error.errors():
        names = [str(part) for part in detail["loc"]]
        member = next((n for n, name in enumerate(names) if n and name in _UNION_MEMBERS), len(names))
        loc = tuple(names[:member])
        # Each member of a union reports an error; keep the first.
        if member == len(names) or loc not in seen:
            yield loc, *_wording({**detail, "loc": loc}, model)
        seen.add(loc)


def one_of(value: Any, known: Iterable[str]) -> str:
    """Return the fix for an unknown word: the nearest known one first."""
    known = list(known)
    near = difflib.get_close_matches(str(value), known, 1)
    return f"{f'Write {near[0]!r}, or use' if near else 'Use'} one of: {', '.join(known)}."


def _wording(detail: Any, model: type[BaseModel]) -> tuple[str, str]:
    kind, value = detail["type"], detail.get("input")
    key = str(detail["loc"][-1]) if detail["loc"] else ""
    if kind in _WANTED:
        wanted, fix = _WANTED[kind]
        return f"{_shown(key if kind == 'invalid_key' else value)} is not {wanted}.", fix
    match kind:
        case "extra_forbidden":
            words = f"there is no key {key!r} here.", one_of(key, _keys(model))
        case "missing":
            words = f"{key!r} is missing.", f"Add '{key}:'."
        case "enum" | "literal_error":
            words = f"{_shown(value)} is not allowed.", one_of(value, _expected(detail))
        case "too_short" | "string_too_short":
            words = (
                f"{key!r} is empty.",
                f"Write something below '{key}:', or remove the key if it is optional.",
            )
        case "value_error":
            words = _own_words(str(detail["ctx"]["error"]))
        case _:
            message = f"{_shown(value)}: {detail['msg'][0].lower()}{detail['msg'][1:]}."
            words = message, f"Correct the value of {key!r}."
    return words


def _own_words(message: str) -> tuple[str, str]:
    problem, *advice = _ADVICE.split(message, maxsplit=1)
    return f"{problem}.", f"{advice[0][:1].upper()}{advice[0][1:]}." if advice else "Correct the value."


def _expected(detail: Any) -> list[str]:
    return re.split(", | or ", str(detail["ctx"]["expected"]).replace("'", ""))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(loc: tuple[int | str, ...]) -> type[BaseModel]:
    names = [part for part in loc[:-1] if isinstance(part, str)]
    return _PARTS.get(names[-1], Phase) if names else Phase


def _place(raw: Any, loc: tuple[int | str, ...]) -> str:
    """Convert a model path to ``section.item: key``, as people find it in the file."""
    names: list[str] = []
    keys: list[str] = []
    for part in loc:
        raw = _step(raw, part)
        if isinstance(part, int) and isinstance(raw, dict) and isinstance(raw.get("id"), str):
            names.append(raw["id"])
            keys.clear()
        elif isinstance(part, int) and keys and keys[-1] == "checks":
            keys[-1] = f"check {part + 1}"
        elif part != "params":
            # In the file the parameters stand directly below the kind, without 'params'.
            keys.append(str(part))
    return ": ".join(filter(None, (".".join(names), ".".join(keys))))


def _step(raw: Any, part: int | str) -> Any:
    try:
        return raw[part]
    except (KeyError, IndexError, TypeError):
        return None
