"""``docker-compose.yaml`` as compose reads it, and its services put on this machine's ground.

What differs from containers, all of it: places lie below a folder, each service's tmpfs and secrets in one of
its own; ``api-server`` and ``postgres`` are ports of loopback; nobody changes user, and nothing is read-only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<how>:[-?+])(?P<word>[^}]*))?\}")


class Refused(Exception):
    """What compose says where a variable must be set and is not."""


def interpolate(value: Any, variables: dict[str, str]) -> Any:
    """Fill in ``${NAME}``, ``${NAME:-word}`` and ``${NAME:?message}`` everywhere; refuse anything else."""
    if isinstance(value, dict):
        return {key: interpolate(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolate(each, variables) for each in value]
    return _filled(value, variables) if isinstance(value, str) else value


def _filled(text: str, variables: dict[str, str]) -> str:
    def fill(match: re.Match[str]) -> str:
        value = variables.get(match["name"], "")
        if value or match["how"] is None:
            return value
        if match["how"] == ":?":
            raise Refused(f"required variable {match['name']} is missing a value: {match['word']}")
        assert match["how"] == ":-", match[0]
        return str(match["word"])

    assert "$" not in _VARIABLE.sub("", text), f"an interpolation that is not understood here: {text}"
    return _VARIABLE.sub(fill, text)


def written() -> dict[str, Any]:
    """Return the file with its anchors and merges resolved, before variables are filled in."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


def read_env_file(path: Path) -> dict[str, str]:
    """Read an ``.env`` file of plain lines, as compose does."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@dataclass
class Ground:
    """Where everything lies and listens on this machine."""

    folder: Path
    image: Path
    """What the Dockerfile's steps made."""
    production: Path
    """What ``launch deploy prepare production`` made."""
    ports: dict[str, int]
    secrets: dict[str, Any] = field(default_factory=lambda: written()["secrets"])

    def __post_init__(self) -> None:
        found = (self.image / "opt/launch").rglob("*")
        self.built = {path for path in found if "__pycache__" not in path.parts and path.is_file()}

    def own(self, service: str) -> Path:
        """Return the folder of what only this service sees."""
        return self.folder / "containers" / service

    def hand_out(self, name: str, service: dict[str, Any]) -> None:
        """Make the service's own places, and give it those secrets that it lists, and no other."""
        own = self.own(name)
        for place in ("airflow", "tmp", "secrets"):
            (own / place).mkdir(parents=True, exist_ok=True)
        (self.folder / "logs").mkdir(exist_ok=True)
        for listed in service.get("secrets", []):
            source, target = (
                (listed, listed) if isinstance(listed, str) else (listed["source"], listed["target"])
            )
            file = self.production.parent / self.secrets[source]["file"]
            link = own / "secrets" / target
            link.unlink(missing_ok=True)
            link.symlink_to(file)

    def here(self, text: str, service: str) -> str:
        """Translate the places and neighbours that a value of a service names."""
        own = self.own(service)
        for place, folder in (
            ("/opt/launch/airflow", own / "airflow"),
            ("/opt/launch", self.image / "opt/launch"),
            ("/run/secrets", own / "secrets"),
            ("/var/log/launch", self.folder / "logs"),
            ("/etc/launch", self.production / "config"),
            ("/tmp/alive", own / "tmp" / "alive"),  # noqa: S108 - in the container's own tmpfs
        ):
            text = re.sub(rf"(?<![\w.]){place}(?=[/\s]|$)", str(folder), text)
        api = f"127.0.0.1:{self.ports['api-server']}"
        return text.replace("api-server:8080", api)

    def environment(self, name: str, service: dict[str, Any]) -> dict[str, str]:
        """Exactly what the container has: the image's PATH and the service's variables; nothing of ours."""
        given = {key: self.here(str(value), name) for key, value in service.get("environment", {}).items()}
        path = f"{self.image}/opt/launch/venv/bin:/usr/local/bin:/usr/bin:/bin"
        return {"PATH": path, "HOME": str(self.image / "opt/launch"), "LANG": "C.UTF-8", **given}

    def command(self, name: str, words: list[str]) -> list[str]:
        """Return a service's command; ports are this machine's, and nothing but loopback listens."""
        here = {"0.0.0.0": "127.0.0.1", "8080": str(self.ports["api-server"])}  # noqa: S104 - replaced
        return [here.get(word, self.here(word, name)) for word in words]
