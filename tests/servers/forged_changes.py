"""Forgeries of launches that are changed while they run, by name."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.canonical import digest
from servers.changed_stories import (
    AUDIT,
    BACKUP,
    CTO,
    HEADERS,
    LIVE,
    OTHER_SHA,
    README,
    TLS,
    names_of,
)
from servers.forgeries import Row, again, both, column, completed, find, says, sealed, without

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER_WORDS = names_of(AUDIT, words=2, checks=2)
OTHER_RULES = names_of(AUDIT, rules=2, checks=2)
AMENDED, RETARGETED = "launch_amended", "launch_retargeted"


def plan_of(kind: str, edit: Callable[[dict[str, Any]], Any]) -> Callable[[list[Row]], None]:
    """Change the plan of the start or of an amendment."""
    return lambda rows: edit(find(rows, kind)["content"]["plan"])


def item_of(kind: str, dag_id: str, number: int, **fields: Any) -> Callable[[list[Row]], None]:
    """Change an item of a plan."""
    return plan_of(kind, lambda plan: plan["items"][dag_id][number].update(fields))


def rests(kind: str, of: str, number: int = 0, **names: Any) -> Callable[[list[Row]], None]:
    """Change what a record rests on; None takes a name out."""

    def change(rows: list[Row]) -> None:
        names_there = find(rows, kind, of, number)["content"]["rests_on"]
        for name, value in names.items():
            key = name.replace("__", ":")
            names_there.pop(key, None)
            if value is not None:
                names_there[key] = value

    return change


def nothing_more(kind: str, of: str, number: int = 0) -> Callable[[list[Row]], None]:
    """Let a record rest on nothing."""
    return lambda rows: find(rows, kind, of, number)["content"].pop("rests_on")


def late(
    found: str, end: str, of: str = "", number: int = 0, /, **fields: Any
) -> Callable[[list[Row]], None]:
    """Keep a copy of a row right before another one."""

    def change(rows: list[Row]) -> None:
        row = copy.deepcopy(find(rows, found))
        row["seq"] = 970
        row.update({name: value for name, value in fields.items() if name in row})
        row["content"].update({name: value for name, value in fields.items() if name in row["content"]})
        rows.insert(rows.index(find(rows, end, of, number)), row)

    return change


def _never_verified_again(rows: list[Row]) -> None:
    """Take the second record of an item away, and let the last seal list the first one."""
    for seal in (find(rows, "seal", "week_1", n) for n in (1, 2)):
        for listed in seal["content"]["records"]:
            if listed["item_ref"] == TLS:
                first = find(rows, "machine_pass", TLS, 0)["content"]
                listed.update(
                    digest=digest(first), task_instance_id=first["task_instance_id"], outcome="passed"
                )
    completed(find(rows, "seal", "week_1", 1)["content"])
    for kind, number in (("machine_pass", 1), ("not_reached", 0)):
        rows.remove(find(rows, kind, TLS, number))
    second = find(rows, "seal", "week_1", 1)["content"]
    second["counts"] = copy.deepcopy(find(rows, "seal", "week_1", 0)["content"]["counts"])


def _without_second_look(rows: list[Row]) -> None:
    """Take what came of a retarget away: rows of what was reopened, their records and their seal."""
    end = rows.index(find(rows, "launch_postponed"))
    begin = rows.index(find(rows, RETARGETED))
    del rows[begin + 1 : end]


def _reopened_too_late(rows: list[Row]) -> None:
    reopened = find(rows, "reopened", AUDIT)
    rows.remove(reopened)
    rows.insert(rows.index(find(rows, "decision", AUDIT, 1)) + 1, reopened)


def _never_sealed_with(*kept: int) -> Callable[[list[Row]], None]:
    """Amend the items of a sealed phase and go on as if it stood: some of its own, and new ones."""

    def change(rows: list[Row]) -> None:
        amended = find(rows, AMENDED)
        del rows[rows.index(amended) + 1 : rows.index(find(rows, "seal", "week_1", 2)) + 1]
        before = rows[0]["content"]["plan"]["items"]["week_1"]
        new = amended["content"]["plan"]["items"]["week_1"][2]
        amended["content"]["plan"]["items"]["week_1"] = [[*before, new][number] for number in kept]

    return change


def _confirmed_decision(**fields: Any) -> Callable[[list[Row]], None]:
    return says("decision", AUDIT, 1, **fields)


def _rejected_between(rows: list[Row]) -> None:
    """Let the person say no before the decision is carried over."""
    confirmed = find(rows, "decision", AUDIT, 1)
    no = copy.deepcopy(find(rows, "decision", AUDIT, 0))
    no.update(seq=960, task_instance_id="no")
    no["content"].update(task_instance_id="no", outcome="rejected", reason="never")
    rows.insert(rows.index(confirmed), no)


FORGERIES: dict[str, tuple[str, Callable[[list[Row]], Any]]] = {
    # amendments
    "proposed by nobody": ("amended", says("amendment_proposed", by="")),
    "proposed without a reason": ("amended", says("amendment_proposed", reason=" ")),
    "proposed without a digest": ("amended", says("amendment_proposed", digest=" ")),
    "proposed by a task": ("amended", column("amendment_proposed", task_instance_id="by/hand")),
    "proposed after the end": ("amended", again("amendment_proposed", try_number=9)),
    "amended by nobody": ("amended", says(AMENDED, by=" ")),
    "amended without a reason": ("amended", says(AMENDED, reason="")),
    "amended on an unknown way": ("amended", says(AMENDED, via="slack")),
    "amended by one person twice": ("amended", says(AMENDED, confirmed_by="rhea.operations")),
    "amended and confirmed by nobody": ("amended", says(AMENDED, confirmed_by=" ")),
    "amended and confirmed by null": ("amended", says(AMENDED, confirmed_by=None)),
    "amended without a change": ("amended", says(AMENDED, changes=[])),
    "a change with a field too many": (
        "amended", says(AMENDED, changes=[{"where": "x", "what": [], "y": 1}]),
    ),
    "an amendment without its plan": ("amended", lambda rows: find(rows, AMENDED)["content"].pop("plan")),
    "an amendment of another step": ("amended", plan_of(AMENDED, lambda plan: plan["steps"].reverse())),
    "an amendment without a decision": ("amended", plan_of(AMENDED, lambda plan: plan.update(decision=""))),
    "an amendment without a rollback": ("amended", plan_of(AMENDED, lambda plan: (
        plan.update(rollback=""), plan["items"].pop("rollback"),
    ))),
    "an amendment of the rules": (
        "amended", plan_of(AMENDED, lambda plan: plan["rules"].update(self_approval=True)),
    ),
    "an amendment with an item twice": ("amended", plan_of(AMENDED, lambda plan: plan["items"]["t_0"].append(
        plan["items"]["week_1"][0]
    ))),
    "an amendment of a phase without items": (
        "amended", plan_of(AMENDED, lambda plan: plan["items"].update(t_0=[])),
    ),
    "an amendment without a digest": (
        "amended", lambda rows: find(rows, AMENDED)["content"]["checklist_digests"].pop("t_0"),
    ),
    "an amendment left out": ("amended", without(AMENDED)),
    "an amendment after the end": ("amended", again(AMENDED, try_number=2)),
    "an amendment by a task": ("amended", column(AMENDED, task_instance_id="by/hand")),
    "an amendment of a Dag": ("amended", column(AMENDED, dag_id="week_1")),
    "sealed by the checklist before": ("amended", sealed("week_1", lambda seal: seal.update(
        checklist_digest="sha256:" + "c" * 64
    ), 2)),
    "sealed without the new item": ("amended", sealed("week_1", lambda seal: (
        seal["records"].pop(), seal["counts"].update(passed=1),
    ), 2)),
    "the record of an earlier definition sealed": ("amended", rests(
        "decision", AUDIT, 2, checks=digest([AUDIT, 1])
    )),
    "a definition that no record has": (
        "amended", item_of(AMENDED, "week_1", 0, definition="sha256:" + "7" * 64),
    ),
    "an empty definition": ("amended", item_of(AMENDED, "week_1", 0, definition="")),
    "a person's item made the machine's": ("amended", item_of(AMENDED, "week_1", 1, mode="check")),
    "another owner by the same definition": ("amended", item_of(AMENDED, "week_1", 1, owner="cto")),
    "another mode of an item that keeps its record": (
        "amended", item_of(AMENDED, "week_1", 0, mode="check+approval"),
    ),
    "a misfit by the checklist before": ("amended", late(
        "machine_pass", "seal", "week_1", 1, kind="decision", outcome="not_met", reason="no time",
        decided_by={"id": "m", "name": "M", "slack_id": None, "airflow_user": "m"}, role="technical_lead",
        recorded_by="api", task_instance_id="tls/late",
    )),
    "a new item never sealed": ("amended", _never_sealed_with(0, 1, 2, 3)),
    "a dropped item still sealed": ("amended", _never_sealed_with(0, 1)),
    "go before what was amended is sealed": ("amended", without("seal", "week_1", 2)),
    "a checklist that the launch never ran by": ("amended", says(
        "machine_pass", TLS, checklist_digest="sha256:" + "9" * 64
    )),
    "a record of the dropped item as of today": ("amended", says(
        "decision", README, 1, checklist_digest="sha256:" + "d" * 64
    )),
    "another environment kept its records": ("other_settings", rests(
        "machine_pass", BACKUP, variable__domain=digest([BACKUP, "shop.example.org"])
    )),
    "old records under new definitions": ("adopted", lambda rows: rows.remove(
        find(rows, "machine_pass", TLS, 1)
    )),
    "a record without its names under definitions": ("adopted", both(
        nothing_more("machine_pass", TLS, 1),
        says("machine_pass", TLS, 1, checklist_digest="sha256:" + "c" * 64),
    )),
    # what records rest on
    "a record of another definition": ("retargeted", rests("machine_pass", TLS, words=digest("other"))),
    "a record with one name less": ("retargeted", rests("machine_pass", TLS, checks=None)),
    "a record with one name more": ("retargeted", rests("machine_pass", TLS, variable__x=digest(1))),
    "a record for another commit": ("retargeted", rests(
        "machine_pass", TLS, 1, variable__release_sha=digest("a" * 40)
    )),
    "a record for another release": ("retargeted", rests(
        "decision", AUDIT, 1, variable__release=digest("1.2.0")
    )),
    "a record for another day": ("retargeted", rests(
        "machine_pass", BACKUP, 1, variable__launch_date=digest("2030-05-27")
    )),
    "a decision for another time": ("retargeted", rests(
        "decision", CTO, 0, variable__launch_at=digest("2030-05-27T12:00:00.123456+00:00")
    )),
    "a time with another zone's name in a record": ("retargeted", rests(
        "decision", CTO, 0, variable__launch_at=digest("2030-05-28T12:00:00.123456Z")
    )),
    "a record for another previous release": ("retargeted", rests(
        "machine_pass", LIVE, variable__previous_release=digest("1.0.0")
    )),
    "a form with another previous release": ("retargeted", lambda rows: rows[0]["content"]["conf"].update(
        previous_release="1.0.9"
    )),
    "a record that rests on nothing": ("retargeted", says("machine_pass", TLS, rests_on={})),
    "a record that rests on no digest": ("retargeted", says("machine_pass", TLS, rests_on={"words": "x"})),
    "a record that rests on a list": ("retargeted", says("machine_pass", TLS, rests_on=[])),
    # retargets
    "retargeted from another commit": ("retargeted", says(
        RETARGETED, **{"from": {"release": "1.2.0", "release_sha": "f" * 40}}
    )),
    "retargeted from another release": ("retargeted", says(
        RETARGETED, **{"from": {"release": "1.1.9", "release_sha": "a" * 40}}
    )),
    "retargeted without a reason": ("retargeted", says(RETARGETED, reason=" ")),
    "retargeted to no commit": ("retargeted", says(RETARGETED, to={"release": "1.2.1"})),
    "retargeted to a third thing": ("retargeted", says(
        RETARGETED, to={"release": "1.2.1", "release_sha": OTHER_SHA, "more": 1}
    )),
    "a retarget left out": ("retargeted", without(RETARGETED)),
    "a retarget to another commit than the records'": ("retargeted", says(
        RETARGETED, to={"release": "1.2.1", "release_sha": "e" * 40}
    )),
    "retargeted after T-0 had begun": ("retargeted", late(
        RETARGETED, "seal", "t_0", try_number=9, **{
            name: {"release": "1.2.2", "release_sha": "c" * 40} for name in ("from", "to")
        }
    )),
    "nothing verified again after a retarget": ("retargeted", _without_second_look),
    "complete after another move": ("retargeted", late(
        "launch_postponed", "launch_ended", try_number=9, **{
            "from": "2030-05-28T12:00:00.123456Z", "to": "2030-05-29T12:00:00.123456Z"
        }
    )),
    "a move left out before go": ("retargeted", without("launch_postponed")),
    # hold and resume
    "held twice": ("held", without("launch_resumed")),
    "resumed without a hold": ("held", without("launch_held")),
    "resumed twice": ("held", late("launch_resumed", "launch_held", "", 1, try_number=7)),
    "held by nobody": ("held", says("launch_held", by="")),
    "held without its time": ("held", lambda rows: find(rows, "launch_held")["content"].pop("held_at")),
    "held at no time": ("held", says("launch_held", held_at="now")),
    "resumed without a reason": ("held", says("launch_resumed", reason="")),
    "resumed after the end": ("held", again("launch_resumed", try_number=9)),
    # reopened
    "reopened and never verified again": ("no_longer_true", _never_verified_again),
    "go while a phase is verified again": ("no_longer_true", both(
        without("seal", "week_1", 2), without("seal", "week_1", 1)
    )),
    "a decision taken back and never made again": ("no_longer_true", without("seal", "go_no_go", 1)),
    "complete while an item is verified again": ("no_longer_true", late(
        "reopened", "launch_ended", try_number=9
    )),
    "reopened what nobody knows": ("no_longer_true", column("reopened", item_ref="week_1.x.y")),
    "reopened in another phase": ("no_longer_true", column("reopened", dag_id="t_0")),
    "reopened as another item": ("no_longer_true", says("reopened", item_ref=AUDIT)),
    "reopened by a task": ("no_longer_true", column("reopened", task_instance_id="by/hand")),
    "reopened for no cause": ("no_longer_true", says("reopened", cause="because")),
    "reopened by no role": ("no_longer_true", says("reopened", owner="somebody")),
    "reopened with a field too many": ("no_longer_true", says("reopened", surprise=1)),
    "reopened after the end": ("no_longer_true", again("reopened", try_number=9)),
    "looked at again after the end": ("no_longer_true", again("verified_again", try_number=9)),
    # carried over
    "carried over without being reopened": ("retargeted", both(
        without("reopened", AUDIT), without("reopened", AUDIT)
    )),
    "reopened only after it was carried over": ("retargeted", _reopened_too_late),
    "carried over from nothing": ("retargeted", _confirmed_decision(confirms="nothing")),
    "carried over from null": ("retargeted", _confirmed_decision(confirms=None)),
    "carried over for another person": ("retargeted", _confirmed_decision(
        decided_by={"id": "mallory", "name": "Mallory", "slack_id": None, "airflow_user": "mallory"}
    )),
    "carried over with another reason": ("retargeted", _confirmed_decision(reason="I said so")),
    "carried over with another signature": ("retargeted", _confirmed_decision(signature="Mallory")),
    "carried over to another time": ("retargeted", _confirmed_decision(decided_at="2030-05-06T12:00:09Z")),
    "carried over on another way": ("retargeted", _confirmed_decision(recorded_by="api")),
    "carried over to another outcome": ("set_aside_again", says("decision", AUDIT, 1, outcome="waived")),
    "carried over in another role": ("set_aside_again", says("decision", AUDIT, 1, role="cto")),
    "carried over to another question": ("amended", both(
        item_of(AMENDED, "week_1", 1, definition=digest(OTHER_WORDS)),
        says("decision", AUDIT, 2, rests_on=OTHER_WORDS),
    )),
    "carried over by other rules": ("amended", both(
        item_of(AMENDED, "week_1", 1, definition=digest(OTHER_RULES)),
        says("decision", AUDIT, 2, rests_on=OTHER_RULES),
    )),
    "carried over after a no": ("retargeted", _rejected_between),
    "a machine's pass carried over": ("retargeted", lambda rows: find(rows, "machine_pass", TLS, 1)[
        "content"
    ].update(confirms=f"{TLS}/1", decided_at=find(rows, "machine_pass", TLS, 0)["content"]["decided_at"])),
    "a go carried over": ("retargeted", lambda rows: find(rows, "decision", CTO, 1)["content"].update(
        confirms=find(rows, "decision", CTO, 0)["content"]["task_instance_id"],
        **{name: find(rows, "decision", CTO, 0)["content"][name] for name in ("decided_at",)},
    )),
    "the new item reopened before it was there": ("amended", late(
        "reopened", AMENDED, item_ref=HEADERS, try_number=9
    )),
}  # fmt: skip
"""What is found without a head: the shape that is forged, and how. Every digest fits again afterwards."""


UNSEEN: dict[str, tuple[str, Callable[[list[Row]], Any]]] = {
    "a hold left out with its end": (
        "held", lambda rows: [rows.remove(find(rows, kind)) for kind in ("launch_held", "launch_resumed")],
    ),
    "another reason for an amendment": ("amended", says(AMENDED, reason="a very good one")),
    "a proposal left out": ("amended", without("amendment_proposed")),
    "a second person left out": ("amended", lambda rows: find(rows, AMENDED)["content"].pop("confirmed_by")),
    "another change said": ("amended", says(AMENDED, changes=[{"where": "x", "what": ["notes"]}])),
    "another look again": ("no_longer_true", says("verified_again", still_true=99)),
    "a look again left out": ("no_longer_true", without("verified_again")),
    "another cause": ("no_longer_true", says("reopened", cause="changed")),
    "another environment's digest": ("amended", says(AMENDED, environment_digest="sha256:" + "3" * 64)),
    "other people held the role": (
        "retargeted", rests("machine_pass", TLS, holders__cto=digest(["mallory"])),
    ),
}  # fmt: skip
"""What only a noted head, or an export that was put away, can find."""
