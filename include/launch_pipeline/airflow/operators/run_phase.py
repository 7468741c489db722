"""Run a phase as a step of the conductor, or attach to its run, and go on only when it is sealed complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.triggers.external_task import DagStateTrigger
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.utils.state import DagRunState

from launch_pipeline.airflow.hooks.ledger import latest_seal, launches, window_rows
from launch_pipeline.airflow.hooks.task_api import dag_run
from launch_pipeline.airflow.notifiers.launch import announce_decision, announce_rollback_offered
from launch_pipeline.airflow.policies.launch_run import strangeness
from launch_pipeline.airflow.policies.pacing import pause, worker_lag
from launch_pipeline.airflow.policies.retries import despite_accidents
from launch_pipeline.airflow.policies.seals import begins_again, launch_before, present_seal
from launch_pipeline.airflow.triggers.rollback import OVER, RollbackTrigger
from launch_pipeline.checklist.sequence import CONDUCTOR, title
from launch_pipeline.errors import LaunchRefused, LedgerUnavailable, OperationError, PhaseReopened
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.windows import regressions
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.schema import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from airflow.sdk import Context

    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.reopened import Reopened
    from launch_pipeline.ledger.schema import Seal

POLL_SECONDS = 2
"""Poll interval for a running phase."""

_AWAY = (LedgerUnavailable, OperationError)


class RunPhaseOperator(TriggerDagRunOperator):
    """Run a phase under the launch's own run id, and go on when the phase is sealed complete.

    The step begins only when the ledger holds the complete seals of all phases before it, and waits while one
    of them is verified again. States in Airflow do not count: a task that was marked by hand has no seal of
    its present gate. When this task is cleared, it attaches to the existing run if that run belongs to this
    launch.
    """

    # The run's configuration comes from the ledger; nothing in it is a template.
    template_fields = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            logical_date=None,
            wait_for_completion=True,
            deferrable=True,
            poke_interval=POLL_SECONDS,
            # The seal decides, not the state in which the run ends.
            allowed_states=[DagRunState.SUCCESS, DagRunState.FAILED],
            failed_states=[],
            # After a lost worker the next try attaches to the run.
            **despite_accidents(),
            **kwargs,
        )

    def execute(self, context: Context) -> None:
        """Trigger the phase, or attach to its run."""
        try:
            launch = self._launch(context["run_id"])
            attached = self._attaches(context, launch)
        except PhaseReopened as reopened:
            self.log.warning("%s Trying again in %s.", reopened, pause())
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="again")
        except LaunchRefused as refused:
            raise AirflowFailException(str(refused)) from refused
        except _AWAY as error:
            self.log.warning("What precedes cannot be read yet, trying again in %s: %s", pause(), error)
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="again")
        if attached:
            self._attach(context)
            return
        self.trigger_run_id, self.conf = context["run_id"], dict(launch.conf)
        super().execute(context)

    def again(self, context: Context, event: Any = None) -> None:
        """Go on after a pause."""
        del event
        self.execute(context)

    def _launch(self, launch_id: str) -> Launch:
        """Return the launch. Raises LaunchRefused unless all phases before this step are sealed complete."""
        return launch_before(launch_id, self.trigger_dag_id)

    def _attaches(self, context: Context, launch: Launch) -> bool:
        """Return whether a run of this launch exists. Raises LaunchRefused for a foreign run under its id."""
        run_id = context["run_id"]
        if not context["ti"].get_dr_count(dag_id=self.trigger_dag_id, run_ids=[run_id]):
            return False
        found = dag_run(self.trigger_dag_id, run_id)
        if found and (problem := strangeness(found.run_type, found.conf, launch)):
            raise LaunchRefused(f"The run {run_id!r} of {title(self.trigger_dag_id)} {problem}")
        return True

    def _attach(self, context: Context) -> None:
        ti, run_id = context["ti"], context["run_id"]
        ti.xcom_push(key="trigger_run_id", value=run_id)
        ended = [str(state) for state in self.allowed_states]
        if ti.get_dr_count(dag_id=self.trigger_dag_id, run_ids=[run_id], states=ended):
            self.execute_complete(context)
            return
        trigger = DagStateTrigger(
            dag_id=self.trigger_dag_id,
            states=self.allowed_states,
            run_ids=[run_id],
            poll_interval=self.poke_interval,
        )
        self.defer(trigger=trigger, method_name="execute_complete")

    def execute_complete(self, context: Context, event: Any = None) -> None:
        """Look at the seal of the phase that ended."""
        del event
        try:
            problem = self._seal_problem(context)
        except PhaseReopened as reopened:
            self.log.warning("%s Trying again in %s.", reopened, pause())
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="execute_complete")
        except _AWAY as error:
            self.log.warning("The seal cannot be read yet, trying again in %s: %s", pause(), error)
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="execute_complete")
        if problem:
            raise AirflowFailException(problem)

    def _seal_problem(self, context: Context) -> str | None:
        """Return why the launch does not go on, or None. Raises PhaseReopened."""
        where = (context["run_id"], self.trigger_dag_id)
        seal = present_seal(*where)
        if seal is None and begins_again(*where):
            raise PhaseReopened(f"{title(self.trigger_dag_id)} is verified again.")
        # Its gate may have ended between the two.
        seal = seal or present_seal(*where)
        if seal is None:
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
        """Do what follows a complete phase."""

    def ended_incomplete(self, context: Context, seal: Seal) -> None:
        """Do what follows an incomplete phase."""


def admitted(context: Context) -> LaunchContext:
    """Return the launch of a conductor's run, as admitted. Raises LaunchRefused if there is none."""
    return LaunchContext.of_launch(launches().get(context["run_id"]))


