"""A kind without a rule: ready only where its conditions say so, of this generation, and nothing speaks against it."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.checks.kinds.kubernetes_resource.conditions import Polarity, polarity
from servers.kubernetes_things import SEEN, Row, conditions, judged, thing


def widget(generation: int = 1, spec: Any = None, **status: Any) -> dict[str, Any]:
    return thing("Widget", "shop.example/v1", generation, spec, **status)


def ready(
    generation: int = 1, spec: Any = None, said: dict[str, str] | None = None, **status: Any
) -> dict[str, Any]:
    return widget(generation, spec, conditions=conditions(1, Ready="True", **(said or {})), **status)


UNKNOWN = "nothing says whether a Widget is ready"
WIDGETS: dict[str, Row] = {
    "no status": (widget(), None, UNKNOWN),
    "a status of other things": (widget(url="https://x.example"), None, UNKNOWN),
    "a phase alone": (widget(phase="Running"), None, UNKNOWN),
    "a bad phase": (widget(phase="Failed"), False, "phase is Failed"),
    "conditions of unknown types": (widget(conditions=conditions(1, Frobnicated="True")), None, UNKNOWN),
    "ready is false": (widget(conditions=conditions(1, Ready="False")), False, "Ready is False"),
    "ready is unknown": (widget(conditions=conditions(1, Ready="Unknown")), False, "Ready is Unknown"),
    "ready is another word": (widget(conditions=conditions(1, Ready="Almost")), False, "Ready is Almost"),
    "ready, written otherwise": (widget(conditions=conditions(1, Ready="true")), True, ""),
    "ready twice, once not": (widget(conditions=conditions(1, Ready="True") + conditions(1, Ready="False")), False, "Ready is False"),
    "ready of yesterday": (widget(2, conditions=conditions(1, Ready="True")), False, "of generation 1, not of 2"),
    "ready of who knows when": (widget(2, conditions=conditions(Ready="True")), None, "since generation 2"),
    "status of yesterday": (widget(2, **SEEN, conditions=conditions(Ready="True")), False, "generation 2 is not yet observed"),
    "degraded": (ready(said={"Degraded": "True"}), False, "Degraded is True"),
    "failed": (ready(said={"BackupFailed": "True"}), False, "BackupFailed is True"),
    "an error": (ready(said={"ErrorOccurred": "True"}), False, "ErrorOccurred is True"),
    "not synced": (ready(said={"Synced": "False"}), False, "Synced is False"),
    "another condition is false": (ready(said={"Frobnicated": "False"}), None, "Frobnicated is False"),
    "another condition is unknown": (ready(said={"Frobnicated": "Unknown"}), None, "Frobnicated is Unknown"),
    "a bad condition is unknown": (ready(said={"Degraded": "Unknown"}), None, "Degraded is Unknown"),
    "a warning": (ready(said={"DeprecationWarning": "True"}), None, "DeprecationWarning is True"),
    "on the way": (ready(said={"Progressing": "True"}), None, "Progressing is True"),
    "a bad phase beside it": (ready(phase="Provisioning"), False, "phase is Provisioning"),
    "an error beside it": (ready(errorMessage="no quota"), False, "no quota"),
    "not ready beside it": (ready(ready=False), False, "ready is false"),
    "a bad word deeper": (ready(model={"copies": [{"state": "FailedToLoad"}]}), None, "FailedToLoad"),
    "nothing is wanted": (ready(spec={"replicas": 0}), False, "0 replicas are wanted"),
    "no instances are wanted": (ready(spec={"instances": 0}), False, "0 instances are wanted"),
    "suspended": (ready(spec={"suspended": True}), False, "suspended"),
    "ready": (ready(), True, ""),
    "available": (widget(conditions=conditions(1, Available="True", Degraded="False")), True, ""),
    "ready by the status' generation": (widget(2, observedGeneration=2, conditions=conditions(Ready="True")), True, ""),
    "ready with other good news": (ready(said={"Frobnicated": "True", "NotDegraded": "True"}, phase="Running"), True, ""),
}  # fmt: skip


@pytest.mark.parametrize("row", WIDGETS.values(), ids=WIDGETS.keys())
def test_kind_without_a_rule(row: Row) -> None:
    """Silence is not readiness, and one good word does not outweigh a bad one."""
    judged(row)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Degraded", Polarity.BAD),
        ("MemoryPressure", Polarity.BAD),
        ("NetworkUnavailable", Polarity.BAD),
        ("ReplicaFailure", Polarity.BAD),
        ("InvalidSpec", Polarity.BAD),
        ("NotReady", Polarity.BAD),
        ("FetchFailed", Polarity.BAD),
        ("NoWarnings", Polarity.GOOD),
        ("NotDegraded", Polarity.GOOD),
        ("Ready", Polarity.GOOD),
        ("Programmed", Polarity.GOOD),
        ("Notified", Polarity.UNKNOWN),
        ("ErrorsResolved", Polarity.UNKNOWN),
        ("Progressing", Polarity.VAGUE),
    ],
)
def test_meaning_of_a_type(name: str, meaning: Polarity) -> None:
    """The type of a condition says whether true is good; where it does not, nothing is known."""
    assert polarity(name) is meaning
