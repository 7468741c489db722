"""``launch rehearse``: start the stack and the stand-in, run a whole launch, and say what it came to."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from launch_pipeline.errors import ConfigurationError, OperationError
from launch_pipeline.record.ledger import Ledger
from launch_pipeline.rehearsal.control import StandInControl
from launch_pipeline.rehearsal.operations import Operator
from launch_pipeline.rehearsal.people import People, World
from launch_pipeline.rehearsal.scenario import DEFAULT, Scenario
from launch_pipeline.rehearsal.stage import ADMIN, ENVIRONMENT, RELEASE_MANAGER, STAND_IN, Stage
from launch_pipeline.rehearsal.standin.plan import Part
from launch_pipeline.rehearsal.story import Happening
from launch_pipeline.rehearsal.summary import Summary, summarise
from launch_pipeline.rehearsal.watch import CONDUCTOR, Watch, items_of, load_plans
from launch_pipeline.runtime.progress import step
from launch_pipeline.runtime.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from launch_pipeline.orchestration.airflow_api import AirflowApi
    from launch_pipeline.rehearsal.display import Display

LAUNCH_IN = timedelta(seconds=50)
"""From the trigger to the launch time: later than admission, sooner than the weeks before it are done."""
LOOK_EVERY = 1.5
STAND_IN_TIMEOUT = 60.0
PLAIN_WIDTH = 160
"""Columns of tables where no terminal says how wide it is."""


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

    ``hands_on`` leaves the answers to whoever sits there; ``keep`` leaves everything running at the end until
    Ctrl-C; ``break_`` names parts of the stand-in that stay broken; ``json`` prints the summary as JSON.
    Raises SystemExit(1) where the launch does not end complete with every item of the document accounted
    for, LaunchError for what stands in the way.
    """
    broken = tuple(map(_part, break_))
    scenario = Scenario() if hands_on else DEFAULT
    stage = Stage(home=home, port=port, broken=dict.fromkeys((*scenario.broken, *broken)))
    scenario = _for_good(scenario, broken)
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


def _for_good(scenario: Scenario, broken: Sequence[Part]) -> Scenario:
    """What is broken for good does not come back."""
    heals = {part: after for part, after in scenario.heals_after.items() if part not in broken}
    return scenario.model_copy(update={"heals_after": heals})


