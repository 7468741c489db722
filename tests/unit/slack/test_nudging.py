"""Who is called when: at the request, as a reminder, and the backups at last; never twice for the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.approvals.policy import Policy
from launch_pipeline.checklist.sequence import ROLLBACK
from launch_pipeline.slack.bridge.projection.reminders import NudgeMessage, nudges_due
from launch_pipeline.slack.bridge.projection.views import sections_of
from launch_pipeline.slack.store import Nudge, NudgeLevel
from servers.slack_board import WEEK_1, Airflow, deployment, tasks_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.slack.bridge.projection.deployment import Deployment

DESIGN = tasks_of("requirements_design_review")
"""Of the product manager, then twice the technical lead, the database admin, the technical lead."""
REQUEST, REMINDER, ESCALATION = NudgeLevel.REQUEST, NudgeLevel.REMINDER, NudgeLevel.ESCALATION


@dataclass
class Room:
    """Week 1 is under way; what is due is told at once."""

    policy: Policy = field(default_factory=Policy)
    airflow: Airflow = field(default_factory=Airflow)
    told: list[Nudge] = field(default_factory=list)
    known: Deployment = field(default_factory=deployment)

    def __post_init__(self) -> None:
        self.airflow.begin(WEEK_1)

    def due(self, *, over: bool = False) -> list[NudgeMessage]:
        views = sections_of(self.airflow.launch(), self.known)
        return list(nudges_due(views, self.told, self.policy, self.airflow.clock.now, over=over))

    def tell(self) -> list[tuple[NudgeLevel, int]]:
        """Tell what is due; gives each message's level and number of items."""
        calls = self.due()
        self.told += [nudge for call in calls for nudge in call.nudges]
        return [(call.level, len(call.items)) for call in calls]

    def after(self, **span: float) -> list[tuple[NudgeLevel, int]]:
        self.airflow.clock.passes(**span)
        return self.tell()

    def through(self, span: timedelta, step: timedelta) -> list[tuple[timedelta, NudgeLevel]]:
        """Look every ``step``; gives what was told, and when."""
        began, found = self.airflow.clock.now, []
        while self.airflow.clock.now < began + span:
            self.airflow.clock.now += step
            found += [(self.airflow.clock.now - began, level) for level, _ in self.tell()]
        return found


def test_request_is_called_for_once_it_can_be_answered() -> None:
    """Not before the settle time; then once, for all that opened side by side, to each role's first."""
    room = Room()
    room.airflow.ask(*DESIGN[:3])
    assert room.tell() == []
    (call,) = (room.airflow.clock.passes(seconds=3), room.due())[1]
    assert (call.level, len(call.items)) == (REQUEST, 3)
    assert call.message.text.startswith("<@U0LAUNCH02> <@U0LAUNCH01> ")
    assert room.tell() == [(REQUEST, 3)]
    assert room.after(seconds=3) == []


def test_each_role_is_called_at_its_first_request() -> None:
    """A second request of the same role does not ring again; that of another role does."""
    room = Room()
    room.airflow.ask(DESIGN[1])
    assert room.after(seconds=5) == [(REQUEST, 1)]
    room.airflow.ask(DESIGN[2], DESIGN[3])
    assert room.after(seconds=5) == [(REQUEST, 1)]
    assert room.told[-1].task_id == DESIGN[3]


def test_cleared_section_calls_again_but_not_at_once() -> None:
    """A new request of a role that was called a moment ago waits for its reminder; later it rings."""
    room = Room()
    room.airflow.ask(DESIGN[1])
    room.after(seconds=5)
    room.airflow.clear(DESIGN[1])
    room.airflow.ask(DESIGN[1])
    assert room.after(seconds=5) == []
    room.airflow.decide(DESIGN[1])
    room.airflow.clock.passes(minutes=31)
    room.airflow.clear(DESIGN[1])
    room.airflow.ask(DESIGN[1])
    assert room.after(seconds=5) == [(REQUEST, 1)]


def test_reminders_then_backups() -> None:
    """The policy's times: 30 min, then every 2 h; the backups once, after 4 h."""
    room = Room()
    room.airflow.ask(DESIGN[1])
    told = room.through(timedelta(hours=9), timedelta(minutes=3))
    hours = [(round(at / timedelta(minutes=30)) / 2, level) for at, level in told]
    assert hours == [
        (0.0, REQUEST),
        (0.5, REMINDER),
        (2.5, REMINDER),
        (4.0, ESCALATION),
        (6.0, REMINDER),
        (8.0, REMINDER),
    ]
    assert [nudge.number for nudge in room.told] == [0, 1, 2, 0, 3, 4]


