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

import asyncio
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

from launch_pipeline.checklist.words import Answer, GateStyle
from launch_pipeline.checks.environment import Environment
from launch_pipeline.checks.registry import kind
from launch_pipeline.errors import (
    AnswerRefused,
    ConfigurationError,
    LaunchError,
    LedgerUnavailable,
    OperationError,
)
from launch_pipeline.orchestration import asking
from launch_pipeline.orchestration.carrying import (
    acknowledged,
    carried,
    keep_rounds,
    kept_decision,
    kept_rounds,
    left_until_next,
    lost_answer,
)
from launch_pipeline.orchestration.evidence import (
    EVIDENCE_KEY,
    REFUSAL_KEY,
    Evidence,
    read_evidence,
    refusal_payload,
)
from launch_pipeline.orchestration.judging import judge
from launch_pipeline.orchestration.launch_context import CONF_TEMPLATE, LaunchContext
from launch_pipeline.orchestration.ledger_access import ledger, set_aside, standing
from launch_pipeline.orchestration.observe import environment_of, observe_once
from launch_pipeline.orchestration.pacing import pause, worker_lag
from launch_pipeline.orchestration.records import (
    GivenAnswer,
    ItemSpec,
    acknowledgement,
    decision_record,
    machine_record,
    not_reached_record,
    with_rounds,
)
from launch_pipeline.orchestration.retrying import RECHECKS, ItemRetryPolicy, RecheckAsked
from launch_pipeline.orchestration.triggers import DenialTrigger, ItemTrigger
from launch_pipeline.people.deployed import policy
from launch_pipeline.people.policy import Policy
from launch_pipeline.record.schema import Entry, Outcome

if TYPE_CHECKING:
    from airflow.sdk import Context

    from launch_pipeline.record.schema import Record


