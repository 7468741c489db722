"""Headlines: the item's sentence, the words of its kind, and the plain comparisons."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from launch_pipeline.checks.engine.kind import Kind
from launch_pipeline.checks.engine.params import Params, merged
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.checks.language.expect import weigh
from launch_pipeline.checks.language.headline import Voice, headline
from launch_pipeline.checks.language.names import name_of
from launch_pipeline.checks.language.says import Sentences
from launch_pipeline.checks.language.units import UNITS as UNIT_NAMES
from launch_pipeline.checks.language.units import in_unit
from launch_pipeline.checks.verdict import CheckResult, Observation, Subject, Verdict, headline_of
from servers.checking import check, context, run

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PERCENT = "{value:percent} of requests failed; limit 0.1 %"


def told(
    says: Any,
    expect: dict[str, Any],
    *facts: dict[str, Any],
    unknown: dict[str, str] | None = None,
    **voice: Any,
) -> str:
    """Judge subjects, and say the headline."""
    subjects = tuple(
        Subject(name=name, facts=fact, unknown=unknown or {})
        for name, fact in zip("abcdefgh", facts, strict=False)
    )
    seen = Observation(subjects=subjects, authority="x")
    verdict, findings = weigh(seen, expect, NOW)
    sentences = Sentences.of(says if isinstance(says, str) else Sentences(**says))
    return headline(verdict, seen, findings, Voice(NOW, sentences=sentences, own=frozenset(expect), **voice))


BROKEN: dict[str, tuple[Any, dict[str, Any], dict[str, Any], str]] = {
    "a condition that the sentence does not read is said as well": (
        "{open:count issue} open", {"open": "== 0", "whole": "== true"}, {"open": 0, "whole": False},
        "whole is no; wanted yes",
    ),
    "a sentence without a limit gets it": (
        "{value:count standby/standbys} streaming", {"value": ">= 2"}, {"value": 1},
        "1 standby streaming; wanted at least 2",
    ),
    "a sentence with its limit stays": (
        PERCENT, {"value": "< 0.001"}, {"value": 0.00312}, "0.31 % of requests failed; limit 0.1 %",
    ),
    "a sentence for a pass says nothing of a failure": (
        {"passed": "all is well"}, {"value": "== 1"}, {"value": 2}, "value is 2; wanted 1",
    ),
    "a sentence without values speaks of the only condition": (
        {"passed": "it answers", "failed": "it does not answer"}, {"value": "== 1"}, {"value": 2},
        "it does not answer",
    ),
    "a sentence without values does not speak of one of two conditions": (
        {"failed": "it does not answer"}, {"a": "== 1", "b": "== 1"}, {"a": 1, "b": 2}, "b is 2; wanted 1",
    ),
    "a value that is missing is said": (
        PERCENT, {"value": "< 0.001"}, {"value": None}, "(missing) of requests failed; limit 0.1 %",
    ),
    "what a missing value means has its own sentence": (
        {"failed": PERCENT, "missing": "nothing was measured"}, {"value": "< 0.001"}, {"value": None},
        "nothing was measured",
    ),
    "a value of another kind is written as it is": (
        PERCENT, {"value": "== 0"}, {"value": "many"}, "many of requests failed; limit 0.1 %",
    ),
    "the status comes first, and the conditions after it": (
        "{json.count} open; limit 0", {"json.count": "== 0", "status": "== 200"},
        {"status": 403, "json": {}}, "status is 403; wanted 200; (missing) open; limit 0",
    ),
    "more than three conditions are counted": (
        "", dict.fromkeys("vwxyz", "== 1"), dict.fromkeys("vwxyz", 0),
        "v is 0; wanted 1; w is 0; wanted 1; x is 0; wanted 1; and 2 more",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("says", "expect", "facts", "text"), BROKEN.values(), ids=BROKEN.keys())
def test_failure_is_told_whole(says: Any, expect: dict[str, Any], facts: dict[str, Any], text: str) -> None:
    """A sentence never hides what is wrong."""
    assert told(says, expect, facts) == text


def test_failure_of_several_says_how_many_and_which() -> None:
    """The first that is wrong speaks, the others are named and counted."""
    assert (
        told("{v:count rule} open; limit 0", {"v": "== 0"}, {"v": 0}, {"v": 2}, {"v": 1})
        == "b: 2 rules open; limit 0 (2 of 3: also c)"
    )


def test_pass_of_several_names_them() -> None:
    """What is alike is said once; otherwise the first speaks for itself."""
    assert told("{v:count rule}", {"v": "< 9"}, {"v": 1}, {"v": 1}) == "all 2 (a, b): 1 rule"
    assert told("{v:count rule}", {"v": "< 9"}, {"v": 1}, {"v": 2}) == "all 2 are as wanted: a, b; a: 1 rule"


@pytest.mark.parametrize("says", ["", "all is well"])
@pytest.mark.parametrize("count", [1, 2])
def test_pass_names_what_was_not_looked_at(says: str, count: int) -> None:
    """Whatever sentence speaks, and however many subjects there are."""
    subjects = tuple(Subject(name=f"{n}", facts={"value": 2}) for n in range(count))
    seen = Observation(subjects=subjects, authority="x", not_looked_at=("2001:db8::1", "2001:db8::2"))
    verdict, findings = weigh(seen, {"value": "== 2"}, NOW)
    voice = Voice(NOW, sentences=Sentences.of(says * 20))
    text = headline(verdict, seen, findings, voice)
    assert len(text) < 1000
    assert text.endswith("(not looked at from here: 2001:db8::1, 2001:db8::2)")
    assert "not looked at" not in headline(Verdict.FAILED, seen, findings, voice)


def test_unknown_tells_its_reason() -> None:
    """What is not known is told with the reason, whatever the sentence says."""
    text = told("all is well", {"value": "== 1"}, {"value": 1}, unknown={"value": "the server hides it"})
    assert text == "value is not known: the server hides it"


def test_pass_does_not_show_an_unknown_fact() -> None:
    """A fact that is not compared and not known is not read either."""
    text = told("{v} of {other}", {"v": "== 1"}, {"v": 1, "other": 5}, unknown={"other": "hidden"})
    assert text == "1 of (missing)"


def test_own_expectation_speaks_before_the_plumbing() -> None:
    """What the item asks speaks; a status of 200 says nothing beside it."""
    assert told("", {"status": "== 200", "p95": "< 500"}, {"status": 200, "p95": 31}) == (
        "p95 is 31 (wanted less than 500)"
    )


@pytest.mark.parametrize(
    ("says", "fix"),
    [
        ("{value:furlong} long", "write one of age"),
        ("{value", "brace"),
        ("value}", "brace"),
        ("{} of it", "names no fact"),
        ("{a..b} of it", "not a JMESPath"),
        ("{value:count}", "count rule"),
        ("{value:bytes many}", "write '{value:bytes}'"),
        ("x" * 301, "shorten"),
        ({"failed": "{value:furlong}"}, "write one of age"),
    ],
)
def test_sentence_that_cannot_be_said_is_refused(says: Any, fix: str) -> None:
    """The checklist is refused when it is read, with what to write."""
    with pytest.raises(ValidationError, match=fix):
        Params.model_validate({"says": says})


@pytest.mark.parametrize("text", ["{value}", "{0.__class__}", "{secret:percent}", "${other}", "{{value}}"])
def test_variable_is_never_a_placeholder(text: str) -> None:
    """What a variable holds is written as it is."""
    said = told("it is ${name}", {"value": "== 1"}, {"value": 1, "secret": 2}, variables={"name": text})
    assert said == f"it is {text}"


def test_number_of_a_list_is_said() -> None:
    """A sentence may say how many members a list has, as a query may."""
    said = told("{value} of ${names_count}", {"value": "== 1"}, {"value": 1}, variables={"names": ["a", "b"]})
    assert said == "1 of 2"


@pytest.mark.parametrize("text", ["{secret}", "${name}", "{0.__class__}"])
def test_fact_is_never_a_placeholder(text: str) -> None:
    """What an authority answers is written as it is."""
    assert told("it is {value}", {"value": "exists"}, {"value": text, "secret": 2}).endswith(f"it is {text}")


def test_secret_is_hidden_in_a_sentence() -> None:
    """A sentence shows no value that evidence hides: by its name, or because it is a secret of the check."""
    facts = {"value": 1, "password": "winter-2026", "said": "winter-2026 it is"}
    text = told("{password} {said}", {"value": "== 1"}, facts, secrets=("winter-2026",))
    assert "winter" not in text
    assert text == "*** *** it is"


def test_long_value_is_cut() -> None:
    """One value does not fill a headline."""
    assert len(told("it is {value}", {"value": "exists"}, {"value": "x" * 9000})) < 100


UNITS: list[tuple[Any, str, str, str]] = [
    (0.00312, "percent", "", "0.31 %"),
    (1, "percent", "", "100 %"),
    (0.0000012, "percent", "", "0.00012 %"),
    ("0.5", "percent", "", "50 %"),
    (16777216, "bytes", "", "16 MiB"),
    (1500, "bytes", "", "1.5 KiB"),
    (731.25, "ms", "", "731.2 ms"),
    (90_000, "ms", "", "1 min 30 s"),
    (2820, "duration", "", "47 min"),
    (93_600, "duration", "", "1 d 2 h"),
    ("15d", "duration", "", "15 d"),
    (86_403, "duration", "", "1 d"),
    ("2026-01-31T11:13:00Z", "age", "", "47 min"),
    ("2026-01-31T15:02:00+01:00", "moment", "", "31 Jan 2026 14:02 UTC"),
    ("soon", "moment", "", "soon"),
    (2.0013, "count", "restart", "2 restarts"),
    (1.0007, "count", "restart", "1 restart"),
    (0, "count", "entry/entries", "no entries"),
    (["a", "b"], "count", "rule", "2 rules"),
    (float("nan"), "percent", "", "NaN"),
    ({"200": 17, "502": 3}, "tally", "", "17 x 200, 3 x 502"),
    (["a", "b", "c", "d", "e"], "list", "", "a, b, c and 2 more"),
    ([], "list", "", "none"),
    (True, "", "", "yes"),
    ("two\nlines", "", "", "two lines"),
]


@pytest.mark.parametrize(("value", "unit", "words", "text"), UNITS)
def test_value_is_written_in_its_unit(value: Any, unit: str, words: str, text: str) -> None:
    """A value that does not fit its unit is written as it is."""
    assert in_unit(value, unit, words, NOW) == text


@pytest.mark.parametrize("unit", [*UNIT_NAMES, ""])
def test_number_of_thousands_of_digits_is_told_by_its_size(unit: str) -> None:
    """A number that no unit can write is told by its size."""
    assert in_unit(10**5000, unit, "rule", NOW) == "a number of 16610 bits"


KINDS: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "tests that failed": (
        "report", {"uri": "r", "format": "junit", "require": ["restore_within_rto", "b"]},
        {"tests": 214, "passed": 9, "failures": 3, "errors": 0, "missing": ["restore_within_rto"]},
        "3 of 214 tests failed; not passed: restore_within_rto (1 of 2 required tests)",
    ),
    "coverage": (
        "report", {"uri": "r", "format": "cobertura", "expect": {"line_rate": ">= 0.8"}},
        {"line_rate": 0.784},
        "line coverage is 78.4 %; wanted at least 80 %",
    ),
    "a resolver that answers the old address": (
        "dns_record", {"names": ["shop.test"], "values": ["192.0.2.10"]},
        {"answers": {"1.1.1.1": ["192.0.2.10"], "8.8.8.8": ["203.0.113.9"]}, "count": 1, "consistent": False,
         "missing": ["192.0.2.10"], "unexpected": ["203.0.113.9"]},
        "8.8.8.8 answers 203.0.113.9; wanted 192.0.2.10; 203.0.113.9 is still answered on 8.8.8.8",
    ),
    "answers of a burst": (
        "http_request", {"path": "/health", "samples": 20},
        {"status": 502, "statuses": {"200": 17, "502": 3}, "failures": {}},
        "17 of 20 requests answered 200 (3 x 502); wanted 20",
    ),
    "no request was limited": (
        "http_request", {"path": "/x", "samples": 300, "expect": {'statuses."429"': ">= 1"}},
        {"statuses": {"200": 300}}, "none of 300 requests answered 429 (300 x 200); wanted at least 1",
    ),
    "nobody is on call": (
        "oncall_schedule", {"schedules": ["S"]},
        {"gaps": ["2026-01-31 02:00:00Z to 2026-01-31 06:00:00Z"], "coverage_percent": 97.6, "levels": 1},
        "nobody is on call 31 Jan 2026 02:00 to 06:00 UTC",
    ),
    "an alert fires": (
        "alertmanager_alerts", {},
        {"alerts": [{"name": "PostgresDown", "startsAt": "2026-01-31T14:02:00Z"}], "count": 1,
         "watchdog_firing": True},
        "1 critical alert firing: PostgresDown since 31 Jan 2026 14:02 UTC",
    ),
    "an object that does not exist says only that": (
        "kubernetes_resource", {"kind": "Deployment", "names": ["api"], "expect": {"spec.replicas": ">= 2"}},
        {"missing": ["api"], "count": 0, "ready": False}, "Deployment api does not exist",
    ),
    "an object that is not ready says why": (
        "kubernetes_resource", {"kind": "Deployment", "names": ["api"]},
        {"metadata": {}, "missing": [], "count": 1, "ready": False, "reason": "1 of 2 replicas"},
        "Deployment api is not ready: 1 of 2 replicas",
    ),
    "a node without a memory limit": (
        "redis_info", {"expect": {"info.maxmemory": "> 0"}}, {"ping": "PONG", "info": {"maxmemory": 0}},
        "no memory limit is set",
    ),
    "a certificate that ends soon": (
        "tls_certificate", {"hosts": ["shop.test"]},
        {"problem": None, "days_left": 12, "legacy_protocols": [], "chain_verified": True,
         "hostname_verified": True},
        "the certificate of shop.test expires in 12 days; wanted at least 30 days",
    ),
    "values that a file does not hold": (
        "git_repository", {"paths": ["*.json"], "values": {"a.strict": "== true"}},
        {"files": 1, "unmet_values": ["a.json: compilerOptions.strict = false, want == true"]},
        "a.json: compiler options strict is false; wanted yes",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "params", "facts", "text"), KINDS.values(), ids=KINDS.keys())
def test_kind_puts_its_facts_into_words(
    name: str, params: dict[str, Any], facts: dict[str, Any], text: str
) -> None:
    """A kind says what its own facts mean."""
    of = kind(name)
    read = of.params.model_validate(params)
    seen = Observation(subjects=(Subject(name="it", facts=facts),), authority="x")
    verdict, findings = weigh(seen, of.criteria(read), NOW)
    voice = Voice(NOW, kind=partial(of.says, read), own=frozenset(read.expect))
    assert verdict is Verdict.FAILED
    assert headline(verdict, seen, findings, voice) == text


@pytest.mark.parametrize("name", sorted({entry[0] for entry in KINDS.values()}))
@pytest.mark.parametrize("value", [None, "text", -1, 1.5, True, [], [None], {"a": None}])
def test_kind_speaks_of_strange_facts(name: str, value: Any) -> None:
    """Facts of a form that the kind does not know are told by their comparison."""
    given = next(entry for entry in KINDS.values() if entry[0] == name)
    of = kind(name)
    read = of.params.model_validate(given[1])
    seen = Observation(subjects=(Subject(name="it", facts=dict.fromkeys(given[2], value)),), authority="x")
    verdict, findings = weigh(seen, of.criteria(read), NOW)
    voice = Voice(NOW, kind=partial(of.says, read), own=frozenset(read.expect))
    assert headline(verdict, seen, findings, voice)


class SpeechlessParams(Params):
    """Parameters of a kind whose words fail."""


def speechless(_params: Any, _facts: Any, _finding: Any) -> str | None:
    """Fail as a bug would."""
    raise KeyError("winter-2026")


async def observe(_params: Any, _ctx: Any) -> Observation:
    """See one value."""
    return Observation(subjects=(Subject(name="it", facts={"value": 2}),), authority="x")


def test_bug_in_words_ends_no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind whose words fail is told by its comparisons, with the same verdict."""
    made = Kind(
        name="speechless",
        params=SpeechlessParams,
        observe=f"{__name__}:observe",
        criteria=lambda params: merged({"value": "== 1"}, params),
        says=speechless,
    )
    for place in ("run", "voice"):
        monkeypatch.setattr(f"launch_pipeline.checks.engine.{place}.kind", lambda _name: made)
    monkeypatch.setattr("launch_pipeline.checks.engine.run.observer", lambda _of: observe)
    result = run(check(context(), "speechless"))
    assert (result.verdict, result.headline) == (Verdict.FAILED, "value is 2; wanted 1")


