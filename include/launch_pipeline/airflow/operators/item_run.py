"""Carry out the actions of one item in a worker: ledger, checks, request, and the waits between them."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import cached_property, singledispatchmethod
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, TaskAwaitingInput
from airflow.sdk.execution_time.context import NEVER_EXPIRE
from airflow.sdk.execution_time.hitl import upsert_hitl_detail

from launch_pipeline.airflow.hooks.in_force import spec_of
from launch_pipeline.airflow.hooks.ledger import (
    ledger,
    looked_again,
    prior_answers,
    recorded_rounds,
    set_aside,
)
from launch_pipeline.airflow.operators import hitl_request
from launch_pipeline.airflow.operators.item_evidence import (
    asked,
    environment_or_default,
    latest,
    look,
    names_of,
    note_asked,
    recheck_every,
    show,
    variables_of,
)
from launch_pipeline.airflow.policies.answer_recovery import (
    carried,
    cleared_at,
    lost_answer,
    recorded_decision,
)
from launch_pipeline.airflow.policies.answers import Names, append_decision, check_answer, may_still
from launch_pipeline.airflow.policies.launch_run import launch_in
from launch_pipeline.airflow.policies.openings import opened
from launch_pipeline.airflow.policies.pacing import pause, worker_lag
from launch_pipeline.airflow.policies.retries import RecheckAsked
from launch_pipeline.airflow.sensors.launch_window import WindowTrigger
from launch_pipeline.airflow.triggers.checks import ChecksTrigger, NoGoTrigger
from launch_pipeline.approvals.deployed import policy
from launch_pipeline.errors import AnswerRefused, ConfigurationError, LaunchRefused
from launch_pipeline.launch.basis import with_person
from launch_pipeline.launch.confirming import carries_over, decision_before
from launch_pipeline.launch.evidence import REFUSAL_KEY, Evidence, refusal_payload
from launch_pipeline.launch.item_flow import (
    Answered,
    Append,
    AppendRound,
    Ask,
    AskAgain,
    AskAnew,
    Checked,
    Counted,
    Decide,
    Decided,
    Denied,
    Deny,
    End,
    Ended,
    Ending,
    Event,
    Healed,
    Pass,
    Refresh,
    Refreshed,
    Refused,
    Rest,
    Retry,
    Show,
    Take,
    Traits,
    WaitFor,
    left_until_next,
    step,
    wait_for,
)
from launch_pipeline.launch.item_records import (
    confirmed_record,
    decision_record,
    machine_record,
    not_reached_record,
)
from launch_pipeline.launch.item_states import State
from launch_pipeline.ledger.schema import Entry

if TYPE_CHECKING:
    from airflow.sdk import Context

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.item_flow import Action
    from launch_pipeline.launch.item_records import ItemSpec
    from launch_pipeline.ledger.schema import Acknowledgement, Record

log = logging.getLogger(__name__)

NOT_OF_THIS_LAUNCH = (
    "This launch does not have this item: it came into the checklist after the launch had begun."
    " 'launch amend {}' would take it in."
)


class ItemTask(Protocol):
    """What a run needs of the operator."""

    def defer(self, *, trigger: Any, method_name: str, kwargs: dict[str, Any]) -> NoReturn: ...  # noqa: D102


class ItemRun:
    """One stretch of an item in a worker: from an event to a wait or the end of the task."""

    def __init__(self, operator: ItemTask, context: Context) -> None:
        self.operator = operator
        self.context = context
        self.ti: Any = context["ti"]
        self.state = State.BEGINNING
        self.held: dict[str, Any] = {}

    def hold(self, state: State, **held: Any) -> None:
        """Note what the task goes on with if the ledger or Airflow is away from here on."""
        self.state, self.held = state, held

    def go(self, event: Event) -> Any:
        """Follow the flow until the task waits or fails (raises), or return the record it succeeds with."""
        while True:
            self._keep(event)
            follows = self.perform(step(event, self.traits))
            if isinstance(follows, dict):
                return follows
            event = follows

    def _keep(self, event: Event) -> None:
        """Hold what an event brought, before the ledger is asked for anything: it is delivered once."""
        match event:
            case Answered(answer) | Refreshed(answer):
                # What a refresh saw is not stored: after a pause the answer looks again.
                self.hold(State.ANSWERED, answer=answer.model_dump(mode="json"))
            case Healed(evidence):
                self.hold(State.HEALED, evidence=evidence.payload())
            case Denied(by):
                self.hold(State.DENIED, by=by)

    # ---- the first look ----------------------------------------------------------------------------

    def checked(self, evidence: Evidence | None) -> Checked:
        """Look at the checks unless the triggerer has, and find the answer of a lost try."""
        # Held before the ledger is asked: the triggerer's event is delivered once.
        self.hold(State.BEGINNING, evidence=evidence.payload() if evidence else None)
        self.await_opening()
        if evidence is None and self.spec.item.mode.has_checks:
            evidence = look(self.spec, self.context, self.launch)
            self.hold(State.BEGINNING, evidence=evidence.payload())
        answer = lost_answer(self.ti)
        if answer is None:
            return Checked(evidence, confirmed=self.confirmed(evidence))
        log.info("The worker of the previous try was lost; the answer of %s counts.", answer.airflow_user)
        return Checked(evidence, answer, self.acknowledged)

    def confirmed(self, evidence: Evidence | None) -> Record | None:
        """Return the record of an earlier decision that is carried over to this evidence, or None."""
        if evidence is None:
            return None
        earlier = decision_before(ledger().entries(self.launch.launch_id), self.spec.ref)
        if earlier is None or not carries_over(earlier, evidence, self.spec.item):
            return None
        if not may_still(self.spec, earlier, self.launch.started_by):
            return None
        return confirmed_record(self.spec, self.launch, self.ti, earlier, evidence)

    def await_opening(self) -> None:
        """Hold back an item of a window that has not opened, though its wait was ended by hand.

        The task begins anew then: what was seen or answered too early does not count.
        """
        if opened(self.launch, self.ti.dag_id, self.spec.moments):
            return
        log.warning("The wait before this item was ended by hand; it begins when its window opens.")
        moments = [moment.model_dump(mode="json") for moment in self.spec.moments]
        self.hold(State.BEGINNING, evidence=None)
        self.defer(WindowTrigger(moments=moments, told=True))

    @cached_property
    def launch(self) -> LaunchContext:
        """The launch of this run. Raises LedgerUnavailable; fails the task where there is none."""
        return launch_in(self.context)

    @cached_property
    def spec(self) -> ItemSpec:
        """The item as its launch has it. Raises LedgerUnavailable.

        Fails the task if the launch cannot go on by its checklist, and skips a task that it does not have.
        """
        try:
            found = spec_of(self.launch, self.ti.dag_id, self.ti.task_id)
        except LaunchRefused as refused:
            raise AirflowFailException(str(refused)) from refused
        if found is None:
            raise AirflowSkipException(NOT_OF_THIS_LAUNCH.format(self.launch.launch_id))
        return found

    @cached_property
    def traits(self) -> Traits:
        """What the flow depends on of the item."""
        return Traits.of(self.spec.item)

    @property
    def acknowledged(self) -> tuple[Acknowledgement, ...]:
        """The rounds that the ledger holds since the task began or was cleared."""
        if not self.traits.rounds:
            return ()
        return tuple(recorded_rounds(self.context["run_id"], self.spec.ref, cleared_at(self.ti.max_tries)))

    # ---- actions -----------------------------------------------------------------------------------

    @singledispatchmethod
    def perform(self, action: Action) -> Event | dict[str, Any]:
        """Carry out an action: return the event that follows, or the record of a task that succeeds."""
        raise NotImplementedError(action)

    @perform.register
    def _pass(self, action: Pass) -> dict[str, Any]:
        record = machine_record(self.spec, self.launch, self.ti, action.evidence)
        return ledger().append_pass(record).model_dump(mode="json")

    @perform.register
    def _ask(self, action: Ask) -> NoReturn:
        self._open(action.evidence)

    @perform.register
    def _ask_again(self, action: AskAgain) -> NoReturn:
        if action.shown is not None:
            show(self.context, self.launch, action.shown)
        log.warning("The answer does not count: %s", action.why)
        self._say_why(action.why)
        self._open(latest(self.context))

    @perform.register
    def _ask_anew(self, action: AskAnew) -> NoReturn:
        del action
        self._say_why("")
        launch = self.launch
        self._open(look(self.spec, self.context, launch) if self.spec.item.mode.has_checks else None)

    @perform.register
    def _show(self, action: Show) -> NoReturn:
        show(self.context, self.launch, action.evidence)
        self._wait(action.evidence)

    @perform.register
    def _take(self, action: Take) -> Event | dict[str, Any]:
        answer = action.answer
        if action.shown is not None:
            show(self.context, self.launch, action.shown)
        self.hold(State.ANSWERED, answer=answer.model_dump(mode="json"))
        if action.offered and (record := recorded_decision(self.context["run_id"], self.spec.ref, answer)):
            return self.perform(Append(carried(record, self.ti)))
        self.await_opening()
        evidence = latest(self.context)
        try:
            answered = prior_answers(self.context["run_id"], self.ti.dag_id, self.spec.ref)
            names = Names(asked(self.context), names_of(self.spec, self.launch))
            facts = {"names": names, "dag_id": self.ti.dag_id}
            person = check_answer(self.spec, self.launch, answer, evidence, *answered, **facts)
            fresh_for = policy().fresh_for
        except (AnswerRefused, ConfigurationError) as refused:
            # A policy file that is being edited at this moment must not spend the answer either.
            return Refused(str(refused))
        return Counted(answer, person, evidence, fresh_for, self.acknowledged)

    @perform.register
    def _refresh(self, action: Refresh) -> Refreshed:
        if action.in_triggerer:
            self.hold(State.REFRESHING, answer=action.answer.model_dump(mode="json"))
            self.defer(self._checks(ends=False))
        return Refreshed(action.answer, look(self.spec, self.context, self.launch))

    @perform.register
    def _retry(self, action: Retry) -> NoReturn:
        raise RecheckAsked(action.why)

    @perform.register
    def _decide(self, action: Decide) -> Decided:
        counted = action.counted
        evidence, answer, person = counted.evidence, counted.answer, counted.person
        results = evidence.results if evidence else ()
        names = asked(self.context) or names_of(self.spec, self.launch)
        names = with_person(names, self.spec.item, person)
        record = decision_record(self.spec, self.launch, self.ti, answer, person, results, names)
        return Decided(record, counted.acknowledged, counted.answer.at)

    @perform.register
    def _append_round(self, action: AppendRound) -> Decided:
        decided = action.decided
        number, life = len(decided.acknowledged) + 1, cleared_at(self.ti.max_tries)
        ledger().append_in_course([Entry.of_round(decided.record, number, life)])
        return Decided(decided.record, self.acknowledged, decided.answered_at)

    @perform.register
    def _append(self, action: Append) -> Event:
        try:
            append_decision(self.spec, action.record)
        except (AnswerRefused, LaunchRefused) as refused:
            return Refused(str(refused))
        return Ended(action.record)

    @perform.register
    def _deny(self, action: Deny) -> Ended:
        record = not_reached_record(self.spec, self.launch, self.ti, f"{action.by} ended it.")
        ledger().append_in_course([Entry.of_record(record)])
        return Ended(record)

    @perform.register
    def _rest(self, action: Rest) -> NoReturn:
        every = self.spec.item.repeat.every if self.spec.item.repeat else timedelta()
        left = left_until_next(action.acknowledged, every * environment_or_default(self.launch).pace)
        self.hold(State.RESTING)
        self.defer(TimeDeltaTrigger(max(worker_lag(), left)))

    @perform.register
    def _end(self, action: End) -> dict[str, Any]:
        record = action.record
        kept = record.model_dump(mode="json")
        self.ti.xcom_push(key="return_value", value=kept)
        self.context["task_state_store"].set("sign_off", kept, retention=NEVER_EXPIRE)
        who = record.decided_by.name if record.decided_by else "the machine"
        summary = f"{record.outcome} by {who}: {record.reason or 'no reason needed'}"
        if action.ending is Ending.FAIL:
            raise AirflowFailException(summary)
        if action.ending is Ending.SKIP:
            raise AirflowSkipException(summary)
        return kept

    # ---- waits -------------------------------------------------------------------------------------

    def _open(self, evidence: Evidence | None) -> NoReturn:
        """Open the request, or open it again, in the words that are in force."""
        launch = self.launch
        if evidence is not None:
            show(self.context, launch, evidence)
        else:
            note_asked(self.context, launch, names_of(self.spec, launch))
        upsert_hitl_detail(
            ti_id=self.ti.id,
            options=list(self.spec.options),
            subject=hitl_request.subject(self.spec, launch),
            body=hitl_request.body(self.spec, variables_of(launch)),
            params=hitl_request.fields(self.spec),
        )
        if self.traits.decision:
            self.ti.xcom_push(key=hitl_request.SET_ASIDE_KEY, value=set_aside(launch.launch_id))
            self.ti.xcom_push(key=hitl_request.LOOKED_AGAIN_KEY, value=looked_again(launch.launch_id))
        self._wait(evidence)

    def _wait(self, evidence: Evidence | None) -> NoReturn:
        waits = wait_for(self.traits, evidence)
        every = recheck_every(self.launch).total_seconds()
        self.hold(State.ASKED)
        if waits is WaitFor.CHECKS:
            self.defer(self._checks(every=every, ends=not self.traits.needs_person))
        if waits is WaitFor.A_NO:
            self.defer(NoGoTrigger(ref=self.spec.ref))
        raise TaskAwaitingInput(method_name="resume", kwargs=self._kwargs())

    def _checks(self, *, every: float | None = None, ends: bool) -> ChecksTrigger:
        rest = 0.0 if ends else worker_lag().total_seconds()
        return ChecksTrigger(spec=self.spec.payload(), every=every, ends=ends, rest=rest)

    def _say_why(self, why: str) -> None:
        self.ti.xcom_push(key=REFUSAL_KEY, value=refusal_payload(self.ti, why))

    def later(self, error: Exception) -> NoReturn:
        """Wait for what is away, with everything that is held; nothing ends unrecorded."""
        log.warning("Trying again in %s, nothing is lost: %s", pause(), error)
        self.defer(TimeDeltaTrigger(pause()))

    def defer(self, trigger: Any) -> NoReturn:
        """Give the worker back until the trigger fires."""
        self.operator.defer(trigger=trigger, method_name="resume", kwargs=self._kwargs())

    def _kwargs(self) -> dict[str, Any]:
        return {"state": self.state.value, **self.held}
