"""Headlines: what a check has seen, in one line for people.

The item's own sentence speaks first, then its kind, then the comparisons in words. A sentence never hides
what is wrong: a condition that it does not read is said after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.canonical import plain
from launch_pipeline.checks.language import phrases
from launch_pipeline.checks.language.names import name_of
from launch_pipeline.checks.language.paths import look_up
from launch_pipeline.checks.language.says import Placeholder, Sentences, paths_of, spoken
from launch_pipeline.checks.language.units import cut, in_unit, named
from launch_pipeline.checks.language.variables import derived, placeholders, substitute_expectations
from launch_pipeline.checks.redaction import redact, redact_finding
from launch_pipeline.checks.verdict import Finding, Observation, Subject, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime

_PLUMBING = frozenset({"status", "missing", "count", "exists", "json.incomplete_results"})
"""What nearly every answer has; it speaks only where nothing else does."""
_LIMIT = re.compile(r"\b(?:wanted|limit)\b")
_SAID = 3
"""Conditions that a headline says; the rest are counted."""
_LOOKED_AT = 20
"""Subjects whose sentences are compared, to say that all are alike."""
_BEFORE = 600
"""Characters of a headline before what it must not leave out."""
_NOTHING = {
    Verdict.PASSED: "nothing found, as expected",
    Verdict.FAILED: "nothing found",
    Verdict.INCONCLUSIVE: "nothing was expected of the observation",
}


def _silent(_facts: Mapping[str, Any], _finding: Finding | None) -> str | None:
    return None


@dataclass(frozen=True)
class Voice:
    """What a check has to say of its own, besides its comparisons."""

    now: datetime
    sentences: Sentences = field(default_factory=Sentences)
    kind: Callable[[Mapping[str, Any], Finding | None], str | None] = _silent
    """Says what one finding means, or without one what the facts say; None leaves it to the comparison."""
    own: frozenset[str] = frozenset()
    """The paths of the item's own ``expect``."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    secrets: Collection[str] = ()


@dataclass(frozen=True)
class _Judged:
    """A subject and its findings."""

    subject: Subject
    findings: Sequence[Finding]

    @property
    def broken(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.holds]


def headline(verdict: Verdict, seen: Observation, findings: Sequence[Finding], voice: Voice) -> str:
    """Say in one line what was seen: what is wrong, why nothing is known, or what is so."""
    judged = _by_subject(seen.subjects, findings)
    if not judged:
        return _NOTHING[verdict]
    if verdict is Verdict.PASSED:
        return _but(seen.not_looked_at, _passed(judged, voice))
    wrong = [one for one in judged if one.broken]
    if not wrong:
        return _NOTHING[verdict]
    said = _unknown(wrong[0]) if verdict is Verdict.INCONCLUSIVE else _failed(wrong[0], voice)
    return _among(said, wrong, judged)


def _but(unseen: Sequence[str], said: str) -> str:
    """Say of a pass what it does not speak of."""
    return f"{cut(said, _BEFORE)} (not looked at from here: {named(unseen)})" if unseen else said


def _by_subject(subjects: Sequence[Subject], findings: Sequence[Finding]) -> list[_Judged]:
    """Give each subject its findings; every subject has as many, in the same order."""
    each = len(findings) // len(subjects) if subjects else 0
    if not each:
        return []
    return [_Judged(one, findings[n * each : (n + 1) * each]) for n, one in enumerate(subjects)]


def _among(said: str, wrong: Sequence[_Judged], judged: Sequence[_Judged]) -> str:
    """Say of several subjects whose sentence it is, how many are like it, and which."""
    if len(judged) == 1:
        return said
    names = [one.findings[0].subject for one in wrong]
    others = f": also {named(names[1:])}" if len(names) > 1 else ""
    return f"{cut(names[0])}: {said} ({len(wrong)} of {len(judged)}{others})"


def _unknown(one: _Judged) -> str:
    first = one.broken[0]
    return f"{name_of(first.expression)} is not known: {phrases.reason(first.note) or 'no reason was given'}"


def _failed(one: _Judged, voice: Voice) -> str:
    covered = _covered(one.broken, voice)
    rest = [finding for finding in one.broken if finding not in covered]
    facts = _facts(one, voice)
    told = {finding.expression: voice.kind(facts, finding) or phrases.wrong(finding) for finding in rest}
    # Without the wanted status the rest of an answer means little.
    first = [told.pop("status")] if "status" in told else []
    return _joined([*first, *([_sentence(one, covered, voice)] if covered else []), *told.values()])


