"""The gate of a phase: it compares, seals, opens or fails; and what is told of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from launch_pipeline.airflow.notifiers.announce import AnnounceOperator
from launch_pipeline.airflow.operators.phase_gate import PATIENCE, PhaseGateOperator
from launch_pipeline.checklist.sequence import GO_NO_GO, T_0, title
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import EntryKind, Outcome, Seal
from launch_pipeline.notifications.announcements import Announcement
from servers.airflow_rest import AirflowRest
from servers.airflow_task import Task
from servers.item_tasks import (
    CONF,
    REASON,
    a_spec,
    a_task,
    asked,
    change_launch,
    entries,
    evidence,
    take_in,
    week_1_digest,
)
from servers.sealed_phases import seal_before

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Ended, Supervisor
    from servers.include_folder import IncludeFolder

pytestmark = pytest.mark.usefixtures("launched")
LAUNCH = "shop-1.2"
CHECKLIST = "01_pre_launch_requirements.yaml"


@pytest.fixture
def rest(supervisor: Supervisor) -> Iterator[AirflowRest]:
    """Give the REST API that the gate reads task instances from."""
    with AirflowRest() as server:
        yield server.connect(supervisor)


class Phase:
    """A phase of a few items and its gate."""

    def __init__(
        self, supervisor: Supervisor, rest: AirflowRest, *items: Task, dag_id: str = "week_1"
    ) -> None:
        self.supervisor = supervisor
        self.rest = rest
        self.items = items
        self.dag_id = dag_id
        with DAG(dag_id, schedule=None):
            gate = PhaseGateOperator(task_id="phase_gate")
            announce = AnnounceOperator(task_id="announce", title="Week 1")
        self.gate = Task(supervisor, gate, conf=CONF)
        self.announce = Task(supervisor, announce, conf=CONF)

    def told(self) -> Ended:
        """Run the teardown, once Airflow shows the gate as it ended."""
        state = str(self.gate.last.state) if self.gate.last else None
        self.rest.instances(self.dag_id, LAUNCH, {"phase_gate": (str(self.gate.id), state)})
        return self.announce.start()

    def show(self, **states: str | None) -> None:
        """Let Airflow show the items as they ended, or as given by hand."""
        rows = {
            item.operator.task_id: (
                str(item.id),
                states.get(
                    item.operator.task_id.partition(".")[2], str(item.last.state) if item.last else None
                ),
            )
            for item in self.items
        }
        self.rest.instances(self.dag_id, LAUNCH, {**rows, "phase_gate": (str(self.gate.id), "running")})

    def close(self, **states: str | None) -> Ended:
        """Run the gate."""
        self.show(**states)
        return self.gate.start()

    @property
    def seal(self) -> Seal:
        """What the gate left."""
        return Seal.model_validate(self.gate.xcom())


def three(supervisor: Supervisor) -> list[Task]:
    """Give an approved, a waived and a machine-passed item."""
    approved, waived = asked(a_task(supervisor, id="one")), asked(a_task(supervisor, id="two"))
    approved.answer("Approve")
    waived.answer("Waive", by="carla.cto", reason=REASON)
    return [approved, waived, passed(supervisor, "three")]


def passed(supervisor: Supervisor, name: str) -> Task:
    """Give an item whose checks passed."""
    task = a_task(supervisor, mode="check", id=name)
    task.resume(evidence(task))
    return task


def test_complete_phase_is_sealed_and_opens(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """Every record is in the ledger once, as its own task has kept it, and the seal lists them."""
    phase = Phase(supervisor, rest, *three(supervisor))
    assert phase.close().state == "success"
    assert phase.seal.complete
    assert phase.seal.counts == {Outcome.APPROVED: 1, Outcome.WAIVED: 1, Outcome.PASSED: 1}
    kinds = [entry.kind for entry in entries(ledger)]
    assert sorted(kinds) == ["decision", "decision", "machine_pass", "seal"]
    seal = entries(ledger, EntryKind.SEAL)[0]
    assert seal.task_instance_id == str(phase.gate.id)
    kept = {entry.item_ref: entry.record.digest for entry in entries(ledger) if entry.record}
    assert {record.item_ref: record.digest for record in phase.seal.records} == kept


@pytest.mark.parametrize("mode", ["approval", "check"])
def test_record_that_lies_in_an_xcom_alone_is_a_bypass(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, mode: str
) -> None:
    """Who may write XComs can put a person's approval or a machine's pass there: it is none."""
    real = asked(a_task(supervisor, mode=mode, id="real"), "passed")
    if mode == "approval":
        real.answer("Approve")
    forged = asked(a_task(supervisor, id="forged"))
    forgery = {
        **real.xcom(),
        "item_ref": "week_1.security.forged",
        "task_id": "security.forged",
        "task_instance_id": str(forged.id),
    }
    for value in (forgery, json.dumps(forgery)):
        forged.leave("return_value", value)
        ended = Phase(supervisor, rest, forged).close(forged="success")
        assert ended.state == "failed"
        assert "week_1.security.forged was marked success without a record: a bypass." in ended.why
    outcomes = [e.record.outcome for e in entries(ledger) if e.item_ref.endswith("forged") and e.record]
    assert set(outcomes) == {Outcome.NOT_REACHED}


def an_event(event: str, owner: str, task_id: str | None, **sent: Any) -> dict[str, Any]:
    """Make a row of Airflow's audit log, with what was sent."""
    extra = json.dumps({**sent, "method": "PATCH"})
    return {"event": event, "owner": owner, "task_id": task_id, "extra": extra}


