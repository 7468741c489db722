"""The short form of ``make chaos``: what matters most is killed in real launches, and answers are counted."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from chaos.faults import Fault
from chaos.rounds import play

if TYPE_CHECKING:
    from chaos.stage import Stage

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("fault", [Fault.TASK, Fault.API_SERVER, Fault.BRIDGE])
def test_no_decision_is_lost_doubled_or_invented(stage: Stage, fault: Fault) -> None:
    """Tasks that decide, the api-server and the bridge are killed; the launches complete all the same."""
    played = play(stage, fault, random.Random(fault), fault, launches=2)  # noqa: S311 - a moment
    assert played.clean, played
    assert played.reckoning.decisions == 2 * 4, played
