"""Keep Slack up to date: look at the board every few seconds, and post or update what differs.

A restart loses nothing: the message store knows what Slack shows; board, ledger and checklist say what it
should show. One look updates a card at most once.

A section gets its card when a request is open in it, or an item of it was answered or failed. A section that
passes by its checks alone is only counted in the root. The card is then updated until the launch ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from cachetools import LRUCache

from launch_pipeline.checklist.sequence import ROLLBACK
from launch_pipeline.errors import LaunchError, LedgerError
from launch_pipeline.ledger.schema import Seal
from launch_pipeline.notifications.keys import ROOT, is_loud, place_of
from launch_pipeline.notifications.model import LaunchNote, PhaseNote
from launch_pipeline.slack.bridge.connection.leader import Leader
from launch_pipeline.slack.bridge.projection.catch_up import CatchUp
from launch_pipeline.slack.bridge.projection.change_notes import CALLS_FOR, with_items
from launch_pipeline.slack.bridge.projection.ledger_view import LedgerView, LedgerViews
from launch_pipeline.slack.bridge.projection.messages import (
    MessageCache,
    card_key,
    closed_card,
    deserves_a_card,
)
from launch_pipeline.slack.bridge.projection.posting import Poster
from launch_pipeline.slack.bridge.projection.reminders import nudges_due
from launch_pipeline.slack.bridge.projection.thread import CARDS, Rendered, Thread
from launch_pipeline.slack.bridge.projection.views import closed, launch_view_of, sections_of
from launch_pipeline.slack.errors import MessageGone, RateLimited, SlackUnavailable
from launch_pipeline.slack.messages.notes import launch_note, phase_note
from launch_pipeline.slack.store import Messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.notifications.keys import Note
    from launch_pipeline.slack.bridge.projection.deployment import Deployment
    from launch_pipeline.slack.messages.views import SectionView
    from launch_pipeline.slack.protocol import Board, BoardLaunch
    from launch_pipeline.slack.store import Nudge, Placed

log = logging.getLogger(__name__)

POLL_SECONDS = 3.0
"""Interval between two looks (design, section 5)."""
HURRY_SECONDS, HURRY_FOR = 1.0, 6.0
"""Interval after an answer, and for how long: a task takes a second or two to end."""
_REPORTS = 200
"""Problems that are remembered as logged."""


class BoardSource(Protocol):
    """Know what is under way; in production the bridge's ``Airflow``."""

    async def board(self) -> Board:
        """Return the launches that are under way. Raises OperationError if Airflow cannot be asked."""


@dataclass(frozen=True)
class LaunchSnapshot:
    """Hold one launch during one look."""

    launch: BoardLaunch
    ledger: LedgerView
    views: tuple[SectionView, ...]
    thread: Thread
    nudges: tuple[Nudge, ...]

    @property
    def cards(self) -> tuple[SectionView, ...]:
        """Return the sections as cards show them: after the launch's end only a rollback can be answered."""
        if not self.ledger.over:
            return self.views
        return tuple(view if view.dag_id == ROLLBACK else closed(view) for view in self.views)

    @property
    def posted(self) -> set[str]:
        """Return the keys of the notes that were posted."""
        prefix = place_of("")
        return {key.removeprefix(prefix) for key in self.thread.placed if key.startswith(prefix)}


