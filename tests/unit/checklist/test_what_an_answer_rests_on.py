"""The shipped items use what their truth depends on: the launch time, the release, and its commit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.vocabulary import Mode, RequestKind, Severity, TrueUntil
from launch_pipeline.checks.docs.variables import uses
from launch_pipeline.checks.engine.registry import kind, parameter_models
from servers.one_item import items

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import Item, Phase

PHASES = load_phases(parameter_models())
ITEMS = items()
TIMES = ("launch_at", "launch_date")

OF_THE_TIME = {
    "team_preparation.on_call_setup.on_call_schedule",
    "team_preparation.on_call_setup.escalation_procedures",
    "team_preparation.on_call_setup.contact_information",
    "team_preparation.communication.stakeholders_notified",
    "team_preparation.communication.launch_date_confirmed",
    "team_preparation.communication.launch_window_scheduled",
    "team_preparation.communication.communication_plan",
    "team_preparation.communication.customer_notification_plan",
    "launch_day.t_minus_2h.team_assembled",
    "launch_day.t_minus_2h.rollback_plan",
    "launch_day.t_minus_2h.incident_response_plan",
    "sign_offs.go_no_go.technical_lead_go",
    "sign_offs.go_no_go.product_manager_go",
    "sign_offs.go_no_go.operations_lead_go",
    "sign_offs.go_no_go.cto_go",
}
"""The items of before T-0 that a postponement makes stale."""
SINCE_THE_LAUNCH = {
    "launch_day.t_plus_1h.stakeholders_notified_success",
    "launch_day.t_plus_4h.no_issues",
    "launch_day.t_plus_4h.documentation_updated",
    "post_launch.optimization.cost_optimization",
    "post_launch.optimization.reliability_improvements",
    "post_launch.documentation.runbooks_updated",
    "post_launch.documentation.troubleshooting_guide_updated",
    "post_launch.documentation.architecture_documentation_updated",
    "post_launch.documentation.lessons_learned",
}
"""The items that look at what has happened since."""


def checked_names(phases: list[Phase]) -> dict[str, set[str]]:
    """Return the variables that the checks and the question of each item use, with the kinds' defaults."""
    found: dict[str, set[str]] = {ref: set() for ref in ITEMS}
    for name, refs in uses([_of_the_answer(phase) for phase in phases]).items():
        for ref in refs:
            found[ref].add(name)
    return found


def _of_the_answer(phase: Phase) -> Phase:
    sections = [
        section.model_copy(update={"items": tuple(_bare(item) for item in section.items)})
        for section in phase.sections
    ]
    return phase.model_copy(update={"sections": tuple(sections)})


def _bare(item: Item) -> Item:
    checks = tuple(
        check.model_copy(update={"params": {**_defaults(check.kind), **check.params}})
        for check in item.checks
    )
    asked = {"how": item.how if item.mode.needs_person else "-", "on_failure": "-", "notes": ""}
    return item.model_copy(update={**asked, "checks": checks})


def _defaults(name: str) -> dict[str, str]:
    fields = kind(name).params.model_fields.items()
    return {field: one.default for field, one in fields if "${" in str(one.default)}


USED = checked_names(PHASES)


def test_postponement_makes_exactly_these_stale() -> None:
    """No item rests on the launch time by chance, and none that depends on it is forgotten."""
    assert {ref for ref, names in USED.items() if names & set(TIMES)} == OF_THE_TIME | SINCE_THE_LAUNCH


def test_everything_about_the_commit_uses_it() -> None:
    """A report, a document, a load test or an image's label that is about the release rests on its commit."""
    about = {
        ref
        for ref, item in ITEMS.items()
        for check in item.checks
        if check.params.get("during")
        or (check.kind == "report" and check.params.get("subject") != "")
        or (check.kind == "git_repository" and "ref" not in check.params)
        or "image.revision" in str(check.params)
    }
    assert len(about) == 70
    assert {ref for ref in about if "release_sha" not in USED[ref]} == set()


def test_words_about_the_launch_time_are_followed_by_its_use() -> None:
    """An item that speaks of the launch's time, day, window or shift rests on the time."""
    about = re.compile(
        r"launch (time|date|window)|from the launch|on shift|since (the )?launch", re.IGNORECASE
    )
    speaking = {
        ref
        for ref, item in ITEMS.items()
        if about.search(f"{item.text} {item.question or ''} {item.how}") and item.gate is RequestKind.APPROVAL
    }
    assert len(speaking) >= len(OF_THE_TIME)
    assert speaking - (OF_THE_TIME | SINCE_THE_LAUNCH) == set()


@pytest.mark.parametrize("owner", ["technical_lead", "product_manager", "operations_lead", "cto"])
def test_decision_names_what_is_decided(owner: str) -> None:
    """A go is for one release at one time, so that neither can change under it."""
    question = ITEMS[f"sign_offs.go_no_go.{owner}_go"].question or ""
    assert "${release}" in question
    assert "${launch_at}" in question


def test_people_alone_are_asked_about_this_release() -> None:
    """A question that no check answers names the release where it is about one."""
    alone = {ref for ref, item in ITEMS.items() if not item.checks and "${release}" in (item.question or "")}
    decided = {ref for ref in ITEMS if ref.startswith("sign_offs.")} | {"rollback.decision.roll_back"}
    assert alone == decided | {
        "team_preparation.training.documentation_reviewed",
        "launch_day.t_plus_1h.team_confidence",
    }


def test_items_at_the_release_commit_say_how_it_is_moved() -> None:
    """No remedy asks for a repair in the repository and then for the same commit once more."""
    pinned = {
        ref
        for ref, item in ITEMS.items()
        for check in item.checks
        if check.kind == "git_repository" and "ref" not in check.params
    }
    assert len(pinned) >= 26
    assert {ref for ref in pinned if "${retarget}" not in ITEMS[ref].on_failure} == set()
    texts = {ref: f"{item.on_failure} {item.notes}" for ref, item in ITEMS.items()}
    wrong = re.compile(
        r"new launch|into the release commit|have it in the release commit|merge,? and answer Re-check"
    )
    assert [ref for ref, text in texts.items() if wrong.search(text)] == []


def test_truth_ends_early_for_a_reason() -> None:
    """Each exception from the watch says why in its notes; none is an item with side effects."""
    ending = {ref: item for ref, item in ITEMS.items() if item.true_until}
    assert [ref for ref, item in ending.items() if "(true_until)" not in item.notes] == []
    assert [ref for ref, item in ITEMS.items() if "(true_until)" in item.notes and ref not in ending] == []
    assert all(item.seen_once is (item.true_until is TrueUntil.SEALED) for item in ending.values())


def test_exceptions_from_the_watch_stay_few() -> None:
    """Of the machine's blocking items at least three in four are looked at again, most until T+4h."""
    watched = [
        item
        for ref, item in ITEMS.items()
        if item.mode is Mode.CHECK
        and item.severity is Severity.BLOCKING
        and not item.side_effects
        and ref.partition(".")[0] not in {"post_launch", "rollback"}
    ]
    until = [item.true_until for item in watched]
    assert (until.count(TrueUntil.SEALED), until.count(TrueUntil.LAUNCH_TIME)) == (20, 21)
    assert until.count(None) > len(watched) * 3 / 4
    assert len(watched) == 184
