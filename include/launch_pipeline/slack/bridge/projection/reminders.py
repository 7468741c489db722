"""Decide who is mentioned for open requests, and when: at the request, as a reminder, as an escalation.

Pure: views, earlier nudges, the policy and a time give the messages that are due. All nudges of a section are
one message. Intervals count from the nudges that were really posted, so neither a restart nor a clock that
jumps sends more than one reminder at once.
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
"""Nudges due this much later join those due now, within a sixth of ``remind_after``."""
_BUILDERS = {NudgeLevel.REMINDER: notes.reminder, NudgeLevel.ESCALATION: notes.escalation}


@dataclass(frozen=True)
class NudgeMessage:
    """Mention people for requests of one section, in one message."""

    level: NudgeLevel
    view: SectionView
    items: tuple[ItemView, ...]
    nudges: tuple[Nudge, ...]
    """One nudge for each item, in the same order."""

    @property
    def key(self) -> str:
        """Return the key in the message store: the same requests are nudged once with the same numbers."""
        called = sorted([n.task_instance_id, n.try_number, n.number] for n in self.nudges)
        return f"{self.level}/{self.view.dag_id}/{self.view.section_id}/{digest(called)[-12:]}"

    @property
    def message(self) -> Message:
        """Return what is posted in the launch's thread."""
        if self.level is NudgeLevel.REQUEST:
            return notes.request_note(self.view.model_copy(update={"items": self.items}))
        return _BUILDERS[self.level](self.view, self.items)

    @property
    def entry(self) -> Entry:
        """Return the ledger's entry for it."""
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


def nudges_due(
    views: Iterable[SectionView],
    earlier: Sequence[Nudge],
    policy: Policy,
    now: datetime,
    *,
    over: bool = False,
) -> tuple[NudgeMessage, ...]:
    """Return the messages that are due now, by section; after the launch's end only the rollback's.

    A role is nudged when its first request in a section can be answered. It is nudged again for a request
    that opens ``remind_after`` or later after its last nudge there (a cleared section, an item that opens
    late). Other requests are left to the reminders. ``earlier`` holds all nudges of this launch, in order.
    """
    return tuple(
        message
        for view in views
        if not over or view.dag_id == ROLLBACK
        for message in _messages(view, _Earlier(view, earlier, now), policy, now)
    )


def _messages(view: SectionView, earlier: _Earlier, policy: Policy, now: datetime) -> Iterable[NudgeMessage]:
    asking = [item for item in view.items if item.asks and item.may_answer]
    new = _requested(asking, earlier, policy, now)
    known = [item for item in asking if item not in new]
    escalated = _escalated(known, earlier, policy, now)
    reminded = _reminded([item for item in known if item not in escalated], earlier, policy, now)
    for level, items in (
        (NudgeLevel.REQUEST, new),
        (NudgeLevel.ESCALATION, escalated),
        (NudgeLevel.REMINDER, reminded),
    ):
        if items:
            nudges = tuple(_nudge(view, item, level, earlier, now) for item in items)
            yield NudgeMessage(level, view, tuple(items), nudges)


class _Earlier:
    """Look up the earlier nudges of one section."""

    def __init__(self, view: SectionView, nudges: Sequence[Nudge], now: datetime) -> None:
        place = (view.dag_id, view.section_id)
        self._nudges = [n for n in nudges if (n.dag_id, n.section_id) == place]
        self._now = now
        self._of: dict[tuple[str, int], list[Nudge]] = {}
        for nudge in self._nudges:
            self._of.setdefault((nudge.task_instance_id, nudge.try_number), []).append(nudge)

    def of(self, item: ItemView, *levels: NudgeLevel) -> list[Nudge]:
        """Return the nudges of these levels for an item's request."""
        found = self._of.get((item.task_instance_id, item.try_number), [])
        return [nudge for nudge in found if nudge.level in levels]

    def last(self, nudges: Iterable[Nudge]) -> datetime | None:
        """Return the time of the last nudge; future times, from a clock that ran ahead, are ignored."""
        return max((n.told_at for n in nudges if n.told_at <= self._now), default=None)

    def asked_at(self, item: ItemView) -> datetime | None:
        """Return since when people know of a request: its opening, or its first nudge if Slack was down."""
        nudged = self.last(self.of(item, NudgeLevel.REQUEST))
        return max(nudged, item.since) if nudged and item.since else item.since

    def last_of(self, role: Role) -> datetime | None:
        """Return when a role was last nudged in this section."""
        return self.last(nudge for nudge in self._nudges if nudge.role is role)


def _requested(
    asking: Sequence[ItemView], earlier: _Earlier, policy: Policy, now: datetime
) -> list[ItemView]:
    new = [item for item in asking if not earlier.of(item, *NudgeLevel)]
    due = []
    for role in dict.fromkeys(item.owner for item in new):
        last = earlier.last_of(role)
        mine = [
            item
            for item in new
            if item.owner is role and item.since and (not last or item.since - last >= policy.remind_after)
        ]
        # Airflow takes no answer before ``settle``; requests that open together are one nudge.
        if any(item.since and now - item.since >= policy.settle for item in mine):
            due += mine
    return due


def _escalated(
    asking: Sequence[ItemView], earlier: _Earlier, policy: Policy, now: datetime
) -> list[ItemView]:
    due = [
        (item, asked_at + policy.escalate_after)
        for item in asking
        if (asked_at := earlier.asked_at(item))
        and len(item.may_answer) > 1
        and not earlier.of(item, NudgeLevel.ESCALATION)
    ]
    return _together(due, policy, now)


def _reminded(asking: Sequence[ItemView], earlier: _Earlier, policy: Policy, now: datetime) -> list[ItemView]:
    due = []
    for item in asking:
        last = earlier.last(earlier.of(item, NudgeLevel.REMINDER, NudgeLevel.ESCALATION))
        if last is not None:
            due.append((item, last + policy.remind_every))
        elif asked_at := earlier.asked_at(item):
            due.append((item, asked_at + policy.remind_after))
    return _together(due, policy, now)


def _together(due: Sequence[tuple[ItemView, datetime]], policy: Policy, now: datetime) -> list[ItemView]:
    """Return the items that are due, with those due in a moment; nothing before the first is."""
    if not any(at <= now for _, at in due):
        return []
    horizon = now + min(TOGETHER, policy.remind_after / 6)
    return [item for item, at in due if at <= horizon]


def _nudge(view: SectionView, item: ItemView, level: NudgeLevel, earlier: _Earlier, now: datetime) -> Nudge:
    number = max((n.number for n in earlier.of(item, level)), default=0) + (level is NudgeLevel.REMINDER)
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
