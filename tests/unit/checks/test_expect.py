"""The language of ``expect``, a row per sentence."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch_pipeline.checks.language.comparisons import compare, parse_comparison
from launch_pipeline.checks.language.expect import judge, parse_expectations
from launch_pipeline.checks.verdict import Observation, Subject, Verdict

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)

HOLDS = {
    "number equals its text": (200, "== 200"),
    "float equals an integer": (200.0, "== 200"),
    "text of a number equals it": ("200", "== 200"),
    "true by any spelling of the wish": (True, "== True"),
    "true in small letters": (True, "== true"),
    "condition text True": ("True", "== true"),
    "quotes around a text are taken off": ("a b", "== 'a b'"),
    "empty text": ("", "== ''"),
    "empty mapping": ({}, "== {}"),
    "empty list": ([], "== []"),
    "list of texts": (["a", "b"], "== ['a','b']"),
    "null is asked for": (None, "== null"),
    "other text differs": ("eu", "!= us"),
    "below": (499.9, "< 500"),
    "numeric text is compared as a number": ("1000", ">= 1000"),
    "durations compare by length": ("15d", ">= 2w"),
    "compound duration": ("2w1d", "== 15d"),
    "fifteen minutes at most": ("900s", "<= 15m"),
    "instants compare across zones": ("2026-05-01T12:00:00+02:00", "< 2026-05-01T11:00:00Z"),
    "one of": ("ok", "in ['healthy','ok','UP']"),
    "status one of": (204, "in [200,204]"),
    "JSON list": ("a", 'in ["a", "b"]'),
    "none of": ("https://x", "not in ['*','https://evil']"),
    "part of a text": ("azora/api:1.2", "contains 1.2"),
    "element of a list": ([1, 2], "contains 2"),
    "key of a mapping": ({"a": 1}, "contains a"),
    "all of": (["a", "b", "c"], "contains_all [a, 'c']"),
    "pattern": ("max-age=31536000", r"matches max-age=\d+"),
    "pattern that ignores case": ("HIT", "matches (?i)hit|^[1-9]"),
    "pattern absent": ("fine", "not matches Traceback"),
    "there": (0, "exists"),
    "empty but there": ({}, "exists"),
    "not there": (None, "absent"),
    "young": ("2026-05-01T00:00:00Z", "age <= 26h"),
    "between, both ends count": (900, "between 1 900"),
    "between durations": ("5m", "between 1s 1h"),
}

FAILS = {
    "missing is not equal": (None, "== 1"),
    "missing is not different": (None, "!= 1"),
    "missing is not below": (None, "< 1"),
    "missing is not outside": (None, "not in [1]"),
    "missing does not lack a pattern": (None, "not matches x"),
    "NaN is nothing": (math.nan, "!= 1"),
    "NaN does not exist": (math.nan, "exists"),
    "NaN is not below": (math.nan, "< 1"),
    "NaN as text is nothing": ("NaN", "!= 1"),
    "infinity is not enough": (math.inf, ">= 1"),
    "version 1.10 is not 1.1": ("1.10", "== 1.1"),
    "true is not one": (True, "== 1"),
    "true is not above zero": (True, "> 0"),
    "a number is not a duration": (900, "<= 15m"),
    "a word is not below a number": ("many", "< 5"),
    "a number differs from no word": (5, "!= many"),
    "a time without zone is not compared": ("2026-05-01T12:00:00", "< 2026-06-01T00:00:00Z"),
    "old": ("2026-04-01T00:00:00Z", "age <= 26h"),
    "the future is not young": ("2026-06-01T00:00:00Z", "age <= 26h"),
    "no time has no age": ("yesterday", "age <= 26h"),
    "list is not one of": (["a"], "in ['a']"),
    "one is lacking": (["a"], "contains_all ['a','b']"),
    "number contains nothing": (5, "contains 5"),
    "there, though unwanted": ("nginx", "absent"),
    "above the upper bound": (901, "between 1 900"),
    "true matches no pattern": (True, "matches true"),
    "false is not an empty list": (False, "== []"),
}


@pytest.mark.parametrize(("actual", "wanted"), HOLDS.values(), ids=HOLDS.keys())
def test_comparison_holds(actual: Any, wanted: str) -> None:
    """A clear yes is a yes."""
    assert compare(parse_comparison(wanted), actual, NOW).holds


@pytest.mark.parametrize(("actual", "wanted"), FAILS.values(), ids=FAILS.keys())
def test_comparison_fails(actual: Any, wanted: str) -> None:
    """Anything but a clear yes is a no."""
    assert not compare(parse_comparison(wanted), actual, NOW).holds


@pytest.mark.parametrize(
    "text",
    ["200", "=", "==", "is 5", "< ten", "matches (", "matches (?=a)b", "in []", "in a", "between 1", "age 5",
     "age <= soon", "exists really", "matches " + "a" * 501, "containsx", 5],
)  # fmt: skip
def test_unreadable_comparison_is_refused(text: Any) -> None:
    """What cannot be read is an error when the checklist is loaded."""
    with pytest.raises(ValueError, match=r"write|cannot be read|pattern|expression"):
        parse_comparison(text)


def test_error_lists_the_forms() -> None:
    """The error says what may be written."""
    with pytest.raises(ValueError, match="contains_all"):
        parse_comparison("equals 5")


@pytest.mark.parametrize("text", ["== ${x}", "in ${x}", "age <= ${x}", "between 1 ${x}", "matches ${x}"])
def test_placeholder_is_accepted_as_operand(text: str) -> None:
    """A variable's value is not known when the checklist is loaded."""
    assert parse_comparison(text).text == text


