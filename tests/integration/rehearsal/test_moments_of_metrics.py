"""The product's Prometheus answers for the moment that it is asked about, also long ago."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

if TYPE_CHECKING:
    from servers.running_product import RunningProduct

pytestmark = pytest.mark.integration

WEEK = 604_800.0


def answered(product: RunningProduct, path: str, **form: Any) -> list[dict[str, Any]]:
    """Return the series that the product's Prometheus answers."""
    address = f"{product.plan.url('authorities')}/prometheus/api/v1/{path}"
    with urlopen(address, urlencode(form).encode(), timeout=10) as answer:  # noqa: S310 - loopback
        return list(json.load(answer)["data"]["result"])


@pytest.mark.parametrize("back", [0.0, 1.0, 2 * WEEK], ids=["now", "a second ago", "before the rehearsal"])
def test_a_query_has_the_time_it_asks_for(product: RunningProduct, back: float) -> None:
    """Also in RFC 3339; what lies before the rehearsal is compressed."""
    at = time.time() - back
    for said in (f"{at:.3f}", datetime.fromtimestamp(at, UTC).isoformat()):
        (one,) = answered(product, "query", query='count(up{job="api-gateway"})', time=said)
        assert one["value"] == [pytest.approx(at, abs=0.01), "1.0"]


def test_a_range_that_ended_before_the_rehearsal_has_values(product: RunningProduct) -> None:
    """A check that looks at an offset asks for such a range to learn what its samples cover."""
    end = time.time() - WEEK
    form = {"query": 'count(up{job="api-gateway"})', "start": end - 3600, "end": end, "step": 60}
    (one,) = answered(product, "query_range", **form)
    assert len(one["values"]) > 30
    assert one["values"][-1][0] == pytest.approx(end, abs=60)


def test_a_subquery_is_whole_in_a_healthy_system(product: RunningProduct) -> None:
    """Four hours have 240 minutes, though they last seconds here."""
    (one,) = answered(product, "query", query='count_over_time((count(up{job="ai-routing"} == 1))[4h:1m])')
    assert float(one["value"][1]) == 240
