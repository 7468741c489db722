"""Somebody who answers a whole launch by hand, as each of its people, on the stand-in's page alone."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import requests
from playwright.sync_api import Error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Locator

    from pictures.camera import Camera

log = logging.getLogger("pictures")

CHANNEL = "C001LAUNCH"
ALL_MINE, OPENERS = "Approve all that are mine", ("Review…", "Decide…", "Sign…")
YES = ("Go", "Sign", "Approve")
ELSE = ("Waive", "Not applicable", "Reject")
WAIVERS = "Who may waive it"
"""Begins the line that names others than those who are asked; they, not the owner, end what cannot pass."""
REASON = "Cannot be shown on one machine."
PATIENCE_MS = 8_000
CARD_MS = 5_000
"""In which a card has followed an answer."""
QUIET = 8.0
"""Seconds before somebody looks again at a card on which he has answered."""
_CARDS = """() => [...document.querySelectorAll('#thread .message:not(.ephemeral)')].map((m) => ({
  id: m.id, text: m.innerText, card: Boolean(m.querySelector('h3')),
  asked: [...m.querySelectorAll('.mention')].map((one) => one.dataset.user),
  buttons: [...m.querySelectorAll('button.click')].map((one) => one.innerText),
}))"""

Card = dict[str, Any]


@dataclass
class Player:
    """One browser; ``over`` says when the launch is."""

    url: str
    camera: Camera
    over: Callable[[], bool]
    taps: int = 0
    forms: int = 0
    _root: str = ""
    _quiet: dict[tuple[str, str], float] = field(default_factory=dict)

    def play(self) -> None:
        """Answer whatever waits until the launch is over."""
        while not self.over():
            self._root = self._root or self._find_root()
            if not self._root:
                time.sleep(1)
                continue
            with suppress(Error):
                self._look()
        self._open("U0LAUNCH01")
        self._told(self.camera.desk.evaluate(_CARDS))
        self.camera.keep("state.json", requests.get(f"{self.url}/control/state", timeout=30).text)

    def _find_root(self) -> str:
        state = requests.get(f"{self.url}/control/state", timeout=10).json()
        return next((str(m["thread_ts"]) for m in state["channels"][0]["messages"] if "thread_ts" in m), "")

    def _look(self) -> None:
        self._open("U0LAUNCH01")
        cards: list[Card] = self.camera.desk.evaluate(_CARDS)
        self._told(cards)
        waiting = [(who, card) for card in cards for who in self._wanted(card)]
        if not waiting:
            time.sleep(1)
        for who in dict.fromkeys(who for who, _ in waiting):
            self._open(who)
            for card in (card for other, card in waiting if other == who):
                self._quiet[who, card["id"]] = time.monotonic() + QUIET
                with suppress(Error):
                    self._answer(who, card)

    def _wanted(self, card: Card) -> Iterator[str]:
        """Who is asked on a card and has not answered just now; one after the other on a decision's."""
        if card["card"] and {*OPENERS} & {*card["buttons"]}:
            for who in dict.fromkeys((*card["asked"], *self._waivers(card))):
                if self._quiet.get((who, card["id"]), 0.0) < time.monotonic():
                    yield who

    def _waivers(self, card: Card) -> list[str]:
        """Return the first whom a card names to set each item aside: by name, since they are not called."""
        names = [
            line.partition(": ")[2].partition(" or ")[0].strip()
            for line in str(card["text"]).splitlines()
            if WAIVERS in line
        ]
        return [self._ids[name] for name in dict.fromkeys(names) if name in self._ids]

    @cached_property
    def _ids(self) -> dict[str, str]:
        """Everybody on the page by name."""
        options = self.camera.desk.locator("#who option").all()
        return {one.inner_text().strip(): str(one.get_attribute("value")) for one in options}

    def _open(self, who: str) -> None:
        self.camera.desk.goto(f"{self.url}/?as={who}&channel={CHANNEL}&thread={self._root}")

    def _message(self, card: Card) -> Locator:
        return self.camera.desk.locator(f'[id="{card["id"]}"]')

    # ---- answering ---------------------------------------------------------------------------------

    def _answer(self, who: str, card: Card) -> None:
        self._close_form()
        message = self._message(card)
        opener = next(one for one in OPENERS if one in card["buttons"])
        if opener != OPENERS[0]:
            # Everybody's answer before this one is shown by then.
            self.camera.desk.wait_for_timeout(CARD_MS)
        self._picture(card, message)
        if ALL_MINE in card["buttons"]:
            self._stranger(card, who)
            self._approve_all(message)
            return
        message.get_by_role("button", name=opener).click(timeout=PATIENCE_MS)
        modal = self.camera.desk.locator("#modal .modal")
        modal.locator("select, .content:has-text('Nothing here waits')").first.wait_for()
        self.camera.shoot(f"modal-{opener.strip('…').lower()}", modal, modal=True)
        self._fill(modal, who)

    def _close_form(self) -> None:
        """Close a form that stayed open since its evidence changed; it would cover the card."""
        modal = self.camera.desk.locator("#modal .modal")
        if modal.count():
            modal.get_by_role("button", name="Close").last.click()
            modal.wait_for(state="detached", timeout=PATIENCE_MS)

    def _approve_all(self, message: Locator) -> None:
        message.get_by_role("button", name=ALL_MINE).click(timeout=PATIENCE_MS)
        asked = self.camera.desk.locator(".ask")
        self.camera.shoot("confirm", asked.locator("> div"))
        asked.get_by_role("button", name="Approve", exact=True).click()
        self.taps += 1
        self.camera.desk.locator("#thread .ephemeral").last.wait_for(timeout=PATIENCE_MS)
        self.camera.shoot("receipt", self.camera.desk.locator("#thread .ephemeral").last)

    def _fill(self, modal: Locator, who: str) -> None:
        self._mistake(modal)
        asked, left = 0, WAIVERS in modal.inner_text()
        for select in modal.locator("select").all():
            options = [option.get_attribute("value") for option in select.locator("option").all()]
            answer = next((one for one in (*YES, *ELSE) if one in options), "")
            if left and answer == "Reject":
                continue  # those who may waive it do
            number = str(select.get_attribute("name")).partition(".")[2]
            select.select_option(answer)
            if answer in ELSE:
                modal.locator(f'[name="reason.{number}"]').fill(REASON)
            if answer == "Sign":
                modal.locator(f'[name="signature.{number}"]').fill(self._name_of(who))
            asked += bool(answer)
        if not asked:
            modal.get_by_role("button", name="Close").last.click()
            return
        modal.get_by_role("button", name="Send").click()
        self.forms += 1
        modal.wait_for(state="detached", timeout=PATIENCE_MS)

    def _mistake(self, modal: Locator) -> None:
        """Send a no without a reason, once, to see what the form says."""
        first = modal.locator("select").first
        if self.camera.taken("modal-error") or not first.locator('option[value="Reject"]').count():
            return
        first.select_option("Reject")
        modal.get_by_role("button", name="Send").click()
        modal.locator(".error:not(:empty)").first.wait_for(timeout=PATIENCE_MS)
        self.camera.shoot("modal-error", modal)

    def _stranger(self, card: Card, asked: str) -> None:
        """Tap once what is somebody else's."""
        other = "U0LAUNCH02" if asked == "U0LAUNCH01" else "U0LAUNCH01"
        if self.camera.taken("refusal"):
            return
        self._open(other)
        message = self._message(card)
        message.get_by_role("button", name=ALL_MINE).click(timeout=PATIENCE_MS)
        self.camera.desk.locator(".ask").get_by_role("button", name="Approve", exact=True).click()
        told = self.camera.desk.locator("#thread .ephemeral", has_text="Not done").last
        told.wait_for(timeout=PATIENCE_MS)
        self.camera.shoot("refusal", told)
        self._open(asked)

    def _name_of(self, who: str) -> str:
        option = self.camera.desk.locator(f'#who option[value="{who}"]')
        return option.inner_text().strip() if option.count() else ""

    # ---- pictures ----------------------------------------------------------------------------------

    def _picture(self, card: Card, message: Locator) -> None:
        text = message.inner_text()
        if "said Go" in text and "2 of 4" in text:
            self.camera.shoot("go-no-go", message)
        elif "signed" in text and "1 of 4" in text:
            self.camera.shoot("sign-off", message)
        elif "Review…" in card["buttons"]:
            red = any(word in text for word in ("Checks failed", "Could not be checked"))
            both = red and ALL_MINE in card["buttons"]
            self.camera.shoot("section-both" if both else "section-red" if red else "section", message)

    def _told(self, cards: list[Card]) -> None:
        """One picture of each kind of message that only tells."""
        words = {
            "Launch is running": "root",
            ": complete\n": "phase-complete",
            "FAILED": "phase-failed",
            "Launch started": "started",
            "Window opened": "window-opened",
            "Window missed": "window-missed",
            "🟢 Go": "go",
            "wait for you": "request",
            "Launch complete": "complete",
        }
        for card in cards:
            for word, name in words.items():
                if word in card["text"]:
                    self.camera.shoot(name, self._message(card))
