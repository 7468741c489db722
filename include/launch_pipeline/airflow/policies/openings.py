"""Compute when a window opens from its moments, the ledger, the environment and the clock."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.hooks.in_force import asettings_of, settings_of
from launch_pipeline.airflow.hooks.ledger import ledger, sealed_at
from launch_pipeline.airflow.policies.launch_run import alaunch_in
from launch_pipeline.checklist.moments import opening
from launch_pipeline.checklist.sequence import T_0
from launch_pipeline.checklist.vocabulary import Anchor
from launch_pipeline.errors import ConfigurationError, LedgerUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.checklist.model import Moment
    from launch_pipeline.launch.context import LaunchContext

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""Longest interval at which a waiting window checks for a postponement or an abort."""


async def until_opened(ti: Any, moments: Sequence[Moment]) -> datetime:
    """Wait until the last of some moments has come, and return it. For triggers.

    The launch is read again meanwhile, since it may be postponed. While it cannot be read the wait goes on.
    Raises LaunchRefused if the run does not belong to a running launch.
    """
    while True:
        opens_at = await _known_opening(ti, moments)
        left = (opens_at - datetime.now(UTC)).total_seconds() if opens_at else LOOK_SECONDS
        if left <= 0 and opens_at:
            return opens_at
        await asyncio.sleep(min(left, LOOK_SECONDS))


def opened(launch: LaunchContext, moments: Sequence[Moment]) -> bool:
    """Return whether the last of some moments has come; true without moments. For workers.

    Raises LedgerUnavailable.
    """
    if not moments:
        return True
    ended = ledger().seal(launch.launch_id, T_0) if _counts_t_0(moments) else None
    try:
        pace = settings_of(launch).environment.pace
    except ConfigurationError as error:
        log.warning("The opening time cannot be read, so the window stays closed: %s", error)
        return False
    return _last(launch, moments, ended.sealed_at if ended else None, pace) <= datetime.now(UTC)


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
