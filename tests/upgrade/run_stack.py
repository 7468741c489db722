"""Run a stack of whichever package ``PYTHONPATH`` names, and do what stdin says, a line each.

``stop NAME`` and ``start NAME`` are for one component; the end of the input stops everything. Each line is
answered by one of JSON. Nothing here may need more than the oldest package that a test upgrades from has.
"""

from __future__ import annotations

import json
import select
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.airflow.connection_ids import LEDGER_CONNECTION, connection_variable
from launch_pipeline.cli.commands.up import users_of
from launch_pipeline.stack.home import prepare_home
from launch_pipeline.stack.settings import StackSettings
from launch_pipeline.stack.stack import WATCH_EVERY, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator


def settings_of(given: dict[str, Any]) -> StackSettings:
    """Settle the stack that a test describes; the ledger is reached through the test's valve."""
    valve = given.pop("valve")
    launchers = given.pop("launchers")
    settings = StackSettings.resolve(home=Path(given.pop("home")), root=Path(given.pop("root")), **given)
    settings = settings.model_copy(update={"users": users_of(settings, launchers)})
    prepare_home(settings.home)
    ledger = settings.ledger_dsn.replace(f":{settings.database_port}/", f":{valve}/")
    extra = {**settings.extra_environment, connection_variable(LEDGER_CONNECTION): ledger}
    return settings.model_copy(update={"extra_environment": extra})


def lines(stack: Stack, stopped: set[str]) -> Iterator[list[str]]:
    """Yield what is asked, and watch the components meanwhile, unless some are stopped on purpose."""
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], WATCH_EVERY)
        if readable:
            line = sys.stdin.readline()
            if not line:
                return
            yield line.split(maxsplit=1)
        elif not stopped:
            stack.check()


def say(**what: Any) -> None:
    """Answer with one line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run until the input ends."""
    settings = settings_of(json.loads(sys.stdin.readline()))
    stopped: set[str] = set()
    with Stack(settings) as stack:
        say(ready=sys.modules[Stack.__module__].__file__, passwords=settings.passwords())
        for verb, name in lines(stack, stopped):
            component = stack.component(name.strip())
            if verb == "stop":
                stopped.add(component.name)
                component.stop()
            else:
                component.start()
                stopped.discard(component.name)
            say(done=verb, name=component.name)


if __name__ == "__main__":
    main()
