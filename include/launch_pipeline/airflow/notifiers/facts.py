"""Read what a worker knows about the launch that it announces."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from airflow.configuration import conf

from launch_pipeline.airflow.hooks.in_force import dag_of, settings_of
from launch_pipeline.airflow.hooks.ledger import launches, ledger
from launch_pipeline.approvals.deployed import contacts
from launch_pipeline.checklist.moments import zoned_time
from launch_pipeline.checklist.sequence import CONDUCTOR, T_0
from launch_pipeline.errors import ConfigurationError, LaunchRefused
from launch_pipeline.notifications.model import LaunchFacts, PersonView, name_of
from launch_pipeline.notifications.next_steps import following, window_opening
from launch_pipeline.slack.messages.views import LaunchView

if TYPE_CHECKING:
    from datetime import datetime

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.ledger.launch import Launch
    from launch_pipeline.notifications.model import Next

log = logging.getLogger(__name__)


class LaunchSummary:
    """Combine a launch's configuration with its row in the ledger, for messages."""

    def __init__(self, launch: LaunchContext) -> None:
        """Raise LedgerUnavailable if the ledger cannot be read."""
        self.launch = launch
        self.known: Launch | None = launches().find(launch.launch_id)
        """None if no conductor started it: a phase was triggered on its own."""

    @cached_property
    def facts(self) -> LaunchFacts:
        """Return what every message says about the launch."""
        launch = self.launch
        return LaunchFacts(
            launch_id=launch.launch_id,
            rehearsal=launch.rehearsal,
            airflow_url=airflow_url(),
            release=launch.release,
            environment=launch.environment,
            launch_at=self.known.launch_at if self.known else zoned_time(launch.launch_at),
            started_by=name_of(launch.started_by or "", _contacts()),
        )

    def root(self, dag_id: str) -> LaunchView:
        """Return the root of the thread as far as a worker knows it; the bridge adds the phases."""
        return LaunchView.of(self.facts, CONDUCTOR if self.known else dag_id)

    def following(self, dag_id: str, *, complete: bool) -> Next | None:
        """Return what comes after a phase; None if no conductor runs it."""
        if self.known is None:
            return None
        return following(dag_id, complete=complete, opens_at=self.opens_at, over=self.known.over)

    def opens_at(self, dag_id: str) -> datetime | None:
        """Return when a Dag's window opens; None if it waits for no time, or if that cannot be read now."""
        try:
            dag = dag_of(self.launch, dag_id)
            pace = settings_of(self.launch).environment.pace
        except (ConfigurationError, LaunchRefused) as error:
            log.warning("The message does not say when %s opens: %s", dag_id, error)
            return None
        if not dag.plan.moments:
            return None
        t_0 = ledger().seal(self.launch.launch_id, T_0)
        return window_opening(dag.plan, self.facts.launch_at, t_0, pace)


def airflow_url() -> str:
    """Return the address at which people open Airflow (``[api] base_url``); empty if it is not set."""
    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")


def rollback_contacts() -> tuple[PersonView, ...]:
    """Return the people who decide on a rollback, each once; empty if the contacts cannot be read."""
    people = _contacts()
    found = [people.person(contact.person) for contact in people.rollback] if people else []
    return tuple(dict.fromkeys(PersonView.of(person) for person in found if person and person.active))


def _contacts() -> Contacts | None:
    try:
        return contacts()
    except ConfigurationError as error:
        log.warning("The message names accounts instead of people: %s", error)
        return None
