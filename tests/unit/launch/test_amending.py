"""What an amendment changes and makes of each item: by the meaning of a checklist, not by its bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checklist.model import Phase
from launch_pipeline.checklist.sequence import ALL_PHASES
from launch_pipeline.checks.canonical import digest
from launch_pipeline.checks.engine.environment import Environment
from launch_pipeline.errors import LaunchRefused
from launch_pipeline.launch.amending import Effect, PhaseState, Plan, plan_amendment, plan_in_force
from launch_pipeline.launch.basis import rests_on
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import DeployedDag, dags_of, definition_of, launch_plan
from launch_pipeline.launch.differing import Definitions, Difference, differences
from launch_pipeline.launch.in_force import Settings
from launch_pipeline.ledger.launch import Launch
from launch_pipeline.ledger.plan import LaunchPlan
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import Entry, EntryKind, LedgerEntry, Outcome, Record
from servers.records import NOON, a_record, a_seal

DAG = ALL_PHASES[0]
CHECKED, WITNESSED, ATTESTED = ("first.people.checked", "first.people.witnessed", "first.people.attested")
LAUNCH = Launch(
    launch_id="shop-1.2",
    environment="production",
    rehearsal=False,
    release="1.2.0",
    release_sha="a" * 40,
    launch_at=datetime(2030, 6, 1, 10, tzinfo=UTC),
    started_by="rita.release",
)
CONTEXT = LaunchContext.of_launch(LAUNCH)


def item(name: str, mode: str = "check", **fields: Any) -> dict[str, Any]:
    """Write an item; its check asks the domain, its question names it."""
    asked = {} if mode == "check" else {"question": "Is ${domain} well?"}
    checks = [{"http_request": {"url": "https://${domain}/", "expect": {"status": "200"}}}]
    return {
        "id": name,
        "text": f"The shop is {name}",
        "mode": mode,
        "owner": "qa_lead",
        "how": "Somebody looks.",
        "on_failure": "Mend it.",
        **asked,
        **({} if mode == "approval" else {"checks": checks}),
        **fields,
    }


ITEMS = (item("checked"), item("witnessed", "check+approval"), item("attested", "approval"))


def changed(name: str, **fields: Any) -> tuple[dict[str, Any], ...]:
    """Write the items with one changed; a None leaves the key out."""
    merged = [{**one, **(fields if one["id"] == name else {})} for one in ITEMS]
    return tuple({k: v for k, v in one.items() if v is not None} for one in merged)


def definitions(
    items: tuple[dict[str, Any], ...] = ITEMS,
    variables: dict[str, Any] | None = None,
    policy: Policy | None = None,
    **phase: Any,
) -> Definitions:
    """Build what a launch runs by: one phase of its own, all others of one item each."""
    dags: dict[str, DeployedDag] = {}
    for dag_id in ALL_PHASES:
        own = {"items": items, "id": "first", **phase} if dag_id == DAG else {"id": f"p_{dag_id}"}
        section = {"id": "people", "title": "People", "items": own.pop("items", (item("green"),))}
        document = {
            "schema_version": 1, "title": "First", "when": "week 1", "description": "It begins.",
            "dag": dag_id, "sections": [section], **own,
        }  # fmt: skip
        read = Phase.model_validate(document)
        dags |= dags_of(read, digest(definition_of(read)))
    settings = Settings(
        Environment(name="e", variables={"domain": "shop.example.org", **(variables or {})}), {}
    )
    filled = settings.filled(CONTEXT.variables())
    return Definitions(dags, settings, launch_plan(dags, policy or Policy(), filled))


NOW = definitions()


def rows(*entries: Entry) -> list[LedgerEntry]:
    return [LedgerEntry(**e.model_dump(), seq=n, appended_at=NOON) for n, e in enumerate(entries)]


def recorded(ref: str, **fields: Any) -> Record:
    """Record an item as it is in force."""
    spec = next(s for s in NOW.dags[DAG].specs.values() if s.ref == ref)
    names = rests_on(spec.item, NOW.settings.filled(CONTEXT.variables()))
    outcome = {"outcome": Outcome.APPROVED} if spec.item.mode.needs_person else {}
    known = {"dag_id": DAG, "item_ref": ref, "task_id": spec.task_id, "task_instance_id": ref}
    return a_record(
        **{**known, **outcome, "checklist_digest": spec.checklist_digest, "rests_on": names, **fields}
    )


def planned(after: Definitions, *entries: Entry, **more: Any) -> Plan:
    return plan_amendment(LAUNCH, rows(*entries), NOW, after, context=CONTEXT, contacts=None, **more)


def what(found: tuple[Difference, ...]) -> dict[str, tuple[str, ...]]:
    return {one.where: one.what for one in found}


def effects(plan: Plan) -> dict[str, Effect]:
    return {one.item_ref: one.effect for one in plan.consequences}


# ---- what differs --------------------------------------------------------------------------------------


def test_nothing_differs() -> None:
    """The same meaning in another order, and a default that is written out: no difference, no amendment."""
    spelled = tuple(dict(reversed(one.items())) | {"severity": "blocking"} for one in ITEMS)
    plan = planned(definitions(spelled))
    assert (plan.differences, plan.consequences, plan.amendment.changes) == ((), (), ())
    moved = definitions((ITEMS[1], ITEMS[0], ITEMS[2]))
    assert differences(NOW, moved) == ()
    both = (
        changed("attested", after=["checked", "witnessed"]),
        changed("attested", after=["witnessed", "checked"]),
    )
    assert differences(*map(definitions, both)) == ()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("checked", {"text": "The shop lives"}, "words"),
        ("attested", {"question": "Well?"}, "question"),
        ("attested", {"how": "By looking."}, "how"),
        ("checked", {"on_failure": "Mend it now."}, "on_failure"),
        ("checked", {"notes": "Look twice."}, "notes"),
        ("checked", {"owner": "cto"}, "owner"),
        ("checked", {"severity": "advisory"}, "severity"),
        ("attested", {"gate": "decision"}, "gate"),
        ("attested", {"repeat": {"times": 2, "every": "1d"}}, "repeat"),
        ("checked", {"threshold": ["200"]}, "threshold"),
        ("checked", {"checks": [{"http_request": {"url": "https://${domain}/x"}}]}, "checks"),
        ("checked", {"opens": {"anchor": "launch_time"}}, "opens"),
        ("attested", {"after": ["checked"]}, "after"),
        ("checked", {"side_effects": ["generates load"]}, "side_effects"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_part_of_an_item_is_named(name: str, change: dict[str, Any], said: str) -> None:
    """With its value before and after."""
    (one,) = differences(NOW, definitions(changed(name, **change)))
    assert (one.where, one.what, one.dag_id) == (f"first.people.{name}", (said,), DAG)
    (shown,) = one.shown
    assert shown.before != shown.after


def test_mode_added_and_removed() -> None:
    """A mode brings its question along; whole items are added or removed."""
    after = (item("checked", "check+approval"), ITEMS[1], item("new"))
    assert what(differences(NOW, definitions(after))) == {
        CHECKED: ("mode", "question"), ATTESTED: ("removed",), "first.people.new": ("added",),
    }  # fmt: skip


def test_settings_variables_and_headings_are_named_without_secrets() -> None:
    """A secret is hidden by its name, and by its shape under any name; what changed is still said."""
    before = definitions(variables={"api_token": "old-secret", "proxy": "http://u:hunter2@p", "gone": 1})
    after = definitions(
        variables={"api_token": "new-secret", "proxy": "http://u:hunter3@p", "new": [1]},
        title="Second",
    )
    found = differences(before, after)
    assert what(found) == {
        "first": ("title",), "variable.api_token": ("value",), "variable.proxy": ("value",),
        "variable.gone": ("removed",), "variable.new": ("added",),
    }  # fmt: skip
    said = " ".join(one.model_dump_json() for one in found)
    for secret in ("old-secret", "new-secret", "hunter"):
        assert secret not in said


def test_secret_in_a_check_is_hidden() -> None:
    """What a checklist should not have is not shown to all who may read."""
    checks = [{"http_request": {"url": "https://x/", "headers": {"Authorization": "Bearer abcdefgh"}}}]
    (one,) = differences(NOW, definitions(changed("checked", checks=checks)))
    assert "abcdefgh" not in one.model_dump_json()


# ---- what comes of it ----------------------------------------------------------------------------------


def test_phase_that_has_not_begun_runs_by_it() -> None:
    """Nothing is verified again where nothing was verified."""
    plan = planned(definitions(changed("checked", owner="cto")))
    (one,) = plan.consequences
    assert (one.phase, one.words) == (PhaseState.NOT_BEGUN, "runs by it when its phase begins")


def test_notes_make_nothing_stale() -> None:
    """Nor does what to do on failure."""
    plan = planned(
        definitions(changed("checked", notes="Twice.", on_failure="Now.")), Entry.of_record(recorded(CHECKED))
    )
    (one,) = plan.consequences
    assert (one.effect, one.why) == (Effect.NOTHING, ())


def test_machine_verifies_itself_and_people_are_asked_where_their_question_changed() -> None:
    """A variable that all three use: each item says so, and what becomes of it."""
    records = [recorded(ref) for ref in (CHECKED, WITNESSED, ATTESTED)]
    sealing = Entry.of_seal(a_seal(*records, dag_id=DAG), "gate")
    plan = planned(
        definitions(variables={"domain": "other.example.org"}), *map(Entry.of_record, records), sealing
    )
    assert effects(plan) == {CHECKED: Effect.VERIFIED, WITNESSED: Effect.ASKED, ATTESTED: Effect.ASKED} | {
        one.item_ref: Effect.FROM_NOW_ON for one in plan.consequences if one.dag_id != DAG
    }
    mine = [one for one in plan.consequences if one.dag_id == DAG]
    assert {one.phase for one in mine} == {PhaseState.SEALED}
    assert {one.why for one in mine} == {("the variable domain was changed",)}
    assert all("sealed again" in one.words for one in mine)


def test_person_is_asked_only_if_the_evidence_differs() -> None:
    """Another check behind the same question."""
    checks = [{"http_request": {"url": "https://${domain}/", "expect": {"status": "204"}}}]
    plan = planned(
        definitions(changed("witnessed", checks=checks)), Entry.of_record(recorded(WITNESSED)), begun=[DAG]
    )
    (one,) = plan.consequences
    assert one.effect is Effect.MAYBE_ASKED
    assert one.words == "is verified again; QA Lead is asked only if that shows something else"


def test_item_that_waits_follows_too() -> None:
    """Without a record, in a phase that runs: asked anew only if its question or its check changed."""
    after = definitions(variables={"domain": "other.example.org"})
    waiting = {ref: e for ref, e in effects(planned(after, begun=[DAG])).items() if ref.startswith("first.")}
    assert waiting == {CHECKED: Effect.FROM_NOW_ON, WITNESSED: Effect.ASKED, ATTESTED: Effect.ASKED}
    after = definitions(changed("witnessed", notes="Twice."))
    assert effects(planned(after, begun=[DAG])) == {WITNESSED: Effect.NOTHING}
    after = definitions(changed("attested", question="Well?"))
    assert effects(planned(after, begun=[DAG])) == {ATTESTED: Effect.ASKED}
    after = definitions(changed("checked", opens={"anchor": "launch_time"}))
    assert effects(planned(after, begun=[DAG])) == {CHECKED: Effect.FROM_NOW_ON}


def test_added_and_removed_items_seal_their_phase_again() -> None:
    """Each says so."""
    record = recorded(ATTESTED)
    sealing = Entry.of_seal(a_seal(record, dag_id=DAG), "gate")
    plan = planned(definitions((*ITEMS[:2], item("new"))), Entry.of_record(record), sealing)
    assert effects(plan) == {"first.people.new": Effect.ADDED, ATTESTED: Effect.REMOVED}
    assert all(one.words.endswith("its phase is sealed again") for one in plan.consequences)


def test_phase_that_is_open_again_is_not_sealed() -> None:
    """A seal before the reopening does not count as one."""
    record = recorded(CHECKED)
    again = Reopened(
        dag_id=DAG,
        item_ref=CHECKED,
        text="x",
        owner="qa_lead",
        cause=Cause.CHANGED,
        why=(),
        task_instance_id="",
    )
    entries = [
        Entry.of_record(record),
        Entry.of_seal(a_seal(record, dag_id=DAG), "g"),
        again.entry("shop-1.2", 1),
    ]
    (one,) = planned(definitions(changed("checked", owner="cto")), *entries).consequences
    assert one.phase is PhaseState.RUNNING


def test_amendment_there_and_back_leaves_old_answers_valid() -> None:
    """What counts is what a record rests on, not which amendment it was made under."""
    record = recorded(CHECKED, checklist_digest="sha256:" + "e" * 64)
    other = definitions(changed("checked", owner="cto"))
    back = plan_amendment(
        LAUNCH, rows(Entry.of_record(record)), other, NOW, context=CONTEXT, contacts=None, begun=[DAG]
    )
    assert effects(back) == {CHECKED: Effect.NOTHING}


# ---- the amendment itself --------------------------------------------------------------------------------


def test_amendment_has_every_document_of_its_digests() -> None:
    """And replaces exactly what it was compared with."""
    after = definitions(changed("checked", owner="cto"))
    made = planned(after).amendment
    stored = {digest(document) for document in made.definitions}
    assert {*made.checklist_digests.values(), made.environment_digest} == stored
    assert made.replaces == (LAUNCH.checklist_digests, LAUNCH.environment_digest)
    assert made.plan == after.plan != NOW.plan


def test_rules_of_the_start_stay() -> None:
    """A policy that was loosened meanwhile is no difference, and comes in with no other one."""
    looser = Policy(self_approval=True)
    assert differences(NOW, definitions(policy=looser)) == ()
    made = planned(definitions(changed("checked", owner="cto"), policy=looser)).amendment
    assert made.plan.rules == NOW.plan.rules


def test_digest_names_one_amendment_of_one_launch() -> None:
    """Any other file, another launch or another state of it has another digest."""
    after = definitions(changed("checked", owner="cto"))
    first = planned(after).digest
    assert planned(definitions(changed("checked", owner="cto"))).digest == first
    other = LAUNCH.model_copy(update={"launch_id": "shop-1.3"})
    amended = LAUNCH.model_copy(update={"checklist_digests": {DAG: "sha256:1"}})
    again = [
        plan_amendment(each, [], NOW, after, context=CONTEXT, contacts=None).digest
        for each in (other, amended)
    ]
    noted = planned(definitions(changed("checked", owner="cto", notes="x"))).digest
    assert len({first, noted, *again}) == 4


def test_older_package_stored_no_definitions() -> None:
    """What its plan has is compared, the rest may differ; a file that is the same keeps its digest."""
    files = {dag_id: f"sha256:{n}" for n, dag_id in enumerate(ALL_PHASES)}
    began = LAUNCH.model_copy(update={"checklist_digests": files})
    after = definitions((changed("checked", owner="cto")[0], ITEMS[1], item("new")))
    dags = {
        dag_id: DeployedDag(
            d.plan, d.checklist, d.digest, d.specs, "other" if dag_id == DAG else files[dag_id]
        )
        for dag_id, d in after.dags.items()
    }
    after = Definitions(dags, after.settings, after.plan)
    before = Definitions({d: NOW.dags[d] for d in ALL_PHASES if d != DAG}, NOW.settings, NOW.plan)
    old = recorded(WITNESSED, rests_on={}, checklist_digest="sha256:0")
    plan = plan_amendment(
        began, rows(Entry.of_record(old)), before, after, context=CONTEXT, contacts=None, begun=[DAG]
    )
    assert what(plan.differences) == {
        CHECKED: ("definition", "owner"), WITNESSED: ("definition",), "first.people.new": ("added",),
        ATTESTED: ("removed",),
    }  # fmt: skip
    assert effects(plan) == {
        CHECKED: Effect.VERIFIED, WITNESSED: Effect.ASKED, "first.people.new": Effect.ADDED,
        ATTESTED: Effect.REMOVED,
    }  # fmt: skip
    kept = plan.amendment.checklist_digests
    assert kept == {**files, DAG: dags[DAG].digest}
    assert len(plan.amendment.definitions) == 2


def test_plan_in_force_is_the_latest_amendments() -> None:
    """Without a start there is nothing to amend."""
    with pytest.raises(LaunchRefused):
        plan_in_force([])
    start = Entry(
        kind=EntryKind.LAUNCH_STARTED, launch_id="x", task_instance_id="x", try_number=0, content={}
    )
    assert plan_in_force(rows(start)) == LaunchPlan()
    said = {"plan": NOW.plan.model_dump(mode="json")}
    amended = start.model_copy(update={"kind": EntryKind.LAUNCH_AMENDED, "content": said})
    assert plan_in_force(rows(start, amended)) == NOW.plan