def _covered(broken: Sequence[Finding], voice: Voice) -> list[Finding]:
    """Return what the item's sentence speaks of: the paths it reads, or the only one that is compared."""
    sentence = voice.sentences.failed
    if not sentence:
        return []
    own = voice.own - _PLUMBING or voice.own
    paths = {_path(path, voice) for path in paths_of(sentence)} | (own if len(own) == 1 else set())
    return [finding for finding in broken if finding.expression in paths]


def _sentence(one: _Judged, covered: Sequence[Finding], voice: Voice) -> str:
    """Say what is wrong, with the limit even if the sentence has none."""
    if voice.sentences.missing and all(finding.actual is None for finding in covered):
        return _spoken(voice.sentences.missing, one, voice)
    said = _spoken(voice.sentences.failed, one, voice)
    if voice.sentences.failed != voice.sentences.passed or _LIMIT.search(voice.sentences.failed):
        return said
    limits = dict.fromkeys(phrases.wanted(finding) for finding in covered)
    return f"{said}; wanted {' and '.join(limits)}"


def _joined(said: Sequence[str]) -> str:
    texts = list(dict.fromkeys(text for text in said if text))
    more = f"; and {len(texts) - _SAID} more" if len(texts) > _SAID else ""
    return "; ".join(texts[:_SAID]) + more


def _passed(judged: Sequence[_Judged], voice: Voice) -> str:
    if len(judged) == 1:
        return _right(judged[0], voice)
    said = [_right(one, voice) for one in judged[:_LOOKED_AT]]
    names = [one.findings[0].subject for one in judged]
    if len(set(said)) == 1:
        return f"all {len(judged)} ({named(names)}): {said[0]}"
    return f"all {len(judged)} are as wanted: {named(names)}; {cut(names[0])}: {said[0]}"


def _right(one: _Judged, voice: Voice) -> str:
    if voice.sentences.passed:
        return _spoken(voice.sentences.passed, one, voice)
    facts = _facts(one, voice)
    own = [f for f in one.findings if f.expression in voice.own and f.expression not in _PLUMBING]
    said = [_held(facts, finding, voice) for finding in own]
    said.append(voice.kind(facts, None) or "")
    return _joined(said) or _joined(list(map(phrases.right, _telling(one.findings))))


def _held(facts: Mapping[str, Any], finding: Finding, voice: Voice) -> str:
    said = voice.kind(facts, finding)
    return phrases.right(finding) if said is None else said


def _telling(findings: Sequence[Finding]) -> Sequence[Finding]:
    return [one for one in findings if one.expression not in _PLUMBING] or findings


class _Facts(Mapping[str, Any]):
    """The facts of a subject, each redacted when it is read: a kind speaks of a few of hundreds."""

    def __init__(self, facts: Mapping[str, Any], secrets: Collection[str]) -> None:
        self._facts, self._secrets = facts, secrets

    def __getitem__(self, name: str) -> Any:
        return next(iter(redact(plain({name: self._facts[name]}), self._secrets).values()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    def __len__(self) -> int:
        return len(self._facts)


def _facts(one: _Judged, voice: Voice) -> Mapping[str, Any]:
    return _Facts(one.subject.facts, voice.secrets)


def _spoken(sentence: str, one: _Judged, voice: Voice) -> str:
    judged = {finding.expression: finding.actual for finding in one.findings}

    def write(part: Placeholder) -> str:
        path = _path(part.path, voice)
        value = judged[path] if path in judged else _read(path, one.subject, voice)
        if value is None:
            return "(missing)"
        return in_unit(value, part.unit, part.words, voice.now)

    return spoken(sentence, write, lambda text: _variable(text, voice))


def _path(path: str, voice: Voice) -> str:
    """Fill in variables as in the path of an expectation."""
    return next(iter(substitute_expectations({path: ""}, voice.variables)))


def _read(path: str, subject: Subject, voice: Voice) -> Any:
    """Read a fact that is not compared: redacted, and None if it is not known."""
    found = look_up(path, subject.facts)
    value = None if found.roots & subject.unknown.keys() else found.value
    shown = Finding(subject="", expression=path, wanted="exists", actual=plain(value), holds=True)
    return redact_finding(shown, voice.secrets).actual


def _variable(text: str, voice: Voice) -> str:
    name = next(iter(placeholders(text)))
    value = voice.variables.get(name, derived(name, voice.variables))
    return text if value is None else cut(in_unit(plain(value), "", "", voice.now))
