"""The list of AWS actions in docs/production.md is what the shipped checks ask, and nothing more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from botocore import xform_name  # type: ignore[import-untyped]
from botocore.session import get_session  # type: ignore[import-untyped]

from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.checks.engine.run import run_checks
from launch_rehearsal.product.base.health import Health
from launch_rehearsal.product.platform.aws_xml import answered, refused, xml
from launch_rehearsal.product.platform.bucket import BUCKET, Bucket
from servers.checking import context, run
from servers.moto_server import connection
from servers.shipped import shipped
from servers.web import serving

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.integration
PAGE = Path(__file__).parents[4] / "docs" / "production.md"
PREFIXES = {"elbv2": "elasticloadbalancing"}
"""Of services whose actions have another name (Service Authorization Reference)."""
ALSO = {
    # WAF looks at the web ACL by the caller's right, and asks the load balancer for it (WAF Developer Guide,
    # "Permissions for GetWebACLForResource").
    "wafv2:GetWebACLForResource": {"wafv2:GetWebACL", "elasticloadbalancing:GetLoadBalancerWebACL"},
}
QUESTIONS = {
    "list-type": "s3:ListBucket",
    "encryption": "s3:GetEncryptionConfiguration",
    "versioning": "s3:GetBucketVersioning",
    "lifecycle": "s3:GetLifecycleConfiguration",
    "location": "s3:GetBucketLocation",
    "publicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "policyStatus": "s3:GetBucketPolicyStatus",
    "acl": "s3:GetBucketAcl",
    "object-lock": "s3:GetBucketObjectLockConfiguration",
}
"""The action of each question about a bucket (Service Authorization Reference, Amazon S3)."""


def documented() -> list[list[str]]:
    """Read the actions of both statements of the policy on the page."""
    (policy,) = re.findall(r"```json\n(\{.*?\n\})\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [statement["Action"] for statement in json.loads(policy)["Statement"]]


def action(service: str, operation: str) -> set[str]:
    """Return the actions of an operation, which IAM calls as the API does."""
    names = get_session().get_service_model(service).operation_names
    (name,) = [one for one in names if xform_name(one) == operation]
    own = f"{PREFIXES.get(service, service)}:{name}"
    return {own, *ALSO.get(own, ())}


def test_actions_of_the_account() -> None:
    """Each operation that a check calls is on the page, sorted, and no other is."""
    asked = [check.params for check in shipped("aws_resource").values()]
    wanted = set[str]().union(*(action(one["service"], one["operation"]) for one in asked))
    assert documented()[0] == sorted(wanted)


def test_actions_on_the_bucket() -> None:
    """Each question that the checks ask about the bucket is on the page, and no other is."""
    assert documented()[1] == sorted(_asked_of_the_bucket())


def _asked_of_the_bucket() -> set[str]:
    """Run the shipped checks of buckets on one that does not block public access, and note the actions."""
    found: set[str] = set()

    @web.middleware
    async def noted(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        asked = [QUESTIONS[name] for name in request.query if name in QUESTIONS]
        found.update(asked or ["s3:GetObject"])
        open_to_all = _unblocked(request)
        return open_to_all or await handler(request)

    async def ask() -> None:
        app = web.Application(middlewares=[noted])
        app.add_routes(Bucket(Health()).routes())
        variables = with_product(
            {"backup_bucket": BUCKET, "primary_region": "eu-central-1", "namespace": "n"}
        )
        async with serving(app) as port:
            there = connection(f"http://127.0.0.1:{port}", addressing_style="path")
            ctx = context({"aws": there}, variables=variables)
            await run_checks(list(shipped("object_storage").values()), ctx)

    run(ask())
    return found


def _unblocked(request: web.Request) -> web.Response | None:
    """Answer for a bucket whose policy and grants are read, since nothing blocks what they open."""
    if "publicAccessBlock" in request.query:
        return refused(404, "NoSuchPublicAccessBlockConfiguration")
    if "policyStatus" in request.query:
        return refused(404, "NoSuchBucketPolicy")
    grants: dict[str, Any] = {"Owner": {"ID": "o"}, "AccessControlList": {}}
    return answered(xml("AccessControlPolicy", grants)) if "acl" in request.query else None
