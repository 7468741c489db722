"""Takes each picture once: as a desk shows it, and as a phone does."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from playwright.sync_api import Error

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Locator

DESK = {"width": 1280, "height": 1300}
PHONE = {"width": 390, "height": 844}
STILL_MS = 400
"""How long a page rests before its picture is taken."""


class Camera:
    """Two browsers of one person, and the folder with what was taken."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._folder = folder
        self.desk = browser.new_page(viewport=DESK, device_scale_factor=1.5)  # type: ignore[arg-type]
        self._phone = browser.new_page(viewport=PHONE, device_scale_factor=2)  # type: ignore[arg-type]
        for page in (self.desk, self._phone):
            page.set_default_timeout(20_000)
        folder.mkdir(parents=True, exist_ok=True)

    def taken(self, name: str) -> bool:
        """Whether there is a picture of that name."""
        return (self._folder / f"{name}-desk.png").exists()

    def keep(self, name: str, text: str) -> None:
        """Keep a text beside the pictures."""
        (self._folder / name).write_text(text, encoding="utf-8")

    def shoot(self, name: str, shown: Locator, *, modal: bool = False) -> None:
        """Take a message, or the modal in front of everything; the phone shows the same person the same."""
        if self.taken(name):
            return
        with suppress(Error):
            self._desk(name, shown)
            self._phone.goto(self.desk.url)
            there = self._phone.locator("#modal .modal") if modal else self._same(shown)
            there.scroll_into_view_if_needed()
            self._phone.wait_for_timeout(STILL_MS)
            self._phone.screenshot(path=self._folder / f"{name}-phone.png")

    def _desk(self, name: str, shown: Locator) -> None:
        shown.scroll_into_view_if_needed()
        self.desk.mouse.move(0, 0)
        self.desk.wait_for_timeout(STILL_MS)
        shown.screenshot(path=self._folder / f"{name}-desk.png")
        self.desk.screenshot(path=self._folder / f"{name}-page.png")

    def _same(self, shown: Locator) -> Locator:
        return self._phone.locator(f'[id="{shown.get_attribute("id")}"]')
