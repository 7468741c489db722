"""``launch rehearse``: run the rehearsal, which is a distribution of its own."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Annotated

import typer

from launch_pipeline.cli.options import HomeOption
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = "launch_pipeline.commands"
"""The entry-point group in which the rehearsal names its command."""

EXAMPLES = """\
Rehearse a launch on this machine: the same Dags against a fake product, in minutes.

With --hands-on you answer for all roles, in a fake Slack. T-0 waits for you, each window of the
launch day opens half a minute after everything before it is complete, and everything keeps running at the
end.

\b
Examples:
  launch rehearse
  launch rehearse --hands-on
  launch rehearse --keep
  launch rehearse --break dns
"""


def rehearse(
    hands_on: Annotated[
        bool, typer.Option("--hands-on", help="Answer yourself; Ctrl-C stops everything")
    ] = False,
    home: HomeOption = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web interface")] = 8080,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end")] = False,
    break_: Annotated[
        list[str] | None, typer.Option("--break", help="Part of the product to break; may be repeated")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON")] = False,
) -> None:
    """Run the command of the distribution ``launch-rehearsal``; raises ConfigurationError without it."""
    run = _command()
    run(hands_on=hands_on, home=home, port=port, keep=keep, break_=break_ or (), json=json)


def _command() -> Callable[..., None]:
    # The pipeline does not import the rehearsal: production images do not contain it.
    for point in entry_points(group=GROUP, name="rehearse"):
        command: Callable[..., None] = point.load()
        return command
    problem = "the rehearsal is not installed here, and production images never contain it."
    raise ConfigurationError(
        "launch rehearse", "", problem, "run 'make rehearsal' in a checkout of the project."
    )
