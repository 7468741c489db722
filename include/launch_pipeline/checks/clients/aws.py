"""Clients for the AWS APIs and S3-compatible stores, from an Airflow connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
from aiobotocore.httpsession import AIOHTTPSession  # type: ignore[import-untyped]
from aiobotocore.session import AioSession, get_session  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectionError,  # noqa: A004  (botocore's name)
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    SSLError,
)
from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

from launch_pipeline.checks.canonical import digest
from launch_pipeline.checks.clients.http import Answer, Staying, busy, refuse_named
from launch_pipeline.errors import Inconclusive, Unreachable

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext, ConnectionInfo

_REFUSED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "ExpiredTokenException",
    "Forbidden",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "OptInRequired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClientException",
}
_BUSY = ("Throttl", "SlowDown", "TooManyRequests", "RequestLimitExceeded", "LimitExceededException")
_UNSUPPORTED = {"NotImplemented", "MethodNotAllowed", "UnknownOperationException", "InvalidAction"}
_UNAUTHORIZED, _TOO_MANY, _SERVER = (401, 403), 429, 500
_MOVED, _BAD, _REGION = 300, 400, "x-amz-bucket-region"


_MOST_BYTES = 16 * 1024 * 1024
_BEGINNING = 200
_SECRET = ("aws_secret_access_key", "aws_session_token")


class _Session(AIOHTTPSession):  # type: ignore[misc]  # untyped
    """Follows no redirect and bounds the response; the caller streams files."""

    async def _get_session(self, proxy_url: Any) -> Staying:
        return Staying(await super()._get_session(proxy_url))

    async def send(self, request: Any) -> Any:
        as_stream, request.stream_output = request.stream_output, True
        answer = await super().send(request)
        if _MOVED <= answer.status_code < _BAD and _REGION not in answer.headers:
            # botocore follows S3 from region to region, without end if no region is given.
            answer.raw.close()
            message = f"{_asked(request)} answered {answer.status_code}, a redirect, which is not followed"
            raise Inconclusive(message)
        if not as_stream:
            _refuse_busy(request, answer)
            body = await _bounded(answer.raw, request)
            answer._content = body  # noqa: SLF001  (where it looks first)
            if body[:_BEGINNING].lstrip().lower().startswith((b"<!doctype html", b"<html")):
                # botocore would read an HTML page as an empty response.
                message = f"{_asked(request)} answered with an HTML page; it does not speak the AWS API"
                raise Inconclusive(message)
        return answer


def _refuse_busy(request: Any, answer: Any) -> None:
    """Raise Unreachable if a proxy in front of AWS asks to wait: its response may not be a document."""
    headers = {str(name).lower(): str(value) for name, value in answer.headers.items()}
    wait = busy(Answer(_asked(request), answer.status_code, headers, b"", complete=True, elapsed_ms=0))
    if wait is not None:
        raise wait


def _asked(request: Any) -> str:
    return str(request.url).partition("?")[0][:200]


async def _bounded(response: aiohttp.ClientResponse, request: Any) -> bytes:
    body = bytearray()
    try:
        async for piece in response.content.iter_chunked(64 * 1024):
            body += piece
            if len(body) > _MOST_BYTES:
                response.close()
                message = f"{_asked(request)} answered more than {_MOST_BYTES // 1024 // 1024} MiB"
                raise Inconclusive(message)
    except aiohttp.ClientError as error:
        raise ConnectionClosedError(error=error, request=request, endpoint_url=request.url) from error
    return bytes(body)


@asynccontextmanager
async def client(ctx: CheckContext, connection: ConnectionInfo, service: str) -> AsyncIterator[Any]:
    """Open a client of one service.

    Login and password are an access key; without them the machine's own credentials apply. The extra may set
    ``region_name``, ``endpoint_url`` (also per service in ``service_config``), ``aws_session_token``,
    ``role_arn`` with ``external_id``, ``addressing_style`` (S3) and ``ca_file``. A host is an endpoint.
    Raises Inconclusive or Unreachable for any error inside.
    """
    try:
        await refuse_named(ctx, urlsplit(_endpoint(connection, service) or "").hostname or "")
        session = await ctx.clients.keep("aws", _session)
        if connection.extra.get("role_arn"):
            keys = await _assumed(session, connection)
            ctx.seen_secrets.update(str(keys[name]) for name in _SECRET if keys.get(name))
            async with _opened(session, connection, service, keys) as opened:
                yield opened
        else:
            # Shared: creating a client blocks the loop for tens of milliseconds. A role's keys expire.
            said = digest(f"{connection!r}{connection.password}{dict(connection.extra)}")
            yield await ctx.clients.keep(
                ("aws", service, said), lambda: _opened(session, connection, service, _keys(connection))
            )
    except ClientError as error:
        raise _answered(error, connection, service) from error
    except (BotoCoreError, ResponseParserError, ValueError) as error:
        raise _broken(error, connection, service) from error


def error_code(error: ClientError) -> str:
    """Return the error code of AWS, such as ``NoSuchBucket``."""
    return str(error.response.get("Error", {}).get("Code") or "")


def unsupported(error: ClientError) -> bool:
    """Return whether an S3-compatible store does not support the operation."""
    return error_code(error) in _UNSUPPORTED or _status(error) in {405, 501}


def absent(error: ClientError) -> bool:
    """Return whether the error says that the resource does not exist."""
    code = error_code(error)
    return _status(error) == 404 or any(  # noqa: PLR2004
        word in code for word in ("NotFound", "NoSuch", "Nonexistent", "DoesNotExist")
    )


async def read_object(opened: Any, bucket: str, key: str, most: int) -> bytes | None:
    """Read at most ``most`` bytes of an object; None if it does not exist."""
    try:
        answer = await opened.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if absent(error):
            return None
        raise
    content = bytearray()
    async with answer["Body"] as body:
        async for piece in body.iter_chunks():
            content += piece
            if len(content) >= most:
                break
    return bytes(content[:most])


@asynccontextmanager
async def _session() -> AsyncIterator[AioSession]:
    """Open the shared session of the loop: its loader reads the model of each service once."""
    yield get_session()


@asynccontextmanager
async def _opened(
    session: AioSession, connection: ConnectionInfo, service: str, keys: dict[str, Any]
) -> AsyncIterator[Any]:
    async with session.create_client(service, **_options(connection, service), **keys) as opened:
        yield opened


def _keys(connection: ConnectionInfo) -> dict[str, Any]:
    if not connection.login:
        return {}
    return {
        "aws_access_key_id": connection.login,
        "aws_secret_access_key": connection.password,
        "aws_session_token": connection.extra.get("aws_session_token") or None,
    }


def _endpoint(connection: ConnectionInfo, service: str) -> str | None:
    per_service = connection.extra.get("service_config")
    own = per_service.get(service) if isinstance(per_service, Mapping) else None
    said = own.get("endpoint_url") if isinstance(own, Mapping) else None
    said = said or connection.extra.get("endpoint_url") or (connection.base_url if connection.host else None)
    return str(said) if said else None


def _options(connection: ConnectionInfo, service: str) -> dict[str, Any]:
    extra = connection.extra
    style = extra.get("addressing_style")
    config = AioConfig(
        retries={"total_max_attempts": 1},  # the check itself retries
        http_session_cls=_Session,
        warm_up_loader_caches=True,  # the models are large: read in a thread
        user_agent_appid="launch-check",
        s3={"addressing_style": str(style)} if style else None,
    )
    return {
        "region_name": extra.get("region_name") or extra.get("region") or None,
        "endpoint_url": _endpoint(connection, service),
        "verify": extra.get("ca_file") or None,
        "config": config,
    }


async def _assumed(session: AioSession, connection: ConnectionInfo) -> dict[str, Any]:
    """Assume the role of the connection, as Airflow does."""
    external = connection.extra.get("external_id")
    more = {"ExternalId": str(external)} if external else {}
    async with _opened(session, connection, "sts", _keys(connection)) as sts:
        role = str(connection.extra["role_arn"])
        given = await sts.assume_role(RoleArn=role, RoleSessionName="launch-check", **more)
    credentials = given["Credentials"]
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def _answered(error: ClientError, connection: ConnectionInfo, service: str) -> Inconclusive:
    """Return the error for an error response of the service."""
    code, status = error_code(error), _status(error)
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    said = " ".join(str(error.response.get("Error", {}).get("Message") or "").split())
    where = f"{service} of connection '{connection.conn_id}'"
    wait = busy(Answer(where, status, dict(headers), b"", complete=True, elapsed_ms=0))
    if wait is not None:
        return wait
    if any(word in code for word in _BUSY) or status == _TOO_MANY:
        return Unreachable(f"{where} is busy: {code or status}"[:300], retryable=True)
    if code in _REFUSED or status in _UNAUTHORIZED:
        what = f"{error.operation_name}: {code or status} {said}".strip()
        return Inconclusive(f"credentials: {where} refused {what}"[:400])
    if status >= _SERVER and not unsupported(error):
        return Unreachable(f"{where} answered {status} {code}".strip()[:300], retryable=True)
    return Inconclusive(f"{where} answered {error.operation_name} with {code or status}: {said}"[:400])


def _broken(error: Exception, connection: ConnectionInfo, service: str) -> Inconclusive:
    """Return the error for a request without a response."""
    where, said = f"{service} of connection '{connection.conn_id}'", " ".join(str(error).split())
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return Inconclusive(f"credentials: {where} has none: {said}"[:300])
    if isinstance(error, NoRegionError):
        return Inconclusive(f"{where} needs 'region_name' in its extra")
    if isinstance(error, SSLError):
        return Inconclusive(f"{where} has a certificate that is not trusted: {said}"[:300])
    if isinstance(error, ConnectionError | HTTPClientError):
        return Unreachable(f"{where} did not answer: {said}"[:300], retryable=True)
    if isinstance(error, ResponseParserError):
        return Inconclusive(f"{where} does not speak the AWS API: {said}"[:300])
    return Inconclusive(f"{where} cannot be called: {said}"[:400])
