"""Render channels, threads, cards and modals as one person sees them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from launch_rehearsal.slack_server.base.settings import BOT_USER
from launch_rehearsal.slack_server.page.markup import text_of, when
from launch_rehearsal.slack_server.page.symbols import drawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from launch_rehearsal.slack_server.base.workspace import Channel, OpenView, Posted, Workspace


@cache
def templates() -> Environment:
    """Return the templates beside this module; values are escaped unless they are HTML."""
    return Environment(
        loader=PackageLoader("launch_rehearsal.slack_server.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


class Rendering:
    """Render a workspace for one person."""

    def __init__(self, workspace: Workspace, user: str) -> None:
        self._user = user
        names = {slack_id: person["real_name"] for slack_id, person in workspace.users.items()}
        self._parts: Any = (
            templates()
            .get_template("parts.html")
            .make_module(
                {
                    "text": lambda part: text_of(part, names),
                    "when": when,
                    "names": names,
                    "app": BOT_USER,
                    "rocket": drawn("🚀"),
                }
            )
        )

    def visible(self, channel: Channel) -> list[Posted]:
        """Return the messages of a channel that this person sees, replies included."""
        return [m for m in channel.messages if m.only_for in {None, self._user}]

    def timeline(self, channel: Channel) -> Markup:
        """Render the messages of a channel without the replies."""
        visible = self.visible(channel)
        roots = [(m, _replies(visible, m)) for m in visible if m.thread_ts in {None, m.ts}]
        found: Markup = self._parts.timeline(channel, roots)
        return found

    def thread(self, channel: Channel, root: str) -> Markup:
        """Render a thread: its root and all replies."""
        shown = [m for m in self.visible(channel) if root in {m.ts, m.thread_ts}]
        found: Markup = self._parts.thread(channel, shown)
        return found

    def modal(self, opened: OpenView) -> Markup:
        """Render the modal on top of this person's screen."""
        found: Markup = self._parts.modal(opened)
        return found


def _replies(visible: Sequence[Posted], root: Posted) -> int:
    return sum(m.thread_ts == root.ts and m.only_for is None for m in visible)
