"""What notes say of the launch they belong to, as a worker knows it."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from airflow.configuration import conf

from launch_pipeline.airflow.hooks.ledger import launches, ledger
from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.checklist.moments import opening_of
from launch_pipeline.checklist.sequence import CONDUCTOR, T_0, title
from launch_pipeline.errors import ConfigurationError, InvalidChecklist
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.launch.environments import environment_of
from launch_pipeline.notifications.build import LaunchFacts
from launch_pipeline.notifications.links import run_url
from launch_pipeline.notifications.next_steps import following
from launch_pipeline.slack.messages.views import LaunchView

if TYPE_CHECKING:
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.notifications.model import Next

log = logging.getLogger(__name__)


class LaunchSummary:
    """A launch as its notes show it: its configuration, and how it stands in the ledger."""

    def __init__(self, launch: LaunchContext) -> None:
        """Raise LedgerUnavailable where it cannot be known how the launch stands."""
        self.launch = launch
        self.known: Launch | None = launches().find(launch.launch_id)
        """None where no conductor started it: somebody triggered a phase on its own."""

    @property
    def facts(self) -> LaunchFacts:
        """What every note says of it."""
        return LaunchFacts(
            launch_id=self.launch.launch_id, rehearsal=self.launch.rehearsal, airflow_url=airflow_url()
        )

    @property
    def launch_at(self) -> datetime | None:
        """The launch time in force, as far as one is known."""
        return self.known.launch_at if self.known else _moment(self.launch.launch_at)

    def root(self, dag_id: str) -> LaunchView:
        """The root of its thread as far as a worker knows it; the bridge fills in where its phases stand."""
        launch = self.launch
        started = CONDUCTOR if self.known else dag_id
        return LaunchView(
            launch_id=launch.launch_id,
            release=launch.release or title(started),
            environment=launch.environment,
            rehearsal=launch.rehearsal,
            launch_time=self.launch_at,
            triggered_by=name_of(launch.started_by),
            url=run_url(airflow_url(), started, launch.launch_id),
        )

    def following(self, dag_id: str, *, complete: bool) -> Next | None:
        """What comes after a phase; None where no conductor runs it."""
        if self.known is None:
            return None
        return following(dag_id, complete=complete, opens_at=self.opens_at, over=self.known.over)

    def opens_at(self, dag_id: str) -> datetime | None:
        """When a Dag's window opens; None where it is none, or where it cannot be said now."""
        if self.launch_at is None:
            return None
        try:
            dag = deployed_dags().get(dag_id)
            pace = environment_of(self.launch).pace
        except (ConfigurationError, InvalidChecklist) as error:
            log.warning("When %s opens cannot be said: %s", dag_id, error)
            return None
        if dag is None or not dag.plan.moments:
            return None
        ended = ledger().seal(self.launch.launch_id, T_0)
        return opening_of(dag.plan, self.launch_at, ended.sealed_at if ended else None, pace)


def airflow_url() -> str:
    """Where people open Airflow: ``[api] base_url``, empty where it is not set."""
    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")


def name_of(airflow_user: str | None) -> str:
    """A person's name by the Airflow user name, which is given where the contacts do not know it."""
    if not airflow_user:
        return ""
    try:
        person = contacts().by_airflow_user(airflow_user)
    except ConfigurationError:
        return airflow_user
    return person.name if person else airflow_user


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
