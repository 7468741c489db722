"""The words of a message are found wherever Slack keeps them, as people read them."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

from typing import Any

import pytest

from launch_pipeline.checks.kinds.slack_channel.words import words_of
from launch_pipeline.checks.language.patterns import found

PATTERN = r"(?i)launch.*(success|complete|live)"


def text(words: str, sort: str = "mrkdwn") -> dict[str, Any]:
    return {"type": sort, "text": words}


def rich(*elements: dict[str, Any], sort: str = "rich_text_section") -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": sort, "elements": list(elements)}]}


def block(**fields: Any) -> dict[str, Any]:
    return {"text": "", "blocks": [fields]}


def attached(**fields: Any) -> dict[str, Any]:
    return {"text": "", "attachments": [fields]}


# Shapes: docs.slack.dev/reference/block-kit/blocks, /messaging/formatting-message-text,
# /legacy/legacy-messaging/legacy-secondary-message-attachments, /reference/objects/file-object.
SAID: dict[str, dict[str, Any]] = {
    "text": {"text": "The launch is complete"},
    "bold": {"text": "*Launch* _complete_"},
    "entities": {"text": "launch &amp; tests &gt; complete"},
    "a labelled link": {"text": "Launch <https://ci.example.org/1|complete>"},
    "a mention between": {"text": "Launch <@U012AB3CD> <!here> <#C012|x> complete"},
    "a date": {"text": "Launch <!date^1392734382^{date}|complete>"},
    # github.com/prometheus/alertmanager template/default.tmpl: the message is an attachment alone.
    "Alertmanager": attached(title="[RESOLVED] Launch complete", fallback="[RESOLVED] Launch complete | https://am.example.org", text="", footer="", mrkdwn_in=["fallback", "pretext", "text"]),
    "pretext": attached(pretext="Launch complete", text="details"),
    "a field": attached(fallback="x", fields=[{"title": "Launch", "value": "complete", "short": True}]),
    "blocks of an attachment": attached(fallback="[no preview available]", blocks=[{"type": "section", "text": text("Launch complete")}]),
    "a forwarded message": attached(is_share=True, is_msg_unfurl=True, from_url="https://x.slack.com/archives/C1/p1", text="Launch complete"),
    "blocks of a forwarded message": attached(is_share=True, fallback="x", message_blocks=[{"team": "T1", "message": {"blocks": [rich(text("Launch complete", "text"))]}}]),
    "a header": block(type="header", text=text("Launch complete", "plain_text")),
    "a section": block(type="section", text=text("Launch complete")),
    "fields of a section": block(type="section", fields=[text("*Launch*"), text("launch is live")]),
    "the title of an image": block(type="image", image_url="https://x.example/a.png", alt_text="x", title=text("launch complete")),
    "a context": block(type="context", elements=[{"type": "image", "image_url": "x", "alt_text": "x"}, text("launch complete")]),
    "a markdown block": block(type="markdown", text="**Launch** complete"),
    "a rich text": {"text": "", "blocks": [rich(text("Laun", "text"), {**text("ch", "text"), "style": {"bold": True}}, text(" is live", "text"))]},
    "a link in a rich text": {"text": "", "blocks": [rich(text("Launch ", "text"), {"type": "link", "url": "https://x.example.org", "text": "complete"})]},
    "a quote": {"text": "", "blocks": [rich(text("Launch complete", "text"), sort="rich_text_quote")]},
    "preformatted": {"text": "", "blocks": [rich(text("Launch complete", "text"), sort="rich_text_preformatted")]},
    "a list": {"text": "", "blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": [{"type": "rich_text_section", "elements": [text("Launch complete", "text")]}]}]}]},
    "a table": block(type="table", rows=[[text("Launch complete", "raw_text")]]),
    "a block of tomorrow": block(type="callout", body={"inner": [text("Launch complete")]}),
    "the title of a video": block(type="video", title=text("Launch complete", "plain_text"), alt_text="x"),
    "the title of a file": {"text": "", "subtype": "file_share", "files": [{"id": "F1", "name": "a.pdf", "title": "Launch complete"}]},
}  # fmt: skip


@pytest.mark.parametrize("message", SAID.values(), ids=SAID.keys())
def test_said(message: dict[str, Any]) -> None:
    """Words count in every place where Slack shows them."""
    assert any(found(PATTERN, words) for words in words_of(message)), words_of(message)


UNSAID: dict[str, dict[str, Any]] = {
    "nothing": {},
    "null": {"text": None, "blocks": None, "attachments": None, "files": None},
    "an address": {"text": "<https://wiki.example.org/launch-complete|see here>"},
    "struck through": {"text": "~Launch complete~ not yet"},
    "struck through in part": {"text": "Launch ~complete~ postponed"},
    "struck through in a rich text": {"text": "", "blocks": [rich({**text("Launch complete", "text"), "style": {"strike": True}})]},
    "struck through in markdown": block(type="markdown", text="~~Launch complete~~"),
    "the preview of a page": {"text": "look", "attachments": [{"from_url": "https://b.example.org", "original_url": "https://b.example.org", "title": "How to launch: a complete guide", "text": "launch complete", "fallback": "launch complete"}]},
    "the preview of an app": attached(is_app_unfurl=True, app_unfurl_url="https://github.com/x/y", title="Launch complete"),
    "the preview of a message": attached(is_msg_unfurl=True, text="Launch complete", ts="1776404384.245429"),
    "two lines that are not one": {"text": "Launch\nnot complete"},
    "parts that are not one": {"text": "Launch", "blocks": [{"type": "header", "text": text("backup complete", "plain_text")}]},
    "a button": block(type="actions", elements=[{"type": "button", "text": text("Launch complete", "plain_text"), "action_id": "a", "value": "x"}]),
    "a button beside a section": block(type="section", text=text("Choose"), accessory={"type": "button", "text": text("Launch complete", "plain_text")}),
    "a menu beside a section": block(type="section", text=text("Choose"), accessory={"type": "static_select", "placeholder": text("Launch complete", "plain_text")}),
    "what an input asks": block(type="input", label=text("Launch complete", "plain_text"), element={"type": "plain_text_input"}),
    "a file that is gone": {"text": "", "files": [{"id": "F1", "mode": "tombstone", "title": "Launch complete"}]},
    "the footer": attached(text="x", footer="Launch complete", author_name="Launch complete"),
    "metadata": {"text": "x", "metadata": {"event_type": "launch complete", "event_payload": {"text": "launch complete"}}},
    "malformed": {"text": 5, "blocks": ["launch complete", {"type": "section", "text": None}], "attachments": "launch complete"},
}  # fmt: skip


@pytest.mark.parametrize("message", UNSAID.values(), ids=UNSAID.keys())
def test_unsaid(message: dict[str, Any]) -> None:
    """What Slack adds, hides, or only offers to press was not said."""
    assert not any(found(PATTERN, words) for words in words_of(message)), words_of(message)


def test_escaped_signs_are_shown_as_they_are() -> None:
    """Slack escapes three signs; each is itself again, once."""
    assert words_of({"text": "a &amp; b &lt;c&gt; &amp;lt;"})[0] == "a & b <c> &lt;"


def test_long_text_takes_little_time() -> None:
    """Forty thousand open marks are read in linear time."""
    for sign in "*_~`<&":
        assert words_of({"text": f" {sign}a" * 20_000})


def test_deep_blocks_end() -> None:
    """Blocks within blocks are followed for some levels only."""
    deep: dict[str, Any] = text("Launch complete")
    for _ in range(500):
        deep = {"type": "unknown", "inner": deep}
    assert words_of({"blocks": [deep]}) == ("", "")
