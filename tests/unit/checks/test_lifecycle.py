"""A lifecycle rule speaks for the objects that it is about, and for no others.

The forms are those of docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configuration-examples.html.
"""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from launch_pipeline.checks.kinds.object_storage.lifecycle import Bound, Unknown, bound_of, lifecycle_facts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOGS = {"Filter": {"Prefix": "logs/"}}


def rule(days: int = 30, **fields: Any) -> dict[str, Any]:
    return {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}} | fields


def days(rules: list[dict[str, Any]], bound: Bound, *, versioned: bool = False) -> int | str | None:
    try:
        found: int | None = lifecycle_facts(rules, "logs/", NOW, bound, versioned=versioned)["lifecycle_days"]
    except Unknown as error:
        return error.reason
    return found


UNKNOWN = "only some objects"
WHOLE: dict[str, dict[str, Any]] = {
    "no filter": rule(Filter={}),
    "an empty prefix": rule(),
    "the very prefix": rule(**LOGS),
    "a shorter prefix": rule(Filter={"Prefix": "lo"}),
    "the prefix of old rules": {
        "ID": "r",
        "Status": "Enabled",
        "Prefix": "logs/",
        "Expiration": {"Days": 30},
    },
    "a prefix among conditions": rule(Filter={"And": {"Prefix": "logs/", "Tags": []}}),
}


@pytest.mark.parametrize("bound", Bound)
@pytest.mark.parametrize("one", WHOLE.values(), ids=WHOLE.keys())
def test_rule_over_all(one: dict[str, Any], bound: Bound) -> None:
    """A rule without a condition, of the prefix or above it, is about every object."""
    assert days([one], bound) == 30


SOME: dict[str, dict[str, Any]] = {
    "a tag": rule(Filter={"Tag": {"Key": "temp", "Value": "yes"}}),
    "a tag and the prefix": rule(Filter={"And": {"Prefix": "logs/", "Tags": [{"Key": "temp", "Value": "yes"}]}}),
    "large objects": rule(Filter={"ObjectSizeGreaterThan": 1048576}),
    "small objects": rule(Filter={"ObjectSizeLessThan": 1024}),
    "sizes and the prefix": rule(Filter={"And": {"Prefix": "logs/", "ObjectSizeGreaterThan": 500, "ObjectSizeLessThan": 64000}}),
    "a longer prefix": rule(Filter={"Prefix": "logs/debug/"}),
    "a longer prefix of old rules": {"Status": "Enabled", "Prefix": "logs/debug/", "Expiration": {"Days": 30}},
}  # fmt: skip


@pytest.mark.parametrize("bound", Bound)
@pytest.mark.parametrize("one", SOME.values(), ids=SOME.keys())
def test_rule_over_some(one: dict[str, Any], bound: Bound) -> None:
    """A rule with a condition says nothing of the other objects: neither that they go nor that they stay."""
    others = [rule(Status="Disabled"), rule(Filter={"Prefix": "database/"})]
    said = str(days([one, *others], bound))
    assert (UNKNOWN in said, "database/" in said, said.count("(prefix")) == (True, False, 1)


NOTHING: dict[str, dict[str, Any]] = {
    "disabled": rule(Status="Disabled"),
    "another prefix": rule(Filter={"Prefix": "database/"}),
    "zero days": rule(0),
    "delete markers only": rule(Expiration={"ExpiredObjectDeleteMarker": True}),
    "old versions only": rule(Expiration={}, NoncurrentVersionExpiration={"NoncurrentDays": 3}),
    "another storage class": rule(Expiration={}, Transitions=[{"Days": 3, "StorageClass": "GLACIER"}]),
    "uploads only": rule(Expiration={}, AbortIncompleteMultipartUpload={"DaysAfterInitiation": 3}),
}


@pytest.mark.parametrize("bound", Bound)
@pytest.mark.parametrize("one", NOTHING.values(), ids=NOTHING.keys())
def test_rule_without_effect(one: dict[str, Any], bound: Bound) -> None:
    """A rule that deletes no object of the prefix is none."""
    assert days([one], bound) is None


TAGGED_SOON = rule(7, Filter={"Tag": {"Key": "temp", "Value": "yes"}})


@pytest.mark.parametrize(
    ("bound", "found"),
    [
        (Bound.LOWER, 7),
        (Bound.UPPER, 35),
        (Bound.BOTH, "some objects are deleted after 7 days, others after 35"),
    ],
)
def test_two_days(bound: Bound, found: int | str) -> None:
    """Objects are kept until the first are deleted, and gone when the last are."""
    assert days([rule(35), TAGGED_SOON], bound) == found


def test_earliest_rule_over_all_counts() -> None:
    """Of two rules that are about all objects the earlier one deletes them."""
    assert days([rule(35), rule(10)], Bound.UPPER) == 10


@pytest.mark.parametrize(
    ("date", "found"), [(datetime(2026, 1, 31, tzinfo=UTC), 30), (datetime(2025, 1, 1, tzinfo=UTC), 0)]
)
def test_date(date: datetime, found: int) -> None:
    """A date that has passed deletes at once."""
    assert days([rule(Expiration={"Date": date})], Bound.LOWER) == found


VERSIONS: dict[str, tuple[dict[str, Any], int | str]] = {
    "kept for ever": ({}, "no rule deletes them"),
    "deleted later": ({"NoncurrentVersionExpiration": {"NoncurrentDays": 10}}, 40),
    "some are kept": ({"NoncurrentVersionExpiration": {"NoncurrentDays": 10, "NewerNoncurrentVersions": 2}}, "no rule deletes them"),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "found"), VERSIONS.values(), ids=VERSIONS.keys())
def test_versions(fields: dict[str, Any], found: int | str) -> None:
    """With versions an object is gone when its versions are; it is kept as long as before."""
    assert str(found) in str(days([rule(**fields)], Bound.UPPER, versioned=True))
    assert days([rule(**fields)], Bound.LOWER, versioned=True) == 30


def test_rule_that_deletes_versions() -> None:
    """Of the rules that delete old versions the earliest counts that is in force and about all of them."""

    def versions(number: int, **fields: Any) -> dict[str, Any]:
        return rule(Expiration={}, NoncurrentVersionExpiration={"NoncurrentDays": number}, **fields)

    others = [versions(1, Status="Disabled"), versions(2, Filter={"Prefix": "logs/debug/"})]
    assert days([rule(), *others, versions(20), versions(10)], Bound.UPPER, versioned=True) == 40
    assert "no rule deletes them" in str(days([rule(), *others], Bound.UPPER, versioned=True))


@pytest.mark.parametrize(
    ("wanted", "bound"),
    [
        (">= 30", Bound.LOWER),
        ("> 29", Bound.LOWER),
        ("<= 90", Bound.UPPER),
        (["< 90", "<= 80"], Bound.UPPER),
        (["> 20", "< 90"], Bound.BOTH),
        ("== 30", Bound.BOTH),
        ("between 20 40", Bound.BOTH),
        ("exists", Bound.BOTH),
    ],
    ids=str,
)
def test_bound(wanted: str | list[str], bound: Bound) -> None:
    """Which day is asked about follows from the signs of the comparisons."""
    assert bound_of({"lifecycle_days": wanted, "versioning": "== Enabled"}) is bound
