"""The REST client signs in, tries reads again, reads all pages, and passes on the server's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.airflow.hooks.rest_client import AirflowApi, ApiError
from launch_pipeline.stack.ports import free_ports
from servers.scripted_http import DROP, ScriptedHttp

if TYPE_CHECKING:
    from collections.abc import Iterator

DAGS = "/api/v2/dags"
RUN = "/api/v2/dags/launch/dagRuns/r1"
NO_DAGS = {"dags": [], "total_entries": 0}


@pytest.fixture
def server() -> Iterator[ScriptedHttp]:
    with ScriptedHttp() as running:
        yield running.reply(
            "POST", "/auth/token", (201, {"access_token": "t1"}), (201, {"access_token": "t2"})
        )


@pytest.fixture
def api(server: ScriptedHttp) -> AirflowApi:
    return AirflowApi(server.url, "ada", "secret", backoff=0.001)


def test_signs_in_once_and_sends_the_token(server: ScriptedHttp, api: AirflowApi) -> None:
    """One sign-in serves all requests."""
    server.reply("GET", DAGS, NO_DAGS)
    api.dags()
    api.dags()
    assert [r["body"] for r in server.seen("POST", "/auth/token")] == [
        {"username": "ada", "password": "secret"}
    ]
    assert {r["token"] for r in server.seen("GET", DAGS)} == {"Bearer t1"}


def test_signs_in_again_when_the_token_is_refused(server: ScriptedHttp, api: AirflowApi) -> None:
    """A token that ended costs the caller nothing, for writes as well."""
    server.reply("POST", "/api/v2/dags/launch/dagRuns", (401, {"detail": "expired"}), {"dag_run_id": "r1"})
    assert api.trigger("launch", run_id="r1") == {"dag_run_id": "r1"}
    assert [r["token"] for r in server.seen("POST", "/api/v2/dags/launch/dagRuns")] == [
        "Bearer t1",
        "Bearer t2",
    ]


def test_a_token_refused_twice_is_an_error(server: ScriptedHttp, api: AirflowApi) -> None:
    """Signing in again is tried once, not for ever."""
    server.reply("GET", DAGS, (401, {"detail": "no"}))
    with pytest.raises(ApiError, match="no") as refused:
        api.dags()
    assert refused.value.status == 401
    assert len(server.seen("GET", DAGS)) == 2


def test_wrong_password_says_so() -> None:
    """The server's reason reaches the person."""
    with ScriptedHttp() as other:
        other.reply("POST", "/auth/token", (401, {"detail": "Invalid credentials"}))
        with pytest.raises(ApiError, match="Invalid credentials"):
            AirflowApi(other.url, "ada", "wrong").dags()


def test_reads_are_tried_again(server: ScriptedHttp, api: AirflowApi) -> None:
    """A dropped connection and a server that restarts are ridden out."""
    server.reply("GET", DAGS, DROP, (503, {"detail": "restarting"}), NO_DAGS)
    assert api.dags() == []


def test_writes_are_sent_once(server: ScriptedHttp, api: AirflowApi) -> None:
    """A write whose answer was lost may have arrived; sending it again could answer twice."""
    server.reply("PATCH", RUN, DROP, {})
    with pytest.raises(ApiError, match="does not answer"):
        api.set_run_state("launch", "r1", "failed")
    assert len(server.seen("PATCH", RUN)) == 1


def test_nobody_there_names_the_address() -> None:
    """A stack that does not run is named with its address."""
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(ApiError, match=f"Airflow at {url} does not answer") as refused:
        AirflowApi(url, "a", "b", attempts=2, backoff=0.001).health()
    assert refused.value.status == 0


def test_all_pages_are_read(server: ScriptedHttp, api: AirflowApi) -> None:
    """A launch has more tasks than a page."""
    pages = [{"task_instances": [{"n": n}, {"n": n + 1}], "total_entries": 5} for n in (0, 2)]
    server.reply("GET", f"{RUN}/taskInstances", *pages, {"task_instances": [{"n": 4}], "total_entries": 5})
    assert [task["n"] for task in api.task_instances("launch", "r1")] == [0, 1, 2, 3, 4]
    assert [r["query"]["offset"] for r in server.seen("GET", f"{RUN}/taskInstances")] == ["0", "2", "4"]


