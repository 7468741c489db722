"""Options with which a command finds the running stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from launch_pipeline.stack.target import LEDGER_VARIABLE, PASSWORD_VARIABLE, USER_VARIABLE

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", envvar="LAUNCH_HOME", help="Folder of the stack [default: .launch in the project]"
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="LAUNCH_AIRFLOW_URL", help="Address of Airflow [default: the stack of --home]"
    ),
]
ContactsOption = Annotated[
    Path | None,
    typer.Option(
        "--contacts",
        envvar="LAUNCH_CONTACTS",
        help="Contacts file [default: contacts.yaml in the project, if it exists]",
    ),
]
UserOption = Annotated[
    str | None,
    typer.Option(
        "--user",
        envvar=USER_VARIABLE,
        help=f"Airflow user. The password is read from {PASSWORD_VARIABLE}, or from the stack of --home.",
    ),
]
PersonOption = Annotated[
    str | None,
    typer.Option(
        "--user",
        envvar=USER_VARIABLE,
        help=f"Your Airflow user. Its password is in {PASSWORD_VARIABLE} or the stack of --home, or asked",
    ),
]
LedgerOption = Annotated[
    str | None,
    typer.Option(
        "--ledger", envvar=LEDGER_VARIABLE, help="Address of the ledger [default: that of the stack]"
    ),
]
EnvironmentOption = Annotated[
    str | None,
    typer.Option("--environment", help="A file of include/environments, without .yaml [default: none]"),
]
ReasonOption = Annotated[str, typer.Option(help="Why; goes into the record")]
TerminalOption = Annotated[
    bool,
    typer.Option(
        "--terminal",
        help="Write to the ledger without Airflow; the record then names this terminal's user, not a person",
    ),
]
LaunchArgument = Annotated[str, typer.Argument(help="The launch")]
