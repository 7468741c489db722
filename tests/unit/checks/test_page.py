"""The page about checks is complete, and its examples can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from launch_pipeline.checks.engine.params import Params
from launch_pipeline.checks.language.comparisons import Operator
from launch_pipeline.checks.language.units import UNITS

PAGE = (Path(__file__).parents[3] / "docs" / "checks.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_comparison_is_explained() -> None:
    table = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    assert [one for one in Operator if f"`{one.value}" not in table] == []


def test_every_unit_is_named() -> None:
    assert [unit for unit in UNITS if f"`{unit}`" not in PAGE] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_accepted(example: str) -> None:
    assert Params.model_validate(yaml.safe_load(example))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3
