"""Name the paths that the plugin adds to the api-server."""

from __future__ import annotations

ROOT = "/launch"
LAUNCHES = f"{ROOT}/launches"
"""Below it, people postpone and abort launches."""
REPORTS = f"{ROOT}/report"
"""Below it, the report of each launch, by the launch's id."""
BOARD_PATH = f"{ROOT}/board"
DECIDE_PATH = f"{ROOT}/decide"
EVIDENCE_PATH = f"{ROOT}/evidence"
HOLD_PATH = f"{ROOT}/hold"
"""For the bridge: all launches under way, an answer in a person's name, the evidence of items, and a hold."""
