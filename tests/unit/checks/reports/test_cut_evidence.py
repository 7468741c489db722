"""A report from which the evidence was cut out never passes, and any other is read or refused."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch_pipeline.checks.kinds.report.definition import ReportFormat
from launch_pipeline.checks.kinds.report.parse import parse_report
from launch_pipeline.checks.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

Object = dict[str, Any]
Way = tuple[Any, ...]
PACKAGES = [{"ID": "a@1"}]
DURATION = {"avg": 9, "max": 90, "p(95)": 40, "thresholds": {"p(95)<500": False}}
GOOD: dict[str, tuple[Object, dict[str, Any]]] = {
    "sarif": (
        {
            "runs": [
                {
                    "tool": {"driver": {"name": "t", "rules": [{"id": "js/xss"}]}},
                    "results": [{"ruleId": "js/xss", "ruleIndex": 0, "level": "note"}],
                    "invocations": [{"executionSuccessful": True}],
                }
            ]
        },
        {"rules": ["js/xss"]},
    ),
    "trivy": (
        {"Results": [{"Target": "t", "Class": "os-pkgs", "Type": "alpine", "Packages": PACKAGES}]},
        {},
    ),
    "zap": (
        {
            "site": [{"@name": "https://s", "alerts": [], "statistics": {"stats.code.200": 9}}],
            "statistics": {"stats.ascan.40018.started": 1, "stats.ascan.40018.urls": 9},
        },
        {"rules": ["40018"], "expect": {"total": "== 0"}},
    ),
    "k6": (
        {
            "metrics": {
                "http_reqs": {"count": 9, "rate": 1.0},
                "http_req_duration": DURATION,
                "http_req_failed": {"value": 0.0, "passes": 0, "fails": 9},
                "vus": {"value": 1, "min": 1, "max": 9},
            }
        },
        {"expect": {"p95_ms": "< 500", "error_rate": "< 0.1", "vus_max": ">= 9", "thresholds": ">= 1"}},
    ),
    "locust": (
        [{"num_requests": 9, "num_failures": 0, "response_times": {"5": 9}}],
        {"expect": {"p95_ms": "< 500", "error_rate": "< 0.1"}},
    ),
    "gatling": (
        {"numberOfRequests": {"total": 9, "ok": 9, "ko": 0}, "percentiles3": {"total": 5}},
        {"expect": {"percentiles3_ms": "< 500", "error_rate": "< 0.1"}},
    ),
    "npm_audit": (
        {
            "vulnerabilities": {},
            "metadata": {
                "vulnerabilities": {"low": 0, "moderate": 0, "high": 0, "critical": 0},
                "dependencies": {"total": 3},
            },
        },
        {},
    ),
}
EVIDENCE: dict[str, list[Way]] = {
    "sarif": [
        ("runs", 0),
        ("runs", 0, "results"),
        ("runs", 0, "tool", "driver", "rules", 0),
        ("runs", 0, "tool", "driver", "rules"),
        ("runs", 0, "tool"),
    ],
    "trivy": [("Results",), ("Results", 0), ("Results", 0, "Packages"), ("Results", 0, "Packages", 0)],
    "zap": [
        ("site",),
        ("site", 0),
        ("site", 0, "alerts"),
        ("site", 0, "statistics"),
        ("site", 0, "statistics", "stats.code.200"),
        ("statistics",),
        ("statistics", "stats.ascan.40018.started"),
        ("statistics", "stats.ascan.40018.urls"),
    ],
    "k6": [
        ("metrics", "http_reqs"),
        ("metrics", "http_reqs", "count"),
        ("metrics", "http_req_duration"),
        ("metrics", "http_req_duration", "p(95)"),
        ("metrics", "http_req_duration", "thresholds"),
        ("metrics", "http_req_failed"),
        ("metrics", "http_req_failed", "value"),
        ("metrics", "http_req_failed", "fails"),
        ("metrics", "vus"),
        ("metrics", "vus", "max"),
    ],
    "locust": [(0,), (0, "num_requests"), (0, "num_failures"), (0, "response_times")],
    "gatling": [
        ("numberOfRequests",),
        ("numberOfRequests", "total"),
        ("numberOfRequests", "ok"),
        ("percentiles3",),
    ],
    "npm_audit": [
        ("vulnerabilities",),
        ("metadata",),
        ("metadata", "vulnerabilities"),
        ("metadata", "vulnerabilities", "critical"),
        ("metadata", "dependencies"),
        ("metadata", "dependencies", "total"),
    ],
}
EACH = [(form, way) for form, ways in EVIDENCE.items() for way in ways]
EMPTIED: dict[str, Any] = {"zero": 0, "nothing": None, "an empty list": [], "an empty object": {}}


def changed(document: Any, way: Way, put: Callable[[Any, Any], None]) -> Any:
    """Copy a document, and change it at one place."""
    made = copy.deepcopy(document)
    at = made
    for name in way[:-1]:
        at = at[name]
    put(at, way[-1])
    return made


@pytest.mark.parametrize("form", GOOD)
def test_whole_report_passes(judged: Callable[..., Any], form: str) -> None:
    """What is cut below passes to begin with."""
    document, params = GOOD[form]
    verdict, text = judged(form, document, **params)
    assert verdict is Verdict.PASSED, text


@pytest.mark.parametrize(
    ("form", "way"), EACH, ids=[f"{form}: {'.'.join(map(str, way))}" for form, way in EACH]
)
def test_report_without_its_evidence(judged: Callable[..., Any], form: str, way: Way) -> None:
    """Without one of the parts that show what was looked at, a report does not pass."""
    document, params = GOOD[form]
    cut = changed(document, way, lambda at, name: at.pop(name))
    assert judged(form, cut, **params)[0] is not Verdict.PASSED


def _meant(form: str, way: Way, put: Any) -> bool:
    """Return whether the replaced value is one that says the same: an empty list of results or alerts."""
    if (form, way, put) == ("npm_audit", ("vulnerabilities",), {}):
        return True
    return (form, way[-1], str(put)) in {
        ("sarif", "results", "[]"),
        ("zap", "alerts", "[]"),
        ("npm_audit", "critical", "0"),
        ("locust", "num_failures", "0"),
        ("k6", "value", "0"),
        ("k6", "rate", "0"),
    }


@pytest.mark.parametrize("put", EMPTIED.values(), ids=EMPTIED.keys())
@pytest.mark.parametrize(
    ("form", "way"), EACH, ids=[f"{form}: {'.'.join(map(str, way))}" for form, way in EACH]
)
def test_report_with_emptied_evidence(judged: Callable[..., Any], form: str, way: Way, put: Any) -> None:
    """With nothing in place of one of those parts, a report does not pass either."""
    document, params = GOOD[form]
    emptied = changed(document, way, lambda at, name: at.__setitem__(name, put))
    if not _meant(form, way, put):
        assert judged(form, emptied, **params)[0] is not Verdict.PASSED


garbage = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["-", "1e999"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, way: Way = ()) -> list[Way]:
    """Name the way to every value of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(found for name, one in inner for found in places(one, (*way, name)))]


@settings(deadline=None, max_examples=400)
@given(st.data(), st.sampled_from(sorted(GOOD)), garbage)
def test_report_with_anything_at_any_place(data: st.DataObject, form: str, put: Any) -> None:
    """Whatever stands anywhere, a report is read or refused with a reason, and facts are known or not."""
    document, params = GOOD[form]
    way = data.draw(st.sampled_from(places(document)[1:]))
    content = json.dumps(changed(document, way, lambda at, name: at.__setitem__(name, put))).encode()
    try:
        parsed = parse_report(ReportFormat(form), content, params.get("rules", []), [])
    except ValueError:
        return
    assert not set(parsed.facts) & set(parsed.unknown)
    assert all(parsed.unknown.values())
