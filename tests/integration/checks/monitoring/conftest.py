"""The monitoring servers, started once for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servers import monitoring as servers
from servers.programs import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


SCRAPED = 2
"""The servers that Prometheus scrapes: itself and Alertmanager."""


@pytest.fixture(scope="package")
def monitoring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Monitoring]:
    """Give Prometheus and Alertmanager, when the watchdog has come through both."""
    with servers.monitoring(tmp_path_factory.mktemp("monitoring")) as running:
        wait_for(lambda: bool(running.alerts("alertname%3DWatchdog")), "the watchdog's way to Alertmanager")
        wait_for(lambda: len(running.series("up==1")) == SCRAPED, "the first scrape of both servers")
        yield running
