"""In which environment a launch runs: a rehearsal's is for rehearsals, whenever it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.errors import ConfigurationError
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.environments import environment_files
from launch_pipeline.launch.in_force import settings_in_force

if TYPE_CHECKING:
    from servers.include_folder import IncludeFolder

REAL = LaunchContext(launch_id="shop-1.2", environment="test")
REHEARSED = REAL.model_copy(update={"rehearsal": True})
COMPRESSED = {"rehearsal": True, "hour": "75ms", "allow_side_effects": True}
NOWHERE = "host=127.0.0.1 port=1"
"""A launch without stored definitions reads today's file and asks no database."""


def test_real_launch_never_has_a_rehearsals_environment(include: IncludeFolder) -> None:
    """The file is put in the place of the real one while the launch is under way: refused, in words."""
    assert settings_in_force(NOWHERE, REAL).environment.pace == 1
    include.environment(**COMPRESSED)
    with pytest.raises(ConfigurationError, match=r"'test'.*rehearsal.*'shop-1.2' is not one.*Fix:"):
        settings_in_force(NOWHERE, REAL)
    assert settings_in_force(NOWHERE, REHEARSED).environment.pace < 1


def test_the_project_ships_no_environment_of_a_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack that rehearses nothing has none to offer, and none to accept."""
    monkeypatch.delenv("LAUNCH_INCLUDE", raising=False)
    monkeypatch.delenv("LAUNCH_ENVIRONMENTS", raising=False)
    assert "rehearsal" not in environment_files()
    with pytest.raises(ConfigurationError, match=r"rehearsal.yaml"):
        settings_in_force(NOWHERE, REHEARSED.model_copy(update={"environment": "rehearsal"}))
