"""Decide whether a window is open, from its moments, the ledger, the environment and the clock.

A window of the launch day opens only while the launch is not on hold and every phase before it stands.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.hooks.in_force import asettings_of, settings_of
from launch_pipeline.airflow.hooks.ledger import awindow_rows, ledger, sealed_at, window_rows
from launch_pipeline.airflow.policies.launch_run import alaunch_in
from launch_pipeline.checklist.moments import opening
from launch_pipeline.checklist.sequence import T_0, WINDOWS
from launch_pipeline.checklist.vocabulary import Anchor
from launch_pipeline.errors import ConfigurationError, LedgerUnavailable
from launch_pipeline.launch.windows import held_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.checklist.model import Moment
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.ledger.schema import LedgerEntry

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""Longest interval at which a waiting window looks for a change of the launch."""


async def until_opened(ti: Any, moments: Sequence[Moment]) -> datetime:
    """Wait until the last of some moments has come and nothing holds the window back, and return the moment.

    For triggers. Launch and ledger are read again meanwhile, since the launch may be postponed, held or
    verified again. While they cannot be read the wait goes on. Raises LaunchRefused if the run does not
    belong to a running launch.
    """
    said: tuple[str, ...] = ()
    while True:
        opens_at = await _known_opening(ti, moments)
        left = (opens_at - datetime.now(UTC)).total_seconds() if opens_at else LOOK_SECONDS
        if left <= 0 and opens_at:
            closed = await _closed(ti)
            if not closed:
                return opens_at
            if closed != said:
                said = closed
                log.warning("The window stays closed. %s", " ".join(closed))
            left = LOOK_SECONDS
        await asyncio.sleep(min(left, LOOK_SECONDS))


def opened(launch: LaunchContext, dag_id: str, moments: Sequence[Moment]) -> bool:
    """Return whether the last of some moments has come and nothing holds the window of a Dag back.

    True without moments. For workers. Raises LedgerUnavailable.
    """
    if not moments:
        return True
    ended = ledger().seal(launch.launch_id, T_0) if _counts_t_0(moments) else None
    try:
        pace = settings_of(launch).environment.pace
    except ConfigurationError as error:
        log.warning("The opening time cannot be read, so the window stays closed: %s", error)
        return False
    if _last(launch, moments, ended.sealed_at if ended else None, pace) > datetime.now(UTC):
        return False
    closed = _held_back(launch, dag_id, window_rows(launch.launch_id)) if dag_id in WINDOWS else ()
    if closed:
        log.warning("The window stays closed. %s", " ".join(closed))
    return not closed


async def _closed(ti: Any) -> tuple[str, ...]:
    """Return what holds a window back beside its time; also that the ledger cannot be read."""
    if ti.dag_id not in WINDOWS:
        return ()
    try:
        launch = await alaunch_in(ti, fresh=True)
        return _held_back(launch, ti.dag_id, await awindow_rows(launch.launch_id))
    except LedgerUnavailable as error:
        return (f"Whether it may open cannot be read: {error}",)


def _held_back(launch: LaunchContext, dag_id: str, rows: Sequence[LedgerEntry]) -> tuple[str, ...]:
    return held_back(rows, dag_id, held=bool(launch.held_at))


async def _known_opening(ti: Any, moments: Sequence[Moment]) -> datetime | None:
    """Return when the last moment comes; None while that is not known."""
    try:
        launch = await alaunch_in(ti, fresh=True)
        environment = (await asettings_of(launch)).environment
        ended = await sealed_at(launch.launch_id, T_0) if _counts_t_0(moments) else None
        return _last(launch, moments, ended, environment.pace)
    except (LedgerUnavailable, ConfigurationError) as error:
        log.warning("The opening time cannot be read, so the window stays closed: %s", error)
        return None


def _counts_t_0(moments: Sequence[Moment]) -> bool:
    return any(moment.anchor is Anchor.T_0_END for moment in moments)


def _last(
    launch: LaunchContext, moments: Sequence[Moment], t_0_ended: datetime | None, pace: float
) -> datetime:
    base = datetime.fromisoformat(launch.launch_at)
    return max(opening(moment, base, t_0_ended, pace) for moment in moments)
