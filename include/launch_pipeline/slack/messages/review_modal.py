"""Build the modal behind *Review…*, *Decide…* and *Sign…*, and read what a person sends with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from launch_pipeline.base import Frozen
from launch_pipeline.checklist.vocabulary import Answer, RequestKind
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.notifications.text import marked
from launch_pipeline.slack.messages import changing, elements
from launch_pipeline.slack.messages.block_kit import checked_view
from launch_pipeline.slack.messages.button_values import RequestPin, ReviewLocator
from launch_pipeline.slack.messages.cards import CARD_ITEMS, locator, set_aside_line
from launch_pipeline.slack.messages.item_status import status_of
from launch_pipeline.slack.messages.mrkdwn import bold, escape, link, moment, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from launch_pipeline.checks.verdict import CheckResult
    from launch_pipeline.slack.messages.block_kit import View
    from launch_pipeline.slack.messages.views import ItemView, SectionView

CALLBACK = "review_submitted"
"""Callback id of the modal."""
_LENGTHS = {"reason": 1000, "signature": 200}
_CHANGED = "⚠️ *The checks have seen something else since. Nothing was sent:* look, and send again."
_EVIDENCE = 1500
_PARAGRAPHS = 10
_REPAIR_OR_WAIVE = "Repair it, or may it be waived?"
_VERDICTS = {Verdict.PASSED: "✅", Verdict.FAILED: "🔴", Verdict.INCONCLUSIVE: "❓"}
_TITLES = {
    RequestKind.APPROVAL: "Review",
    RequestKind.DECISION: "Go / No-Go",
    RequestKind.SIGNATURE: "Sign-Off",
}
_WHY = {
    RequestKind.APPROVAL: "Required to waive or reject",
    RequestKind.DECISION: "Required for No go",
    RequestKind.SIGNATURE: "Required to decline",
}


def review_modal(  # whose, of what, opened from where
    view: SectionView,
    slack_id: str,
    channel: str,
    message_ts: str,
    part: int = 0,
    given: Mapping[str, GivenReview] | None = None,
) -> View:
    """Build the modal for one person: their items with evidence and inputs; other open items are listed.

    ``view`` holds the items of the card that it is opened from (``split_items``). The modal's
    ``private_metadata`` pins task instance, try and evidence of each question. ``given`` is earlier input of
    the person, by task instance: it is kept, and items with new evidence are marked. Raises OperationError
    if Slack would refuse the modal.
    """
    answerable = [item for item in view.items if item.options_for(slack_id)]
    # Five blocks each at most, which stays below Slack's hundred blocks of a modal.
    mine = answerable[:CARD_ITEMS]
    others = [item for item in view.items if item.asks and item not in answerable]
    pinned = locator(view, mine, part)
    metadata = ReviewLocator(card=pinned, channel=channel, message_ts=message_ts).encode()
    earlier = given or {}
    asked = [
        block
        for number, item in enumerate(mine)
        for block in _question(number, item, slack_id, earlier.get(item.task_instance_id))
    ]
    fields: dict[str, Any] = {
        "type": "modal",
        "callback_id": CALLBACK,
        "title": elements.label(_TITLES[view.gate]),
        "close": elements.label("Cancel" if mine else "Close"),
        "private_metadata": metadata,
        "blocks": [
            *_opening(view, bool(mine)),
            *asked,
            *_left_out(len(answerable) - len(mine)),
            *_waiting_for_others(others),
            *changing.look_in_full(view.look),
            *_set_aside(view),
            *changing.changes(view.changes),
        ],
    }
    return checked_view({**fields, "submit": elements.label("Send")} if mine else fields)


def _opening(view: SectionView, asked: bool) -> list[elements.Block]:
    title = marked(view.rehearsal, f"{view.section_title} · {view.phase_title}")
    nothing = [] if asked else [elements.section("Nothing here waits for you now.")]
    set_aside = f"⏭️ *{len(view.set_aside)} without a yes so far*: the list is at the end."
    return [
        elements.context(escape(title, 400)),
        *changing.regressions(view.regressions),
        *([elements.section(set_aside)] if view.set_aside else []),
        *nothing,
    ]


def _set_aside(view: SectionView) -> list[elements.Block]:
    """List everything set aside, below the questions, so that the inputs come first."""
    if not view.set_aside:
        return []
    title = f"*Without a yes so far: {len(view.set_aside)}*"
    listed = [set_aside_line(one) for one in view.set_aside]
    return [{"type": "divider"}, *map(elements.section, elements.spread([title, *listed], 2900, _PARAGRAPHS))]


def _question(number: int, item: ItemView, slack_id: str, given: GivenReview | None) -> list[elements.Block]:
    status = status_of(item)
    lines = [
        _CHANGED if given and given.pin.evidence != item.evidence else "",
        f"{status.symbol} {bold(item.text, 300)}",
        changing.again(item.again, red=item.no_longer_true),
        elements.refused(item, 600),
        escape(item.question or _asked(item), 600),
        f"{item.owner.label} · {item.severity}" + (f" · since {moment(item.since)}" if item.since else ""),
        elements.waivers(item),
    ]
    options = item.options_for(slack_id)
    return [
        *([{"type": "divider"}] if number else []),
        elements.section("\n".join(filter(None, lines))),
        *_evidence(item),
        _answer(number, options, given.answer if given else ""),
        *([_signature(number, given)] if Answer.SIGN in options else []),
        _reason(number, item.gate, given),
    ]


def _asked(item: ItemView) -> str:
    """Ask about an item that only its checks decide, and that did not pass them."""
    return _REPAIR_OR_WAIVE if item.checks_passed is False and item.options else ""


def _evidence(item: ItemView) -> list[elements.Block]:
    """Show the headlines; every comparison is on the item's page."""
    lines = [_result_line(result) for result in item.results]
    if not lines and item.headline.strip():
        lines = [escape(item.headline, 300)]
    said = elements.lines(lines, _EVIDENCE)
    details = link(item.url, "Details") if item.url else ""
    repair = elements.repair(item, 300)
    texts = [text for text in (said, repair if lines else "", details if lines else "") if text]
    return [elements.context("\n".join(texts))] if lines else []


