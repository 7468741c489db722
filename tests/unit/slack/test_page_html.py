"""What the stand-in's page draws: Slack's markup as people see it, and nobody's HTML."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import Markup

from launch_pipeline import slack
from launch_pipeline.slack.messages.item_status import OUTCOMES
from launch_pipeline.slack.messages.mrkdwn import escape
from launch_rehearsal.slack_server.base.settings import member
from launch_rehearsal.slack_server.base.workspace import Workspace
from launch_rehearsal.slack_server.page.markup import markdown
from launch_rehearsal.slack_server.page.rendering import Rendering, templates
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
    template = templates().from_string('<p title="{{ title }}">{{ text }}{{ html }}</p>')
    shown = template.render(title='"x"', text="<i>", html=Markup("<b>x</b>"))
    assert shown == '<p title="&#34;x&#34;">&lt;i&gt;<b>x</b></p>'


def test_hostile_names_and_texts_are_text() -> None:
    """Names, plain text, options and values of a person's making are no HTML of the page's."""
    bad = "<script>alert(1)</script>"
    plain = {"type": "plain_text", "text": bad}
    select = {"type": "static_select", "action_id": "a", "placeholder": plain,
              "options": [{"text": plain, "value": bad}]}  # fmt: skip
    button = {"type": "button", "action_id": bad, "text": plain, "url": bad, "confirm": {"title": plain}}
    workspace = Workspace([member("U0BAD", bad)], ["launch"], 3)
    posted = workspace.say("U0BAD", "launch", bad)
    posted.blocks = [
        {"type": "header", "block_id": "1", "text": plain},
        {"type": "section", "block_id": "2", "text": plain, "fields": [plain], "accessory": button},
        {"type": "context", "block_id": "3", "elements": [plain]},
        {"type": "actions", "block_id": "4", "elements": [button]},
        {"type": "divider", "block_id": "5"},
    ]
    view = {"title": plain, "submit": plain, "close": plain, "blocks": [
        {"type": "input", "block_id": bad, "label": plain, "optional": True, "element": select},
        {"type": "input", "block_id": "b", "label": plain,
         "element": {"type": "plain_text_input", "multiline": True, "initial_value": bad}}]}  # fmt: skip
    rendering, channel = Rendering(workspace, "U0BAD"), workspace.channel("launch")
    shown = [rendering.timeline(channel), rendering.thread(channel, posted.ts)]
    shown.append(rendering.modal(workspace.show("U0BAD", view)))
    assert all("&lt;script&gt;" in one and "<script" not in one for one in shown)


def test_symbols_are_drawn() -> None:
    """Every symbol of an outcome or a message has a drawing and keeps its name for screen readers."""
    for stands in OUTCOMES.values():
        assert stands.symbol.rstrip("\ufe0f") in DRAWINGS
    written = "".join(file.read_text(encoding="utf-8") for file in SLACK.rglob("*.py"))
    assert {sign for sign in written if unicodedata.category(sign) == "So"} <= DRAWINGS.keys()
    assert 'aria-label="✅"' in drawn("✅ Passed")
