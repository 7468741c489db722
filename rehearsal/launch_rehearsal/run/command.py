"""Run ``launch rehearse``: start the stack and the fakes, run a whole launch, and print the result."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import CONDUCTOR
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.cli.console import console
from launch_pipeline.errors import ConfigurationError, LaunchRefused, OperationError
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.stack.progress import step
from launch_pipeline.stack.stack import Stack
from launch_rehearsal.actors.operations import Operator
from launch_rehearsal.actors.people import People, World
from launch_rehearsal.actors.product_client import ProductClient
from launch_rehearsal.actors.scenario import DEFAULT, Scenario
from launch_rehearsal.actors.story import Happening
from launch_rehearsal.actors.timing import ROOM, LaunchTime
from launch_rehearsal.actors.turns import Postponing, Regressing
from launch_rehearsal.actors.watch import Watch, items_of, load_plans
from launch_rehearsal.product.base.plan import Part
from launch_rehearsal.run.display import Display
from launch_rehearsal.run.output import addresses, explain, tell, tell_as_json, write_report
from launch_rehearsal.run.stage import ADMIN, ENVIRONMENT, PRODUCT, RELEASE_MANAGER, Stage
from launch_rehearsal.run.summary import Summary, summarise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from launch_rehearsal.actors.watch import View
    from launch_rehearsal.product.base.plan import ProductPlan

LAUNCH_IN = timedelta(minutes=2)
"""Time from the trigger to T-0: longer than admission, which takes up to a minute on a busy machine, and
shorter than the phases of the weeks before.

