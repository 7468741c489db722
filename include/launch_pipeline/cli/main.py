"""The ``launch`` command. Each command is a module, and imports what is heavy when it runs."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from launch_pipeline.cli.commands import (
    amend,
    catalogue,
    changing,
    check,
    deploy,
    doctor,
    launches,
    ledger,
    rehearse,
    report,
    slack,
    up,
    validate,
)
from launch_pipeline.cli.commands.status import command
from launch_pipeline.cli.console import ExitCode, complain
from launch_pipeline.errors import LaunchError

DESCRIPTION = """\
Run a production launch from its checklist.

\b
Exit codes: 0 done, 1 refused or invalid, 2 wrong usage, 3 the stack failed, 130 interrupted.

\b
Examples:
  launch rehearse                 see a whole launch in minutes
  launch up                       run the stack until Ctrl-C
  launch status --watch           what runs, what blocks, who must answer
  launch doctor                   what is connected, and what is missing
"""


class LaunchGroup(TyperGroup):
    """A group that turns the project's errors into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; show a :class:`LaunchError` without a traceback."""
        try:
            return super().invoke(ctx)
        except LaunchError as error:
            raise typer.Exit(complain(error)) from error
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None


app = typer.Typer(
    name="launch",
    cls=LaunchGroup,
    help=DESCRIPTION,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("rehearse", help=rehearse.EXAMPLES)(rehearse.rehearse)
app.command("up", help=up.UP_EXAMPLES)(up.up)
app.command("down", help=up.DOWN_EXAMPLES)(up.down)
app.command("start", help=launches.START_EXAMPLES)(launches.start)
app.command("status", help=command.EXAMPLES)(command.status)
app.command("postpone", help=launches.POSTPONE_EXAMPLES)(launches.postpone)
app.command("amend", help=amend.EXAMPLES)(amend.amend)
app.command("retarget", help=changing.RETARGET_EXAMPLES)(changing.retarget)
app.command("hold", help=changing.HOLD_EXAMPLES)(changing.hold)
app.command("resume", help=changing.RESUME_EXAMPLES)(changing.resume)
app.command("abort", help=launches.ABORT_EXAMPLES)(launches.abort)
app.command("report", help=report.EXAMPLES)(report.report)
app.command("slack", help=slack.EXAMPLES)(slack.slack)
app.command("validate", help=validate.EXAMPLES)(validate.validate)
app.command("check", help=check.EXAMPLES)(check.check)
app.command("doctor", help=doctor.EXAMPLES)(doctor.doctor)
app.command("catalogue", help=catalogue.EXAMPLES)(catalogue.catalogue)
app.add_typer(ledger.app, name="ledger")
app.add_typer(deploy.app, name="deploy")


if __name__ == "__main__":
    app()
