"""Keeps Slack true: looks at the board every few seconds, and posts or changes what is not as it is.

Nothing is remembered that a restart would lose: what there is in Slack is in the store, what should be there
follows from board, ledger and checklist. Within a look a card is changed at most once, however much moved.

A section gets its card when somebody is asked in it, or an item of it was answered or failed; one that the
machine passes by itself is only counted in the root. From then on the card follows to the end of the launch.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from launch_pipeline.checklist.sequence import ROLLBACK
from launch_pipeline.errors import LaunchError, LedgerError
from launch_pipeline.ledger.schema import Seal
from launch_pipeline.notifications.keys import ROOT, is_loud, place_of
from launch_pipeline.notifications.model import PhaseNote
from launch_pipeline.slack.bridge.connection.leader import Leader
from launch_pipeline.slack.bridge.projection.catch_up import Teller
from launch_pipeline.slack.bridge.projection.ledger_view import Memories, Memory
from launch_pipeline.slack.bridge.projection.messages import Showing, card_key, closing, deserves_a_card
from launch_pipeline.slack.bridge.projection.posting import Away, Gone, Limited, Poster
from launch_pipeline.slack.bridge.projection.reminders import calls_due
from launch_pipeline.slack.bridge.projection.thread import CARDS, Shown, Thread
from launch_pipeline.slack.bridge.projection.views import Deployment, closed, launch_view_of, sections_of
from launch_pipeline.slack.messages.notes import launch_note, phase_note
from launch_pipeline.slack.store import Messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from slack_sdk.web.async_client import AsyncWebClient

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.notifications.keys import Note
    from launch_pipeline.slack.messages.views import SectionView
    from launch_pipeline.slack.protocol import Board, BoardLaunch
    from launch_pipeline.slack.store import Nudge, Placed

log = logging.getLogger(__name__)

POLL_SECONDS = 3.0
"""Between two looks (design, section 5)."""
HURRY_SECONDS, HURRY_FOR = 1.0, 6.0
"""Between two looks, and for how long, after somebody answered: a task takes a second or two to end."""
_COMPLAINTS = 200


class BoardSource(Protocol):
    """Whoever knows what is under way; the bridge's ``Airflow``."""

    async def board(self) -> Board:
        """Every launch that is under way. Raises OperationError where it cannot be known now."""


@dataclass(frozen=True)
class Scene:
    """One launch in one look."""

    launch: BoardLaunch
    memory: Memory
    views: tuple[SectionView, ...]
    thread: Thread
    nudges: tuple[Nudge, ...]

    @property
    def cards(self) -> tuple[SectionView, ...]:
        """The sections as cards show them: nobody can answer in a launch that is over, but roll it back."""
        if not self.memory.over:
            return self.views
        return tuple(view if view.dag_id == ROLLBACK else closed(view) for view in self.views)

    @property
    def told(self) -> set[str]:
        """Keys of the notes that were told."""
        prefix = place_of("")
        return {key.removeprefix(prefix) for key in self.thread.placed if key.startswith(prefix)}


