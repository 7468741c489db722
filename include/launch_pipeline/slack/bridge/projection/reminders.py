"""Who is called for what waits, and when: at the request, as a reminder, and the backups at last.

Pure: views, what was told before, the policy and a time give what is to be told now. Calls of one section
are one message. Times count from what was really told, so neither a restart nor a clock that jumps brings
more than one reminder at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import ROLLBACK
from launch_pipeline.checks.canonical import digest
from launch_pipeline.ledger.schema import Entry, EntryKind
from launch_pipeline.slack.messages import notes
from launch_pipeline.slack.store import Nudge, NudgeLevel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from launch_pipeline.approvals.policy import Policy
    from launch_pipeline.checklist.vocabulary import Role
    from launch_pipeline.slack.messages.block_kit import Message
    from launch_pipeline.slack.messages.views import ItemView, SectionView

TOGETHER = timedelta(minutes=5)
"""What is due this much later is told with what is due now; at most a sixth of the time to a reminder."""
_BUILDERS = {NudgeLevel.REMINDER: notes.reminder, NudgeLevel.ESCALATION: notes.escalation}


@dataclass(frozen=True)
class Call:
    """One message that calls people for requests of one section."""

    level: NudgeLevel
    view: SectionView
    items: tuple[ItemView, ...]
    nudges: tuple[Nudge, ...]
    """One for each item, in the same order."""

    @property
    def key(self) -> str:
        """Place among the launch's messages: the same requests at the same time are called for once."""
        called = sorted([n.task_instance_id, n.try_number, n.number] for n in self.nudges)
        return f"{self.level}/{self.view.dag_id}/{self.view.section_id}/{digest(called)[-12:]}"

    @property
    def message(self) -> Message:
        """What is posted in the launch's thread."""
        if self.level is NudgeLevel.REQUEST:
            return notes.request_note(self.view.model_copy(update={"items": self.items}))
        return _BUILDERS[self.level](self.view, self.items)

    @property
    def entry(self) -> Entry:
        """What the ledger keeps of it."""
        everybody = self.level is NudgeLevel.ESCALATION
        people = [p for item in self.items for p in item.may_answer[: None if everybody else 1]]
        return Entry(
            kind=EntryKind.NUDGE,
            launch_id=self.view.launch_id,
            dag_id=self.view.dag_id,
            task_instance_id=f"launch/{self.view.launch_id}/{self.key}",
            content={
                "level": self.level.value,
                "items": [item.ref for item in self.items],
                "called": list(dict.fromkeys(person.name for person in people)),
            },
        )


def calls_due(
    views: Iterable[SectionView], told: Sequence[Nudge], policy: Policy, now: datetime, *, over: bool = False
) -> tuple[Call, ...]:
    """Give the messages that are due now, section by section; in a launch that is over only the rollback's.

    A role is called when its first request in a section may be answered, and again for one that opens when
    it has not been called there for ``remind_after`` (a section that is cleared, an item that opens late).
    Other requests are left to the reminders. ``told`` is everybody who was called in this launch, in order.
    """
    return tuple(
        call
        for view in views
        if not over or view.dag_id == ROLLBACK
        for call in _calls(view, _Told(view, told, now), policy, now)
    )


def _calls(view: SectionView, told: _Told, policy: Policy, now: datetime) -> Iterable[Call]:
    asking = [item for item in view.items if item.asks and item.may_answer]
    new = _requested(asking, told, policy, now)
    called = [item for item in asking if item not in new]
    escalated = _escalated(called, told, policy, now)
    reminded = _reminded([item for item in called if item not in escalated], told, policy, now)
    for level, items in (
        (NudgeLevel.REQUEST, new),
        (NudgeLevel.ESCALATION, escalated),
        (NudgeLevel.REMINDER, reminded),
    ):
        if items:
            nudges = tuple(_nudge(view, item, level, told, now) for item in items)
            yield Call(level, view, tuple(items), nudges)


class _Told:
    """What was told in one section, as it helps to say what is due."""

    def __init__(self, view: SectionView, told: Sequence[Nudge], now: datetime) -> None:
        place = (view.dag_id, view.section_id)
        self._told = [n for n in told if (n.dag_id, n.section_id) == place]
        self._now = now
        self._of: dict[tuple[str, int], list[Nudge]] = {}
        for nudge in self._told:
            self._of.setdefault((nudge.task_instance_id, nudge.try_number), []).append(nudge)

    def of(self, item: ItemView, *levels: NudgeLevel) -> list[Nudge]:
        """What was told for this request."""
        found = self._of.get((item.task_instance_id, item.try_number), [])
        return [nudge for nudge in found if nudge.level in levels]

    def last(self, nudges: Iterable[Nudge]) -> datetime | None:
        """When somebody was called last; what a clock that ran ahead has written says nothing."""
        return max((n.told_at for n in nudges if n.told_at <= self._now), default=None)

    def asked_at(self, item: ItemView) -> datetime | None:
        """Since when somebody knows of a request: its opening, or the call for it where Slack was away."""
        called = self.last(self.of(item, NudgeLevel.REQUEST))
        return max(called, item.since) if called and item.since else item.since

    def last_call(self, role: Role) -> datetime | None:
        """When a role was called last in this section."""
        return self.last(nudge for nudge in self._told if nudge.role is role)


def _requested(asking: Sequence[ItemView], told: _Told, policy: Policy, now: datetime) -> list[ItemView]:
    new = [item for item in asking if not told.of(item, *NudgeLevel)]
    called = []
    for role in dict.fromkeys(item.owner for item in new):
        last = told.last_call(role)
        mine = [
            item
            for item in new
            if item.owner is role and item.since and (not last or item.since - last >= policy.remind_after)
        ]
        # Before that Airflow would not take an answer; those that open side by side are one call.
        if any(item.since and now - item.since >= policy.settle for item in mine):
            called += mine
    return called


def _escalated(asking: Sequence[ItemView], told: _Told, policy: Policy, now: datetime) -> list[ItemView]:
    due = [
        (item, asked_at + policy.escalate_after)
        for item in asking
        if (asked_at := told.asked_at(item))
        and len(item.may_answer) > 1
        and not told.of(item, NudgeLevel.ESCALATION)
    ]
    return _together(due, policy, now)


def _reminded(asking: Sequence[ItemView], told: _Told, policy: Policy, now: datetime) -> list[ItemView]:
    due = []
    for item in asking:
        last = told.last(told.of(item, NudgeLevel.REMINDER, NudgeLevel.ESCALATION))
        if last is not None:
            due.append((item, last + policy.remind_every))
        elif asked_at := told.asked_at(item):
            due.append((item, asked_at + policy.remind_after))
    return _together(due, policy, now)


def _together(due: Sequence[tuple[ItemView, datetime]], policy: Policy, now: datetime) -> list[ItemView]:
    """What is due, with what will be in a moment; nothing before anything is."""
    if not any(at <= now for _, at in due):
        return []
    horizon = now + min(TOGETHER, policy.remind_after / 6)
    return [item for item, at in due if at <= horizon]


def _nudge(view: SectionView, item: ItemView, level: NudgeLevel, told: _Told, now: datetime) -> Nudge:
    number = max((n.number for n in told.of(item, level)), default=0) + (level is NudgeLevel.REMINDER)
    return Nudge(
        task_instance_id=item.task_instance_id,
        try_number=item.try_number,
        level=level,
        number=number,
        launch_id=view.launch_id,
        dag_id=view.dag_id,
        section_id=view.section_id,
        task_id=item.task_id,
        role=item.owner,
        told_at=now,
    )
