"""Observes ``aws_resource``: the whole response of one read-only operation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from launch_pipeline.checks.canonical import plain
from launch_pipeline.checks.clients.aws import absent, client, error_code
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.aws_resource.definition import AwsResourceParams

_MOST_ITEMS = 5000
_HANDS_OUT_SECRETS = re.compile(
    r"secret_value|session_token|federation_token|authorization_token|bearer_token|access_token"
    r"|credentials|password_data|random_password|login|parameters_for_import|export"
)
_TOKENS = ("NextToken", "nextToken", "NextPageToken", "NextMarker", "PaginationToken", "Marker")


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
        except ClientError as error:
            if not absent(error):
                raise
            answer = {"error": {"code": error_code(error)}}
    facts: dict[str, Any] = plain(
        {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    )
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
    if opened.can_paginate(params.operation):
        pages = opened.get_paginator(params.operation).paginate(
            **params.arguments, PaginationConfig={"MaxItems": _MOST_ITEMS}
        )
        answer = await pages.build_full_result()
    else:
        answer = await getattr(opened, params.operation)(**params.arguments)
    if any(answer.get(name) for name in _TOKENS):
        raise _partial(params)
    return dict(answer)


def _partial(params: AwsResourceParams) -> Inconclusive:
    return Inconclusive(
        f"{params.service} {params.operation} has more than one answer holds; narrow its arguments"
    )
