"""A stack that another Python runs, with the Airflow of its own virtual environment, on a home that stays.

``python -m servers.stable_stack SETTINGS`` starts it, says ``ready``, and stops it at the end of its input. A
line of input names a component to kill.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.cli.commands.up import users_of
from launch_pipeline.stack.settings import StackSettings
from launch_pipeline.stack.stack import Stack
from servers.programs import end

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PATHS = tuple(str(ROOT / name) for name in ("include", "rehearsal", "tests"))


def settings_of(given: dict[str, Any]) -> StackSettings:
    """Build the settings of a stack from what both Pythons are told, with an account for each person."""
    paths = {name: Path(given[name]) for name in ("home", "dags_folder", "contacts")}
    settings = StackSettings.resolve(root=ROOT, rehearsal=True, **{**given, **paths})
    return settings.model_copy(update={"users": users_of(settings)})


class StableStack:
    """The running stack, as the test sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def kill(self, component: str) -> None:
        """Kill one component, and return once it is gone."""
        assert self._process.stdin
        self._process.stdin.write(f"{component}\n")
        self._process.stdin.flush()
        self.await_word("killed")

    def await_word(self, word: str) -> None:
        """Wait until the program says a word. It says nothing else."""
        assert self._process.stdout
        said = self._process.stdout.readline().strip()
        assert said == word, f"the stable stack said {said!r} instead of {word!r}"

    def stop(self) -> None:
        """Stop the stack, and wait for its end."""
        assert self._process.stdin
        self._process.stdin.close()
        assert self._process.wait(120) == 0


@contextmanager
def stable_stack(python: str, given: dict[str, Any]) -> Iterator[StableStack]:
    """Run it, ready; it is stopped at the end if the test has not stopped it."""
    with subprocess.Popen(
        [python, "-m", "servers.stable_stack", json.dumps(given)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        try:
            running = StableStack(process)
            running.await_word("ready")
            yield running
            if process.poll() is None:
                running.stop()
        finally:
            end(process)


def main(given: dict[str, Any]) -> None:
    """Run a stack until the end of the input."""
    with Stack(settings_of(given)) as stack:
        print("ready", flush=True)  # noqa: T201 - the protocol
        for line in sys.stdin:
            stack.kill(line.strip())
            print("killed", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
