"""Regular expressions from a checklist: what RE2 cannot do is refused at load, every search is quick."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch_pipeline.checks.language import patterns
from launch_pipeline.checks.language.expect import judge
from launch_pipeline.checks.language.patterns import found, guard_pattern
from launch_pipeline.checks.verdict import Observation, Subject, Verdict

CATASTROPHIC = [
    "(a+)+$",
    "(a|aa)*c",
    "(.|\\n)*x",
    "(x+x+)+y",
    "((a*)*)*b",
    "^(.+)+c$",
    "(a?){30}a{30}c",
    "(a{1,100}){1,10}b",
    "a*a*b",
    r"\s*\s*x$",
    "a.*b.*c",
    "a{0,500}a{0,500}b",
    "(aa?){1,60}[ab]{300}c",
]


@pytest.mark.parametrize("pattern", CATASTROPHIC)
def test_catastrophic_pattern_is_quick(pattern: str) -> None:
    """Patterns that hang a backtracking engine take linear time."""
    texts = ["a" * 100_000 + "!", "ad" * 50_000, " " * 100_000]
    began = time.thread_time()
    assert not any(found(pattern, text) for text in texts)
    assert time.thread_time() - began < 10


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a" * 501, "longer than 500"),
        ("(" * 200 + ")" * 200, None),
        ("(", "not a regular expression"),
        ("a{99999}", "not a regular expression"),
        ("(a{1,100}){1,100}b", "counts to 1000 at most"),
        ("a" + r"\pL{1000}" * 30, "repeat less"),
        ("(?=.*ready)(?=.*green).", "write each condition as its own comparison"),
        ("^(?!.*DEBUG)", "with 'not matches' for what must not occur"),
        (r"^\w+$(?<!z)", "look-behind are not supported"),
        (r"(?<=a)b", "look-behind are not supported"),
        (r"(.*)\1x", "write the alternatives out"),
        ("(?P<n>a)(?P=n)", "write the alternatives out"),
        ("(?>.+a)+b", "leave them out"),
        ("a*+b", "leave them out"),
        ("a{2}+b", "leave them out"),
        ("\ud800", "holds a surrogate"),
    ],
)
def test_broken_pattern_is_refused(pattern: str, reason: str | None) -> None:
    """A pattern that is too long, wrong, or beyond RE2 is refused with what to write instead."""
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
    "capitals beyond ASCII": ("(?i)größe", "GRÖSSE GRÖßE"),
    "lines": ("(?m)^ready$", "green\nready\n"),
    "an ended line": ("ready$", "green, ready\n"),
    "any character": ("(?s)a.b", "a\nb"),
    "a lone surrogate beside": ("ready", "\ud800 ready"),
    "a list": ("[^,]*,[^,]*,[^,]*x", "a,b,cx"),
}


@pytest.mark.parametrize(("pattern", "text"), USEFUL.values(), ids=USEFUL.keys())
def test_useful_pattern_is_accepted(pattern: str, text: str) -> None:
    """What people write to look at headers, logs and settings is no danger."""
    assert found(pattern, text)
    assert not found(pattern, "\n")


def test_long_text_is_searched_from_end_to_end() -> None:
    """``^`` and ``$`` mean the whole text, however long it is."""
    text = "b" + "x" * 5000 + "needle" + "y" * 5000 + "z"
    assert all(found(pattern, text) for pattern in ("needle", "^b", "z$", "xneedley", r"x{200}needle"))
    assert not any(found(pattern, text) for pattern in ("^x", "x$", r"^\w+[^z]$", "y$"))
    for place in range(1000, 1050):
        assert found("needle", "x" * place + "needle" + "y" * 3000)


ACROSS = ["BEGIN.*END", "(?s)BEGIN.+END", "BEGIN[^Z]*END"]


@pytest.mark.parametrize("pattern", ACROSS)
def test_long_match_is_found(pattern: str) -> None:
    """A match may be thousands of characters long; else ``not matches`` would pass where it must not."""
    text = f"{'b ' * 2000}BEGIN {'x' * 5000} END {'y ' * 2000}"
    assert found(pattern, text)
    assert not found(pattern, text.replace("END", "end"))


def test_search_that_could_take_too_long_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that could take too long is inconclusive, for ``matches`` and for ``not matches``."""
    monkeypatch.setattr(patterns, "_MOST_STEPS", 1000)
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
WORST = ["a" * 20_000, "ab" * 10_000, "aab" * 7000, "a1 " * 7000]


@settings(deadline=None)
@given(expressions)
def test_accepted_pattern_is_quick(pattern: str) -> None:
    """Every accepted pattern takes little processor time on the texts that are worst for it."""
    try:
        guard_pattern(pattern)
    except ValueError:
        return
    began = time.thread_time()
    for text in WORST:
        found(pattern, text)
    assert time.thread_time() - began < 2


last = st.sampled_from(["", "$", "(?:a|$)"])
ending = st.sampled_from(["", "\n", "x\n", "\n\n", "ab", "b\n"])
plain = st.sampled_from(["a", "b", ".", "^", r"\b", r"\n", "[^a]", "x?", "a*"])


@given(st.lists(plain, max_size=5).map("".join), last, st.text("ab \n", max_size=6), ending)
def test_lines_are_read_as_python_reads_them(first: str, last: str, text: str, ending: str) -> None:
    """A pattern matches the lines that Python's engine matches, also with ``$`` before the last newline."""
    assert found(first + last, text + ending) is (re.search(first + last, text + ending) is not None)
