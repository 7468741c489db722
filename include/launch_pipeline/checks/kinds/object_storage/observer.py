"""Observes ``object_storage``: reads only the facts in use, so that few permissions are needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from launch_pipeline.checks.clients.aws import absent, client, error_code, unsupported
from launch_pipeline.checks.kinds.object_storage.definition import criteria
from launch_pipeline.checks.kinds.object_storage.lifecycle import (
    Bound,
    Unknown,
    bound_of,
    early_rules,
    lifecycle_facts,
)
from launch_pipeline.checks.language.comparisons import SKEW
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.object_storage.definition import ObjectStorageParams

_MOST_PAGES = 100
_FORMER_NAMES = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}
_EVERYBODY = ("/global/AllUsers", "/global/AuthenticatedUsers")


@dataclass(frozen=True)
class _Bucket:
    """A bucket, and the client to read it."""

    client: Any
    params: ObjectStorageParams
    now: datetime

    async def ask(self, operation: str, *absent_codes: str) -> dict[str, Any]:
        """Call an operation on the bucket; empty if not configured (one of ``absent_codes``).

        Raises Inconclusive if the store does not support the operation.
        """
        try:
            answer: dict[str, Any] = await getattr(self.client, operation)(Bucket=self.params.bucket)
        except ClientError as error:
            if error_code(error) in absent_codes:
                return {}
            if unsupported(error):
                message = f"this store does not support {operation}; remove what needs it"
                raise Inconclusive(message) from error
            raise
        return answer


async def observe(params: ObjectStorageParams, ctx: CheckContext) -> Observation:
    """Read the facts of a bucket.

    Raises Unreachable if the store does not answer, Inconclusive if it denies access, does not support
    an operation, or holds too many objects to find the newest.
    """
    connection = await ctx.connection(params.conn_id)
    wanted = dict.fromkeys(
        ask for name, ask in _ASKED.items() if any(_speaks(path, name) for path in criteria(params))
    )
    async with ctx.clients.limit(f"aws:{connection.conn_id}"), client(ctx, connection, "s3") as opened:
        bucket = _Bucket(opened, params, ctx.clock())
        facts: dict[str, Any] = {"exists": await _exists(bucket)}
        unknown: dict[str, str] = {}
        for ask in wanted if facts["exists"] else ():
            try:
                facts |= await ask(bucket)
            except Unknown as error:
                unknown[error.fact] = error.reason
        authority = f"{opened.meta.endpoint_url}/{params.bucket}"
    name = f"s3://{params.bucket}/{params.prefix}"
    subject = Subject(name=name, facts=facts, unknown=unknown)
    return Observation(subjects=(subject,), authority=authority, summary={**facts, **unknown})


def _speaks(path: str, name: str) -> bool:
    """Return whether an expression reads a fact: ``newest.encryption`` does not read ``encryption``."""
    return re.search(rf"(?<![.\w]){name}\b", path) is not None


async def _exists(bucket: _Bucket) -> bool:
    """List one key: the response to HEAD has no body, so it would not say why it failed."""
    try:
        answer = await bucket.client.list_objects_v2(Bucket=bucket.params.bucket, MaxKeys=1)
    except ClientError as error:
        if error_code(error) == "NoSuchBucket":
            return False
        raise
    if "Name" not in answer:
        message = f"{bucket.client.meta.endpoint_url} does not answer as S3 does"
        raise Inconclusive(message)
    return True


async def _newest(bucket: _Bucket) -> dict[str, Any]:
    """Find the newest object by time among all pages, without folder markers."""
    count, newest, number, more = 0, None, 0, False
    pages = bucket.client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.params.bucket, Prefix=bucket.params.prefix
    )
    async for page in pages:
        number += 1
        if number > _MOST_PAGES:
            message = f"{bucket.params.bucket}/{bucket.params.prefix} holds too many objects; narrow 'prefix'"
            raise Inconclusive(message)
        objects = [one for one in page.get("Contents", []) if one["Size"] or not one["Key"].endswith("/")]
        count += len(objects)
        candidates = objects if newest is None else [newest, *objects]
        newest = max(candidates, key=lambda one: one["LastModified"], default=None)
        more = page.get("IsTruncated") is True
    if more:
        message = f"{bucket.params.bucket}/{bucket.params.prefix} has more objects than the store lists"
        raise Inconclusive(message)
    return {"count": count, "newest": None if newest is None else await _described(bucket, newest)}


async def _described(bucket: _Bucket, one: dict[str, Any]) -> dict[str, Any]:
    described = {
        "key": one["Key"],
        "size": one["Size"],
        "last_modified": one["LastModified"].isoformat(),
        "age_s": round((bucket.now - one["LastModified"]).total_seconds(), 1),
    }
    if bucket.now - one["LastModified"] < -SKEW:
        message = f"{bucket.params.bucket}/{one['Key']} lies in the future: a clock is wrong, here or there"
        raise Inconclusive(message[:300])
    if not any("newest.encryption" in path for path in criteria(bucket.params)):
        return described
    head = await bucket.client.head_object(Bucket=bucket.params.bucket, Key=one["Key"])
    return {**described, "encryption": head.get("ServerSideEncryption")}


async def _encryption(bucket: _Bucket) -> dict[str, Any]:
    answer = await bucket.ask("get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError")
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules]
    return {"encryption": next(filter(None, defaults), None)}


async def _versioning(bucket: _Bucket) -> dict[str, Any]:
    return {"versioning": (await bucket.ask("get_bucket_versioning")).get("Status") or "Disabled"}


async def _lifecycle(bucket: _Bucket) -> dict[str, Any]:
    """Return after how many days the objects of the prefix are deleted; None without a rule that deletes."""
    answer = await bucket.ask("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")
    rules, bound = answer.get("Rules", []), bound_of(bucket.params.expect)
    versioned = bound is not Bound.LOWER and await _keeps_versions(bucket)
    return lifecycle_facts(rules, bucket.params.prefix, bucket.now, bound, versioned=versioned)


async def _early_rules(bucket: _Bucket) -> dict[str, Any]:
    answer = await bucket.ask("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")
    keep = bucket.params.keep or timedelta()
    return {"early_rules": early_rules(answer.get("Rules", []), bucket.params.prefix, bucket.now, keep)}


async def _keeps_versions(bucket: _Bucket) -> bool:
    """Return whether the bucket has versions; a store that does not know the question keeps none."""
    try:
        return bool((await bucket.client.get_bucket_versioning(Bucket=bucket.params.bucket)).get("Status"))
    except ClientError as error:
        if unsupported(error) or absent(error):
            return False
        raise


async def _object_lock(bucket: _Bucket) -> dict[str, Any]:
    """Return whether new objects are locked: a lock without a default retention locks none by itself."""
    answer = await bucket.ask("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError")
    said = answer.get("ObjectLockConfiguration", {})
    retention = said.get("Rule", {}).get("DefaultRetention", {})
    enabled = said.get("ObjectLockEnabled") == "Enabled"
    if enabled and not (retention.get("Days") or retention.get("Years")):
        raise Unknown(
            "object_lock", "it is enabled without a default retention, so it locks no object by itself"
        )
    return {"object_lock": enabled}


async def _region(bucket: _Bucket) -> dict[str, Any]:
    """Return the region; S3 answers nothing for us-east-1, and ``EU`` for its oldest buckets in eu-west-1."""
    told = (await bucket.ask("get_bucket_location")).get("LocationConstraint")
    return {"region": _FORMER_NAMES.get(told, told)}


async def _public(bucket: _Bucket) -> dict[str, Any]:
    """Return whether the public may read, by policy or grant, unless public access is blocked."""
    blocked = (await bucket.ask("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")).get(
        "PublicAccessBlockConfiguration", {}
    )
    by_policy = by_grant = False
    if not blocked.get("RestrictPublicBuckets"):
        status = await bucket.ask("get_bucket_policy_status", "NoSuchBucketPolicy")
        by_policy = bool(status.get("PolicyStatus", {}).get("IsPublic"))
    if not blocked.get("IgnorePublicAcls"):
        grants = (await bucket.ask("get_bucket_acl")).get("Grants", [])
        by_grant = any(str(one.get("Grantee", {}).get("URI", "")).endswith(_EVERYBODY) for one in grants)
    return {"public": by_policy or by_grant}


_ASKED: dict[str, Callable[[_Bucket], Awaitable[dict[str, Any]]]] = {
    "newest": _newest,
    "count": _newest,
    "encryption": _encryption,
    "versioning": _versioning,
    "lifecycle_days": _lifecycle,
    "early_rules": _early_rules,
    "object_lock": _object_lock,
    "region": _region,
    "public": _public,
}
"""The optional facts, and the function that reads each."""
