"""Whatever is sent to the plugin's routes, the reply is one that the bridge can read, and never a 500."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from launch_pipeline.slack.protocol import Decided, DecideRequest, Refusal
from servers.plugin_server import an_item, an_open_gate

if TYPE_CHECKING:
    import httpx

    from servers.plugin_server import Gate, PluginServer

pytestmark = pytest.mark.integration
FEW = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
PATHS = ["/launch/decide", "/launch/evidence"]
HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "\0",
            "a\0b",
            "<!channel>",
            "{{ conn }}",
            "'; DROP TABLE dag_run; --",
            "../../x",
            "%2e%2e",
            "\u202e",
            "x" * 5000,
        ]
    ),
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), HOSTILE),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(HOSTILE, inner, max_size=3)),
    max_leaves=6,
)
FIELDS = [*DecideRequest.model_fields, "via", "extra"]


def an_approval(server: PluginServer) -> Gate:
    return an_open_gate(server.rows, *an_item(owner="operations_lead", mode="approval", gate="approval"))


def readable(reply: httpx.Response) -> bool:
    """Whether the reply is an answer or a refusal, with a status that tells the same."""
    if reply.status_code == 200:
        return bool(Decided.model_validate_json(reply.content) if reply.url.path == PATHS[0] else True)
    return 400 <= reply.status_code < 500 and bool(Refusal.model_validate_json(reply.content).code)


@FEW
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=300))
def test_any_bytes(server: PluginServer, path: str, body: bytes) -> None:
    """Bytes that are no JSON, or none of ours."""
    with server.client() as client:
        assert readable(client.post(path, content=body, headers=server.bearer()))


@FEW
@given(path=st.sampled_from(PATHS), body=ANYTHING)
def test_any_json(server: PluginServer, path: str, body: Any) -> None:
    """JSON of any shape."""
    assert readable(server.post(path, body))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 30_000,
        b'{"a":' * 9_000,
        b'{"try_number": ' + b"9" * 20_000 + b"}",
        b'"\\ud800"',
        b'{"slack_id": "\\ud800"}',
        b"\xff" * 10,
        b"NaN",
        b"x" * 200_000,
        b"",
    ],
    ids=[
        "deep list",
        "deep object",
        "huge number",
        "half a character",
        "half in a field",
        "no text",
        "NaN",
        "long",
        "",
    ],
)
def test_bombs(server: PluginServer, path: str, body: bytes) -> None:
    """Nesting, numbers and lengths that parsers have died of."""
    with server.client() as client:
        assert readable(client.post(path, content=body, headers=server.bearer()))


@FEW
@given(field=st.sampled_from(FIELDS), value=ANYTHING)
def test_one_field_of_a_good_request(server: PluginServer, field: str, value: Any) -> None:
    """Everything right but one field: nothing is answered that was not asked for."""
    gate = an_approval(server)
    reply = server.decide({**gate.request("U0LAUNCH03", "Reject", reason="long enough"), field: value})
    assert readable(reply)
    if reply.status_code == 200:
        assert gate.detail(server.rows)["responded_by"]["name"] == "omar.operations"
    else:
        assert gate.detail(server.rows)["responded_at"] is None


@FEW
@given(
    reason=st.text(
        st.characters(categories=["L", "N", "P", "S", "Z", "Cc", "Cf", "Co"]), min_size=1, max_size=200
    )
)
def test_any_reason_is_kept_as_it_was_typed_or_refused(server: PluginServer, reason: str) -> None:
    """Markup, Jinja, quotes, other scripts: text is text; what PostgreSQL cannot keep is refused before."""
    gate = an_approval(server)
    reply = server.decide(gate.request("U0LAUNCH03", "Reject", reason=reason))
    assert readable(reply)
    if reply.status_code == 200:
        assert gate.detail(server.rows)["params_input"] == {"reason": reason, "via": "slack"}
    else:
        assert Refusal.model_validate_json(reply.content).code in {"reason_missing", "unreadable_answer"}


@FEW
@given(tasks=st.lists(st.one_of(HOSTILE, st.just(str(uuid.uuid4()))), max_size=5))
def test_any_tasks_of_evidence(server: PluginServer, tasks: list[str]) -> None:
    """Items that are none have no evidence."""
    gate = an_approval(server)
    body = {"dag_id": gate.dag_id, "run_id": gate.run_id, "task_ids": tasks}
    reply = server.post("/launch/evidence", body)
    assert readable(reply)
    assert reply.status_code != 200 or reply.json() == []
