"""moto's server: AWS' APIs on loopback."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.engine.context import ConnectionInfo
from servers.checking import check, context, run
from servers.programs import free_ports, listens, open_folder, running
from servers.web import serving as serving_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.checks.verdict import CheckResult
    from servers.odd import Odd

REGION, OLDEST = "eu-central-1", "us-east-1"
SECRET = "planted-aws-secret-key"
PAGE = 5
"""Keys of one page of a listing, so that a test needs few objects to reach a second page."""


@contextmanager
def serving() -> Iterator[str]:
    """Run the server; gives its URL."""
    with open_folder() as folder:
        port = free_ports(1)[0]
        argv = [
            "env", f"MOTO_S3_DEFAULT_MAX_KEYS={PAGE}", sys.executable, "-m", "moto.server", "-H", "127.0.0.1",
            "-p", str(port),
        ]  # fmt: skip
        with running(argv, lambda: listens(port), folder):
            yield f"http://127.0.0.1:{port}"


def bucket(url: str, name: str, region: str = REGION) -> Any:
    """Make a bucket; gives a client of its region."""
    s3 = client(url, "s3", region)
    # The oldest region is the one that S3 refuses to be told.
    place = {} if region == OLDEST else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **place)
    return s3


def asked(url: str, kind: str, fields: dict[str, Any] | None = None, **params: Any) -> CheckResult:
    """Run one check by a connection to there; whatever it says, the secret is not in it."""
    result = run(check(context({"aws": connection(url, **(fields or {}))}), kind, **params))
    assert SECRET not in result.model_dump_json()
    return result


def odd_answer(odd: Odd, kind: str, **params: Any) -> CheckResult:
    """Run one check against an authority that is not AWS, or not itself; a silent one is given up soon."""

    async def ask() -> CheckResult:
        async with serving_app(odd.app()) as port:
            patience = {"timeout": "300ms"} if odd.slow else {}
            ctx = context({"aws": connection(f"http://127.0.0.1:{port}")})
            return await check(ctx, kind, **params, **patience)

    return run(ask())


def connection(url: str, **extra: Any) -> ConnectionInfo:
    """Build an Airflow connection to a store or to AWS elsewhere."""
    fields = {"region_name": REGION, "endpoint_url": url, **extra}
    return ConnectionInfo("aws", "aws", login="AKIAEXAMPLE", password=SECRET, extra=fields)


def client(url: str, service: str, region: str = REGION) -> Any:
    """Build a client for the test's own set-up."""
    import boto3  # noqa: PLC0415  (comes with moto)

    return boto3.client(
        service, endpoint_url=url, region_name=region, aws_access_key_id="test", aws_secret_access_key="test"
    )