In a rehearsal by hand it is ``timing.ROOM``, and T-0 moves closer once everything before it is complete.
"""
LOOK_EVERY = 2.0
PRODUCT_TIMEOUT = 60.0


def rehearse(
    *,
    hands_on: bool = False,
    port: int = 8080,
    home: Path | None = None,
    keep: bool = False,
    break_: Sequence[str] = (),
    json: bool = False,
) -> None:
    """Rehearse a launch.

    ``hands_on`` leaves the answers to the user, and everything running at the end until Ctrl-C, as ``keep``
    does. ``break_`` names parts of the product that stay broken. ``json`` prints the summary as JSON.
    Raises SystemExit(1) unless the launch ends complete, with an outcome for every item of the document and a
    reason in the scenario for every item that was not verified. Raises LaunchError if it cannot run.
    """
    broken = tuple(map(_part, break_))
    scenario = Scenario() if hands_on else DEFAULT
    stage = Stage(home=home, port=port, broken=dict.fromkeys((*scenario.broken, *broken)))
    scenario = for_good(scenario, broken).on(taking_part(stage.plan, broken))
    rehearsal = Rehearsal(stage, scenario, hands_on=hands_on, quiet=json)
    with _signals():
        code = rehearsal.run(keep=keep, as_json=json)
    if code:
        raise SystemExit(code)


def _part(name: str) -> Part:
    try:
        return Part(name)
    except ValueError as error:
        fix = f"name one of {', '.join(Part)}."
        raise ConfigurationError("--break", "", f"there is no part {name!r}.", fix) from error


def taking_part(plan: ProductPlan, broken: Sequence[Part]) -> list[Part]:
    """Return the parts that take part on this machine; raises ConfigurationError if a broken one does not."""
    missing = set() if plan.redis else {Part.REDIS}
    for part in missing & set(broken):
        fix = "install redis-server 7 or newer, or break another part."
        raise ConfigurationError("--break", part, "this machine's product has no such part.", fix)
    return [part for part in Part if part not in missing]


def for_good(scenario: Scenario, broken: Sequence[Part]) -> Scenario:
    """Return the scenario in which the broken parts stay broken: they neither recover nor are repaired."""
    heals = {part: after for part, after in scenario.heals_after.items() if part not in broken}
    kept = {
        name: turn if turn and turn.part not in broken else None
        for name, turn in (("rejection", scenario.rejection), ("regression", scenario.regression))
    }
    return scenario.model_copy(update={"heals_after": heals, **kept})


class Rehearsal:
    """Run one rehearsal from the first process to the last line of output."""

    def __init__(self, stage: Stage, scenario: Scenario, *, hands_on: bool, quiet: bool) -> None:
        self.stage, self.scenario, self.hands_on = stage, scenario, hands_on
        self.plans = load_plans()
        self.items = items_of(self.plans)
        self.run_id = f"REHEARSAL-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        self.stack = Stack(stage.settings, stage.components())
        self.control = ProductClient(stage.plan)
        self.console = console(stderr=quiet)
        self.display = Display(self.console, self._owners(), tell_waits=hands_on)

    def _owners(self) -> dict[tuple[str, str], str]:
        holders = {place: self.stage.contacts.holders(item.item.owner) for place, item in self.items.items()}
        return {place: people[0].name for place, people in holders.items() if people}

    def run(self, *, keep: bool, as_json: bool) -> int:
        """Run the rehearsal and return the exit code."""
        began = time.monotonic()
        try:
            self._start()
            summary = self._launch()
            seconds = time.monotonic() - began
            if as_json:
                tell_as_json(summary, seconds)
            else:
                tell(self.console, summary, seconds, self.stage)
            self._report()
            if keep or self.hands_on:
                self._keep()
        finally:
            self._stop()
        return 0 if summary.as_planned else 1

    def _report(self) -> None:
        settings = self.stage.settings
        try:
            report = write_report(settings.ledger_dsn, self.run_id, self.stage.contacts, settings.home)
        except LaunchRefused:
            says = "The launch never began, so there is no report. The log of its task 'admit' says why."
            self.console.print(says, style="red")
        else:
            self.console.print(f"report     {report}", markup=False)

    def _keep(self) -> None:
        """Wait for Ctrl-C; the rehearsal is over, so this is its normal end."""
        addresses(self.console, self.stage)
        self.console.print("Everything keeps running. Press Ctrl-C to stop it.")
        with suppress(KeyboardInterrupt):
            self.stack.wait()

    def _start(self) -> None:
        self.stack.start(self.display.step)
        with step(self.display.step, "product"):
            end = time.monotonic() + PRODUCT_TIMEOUT
            while not self.control.ready():
                self.stack.check()
                if time.monotonic() > end:
                    log = self.stack.component(PRODUCT).log
                    message = f"the fake product was not ready after {PRODUCT_TIMEOUT:.0f} s. See {log}"
                    raise OperationError(message)
                time.sleep(0.1)
            self.stage.write_environment(str(self.control.state()["schema_fingerprint"]))

    def _stop(self) -> None:
        """Stop everything; kill it if interrupted while stopping."""
        try:
            self.stack.stop(self.display.step)
        except KeyboardInterrupt:
            self.stack.abandon()

    def _trigger(self) -> datetime:
        """Start the launch and return its launch time."""
        launch_at = (datetime.now(UTC) + (ROOM if self.hands_on else LAUNCH_IN)).replace(microsecond=0)
        conf = {
            "release": self.stage.plan.release,
            "release_sha": self.control.state()["release_sha"],
            "previous_release": self.stage.plan.previous_release,
            "launch_at": launch_at.isoformat(),
            "environment": ENVIRONMENT,
            "rehearsal": True,
        }
        self.stack.api(RELEASE_MANAGER).trigger(CONDUCTOR, conf, run_id=self.run_id)
        self.display.story.tell(Happening.STARTED, f"{RELEASE_MANAGER} started {self.run_id}")
        return launch_at

    def _move(self, launch_at: datetime, reason: str) -> None:
        self.stack.api(RELEASE_MANAGER).postpone_launch(self.run_id, launch_at, reason)
        self.display.story.tell(
            Happening.MOVED, f"T-0 is now at {launch_at.astimezone():%H:%M:%S} ({reason})"
        )

    def _launch(self) -> Summary:
        addresses(self.console, self.stage)
        if self.hands_on:
            explain(self.console, self.stage)
        api, ledger = self.stack.api(ADMIN), Ledger(self.stage.settings.ledger_dsn)
        operator = self._operator(ledger)
        people = self._people(operator)
        with self.display:
            timing = LaunchTime(self._trigger(), self._move)
            if not self.hands_on:
                people.begin()
            try:
                closely = self.hands_on or self.console.is_terminal
                watch = Watch(api, self.run_id, self.plans, closely=closely)
                turns = timing if self.hands_on else Postponing(self.scenario.postponement, self._move)
                self._until_over(watch, operator, turns)
            finally:
                people.end()
        story = None if self.hands_on else self.scenario
        return summarise(ledger, self.run_id, self.plans, story)

    def _operator(self, ledger: Ledger) -> Operator:
        story = self.display.story
        return Operator(
            scenario=self.scenario,
            control=self.control,
            api=self.stack.api(RELEASE_MANAGER),
            lead=self.stack.api(self._technical_lead()),
            regressing=Regressing(self.scenario.regression, self.control, ledger, self.run_id, story),
            run_id=self.run_id,
            story=story,
        )

    def _technical_lead(self) -> str:
        holders = self.stage.contacts.holders(Role.TECHNICAL_LEAD)
        return next(person.airflow_user for person in holders if person.airflow_user)

    def _people(self, operator: Operator) -> People:
        return People(
            run_id=self.run_id,
            scenario=self.scenario,
            contacts=self.stage.contacts,
            items=self.items,
            slack_url=self.stage.slack_url,
            reader=lambda: self.stack.api(ADMIN),
            world=World(operator.situation),
            story=self.display.story,
        )

    def _until_over(self, watch: Watch, operator: Operator, timing: LaunchTime | Postponing) -> None:
        while True:
            self.stack.check()
            view = watch.look()
            self.display.show(view)
            operator.act(view)
            timing.act(view)
            if view.over and not self._may_go_on(view, operator):
                return
            time.sleep(LOOK_EVERY)

    def _may_go_on(self, view: View, operator: Operator) -> bool:
        """Return whether a launch that ended may still be repaired: by the operator, or by the user."""
        return view.state == "failed" and (self.hands_on or operator.repairs(view))


@contextmanager
def _signals() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP as Ctrl-C within the block; SIGINT too where the shell had it ignored."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
