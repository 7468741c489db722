"""Announcements in Slack: once, in the launch's thread, by real tasks through the real hook."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from launch_pipeline.airflow.notifiers.announce import AnnounceOperator
from launch_pipeline.airflow.operators.admit_and_complete import AdmitOperator, CompleteOperator
from launch_pipeline.airflow.operators.run_phase import GoNoGoOperator, OfferRollbackOperator
from launch_pipeline.airflow.sensors.launch_window import LaunchWindowSensor
from launch_pipeline.airflow.triggers.rollback import OFFER
from launch_pipeline.checklist.sequence import (
    AFTER_GO,
    ALL_PHASES,
    CONDUCTOR,
    GO_NO_GO,
    ROLLBACK,
    SIGN_OFF,
    T_0,
    T_MINUS_2H,
    title,
)
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.proof.verify import read_rows
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome, Record, Seal
from launch_pipeline.notifications.announcements import Announcement, launch_notes_of
from launch_pipeline.notifications.keys import ROOT, launch_key, phase_key, place_of, unsealed_key
from launch_pipeline.notifications.model import LaunchNoteKind
from launch_pipeline.notifications.next_steps import MISSED_AFTER
from launch_pipeline.slack.store import Messages
from servers.airflow_rest import AirflowRest
from servers.airflow_task import NOW, Task
from servers.item_tasks import CONF, a_launch, a_task, change_launch
from servers.passed_phases import PassedPhases
from servers.records import a_record, a_seal
from servers.sealed_phases import seal_before, whole_seal
from servers.slack_thread import CHANNEL, slack_thread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Ended, Supervisor
    from servers.include_folder import IncludeFolder
    from servers.slack_thread import SlackThread

LAUNCH = "shop-1.2"
WEEK_1 = "week_1_pre_launch_requirements"
AWAY = "postgresql://nobody@127.0.0.1:9/none"


@pytest.fixture
def slack(supervisor: Supervisor) -> Iterator[SlackThread]:
    """Give a workspace that the connection ``launch_slack`` leads to."""
    with slack_thread() as made:
        made.connect(supervisor)
        yield made


@pytest.fixture(autouse=True)
def airflow_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Airflow have an address, as in every deployment."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org")


@pytest.fixture
def not_admitted() -> None:
    """Begin a test before its launch was admitted."""


@pytest.fixture(autouse=True)
def launch(request: pytest.FixtureRequest, ledger: Ledger, dsn: str) -> Launches:
    """Give the launches, with ours under way."""
    assert ledger is not None
    launches = Launches(dsn)
    if "not_admitted" not in request.fixturenames:
        digests = {dag_id: dag.digest for dag_id, dag in deployed_dags().items()}
        launches.start(a_launch(checklist_digests=digests))
    return launches


@pytest.fixture(autouse=True)
def rest(supervisor: Supervisor) -> Iterator[AirflowRest]:
    """Give the REST API that tasks read task instances from; every gate has made the seals there are."""
    with AirflowRest() as server:
        for dag_id in ALL_PHASES:
            server.instances(dag_id, LAUNCH, {"phase_gate": (f"gate-{dag_id}", "success")})
        yield server.connect(supervisor)


def record(name: str, outcome: Outcome, dag_id: str = WEEK_1, **fields: Any) -> Record:
    """Make a record of the Dag."""
    return a_record(
        launch_id=LAUNCH, dag_id=dag_id, item_ref=f"x.security.{name}", task_id=f"security.{name}",
        text=f"Item {name}", task_instance_id=f"ti-{dag_id}-{name}", outcome=outcome, **fields,
    )  # fmt: skip


def sealed(ledger: Ledger, *records: Record, dag_id: str = WEEK_1, **fields: Any) -> Seal:
    """Keep records and their seal, as a gate does."""
    counts = {outcome: sum(r.outcome is outcome for r in records) for outcome in Outcome}
    given = {"counts": {o: n for o, n in counts.items() if n}, **fields}
    seal = a_seal(*records, launch_id=LAUNCH, dag_id=dag_id, **given)
    ledger.append_all([*map(Entry.of_record, records), Entry.of_seal(seal, f"gate-{dag_id}")])
    return seal


def announce(supervisor: Supervisor, seal: Seal | None, dag_id: str = WEEK_1) -> Task:
    """Make the task that tells how a phase ended, after its gate has kept its seal."""
    with DAG(dag_id, schedule=None):
        operator = AnnounceOperator(task_id="announce", title="Pre-Launch Requirements (Week 1)")
    del seal
    return Task(supervisor, operator, conf=CONF)


def kept(ledger: Ledger) -> list[Announcement]:
    """Return what the ledger holds of what was told."""
    return [Announcement.model_validate(e.content) for e in ledger.entries(LAUNCH, EntryKind.ANNOUNCEMENT)]


BAD = record("bad", Outcome.REJECTED, reason="it is down: {{ 7*7 }} {{ conn_secret }} <!channel>")
WAIVED = record("later", Outcome.WAIVED, reason="next week")


# ---- a phase ----------------------------------------------------------------------------------------


def test_failed_phase_is_told_in_the_thread_and_in_the_channel(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, dsn: str
) -> None:
    """Root first, then the note with what fails, its page and who let what pass; kept with its place."""
    seal = sealed(ledger, BAD, WAIVED, complete=False, problems=("x.security.bad was rejected by Ada: no",))
    assert announce(supervisor, seal).start().state == "success"
    root, note = slack.messages
    assert (root.thread_ts, note.thread_ts, slack.broadcast) == (None, root.ts, [note.ts])
    shown = slack.shown(note)
    for words in ("FAILED", "Item bad", "Ada Lindqvist", "next week", "Repair it"):
        assert words in shown
    assert f"/dags/{WEEK_1}/runs/{LAUNCH}/tasks/security.bad/required_actions" in shown
    assert "1.2.0" in slack.shown(root)
    assert slack.keys == [phase_key(seal)]
    (entry,) = kept(ledger)
    assert (entry.key, entry.channel, entry.ts) == (phase_key(seal), CHANNEL, note.ts)
    assert entry.headline.endswith("FAILED (1 waived, 1 rejected)")
    placed = Messages(dsn).find(LAUNCH, place_of(phase_key(seal)), CHANNEL)
    assert placed is not None
    assert placed.ts == note.ts


def test_complete_phase_stays_in_the_thread_and_says_what_is_next(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """Nobody's phone rings for what went well; the second note hangs below the same root."""
    announce(supervisor, sealed(ledger, record("ok", Outcome.PASSED))).start()
    second = sealed(ledger, record("go", Outcome.PASSED, "week_3_team_preparation"),
                    dag_id="week_3_team_preparation")  # fmt: skip
    announce(supervisor, second, "week_3_team_preparation").start()
    root, *notes = slack.messages
    assert [note.thread_ts for note in notes] == [root.ts, root.ts]
    assert slack.broadcast == []
    assert title("week_2_infrastructure_setup") in slack.shown(notes[0]).replace("\u200b", "")
    # Each notes the head of its moment, so that nobody can rewrite what was kept before.
    heads = [re.findall(r"sha256:[0-9a-f]{64}", slack.shown(note)) for note in notes]
    digests = [row.digest for row in read_rows(ledger._dsn, LAUNCH).links]
    assert [digests.index(head) for (head,) in heads] == [2, 5]
    # The window after week 3 opens two hours before the launch.
    assert "<!date^" in slack.shown(notes[1])


