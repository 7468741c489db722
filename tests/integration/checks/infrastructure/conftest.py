"""Servers of this folder's tests: started once, gone at the end of its last test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servers import moto_server, redis_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def redis_cluster() -> Iterator[redis_nodes.Cluster]:
    """Six Redis servers as a cluster."""
    with redis_nodes.cluster() as made:
        yield made


@pytest.fixture(scope="package")
def aws() -> Iterator[str]:
    """Start moto's server and yield its URL."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with moto_server.serving() as url:
            yield url
