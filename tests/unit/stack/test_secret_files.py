"""Secrets of a deployment: made once, each known for what it must be, and refused where it is not."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from launch_pipeline.cli.main import app
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.stack.secret_files import Secret, Secrets, make_secrets

if TYPE_CHECKING:
    from pathlib import Path

HOST = "db.internal:5433"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_secrets(tmp_path / "production", HOST)
    return tmp_path / "production" / "secrets"


def test_fresh_secrets_are_accepted(folder: Path) -> None:
    """What is made passes its own rules; no two are alike; Slack's are left to a person."""
    secrets = Secrets(folder)
    secrets.require()
    values = [secrets.get(name) for name in Secret if secrets.get(name)]
    assert len(set(values)) == len(values) == len(Secret) - 2


def test_secrets_stay(folder: Path) -> None:
    """A second run changes none, and makes only what is missing."""
    before = {path.name: path.read_text() for path in folder.iterdir()}
    (folder / Secret.JWT_SECRET).unlink()
    assert [path.name for path in make_secrets(folder.parent, HOST)] == [Secret.JWT_SECRET]
    after = {path.name: path.read_text() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {Secret.JWT_SECRET}


def test_only_their_owner_reaches_them(folder: Path) -> None:
    """The folders are closed; the files are for containers, which see nothing else of them."""
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}


def test_addresses_name_roles_and_databases(folder: Path) -> None:
    """The three addresses are all that says which roles and databases there are."""
    wanted = Secrets(folder).databases()
    assert (wanted.airflow.name, wanted.airflow_database) == ("airflow", "airflow")
    assert (wanted.owner.name, wanted.application.name, wanted.ledger_database) == (
        "launch",
        "launch_app",
        "launch",
    )
    assert Secrets(folder).superuser_dsn().endswith(f"@{HOST}/postgres")


WRONG = {
    Secret.ADMIN_PASSWORD: ("", "Sesame-1", "changeme-changeme-changeme", "my-secret-password-0815"),
    Secret.JWT_SECRET: ("", "short"),
    Secret.FERNET_KEY: ("", "not base64 at all", "c2hvcnQ="),
    Secret.AIRFLOW_DATABASE: (
        "",
        "postgresql+psycopg://airflow:airflow@postgres:5432/airflow",
        "postgresql+psycopg://airflow@postgres:5432/airflow",
        "mysql://airflow:0123456789012345678901234@db/airflow",
    ),
    Secret.LEDGER: ("postgresql://[", "postgresql://launch_app:0123456789012345678901234@postgres:5432"),
    Secret.SLACK_BOT_TOKEN: ("xapp-of-the-other-kind",),
    Secret.SLACK_APP_TOKEN: ("xoxb-of-the-other-kind",),
}


@pytest.mark.parametrize(("name", "value"), [(name, v) for name, values in WRONG.items() for v in values])
def test_what_is_no_secret_is_refused(folder: Path, name: Secret, value: str) -> None:
    """Missing, weak or of another form: the file is named, its content is not shown."""
    (folder / name).write_text(value)
    with pytest.raises(ConfigurationError) as refused:
        Secrets(folder).require()
    assert f"{name} " in str(refused.value)
    assert "launch deploy prepare" in str(refused.value)
    assert not value or value not in str(refused.value)


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    """One message, not one start after another."""
    with pytest.raises(ConfigurationError) as refused:
        Secrets(tmp_path).require()
    assert str(refused.value).count("is missing, empty") == len(Secret) - 3


def test_prepare_says_what_a_person_must_do(tmp_path: Path) -> None:
    """Tokens and contacts are left to people; a second run creates nothing."""
    command = ["deploy", "prepare", str(tmp_path / "production")]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    for words in ("slack_bot_token is empty", "contacts.yaml is missing", "13 files created"):
        assert words in first.output
    assert "0 files created" in CliRunner().invoke(app, command).output
    secrets = [path.read_text() for path in (tmp_path / "production" / "secrets").iterdir()]
    assert not [text for text in secrets if text and text in first.output]
