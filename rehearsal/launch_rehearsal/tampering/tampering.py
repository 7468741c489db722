"""Hold the breaks that are set now, for every part that can be altered."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from launch_rehearsal.tampering.breaks import place_of
from launch_rehearsal.tampering.documents import Document
from launch_rehearsal.tampering.web import Exchange, altering

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiohttp import web

    from launch_rehearsal.tampering.breaks import Break


class Tampering:
    """Alter answers while breaks are set, and keep what is asked while a list of it is kept."""

    def __init__(self, visitor: str = "") -> None:
        self.visitor = visitor
        """The ``Authorization`` of the product's users, whose requests are neither altered nor heard."""
        self._breaks: tuple[Break, ...] = ()
        self._met: Counter[tuple[str, str, str]] = Counter()
        self._heard: list[Exchange] | None = None

    @property
    def attentive(self) -> bool:
        """Return whether anything is altered or listened to now."""
        return bool(self._breaks) or self._heard is not None

    def attend(self, name: str, app: web.Application) -> None:
        """Alter what an application answers; its name is part of every place."""
        app.middlewares.insert(0, altering(self, name))

    def hear(self, exchange: Exchange) -> None:
        """Keep a request and its answer, if anyone listens."""
        if self._heard is not None:
            self._heard.append(exchange)

    def due(self, where: str, asked: str) -> Iterator[Break]:
        """Yield the breaks of an answer that is given now."""
        for change in self._breaks:
            if change.where == where and change.asked in asked:
                self._met[change.where, change.asked, change.at] += 1
                if self._met[change.where, change.asked, change.at] % change.every == 0:
                    yield change

    def altered(self, where: str, asked: str, document: bytes) -> bytes:
        """Return what is answered instead of a document."""
        if not self.attentive:
            return document
        place = place_of(where)
        self.hear(Exchange(place, asked, 0, {}, document))
        for change in self.due(place, asked):
            document = Document(document).altered(change)
        return document

    @contextmanager
    def listening(self) -> Iterator[list[Exchange]]:
        """Keep what is asked and answered."""
        heard: list[Exchange] = []
        self._heard = heard
        try:
            yield heard
        finally:
            self._heard = None

    @contextmanager
    def broken(self, breaks: Iterable[Break]) -> Iterator[None]:
        """Set breaks, and take them back at the end."""
        self._met.clear()
        self._breaks = tuple(breaks)
        try:
            yield
        finally:
            self._breaks = ()
