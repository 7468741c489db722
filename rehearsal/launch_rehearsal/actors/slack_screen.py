"""A person's hands in Slack: find the card, open the modal, choose, write, send; over Slack's own protocol.

Only the screen is the stand-in's: what is clicked and sent goes to the bridge as Slack sends it.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.errors import AnswerRefused, OperationError
from launch_pipeline.slack.messages.button_values import CardLocator, Pin, ReviewLocator
from launch_pipeline.slack.messages.elements import APPROVE_MINE, REVIEW
from launch_pipeline.slack.messages.review_modal import CALLBACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TIMEOUT = (5.0, 30.0)
LOOK_EVERY = 0.1
READING_SECONDS = 15.0
"""How long a person waits for a modal to show what he has opened it for."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to answer to one request."""

    pin: Pin
    answer: Answer
    reason: str = ""
    signature: str = ""


@dataclass(frozen=True)
class Card:
    """A message that can be answered, and the requests that it shows."""

    channel: str
    ts: str
    pins: frozenset[Pin]
    approvable: frozenset[Pin]
    """What *Approve all that are mine* would be asked for."""


class Screen:
    """Slack on one person's phone. One thread at a time."""

    def __init__(self, url: str, slack_id: str) -> None:
        self._url, self._me = url.rstrip("/"), slack_id
        self._session = requests.Session()
        self._session.trust_env = False

    def cards(self) -> list[Card]:
        """Every card of every thread that has a *Review…* button. Raises OperationError."""
        state = self._call("GET", "/control/state")
        return [card for channel in state["channels"] for card in _cards(channel)]

    def say(self, channel: str, text: str) -> None:
        """Write a message into a channel."""
        self._act("say", {"channel": channel, "text": text})

    def receipts(self) -> list[tuple[str, str]]:
        """What this person was told alone, each with the text of the thread's root."""
        state = self._call("GET", "/control/state")
        messages = [message for channel in state["channels"] for message in channel["messages"]]
        roots = {message["ts"]: json.dumps(message.get("blocks")) for message in messages}
        return [
            (roots.get(message.get("thread_ts", ""), ""), message["text"])
            for message in messages
            if message["only_for"] == self._me and "recorded in your name" in message["text"]
        ]

    def answer(self, card: Card, wishes: Sequence[Wish]) -> None:
        """Answer requests of one card: all with one tap where that says the same, else in the modal.

        Raises OperationError with what the person reads where it did not work.
        """
        approved = {wish.pin for wish in wishes if wish.answer is Answer.APPROVE}
        if len(wishes) > 1 and approved == {wish.pin for wish in wishes} == card.approvable:
            self._click(card, APPROVE_MINE)
            return
        self._click(card, REVIEW)
        try:
            self._submit(wishes)
        except OperationError:
            self._act("close", {})
            raise

    def _submit(self, wishes: Sequence[Wish]) -> None:
        asked = self._modal()
        values = dict(_written(asked, {wish.pin: wish for wish in wishes}))
        if not values:
            raise OperationError("The modal asks nothing of what was wanted.")
        sent = self._act("submit", {"values": values})
        if not sent["closed"]:
            said = sent["notice"] or " ".join(sent["errors"].values())
            raise OperationError(said or "The checks saw something else meanwhile; the form shows it.")

    def _modal(self) -> tuple[Pin, ...]:
        """Wait for the modal and give what it asks, in order."""
        end = time.monotonic() + READING_SECONDS
        while time.monotonic() < end:
            view = self._call("GET", f"/control/people/{self._me}/view")
            if view.get("callback_id") == CALLBACK and view.get("submit"):
                return tuple(pin.request for pin in ReviewLocator.decode(view["private_metadata"]).card.pins)
            # Still being filled in, or nothing waits for this person any more.
            time.sleep(LOOK_EVERY)
        raise OperationError("The modal did not show anything to answer.")

    def _click(self, card: Card, action: str) -> None:
        done = self._act("click", {"channel": card.channel, "ts": card.ts, "action_id": action})
        if not done["acked"]:
            raise OperationError("Launch Gates did not answer.")

    def _act(self, what: str, body: Mapping[str, Any]) -> Any:
        return self._call("POST", f"/control/people/{self._me}/{what}", body)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            answer = self._session.request(method, self._url + path, json=body, timeout=TIMEOUT)
            document: Any = answer.json()
        except requests.RequestException as error:
            raise OperationError(f"Slack's stand-in does not answer: {error}") from error
        if not answer.ok:
            raise OperationError(f"Slack says {document.get('error', answer.status_code)!r}.")
        return document


def _cards(channel: Mapping[str, Any]) -> Iterator[Card]:
    for message in channel["messages"]:
        buttons = {
            element["action_id"]: element.get("value")
            for block in message.get("blocks", ())
            for element in block.get("elements", ())
            if block["type"] == "actions"
        }
        if REVIEW in buttons and not message["only_for"]:
            mine = _pins(buttons.get(APPROVE_MINE)) if APPROVE_MINE in buttons else frozenset()
            yield Card(channel["id"], message["ts"], _pins(buttons[REVIEW]), mine)


def _pins(value: Any) -> frozenset[Pin]:
    try:
        return frozenset(pin.request for pin in CardLocator.decode(value).pins)
    except AnswerRefused:
        return frozenset()


def _written(asked: Sequence[Pin], wishes: Mapping[Pin, Wish]) -> Iterator[tuple[str, str]]:
    for number, pin in enumerate(asked):
        if wish := wishes.get(pin):
            yield f"answer.{number}", wish.answer.value
            if wish.reason:
                yield f"reason.{number}", wish.reason
            if wish.signature:
                yield f"signature.{number}", wish.signature
