"""``launch retarget``, ``launch hold`` and ``launch resume``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from launch_pipeline.cli.console import out, readable
from launch_pipeline.cli.options import (
    HomeOption,
    LaunchArgument,
    LedgerOption,
    PersonOption,
    ReasonOption,
    TerminalOption,
    UrlOption,
)
from launch_pipeline.cli.stale import show_stale
from launch_pipeline.stack.target import Target, terminal_user

if TYPE_CHECKING:
    from launch_pipeline.ledger.changes import By, Changes

RETARGET_EXAMPLES = """\
Move a launch to another commit. Exactly the items that rest on the commit are verified again.

Your account must hold a role that the policy names ('who_may_amend').

\b
Examples:
  launch retarget production-2.4.0 --release-commit 9f2c1e7d0b3a4c5d6e7f8091a2b3c4d5e6f70819 \\
      --reason "the changelog is repaired" --user ada.technical
  launch retarget production-2.4.0 --release-commit "$(git rev-parse v2.4.1)" --release 2.4.1 \\
      --reason "2.4.1 has the fix" --user ada.technical
"""
HOLD_EXAMPLES = """\
Put a launch on hold: no window opens until it is resumed. The hold is recorded.

\b
Examples:
  launch hold production-2.4.0 --reason "payment provider is down" --user ada.technical
  launch hold production-2.4.0 --reason "Airflow is down" --terminal
"""
RESUME_EXAMPLES = """\
Lift the hold of a launch: its windows open again at their times.

\b
Examples:
  launch resume production-2.4.0 --reason "payment provider is back" --user ada.technical
  launch resume production-2.4.0 --reason "Airflow is back" --terminal
"""


def retarget(
    launch_id: LaunchArgument,
    release_commit: Annotated[str, typer.Option(help="The new commit, all 40 characters")],
    reason: ReasonOption,
    release: Annotated[str | None, typer.Option(help="Its version [default: as it is]")] = None,
    home: HomeOption = None,
    url: UrlOption = None,
    user: PersonOption = None,
) -> None:
    """Record the new commit, and print what is verified again."""
    moved = Target(home, url, user).person().retarget_launch(launch_id, release_commit, release, reason)
    target = f"{moved['release']} ({moved['release_sha']})"
    out().print(f"✓ {launch_id} launches {readable(target)}", markup=False)
    show_stale(moved)


def hold(
    launch_id: LaunchArgument,
    reason: ReasonOption,
    terminal: TerminalOption = False,
    ledger: LedgerOption = None,
    home: HomeOption = None,
    url: UrlOption = None,
    user: PersonOption = None,
) -> None:
    """Record the hold; windows that wait read it from there."""
    target = Target(home, url, user, ledger)
    if terminal:
        _changes(target).hold(launch_id, _from_here(reason))
    else:
        target.person().hold_launch(launch_id, reason)
    out().print(f"✓ {launch_id} is on hold; resume it with 'launch resume {launch_id}'", markup=False)


def resume(
    launch_id: LaunchArgument,
    reason: ReasonOption,
    terminal: TerminalOption = False,
    ledger: LedgerOption = None,
    home: HomeOption = None,
    url: UrlOption = None,
    user: PersonOption = None,
) -> None:
    """Record the end of the hold; windows whose time has come open."""
    target = Target(home, url, user, ledger)
    if terminal:
        _changes(target).resume(launch_id, _from_here(reason))
    else:
        target.person().resume_launch(launch_id, reason)
    out().print(f"✓ {launch_id} is not on hold", markup=False)


def _changes(target: Target) -> Changes:
    from launch_pipeline.ledger.changes import Changes  # noqa: PLC0415 - opens the database driver

    return Changes(target.ledger_dsn())


def _from_here(reason: str) -> By:
    from launch_pipeline.ledger.changes import By  # noqa: PLC0415 - as above
    from launch_pipeline.ledger.launch import Via  # noqa: PLC0415

    return By(terminal_user(), reason, Via.TERMINAL)
