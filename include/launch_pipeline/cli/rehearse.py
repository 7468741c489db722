"""``launch rehearse``: the door to the rehearsal room."""

from __future__ import annotations

from typing import Annotated

import typer

from launch_pipeline.cli.client import HomeOption  # noqa: TC001 - typer reads it

EXAMPLES = """\
Rehearse a launch: the same Dags against a stand-in product, in minutes, on this machine.

With --hands-on you answer, as everybody, on a Slack of its own: T-0 waits for you, each window of the launch
day opens half a minute after everything before it is complete, and at the end everything keeps running.

\b
Examples:
  launch rehearse
  launch rehearse --hands-on
  launch rehearse --keep
  launch rehearse --break dns
"""


def rehearse(
    hands_on: Annotated[
        bool, typer.Option("--hands-on", help="You answer yourself; Ctrl-C stops it")
    ] = False,
    home: HomeOption = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the web interface")] = 8080,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end")] = False,
    break_: Annotated[list[str] | None, typer.Option("--break", help="Part of the product to break")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON")] = False,
) -> None:
    """Hand over to the rehearsal room, which is loaded only here."""
    from launch_pipeline.rehearsal.command import rehearse as run  # noqa: PLC0415

    run(hands_on=hands_on, home=home, port=port, keep=keep, break_=break_ or (), json=json)
