"""Open the review modal: a loading view within Slack's three seconds, then evidence and questions."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from launch_pipeline.approvals.deployed import policy
from launch_pipeline.approvals.rules import reason_fault
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.slack.bridge.connection.errors import CALL_ERRORS, is_transient
from launch_pipeline.slack.errors import error_code
from launch_pipeline.slack.messages import elements
from launch_pipeline.slack.messages.block_kit import checked_view
from launch_pipeline.slack.messages.button_values import ReviewLocator
from launch_pipeline.slack.messages.mrkdwn import escape
from launch_pipeline.slack.messages.review_modal import review_modal
from launch_pipeline.slack.protocol import EvidenceRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.slack.messages.block_kit import View
    from launch_pipeline.slack.messages.review_modal import GivenReview, Review
    from launch_pipeline.slack.messages.views import ItemView, SectionView
    from launch_pipeline.slack.protocol import ItemEvidence

log = logging.getLogger(__name__)

_CALLBACK = "nothing_to_send"
"""Callback id of modals without a question: they cannot be sent."""
_UPDATES = 3


def loading_view() -> View:
    """Build what a person sees until Airflow has answered."""
    return _text_view("⏳ Asking Airflow for open requests and evidence …", "Cancel")


def refusal_view(refused: AnswerRefused) -> View:
    """Build what a person sees who has nothing to review."""
    return _text_view(f"🚫 {escape(refused.reason, 1500)}", "Close")


def _text_view(words: str, close: str) -> View:
    return checked_view(
        {
            "type": "modal",
            "callback_id": _CALLBACK,
            "title": elements.label("Review"),
            "close": elements.label(close),
            "blocks": [elements.section(words)],
        }
    )


class OpenModal:
    """Update a modal on a person's screen."""

    def __init__(self, client: AsyncWebClient, view_id: str) -> None:
        self._client = client
        self._view_id = view_id

    @classmethod
    async def open(cls, client: AsyncWebClient, trigger_id: str) -> OpenModal:
        """Open the loading view. Raises AnswerRefused if Slack refuses, for example after 3 seconds."""
        try:
            opened = await client.views_open(trigger_id=trigger_id, view=loading_view().payload())
            return cls(client, str((opened.get("view") or {})["id"]))
        except (*CALL_ERRORS, KeyError) as error:
            log.warning("Slack opened no modal: %s", error_code(error))
            sentence = "Slack did not open the form in time; click the button again, or open Airflow."
            raise AnswerRefused("form_not_opened", sentence) from error

    async def show(self, view: View) -> None:
        """Replace what the modal shows. A modal that was closed meanwhile is only logged."""
        for attempt in range(1, _UPDATES + 1):
            try:
                await self._client.views_update(view_id=self._view_id, view=view.payload())
            except CALL_ERRORS as error:
                log.warning("Slack did not update a modal: %s", error_code(error))
                if attempt == _UPDATES or not is_transient(error):
                    return
            else:
                return


def evidence_request(section: SectionView, slack_id: str) -> EvidenceRequest | None:
    """Ask for the evidence that a person's modal shows; None if nothing waits for this person."""
    mine = tuple(item.task_id for item in section.items if item.options_for(slack_id))
    if not mine:
        return None
    return EvidenceRequest(dag_id=section.dag_id, run_id=section.launch_id, task_ids=mine)


def with_evidence(section: SectionView, evidence: Iterable[ItemEvidence]) -> SectionView:
    """Add evidence to a section's items; evidence of other task instances is left out."""
    found = {one.task_instance_id: one for one in evidence}
    items = tuple(_with(item, found.get(item.task_instance_id)) for item in section.items)
    return section.model_copy(update={"items": items})


def _with(item: ItemView, found: ItemEvidence | None) -> ItemView:
    if found is None:
        return item
    # The pin must belong to the results that are shown: the board may be older.
    pin = {"evidence": found.evidence} if found.evidence else {}
    return item.model_copy(update={"results": found.results, **pin})


def review_again(section: SectionView, slack_id: str, sent: Review) -> View | None:
    """Rebuild a sent form with new evidence and the person's input; None if its questions have changed."""
    at, given = sent.locator, {one.pin.task_instance_id: one for one in sent.answers}
    view = review_modal(section, slack_id, at.channel, at.message_ts, at.card.part, given)
    asked = ReviewLocator.decode(view.private_metadata).card.pins
    # Slack keeps what was typed by the question's number.
    same = [pin.request for pin in asked] == [pin.request for pin in at.card.pins]
    return view if same else None


def faults(answers: Sequence[GivenReview]) -> dict[int, AnswerRefused]:
    """Return what is missing in a form, by question; the form shows it before anything is sent.

    These are the rules of ``approvals.rules`` that need neither item nor person. The plugin applies them all.
    """
    found = {given.number: _fault(given) for given in answers}
    return {number: fault for number, fault in found.items() if fault is not None}


def _fault(given: GivenReview) -> AnswerRefused | None:
    if given.answer not in set(Answer):
        return AnswerRefused("unknown_option", f"'{given.answer[:60]}' is none of the answers.")
    answer = Answer(given.answer)
    if fault := reason_fault(answer, given.reason, policy()):
        return fault
    if answer is Answer.SIGN and not given.signature:
        return AnswerRefused("signature_missing", "Sign by typing your full name.")
    return None
