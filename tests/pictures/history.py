"""``python -m pictures.history``: the pictures of docs/history.md, and the report that is the example.

Beside a rehearsal that has ended and stays (``launch rehearse --keep``); its newest launch is shown.

Examples:
  PYTHONPATH=tests python -m pictures.history --home .launch/rehearsal
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
from playwright.sync_api import sync_playwright

from launch_pipeline.errors import OperationError
from launch_pipeline.stack.target import Target
from pictures.__main__ import CHROMIUM, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from launch_pipeline.airflow.hooks.rest_client import AirflowApi

WINDOW: Any = {"width": 1440, "height": 900}
SIDEBAR = 64
"""Columns of Airflow's own menu, which tells nothing here."""
STILL_MS = 1500
WEEK_1, WEEK_2 = "week_1_pre_launch_requirements", "week_2_infrastructure_setup"
ITEM = "requirements_design_review.data_models_finalized"
"""Rejected, repaired and approved in every rehearsal."""
GROUPS = '[aria-label="Expand all task groups"]'
VALUES = '[aria-label="Expand"], [aria-label="Expand all extra JSON"]'
NOTES = {
    "launch": "Rehearsed on one machine: no standby, no archive, no load."
    " The waivers say what to show in earnest.",
    WEEK_1: "The schema had changed after its freeze tag. The tag was moved, and the item answered again.",
}
"""What people write at their runs."""
log = logging.getLogger("pictures")


class Shot(NamedTuple):
    """One picture: a page below a Dag, the selector of what to press first, and how much is shown."""

    dag_id: str
    page: str
    press: str = ""
    height: int = 900


SHOTS = {
    "history-launch": Shot("launch", "", height=620),
    "history-grid": Shot(WEEK_2, "", GROUPS),
    "history-try": Shot(WEEK_1, f"/tasks/{ITEM}/required_actions?try_number=1"),
    "history-record": Shot(WEEK_1, f"/tasks/{ITEM}/xcom", VALUES),
    "history-seal": Shot(WEEK_1, "/tasks/phase_gate/xcom", VALUES, 740),
    "history-audit": Shot(WEEK_1, f"/tasks/{ITEM}/events"),
    "history-report": Shot("launch", "/plugin/report"),
}


def main() -> None:
    """Write the notes, take every picture, write the report, and take its first page."""
    asked = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    target = Target(home=asked.home)
    info = target.info()
    if info is None or not CHROMIUM:
        raise OperationError("start 'launch rehearse --keep' with that --home, and install Chromium.")
    api, docs = target.api(), Path(asked.docs)
    launch_id = str(api.dag_runs("launch")[0]["dag_run_id"])
    _write_notes(api, launch_id)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport=WINDOW, color_scheme="light")
        token = {"name": "_token", "value": _token(info.url, info.password("admin")), "url": info.url}
        context.add_cookies([token])  # type: ignore[list-item]
        for name, shot in SHOTS.items():
            _take(context.new_page(), f"{info.url}/dags/{shot.dag_id}/runs/{launch_id}{shot.page}", shot,
                  docs / "pictures" / f"{name}.png")  # fmt: skip
        _report(launch_id, asked.home, docs)
        page = browser.new_page(viewport={"width": 1180, "height": 1010})
        page.goto((docs / "example-report.html").resolve().as_uri())
        page.screenshot(path=docs / "pictures" / "report.png")
        browser.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pictures.history", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, default=ROOT / ".launch" / "rehearsal", help="of the rehearsal")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where they go")
    return parser.parse_args()


def _token(url: str, password: str) -> str:
    account = {"username": "admin", "password": password}
    return str(requests.post(f"{url}/auth/token", json=account, timeout=30).json()["access_token"])


def _write_notes(api: AirflowApi, launch_id: str) -> None:
    for dag_id, note in NOTES.items():
        api._request("PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{launch_id}", json={"note": note})


def _take(page: Page, url: str, shot: Shot, path: Path) -> None:
    page.goto(url)
    _rest(page)
    if shot.press:
        page.locator(shot.press).last.click()
        _rest(page)
    wide = WINDOW["width"] - SIDEBAR
    page.screenshot(path=path, clip={"x": SIDEBAR, "y": 0, "width": wide, "height": shot.height})
    log.info("%s: %d KiB", path.name, path.stat().st_size // 1024)
    page.close()


def _rest(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(STILL_MS)


def _report(launch_id: str, home: Path, docs: Path) -> None:
    for form in ("md", "html"):
        command = [sys.executable, "-m", "launch_pipeline.cli.main", "report", launch_id, "--format", form]
        output = docs / f"example-report.{form}"
        subprocess.run([*command, "--home", str(home), "--output", str(output)], check=True)
        output.chmod(0o644)


if __name__ == "__main__":
    main()
