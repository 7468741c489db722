"""People answer in Slack, in a real Chromium, on the real bridge and stack: what they tap is what is kept."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import requests

from launch_pipeline.ledger.schema import EntryKind, Outcome, RecordedBy
from servers.launches import PHASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

    from chaos.stage import Stage
    from servers.launches import Run

pytestmark = [pytest.mark.integration, pytest.mark.browser]

ADA, PRIYA, CARLA = "U0LAUNCH01", "U0LAUNCH02", "U0LAUNCH04"
PATIENCE_MS = 60_000
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def page() -> Iterator[Page]:
    """Open a page in a phone's browser."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install Debian's package 'chromium'")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where a browser is

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        opened = browser.new_page(viewport={"width": 390, "height": 844})
        opened.set_default_timeout(PATIENCE_MS)
        yield opened
        browser.close()


def _look(page: Page, stage: Stage, run: Run, person: str) -> None:
    """Open a launch's thread as somebody."""

    def thread() -> str:
        state = requests.get(f"{stage.slack_url}/control/state", timeout=10).json()
        messages = state["channels"][0]["messages"]
        return next((m["ts"] for m in messages if run.id in json.dumps(m) and not m.get("thread_ts")), "")

    root = run.until("the launch's thread", thread)
    page.goto(f"{stage.slack_url}/?as={person}&channel=C001LAUNCH&thread={root}")


def _card(page: Page, section: str) -> Locator:
    return page.locator("#thread .message", has_text=f"REHEARSAL · {section}").filter(
        has=page.get_by_role("button", name="Open in Airflow")
    )


def _review(page: Page, section: str, answer: str, button: str = "Review…") -> None:
    _card(page, section).get_by_role("button", name=button).click()
    page.get_by_label("Your answer (optional)").first.select_option(answer)


def _send(page: Page) -> None:
    page.get_by_role("button", name="Send").click()


def _approve_all(page: Page, section: str) -> None:
    _card(page, section).get_by_role("button", name="Approve all that are mine").click()
    page.get_by_role("button", name="Approve", exact=True).click()


def _shows(page: Page, section: str, text: str) -> None:
    _card(page, section).get_by_text(text).first.wait_for()


def test_a_phase_is_answered_on_a_phone(stage: Stage, page: Page) -> None:
    """Waive, approve all, reject with a reason, approve after a clear: the card follows, the record names."""
    run = stage.pad.begin(name="browser")
    stage.pad.switches.on(*(run.page(name) for name in ("green", "heals", "witnessed")))
    _look(page, stage, run, CARLA)
    _review(page, "Machine", "Waive")
    _send(page)
    page.locator(".modal").get_by_text("needs a reason").wait_for()
    page.get_by_label("Reason (optional)").first.fill("replaced by the green service")
    _send(page)
    _shows(page, "Machine", "Waived")
    _look(page, stage, run, ADA)
    run.until_state("people.witnessed", "awaiting_input")
    _approve_all(page, "People")
    _shows(page, "People", "Approved")

    _look(page, stage, run, PRIYA)
    _review(page, "People", "Reject")
    page.get_by_label("Reason (optional)").first.fill("half of the team is on holiday")
    _send(page)
    _shows(page, "People", "Rejected")
    assert run.until_ended() == "failed"
    page.locator("#thread").get_by_text("FAILED").first.wait_for()

    stage.pad.api().clear(PHASE, run.id, ["people.attested"], include_downstream=True)
    for task in ("people.attested", "people.afterwards"):
        run.until_waiting(task)
        _approve_all(page, "People")
        run.until_state(task, "success")
    assert run.until_ended() == "success"

    records = [entry.record for entry in run.entries(EntryKind.DECISION)]
    kept = {(r.decided_by.name, r.outcome, r.recorded_by) for r in records if r and r.decided_by}
    assert kept == {
        ("Carla Mendes", Outcome.WAIVED, RecordedBy.SLACK),
        ("Ada Lindqvist", Outcome.APPROVED, RecordedBy.SLACK),
        ("Priya Raman", Outcome.REJECTED, RecordedBy.SLACK),
        ("Priya Raman", Outcome.APPROVED, RecordedBy.SLACK),
    }
    answered = stage.pad.api().hitl_details(PHASE, run.id, waiting=False)
    by = {d["task_instance"]["task_id"]: (d["responded_by_user"] or {}).get("name") for d in answered}
    assert by["machine.broken"] == "carla.cto"
    assert by["people.attested"] == "priya.product"


def test_a_role_signs_with_its_full_name(stage: Stage, page: Page) -> None:
    """Another name is refused with the right one; the card counts the signature."""
    run = stage.pad.begin("sign_off", name="signs")
    run.until_waiting("sign_off.cto")
    _look(page, stage, run, CARLA)
    for name in ("Carla", "Carla Mendes"):
        _review(page, "Sign-Off", "Sign", button="Sign…")
        page.get_by_label("Signature (optional)").first.fill(name)
        _send(page)
        if name == "Carla":
            page.locator("#thread").get_by_text("must be your full name").first.wait_for()
    _shows(page, "Sign-Off", "1 of 4 signed")
    record = run.record("sign_off.cto")
    assert record
    assert (record.signature, record.recorded_by) == ("Carla Mendes", RecordedBy.SLACK)


def test_slack_that_is_away_for_a_whole_phase(stage: Stage) -> None:
    """People answer in Airflow meanwhile; back again, Slack hears how the phase ended, once, and its card.

    What was asked and answered while it was away needs no card any more; what waits then gets one.
    """
    fault = {"method": "*", "kind": "status", "status": 503, "times": 100_000}
    for what, body in (("faults", fault), ("sockets/drop", None)):
        requests.post(f"{stage.slack_url}/control/{what}", json=body, timeout=10).raise_for_status()
    run, after = stage.pad.begin(name="away"), stage.pad.begin(name="back")
    run.finish()
    after.until_waiting("people.attested")
    run.until_state("phase_gate", "success")
    assert not _thread(stage, run)
    requests.delete(f"{stage.slack_url}/control/faults", timeout=10).raise_for_status()

    run.until("it is told", lambda: _told(stage, run, "complete"))
    assert run.until_ended() == "success"
    after.until("its card is there", lambda: "Review" in json.dumps(_thread(stage, after)))
    assert len(_told(stage, run, "complete")) == len(run.entries(EntryKind.ANNOUNCEMENT)) == 1
    assert "Approve all that are mine" not in json.dumps(_thread(stage, run))
    assert len(run.entries(EntryKind.DECISION)) == 3


def _thread(stage: Stage, run: Run) -> list[dict[str, Any]]:
    """Return what was said of a launch, its root first."""
    messages = requests.get(f"{stage.slack_url}/control/state", timeout=10).json()["channels"][0]["messages"]
    roots = [m["ts"] for m in messages if run.id in json.dumps(m) and not m.get("thread_ts")]
    return [m for m in messages if {m["ts"], m.get("thread_ts")} & {*roots}]


def _told(stage: Stage, run: Run, word: str) -> list[dict[str, Any]]:
    """Return the notes of how its phase ended."""
    return [m for m in _thread(stage, run) if m.get("metadata") and word in m["text"]]
