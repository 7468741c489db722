"""Passing answers on to Airflow: each item by itself, with patience, and never twice.

A request pins task instance and try, and the plugin takes one answer for each, so trying again cannot
double. Whoever is told "not recorded" is told so because nothing came back, or something that refuses.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from launch_pipeline.errors import AnswerRefused, OperationError
from launch_pipeline.slack.api_client import AnsweredBefore, Unanswered
from launch_pipeline.slack.protocol import Decided, DecideRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from launch_pipeline.slack.api_client import Airflow
    from launch_pipeline.slack.bridge.interactions.users import SlackPerson
    from launch_pipeline.slack.messages.views import ItemView
    from launch_pipeline.slack.protocol import Board

log = logging.getLogger(__name__)
T = TypeVar("T")

AT_ONCE = 4
"""Answers of one person that are under way side by side; the guard takes ten of everybody."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, and how often, an answer is tried while Airflow does not take it. All in seconds."""

    total: float = 120.0
    first_pause: float = 0.5
    longest_pause: float = 8.0


@dataclass(frozen=True, slots=True)
class Question:
    """One answer that a person gives to one item."""

    item: ItemView
    answer: str
    reason: str = ""
    signature: str = ""
    evidence: str = ""
    """What was on the person's screen, as its pin says."""


@dataclass(slots=True)
class Told:
    """What became of a person's answers, by the items' texts."""

    answered: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, AnswerRefused]] = field(default_factory=list)


class Attempts:
    """All that is tried for one click shares one time limit."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._end = asyncio.get_running_loop().time() + patience.total

    async def answered(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until there is an answer. Raises AnswerRefused ``not_recorded`` when the time is up."""
        pause = self._patience.first_pause
        while True:
            try:
                return await call()
            except Unanswered as error:
                if asyncio.get_running_loop().time() + pause > self._end:
                    raise not_recorded(str(error)) from error
                log.info("Airflow took nothing (%s); trying again in %.1f s.", error, pause)
            except OperationError as error:
                raise not_recorded(str(error)) from error
            # Several answers fail at the same moment; they need not come back at the same moment.
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            pause = min(2 * pause, self._patience.longest_pause)


class Answering:
    """The answers of everybody."""

    def __init__(
        self, airflow: Airflow, moved: Callable[[], object], patience: Patience | None = None
    ) -> None:
        self._airflow = airflow
        self._moved = moved
        self._patience = patience or Patience()

    def attempts(self) -> Attempts:
        """Begin the time limit of one click."""
        return Attempts(self._patience)

    async def board(self, attempts: Attempts) -> Board:
        """What is under way now. Raises AnswerRefused ``not_recorded`` where Airflow does not say."""
        return await attempts.answered(self._airflow.board)

    async def give(
        self, attempts: Attempts, person: SlackPerson, name: str, run_id: str, questions: Sequence[Question]
    ) -> Told:
        """Answer each item by itself; one that is refused keeps no other from being answered.

        ``name`` is the person's in the contacts: by it an answer is known that Airflow took without
        being able to say so.
        """
        told, places = Told(), asyncio.Semaphore(AT_ONCE)

        async def one(question: Question) -> None:
            try:
                async with places:
                    decided = await self._decided(attempts, _request(person, run_id, question), name)
                told.answered.append((question.item.text, decided.answer))
                self._moved()
            except AnswerRefused as refused:
                told.refused.append((question.item.text, refused))
                log.warning("Refused %s %s: %s/%s", person.slack_id, refused.code, run_id, question.item.ref)

        async with asyncio.TaskGroup() as group:
            for question in questions:
                group.create_task(one(question))
        return told

    async def _decided(self, attempts: Attempts, request: DecideRequest, name: str) -> Decided:
        lost = False

        async def attempt() -> Decided:
            nonlocal lost
            try:
                return await self._airflow.decide(request)
            except Unanswered as error:
                lost = lost or error.lost
                raise
            except AnsweredBefore as before:
                if lost and name and (before.person, before.answer) == (name, request.answer):
                    return Decided(person=name, answer=request.answer)
                raise

        return await attempts.answered(attempt)


def not_recorded(why: str) -> AnswerRefused:
    """The refusal of an answer that could not be brought to Airflow."""
    seen = "Your answer was NOT recorded, as far as can be seen from here."
    sentence = f"{seen} {why} Open Airflow to see what waits, and answer there."
    return AnswerRefused("not_recorded", sentence)


def _request(person: SlackPerson, run_id: str, question: Question) -> DecideRequest:
    item = question.item
    return DecideRequest(
        slack_id=person.slack_id,
        email=person.email,
        dag_id=item.dag_id,
        run_id=run_id,
        task_id=item.task_id,
        task_instance_id=item.task_instance_id,
        try_number=item.try_number,
        evidence=question.evidence,
        answer=question.answer,
        reason=question.reason,
        signature=question.signature,
    )
