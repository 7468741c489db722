"""What others wrote is shown as it is, and does nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from launch_pipeline.approvals.visible_text import one_line
from launch_pipeline.slack.messages.mrkdwn import address_of, bold, escape, link, moment, plain

BREAK = "\u200b"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("<!here> deploy", "&lt;!here&gt; deploy"),
        ("<@U0LAUNCH01>", f"&lt;@{BREAK}U0LAUNCH01&gt;"),
        ("@channel look", f"@{BREAK}channel look"),
        ("ask #general", f"ask #{BREAK}general"),
        ("issue #12, ada@example.org", "issue #12, ada@example.org"),
        ("<https://evil.example|Airflow>", "&lt;https://evil.example|Airflow&gt;"),
        ("*done*", f"{BREAK}*{BREAK}done{BREAK}*{BREAK}"),
        ("redis_max_memory 2*3", "redis_max_memory 2*3"),
        (":white_check_mark: Approved", f":{BREAK}white_check_mark: Approved"),
        ("from 09:30:15 on", "from 09:30:15 on"),
        ("two\nlines\t and \x07 a bell", "two lines and a bell"),
        ("evil \u202eexe.txt", "evil exe.txt"),
        ("{{ conn.slack.password }}", "{{ conn.slack.password }}"),
    ],
)
def test_escape(written: str, shown: str) -> None:
    """Markup, mentions, channels, emoji codes and control characters of others lose their meaning."""
    assert escape(written) == shown


def test_cut_never_halves_an_entity() -> None:
    """A limit counts what is sent, and the cut shows."""
    assert escape("&&&&", 11) == "&amp;&amp;…"
    assert escape("abc", 3) == "abc"
    assert plain("abcdef", 4) == "abc…"
    assert len(escape("<" * 500, 100)) <= 100


def test_plain_text_keeps_its_signs() -> None:
    """A plain_text object needs no entities, and still addresses nobody."""
    assert plain("p95 <500ms & <!here>", 50) == f"p95 <500ms & <{BREAK}!here>"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://x/y", "https://", "no address", "http://[::1"])
def test_only_web_addresses_become_links(url: str) -> None:
    """Anything else is only its label."""
    assert link(url, "Airflow") == "Airflow"


def test_address_cannot_leave_its_link() -> None:
    """What would end the markup is percent-encoded."""
    assert link("https://x/a|b>c d?x=1&y=2", "A") == "<https://x/a%7Cb%3Ec%20d?x=1&amp;y=2|A>"
    assert address_of("https://x/" + "y" * 300) == ""


def test_small_things() -> None:
    """Nothing in bold is nothing; times carry what to show where Slack cannot tell; joiners stay."""
    assert bold(" ", 10) == ""
    assert moment(datetime(2026, 3, 2, 9, tzinfo=UTC)).endswith("{time}|2026-03-02 09:00 UTC>")
    assert one_line("क्\u200dष") == "क्\u200dष"
