"""Which series a PromQL query looks at, and how far back: the forms of the documentation and their traps.

The forms are those of prometheus.io/docs/prometheus/latest/querying/basics and .../operators.
"""

from __future__ import annotations

import pytest

from launch_pipeline.checks.clients.promql import Look, compared, read

COMPARED: dict[str, str] = {
    "a / b > 0.01": "a / b",
    "(sum(a) / sum(b)) >= bool 0.01": "(sum(a) / sum(b))",
    "(a / b > 0.01)": "a / b",
    "0.01 < a / b": "a / b",
    "0 == bool a": "a",
    'a{x="1 > 0"} < on (job) b': 'a{x="1 > 0"}',
    'a{x!="y"}': "",
    "(a > 1) + (b > 1)": "",
    "count(a > 1)": "",
    "a > 1 and b < 2": "",
    "(a > 1) or vector(0)": "",
    "sum(a)": "",
}


@pytest.mark.parametrize(("query", "side"), COMPARED.items(), ids=COMPARED.keys())
def test_compared(query: str, side: str) -> None:
    """The side of a comparison that is measured is found; set operators bind weaker than it."""
    assert compared(query) == side


LOOKS: dict[str, list[Look]] = {
    "up": [Look("up")],
    "up[5m]": [Look("up", 300)],
    "increase(errors_total[24h])": [Look("errors_total", 86400)],
    "increase(errors_total[1h30m])": [Look("errors_total", 5400)],
    "increase(errors_total[ 90 ])": [Look("errors_total", 90)],
    'rate({__name__="a",le="1"}[5m])': [Look('{__name__="a"}', 300, labels=("le",))],
    'rate({"a.b", job="x"}[5m])': [Look('{"a.b",job="x"}', 300)],
    'rate({le="1"}[5m])': [Look('{le="1"}', 300)],
    'a{job="x",status=~"5..",namespace!="n"}': [Look('a{job="x",namespace!="n"}', labels=("status",))],
    'a{status="500"}': [Look("a", labels=("status",))],
    'a{status="", code!="", b!="c", d=~".*", e!~"x", f=~"("}': [Look("a", labels=("code",))],
    'a{d=~"x|", e!~"", "g"=~".+"}': [Look("a", labels=("e", "g"))],
    'a{job="}[7d]"}': [Look('a{job="}[7d]"}')],
    "a{job='b[7d]'}": [Look("a{job='b[7d]'}")],
    "a{job=`b[7d]`}": [Look("a{job=`b[7d]`}")],
    'label_replace(a, "b", "$1", "c", "d[7d]")': [Look("a")],
    "a # [7d] or b\n": [Look("a")],
    "sum by (job, le) (rate(a[1h]))": [Look("a", 3600)],
    "sum(rate(a[1h])) without (pod)": [Look("a", 3600)],
    "a / on (job) group_left (b) c": [Look("a"), Look("c")],
    "a > bool 5": [Look("a")],
    "max_over_time(rate(a[5m])[1h:1m])": [Look("a", 3900)],
    "min_over_time(up[1h:])": [Look("up", 3600)],
    "max_over_time(sum(rate(a[1h]) + b)[7d:1h])": [Look("a", 608400), Look("b", 604800)],
    "max_over_time((a + b)[1h:1m]) / c": [Look("a", 3600), Look("b", 3600), Look("c")],
    "rate(a[1h] offset 1d)": [Look("a", 3600, 86400)],
    "rate(a[1h] offset -1m)": [Look("a", 3600, -60)],
    "max_over_time(rate(a[1m] offset 1h)[1d:1m] offset 1w)": [Look("a", 86460, 608400)],
    "rate(a[1h] @ 1609746000)": [Look("a", 3600, at=1609746000)],
    "rate(a[1h] @ end() offset 1m)": [Look("a", 3600, 60)],
    "a + a": [Look("a")],
    "vector(1)": [],
    "time()": [],
    "1e3 + Inf": [],
    "sum(rate(": [],
}  # fmt: skip


@pytest.mark.parametrize(("query", "looks"), LOOKS.items(), ids=LOOKS.keys())
def test_looks(query: str, looks: list[Look]) -> None:
    """Every selector is found with its matchers of the target, its range, and what lies around it."""
    assert list(read(query).looks) == looks


@pytest.mark.parametrize(
    ("query", "optional"),
    {
        "sum(a) or vector(0)": True,
        "a OR b": True,
        "a unless b": True,
        'a{job="or"}': False,
        "a and b": False,
        "a / b": False,
    }.items(),
)
def test_optional(query: str, optional: bool) -> None:
    """A result shows that a series was there unless an operator makes up for it."""
    assert read(query).optional is optional


@pytest.mark.parametrize("query", ["rate(a[1i])", "rate(a[$__range])", "a offset x", "rate(a[])"])
def test_range_that_cannot_be_read(query: str) -> None:
    """A range in another form is said, not taken for none."""
    assert "cannot be read" in read(query).problem
