"""Render the report as one HTML page that loads nothing and runs nothing that it quotes."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.report import words
from launch_pipeline.report.contacts import named

if TYPE_CHECKING:
    from jinja2 import Template

    from launch_pipeline.report.model import ItemLine, Report

_HERE = Path(__file__).parent
BAR = 1000
"""The width of the bar that shows the counts."""


def render(report: Report) -> str:
    """Render the page."""
    return _template().render(
        report=report,
        launch=report.launch,
        css=_css(),
        policy=policy(),
        words=words,
        bar=_bar(report),
        named=named,
        approved=Outcome.APPROVED,
        count=_count,
    )


def policy() -> str:
    """Return the page's Content-Security-Policy, which allows its own style and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _count(items: tuple[ItemLine, ...], sort: str) -> int:
    return sum(words.sort_of(item) == sort for item in items)


def _bar(report: Report) -> list[dict[str, Any]]:
    """Return the segments of the bar with their places, good ones first."""
    items = report.document_items
    parts, at = [], 0.0
    for sort in ("good", "aside", "bad", "open"):
        width = BAR * _count(items, sort) / max(1, len(items))
        parts.append({"sort": sort, "at": round(at, 2), "width": round(width, 2)})
        at += width
    return parts


@lru_cache(maxsize=1)
def _css() -> str:
    return (_HERE / "report.css").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only pages need it

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")