class ChecklistItemOperator(HITLOperator):
    """The only operator that items use.

    Green only when the item's checks passed or, where it asks for a person, when a person with the right
    role approved fresh evidence. Waived, not applicable and advisory-not-met are skipped with a record.
    """

    template_fields = ("conf",)
    ui_color = "#e8f0fe"

    def __init__(self, *, spec: dict[str, Any], conf: str = CONF_TEMPLATE, **kwargs: Any) -> None:
        self.spec = ItemSpec.model_validate(spec)
        self.conf = conf
        super().__init__(
            subject=self.spec.item.text,
            options=list(self.spec.options),
            params=asking.form(self.spec),
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
                trigger_cls=f"{ItemTrigger.__module__}.{ItemTrigger.__qualname__}",
                trigger_kwargs={"spec": self.spec.payload(), "conf": conf, "every": None, "ends": self.ends},
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
        return self._begin(context, self._look(context) if self.spec.item.mode.has_checks else None)

    def looked(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on after the first pass in the triggerer, which did not end the task."""
        return self._begin(context, Evidence.model_validate(event))

    def _look(self, context: Context) -> Evidence:
        launch, instance = self._launch(context), str(context["ti"].id)
        try:
            return asyncio.run(observe_once(self.spec.payload()["item"], launch, instance))
        except LaunchError as error:
            # A broken environment file: as in the triggerer, a person is asked and told why.
            self.log.warning("The checks could not run: %s", error)
            return Evidence.inconclusive(instance, str(error))

    # ---- asking ------------------------------------------------------------------------------------

    def begin(self, context: Context, evidence: dict[str, Any] | None, event: Any = None) -> Any:
        """Go on once Airflow may answer again what became of the try before."""
        del event
        return self._begin(context, Evidence.model_validate(evidence) if evidence else None)

    def _begin(self, context: Context, evidence: Evidence | None) -> Any:
        """Pass or ask, unless a person has answered a try whose worker was lost: that answer counts."""
        try:
            answer = lost_answer(context["ti"])
        except OperationError as error:
            self.log.warning("What was answered before cannot be read yet: %s", error)
            kwargs = {"evidence": evidence.payload() if evidence else None}
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="begin", kwargs=kwargs)
        if answer is None:
            return self._pass_or_ask(context, evidence)
        self.log.info("The worker of the try before was lost; the answer of %s counts.", answer.airflow_user)
        if evidence is not None:
            context["ti"].xcom_push(key=EVIDENCE_KEY, value=evidence.payload())
        rounds = kept_rounds(context)
        if acknowledged(rounds, answer):
            return self._until_next(context, rounds)
        return self._again(context, answer, rounds)

    def _pass_or_ask(self, context: Context, evidence: Evidence | None) -> Any:
        if evidence and evidence.passed and self.ends:
            record = machine_record(self.spec, self._launch(context), context["ti"], evidence)
            return record.model_dump(mode="json")
        return self._ask(context, evidence, kept_rounds(context))

    def _ask(
        self, context: Context, evidence: Evidence | None, rounds: list[dict[str, Any]] | None = None
    ) -> Any:
        """Open the request, or open it again; the first one's words stay, so they are constant."""
        launch = self._launch(context)
        upsert_hitl_detail(
            ti_id=context["ti"].id,
            options=self.options,
            subject=asking.subject(self.spec, launch),
            body=asking.body(self.spec, launch),
            params=self.serialized_params,
        )
        if self.spec.item.gate is GateStyle.DECISION:
            context["ti"].xcom_push(key=asking.SET_ASIDE_KEY, value=_set_aside(launch.launch_id))
        return self._wait(context, evidence, rounds or [])

    def _wait(self, context: Context, evidence: Evidence | None, rounds: list[dict[str, Any]]) -> NoReturn:
        kwargs = {"rounds": rounds} if rounds else None
        if evidence is not None:
            context["ti"].xcom_push(key=EVIDENCE_KEY, value=evidence.payload())
            if not evidence.passed and self.repeats_checks:
                trigger = self._trigger(every=self._recheck(context).total_seconds(), ends=self.ends)
                self.defer(trigger=trigger, method_name="answered", kwargs=kwargs)
        if self.spec.item.gate is GateStyle.DECISION:
            self.defer(trigger=DenialTrigger(ref=self.spec.ref), method_name="answered", kwargs=kwargs)
        raise TaskAwaitingInput(method_name="answered", kwargs=kwargs)

    def _ask_again(self, context: Context, why: str, rounds: list[dict[str, Any]]) -> Any:
        self.log.warning("The answer does not count: %s", why)
        context["ti"].xcom_push(key=REFUSAL_KEY, value=refusal_payload(context["ti"], why))
        return self._ask(context, self._latest(context), rounds)

    # ---- answers -----------------------------------------------------------------------------------

    def answered(
        self, context: Context, event: dict[str, Any], rounds: list[dict[str, Any]] | None = None
    ) -> Any:
        """Go on when a person has answered, the checks have healed, or another role has said no."""
        if "chosen_options" in event:
            return self._decide(context, GivenAnswer.of_event(event), rounds or [])
        if "denied_by" in event:
            return self._denied(context, event["denied_by"])
        # Healed, and a person is needed as well: the open request stays, with evidence that passed.
        return self._wait(context, Evidence.model_validate(event), rounds or [])

    def kept(
        self, context: Context, answer: dict[str, Any], rounds: list[dict[str, Any]], event: Any = None
    ) -> Any:
        """Offer a kept answer to the ledger again."""
        del event
        return self._again(context, GivenAnswer.model_validate(answer), rounds)

    def refreshed(
        self, context: Context, answer: dict[str, Any], rounds: list[dict[str, Any]], event: dict[str, Any]
    ) -> Any:
        """Go on with an approval whose evidence was too old, after a fresh look."""
        return self._with_fresh(
            context, GivenAnswer.model_validate(answer), rounds, Evidence.model_validate(event)
        )

    def _again(self, context: Context, answer: GivenAnswer, rounds: list[dict[str, Any]]) -> Any:
        """Decide, unless the ledger holds this very decision: whoever kept it could not end the task."""
        try:
            record = kept_decision(context["run_id"], self.spec.ref, answer)
        except LedgerUnavailable as error:
            return self._keep(answer, rounds, error)
        if record is None:
            return self._decide(context, answer, rounds)
        return self._write(context, answer, carried(record, context["ti"]), rounds)

    def _decide(self, context: Context, answer: GivenAnswer, rounds: list[dict[str, Any]]) -> Any:
        evidence = self._latest(context)
        try:
            now = standing(context["run_id"], context["ti"].dag_id, self.spec.ref)
            person = judge(self.spec, self._launch(context), answer, evidence, *now)
            fresh_for = policy().fresh_for
        except (AnswerRefused, ConfigurationError) as refused:
            # A file that somebody is editing just now must not spend the answer either.
            return self._ask_again(context, str(refused), rounds)
        except LedgerUnavailable as error:
            return self._keep(answer, rounds, error)
        if answer.option == Answer.RECHECK:
            return self._look_again(context, answer, rounds)
        # Old at the moment of the answer: one that is kept for an hour stays what it was.
        if Answer(answer.option).affirms and evidence and evidence.older_than(fresh_for, answer.at):
            return self._refresh(context, answer, rounds)
        results = evidence.results if evidence else ()
        record = decision_record(self.spec, self._launch(context), context["ti"], answer, person, results)
        return self._settle(context, answer, record, rounds)

    def _refresh(self, context: Context, answer: GivenAnswer, rounds: list[dict[str, Any]]) -> Any:
        """Look again before an approval of old evidence counts."""
        if self.spec.item.side_effects:
            why = "The evidence is too old and this check has side effects: answer Re-check, then approve."
            return self._ask_again(context, why, rounds)
        if self.in_triggerer:
            kwargs = {"answer": answer.model_dump(mode="json"), "rounds": rounds}
            self.defer(trigger=self._trigger(ends=False), method_name="refreshed", kwargs=kwargs)
        return self._with_fresh(context, answer, rounds, self._look(context))

    def _with_fresh(
        self, context: Context, answer: GivenAnswer, rounds: list[dict[str, Any]], evidence: Evidence
    ) -> Any:
        context["ti"].xcom_push(key=EVIDENCE_KEY, value=evidence.payload())
        if not evidence.passed:
            why = f"The evidence was too old; looked at again it says: {evidence.headline}"
            return self._ask_again(context, why, rounds)
        return self._decide(context, answer, rounds)

    def _look_again(self, context: Context, answer: GivenAnswer, rounds: list[dict[str, Any]]) -> Any:
        if rounds:
            # A new try would forget the days that were acknowledged.
            return self._ask(context, self._look(context), rounds)
        message = f"{answer.airflow_user} asked for a re-check."
        raise RecheckAsked(message)

    # ---- the end -----------------------------------------------------------------------------------

    def _settle(
        self, context: Context, answer: GivenAnswer, record: Record, rounds: list[dict[str, Any]]
    ) -> Any:
        repeat, before = self.spec.item.repeat, rounds
        if repeat and record.outcome is Outcome.APPROVED:
            rounds = [*rounds, acknowledgement(record, len(rounds) + 1)]
            if len(rounds) < repeat.times:
                keep_rounds(context, rounds)
                self._until_next(context, rounds)
        return self._write(context, answer, with_rounds(record, rounds), before)

    def _write(
        self, context: Context, answer: GivenAnswer, record: Record, rounds: list[dict[str, Any]]
    ) -> Any:
        try:
            ledger().append(Entry.of_record(record))
        except LedgerUnavailable as error:
            return self._keep(answer, rounds, error)
        return self._end(context, record)

    def _until_next(self, context: Context, rounds: list[dict[str, Any]]) -> NoReturn:
        """Wait for the next round of a repeating item."""
        every = self.spec.item.repeat.every if self.spec.item.repeat else timedelta()
        left = left_until_next(rounds, every * self._environment(context).pace)
        trigger = TimeDeltaTrigger(max(worker_lag(), left))
        self.defer(trigger=trigger, method_name="next_round", kwargs={"rounds": rounds})

    def next_round(self, context: Context, rounds: list[dict[str, Any]], event: Any = None) -> Any:
        """Ask a repeating item again, on what its checks see now."""
        del event
        # What was wrong with an earlier answer says nothing about this question.
        context["ti"].xcom_push(key=REFUSAL_KEY, value=refusal_payload(context["ti"], ""))
        evidence = self._look(context) if self.spec.item.mode.has_checks else None
        return self._ask(context, evidence, rounds)

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

    def _denied(self, context: Context, denied_by: str) -> Any:
        """One No ends a go/no-go; whoever has not answered is not reached."""
        reason = f"{denied_by} ended it."
        record = not_reached_record(self.spec, self._launch(context), context["ti"], reason)
        return self._end(context, record)

    def _keep(self, answer: GivenAnswer, rounds: list[dict[str, Any]], error: LedgerUnavailable) -> NoReturn:
        """Keep the answer in Airflow until the ledger can take it; nothing ends unrecorded."""
        self.log.warning("The answer is kept and tried again in %s: %s", pause(), error)
        kwargs = {"answer": answer.model_dump(mode="json"), "rounds": rounds}
        self.defer(trigger=TimeDeltaTrigger(pause()), method_name="kept", kwargs=kwargs)

    # ---- small things ------------------------------------------------------------------------------

    def _trigger(self, *, every: float | None = None, ends: bool) -> ItemTrigger:
        rest = 0.0 if ends else worker_lag().total_seconds()
        return ItemTrigger(spec=self.spec.payload(), conf=self.conf, every=every, ends=ends, rest=rest)

    def _latest(self, context: Context) -> Evidence | None:
        ti = context["ti"]
        return read_evidence(ti.xcom_pull(task_ids=ti.task_id, key=EVIDENCE_KEY), str(ti.id))

    def _launch(self, context: Context) -> LaunchContext:
        try:
            launch = LaunchContext.of_run(context["run_id"], context["dag_run"].conf)
        except ConfigurationError as error:
            # Another try would read the same.
            raise AirflowFailException(str(error)) from error
        by = launch.started_by or context["dag_run"].triggering_user_name
        return launch.model_copy(update={"started_by": by})

    def _recheck(self, context: Context) -> timedelta:
        try:
            return self._environment(context).recheck or policy().recheck
        except ConfigurationError:
            return Policy().recheck

    def _environment(self, context: Context) -> Environment:
        """The environment, or its defaults while its file is broken: the checks name what is wrong."""
        launch = self._launch(context)
        try:
            return environment_of(launch)
        except ConfigurationError:
            return Environment(name=launch.environment)


def _set_aside(launch_id: str) -> Any:
    try:
        return set_aside(launch_id)
    except LedgerUnavailable as error:
        return f"unknown: {error}"