class Projector:
    """Project one Airflow into one channel."""

    def __init__(
        self,
        airflow: BoardSource,
        client: AsyncWebClient,
        dsn: str,
        channel: str,
        deployment: Callable[[], Deployment],
        *,
        poster: Poster | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take a ``deployment`` that reads the current checklists and contacts; reading may take seconds."""
        self._airflow = airflow
        self._poster = poster or Poster(client, channel)
        self._channel = channel
        self._read_deployment = deployment
        self._clock = clock
        self._messages = Messages(dsn)
        self._ledger_views = LedgerViews(dsn)
        self._leader = Leader(dsn, channel)
        self._rendered = MessageCache()
        self._deployment: Deployment | None = None
        self._looking = asyncio.Lock()
        self._woken = asyncio.Event()
        self._hurry_until = self._quiet_until = 0.0
        self._trouble = ""
        self._reported: LRUCache[str, bool] = LRUCache(_REPORTS)

    # ---- for the rest of the bridge ----------------------------------------------------------------

    def soon(self) -> None:
        """Look at once, and more often for a moment: a person has answered."""
        self._hurry_until = time.monotonic() + HURRY_FOR
        self._woken.set()

    def sections(self, launch: BoardLaunch, people: Contacts) -> tuple[SectionView, ...]:
        """Return the sections of a launch for these contacts.

        Raises InvalidChecklist or ConfigurationError if no deployment could be read yet.
        """
        known = self._deployment or self._read_deployment()
        ledger = self._ledger_views.cached(launch.launch_id)
        return sections_of(launch, replace(known, contacts=people), ledger)

    async def thread_of(self, launch_id: str) -> str | None:
        """Return the ``ts`` of a launch's thread; None if it has none, or the store cannot be read now."""
        with suppress(LedgerError):
            placed = await asyncio.to_thread(self._messages.find, launch_id, ROOT, self._channel)
            return placed.ts if placed else None
        return None

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until ``stop`` is set; finish the look that is under way."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await self.look()
                await self._pause(stopping)
        finally:
            stopping.cancel()
            await self._leader.release()

    async def _pause(self, stopping: asyncio.Task[bool]) -> None:
        now = time.monotonic()
        seconds = HURRY_SECONDS if now < self._hurry_until else POLL_SECONDS
        woken = asyncio.create_task(self._woken.wait())
        await asyncio.wait({woken, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()
        self._woken.clear()

    # ---- one look ----------------------------------------------------------------------------------

    async def look(self) -> None:
        """Bring Slack up to date as far as Slack allows. Never raises; failures are logged.

        Of several bridges only the leader posts. The next look finds again what could not be posted.
        """
        async with self._looking:
            if time.monotonic() < self._quiet_until:
                return
            try:
                await self._look()
            except RateLimited as limited:
                self._quiet_until = time.monotonic() + limited.seconds
                log.info("%s", limited)
            except Exception as error:  # noqa: BLE001 - a failed look must not end the bridge
                await self._failed(error)
            else:
                if self._trouble:
                    log.info("Slack is up to date again.")
                self._trouble = ""

    async def _failed(self, error: Exception) -> None:
        """Log the error once, and let another bridge try."""
        trouble = str(error) if isinstance(error, LaunchError) else repr(error)
        if trouble != self._trouble:
            traceback = None if isinstance(error, LaunchError) else error
            log.warning("Slack is not up to date: %s", trouble, exc_info=traceback)
        self._trouble = trouble
        await self._leader.release()

    async def _look(self) -> None:
        deployment = await self._deployed()
        board = await self._airflow.board()
        launches = {launch.launch_id: launch for launch in board.launches}
        placed = await asyncio.to_thread(self._messages.all_of, self._channel, list(launches))
        stray = [one for one in placed if one.launch_id not in launches and one.key.startswith(CARDS)]
        ids = [*launches, *{one.launch_id for one in stray}]
        views = await asyncio.to_thread(self._ledger_views.of, ids)
        self._rendered.keep_only(set(launches))
        if not await self._leader.leads():
            return
        nudges = await asyncio.to_thread(self._messages.nudges, list(launches))
        snapshots: list[LaunchSnapshot] = []
        for launch_id, launch in launches.items():
            mine = {one.key: one for one in placed if one.launch_id == launch_id}
            earlier = tuple(nudge for nudge in nudges if nudge.launch_id == launch_id)
            with self._skipping(f"launch {launch_id}"):
                snapshots.append(self._snapshot(launch, deployment, views[launch_id], mine, earlier))
        for snapshot in snapshots:
            await self._post_new(snapshot, deployment)
        await self._update_changed(snapshots)
        await self._close(stray, deployment, views)

    async def _deployed(self) -> Deployment:
        """Return the current deployment, or the previous one if a file cannot be read now."""
        try:
            self._deployment = await asyncio.to_thread(self._read_deployment)
        except LaunchError as error:
            if self._deployment is None:
                raise
            self._report("The files as they were before are used", error)
        return self._deployment

    def _snapshot(
        self,
        launch: BoardLaunch,
        deployment: Deployment,
        ledger: LedgerView,
        placed: Mapping[str, Placed],
        nudges: tuple[Nudge, ...],
    ) -> LaunchSnapshot:
        root = self._rendered.root(launch_view_of(launch, deployment, ledger))
        thread = Thread(launch.launch_id, root, placed, self._messages, self._poster)
        return LaunchSnapshot(launch, ledger, sections_of(launch, deployment, ledger), thread, nudges)

    # ---- what is posted ----------------------------------------------------------------------------

    async def _post_new(self, snapshot: LaunchSnapshot, deployment: Deployment) -> None:
        """Post what is new, in the order in which people want to read it."""
        thread, launch_id, ledger = snapshot.thread, snapshot.launch.launch_id, snapshot.ledger
        if ledger.launch is not None and not ledger.over:
            with self._skipping(f"root of {launch_id}"):
                await thread.begin()
        with self._skipping(f"notes of {launch_id}"):
            await self._post_notes(snapshot, CatchUp(snapshot.launch, ledger, deployment, self._clock()))
        for card in self._new_cards(snapshot):
            with self._skipping(f"{card.key} of {launch_id}"):
                await thread.post(card)
        now, policy = self._clock(), deployment.policy
        for nudge in nudges_due(snapshot.views, snapshot.nudges, policy, now, over=ledger.over):
            with self._skipping(f"{nudge.key} of {launch_id}"):
                await thread.nudge(nudge)

    async def _post_notes(self, snapshot: LaunchSnapshot, catch_up: CatchUp) -> None:
        for key, what in catch_up.missing(snapshot.posted).items():
            with self._skipping(f"note {key}"):
                await snapshot.thread.post(_rendered(await self._note(snapshot, catch_up, what)))

    async def _note(self, snapshot: LaunchSnapshot, catch_up: CatchUp, what: Note | Seal) -> Note:
        if isinstance(what, Seal):
            return await self._phase_note(catch_up, what)
        if isinstance(what, LaunchNote) and what.kind in CALLS_FOR:
            people = catch_up.deployment.contacts
            stale = await asyncio.to_thread(self._ledger_views.stale, what.launch_id, people)
            return with_items(what, snapshot.ledger, stale)
        return what

    async def _phase_note(self, catch_up: CatchUp, seal: Seal) -> PhaseNote:
        records = await asyncio.to_thread(self._ledger_views.records, seal.launch_id, seal.dag_id)
        return catch_up.phase_note(seal, records)

    def _new_cards(self, snapshot: LaunchSnapshot) -> Iterator[Rendered]:
        for view in snapshot.cards:
            if deserves_a_card(view) and (not snapshot.ledger.over or view.dag_id == ROLLBACK):
                yield from (card for card in self._cards(view) if card.key not in snapshot.thread.placed)

    def _cards(self, view: SectionView) -> tuple[Rendered, ...]:
        with self._skipping(f"card of {view.dag_id}/{view.section_id}"):
            return self._rendered.cards(view)
        return ()

    # ---- what is changed ---------------------------------------------------------------------------

    async def _update_changed(self, snapshots: Sequence[LaunchSnapshot]) -> None:
        """Update messages that differ, over all launches, the longest unchanged first."""
        changed: list[tuple[Placed, Rendered, Thread]] = []
        for snapshot in snapshots:
            thread = snapshot.thread
            there = [view for view in snapshot.cards if card_key(view) in thread.placed]
            changed += [
                (placed, one, thread)
                for one in (thread.root, *(card for view in there for card in self._cards(view)))
                if (placed := thread.placed.get(one.key)) and placed.digest != one.digest
            ]
        for placed, message, thread in sorted(changed, key=lambda one: one[0].updated_at):
            with self._skipping(f"{placed.key} of {placed.launch_id}"):
                await thread.update(message)

    async def _close(
        self, stray: Sequence[Placed], deployment: Deployment, views: Mapping[str, LedgerView]
    ) -> None:
        """Remove the buttons from cards whose launch left the board while no bridge was running."""
        for placed in stray:
            launch = views[placed.launch_id].launch
            closed = closed_card(placed, deployment, rehearsal=launch is not None and launch.rehearsal)
            with self._skipping(f"{placed.key} of {placed.launch_id}"):
                try:
                    await self._poster.update(placed.ts, closed.message)
                except MessageGone:
                    log.info("%s of %s was deleted.", placed.key, placed.launch_id)
                await asyncio.to_thread(self._messages.remember, placed, closed.digest, live=False)

    # ---- what goes wrong ---------------------------------------------------------------------------

    @contextmanager
    def _skipping(self, what: str) -> Iterator[None]:
        """Skip one message that fails, rather than all others."""
        try:
            yield
        except (SlackUnavailable, LedgerError):
            raise
        except MessageGone:
            log.info("The thread was deleted; a new one begins (%s).", what)
            self.soon()
        except Exception as error:  # noqa: BLE001 - a fault in one message must not silence the launch
            self._report(f"Left out: {what}", error)

    def _report(self, what: str, error: Exception) -> None:
        """Log a problem once."""
        problem = f"{what}: {error}"
        if problem in self._reported:
            return
        self._reported[problem] = True
        log.warning("%s", problem, exc_info=None if isinstance(error, LaunchError) else error)


def _rendered(note: Note) -> Rendered:
    message = phase_note(note) if isinstance(note, PhaseNote) else launch_note(note)
    return Rendered.of(place_of(note.key), message, loud=is_loud(note))
