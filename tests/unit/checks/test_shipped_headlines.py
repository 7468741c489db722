"""Headlines of every shipped check: words for people, whatever was seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checks.docs.samples import paths_of, said
from launch_pipeline.checks.engine.product import named
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.checks.verdict import Verdict
from servers.plain_words import signs_in

if TYPE_CHECKING:
    from launch_pipeline.checklist.model import CheckSpec

CHECKS = {
    f"{phase.id}.{section.id}.{item.id}-{number}": check
    for phase in map(named, load_phases(parameter_models()))
    for section, item in phase.items()
    for number, check in enumerate(item.checks)
}
every_check = pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS.keys())
_SUBJECTS = ("first", "second", "third")
_SAYS_WRONG = re.compile(
    r"\b(?:wanted|limit|no|not|none|nobody|cannot|missing|failed|lacks|without|off|crossed|disagree"
    r"|firing|forbidden|standby|older|still|status|lost|found|error)\b"
)
"""What a headline says that tells of something wrong."""


@pytest.mark.parametrize(
    "text",
    ["value = 1, want == 2", "p95 <= 500", "json.total_count is 3", "length(json) is 1", "a || b", "x[?y]",
     "`0` is 1", "1e18 behind", "1000000000000000000 bytes"],
)  # fmt: skip
def test_what_only_programmers_read_is_found(text: str) -> None:
    """An operator, a path or a sentinel in a headline is found."""
    assert signs_in(text)


@every_check
def test_pass_is_told_in_words(check: CheckSpec) -> None:
    """What is so is told without an operator, of one subject and of several."""
    for names in (("it",), _SUBJECTS):
        text = said(check, Verdict.PASSED, broken=(), names=names)
        assert signs_in(text) == []
        assert len(text) > 3


@every_check
def test_failure_is_told_in_words(check: CheckSpec) -> None:
    """A condition that is not met, alone or with others, is told as wrong, and without an operator."""
    paths = paths_of(check)
    for broken in [*([path] for path in paths), paths]:
        text = said(check, Verdict.FAILED, broken=broken)
        assert signs_in(text) == []
        assert _SAYS_WRONG.search(text), text


@every_check
def test_failure_is_never_told_as_a_pass(check: CheckSpec) -> None:
    """No condition that is not met leaves the words of a pass."""
    passed = said(check, Verdict.PASSED, broken=())
    for path in paths_of(check):
        assert said(check, Verdict.FAILED, broken=[path]) != passed


@every_check
def test_missing_value_is_told_in_words(check: CheckSpec) -> None:
    """A value that is missing is told in words."""
    for path in paths_of(check):
        text = said(check, Verdict.FAILED, broken=[path], note="missing")
        assert signs_in(text) == []
        assert "None" not in text


@every_check
def test_several_subjects_are_counted_and_named(check: CheckSpec) -> None:
    """Of several subjects it is told how many are wrong, and which."""
    text = said(check, Verdict.FAILED, broken=paths_of(check)[:1], names=_SUBJECTS)
    assert signs_in(text) == []
    assert text.startswith("first: ")
    assert text.endswith("(2 of 3: also second)")


@every_check
def test_reason_is_told_where_nothing_is_known(check: CheckSpec) -> None:
    """An inconclusive check tells the reason, without the advice to its author."""
    note = "the server hides it; write 'version >= 1.10'"
    text = said(check, Verdict.INCONCLUSIVE, broken=paths_of(check)[:1], note=note)
    assert signs_in(text) == []
    assert text.endswith("is not known: the server hides it")
