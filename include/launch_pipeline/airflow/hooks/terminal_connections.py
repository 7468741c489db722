"""Airflow connections for somebody at a terminal, outside of any task.

Environment variables come first, as they do for Airflow; then what a running Airflow lists. Airflow's REST
API shows no passwords, so a connection that it keeps with one is known, but cannot be used here.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.connection import Connection

from launch_pipeline.checks.engine.context import ConnectionInfo
from launch_pipeline.errors import ConfigurationError, Inconclusive, NotConnected, OperationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.airflow.hooks.rest_client import AirflowApi

PREFIX = "AIRFLOW_CONN_"
"""Of the environment variables in which Airflow looks for connections."""
_HIDDEN = "***"
"""What Airflow shows in place of a secret."""


class OutsideConnections:
    """Connections by id, and where each was found."""

    def __init__(self, variables: Mapping[str, Mapping[str, str]], api: AirflowApi | None = None) -> None:
        """Take environments by the name to show for each, the first that has a connection counts."""
        self._variables = variables
        self._api = api
        self._listing: asyncio.Task[dict[str, Any]] | None = None
        self.sources: dict[str, str] = {}
        """Of each connection that was found: the place, in words."""
        self.trouble = ""
        """Why Airflow could not be asked."""

    async def get(self, conn_id: str) -> ConnectionInfo:
        """Return a connection.

        Raises NotConnected where there is none, Inconclusive where its secret is not shown here, and
        ConfigurationError where its variable cannot be read; no message holds the value.
        """
        name = PREFIX + conn_id.upper()
        for place, variables in self._variables.items():
            if variables.get(name):
                self.sources[conn_id] = f"{name} of {place}"
                return _parsed(conn_id, name, variables[name])
        found = (await self._listed()).get(conn_id)
        if found is None:
            reason = f"not connected: {conn_id}. Set {name}, or add it to Airflow's connections."
            raise NotConnected(reason)
        self.sources[conn_id] = f"connections of Airflow at {self._api.base_url if self._api else ''}"
        return _shown(conn_id, name, found)

    async def _listed(self) -> dict[str, Any]:
        if self._listing is None:
            self._listing = asyncio.ensure_future(asyncio.to_thread(self._list))
        return await asyncio.shield(self._listing)

    def _list(self) -> dict[str, Any]:
        if self._api is None:
            return {}
        try:
            return {found["connection_id"]: found for found in self._api.connections()}
        except OperationError as error:
            self.trouble = str(error)
            raise NotConnected(
                f"not connected: Airflow could not be asked for connections: {error}"
            ) from error


def _parsed(conn_id: str, name: str, value: str) -> ConnectionInfo:
    try:
        if value.lstrip().startswith("{"):
            connection = Connection.from_json(value, conn_id)
        else:
            connection = Connection.from_uri(value, conn_id)
        extra = json.loads(connection.extra) if connection.extra else {}
        return _info(conn_id, {**_fields(connection), "extra": extra})
    except Exception:  # noqa: BLE001  whatever Airflow makes of it; its texts may hold the secret
        problem = "is neither a URI nor the JSON of a connection."
        raise ConfigurationError(name, "", problem, "see Airflow's 'Managing Connections'.") from None


def _fields(connection: Connection) -> dict[str, Any]:
    names = ("conn_type", "host", "port", "login", "password", "schema")
    return {name: getattr(connection, name) for name in names}


def _shown(conn_id: str, name: str, listed: Mapping[str, Any]) -> ConnectionInfo:
    """Read what the REST API shows; raises Inconclusive where it hides a secret."""
    extra = json.loads(listed.get("extra") or "{}")
    if listed.get("password") or _HIDDEN in json.dumps(extra):
        reason = f"connection '{conn_id}' is in Airflow, which does not show its secret. Set {name} here."
        raise Inconclusive(reason)
    return _info(conn_id, {**listed, "extra": extra})


def _info(conn_id: str, fields: Mapping[str, Any]) -> ConnectionInfo:
    return ConnectionInfo(
        conn_id=conn_id,
        scheme=fields.get("conn_type") or "",
        host=fields.get("host") or "",
        port=fields.get("port"),
        login=fields.get("login") or "",
        password=fields.get("password") or "",
        schema=fields.get("schema") or "",
        extra=fields.get("extra") or {},
    )