def result_of(verdict: Verdict, text: str) -> CheckResult:
    """Build a result with a headline."""
    return CheckResult(
        kind="k", params={}, authority="", verdict=verdict, headline=text, started_at=NOW, duration_ms=0,
        attempts=1,
    )  # fmt: skip


def test_item_speaks_by_its_worst_check() -> None:
    """A failure comes before what is not known, and of several checks it is told how many passed."""
    passed, unknown = result_of(Verdict.PASSED, "fine"), result_of(Verdict.INCONCLUSIVE, "not known")
    failed = result_of(Verdict.FAILED, "broken")
    assert headline_of([passed, unknown, failed]) == "broken (1 of 3 checks passed)"
    assert headline_of([passed, unknown]) == "not known (1 of 2 checks passed)"
    assert headline_of([passed, passed]) == "fine (2 of 2 checks passed)"
    assert headline_of([failed]) == "broken"
    assert headline_of([]) == ""


def test_seconds_since_1970_are_told_as_a_time() -> None:
    """A person does not read 1769853600 as a time."""
    seen = Observation(subjects=(Subject(name="a", facts={"saved": 1769853600}),), authority="x")
    verdict, findings = weigh(seen, {"saved": "age <= 1h"}, NOW)
    assert headline(verdict, seen, findings, Voice(NOW)).startswith(
        "saved is 31 Jan 2026 10:00 UTC; wanted at most 1 h old"
    )


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("length(json.checks[?status=='DOWN'])", "number of matching checks"),
        ("json.checks[?status=='DOWN'].name", "matching checks name"),
        ("length(json.checks)", "number of checks"),
        ("length(json[?state=='open'])", "number of matching entries"),
        ("length(json)", "number of entries"),
        ("json", "answer"),
    ],
)
def test_what_a_filter_selects_is_not_called_all(expression: str, name: str) -> None:
    """*Number of checks is 0* is wrong where all of them are up."""
    assert name_of(expression) == name


@pytest.mark.parametrize(
    ("facts", "expect", "text"),
    [
        ({"errors": []}, {"errors": "absent"}, "errors is there, though empty; wanted none"),
        ({"n": 1}, {"length(checks)": "== 0"}, "(cannot be evaluated: length() was given nothing)"),
        ({"checks": 1}, {"length(checks)": "== 0"}, "(cannot be evaluated: length() was given a number)"),
    ],
)
def test_a_failure_is_said_for_people(facts: dict[str, Any], expect: dict[str, str], text: str) -> None:
    """*Errors is none; wanted none* and the words of a library help no person."""
    seen = Observation(subjects=(Subject(name="a", facts=facts),), authority="x")
    verdict, findings = weigh(seen, expect, NOW)
    assert text in headline(verdict, seen, findings, Voice(NOW))
