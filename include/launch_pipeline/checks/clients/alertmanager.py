"""Alertmanager's own configuration, as its API shows it: receivers and routes, with the secrets masked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import yaml

from launch_pipeline.checks.clients.json_api import mapping
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.clients.json_api import Api


async def configuration(api: Api) -> dict[str, Any]:
    """Read the running configuration; raises Inconclusive if it cannot be read."""
    status = mapping((await api.get("/api/v2/status")).document, "status")
    original = mapping(status.get("config"), "configuration").get("original")
    try:
        # In a thread: a large configuration takes a second to parse.
        read = await asyncio.to_thread(yaml.safe_load, str(original or ""))
    except yaml.YAMLError as error:
        message = f"{api.authority} returns a configuration that cannot be read"
        raise Inconclusive(message) from error
    return mapping(read, "configuration")
