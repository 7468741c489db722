"""Compares values by meaning: numbers, durations, moments and versions, also where they are written as texts.

What cannot be compared raises :class:`Undecided` instead of being false: false would read as "nothing found".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from launch_pipeline.checks.language.values import duration, moment, number

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
"""The ordering comparisons of ``expect``."""
_VERSION = re.compile(r"[vV]?\d{1,20}(?:\.\d{1,20}){1,5}(?:[-+._~ ]?[0-9A-Za-z][0-9A-Za-z.+_~-]*)?")
_RELEASE = re.compile(r"[vV]?(\d{1,20}(?:\.\d{1,20}){0,5})")
_COMMIT = re.compile(r"(?=.*[a-f])[0-9a-f]{7,64}")
_LONGEST_COMMIT = 40
_TAGGED = re.compile(r"/[^\s:]+:[\w.-]+(?:@sha256:[0-9a-f]+)?")
"""What follows a part of the path of an image that has a tag."""
_ENDS_IN_VERSION = re.compile(r"\d\.\d+$")
_SAME_VERSION = re.compile(
    r"(?:\+|[-_](?:linux|windows|darwin|amd64|arm64|x86_64|aarch64|alpine|debian|ubuntu|slim|bookworm|bullseye|"
    r"trixie|distroless|musl|jre|jdk)(?![0-9A-Za-z]*rc))"
)
"""What may follow a version without making it another one: build metadata, platforms, base images."""
_OTHER_VERSION = re.compile(
    r"\d|\.\d|[-_.~]?(?:rc|alpha|beta|dev|pre|preview|snapshot|nightly|[abm]\d)", re.IGNORECASE
)
_AMOUNT = re.compile(r"\d+\.\d+ ?(?:[kKMGTPE](?:i?B)?|B|[Bb]ytes|%)")
"""A size or a share for people, ``9.50G`` (Redis), ``1.5 MB``: no version, so its number decides nothing."""
_LONGEST = 200
_SHOWN = 40
_LARGEST = 10**30
"""Python refuses to write integers of more than 4300 digits."""


class Undecided(ValueError):
    """Two values cannot be compared; the message says why, for a person."""


def version(value: Any) -> Version | None:
    """Parse a version of two to six numbers, such as ``v1.10`` or ``2.0.0-rc1``; None for anything else."""
    if not isinstance(value, str) or len(value) > _LONGEST or not _VERSION.fullmatch(value.strip()):
        return None
    try:
        return Version(value.strip())
    except InvalidVersion:
        return None


def named_release(text: str) -> bool:
    """Return whether a text is a version, a commit or its beginning: it has bounds within other texts."""
    return version_like(text) or _COMMIT.fullmatch(text) is not None


def version_like(text: str) -> bool:
    """Return whether a text is a version, also one whose suffix only its vendor understands."""
    given = text.strip()
    return len(text) <= _LONGEST and _VERSION.fullmatch(given) is not None and not _AMOUNT.fullmatch(given)


def ordered(sign: str, left: Any, right: Any) -> bool:
    """Return whether two values are in the order of a sign; raises Undecided if they have no order.

    Texts that could be versions and decimal numbers alike (``1.9``, ``1.10``) have one only where both
    readings agree.
    """
    answers = {SIGNS[sign](*pair) for pair in _readings(left, right)}
    if len(answers) == 1:
        return answers.pop()
    if answers:
        message = f"{_shown(left)} and {_shown(right)} may be versions or numbers; write 'version {sign} x'"
        raise Undecided(message)
    if (_suffixed(left) or _suffixed(right)) and not (_of_time(left) or _of_time(right)):
        return versions_ordered(sign, left, right)
    message = f"{_shown(left)} and {_shown(right)} have no order"
    raise Undecided(message)


def _readings(left: Any, right: Any) -> list[tuple[Any, Any]]:
    texts = isinstance(left, str) and isinstance(right, str)
    for read in (number, duration, moment):
        pair = read(left), read(right)
        if pair[0] is not None and pair[1] is not None:
            as_version = (version(left), version(right)) if texts and read is number else (None, None)
            return [pair, as_version] if all(as_version) else [pair]
    versions = version(left), version(right)
    return [versions] if all(versions) else []


def _suffixed(value: Any) -> bool:
    return isinstance(value, str) and version_like(value)


def _of_time(value: Any) -> bool:
    """Return whether a value is a date or a duration, whose first number is no version: ``2026-10-01``."""
    return duration(value) is not None or moment(value) is not None


def versions_ordered(sign: str, left: Any, right: Any) -> bool:
    """Return whether two versions are in the order of a sign; raises Undecided if one is no version.

    A suffix that only the vendor understands (``1.28.3-eks-4f4795d``) decides nothing: the numbers must.
    """
    pair = version(left), version(right)
    if all(pair):
        return SIGNS[sign](*pair)
    bare = _bare(left), _bare(right)
    if None in bare:
        message = f"{_shown(left if bare[0] is None else right)} is not a version"
        raise Undecided(message)
    if bare[0] == bare[1]:
        message = f"{_shown(left)} and {_shown(right)} differ in a suffix that only their vendor can order"
        raise Undecided(message)
    return SIGNS[sign](*bare)


def _bare(value: Any) -> tuple[int, ...] | None:
    """Return the numbers that a text begins with, six of them: ``16.4 (Debian 16.4-1)`` begins with 16, 4."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    match = _RELEASE.match(text[:_LONGEST].strip())
    return (*map(int, match[1].split(".")), *(0,) * 6)[:6] if match else None


