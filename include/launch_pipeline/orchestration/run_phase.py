"""The conductor's step: run a phase, or attach to its run, and go on only on its complete seal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.triggers.external_task import DagStateTrigger
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.utils.state import DagRunState

from launch_pipeline.errors import LaunchRefused, LedgerUnavailable, OperationError
from launch_pipeline.orchestration.launch_context import LaunchContext
from launch_pipeline.orchestration.ledger_access import latest_seal, launches
from launch_pipeline.orchestration.pacing import pause
from launch_pipeline.orchestration.retrying import despite_accidents
from launch_pipeline.orchestration.task_instances import task_instances
from launch_pipeline.orchestration.telling import tell_decided, tell_rollback_offered
from launch_pipeline.record.launches import LaunchState
from launch_pipeline.record.schema import Outcome

if TYPE_CHECKING:
    from airflow.sdk import Context

    from launch_pipeline.record.schema import Seal

POLL_SECONDS = 2
"""Between two looks at a running phase."""

ADMIT = "admit"


def admitted_launch(context: Context) -> LaunchContext:
    """The launch as it was admitted: with its environment's word on whether it is a rehearsal."""
    return LaunchContext.of_run(context["run_id"], context["ti"].xcom_pull(task_ids=ADMIT))


class RunPhaseOperator(TriggerDagRunOperator):
    """Runs a phase under the launch's own run id and goes on when the phase is sealed complete.

    The state of the run does not count: one that was marked success by hand has no complete seal of its
    present gate. When this task is cleared it attaches to the run that exists.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            trigger_run_id="{{ run_id }}",
            logical_date=None,
            # The operator renders and reads JSON text as well as objects.
            conf=f"{{{{ ti.xcom_pull(task_ids='{ADMIT}') | tojson }}}}",  # type: ignore[arg-type]
            wait_for_completion=True,
            deferrable=True,
            poke_interval=POLL_SECONDS,
            # However the run ends, the seal decides.
            allowed_states=[DagRunState.SUCCESS, DagRunState.FAILED],
            failed_states=[],
            # Where a worker was lost, the next try attaches to the run.
            **despite_accidents(),
            **kwargs,
        )

    def execute(self, context: Context) -> Any:
        """Trigger the phase, or attach to its run."""
        ti = context["ti"]
        if ti.get_dr_count(dag_id=self.trigger_dag_id, run_ids=[context["run_id"]]):
            ti.xcom_push(key="trigger_run_id", value=context["run_id"])
            ended = [str(state) for state in self.allowed_states]
            if ti.get_dr_count(dag_id=self.trigger_dag_id, run_ids=[context["run_id"]], states=ended):
                return self.execute_complete(context)
            trigger = DagStateTrigger(
                dag_id=self.trigger_dag_id,
                states=self.allowed_states,
                run_ids=[context["run_id"]],
                poll_interval=self.poke_interval,
            )
            self.defer(trigger=trigger, method_name="execute_complete")
        return super().execute(context)

    def execute_complete(self, context: Context, event: Any = None) -> None:
        """Look at the seal of the phase that ended."""
        del event
        try:
            problem = self._judge(context)
        except (LedgerUnavailable, OperationError) as error:
            self.log.warning("The seal cannot be read yet, trying again in %s: %s", pause(), error)
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="execute_complete")
        if problem:
            raise AirflowFailException(problem)

    def _judge(self, context: Context) -> str | None:
        """Why the launch does not go on, or None."""
        run_id = context["run_id"]
        seal, sealed_by = latest_seal(run_id, self.trigger_dag_id)
        gate = task_instances(self.trigger_dag_id, run_id).get("phase_gate")
        if seal is None or gate is None or gate.id != sealed_by or gate.state not in {"success", "failed"}:
            return (
                f"{self.trigger_dag_id} ended without a seal of its present gate: it was ended by hand. "
                "Clear its phase_gate with downstream, then clear this task."
            )
        if not seal.complete:
            self.ended_incomplete(context, seal)
            repair = "Repair it (clear the item with downstream), then clear this task."
            return "\n".join((f"{self.trigger_dag_id} is not complete. {repair}", *seal.problems))
        self.ended_complete(context, seal)
        return None

    def ended_complete(self, context: Context, seal: Seal) -> None:
        """Hook for what follows a complete phase."""

    def ended_incomplete(self, context: Context, seal: Seal) -> None:
        """Hook for what follows an incomplete phase."""


class GoNoGoOperator(RunPhaseOperator):
    """The decision of four roles; one No ends the launch."""

    def ended_complete(self, context: Context, seal: Seal) -> None:
        """Tell that it is a go."""
        tell_decided(context["ti"], admitted_launch(context), seal)

    def ended_incomplete(self, context: Context, seal: Seal) -> None:
        """End the launch, so that the environment is free for another, and tell who said no."""
        if seal.counts.get(Outcome.REJECTED):
            launches().end(context["run_id"], LaunchState.NO_GO)
            tell_decided(context["ti"], admitted_launch(context), seal)


class OfferRollbackOperator(RunPhaseOperator):
    """Offers the rollback when a launch-day window failed after the launch had begun."""

    def __init__(self, *, after: list[str], **kwargs: Any) -> None:
        super().__init__(trigger_rule="one_failed", **kwargs)
        self.after = after

    def execute(self, context: Context) -> Any:
        """Skip where the launch day never began; otherwise offer it with what failed."""
        try:
            failed = {dag_id: self._problems(context, dag_id) for dag_id in self.after}
            problems = [problem for each in failed.values() for problem in each]
            if not problems:
                message = "Nothing was launched, so there is nothing to roll back."
                raise AirflowSkipException(message)
            windows = [dag_id for dag_id, found in failed.items() if found]
            tell_rollback_offered(context["ti"], admitted_launch(context), windows, problems)
        except LedgerUnavailable as error:
            self.log.warning("What failed cannot be read yet, trying again in %s: %s", pause(), error)
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="again")
        conf = context["ti"].xcom_pull(task_ids=ADMIT)
        self.conf = {**conf, "reason": "\n".join(problems)[:4000]}
        return super().execute(context)

    def again(self, context: Context, event: Any = None) -> Any:
        """Go on after a pause."""
        del event
        return self.execute(context)

    def _problems(self, context: Context, dag_id: str) -> tuple[str, ...]:
        seal, _ = latest_seal(context["run_id"], dag_id)
        if seal:
            return () if seal.complete else seal.problems
        # Ended by hand before its gate could seal it: something may be live all the same.
        began = context["ti"].get_dr_count(dag_id=dag_id, run_ids=[context["run_id"]])
        return (f"{dag_id} ended without a seal.",) if began else ()

    def ended_complete(self, context: Context, seal: Seal) -> None:
        """A rollback that is complete ends the launch."""
        del seal
        try:
            launches().end(context["run_id"], LaunchState.ROLLED_BACK)
        except LaunchRefused as refused:
            self.log.warning("The launch had ended already: %s", refused)
