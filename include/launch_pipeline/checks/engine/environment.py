"""An environment: the target of a launch, what checks may do there, and its variables."""

from __future__ import annotations

import difflib
import re
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.duration import Duration
from launch_pipeline.checklist.files import Stamp, read_yaml, stamp
from launch_pipeline.errors import ConfigurationError

_HOUR = timedelta(hours=1)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TARGET = re.compile(r"(?:\*\.)?[A-Za-z0-9._-]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}")
SYSTEM_RESOLVER = "system"
"""Key of ``addresses`` for this machine's own resolver."""


class Environment(Frozen):
    """One file of ``environments/``."""

    name: str = Field(min_length=1)
    rehearsal: bool = False
    """Whether everything is marked REHEARSAL."""
    allow_side_effects: bool = False
    """Whether checks may write canary data, send bursts, generate load or page people."""
    allow_commands: bool = False
    """Whether checks may run programs on the worker."""
    allow_link_local: bool = False
    """Whether checks may reach link-local addresses, such as a cloud's metadata service."""
    variables: dict[str, Any] = Field(default_factory=dict)
    hour: Duration = _HOUR
    """How long an hour of waiting lasts; only a rehearsal may compress it."""
    recheck: Duration | None = None
    """How often failing checks run again while a request is open; None: as the policy says."""
    addresses: dict[str, str] = Field(default_factory=dict)
    """Addresses to connect to instead of a public name, as with ``curl --resolve``.

    ``host:port`` or ``*.host:port`` (one label) to ``address:port``; a resolver is ``1.1.1.1:53`` or
    ``system``. Certificates and the Host header keep the name; the evidence shows the address.
    """

    @field_validator("variables", mode="after")
    @classmethod
    def _names_can_be_used(cls, variables: dict[str, Any]) -> dict[str, Any]:
        for name in variables:
            if not _NAME.fullmatch(name):
                message = f"variable {name!r} cannot be used as ${{...}}; use letters, digits and '_'"
                raise ValueError(message)
        return variables

    @field_validator("hour", "recheck", mode="after")
    @classmethod
    def _positive(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value <= timedelta():
            message = "must be longer than 0; write for example 60s"
            raise ValueError(message)
        return value

    @field_validator("hour", mode="after")
    @classmethod
    def _an_hour_in_earnest(cls, hour: timedelta, info: ValidationInfo) -> timedelta:
        # In a real launch a window must not open after seconds.
        if hour != _HOUR and not info.data.get("rehearsal"):
            message = "only a rehearsal compresses time; remove it, or write 'rehearsal: true'"
            raise ValueError(message)
        return hour

    @field_validator("addresses", mode="after")
    @classmethod
    def _addresses_can_be_read(cls, addresses: dict[str, str]) -> dict[str, str]:
        for name, target in addresses.items():
            for text in (name, target) if name != SYSTEM_RESOLVER else (target,):
                if not _TARGET.fullmatch(text):
                    message = (
                        f"address {name!r}: {target!r} cannot be used; write 'host:443': '127.0.0.1:8443'"
                    )
                    raise ValueError(message)
        return {name.lower(): target for name, target in addresses.items()}

    def address_of(self, host: str, port: int) -> tuple[str, int]:
        """Return where to connect for a name: the mapped address, else the name itself."""
        name = host.lower().rstrip(".")
        for known in (f"{name}:{port}", f"*.{name.partition('.')[2]}:{port}"):
            if known in self.addresses:
                return _split(self.addresses[known])
        return host, port

    def resolver_address(self) -> tuple[str, int] | None:
        """Return the resolver that replaces the system's; None: the system's own."""
        found = self.addresses.get(SYSTEM_RESOLVER)
        return _split(found) if found else None

    @property
    def pace(self) -> float:
        """Return the time scale of waiting: 1 in a real launch, less in a rehearsal."""
        return self.hour / _HOUR


def _split(target: str) -> tuple[str, int]:
    host, _, port = target.rpartition(":")
    return host.strip("[]"), int(port)


def load_environment(path: Path | str) -> Environment:
    """Read an environment from YAML; cached until the file changes, since every check needs it.

    Raises ConfigurationError with file, key, value and fix. The result is shared: do not modify it.
    """
    source = Path(path)
    return _loaded(source, stamp(source))


@lru_cache(maxsize=16)
def _loaded(source: Path, _stamp: Stamp) -> Environment:
    content = read_yaml(source)
    try:
        return Environment.model_validate(content)
    except ValidationError as error:
        raise _explained(str(source), error) from error


def _explained(source: str, error: ValidationError) -> ConfigurationError:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        known = list(Environment.model_fields)
        near = difflib.get_close_matches(place, known, 1)
        fix = f"write '{near[0]}'." if near else f"remove it, or use one of {', '.join(known)}."
        return ConfigurationError(
            source, place, f"is not a key of an environment (value {first['input']!r}).", fix
        )
    if first["type"] == "missing":
        return ConfigurationError(source, place, "is missing.", f"add '{place}: ...'.")
    message = first["msg"].removeprefix("Value error, ")
    return ConfigurationError(source, place, f"{first['input']!r} is not accepted.", f"{message}.")
