"""Hold the breaks that are set now, for every part that can be altered."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from launch_rehearsal.tampering.web import altering

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiohttp import web

    from launch_rehearsal.tampering.breaks import Break
    from launch_rehearsal.tampering.web import Exchange


class Tampering:
    """Alter answers while breaks are set, and keep what is asked while a list of it is kept."""

    def __init__(self) -> None:
        self.breaks: tuple[Break, ...] = ()
        self._heard: list[Exchange] | None = None

    @property
    def attentive(self) -> bool:
        """Return whether anything is altered or listened to now."""
        return bool(self.breaks) or self._heard is not None

    def attend(self, name: str, app: web.Application) -> None:
        """Alter what an application answers; its name is part of every place."""
        app.middlewares.insert(0, altering(self, name))

    def hear(self, exchange: Exchange) -> None:
        """Keep a request and its answer, if anyone listens."""
        if self._heard is not None:
            self._heard.append(exchange)

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
        self.breaks = tuple(breaks)
        try:
            yield
        finally:
            self.breaks = ()
