"""Build the messages that are updated: cards of sections, go/no-go and sign-off, and the root of a thread.

Pure: the same view gives the same message, so the bridge can compare digests. The most important lines come
first, because a phone folds the rest.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.notifications.change_notes import COMMIT
from launch_pipeline.notifications.text import marked
from launch_pipeline.slack.messages import changing, elements
from launch_pipeline.slack.messages.button_values import CardLocator, LaunchLocator, pins_of
from launch_pipeline.slack.messages.item_status import OUTCOMES, Rank, is_done, status_of
from launch_pipeline.slack.messages.mrkdwn import bold, escape, link, moment
from launch_pipeline.slack.messages.views import LaunchView, PhaseState, SectionView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.notifications.model import SetAside
    from launch_pipeline.slack.messages.block_kit import Message
    from launch_pipeline.slack.messages.views import ItemView, PhaseLine

CARD_ITEMS = 12
"""Items of one card: even the longest texts stay within Slack's limit for all texts."""
_TEXT = 130
_HEADLINE = 150
_REPAIR = 120
_SET_ASIDE_ROOM = 2200
_LESS_ROOM = 1200
"""Characters of a paragraph of what was set aside, where other lists stand beside it."""
_PHASES_ROOM = 2600

_PHASES = {
    PhaseState.NOT_STARTED: "▫️",
    PhaseState.RUNNING: "⏳",
    PhaseState.WAITING: "✋",
    PhaseState.COMPLETE: "✅",
    PhaseState.FAILED: "❌",
}
_FAILED = "❌ Launch has failed"
_HELD = "⏸️ Launch is on hold"
_LAUNCHES = {
    LaunchState.ACTIVE: "🚀 Launch is running",
    LaunchState.COMPLETE: "🏁 Launch is complete",
    LaunchState.ABORTED: "⏹️ Launch was aborted",
    LaunchState.NO_GO: "🔴 No go",
    LaunchState.ROLLED_BACK: "↩️ Launch was rolled back",
}
_DECIDING = {
    RequestKind.DECISION: ("said Go", "Decide…", "decide"),
    RequestKind.SIGNATURE: ("signed", "Sign…", "sign"),
}


def section_cards(view: SectionView) -> tuple[Message, ...]:
    """Build the card of a section, or several if its items do not fit on one.

    An item's card depends only on the order and number of items, so a change of state changes one message
    and moves nothing. Decisions and signatures have a card of their own form.
    """
    if view.gate is not RequestKind.APPROVAL:
        return (decision_card(view),)
    split = split_items(view.items)
    return tuple(_section_card(view, items, part, len(split)) for part, items in enumerate(split))


