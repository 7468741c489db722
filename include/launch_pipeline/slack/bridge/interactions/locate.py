"""From a locator to what stands there now: the board decides, the card only says where to look."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import Answer, RequestKind
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.bridge.interactions.answers import Question
from launch_pipeline.slack.messages.cards import split_items
from launch_pipeline.slack.messages.item_status import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from launch_pipeline.approvals.contacts import Contacts, Person
    from launch_pipeline.slack.bridge.interactions.answers import Told
    from launch_pipeline.slack.bridge.interactions.users import SlackPerson
    from launch_pipeline.slack.messages.button_values import CardLocator, Pin
    from launch_pipeline.slack.messages.review_modal import GivenReview
    from launch_pipeline.slack.messages.views import ItemView, SectionView
    from launch_pipeline.slack.protocol import Board, BoardLaunch

    Sections = Callable[[BoardLaunch, Contacts], Sequence[SectionView]]
    """Gives the sections of a launch, as these contacts make them; may read files."""

SUPERSEDED = "superseded"
"""The plugin's word, too, for an answer to a try that is no more."""


@dataclass(frozen=True, slots=True)
class Place:
    """A section as it stands now, and who looks at it."""

    section: SectionView
    contact: Person

    def pinned(self, pin: Pin) -> ItemView:
        """The item of a pin. Raises AnswerRefused where that request is no more."""
        for item in self.section.items:
            if (item.task_instance_id, item.try_number) == (pin.task_instance_id, pin.try_number):
                return item
        sentence = "This was asked in an earlier try of the item; answer on the card as it is now."
        raise AnswerRefused(SUPERSEDED, sentence)

    def changed(self, answers: Sequence[GivenReview]) -> bool:
        """Whether the checks of an answered item have seen something else than the person was shown."""
        now = {(i.task_instance_id, i.try_number): i.evidence for i in self.section.items if i.asks}
        pins = [given.pin for given in answers]
        return any(now.get((p.task_instance_id, p.try_number), p.evidence) != p.evidence for p in pins)

    def questions(self, answers: Sequence[GivenReview], told: Told) -> list[Question]:
        """What a modal answers; what is no more goes to the refusals of ``told``."""
        made: list[Question] = []
        for given in answers:
            try:
                made.append(question(self.pinned(given.pin), given))
            except AnswerRefused as refused:
                told.refused.append((f"{given.answer} ({self.section.section_title})", refused))
        return made

    def approvals(self, person: SlackPerson, pins: Sequence[Pin], told: Told) -> list[Question]:
        """Approvals of all pinned items that are this person's to approve now.

        Items of others are left alone; what was his and is answered goes to the refusals of ``told``.
        Raises AnswerRefused where nothing of it is his.
        """
        made: list[Question] = []
        stale: list[AnswerRefused] = []
        for pin in pins:
            try:
                item = self.pinned(pin)
            except AnswerRefused as refused:
                stale.append(refused)
                continue
            if all(one.slack_id != person.slack_id for one in item.may_answer):
                continue
            if item.approvable:
                made.append(Question(item, Answer.APPROVE, evidence=pin.evidence))
            else:
                told.refused.append((item.text, _not_now(item)))
        told.refused += [(self.section.section_title, refused) for refused in stale[:1]]
        if not made and not told.refused:
            raise self._not_yours()
        return made

    def _not_yours(self) -> AnswerRefused:
        roles = dict.fromkeys(item.owner.label for item in self.section.items if item.approvable)
        asked = f"They wait for: {', '.join(roles)}." if roles else "None of them waits any more."
        return AnswerRefused("not_your_role", f"None of these items is yours to approve. {asked}")

    def shown(self, card: CardLocator) -> SectionView:
        """What a card shows of the section: its part; of a reminder, which knows no parts, what it pins."""
        items = self.section.items
        if self.section.gate is RequestKind.APPROVAL:
            split = split_items(items)
            part = split[min(card.part, len(split) - 1)]
            pinned = {pin.task_instance_id for pin in card.pins}
            named = tuple(item for item in items if item.task_instance_id in pinned)
            items = part if all(item in part for item in named) else named
        return self.section.model_copy(update={"items": items})


def question(item: ItemView, given: GivenReview) -> Question:
    """What a modal answers to an item, pinned to the evidence that the modal showed."""
    return Question(item, given.answer, given.reason, given.signature, evidence=given.pin.evidence)


async def find_place(
    board: Board, card: CardLocator, person: SlackPerson, contacts: Contacts, sections: Sections
) -> Place:
    """Find where a card points. Raises AnswerRefused where that is no more, or the person is nobody here."""
    launch = next((one for one in board.launches if one.launch_id == card.launch_id), None)
    if launch is None:
        sentence = "This launch is not under way any more, so nothing can be answered."
        raise AnswerRefused("launch_over", sentence)
    contact = contacts.by_slack_id(person.slack_id)
    if contact is None:
        sentence = (
            f"You are not in the launch's contacts; have your Slack id ({person.slack_id}) added there."
        )
        raise AnswerRefused("unknown_person", sentence)
    # One Dag of a launch's sixteen: building all sections would hold up other people's clicks.
    runs = tuple(run for run in launch.runs if run.dag_id == card.dag_id)
    lone = launch.model_copy(update={"runs": runs})
    for section in await asyncio.to_thread(sections, lone, contacts):
        if (section.dag_id, section.section_id) == (card.dag_id, card.section_id):
            return Place(section, contact)
    raise AnswerRefused(SUPERSEDED, "This section is not under way now; look at the launch's newest cards.")


def _not_now(item: ItemView) -> AnswerRefused:
    who = item.decided_by or item.answered_by
    if item.outcome is not None or item.answered_by:
        by = f" by {who}" if who else ""
        return AnswerRefused("already_decided", f"Already decided{by}: {standing(item).word.lower()}.")
    if not item.waits:
        return AnswerRefused("not_waiting", "It does not wait for an answer now.")
    return AnswerRefused("checks_not_passed", "Its checks have not passed, so it cannot be approved yet.")
