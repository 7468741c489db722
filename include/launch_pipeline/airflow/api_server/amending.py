"""Amend a launch by today's files.

Everything is read anew for each request: the rows of the launch, and the files of this deployment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow.models.dagrun import DagRun
from sqlalchemy import select

from launch_pipeline.approvals.changing import judge_confirming
from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.checklist.sequence import title
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.errors import LaunchRefused
from launch_pipeline.launch.amending import plan_amendment, plan_in_force, refuse_what_cannot_run
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags, launch_plan
from launch_pipeline.launch.differing import Definitions
from launch_pipeline.launch.in_force import deployed_settings, settings_in_force
from launch_pipeline.launch.stale_after import known_dags, stale_item
from launch_pipeline.ledger.changes import By, Changes
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.launches import Launches, active_or_refuse
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.proposals import open_proposal, propose

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.engine import Connection as DatabaseConnection

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.launch.amending import Plan
    from launch_pipeline.ledger.facts import Proposed
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.ledger.schema import LedgerEntry

LOOK_AGAIN = "The files of this deployment, or the launch, have changed since you looked. Look again at what"


@dataclass(frozen=True)
class Amendable:
    """What a launch would become by today's files."""

    launch: Launch
    entries: tuple[LedgerEntry, ...]
    plan: Plan

    @property
    def proposal(self) -> Proposed | None:
        """Who has asked for exactly this amendment."""
        return open_proposal(self.entries, self.plan.digest)

    def told(self) -> dict[str, Any]:
        """Return everything for the person who looks, as JSON."""
        proposed = self.proposal if self.plan.differences else None
        return {
            "launch_id": self.launch.launch_id,
            "digest": self.plan.digest if self.plan.differences else "",
            "differences": [one.model_dump(mode="json") for one in self.plan.differences],
            "consequences": [
                {**one.model_dump(mode="json"), "phase_title": title(one.dag_id), "words": one.words}
                for one in self.plan.consequences
            ],
            "needs_second": policy().amend_needs_second,
            "proposed": proposed.model_dump(mode="json", include={"by", "reason"}) if proposed else None,
        }


def begun_dags(connection: DatabaseConnection, launch_id: str) -> frozenset[str]:
    """Return the Dags that have a run of a launch."""
    return frozenset(connection.execute(select(DagRun.dag_id).where(DagRun.run_id == launch_id)).scalars())


def read_amendable(dsn: str, launch_id: str, begun: Collection[str]) -> Amendable:
    """Compare a launch with today's files.

    Raises LaunchRefused for an unknown launch, an ended one, and for files that no launch could run by;
    ConfigurationError and InvalidChecklist for files that are wrong; LedgerUnavailable.
    """
    launch = Launches(dsn).get(launch_id)
    active_or_refuse(launch, "be amended")
    entries, context, people = (
        tuple(Ledger(dsn).entries(launch_id)),
        LaunchContext.of_launch(launch),
        contacts(),
    )
    after = _deployed(launch, context, people)
    before = Definitions(
        dags=known_dags(dsn, context),
        settings=settings_in_force(dsn, context),
        plan=plan_in_force(entries),
    )
    planned = plan_amendment(launch, entries, before, after, context=context, contacts=people, begun=begun)
    return Amendable(launch, entries, planned)


def _deployed(launch: Launch, context: LaunchContext, people: Contacts) -> Definitions:
    dags, settings = deployed_dags(), deployed_settings(launch.environment)
    # Raises for variables that a launch would otherwise run without.
    with_product({**settings.environment.variables, **context.variables()}, settings.product)
    refuse_what_cannot_run(launch, dags, settings.environment.rehearsal, people)
    return Definitions(dags, settings, launch_plan(dags, policy(), settings.lasting(context.variables())))


@dataclass(frozen=True)
class Amending:
    """Today's comparison, and the person who acts on it."""

    dsn: str
    found: Amendable
    by: str

    def amend(self, reason: str, digest: str | None) -> Launch | None:
        """Amend the launch; None if another person must confirm it first, which is then asked for.

        Raises LaunchRefused where nothing differs, and if ``digest`` names another amendment.
        """
        launch_id = self.found.launch.launch_id
        if not self.found.plan.differences:
            raise LaunchRefused(f"Nothing differs from what the launch {launch_id!r} runs by.")
        if digest not in {None, self.found.plan.digest}:
            raise LaunchRefused(f"{LOOK_AGAIN} differs with 'launch amend {launch_id}'.")
        by = By(self.by, reason, Via.AIRFLOW)
        if not policy().amend_needs_second:
            return Changes(self.dsn).amend(launch_id, self.found.plan.amendment, by)
        self._propose(by)
        return None

    def _propose(self, by: By) -> None:
        launch_id, plan = self.found.launch.launch_id, self.found.plan
        earlier = self.found.proposal
        if earlier is None:
            propose(self.dsn, launch_id, plan.digest, plan.amendment.changes, by)
        elif earlier.by != self.by:
            confirm = f"launch amend {launch_id} --confirm {plan.digest}"
            raise LaunchRefused(
                f"{earlier.by} has already asked for exactly this. Confirm it with '{confirm}'."
            )

    def confirm(self, digest: str) -> Launch:
        """Amend the launch as another person asked for, who is named as the one who amends it.

        Raises ChangeForbidden for that person themselves, and LaunchRefused if no one asked for it, or if
        today's files would make another amendment of it.
        """
        launch_id, rules = self.found.launch.launch_id, policy()
        if not rules.amend_needs_second:
            message = "The policy wants no second person: amend the launch with a reason of your own."
            raise LaunchRefused(message)
        proposed = open_proposal(self.found.entries, digest)
        if proposed is None:
            message = f"No one has asked for the amendment {digest} of the launch {launch_id!r}."
            raise LaunchRefused(f"{message} Look at what differs with 'launch amend {launch_id}'.")
        judge_confirming(self.by, proposed.by, contacts(), rules)
        if digest != self.found.plan.digest:
            raise LaunchRefused(f"{LOOK_AGAIN} differs, and ask for it anew.")
        by = By(proposed.by, proposed.reason, Via.AIRFLOW)
        return Changes(self.dsn).amend(launch_id, self.found.plan.amendment, by, confirmed_by=self.by)

    def stale(self) -> list[dict[str, Any]]:
        """Return the items whose answers the amendment makes stale, as JSON."""
        consequences = self.found.plan.consequences
        return [stale_item(one.dag_id, one.item_ref, one.text, one.why) for one in consequences if one.why]
