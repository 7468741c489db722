"""People who answer whatever waits, some in Slack and some by REST, and who remember what was taken."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.errors import OperationError
from launch_pipeline.slack.messages.button_values import RequestPin
from launch_rehearsal.actors.slack_screen import Screen, Wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chaos.stage import Stage
    from launch_pipeline.airflow.hooks.rest_client import Json

log = logging.getLogger("chaos")

TEXTS = {
    "machine.broken": "The broken service answers",
    "people.witnessed": "The numbers were read by a person",
    "people.attested": "The team is ready",
    "people.afterwards": "The party is planned",
}
"""Task to the words by which a receipt names it."""
PEOPLE = {
    "machine.broken": ("carla.cto", "U0LAUNCH04", Answer.WAIVE, "replaced by the green service"),
    "people.witnessed": ("ada.technical", "U0LAUNCH01", Answer.APPROVE, ""),
    "people.attested": ("priya.product", "U0LAUNCH02", Answer.APPROVE, ""),
    "people.afterwards": ("priya.product", "U0LAUNCH02", Answer.APPROVE, ""),
}
"""Task to who answers it (Airflow user, Slack id), and what."""
LOOK_EVERY = 0.5
PATIENCE = 20.0
"""Seconds in which an answer that was taken must have ended its request."""
AGAIN_AFTER = 6.0
"""Seconds after which somebody who was told nothing answers again."""

Gate = tuple[str, str]
"""Run and task."""


@dataclass
class Accounts:
    """What was taken, what nobody was told about, and what was asked again after it had been taken."""

    taken: dict[Gate, float] = field(default_factory=dict)
    unsure: set[Gate] = field(default_factory=set)
    asked_again: Counter[Gate] = field(default_factory=Counter)

    def begin(self, gate: Gate) -> None:
        """Note that somebody is about to answer, and whether he had been told that he had."""
        if gate in self.taken:
            log.warning("asked again: %s", gate)
            self.asked_again[gate] += 1


class Deciders:
    """Everybody, in a thread of their own: whoever waits for an answer to be taken holds up nothing else."""

    def __init__(self, stage: Stage, runs: list[str]) -> None:
        self._pad, self._runs = stage.pad.another(), set(runs)
        self.accounts = Accounts()
        self.answered = threading.Event()
        """Set with the first answer."""
        self._over = threading.Event()
        self._hand = ThreadPoolExecutor(1, thread_name_prefix="deciders")
        self._quiet: dict[tuple[str, str], float] = {}
        self._screens = {slack: Screen(stage.slack_url, slack) for _, slack, _, _ in PEOPLE.values()}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let them answer until the end; raises what went wrong with them."""
        work = self._hand.submit(self._work)
        try:
            yield
        finally:
            self._over.set()
            self._hand.shutdown()
        work.result()
        self._read_receipts()

    def _work(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            self._read_receipts()
            with suppress(OperationError):
                self._look(self._pad.api().hitl_details())

    def _look(self, waiting: list[Json]) -> None:
        """Answer everything that waits and is not on its way."""
        now = time.monotonic()
        for each in waiting:
            instance = each["task_instance"]
            ours = instance["dag_run_id"] in self._runs and instance["task_id"] in PEOPLE
            if ours and now >= self._quiet.get(_request(each), 0.0) and self._ready(instance):
                self._answer(each)

    def _read_receipts(self) -> None:
        """Count as taken what Slack has told people was recorded."""
        for screen in self._screens.values():
            with suppress(OperationError):
                for thread, told in screen.receipts():
                    self._told(thread, told)

    def _told(self, thread: str, told: str) -> None:
        run = next((run for run in self._runs if re.search(rf"{re.escape(run)}(?!\w)", thread)), None)
        for task, text in TEXTS.items():
            if run and text in told and (run, task) not in self.accounts.taken:
                self.accounts.taken[run, task] = time.time()

    def _ready(self, instance: Json) -> bool:
        """Whether it can be approved: an item whose checks still fail waits for them, not for a person."""
        return instance["task_id"] != "people.witnessed" or instance["state"] == "awaiting_input"

    def _answer(self, request: Json) -> None:
        instance = request["task_instance"]
        gate = (instance["dag_run_id"], instance["task_id"])
        self.accounts.begin(gate)
        by_slack = sum(map(ord, gate[0] + gate[1])) % 3 != 0
        try:
            taken = self._in_slack(instance) if by_slack else self._by_rest(instance)
        except OperationError as error:
            log.info("%s was not taken: %s", gate, error)
            self.accounts.unsure.add(gate)
            self._quiet[_request(request)] = time.monotonic() + 1.0
            return
        if taken:
            self.accounts.taken[gate] = time.time()
        else:
            self.accounts.unsure.add(gate)
        self._quiet[_request(request)] = time.monotonic() + (PATIENCE if taken else AGAIN_AFTER)
        self.answered.set()

    def _by_rest(self, instance: Json) -> bool:
        user, _, answer, reason = PEOPLE[instance["task_id"]]
        api = self._pad.api(user)
        api.answer(instance["dag_id"], instance["dag_run_id"], instance["task_id"], answer, _fields(reason))
        return True

    def _in_slack(self, instance: Json) -> bool:
        """Answer on the card; whether it was taken is told afterwards, if at all."""
        _, slack, answer, reason = PEOPLE[instance["task_id"]]
        pin = RequestPin(task_instance_id=instance["id"], try_number=instance["try_number"])
        screen = self._screens[slack]
        card = next((card for card in screen.cards() if pin in card.pins), None)
        if card is None:
            raise OperationError("Its card is not there yet.")
        screen.answer(card, [Wish(pin, answer, reason)])
        return False


def _request(request: Json) -> tuple[str, str]:
    return request["task_instance"]["id"], str(request["created_at"])


def _fields(reason: str) -> dict[str, str]:
    return {"reason": reason} if reason else {}
