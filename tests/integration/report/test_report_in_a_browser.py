"""The report's page in a real Chromium: everybody can read it, on a desk, on a phone, and in the dark."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.ledger.reopened import Cause
from launch_pipeline.ledger.schema import Entry, Outcome
from launch_pipeline.report.model import Note
from launch_pipeline.report.page import render
from servers.axe import complaints
from servers.report_changes import changes, look, reopened
from servers.reported import a_launch, bypassed, document_places, gate_places, phases, record_of, report_of

if TYPE_CHECKING:
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: install Debian's package 'chromium'"),
]
SIZES = [(1200, 900), (390, 844)]


def a_page() -> str:
    """Build a report with every kind of standing, a round, a rejection, notes, contacts and signatures."""
    places = document_places()
    outcomes = list(Outcome)
    kept = [
        Entry.of_record(record_of(place, outcome, reason="because it is so"))
        for place, outcome in zip(places, outcomes, strict=False)
    ]
    again = record_of(places[0], Outcome.APPROVED, instance="again", reason="looked at again")
    signed = record_of(gate_places(RequestKind.SIGNATURE)[0], Outcome.APPROVED, signature="Ada Lindqvist")
    red = reopened(places[3], 1, Cause.NO_LONGER_TRUE, "540 ms")
    changed = [*changes(places[0]), look(places[3], places[4]), red, reopened(places[0])]
    rows = [
        *kept,
        Entry.of_record(again),
        *bypassed(places[len(outcomes)]),
        Entry.of_record(signed),
        *changed,
    ]
    # One week and the signatures: axe takes its time with every line, and the lines of others are the same.
    few = tuple(phase for number, phase in enumerate(phases()) if not number or phase.kind == "sign_offs")
    notes = (Note(of="Week 1", text="A note."),)
    return render(report_of(rows, a_launch(rehearsal=True), notes=notes, phases=few))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES, ids=["desk", "phone"])
def test_axe_finds_nothing(tmp_path: Path, size: tuple[int, int], scheme: str) -> None:
    """Contrast above all: every standing in every colour can be read on its ground."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - only where a browser is

    file = tmp_path / "report.html"
    file.write_text(a_page(), encoding="utf-8")

    async def inside() -> list[str]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            page = await browser.new_page(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            await page.goto(file.as_uri())
            found = await complaints(page)
            await browser.close()
            return found

    assert asyncio.run(inside()) == []
