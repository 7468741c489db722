"""docker-compose.yaml, run: every service's very command, environment, secrets and health check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from servers.deployment import Deployment

pytestmark = pytest.mark.integration


def test_everything_is_healthy(deployment: Deployment) -> None:
    """Each service runs, and its own health check says so."""
    assert deployment.healthy("api-server")
