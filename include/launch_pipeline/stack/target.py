"""Find the running stack for a command: what was given, then environment variables, then ``stack.json``."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from launch_pipeline.errors import OperationError

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.stack.home import StackInfo

USER_VARIABLE = "LAUNCH_AIRFLOW_USER"
PASSWORD_VARIABLE = "LAUNCH_AIRFLOW_PASSWORD"  # noqa: S105 - a name, not a password
READER_VARIABLE = "LAUNCH_READER_USER"
READER_PASSWORD_VARIABLE = "LAUNCH_READER_PASSWORD"  # noqa: S105 - likewise
"""The account with which commands that only look sign in, where nobody is named. None acts with it."""
LEDGER_VARIABLE = "LAUNCH_LEDGER"


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
        from launch_pipeline.stack.home import read_info  # noqa: PLC0415
        from launch_pipeline.stack.settings import HOME_VARIABLE, home_folder, project_root  # noqa: PLC0415

        named = self.home or os.environ.get(HOME_VARIABLE)
        return read_info(Path(named).resolve() if named else home_folder(None, project_root()))

    def api(self) -> AirflowApi:
        """Return a client of somebody who looks; of the stack of this machine that is its administrator.

        Raises :class:`OperationError` saying what is missing and where to give it.
        """
        url, info = self._airflow()
        if self.user is None and (reader := os.environ.get(READER_VARIABLE)):
            return _client(url, reader, secret(READER_PASSWORD_VARIABLE))
        user = self.user or (info.user if info else None)
        if user is None:
            raise OperationError(f"say who you are to Airflow with --user ({USER_VARIABLE}).")
        return _client(url, user, self._password(user, info))

    def person(self) -> AirflowApi:
        """Return a client of the person who acts: nobody acts who was not named.

        Asks for the password where a terminal is there. Raises :class:`OperationError` where nobody is named,
        with the accounts that there are, or where no password is known.
        """
        url, info = self._airflow()
        if self.user is None:
            known = f" This stack has {', '.join(info.people)}." if info else ""
            message = f"say who you are with --user ({USER_VARIABLE}): the record names who acts.{known}"
            raise OperationError(message)
        return _client(url, self.user, self._password(self.user, info, ask=True))

    def _airflow(self) -> tuple[str, StackInfo | None]:
        info = None if self.url else self.info()
        url = self.url or (info.url if info else None)
        if url is None:
            message = (
                "no stack runs here. Start one with 'launch up', name its folder with --home, "
                "or name another Airflow with --url (LAUNCH_AIRFLOW_URL)."
            )
            raise OperationError(message)
        return url, info

    @staticmethod
    def _password(user: str, info: StackInfo | None, *, ask: bool = False) -> str:
        # A password in a variable is that of the user beside it, and of nobody else.
        if (given := secret(PASSWORD_VARIABLE)) and os.environ.get(USER_VARIABLE) in {None, "", user}:
            return given
        if info is not None:
            return info.password(user)
        if ask and sys.stdin.isatty():
            return str(typer.prompt(f"Airflow password of {user}", hide_input=True, err=True))
        message = f"put the password of {user!r} into {PASSWORD_VARIABLE}, or into a file named by "
        raise OperationError(f"{message}{PASSWORD_VARIABLE}_FILE.")

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


def _client(url: str, user: str, password: str) -> AirflowApi:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi  # noqa: PLC0415 - loads requests

    return AirflowApi(url, user, password)


def terminal_user() -> str:
    """Return who sits at this terminal, as the operating system knows it: ``user@host``."""
    import pwd  # noqa: PLC0415 - not on every system on which help is shown
    import socket  # noqa: PLC0415

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # In a container a number may have no name. Variables such as USER are anybody's word.
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
