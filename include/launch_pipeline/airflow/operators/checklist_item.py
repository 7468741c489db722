"""One item, one task: checks, the question to a person, and the way back (design, section 2).

::

    execute / looked ──▶ passed ──▶ done
          └─▶ ask ──▶ waiting (request open; failing checks repeat in the triggerer)
                        ├─▶ healed ──▶ done, or waiting with fresh evidence
                        └─▶ answered ──▶ refused: waiting again, and says why
                                    ├─▶ Re-check: a new try
                                    ├─▶ stale evidence: looked at again first
                                    └─▶ settle: kept in the ledger, then done

A worker is held only for the moments between the arrows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    TaskAwaitingInput,
)
from airflow.sdk.execution_time.context import NEVER_EXPIRE
from airflow.sdk.execution_time.hitl import upsert_hitl_detail
from airflow.triggers.base import StartTriggerArgs

from launch_pipeline.airflow.hooks.ledger import kept_rounds, ledger, prior_answers, set_aside
from launch_pipeline.airflow.operators import hitl_request
from launch_pipeline.airflow.operators.item_evidence import (
    environment_or_default,
    latest,
    look,
    recheck_every,
    show,
)
from launch_pipeline.airflow.policies.answer_recovery import (
    acknowledged,
    carried,
    cleared_at,
    kept_decision,
    left_until_next,
    lost_answer,
)
from launch_pipeline.airflow.policies.answers import check_answer, keep_decision
from launch_pipeline.airflow.policies.launch_run import launch_in
from launch_pipeline.airflow.policies.openings import opened
from launch_pipeline.airflow.policies.pacing import pause, worker_lag
from launch_pipeline.airflow.policies.retries import RECHECKS, ItemRetryPolicy, RecheckAsked
from launch_pipeline.airflow.sensors.launch_window import WindowTrigger
from launch_pipeline.airflow.triggers.checks import ChecksTrigger, NoGoTrigger
from launch_pipeline.approvals.deployed import policy
from launch_pipeline.checklist.vocabulary import Answer, RequestKind
from launch_pipeline.checks.engine.registry import kind
from launch_pipeline.errors import (
    AnswerRefused,
    ConfigurationError,
    LaunchRefused,
    LedgerUnavailable,
    OperationError,
)
from launch_pipeline.launch.evidence import REFUSAL_KEY, Evidence, refusal_payload
from launch_pipeline.launch.item_records import (
    GivenAnswer,
    ItemSpec,
    decision_record,
    machine_record,
    not_reached_record,
    with_rounds,
)
from launch_pipeline.ledger.schema import Entry, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.ledger.schema import Acknowledgement, Record


class ChecklistItemOperator(HITLOperator):
    """The only operator that items use.

    Green only when the item's checks passed or, where it asks for a person, when a person with the right
    role approved fresh evidence. Waived, not applicable and advisory-not-met are skipped with a record.

    Nothing is a template here: what a checklist or a person writes is text wherever it goes.
    """

    template_fields = ()
    ui_color = "#e8f0fe"

    def __init__(self, *, spec: dict[str, Any], **kwargs: Any) -> None:
        self.spec = ItemSpec.model_validate(spec)
        super().__init__(
            subject=self.spec.item.text,
            options=list(self.spec.options),
            params=hitl_request.form(self.spec),
            retries=RECHECKS,
            # Where a worker was lost, nobody asks the policy: the next try begins at once.
            retry_delay=timedelta(0),
            retry_policy=ItemRetryPolicy(),
            **kwargs,
        )
        self.in_triggerer = self.spec.item.mode.has_checks and all(
            kind(check.kind).runs_on == "triggerer" for check in self.spec.item.checks
        )
        if self.in_triggerer:
            self.start_from_trigger = True
            self.start_trigger_args = StartTriggerArgs(
                trigger_cls=f"{ChecksTrigger.__module__}.{ChecksTrigger.__qualname__}",
                trigger_kwargs={"spec": self.spec.payload(), "every": None, "ends": self.ends},
                next_method="looked",
            )

    @property
    def ends(self) -> bool:
        """Whether passing checks alone end the task."""
        return not self.spec.item.mode.needs_person

    @property
    def repeats_checks(self) -> bool:
        """Whether failing checks may repeat by themselves: never with side effects or on a worker."""
        return self.in_triggerer and not self.spec.item.side_effects

    # ---- looking -----------------------------------------------------------------------------------

    def execute(self, context: Context) -> Any:
        """Begin in a worker: items without checks ask at once, the others look first."""
        return self.begin(context, None)

    def looked(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on after the first pass in the triggerer, which did not end the task."""
        return self.begin(context, event)

    # ---- asking ------------------------------------------------------------------------------------

    def begin(self, context: Context, evidence: dict[str, Any] | None, event: Any = None) -> Any:
        """Pass or ask, at first and once what was away answers again.

        An answer that came while it was away is an answer like any other.
        """
        if _is_answer(event):
            return self.answered(context, event)
        seen = Evidence.model_validate(evidence) if evidence else None
        try:
            launch = launch_in(context)
            self._await_opening(launch)
            if seen is None and self.spec.item.mode.has_checks:
                seen = look(self.spec, context, launch)
            return self._begin(context, launch, seen)
        except (OperationError, LedgerUnavailable) as error:
            self.log.warning("Trying again in %s: %s", pause(), error)
            kwargs = {"evidence": seen.payload() if seen else None}
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="begin", kwargs=kwargs)

    def _await_opening(self, launch: LaunchContext) -> None:
        """Hold back what belongs to a window that has not opened, though its wait was ended by hand.

        The task begins anew then: what was seen or answered too early does not count.
        """
        if opened(launch, self.spec.moments):
            return
        self.log.warning("The wait before this item was ended by hand; it begins when its window opens.")
        moments = [moment.model_dump(mode="json") for moment in self.spec.moments]
        trigger = WindowTrigger(moments=moments, told=True)
        self.defer(trigger=trigger, method_name="begin", kwargs={"evidence": None})

    def _begin(self, context: Context, launch: LaunchContext, evidence: Evidence | None) -> Any:
        """Pass or ask, unless a person has answered a try whose worker was lost: that answer counts."""
        answer = lost_answer(context["ti"])
        if answer is None:
            return self._pass_or_ask(context, launch, evidence)
        self.log.info("The worker of the try before was lost; the answer of %s counts.", answer.airflow_user)
        if evidence is not None:
            show(context, launch, evidence)
        rounds = self._rounds(context)
        if acknowledged(rounds, answer):
            return self._until_next(launch, rounds)
        return self._again(context, answer)

    def _pass_or_ask(self, context: Context, launch: LaunchContext, evidence: Evidence | None) -> Any:
        if evidence and evidence.passed and self.ends:
            record = ledger().keep_pass(machine_record(self.spec, launch, context["ti"], evidence))
            return record.model_dump(mode="json")
        return self._ask(context, launch, evidence)

    def _ask(self, context: Context, launch: LaunchContext, evidence: Evidence | None) -> NoReturn:
        """Open the request, or open it again; the first one's words stay, so they are constant."""
        if evidence is not None:
            show(context, launch, evidence)
        upsert_hitl_detail(
            ti_id=context["ti"].id,
            options=self.options,
            subject=hitl_request.subject(self.spec, launch),
            body=hitl_request.body(self.spec, launch),
            params=self.serialized_params,
        )
        if self.spec.item.gate is RequestKind.DECISION:
            context["ti"].xcom_push(key=hitl_request.SET_ASIDE_KEY, value=set_aside(launch.launch_id))
        self._wait(launch, evidence)

    def _wait(self, launch: LaunchContext, evidence: Evidence | None) -> NoReturn:
        if evidence is not None and not evidence.passed and self.repeats_checks:
            trigger = self._trigger(every=recheck_every(launch).total_seconds(), ends=self.ends)
            self.defer(trigger=trigger, method_name="answered")
        if self.spec.item.gate is RequestKind.DECISION:
            self.defer(trigger=NoGoTrigger(ref=self.spec.ref), method_name="answered")
        raise TaskAwaitingInput(method_name="answered")

    def _ask_again(self, context: Context, launch: LaunchContext, why: str) -> NoReturn:
        self.log.warning("The answer does not count: %s", why)
        context["ti"].xcom_push(key=REFUSAL_KEY, value=refusal_payload(context["ti"], why))
        self._ask(context, launch, latest(context))

    # ---- answers -----------------------------------------------------------------------------------

    def answered(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on when a person has answered, the checks have healed, or another role has said no."""
        if _is_answer(event):
            return self._take(context, GivenAnswer.of_event(event))
        if "denied_by" in event:
            return self.denied(context, event["denied_by"])
        return self.healed(context, event)

    def healed(self, context: Context, evidence: dict[str, Any], event: Any = None) -> Any:
        """Wait for a person, who is needed as well, on evidence that passed; the open request stays."""
        if _is_answer(event):
            return self.answered(context, event)
        seen = Evidence.model_validate(evidence)
        try:
            launch = launch_in(context)
            show(context, launch, seen)
        except LedgerUnavailable as error:
            self._pause(error, "healed", {"evidence": evidence})
        return self._wait(launch, seen)

    def kept(self, context: Context, answer: dict[str, Any], event: Any = None) -> Any:
        """Offer a kept answer to the ledger again."""
        del event
        given = GivenAnswer.model_validate(answer)
        try:
            return self._again(context, given)
        except LedgerUnavailable as error:
            self._keep(given, error)

    def refreshed(self, context: Context, answer: dict[str, Any], event: dict[str, Any]) -> Any:
        """Go on with an approval whose evidence was too old, after a fresh look."""
        return self._with_fresh(context, GivenAnswer.model_validate(answer), Evidence.model_validate(event))

    def _again(self, context: Context, answer: GivenAnswer) -> Any:
        """Decide, unless the ledger holds this very decision: whoever kept it could not end the task."""
        record = kept_decision(context["run_id"], self.spec.ref, answer)
        if record is None:
            return self._take(context, answer)
        return self._write(context, launch_in(context), carried(record, context["ti"]))

    def _take(self, context: Context, answer: GivenAnswer) -> Any:
        """Decide, or keep the answer in Airflow until the ledger can be asked."""
        try:
            return self._decide(context, launch_in(context), answer)
        except LedgerUnavailable as error:
            self._keep(answer, error)

    def _decide(self, context: Context, launch: LaunchContext, answer: GivenAnswer) -> Any:
        self._await_opening(launch)
        evidence = latest(context)
        try:
            prior = prior_answers(context["run_id"], context["ti"].dag_id, self.spec.ref)
            person = check_answer(self.spec, launch, answer, evidence, *prior)
            fresh_for = policy().fresh_for
        except (AnswerRefused, ConfigurationError) as refused:
            # A file that somebody is editing just now must not spend the answer either.
            self._ask_again(context, launch, str(refused))
        if answer.option == Answer.RECHECK:
            return self._look_again(context, launch, answer)
        # Old at the moment of the answer: one that is kept for an hour stays what it was.
        if Answer(answer.option).affirms and evidence and evidence.older_than(fresh_for, answer.at):
            return self._refresh(context, launch, answer)
        results = evidence.results if evidence else ()
        record = decision_record(self.spec, launch, context["ti"], answer, person, results)
        return self._settle(context, launch, answer, record)

    def _refresh(self, context: Context, launch: LaunchContext, answer: GivenAnswer) -> Any:
        """Look again before an approval of old evidence counts."""
        if self.spec.item.side_effects:
            why = "The evidence is too old and this check has side effects: answer Re-check, then approve."
            self._ask_again(context, launch, why)
        if self.in_triggerer:
            kwargs = {"answer": answer.model_dump(mode="json")}
            self.defer(trigger=self._trigger(ends=False), method_name="refreshed", kwargs=kwargs)
        return self._with_fresh(context, answer, look(self.spec, context, launch))

    def _with_fresh(self, context: Context, answer: GivenAnswer, evidence: Evidence) -> Any:
        try:
            launch = launch_in(context)
            show(context, launch, evidence)
            if evidence.passed:
                return self._decide(context, launch, answer)
            why = f"The evidence was too old; looked at again it says: {evidence.headline}"
            self._ask_again(context, launch, why)
        except LedgerUnavailable as error:
            self._keep(answer, error)

    def _look_again(self, context: Context, launch: LaunchContext, answer: GivenAnswer) -> Any:
        if self._rounds(context):
            # A new try would forget the days that were acknowledged.
            self._ask(context, launch, look(self.spec, context, launch))
        message = f"{answer.airflow_user} asked for a re-check."
        raise RecheckAsked(message)

    # ---- the end -----------------------------------------------------------------------------------

    def _settle(self, context: Context, launch: LaunchContext, answer: GivenAnswer, record: Record) -> Any:
        repeat = self.spec.item.repeat
        if repeat is None or record.outcome is not Outcome.APPROVED:
            return self._write(context, launch, with_rounds(record, self._rounds(context)))
        rounds = self._rounds(context)
        if not acknowledged(rounds, answer):
            life = cleared_at(context["ti"].max_tries)
            ledger().append_in_course([Entry.of_round(record, len(rounds) + 1, life)])
            rounds = self._rounds(context)
        if len(rounds) < repeat.times:
            self._until_next(launch, rounds)
        return self._write(context, launch, with_rounds(record, rounds))

    def _write(self, context: Context, launch: LaunchContext, record: Record) -> Any:
        """Keep the decision, then end the task with it. Raises LedgerUnavailable."""
        try:
            keep_decision(self.spec, record)
        except (AnswerRefused, LaunchRefused) as refused:
            self._ask_again(context, launch, str(refused))
        return self._end(context, record)

    def _until_next(self, launch: LaunchContext, rounds: Sequence[Acknowledgement]) -> NoReturn:
        """Wait for the next round of a repeating item."""
        every = self.spec.item.repeat.every if self.spec.item.repeat else timedelta()
        left = left_until_next(rounds, every * environment_or_default(launch).pace)
        self.defer(trigger=TimeDeltaTrigger(max(worker_lag(), left)), method_name="next_round")

    def next_round(self, context: Context, event: Any = None) -> Any:
        """Ask a repeating item again, on what its checks see now."""
        del event
        try:
            launch = launch_in(context)
            # What was wrong with an earlier answer says nothing about this question.
            context["ti"].xcom_push(key=REFUSAL_KEY, value=refusal_payload(context["ti"], ""))
            self._ask(
                context, launch, look(self.spec, context, launch) if self.spec.item.mode.has_checks else None
            )
        except LedgerUnavailable as error:
            self._pause(error, "next_round", {})

    def _rounds(self, context: Context) -> list[Acknowledgement]:
        """The rounds that were acknowledged since the task began or was cleared; the ledger has them."""
        if self.spec.item.repeat is None:
            return []
        return kept_rounds(context["run_id"], self.spec.ref, cleared_at(context["ti"].max_tries))

    def _end(self, context: Context, record: Record) -> Any:
        kept = record.model_dump(mode="json")
        context["ti"].xcom_push(key="return_value", value=kept)
        context["task_state_store"].set("sign_off", kept, retention=NEVER_EXPIRE)
        who = record.decided_by.name if record.decided_by else "the machine"
        summary = f"{record.outcome} by {who}: {record.reason or 'no reason needed'}"
        if record.outcome is Outcome.APPROVED:
            return kept
        if record.outcome in {Outcome.REJECTED, Outcome.NOT_REACHED}:
            raise AirflowFailException(summary)
        raise AirflowSkipException(summary)

    def denied(self, context: Context, denied_by: str, event: Any = None) -> Any:
        """End a decision that another role's no has ended; whoever has not answered is not reached."""
        del event
        try:
            launch = launch_in(context)
            reason = f"{denied_by} ended it."
            record = not_reached_record(self.spec, launch, context["ti"], reason)
            ledger().append_in_course([Entry.of_record(record)])
        except LedgerUnavailable as error:
            self._pause(error, "denied", {"denied_by": denied_by})
        return self._end(context, record)

    def _keep(self, answer: GivenAnswer, error: LedgerUnavailable) -> NoReturn:
        """Keep the answer in Airflow until the ledger can take it; nothing ends unrecorded."""
        self._pause(error, "kept", {"answer": answer.model_dump(mode="json")})

    def _pause(self, error: LedgerUnavailable, method: str, kwargs: dict[str, Any]) -> NoReturn:
        self.log.warning("What there is to keep is kept, and tried again in %s: %s", pause(), error)
        self.defer(trigger=TimeDeltaTrigger(pause()), method_name=method, kwargs=kwargs)

    # ---- small things ------------------------------------------------------------------------------

    def _trigger(self, *, every: float | None = None, ends: bool) -> ChecksTrigger:
        rest = 0.0 if ends else worker_lag().total_seconds()
        return ChecksTrigger(spec=self.spec.payload(), every=every, ends=ends, rest=rest)


def _is_answer(event: Any) -> bool:
    return isinstance(event, dict) and "chosen_options" in event
