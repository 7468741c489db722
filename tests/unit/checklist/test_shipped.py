"""The shipped checklists: the document, item by item, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.files import checklist_folder
from launch_pipeline.checklist.load import checklist_files, load_phase, load_phases
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checklist.vocabulary import Mode, RequestKind, Severity

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.checklist.load import ParameterModels
    from launch_pipeline.checklist.model import Item, Phase

ITEMS_PER_PHASE = {
    "pre_launch_requirements": 39,
    "infrastructure_setup": 37,
    "application_deployment": 40,
    "validation_testing": 40,
    "monitoring_alerting": 31,
    "backup_disaster_recovery": 22,
    "team_preparation": 19,
    "launch_day": 26,
    "post_launch": 18,
}

Outline = list[tuple[str, list[tuple[str, list[str]]]]]


@pytest.fixture(scope="module")
def phases(kinds: ParameterModels) -> list[Phase]:
    """Every shipped file, in the document's order."""
    return load_phases(kinds)


@pytest.fixture(scope="module")
def document_items(phases: list[Phase]) -> list[Item]:
    """Items of the document's own phases."""
    return [item for phase in phases if phase.kind == "checklist" for _, item in phase.items()]


@pytest.fixture(scope="module")
def outline() -> Outline:
    """Chapters, sections and checkboxes of the document."""
    chapters: Outline = []
    text = (checklist_folder() / "production-launch-checklist.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if heading := re.fullmatch(r"## (.+)", line):
            chapters.append((heading[1], []))
        elif heading := re.fullmatch(r"### (.+)", line):
            chapters[-1][1].append((heading[1], []))
        elif box := re.fullmatch(r"- \[ \] (.+)", line):
            chapters[-1][1][-1][1].append(box[1])
    return chapters


def test_eleven_files_ship() -> None:
    """Nine phases, the decisions of people, and the rollback; in the document's order."""
    numbers = [path.name[:2] for path in checklist_files()]
    assert numbers == [f"{number:02}" for number in range(1, 12)]


@pytest.mark.parametrize("path", checklist_files(), ids=lambda path: path.name)
def test_shipped_checklist_is_valid(path: Path, kinds: ParameterModels) -> None:
    """Every shipped file loads and can be planned, and points editors to the schema."""
    phase = load_phase(path, kinds)
    plans = plan_dags([phase])
    assert sum(len(plan.items) for plan in plans.values()) == len(phase.items())
    first_line = path.read_text(encoding="utf-8").partition("\n")[0]
    assert first_line == "# yaml-language-server: $schema=schema/checklist.schema.json"


def test_every_phase_has_the_items_of_the_document(phases: list[Phase]) -> None:
    """An item that disappears or appears is noticed: 272 in nine phases."""
    counted = {phase.id: len(phase.items()) for phase in phases if phase.kind == "checklist"}
    assert counted == ITEMS_PER_PHASE
    assert sum(counted.values()) == 272


def test_modes_and_marks_are_counted(document_items: list[Item]) -> None:
    """Making an item weaker, or giving it a side effect, is a deliberate change."""
    assert Counter(item.mode for item in document_items) == {
        Mode.CHECK: 217,
        Mode.CHECK_AND_APPROVAL: 40,
        Mode.APPROVAL: 15,
    }
    assert sum(item.severity is Severity.ADVISORY for item in document_items) == 13
    assert sum(bool(item.side_effects) for item in document_items) == 28
    assert sum(item.evidence_only for item in document_items) == 4
    assert all(item.gate is RequestKind.APPROVAL for item in document_items)


def test_four_roles_decide_and_four_sign(phases: list[Phase]) -> None:
    """Go/no-go and the Sign-Off belong to the same four roles, each blocking; a rollback is decided once."""
    gates = [(phase.kind, item.gate) for phase in phases for _, item in phase.items()]
    assert Counter(gate for kind, gate in gates if kind == "sign_offs") == {
        RequestKind.DECISION: 4,
        RequestKind.SIGNATURE: 4,
    }
    assert gates.count(("rollback", RequestKind.DECISION)) == 1
    decide, sign = (
        section.items for phase in phases if phase.kind == "sign_offs" for section in phase.sections
    )
    assert [item.owner for item in decide] == [item.owner for item in sign]
    assert all(item.severity is Severity.BLOCKING for item in (*decide, *sign))


def test_texts_are_the_exact_lines_of_the_document(phases: list[Phase], outline: Outline) -> None:
    """Chapters, sections and items say what the document says, in its order."""
    shipped: Outline = [
        (phase.title, [(section.title, [item.text for item in section.items]) for section in phase.sections])
        for phase in phases
        if phase.kind == "checklist"
    ]
    assert shipped == outline[: len(ITEMS_PER_PHASE)]


def test_signatures_are_those_of_the_document(phases: list[Phase], outline: Outline) -> None:
    """Who signs is what the document's Sign-Off names."""
    sections = dict(outline)["Sign-Off"]
    signing = [
        item.text for phase in phases for _, item in phase.items() if item.gate is RequestKind.SIGNATURE
    ]
    assert signing == [title for title, _ in sections]


def test_no_checkbox_is_left_out(phases: list[Phase], outline: Outline) -> None:
    """Checkboxes stand in the nine phases only, so that the comparison above covers them all."""
    boxes = [text for _, sections in outline for _, texts in sections for text in texts]
    assert len(boxes) == sum(len(phase.items()) for phase in phases if phase.kind == "checklist")


def test_refs_are_unique(phases: list[Phase]) -> None:
    """A ref names one item of the whole checklist for ever."""
    refs = [item.ref for plan in plan_dags(phases).values() for item in plan.items]
    assert len(set(refs)) == len(refs) == 288


def test_people_are_asked_a_question(phases: list[Phase]) -> None:
    """Whoever approves is asked something, in a whole sentence."""
    asked = [item for phase in phases for _, item in phase.items() if item.mode.needs_person]
    assert [item.id for item in asked if not (item.question or "").endswith(("?", "."))] == []


def test_every_item_says_what_to_do_when_it_fails(phases: list[Phase]) -> None:
    """No remedy is copied from another item."""
    remedies = Counter(item.on_failure for phase in phases for _, item in phase.items())
    assert [text for text, count in remedies.items() if count > 1] == []


def test_only_the_daily_review_is_asked_again(document_items: list[Item]) -> None:
    """The daily review of the week after is one item, asked on seven days."""
    repeated = {item.text: item.repeat for item in document_items if item.repeat}
    assert list(repeated) == ["Daily metrics review"]
    repeat = repeated["Daily metrics review"]
    assert repeat is not None
    assert (repeat.times, repeat.every.days) == (7, 1)
