"""What the tests of the checklist share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checks.engine.registry import parameter_models

if TYPE_CHECKING:
    from launch_pipeline.checklist.load import ParameterModels


@pytest.fixture(scope="session")
def kinds() -> ParameterModels:
    """Models of the parameters of every kind of check."""
    return parameter_models()


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """Folder of one valid checklist and of many mistakes."""
    return Path(__file__).resolve().parents[2] / "fixtures" / "checklists"
