"""Build the messages that are posted once: notes of phases and launches, reminders, receipts, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.model import LaunchNote, LaunchNoteKind, Next, PersonView, PhaseNote
from launch_pipeline.notifications.text import REHEARSAL, marked
from launch_pipeline.slack.messages import elements
from launch_pipeline.slack.messages.cards import locator, set_aside_line
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
_DETAILS_ROOM, _AGAIN_ROOM = 900, 1100
_SET_ASIDE = "Waived, not met, not applicable"
_MENTIONS = 8

_HAPPENED = {
    LaunchNoteKind.STARTED: ("🚀", "Launch started"),
    LaunchNoteKind.REFUSED: ("🚫", "Launch refused"),
    LaunchNoteKind.POSTPONED: ("🕓", "Launch postponed"),
    LaunchNoteKind.AMENDMENT_PROPOSED: ("✋", "Amendment waits for a second person"),
    LaunchNoteKind.AMENDED: ("📝", "Launch amended"),
    LaunchNoteKind.RETARGETED: ("🎯", "Launch retargeted"),
    LaunchNoteKind.HELD: ("⏸️", "Launch is on hold"),
    LaunchNoteKind.RESUMED: ("▶️", "Launch resumed"),
    LaunchNoteKind.NO_LONGER_TRUE: ("🔻", "No longer true"),
    LaunchNoteKind.GO_TAKEN_BACK: ("🟠", "Go taken back"),
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
    LaunchNoteKind.HELD: "Since",
    LaunchNoteKind.NO_LONGER_TRUE: "Seen",
    LaunchNoteKind.GO: "Launch time",
    LaunchNoteKind.WINDOW_OPENED: "Opened",
    LaunchNoteKind.WINDOW_MISSED: "Was due",
}


def phase_note(note: PhaseNote) -> Message:
    """Show how a phase ended: counts, failing items, bypasses, waivers with reasons, and what is next."""
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
        *_proof(note),
        *elements.actions("act", elements.open_button(note.url)),
    ]
    return elements.message(
        f"{escape(title, 300)}. {_counts_as_text(note.counts)}", blocks, _metadata(note.key)
    )


def _counts(counts: dict[Outcome, int]) -> str:
    counted = [(OUTCOMES[outcome], counts[outcome]) for outcome in Outcome if counts.get(outcome)]
    return "   ".join(f"{status.symbol} {number} {status.word.lower()}" for status, number in counted)


def _counts_as_text(counts: dict[Outcome, int]) -> str:
    return ", ".join(f"{counts[o]} {OUTCOMES[o].word.lower()}" for o in Outcome if counts.get(o))


def launch_note(note: LaunchNote) -> Message:
    """Show what happened to a launch: who did it and why, when, what fails, what is next."""
    symbol, word = _HAPPENED[note.kind]
    title = marked(note.rehearsal, f"{symbol} {word}" + (f": {note.what}" if note.what.strip() else ""))
    body = [line for line in (_by(note), _times(note), _asked(note)) if line]
    blocks = [
        elements.header(title),
        *([elements.section("\n".join(body))] if body else []),
        *([elements.section(elements.lines(_details(note), _DETAILS_ROOM))] if note.details else []),
        *_again(note),
        *_listed("Failing", note.failing),
        *_listed(_SET_ASIDE, note.waivers),
        *_next(note.next),
        *_proof(note),
        *elements.actions("act", elements.open_button(note.url)),
    ]
    return elements.message(
        "\n".join(filter(None, (escape(title, 300), _by(note)))), blocks, _metadata(note.key)
    )


def _details(note: LaunchNote) -> list[str]:
    return [f"• {escape(text, 200)}" for text in note.details]


def _again(note: LaunchNote) -> list[elements.Block]:
    """List what is verified again; a reason that all share is said once."""
    if not note.again:
        return []
    reasons = {one.why for one in note.again}
    shared = f": {escape(reasons.pop(), 150)}" if len(reasons) == 1 else ""
    listed = [
        f"🔁 {escape(one.text, 130)}" + ("" if shared else f" — {escape(one.why, 150)}") for one in note.again
    ]
    title = f"*Verified again ({len(note.again)})*{shared}"
    return [elements.section(f"{title}\n{elements.lines(listed, _AGAIN_ROOM)}")]


def _by(note: LaunchNote) -> str:
    who = ", ".join(filter(None, (escape(name, 60) for name in note.by[:_MENTIONS])))
    reason = escape(note.reason, 600)
    return ": ".join(filter(None, (who and f"*{_BY.get(note.kind, 'By')}* {who}", reason)))


def _times(note: LaunchNote) -> str:
    if note.at is None:
        return ""
    was = f" (was {moment(note.was)})" if note.was else ""
    return f"*{_TIMES.get(note.kind, 'At')}* {moment(note.at)}{was}"


def _asked(note: LaunchNote) -> str:
    people = " ".join(filter(None, map(elements.mentioned, note.mentioned[:_MENTIONS])))
    return f"👉 {people}" if people else ""


def _listed(title: str, set_aside: Sequence[SetAside]) -> list[elements.Block]:
    return _paragraph(title, len(set_aside), [set_aside_line(one) for one in set_aside])


def _texts(title: str, texts: Sequence[str]) -> list[elements.Block]:
    return _paragraph(title, len(texts), [f"• {escape(text, 200)}" for text in texts])


def _paragraph(title: str, number: int, listed: Sequence[str]) -> list[elements.Block]:
    return [elements.section(f"*{title} ({number})*\n{elements.lines(listed, _ROOM)}")] if listed else []


def _next(following: Next | None) -> list[elements.Block]:
    if following is None or not following.what.strip():
        return []
    at = f" · {moment(following.at)}" if following.at else ""
    return [elements.section(f"*Next* {escape(following.what, 300)}{at}")]


def _proof(note: PhaseNote | LaunchNote) -> list[elements.Block]:
    """Link the report, and keep the head of the hash chain where the database's owner cannot change it."""
    address = address_of(note.report, elements.URL_LENGTH)
    linked = [elements.section(f"📄 <{address}|Report of the launch>")] if address else []
    head = [f"Record up to row {note.head.position}: `{note.head.digest}`"] if note.head else []
    return [*linked, *elements.small_print(head)]


