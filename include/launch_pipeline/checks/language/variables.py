"""Variables ``${name}`` in parameters, from the launch's form and the environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from launch_pipeline.errors import NotConnected

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
DERIVED = ("regex", "count")
"""What every list gives beside itself: ``${services_regex}`` and ``${services_count}``."""


def placeholders(value: Any) -> frozenset[str]:
    """Return the variables that a value uses, at any depth."""
    if isinstance(value, str):
        return frozenset(_PLACEHOLDER.findall(value))
    if isinstance(value, Mapping):
        return placeholders([*value.keys(), *value.values()])
    if isinstance(value, list | tuple | set | frozenset):
        return frozenset[str]().union(*map(placeholders, value))
    return frozenset()


def unset(value: Any, variables: Mapping[str, Any]) -> frozenset[str]:
    """Return the variables that a value uses and that are neither there nor derived from a list."""
    return frozenset(
        name for name in placeholders(value) if name not in variables and derived(name, variables) is None
    )


def or_as_written(value: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return variables with which a value keeps the placeholders of those that are not set."""
    return {**{name: f"${{{name}}}" for name in unset(value, variables)}, **variables}


def substitute(value: Any, variables: Mapping[str, Any]) -> Any:
    """Replace ``${name}`` by the variables' values, at any depth.

    A string that is exactly ``${name}`` becomes the variable's own value; a list inside a list is
    spliced; inside a longer string a list or mapping is written as JSON. Raises NotConnected for a
    variable that is not set (None counts as not set).
    """
    if isinstance(value, str):
        return _in_text(value, variables)
    if isinstance(value, Mapping):
        return {_as_text(_in_text(str(k), variables)): substitute(v, variables) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return _in_list(value, variables)
    return value


def substitute_expectations(expect: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Substitute variables in an ``expect``: comparisons stay strings, quotes in paths are escaped.

    Raises NotConnected as :func:`substitute` does.
    """
    return {
        _PLACEHOLDER.sub(lambda match: _literal(match[1], variables), str(path)): _comparisons(
            wanted, variables
        )
        for path, wanted in expect.items()
    }


def substituted(params: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Substitute variables in a check's parameters, each by the rule of its sort. Raises NotConnected.

    Sentences of ``says`` stay: a variable's value must not become a placeholder of theirs.
    """
    rendered: dict[str, Any] = {}
    for name, value in params.items():
        as_expect = name in {"expect", "values", "labels"} and isinstance(value, dict)
        rule = substitute_expectations if as_expect else substitute
        rendered[name] = value if name == "says" else rule(value, variables)
    return rendered


def in_prose(text: str, variables: Mapping[str, Any]) -> str:
    """Fill in the variables of a text that people read; an unknown one stays as it is written."""

    def spoken(match: re.Match[str]) -> str:
        value = variables.get(match[1], derived(match[1], variables))
        if isinstance(value, list | tuple):
            return ", ".join(map(_as_text, value))
        return match[0] if value is None else _as_text(value)

    return _PLACEHOLDER.sub(spoken, text)


def _comparisons(wanted: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(wanted, str):
        return _render(wanted, variables)
    if isinstance(wanted, list | tuple):
        return [_comparisons(text, variables) for text in wanted]
    return wanted


def _literal(name: str, variables: Mapping[str, Any]) -> str:
    # A quote in a value must not end a raw literal of JMESPath.
    return _as_text(_value(name, variables)).replace("\\", "\\\\").replace("'", "\\'")


def _in_text(text: str, variables: Mapping[str, Any]) -> Any:
    whole = _PLACEHOLDER.fullmatch(text)
    return _value(whole[1], variables) if whole else _render(text, variables)


def _render(text: str, variables: Mapping[str, Any]) -> str:
    return _PLACEHOLDER.sub(lambda match: _as_text(_value(match[1], variables)), text)


def _in_list(values: Iterable[Any], variables: Mapping[str, Any]) -> list[Any]:
    result: list[Any] = []
    for value in values:
        replaced = substitute(value, variables)
        splice = isinstance(value, str) and isinstance(replaced, list | tuple)
        result.extend(replaced if splice else [replaced])
    return result


def derived(name: str, variables: Mapping[str, Any]) -> Any:
    """Return ``services_regex`` (for PromQL and LogQL) or ``services_count`` of a list; None without it."""
    base, _, wanted = name.rpartition("_")
    values = variables.get(base)
    if not isinstance(values, list | tuple) or wanted not in DERIVED:
        return None
    if wanted == "count":
        return len(values)
    # A bracket instead of a backslash, which the quotes of a query would need twice.
    return "|".join(re.sub(r"[.+*?()|{}$\[]", lambda sign: f"[{sign[0]}]", str(value)) for value in values)


def _value(name: str, variables: Mapping[str, Any]) -> Any:
    value = variables.get(name)
    if value is None:
        value = derived(name, variables)
    if value is None:
        message = f"variable '{name}' is not set: add it under 'variables:' of the environment"
        raise NotConnected(message)
    return value


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False, default=str)
