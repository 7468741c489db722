"""Channels, threads, cards and modals as HTML: what a person sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_rehearsal.slack_server.base.settings import BOT_USER
from launch_rehearsal.slack_server.page.html import Html, tag, text_of, when
from launch_rehearsal.slack_server.page.symbols import drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from launch_rehearsal.slack_server.base.workspace import Channel, OpenView, Posted, Workspace

Block = dict[str, Any]


class Rendering:
    """One workspace as one person sees it."""

    def __init__(self, workspace: Workspace, user: str) -> None:
        self._workspace = workspace
        self._user = user
        self._names = {slack_id: person["real_name"] for slack_id, person in workspace.users.items()}

    def visible(self, channel: Channel) -> list[Posted]:
        """Messages of a channel that this person sees, threads included."""
        return [m for m in channel.messages if m.only_for in {None, self._user}]

    def timeline(self, channel: Channel) -> Html:
        """A channel: its messages without replies."""
        visible = self.visible(channel)
        roots = [m for m in visible if m.thread_ts in {None, m.ts}]
        shown = [self.message(channel, m, self._replies(visible, m)) for m in roots]
        return Html("".join(shown)) or tag("p", "Nothing was said here yet.", class_="empty")

    def thread(self, channel: Channel, root: str) -> Html:
        """A thread: its root and all replies."""
        shown = [m for m in self.visible(channel) if root in {m.ts, m.thread_ts}]
        return Html("".join(self.message(channel, m, None) for m in shown))

    def _replies(self, visible: Sequence[Posted], root: Posted) -> int:
        return sum(m.thread_ts == root.ts and m.only_for is None for m in visible)

    def message(self, channel: Channel, posted: Posted, replies: int | None) -> Html:
        """One message; with a number of replies it links to its thread."""
        body = [self.block(block) for block in posted.blocks] or [tag("p", _plain(posted.text, self._names))]
        private = tag("div", "Only visible to you", class_="private") if posted.only_for else ""
        more = tag("button", _counted(replies), class_="replies", data_thread=posted.ts) if replies else ""
        return tag(
            "article",
            private,
            self._author(posted),
            tag("div", body, class_="body"),
            more,
            class_="message ephemeral" if posted.only_for else "message",
            id=f"m{posted.ts}{'' if replies is None else 'r'}",
            data_ts=posted.ts,
            data_channel=channel.id,
        )

    def _author(self, posted: Posted) -> Html:
        name = self._names.get(posted.user, posted.user)
        app = posted.user == BOT_USER
        return tag(
            "div",
            tag("span", Html(drawn("🚀")) if app else name[:1], class_="avatar app" if app else "avatar"),
            tag("b", name),
            tag("span", "APP", class_="badge") if app else "",
            tag("time", when(float(posted.ts))),
            tag("span", "(edited)", class_="edited") if posted.edits else "",
            class_="author",
        )

    def block(self, block: Block) -> Html:
        """One block of a message or a modal."""
        by_type: dict[str, Callable[[Block], Html]] = {
            "header": lambda b: tag("h3", text_of(b["text"], self._names)),
            "section": self._section,
            "context": lambda b: tag(
                "div", [tag("div", text_of(e, self._names)) for e in b["elements"]], class_="context"
            ),
            "divider": lambda _: tag("hr"),
            "actions": lambda b: tag("div", [self._element(e, b) for e in b["elements"]], class_="actions"),
            "input": self._input,
        }
        return by_type[block["type"]](block)

    def _section(self, block: Block) -> Html:
        fields = [tag("div", text_of(field, self._names)) for field in block.get("fields", [])]
        accessory = self._element(block["accessory"], block) if "accessory" in block else ""
        return tag(
            "div",
            tag("div", text_of(block.get("text"), self._names), class_="text"),
            tag("div", fields, class_="fields") if fields else "",
            accessory,
            class_="section",
        )

    def _element(self, element: Block, block: Block) -> Html:
        if element["type"] != "button":
            return self._filled(element, block)
        confirm = element.get("confirm") or {}
        return tag(
            "button",
            text_of(element["text"], self._names),
            class_=f"click {element.get('style', '')}".strip(),
            data_action=element["action_id"],
            data_block=block["block_id"],
            data_url=element.get("url"),
            data_confirm_title=_words(confirm, "title"),
            data_confirm_text=_words(confirm, "text"),
            data_confirm_yes=_words(confirm, "confirm"),
            data_confirm_no=_words(confirm, "deny"),
        )

    def _input(self, block: Block) -> Html:
        optional = tag("span", " (optional)", class_="optional") if block.get("optional") else ""
        return tag(
            "label",
            tag("span", text_of(block["label"], self._names), optional, class_="label"),
            self._filled(block["element"], block),
            tag("span", class_="error", data_for=block["block_id"]),
            class_="input",
        )

    def _filled(self, element: Block, block: Block) -> Html:
        placeholder = _words(element, "placeholder") or ""
        name = block["block_id"]
        if element["type"] == "static_select":
            initial = (element.get("initial_option") or {}).get("value")
            options = [
                tag("option", o["text"]["text"], value=o["value"], selected=o["value"] == initial)
                for o in element["options"]
            ]
            return tag("select", tag("option", placeholder or "Choose", value=""), options, name=name)
        if element.get("multiline"):
            return tag("textarea", element.get("initial_value", ""), name=name, placeholder=placeholder)
        value = element.get("initial_value", "")
        return tag("input", name=name, value=value, placeholder=placeholder, type="text", autocomplete="off")

    def modal(self, opened: OpenView) -> Html:
        """The modal on top of this person's screen."""
        view = opened.view
        submit = text_of(view.get("submit"), self._names)
        return tag(
            "form",
            tag(
                "div",
                tag("span", Html(drawn("🚀")), class_="avatar app"),
                tag("h2", text_of(view["title"], self._names), id="modal-title"),
                tag("button", "✕", type="button", class_="close", aria_label="Close"),
                class_="title",
            ),
            tag("div", [self.block(b) for b in view["blocks"]], class_="content", tabindex="0"),
            tag(
                "div",
                tag("span", class_="trouble"),
                tag("button", _words(view, "close") or "Close", type="button", class_="close plain"),
                tag("button", submit, type="submit", class_="primary") if submit else "",
                class_="foot",
            ),
            class_="modal",
            data_key=f"{opened.id}.{opened.hash}",
        )


def _plain(text: str, names: dict[str, str]) -> Html:
    return text_of({"type": "mrkdwn", "text": text}, names)


def _words(part: Block, name: str) -> str | None:
    found = part.get(name)
    return str(found["text"]) if found else None


def _counted(replies: int | None) -> str:
    return "1 reply" if replies == 1 else f"{replies} replies"
