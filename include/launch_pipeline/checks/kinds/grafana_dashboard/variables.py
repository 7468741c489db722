"""Template variables of a dashboard: puts their saved values into queries."""

from __future__ import annotations

import json
import re
from typing import Any

_USED = re.compile(r"\$\{(\w+)(?:\.[^:^}]+)?(?::([^}]+))?\}|\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]")
_ALL = "$__all"
_AUTO = "$__auto"
"""Value of an interval variable that Grafana's page resolves itself."""
_WRITTEN = {"constant", "textbox", "custom", "interval"}
"""Types of variables whose options are stored in the dashboard."""
_SQL = re.compile(r"(?i)sql|postgres|clickhouse|snowflake|bigquery|redshift|athena")
_REGEX = re.compile(r"([\\^$*+?.()|\[\]{}])")

Values = dict[str, list[str]]


class UnknownVariableError(Exception):
    """A query uses a variable that has no saved value."""


def saved_values(dashboard: dict[str, Any]) -> Values:
    """Return the saved values of each variable; variables without one are left out.

    "All" is the variable's own all-value, else every option, else anything.
    """
    found: Values = {}
    for variable in (dashboard.get("templating") or {}).get("list") or []:
        name, values = variable.get("name"), _values(variable)
        if name and values:
            found[str(name)] = values
    return found


def _values(variable: dict[str, Any]) -> list[str]:
    current = (variable.get("current") or {}).get("value")
    unset = current is None or str(current).startswith(_AUTO)
    if unset and variable.get("type") in _WRITTEN:
        current = str(variable.get("query") or "").split(",")[0].strip() or None
    if current is None and variable.get("includeAll"):
        current = _ALL
    values = [str(one) for one in (current if isinstance(current, list) else [current]) if one is not None]
    return _every(variable) if _ALL in values else values


def _every(variable: dict[str, Any]) -> list[str]:
    if variable.get("allValue"):
        return [str(variable["allValue"])]
    options = [
        str(o.get("value")) for o in variable.get("options") or [] if o.get("value") not in {None, _ALL}
    ]
    return options or [".*"]


def replaced(value: Any, values: Values, datasource_type: str = "") -> Any:
    """Put the saved values into every string at any depth; names with ``__`` are Grafana's own.

    Raises UnknownVariableError for a variable without a value.
    """
    if isinstance(value, str):
        return _in_text(value, values, datasource_type)
    if isinstance(value, dict):
        return {name: replaced(item, values, datasource_type) for name, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, values, datasource_type) for item in value]
    return value


def _in_text(text: str, values: Values, datasource_type: str) -> str:
    def put(match: re.Match[str]) -> str:
        name = match[1] or match[3] or match[4]
        if name.startswith("__") or not (name in values or match[1] or match[4] or _named(name)):
            return match[0]
        if name not in values:
            raise UnknownVariableError(name)
        return _formatted(values[name], match[2] or match[5] or "", datasource_type)

    return _USED.sub(put, text)


def _named(name: str) -> bool:
    """Return whether ``$name`` can be a variable: ``$1`` is a group of a pattern."""
    return not name[0].isdigit()


def _formatted(values: list[str], form: str, datasource_type: str) -> str:
    joined = {
        "csv": ",".join(values),
        "raw": ",".join(values),
        "pipe": "|".join(values),
        "json": json.dumps(values),
        "doublequote": ",".join(f'"{value}"' for value in values),
        "singlequote": ",".join(f"'{value}'" for value in values),
    }
    if form in joined:
        return joined[form]
    if form != "regex" and len(values) == 1:
        return values[0]
    if form != "regex" and _SQL.search(datasource_type):
        return joined["singlequote"]
    escaped = [_REGEX.sub(r"\\\1", value) for value in values]
    return f"({'|'.join(escaped)})" if len(values) > 1 else values[0]
