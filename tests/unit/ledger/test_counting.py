"""Whether a record counts: the ledger compares what the pipeline writes, for every shipped item."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checks.canonical import canonical_json, digest
from launch_pipeline.checks.engine.environment import Environment
from launch_pipeline.launch.basis import OF_THE_LAUNCH, definition_digest, rests_on
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags, launch_plan
from launch_pipeline.launch.in_force import Settings, deployed_settings
from launch_pipeline.ledger.facts import Derived, Retargeted, Started, Target
from launch_pipeline.ledger.launch import Launch, Via
from launch_pipeline.ledger.plan import LaunchPlan
from launch_pipeline.ledger.proof.counting import definition_of, of_its_item, why_not
from servers.changed_stories import BACKUP, CTO, DEFINED, TLS, Changing
from servers.records import NOON


def derived(**changes: Any) -> Derived:
    """Give what is in force at the start of a launch."""
    return Derived(Started.model_validate({**Changing().entries[0].content, **changes}))


def launch_of(at: Derived) -> LaunchContext:
    """Give the launch as its checks know it."""
    return LaunchContext.of_launch(
        Launch(
            launch_id="shop-1.2",
            environment="production",
            rehearsal=False,
            release=at.target.release,
            release_sha=at.target.release_sha,
            launch_at=at.launch_at,
            started_by="ada",
            conf=at.started.conf,
        )
    )


@pytest.mark.parametrize("changes", [
    {},
    {"conf": {}},
    {"conf": {"previous_release": None}},
    {"conf": {"previous_release": ""}},
    {"launch_at": "2030-05-27T12:00:00Z", "planned_at": "2030-05-27T12:00:00Z"},
    {"launch_at": "2030-05-27T01:00:00+02:00", "planned_at": "2030-05-26T23:00:00Z"},
], ids=["all", "none before", "null before", "empty before", "no fraction", "another zone"])  # fmt: skip
def test_values_in_force_are_those_that_checks_are_given(changes: dict[str, Any]) -> None:
    """The launch's own variables follow from the rows exactly as a context has them."""
    now = derived(**changes)
    given = launch_of(now).variables()
    wanted = {name: value for name, value in given.items() if name in OF_THE_LAUNCH}
    assert {k: v for k, v in now.variables.items() if k not in {"launch_at", "launch_date"}} == {
        k: v for k, v in wanted.items() if k not in {"launch_at", "launch_date"}
    }
    in_utc = now.launch_at.astimezone(NOON.tzinfo).isoformat()
    assert (now.variables["launch_at"], now.variables["launch_date"]) == (in_utc, in_utc[:10])


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_time_beyond_the_calendar_is_not_compared(moment: str) -> None:
    """A time that has no form in UTC is no value."""
    assert {"launch_at", "launch_date"}.isdisjoint(derived(launch_at=moment, planned_at=moment).variables)


def settings() -> Settings:
    """Give the shipped environment and product, with a name that is made of the release."""
    made_of = {"domain": "${release}.example.org", "image_prefix": "${registry}/${launch_date}"}
    environment = Environment(name="production", variables={"registry": "r", "since": date(2030, 1, 1)})
    return Settings(environment, {**deployed_settings("").product, **made_of})


def stored(found: Settings) -> Settings:
    """Give settings as a launch reads them back from the ledger."""
    document = json.loads(canonical_json(found.document))
    return Settings(Environment.model_validate(document["environment"]), document["product"])


def test_every_shipped_item_counts_by_its_planned_definition() -> None:
    """What records rest on has the planned definition: also when read back, and after every change."""
    dags, now = deployed_dags(), derived()
    plan = launch_plan(dags, Policy(), settings().lasting(launch_of(now).variables()))
    now.target = Target(release="1.2.1", release_sha="b" * 40)
    now.launch_at += timedelta(days=9)
    variables = stored(settings()).lasting(launch_of(now).variables())
    for dag_id, items in plan.items.items():
        specs = {spec.ref: spec for spec in dags[dag_id].specs.values()}
        for item in items:
            names = rests_on(specs[item.ref].item, variables)
            people = {"person": digest("ada"), "holders:cto": digest(["ada"])}
            assert definition_of({**names, **people}) == definition_digest(names) == item.definition
            for name, value in now.variables.items():
                assert names.get(f"variable:{name}", digest(value)) == digest(value)


def test_no_name_of_a_definition_may_change() -> None:
    """Another value of any other name is another definition: of words, rules, checks, any variable."""
    names = {"words": digest(1), "rules": digest(2), "checks": digest(3), "variable:domain": digest(4)}
    others = [{**names, name: digest("other")} for name in names]
    fewer = [{n: d for n, d in names.items() if n != name} for name in names]
    more = [
        {**names, name: digest(1)} for name in ("variable:now", "variable:release_sha2", "holder:cto", "")
    ]
    assert len({definition_of(each) for each in (names, *others, *fewer, *more)}) == 1 + 4 + 4 + 4


@pytest.mark.parametrize(("dag_id", "ref", "said"), [
    ("week_1", TLS, "was decided for another release_sha"),
    ("go_no_go", CTO, "was decided for another release"),
])  # fmt: skip
def test_record_of_another_target_does_not_count(dag_id: str, ref: str, said: str) -> None:
    """A retarget lets exactly the records that rest on it count no longer."""
    story, now = Changing(), derived()
    record, other = story.record(dag_id, ref), story.record("week_3_b", BACKUP)
    assert (why_not(record, now), why_not(other, now)) == (None, None)
    to = Target(release="1.2.1", release_sha="b" * 40)
    who = {"by": "ada", "via": Via.AIRFLOW, "reason": "repaired"}
    now.take(Retargeted.model_validate({**who, "from": now.target, "to": to}))
    assert (why_not(record, now), why_not(other, now)) == (said, None)


def test_record_of_another_time_does_not_count() -> None:
    """A postponement does the same, by the day or by the moment."""
    story, now = Changing(), derived()
    day, moment = story.record("week_3_b", BACKUP), story.record("go_no_go", CTO)
    now.launch_at += timedelta(minutes=1)
    assert why_not(day, now) is None
    assert why_not(moment, now) == "was decided for another launch_at"
    now.launch_at += timedelta(days=1)
    assert why_not(day, now) == "was decided for another launch_date"


def test_record_of_no_item_is_of_none() -> None:
    """An item that the plan does not have has no definition that a record could be of."""
    story, now = Changing(), derived()
    record = story.record("week_1", TLS)
    without = {**DEFINED.items, "week_1": DEFINED.items["week_1"][1:]}
    now.plan = LaunchPlan.model_validate({**DEFINED.model_dump(), "items": without})
    assert not of_its_item(record, now)
    assert why_not(record, now) == "was decided under another version of the checklist"
