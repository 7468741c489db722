"""How much of a window its samples cover: too few never pass, and what is ordinary does."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import pytest

from launch_pipeline.checks.kinds.prometheus_query.coverage import Window, covered

NOW = 1_700_000_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def every(seconds: float, begin: float, end: float = 0.0) -> list[float]:
    """Give the times of samples, from ``begin`` to ``end`` seconds ago."""
    count = int((begin - end) / seconds)
    return [NOW - begin + seconds * number for number in range(count + 1)]


TOO_LITTLE: dict[str, tuple[list[float], float, str]] = {
    "nothing": ([], HOUR, "no samples"),
    "one sample": ([NOW], HOUR, "1 samples"),
    "two samples": ([NOW - 30, NOW], DAY, "2 samples"),
    "two samples at the ends": ([NOW - DAY, NOW], DAY, "2 samples"),
    "two samples at the ends of a short window": ([NOW - 300, NOW], 5 * MINUTE, "2 samples"),
    "three samples in a day": ([NOW - DAY, NOW - DAY / 2, NOW], DAY, "0%"),
    "a target of a quarter of an hour": (every(30, 900), HOUR, "25%"),
    "four fifths": (every(30, 0.8 * DAY), DAY, "80%"),
    "a hole of half a day": ([*every(30, DAY, DAY * 0.75), *every(30, DAY * 0.25)], DAY, "50%"),
    "two holes": ([*every(60, DAY, DAY - 600), *every(60, DAY * 0.7, DAY * 0.6), *every(60, DAY * 0.3)], DAY, "41%"),
    "ended a quarter of an hour ago": (every(30, HOUR, 900), HOUR, "900 s old"),
    "ended six minutes ago in a week": (every(60, 7 * DAY, 360), 7 * DAY, "360 s old"),
    "ended before the window": (every(30, 3 * HOUR, 2 * HOUR), HOUR, "7200 s old"),
    "a restart of a quarter of the window": ([*every(30, HOUR, 2700), *every(30, 1800)], HOUR, "75%"),
    "a quarter of six minutes": (every(30, 90), 6 * MINUTE, "25%"),
    "a federation that ended": (every(300, DAY, 1200), DAY, "1200 s old"),
    "half of ten minutes and a bit": (every(30, 270), 10 * MINUTE, "45%"),
}  # fmt: skip

ENOUGH: dict[str, tuple[list[float], float]] = {
    "a sample at every step": (every(30, HOUR), HOUR),
    "a scrape every minute": (every(60, HOUR, 40), HOUR),
    "one missed scrape": ([*every(60, HOUR, 1800), *every(60, 1680)], HOUR),
    "one missed scrape of ten minutes": ([*every(60, 600, 300), *every(60, 180)], 10 * MINUTE),
    "a restart of five minutes": ([*every(60, HOUR, 1800), *every(60, 1500)], HOUR),
    "a roll-out of an hour in a day": ([*every(60, DAY, DAY / 2), *every(60, DAY / 2 - HOUR)], DAY),
    "a federation every five minutes": (every(300, HOUR, 250), HOUR),
    "a federation that missed one": ([*every(300, HOUR, 1800), *every(300, 1200)], HOUR),
    "a rule every quarter of an hour": ([time - 290 for time in every(900, DAY)], DAY),
    "ended four minutes ago, a scrape or two late": (every(60, HOUR, 240), HOUR),
    "a target of 23 hours": (every(60, 23 * HOUR), DAY),
    "a minute's scrape in ten minutes": (every(60, 600), 10 * MINUTE),
}  # fmt: skip


@pytest.mark.parametrize(("times", "span", "said"), TOO_LITTLE.values(), ids=TOO_LITTLE.keys())
def test_too_little(times: list[float], span: float, said: str) -> None:
    """Samples of a part of the window say nothing of the whole, and the reason says what there is."""
    assert said in covered(times, Window(NOW - span, NOW, 30)).reason


@pytest.mark.parametrize(("times", "span"), ENOUGH.values(), ids=ENOUGH.keys())
def test_enough(times: list[float], span: float) -> None:
    """An ordinary scrape with ordinary interruptions covers its window."""
    assert covered(times, Window(NOW - span, NOW, 30)).reason == ""


@pytest.mark.parametrize(("begin", "reason"), [(DAY, ""), (2 * HOUR, "8%"), (DAY / 2, "50%")])
def test_hourly_samples(begin: float, reason: str) -> None:
    """Samples an hour apart cover a window if that is their known pace, and only where they are."""
    window = Window(NOW - DAY, NOW, 240)
    assert covered(every(HOUR, begin), window).reason
    assert reason in covered(every(HOUR, begin), window, HOUR).reason
    assert bool(covered(every(HOUR, begin), window, HOUR).reason) is bool(reason)


def test_a_long_step_is_an_interval_too() -> None:
    """Points at every step of the window cover it, however long the step."""
    assert covered(every(3600, 7 * DAY), Window(NOW - 7 * DAY, NOW, HOUR)).share == 1.0


def test_now_needs_one_sample() -> None:
    """Without a span there is a sample or none."""
    assert covered([NOW], Window(NOW, NOW, 30)).reason == ""
    assert covered([], Window(NOW, NOW, 30)).reason
