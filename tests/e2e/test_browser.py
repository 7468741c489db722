"""What a release manager does, in a real Chromium: trigger the launch, answer a gate, read the grid."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from servers.launches import PHASE, RELEASE, Run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from servers.launches import Launchpad

pytestmark = [pytest.mark.integration, pytest.mark.browser]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000


@pytest.fixture
def page(launchpad: Launchpad) -> Iterator[Page]:
    """Open a page in Debian's Chromium, not signed in."""
    browser_path = (
        shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    )
    if browser_path is None:
        pytest.skip("no Chromium here: install Debian's package 'chromium'")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where a browser is

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        page = browser.new_page(
            base_url=launchpad.stack.settings.url, viewport={"width": 1400, "height": 1000}
        )
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


def _sign_in(page: Page, launchpad: Launchpad, user: str) -> None:
    page.context.clear_cookies()
    page.goto("/")
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(launchpad.stack.settings.passwords()[user])
    page.locator("button[type=submit]").click()
    page.wait_for_url(lambda url: "login" not in url)


def test_a_release_manager_launches_answers_and_reads_the_grid(
    launchpad: Launchpad, page: Page, tmp_path: Path
) -> None:
    """The form refuses nonsense and starts the launch; the gate takes a reason; the grid shows the end."""
    _sign_in(page, launchpad, "admin")
    page.goto("/dags/launch")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    trigger = form.get_by_role("button", name="Trigger")
    commit = form.locator("#element_release_sha")
    commit.fill("not a commit")
    assert trigger.is_disabled()
    commit.fill(RELEASE)
    _pick_time(page, "2035/01/01", "09:00")
    page.screenshot(path=tmp_path / "form.png")
    trigger.click()
    launch = launchpad.newest("launch")
    phase = Run(launchpad, PHASE, launch.id)

    phase.until("the phase runs", lambda: launchpad.api().dag_run(PHASE, launch.id))
    phase.until_waiting("people.attested")
    _sign_in(page, launchpad, "carla.cto")
    page.goto(f"/dags/{PHASE}/runs/{launch.id}/tasks/people.attested/required_actions")
    page.get_by_text("Is the team ready?").wait_for()
    page.screenshot(path=tmp_path / "gate.png")
    page.locator("#element_reason").fill("the team is ready enough")
    page.get_by_role("button", name="Waive", exact=True).click()
    phase.until_state("people.attested", "skipped")
    record = phase.record("people.attested")
    assert record
    assert (record.reason, record.recorded_by) == ("the team is ready enough", "airflow_ui")

    page.goto(f"/dags/{PHASE}/runs/{launch.id}")
    page.get_by_text("People", exact=True).first.wait_for()
    page.screenshot(path=tmp_path / "grid.png")


def _pick_time(page: Page, date: str, time: str) -> None:
    page.get_by_text("Select date and time").click()
    page.get_by_placeholder("YYYY/MM/DD").fill(date)
    page.get_by_placeholder("HH:mm").fill(time)
    page.keyboard.press("Escape")
