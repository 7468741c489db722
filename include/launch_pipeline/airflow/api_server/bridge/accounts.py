"""Airflow accounts of people, and a token with which Airflow takes a request as theirs.

The token never leaves the api-server: it is used at once, in the same process, and ends a minute later. What
the account may do is judged by Airflow as ever. Each auth manager finds accounts in its own way.
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
"""How long a minted token lasts beyond the settle time, which the guard waits before it is used."""

_FAB_MODELS = "airflow.providers.fab.auth_manager.models"


@dataclass(frozen=True)
class Account:
    """An Airflow account, as the auth manager in force knows it."""

    name: str
    """What ``responded_by`` and the audit log show."""
    user: Any

    def token(self) -> str:
        """Mint a short token of this account."""
        seconds = TOKEN_SECONDS + int(policy().settle.total_seconds())
        minted: str = get_auth_manager().generate_jwt(self.user, expiration_time_in_seconds=seconds)
        return minted


def account(name: str) -> Account:
    """Find the account of that exact name.

    Raises NotTaken where there is none, it is not active, or this auth manager gives no way to answer
    in a person's name.
    """
    manager = get_auth_manager()
    for base in type(manager).__mro__:
        if find := _FINDERS.get(base.__name__):
            user = find(manager, name)
            if user is None:
                raise _nobody(name)
            return Account(name, user)
    sentence = (
        f"Answers from Slack need Airflow's simple or FAB auth manager, not {type(manager).__name__}:"
        " open the item in Airflow and answer there."
    )
    raise NotTaken("auth_manager", sentence, status=HTTPStatus.NOT_IMPLEMENTED)


def _of_simple(manager: Any, name: str) -> Any:
    """The role is in the token, so it is that of the configuration as it is now."""
    return next((user for user in manager.get_users() if user.get_name() == name), None)


def _of_fab(manager: Any, name: str) -> Any:
    """The public way from an id to a user refuses those who are not active."""
    number = _fab_number(name)
    try:
        return None if number is None else manager.deserialize_user({"sub": str(number)})
    except ValueError:
        return None


def _fab_number(name: str) -> int | None:
    # Only there where the provider is installed.
    model: Any = importlib.import_module(_FAB_MODELS).User
    with create_session() as session:
        found: int | None = session.scalar(select(model.id).where(model.username == name))
    return found


_FINDERS: dict[str, Callable[[Any, str], Any]] = {"SimpleAuthManager": _of_simple, "FabAuthManager": _of_fab}
"""By the name of the auth manager's class, or of one that it is derived from."""


def _nobody(name: str) -> NotTaken:
    sentence = (
        f"Airflow has no active account {name!r}, which the contacts name as 'airflow_user'; have it created"
        " in Airflow, or the contacts corrected."
    )
    return forbidden("no_account", sentence)
