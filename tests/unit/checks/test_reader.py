"""What a path reads says where it rests on something missing; then nothing passes that needs it."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from launch_pipeline.checks.language.expect import judge
from launch_pipeline.checks.language.paths import compiled, look_up, roots_of
from launch_pipeline.checks.verdict import Observation, Subject, Verdict

HEALTH = {"json": {"checks": [{"name": "db", "status": "UP"}, {"name": "queue", "status": "UP"}], "n": 2}}
EXPRESSIONS = (
    *(
        "a",
        "@",
        "@.a",
        "a.b",
        "a[?status=='DOWN']",
        "a || b",
        "!(a)",
        "!(!(a))",
        "a && b",
        "a && c",
        "a[].b",
        "a[*]",
    ),
    *(
        "*.b",
        "[a, b]",
        "{x: a}",
        "length(a[])",
        "a[0]",
        "a[-1]",
        "a[:1]",
        "a[::-1]",
        "a.*",
        "b.*",
        "a == b.a",
        "a | b",
    ),
    *(
        "a != b",
        "type(a)",
        "keys(b)",
        "a[?@ == 'x']",
        "to_string(a)",
        "contains(c, '1')",
        "sort(a)",
        "length(@)",
    ),
)
PASSED, FAILED, UNKNOWN = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def verdict(
    facts: dict[str, Any], expression: str, wanted: str, *, sparse: bool = False, **unknown: str
) -> Verdict:
    """Judge one expectation."""
    subject = Subject(name="x", facts=facts, unknown=unknown)
    return judge(Observation(subjects=(subject,), authority="a", sparse=sparse), {expression: wanted})[0]


@pytest.mark.parametrize(
    ("json", "expression", "wanted"),
    [
        (None, "json.errors", "absent"),
        (None, "json.errors", "== null"),
        ([], "json.errors", "absent"),
        ("a page", "json.errors", "absent"),
        ({}, "json.result.error", "absent"),
        ({"result": None}, "json.result.error", "== null"),
        ({}, "json.result.error || 'none'", "== none"),
        ({}, "not_null(json.result.error, 'none')", "== none"),
        ({}, "!(json.result.error)", "== true"),
        ({}, "json.result.error == `null`", "== true"),
        ({}, "json.result.state != 'down'", "== true"),
        ({}, "json.items[0]", "absent"),
        ({}, "json.items[?bad]", "absent"),
        ({}, "json.items[] | [0]", "== null"),
        ({}, "json.items[*].error | [0]", "== null"),
        ({}, "json.items.* | [0]", "== null"),
        ({}, "json.items[:3]", "absent"),
        ({}, "length(json.items[?bad] || `[]`)", "== 0"),
        ({}, "length(not_null(json.items[?bad], `[]`))", "== 0"),
        ({}, "json.a.b && json.a.c || 'fine'", "== fine"),
        ({}, "type(json.a.b)", "== null"),
        ({}, "to_string(json.a.b)", "== null"),
        ({"items": [{}, {}]}, "json.items[].a.b", "== []"),
    ],
)
def test_nothing_passes_because_its_holder_is_missing(json: Any, expression: str, wanted: str) -> None:
    assert verdict({"json": json}, expression, wanted) is not PASSED


@pytest.mark.parametrize(
    ("json", "expression", "wanted"),
    [
        ({"data": {}}, "json.errors", "absent"),
        ({"errors": None}, "json.errors", "== null"),
        ({"data": {}}, "json.errors || 'none'", "== none"),
        ({"data": {}}, "!(json.errors)", "== true"),
        ({"items": []}, "json.items[?bad] | [0]", "absent"),
        ({"items": []}, "length(json.items[?bad])", "== 0"),
        ({"items": [{"a": {"b": 1}}, {}]}, "length(json.items[].a.b)", "== 1"),
        ({"items": [{"a": "x"}, {}]}, "json.items[?a=='y']", "== []"),
        ({"items": [{"level": "low"}]}, "json.items[?(grade || level)=='high']", "== []"),
        ({"a": 0}, "json.a || json.b.c || `0`", "== 0"),
    ],
)
def test_a_null_is_believed_where_its_holder_is_there(json: Any, expression: str, wanted: str) -> None:
    if "json.b.c" in expression:
        json["b"] = {}
    assert verdict({"json": json}, expression, wanted) is PASSED


@pytest.mark.parametrize(
    "expression",
    [
        "json.checks[?state=='DOWN']",
        "json.checks[?status.text=='DOWN']",
        "json.checks[?name=='db' && state=='DOWN']",
        "json.checks[?age > `5`]",
        "json.checks[?name > `5`]",
        "json.checks[?name >= 'da']",
        "json.checks[?contains(states, 'DOWN')]",
        "json.checks[?!ok && name=='x']",
        "json.checks[].details[?status=='DOWN'][]",
    ],
)
def test_a_filter_by_what_no_element_has_proves_nothing(expression: str) -> None:
    assert verdict(HEALTH, expression, "== []") is not PASSED


def test_a_filter_finds_nothing_among_elements_that_have_the_field() -> None:
    assert verdict(HEALTH, "json.checks[?status=='DOWN']", "== []") is PASSED
    assert verdict(HEALTH, "length(json.checks[?status!='UP'])", "== 0") is PASSED


def test_an_authority_that_leaves_out_defaults_may_lack_the_field() -> None:
    facts = {"spec": {"containers": [{"image": "a"}]}}
    asked = "spec.containers[?privileged==`true`]"
    assert verdict(facts, asked, "== []", sparse=True) is PASSED
    assert verdict(facts, asked, "== []") is UNKNOWN


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("json[?\"disk.percent\" > '85']", "== []"),
        ('json[?"disk.percent" > `85`]', "== []"),
        ('max(json[]."disk.percent")', "<= 85"),
        ('max_by(json, &"disk.percent").node', "== b"),
        ('sort(json[]."disk.percent") | [-1]', "== 9"),
    ],
)
def test_numbers_in_texts_are_not_ordered_by_their_characters(expression: str, wanted: str) -> None:
    nodes = [{"node": "a", "disk.percent": "100"}, {"node": "b", "disk.percent": "9"}]
    assert verdict({"json": nodes}, expression, wanted) is not PASSED


def test_names_and_moments_are_ordered() -> None:
    facts = {"json": [{"n": "b", "at": "2026-11-02"}, {"n": "a", "at": "2026-11-01"}]}
    assert verdict(facts, "sort(json[].n)", "== [a, b]") is PASSED
    assert verdict(facts, "max_by(json, &at).n", "== b") is PASSED
    assert verdict(facts, "json[?at > '2026-11-01T12:00:00Z'].n", "== [b]") is PASSED


def test_moments_of_several_zones_are_not_ordered_by_their_characters() -> None:
    facts = {"json": [{"at": "2026-11-30T01:00:00+09:00"}, {"at": "2026-11-29T20:00:00Z"}]}
    assert verdict(facts, "max_by(json, &at).at", "== 2026-11-30T01:00:00+09:00") is UNKNOWN
    assert verdict(facts, "sort(json[].at)[0]", "== 2026-11-29T20:00:00Z") is not PASSED
    assert verdict(facts, "contains(json[].at, '2026-11-29T20:00:00Z')", "== true") is PASSED


@pytest.mark.parametrize("json", [[{"cpu": 10}, {"load": 99}], [{"cpu": 10}, {"cpu": None}], [{"load": 99}]])
@pytest.mark.parametrize(
    "expression", ["sum(json[].cpu)", "avg(json[*].cpu)", "max(json[?@].cpu)", "max(json[].cpu | [])"]
)
def test_a_sum_of_some_proves_nothing_about_all(json: Any, expression: str) -> None:
    assert verdict({"json": json}, expression, "<= 80") is not PASSED


def test_a_sum_of_all_counts() -> None:
    facts = {"json": [{"cpu": 10, "on": True}, {"cpu": 20}]}
    assert verdict(facts, "sum(json[].cpu)", "== 30") is PASSED
    assert verdict(facts, "max(json[?on].cpu)", "<= 80") is PASSED
    assert verdict({"json": []}, "sum(json[].cpu)", "== 0") is PASSED
    tagged = {"json": [{"cpu": 10, "tags": [{"on": 1}, {}]}]}
    assert verdict(tagged, "sum(json[?tags[].on].cpu)", "== 10") is PASSED
    assert verdict(facts, "{m: max(json[].cpu), on: json[].on}.on", "== [true]") is PASSED
    assert verdict({"json": [{"cpu": 10}, {}]}, "sum(json[].cpu)", "== 10", sparse=True) is PASSED
    assert verdict({"json": [{"cpu": 10}, {}]}, "length(json[].cpu)", "== 1") is PASSED


@pytest.mark.parametrize("said", ["false", "False", "no", "off", "0", "disabled"])
def test_a_text_that_says_no_is_not_taken_for_a_yes(said: str) -> None:
    """To JMESPath each text that is not empty is true."""
    facts = {"json": {"rules": [{"on": said}], "debug": said}}
    assert verdict(facts, "length(json.rules[?on])", ">= 1") is UNKNOWN
    assert verdict(facts, "length(json.rules[?!on])", "== 0") is UNKNOWN
    assert verdict(facts, "!(json.debug)", "== false") is UNKNOWN
    assert verdict(facts, "json.debug && 'debug' || 'plain'", "== debug") is UNKNOWN


@pytest.mark.parametrize(
    "expression",
    ["contains(image, 'v1.4.1')", "ends_with(image, '1.4.1')", "starts_with(tag, 'v1.4.1')"],
)
def test_a_path_does_not_take_a_longer_version_for_the_wanted_one(expression: str) -> None:
    assert verdict({"image": "r/api:v1.4.1", "tag": "v1.4.1"}, expression, "== true") is PASSED
    assert verdict({"image": "r/api:v11.4.1", "tag": "v1.4.10"}, expression, "== true") is not PASSED
    assert verdict(
        {"image": "r/api:v1.4.1-fix", "tag": "v1.4.1-fix"}, "contains(tag, '1.4.1')", "== false"
    ) is (UNKNOWN)


def test_a_path_does_not_take_the_inside_of_a_hash_for_a_commit() -> None:
    """A commit begins where its hash begins; the digest of an image is no commit."""
    for image, wanted in (
        ("r/api:abc1234", PASSED),
        ("r/api:ffabc1234", FAILED),
        ("r/api@sha256:abc1234", FAILED),
    ):
        assert verdict({"image": image}, "contains(image, 'abc1234')", "== true") is wanted


def test_a_number_in_a_text_is_found_by_its_number() -> None:
    assert verdict({"json": [{"code": "500"}]}, "json[?code==`500`]", "== []") is FAILED
    assert verdict({"json": [{"ok": "false"}]}, "json[?ok==`false`]", "== []") is FAILED


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("total", "== 0"),
        ("total", "absent"),
        ("total || `0`", "== 0"),
        ("[total, found]", "contains 0"),
        ("length(@)", ">= 1"),
        ("* | length(@)", ">= 1"),
        ("{a: total}", "exists"),
        ("length(found[?@ == 'x'] || total)", "== 0"),
    ],
)
def test_a_fact_that_is_not_known_passes_nothing(expression: str, wanted: str) -> None:
    facts = {"total": 0, "found": []}
    assert verdict(facts, expression, wanted, total="the tool did not run the rule") is UNKNOWN


def test_a_fact_that_is_known_is_judged_beside_one_that_is_not() -> None:
    assert verdict({"total": 0, "found": []}, "found", "== []", total="not run") is PASSED
    subject = Subject(name="x", facts={"total": 0, "found": ["a"]}, unknown={"total": "not run"})
    seen = Observation(subjects=(subject,), authority="a")
    worst, findings, _ = judge(seen, {"total": "== 0", "found": "== []"})
    assert (worst, [finding.note for finding in findings]) == (FAILED, ["not run", ""])


@pytest.mark.parametrize(
    ("expression", "roots"),
    [
        ("status", {"status"}),
        ("last.status", {"last"}),
        ('statuses."200"', {"statuses"}),
        ("json.checks[?status=='DOWN']", {"json"}),
        ("length(json[?status=='x']) == `0` && status", {"json", "status"}),
        ("headers.status || status", {"headers", "status"}),
        ("json | [?status]", {"json"}),
        ("[status, json]", {"status", "json"}),
    ],
)
def test_the_roots_of_a_path_leave_out_what_its_filters_read(expression: str, roots: set[str]) -> None:
    assert roots_of(expression) == roots


@pytest.mark.parametrize(
    "expression", ["!a.b", "[?!a.b]", "length(a[?c && !a.b])", "{x: !a.b}", "!a.b.c == `true`"]
)
def test_a_negation_that_would_cover_the_first_name_only_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"write '!\(a\.b\)'"):
        compiled(expression)
    compiled(expression.replace("!a.b.c", "!(a.b.c)").replace("!a.b", "!(a.b)"))


def searched(expression: str, facts: dict[str, Any]) -> Any:
    """Evaluate a path with JMESPath itself; None where it does not fit."""
    try:
        return compiled(expression).search(facts)
    except JMESPathError:
        return None


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize(
    "value", [0, 1, 1.5, False, True, None, "", "x", [], [0], ["x", "y"], [[1], 2], {}, {"b": 0}]
)
def test_a_value_is_the_one_that_jmespath_reads(expression: str, value: Any) -> None:
    facts = {"a": value, "b": {"a": value}, "c": "1"}
    assert look_up(expression, facts).value == searched(expression, facts)


@pytest.mark.parametrize(
    ("expression", "facts", "note"),
    [
        ("a.b", {}, "there is nothing that could have 'b'"),
        ("a.b", {"a": []}, "there is nothing that could have 'b'"),
        (f"a.{'b' * 61}", {}, f"there is nothing that could have '{'b' * 60}'"),
        ("a[0]", {"a": {}}, "there is no list"),
        ("a[0]", {"a": []}, ""),
        ("a[:2]", {"a": "text"}, "there is no list"),
        ("a[:2]", {"a": []}, ""),
        ("a[]", {"a": 1}, "there is no list"),
        ("a[]", {"a": []}, ""),
        ("a[*]", {"a": 1}, "there is no list"),
        ("a[?b]", {}, "there is no list"),
        ("a.*", {"a": []}, "there is no mapping"),
        ("a.*", {"a": {}}, ""),
        ("a[].b.c", {"a": [{}, {}]}, "none of 2: there is nothing that could have 'c'"),
        ("a[].b.c", {"a": [{"b": {}}, {}]}, ""),
        ("a.b == 'x'", {}, "there is nothing that could have 'b'"),
        ("a == 'x'", {}, ""),
    ],
)
def test_what_was_missing_is_said(expression: str, facts: dict[str, Any], note: str) -> None:
    found = look_up(expression, facts)
    assert (found.missing, found.doubt) == (note, "")


@pytest.mark.parametrize(
    ("expression", "facts", "note"),
    [
        ("a || b", {"b": 1}, ""),
        ("a.x || b", {"b": 1}, "there is nothing that could have 'x'"),
        ("a.x || b", {"a": {"x": 0}}, ""),
        ("a.x && b", {"b": 1}, "there is nothing that could have 'x'"),
        ("a.x && b", {"a": {"x": True}}, ""),
        ("!(a.x)", {}, "there is nothing that could have 'x'"),
        ("!(a)", {}, ""),
        ("a.x != 'y'", {}, "there is nothing that could have 'x'"),
        ("a.x == `null`", {}, "there is nothing that could have 'x'"),
        ("a.x == 'y'", {"a": {"x": "y"}}, ""),
        ("a > b", {"a": "x", "b": 5}, "'x' and 5 have no order"),
        ("a > b", {"b": 5}, "nothing and 5 have no order"),
        ("a[?x=='y']", {"a": [{}, {}]}, "none of 2 has 'x', which the filter asks for"),
        ("a[?x=='y']", {"a": [1, 2]}, "none of 2: there is nothing that could have 'x'"),
        ("a[?x=='y']", {"a": [{"x": 1}, {}]}, ""),
        ("a[?x=='y' || z=='y']", {"a": [{"x": 1}, {"z": 1}]}, ""),
        ("a[?(x || z)=='y']", {"a": [{"z": 1}]}, ""),
        ("a[?(x || z)=='y' && w=='y']", {"a": [{"z": "y"}]}, "none of 1 has 'w', which the filter asks for"),
        ("a[?(x || z)=='y']", {"a": [{}]}, "none of 1 has 'x', which the filter asks for"),
        ("sort(a)", {"a": ["10", "9"]}, "sort() orders numbers that are texts by their characters"),
        ("sort(a)", {"a": ["10"]}, ""),
        ("sort(a)", {"a": ["v1", "w2"]}, ""),
        ("max_by(a, &x).x", {"a": [{"x": "10"}, {"x": "9"}]}, "max_by() orders numbers that are texts by their characters"),
        ("max_by(a, &x).x", {"a": [{"x": 10}, {"x": 9}]}, ""),
        ("contains(a, '1.4.1')", {"a": "1.4.1-fix"}, "'1.4.1-fix' may be another version than '1.4.1'"),
        ("contains(a, '1.4.1')", {"a": ["1.4.1"]}, ""),
        ("contains(a, 'fix')", {"a": "1.4.1-fix"}, ""),
        ("length([a.x, b])", {}, ""),
        ("length(a.x || `[]`)", {}, "there is nothing that could have 'x'"),
    ],
)  # fmt: skip
def test_a_doubt_is_said(expression: str, facts: dict[str, Any], note: str) -> None:
    assert look_up(expression, facts).doubt == note


def test_a_default_is_not_sparse() -> None:
    assert look_up("a[?x=='y']", {"a": [{}]}, sparse=True).doubt == ""


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["UP", "DOWN", "1.9", "1.10", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "status"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_what_the_reader_believes_is_what_jmespath_says(value: Any) -> None:
    """Without a note, a value is JMESPath's own, for expressions that do not order."""
    for expression in EXPRESSIONS:
        found = look_up(expression, {"a": value, "b": value})
        if not (found.problem or found.doubt):
            assert found.value == searched(expression, {"a": value, "b": value})


@given(VALUES)
def test_a_document_that_lacks_the_fact_never_passes(value: Any) -> None:
    """Whatever stands where the evidence should, a check for its absence does not pass on it."""
    cut = value if not isinstance(value, dict) else {k: v for k, v in value.items() if k != "a"}
    for expression, wanted in (("json.a.b", "absent"), ("json.a[?status=='DOWN']", "== []")):
        assert verdict({"json": cut}, expression, wanted) is not PASSED
