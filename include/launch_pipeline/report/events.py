"""List what happened to a launch as a whole, and who was notified of what, from its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from launch_pipeline.approvals.visible_text import one_line
from launch_pipeline.ledger.launch import FROM_A_TERMINAL, Via
from launch_pipeline.ledger.schema import EntryKind
from launch_pipeline.report.model import Event, Told
from launch_pipeline.report.words import moment

if TYPE_CHECKING:
    from launch_pipeline.report.history import History

Content = dict[str, Any]
Names = Callable[[str], str]
"""Maps an Airflow user name to a person's name, or an item's ref to its words."""


def events_of(history: History, name_of: Names, words_of: Names) -> tuple[Event, ...]:
    """List the launch's events in order: its start, its changes, refused answers, its end."""
    return tuple(
        Event(
            at=link.appended_at,
            what=_WORDS[link.kind](content),
            by=one_line(_who(content, name_of)),
            reason=one_line(str(content.get("reason") or "")),
            details=tuple(map(one_line, _DETAILS.get(link.kind, _none)(content, name_of, words_of))),
            row=link.position,
        )
        for link, content in history.others
        if link.kind in _WORDS
    )


def changes_of(history: History, name_of: Names, words_of: Names) -> tuple[Event, ...]:
    """List the events after which the launch ran by something else, or waited."""
    rows = {link.position for link, _ in history.others if link.kind in CHANGES}
    return tuple(event for event in events_of(history, name_of, words_of) if event.row in rows)


def told_of(history: History) -> tuple[Told, ...]:
    """List the notifications, and who was called."""
    return tuple(
        Told(
            at=link.appended_at,
            headline=_called(content) if link.kind == EntryKind.NUDGE else _headline(content),
            place=_place(link.kind, content),
            row=link.position,
        )
        for link, content in history.others
        if link.kind in {EntryKind.ANNOUNCEMENT, EntryKind.NUDGE}
    )


def nudges_of(history: History) -> int:
    """Count the calls to people."""
    return sum(link.kind == EntryKind.NUDGE for link, _ in history.others)


def _text(content: Content, key: str) -> str:
    return str(content.get(key) or "")


def _by(content: Content) -> str:
    return _text(content, "by") or _text(content, "started_by")


def _who(content: Content, name_of: Names) -> str:
    said = name_of(_by(content))
    return f"{said}, {FROM_A_TERMINAL}" if content.get("via") == Via.TERMINAL else said


def _when(content: Content, key: str) -> str:
    try:
        at = datetime.fromisoformat(_text(content, key))
    except ValueError:
        return "an unknown time"
    return moment(at) if at.tzinfo else one_line(_text(content, key))


def _headline(content: Content) -> str:
    return one_line(_text(content, "headline"))


def _called(content: Content) -> str:
    people = ", ".join(map(str, content.get("called") or ())) or "no one"
    count = len(content.get("items") or ())
    return one_line(f"{_text(content, 'level')}: {people} for {count} item{'s' if count != 1 else ''}")


def _place(kind: str, content: Content) -> str:
    if kind == EntryKind.NUDGE:
        return "Slack"
    return one_line(f"Slack {content['channel']}") if content.get("channel") else ""


CHANGES = frozenset(
    {
        EntryKind.LAUNCH_POSTPONED,
        EntryKind.LAUNCH_AMENDED,
        EntryKind.LAUNCH_RETARGETED,
        EntryKind.LAUNCH_HELD,
        EntryKind.LAUNCH_RESUMED,
    }
)


def _counted(content: Content) -> str:
    number = len(content.get("changes") or ())
    return f"{number} difference{'s' if number != 1 else ''}"


def _none(_content: Content, _name_of: Names, _words_of: Names) -> list[str]:
    return []


def _amendment(content: Content, name_of: Names, words_of: Names) -> list[str]:
    second = _text(content, "confirmed_by")
    changes = [one for one in content.get("changes") or () if isinstance(one, dict)]
    return [
        *([f"confirmed by {name_of(second)}"] if second else []),
        *(
            f"{words_of(_text(one, 'where'))}: {', '.join(map(str, one.get('what') or ()))}"
            for one in changes
        ),
    ]


def _targets(content: Content, _name_of: Names, _words_of: Names) -> list[str]:
    before, to = content.get("from") or {}, content.get("to") or {}
    named = (("release", "release"), ("release_sha", "commit"))
    return [
        f"{word} {_text(before, name)} → {_text(to, name)}"
        for name, word in named
        if _text(before, name) != _text(to, name)
    ]


_DETAILS: dict[str, Callable[[Content, Names, Names], list[str]]] = {
    EntryKind.LAUNCH_AMENDED: _amendment,
    EntryKind.LAUNCH_RETARGETED: _targets,
}


_WORDS: dict[str, Callable[[Content], str]] = {
    EntryKind.LAUNCH_STARTED: lambda content: f"Started, to launch at {_when(content, 'launch_at')}",
    EntryKind.LAUNCH_POSTPONED: lambda content: (
        f"Postponed from {_when(content, 'from')} to {_when(content, 'to')}"
    ),
    EntryKind.AMENDMENT_PROPOSED: lambda content: f"Amendment asked for: {_counted(content)}",
    EntryKind.LAUNCH_AMENDED: lambda content: f"Amended: {_counted(content)}",
    EntryKind.LAUNCH_RETARGETED: lambda _: "Moved to another commit",
    EntryKind.LAUNCH_HELD: lambda _: "Put on hold",
    EntryKind.LAUNCH_RESUMED: lambda _: "Resumed",
    EntryKind.LAUNCH_ABORTED: lambda _: "Aborted",
    EntryKind.REFUSAL: lambda content: one_line(
        f"Refused: {_text(content, 'option')} of {_text(content, 'item_ref')}"
        f" ({_text(content, 'code')}). {_text(content, 'sentence')} {_text(content, 'note')}"
    ).strip(),
    EntryKind.LAUNCH_ENDED: lambda content: f"Ended: {one_line(_text(content, 'state')).replace('_', ' ')}",
}
