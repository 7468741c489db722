"""Append refused answers to the ledger: after the reply, one by one, without delaying any answer."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.ledger.refused import MOST, RefusedAnswer, append_refusal
from launch_pipeline.ledger.schema import RecordedBy

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.airflow.api_server.answers.request_key import Asked, RequestKey
    from launch_pipeline.approvals.contacts import Person
    from launch_pipeline.slack.messages.button_values import RequestPin
    from launch_pipeline.slack.protocol import DecideRequest

log = logging.getLogger(__name__)

NOT_KEPT = frozenset(
    {"", "busy", "too_many", "too_soon", "not_waiting", "superseded", "ledger", "configuration"}
)
"""Codes that say nothing about the person: another answer was faster, or a service is not available."""
_PENDING = 200
_REMEMBERED = 10_000


class RefusedAnswers:
    """Appends refused answers on a thread of its own. Those that the ledger does not accept are logged."""

    def __init__(self, dsn: Callable[[], str]) -> None:
        self._dsn = dsn
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="launch-refused")
        self._room = threading.Semaphore(_PENDING)
        self._known: OrderedDict[tuple[str, ...], None] = OrderedDict()

    def append_from_guard(
        self, asked: Asked, code: str, sentence: str, find: Callable[[RequestKey], RequestPin | None]
    ) -> None:
        """Append an answer that the guard refused; ``find`` returns the current try of its task."""
        told = {
            "by": asked.user,
            "option": asked.option,
            "reason": str(asked.fields.get("reason") or ""),
            "via": asked.via,
        }
        self._append_later(asked.key, asked.spec.ref, find, {**told, "code": code, "sentence": sentence})

    def append_from_bridge(
        self,
        key: RequestKey,
        item_ref: str,
        request: DecideRequest,
        refused: Any,
        find: Callable[[RequestKey], RequestPin | None],
    ) -> None:
        """Append an answer that was refused because of the Slack user, who has no Airflow account here."""
        told = {"by": request.slack_id, "option": request.answer, "reason": request.reason}
        why = {"via": RecordedBy.SLACK, "code": refused.code, "sentence": refused.reason}
        self._append_later(key, item_ref, find, {**told, **why})

    def _append_later(
        self,
        key: RequestKey,
        item_ref: str,
        find: Callable[[RequestKey], RequestPin | None],
        told: dict[str, Any],
    ) -> None:
        if told["code"] in NOT_KEPT:
            return
        if not self._room.acquire(blocking=False):
            log.warning("Too many refused answers at once. One of %r is not in the ledger.", told["by"])
            return
        self._thread.submit(self._kept, key, item_ref, find, {**told, "at": datetime.now(UTC)})

    def _kept(
        self,
        key: RequestKey,
        item_ref: str,
        find: Callable[[RequestKey], RequestPin | None],
        told: dict[str, Any],
    ) -> None:
        try:
            if (instance := find(key)) is not None:
                self._append(_refused(key, item_ref, instance, told))
        except Exception as error:  # noqa: BLE001  no error may end the thread
            log.warning("A refused answer of %r to %s is not in the ledger: %s", told["by"], item_ref, error)
        finally:
            self._room.release()

    def _append(self, refused: RefusedAnswer) -> None:
        everything = (refused.launch_id, refused.by)
        this = (refused.task_instance_id, refused.by, refused.code)
        if everything in self._known or this in self._known:
            return
        number = append_refusal(self._dsn(), refused)
        self._remember(everything if number >= MOST else this)

    def _remember(self, key: tuple[str, ...]) -> None:
        self._known[key] = None
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def close(self) -> None:
        """Finish pending entries and end the thread."""
        self._thread.shutdown(wait=True)


def _refused(key: RequestKey, item_ref: str, instance: RequestPin, told: dict[str, Any]) -> RefusedAnswer:
    person = _person(told["by"])
    return RefusedAnswer(
        launch_id=key.run_id,
        dag_id=key.dag_id,
        item_ref=item_ref,
        task_instance_id=instance.task_instance_id,
        try_number=instance.try_number,
        by=told["by"][:200],
        person=person.id if person else None,
        option=told["option"][:60],
        code=told["code"][:60],
        sentence=told["sentence"][:1000],
        reason=told["reason"][:300],
        via=told["via"],
        at=told["at"],
    )


def _person(by: str) -> Person | None:
    people = contacts()
    return people.by_airflow_user(by) or people.by_slack_id(by)
