"""Airflow connections for commands at a terminal, outside of any task.

Environment variables come first, as in Airflow, then what a running Airflow lists. Its REST API hides
secrets, so a connection with a password is known there but cannot be used here.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.connection import Connection

from launch_pipeline.airflow.hooks.check_connections import connection_info
from launch_pipeline.errors import ConfigurationError, Inconclusive, NotConnected, OperationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.airflow.hooks.rest_client import AirflowApi
    from launch_pipeline.checks.engine.context import ConnectionInfo

PREFIX = "AIRFLOW_CONN_"
"""Prefix of the environment variables in which Airflow looks for connections."""
_FIELDS = ("conn_type", "host", "port", "login", "password", "schema")
_HIDDEN = "***"
"""Placeholder that Airflow shows instead of a secret."""


class OutsideConnections:
    """Connections by id, each with the place where it was found."""

    def __init__(self, variables: Mapping[str, Mapping[str, str]], api: AirflowApi | None = None) -> None:
        """Take environments by their display names; the first one with a connection counts."""
        self._variables = variables
        self._api = api
        self._listing: asyncio.Task[dict[str, Any]] | None = None
        self.sources: dict[str, str] = {}
        """Where each connection was found, in words."""
        self.trouble = ""
        """Why Airflow could not be asked, if so."""

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
        return connection_info(connection, json.loads(connection.extra or "{}"))
    except Exception:  # noqa: BLE001  any error of Airflow's parsers; its text may contain the secret
        problem = "is neither a URI nor the JSON of a connection."
        raise ConfigurationError(name, "", problem, "see Airflow's 'Managing Connections'.") from None


def _shown(conn_id: str, name: str, listed: Mapping[str, Any]) -> ConnectionInfo:
    """Read a connection from Airflow's list. Raises Inconclusive where a secret is hidden."""
    extra = json.loads(listed.get("extra") or "{}")
    if listed.get("password") or _HIDDEN in json.dumps(extra):
        reason = f"connection '{conn_id}' is in Airflow, which does not show its secret. Set {name} here."
        raise Inconclusive(reason)
    fields = {field: listed.get(field) for field in _FIELDS}
    return connection_info(Connection(conn_id=conn_id, **fields), extra)
