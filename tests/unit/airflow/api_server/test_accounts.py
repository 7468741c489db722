"""Airflow accounts of people: found by exact name, and only where the auth manager gives a way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

from launch_pipeline.airflow.api_server.bridge import accounts
from launch_pipeline.airflow.api_server.bridge.accounts import Account, account
from launch_pipeline.airflow.api_server.bridge.refusals import NotTaken
from launch_pipeline.airflow.policies.sign_in import refuse_open_door
from launch_pipeline.errors import ConfigurationError

if TYPE_CHECKING:
    from servers.include_folder import IncludeFolder

USERS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"
ALL_ADMINS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"


class FabAuthManager:
    """The two things that are used of the real one, which another test runs."""

    def deserialize_user(self, token: dict[str, Any]) -> Any:
        """Refuse whoever is not active, as the real one does."""
        if token["sub"] == "7":
            raise ValueError("User with id 7 is not active")
        return SimpleNamespace(id=token["sub"])


class CustomManager(FabAuthManager):
    """A deployment's own, derived from FAB's."""


class KeycloakAuthManager:
    """Its tokens cannot be made here."""


def managed_by(monkeypatch: pytest.MonkeyPatch, manager: Any) -> None:
    monkeypatch.setattr(accounts, "get_auth_manager", lambda: manager)


@pytest.fixture
def simple(monkeypatch: pytest.MonkeyPatch) -> SimpleAuthManager:
    """Give Airflow's own manager with two users of the configuration."""
    monkeypatch.setenv(USERS, "ada.technical:user,bo:admin")
    manager = SimpleAuthManager()
    managed_by(monkeypatch, manager)
    return manager


@pytest.mark.parametrize(("name", "role"), [("ada.technical", "user"), ("bo", "admin")])
@pytest.mark.usefixtures("simple")
def test_account_has_the_role_of_the_configuration(name: str, role: str) -> None:
    """The role is that of now, since the token carries it."""
    found = account(name)
    assert (found.name, found.user.get_name(), found.user.role) == (name, name, role)


@pytest.mark.parametrize("name", ["", "ada", "ADA.TECHNICAL", "ada.technical ", "*"])
@pytest.mark.usefixtures("simple")
def test_only_the_exact_name_is_an_account(name: str) -> None:
    """Nobody is taken for somebody else; the sentence says what to mend."""
    with pytest.raises(NotTaken, match="airflow_user") as refused:
        account(name)
    assert (refused.value.code, refused.value.status) == ("no_account", 403)


def test_token_is_short(monkeypatch: pytest.MonkeyPatch, include: IncludeFolder) -> None:
    """A minute beyond the time that the guard may wait before it is used."""
    asked: list[int] = []

    class Minting(SimpleAuthManager):
        def generate_jwt(self, user: Any, *, expiration_time_in_seconds: int = 86_400) -> str:
            del user
            asked.append(expiration_time_in_seconds)
            return "token"

    managed_by(monkeypatch, Minting())
    include.policy(settle="90s")
    assert Account("bo", None).token() == "token"
    assert asked == [150]


@pytest.mark.parametrize("manager", [FabAuthManager, CustomManager])
def test_fab_accounts_are_found_by_their_number(
    monkeypatch: pytest.MonkeyPatch, manager: type[FabAuthManager]
) -> None:
    """FAB's tokens name a number; who is not there or not active has no account."""
    numbers = {"erin": 4, "gone": 7}
    managed_by(monkeypatch, manager())
    monkeypatch.setattr(accounts, "_fab_number", numbers.get)
    assert account("erin").user.id == "4"
    for name in ("gone", "nobody"):
        with pytest.raises(NotTaken, match=name):
            account(name)


def test_other_managers_send_people_to_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token is made that would not carry what that manager needs."""
    managed_by(monkeypatch, KeycloakAuthManager())
    with pytest.raises(NotTaken, match="not KeycloakAuthManager: open the item in Airflow") as refused:
        account("ada.technical")
    assert (refused.value.code, refused.value.status) == ("auth_manager", 501)


@pytest.mark.parametrize(("value", "open_"), [("True", True), ("False", False), (None, False)])
def test_door_is_shut_where_everybody_is_admin(
    monkeypatch: pytest.MonkeyPatch, value: str | None, open_: bool
) -> None:
    """The option is named, and what to do instead."""
    monkeypatch.delenv(ALL_ADMINS, raising=False)
    if value is not None:
        monkeypatch.setenv(ALL_ADMINS, value)
    if not open_:
        refuse_open_door()
        return
    with pytest.raises(ConfigurationError, match="simple_auth_manager_users"):
        refuse_open_door()
