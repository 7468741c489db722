"""What a record rests on: what makes it stale, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.launch.basis import (
    asked_alike,
    definition_digest,
    in_force_for,
    stale_because,
    with_person,
)
from launch_pipeline.ledger.schema import Outcome
from servers.one_basis import LAUNCH, PATH, an_item, names, people, settings
from servers.records import ADA, a_record

ITEM = an_item()
WORDS = "its words were changed"
CHECKS = "its checks were changed"
RULES = "the rules about who answers it were changed"
CHANGED: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"text": "Another text"}, WORDS),
    "question": ({"question": "Is it Friday?"}, WORDS),
    "how": ({"how": "Ask."}, WORDS),
    "a check's parameter": ({"checks": [{"http_request": {"path": "/other"}}]}, CHECKS),
    "another check": ({"checks": [PATH, PATH]}, CHECKS),
    "side effects": ({"side_effects": ["generates load"]}, CHECKS),
    "owner": ({"owner": "cto"}, RULES),
    "severity": ({"severity": "advisory"}, RULES),
    "mode": ({"mode": "check", "question": None}, RULES),
}


@pytest.mark.parametrize(("change", "why"), CHANGED.values(), ids=CHANGED)
def test_change_of_what_an_item_means_makes_its_record_stale(change: dict[str, Any], why: str) -> None:
    """The reason says which sort of thing was changed."""
    assert why in stale_because(names(ITEM), names(an_item(**change)))


@pytest.mark.parametrize("change", [{"on_failure": "Call Sven."}, {"notes": "See the wiki."}], ids=str)
def test_change_of_what_helps_the_reader_changes_nothing(change: dict[str, Any]) -> None:
    """Notes and what to do on a failure; comments and layout are not even in the model."""
    assert stale_because(names(ITEM), names(an_item(**change))) == ()


def test_words_that_nobody_is_asked_change_nothing_of_a_machine_item() -> None:
    """A machine item is known by its text and its checks."""
    machine = an_item(mode="check", question=None)
    assert stale_because(names(machine), names(an_item(mode="check", question=None, how="Ask."))) == ()
    assert stale_because(names(machine), names(an_item(mode="check", question=None, text="x"))) == (WORDS,)


USES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "commit in a check": (
        {"checks": [{"http_request": {"path": "/${release_sha}"}}]},
        {"release_sha": "b" * 40}, "the release commit was changed"),
    "commit by a default of the kind": (
        {"checks": [{"report": {"uri": "/junit.xml", "format": "junit"}}]},
        {"release_sha": "b" * 40}, "the release commit was changed"),
    "release in the question": (
        {"question": "Is ${release} good?"}, {"release": "1.2.1"}, "the release was changed"),
    "launch time in the text": (
        {"text": "Ready at ${launch_at}"}, {"launch_at": "2030-06-06T09:00:00+00:00"},
        "the launch time was moved"),
    "launch date": (
        {"how": "Look at ${launch_date}."}, {"launch_at": "2030-06-06T09:00:00+00:00"},
        "the launch date was moved"),
}  # fmt: skip


@pytest.mark.parametrize(("item", "launch", "why"), USES.values(), ids=USES)
def test_record_rests_on_what_the_launch_sets_only_if_its_item_uses_it(
    item: dict[str, Any], launch: dict[str, Any], why: str
) -> None:
    """An item beside it that does not use it is not looked at again."""
    used = an_item(**item)
    assert stale_because(names(used), names(used, **launch)) == (why,)
    assert stale_because(names(ITEM), names(ITEM, **launch)) == ()


@pytest.mark.parametrize("name", ["now", "today", "run_nonce", "launch_id"])
def test_record_does_not_rest_on_the_moment_of_its_look(name: str) -> None:
    """Neither by itself nor inside a value of the product, which a minute later would be another."""
    item = an_item(checks=[{"http_request": {"path": f"/${{{name}}}/${{built}}"}}])
    product = settings({"built": f"at ${{{name}}}"})
    assert set(names(item, product)) == {"words", "rules", "checks", "variable:built"}
    earlier = {**LAUNCH.variables(), "now": "then", "today": "then", "run_nonce": "0", "launch_id": "x"}
    assert product.lasting(earlier)["built"] == product.lasting(LAUNCH.variables())["built"]


def test_value_of_the_product_rests_on_what_the_launch_sets_inside_it() -> None:
    """Its own name stays as it is, so the definition of the item is the same before and after."""
    item = an_item(checks=[{"http_request": {"path": "/v/${api_version}"}}])
    product = settings({"api_version": "${release}"})
    before, after = names(item, product), names(item, product, release="1.2.1")
    assert stale_because(before, after) == ("the release was changed",)
    assert definition_digest(before) == definition_digest(after)
    other = names(item, settings({"api_version": "v1"}))
    assert definition_digest(before) != definition_digest(other)


VALUES: dict[str, tuple[str, dict[str, Any], dict[str, Any], bool]] = {
    "the environment's": ("${domain}", {"domain": "a"}, {"domain": "b"}, True),
    "another one": ("${domain}", {"domain": "a", "region": "x"}, {"domain": "a", "region": "y"}, False),
    "unset, and set later": ("${domain}", {}, {"domain": "b"}, True),
    "set, and taken away": ("${domain}", {"domain": "a"}, {}, True),
    "empty is not unset": ("${domain}", {}, {"domain": ""}, True),
    "a list's members": ("${hosts_regex}", {"hosts": ["a", "b"]}, {"hosts": ["a", "c"]}, True),
    "a list's length": ("${hosts_count}", {"hosts": ["a", "b"]}, {"hosts": ["a"]}, True),
    "other members, the same length": (
        "${hosts_count}", {"hosts": ["a", "b"]}, {"hosts": ["a", "c"]}, False),
    "a list that is none any more": ("${hosts_count}", {"hosts": ["a"]}, {"hosts": "a"}, True),
}  # fmt: skip


@pytest.mark.parametrize(("used", "before", "after", "changed"), VALUES.values(), ids=VALUES)
def test_variable_counts_by_the_value_that_the_item_uses(
    used: str, before: dict[str, Any], after: dict[str, Any], changed: bool
) -> None:
    """Also the regular expression and the number that a list gives besides."""
    item = an_item(checks=[{"http_request": {"path": f"/{used}"}}])
    why = stale_because(names(item, settings(**before)), names(item, settings(**after)))
    assert why == ((f"the variable {used[2:-1]} was changed",) if changed else ())


def test_variable_of_the_environment_counts_over_the_products() -> None:
    """What the product has beneath it may change."""
    item = an_item(checks=[{"http_request": {"path": "/${domain}"}}])
    before, after = settings({"domain": "p"}, domain="e"), settings({"domain": "q"}, domain="e")
    assert stale_because(names(item, before), names(item, after)) == ()
    assert stale_because(names(item, before), names(item, settings({"domain": "q"}))) != ()


# ---- people -------------------------------------------------------------------------------------------


def test_check_that_looks_for_people_rests_on_who_holds_the_roles() -> None:
    """Other checks do not; where the contacts cannot be read, people are not compared."""
    looks = an_item(checks=[{"slack_channel": {"channel": "war-room", "roles": ["cto"]}}])
    before = names(looks, contacts=people(cto="ada"))
    assert stale_because(before, names(looks, contacts=people(cto="bo"))) == (
        "other people hold the role cto",
    )
    assert stale_because(before, names(looks, contacts=people(cto="ada", qa_lead="bo"))) == ()
    assert stale_because(before, names(looks)) == ()
    assert (
        stale_because(names(ITEM, contacts=people(cto="ada")), names(ITEM, contacts=people(cto="bo"))) == ()
    )


@pytest.mark.parametrize("gate", ["decision", "signature"])
def test_go_and_signature_rest_on_the_role_of_the_person(gate: str) -> None:
    """An approval does not: it was right when it was given."""
    lost, gone = "the person who decided no longer holds the role", people(technical_lead="bo")
    given: dict[str, Any] = {"mode": "approval", "checks": None, "owner": "technical_lead"}
    for item, why in ((an_item(**given, gate=gate), (lost,)), (an_item(**given), ())):
        person = people(technical_lead="ada").people[0]
        record = a_record(
            outcome=Outcome.APPROVED, decided_by=ADA, role=Role.TECHNICAL_LEAD,
            rests_on=with_person(names(item), item, person),
        )  # fmt: skip
        now = in_force_for(record, item, settings().lasting(LAUNCH.variables()), gone)
        assert stale_because(record.rests_on, now) == why


# ---- asked alike --------------------------------------------------------------------------------------

ASKED: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "another question": ({"question": "Is it Friday?"}, {}, False),
    "another owner": ({"owner": "cto"}, {}, False),
    "another release in the question": ({}, {"release": "1.2.1"}, False),
    "another check": ({"checks": [{"http_request": {"path": "/other"}}]}, {}, True),
    "another commit in a check": ({}, {"release_sha": "b" * 40}, True),
    "other notes": ({"notes": "See the wiki."}, {}, True),
}


@pytest.mark.parametrize(("item", "launch", "alike"), ASKED.values(), ids=ASKED)
def test_person_is_asked_alike_only_with_the_same_words_by_the_same_rules(
    item: dict[str, Any], launch: dict[str, Any], alike: bool
) -> None:
    """What the checks use is no part of the question."""
    given: dict[str, Any] = {
        "question": "Is ${release} good?",
        "checks": [{"http_request": {"path": "/${release_sha}"}}],
    }
    asked, now = an_item(**given), an_item(**{**given, **item})
    assert asked_alike(names(asked), names(now, **launch), now) is alike
