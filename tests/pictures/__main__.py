"""``make pictures``: play a rehearsal by hand in Chromium and take the pictures of the README.

Answers a whole launch on the page of Slack's stand-in, as each of its people, and keeps one picture of each
kind of card and modal, for a desk and for a phone. Three of them become those of the README.

Examples:
  make pictures                                           into build/pictures, and three into docs/pictures
  PYTHONPATH=tests python -m pictures --only-look         into build/pictures alone
"""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from playwright.sync_api import sync_playwright

from pictures.camera import Camera
from pictures.player import Player

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
START_SECONDS = 240.0
KEEPS = "Everything keeps running"
"""What a rehearsal says when its launch is over and it was told to stay."""
README = {
    "section-both-desk": "slack-section",
    "modal-review-desk": "slack-review",
    "go-no-go-page": "slack-go-no-go",
}
"""Pictures of the README, by what they are taken of."""
log = logging.getLogger("pictures")


def main() -> int:
    """Play, and give the rehearsal's own exit code."""
    asked = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if not CHROMIUM:
        log.error("no Chromium here: install Debian's package 'chromium'")
        return 1
    began = time.monotonic()
    with _Rehearsal(asked.home, asked.port, asked.minutes) as rehearsal, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        player = Player(rehearsal.slack(), Camera(browser, asked.folder), rehearsal.over)
        player.play()
        browser.close()
    log.info("%d taps, %d forms, %.0f s", player.taps, player.forms, time.monotonic() - began)
    if not asked.only_look:
        _keep(asked.folder)
    return rehearsal.code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make pictures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "pictures", help="where they go")
    # Evidence names files by their whole path, which a picture would show.
    home = Path(tempfile.gettempdir()) / "launch-rehearsal"
    parser.add_argument("--home", type=Path, default=home, help="of the rehearsal")
    parser.add_argument("--port", type=int, default=8080, help="of Airflow")
    parser.add_argument("--minutes", type=float, default=25.0, help="patience")
    parser.add_argument("--only-look", action="store_true", help="leave the README's pictures as they are")
    return parser.parse_args()


def _keep(folder: Path) -> None:
    for name, picture in README.items():
        taken = folder / f"{name}.png"
        if taken.exists():
            shutil.copy(taken, ROOT / "docs" / "pictures" / f"{picture}.png")


class _Rehearsal:
    """``launch rehearse --hands-on``, with what it prints."""

    def __init__(self, home: Path, port: int, minutes: float) -> None:
        self._end = time.monotonic() + 60 * minutes
        self._command = [
            sys.executable, "-m", "launch_pipeline.cli.main", "rehearse", "--hands-on", "--keep",
            "--home", str(home), "--port", str(port),
        ]  # fmt: skip
        self._said: list[str] = []
        self.code = 1

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self.code = self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._said.append(line)
            log.info("| %s", line.rstrip())

    def over(self) -> bool:
        """Whether the launch has ended, or takes too long."""
        late = time.monotonic() > self._end
        return late or self._process.poll() is not None or any(KEEPS in line for line in self._said)

    def slack(self) -> str:
        """Address of the stand-in's page, once it has been printed."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and not self.over():
            if found := re.search(r"Slack\s+(http://\S+?)(?:\x1b|\s)", "".join(self._said)):
                return found[1]
            time.sleep(0.2)
        raise RuntimeError("the rehearsal did not name its Slack")


if __name__ == "__main__":
    sys.exit(main())
