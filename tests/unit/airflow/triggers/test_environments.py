"""In which environment a launch runs: a rehearsal's is for rehearsals, whenever it is read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.airflow.triggers.run_checks import observe
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.environments import environment_files, environment_of

if TYPE_CHECKING:
    from servers.include_folder import IncludeFolder

REAL = LaunchContext(launch_id="shop-1.2", environment="test")
REHEARSED = REAL.model_copy(update={"rehearsal": True})
COMPRESSED = {"rehearsal": True, "hour": "75ms", "allow_side_effects": True}
ITEM = {
    "id": "answers",
    "text": "The harbour answers",
    "mode": "check",
    "owner": "operations_lead",
    "how": "Ask it.",
    "on_failure": "Look at its log.",
    "checks": [{"tcp_port": {"host": "127.0.0.1", "port": 1}}],
}


def test_real_launch_never_has_a_rehearsals_environment(include: IncludeFolder) -> None:
    """The file is put in the place of the real one while the launch is under way: refused, in words."""
    assert environment_of(REAL).pace == 1
    include.environment(**COMPRESSED)
    with pytest.raises(ConfigurationError, match=r"'test'.*rehearsal.*'shop-1.2' is not one.*Fix:"):
        environment_of(REAL)
    assert environment_of(REHEARSED).pace < 1


def test_no_check_of_a_real_launch_runs_with_it(include: IncludeFolder) -> None:
    """What a check would do there, it does not do."""
    include.environment(**COMPRESSED)
    with pytest.raises(ConfigurationError, match="is for rehearsals"):
        asyncio.run(observe(ITEM, REAL, "1"))


def test_the_project_ships_no_environment_of_a_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that rehearses nothing has none to offer, and none to accept."""
    monkeypatch.delenv("LAUNCH_INCLUDE", raising=False)
    monkeypatch.delenv("LAUNCH_ENVIRONMENTS", raising=False)
    assert "rehearsal" not in environment_files()
    with pytest.raises(ConfigurationError, match=r"rehearsal.yaml"):
        environment_of(REHEARSED.model_copy(update={"environment": "rehearsal"}))
