"""Regular expressions from a checklist: those that could take for ever are refused, the others are quick."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch_pipeline.checks.language import patterns
from launch_pipeline.checks.language.expect import judge
from launch_pipeline.checks.language.patterns import WINDOW, found, guard_pattern
from launch_pipeline.checks.verdict import Observation, Subject, Verdict

CATASTROPHIC = [
    "(a+)+$",
    "(a|aa)*c",
    "(.|\\n)*x",
    "(x+x+)+y",
    "((a*)*)*b",
    "^(.+)+$",
    "(a?){30}a{30}",
    "(a{1,100}){1,100}b",
    "a*a*b",
    r"\s*\s*$",
    "a.*b.*c",
    "a{0,500}a{0,500}b",
    r"(.*)\1x",
    "(?>.+a)+b",
]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_catastrophic_pattern_is_refused(pattern: str) -> None:
    """A pattern with many ways to the same end is an error when it is read, in words."""
    with pytest.raises(ValueError, match="may take for ever; write it without, or as several comparisons"):
        guard_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a" * 501, "longer than 500"),
        ("(" * 200 + ")" * 200, None),
        ("(", "no regular expression"),
        ("a{99999999999}", "no regular expression"),
        ("[[a]", "no regular expression"),
        ("(?P<n>a)(?P<n>b)", "no regular expression"),
    ],
)
def test_broken_pattern_is_refused(pattern: str, reason: str | None) -> None:
    """What is too long, wrong, or will be read otherwise by the next Python is refused with the reason."""
    if reason is None:
        assert guard_pattern(pattern)
        return
    with pytest.raises(ValueError, match=reason):
        guard_pattern(pattern)


USEFUL = {
    "a header": (
        r"max-age=(3153[6-9]\d{3}|315[4-9]\d{4}|31[6-9]\d{5}|3[2-9]\d{6}|[4-9]\d{7})",
        "max-age=31536000",
    ),
    "a stack trace": (r"(at .+\.(js|ts):\d+|Traceback)", "at run (/app/main.js:12)"),
    "an address": (r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}", "from 10.20.30.40 to"),
    "a name": (r"(\w+\.)+example\.org", "api.eu.example.org"),
    "an assignment": (r"\s*retention\s*=\s*\"[^\"]*\"", 'retention = "31d"'),
    "either word": ("(?i)hit|stale|^[1-9]", "HIT"),
    "two conditions": ("(?=.*ready)(?=.*green).", "green and ready"),
    "a list": ("[^,]*,[^,]*,[^,]*x", "a,b,cx"),
}


@pytest.mark.parametrize(("pattern", "text"), USEFUL.values(), ids=USEFUL.keys())
def test_useful_pattern_is_accepted(pattern: str, text: str) -> None:
    """What people write to look at headers, logs and settings is no danger."""
    assert found(pattern, text)
    assert not found(pattern, "\n")


def test_long_text_is_searched_from_end_to_end() -> None:
    """A piece has no beginning and no end of its own; what lies across two is found."""
    text = "b" + "x" * 5000 + "needle" + "y" * 5000 + "z"
    assert all(found(pattern, text) for pattern in ("needle", "^b", "z$", "xneedley", r"x{200}needle"))
    assert not any(found(pattern, text) for pattern in ("^x", "x$", r"^\w+$(?<!z)", "y$"))
    for place in range(WINDOW - 20, WINDOW + 20):
        assert found("needle", "x" * place + "needle" + "y" * 3000)


ACROSS = ["BEGIN.*END", "(?s)BEGIN.+END", "BEGIN[^Z]*END", r"(?=.*END)BEGIN", r"BEGIN(?=[\w\s]*END)"]


@pytest.mark.parametrize("pattern", ACROSS)
def test_match_that_is_longer_than_a_piece_is_found(pattern: str) -> None:
    """``not matches`` would pass where it must not: what begins in one piece may end pieces later."""
    text = f"{'b ' * 2000}BEGIN {'x' * 5000} END {'y ' * 2000}"
    assert found(pattern, text)
    assert not found(pattern, text.replace("END", "end"))


def test_search_that_takes_too_long_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can say in time, neither ``matches`` nor ``not matches`` holds, and neither is a no."""
    monkeypatch.setattr(patterns, "_PATIENCE", 0.0)
    observation = Observation(subjects=(Subject(name="a", facts={"text": "a" * 5000}),), authority="a")
    for wanted in ("matches a.*b", "not matches a.*b"):
        verdict, _, headline = judge(observation, {"text": wanted})
        assert (verdict, "too long for this pattern" in headline) == (Verdict.INCONCLUSIVE, True)


atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\d", r"\s", "c", r"\b", "$", r"\1"])
repeats = st.sampled_from(["", "", "*", "+", "?", "*?", "+?", "{0,3}", "{2,}", "{1,40}", "*+", "{3}"])
groups = st.sampled_from(["({})", "(?:{})", "(?={})", "(?>{})", "({}|b)", "({}|a.)"])
expressions = st.recursive(
    st.builds(str.__add__, atoms, repeats),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map("".join)
        | st.builds(lambda form, text, again: form.replace("{}", text) + again, groups, inner, repeats)
    ),
    max_leaves=8,
)
WORST = ["a" * WINDOW, "ab" * (WINDOW // 2), "aab" * (WINDOW // 3), "a1 " * (WINDOW // 3)]


@settings(deadline=None)
@given(expressions)
def test_accepted_pattern_is_quick(pattern: str) -> None:
    """Whatever is accepted takes little of the processor's time on the texts that are worst for it."""
    try:
        compiled = guard_pattern(pattern)
    except ValueError:
        return
    began = time.thread_time()
    for text in WORST:
        compiled.search(text)
    assert time.thread_time() - began < 2
