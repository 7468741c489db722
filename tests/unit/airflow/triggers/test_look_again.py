"""Another look at what has passed: nothing but a clear yes is still true, and no look ends the others."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from launch_pipeline.airflow.triggers import look_again as module
from launch_pipeline.airflow.triggers.look_again import look_again
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.in_force import deployed_settings
from launch_pipeline.launch.looking import Look, LookedAt, Truth
from servers.checking import run
from servers.passed_phases import PassedPhases
from servers.small_week import REF, WEEK_1, with_small_week
from servers.web import serving

if TYPE_CHECKING:
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Supervisor
    from servers.include_folder import IncludeFolder

SOON = 20.0
"""Seconds within which a loaded machine does it; nothing waits so long where the code is right."""


class Shop:
    """A service whose pages answer 200, but for those that are broken or hang."""

    def __init__(self, *, broken: tuple[str, ...] = (), hangs: tuple[str, ...] = ()) -> None:
        self.asked: list[str] = []
        self.busy = self.most = 0
        self._broken, self._hangs = broken, hangs
        self.app = web.Application()
        self.app.router.add_get("/{page:.*}", self._page)

    async def _page(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(3600 if request.path in self._hangs else 0.05)
        self.busy -= 1
        return web.Response(status=503 if request.path in self._broken else 200)


@pytest.fixture(autouse=True)
def small(include: IncludeFolder) -> None:
    """Replace the first phase before the launch begins with it."""
    with_small_week(include)


@pytest.fixture
def launch(small: None, launched: Ledger, dsn: str) -> LaunchContext:
    """Give the launch of the tests."""
    assert small is None
    return PassedPhases(launched, dsn).launch


def items(*names: str) -> list[LookedAt]:
    specs = deployed_dags()[WEEK_1].specs
    return [LookedAt(WEEK_1, specs[f"machine.{name}"]) for name in names]


def looks(
    supervisor: Supervisor, launch: LaunchContext, shop: Shop, *looked: LookedAt, in_worker: bool = False
) -> dict[str, Look]:
    """Look at some items of a shop that is served in the same loop."""

    async def looking() -> list[Look]:
        async with serving(shop.app) as port:
            supervisor.web("shop", port)
            settings = deployed_settings("test")
            return await asyncio.wait_for(look_again(launch, settings, looked, in_worker=in_worker), SOON)

    return {look.item.spec.ref.removeprefix(REF): look for look in run(looking())}


UNKNOWN: dict[str, tuple[str, str]] = {
    "has side effects": ("loaded", "it generates load"),
    "runs a program": ("programmed", "it runs a program"),
    "takes a worker": ("reported", "it takes a worker"),
    "is not connected": ("unconnected", "not connected: nowhere"),
}


@pytest.mark.parametrize(("name", "why"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_looked_at_is_not_true(
    supervisor: Supervisor, launch: LaunchContext, name: str, why: str
) -> None:
    """It is unknown, with the reason, and nothing of it was run."""
    shop = Shop()
    look = looks(supervisor, launch, shop, *items(name))[name]
    assert look.truth is Truth.UNKNOWN
    assert why in look.headline
    assert shop.asked == []


def test_a_service_that_hangs_holds_up_its_own_item_only(
    supervisor: Supervisor, launch: LaunchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time for one look the item is unknown; the others have been looked at."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 1.0)
    shop = Shop(hangs=("/patient",))
    found = looks(supervisor, launch, shop, *items("patient", "green"))
    assert (found["patient"].truth, found["patient"].headline) == (Truth.UNKNOWN, "no answer within 1s")
    assert found["green"].truth is Truth.STILL_TRUE


def test_a_bug_in_one_look_does_not_end_the_others(
    supervisor: Supervisor, launch: LaunchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is unknown without the text of the error, which may hold a secret."""
    run_checks = module.run_checks

    async def stumbles(checks: Any, context: Any) -> Any:
        if checks[0].params["path"] == "/patient":
            message = "secret"
            raise ValueError(message)
        return await run_checks(checks, context)

    monkeypatch.setattr(module, "run_checks", stumbles)
    found = looks(supervisor, launch, Shop(), *items("patient", "green"))
    assert (found["patient"].truth, found["patient"].headline) == (
        Truth.UNKNOWN,
        "internal error: ValueError",
    )
    assert found["green"].truth is Truth.STILL_TRUE


def test_what_is_red_is_no_longer_true_at_once(supervisor: Supervisor, launch: LaunchContext) -> None:
    """A check that may wait a quarter of an hour to become true is asked once."""
    shop = Shop(broken=("/patient",))
    began = time.monotonic()
    found = looks(supervisor, launch, shop, *items("patient", "green"))
    assert time.monotonic() - began < SOON
    assert {name: look.truth for name, look in found.items()} == {
        "patient": Truth.NO_LONGER_TRUE,
        "green": Truth.STILL_TRUE,
    }
    assert "503" in found["patient"].headline
    assert shop.asked.count("/patient") == 1
    assert found["patient"].seen.owner == "technical_lead"


def test_items_are_looked_at_side_by_side_and_not_all_at_once(
    supervisor: Supervisor, launch: LaunchContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than the limit, however many they are."""
    monkeypatch.setattr(module, "AT_ONCE", 3)
    shop = Shop()
    looks(supervisor, launch, shop, *(items("green") * 9))
    assert (len(shop.asked), shop.most) == (9, 3)


def test_a_worker_looks_at_what_loads_the_machine(
    supervisor: Supervisor, launch: LaunchContext, include: IncludeFolder
) -> None:
    """The same item that the triggerer leaves out is judged there, and a program still is not."""
    include.environment(variables={"reports": str(include.path)})
    found = looks(supervisor, launch, Shop(), *items("reported", "programmed"), in_worker=True)
    assert module.WORKER_ONLY not in found["reported"].headline
    assert "runs a program" in found["programmed"].headline
