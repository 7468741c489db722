"""Play the people: each answers in Slack, on the cards there, as the scenario says."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.deployed import policy
from launch_pipeline.approvals.rules import who_may_waive
from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import OperationError
from launch_pipeline.slack.messages.button_values import RequestPin
from launch_rehearsal.actors.check_results import results_of
from launch_rehearsal.actors.scenario import OpenRequest, Reaction, Scenario, Situation, react
from launch_rehearsal.actors.slack_screen import Screen, Wish
from launch_rehearsal.actors.story import Happening, Story

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.airflow.hooks.rest_client import AirflowApi, Json
    from launch_pipeline.approvals.contacts import Contacts, Person
    from launch_pipeline.approvals.policy import Policy
    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checklist.plan import PlannedItem
    from launch_rehearsal.actors.slack_screen import Card

_LOG = logging.getLogger(__name__)
LOOK_EVERY = 1.0
AT_ONCE = 8
"""The number of people who type at the same time."""
QUIET = 12.0
"""Seconds for a sent answer to take effect; after that the next holder of the role tries."""

Items = dict[tuple[str, str], "PlannedItem"]
"""Items by Dag id and task id."""


def who_answers(item: Item, answer: Answer, contacts: Contacts, rules: Policy) -> list[Person]:
    """Return the people who may give this answer and have Slack, in the order in which they are asked."""
    if answer in {Answer.WAIVE, Answer.NOT_APPLICABLE}:
        may = who_may_waive(contacts, rules, item.owner, item.severity)
    else:
        may = contacts.holders(item.owner)
    return [person for person in may if person.slack_id]


@dataclass
class _Seen:
    """What the people remember of a request."""

    first: float
    quiet_until: float = 0.0
    sent: int = 0
    """Answers that were sent and had no effect."""
    busy: bool = False


@dataclass
class World:
    """What all people know; the operator changes it."""

    situation: Callable[[], Situation]
    rechecked: set[tuple[str, str]] = field(default_factory=set)
    """Item and task instance of each re-check that was requested."""
    rejected: set[str] = field(default_factory=set)
    posted: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Wanted:
    """The answer that a person is about to give to one request."""

    planned: PlannedItem
    seen: _Seen
    person: Person
    reaction: Reaction
    pin: RequestPin

    @property
    def wish(self) -> Wish:
        signature = self.person.name if self.reaction.answer is Answer.SIGN else ""
        return Wish(self.pin, self.reaction.answer, self.reaction.reason, signature)


class People:
    """Play everyone who answers in one launch. Call ``begin`` and ``end`` from one thread."""

    def __init__(
        self,
        *,
        run_id: str,
        scenario: Scenario,
        contacts: Contacts,
        items: Items,
        slack_url: str,
        reader: Callable[[], AirflowApi],
        world: World,
        story: Story,
    ) -> None:
        self._run_id, self._scenario, self._contacts, self._items = run_id, scenario, contacts, items
        self._slack_url, self._reader, self._world, self._story = slack_url, reader, world, story
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._typing: set[str] = set()
        self._local = threading.local()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="people", daemon=True)
        self._hands = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="person")

    def begin(self) -> None:
        """Start answering."""
        self._thread.start()

    def end(self) -> None:
        """Stop answering; return once every person has stopped."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._hands.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            try:
                self._look(self._airflow().hitl_details(run_id=self._run_id))
            except OperationError as error:
                _LOG.info("the requests cannot be read now: %s", error)

    def _look(self, details: list[Json]) -> None:
        """Read the requests that wait, and answer those that are due."""
        now = time.monotonic()
        open_to = [(detail, self._remembered(detail, now)) for detail in details]
        free = [(d, seen) for d, seen in open_to if not seen.busy and seen.quiet_until <= now]
        by_person: dict[str, list[_Wanted]] = defaultdict(list)
        for wanted in filter(None, self._hands.map(self._considered, free)):
            if wanted.person.slack_id not in self._typing:
                by_person[str(wanted.person.slack_id)].append(wanted)
        for slack_id, all_wanted in by_person.items():
            self._typing.add(slack_id)
            for wanted in all_wanted:
                wanted.seen.busy = True
            self._hands.submit(self._answer_all, slack_id, all_wanted)

    def _remembered(self, detail: Json, now: float) -> _Seen:
        # A repeating item asks again in the same try.
        return self._seen.setdefault((detail["task_instance"]["id"], str(detail["created_at"])), _Seen(now))

    def _considered(self, waiting: tuple[Json, _Seen]) -> _Wanted | None:
        detail, seen = waiting
        instance = detail["task_instance"]
        planned = self._items.get((instance["dag_id"], instance["task_id"]))
        try:
            return self._consider(planned, instance, seen) if planned else None
        except OperationError as error:
            _LOG.info("%s could not be read now: %s", instance["task_id"], error)
        return None

    def _consider(self, planned: PlannedItem, instance: Json, seen: _Seen) -> _Wanted | None:
        request = OpenRequest(
            ref=planned.ref,
            item=planned.item,
            waited=time.monotonic() - seen.first,
            try_number=instance["try_number"],
            results=results_of(self._airflow(), instance) if planned.item.mode.has_checks else None,
        )
        holders = [person for person in self._contacts.holders(planned.item.owner) if person.slack_id]
        if self._posts(request, holders[0]):
            return None
        reaction = react(self._scenario, request, self._now(instance["id"]))
        if reaction is None or self._over.is_set():
            return None
        pin = RequestPin(task_instance_id=instance["id"], try_number=instance["try_number"])
        may = who_answers(planned.item, reaction.answer, self._contacts, policy())
        return _Wanted(planned, seen, may[min(seen.sent, len(may) - 1)], reaction, pin) if may else None

    def _posts(self, request: OpenRequest, owner: Person) -> bool:
        """Post once in Slack what the item's check looks for; the check finds it by itself."""
        post = self._scenario.posts.get(request.ref)
        if post is None or request.ref in self._world.posted or request.verdict is not Verdict.FAILED:
            return False
        self._world.posted.add(request.ref)
        self._screen(str(owner.slack_id)).say(post.channel, post.text)
        self._story.tell(Happening.REPAIR, f"{owner.name} said in #{post.channel}: {post.text}")
        return True

    def _now(self, instance_id: str) -> Situation:
        # An item that is verified again is another task instance.
        rechecked = frozenset(ref for ref, instance in set(self._world.rechecked) if instance == instance_id)
        return replace(self._world.situation(), rechecked=rechecked, rejected=bool(self._world.rejected))

    def _answer_all(self, slack_id: str, all_wanted: list[_Wanted]) -> None:
        try:
            screen = self._screen(slack_id)
            for card in screen.cards():
                here = [wanted for wanted in all_wanted if wanted.pin in card.pins]
                if here and not self._over.is_set():
                    self._answer(screen, card, here)
                    all_wanted = [wanted for wanted in all_wanted if wanted not in here]
        except OperationError as error:
            _LOG.info("%s cannot read Slack now: %s", slack_id, error)
        except Exception:  # noqa: BLE001 - one person's error must not stop the others
            _LOG.exception("%s failed unexpectedly", slack_id)
        finally:
            for wanted in all_wanted:
                # Its card is not posted yet.
                wanted.seen.busy = False
            self._typing.discard(slack_id)

    def _answer(self, screen: Screen, card: Card, here: list[_Wanted]) -> None:
        person = here[0].person
        try:
            screen.answer(card, [wanted.wish for wanted in here])
        except OperationError as error:
            self._story.tell(Happening.REFUSAL, f"{person.name}: {error}")
        else:
            for wanted in here:
                self._said(wanted)
        finally:
            for wanted in here:
                wanted.seen.sent += 1
                wanted.seen.quiet_until = time.monotonic() + QUIET
                wanted.seen.busy = False

    def _said(self, wanted: _Wanted) -> None:
        planned, reaction = wanted.planned, wanted.reaction
        what = {
            Answer.WAIVE: Happening.WAIVER,
            Answer.REJECT: Happening.REJECTION,
            Answer.RECHECK: Happening.RECHECK,
        }.get(reaction.answer, Happening.ANSWER)
        if reaction.answer is Answer.RECHECK:
            self._world.rechecked.add((planned.ref, wanted.pin.task_instance_id))
        no = self._scenario.rejection
        if no and planned.ref == no.ref and reaction.answer is Answer.REJECT:
            self._world.rejected.add(planned.ref)
        reason = f" ({reaction.reason})" if reaction.reason else ""
        line = f"{wanted.person.name}: {reaction.answer.value}, {planned.item.text}{reason}"
        self._story.tell(what, line)

    def _screen(self, slack_id: str) -> Screen:
        found: Screen = self._mine(f"screen {slack_id}", lambda: Screen(self._slack_url, slack_id))
        return found

    def _airflow(self) -> AirflowApi:
        found: AirflowApi = self._mine("airflow", self._reader)
        return found

    def _mine(self, name: str, make: Callable[[], Any]) -> Any:
        """Return this thread's own client: a client must not be shared between threads."""
        if not hasattr(self._local, "clients"):
            self._local.clients = {}
        clients: dict[str, Any] = self._local.clients
        if name not in clients:
            clients[name] = make()
        return clients[name]
