"""Simulated people: each answers through Airflow's REST API, signed in as himself, as the scenario says."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.words import Answer
from launch_pipeline.errors import OperationError
from launch_pipeline.orchestration.airflow_api import ApiError
from launch_pipeline.rehearsal.evidence import results_of
from launch_pipeline.rehearsal.scenario import Gate, Reaction, Scenario, Situation, react
from launch_pipeline.rehearsal.story import Happening, Story

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from launch_pipeline.checklist.plan import PlannedItem
    from launch_pipeline.orchestration.airflow_api import AirflowApi, Json
    from launch_pipeline.people.contacts import Contacts, Person

_LOG = logging.getLogger(__name__)
LOOK_EVERY = 1.0
AT_ONCE = 8
"""People who type at the same time."""
QUIET = 2.0
"""Seconds for which a gate is left alone after an answer that Airflow took, or refused."""
_NOT_YOURS, _GONE, _NOT_ACCEPTED = 403, 409, 422

Items = dict[tuple[str, str], "PlannedItem"]
"""Dag id and task id to the item."""


@dataclass
class _Seen:
    """What is remembered of a request."""

    first: float
    quiet_until: float = 0.0
    refusals: int = 0
    busy: bool = False


@dataclass
class World:
    """What everybody knows; the operator changes it."""

    situation: Callable[[], Situation]
    rechecked: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)


class People:
    """Everybody who answers in one launch. ``begin`` and ``end`` from one thread."""

    def __init__(
        self,
        *,
        run_id: str,
        scenario: Scenario,
        contacts: Contacts,
        items: Items,
        sign_in: Callable[[str], AirflowApi],
        watcher: AirflowApi,
        world: World,
        story: Story,
    ) -> None:
        self._run_id, self._scenario, self._contacts, self._items = run_id, scenario, contacts, items
        self._sign_in, self._watcher, self._world, self._story = sign_in, watcher, world, story
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._clients: dict[str, tuple[AirflowApi, threading.Lock]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="people", daemon=True)
        self._hands = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="person")

    def begin(self) -> None:
        """Let people answer from now on."""
        self._thread.start()

    def end(self) -> None:
        """Let nobody answer any more; returns when everybody has stopped."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._hands.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            try:
                self._look(self._watcher.hitl_details(run_id=self._run_id))
            except OperationError as error:
                _LOG.info("the requests cannot be read now: %s", error)

    def _look(self, details: list[Json]) -> None:
        now = time.monotonic()
        for detail in details:
            instance = detail["task_instance"]
            key = (instance["dag_id"], instance["task_id"])
            seen = self._seen.setdefault((instance["id"], _round(detail)), _Seen(now))
            if key in self._items and not seen.busy and seen.quiet_until <= now:
                seen.busy = True
                self._hands.submit(self._consider, self._items[key], instance, seen)

    def _consider(self, planned: PlannedItem, instance: Json, seen: _Seen) -> None:
        try:
            self._answer(planned, instance, seen)
        except OperationError as error:
            _LOG.info("%s could not be answered now: %s", planned.ref, error)
        except Exception:  # noqa: BLE001 - one gate must not silence everybody
            _LOG.exception("answering %s failed", planned.ref)
        finally:
            seen.quiet_until = max(seen.quiet_until, time.monotonic() + LOOK_EVERY)
            seen.busy = False

    def _answer(self, planned: PlannedItem, instance: Json, seen: _Seen) -> None:
        gate = Gate(
            ref=planned.ref,
            item=planned.item,
            waited=time.monotonic() - seen.first,
            try_number=instance["try_number"],
            results=self._results(planned, instance),
        )
        reaction = react(self._scenario, gate, self._now())
        if reaction is not None and not self._over.is_set():
            self._say(planned, instance, reaction, seen)

    def _results(self, planned: PlannedItem, instance: Json) -> Any:
        if not planned.item.mode.has_checks:
            return None
        return results_of(self._watcher_of("evidence"), instance)

    def _now(self) -> Situation:
        now = self._world.situation()
        return Situation(
            broken=now.broken,
            since_repair=now.since_repair,
            rechecked=frozenset(self._world.rechecked),
            rejected=bool(self._world.rejected),
        )

    def _say(self, planned: PlannedItem, instance: Json, reaction: Reaction, seen: _Seen) -> None:
        holders = [person for person in self._contacts.holders(planned.item.owner) if person.airflow_user]
        person = holders[min(seen.refusals, len(holders) - 1)]
        given = {"reason": reaction.reason} if reaction.reason else {}
        if reaction.answer is Answer.SIGN:
            given["signature"] = person.name
        try:
            self._send(person, instance, reaction.answer, given)
        except ApiError as error:
            self._refused(planned, person, error, seen)
        else:
            seen.quiet_until = time.monotonic() + QUIET
            self._said(planned, person, reaction)

    def _send(self, person: Person, instance: Json, answer: Answer, given: Mapping[str, str]) -> None:
        client, turn = self._client(str(person.airflow_user))
        with turn:
            client.answer(instance["dag_id"], self._run_id, instance["task_id"], answer.value, given)

    def _refused(self, planned: PlannedItem, person: Person, error: ApiError, seen: _Seen) -> None:
        """Look again later: it may be answered, healed or busy; another holder tries where it is not his."""
        seen.quiet_until = time.monotonic() + QUIET
        if error.status == _NOT_YOURS:
            seen.refusals += 1
        self._story.tell(Happening.REFUSAL, f"{person.name}, {planned.item.text}: {error}")

    def _said(self, planned: PlannedItem, person: Person, reaction: Reaction) -> None:
        what = {
            Answer.WAIVE: Happening.WAIVER,
            Answer.REJECT: Happening.REJECTION,
            Answer.RECHECK: Happening.RECHECK,
        }.get(reaction.answer, Happening.ANSWER)
        if reaction.answer is Answer.RECHECK:
            self._world.rechecked.add(planned.ref)
        no = self._scenario.rejection
        if no and planned.ref == no.ref and reaction.answer is Answer.REJECT:
            self._world.rejected.add(planned.ref)
        reason = f" ({reaction.reason})" if reaction.reason else ""
        self._story.tell(what, f"{person.name}: {reaction.answer.value}, {planned.item.text}{reason}")

    def _client(self, user: str) -> tuple[AirflowApi, threading.Lock]:
        if user not in self._clients:
            self._clients[user] = (self._sign_in(user), threading.Lock())
        return self._clients[user]

    def _watcher_of(self, name: str) -> AirflowApi:
        """Give a reading client of this thread; clients are not for several threads at once."""
        local = f"{name}-{threading.get_ident()}"
        if local not in self._clients:
            self._clients[local] = (self._sign_in(""), threading.Lock())
        return self._clients[local][0]


def _round(detail: Json) -> str:
    """Tell one request from the next of the same try: a repeating item asks again."""
    with suppress(KeyError):
        return str(detail["created_at"])
    return ""
