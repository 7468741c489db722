"""Any text anywhere: messages stay within Slack's limits and mention only the people we mention."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.checks.verdict import Finding, Verdict
from launch_pipeline.errors import AnswerRefused
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.model import (
    AgainItem,
    LaunchNote,
    LaunchNoteKind,
    Next,
    PersonView,
    SetAside,
)
from launch_pipeline.slack.messages import cards, notes, review_modal
from launch_pipeline.slack.messages.block_kit import Message, View, message_problems, view_problems
from launch_pipeline.slack.messages.views import (
    ChangeView,
    HoldView,
    LookView,
    PhaseLine,
    PhaseState,
    Regression,
    SeenView,
)
from servers.slack_samples import AT, asking, done, go_no_go, launch, phase_note, result, section

if TYPE_CHECKING:
    from collections.abc import Iterator

NASTY = [
    "<!here>", "<!channel|x>", "<@U0LAUNCH01>", "<#C1>", "<https://evil.example|Open in Airflow>",
    "@everyone", "&lt;!here&gt;", "*", "`", "```", "_", "~", "\n> ", ":x:", "\u202e", "\x00", "{{ conn }}",
    "<", ">", "&", "|", '"', "\\", "x" * 400, "<!" * 300, "&" * 900, "🚀", "-->", "<script>alert(1)</script>",
]  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=30)), max_size=6).map("".join)
URLS = st.one_of(st.just("https://airflow.example.org/x"), TEXTS.map("https://x/{}".format), TEXTS)
PEOPLE = st.lists(
    st.builds(PersonView, name=TEXTS, slack_id=st.sampled_from([None, "U0OURS01", "W0OURS02"])), max_size=5
).map(tuple)
OURS = re.compile(
    r"<@[UW]0OURS0[12]>|<@U0LAUNCH0[24]>"
    r"|<!date\^\d+\^\{date_short_pretty\} \{time\}\|[\d :-]+ UTC>"
    r"|<https?://[^\s<>|]+\|[^<>|]*(?:\|[^<>]*)?>"
)


@st.composite
def hostile_item(draw: st.DrawFn, number: int, style: RequestKind) -> Any:
    """Build an item with hostile texts only."""
    text = draw(TEXTS)
    fields: dict[str, Any] = {
        "headline": draw(TEXTS), "question": draw(TEXTS), "may_answer": draw(PEOPLE), "url": draw(URLS),
        "refused": draw(TEXTS), "repair": draw(TEXTS),
        "decided_by": draw(TEXTS), "reason": draw(TEXTS), "gate": style,
        "verdict": draw(st.sampled_from([None, *Verdict])),
        "may_waive": draw(PEOPLE),
        "again": draw(TEXTS),
        "no_longer_true": draw(st.booleans()),
    }  # fmt: skip
    finding = Finding(
        subject=text, expression=draw(TEXTS), wanted=draw(TEXTS), actual=draw(TEXTS), holds=False
    )
    results = (result(draw(TEXTS), Verdict.FAILED, draw(TEXTS), finding),)
    if draw(st.booleans()):
        return asking(number, text, results=results, **fields)
    return done(number, text, draw(st.sampled_from(list(Outcome))), **fields)


@st.composite
def hostile_section(draw: st.DrawFn, style: RequestKind = RequestKind.APPROVAL) -> Any:
    """Build a section of up to 14 hostile items."""
    number = draw(st.integers(1, 14))
    # A few different items, repeated, fill a card as well as many different ones do.
    made = [draw(hostile_item(n, style)) for n in range(min(number, 3))]
    items = tuple(
        made[n % len(made)].model_copy(update={"task_instance_id": f"ti{n}"}) for n in range(number)
    )
    return section(
        items=items, section_title=draw(TEXTS), phase_title=draw(TEXTS), url=draw(URLS),
        rehearsal=draw(st.booleans()), set_aside=draw(ASIDE),
    )  # fmt: skip


ASIDE = st.lists(
    st.builds(
        SetAside,
        text=TEXTS,
        outcome=st.sampled_from(Outcome),
        by=TEXTS,
        reason=TEXTS,
        headline=TEXTS,
        url=URLS,
    ),
    max_size=3,
).map(lambda few: tuple(few) * 9)


@st.composite
def hostile_changes(draw: st.DrawFn) -> dict[str, Any]:
    """Build what deciders are shown of changes and other looks: full lists of hostile texts."""
    text, people, url = draw(TEXTS), draw(PEOPLE), draw(URLS)
    seen = SeenView(text=text, headline=text, role=text, people=people, healed=draw(st.booleans()))
    red = Regression(text=text, why=text, role=text, people=people, since=AT, url=url)
    change = ChangeView(what=text, details=(text, text), by=text, reason=text, at=AT)
    many = draw(st.integers(0, 40))
    look = LookView(looked_at=AT, still_true=10**6, no_longer_true=(seen,) * many, not_looked_at=(seen,) * 9)
    return {"regressions": (red,) * many, "look": look, "changes": (change,) * many}


def marked_up(value: Any) -> Iterator[str]:
    """Every text in which Slack looks for markup."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        value = list(value.values())
    for part in value if isinstance(value, list) else ():
        yield from marked_up(part)