@pytest.mark.parametrize("text", ["{{ 7*7 }}", "{{ conn_secret }}", "{% raw %}x{% endraw %}"])
def test_what_looks_like_a_template_is_told_as_it_is(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, dsn: str, text: str
) -> None:
    """In evidence, in an item's text and in a reason; nothing is rendered, and nobody is called."""
    bad = record("bad", Outcome.REJECTED, reason=f"{text} <!channel>").model_copy(update={"text": text})
    seal = sealed(ledger, bad, complete=False, problems=(text,))
    change_launch(dsn, release=text)
    announce(supervisor, seal).start()
    root, note = slack.messages
    assert slack.shown(note).replace("\u200b", "").count(text) == 3
    assert "49" not in note.text
    assert "<!channel>" not in slack.shown(note)
    assert text in slack.shown(root).replace("\u200b", "")


def test_phase_that_ended_by_hand_is_told_as_failed(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """Without a seal it says what to clear; its key is that of its run."""
    assert announce(supervisor, None).start().state == "success"
    assert slack.keys == [unsealed_key(LAUNCH, WEEK_1, NOW)]
    assert "ended without a seal" in slack.shown(slack.notes[0])
    assert len(slack.broadcast) == 1
    assert kept(ledger)[0].headline == "Pre-Launch Requirements (Week 1): FAILED"


def test_rehearsal_is_marked_everywhere(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, dsn: str
) -> None:
    """In the root, in the note and in the ledger."""
    change_launch(dsn, rehearsal=True)
    announce(supervisor, sealed(ledger, BAD, complete=False)).start()
    for message in slack.messages:
        assert message.text.startswith("REHEARSAL · ")
    assert kept(ledger)[0].headline.startswith("REHEARSAL · ")


# ---- once -------------------------------------------------------------------------------------------


def test_phase_is_told_once_however_often_its_task_runs(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """The same try again, another try after a lost worker, and a clear: one message, one entry."""
    task = announce(supervisor, sealed(ledger, BAD, complete=False))
    for each in (task, task, task.lost(), task.cleared()):
        assert each.start().state == "success"
    assert len(slack.messages) == 2
    assert len(kept(ledger)) == 1


def test_repaired_phase_is_told_anew(supervisor: Supervisor, ledger: Ledger, slack: SlackThread) -> None:
    """Another seal is another note in the same thread."""
    announce(supervisor, sealed(ledger, BAD, complete=False)).start()
    good = record("bad", Outcome.APPROVED).model_copy(update={"task_instance_id": "ti-2"})
    repaired = sealed(ledger, good, try_number=2)
    announce(supervisor, repaired).cleared().start()
    assert len(slack.messages) == 3
    assert slack.keys[1] == phase_key(repaired)


def test_what_the_bridge_told_is_not_told_again(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, dsn: str
) -> None:
    """The message store knows that it was posted; the ledger records which message it was."""
    seal = sealed(ledger, BAD, complete=False)
    messages = Messages(dsn)
    messages.place(LAUNCH, ROOT, CHANNEL, lambda: "1.000001")
    messages.place(LAUNCH, place_of(phase_key(seal)), CHANNEL, lambda: "1.000002")
    assert announce(supervisor, seal).start().state == "success"
    assert slack.messages == []
    assert kept(ledger)[0].ts == "1.000002"


# ---- when Slack or the ledger is away -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["status", "drop"])
def test_slack_that_is_away_makes_the_task_try_again(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, kind: str
) -> None:
    """Nothing is kept as told until it was; what was posted before it broke is not posted again."""
    task = announce(supervisor, sealed(ledger, BAD, complete=False))
    slack.fails(kind, times=3)
    for number in range(3):
        ended = task.start()
        assert ended.state == "up_for_retry", number
        assert "Slack" in ended.why
        assert kept(ledger) == []
        task = task.lost()
    assert task.start().state == "success"
    assert len(slack.messages) == 2
    assert len(kept(ledger)) == 1


def test_root_that_was_posted_before_slack_broke_is_posted_once(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """A partial success goes on where it stopped."""
    task = announce(supervisor, sealed(ledger, BAD, complete=False))
    posted = slack.standin.api.calls
    task_fails_at_its_second_post(slack)
    assert task.start().state == "up_for_retry"
    assert len(slack.messages) == 1
    assert task.lost().start().state == "success"
    assert [message.thread_ts for message in slack.messages] == [None, slack.messages[0].ts]
    assert posted["chat.postMessage"] == 3


def task_fails_at_its_second_post(slack: SlackThread) -> None:
    """Let the next post pass and the one after it fail."""
    method = slack.standin.api._methods["chat.postMessage"]
    handler = method.handler

    def once(call: Any) -> dict[str, Any]:
        document = handler(call)
        slack.standin.api._methods["chat.postMessage"] = method
        slack.fails("status")
        return document

    slack.standin.api._methods["chat.postMessage"] = type(method)(once, method.scope)


def test_answer_that_got_lost_repeats_the_note_with_its_key(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """The one documented repetition: Slack posted, we never heard; both carry the key."""
    seal = sealed(ledger, BAD, complete=False)
    task = announce(supervisor, seal)
    task.start()
    again = announce(supervisor, sealed(ledger, BAD, complete=False, try_number=2))
    slack.fails("late")
    assert again.start().state == "up_for_retry"
    assert again.lost().start().state == "success"
    assert slack.keys[0] == phase_key(seal)
    assert slack.keys[1] == slack.keys[2] != slack.keys[0]
    assert len(kept(ledger)) == 2


def test_rate_limit_is_waited_out_as_slack_says(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """One Retry-After, one more call, and the task has not failed."""
    slack.fails("rate_limit", times=2, retry_after=1)
    began = datetime.now(UTC)
    assert announce(supervisor, sealed(ledger, BAD, complete=False)).start().state == "success"
    assert datetime.now(UTC) - began >= timedelta(seconds=2)
    assert len(slack.messages) == 2
    assert slack.standin.api.calls["chat.postMessage"] == 4


def test_long_rate_limit_is_left_to_the_tasks_own_retries(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """No worker sleeps for minutes."""
    slack.fails("rate_limit", retry_after=600)
    ended = announce(supervisor, sealed(ledger, BAD, complete=False)).start()
    assert ended.state == "up_for_retry"
    assert "600 s" in ended.why


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no channel": ({"extra": "{}"}, "there is no default channel"),
    "a channel's name": ({"extra": {"channel": "#launch"}}, "'#launch' is no channel id"),
    "an unknown channel": ({"extra": {"channel": "C0NOWHERE"}}, "channel_not_found. Invite the app"),
    "a wrong token": ({"password": "xoxb-wrong"}, "invalid_auth. Put the bot token"),
}


@pytest.mark.parametrize(("fields", "why"), WRONG.values(), ids=WRONG)
def test_wrong_connection_says_what_to_put_right(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, fields: dict[str, Any], why: str
) -> None:
    """The task fails in words, without the token, and is right again when the connection is."""
    task = announce(supervisor, sealed(ledger, BAD, complete=False))
    extra = fields.get("extra")
    if isinstance(extra, dict):
        fields = {"extra": json.dumps({"base_url": slack.standin.api_url, **extra})}
    slack.connect(supervisor, **fields)
    ended = task.start()
    assert ended.state == "up_for_retry"
    assert why in ended.why
    assert "xoxb-wrong" not in ended.why
    slack.connect(supervisor)
    assert task.lost().start().state == "success"


def test_without_the_connection_the_log_is_told(
    supervisor: Supervisor, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """Slack is an addition: the pipeline tells its log, and the ledger keeps the words."""
    caplog.set_level(logging.INFO)
    assert announce(supervisor, sealed(ledger, BAD, complete=False)).start().state == "success"
    assert "ANNOUNCE Pre-Launch Requirements (Week 1): FAILED (1 rejected)" in caplog.text
    (entry,) = kept(ledger)
    assert (entry.channel, entry.ts) == ("", "")


def test_nothing_is_told_where_it_cannot_be_known_what_was(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """Without the ledger there is no telling once."""
    task = announce(supervisor, sealed(ledger, BAD, complete=False))
    supervisor.postgres(AWAY)
    assert task.start().state == "up_for_retry"
    assert slack.messages == []


# ---- the launch -------------------------------------------------------------------------------------


def conductor(supervisor: Supervisor, kind: Any, task_id: str, **conf: Any) -> Task:
    """Make a task of the conductor that is no step."""
    form = {"launch_at": "", "release": "", "environment": "test", "release_sha": "", "rehearsal": False}
    with DAG(CONDUCTOR, schedule=None, params=form):
        operator = kind(task_id=task_id)
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    given = {"release": "1.2.0", "release_sha": "a" * 40, "launch_at": at, "environment": "test", **conf}
    return Task(supervisor, operator, conf=given, started_by="kim.kubernetes")


def step(supervisor: Supervisor, kind: Any, dag_id: str, **more: Any) -> Task:
    """Make a step of the conductor, after the launch was admitted."""
    with DAG(CONDUCTOR, schedule=None):
        operator = kind(task_id=dag_id, trigger_dag_id=dag_id, **more)
    return Task(supervisor, operator)


def ended(task: Task, rest: AirflowRest, dag_id: str, state: str = "success") -> Ended:
    """Let the phase of a step end, and the step look at it."""
    rest.instances(dag_id, LAUNCH, {"phase_gate": (f"gate-{dag_id}", state)})
    return task.resume({"run_ids": [LAUNCH]}, "execute_complete")


@pytest.mark.usefixtures("not_admitted")
def test_start_is_told_with_release_time_and_name(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """A person's name, not an account; what comes first; the form's page."""
    assert conductor(supervisor, AdmitOperator, "admit").start().state == "success"
    (note,) = slack.notes
    shown = slack.shown(note)
    for words in ("Launch started: 1.2.0", "Kim Nguyen", "<!date^", f"/dags/launch/runs/{LAUNCH}"):
        assert words in shown
    assert slack.keys == [launch_key(LAUNCH, LaunchNoteKind.STARTED)]
    assert kept(ledger)[0].ts == note.ts


@pytest.mark.usefixtures("not_admitted")
def test_environment_makes_a_rehearsal_of_all_that_is_told(
    supervisor: Supervisor, slack: SlackThread, include: IncludeFolder
) -> None:
    """The form need not say so."""
    include.environment(rehearsal=True)
    conductor(supervisor, AdmitOperator, "admit").start()
    assert all(message.text.startswith("REHEARSAL") for message in slack.messages)
    assert len(slack.messages) == 2


@pytest.mark.usefixtures("not_admitted")
def test_refused_start_is_told_in_the_channel_itself(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """With every reason; it is no launch, so it has no thread and no entry."""
    task = conductor(supervisor, AdmitOperator, "admit", launch_at="2020-01-01T00:00:00Z")
    assert task.start().state == "failed"
    (note,) = slack.messages
    assert note.thread_ts is None
    assert "Launch refused" in note.text
    assert "has passed" in slack.shown(note)
    assert ledger.entries(LAUNCH) == []


@pytest.mark.usefixtures("not_admitted")
@pytest.mark.parametrize("kind", ["status", "drop", "rate_limit"])
def test_launch_starts_while_slack_is_away_and_the_bridge_can_tell_it_later(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, kind: str
) -> None:
    """The launch goes on; the whole note waits in the ledger, untold."""
    slack.fails(kind, times=5)
    assert conductor(supervisor, AdmitOperator, "admit").start().state == "success"
    assert slack.messages == []
    assert slack.standin.api.calls["chat.postMessage"] == 1
    (entry,) = kept(ledger)
    assert (entry.channel, entry.ts) == ("", "")
    (note,) = launch_notes_of(ledger.entries(LAUNCH))
    assert note.key == launch_key(LAUNCH, LaunchNoteKind.STARTED)
    assert (note.what, note.by) == ("1.2.0", ("Kim Nguyen",))


def test_go_is_told_with_names_and_what_was_let_pass(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, rest: AirflowRest
) -> None:
    """Who said so, what they let pass, and when it launches; also in the channel."""
    sealed(ledger, WAIVED)
    sealed(ledger, record("cto", Outcome.APPROVED, GO_NO_GO), dag_id=GO_NO_GO)
    assert ended(step(supervisor, GoNoGoOperator, GO_NO_GO), rest, GO_NO_GO).state == "success"
    (note,) = slack.notes
    shown = slack.shown(note)
    for words in ("Go: 1.2.0", "Ada Lindqvist", "Item later", "next week", title(T_0)):
        assert words in shown.replace("\u200b", "")
    assert slack.broadcast == [note.ts]
    assert len(kept(ledger)) == 1


def test_no_go_is_told_with_who_and_why(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, rest: AirflowRest, launch: Launches
) -> None:
    """The launch has ended by then; those who were not asked any more are not listed."""
    no = record("cto", Outcome.REJECTED, GO_NO_GO, reason="the numbers are bad", results=())
    unasked = record("ops", Outcome.NOT_REACHED, GO_NO_GO, results=(), reason="denied")
    sealed(ledger, no, unasked, dag_id=GO_NO_GO, complete=False, problems=("No.",))
    assert ended(step(supervisor, GoNoGoOperator, GO_NO_GO), rest, GO_NO_GO, "failed").state == "failed"
    (note,) = slack.notes
    shown = slack.shown(note)
    for words in ("No go", "Ada Lindqvist", "the numbers are bad"):
        assert words in shown
    assert "Item ops" not in shown
    assert launch.get(LAUNCH).state is LaunchState.NO_GO


def test_no_go_ends_the_launch_while_slack_and_then_the_ledger_are_away(
    supervisor: Supervisor,
    ledger: Ledger,
    slack: SlackThread,
    rest: AirflowRest,
    launch: Launches,
    dsn: str,
) -> None:
    """The step waits for the ledger, the launch ends all the same, and a later try tells what was not."""
    no = record("cto", Outcome.REJECTED, GO_NO_GO, reason="bad", results=())
    sealed(ledger, no, dag_id=GO_NO_GO, complete=False, problems=("No.",))
    task = step(supervisor, GoNoGoOperator, GO_NO_GO)
    slack.fails("status")
    supervisor.postgres(AWAY)
    assert ended(task, rest, GO_NO_GO, "failed").state == "deferred"
    supervisor.postgres(dsn)
    assert task.resume(None).state == "failed"
    assert launch.get(LAUNCH).state is LaunchState.NO_GO
    assert slack.messages == []
    supervisor.runs.add((GO_NO_GO, LAUNCH))
    supervisor.ended_runs.add((GO_NO_GO, LAUNCH))
    rest.run(GO_NO_GO, LAUNCH, conf=CONF)
    assert task.lost().start().state == "failed"
    (note,) = slack.notes
    assert [entry.ts for entry in kept(ledger)] == ["", note.ts]
    assert len(launch_notes_of(ledger.entries(LAUNCH))) == 1


def test_bypassed_go_no_go_is_neither_go_nor_no_go(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, rest: AirflowRest
) -> None:
    """Nobody decided: the phase's own note says what is wrong."""
    around = record("cto", Outcome.NOT_REACHED, GO_NO_GO, results=())
    sealed(ledger, around, dag_id=GO_NO_GO, complete=False, bypasses=(around.item_ref,), problems=("By.",))
    ended(step(supervisor, GoNoGoOperator, GO_NO_GO), rest, GO_NO_GO, "failed")
    assert slack.messages == []


def test_rollback_is_offered_to_its_contacts_with_the_failing_evidence(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, rest: AirflowRest
) -> None:
    """They are addressed so that phones ring; once, however often the offer is looked at."""
    sealed(ledger, record("smoke", Outcome.REJECTED, T_0, reason="checkout fails"), dag_id=T_0,
           complete=False, problems=("t_0.smoke was rejected.",))  # fmt: skip
    task = step(supervisor, OfferRollbackOperator, ROLLBACK, after=list(AFTER_GO))
    task.start()
    rest.run(ROLLBACK, LAUNCH, conf=CONF)
    task.lost().start()
    (note,) = slack.notes
    shown = slack.shown(note)
    for words in ("Rollback offered", "Item smoke", "checkout fails", "<@U0LAUNCH", f"/dags/{ROLLBACK}/"):
        assert words in shown
    assert slack.broadcast == [note.ts]
    assert [triggered.dag_id for triggered in supervisor.triggered] == [ROLLBACK]


def test_rollback_is_offered_while_slack_is_away(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, rest: AirflowRest, include: IncludeFolder
) -> None:
    """Not before a window has failed; then a broken contacts file does not hold it back either."""
    include.contacts.write_text("people: [")
    slack.fails("drop", times=5)
    supervisor.runs.add((T_0, LAUNCH))
    rest.run(T_0, LAUNCH, conf=CONF)
    task = step(supervisor, OfferRollbackOperator, ROLLBACK, after=list(AFTER_GO))
    assert task.start().trigger == "RollbackTrigger"
    assert (supervisor.triggered, kept(ledger)) == ([], [])
    supervisor.failed.add((CONDUCTOR, T_0))
    task.resume({"why": OFFER, "failed": [T_0]})
    assert [triggered.dag_id for triggered in supervisor.triggered] == [ROLLBACK]
    (note,) = launch_notes_of(ledger.entries(LAUNCH))
    assert note.kind is LaunchNoteKind.ROLLBACK_OFFERED
    assert "ended without a seal" in note.reason


def test_completion_is_told_with_who_signed(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, rest: AirflowRest, dsn: str
) -> None:
    """Not while the sign-off is unsealed or verified again; then it is the last note of the thread."""
    seal_before(CONDUCTOR, ledger, rest, dsn, but=SIGN_OFF)
    task = conductor(supervisor, CompleteOperator, "complete")
    assert task.start().state == "failed"
    phases = PassedPhases(ledger, dsn)
    phases.seal(SIGN_OFF)
    rest.instances(SIGN_OFF, LAUNCH, {"phase_gate": (f"gate-{SIGN_OFF}-1", "success")})
    signers = [person.name for r in ledger.entries(LAUNCH) if r.record and (person := r.record.decided_by)]
    phases.reopen(SIGN_OFF, whole_seal(SIGN_OFF).records[0].item_ref, "the release commit was changed")
    assert task.start().state == "deferred"
    assert slack.messages == []
    phases.seal(SIGN_OFF)
    rest.instances(SIGN_OFF, LAUNCH, {"phase_gate": (f"gate-{SIGN_OFF}-2", "success")})
    assert task.resume(None).state == "success"
    (note,) = slack.notes
    assert "Launch complete" in note.text
    assert "Ada Lindqvist" in signers
    assert all(name in slack.shown(note) for name in signers)


REPORT = f"https://airflow.example.org/launch/report/{LAUNCH}"


def test_end_is_told_with_the_report_and_the_head_of_the_chain(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, rest: AirflowRest
) -> None:
    """Complete or no go: Slack shows the head of the hash chain and links the report."""
    no = record("cto", Outcome.REJECTED, GO_NO_GO, reason="the numbers are bad", results=())
    sealed(ledger, no, dag_id=GO_NO_GO, complete=False, problems=("No.",))
    ended(step(supervisor, GoNoGoOperator, GO_NO_GO), rest, GO_NO_GO, "failed")
    rows = {row.digest: row for row in read_rows(ledger._dsn, LAUNCH).links}
    (note,) = slack.notes
    assert f"<{REPORT}|Report of the launch>" in slack.shown(note)
    (digest,) = re.findall(r"sha256:[0-9a-f]{64}", slack.shown(note))
    # The end of the launch is kept before it is told.
    assert rows[digest].kind == EntryKind.LAUNCH_ENDED
    assert kept(ledger)[-1].lines[-2:] == (
        f"report: {REPORT}",
        f"record up to row {rows[digest].position}: {digest}",
    )


PARSED = """
import json, sys
from launch_pipeline.airflow.dags import conductor, phase
from launch_pipeline.airflow.operators import run_phase
from launch_pipeline.airflow.sensors import launch_window
heavy = ("airflow.providers.slack.hooks", "slack_sdk", "slack_bolt", "psycopg", "aiohttp",
         "launch_pipeline.slack.messages.block_kit")
print(json.dumps([name for name in heavy if name in sys.modules]))
"""


def test_dag_files_load_nothing_of_slack() -> None:
    """The Dag processor reads every Dag each minute; Slack's clients are loaded where something is told."""
    done = subprocess.run([sys.executable, "-c", PARSED], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_items_page_is_the_one_that_airflow_links_to(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread
) -> None:
    """The provider of human requests knows the page's address."""
    announce(supervisor, sealed(ledger, BAD, complete=False)).start()
    item = a_task(supervisor)
    instance: Any = SimpleNamespace(dag_id=WEEK_1, run_id=LAUNCH, task_id=BAD.task_id, map_index=-1)
    page = item.operator.generate_link_to_ui(task_instance=instance, base_url="https://airflow.example.org")
    assert page.partition("?")[0] in slack.shown(slack.notes[0])


# ---- windows ----------------------------------------------------------------------------------------


@pytest.fixture
def stands(ledger: Ledger, rest: AirflowRest, dsn: str) -> None:
    """Seal every phase before T-0 complete."""
    seal_before(T_0, ledger, rest, dsn)


def window(supervisor: Supervisor, dsn: str, due: datetime, dag_id: str = T_0) -> Task:
    """Let the wait of a window that is due end, as its trigger says it."""
    change_launch(dsn, launch_at=due)
    with DAG(dag_id, schedule=None):
        operator = LaunchWindowSensor(task_id="opens", moment={}, told=True)
    task = Task(supervisor, operator, conf=CONF)
    task.start()
    task.resume({"opened": due.isoformat()})
    return task


def state_of(task: Task) -> str:
    return task.last.state if task.last else ""


LATE = {
    "in time": (timedelta(seconds=1), LaunchNoteKind.WINDOW_OPENED),
    "just in time": (MISSED_AFTER - timedelta(seconds=30), LaunchNoteKind.WINDOW_OPENED),
    "too late": (MISSED_AFTER + timedelta(seconds=30), LaunchNoteKind.WINDOW_MISSED),
    "hours late": (timedelta(hours=3, minutes=7), LaunchNoteKind.WINDOW_MISSED),
}


@pytest.mark.usefixtures("stands")
@pytest.mark.parametrize(("late", "kind"), LATE.values(), ids=LATE)
def test_window_that_opened_or_was_missed_is_told(
    supervisor: Supervisor,
    ledger: Ledger,
    slack: SlackThread,
    dsn: str,
    late: timedelta,
    kind: LaunchNoteKind,
) -> None:
    """Its name and when it was due; one that was missed is loud and says how late it is."""
    assert state_of(window(supervisor, dsn, datetime.now(UTC) - late)) == "success"
    (note,) = slack.notes
    (told,) = launch_notes_of(ledger.entries(LAUNCH))
    assert told.kind is kind
    assert title(T_0) in slack.shown(note)
    missed = kind is LaunchNoteKind.WINDOW_MISSED
    assert slack.broadcast == ([note.ts] if missed else [])
    assert told.reason.endswith("late") is missed
    if late > timedelta(hours=1):
        assert told.reason == "3 h 7 min late"


@pytest.mark.usefixtures("stands")
def test_window_moved_by_a_postponement_is_told_again(
    supervisor: Supervisor, slack: SlackThread, dsn: str
) -> None:
    """A window that is cleared and opens at another moment is another note; at the same, the same."""
    first = datetime.now(UTC) - timedelta(seconds=2)
    for due in (first, first, first + timedelta(seconds=1)):
        assert state_of(window(supervisor, dsn, due, T_MINUS_2H)) == "success"
    assert len(slack.notes) == 2


@pytest.mark.usefixtures("stands")
@pytest.mark.parametrize("away", ["slack", "silence", "channel"])
def test_window_opens_whatever_is_away(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, dsn: str, away: str
) -> None:
    """The launch does not wait for what only tells."""
    if away == "channel":
        slack.connect(supervisor, extra="{}")
    else:
        slack.fails("drop" if away == "slack" else away, times=5)
    assert state_of(window(supervisor, dsn, datetime.now(UTC))) == "success"
    assert slack.messages == []
    assert len(kept(ledger)) == 1


@pytest.mark.usefixtures("stands")
def test_window_waits_for_the_ledger_and_is_told_then(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, dsn: str
) -> None:
    """Whether it may open is in the ledger alone: away, it stays closed and tells nothing."""
    supervisor.postgres(AWAY)
    task = window(supervisor, dsn, datetime.now(UTC))
    assert task.last is not None
    assert (task.last.trigger, slack.messages, kept(ledger)) == ("DateTimeTrigger", [], [])
    supervisor.postgres(dsn)
    assert task.resume(None).state == "success"
    assert (len(slack.notes), len(kept(ledger))) == (1, 1)


def test_window_that_is_held_back_tells_nothing(
    supervisor: Supervisor, ledger: Ledger, slack: SlackThread, rest: AirflowRest, dsn: str
) -> None:
    """It waits on while a phase before it is unsealed, and opens once all of them are sealed."""
    due = datetime.now(UTC)
    seal_before(T_0, ledger, rest, dsn, but=GO_NO_GO)
    task = window(supervisor, dsn, due)
    assert task.last is not None
    assert (task.last.trigger, slack.messages, kept(ledger)) == ("WindowTrigger", [], [])
    ledger.append(Entry.of_seal(whole_seal(GO_NO_GO), f"gate-{GO_NO_GO}"))
    assert task.resume({"opened": due.isoformat()}).state == "success"
    assert len(slack.notes) == 1


def test_aborted_launch_is_no_window(supervisor: Supervisor, slack: SlackThread) -> None:
    """It fails with the reason and tells nothing of its own."""
    with DAG(T_0, schedule=None):
        operator = LaunchWindowSensor(task_id="opens", moment={}, told=True)
    task = Task(supervisor, operator, conf=CONF)
    task.start()
    ended = task.resume({"refused": "The launch is over (aborted)."})
    assert (ended.state, slack.messages) == ("failed", [])
    assert "The launch is over (aborted)" in ended.why
