"""What happens when somebody taps a button or sends a modal.

Slack waits three seconds for an acknowledgement, so that comes first and the work goes on in a task of its
own: Bolt takes an acknowledgement back where its listener raises right after it.

Killed between acknowledgement and decision, the bridge loses the click and nothing else: nothing is
recorded, the card still shows the item as waiting, and the person taps again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.errors import AnswerRefused, LaunchError
from launch_pipeline.slack.bridge.interactions.answers import Told, not_recorded
from launch_pipeline.slack.bridge.interactions.locate import find_place
from launch_pipeline.slack.bridge.interactions.payloads import read_click, read_submission
from launch_pipeline.slack.bridge.interactions.review import (
    Screen,
    evidence_request,
    faults,
    refusal_view,
    review_again,
    with_evidence,
)
from launch_pipeline.slack.bridge.interactions.users import contacts_seen_by
from launch_pipeline.slack.messages import elements, notes
from launch_pipeline.slack.messages.button_values import CardLocator
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
    from launch_pipeline.slack.bridge.interactions.answers import Answering, Attempts, Question
    from launch_pipeline.slack.bridge.interactions.ephemeral import Desk
    from launch_pipeline.slack.bridge.interactions.locate import Place, Sections
    from launch_pipeline.slack.bridge.interactions.payloads import Click, Origin, Submission
    from launch_pipeline.slack.bridge.interactions.users import People, SlackPerson
    from launch_pipeline.slack.messages.block_kit import View
    from launch_pipeline.slack.messages.review_modal import Review
    from launch_pipeline.slack.messages.views import SectionView
    from launch_pipeline.slack.protocol import Board

log = logging.getLogger(__name__)

Body = dict[str, Any]
_REMEMBERED = 2000
_LOOK_SECONDS = 1.5
"""For looking whether a form still shows what is; Slack waits three seconds for an acknowledgement."""
_BROKEN = "The bridge failed, so nothing was recorded; answer in Airflow. Its log says why."


@dataclass(frozen=True, slots=True)
class Home:
    """Where clicks may come from."""

    team_id: str
    channel: str
    app_id: Callable[[], str]
    """The app whose socket is open; empty before Slack has said hello."""

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
    """Whom the listeners ask."""

    home: Home
    client: AsyncWebClient
    """For modals: no call waits longer than a person would."""
    people: People
    desk: Desk
    airflow: Airflow
    answering: Answering
    sections: Sections
    thread_of: Callable[[str], Awaitable[str | None]]
    """The thread of a launch: a modal that was sent says only which card it came from."""


class Actions:
    """Every listener of the bridge, and the work that clicks have begun."""

    def __init__(self, services: Services) -> None:
        self._at = services
        self._work: set[asyncio.Task[None]] = set()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def register(self, app: AsyncApp) -> None:
        """Listen to our buttons and to our modal."""
        app.action(elements.APPROVE_MINE)(self.approve_mine)
        app.action(elements.REVIEW)(self.review)
        app.action(elements.OPEN)(self.opened)
        app.view(CALLBACK)(self.submitted)

    async def approve_mine(self, ack: AsyncAck, body: Body) -> None:
        """*Approve all that are mine*."""
        await ack()
        self._begin(self._clicked(body, self._approve))

    async def review(self, ack: AsyncAck, body: Body) -> None:
        """*Review…*, *Decide…* and *Sign…*."""
        await ack()
        self._begin(self._clicked(body, self._review))

    async def opened(self, ack: AsyncAck) -> None:
        """*Open in Airflow*: the browser does the rest, and Slack waits for a word all the same."""
        await ack()

    async def submitted(self, ack: AsyncAck, body: Body) -> None:
        """The modal: what is plainly wrong is told in it, everything else afterwards."""
        try:
            sent = read_submission(body)
            given = _read(sent)
            wrong = faults(given.answers)
        except LaunchError as error:
            await ack()
            self._begin(self._unreadable(body, error))
            return
        except Exception:
            # A form that closes looks like one that was taken.
            log.exception("A form could not be read")
            await ack(response_action="errors", errors={"answer.0": _BROKEN})
            return
        if not given.answers or wrong:
            await ack(**(review_errors(wrong) if wrong else nothing_chosen()))
            return
        if anew := await self._anew(sent, given):
            await ack(response_action="update", view=anew.payload())
            return
        await ack()
        self._begin(self._sent(sent, given))

    async def drain(self, seconds: float) -> None:
        """Let what was begun end, for so many seconds; what is left then is given up."""
        if self._work:
            await asyncio.wait(self._work, timeout=seconds)
        left = list(self._work)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        # The loop itself holds tasks weakly.
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def _counts(self, origin: Origin) -> bool:
        """Whether this interaction is ours, and new: Slack may deliver one twice."""
        try:
            self._at.home.check(origin)
        except AnswerRefused as refused:
            log.warning("Refused %s: %s", origin.slack_id, refused.code)
            return False
        if origin.trigger_id in self._seen:
            log.info("An interaction of %s was delivered again.", origin.slack_id)
            return False
        self._seen[origin.trigger_id] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return True

    async def _clicked(self, body: Body, act: Callable[[Click], Coroutine[Any, Any, None]]) -> None:
        try:
            click = read_click(body)
        except AnswerRefused as refused:
            log.warning("Refused a click: %s", refused.code)
            return
        if self._counts(click.origin):
            # A thread of another channel is none of ours.
            thread = click.thread if click.channel == self._at.home.channel else None
            await self._told(click.origin, thread, self._in_place(click, act))

    async def _in_place(self, click: Click, act: Callable[[Click], Coroutine[Any, Any, None]]) -> None:
        self._at.home.check_channel(click.channel)
        await act(click)

    async def _told(self, origin: Origin, thread: str | None, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; whatever keeps it from being done is told to the person, and logged."""
        try:
            await work
        except AnswerRefused as refused:
            log.warning("Refused %s: %s", origin.slack_id, refused.code)
            await self._at.desk.tell(origin.slack_id, thread, notes.refusal(refused))
        except Exception as error:
            # An error of ours must not look like a recorded answer.
            log.exception("A click of %s failed", origin.slack_id)
            why = str(error) if isinstance(error, LaunchError) else _BROKEN
            await self._at.desk.tell(origin.slack_id, thread, notes.refusal(not_recorded(why)))

    # ---- approve all that are mine -----------------------------------------------------------------

    async def _approve(self, click: Click) -> None:
        card = CardLocator.decode(click.value)
        person = await self._at.people.person(click.origin.slack_id)
        attempts, told = self._at.answering.attempts(), Told()
        place = await self._place(await self._at.answering.board(attempts), card, person)
        questions = place.approvals(person, card.pins, told)
        await self._give(attempts, person, place, questions, told)
        await self._receipt(person, click.thread, told)

    # ---- review ------------------------------------------------------------------------------------

    async def _review(self, click: Click) -> None:
        # The trigger id dies after three seconds: nobody else is asked before.
        screen = await Screen.open(self._at.client, click.origin.trigger_id)
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
        await screen.show(view)

    async def _modal(self, click: Click) -> Any:
        card = CardLocator.decode(click.value)
        person = await self._at.people.person(click.origin.slack_id)
        place = await self._place(await self._at.airflow.board(), card, person)
        section = await self._shown(place.shown(card), person)
        return review_modal(section, person.slack_id, click.channel, click.message_ts, card.part)

    # ---- what was sent -----------------------------------------------------------------------------

    async def _unreadable(self, body: Body, error: LaunchError) -> None:
        refused = error if isinstance(error, AnswerRefused) else not_recorded(str(error))
        try:
            origin = read_submission(body).origin
        except AnswerRefused as unknown:
            log.warning("Refused a modal: %s", unknown.code)
            return
        if self._counts(origin):
            log.warning("Refused %s: %s", origin.slack_id, refused.code)
            await self._at.desk.tell(origin.slack_id, None, notes.refusal(refused))

    async def _anew(self, sent: Submission, given: Review) -> View | None:
        """The form again, where the checks see something else than the person has just answered.

        None where they see the same, or where that cannot be said in time: the guard looks again.
        """
        if not any(answer.pin.evidence for answer in given.answers):
            return None
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                return await self._shown_anew(sent, given)
        except (LaunchError, TimeoutError) as error:
            log.info("Whether the evidence has changed is unknown for now: %s", error)
        except Exception:
            log.exception("A form could not be shown anew")
        return None

    async def _shown_anew(self, sent: Submission, given: Review) -> View | None:
        self._at.home.check(sent.origin)
        self._at.home.check_channel(given.locator.channel)
        card = given.locator.card
        person = await self._at.people.person(sent.origin.slack_id)
        place = await self._place(await self._at.airflow.board(), card, person)
        if not place.changed(given.answers):
            return None
        log.info("The evidence has changed under a form of %s; it is shown anew.", person.slack_id)
        return review_again(await self._shown(place.shown(card), person), person.slack_id, given)

    async def _shown(self, section: SectionView, person: SlackPerson) -> SectionView:
        """The section with the evidence of what waits for a person."""
        request = evidence_request(section, person.slack_id)
        return with_evidence(section, await self._at.airflow.evidence(request)) if request else section

    async def _sent(self, sent: Submission, given: Review) -> None:
        if self._counts(sent.origin):
            thread = await self._thread(given.locator.card.launch_id)
            await self._told(sent.origin, thread, self._answer(sent, given, thread))

    async def _thread(self, launch_id: str) -> str | None:
        try:
            return await self._at.thread_of(launch_id)
        except Exception:
            # Where to tell it is not worth an answer.
            log.exception("The thread of %s was not found", launch_id)
            return None

    async def _answer(self, sent: Submission, given: Review, thread: str | None) -> None:
        self._at.home.check_channel(given.locator.channel)
        person = await self._at.people.person(sent.origin.slack_id)
        attempts, told = self._at.answering.attempts(), Told()
        place = await self._place(await self._at.answering.board(attempts), given.locator.card, person)
        await self._give(attempts, person, place, place.questions(given.answers, told), told)
        await self._receipt(person, thread, told)

    # ---- shared ------------------------------------------------------------------------------------

    async def _place(self, board: Board, card: CardLocator, person: SlackPerson) -> Place:
        seen = contacts_seen_by(person, contacts(), policy())
        return await find_place(board, card, person, seen, self._at.sections)

    async def _give(
        self,
        attempts: Attempts,
        person: SlackPerson,
        place: Place,
        questions: Sequence[Question],
        told: Told,
    ) -> None:
        for _, refused in told.refused:
            log.warning("Refused %s: %s", person.slack_id, refused.code)
        run_id = place.section.launch_id
        given = await self._at.answering.give(attempts, person, place.contact.name, run_id, questions)
        told.answered += given.answered
        told.refused += given.refused

    async def _receipt(self, person: SlackPerson, thread: str | None, told: Told) -> None:
        await self._at.desk.tell(person.slack_id, thread, notes.receipt(told.answered, told.refused))


def _read(sent: Submission) -> Review:
    try:
        return read_review(sent.view)
    except ValueError:
        # Texts that are no Unicode, which the values behind do not take.
        raise AnswerRefused("unreadable_review", "What arrived is no answer of this form.") from None
