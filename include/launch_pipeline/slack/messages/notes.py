"""Messages that are told once: how a phase ended, what happened to the launch, reminders and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.model import LaunchNote, LaunchNoteKind, Next, PersonView, PhaseNote
from launch_pipeline.notifications.text import REHEARSAL, marked
from launch_pipeline.slack.messages import elements
from launch_pipeline.slack.messages.cards import aside_line, locator
from launch_pipeline.slack.messages.item_status import OUTCOMES
from launch_pipeline.slack.messages.mrkdwn import address_of, bold, escape, moment, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.errors import AnswerRefused
    from launch_pipeline.notifications.model import SetAside
    from launch_pipeline.slack.messages.block_kit import Message
    from launch_pipeline.slack.messages.views import ItemView, SectionView

EVENT = "launch_pipeline_note"
"""Type of the metadata that carries a message's key."""
_ROOM = 1600
_SET_ASIDE = "Waived, not met, not applicable"
_NUDGED = 8

_HAPPENED = {
    LaunchNoteKind.STARTED: ("🚀", "Launch started"),
    LaunchNoteKind.REFUSED: ("🚫", "Launch refused"),
    LaunchNoteKind.POSTPONED: ("🕓", "Launch postponed"),
    LaunchNoteKind.ABORTED: ("⏹️", "Launch aborted"),
    LaunchNoteKind.GO: ("🟢", "Go"),
    LaunchNoteKind.NO_GO: ("🔴", "No go"),
    LaunchNoteKind.WINDOW_OPENED: ("🕐", "Window opened"),
    LaunchNoteKind.WINDOW_MISSED: ("⏰", "Window missed"),
    LaunchNoteKind.ROLLBACK_OFFERED: ("↩️", "Rollback offered"),
    LaunchNoteKind.COMPLETE: ("🏁", "Launch complete"),
}
_BY = {LaunchNoteKind.COMPLETE: "Signed by"}
_TIMES = {
    LaunchNoteKind.STARTED: "Launch time",
    LaunchNoteKind.POSTPONED: "New launch time",
    LaunchNoteKind.GO: "Launch time",
    LaunchNoteKind.WINDOW_OPENED: "Opened",
    LaunchNoteKind.WINDOW_MISSED: "Was due",
}


def phase_note(note: PhaseNote) -> Message:
    """Tell how a phase ended: counts, what was waived and why, what fails, who went around, what is next."""
    symbol, word = ("✅", "complete") if note.complete else ("❌", "FAILED")
    title = marked(note.rehearsal, f"{symbol} {note.phase_title}: {word}")
    counts = _counts(note.counts)
    blocks = [
        elements.header(title),
        *([elements.section(counts)] if counts else []),
        *_listed("Failing", note.failing),
        *_texts("Bypassed: green without a record", note.bypasses),
        *_texts("Why it did not complete", note.problems),
        *_listed(_SET_ASIDE, note.waivers),
        *_next(note.next),
        *_kept(note),
        *elements.actions("act", elements.open_button(note.url)),
    ]
    return elements.message(
        f"{escape(title, 300)}. {_counted_plainly(note.counts)}", blocks, _metadata(note.key)
    )


def _counts(counts: dict[Outcome, int]) -> str:
    told = [(OUTCOMES[outcome], counts[outcome]) for outcome in Outcome if counts.get(outcome)]
    return "   ".join(f"{stands.symbol} {number} {stands.word.lower()}" for stands, number in told)


def _counted_plainly(counts: dict[Outcome, int]) -> str:
    return ", ".join(f"{counts[o]} {OUTCOMES[o].word.lower()}" for o in Outcome if counts.get(o))


def launch_note(note: LaunchNote) -> Message:
    """Tell what happened to the launch: who did it and why, when, what fails, what is next."""
    symbol, word = _HAPPENED[note.kind]
    title = marked(note.rehearsal, f"{symbol} {word}" + (f": {note.what}" if note.what.strip() else ""))
    body = [line for line in (_by(note), _times(note), _asked(note)) if line]
    blocks = [
        elements.header(title),
        *([elements.section("\n".join(body))] if body else []),
        *_listed("Failing", note.failing),
        *_listed(_SET_ASIDE, note.waivers),
        *_next(note.next),
        *_kept(note),
        *elements.actions("act", elements.open_button(note.url)),
    ]
    return elements.message(
        "\n".join(filter(None, (escape(title, 300), _by(note)))), blocks, _metadata(note.key)
    )


def _by(note: LaunchNote) -> str:
    who = ", ".join(filter(None, (escape(name, 60) for name in note.by[:_NUDGED])))
    reason = escape(note.reason, 600)
    return ": ".join(filter(None, (who and f"*{_BY.get(note.kind, 'By')}* {who}", reason)))


def _times(note: LaunchNote) -> str:
    if note.at is None:
        return ""
    was = f" (was {moment(note.was)})" if note.was else ""
    return f"*{_TIMES.get(note.kind, 'At')}* {moment(note.at)}{was}"