def test_backups_are_asked_where_there_are_any() -> None:
    """Everybody who holds the role is addressed; a role with one holder is only reminded."""
    room = Room()
    room.airflow.ask(DESIGN[1])
    room.after(seconds=5)
    room.airflow.clock.passes(hours=4)
    (escalation,) = [call for call in room.due() if call.level is ESCALATION]
    assert escalation.message.text.startswith("<@U0LAUNCH01> <@U0LAUNCH")
    assert escalation.entry.content == {
        "level": "escalation",
        "items": [f"pre_launch_requirements.{DESIGN[1]}"],
        "called": ["Ada Lindqvist", "Bo Sato"],
    }
    views = sections_of(room.airflow.launch(), deployment())
    alone = [
        view.model_copy(
            update={
                "items": tuple(
                    item.model_copy(update={"may_answer": item.may_answer[:1]}) for item in view.items
                )
            }
        )
        for view in views
    ]
    now = room.airflow.clock.now
    assert [call.level for call in nudges_due(alone, room.told, room.policy, now)] == [REMINDER]


def test_what_is_due_in_a_moment_is_told_together() -> None:
    """Items that opened minutes apart are one reminder; of different sections, one each."""
    room = Room()
    room.airflow.ask(DESIGN[1])
    room.after(seconds=5)
    room.airflow.clock.passes(minutes=4)
    room.airflow.ask(DESIGN[2])
    room.airflow.ask_for_failure(tasks_of("code_quality")[0])
    assert room.after(seconds=5) == [(REQUEST, 1)]
    assert room.after(minutes=26) == [(REMINDER, 2)]
    assert room.after(minutes=4) == [(REMINDER, 1)]


@pytest.mark.parametrize("answered", ["take", "decide", "heal", "clear"])
def test_what_does_not_wait_is_not_reminded_of(answered: str) -> None:
    """Answered, healed, cleared."""
    room = Room()
    room.airflow.ask(DESIGN[1])
    room.after(seconds=5)
    getattr(room.airflow, answered)(DESIGN[1])
    assert room.after(hours=5) == []


@pytest.mark.parametrize(
    "jump",
    [
        lambda clock: clock.passes(days=365),
        lambda clock: clock.passes(hours=-3),
        lambda clock: (clock.passes(days=30), clock.passes(days=-30)),
    ],
)
def test_clock_that_jumps_floods_nobody(jump: Callable[[Any], object]) -> None:
    """However it jumps, at most one message of each kind is told, and reminders go on afterwards."""
    room = Room()
    room.airflow.ask(*DESIGN)
    room.after(seconds=5)
    jump(room.airflow.clock)
    told = [level for _, level in room.through(timedelta(minutes=20), timedelta(seconds=30))]
    assert len(told) <= 2
    again = [level for _, level in room.through(timedelta(days=4), timedelta(hours=2))]
    assert again.count(REMINDER) > 3
    assert again.count(ESCALATION) <= 1


def test_clock_that_ran_ahead_silences_nobody() -> None:
    """A reminder that was told in a wrong future does not keep the next from coming."""
    room = Room()
    room.airflow.ask(DESIGN[1])
    room.after(seconds=5)
    room.after(days=365)
    room.airflow.clock.passes(days=-365)
    told = [level for _, level in room.through(timedelta(hours=3), timedelta(minutes=1))]
    assert REMINDER in told
    assert len(told) <= 3


def test_late_call_is_no_reminder() -> None:
    """Where Slack was away for hours, people are called first; the reminder's time counts from then."""
    room = Room()
    room.airflow.ask(DESIGN[1])
    assert room.after(hours=6) == [(REQUEST, 1)]
    assert room.after(minutes=29) == []
    assert room.after(minutes=2) == [(REMINDER, 1)]


def test_nobody_is_called_who_is_not_there() -> None:
    """An item whose role nobody holds is shown on the card, and calls nobody."""
    room = Room()
    room.airflow.ask(DESIGN[1])
    room.airflow.clock.passes(hours=9)
    views = sections_of(room.airflow.launch(), deployment())
    empty = [
        view.model_copy(
            update={"items": tuple(item.model_copy(update={"may_answer": ()}) for item in view.items)}
        )
        for view in views
    ]
    assert nudges_due(empty, (), room.policy, room.airflow.clock.now) == ()


def test_launch_that_is_over_calls_for_its_rollback_only() -> None:
    """Everything else can be answered no more."""
    room = Room()
    room.airflow.begin(ROLLBACK)
    room.airflow.ask(*DESIGN)
    room.airflow.ask("decision.roll_back", dag_id=ROLLBACK)
    room.airflow.clock.passes(seconds=5)
    assert [call.view.dag_id for call in room.due(over=True)] == [ROLLBACK]


def test_same_calls_have_the_same_key() -> None:
    """The same for every bridge; other items, tries or numbers have another."""
    room = Room()
    room.airflow.ask(*DESIGN)
    room.airflow.clock.passes(seconds=5)
    (first,), (second,) = room.due(), room.due()
    assert first.key == second.key
    assert first.key.startswith(f"request/{WEEK_1}/requirements_design_review/")
    room.tell()
    room.airflow.clock.passes(minutes=31)
    (reminder,) = room.due()
    assert reminder.key.startswith("reminder/")
    room.airflow.decide(DESIGN[0])
    (fewer,) = room.due()
    assert fewer.key != reminder.key
