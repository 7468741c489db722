"""Each comparison says yes, no or unknown, and why in words for people."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from launch_pipeline.checks.language.comparisons import Answer, compare, parse_comparison
from launch_pipeline.checks.language.values import duration, listed, moment, number

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ZONE = "not a time with zone"
LATER = "lies in the future: a clock is wrong"
MIXED = "cannot be compared: different types"


@pytest.mark.parametrize(
    ("wanted", "actual", "answer"),
    [
        ("exists", None, Answer(holds=False, note="missing")),
        ("== 5", float("inf"), Answer(holds=False, note="not a number", unknown=True)),
        ("== 5", "+Inf", Answer(holds=False, note="not a number", unknown=True)),
        ("== -inf", "-Inf", Answer(holds=False, note="not a number", unknown=True)),
        ("!= null", "x", Answer(holds=True)),
        ("!= true", False, Answer(holds=True)),
        ("!= TRUE", True, Answer(holds=False)),
        ("!= false", False, Answer(holds=False)),
        ("!= down", True, Answer(holds=False, note=MIXED)),
        ("!= 5", 6, Answer(holds=True)),
        ("!= 5", 5, Answer(holds=False)),
        ("!= five", 5, Answer(holds=False, note=MIXED)),
        ("!= ['a']", ["b"], Answer(holds=True)),
        ("!= a", ["b"], Answer(holds=False, note=MIXED)),
        ("!= {}", {"a": 1}, Answer(holds=True)),
        ("!= 5", {"a": 1}, Answer(holds=False, note=MIXED)),
        ('== {"b": 1, "a": [2]}', {"a": [2], "b": 1}, Answer(holds=True)),
        ("== [1, 2]", [1, 2], Answer(holds=True)),
        ("== [1, 2]", [2, 1], Answer(holds=False)),
        ("== nan", "nan", Answer(holds=False, note="not a number", unknown=True)),
        ("== false", "FALSE", Answer(holds=True)),
        ("== 1d", timedelta(days=1), Answer(holds=False)),
        ("in [a, b]", "b", Answer(holds=True)),
        ("in [a]", ["a"], Answer(holds=False, note="not one value and a list")),
        ("in ${x}", "b", Answer(holds=False, note="the list is empty")),
        ("not in ${x}", "b", Answer(holds=False, note="the list is empty")),
        ("contains ''", "b", Answer(holds=False, note="neither text, list nor mapping")),
        ("contains b", 5, Answer(holds=False, note="neither text, list nor mapping")),
        ("contains b", "a", Answer(holds=False)),
        ("contains_all ${x}", "b", Answer(holds=False, note="the list is empty")),
        ("contains_all [a, b]", ["b", "a"], Answer(holds=True)),
        ("contains_all [a, b, c]", ["b"], Answer(holds=False, note="lacks a, c")),
        (f"contains_all ['{'a' * 300}']", ["b"], Answer(holds=False, note=f"lacks {'a' * 194}")),
        ("matches a", True, Answer(holds=False, note="not a text")),
        ("matches a", ["a"], Answer(holds=False, note="not a text")),
        ("not matches a", ["a"], Answer(holds=False, note="not a text")),
        ("between 1, 5", 5, Answer(holds=True)),
        ("between 1 and 5", 6, Answer(holds=False)),
        ("between 1 and 5", 0, Answer(holds=False)),
        ("between 1 ${x}", 3, Answer(holds=False, note="the bounds are different types")),
        ("age <= 1h", "2026-11-30T11:30:00Z", Answer(holds=True)),
        ("age >= 1h", "2026-11-30T11:30:00Z", Answer(holds=False)),
        ("age <= 1h", "2026-11-30T12:05:00Z", Answer(holds=True)),  # within the tolerated skew of clocks
        ("age <= 1h", "2026-11-30T12:05:01Z", Answer(holds=False, note=LATER, unknown=True)),
        ("age <= 1h", "2026-11-30T11:30:00", Answer(holds=False, note=ZONE, unknown=True)),
        ("age <= ${x}", "2026-11-30T11:30:00Z", Answer(holds=False, note=ZONE, unknown=True)),
    ],
)  # fmt: skip
def test_an_answer_is_exact(wanted: str, actual: Any, answer: Answer) -> None:
    assert compare(parse_comparison(wanted), actual, NOW) == answer


def test_a_text_too_long_for_its_pattern_is_unknown() -> None:
    pattern = "matches " + "(a|b|c|d|e){1,100}" * 3
    answer = compare(parse_comparison(pattern), "ä" * 5_000_000, NOW)
    assert (answer.holds, answer.unknown) == (False, True)
    assert answer.note == "the text is too long for this pattern; write it with fewer or shorter repetitions"


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("exists now", "'exists now' cannot be read: 'exists' takes nothing after it"),
        ("==", "'==' cannot be read: '==' needs a value; write '' for an empty text"),
        ("in a, b", "'in a, b' cannot be read: write a list that is not empty, such as ['a', 'b']"),
        (
            "between 1 5d",
            "'between 1 5d' cannot be read: write two numbers, durations or times: 'between 1 900'",
        ),
        (
            "between 5d 1",
            "'between 5d 1' cannot be read: write two numbers, durations or times: 'between 1 900'",
        ),
        ("age 5d", "'age 5d' cannot be read: write a sign and a duration: 'age <= 26h'"),
        ("version 1.2", "'version 1.2' cannot be read: write a sign and a version: 'version >= 1.10'"),
        ("< soon", "'< soon' cannot be read: write a number, a duration, a version or a time with zone"),
        (
            f"< {'x' * 90}",
            f"'< {'x' * 58}' cannot be read: write a number, a duration, a version or a time with zone",
        ),
    ],
)
def test_what_cannot_be_read_says_what_to_write(text: str, fix: str) -> None:
    with pytest.raises(ValueError, match="cannot be read") as refused:
        parse_comparison(text)
    assert str(refused.value) == fix


def test_a_text_that_is_no_comparison_is_named() -> None:
    with pytest.raises(ValueError, match="'5' is not a comparison; write one of '== x'"):
        parse_comparison(5)
    with pytest.raises(ValueError, match=f"'{'x' * 60}' is not a comparison; write"):
        parse_comparison("x" * 90)
    with pytest.raises(ValueError, match=f"'{'x' * 60}' is not a comparison; write"):
        parse_comparison("x" * 8001)


def test_operands_are_read() -> None:
    for text in ("< 5", "< 5d", "< 1.4.1", "< '2026-11-30'", "between 1,5", "between 1d and 2w", "< ${x}"):
        parse_comparison(text)


def test_values_are_read_by_meaning() -> None:
    assert moment(date(2026, 11, 30)) == datetime(2026, 11, 30, tzinfo=UTC)
    assert moment(datetime(2026, 11, 30)) is None  # noqa: DTZ001  (has no zone)
    assert moment(NOW) == NOW
    assert duration("01:02:03") == timedelta(hours=1, minutes=2, seconds=3)
    assert duration("5") is None
    assert duration(f"{'1' * 98}5s") is None
    assert number("1" * 400) is None
    assert number(2**60 + 1) == number(str(2**60 + 1)) == 2**60 + 1
    assert listed('["a", 5, null]') == ("a", "5", "null")
    assert listed("[a") is None
    assert listed("a]") is None
    assert listed(f"[{'a' * 7999}]") is None


NOON = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("actual", "passes"),
    [
        (NOON - 3600, True),
        (NOON - 3600.5, True),
        (str(NOON - 3600), True),
        ((NOON - 3600) * 1000, True),
        ((NOON - 3600) * 10**6, True),
        ((NOON - 3600) * 10**9, True),
        ("Mon, 30 Nov 2026 11:00:00 GMT", True),
        ("30 Nov 2026 12:00:00 +0100", True),
        ("20261130T110000Z", True),
        (NOON - 100_000, False),
        ((NOON - 100_000) * 1000, False),
        ("Sun, 29 Nov 2026 01:00:00 GMT", False),
    ],
)
def test_a_time_has_an_age_in_seconds_since_1970_and_as_http_writes_it(actual: Any, passes: bool) -> None:
    assert compare(parse_comparison("age <= 26h"), actual, NOW) == Answer(holds=passes)


@pytest.mark.parametrize(
    "actual",
    [
        0,
        -1,
        3600,
        20261130,
        "never",
        "",
        "2 hours ago",
        "11/12/2026",
        "Mon, 30 Nov 2026 11:00:00",
        "2026113011",
    ],
)
def test_what_is_no_time_has_no_age(actual: Any) -> None:
    for wanted in ("age <= 26h", "age >= 26h"):
        answer = compare(parse_comparison(wanted), actual, NOW)
        assert (answer.holds, answer.unknown) == (False, True)


@pytest.mark.parametrize("actual", ["0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_a_time_that_stands_for_never_passes_nothing(actual: str) -> None:
    """Go, .NET and Unix write a time that was never set as their first."""
    for wanted in ("age <= 26h", "age >= 26h"):
        answer = compare(parse_comparison(wanted), actual, NOW)
        assert (answer.holds, answer.note) == (False, "stands for never")
