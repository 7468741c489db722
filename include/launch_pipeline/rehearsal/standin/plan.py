"""What both sides of a rehearsal agree on before anything starts: ports, secrets, folders, releases."""

from __future__ import annotations

import secrets
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field

from launch_pipeline.checks.verdict import Frozen
from launch_pipeline.runtime.keys import write_private
from launch_pipeline.runtime.ports import LOOPBACK, free_ports

DOMAIN = "azora.test"
NAMESPACE = "azora"
DATABASE = "product"
DATABASE_USER = "launch_check"


class Part(StrEnum):
    """What can be broken and repaired while the stand-in runs."""

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


SERVICES = (Part.GATEWAY, Part.CONSTITUTIONAL_AI, Part.KNOWLEDGE_OCEAN, Part.AI_ROUTING)
"""The four services of the product; their names in metrics have a dash."""

_PORTS = (
    *SERVICES,
    "edge",
    "edge_plain",
    "authorities",
    "control",
    "dns",
    "database",
    "closed",
)
_TOKENS = ("control", "service", "plain_user", "visitor", "session", "database")


class StandInPlan(Frozen):
    """Everything the stand-in needs to start, and whoever asks it needs to find it. Holds secrets."""

    folder: Path
    """Where it keeps its certificates, repository and reports."""
    dsn: str
    """The superuser of the PostgreSQL server in which the product's database is made."""
    ports: dict[str, int]
    tokens: dict[str, str] = Field(repr=False)
    pace: float = 1.0
    """How long a second of waiting lasts; metrics look back over windows compressed by it."""
    release: str = "1.0.0"
    previous_release: str = "0.9.4"
    broken: tuple[Part, ...] = ()
    """What is broken from the start."""

    @classmethod
    def make(cls, folder: Path, dsn: str, **given: object) -> Self:
        """Choose free ports and new secrets."""
        ports = dict(zip(map(str, _PORTS), free_ports(len(_PORTS)), strict=True))
        tokens = {name: secrets.token_urlsafe(18) for name in _TOKENS}
        return cls.model_validate({"folder": folder, "dsn": dsn, "ports": ports, "tokens": tokens, **given})

    def save(self, path: Path) -> None:
        """Write it for the stand-in's process, readable by its owner alone."""
        write_private(path, self.model_dump(mode="json"))

    @property
    def repository(self) -> Path:
        """The product's bare repository."""
        return self.folder / "product.git"

    @property
    def reports(self) -> Path:
        """The folder that the pipeline of the product leaves its reports in."""
        return self.folder / "reports"

    @property
    def authority_file(self) -> Path:
        """The certificate of the rehearsal's own authority (PEM)."""
        return self.folder / "ca.pem"

    @property
    def trust_file(self) -> Path:
        """The system's authorities and ours in one file (PEM)."""
        return self.folder / "trust.pem"

    def url(self, name: str) -> str:
        """Give the address of one of the plain HTTP servers."""
        return f"http://{LOOPBACK}:{self.ports[name]}"
