"""Read the targets of a check: a host with a port, and where the environment has it instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch_pipeline.checks.engine.context import CheckContext


def split_target(text: str, default: int | None = None) -> tuple[str, int]:
    """Read ``host:port``, ``[v6]:port`` or, with a default port, ``host``; raises Inconclusive."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(default or "")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:  # noqa: PLR2004
        message = f"'{text}' is no target; write host:port"
        raise Inconclusive(message)
    return host.strip("[]"), int(port)


def moved(ctx: CheckContext, targets: Iterable[tuple[str, int]]) -> dict[str, dict[str, str]]:
    """Say for the evidence which targets the environment has elsewhere; nothing where none is."""
    found = {}
    for host, port in targets:
        address = ctx.environment.address_of(host, port)
        if address != (host, port):
            found[f"{host}:{port}"] = f"{address[0]}:{address[1]}"
    return {"asked_at": found} if found else {}
