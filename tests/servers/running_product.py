"""The rehearsal's fakes in a thread of the test, over a real PostgreSQL, and checks against them."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pytest

from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.checks.engine.client_pool import close_clients
from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo, Holder
from launch_pipeline.checks.engine.environment import Environment
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import NotConnected
from launch_pipeline.stack.home import prepare_home
from launch_pipeline.stack.postgres import Postgres
from launch_pipeline.stack.processes import Component, ProcessRecords, wait_until
from launch_pipeline.stack.settings import StackSettings
from launch_rehearsal.product.base.plan import Part, redis_program
from launch_rehearsal.product.base.series import SAMPLE_EVERY
from launch_rehearsal.product.connections import connections, overlay
from launch_rehearsal.product.server import FakeProduct
from launch_rehearsal.run.stage import committed_environment, example_contacts
from launch_rehearsal.slack_server.base.settings import CHECK_TOKEN, SlackSettings
from launch_rehearsal.slack_server.server import SlackServer
from servers.passages import Passages

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping

    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checklist.vocabulary import Role
    from launch_pipeline.checks.verdict import CheckResult
    from launch_rehearsal.actors.scenario import Post
    from launch_rehearsal.product.base.plan import ProductPlan

ROOT = Path(__file__).parents[2]
T = TypeVar("T")
PRESENT = [part for part in Part if part is not Part.REDIS or redis_program()]
"""Parts of the product that this machine can run."""


@contextmanager
def postgres(home: Path) -> Iterator[str]:
    """Run the stack's PostgreSQL alone; gives the superuser's address."""
    settings = StackSettings.resolve(home=home, root=ROOT, rehearsal=True)
    prepare_home(home)
    server = Postgres(settings)
    server.prepare()
    component = Component(server.spec(), settings.log_folder, ProcessRecords(home / "processes.json"))
    component.start()
    try:
        assert wait_until(server.ready, 60, alive=lambda: None)
        password = settings.keys().postgres_password
        yield f"postgresql://postgres:{password}@127.0.0.1:{settings.database_port}/postgres"
    finally:
        component.stop()


class RunningProduct:
    """The fake product and the fake Slack in an event loop of their own."""

    def __init__(self, plan: ProductPlan) -> None:
        self.plan = plan
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.fake = FakeProduct(plan)
        self.slack = SlackServer(SlackSettings(contacts=example_contacts()), self.fake.tampering)
        self.contacts = load_contacts(example_contacts())
        self._committed = committed_environment()
        self.launch_at = datetime.now(UTC)
        self._passages = Passages(plan, self.fake.tampering)
        self.slack_url = ""
        """Where checks reach Slack; its own address if empty."""
        self.amend: Callable[[dict[str, Any]], dict[str, Any]] = dict
        """Changes the environment of launches."""

    def __enter__(self) -> Self:
        self._thread.start()
        self.do(self.fake.__aenter__())
        self.do(self.slack.__aenter__())
        self.do(self._passages.__aenter__())
        self.launch_at = datetime.now(UTC)
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._passages.__aexit__())
        self.do(self.slack.__aexit__())
        self.do(self.fake.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def turn(self, part: Part, *, works: bool) -> None:
        """Break or repair a part."""
        self.do(self.fake.health.turn(part, works=works))

    def release_again(self) -> str:
        """Let the team release a new commit."""
        return self.do(self.fake.release_again())

    def write_up(self) -> str:
        """Let the team document the launch."""
        return self.do(self.fake.write_up())

    def say(self, posts: Iterable[Post]) -> None:
        """Post in Slack what the checks of some items look for."""
        author = str(self.contacts.people[0].slack_id)

        async def said() -> None:
            for post in posts:
                self.slack.workspace.say(author, post.channel, post.text)

        self.do(said())

    def await_samples(self, seconds: float = 2 * SAMPLE_EVERY) -> None:
        """Wait until the metrics have seen so many seconds of the present."""
        began = time.time()
        assert wait_until(lambda: time.time() - began > seconds, seconds + 5, alive=lambda: None)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the product's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @property
    def environment(self) -> Environment:
        """The rehearsal's environment, with the variables of a launch a moment ago."""
        made = self.amend(overlay(self._committed, self.plan, self.fake.schema_fingerprint))
        made["addresses"] = {**made["addresses"], **self._passages.addresses}
        moment = datetime.now(UTC)
        launch = {
            "release": self.plan.release,
            "release_sha": self.fake.release_sha,
            "previous_release": self.plan.previous_release,
            "launch_at": self.launch_at.isoformat(),
            "launch_date": moment.date().isoformat(),
            "today": moment.date().isoformat(),
            "now": moment.isoformat(),
            "run_nonce": hashlib.sha256(moment.isoformat().encode()).hexdigest()[:16],
        }
        return Environment.model_validate(
            {**made, "variables": with_product({**made["variables"], **launch})}
        )

    def check(self, item: Item) -> list[CheckResult]:
        """Run an item's own checks against this product."""
        return self.check_all({"": item})[""]

    def check_all(self, items: Mapping[str, Item]) -> dict[str, list[CheckResult]]:
        """Run the checks of many items in one event loop: at the same time, then one by one what measures."""
        with pytest.MonkeyPatch.context() as patch:
            # As the rehearsal's processes have it; the tests after these must not.
            patch.setenv("SSL_CERT_FILE", str(self.plan.trust_file))
            return asyncio.run(self._check_all(items))

    async def _check_all(self, items: Mapping[str, Item]) -> dict[str, list[CheckResult]]:
        calm = [ref for ref, item in items.items() if not measures(item)]
        try:
            found = dict(zip(calm, await asyncio.gather(*(self._check(items[r]) for r in calm)), strict=True))
            # Bursts last, each after the limits have forgotten the one before: two ask the same route.
            for ref in sorted(items.keys() - set(calm), key=lambda ref: (bool(items[ref].side_effects), ref)):
                if items[ref].side_effects:
                    self.fake.calm()
                found[ref] = await self._check(items[ref])
        finally:
            await close_clients()
        return found

    async def _check(self, item: Item) -> list[CheckResult]:
        return await run_checks(item.checks, self.context(), side_effects=item.side_effects)

    def context(self) -> CheckContext:
        """Return what the checks of a launch at this moment may use."""
        plan = self._passages.before(self.plan)
        known = {name: _info(name, given) for name, given in connections(plan).items()}
        known["slack_check"] = ConnectionInfo(
            "slack_check", password=CHECK_TOKEN, extra={"base_url": self.slack_url or self.slack.api_url}
        )

        async def connect(conn_id: str) -> ConnectionInfo:
            if conn_id not in known:
                message = f"not connected: {conn_id}"
                raise NotConnected(message)
            return known[conn_id]

        async def holders(role: Role) -> list[Holder]:
            return [Holder(person.name, person.slack_id) for person in self.contacts.holders(role)]

        return CheckContext(self.environment, connect, holders)


def troubles(results: Mapping[str, list[CheckResult]]) -> dict[str, list[CheckResult]]:
    """Return the results that are not passed, of the items that have any."""
    found = {ref: [r for r in each if r.verdict is not Verdict.PASSED] for ref, each in results.items()}
    return {ref: each for ref, each in found.items() if each}


def measures(item: Item) -> bool:
    """Whether its answer depends on what else is asked at this moment: bursts, loads, latencies.

    A latency that a report tells is of another moment.
    """
    asked = [f"{check.params.get('expect')}" for check in item.checks if check.kind != "report"]
    samples = any(check.params.get("samples", 1) > 1 for check in item.checks)
    return bool(item.side_effects) or samples or any("_ms" in expectation for expectation in asked)


def _info(name: str, given: dict[str, Any]) -> ConnectionInfo:
    fields = {key: value for key, value in given.items() if key != "conn_type"}
    return ConnectionInfo(conn_id=name, scheme=given["conn_type"], **fields)
