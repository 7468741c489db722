"""Why an answer from Slack was not taken, in words for the person and in a code for the bridge."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from launch_pipeline.errors import AnswerRefused
from launch_pipeline.ledger.schema import Outcome

if TYPE_CHECKING:
    from launch_pipeline.ledger.schema import Record


_NO_ITEM = "This launch has no such item; open Airflow to see what waits."


@dataclass(eq=False)
class NotTaken(AnswerRefused):
    """An answer that was not taken, with what the bridge is told besides the sentence."""

    status: int = HTTPStatus.CONFLICT
    """Of HTTP; 503 where the same answer may be taken a little later."""
    person: str = ""
    """Name of whose answer stands instead."""
    answer: str = ""
    """That answer, where it is known."""


def forbidden(code: str, sentence: str) -> NotTaken:
    """Refuse a person."""
    return NotTaken(code, sentence, status=HTTPStatus.FORBIDDEN)


def unknown_item() -> NotTaken:
    """Refuse what is meant for no item of ours, or for one that was removed."""
    return NotTaken("unknown_item", _NO_ITEM, status=HTTPStatus.NOT_FOUND)


def stands(sentence: str, person: str = "", answer: str = "") -> NotTaken:
    """Refuse what somebody, or the machine, has decided already."""
    return NotTaken("already_decided", sentence, person=person, answer=answer)


def recorded(record: Record, answer: str) -> NotTaken:
    """Refuse what there is a record of; ``answer`` is the option that led to it, where one did."""
    outcome = record.outcome.replace("_", " ")
    if record.decided_by is not None:
        name = record.decided_by.name
        return stands(f"Already decided by {name}: {outcome}.", name, answer)
    if record.outcome is Outcome.PASSED:
        return stands("Already decided: its checks have passed.")
    return stands(f"Already decided: {outcome}. {record.reason}".strip())


def ended(state: str) -> NotTaken:
    """Refuse an item that has ended without a record: somebody set its state by hand, or it broke."""
    sentence = f"It has ended as '{state}' and takes no answer; open it in Airflow to see why."
    return NotTaken("not_waiting", sentence)


def replied(status: int, body: dict[str, Any], user: str) -> NotTaken:
    """Put Airflow's reply to the answer of an account in our words; the guard's are kept as they are."""
    detail, code = body.get("detail"), body.get("code")
    if isinstance(detail, str) and isinstance(code, str) and code:
        return NotTaken(code, detail, status=status)
    if status < HTTPStatus.BAD_REQUEST:
        sentence = "Airflow took the answer, but the item did not go on with it; look at it in Airflow."
        return NotTaken("not_taken", sentence)
    if status in _UNREADABLE:
        said = detail if isinstance(detail, str) else "it is no answer that this item takes."
        return NotTaken("unreadable_answer", f"Airflow refused the answer: {said}", status=status)
    if status in _KNOWN:
        code, sentence = _KNOWN[status]
        return NotTaken(code, sentence.format(user=user), status=status)
    sentence = f"Airflow could not take the answer ({status}); it is not recorded. Try again shortly."
    return NotTaken("airflow", sentence, status=HTTPStatus.SERVICE_UNAVAILABLE)


_UNREADABLE = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}
)
_NO_PERMISSION = (
    "Airflow's account {user!r} may not answer required actions; have it given a role that may (with the"
    " simple auth manager 'user', with FAB one that can edit HITL Detail)."
)
_KNOWN: dict[int, tuple[str, str]] = {
    HTTPStatus.FORBIDDEN: ("no_permission", _NO_PERMISSION),
    HTTPStatus.NOT_FOUND: ("unknown_item", _NO_ITEM),
    HTTPStatus.CONFLICT: ("busy", "Somebody is answering this gate at this moment. Look again."),
}
