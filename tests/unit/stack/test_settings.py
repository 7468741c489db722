"""What every component is told, and that secrets stay secret."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.stack.keys import load_keys, load_passwords
from launch_pipeline.stack.settings import StackSettings, User, home_folder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    (tmp_path / "home").mkdir()
    return tmp_path


def settings(project: Path, **given: object) -> StackSettings:
    return StackSettings.resolve(root=project, home=project / "home", **given)


def test_environment_is_that_of_a_safe_stack(project: Path) -> None:
    """PostgreSQL, eight workers, named users, no examples, Dags unpaused, everything on the chosen port."""
    chosen = settings(project, port=8123, users=(User(name="admin", roles={FabRole.ADMIN}), User(name="ada")))
    told = chosen.environment()
    assert told["AIRFLOW__CORE__EXECUTOR"].endswith("LocalExecutor")
    assert told["AIRFLOW__CORE__PARALLELISM"] == "8"
    assert (
        told["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]
        == "admin:Admin,ada:launch-approver,launch-pipeline:launch-pipeline,launch-slack:launch-bridge"
    )
    assert told["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert told["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert told["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "False"
    assert told["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8123"
    assert told["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8123/execution/"
    assert told["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg://airflow:")
    assert told["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC"].startswith("postgresql+asyncpg://airflow:")
    assert told["AIRFLOW_CONN_LAUNCH_LEDGER"] == chosen.ledger_dsn
    assert told["PYTHONPATH"].split(os.pathsep)[0] == str(project / "include")


def test_the_environment_is_stable(project: Path) -> None:
    """Two components of one stack get the same secrets, or they could not talk to each other."""
    chosen = settings(project)
    assert chosen.environment() == chosen.environment()


def test_all_interfaces_are_reached_through_loopback(project: Path) -> None:
    """A wildcard address is no address to go to."""
    chosen = settings(project, host="0.0.0.0", port=8123)  # noqa: S104
    assert chosen.url == "http://127.0.0.1:8123"
    assert chosen.environment()["AIRFLOW__API__HOST"] == "0.0.0.0"  # noqa: S104


def test_components_may_cache_bytecode(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that forbids bytecode must not cost each component seconds of compiling."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in settings(project).component_environment()


def test_components_talk_past_proxies(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the machine is not asked for loopback, and the caller's exceptions stay."""
    monkeypatch.setenv("NO_PROXY", "example.test")
    assert settings(project).environment()["NO_PROXY"] == "example.test,127.0.0.1,localhost"


def test_extra_environment_wins(project: Path) -> None:
    """What a rehearsal adds is final."""
    chosen = settings(project, extra_environment={"AIRFLOW__CORE__PARALLELISM": "3"})
    assert chosen.environment()["AIRFLOW__CORE__PARALLELISM"] == "3"


def test_two_stacks_get_different_database_ports(project: Path) -> None:
    """Two stacks on one machine do not meet."""
    assert settings(project).database_port != settings(project).database_port


@pytest.mark.parametrize("name", ["a:b", "a,b", "a b", ""])
def test_a_user_that_would_break_the_option_is_refused(name: str) -> None:
    """Airflow splits the option at commas and colons."""
    with pytest.raises(ValidationError):
        User(name=name)


def test_contacts_of_the_project_are_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """contacts.yaml beside the Dags is used without being named; the variable wins."""
    monkeypatch.delenv("LAUNCH_CONTACTS", raising=False)
    assert "LAUNCH_CONTACTS" not in settings(project).environment()
    (project / "contacts.yaml").touch()
    assert settings(project).environment()["LAUNCH_CONTACTS"] == str(project / "contacts.yaml")
    monkeypatch.setenv("LAUNCH_CONTACTS", str(project / "other.yaml"))
    assert settings(project).environment()["LAUNCH_CONTACTS"] == str(project / "other.yaml")


def test_home_is_given_named_or_beside_the_dags(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Option, then variable, then the project."""
    monkeypatch.setenv("LAUNCH_HOME", str(project / "named"))
    assert home_folder(project / "given", project) == project / "given"
    assert home_folder(None, project) == project / "named"
    monkeypatch.delenv("LAUNCH_HOME")
    assert home_folder(None, project) == project / ".launch"


def test_a_project_without_dags_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong project says which folder lacks what."""
    monkeypatch.setenv("LAUNCH_PROJECT", str(tmp_path))
    with pytest.raises(ConfigurationError, match="has no folder 'dags'"):
        StackSettings.resolve()


def test_secrets_are_private_and_kept(tmp_path: Path) -> None:
    """Other users cannot read them, and a second start finds the same ones."""
    path = tmp_path / "secrets.json"
    keys = load_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_keys(path) == keys
    assert len(set(keys.model_dump().values())) == len(keys.model_dump())


def test_damaged_secrets_are_no_new_secrets(tmp_path: Path) -> None:
    """New secrets would lock the stack out of its database; the person must decide."""
    path = tmp_path / "secrets.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="damaged"):
        load_keys(path)


def test_passwords_are_kept_when_users_come(tmp_path: Path) -> None:
    """A new user gets a password; the others keep theirs; the file stays private."""
    path = tmp_path / "passwords.json"
    first = load_passwords(path, ["admin"])
    second = load_passwords(path, ["admin", "ada"])
    assert second["admin"] == first["admin"]
    assert json.loads(path.read_text(encoding="utf-8")) == second
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