def _result_line(result: CheckResult) -> str:
    """Return a check's headline and whom it asked."""
    first = f"{_VERDICTS[result.verdict]} {escape(result.headline, 300)}"
    asked = f"{result.kind} · {result.authority}".strip(" ·")
    return f"{first} ({escape(asked, 120)})" if asked else first


def _answer(number: int, options: Sequence[Answer], chosen: str) -> elements.Block:
    offered = [{"text": elements.label(option), "value": option.value} for option in options]
    before = [option for option in offered if option["value"] == chosen]
    return {
        "type": "input",
        "block_id": f"answer.{number}",
        "optional": True,
        "label": elements.label("Your answer"),
        "element": {
            "type": "static_select",
            "action_id": "answer",
            "placeholder": elements.label("Leave open"),
            "options": offered,
            **({"initial_option": before[0]} if before else {}),
        },
    }


def _reason(number: int, gate: RequestKind, given: GivenReview | None) -> elements.Block:
    return _line(number, "reason", "Reason", _WHY[gate], given.reason if given else "")


def _signature(number: int, given: GivenReview | None) -> elements.Block:
    words = "Your full name, typed"
    return _line(number, "signature", "Signature", words, given.signature if given else "")


def _line(number: int, what: str, words: str, placeholder: str, typed: str) -> elements.Block:
    most = _LENGTHS[what]
    return {
        "type": "input",
        "block_id": f"{what}.{number}",
        "optional": True,
        "label": elements.label(words),
        "element": {
            "type": "plain_text_input",
            "action_id": what,
            "max_length": most,
            "placeholder": elements.label(placeholder, 150),
            **({"initial_value": typed[:most]} if typed else {}),
        },
    }


def _left_out(number: int) -> list[elements.Block]:
    return [elements.context(f"{number} more wait for you; open this again afterwards.")] if number else []


def _waiting_for_others(items: Sequence[ItemView]) -> list[elements.Block]:
    lines = [
        f"{escape(item.text, 130)} — {elements.people(item.may_answer) or 'no holder yet'}" for item in items
    ]
    return [elements.context("*Waits for others*\n" + elements.lines(lines, 1900))] if lines else []


class GivenReview(Frozen):
    """Hold one answer of a modal, as sent; no rule has been applied to it."""

    number: int
    """Number of the question, whose input blocks are ``answer.n``, ``reason.n`` and ``signature.n``."""
    pin: RequestPin
    answer: str
    reason: str = ""
    signature: str = ""


class Review(Frozen):
    """Hold what a person sent."""

    locator: ReviewLocator
    answers: tuple[GivenReview, ...]


def read_review(view: Mapping[str, Any]) -> Review:
    """Read the ``view`` of a ``view_submission``; questions left open give no answer.

    Raises AnswerRefused for anything that is not the state of one of our modals.
    """
    located = ReviewLocator.decode(view.get("private_metadata"))
    state = view.get("state")
    values = state.get("values") if isinstance(state, dict) else None
    if not isinstance(values, dict):
        _unreadable()
    found = []
    for number, pin in enumerate(located.card.pins):
        if answer := _chosen(values, number):
            reason, signature = _typed(values, number, "reason"), _typed(values, number, "signature")
            found.append(
                GivenReview(number=number, pin=pin, answer=answer, reason=reason, signature=signature)
            )
    return Review(locator=located, answers=tuple(found))


def _element(values: Mapping[str, Any], number: int, what: str) -> Mapping[str, Any]:
    block = values.get(f"{what}.{number}", {})
    element = block.get(what, {}) if isinstance(block, dict) else None
    if not isinstance(element, dict):
        _unreadable()
    return element


def _chosen(values: Mapping[str, Any], number: int) -> str:
    option = _element(values, number, "answer").get("selected_option") or {}
    value = option.get("value", "") if isinstance(option, dict) else None
    return _text(value, 150)


def _typed(values: Mapping[str, Any], number: int, what: str) -> str:
    return _text(_element(values, number, what).get("value") or "", 3000)


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        _unreadable()
    return value.strip()


def _unreadable() -> NoReturn:
    raise AnswerRefused("unreadable_review", "The form could not be read; open the card again.")


def review_errors(refused: Mapping[int, AnswerRefused]) -> dict[str, Any]:
    """Build the response that shows each refusal (by question number) below its own input."""
    return {
        "response_action": "errors",
        "errors": {
            _place(number, refusal): plain(refusal.reason, 150) for number, refusal in refused.items()
        },
    }


def _place(number: int, refusal: AnswerRefused) -> str:
    what = refusal.code.partition("_")[0]
    return f"{what if what in {'reason', 'signature'} else 'answer'}.{number}"


def nothing_chosen() -> dict[str, Any]:
    """Build the response to a submission in which every question was left open."""
    return {"response_action": "errors", "errors": {"answer.0": "Choose an answer, or Cancel."}}
