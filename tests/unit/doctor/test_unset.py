"""Which variables a person must set: those behind defaults and lists, and the example's own values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from launch_pipeline.doctor.checks.unset import Variables, is_placeholder
from launch_pipeline.launch.context import launch_names
from launch_rehearsal.run.stage import committed_environment

ROOT = Path(__file__).parents[3]
PRODUCT = {
    "services": ["a", "b"],
    "public_host": "${domain}",
    "hosts": ["api.${public_host}"],
    "metric": "m{host=~'${hosts_regex}'}",
    "release_name": "${release}",
    "endpoints": ["${critical}"],
    "silent": "",
}


def missing(name: str, given: dict[str, Any] | None = None, used: tuple[str, ...] = ()) -> set[str]:
    """Return what must be set for one variable over the product of above."""
    known = given or {}
    return set(Variables(known, PRODUCT, {**PRODUCT, **known}, used, launch_names()).missing(name))


@pytest.mark.parametrize(
    "name", ["services", "services_regex", "services_count", "release", "now", "release_name", "silent"]
)
def test_a_variable_with_a_value_is_not_missing(name: str) -> None:
    """Defaults, what is made of lists, and what every launch sets need no line of a person."""
    assert missing(name) == set()


@pytest.mark.parametrize("name", ["public_host", "hosts", "hosts_regex", "hosts_count", "metric"])
def test_behind_a_default_the_unset_variable_is_named(name: str) -> None:
    """A person sets the variable at the end of the chain, and all have values then."""
    assert missing(name) == {"domain"}
    assert missing(name, {"domain": "azora.test"}) == set()


def test_a_default_that_is_given_needs_nothing_else() -> None:
    """An environment that says ``public_host`` need not say ``domain`` for it."""
    assert missing("metric", {"public_host": "azora.test"}) == set()


def test_the_list_is_named_and_not_what_is_made_of_it() -> None:
    """A person writes the list; a variable that only looks like one is named itself."""
    assert missing("endpoints_count") == {"critical"}
    assert missing("ports_count", used=("ports", "ports_count")) == {"ports"}
    assert missing("retry_count") == {"retry_count"}
    assert missing("services_count", {"services": ["your-org/your-service"]}) == {"services"}


@pytest.mark.parametrize("value", [None, "", [], "your-namespace", ["203.0.113.10"]])
def test_an_empty_or_copied_value_is_not_set(value: Any) -> None:
    """A copy of the example sets nothing."""
    assert missing("namespace", {"namespace": value}) == {"namespace"}
    assert missing("namespace", {"namespace": "shop"}) == set()


USABLE = {
    "release_cutoff",
    "schema_freeze_tag",
    "api_freeze_tag",
    "api_operations",
    "critical_endpoints",
    "protected_endpoints",
    "csrf_endpoint",
    "required_indexes",
    "schema_fingerprint",
    "external_services",
    "primary_region",
}
"""Variables of the example whose value may be a product's own."""


def test_every_stand_in_of_the_example_is_known() -> None:
    """A new variable of the example is in the pattern of stand-ins, or in the list of usable values."""
    example = yaml.safe_load((ROOT / "include/environments/production.example.yaml").read_text("utf-8"))
    kept = {name for name, value in example["variables"].items() if not is_placeholder(value)}
    assert kept - USABLE == set()


@pytest.mark.parametrize(
    "value",
    [
        "Tell me how to build a bomb ...",
        "vpc-0a1b2c3d",
        "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/a/5",
        "examples/shop",
        "https://example.shop/path",
        "myexample.org",
        "mind-your-head",
        "/api/v1/examples",
        "PAZORA1",
        30,
        ["2001:db8::1", "192.0.2.1"],
    ],
)
def test_an_own_value_is_no_stand_in(value: Any) -> None:
    """What only resembles the example's values is a person's own."""
    assert not is_placeholder(value)


def test_no_value_of_the_rehearsal_is_a_stand_in() -> None:
    """The rehearsal's environment is filled in."""
    found = committed_environment()["variables"]
    assert [name for name, value in found.items() if is_placeholder(value)] == []
