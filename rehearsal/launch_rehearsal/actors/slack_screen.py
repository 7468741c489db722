"""Act as a person in Slack: find the card, open the modal, choose, write and send.

Only the screen is the fake server's. Clicks and submissions reach the bridge by Slack's own protocol.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from launch_pipeline.checklist.vocabulary import Answer
from launch_pipeline.errors import AnswerRefused, OperationError
from launch_pipeline.slack.messages.button_values import CardLocator, RequestPin, ReviewLocator
from launch_pipeline.slack.messages.elements import APPROVE_MINE, REVIEW
from launch_pipeline.slack.messages.review_modal import CALLBACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TIMEOUT = (5.0, 30.0)
LOOK_EVERY = 0.1
READING_SECONDS = 15.0
"""Seconds that a person waits for a modal to show its request."""


@dataclass(frozen=True)
class Wish:
    """The answer that a person wants to give to one request."""

    pin: RequestPin
    answer: Answer
    reason: str = ""
    signature: str = ""


@dataclass(frozen=True)
class Card:
    """A message with a *Review…* button, and the requests that it shows."""

    channel: str
    ts: str
    pins: frozenset[RequestPin]
    approvable: frozenset[RequestPin]
    """The requests that *Approve all that are mine* covers."""


class Screen:
    """Slack on one person's screen. Use it from one thread at a time."""

    def __init__(self, url: str, slack_id: str) -> None:
        self._url, self._me = url.rstrip("/"), slack_id
        self._session = requests.Session()
        self._session.trust_env = False

    def cards(self) -> list[Card]:
        """Return every card that has a *Review…* button. Raises OperationError."""
        state = self._call("GET", "/control/state")
        return [card for channel in state["channels"] for card in _cards(channel)]

    def say(self, channel: str, text: str) -> None:
        """Post a message in a channel."""
        self._act("say", {"channel": channel, "text": text})

    def receipts(self) -> list[tuple[str, str]]:
        """Return the receipts that only this person sees, each with the text of its thread's root."""
        state = self._call("GET", "/control/state")
        messages = [message for channel in state["channels"] for message in channel["messages"]]
        roots = {message["ts"]: json.dumps(message.get("blocks")) for message in messages}
        return [
            (roots.get(message.get("thread_ts", ""), ""), message["text"])
            for message in messages
            if message["only_for"] == self._me and "recorded in your name" in message["text"]
        ]

    def answer(self, card: Card, wishes: Sequence[Wish]) -> None:
        """Answer requests of one card: with one tap if that approves exactly these, else in the modal.

        Raises OperationError with the text that the person reads if it did not work.
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
            raise OperationError("The modal does not ask for any of these requests.")
        sent = self._act("submit", {"values": values})
        if not sent["closed"]:
            said = sent["notice"] or " ".join(sent["errors"].values())
            raise OperationError(said or "The check results changed meanwhile; the form shows the new ones.")

    def _modal(self) -> tuple[RequestPin, ...]:
        """Wait for the modal and return its requests in order."""
        end = time.monotonic() + READING_SECONDS
        while time.monotonic() < end:
            view = self._call("GET", f"/control/people/{self._me}/view")
            if view.get("callback_id") == CALLBACK and view.get("submit"):
                return tuple(pin.request for pin in ReviewLocator.decode(view["private_metadata"]).card.pins)
            # It is still being filled, or no request is left for this person.
            time.sleep(LOOK_EVERY)
        raise OperationError("The modal did not show a request.")

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
            raise OperationError(f"The fake Slack does not answer: {error}") from error
        if not answer.ok:
            raise OperationError(f"Slack answered {document.get('error', answer.status_code)!r}.")
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


def _pins(value: Any) -> frozenset[RequestPin]:
    try:
        return frozenset(pin.request for pin in CardLocator.decode(value).pins)
    except AnswerRefused:
        return frozenset()


def _written(asked: Sequence[RequestPin], wishes: Mapping[RequestPin, Wish]) -> Iterator[tuple[str, str]]:
    for number, pin in enumerate(asked):
        if wish := wishes.get(pin):
            yield f"answer.{number}", wish.answer.value
            if wish.reason:
                yield f"reason.{number}", wish.reason
            if wish.signature:
                yield f"signature.{number}", wish.signature