class Projector:
    """The projection of one Airflow into one channel."""

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
        """``deployment`` gives checklists and people as they are now; it may take seconds."""
        self._airflow = airflow
        self._poster = poster or Poster(client, channel)
        self._channel = channel
        self._read_deployment = deployment
        self._clock = clock
        self._messages = Messages(dsn)
        self._memories = Memories(dsn)
        self._leader = Leader(dsn, channel)
        self._showing = Showing()
        self._deployment: Deployment | None = None
        self._looking = asyncio.Lock()
        self._woken = asyncio.Event()
        self._hurry_until = self._quiet_until = 0.0
        self._trouble = ""
        self._complaints: OrderedDict[str, None] = OrderedDict()

    # ---- for the rest of the bridge ----------------------------------------------------------------

    def soon(self) -> None:
        """Look at once, and often for a moment: somebody has answered."""
        self._hurry_until = time.monotonic() + HURRY_FOR
        self._woken.set()

    def sections(self, launch: BoardLaunch, people: Contacts) -> tuple[SectionView, ...]:
        """Give the sections of a launch as these contacts make them.

        Raises InvalidChecklist or ConfigurationError before anything could be read.
        """
        known = self._deployment or self._read_deployment()
        return sections_of(launch, replace(known, contacts=people), self._memories.kept(launch.launch_id))

    async def thread_of(self, launch_id: str) -> str | None:
        """Give the ``ts`` of a launch's thread; None where it has none, or nobody can say now."""
        with suppress(LedgerError):
            placed = await asyncio.to_thread(self._messages.find, launch_id, ROOT, self._channel)
            return placed.ts if placed else None
        return None

    async def run(self, stop: asyncio.Event) -> None:
        """Look every few seconds until told to stop; the look that is under way is finished."""
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
        """Look once, and bring Slack up to date as far as Slack allows. Never raises; what failed is logged.

        Of several bridges the one that leads speaks. Whatever could not be said is found again by the next
        look.
        """
        async with self._looking:
            if time.monotonic() < self._quiet_until:
                return
            try:
                await self._look()
            except Limited as limited:
                self._quiet_until = time.monotonic() + limited.seconds
                log.info("%s", limited)
            except Exception as error:  # noqa: BLE001 - the bridge must outlive whatever a look meets
                await self._in_trouble(error)
            else:
                if self._trouble:
                    log.info("Slack is up to date again.")
                self._trouble = ""

    async def _in_trouble(self, error: Exception) -> None:
        """Say it once, and let another bridge try."""
        trouble = str(error) if isinstance(error, LaunchError) else repr(error)
        if trouble != self._trouble:
            told = None if isinstance(error, LaunchError) else error
            log.warning("Slack is not up to date: %s", trouble, exc_info=told)
        self._trouble = trouble
        await self._leader.release()

    async def _look(self) -> None:
        deployment = await self._deployed()
        board = await self._airflow.board()
        launches = {launch.launch_id: launch for launch in board.launches}
        placed = await asyncio.to_thread(self._messages.all_of, self._channel, list(launches))
        stray = [one for one in placed if one.launch_id not in launches and one.key.startswith(CARDS)]
        ids = [*launches, *{one.launch_id for one in stray}]
        memories = await asyncio.to_thread(self._memories.of, ids)
        self._showing.forget_but(set(launches))
        if not await self._leader.leads():
            return
        nudges = await asyncio.to_thread(self._messages.nudges, list(launches))
        scenes: list[Scene] = []
        for launch_id, launch in launches.items():
            mine = {one.key: one for one in placed if one.launch_id == launch_id}
            told = tuple(nudge for nudge in nudges if nudge.launch_id == launch_id)
            with self._passing_over(f"launch {launch_id}"):
                scenes.append(self._scene(launch, deployment, memories[launch_id], mine, told))
        for scene in scenes:
            await self._say(scene, deployment)
        await self._follow(scenes)
        await self._close(stray, deployment, memories)

    async def _deployed(self) -> Deployment:
        """The deployment as it is; as it was where a file cannot be read just now."""
        try:
            self._deployment = await asyncio.to_thread(self._read_deployment)
        except LaunchError as error:
            if self._deployment is None:
                raise
            self._complain("The files as they were before are used", error)
        return self._deployment

    def _scene(
        self,
        launch: BoardLaunch,
        deployment: Deployment,
        memory: Memory,
        placed: Mapping[str, Placed],
        nudges: tuple[Nudge, ...],
    ) -> Scene:
        root = self._showing.root(launch_view_of(launch, deployment, memory))
        thread = Thread(launch.launch_id, root, placed, self._messages, self._poster)
        return Scene(launch, memory, sections_of(launch, deployment, memory), thread, nudges)

    # ---- what is posted ----------------------------------------------------------------------------

    async def _say(self, scene: Scene, deployment: Deployment) -> None:
        """Post what is new, in the order in which a person wants to read it."""
        thread, launch_id = scene.thread, scene.launch.launch_id
        if scene.memory.launch is not None and not scene.memory.over:
            with self._passing_over(f"root of {launch_id}"):
                await thread.begin()
        with self._passing_over(f"notes of {launch_id}"):
            await self._tell(scene, Teller(scene.launch, scene.memory, deployment, self._clock()))
        for card in self._new_cards(scene):
            with self._passing_over(f"{card.key} of {launch_id}"):
                await thread.tell(card)
        rules, over = deployment.policy, scene.memory.over
        for call in calls_due(scene.views, scene.nudges, rules, self._clock(), over=over):
            with self._passing_over(f"{call.key} of {launch_id}"):
                await thread.call(call)

    async def _tell(self, scene: Scene, teller: Teller) -> None:
        for key, what in teller.untold(scene.told).items():
            with self._passing_over(f"note {key}"):
                note = await self._phase_note(teller, what) if isinstance(what, Seal) else what
                await scene.thread.tell(_shown(note))

    async def _phase_note(self, teller: Teller, seal: Seal) -> PhaseNote:
        records = await asyncio.to_thread(self._memories.records, seal.launch_id, seal.dag_id)
        return teller.phase_note(seal, records)

    def _new_cards(self, scene: Scene) -> Iterator[Shown]:
        for view in scene.cards:
            if deserves_a_card(view) and (not scene.memory.over or view.dag_id == ROLLBACK):
                yield from (card for card in self._built(view) if card.key not in scene.thread.placed)

    def _built(self, view: SectionView) -> tuple[Shown, ...]:
        with self._passing_over(f"card of {view.dag_id}/{view.section_id}"):
            return self._showing.cards(view)
        return ()

    # ---- what is changed ---------------------------------------------------------------------------

    async def _follow(self, scenes: Sequence[Scene]) -> None:
        """Change what is not as it is, over all launches; what has waited longest comes first."""
        changed: list[tuple[Placed, Shown, Thread]] = []
        for scene in scenes:
            thread = scene.thread
            there = [view for view in scene.cards if card_key(view) in thread.placed]
            changed += [
                (placed, one, thread)
                for one in (thread.root, *(card for view in there for card in self._built(view)))
                if (placed := thread.placed.get(one.key)) and placed.digest != one.digest
            ]
        for placed, shown, thread in sorted(changed, key=lambda one: one[0].updated_at):
            with self._passing_over(f"{placed.key} of {placed.launch_id}"):
                await thread.update(shown)

    async def _close(
        self, stray: Sequence[Placed], deployment: Deployment, memories: Mapping[str, Memory]
    ) -> None:
        """Take the buttons from cards whose launch has left the board while nobody looked."""
        for placed in stray:
            kept = memories[placed.launch_id].launch
            shown = closing(placed, deployment, rehearsal=kept is not None and kept.rehearsal)
            with self._passing_over(f"{placed.key} of {placed.launch_id}"):
                try:
                    await self._poster.update(placed.ts, shown.message)
                except Gone:
                    log.info("%s of %s was deleted.", placed.key, placed.launch_id)
                await asyncio.to_thread(self._messages.remember, placed, shown.digest, live=False)

    # ---- what goes wrong ---------------------------------------------------------------------------

    @contextmanager
    def _passing_over(self, what: str) -> Iterator[None]:
        """Leave out one message that cannot be said, for whatever reason, rather than all others."""
        try:
            yield
        except (Away, LedgerError):
            raise
        except Gone:
            log.info("Somebody deleted the thread; it is begun again (%s).", what)
            self.soon()
        except Exception as error:  # noqa: BLE001 - a fault in one message must not silence the launch
            self._complain(f"Left out: {what}", error)

    def _complain(self, what: str, error: Exception) -> None:
        """Say what goes wrong with one thing, once."""
        complaint = f"{what}: {error}"
        if complaint in self._complaints:
            return
        self._complaints[complaint] = None
        while len(self._complaints) > _COMPLAINTS:
            self._complaints.popitem(last=False)
        log.warning("%s", complaint, exc_info=None if isinstance(error, LaunchError) else error)


def _shown(note: Note) -> Shown:
    message = phase_note(note) if isinstance(note, PhaseNote) else launch_note(note)
    return Shown.of(place_of(note.key), message, loud=is_loud(note))
