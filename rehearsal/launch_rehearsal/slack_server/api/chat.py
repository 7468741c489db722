"""Answer ``chat.*``; blocks are validated as strictly as before sending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.slack.messages.block_kit import message_problems, view_problems
from launch_rehearsal.slack_server.base.settings import BOT_USER
from launch_rehearsal.slack_server.base.workspace import ApiRefusal, Posted, named_blocks

if TYPE_CHECKING:
    from launch_pipeline.slack.messages.block_kit import Problem
    from launch_rehearsal.slack_server.api.call import Call
    from launch_rehearsal.slack_server.base.workspace import Channel

_PARTS = ("text", "blocks", "metadata")


def post_message(call: Call) -> dict[str, Any]:
    """Answer ``chat.postMessage``."""
    channel = call.own_channel()
    posted = call.workspace.post(channel, _posted(call, channel))
    return {"channel": channel.id, "ts": posted.ts, "message": posted.document()}


def post_ephemeral(call: Call) -> dict[str, Any]:
    """Answer ``chat.postEphemeral``: one person sees it."""
    channel = call.own_channel()
    if call.text("user") not in channel.members:
        raise ApiRefusal("user_not_in_channel")
    posted = _posted(call, channel)
    posted.only_for = call.text("user")
    call.workspace.post(channel, posted)
    return {"message_ts": posted.ts}


def update(call: Call) -> dict[str, Any]:
    """Answer ``chat.update``: only for the app's own messages."""
    channel = call.own_channel()
    posted = channel.message(call.text("ts"))
    if posted is None:
        raise ApiRefusal("message_not_found")
    if posted.user != BOT_USER:
        raise ApiRefusal("cant_update_message")
    fields = _checked(call)
    posted.text, posted.blocks = fields["text"], fields["blocks"]
    posted.metadata = fields["metadata"] or posted.metadata
    posted.edits, posted.edited_at = posted.edits + 1, call.workspace.new_ts()
    call.workspace.changed()
    return {"channel": channel.id, "ts": posted.ts, "text": posted.text, "message": posted.document()}


def delete(call: Call) -> dict[str, Any]:
    """Answer ``chat.delete``."""
    channel = call.own_channel()
    posted = channel.message(call.text("ts"))
    if posted is None:
        raise ApiRefusal("message_not_found")
    if posted.user != BOT_USER:
        raise ApiRefusal("cant_delete_message")
    channel.messages.remove(posted)
    call.workspace.changed()
    return {"channel": channel.id, "ts": posted.ts}


def permalink(call: Call) -> dict[str, Any]:
    """Answer ``chat.getPermalink``: a link of Slack's form that leads to this server's page."""
    channel = call.channel_by_id()
    posted = channel.message(call.text("message_ts"))
    if posted is None:
        raise ApiRefusal("message_not_found")
    link = f"{call.base}/archives/{channel.id}/p{posted.ts.replace('.', '')}"
    thread = f"?thread_ts={posted.thread_ts}&cid={channel.id}" if posted.thread_ts else ""
    return {"channel": channel.id, "permalink": f"{link}{thread}"}


def validate(call: Call) -> dict[str, Any]:
    """Answer ``blocks.validate`` for a message or a view."""
    given = call.given.get("view")
    message = call.given.get("message") or {"text": "-", "blocks": call.given.get("blocks", [])}
    problems = view_problems(given) if given else message_problems(message)
    if problems:
        errors = [{"pointer": p.pointer, "code": "failed_constraint", "message": p.message} for p in problems]
        raise ApiRefusal("invalid_view" if given else "invalid_blocks", errors=errors)
    return {}


def _posted(call: Call, channel: Channel) -> Posted:
    thread = call.text("thread_ts") or None
    if thread and channel.message(thread) is None:
        raise ApiRefusal("thread_not_found")
    return Posted(call.workspace.new_ts(), BOT_USER, thread_ts=thread, **_checked(call))


def _checked(call: Call) -> dict[str, Any]:
    payload = {name: call.given[name] for name in _PARTS if call.given.get(name)}
    if not payload.get("text") and not payload.get("blocks"):
        raise ApiRefusal("no_text")
    if problems := message_problems({"text": "-", **payload}):
        raise ApiRefusal(_word_for(problems), **told(problems))
    named = named_blocks(payload)
    return {
        "text": str(payload.get("text", "")),
        "blocks": named["blocks"],
        "metadata": payload.get("metadata"),
    }


def _word_for(problems: list[Problem]) -> str:
    first = problems[0].pointer
    if first.startswith("/metadata"):
        return "metadata_must_be_valid"
    if "in all blocks" in problems[0].message:
        return "msg_blocks_too_long"
    return "msg_too_long" if first == "/text" else "invalid_blocks"


def told(problems: list[Problem]) -> dict[str, Any]:
    """Build Slack's description of the problems of blocks."""
    return {
        "errors": [p.message for p in problems],
        "response_metadata": {
            "messages": [f"[ERROR] {p.message} [json-pointer:{p.pointer}]" for p in problems]
        },
    }
