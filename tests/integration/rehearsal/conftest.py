"""One stand-in over one PostgreSQL for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.rehearsal.standin.plan import StandInPlan
from launch_pipeline.rehearsal.standin.promql import SHORTEST
from servers.standin import RunningStandIn, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

PACE = 1 / 24_000
"""As the rehearsal's environment: an hour lasts 150 ms."""


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    """A running stand-in, nothing of it broken, that its certificates are believed of."""
    home = tmp_path_factory.mktemp("rehearsal") / "home"
    patch = pytest.MonkeyPatch()
    with postgres(home) as dsn:
        plan = StandInPlan.make(home / "product", dsn, pace=PACE)
        patch.setenv("SSL_CERT_FILE", str(plan.trust_file))
        with RunningStandIn(plan) as running:
            running.await_samples(SHORTEST + 1)
            running.write_up()
            yield running
    patch.undo()
