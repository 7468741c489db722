"""Airflow accounts of people, and short-lived tokens with which Airflow accepts an answer as theirs.

A token never leaves the api-server: it is used at once, in the same process, and expires a minute later.
Airflow checks the account's permissions as usual. Each auth manager has its own way to find an account.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.utils.session import create_session
from sqlalchemy import select

from launch_pipeline.airflow.api_server.bridge.refusals import NotTaken, forbidden
from launch_pipeline.approvals.deployed import policy

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN_SECONDS = 60
"""Lifetime of a token beyond the settle time, which the guard waits before the token is used."""

_FAB_MODELS = "airflow.providers.fab.auth_manager.models"


@dataclass(frozen=True)
class Account:
    """An Airflow account, as the configured auth manager knows it."""

    name: str
    """The user name, as in contacts and audit log."""
    user: Any

    def token(self) -> str:
        """Return a new short-lived token of this account."""
        seconds = TOKEN_SECONDS + int(policy().settle.total_seconds())
        minted: str = get_auth_manager().generate_jwt(self.user, expiration_time_in_seconds=seconds)
        return minted


def account(name: str) -> Account:
    """Return the account of exactly this name.

    Raises NotTaken where there is no active one, or where the auth manager has no way to answer in a
    person's name.
    """
    manager = get_auth_manager()
    for base in type(manager).__mro__:
        if find := _FINDERS.get(base.__name__):
            user = find(manager, name)
            if user is None:
                raise _no_account(name)
            return Account(name, user)
    sentence = (
        f"Answers from Slack need Airflow's simple or FAB auth manager, not {type(manager).__name__}:"
        " open the item in Airflow and answer it there."
    )
    raise NotTaken("auth_manager", sentence, status=HTTPStatus.NOT_IMPLEMENTED)


def _of_simple(manager: Any, name: str) -> Any:
    """Return the account with its current role, which the token will carry."""
    return next((user for user in manager.get_users() if user.get_name() == name), None)


def _of_fab(manager: Any, name: str) -> Any:
    """Return an active account: ``deserialize_user`` refuses the others."""
    number = _fab_number(name)
    try:
        return None if number is None else manager.deserialize_user({"sub": str(number)})
    except ValueError:
        return None


def _fab_number(name: str) -> int | None:
    # Exists only where the provider is installed.
    model: Any = importlib.import_module(_FAB_MODELS).User
    with create_session() as session:
        found: int | None = session.scalar(select(model.id).where(model.username == name))
    return found


_FINDERS: dict[str, Callable[[Any, str], Any]] = {"SimpleAuthManager": _of_simple, "FabAuthManager": _of_fab}
"""By the name of the auth manager's class, or of a base class."""


def _no_account(name: str) -> NotTaken:
    sentence = (
        f"Airflow has no active account {name!r}, which the contacts file names as 'airflow_user'. Ask a"
        " maintainer to create it in Airflow or to correct the contacts."
    )
    return forbidden("no_account", sentence)