@pytest.mark.parametrize("path", ["a..b", "[", "", "foo(", "'x"])
def test_broken_path_is_refused(path: str) -> None:
    """A path that does not compile is an error when the checklist is loaded."""
    with pytest.raises(ValueError, match="JMESPath"):
        parse_expectations({path: "exists"})


def seen(*facts: dict[str, Any], may_be_empty: bool = False) -> Observation:
    subjects = tuple(Subject(name=f"s{n}", facts=f) for n, f in enumerate(facts))
    return Observation(subjects=subjects, authority="test", may_be_empty=may_be_empty)


JUDGED: dict[str, tuple[Observation, dict[str, Any], Verdict, str]] = {
    "all hold": (seen({"a": 1}), {"a": "== 1"}, Verdict.PASSED, "a is 1"),
    "a headline says what was wanted": (seen({"p95": 312}), {"p95": "< 300"}, Verdict.FAILED, "p95 is 312; wanted less than 300"),
    "it must hold for every subject": (
        seen({"a": 1}, {"a": 2}), {"a": "== 1"}, Verdict.FAILED, "s1: a is 2; wanted 1 (1 of 2)"),
    "many subjects that hold": (seen({"a": 1}, {"a": 1}), {"a": "== 1"}, Verdict.PASSED, "all 2 (s0, s1): a is 1"),
    "no subject fails": (seen(), {"a": "== 1"}, Verdict.FAILED, "nothing found"),
    "no subject passes where it may": (
        seen(may_be_empty=True), {"a": "== 1"}, Verdict.PASSED, "nothing found, as expected"),
    "nothing asked is inconclusive": (seen({"a": 1}), {}, Verdict.INCONCLUSIVE, "nothing was expected of the observation"),
    "NaN alone is inconclusive": (
        seen({"a": math.nan}), {"a": "< 1"}, Verdict.INCONCLUSIVE, "a is not known: not a number"),
    "what lies in the future says nothing of its age": (
        seen({"a": "2999-01-01T00:00:00Z"}), {"a": "age <= 26h"}, Verdict.INCONCLUSIVE,
        "a is not known: lies in the future: a clock is wrong"),
    "a no beside NaN is a no": (
        seen({"a": math.nan, "b": 2}), {"b": "< 1", "a": "< 1"}, Verdict.FAILED, "b is 2; wanted less than 1; a is NaN; wanted less than 1 (not a number)"),
    "missing": (seen({}), {"a": "< 1"}, Verdict.FAILED, "a is missing; wanted less than 1"),
    "several comparisons": (seen({"a": 5}), {"a": ["> 1", "< 9"]}, Verdict.PASSED, "a is 5 (wanted more than 1); a is 5 (wanted less than 9)"),
    "a path that does not fit": (
        seen({"a": 5}), {"length(a)": "> 1"}, Verdict.FAILED, "number of a is missing (cannot be evaluated"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("observation", "criteria", "verdict", "headline"), JUDGED.values(), ids=JUDGED.keys()
)
def test_judge(observation: Observation, criteria: dict[str, Any], verdict: Verdict, headline: str) -> None:
    """One verdict and one line for all subjects."""
    judged = judge(observation, criteria, NOW)
    assert judged[0] is verdict
    assert judged[2].startswith(headline)


def test_pattern_reads_long_text_in_pieces() -> None:
    """A pattern is found anywhere in a long text."""
    text = "x" * 30_000 + " retention_enabled: true" + "y" * 9000
    assert compare(parse_comparison("matches retention_enabled: true"), text, NOW).holds


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
)
operators = st.sampled_from(
    ["==", "!=", "<", ">=", "in", "not in", "contains", "contains_all", "matches", "not matches", "age <=",
     "between", "exists", "absent", ""]
)  # fmt: skip


@settings(deadline=None)
@given(operators, st.text(max_size=30), json_values)
def test_nothing_raises_at_judgement(operator: str, operand: str, actual: Any) -> None:
    """A comparison is refused when it is read, or it judges whatever there is."""
    try:
        comparison = parse_comparison(f"{operator} {operand}")
    except ValueError:
        return
    answer = compare(comparison, actual, NOW)
    assert not (answer.holds and answer.unknown)


@settings(deadline=None)
@given(st.text(max_size=40), json_values)
def test_paths_never_raise_at_judgement(path: str, actual: Any) -> None:
    """A path is refused when it is read, or evaluates whatever there is."""
    try:
        parse_expectations({path: "exists"})
    except ValueError:
        return
    judge(seen({"a": actual}), {path: "exists"}, NOW)
