"""Live messages: a section's card, go/no-go and sign-off, and the root of a launch's thread.

Pure: a view goes in, a message that Slack accepts comes out. The same view gives the same message, so that
whoever repairs cards can compare. Most important first; a phone shows the first lines and folds the rest.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.notifications.text import marked
from launch_pipeline.slack.messages import elements
from launch_pipeline.slack.messages.button_values import CardLocator, pins_of
from launch_pipeline.slack.messages.item_status import OUTCOMES, Rank, is_done, standing
from launch_pipeline.slack.messages.mrkdwn import bold, escape, link, moment
from launch_pipeline.slack.messages.views import LaunchState, LaunchView, PhaseState, SectionView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.notifications.model import SetAside
    from launch_pipeline.slack.messages.block_kit import Message
    from launch_pipeline.slack.messages.views import ItemView, PhaseLine

CARD_ITEMS = 12
"""Items of one card: with their longest texts they stay within Slack's sum of all texts."""
_TEXT = 130
_HEADLINE = 150
_SET_ASIDE_ROOM = 2200
_PHASES_ROOM = 2900

_PHASES = {
    PhaseState.NOT_STARTED: "▫️",
    PhaseState.RUNNING: "⏳",
    PhaseState.WAITING: "✋",
    PhaseState.COMPLETE: "✅",
    PhaseState.FAILED: "❌",
}
_LAUNCHES = {
    LaunchState.RUNNING: "🚀 Launch is running",
    LaunchState.COMPLETE: "🏁 Launch is complete",
    LaunchState.FAILED: "❌ Launch has failed",
    LaunchState.ABORTED: "⏹️ Launch was aborted",
    LaunchState.NO_GO: "🔴 No go",
    LaunchState.ROLLED_BACK: "↩️ Launch was rolled back",
}
_DECIDING = {
    RequestKind.DECISION: ("said Go", "Decide…", "decide"),
    RequestKind.SIGNATURE: ("signed", "Sign…", "sign"),
}