def equal(left: Any, right: Any) -> bool:
    """Return whether two values are equal as JSON, or a text means the number or the boolean beside it."""
    if isinstance(left, str) is isinstance(right, str):
        return bool(_plainly_equal(left, right))
    text, other = (left, right) if isinstance(left, str) else (right, left)
    if isinstance(other, bool):
        return bool(text.strip().lower() == str(other).lower())
    return isinstance(other, int | float) and number(text) is not None and number(text) == other


def _plainly_equal(left: Any, right: Any) -> bool:
    # In Python 1 == True; in JSON they differ.
    return (isinstance(left, bool) is isinstance(right, bool)) and left == right


def differ_in_writing(left: Any, right: Any) -> bool:
    """Return whether two unequal texts may mean the same: ``Down`` and ``down``, ``1.0`` and ``1``."""
    if not (isinstance(left, str) and isinstance(right, str)):
        return False
    if left.strip().casefold() == right.strip().casefold():
        return True
    for read in (number, duration, moment, version):
        pair = read(left), read(right)
        if pair[0] is not None and pair[0] == pair[1]:
            return True
    return False


def holds_version(text: str, wanted: str) -> bool:
    """Return whether a text holds a word as a whole: ``v1.4.10`` does not hold ``v1.4.1``.

    Only versions have such bounds; the beginning of a commit stands for the commit. The path of an image with
    a tag does not count. Raises Undecided where the version goes on in a way that may make it another one, as
    in ``v1.4.1-hotfix``.
    """
    if _COMMIT.fullmatch(wanted):
        return _holds_commit(text, wanted)
    ends_in_version = _ENDS_IN_VERSION.search(wanted) is not None
    vague = ""
    for match in re.finditer(re.escape(wanted), text):
        before, after = text[: match.start()], text[match.end() :]
        cut = _cut_in_front(before, wanted) or (wanted[-1:].isdigit() and after[:1].isdigit())
        if cut or (ends_in_version and _TAGGED.fullmatch(after)):
            continue
        goes_on = _goes_on(after) if ends_in_version else False
        if goes_on is False:
            return True
        vague = vague or (after[:_SHOWN] if goes_on is None else "")
    if vague:
        message = f"{_shown(wanted + vague)} may be another version than {_shown(wanted)}"
        raise Undecided(message)
    return False


def _holds_commit(text: str, wanted: str) -> bool:
    """Return whether a hash in a text begins so; the digest of an image is none of a commit."""
    digest = "(?<!sha256:)" if len(wanted) <= _LONGEST_COMMIT else ""
    return re.search(f"(?<![0-9a-f]){digest}{wanted}", text) is not None


def _cut_in_front(before: str, wanted: str) -> bool:
    """Return whether a number, or the word that the letter of a version ends, goes on to the left."""
    if re.match(r"[vV]\d", wanted):
        return before[-1:].isalnum()
    if not wanted[:1].isdigit():
        return False
    dotted = _ENDS_IN_VERSION.search(wanted) is not None and before[-1:] == "." and before[-2:-1].isdigit()
    return before[-1:].isdigit() or dotted


def _goes_on(after: str) -> bool | None:
    """Return whether a version goes on as another one; None if that cannot be said."""
    if _OTHER_VERSION.match(after):
        return True
    if not re.match(r"[-+_~]?[0-9A-Za-z]", after) or _SAME_VERSION.match(after):
        return False
    return None


def _shown(value: Any) -> str:
    if value is None or isinstance(value, list | dict):
        return {type(None): "nothing", list: "a list", dict: "a mapping"}[type(value)]
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a number beyond all bounds"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
