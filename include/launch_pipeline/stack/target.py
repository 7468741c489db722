"""Find the running stack for a command: from options, then environment variables, then ``stack.json``."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from launch_pipeline.errors import ConfigurationError, OperationError
from launch_pipeline.stack.env_files import value_of

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.stack.home import StackInfo

USER_VARIABLE = "LAUNCH_AIRFLOW_USER"
PASSWORD_VARIABLE = "LAUNCH_AIRFLOW_PASSWORD"  # noqa: S105 - a name, not a password
READER_VARIABLE = "LAUNCH_READER_USER"
READER_PASSWORD_VARIABLE = "LAUNCH_READER_PASSWORD"  # noqa: S105 - likewise
"""The account with which read-only commands sign in if no user is named. No command acts with it."""
LEDGER_VARIABLE = "LAUNCH_LEDGER"


def secret(name: str) -> str:
    """Return a variable, or the content of the file that ``<name>_FILE`` names; empty if neither is set.

    Raises :class:`OperationError` for a file that cannot be read: without its secret nothing can be reached.
    """
    try:
        return value_of(name)
    except ConfigurationError as error:
        raise OperationError(str(error)) from error


@dataclass(frozen=True)
class Target:
    """The stack that the options name. Nothing is contacted before it is needed."""

    home: Path | None = None
    url: str | None = None
    user: str | None = None
    ledger: str | None = None

    def info(self) -> StackInfo | None:
        """Return the stack that runs in the home, None if none does."""
        from launch_pipeline.stack.home import read_info  # noqa: PLC0415
        from launch_pipeline.stack.settings import HOME_VARIABLE, home_folder, project_root  # noqa: PLC0415

        named = self.home or os.environ.get(HOME_VARIABLE)
        return read_info(Path(named).resolve() if named else home_folder(None, project_root()))

    def api(self) -> AirflowApi:
        """Return a client for reading; on a local stack it signs in as the administrator.

        Raises :class:`OperationError` saying what is missing and where to give it.
        """
        url, info = self._airflow()
        if self.user is None and (reader := os.environ.get(READER_VARIABLE)):
            return _client(url, reader, secret(READER_PASSWORD_VARIABLE))
        user = self.user or (info.user if info else None)
        if user is None:
            raise OperationError(f"name your Airflow user with --user ({USER_VARIABLE}).")
        return _client(url, user, self._password(user, info))

    def person(self) -> AirflowApi:
        """Return a client of the person who acts. There is no default: the person must be named.

        Prompts for the password at a terminal. Raises :class:`OperationError` if no user is named, listing
        the known accounts, or if no password is known.
        """
        url, info = self._airflow()
        if self.user is None:
            known = f" Accounts of this stack: {', '.join(info.people)}." if info else ""
            message = f"name yourself with --user ({USER_VARIABLE}): the record names who acts.{known}"
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
        # The variable holds the password of the user in USER_VARIABLE, not of any other user.
        if (given := secret(PASSWORD_VARIABLE)) and os.environ.get(USER_VARIABLE) in {None, "", user}:
            return given
        if info is not None:
            return info.password(user)
        if ask and sys.stdin.isatty():
            return str(typer.prompt(f"Airflow password of {user}", hide_input=True, err=True))
        message = f"put the password of {user!r} into {PASSWORD_VARIABLE}, or into a file named by "
        raise OperationError(f"{message}{PASSWORD_VARIABLE}_FILE.")

    def find_ledger(self) -> str | None:
        """Return the ledger's address, None if it is not known here."""
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
    """Return the operating system's user at this terminal, as ``user@host``."""
    import pwd  # noqa: PLC0415 - not on every system on which help is shown
    import socket  # noqa: PLC0415

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # In a container a uid may have no name. Variables such as USER can be set to anything.
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