def test_pages_that_shrink_end(server: ScriptedHttp, api: AirflowApi) -> None:
    """Rows that vanish between pages do not make it read for ever."""
    server.reply("GET", DAGS, {"dags": [{}], "total_entries": 3}, {"dags": [], "total_entries": 3})
    assert len(api.dags()) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": "DagRun exists"}, "DagRun exists"),
        ({"detail": {"reason": "Unique constraint violation"}}, "Unique constraint violation"),
        ({"detail": [{"loc": ["body", "conf"], "msg": "field required"}]}, "body.conf: field required"),
        (b"<html>nginx</html>", "nginx"),
        (
            {"detail": "'x' does not match '^v'\n\nFailed validating 'pattern' in schema"},
            r"does not match '\^v'$",
        ),
        ([], r"\(409\)"),
    ],
)
def test_refusals_carry_the_servers_words(
    server: ScriptedHttp, api: AirflowApi, body: object, words: str
) -> None:
    """Every shape of detail, and none, becomes one line."""
    server.reply("POST", "/api/v2/dags/launch/dagRuns", (409, body))
    with pytest.raises(ApiError, match=words) as refused:
        api.trigger("launch")
    assert refused.value.status == 409


def test_an_answer_that_is_not_json_is_named(server: ScriptedHttp, api: AirflowApi) -> None:
    """A proxy's login page is not taken for Airflow."""
    server.reply("GET", DAGS, b"<html>sign in</html>")
    with pytest.raises(ApiError, match="is this Airflow"):
        api.dags()


def test_what_is_not_there_is_none(api: AirflowApi) -> None:
    """Asking for a run or an XCom that does not exist is no failure."""
    assert api.dag_run("launch", "r1") is None
    assert api.xcom("launch", "r1", "t") is None


def test_only_requests_that_wait_are_open(server: ScriptedHttp, api: AirflowApi) -> None:
    """A healed task keeps its unanswered request; nobody must answer it any more."""
    states = ["awaiting_input", "deferred", "success", "failed"]
    details = [{"task_instance": {"state": state}} for state in states]
    server.reply(
        "GET", "/api/v2/dags/~/dagRuns/r1/hitlDetails", {"hitl_details": details, "total_entries": 4}
    )
    assert [d["task_instance"]["state"] for d in api.hitl_details(run_id="r1")] == [
        "awaiting_input",
        "deferred",
    ]
    query = server.seen("GET", "/api/v2/dags/~/dagRuns/r1/hitlDetails")[0]["query"]
    assert query["response_received"] == "false"


def test_runs_of_a_launch_match_the_whole_id(server: ScriptedHttp, api: AirflowApi) -> None:
    """r1 is not r10."""
    runs = [{"dag_id": "launch", "dag_run_id": "r1"}, {"dag_id": "go_no_go", "dag_run_id": "r10"}]
    server.reply("GET", "/api/v2/dags/~/dagRuns", {"dag_runs": runs, "total_entries": 2})
    assert list(api.runs_of_launch("r1")) == ["launch"]


def test_ids_are_quoted(server: ScriptedHttp, api: AirflowApi) -> None:
    """A plus sign and a colon of a run id survive the way."""
    path = "/api/v2/dags/launch/dagRuns/r%2B1%3A2/taskInstances/s.i/-1/hitlDetails"
    server.reply("PATCH", path, {"ok": True})
    assert api.answer("launch", "r+1:2", "s.i", "Approve", {"reason": ""}) == {"ok": True}
    assert server.seen("PATCH", path)[0]["body"] == {
        "chosen_options": ["Approve"],
        "params_input": {"reason": ""},
    }


def test_clear_takes_what_follows_along(server: ScriptedHttp, api: AirflowApi) -> None:
    """Clearing an item without its gate would leave the phase failed."""
    server.reply("POST", "/api/v2/dags/d/clearTaskInstances", {"task_instances": [{"task_id": "t"}]})
    assert api.clear("d", "r1", ["t"]) == [{"task_id": "t"}]
    sent = server.requests[-1]["body"]
    assert (sent["include_downstream"], sent["dry_run"], sent["only_failed"]) == (True, False, False)
    assert "note" not in sent


def test_clear_says_why_in_the_grid(server: ScriptedHttp, api: AirflowApi) -> None:
    """The note goes with the clear: it needs no further right, and no second request."""
    server.reply("POST", "/api/v2/dags/d/clearTaskInstances", {"task_instances": []})
    api.clear("d", "r1", ["t"], note="Verified again: the launch time was moved")
    assert server.requests[-1]["body"]["note"] == "Verified again: the launch time was moved"
