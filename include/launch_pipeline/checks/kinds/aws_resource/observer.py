"""Observes ``aws_resource``: the whole response of one read-only operation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from launch_pipeline.checks.canonical import plain
from launch_pipeline.checks.clients.aws import absent, client, error_code
from launch_pipeline.checks.clients.pages import joined
from launch_pipeline.checks.clients.wholeness import aws, aws_lacks
from launch_pipeline.checks.language.paths import roots_of
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.aws_resource.definition import AwsResourceParams

_MOST_ITEMS = 5000
_HANDS_OUT_SECRETS = re.compile(
    r"secret_value|session_token|federation_token|authorization_token|bearer_token|access_token"
    r"|credentials|password_data|random_password|login|parameters_for_import|export"
)
_MOST_PAGES = 100
_TOKENS = (
    "NextToken", "nextToken", "NextPageToken", "nextPageToken", "NextMarker", "PaginationToken", "Marker",
    "position",
)  # fmt: skip
_NAMES = re.compile(
    r"(?i)(?<!attribute)(?<!owner)(names?|ids?|arns?|arnlist|identifiers?)$"
    r"|^(services|tasks|clusters|jobs|identities|capacityproviders)$"
    r"|(instances|environments|jobqueues|definitions)$"
)
"""Arguments that name the things to look at."""


async def observe(params: AwsResourceParams, ctx: CheckContext) -> Observation:
    """Read all pages; raises Inconclusive if the response is incomplete or would hold secrets."""
    connection = await ctx.connection(params.conn_id)
    if _HANDS_OUT_SECRETS.search(params.operation) or params.arguments.get("WithDecryption"):
        message = f"{params.service} {params.operation} returns secrets; a check may not call it"
        raise Inconclusive(message)
    async with (
        ctx.clients.limit(f"aws:{connection.conn_id}"),
        client(ctx, connection, params.service) as opened,
    ):
        _known(params, opened)
        authority = f"{opened.meta.endpoint_url} ({opened.meta.region_name})"
        try:
            answer = await _asked(params, opened)
            _asked_by_name(params, answer)
        except ClientError as error:
            if not absent(error):
                raise
            answer = {"error": {"code": error_code(error)}}
    facts: dict[str, Any] = plain(answer)
    counts = {name: len(value) if isinstance(value, list) else 1 for name, value in facts.items()}
    subject = Subject(name=f"{params.service} {params.operation}", facts=facts)
    return Observation(subjects=(subject,), authority=authority, summary={"answered": counts})


def _known(params: AwsResourceParams, opened: Any) -> None:
    operations = opened.meta.method_to_api_mapping
    if params.operation not in operations:
        message = f"service '{params.service}' has no operation '{params.operation}'"
        raise Inconclusive(message)
    if opened.meta.service_model.operation_model(operations[params.operation]).has_streaming_output:
        message = f"{params.service} {params.operation} returns a file, which checks do not read"
        raise Inconclusive(message)


async def _asked(params: AwsResourceParams, opened: Any) -> dict[str, Any]:
    """Read every page: with part of a list, "none is open to the world" would pass."""
    pages = (
        _by_botocore(params, opened) if opened.can_paginate(params.operation) else _by_token(params, opened)
    )
    judged = frozenset[str]().union(*map(roots_of, params.expect))
    answer: dict[str, Any] | None = None
    last: dict[str, Any] = {}
    async for page in pages:
        last = {name: value for name, value in page.items() if name != "ResponseMetadata"}
        if lacks := aws_lacks(last, judged):
            raise Inconclusive(f"{params.service} {params.operation}: {lacks}"[:400])
        answer = last if answer is None else joined(answer, last)
        if sum(len(value) for value in answer.values() if isinstance(value, list)) > _MOST_ITEMS:
            raise _partial(params, f"it has more than {_MOST_ITEMS} entries")
    return answer or {}


async def _by_botocore(params: AwsResourceParams, opened: Any) -> AsyncIterator[dict[str, Any]]:
    number = 0
    page: dict[str, Any] = {}
    async for page in opened.get_paginator(params.operation).paginate(**params.arguments):
        number += 1
        if number > _MOST_PAGES:
            raise _partial(params, f"it has more than {_MOST_PAGES} pages")
        yield page
    if more := aws(page):
        raise _partial(params, more)


async def _by_token(params: AwsResourceParams, opened: Any) -> AsyncIterator[dict[str, Any]]:
    """Read the pages of an operation that botocore cannot page, by the token that it takes itself.

    WAFv2 gives a marker with its last page too (boto3 issue 3715): a page that adds nothing is the last.
    """
    call, arguments = getattr(opened, params.operation), dict(params.arguments)
    taken = _taken(params, opened)
    seen: dict[str, Any] = {}
    for _ in range(_MOST_PAGES):
        page = {
            name: value for name, value in (await call(**arguments)).items() if name != "ResponseMetadata"
        }
        if page == seen:
            return
        yield page
        token = next((name for name in _TOKENS if name in taken and page.get(name)), "")
        if not token or _ended(page):
            break
        seen, arguments[token] = page, page[token]
    if more := aws(page):
        raise _partial(params, more)


def _taken(params: AwsResourceParams, opened: Any) -> set[str]:
    """Return the names of the arguments that the operation takes."""
    name = opened.meta.method_to_api_mapping[params.operation]
    shape = opened.meta.service_model.operation_model(name).input_shape
    return set(shape.members) if shape else set()


def _ended(page: dict[str, Any]) -> bool:
    return page.get("IsTruncated") is False


def _partial(params: AwsResourceParams, why: str) -> Inconclusive:
    what = f"{params.service} {params.operation}"
    return Inconclusive(f"{what} has more than one answer holds: {why}; narrow its arguments"[:400])


def _asked_by_name(params: AwsResourceParams, answer: dict[str, Any]) -> None:
    """Raise Inconclusive if the answer does not speak of a thing that the arguments name.

    Some operations leave out what they do not find, such as ``describe_alarms`` and
    ``describe_auto_scaling_groups``: nothing looked at proves nothing.
    """
    said = [text.lower() for text in _texts(answer)]
    for argument, names in params.arguments.items():
        if not isinstance(names, list) or not _NAMES.search(argument):
            continue
        absent_ones = [name for name in names if isinstance(name, str) and not _spoken_of(name.lower(), said)]
        if absent_ones:
            missing = ", ".join(absent_ones)
            message = f"{params.service} {params.operation} says nothing of {missing} ('{argument}')"
            raise Inconclusive(message[:400])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from map(str, value)
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value


def _spoken_of(name: str, said: list[str]) -> bool:
    """Return whether a text is the name, an ARN that ends in it, or the end of the ARN that was asked for."""
    return "*" in name or any(
        text == name or text.endswith((f"/{name}", f":{name}")) or name.endswith((f"/{text}", f":{text}"))
        for text in said
        if text
    )
