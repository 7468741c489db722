"""Cobertura XML: the coverage by tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checks.kinds.report.formats.parsed import Parsed
from launch_pipeline.checks.language.values import number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def read_cobertura(root: Element) -> Parsed:
    """Read the line and branch rates."""
    line = number(root.get("line-rate"))
    if root.tag != "coverage" or line is None:
        message = f"the root is <{root.tag}> without a line-rate"
        raise ValueError(message)
    if number(root.get("lines-valid")) == 0:
        message = "it covers no line at all"
        raise ValueError(message)
    stamp = number(root.get("timestamp"))
    # coverage.py writes milliseconds, other tools seconds.
    seconds = stamp / 1000 if stamp and stamp > 1e11 else stamp  # noqa: PLR2004
    facts = {"line_rate": line, "branch_rate": number(root.get("branch-rate"))}
    return Parsed("cobertura", facts, generated_at=seconds)
