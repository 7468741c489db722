"""Variables in parameters."""

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.checks.language.expect import parse_expectations
from launch_pipeline.checks.language.variables import placeholders, substitute, substitute_expectations
from launch_pipeline.errors import NotConnected

VARIABLES = {"n": 5, "s": "text", "l": ["a", "b"], "yes": True, "quote": "it's", "none": None}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${s}", "text"),
        ("${n}", 5),
        ("${yes}", True),
        ("n=${n} ${yes}", "n=5 true"),
        (["x", "${l}", "y"], ["x", "a", "b", "y"]),
        (["${n}"], [5]),
        ("in ${l}", 'in ["a", "b"]'),
        ({"${s}": {"k": "${n}"}}, {"text": {"k": 5}}),
        ("$s {n} $", "$s {n} $"),
        (7, 7),
    ],
    ids=str,
)
def test_substitution(value: Any, expected: Any) -> None:
    """A whole placeholder takes the variable's type, a list joins a list, the rest is text."""
    assert substitute(value, VARIABLES) == expected


@pytest.mark.parametrize("name", ["missing", "none"])
def test_variable_not_set_is_named(name: str) -> None:
    """A variable that is not set is named, never an empty text."""
    with pytest.raises(NotConnected, match=f"variable '{name}' is not set"):
        substitute({"a": ["x ${" + name + "}"]}, VARIABLES)


def test_quote_in_a_variable_cannot_end_a_literal() -> None:
    """A path stays one path whatever the variable holds."""
    expect = substitute_expectations({"contains(text, '${quote}')": "== true"}, VARIABLES)
    parse_expectations(expect)


def test_comparison_stays_a_text() -> None:
    """A comparison that is nothing but a variable is not turned into a number."""
    assert substitute_expectations({"a": ["== ${n}"], "b": "in ${l}"}, VARIABLES)["b"] == 'in ["a", "b"]'


def test_placeholders_are_found_at_any_depth() -> None:
    """The names a value uses are known before it runs."""
    assert placeholders({"${a}": ["x${b}", {"c": "${d}"}]}) == {"a", "b", "d"}
