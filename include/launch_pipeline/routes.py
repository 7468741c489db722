"""Name the paths that the plugin adds to the api-server."""

from __future__ import annotations

ROOT = "/launch"
LAUNCHES = f"{ROOT}/launches"
"""People postpone and abort launches here."""
REPORTS = f"{ROOT}/report"
"""The report of a launch is below it, by the launch's id."""
BOARD_PATH = f"{ROOT}/board"
DECIDE_PATH = f"{ROOT}/decide"
EVIDENCE_PATH = f"{ROOT}/evidence"
"""The bridge's: all that is open, an answer in a person's name, and the evidence of one item."""
