"""Reads from a Kubernetes API with the dynamic client: bounded get and list, without files."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import aiohttp
import yaml
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import (
    ConfigException,
    load_incluster_config,
    load_kube_config,
    load_kube_config_from_dict,
)
from kubernetes_asyncio.dynamic import DynamicClient, Resource

from launch_pipeline.checks.canonical import digest
from launch_pipeline.checks.clients.http import Answer, Staying, busy, refuse_named, spoken
from launch_pipeline.checks.clients.kubernetes_documents import complete, document, items, listed, next_page
from launch_pipeline.errors import Inconclusive, NotConnected, Unreachable

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo

PAGE = 100
"""Objects per request of a list."""
MOST_OBJECTS = 2000
_MOST_BYTES = 16 * 1024 * 1024
_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _GONE, _SERVER = 200, 401, 403, 404, 410, 500

Renew = Callable[[], Awaitable[None]]


@dataclass
class Cluster:
    """One cluster, reached by one connection."""

    conn_id: str
    configuration: Configuration
    client: DynamicClient
    renew: Renew
    """Reloads the credentials; tokens live for minutes, the client for days."""
    kinds: dict[tuple[str, str], Resource] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    """Headers of the last response."""

    @property
    def host(self) -> str:
        """The API server's URL."""
        return str(self.configuration.host)

    async def resource(self, api_version: str, kind: str) -> Resource | None:
        """Find a kind in one group and version; None if the cluster does not serve it.

        Only that version is read: full discovery makes a request per group, treats groups that do not
        answer as empty, and writes a temporary file.
        """
        known = self.kinds.get((api_version, kind))
        if known is not None:
            return known
        group, _, version = api_version.rpartition("/")
        prefix = "apis" if group else "api"
        found = await self._discovered(f"/{prefix}/{quote(api_version)}")
        for one in listed(found, "resources") if found is not None else []:
            name = str(one.get("name"))
            if one.get("kind") == kind and "/" not in name:
                made = Resource(
                    prefix=prefix,
                    group=group,
                    api_version=version,
                    kind=kind,
                    namespaced=bool(one.get("namespaced")),
                    name=name,
                    client=self.client,
                )
                return self.kinds.setdefault((api_version, kind), made)
        return None

    async def named(self, resource: Resource, name: str, namespace: str) -> dict[str, Any] | None:
        """Read one object; None if it does not exist."""
        path = resource.path(name=quote(name, safe=":"), namespace=_space(resource, namespace))
        found = await self._get(path)
        return None if found is None else complete(found, str(resource.kind), str(resource.group_version))

    async def listed(self, resource: Resource, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """Read all objects of a kind, page by page.

        Raises Inconclusive if there are too many, or if the answer is not whole.
        """
        path = resource.path(namespace=_space(resource, namespace))
        kind, version = str(resource.kind), str(resource.group_version)
        query: dict[str, Any] = {"limit": PAGE, "label_selector": selector or None}
        objects: list[dict[str, Any]] = []
        token = ""
        while True:
            page = await self._get(path, **query) or {}
            found = items(page, kind)
            objects += [complete(one, kind, version) for one in found]
            token = next_page(page, token, kind)
            if not token:
                return objects
            if len(objects) >= MOST_OBJECTS:
                message = (
                    f"more than {MOST_OBJECTS} objects of kind {resource.kind}; give 'selector' or 'names'"
                )
                raise Inconclusive(message)
            query["_continue"] = token

    async def refuse_unknown(self, namespace: str) -> None:
        """Raise Inconclusive for a namespace that does not exist, where the API server lists nothing."""
        if await self._get(f"/api/v1/namespaces/{quote(namespace, safe='')}") is None:
            message = f"namespace '{namespace}' does not exist in the cluster; set 'namespace'"
            raise Inconclusive(message)

    async def _discovered(self, path: str) -> dict[str, Any] | None:
        """Read the kinds of a version; None for an unknown one, once the server is known to be Kubernetes."""
        answer = await self._answer(path, {})
        if answer.status == _NOT_FOUND:
            await self._get("/apis")  # raises unless this is Kubernetes
            return None
        return await asyncio.to_thread(_read, self, path, answer)

    async def _get(self, path: str, **query: Any) -> dict[str, Any] | None:
        return await asyncio.to_thread(_read, self, path, await self._answer(path, query))

    async def _answer(self, path: str, query: dict[str, Any]) -> Answer:
        answer = await self._send(path, query)
        if answer.status == _UNAUTHORIZED:
            await self.renew()
            answer = await self._send(path, query)
        return answer

    async def _send(self, path: str, query: dict[str, Any]) -> Answer:
        began = time.perf_counter()
        try:
            response = await self.client.request("GET", path, serialize=False, **query)
            async with response:
                body = await _bounded(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError) as error:
            message = f"{self.host} has a certificate that is not trusted: {spoken(error)}"[:300]
            raise Inconclusive(message) from error
        except (aiohttp.ClientError, OSError) as error:
            message = f"{self.host} did not answer: {spoken(error)}"[:300]
            raise Unreachable(message, retryable=True) from error
        elapsed, self.told = (time.perf_counter() - began) * 1000, headers
        return Answer(
            self.host, response.status, headers, body[:_MOST_BYTES], len(body) <= _MOST_BYTES, elapsed
        )


async def cluster_of(ctx: CheckContext, conn_id: str) -> Cluster:
    """Return the cluster of a connection, shared by all checks of the loop.

    The connection has ``kube_config`` (the file's content), ``kube_config_path`` or ``in_cluster`` in its
    extra, as Airflow's Kubernetes connections do, or a host, a bearer token as password, and
    ``ca_file``. Raises NotConnected if it has none of them, Inconclusive if they cannot be used.
    """
    connection = await ctx.connection(conn_id)
    said = f"{connection!r}{connection.password}{dict(connection.extra)}"
    cluster = await ctx.clients.keep(("kubernetes", digest(said)), lambda: _opened(connection))
    await refuse_named(ctx, urlsplit(cluster.host).hostname or "")
    ctx.seen_secrets.update(map(str, cluster.configuration.api_key.values()))
    ctx.seen_secrets.update(
        str(key).removeprefix("Bearer ") for key in cluster.configuration.api_key.values()
    )
    return cluster


@asynccontextmanager
async def _opened(connection: ConnectionInfo) -> AsyncIterator[Cluster]:
    configuration = Configuration()

    async def renew() -> None:
        try:
            await _configure(connection, configuration)
        except (ConfigException, OSError, ValueError, yaml.YAMLError) as error:
            message = f"connection '{connection.conn_id}' cannot be used for a cluster: {error}"[:300]
            raise Inconclusive(message) from error

    await renew()
    async with ApiClient(configuration) as api:
        api.rest_client.pool_manager = Staying(api.rest_client.pool_manager)
        yield Cluster(connection.conn_id, configuration, DynamicClient(api), renew)


async def _configure(connection: ConnectionInfo, configuration: Configuration) -> None:
    extra = {name.removeprefix("extra__kubernetes__"): value for name, value in connection.extra.items()}
    context = extra.get("cluster_context") or None
    given, path = extra.get("kube_config"), extra.get("kube_config_path")
    if given:
        content = yaml.safe_load(given) if isinstance(given, str) else dict(given)
        await load_kube_config_from_dict(content, context=context, client_configuration=configuration)
    elif path:
        await load_kube_config(path, context, configuration, persist_config=False)
    elif extra.get("in_cluster"):
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    elif connection.host:
        configuration.host = connection.base_url
        configuration.ssl_ca_cert = extra.get("ca_file") or None
        if connection.password:
            configuration.api_key = {"BearerToken": f"Bearer {connection.password}"}
    else:
        message = (
            f"connection '{connection.conn_id}' names no cluster; give it kube_config, in_cluster or a host"
        )
        raise NotConnected(message)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        body += piece
        if len(body) > _MOST_BYTES:
            break
    return bytes(body)


def _read(cluster: Cluster, path: str, answer: Answer) -> dict[str, Any] | None:
    """Parse a response; None for 404. The dynamic client would take errors for objects."""
    wait = busy(answer)
    if wait is not None:
        raise wait
    found = document(answer)
    said = str(found.get("message") or "")[:200] if found else ""
    if answer.status == _NOT_FOUND and found is not None:
        return None
    if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
        message = (
            f"credentials: {answer.url} answered {answer.status} to connection '{cluster.conn_id}': {said}"
        )
        raise Inconclusive(message.rstrip(": "))
    if answer.status >= _SERVER or answer.status in {_GONE, 429}:
        message = f"{answer.url} answered {answer.status} for {path}: {said}".rstrip(": ")
        raise Unreachable(message, retryable=answer.status != 429)  # noqa: PLR2004
    if answer.status != _OK or found is None:
        what = "more than 16 MiB" if not answer.complete else f"{answer.status} without a Kubernetes document"
        message = f"{answer.url} answered {what} for {path}"
        raise Inconclusive(message)
    return found


def _space(resource: Resource, namespace: str) -> str | None:
    return quote(namespace, safe="") if resource.namespaced else None
