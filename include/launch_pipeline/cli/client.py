"""How a command finds the running stack: options, then environment variables, then ``stack.json``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from launch_pipeline.errors import OperationError

if TYPE_CHECKING:
    from launch_pipeline.orchestration.airflow_api import AirflowApi
    from launch_pipeline.runtime.home import StackInfo

PASSWORD_VARIABLE = "LAUNCH_AIRFLOW_PASSWORD"  # noqa: S105 - a name, not a password
LEDGER_VARIABLE = "LAUNCH_LEDGER"

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", envvar="LAUNCH_HOME", help="Folder of the stack [default: .launch in the project]"
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar="LAUNCH_AIRFLOW_URL", help="Airflow [default: the stack of --home]"),
]
ContactsOption = Annotated[
    Path | None,
    typer.Option(
        "--contacts",
        envvar="LAUNCH_CONTACTS",
        help="Contacts file [default: contacts.yaml in the project, if it is there]",
    ),
]
UserOption = Annotated[
    str | None,
    typer.Option(
        "--user",
        envvar="LAUNCH_AIRFLOW_USER",
        help=f"Airflow user. The password is read from {PASSWORD_VARIABLE}, or from the stack of --home.",
    ),
]
LedgerOption = Annotated[
    str | None,
    typer.Option("--ledger", envvar=LEDGER_VARIABLE, help="Address of the ledger [default: the stack's]"),
]


def secret(name: str) -> str:
    """Return a variable, or the content of the file that ``<name>_FILE`` names; empty where neither is set.

    Raises :class:`OperationError` for a file that cannot be read.
    """
    if given := os.environ.get(name):
        return given
    file = os.environ.get(f"{name}_FILE")
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise OperationError(f"{name}_FILE names {file}, which cannot be read: {error}.") from error


@dataclass(frozen=True)
class Target:
    """What the options say about where to go. Nothing is contacted before it is needed."""

    home: Path | None = None
    url: str | None = None
    user: str | None = None
    ledger: str | None = None

    def info(self) -> StackInfo | None:
        """Return what runs in the home, ``None`` if nothing does."""
        from launch_pipeline.runtime.home import read_info  # noqa: PLC0415
        from launch_pipeline.runtime.settings import home_folder, project_root  # noqa: PLC0415

        named = self.home or os.environ.get("LAUNCH_HOME")
        return read_info(Path(named).resolve() if named else home_folder(None, project_root()))

    def api(self) -> AirflowApi:
        """Return a client. Raises :class:`OperationError` saying what is missing and where to give it."""
        from launch_pipeline.orchestration.airflow_api import AirflowApi  # noqa: PLC0415

        info = None if self.url else self.info()
        url = self.url or (info.url if info else None)
        if url is None:
            message = (
                "no stack runs here. Start one with 'launch up', name its folder with --home, "
                "or name another Airflow with --url (LAUNCH_AIRFLOW_URL)."
            )
            raise OperationError(message)
        user = self.user or (info.user if info else None)
        if user is None:
            raise OperationError("say who you are to Airflow with --user (LAUNCH_AIRFLOW_USER).")
        return AirflowApi(url, user, self._password(user, info))

    def _password(self, user: str, info: StackInfo | None) -> str:
        given = secret(PASSWORD_VARIABLE)
        if given:
            return given
        if info is None:
            message = f"put the password of {user!r} into {PASSWORD_VARIABLE}, or into a file named by "
            raise OperationError(f"{message}{PASSWORD_VARIABLE}_FILE.")
        return info.password(user)

    def find_ledger(self) -> str | None:
        """Return the ledger's address, ``None`` if it is not known here."""
        if named := self.ledger or secret(LEDGER_VARIABLE):
            return named
        info = self.info()
        return info.ledger_dsn if info and self.url in {None, info.url} else None

    def ledger_dsn(self) -> str:
        """Return the ledger's address. Raises :class:`OperationError` if it is not known here."""
        dsn = self.find_ledger()
        if dsn is None:
            message = f"the ledger's address is not known here. Give it with --ledger ({LEDGER_VARIABLE})."
            raise OperationError(message)
        return dsn

    def who(self) -> str:
        """Return who acts: the Airflow user if one is named, else the user of this machine."""
        import getpass  # noqa: PLC0415

        return self.user or getpass.getuser()
