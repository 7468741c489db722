"""Secrets of a production deployment: one file each, generated once, mounted into the services that need it.

Compose mounts such files with the mode and owner that they have on the host. So the folder is closed to all
users but its owner, and the files in it are readable for the users of the containers.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from launch_pipeline.errors import ConfigurationError
from launch_pipeline.stack.databases import Login, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o644
CONNECTIONS_FILE = "connections.yaml"
"""Written by people, beside the secrets."""
SHORTEST = 20
"""Minimum characters of a password."""
FERNET_BYTES = 32
_WEAK = re.compile(r"(?i)change.?me|password|secret|example|airflow|<|…")
"""Patterns that mark a placeholder rather than a random secret."""


class Secret(StrEnum):
    """The names of the files."""

    POSTGRES_PASSWORD = "postgres_password"  # noqa: S105 - names of files, here and below
    """Password of PostgreSQL's superuser; empty for an external server, where the roles exist already."""
    AIRFLOW_DATABASE = "airflow_database"
    """Address of Airflow's database, as SQLAlchemy reads it."""
    LEDGER_OWNER = "ledger_owner"
    """Address of the ledger for its owner, used for migrations."""
    LEDGER = "ledger"
    """Address of the ledger for everything that runs."""
    FERNET_KEY = "fernet_key"
    JWT_SECRET = "jwt_secret"  # noqa: S105
    API_SECRET_KEY = "api_secret_key"  # noqa: S105
    ADMIN_PASSWORD = "admin_password"  # noqa: S105
    PIPELINE_PASSWORD = "pipeline_password"  # noqa: S105
    BRIDGE_PASSWORD = "bridge_password"  # noqa: S105
    SLACK_BOT_TOKEN = "slack_bot_token"  # noqa: S105
    SLACK_APP_TOKEN = "slack_app_token"  # noqa: S105
    """Both tokens are empty if people answer in Airflow only."""


MAY_BE_EMPTY = frozenset({Secret.POSTGRES_PASSWORD, Secret.SLACK_BOT_TOKEN, Secret.SLACK_APP_TOKEN})


def make_secrets(folder: Path, database: str) -> list[Path]:
    """Generate every secret that is missing in ``folder/secrets``, and return the new files.

    ``database`` is ``host:port`` of PostgreSQL. Slack's tokens are created empty, because only Slack issues
    them.
    """
    place = folder / "secrets"
    for closed in (folder, place):
        closed.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        closed.chmod(FOLDER_MODE)
    made = []
    for name, value in _fresh(database).items():
        path = place / name
        if not path.exists():
            path.write_text(value, encoding="utf-8")
            # Regardless of the umask: the containers' users must be able to read it.
            path.chmod(FILE_MODE)
            made.append(path)
    return made


def _fresh(database: str) -> dict[Secret, str]:
    def word() -> str:
        return secrets.token_urlsafe(32)

    plain = {
        name: word()
        for name in (
            Secret.POSTGRES_PASSWORD,
            Secret.JWT_SECRET,
            Secret.API_SECRET_KEY,
            Secret.ADMIN_PASSWORD,
            Secret.PIPELINE_PASSWORD,
            Secret.BRIDGE_PASSWORD,
        )
    }
    return {
        **plain,
        Secret.AIRFLOW_DATABASE: f"postgresql+psycopg://airflow:{word()}@{database}/airflow",
        Secret.LEDGER_OWNER: f"postgresql://launch:{word()}@{database}/launch",
        Secret.LEDGER: f"postgresql://launch_app:{word()}@{database}/launch",
        Secret.FERNET_KEY: base64.urlsafe_b64encode(secrets.token_bytes(FERNET_BYTES)).decode(),
        Secret.SLACK_BOT_TOKEN: "",
        Secret.SLACK_APP_TOKEN: "",
    }


class Secrets:
    """The secrets that a service was given: the files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: Secret) -> str:
        """Return a secret's value, empty if the file is missing, empty or unreadable."""
        try:
            return (self.folder / name).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return ""

    def require(self, names: tuple[Secret, ...] = tuple(Secret)) -> None:
        """Raise one ConfigurationError that names every secret that is missing or invalid."""
        problems = [f"{name} {problem}" for name in names for problem in self._problems(name)]
        if problems:
            fix = "generate missing secrets with 'launch deploy prepare', and do not edit them."
            raise ConfigurationError(str(self.folder), "", "; ".join(problems) + ".", fix)

    def _problems(self, name: Secret) -> Iterator[str]:
        value = self.get(name)
        if not value:
            if name not in MAY_BE_EMPTY:
                yield "is missing, empty or not readable"
        elif problem := _RULES.get(name, _password)(value):
            yield problem

    def databases(self) -> Wanted:
        """Return the roles and databases in the addresses."""
        airflow, airflow_database = login_of(self.get(Secret.AIRFLOW_DATABASE))
        owner, ledger_database = login_of(self.get(Secret.LEDGER_OWNER))
        application, _ = login_of(self.get(Secret.LEDGER))
        return Wanted(
            airflow_database=airflow_database,
            airflow=airflow,
            ledger_database=ledger_database,
            owner=owner,
            application=application,
        )

    def superuser_dsn(self) -> str:
        """Return the superuser's address of the ledger's server."""
        parts = urlsplit(self.get(Secret.LEDGER_OWNER))
        at = parts.netloc.rpartition("@")[2]
        password = quote(self.get(Secret.POSTGRES_PASSWORD), safe="")
        return f"postgresql://postgres:{password}@{at}/postgres"


def login_of(address: str) -> tuple[Login, str]:
    """Return the role and the database in an address."""
    parts = urlsplit(address)
    login = Login(name=unquote(parts.username or ""), password=unquote(parts.password or ""))
    return login, parts.path.lstrip("/")


def _password(value: str) -> str:
    if len(value) < SHORTEST:
        return f"has fewer than {SHORTEST} characters"
    return "looks like a placeholder, not a random text" if _WEAK.search(value) else ""


def _address(scheme: str) -> Callable[[str], str]:
    def rule(value: str) -> str:
        try:
            parts = urlsplit(value)
            login, database = login_of(value)
        except ValueError:
            return "is not an address"
        if parts.scheme != scheme or not (parts.hostname and login.name and database):
            return f"does not look like {scheme}://role:password@host:5432/database"
        problem = _password(login.password)
        return f"contains a password that {problem}" if problem else ""

    return rule


def _fernet(value: str) -> str:
    try:
        long_enough = len(base64.urlsafe_b64decode(value)) == FERNET_BYTES
    except (binascii.Error, ValueError):
        long_enough = False
    return "" if long_enough else f"is not {FERNET_BYTES} bytes in URL-safe base64"


def _token(prefix: str) -> Callable[[str], str]:
    return lambda value: "" if value.startswith(prefix) else f"does not begin with '{prefix}'"


_RULES: Mapping[Secret, Callable[[str], str]] = {
    Secret.AIRFLOW_DATABASE: _address("postgresql+psycopg"),
    Secret.LEDGER_OWNER: _address("postgresql"),
    Secret.LEDGER: _address("postgresql"),
    Secret.FERNET_KEY: _fernet,
    Secret.SLACK_BOT_TOKEN: _token("xoxb-"),
    Secret.SLACK_APP_TOKEN: _token("xapp-"),
}
