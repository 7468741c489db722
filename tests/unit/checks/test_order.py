"""Values are compared by meaning, and those without an order are neither smaller nor larger."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from launch_pipeline.checks.language.comparisons import compare, parse_comparison
from launch_pipeline.checks.language.order import (
    Undecided,
    differ_in_writing,
    equal,
    holds_version,
    ordered,
    version_like,
)
from launch_pipeline.checks.language.values import duration

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def judged(wanted: str, actual: Any) -> str:
    """Return what a comparison says of a value: yes, no or unknown."""
    answer = compare(parse_comparison(wanted), actual, NOW)
    return "yes" if answer.holds else "unknown" if answer.unknown else "no"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1.9", "1.10"),  # a version before, a decimal number after
        ("16.4", "16.10"),
        ("ready", "running"),
        ("100", "85%"),
        (None, 5),
        (True, 0),
        ([3], 2),
        ("2026-11-30", "5d"),
        (float("nan"), 1),
        ("9.50G", 100),  # Redis: used_memory_human
        ("1.5 MB", "2"),
        ("1.28.3-eks-4f4795d", "1.28.3"),  # only EKS knows whether that is newer
        ("2026-11-30T10:00:00", "2026-11-30T09:00:00+02:00"),  # one has no zone
        ("30.09.2026", "2026-10-01"),  # looks like a version
        ("2026-10-01", "30.09.2026"),
        ("1.28.3", "5m"),
    ],
)
def test_values_without_an_order_are_undecided(left: Any, right: Any) -> None:
    for sign in ("<", ">", "<=", ">="):
        with pytest.raises(Undecided):
            ordered(sign, left, right)


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("9", "10"),
        ("85", 100),
        ("1.9.0", "1.10.0"),
        ("v1.9.3", "v1.10.0"),
        ("v1.9.3", "1.10.0"),
        ("2.0.0-rc1", "2.0.0"),  # semver.org, section 11: a pre-release precedes its release
        ("1.28.3-eks-4f4795d", "1.29.0"),
        ("1.5", "1.7"),  # as versions and as numbers
        ("90s", "2m"),
        ("12 days", "P14D"),
        ("1.0368e+06s", "14d"),
        ("2026-11-30T10:00:00+02:00", "2026-11-30T09:00:00Z"),
        ("-5", "0"),
    ],
)
def test_values_are_ordered_by_meaning(smaller: Any, larger: Any) -> None:
    assert ordered("<", smaller, larger)
    assert ordered(">=", larger, smaller)
    assert not ordered(">", smaller, larger)


@pytest.mark.parametrize(
    ("wanted", "actual", "verdict"),
    [
        ("version >= 1.10", "1.9", "no"),
        ("version >= 1.9", "1.10", "yes"),
        ("version >= 16.3", "16.4 (Debian 16.4-1.pgdg120+1)", "yes"),
        ("version >= 16.4", "16.4 (Debian 16.4-1.pgdg120+1)", "unknown"),
        ("version < 1.10", "latest", "unknown"),
        (">= 1.10", "1.9", "unknown"),
        (">= 85", "100", "yes"),
        (">= 85", "lots", "unknown"),
        ("between 1 20", "3", "yes"),
        ("between 1 20", "three", "unknown"),
        ("!= down", "DOWN", "unknown"),
        ("!= 0", "0.0", "unknown"),
        ("!= 1.4.1", "v1.4.1", "unknown"),
        ("!= down", "up", "yes"),
        ("not in [down, failed]", "Failed ", "unknown"),
        ("not in [down, failed]", "up", "yes"),
        ("in [down, failed]", "DOWN", "no"),
        ("contains v1.4.1", "registry.test/api:v1.4.10", "no"),
        ("contains v1.4.1", "registry.test/api:v1.4.1.2", "no"),
        ("contains v1.4.1", "registry.test/api:v1.4.1-rc2", "no"),
        ("contains v1.4.1", "registry.test/api:v1.4.1rc2", "no"),
        ("contains 1.4.1", "registry.test/api:11.4.1", "no"),
        ("contains 1.4.1", "registry.test/api:2.1.4.1", "no"),
        ("contains v1.4.1", "registry.test/api:v1.4.1-hotfix", "unknown"),
        ("contains v1.4.1", "registry.test/api:v1.4.1-alpine", "yes"),
        ("contains v1.4.1", "registry.test/api:v1.4.1@sha256:00", "yes"),
        ("contains v1.4.1", "v1.4.10, then v1.4.1.", "yes"),
        ("contains 2026.11", "2026.110", "no"),
        ("contains release-1", "release-12", "no"),
        ("contains max-age=3153600", "max-age=31536000", "no"),
        ("contains 0a1b2c3", "image:0a1b2c3d4e5f", "yes"),
        ("contains ok", "all ok", "yes"),
        ("contains ok", "ok-ish", "yes"),
        ("contains release-1", "release-12x", "no"),
        ("contains 1.4.1", "api5:1.4.1", "yes"),
        ("contains v1.4.1", "v1.4.1-HOTFIX", "unknown"),
        ("contains v1.4.1", "v1.4.1-hotfix and v1.4.1", "yes"),
        ("contains v1.4.1", "v1.4.1-hotfix and v1.4.10", "unknown"),
        ("version >= 1.28.0", "1.28-eks-1", "unknown"),
        ("version >= 1.28.0", "1.28.1-eks-1", "yes"),
        ("version >= 1.28.0", 2, "yes"),
        ("version >= 1.28.0", True, "unknown"),
        ("version >= 17", "17.0.9+9-LTS", "yes"),
        ("version >= 17", "11.0.21", "no"),
        ("version >= 17", "1.8.0_392", "no"),
        ("version >= 17", "17beta2", "unknown"),
        ("version >= 16", "16.4 (Debian 16.4-1.pgdg120+1)", "yes"),
        ("version >= 16", "9.6.24", "no"),
    ],
)
def test_a_comparison_is_sure_or_says_that_it_is_not(wanted: str, actual: Any, verdict: str) -> None:
    assert judged(wanted, actual) == verdict


@pytest.mark.parametrize(
    ("wanted", "actual", "note"),
    [
        (">= 1.10", "1.9", "'1.9' and '1.10' may be versions or numbers; write 'version >= x'"),
        (">= 5", "ready", "'ready' and '5' have no order"),
        (">= 5", [1], "a list and '5' have no order"),
        (">= 5", {}, "a mapping and '5' have no order"),
        (">= 5", True, "True and '5' have no order"),
        pytest.param(">= 5d", 10**5000, "a number beyond all bounds and '5d' have no order", id="huge"),
        (">= 5d", "x" * 41, f"'{'x' * 39}... and '5d' have no order"),
        ("> 1.4.0", "1.4.0-eks-1", "'1.4.0-eks-1' and '1.4.0' differ in a suffix that only their vendor can order"),
        ("version > 1.4.0", "latest", "'latest' is not a version"),
        ("version > 1.4.0", "1.4.0-eks-1", "'1.4.0-eks-1' and '1.4.0' differ in a suffix that only their vendor can order"),
        ("contains v1.4.1", "v1.4.1-fix", "'v1.4.1-fix' may be another version than 'v1.4.1'"),
        ("!= down", "Down", "may mean the same as 'down'"),
    ],
)  # fmt: skip
def test_what_is_undecided_is_said_for_people(wanted: str, actual: Any, note: str) -> None:
    assert compare(parse_comparison(wanted), actual, NOW).note == note


def test_a_text_too_long_for_a_version_is_none() -> None:
    assert version_like(f"1.4.1-{'a' * 194}")
    assert not version_like(f"1.4.1-{'a' * 195}")
    with pytest.raises(Undecided, match="have no order"):
        ordered("<", f"1.4.1-{'a' * 195}", "2")


def test_an_operand_without_order_is_refused_when_the_checklist_is_read() -> None:
    for text in ("version >= latest", "version 1.10", "< soon", "> ''"):
        with pytest.raises(ValueError, match="write"):
            parse_comparison(text)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("500", 500, True),
        ("500", 501, False),
        ("true", True, True),
        ("True", True, True),
        (1, True, False),
        ("1", True, False),
        ("a", "A", False),
        (None, "null", False),
        ({"a": 1}, {"a": 1.0}, True),
        ([], None, False),
    ],
)
def test_a_text_equals_the_number_or_boolean_that_it_means(left: Any, right: Any, same: bool) -> None:
    assert equal(left, right) is same
    assert equal(right, left) is same


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("15d", timedelta(days=15)),
        ("1d12h", timedelta(hours=36)),
        ("1.0368e+06s", timedelta(days=12)),
        ("12 days 02:00:00", timedelta(days=12, hours=2)),  # PostgreSQL, intervalstyle postgres
        ("P12DT2H", timedelta(days=12, hours=2)),  # intervalstyle iso_8601
        ("1h30m0s", timedelta(minutes=90)),  # Go
        ("-5s", timedelta(seconds=-5)),
        ("90 min", timedelta(minutes=90)),
        ("1 mon", None),
        ("P1M", None),
        ("2 years", None),
        ("15d or 50GiB", None),
        ("12", None),
        ("10:00", None),
        ("1 day -02:00:00", None),
    ],
)
def test_a_duration_is_read_as_its_writer_means_it(text: str, wanted: timedelta | None) -> None:
    assert duration(text) == wanted


def test_the_bounds_of_a_number_are_seen() -> None:
    assert version_like("v1.4.1-rc.2")
    assert not version_like("latest")
    assert differ_in_writing("1.0", "1")
    assert not differ_in_writing("1.1", "1")
    assert not differ_in_writing(1, "1")
    assert holds_version("a-1.4.1_linux-amd64", "1.4.1")
    with pytest.raises(Undecided, match="may be another version"):
        holds_version("1.4.1-3-gabcdef", "1.4.1")


@pytest.mark.parametrize(
    ("text", "wanted", "held"),
    [
        ("r.example/api:dev1.4.1", "v1.4.1", False),
        ("r.example/api:prod-v1.4.1", "v1.4.1", True),
        ("r.example/v1.4.1/api:v1.3.0", "v1.4.1", False),
        ("r.example/v1.4.1/api:v1.4.1", "v1.4.1", True),
        ("https://docs.example/v1.4.1/guide", "v1.4.1", True),
        ("r.example/api:ffabc1234", "abc1234", False),
        ("r.example/api:v9@sha256:abc1234" + "0" * 57, "abc1234", False),
        ("r.example/api@sha256:" + "a1" * 32, "a1" * 32, True),
        ("r.example/api:v9-3-gabc1234def", "abc1234", True),
    ],
)
def test_a_version_is_held_where_it_begins_and_is_the_tag(text: str, wanted: str, *, held: bool) -> None:
    """The end of another word, the path before a tag, and the middle of a hash are not the version."""
    assert holds_version(text, wanted) is held
