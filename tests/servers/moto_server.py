"""moto's server: AWS' APIs on loopback."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.context import ConnectionInfo
from servers.programs import free_ports, listens, open_folder, running

if TYPE_CHECKING:
    from collections.abc import Iterator

REGION = "eu-central-1"
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


def connection(url: str, **extra: Any) -> ConnectionInfo:
    """An Airflow connection to a store or to AWS elsewhere."""
    fields = {"region_name": REGION, "endpoint_url": url, **extra}
    return ConnectionInfo("aws", "aws", login="AKIAEXAMPLE", password=SECRET, extra=fields)


def client(url: str, service: str, region: str = REGION) -> Any:
    """A client for the test's own set-up."""
    import boto3  # noqa: PLC0415  (comes with moto)

    return boto3.client(
        service, endpoint_url=url, region_name=region, aws_access_key_id="test", aws_secret_access_key="test"
    )
