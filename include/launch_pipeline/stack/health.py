"""Health check of a container: ``python -I -m launch_pipeline.stack.health WHAT``; exit code 0 or 1.

``WHAT`` is a component in the health report of the api-server at ``LAUNCH_AIRFLOW_URL`` (``metadatabase``,
``scheduler``, ``triggerer``, ``dag_processor``), or ``bridge`` for the file that the bridge touches every few
seconds. It runs often, in every container, so it imports only the standard library.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from pathlib import Path

ALIVE_VARIABLE = "LAUNCH_SLACK_ALIVE"
ALIVE_SECONDS = 30.0
"""The bridge touches its file every 5 s."""
TIMEOUT = 4.0


def trouble(what: str) -> str:
    """Return what is wrong, or an empty string."""
    return _bridge() if what == "bridge" else _airflow(what)


def _airflow(part: str) -> str:
    url = os.environ["LAUNCH_AIRFLOW_URL"].rstrip("/") + "/api/v2/monitor/health"
    # The api-server is on the same network, so no proxy is used.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=TIMEOUT) as response:
            state = json.load(response)[part]
    except (OSError, ValueError, KeyError) as error:
        return f"Airflow's health of {part} is unknown: {error!r}"
    return "" if state["status"] == "healthy" else f"{part}: {state}"


def _bridge() -> str:
    path = Path(os.environ[ALIVE_VARIABLE])
    try:
        age = time.time() - path.stat().st_mtime
    except OSError as error:
        return f"the bridge is not listening yet: {error}"
    return "" if age < ALIVE_SECONDS else f"the bridge has not reported for {age:.0f} s"


if __name__ == "__main__":
    said = trouble(sys.argv[1])
    print(said or "healthy")  # noqa: T201 - for 'docker inspect'
    sys.exit(bool(said))