class Rehearsal:
    """One run from the first process to the last line."""

    def __init__(self, stage: Stage, scenario: Scenario, *, hands_on: bool, quiet: bool) -> None:
        from rich.console import Console  # noqa: PLC0415 - 'launch --help' stays quick

        from launch_pipeline.rehearsal.display import Display  # noqa: PLC0415

        self.stage, self.scenario, self.hands_on = stage, scenario, hands_on
        self.plans = load_plans()
        self.items = items_of(self.plans)
        self.run_id = f"REHEARSAL-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        self.stack = Stack(stage.settings, [stage.component()])
        self.control = StandInControl(stage.plan)
        self.console = Console(highlight=False, stderr=quiet)
        if not self.console.is_terminal:
            self.console.width = PLAIN_WIDTH
        self.display: Display = Display(self.console, self._owners())

    def _owners(self) -> dict[tuple[str, str], str]:
        holders = {place: self.stage.contacts.holders(item.item.owner) for place, item in self.items.items()}
        return {place: people[0].name for place, people in holders.items() if people}

    def run(self, *, keep: bool, as_json: bool) -> int:
        """Do it all and give the exit code."""
        began = time.monotonic()
        try:
            self._start()
            summary = self._launch()
            self._tell(summary, time.monotonic() - began, as_json=as_json)
            if keep:
                self.console.print("Everything keeps running. Ctrl-C stops it.")
                self.stack.wait()
        finally:
            self._stop()
        return 0 if summary.complete else 1

    def _start(self) -> None:
        self.stack.start(self.display.step)
        with step(self.display.step, "product"):
            end = time.monotonic() + STAND_IN_TIMEOUT
            while not self.control.ready():
                self.stack.check()
                if time.monotonic() > end:
                    log = self.stack.component(STAND_IN).log
                    message = f"the stand-in was not ready after {STAND_IN_TIMEOUT:.0f} s. See {log}"
                    raise OperationError(message)
                time.sleep(0.1)
            self.stage.write_environment(str(self.control.state()["schema_fingerprint"]))

    def _stop(self) -> None:
        """Stop everything; interrupted while stopping, kill."""
        try:
            self.stack.stop(self.display.step)
        except KeyboardInterrupt:
            self.stack.abandon()

    def _trigger(self) -> None:
        conf = {
            "release": self.stage.plan.release,
            "release_sha": self.control.state()["release_sha"],
            "previous_release": self.stage.plan.previous_release,
            "launch_at": (datetime.now(UTC) + LAUNCH_IN).isoformat(timespec="seconds"),
            "environment": ENVIRONMENT,
            "rehearsal": True,
        }
        self.stack.api(RELEASE_MANAGER).trigger(CONDUCTOR, conf, run_id=self.run_id)
        self.display.story.tell(Happening.STARTED, f"{RELEASE_MANAGER} started {self.run_id}")

    def _launch(self) -> Summary:
        if self.hands_on:
            self._explain()
        api = self.stack.api(ADMIN)
        operator = Operator(
            scenario=self.scenario,
            control=self.control,
            api=self.stack.api(RELEASE_MANAGER),
            run_id=self.run_id,
            story=self.display.story,
        )
        people = self._people(operator)
        with self.display:
            self._trigger()
            if not self.hands_on:
                people.begin()
            try:
                self._until_over(Watch(api, self.run_id, self.plans), operator)
            finally:
                people.end()
        return summarise(Ledger(self.stage.settings.ledger_dsn), self.run_id, self.plans)

    def _people(self, operator: Operator) -> People:
        def sign_in(user: str) -> AirflowApi:
            return self.stack.api(user or ADMIN)

        return People(
            run_id=self.run_id,
            scenario=self.scenario,
            contacts=self.stage.contacts,
            items=self.items,
            sign_in=sign_in,
            watcher=self.stack.api(ADMIN),
            world=World(operator.situation),
            story=self.display.story,
        )

    def _until_over(self, watch: Watch, operator: Operator) -> None:
        while True:
            self.stack.check()
            view = watch.look()
            self.display.show(view)
            operator.act(view)
            if view.over and not self.hands_on and not (view.state == "failed" and operator.repairs(view)):
                return
            if view.over and view.state == "success":
                return
            time.sleep(LOOK_EVERY)

    def _explain(self) -> None:
        """Say who may sign in and what to do."""
        self.console.print(f"\n[bold]{self.stage.settings.url}[/]  [bold yellow]REHEARSAL[/]")
        self.console.print(f"passwords  {self.stage.settings.passwords_file}", markup=False)
        for person in self.stage.contacts.people:
            roles = ", ".join(role.label for role in self.stage.contacts.roles_of(person.id))
            self.console.print(f"  {person.airflow_user:<22} {person.name:<18} {roles}", markup=False)
        self.console.print(
            "\nSign in as one of them and answer under Browse, Required Actions, or on an item's page. Owners"
            "\nanswer their items. If a phase fails: clear the item with downstream, then the failed step of"
            "\nthe Dag 'launch' (as rita.release or admin). Ctrl-C stops everything.\n"
        )

    def _tell(self, summary: Summary, seconds: float, *, as_json: bool) -> None:
        from launch_pipeline.rehearsal.display import outcome_table, waiver_table  # noqa: PLC0415

        if as_json:
            import sys  # noqa: PLC0415

            extra = {"total": summary.total, "complete": summary.complete, "seconds": round(seconds, 1)}
            document = summary.model_dump(mode="json") | extra
            sys.stdout.write(f"{_json(document)}\n")
            return
        self.console.print(outcome_table(summary))
        self.console.print(waiver_table(summary))
        for line in summary.lines:
            for problem in line.problems:
                self.console.print(f"{line.title}: {problem}", style="red", markup=False)
        minutes, rest = divmod(round(seconds), 60)
        end = "[green]complete[/]" if summary.complete else "[red]not complete[/]"
        self.console.print(f"\n{end}: {summary.total} of the document's items have an outcome,")
        self.console.print(
            f"{summary.verified} of them verified by their own checks, in {minutes}:{rest:02} min."
        )
        self.console.print(f"Airflow    {self.stage.settings.url} (while it runs)", markup=False)
        self.console.print(f"home       {self.stage.settings.home}", markup=False)
        self.console.print(f"passwords  {self.stage.settings.passwords_file}", markup=False)
        self.console.print(f"logs       {self.stage.settings.log_folder}", markup=False)


def _json(document: object) -> str:
    import json  # noqa: PLC0415 - the parameter of the command has the same name

    return json.dumps(document, indent=1, ensure_ascii=False)


@contextmanager
def _signals() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP as Ctrl-C within the block."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