def split_items(items: Sequence[ItemView]) -> tuple[tuple[ItemView, ...], ...]:
    """Split a section's items over cards of about the same size, in the document's order."""
    cards = -(-len(items) // CARD_ITEMS)
    bounds = [len(items) * number // cards for number in range(cards + 1)]
    return tuple(tuple(items[start:end]) for start, end in pairwise(bounds))


def _section_card(view: SectionView, items: tuple[ItemView, ...], part: int, of: int) -> Message:
    title = marked(view.rehearsal, view.section_title + (f" ({part + 1}/{of})" if of > 1 else ""))
    ordered = sorted(items, key=lambda item: status_of(item).rank)
    urgent = [item for item in ordered if status_of(item).rank <= Rank.ENDED_BADLY]
    rest = [item for item in ordered if status_of(item).rank > Rank.ENDED_BADLY]
    blocks = [
        elements.header(title),
        elements.context(_summary(view, items)),
        *(elements.section(_urgent(item)) for item in urgent),
        *elements.actions("act", _buttons(view, items, part)),
        *elements.small_print([_brief(item) for item in rest]),
    ]
    return elements.message(_spoken(title, items), blocks)


def _summary(view: SectionView, items: Sequence[ItemView]) -> str:
    done = sum(map(is_done, items))
    asked = sum(item.asks for item in items)
    waiting = f"*{asked} waiting* · " if asked else ""
    return f"{waiting}{done} of {len(items)} done · {escape(view.phase_title, 200)}"


def _spoken(title: str, items: Sequence[ItemView]) -> str:
    asked = sum(item.asks for item in items)
    done = f"{sum(map(is_done, items))} of {len(items)} done"
    waits = "1 item waits" if asked == 1 else f"{asked} items wait"
    return f"{escape(title, 300)}: {f'{waits}, {done}' if asked else done}"


def _urgent(item: ItemView) -> str:
    """Describe an item that needs a person: its status, why, and who must act."""
    status = status_of(item)
    found = [
        f"{status.symbol} *{status.word}* · {escape(item.text, _TEXT)}",
        _again(item),
        elements.refused(item, _HEADLINE) or escape(item.headline, _HEADLINE),
        elements.repair(item, _REPAIR),
        _ending(item) if item.outcome else _who(item, f" ({item.owner.label})"),
        elements.waivers(item) if item.checks_passed is False else "",
    ]
    return "\n".join(filter(None, found))


def _again(item: ItemView) -> str:
    """Say why an item is verified again; its status may say already that it is no longer true."""
    said = item.no_longer_true and not item.waits
    return escape(item.again, _HEADLINE) if said else changing.again(item.again, red=item.no_longer_true)


def _who(item: ItemView, role: str) -> str:
    if not (item.asks or item.no_longer_true):
        return ""
    who = elements.people(item.may_answer) or "no holder yet"
    since = f" · since {moment(item.since)}" if item.since else ""
    return f"👉 {who}{role}{since}"


def _ending(item: ItemView) -> str:
    ended = " · ".join(filter(None, (escape(item.decided_by, 60), escape(item.reason, _TEXT))))
    return f"_{ended}_" if ended else ""


def _brief(item: ItemView) -> str:
    """Describe an item that needs no person, in one line."""
    status = status_of(item)
    by = escape(item.decided_by or item.answered_by or item.again, 80)
    return f"{status.symbol} {status.word} · {escape(item.text, 90)}" + (f" · {by}" if by else "")


def _buttons(view: SectionView, items: Sequence[ItemView], part: int) -> list[elements.Block]:
    made = []
    if mine := [item for item in items if item.approvable]:
        value = locator(view, mine, part).encode()
        words = "Approve all that are mine"
        made.append(
            elements.button(elements.APPROVE_MINE, words, value, style="primary", confirm=_confirm(len(mine)))
        )
    if asked := [item for item in items if item.asks]:
        made.append(elements.button(elements.REVIEW, "Review…", locator(view, asked, part).encode()))
    return [*made, *elements.open_button(view.url)]


def _confirm(number: int) -> elements.Block:
    waits = "1 item here waits" if number == 1 else f"{number} items here wait"
    text = f"{waits} for approval. Those of your roles are approved, each with its own record in your name."
    return {
        "title": elements.label("Approve all that are mine?"),
        "text": elements.label(text, 300),
        "confirm": elements.label("Approve", 30),
        "deny": elements.label("Not yet", 30),
    }


def locator(view: SectionView, items: Sequence[ItemView], part: int) -> CardLocator:
    """Build the locator of a card, pinned to the requests of these items."""
    return CardLocator(
        launch_id=view.launch_id,
        dag_id=view.dag_id,
        section_id=view.section_id,
        part=part,
        pins=pins_of(items[:CARD_ITEMS]),
    )


def decision_card(view: SectionView) -> Message:
    """Build the card of go/no-go or the sign-off: how many answers, who is missing, since when."""
    affirmed, words, verb = _DECIDING[view.gate]
    items = view.items[:CARD_ITEMS]
    yes = sum(status_of(item).rank is Rank.DONE for item in items)
    title = marked(view.rehearsal, view.section_title)
    count = f"{yes} of {len(view.items)} {affirmed}"
    asked = [item for item in items if item.asks]
    review = [elements.button(elements.REVIEW, words, locator(view, asked, 0).encode(), style="primary")]
    blocks = [
        elements.header(title),
        elements.section(f"{_bar(items)}  *{count}*"),
        *changing.regressions(view.regressions),
        *(elements.section(_role_line(item)) for item in items),
        *elements.actions("act", [*(review if asked else []), *elements.open_button(view.url)]),
        *changing.look_in_full(view.look),
        *_set_aside(view, verb),
        *changing.changes(view.changes),
    ]
    return elements.message(f"{escape(title, 300)}: {count}", blocks)


def _bar(items: Sequence[ItemView]) -> str:
    squares = {Rank.DONE: "🟩", Rank.ENDED_BADLY: "🟥"}
    return "".join(squares.get(status_of(item).rank, "⬜") for item in items)


def _role_line(item: ItemView) -> str:
    """Describe one role: its answer, or who is missing since when."""
    status = status_of(item)
    answer = f"{status.symbol} *{item.owner.label}* · {status.word if not item.asks else 'not yet answered'}"
    if not item.outcome:
        again = f"🟠 Asked again: {escape(item.again, _HEADLINE)}" if item.again.strip() else ""
        return "\n".join(filter(None, (answer, again, elements.refused(item, _HEADLINE), _who(item, ""))))
    at = f" · {moment(item.decided_at)}" if item.decided_at else ""
    reason = f"\n_{escape(item.reason, _TEXT)}_" if item.reason.strip() else ""
    return f"{answer} · {escape(item.decided_by, 60)}{at}{reason}"


def _set_aside(view: SectionView, verb: str) -> list[elements.Block]:
    if not view.set_aside:
        return [elements.context("Nothing was waived and nothing is red.")]
    room = _LESS_ROOM if view.regressions or view.look or view.changes else _SET_ASIDE_ROOM
    title = f"*Before you {verb}: {len(view.set_aside)} without a yes*"
    listed = [set_aside_line(one) for one in view.set_aside]
    return [*map(elements.section, elements.spread([title, *listed], room, 2))]


def set_aside_line(one: SetAside) -> str:
    """Describe an item that was set aside: name and reason; for a red one its evidence as well."""
    status = OUTCOMES[one.outcome]
    seen = one.headline if status.rank is Rank.ENDED_BADLY or not one.reason.strip() else ""
    details = (escape(one.by, 60), escape(one.reason, _HEADLINE), escape(seen, _HEADLINE))
    why = " · ".join(filter(None, details))
    what = link(one.url, one.text, _TEXT) or escape(one.text, _TEXT)
    return f"{status.symbol} {status.word} · {what}" + (f" — {why}" if why else "")


def launch_root(view: LaunchView) -> Message:
    """Build the root of a launch's thread: release, launch time, and the state of every phase."""
    state = _FAILED if view.failed else _HELD if view.hold else _LAUNCHES[view.state]
    title = marked(view.rehearsal, f"{state}: {view.release}")
    when = f"Launch time {moment(view.launch_time)}" if view.launch_time else ""
    by = f"started by {escape(view.triggered_by, 60)}" if view.triggered_by.strip() else ""
    commit = f"commit `{escape(view.release_sha[:COMMIT], 40)}`" if view.release_sha else ""
    facts = [bold(view.environment, 100), when, commit, by, escape(view.launch_id, 260)]
    blocks = [
        elements.header(title),
        elements.context(" · ".join(filter(None, facts))),
        *changing.hold(view.hold),
        *changing.regressions(view.regressions),
        *_phases(view.phases),
        *elements.actions("act", [*_hold_button(view), *elements.open_button(view.url)]),
        *changing.looked(view.look),
    ]
    return elements.message(escape(title, 300), blocks)


def _hold_button(view: LaunchView) -> list[elements.Block]:
    if not view.can_be_held:
        return []
    value = LaunchLocator(launch_id=view.launch_id, hold=view.hold is None).encode()
    if view.hold:
        return [elements.button(elements.RESUME, "Resume…", value, style="primary")]
    return [elements.button(elements.HOLD, "Hold…", value)]


def _phases(phases: Sequence[PhaseLine]) -> list[elements.Block]:
    """List the phases; those that have not begun are in small print."""
    begun = [_phase(phase) for phase in phases if phase.state is not PhaseState.NOT_STARTED]
    later = [_phase(phase) for phase in phases if phase.state is PhaseState.NOT_STARTED]
    shown = [elements.section(elements.lines(begun, _PHASES_ROOM))] if begun else []
    return [*shown, *elements.small_print([*(["*Not started*"] if later else []), *later])]


def _phase(phase: PhaseLine) -> str:
    title = link(phase.url, phase.title, 90) or escape(phase.title, 90)
    if phase.state is PhaseState.NOT_STARTED:
        return f"{_PHASES[phase.state]} {title}"
    counts = phase.total and phase.state is not PhaseState.COMPLETE
    counted = f" · {phase.done} of {phase.total}" if counts else ""
    again = f" · 🔁 {phase.again} verified again" if phase.again else ""
    return f"{_PHASES[phase.state]} {title} · {phase.state}{counted}{again}"
