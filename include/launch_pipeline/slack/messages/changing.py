"""Describe what changes while a launch runs: holds, amendments, other looks, and what is no longer true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.slack.messages import elements
from launch_pipeline.slack.messages.mrkdwn import escape, link, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch_pipeline.notifications.model import PersonView
    from launch_pipeline.slack.messages.views import ChangeView, HoldView, LookView, Regression, SeenView

REGRESSIONS_ROOM = 1300
LOOK_ROOM = 1200
CHANGES_ROOM = 600
"""Characters of each list on one card; with everything else it stays below Slack's sum for all texts."""
_TEXT, _WHY, _REASON = 130, 150, 120


def hold(view: HoldView | None) -> list[elements.Block]:
    """Say since when, by whom and why a launch is on hold."""
    if view is None:
        return []
    who = " · ".join(filter(None, (escape(view.by, 60), escape(view.reason, 300))))
    return [
        elements.section(f"⏸️ *On hold* since {moment(view.since)}" + (f": {who}" if who else "") + _NO_WINDOW)
    ]


_NO_WINDOW = "\nNo window opens until it is resumed."


def regressions(found: Sequence[Regression]) -> list[elements.Block]:
    """List what is no longer true, with the owner of each."""
    if not found:
        return []
    title = f"🔻 *No longer true: {len(found)}*"
    return [elements.section(elements.lines([title, *map(_regression, found)], REGRESSIONS_ROOM))]


def _regression(one: Regression) -> str:
    what = link(one.url, one.text, _TEXT) or escape(one.text, _TEXT)
    why = f" — {escape(one.why, _WHY)}" if one.why.strip() else ""
    since = f" · since {moment(one.since)}" if one.since else ""
    return f"• {what}{why}\n   👉 {_owner(one.role, one.people)}{since}"


def _owner(role: str, people: Sequence[PersonView]) -> str:
    return f"{elements.people(people) or 'no holder yet'} ({escape(role, 60)})"


def counted(look: LookView) -> str:
    """Count what another look found, in one line."""
    return (
        f"Verified again: {look.still_true} still true, {len(look.no_longer_true)} no longer true,"
        f" {len(look.not_looked_at)} could not be looked at"
    )


def looked(look: LookView | None) -> list[elements.Block]:
    """Count what another look found, in small print."""
    return [elements.context(f"🔎 {counted(look)} · {moment(look.looked_at)}")] if look else []


def look_in_full(look: LookView | None) -> list[elements.Block]:
    """Count what another look found, and list everything that is not simply still true."""
    if look is None:
        return []
    lines = [
        f"🔎 *{counted(look)}* · {moment(look.looked_at)}",
        *map(_no_longer_true, look.no_longer_true),
        *(f"❓ {_seen(one)}" for one in look.not_looked_at),
    ]
    return [elements.section(elements.lines(lines, LOOK_ROOM))]


def _no_longer_true(one: SeenView) -> str:
    return f"✅ True again · {escape(one.text, _TEXT)}" if one.healed else f"🔻 {_seen(one)}"


def _seen(one: SeenView) -> str:
    saw = f" — {escape(one.headline, _WHY)}" if one.headline.strip() else ""
    return f"{escape(one.text, _TEXT)}{saw} · {_owner(one.role, one.people)}"


def changes(made: Sequence[ChangeView]) -> list[elements.Block]:
    """List what was changed since the start, the newest first."""
    if not made:
        return []
    title = f"*Changed since the start: {len(made)}*"
    return [elements.context(elements.lines([title, *map(_change, reversed(made))], CHANGES_ROOM))]


def _change(one: ChangeView) -> str:
    details = escape(", ".join(one.details), _WHY)
    said = " · ".join(filter(None, (details, escape(one.by, 60), escape(one.reason, _REASON))))
    return f"{escape(one.what, 40)} {moment(one.at)}" + (f" · {said}" if said else "")


def again(why: str, *, red: bool) -> str:
    """Say why an item is verified again; empty if it is not."""
    if not why.strip():
        return ""
    words = "🔻 No longer true" if red else "🔁 Verified again"
    return f"{words}: {escape(why, _WHY)}"