def _asked(note: LaunchNote) -> str:
    called = " ".join(filter(None, map(elements.addressed, note.mentioned[:_NUDGED])))
    return f"👉 {called}" if called else ""


def _listed(title: str, aside: Sequence[SetAside]) -> list[elements.Block]:
    return _paragraph(title, len(aside), [aside_line(one) for one in aside])


def _texts(title: str, texts: Sequence[str]) -> list[elements.Block]:
    return _paragraph(title, len(texts), [f"• {escape(text, 200)}" for text in texts])


def _paragraph(title: str, number: int, told: Sequence[str]) -> list[elements.Block]:
    return [elements.section(f"*{title} ({number})*\n{elements.lines(told, _ROOM)}")] if told else []


def _next(following: Next | None) -> list[elements.Block]:
    if following is None or not following.what.strip():
        return []
    at = f" · {moment(following.at)}" if following.at else ""
    return [elements.section(f"*Next* {escape(following.what, 300)}{at}")]


def _kept(note: PhaseNote | LaunchNote) -> list[elements.Block]:
    """Link the report, and note the end of the chain where the database's owner cannot change it."""
    address = address_of(note.report, elements.URL_LENGTH)
    linked = [elements.section(f"📄 <{address}|Report of the launch>")] if address else []
    head = [f"Record up to row {note.head.position}: `{note.head.digest}`"] if note.head else []
    return [*linked, *elements.small_print(head)]


def _metadata(key: str) -> elements.Block:
    return {"event_type": EVENT, "event_payload": {"key": plain(key, 500)}}


def request_note(view: SectionView) -> Message:
    """Address whoever must act in a section now, so that phones ring; an edited card rings none."""
    return _nudge(view, view.items, "waits for you", "wait for you", everybody=False)


def reminder(view: SectionView, items: Sequence[ItemView]) -> Message:
    """Remind the first of each role of items that have waited for long."""
    return _nudge(view, items, "still waits for you", "still wait for you", everybody=False)


def escalation(view: SectionView, items: Sequence[ItemView]) -> Message:
    """Ask the backups as well, and say since when nobody has answered."""
    return _nudge(
        view,
        items,
        "has no answer yet; backups, please",
        "have no answer yet; backups, please",
        everybody=True,
    )


def _nudge(view: SectionView, items: Sequence[ItemView], one: str, many: str, *, everybody: bool) -> Message:
    asked = [item for item in items if item.asks]
    called = _called(asked, everybody=everybody)
    count = f"1 item {one}" if len(asked) == 1 else f"{len(asked)} items {many}"
    mark = f"*{REHEARSAL}* · " if view.rehearsal else ""
    told = [
        f"• {escape(item.text, 130)}" + (f" · since {moment(item.since)}" if item.since else "")
        for item in asked
    ]
    title = bold(view.section_title, 150)
    review = [elements.button(elements.REVIEW, "Review…", locator(view, asked, 0).encode())] if asked else []
    blocks = [
        elements.section(f"{mark}{called} {title}: {count}".strip()),
        *([elements.section(elements.lines(told, _ROOM))] if told else []),
        *elements.actions("act", [*review, *elements.open_button(view.url)]),
    ]
    spoken = marked(view.rehearsal, f"{called} {escape(view.section_title, 150)}: {count}".strip())
    return elements.message(spoken, blocks)


def _called(items: Sequence[ItemView], *, everybody: bool) -> str:
    """Whom to address: the first of each role, or also the backups; everybody once."""
    people: list[PersonView] = []
    for item in items:
        people += item.may_answer if everybody else item.may_answer[:1]
    return " ".join(filter(None, map(elements.addressed, [*dict.fromkeys(people)][:_NUDGED])))


def refusal(refused: AnswerRefused, text: str = "", url: str = "") -> Message:
    """Tell one person (``chat.postEphemeral``) why his answer does not count."""
    about = f"\n{escape(text, 200)}" if text.strip() else ""
    sentence = escape(refused.reason, 1500) or "That answer does not count."
    blocks = [
        elements.section(f"🚫 *Not done.* {sentence}{about}"),
        *elements.actions("act", elements.open_button(url)),
    ]
    return elements.message(f"Not done. {sentence}", blocks)


def receipt(answered: Sequence[tuple[str, str]], refused: Sequence[tuple[str, AnswerRefused]]) -> Message:
    """Tell one person (``chat.postEphemeral``) what became of his answers (text, answer or refusal)."""
    told = [
        f"📝 {escape(answer, 30)} recorded in your name · {escape(text, 130)}" for text, answer in answered
    ]
    told += [f"🚫 {escape(text, 130)} — {escape(why.reason, 300)}" for text, why in refused]
    said = elements.lines(told or ["Nothing here waits for you now."], 2900)
    return elements.message(said, [elements.section(said)])
