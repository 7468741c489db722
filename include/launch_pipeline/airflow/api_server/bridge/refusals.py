"""Refusals of answers from Slack: a sentence for the person and a code for the bridge."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.api_server.answers.request_key import BUSY
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.ledger.schema import Outcome

if TYPE_CHECKING:
    from launch_pipeline.ledger.schema import Record


_NO_ITEM = "This launch has no such item. Open Airflow to see its open requests."


@dataclass(eq=False)
class NotTaken(AnswerRefused):
    """An answer that was not taken, with facts for the bridge besides the sentence."""

    status: int = HTTPStatus.CONFLICT
    """HTTP status; 503 where the same answer may be taken later."""
    person: str = ""
    """Name of the person whose answer counts instead."""
    answer: str = ""
    """That answer, where it is known."""


def forbidden(code: str, sentence: str) -> NotTaken:
    """Refuse the person who answers."""
    return NotTaken(code, sentence, status=HTTPStatus.FORBIDDEN)


def unknown_item() -> NotTaken:
    """Refuse an answer to something that is not an item of a checklist, or no longer one."""
    return NotTaken("unknown_item", _NO_ITEM, status=HTTPStatus.NOT_FOUND)


def stands(sentence: str, person: str = "", answer: str = "") -> NotTaken:
    """Refuse an answer to an item that is already decided, by a person or by its checks."""
    return NotTaken("already_decided", sentence, person=person, answer=answer)


def recorded(record: Record, answer: str) -> NotTaken:
    """Refuse an answer to an item with a record; ``answer`` is the option that led to it, if any."""
    outcome = record.outcome.words()
    if record.decided_by is not None:
        name = record.decided_by.name
        return stands(f"Already decided by {name}: {outcome}.", name, answer)
    if record.outcome is Outcome.PASSED:
        return stands("Already decided: its checks have passed.")
    return stands(f"Already decided: {outcome}. {record.reason}".strip())


def ended(state: str) -> NotTaken:
    """Refuse an answer to an item that ended without a record: its state was set by hand, or it failed."""
    sentence = f"This item ended as '{state}' and takes no answer. Open it in Airflow to see why."
    return NotTaken("not_waiting", sentence)


def replied(status: int, body: dict[str, Any], user: str) -> NotTaken:
    """Turn Airflow's reply to an answer into a refusal; sentences of the guard are passed on unchanged."""
    detail, code = body.get("detail"), body.get("code")
    if isinstance(detail, str) and isinstance(code, str) and code:
        return NotTaken(code, detail, status=status)
    if status < HTTPStatus.BAD_REQUEST:
        sentence = (
            "Airflow accepted the answer, but the item did not continue with it. Look at it in Airflow."
        )
        return NotTaken("not_taken", sentence)
    if status in _UNREADABLE:
        said = detail if isinstance(detail, str) else "this item does not take it."
        return NotTaken("unreadable_answer", f"Airflow refused the answer: {said}", status=status)
    if status in _KNOWN:
        code, sentence = _KNOWN[status]
        return NotTaken(code, sentence.format(user=user), status=status)
    sentence = f"Airflow could not take the answer ({status}). It is not recorded. Try again shortly."
    return NotTaken("airflow", sentence, status=HTTPStatus.SERVICE_UNAVAILABLE)


_UNREADABLE = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
)
_NO_PERMISSION = (
    "The Airflow account {user!r} may not answer required actions. Ask an administrator for a role that may:"
    " 'user' with the simple auth manager, with FAB one that can edit HITL Detail."
)
_KNOWN: dict[int, tuple[str, str]] = {
    HTTPStatus.FORBIDDEN: ("no_permission", _NO_PERMISSION),
    HTTPStatus.NOT_FOUND: ("unknown_item", _NO_ITEM),
    HTTPStatus.CONFLICT: BUSY,
}