def _metadata(key: str) -> elements.Block:
    return {"event_type": EVENT, "event_payload": {"key": plain(key, 500)}}


def request_note(view: SectionView) -> Message:
    """Mention the people who must act in a section now; updating a card sends no notification."""
    return _nudge(view, view.items, "waits for you", "wait for you", everybody=False)


def reminder(view: SectionView, items: Sequence[ItemView]) -> Message:
    """Remind the first person of each role about items that have waited for long."""
    return _nudge(view, items, "still waits for you", "still wait for you", everybody=False)


def escalation(view: SectionView, items: Sequence[ItemView]) -> Message:
    """Mention the backups as well, and say since when the items have waited."""
    return _nudge(
        view,
        items,
        "has no answer yet; backups, please",
        "have no answer yet; backups, please",
        everybody=True,
    )


def _nudge(view: SectionView, items: Sequence[ItemView], one: str, many: str, *, everybody: bool) -> Message:
    asked = [item for item in items if item.asks]
    people = _mentions(asked, everybody=everybody)
    count = f"1 item {one}" if len(asked) == 1 else f"{len(asked)} items {many}"
    mark = f"*{REHEARSAL}* · " if view.rehearsal else ""
    lines = [
        f"• {escape(item.text, 130)}" + (f" · since {moment(item.since)}" if item.since else "")
        for item in asked
    ]
    title = bold(view.section_title, 150)
    review = [elements.button(elements.REVIEW, "Review…", locator(view, asked, 0).encode())] if asked else []
    blocks = [
        elements.section(f"{mark}{people} {title}: {count}".strip()),
        *([elements.section(elements.lines(lines, _ROOM))] if lines else []),
        *elements.actions("act", [*review, *elements.open_button(view.url)]),
    ]
    spoken = marked(view.rehearsal, f"{people} {escape(view.section_title, 150)}: {count}".strip())
    return elements.message(spoken, blocks)


def _mentions(items: Sequence[ItemView], *, everybody: bool) -> str:
    """Mention the first person of each role, or also the backups; each once."""
    people: list[PersonView] = []
    for item in items:
        people += item.may_answer if everybody else item.may_answer[:1]
    return " ".join(filter(None, map(elements.mentioned, [*dict.fromkeys(people)][:_MENTIONS])))


def refusal(refused: AnswerRefused, text: str = "", url: str = "") -> Message:
    """Build the ephemeral message that says why an answer does not count."""
    about = f"\n{escape(text, 200)}" if text.strip() else ""
    sentence = escape(refused.reason, 1500) or "That answer does not count."
    blocks = [
        elements.section(f"🚫 *Not done.* {sentence}{about}"),
        *elements.actions("act", elements.open_button(url)),
    ]
    return elements.message(f"Not done. {sentence}", blocks)


def receipt(answered: Sequence[tuple[str, str]], refused: Sequence[tuple[str, AnswerRefused]]) -> Message:
    """Build the ephemeral message that lists answers and refusals (item text, answer or refusal)."""
    lines = [
        f"📝 {escape(answer, 30)} recorded in your name · {escape(text, 130)}" for text, answer in answered
    ]
    lines += [f"🚫 {escape(text, 130)} — {escape(why.reason, 300)}" for text, why in refused]
    text = elements.lines(lines or ["Nothing here waits for you now."], 2900)
    return elements.message(text, [elements.section(text)])


def hold_receipt(*, held: bool) -> Message:
    """Build the ephemeral message that confirms a hold, or its end."""
    words = "⏸️ The launch is on hold" if held else "▶️ The launch goes on"
    text = f"{words}. Recorded in your name."
    return elements.message(text, [elements.section(text)])