def harmless(made: Message | View) -> None:
    """Slack accepts it, and every ``<`` in it is ours."""
    if isinstance(made, Message):
        payload = made.model_dump(mode="json", exclude_none=True)
        assert message_problems(payload) == []
        texts = [payload["text"], *marked_up(payload["blocks"])]
    else:
        payload = made.payload()
        assert view_problems(payload) == []
        texts = list(marked_up(payload["blocks"]))
    for text in texts:
        rest = OURS.sub("", text)
        assert "<" not in rest, text
        assert ">" not in rest, text
    # In plain text a mention means nothing; still none is left in one piece.
    whole = OURS.sub("", json.dumps(payload, ensure_ascii=False))
    assert not re.search(r"<[@!#]", whole)


CALM = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@CALM
@given(hostile_section())
def test_section_cards(view: Any) -> None:
    """Cards of a section."""
    for card in cards.section_cards(view):
        harmless(card)


@CALM
@given(hostile_section(), st.sampled_from(["U0OURS01", "U0NOBODY"]))
def test_modal(view: Any, user: str) -> None:
    """The review modal."""
    harmless(review_modal.review_modal(view, user, "C001LAUNCH", "1.000001"))


@CALM
@given(hostile_section(RequestKind.DECISION), hostile_changes())
def test_decision_card(view: Any, changed: dict[str, Any]) -> None:
    """Go/no-go, with everything that has changed since the start."""
    harmless(cards.decision_card(view))
    whole = go_no_go().model_copy(update={"set_aside": view.set_aside, **changed})
    harmless(cards.decision_card(whole))
    harmless(review_modal.review_modal(whole, "U0LAUNCH02", "C001LAUNCH", "1.000001"))
    harmless(cards.decision_card(go_no_go().model_copy(update={"set_aside": view.set_aside})))


@CALM
@given(hostile_section(), TEXTS)
def test_nudges_and_refusals(view: Any, text: str) -> None:
    """Requests, reminders, escalations, refusals and receipts."""
    harmless(notes.request_note(view))
    harmless(notes.reminder(view, view.items))
    harmless(notes.escalation(view, view.items))
    harmless(notes.refusal(AnswerRefused("x", text), text, text))
    harmless(notes.receipt([(text, text)] * 20, [(text, AnswerRefused("x", text))] * 20))


@CALM
@given(ASIDE, TEXTS, URLS, st.dictionaries(st.sampled_from(Outcome), st.integers(0, 10**9)), PEOPLE)
def test_notes(aside: Any, text: str, url: str, counts: Any, people: Any) -> None:
    """What is told of phases and launches, and the root of the thread."""
    following = Next(what=text, at=AT)
    harmless(
        notes.phase_note(
            phase_note(key=text[:500] or "k", phase_title=text, counts=counts, waivers=aside, failing=aside,
                       bypasses=(text,) * 30, problems=(text,) * 30, next=following, url=url)
        )
    )  # fmt: skip
    harmless(
        notes.launch_note(
            LaunchNote(kind=LaunchNoteKind.NO_GO, key="k", launch_id="l", rehearsal=True, what=text, at=AT,
                       was=AT, by=(text,) * 9, reason=text, failing=aside, waivers=aside, mentioned=people,
                       next=following, url=url, details=(text,) * 40,
                       again=(AgainItem(text=text, why=text),) * 70)
        )
    )  # fmt: skip


@CALM
@given(hostile_changes(), TEXTS, URLS)
def test_root(changed: dict[str, Any], text: str, url: str) -> None:
    """The root of the thread, on hold, with everything that is no longer true."""
    phases = (PhaseLine(title=text, state=PhaseState.FAILED, total=10**9, again=10**6, url=url),) * 30
    del changed["changes"]
    fields = {
        "release": text,
        "environment": text,
        "triggered_by": text,
        "phases": phases,
        "url": url,
        "release_sha": text,
        "hold": HoldView(since=AT, by=text, reason=text),
        "can_be_held": True,
        **changed,
    }
    harmless(cards.launch_root(launch().model_copy(update=fields)))
