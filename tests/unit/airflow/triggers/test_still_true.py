"""From the Go until T+4h: one red look is a doubt, two are the truth, and what is unknown is neither."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.airflow.triggers.still_true import StillTrue
from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.checklist.sequence import AFTER_GO, GO_NO_GO, T_0
from launch_pipeline.launch.in_force import dags_in_force, deployed_settings
from launch_pipeline.launch.standing import InForce
from launch_pipeline.ledger.reopened import Cause
from servers.checking import run
from servers.passed_phases import LAUNCH, PassedPhases
from servers.small_week import REF, WEEK_1, with_small_week
from servers.web import serving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.ledger.ledger import Ledger
    from launch_pipeline.ledger.reopened import Reopened
    from servers.airflow_task import Supervisor
    from servers.include_folder import IncludeFolder

GREEN = f"{REF}green"
LOOKS = 6


class Shop:
    """A service whose pages answer as the test says, one status after the other; the last one stays."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.app = web.Application()
        self.app.router.add_get("/{page:.*}", self._page)

    async def _page(self, request: web.Request) -> web.Response:
        if request.path != "/green":
            return web.Response()
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return web.Response(status=status)


@pytest.fixture(autouse=True)
def small(include: IncludeFolder) -> None:
    """Replace the first phase before the launch begins with it, and look as often as the policy allows."""
    with_small_week(include)


@pytest.fixture
def phases(small: None, launched: Ledger, dsn: str) -> PassedPhases:
    """Give a launch whose first phase and Go are sealed complete."""
    assert small is None
    made = PassedPhases(launched, dsn)
    made.seal(WEEK_1, GO_NO_GO)
    return made


def found(supervisor: Supervisor, phases: PassedPhases, shop: Shop) -> list[Reopened]:
    """Return what a few looks in succession find no longer true."""

    async def looking() -> list[Reopened]:
        async with serving(shop.app) as port:
            supervisor.web("shop", port)
            launch = phases.launch
            now = InForce(launch, dags_in_force(phases.dsn, launch), deployed_settings("test"), contacts())
            return await _look(now, phases.ledger.entries(LAUNCH))

    return run(looking())


async def _look(now: InForce, entries: Sequence[Any]) -> list[Reopened]:
    hours = itertools.count()
    watched = StillTrue(lambda: datetime.now(UTC) + timedelta(hours=next(hours)))
    watched.note(entries, now)
    wrong: list[Reopened] = []
    for _ in range(LOOKS):
        watched.begin(now)
        await asyncio.gather(*watched.running)
        wrong += watched.wrong()
    return wrong


def refs(reopened: Sequence[Reopened], cause: Cause = Cause.NO_LONGER_TRUE) -> set[str]:
    return {one.item_ref for one in reopened if one.cause is cause}


QUIET: dict[str, tuple[int, ...]] = {
    "still true": (200,),
    "red for one look": (503, 200),
    "red now and then": (503, 200, 503, 200, 200, 503, 200),
}


@pytest.mark.parametrize("statuses", QUIET.values(), ids=QUIET)
def test_one_red_look_reopens_nothing(
    supervisor: Supervisor, phases: PassedPhases, statuses: tuple[int, ...]
) -> None:
    """A hiccup takes no Go back."""
    assert found(supervisor, phases, Shop(*statuses)) == []


def test_what_cannot_be_looked_at_stays_as_it_is(supervisor: Supervisor, phases: PassedPhases) -> None:
    """A service that answers nothing is neither true nor false: no item turns red for it."""

    async def looking() -> list[Reopened]:
        supervisor.web("shop", 9)
        launch = phases.launch
        now = InForce(launch, dags_in_force(phases.dsn, launch), deployed_settings("test"), contacts())
        return await _look(now, phases.ledger.entries(LAUNCH))

    assert run(looking()) == []


def test_nothing_is_watched_before_the_go(supervisor: Supervisor, launched: Ledger, dsn: str) -> None:
    """The go/no-go looks for itself."""
    made = PassedPhases(launched, dsn)
    made.seal(WEEK_1)
    assert found(supervisor, made, Shop(503)) == []


def test_nothing_is_watched_after_t_plus_4h(supervisor: Supervisor, phases: PassedPhases) -> None:
    """The launch day is over when its last window is sealed."""
    phases.seal(*AFTER_GO)
    assert found(supervisor, phases, Shop(503)) == []


def test_item_that_is_verified_again_already_is_left_alone(
    supervisor: Supervisor, phases: PassedPhases
) -> None:
    """Its own task looks at it."""
    phases.reopen(WEEK_1, GREEN, "503")
    assert found(supervisor, phases, Shop(503)) == []


def test_two_red_looks_reopen_the_item_and_take_the_go_back(
    supervisor: Supervisor, phases: PassedPhases
) -> None:
    """Its headline is the reason, and each decision has the item's words and what was seen."""
    reopened = found(supervisor, phases, Shop(503))
    assert refs(reopened) == {GREEN}
    item = next(one for one in reopened if one.item_ref == GREEN)
    assert "503" in item.why[0]
    taken_back = [one for one in reopened if one.cause is Cause.GO_TAKEN_BACK]
    assert {one.dag_id for one in taken_back} == {GO_NO_GO}
    assert len({one.item_ref for one in taken_back}) == 4
    assert all(item.text in one.why[0] and item.why[0] in one.why[0] for one in taken_back)


def test_a_go_stands_once_t_0_has_opened(supervisor: Supervisor, phases: PassedPhases) -> None:
    """The item is reopened; what was launched is not decided again."""
    phases.window_opened(T_0)
    reopened = found(supervisor, phases, Shop(503))
    assert refs(reopened) == {GREEN}
    assert refs(reopened, Cause.GO_TAKEN_BACK) == set()
