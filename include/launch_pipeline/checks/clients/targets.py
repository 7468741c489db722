"""Targets of a check: host and port, and the address that the environment maps them to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checks.engine.context import CheckContext


def split_target(text: str, default: int | None = None) -> tuple[str, int]:
    """Parse ``host:port``, ``[v6]:port`` or, with a default port, ``host``; raises Inconclusive."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(default or "")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:  # noqa: PLR2004
        message = f"'{text}' is not a target; write host:port"
        raise Inconclusive(message)
    return host.strip("[]"), int(port)


def moved(ctx: CheckContext, targets: Iterable[tuple[str, int]]) -> dict[str, dict[str, str]]:
    """Return, for the evidence, the targets that the environment maps to another address."""
    found = {}
    for host, port in targets:
        address = ctx.environment.address_of(host, port)
        if address != (host, port):
            found[f"{host}:{port}"] = f"{address[0]}:{address[1]}"
    return {"asked_at": found} if found else {}
