"""Handle Slack's interactions: buttons on cards, and the review modal.

Slack waits three seconds for an acknowledgement, so that comes first and the work runs in its own task.
(Bolt withdraws an acknowledgement whose listener raises right after it.)

If the bridge is killed between acknowledgement and decision, only the click is lost: nothing is recorded, the
card still shows the open request, and the person clicks again.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.approvals.visible_text import visible_length
from launch_pipeline.errors import AnswerRefused, LaunchError
from launch_pipeline.slack.bridge.interactions.answers import AnswerResults, not_recorded
from launch_pipeline.slack.bridge.interactions.holding import ask_for_reason, change
from launch_pipeline.slack.bridge.interactions.locate import locate_section
from launch_pipeline.slack.bridge.interactions.payloads import read_click, read_submission
from launch_pipeline.slack.bridge.interactions.review import (
    OpenModal,
    evidence_request,
    faults,
    refusal_view,
    review_again,
    with_evidence,
)
from launch_pipeline.slack.bridge.interactions.users import contacts_seen_by
from launch_pipeline.slack.messages import elements, notes
from launch_pipeline.slack.messages.button_values import CardLocator
from launch_pipeline.slack.messages.hold_modal import CALLBACK as HOLD_CALLBACK
from launch_pipeline.slack.messages.hold_modal import read_hold, reason_error
from launch_pipeline.slack.messages.review_modal import (
    CALLBACK,
    nothing_chosen,
    read_review,
    review_errors,
    review_modal,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from slack_bolt.async_app import AsyncAck, AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.slack.api_client import Airflow
    from launch_pipeline.slack.bridge.interactions.answers import AnswerSender, ItemAnswer, RetryBudget
    from launch_pipeline.slack.bridge.interactions.ephemeral import EphemeralMessages
    from launch_pipeline.slack.bridge.interactions.locate import LocatedSection, Sections
    from launch_pipeline.slack.bridge.interactions.payloads import Click, Origin, Submission
    from launch_pipeline.slack.bridge.interactions.users import SlackUser, Users
    from launch_pipeline.slack.messages.block_kit import View
    from launch_pipeline.slack.messages.hold_modal import GivenHold
    from launch_pipeline.slack.messages.review_modal import Review
    from launch_pipeline.slack.messages.views import SectionView
    from launch_pipeline.slack.protocol import Board

log = logging.getLogger(__name__)

Body = dict[str, Any]
_INTERACTIONS = 2000
"""Interactions that are remembered, to drop repeated deliveries."""
_EVIDENCE_SECONDS = 1.5
"""Time limit for comparing a form with the current evidence; Slack waits three seconds."""
_BROKEN = "The bridge failed, so nothing was recorded. Answer in Airflow; the bridge's log shows the error."


@dataclass(frozen=True, slots=True)
class Home:
    """Know our workspace, app and channel; interactions from elsewhere are refused."""

    team_id: str
    channel: str
    app_id: Callable[[], str]
    """Returns the app of the open socket; empty before Slack's hello."""

    def check(self, origin: Origin) -> None:
        """Raise AnswerRefused for another workspace or another app."""
        if origin.team_id != self.team_id:
            raise AnswerRefused("foreign_team", "This was sent from another workspace.")
        if origin.app_id != self.app_id():
            raise AnswerRefused("foreign_app", "This was sent through another app.")

    def check_channel(self, channel: str) -> None:
        """Raise AnswerRefused for a card that is not in the launch channel."""
        if channel != self.channel:
            raise AnswerRefused("foreign_channel", "Answers count in the launch channel only.")


@dataclass(frozen=True, slots=True)
class Services:
    """Hold what the handlers call."""

    home: Home
    client: AsyncWebClient
    """For modals; its calls time out before a person gives up."""
    users: Users
    ephemeral: EphemeralMessages
    airflow: Airflow
    answers: AnswerSender
    sections: Sections
    thread_of: Callable[[str], Awaitable[str | None]]
    """Returns a launch's thread: a modal that was sent names its card only."""


