"""Find the section that a card shows: the board decides what is there now, the card says where to look."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import Answer, RequestKind
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.bridge.interactions.answers import ItemAnswer
from launch_pipeline.slack.messages.cards import split_items
from launch_pipeline.slack.messages.item_status import status_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from launch_pipeline.approvals.contacts import Contacts, Person
    from launch_pipeline.slack.bridge.interactions.answers import AnswerResults
    from launch_pipeline.slack.bridge.interactions.users import SlackUser
    from launch_pipeline.slack.messages.button_values import CardLocator, RequestPin
    from launch_pipeline.slack.messages.review_modal import GivenReview
    from launch_pipeline.slack.messages.views import ItemView, SectionView
    from launch_pipeline.slack.protocol import Board, BoardLaunch

    Sections = Callable[[BoardLaunch, Contacts], Sequence[SectionView]]
    """Returns the sections of a launch for these contacts; may read files."""

_SUPERSEDED = "superseded"
"""The plugin's code as well, for an answer to an earlier try."""


@dataclass(frozen=True, slots=True)
class LocatedSection:
    """Hold a section in its current state, and the person who looks at it."""

    section: SectionView
    contact: Person

    def pinned(self, pin: RequestPin) -> ItemView:
        """Return the item of a pin. Raises AnswerRefused if that request no longer exists."""
        for item in self.section.items:
            if (item.task_instance_id, item.try_number) == (pin.task_instance_id, pin.try_number):
                return item
        sentence = "This request belongs to an earlier try of the item; answer on the current card."
        raise AnswerRefused(_SUPERSEDED, sentence)

    def changed(self, answers: Sequence[GivenReview]) -> bool:
        """Return whether the evidence of an answered item has changed since the person saw it."""
        now = {(i.task_instance_id, i.try_number): i.evidence for i in self.section.items if i.asks}
        pins = [given.pin for given in answers]
        return any(now.get((p.task_instance_id, p.try_number), p.evidence) != p.evidence for p in pins)

    def answers(self, given: Sequence[GivenReview], results: AnswerResults) -> list[ItemAnswer]:
        """Return the answers of a modal; those to requests that no longer exist become refusals."""
        made: list[ItemAnswer] = []
        for one in given:
            try:
                made.append(item_answer(self.pinned(one.pin), one))
            except AnswerRefused as refused:
                results.refused.append((f"{one.answer} ({self.section.section_title})", refused))
        return made

    def approvals(
        self, user: SlackUser, pins: Sequence[RequestPin], results: AnswerResults
    ) -> list[ItemAnswer]:
        """Return approvals of all pinned items that this person can approve now.

        Other people's items are skipped; the person's own items that cannot be approved become refusals.
        Raises AnswerRefused if none of the items is theirs.
        """
        made: list[ItemAnswer] = []
        stale: list[AnswerRefused] = []
        for pin in pins:
            try:
                item = self.pinned(pin)
            except AnswerRefused as refused:
                stale.append(refused)
                continue
            if all(one.slack_id != user.slack_id for one in item.may_answer):
                continue
            if item.approvable:
                made.append(ItemAnswer(item, Answer.APPROVE, evidence=pin.evidence))
            else:
                results.refused.append((item.text, _not_approvable(item)))
        results.refused += [(self.section.section_title, refused) for refused in stale[:1]]
        if not made and not results.refused:
            raise self._not_yours()
        return made

    def _not_yours(self) -> AnswerRefused:
        roles = dict.fromkeys(item.owner.label for item in self.section.items if item.approvable)
        waiting = f"They wait for: {', '.join(roles)}." if roles else "None of them is waiting any more."
        return AnswerRefused("not_your_role", f"None of these items is yours to approve. {waiting}")

    def shown(self, card: CardLocator) -> SectionView:
        """Return the items that a card shows: its part, or for a reminder the items that it pins."""
        items = self.section.items
        if self.section.gate is RequestKind.APPROVAL:
            split = split_items(items)
            part = split[min(card.part, len(split) - 1)]
            pinned = {pin.task_instance_id for pin in card.pins}
            named = tuple(item for item in items if item.task_instance_id in pinned)
            items = part if all(item in part for item in named) else named
        return self.section.model_copy(update={"items": items})


def item_answer(item: ItemView, given: GivenReview) -> ItemAnswer:
    """Return a modal's answer to an item, pinned to the evidence that the modal showed."""
    return ItemAnswer(item, given.answer, given.reason, given.signature, evidence=given.pin.evidence)


async def locate_section(
    board: Board, card: CardLocator, user: SlackUser, contacts: Contacts, sections: Sections
) -> LocatedSection:
    """Find the section of a card. Raises AnswerRefused if it is gone, or for an unknown person."""
    launch = next((one for one in board.launches if one.launch_id == card.launch_id), None)
    if launch is None:
        sentence = "This launch is no longer under way, so nothing can be answered."
        raise AnswerRefused("launch_over", sentence)
    contact = contacts.by_slack_id(user.slack_id)
    if contact is None:
        sentence = (
            f"You are not in the launch's contacts. Ask a maintainer to add your Slack id ({user.slack_id})."
        )
        raise AnswerRefused("unknown_person", sentence)
    # One of a launch's sixteen Dags: building all sections would hold up other people's clicks.
    runs = tuple(run for run in launch.runs if run.dag_id == card.dag_id)
    lone = launch.model_copy(update={"runs": runs})
    for section in await asyncio.to_thread(sections, lone, contacts):
        if (section.dag_id, section.section_id) == (card.dag_id, card.section_id):
            return LocatedSection(section, contact)
    raise AnswerRefused(_SUPERSEDED, "This section is not under way now; look at the launch's newest cards.")


def _not_approvable(item: ItemView) -> AnswerRefused:
    who = item.decided_by or item.answered_by
    if item.outcome is not None or item.answered_by:
        by = f" by {who}" if who else ""
        return AnswerRefused("already_decided", f"Already decided{by}: {status_of(item).word.lower()}.")
    if not item.waits:
        return AnswerRefused("not_waiting", "It is not waiting for an answer now.")
    return AnswerRefused("checks_not_passed", "Its checks have not passed, so it cannot be approved yet.")
