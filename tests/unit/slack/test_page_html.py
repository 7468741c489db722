"""What the stand-in's page draws: Slack's markup as people see it, and nobody's HTML."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from launch_pipeline import slack
from launch_pipeline.slack.messages.item_status import OUTCOMES
from launch_pipeline.slack.messages.mrkdwn import escape
from launch_rehearsal.slack_server.page.html import Html, markdown, tag
from launch_rehearsal.slack_server.page.symbols import DRAWINGS, drawn

SLACK = Path(slack.__file__).parent
NAMES = {"U0ADA": "Ada <b>"}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("*bold* _it_ ~gone~ `code`", "<b>bold</b> <i>it</i> <s>gone</s> <code>code</code>"),
        ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
        ("a &lt;b&gt; &amp;amp;", "a &lt;b&gt; &amp;amp;"),
        ("one\ntwo", "one<br>two"),
        ("<@U0ADA>", '<span class="mention" data-user="U0ADA">@Ada &lt;b&gt;</span>'),
        ("<!here>", '<span class="mention loud">@here</span>'),
        (
            "<https://x/?a=1&amp;b=2|see>",
            '<a href="https://x/?a=1&amp;b=2" target="_blank" rel="noreferrer">see</a>',
        ),
        ("<javascript:alert(1)|see>", "&lt;javascript:alert(1)|see&gt;"),
        ("*<@U0ADA> must*", '<b><span class="mention" data-user="U0ADA">@Ada &lt;b&gt;</span> must</b>'),
    ],
)
def test_markup_is_drawn_as_slack_does(written: str, shown: str) -> None:
    """Formatting, mentions and links; an address that is no web address is only text."""
    assert markdown(written, NAMES) == shown


@given(st.text(alphabet="<>&*_`~|@!#\"'/ab \n\u200b", max_size=60))
@example("*`<`*")
def test_escaped_text_draws_as_itself(text: str) -> None:
    """What our escape made harmless makes no element but the line's own."""
    shown = markdown(escape(text), {})
    assert "<" not in shown


def test_attributes_and_children_are_escaped() -> None:
    """Only HTML of ours is HTML."""
    assert tag("p", "<i>", Html("<b>x</b>"), title='"x"') == '<p title="&quot;x&quot;">&lt;i&gt;<b>x</b></p>'


def test_symbols_are_drawn() -> None:
    """Every symbol of an outcome or a message has a drawing and keeps its name for screen readers."""
    for stands in OUTCOMES.values():
        assert stands.symbol.rstrip("\ufe0f") in DRAWINGS
    written = "".join(file.read_text(encoding="utf-8") for file in SLACK.rglob("*.py"))
    assert {sign for sign in written if unicodedata.category(sign) == "So"} <= DRAWINGS.keys()
    assert 'aria-label="✅"' in drawn("✅ Passed")