class InteractionHandlers:
    """Register and run the handlers of all interactions, and track the work that they began."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._work: set[asyncio.Task[None]] = set()
        self._seen: LRUCache[str, bool] = LRUCache(_INTERACTIONS)

    def register(self, app: AsyncApp) -> None:
        """Register the handlers of our buttons and of our modals."""
        app.action(elements.APPROVE_MINE)(self.approve_mine)
        app.action(elements.REVIEW)(self.review)
        app.action(elements.HOLD)(self.hold)
        app.action(elements.RESUME)(self.hold)
        app.action(elements.OPEN)(self.opened)
        app.view(CALLBACK)(self.submitted)
        app.view(HOLD_CALLBACK)(self.held)

    async def approve_mine(self, ack: AsyncAck, body: Body) -> None:
        """Handle *Approve all that are mine*."""
        await ack()
        self._begin(self._clicked(body, self._approve))

    async def review(self, ack: AsyncAck, body: Body) -> None:
        """Handle *Review…*, *Decide…* and *Sign…*."""
        await ack()
        self._begin(self._clicked(body, self._review))

    async def hold(self, ack: AsyncAck, body: Body) -> None:
        """Handle *Hold…* and *Resume…*."""
        await ack()
        self._begin(self._clicked(body, lambda click: ask_for_reason(self._services.client, click)))

    async def opened(self, ack: AsyncAck) -> None:
        """Acknowledge *Open in Airflow*: the browser opens the link, but Slack expects a response."""
        await ack()

    async def submitted(self, ack: AsyncAck, body: Body) -> None:
        """Handle the modal: the form itself shows missing input, an ephemeral message everything else."""
        try:
            sent = read_submission(body)
            given = _read(sent)
            wrong = faults(given.answers)
        except LaunchError as error:
            await ack()
            self._begin(self._unreadable(body, error))
            return
        except Exception:
            # A form that closes looks like an answer that was recorded.
            log.exception("A form could not be read")
            await ack(response_action="errors", errors={"answer.0": _BROKEN})
            return
        if not given.answers or wrong:
            await ack(**(review_errors(wrong) if wrong else nothing_chosen()))
            return
        if updated := await self._updated(sent, given):
            await ack(response_action="update", view=updated.payload())
            return
        await ack()
        self._begin(self._sent(sent, given))

    async def held(self, ack: AsyncAck, body: Body) -> None:
        """Handle the modal of a hold: a missing reason is shown in it, everything else to the person."""
        try:
            sent = read_submission(body)
            given = read_hold(sent.view)
        except LaunchError as error:
            await ack()
            self._begin(self._unreadable(body, error))
            return
        if not visible_length(given.reason):
            await ack(**reason_error("Write a reason, in words that can be read."))
            return
        await ack()
        self._begin(self._hold_sent(sent, given))

    async def drain(self, seconds: float) -> None:
        """Wait this long for work that was begun, then cancel the rest."""
        if self._work:
            await asyncio.wait(self._work, timeout=seconds)
        left = list(self._work)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        # The event loop holds tasks by weak references only.
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _accepts(self, origin: Origin) -> bool:
        """Return whether an interaction is ours, and new: Slack may deliver one twice."""
        try:
            self._services.home.check(origin)
        except AnswerRefused as refused:
            log.warning("Refused %s: %s", origin.slack_id, refused.code)
            return False
        if origin.trigger_id in self._seen:
            log.info("An interaction of %s was delivered again.", origin.slack_id)
            return False
        self._seen[origin.trigger_id] = True
        return True

    async def _clicked(self, body: Body, act: Callable[[Click], Coroutine[Any, Any, None]]) -> None:
        try:
            click = read_click(body)
        except AnswerRefused as refused:
            log.warning("Refused a click: %s", refused.code)
            return
        if self._accepts(click.origin):
            # A thread of another channel is not ours to reply in.
            thread = click.thread if click.channel == self._services.home.channel else None
            await self._reporting(click.origin, thread, self._in_channel(click, act))

    async def _in_channel(self, click: Click, act: Callable[[Click], Coroutine[Any, Any, None]]) -> None:
        self._services.home.check_channel(click.channel)
        await act(click)

    async def _reporting(self, origin: Origin, thread: str | None, work: Coroutine[Any, Any, None]) -> None:
        """Do the work, and report its failure to the person and in the log."""
        ephemeral = self._services.ephemeral
        try:
            await work
        except AnswerRefused as refused:
            log.warning("Refused %s: %s", origin.slack_id, refused.code)
            await ephemeral.post(origin.slack_id, thread, notes.refusal(refused))
        except Exception as error:
            # An error of ours must not look like a recorded answer.
            log.exception("A click of %s failed", origin.slack_id)
            why = str(error) if isinstance(error, LaunchError) else _BROKEN
            await ephemeral.post(origin.slack_id, thread, notes.refusal(not_recorded(why)))

    # ---- approve all that are mine -----------------------------------------------------------------

    async def _approve(self, click: Click) -> None:
        card = CardLocator.decode(click.value)
        user = await self._services.users.user(click.origin.slack_id)
        budget, results = self._services.answers.budget(), AnswerResults()
        located = await self._locate(await self._services.answers.board(budget), card, user)
        approvals = located.approvals(user, card.pins, results)
        await self._send(budget, user, located, approvals, results)
        await self._receipt(user, click.thread, results)

    # ---- review ------------------------------------------------------------------------------------

    async def _review(self, click: Click) -> None:
        # The trigger id expires after three seconds, so the modal opens before anything is asked.
        modal = await OpenModal.open(self._services.client, click.origin.trigger_id)
        try:
            view = await self._modal(click)
        except AnswerRefused as refused:
            log.warning("Refused %s: %s", click.origin.slack_id, refused.code)
            view = refusal_view(refused)
        except LaunchError as error:
            log.warning("A review of %s failed: %s", click.origin.slack_id, error)
            view = refusal_view(AnswerRefused("not_shown", f"{error} Try again, or open Airflow."))
        except Exception:
            log.exception("A review of %s failed", click.origin.slack_id)
            view = refusal_view(AnswerRefused("not_shown", _BROKEN))
        await modal.show(view)

    async def _modal(self, click: Click) -> View:
        card = CardLocator.decode(click.value)
        user = await self._services.users.user(click.origin.slack_id)
        located = await self._locate(await self._services.airflow.board(), card, user)
        section = await self._with_evidence(located.shown(card), user)
        return review_modal(section, user.slack_id, click.channel, click.message_ts, card.part)

    # ---- submitted modals --------------------------------------------------------------------------

    async def _unreadable(self, body: Body, error: LaunchError) -> None:
        refused = error if isinstance(error, AnswerRefused) else not_recorded(str(error))
        try:
            origin = read_submission(body).origin
        except AnswerRefused as unknown:
            log.warning("Refused a modal: %s", unknown.code)
            return
        if self._accepts(origin):
            log.warning("Refused %s: %s", origin.slack_id, refused.code)
            await self._services.ephemeral.post(origin.slack_id, None, notes.refusal(refused))

    async def _updated(self, sent: Submission, given: Review) -> View | None:
        """Return the form with new evidence, if the evidence has changed since the person saw it.

        None if it has not, or if that is unknown within the time limit: the guard compares again.
        """
        if not any(answer.pin.evidence for answer in given.answers):
            return None
        try:
            async with asyncio.timeout(_EVIDENCE_SECONDS):
                return await self._with_new_evidence(sent, given)
        except (LaunchError, TimeoutError) as error:
            log.info("The bridge does not know whether the evidence has changed: %s", error)
        except Exception:
            log.exception("A form could not be updated")
        return None

    async def _with_new_evidence(self, sent: Submission, given: Review) -> View | None:
        self._services.home.check(sent.origin)
        self._services.home.check_channel(given.locator.channel)
        card = given.locator.card
        user = await self._services.users.user(sent.origin.slack_id)
        located = await self._locate(await self._services.airflow.board(), card, user)
        if not located.changed(given.answers):
            return None
        log.info("The evidence changed while %s filled in a form; the form is updated.", user.slack_id)
        section = await self._with_evidence(located.shown(card), user)
        return review_again(section, user.slack_id, given)

    async def _with_evidence(self, section: SectionView, user: SlackUser) -> SectionView:
        """Add the evidence of the items that wait for a person."""
        request = evidence_request(section, user.slack_id)
        return with_evidence(section, await self._services.airflow.evidence(request)) if request else section

    async def _sent(self, sent: Submission, given: Review) -> None:
        if self._accepts(sent.origin):
            thread = await self._thread(given.locator.card.launch_id)
            await self._reporting(sent.origin, thread, self._answer(sent, given, thread))

    async def _thread(self, launch_id: str) -> str | None:
        try:
            return await self._services.thread_of(launch_id)
        except Exception:
            # An answer must not fail because the thread for its receipt is unknown.
            log.exception("The thread of %s was not found", launch_id)
            return None

    async def _answer(self, sent: Submission, given: Review, thread: str | None) -> None:
        self._services.home.check_channel(given.locator.channel)
        user = await self._services.users.user(sent.origin.slack_id)
        budget, results = self._services.answers.budget(), AnswerResults()
        located = await self._locate(await self._services.answers.board(budget), given.locator.card, user)
        await self._send(budget, user, located, located.answers(given.answers, results), results)
        await self._receipt(user, thread, results)

    # ---- hold and resume ---------------------------------------------------------------------------

    async def _hold_sent(self, sent: Submission, given: GivenHold) -> None:
        if self._accepts(sent.origin):
            thread = await self._thread(given.located.launch_id)
            await self._reporting(sent.origin, thread, self._change(sent, given, thread))

    async def _change(self, sent: Submission, given: GivenHold, thread: str | None) -> None:
        user = await self._services.users.user(sent.origin.slack_id)
        budget = self._services.answers.budget()
        done = await change(self._services.airflow, budget, user, given)
        self._services.answers.soon()
        await self._services.ephemeral.post(user.slack_id, thread, notes.hold_receipt(held=done.held))

    # ---- shared ------------------------------------------------------------------------------------

    async def _locate(self, board: Board, card: CardLocator, user: SlackUser) -> LocatedSection:
        seen = contacts_seen_by(user, contacts(), policy())
        return await locate_section(board, card, user, seen, self._services.sections)

    async def _send(
        self,
        budget: RetryBudget,
        user: SlackUser,
        located: LocatedSection,
        answers: Sequence[ItemAnswer],
        results: AnswerResults,
    ) -> None:
        for _, refused in results.refused:
            log.warning("Refused %s: %s", user.slack_id, refused.code)
        run_id, name = located.section.launch_id, located.contact.name
        sent = await self._services.answers.send(budget, user, name, run_id, answers)
        results.answered += sent.answered
        results.refused += sent.refused

    async def _receipt(self, user: SlackUser, thread: str | None, results: AnswerResults) -> None:
        receipt = notes.receipt(results.answered, results.refused)
        await self._services.ephemeral.post(user.slack_id, thread, receipt)


def _read(sent: Submission) -> Review:
    try:
        return read_review(sent.view)
    except ValueError:
        # Texts that are not valid Unicode; pydantic rejects them.
        raise AnswerRefused("unreadable_review", "The form could not be read; open the card again.") from None
