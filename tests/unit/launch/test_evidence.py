"""The digest of evidence: of what is shown, and of nothing else."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pytest

from launch_pipeline.checks.verdict import Finding, Verdict
from launch_pipeline.launch.evidence import Evidence, digest_of, read_evidence, shows
from servers.records import NOON, a_result

SAME: dict[str, Any] = {
    "started_at": NOON + timedelta(hours=1),
    "duration_ms": 9,
    "attempts": 7,
    "observed": {},
}
OTHER: dict[str, Any] = {
    "kind": "tcp_port",
    "params": {"path": "/other"},
    "authority": "https://elsewhere.example.org",
    "verdict": Verdict.FAILED,
    "headline": "200 in 13 ms",
    "findings": (Finding(subject="/", expression="status", wanted="200", actual=math.nan, holds=True),),
}


def seen(**changes: Any) -> Evidence:
    return Evidence.of("ti-1", [a_result(**changes)])


@pytest.mark.parametrize("field", SAME)
def test_when_and_how_long_is_none_of_it(field: str) -> None:
    """Two looks that show the same have the same digest, of whichever try."""
    other = seen(**{field: SAME[field]}).model_copy(update={"task_instance_id": "ti-2"})
    assert other.digest == seen().digest


@pytest.mark.parametrize("field", OTHER)
def test_everything_that_is_shown_is_in_it(field: str) -> None:
    """Whatever a person would see differently is other evidence."""
    assert seen(**{field: OTHER[field]}).digest != seen().digest


def test_digest_survives_every_way_by_json() -> None:
    """As an XCom's object or text, numbers that are none included; a digest sent along is not believed."""
    evidence = seen(**OTHER)
    sent = evidence.payload()
    for value in (sent, json.dumps(sent), {**sent, "digest": "sha256:" + "0" * 64}):
        read = read_evidence(value, "ti-1")
        assert read is not None
        assert read.digest == evidence.digest == sent["digest"]


def test_pin_is_the_digest_or_its_begin_or_nothing() -> None:
    """Twelve digits are enough, fewer are none; an empty pin says that nothing was shown."""
    evidence = seen()
    assert evidence.pin == evidence.digest[7:19]
    assert all(shows(evidence, pin) for pin in (evidence.digest, evidence.digest[7:], evidence.pin))
    assert not any(
        shows(evidence, pin) for pin in ("", evidence.pin[:11], "sha256:", "0" * 12, seen(**OTHER).pin)
    )
    assert shows(None, "")
    assert not shows(None, evidence.pin)
    assert (digest_of(None), digest_of(evidence)) == ("", evidence.digest)