def test_bypass_names_who_marked_it(supervisor: Supervisor, ledger: Ledger, rest: AirflowRest) -> None:
    """Airflow's audit log knows; the seal and the ledger say it."""
    item = asked(a_task(supervisor))
    rest.events(
        {"event": "clear", "owner": "noor.network", "task_id": "security.tls"},
        an_event("patch_task_instance", "kim.kubernetes", "security.other", new_state="success"),
        # Who only writes a note, of the task or of its run, is named for nothing.
        an_event("patch_task_instance", "sven.security", "security.tls", note="looked at it"),
        an_event("patch_dag_run", "carla.cto", None, note="on hold"),
        {"event": "patch_task_instance", "owner": "noor.network", "task_id": "security.tls", "extra": "]"},
        an_event("patch_task_instance", "ada.technical", "security.tls", new_state="success"),
        an_event("patch_dag_run", "bo.technical", None, state="success"),
    )
    ended = Phase(supervisor, rest, item).close(tls="success")
    assert "week_1.security.tls was marked success by ada.technical without a record" in ended.why
    (bypass,) = entries(ledger, EntryKind.BYPASS)
    assert bypass.content["by"] == "ada.technical"


def test_gate_of_a_run_that_is_not_the_launchs_own_seals_nothing(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """A run that somebody began beside the launch is refused by its gate as well."""
    phase = Phase(supervisor, rest, *three(supervisor))
    phase.gate.run_type = "manual"
    ended = phase.close()
    assert (ended.state, "triggered by hand" in ended.why) == ("failed", True)
    assert entries(ledger, EntryKind.SEAL) == []


def test_gate_of_a_launch_that_is_over_seals_nothing(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """A gate that is cleared after the end changes nothing that was said."""
    phase = Phase(supervisor, rest, *three(supervisor))
    Launches(dsn).abort(LAUNCH, "ada.technical", REASON)
    ended = phase.close()
    assert (ended.state, "is over (aborted)" in ended.why) == ("failed", True)
    assert entries(ledger, EntryKind.SEAL) == []


def test_gate_is_not_complete_while_a_phase_before_it_is_open_again(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """A seal follows from all that precedes it, whatever Airflow's states say."""
    phase = at_t_0(supervisor, ledger, rest, dsn, but=GO_NO_GO)
    ended = phase.close()
    assert ended.state == "failed"
    assert f"{title(GO_NO_GO)} has no seal of its present gate" in ended.why
    assert not phase.seal.complete


def at_t_0(supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str, **seals: Any) -> Phase:
    """Give the phase of T-0 with ``three`` items, all that precedes it sealed except what ``seals`` say."""
    items = three(supervisor)
    seal_before(T_0, ledger, rest, dsn, **seals)
    take_in(dsn, *(item.operator.spec for item in items), dag_id=T_0)
    return Phase(supervisor, rest, *items, dag_id=T_0)


def test_gate_waits_while_a_phase_before_it_is_verified_again(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """It fails nothing and seals nothing for as long as that takes, and goes on by itself."""
    phase = at_t_0(supervisor, ledger, rest, dsn)
    rest.instances(GO_NO_GO, LAUNCH, {"phase_gate": ("gate-new", "running")})
    phase.show()
    ended = phase.gate.start()
    for _ in range(2):
        assert (ended.state, ended.message.next_method) == ("deferred", "again")
        ended = phase.gate.resume(None)
    assert entries(ledger, EntryKind.SEAL)[-1].dag_id != T_0
    rest.instances(GO_NO_GO, LAUNCH, {"phase_gate": (f"gate-{GO_NO_GO}", "success")})
    assert phase.gate.resume(None).state == "success"
    assert entries(ledger, EntryKind.SEAL)[-1].dag_id == T_0


BYPASSES = {
    "marked green while it asked": ("success", False),
    "marked skipped while it asked": ("skipped", False),
    "marked green with the record of an earlier try": ("success", True),
}


@pytest.mark.parametrize(("state", "earlier"), BYPASSES.values(), ids=BYPASSES)
def test_bypass_is_named_kept_and_fails_the_phase(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, state: str, earlier: bool
) -> None:
    """A green task without a record of this very task instance opens nothing, and the ledger knows it."""
    item = passed(supervisor, "tls") if earlier else asked(a_task(supervisor))
    if earlier:
        item = item.cleared()
    phase = Phase(supervisor, rest, item)
    ended = phase.close(tls=state)
    assert ended.state == "failed"
    assert "week_1.security.tls was marked" in ended.why
    assert phase.seal.bypasses == ("week_1.security.tls",)
    (bypass,) = entries(ledger, EntryKind.BYPASS)
    assert (bypass.item_ref, bypass.task_instance_id) == ("week_1.security.tls", str(item.id))
    assert bypass.content["state"] == state
    assert not Seal.model_validate(entries(ledger, EntryKind.SEAL)[0].content).complete


def test_rejection_and_what_it_held_back_fail_the_phase(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """Who said no and why is in the reasons; what came after was not reached, and both are kept."""
    rejected, after = asked(a_task(supervisor, id="one")), a_task(supervisor, id="two")
    rejected.answer("Reject", reason=REASON)
    phase = Phase(supervisor, rest, rejected, after)
    ended = phase.close(two="upstream_failed")
    assert ended.state == "failed"
    assert f"week_1.security.one was rejected by Sven Okafor: {REASON}" in ended.why
    assert "week_1.security.two was not reached (state upstream_failed)" in ended.why
    assert [e.item_ref for e in entries(ledger, EntryKind.NOT_REACHED)] == ["week_1.security.two"]


def test_item_that_airflow_does_not_know_was_not_reached(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """An item that today's checklist lost has no task any more, and is missed all the same."""
    phase = Phase(supervisor, rest, *three(supervisor), a_task(supervisor, id="new"))
    known: dict[str, tuple[str, str | None]] = {
        item.operator.task_id: (str(item.id), str(item.last.state)) for item in phase.items if item.last
    }
    rest.instances("week_1", LAUNCH, known)
    ended = phase.gate.start()
    assert ended.state == "failed"
    assert "week_1.security.new was not reached (state none)" in ended.why
    assert ledger.seal(LAUNCH, "week_1") is not None


def test_repaired_phase_is_sealed_anew(supervisor: Supervisor, ledger: Ledger, rest: AirflowRest) -> None:
    """After a clear the next try seals complete, and both seals stay."""
    item = asked(a_task(supervisor))
    item.answer("Reject", reason=REASON)
    phase = Phase(supervisor, rest, item)
    assert phase.close().state == "failed"
    again = asked(item.cleared())
    again.answer("Approve")
    phase.items, phase.gate = (again,), phase.gate.cleared()
    assert phase.close().state == "success"
    seals = [Seal.model_validate(e.content).complete for e in entries(ledger, EntryKind.SEAL)]
    assert seals == [False, True]


@pytest.mark.parametrize("edit", ["a comment", "emptied", "no file"])
def test_checklist_that_is_edited_under_the_launch_changes_nothing(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, include: IncludeFolder, edit: str
) -> None:
    """The gate seals the items of the launch, under the digest that the launch has of them."""
    path = include.path / "checklists" / CHECKLIST
    phase = Phase(supervisor, rest, *three(supervisor))
    if edit == "no file":
        path.unlink()
    else:
        path.write_text("" if edit == "emptied" else path.read_text() + "\n# one more line\n")
    assert phase.close().state == "success"
    assert phase.seal.checklist_digest == week_1_digest(supervisor.ledger_dsn)
    assert len(entries(ledger, EntryKind.SEAL)) == 1


def test_item_that_the_launch_does_not_have_is_ignored(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """It came into the checklist later: skipped without a record it is no bypass, and in no seal."""
    later = a_task(supervisor, id="later", known=False)
    later.start()
    phase = Phase(supervisor, rest, *three(supervisor), later)
    assert phase.close(later="skipped").state == "success"
    assert phase.seal.bypasses == ()
    assert len(phase.seal.records) == 3
    assert not [e for e in entries(ledger) if e.item_ref.endswith("later")]


def test_gate_seals_no_record_of_what_has_changed(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest, dsn: str
) -> None:
    """It waits for the item to be verified again; where that does not come about it fails, and names it."""
    pinned = [{"http_request": {"path": "/${release_sha}"}}]
    item = a_task(supervisor, mode="check", id="pinned", checks=pinned)
    item.resume(evidence(item))
    phase = Phase(supervisor, rest, item, passed(supervisor, "other"))
    change_launch(dsn, release_sha="b" * 40)
    ended = phase.close()
    for _ in range(PATIENCE):
        assert (ended.state, ended.message.next_method) == ("deferred", "again")
        assert entries(ledger, EntryKind.SEAL) == []
        ended = phase.gate.resume(None)
    assert ended.state == "failed"
    assert "week_1.security.pinned rests on what has changed (the release commit was changed)" in ended.why
    assert "other" not in ended.why
    assert not phase.seal.complete


def test_gate_does_not_seal_an_item_that_was_reopened_and_has_no_record_since(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """Its row comes before the clear of its task: a seal between the two would forget what it was about."""
    item = passed(supervisor, "tls")
    phase = Phase(supervisor, rest, item)
    ledger.append(
        Reopened(
            dag_id="week_1",
            item_ref="week_1.security.tls",
            text="TLS certificates are valid",
            owner=Role.SECURITY_LEAD,
            cause=Cause.NO_LONGER_TRUE,
            why=("its checks fail",),
            task_instance_id=str(item.id),
        ).entry(LAUNCH, 1)
    )
    assert phase.close().state == "deferred"
    assert entries(ledger, EntryKind.SEAL) == []
    again = item.cleared()
    again.resume(evidence(again))
    phase.items = (again,)
    phase.show()
    assert phase.gate.resume(None).state == "success"
    assert [record.task_instance_id for record in phase.seal.records] == [str(again.id)]


@pytest.mark.parametrize("away", ["ledger", "api-server", "connection"])
def test_gate_waits_for_what_is_away(
    supervisor: Supervisor,
    ledger: Ledger,
    rest: AirflowRest,
    dsn: str,
    away: str,
) -> None:
    """No phase closes unrecorded, and none fails for it: the gate waits without a worker and goes on."""
    phase = Phase(supervisor, rest, *three(supervisor))
    phase.show()
    airflow = supervisor.connections["launch_airflow"]
    if away == "ledger":
        supervisor.postgres("postgresql://nobody@127.0.0.1:9/none")
    elif away == "api-server":
        rest.trouble("week_1", LAUNCH)
    else:
        del supervisor.connections["launch_airflow"]
    ended = phase.gate.start()
    for _ in range(2):
        assert (ended.state, ended.trigger, ended.message.next_method) == (
            "deferred",
            "DateTimeTrigger",
            "again",
        )
        ended = phase.gate.resume(None)
    supervisor.postgres(dsn)
    supervisor.connections["launch_airflow"] = airflow
    phase.show()
    assert phase.gate.resume(None).state == "success"
    assert len(entries(ledger, EntryKind.SEAL)) == 1


def test_seal_whose_reply_got_lost_is_there_once(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """The same try says the same again, not-reached items included."""
    phase = Phase(supervisor, rest, *three(supervisor), a_task(supervisor, id="four"))
    first = phase.close(four="upstream_failed")
    before = len(entries(ledger))
    assert phase.gate.start().why == first.why
    assert len(entries(ledger)) == before


# ---- what is told -----------------------------------------------------------------------------------


def test_announcement_is_told_and_kept_once(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """The teardown reads the gate's seal; told again by a retry it is kept once."""
    phase = Phase(supervisor, rest, *three(supervisor))
    phase.close()
    assert phase.told().state == "success"
    assert phase.told().state == "success"
    (entry,) = entries(ledger, EntryKind.ANNOUNCEMENT)
    told = Announcement.model_validate(entry.content)
    assert told.headline == "Week 1: complete (1 passed, 1 approved, 1 waived)"


def test_announcement_that_cannot_be_kept_is_tried_again(
    supervisor: Supervisor, ledger: Ledger, rest: AirflowRest
) -> None:
    """Without the ledger the announcement is not done."""
    phase = Phase(supervisor, rest, *three(supervisor))
    phase.close()
    supervisor.postgres("postgresql://nobody@127.0.0.1:9/none")
    assert phase.told().state == "up_for_retry"
    assert entries(ledger, EntryKind.ANNOUNCEMENT) == []


def test_spec_of_an_item_outlives_its_travel() -> None:
    """Specs travel as plain JSON and come back the same."""
    spec: Any = a_spec(mode="check", repeat=None)
    assert type(spec).model_validate(spec.payload()) == spec
