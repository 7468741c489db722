"""JMESPath into what was seen: no expression and no facts make it hang or break."""

from __future__ import annotations

import pytest

from launch_pipeline.checks.language.expect import judge, parse_expectations
from launch_pipeline.checks.language.paths import look_up
from launch_pipeline.checks.verdict import Observation, Subject, Verdict

BOMBS = {
    "copies of copies": " | ".join(["[@, @]"] * 40),
    "copies, flattened": " | ".join(["[@, @][]"] * 40),
    "copies by name": " | ".join(["{a: @, b: @}"] * 40),
    "copies of elements": "map(&" * 30 + "[@, @]" + ", [@, @])" * 30,
    "texts in texts": "to_string([" * 30 + "@" + "])" * 30,
    "brackets": "(" * 5000 + "a" + ")" * 5000,
    "a long way": ".".join(["a"] * 5000),
}


@pytest.mark.parametrize("expression", BOMBS.values(), ids=BOMBS.keys())
def test_expression_that_grows_is_refused(expression: str) -> None:
    """What would copy its input over and over is an error when the checklist is loaded."""
    with pytest.raises(ValueError, match=r"copies its input|longer than|not a JMESPath"):
        parse_expectations({expression: "exists"})


def test_ordinary_expression_is_read() -> None:
    """To choose, sum up and write as text is what the language is for."""
    facts = {"statuses": {"429": 3}, "rows": [{"a": 1, "b": 2}]}
    assert look_up('sum([statuses."429" || `0`, statuses."503" || `0`])', facts).value == 3
    assert look_up("rows[].{a: a, b: b, t: to_string(@)} | length(@)", facts).value == 1


def nested(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = {"a": [value]}
    return value


@pytest.mark.parametrize(
    "value",
    [nested(400), 10**5000, [10**5000], -(10**5000), float("inf"), [[float("nan")]]],
    ids=["nested", "a long number", "a long number in a list", "a negative one", "infinity", "no number"],
)
@pytest.mark.parametrize(
    "wanted", ["exists", "== 1", "!= {}", "< 5", "matches x", "contains 1", "in [1]", "age < 1h"]
)
def test_strange_facts_are_judged(value: object, wanted: str) -> None:
    """Facts may be nested hundreds of levels deep, or be numbers of thousands of digits; a no is a no."""
    seen = Observation(subjects=(Subject(name="s", facts={"a": value}),), authority="x")
    verdict, findings, headline = judge(seen, {"a": wanted})
    assert isinstance(verdict, Verdict)
    assert len(findings) == 1
    assert 0 < len(headline) < 200