def section_cards(view: SectionView) -> tuple[Message, ...]:
    """Build the card of a section, or the cards where it has more items than fit.

    Which item is on which card depends on the items' order and number alone, so a change of state changes
    one message and moves nothing. Decisions and signatures get their own card.
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
    ordered = sorted(items, key=lambda item: standing(item).rank)
    urgent = [item for item in ordered if standing(item).rank <= Rank.ENDED_BADLY]
    rest = [item for item in ordered if standing(item).rank > Rank.ENDED_BADLY]
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
    """What somebody must see: how it stands, why, and who must act."""
    stands = standing(item)
    found = [
        f"{stands.symbol} *{stands.word}* · {escape(item.text, _TEXT)}",
        elements.refused(item, _HEADLINE) or escape(item.headline, _HEADLINE),
        _ending(item) if item.outcome else _who(item, f" ({item.owner.label})"),
        elements.waivers(item) if item.checks_passed is False else "",
    ]
    return "\n".join(filter(None, found))


def _who(item: ItemView, role: str) -> str:
    if not item.asks:
        return ""
    who = elements.people(item.may_answer) or "nobody yet"
    since = f" · since {moment(item.since)}" if item.since else ""
    return f"👉 {who}{role}{since}"


def _ending(item: ItemView) -> str:
    ended = " · ".join(filter(None, (escape(item.decided_by, 60), escape(item.reason, _TEXT))))
    return f"_{ended}_" if ended else ""


def _brief(item: ItemView) -> str:
    """One line for what needs nobody."""
    stands = standing(item)
    by = escape(item.decided_by or item.answered_by, 40)
    return f"{stands.symbol} {stands.word} · {escape(item.text, 90)}" + (f" · {by}" if by else "")


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
    """Locate a card, pinned to the requests of these items."""
    return CardLocator(
        launch_id=view.launch_id,
        dag_id=view.dag_id,
        section_id=view.section_id,
        part=part,
        pins=pins_of(items[:CARD_ITEMS]),
    )


def decision_card(view: SectionView) -> Message:
    """Build the live card of go/no-go or of the sign-off: how many, who is missing, since when."""
    said, words, verb = _DECIDING[view.gate]
    items = view.items[:CARD_ITEMS]
    yes = sum(standing(item).rank is Rank.DONE for item in items)
    title = marked(view.rehearsal, view.section_title)
    count = f"{yes} of {len(view.items)} {said}"
    asked = [item for item in items if item.asks]
    review = [elements.button(elements.REVIEW, words, locator(view, asked, 0).encode(), style="primary")]
    blocks = [
        elements.header(title),
        elements.section(f"{_bar(items)}  *{count}*"),
        *(elements.section(_voice(item)) for item in items),
        *elements.actions("act", [*(review if asked else []), *elements.open_button(view.url)]),
        *_set_aside(view.set_aside, verb),
    ]
    return elements.message(f"{escape(title, 300)}: {count}", blocks)


def _bar(items: Sequence[ItemView]) -> str:
    squares = {Rank.DONE: "🟩", Rank.ENDED_BADLY: "🟥"}
    return "".join(squares.get(standing(item).rank, "⬜") for item in items)


def _voice(item: ItemView) -> str:
    """One role: what it said, or who is missing since when."""
    stands = standing(item)
    said = f"{stands.symbol} *{item.owner.label}* · {stands.word if not item.asks else 'not yet answered'}"
    if not item.outcome:
        return "\n".join(filter(None, (said, elements.refused(item, _HEADLINE), _who(item, ""))))
    at = f" · {moment(item.decided_at)}" if item.decided_at else ""
    reason = f"\n_{escape(item.reason, _TEXT)}_" if item.reason.strip() else ""
    return f"{said} · {escape(item.decided_by, 60)}{at}{reason}"


def _set_aside(aside: Sequence[SetAside], verb: str) -> list[elements.Block]:
    if not aside:
        return [elements.context("Nothing was waived and nothing is red.")]
    title = f"*Before you {verb}: {len(aside)} without a yes*"
    told = [aside_line(one) for one in aside]
    return [*map(elements.section, elements.spread([title, *told], _SET_ASIDE_ROOM, 2))]


def aside_line(one: SetAside) -> str:
    """One thing that was let pass or is red, with name and reason; what is red, with its evidence, too."""
    stands = OUTCOMES[one.outcome]
    seen = one.headline if stands.rank is Rank.ENDED_BADLY or not one.reason.strip() else ""
    said = (escape(one.by, 60), escape(one.reason, _HEADLINE), escape(seen, _HEADLINE))
    why = " · ".join(filter(None, said))
    what = link(one.url, one.text, _TEXT) or escape(one.text, _TEXT)
    return f"{stands.symbol} {stands.word} · {what}" + (f" — {why}" if why else "")


def launch_root(view: LaunchView) -> Message:
    """Build the root of a launch's thread: what is launched, when, and where every phase stands."""
    title = marked(view.rehearsal, f"{_LAUNCHES[view.state]}: {view.release}")
    when = f"Launch time {moment(view.launch_time)}" if view.launch_time else ""
    by = f"started by {escape(view.triggered_by, 60)}" if view.triggered_by.strip() else ""
    facts = [bold(view.environment, 100), when, by, escape(view.launch_id, 260)]
    blocks = [
        elements.header(title),
        elements.context(" · ".join(filter(None, facts))),
        *_phases(view.phases),
        *elements.actions("act", elements.open_button(view.url)),
    ]
    return elements.message(escape(title, 300), blocks)


def _phases(phases: Sequence[PhaseLine]) -> list[elements.Block]:
    """Where every phase stands; what has not begun is small, since a phone folds the rest."""
    begun = [_phase(phase) for phase in phases if phase.state is not PhaseState.NOT_STARTED]
    later = [_phase(phase) for phase in phases if phase.state is PhaseState.NOT_STARTED]
    told = [elements.section(elements.lines(begun, _PHASES_ROOM))] if begun else []
    return [*told, *elements.small_print([*(["*Not started*"] if later else []), *later])]


def _phase(phase: PhaseLine) -> str:
    title = link(phase.url, phase.title, 90) or escape(phase.title, 90)
    if phase.state is PhaseState.NOT_STARTED:
        return f"{_PHASES[phase.state]} {title}"
    counts = phase.total and phase.state is not PhaseState.COMPLETE
    counted = f" · {phase.done} of {phase.total}" if counts else ""
    return f"{_PHASES[phase.state]} {title} · {phase.state}{counted}"
