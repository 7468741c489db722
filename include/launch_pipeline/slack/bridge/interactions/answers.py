"""Send answers to Airflow: each item by itself, with retries, and never twice.

A request pins task instance and try, and the plugin takes one answer for each, so a retry cannot answer
twice. A person reads "not recorded" if no response came, or a refusal.
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
    from launch_pipeline.slack.bridge.interactions.users import SlackUser
    from launch_pipeline.slack.messages.views import ItemView
    from launch_pipeline.slack.protocol import Board

log = logging.getLogger(__name__)
T = TypeVar("T")

CONCURRENT = 4
"""Answers of one person that are sent at the same time; the guard takes ten in all."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Say how long, and how often, a call is retried while Airflow does not answer. All in seconds."""

    total: float = 120.0
    first_pause: float = 0.5
    longest_pause: float = 8.0


@dataclass(frozen=True, slots=True)
class ItemAnswer:
    """Hold the answer that a person gives to one item."""

    item: ItemView
    answer: str
    reason: str = ""
    signature: str = ""
    evidence: str = ""
    """Pin of the evidence that the person saw."""


@dataclass(slots=True)
class AnswerResults:
    """Collect what became of a person's answers, by the items' texts."""

    answered: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, AnswerRefused]] = field(default_factory=list)


class RetryBudget:
    """Share one time limit between all calls of one click."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._end = asyncio.get_running_loop().time() + patience.total

    async def call(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until there is a response. Raises AnswerRefused ``not_recorded`` when the time is up."""
        pause = self._patience.first_pause
        while True:
            try:
                return await call()
            except Unanswered as error:
                if asyncio.get_running_loop().time() + pause > self._end:
                    raise not_recorded(str(error)) from error
                log.info("Airflow did not answer (%s); trying again in %.1f s.", error, pause)
            except OperationError as error:
                raise not_recorded(str(error)) from error
            # Answers that fail together must not retry together.
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            pause = min(2 * pause, self._patience.longest_pause)


class AnswerSender:
    """Send answers to Airflow."""

    def __init__(
        self, airflow: Airflow, answered: Callable[[], object], patience: Patience | None = None
    ) -> None:
        """Call ``answered`` after each answer that Airflow took."""
        self._airflow = airflow
        self._answered = answered
        self._patience = patience or Patience()

    def budget(self) -> RetryBudget:
        """Start the time limit of one click."""
        return RetryBudget(self._patience)

    def soon(self) -> None:
        """Say that Airflow took something."""
        self._answered()

    async def board(self, budget: RetryBudget) -> Board:
        """Return the board. Raises AnswerRefused ``not_recorded`` if Airflow does not answer."""
        return await budget.call(self._airflow.board)

    async def send(
        self, budget: RetryBudget, user: SlackUser, name: str, run_id: str, answers: Sequence[ItemAnswer]
    ) -> AnswerResults:
        """Send each answer by itself; a refusal does not hold back the others.

        ``name`` is the person's name in the contacts. It identifies an answer of theirs that Airflow took
        although its response was lost.
        """
        results, slots = AnswerResults(), asyncio.Semaphore(CONCURRENT)

        async def one(answer: ItemAnswer) -> None:
            try:
                async with slots:
                    decided = await self._decide(budget, _request(user, run_id, answer), name)
                results.answered.append((answer.item.text, decided.answer))
                self._answered()
            except AnswerRefused as refused:
                results.refused.append((answer.item.text, refused))
                log.warning("Refused %s %s: %s/%s", user.slack_id, refused.code, run_id, answer.item.ref)

        async with asyncio.TaskGroup() as group:
            for answer in answers:
                group.create_task(one(answer))
        return results

    async def _decide(self, budget: RetryBudget, request: DecideRequest, name: str) -> Decided:
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

        return await budget.call(attempt)


def not_recorded(why: str) -> AnswerRefused:
    """Make the refusal of an answer that did not reach Airflow."""
    sentence = (
        f"As far as the bridge can tell, your answer was NOT recorded. {why} "
        "Open Airflow to see the open requests, and answer there."
    )
    return AnswerRefused("not_recorded", sentence)


def _request(user: SlackUser, run_id: str, given: ItemAnswer) -> DecideRequest:
    item = given.item
    return DecideRequest(
        slack_id=user.slack_id,
        email=user.email,
        dag_id=item.dag_id,
        run_id=run_id,
        task_id=item.task_id,
        task_instance_id=item.task_instance_id,
        try_number=item.try_number,
        evidence=given.evidence,
        answer=given.answer,
        reason=given.reason,
        signature=given.signature,
    )