class GoNoGoOperator(RunPhaseOperator):
    """Run the go/no-go of four roles; one No ends the launch."""

    def _launch(self, launch_id: str) -> Launch:
        """Return the launch as every step does, or one whose decisions are open, which may end by a No.

        A launch that a No has ended still has to announce it. One whose Go was taken back attaches to the
        decisions at once, whatever is verified again.
        """
        launch = launches().get(launch_id)
        if launch.state is LaunchState.NO_GO:
            return launch
        try:
            return super()._launch(launch_id)
        except PhaseReopened:
            if latest_seal(launch_id, self.trigger_dag_id)[0] is None:
                raise
            return launch

    def ended_complete(self, context: Context, seal: Seal) -> None:
        """Announce the go."""
        announce_decision(context["ti"], admitted(context), seal)

    def ended_incomplete(self, context: Context, seal: Seal) -> None:
        """End the launch, which frees the environment, and announce who said no."""
        if seal.counts.get(Outcome.REJECTED):
            launches().end(context["run_id"], LaunchState.NO_GO)
            announce_decision(context["ti"], admitted(context), seal)


class OfferRollbackOperator(RunPhaseOperator):
    """Offer the rollback when a window failed, or when something is no longer true since T-0 opened.

    The task waits in the triggerer from the Go on. What heals before it is offered is not offered. An offer
    stands until it is decided, or lapses at the end of the launch day; the task then ends skipped. ``after``
    are the windows.
    """

    def __init__(self, *, after: list[str], **kwargs: Any) -> None:
        # Any of the steps before it begins the wait: the Go does, a window that is repaired begins it anew.
        super().__init__(trigger_rule="one_success", **kwargs)
        self.after = after

    def execute(self, context: Context, seen: Sequence[str] = (), settled: Sequence[str] = ()) -> None:
        """Offer the rollback with the problems; without any, wait for one."""
        try:
            windows = {dag_id: found for dag_id in self.after if (found := self._problems(context, dag_id))}
            problems = [one for each in windows.values() for one in each]
            problems += [_said(one) for one in _regressed(context, settled)]
            if problems:
                announce_rollback_offered(context["ti"], admitted(context), list(windows), problems)
        except LaunchRefused as refused:
            raise AirflowFailException(str(refused)) from refused
        except _AWAY as error:
            self.log.warning("What failed cannot be read yet, trying again in %s: %s", pause(), error)
            self.defer(trigger=TimeDeltaTrigger(pause()), method_name="again")
        if not problems:
            self._wait(seen, settled)
        super().execute(context)

    def woken(
        self,
        context: Context,
        event: dict[str, Any],
        seen: Sequence[str] = (),
        settled: Sequence[str] = (),
    ) -> None:
        """Go on after the wait: skip at the end of the launch day, otherwise look for problems."""
        if event["why"] == OVER:
            message = "The launch day is over, so no rollback is offered."
            raise AirflowSkipException(message)
        self.execute(context, sorted({*seen, *event["failed"]}), settled)

    def _wait(self, seen: Sequence[str], settled: Sequence[str]) -> NoReturn:
        kept = {"seen": list(seen), "settled": list(settled)}
        trigger = RollbackTrigger(**kept, rest=worker_lag().total_seconds())
        self.defer(trigger=trigger, method_name="woken", kwargs=kept)

    def _problems(self, context: Context, dag_id: str) -> tuple[str, ...]:
        seal, _ = latest_seal(context["run_id"], dag_id)
        if seal:
            return () if seal.complete else seal.problems
        # Ended by hand before its gate could seal it: the release may be live all the same.
        ended = _step_failed(context, dag_id) and self._began(context, dag_id)
        return (f"{dag_id} ended without a seal.",) if ended else ()

    def _began(self, context: Context, dag_id: str) -> bool:
        """Return whether the launch itself ran a window. A foreign run under its id does not count."""
        run_id = context["run_id"]
        if not context["ti"].get_dr_count(dag_id=dag_id, run_ids=[run_id]):
            return False
        found = dag_run(dag_id, run_id)
        return found is None or strangeness(found.run_type, found.conf, launches().get(run_id)) is None

    def _launch(self, launch_id: str) -> Launch:
        """Return the launch, also one that is over or has open phases: a rollback needs neither."""
        return launches().get(launch_id)

    def ended_complete(self, context: Context, seal: Seal) -> None:
        """End the launch as rolled back."""
        del seal
        try:
            launches().end(context["run_id"], LaunchState.ROLLED_BACK)
        except LaunchRefused as refused:
            self.log.warning("The launch had ended already: %s", refused)

    def ended_incomplete(self, context: Context, seal: Seal) -> None:
        """Wait on after an offer that was declined, or lapsed, while no window has failed."""
        done = any(record.outcome in _DONE for record in seal.records)
        if not done and not any(self._problems(context, dag_id) for dag_id in self.after):
            self.log.info("The rollback was not decided for: the launch goes on.")
            self._wait((), [one.item_ref for one in _regressed(context)])


_DONE = frozenset({Outcome.APPROVED, Outcome.PASSED})


def _regressed(context: Context, settled: Sequence[str] = ()) -> list[Reopened]:
    """Return the items that are no longer true since T-0 opened. Raises LedgerUnavailable."""
    found = regressions(window_rows(context["run_id"]))
    return [one for one in found if one.item_ref not in settled]


def _said(one: Reopened) -> str:
    return f"{one.item_ref} is no longer true: {', '.join(one.why)}."


def _step_failed(context: Context, dag_id: str) -> bool:
    """Return whether the conductor's step of a window has failed."""
    run_id = context["run_id"]
    states = context["ti"].get_task_states(dag_id=CONDUCTOR, task_ids=[dag_id], run_ids=[run_id])
    return bool(states.get(run_id, {}).get(dag_id) == "failed")
