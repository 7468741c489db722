"""The short form of ``make chaos``: what matters most is killed in real launches, and answers are counted."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from chaos.faults import Fault
from chaos.rounds import play
from chaos.stage import remains, staged

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

FAULTS = (Fault.TASK, Fault.API_SERVER, Fault.BRIDGE)


def test_no_decision_is_lost_doubled_or_invented(tmp_path: Path) -> None:
    """Tasks that decide, the api-server and the bridge are killed; the launches complete all the same."""
    with staged(tmp_path) as stage:
        for fault in FAULTS:
            played = play(stage, fault, random.Random(fault), fault, launches=2)  # noqa: S311 - a moment
            assert played.clean, played
            assert played.reckoning.decisions == 2 * 4, played
    assert not remains(stage)
