"""Hold the files that views are built from: checklists, people and policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from launch_pipeline.approvals.rules import waiver_forbidden, who_may_waive
from launch_pipeline.checklist.options import options_of
from launch_pipeline.checklist.vocabulary import Answer, RequestKind, Role, Severity
from launch_pipeline.notifications.model import PersonView, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.approvals.policy import Policy
    from launch_pipeline.checklist.model import Item
    from launch_pipeline.checklist.plan import DagPlan


@dataclass(frozen=True)
class Deployment:
    """Hold what the board does not say: checklists, people, policy, and the public address of Airflow."""

    plans: Mapping[str, DagPlan]
    contacts: Contacts
    policy: Policy
    public_url: str

    def name_of(self, airflow_user: str) -> str:
        """Return a person's name, or the user name if the contacts do not know it."""
        return name_of(airflow_user, self.contacts)

    @cached_property
    def _may_answer(self) -> dict[Role, tuple[PersonView, ...]]:
        return {role: tuple(map(PersonView.of, self.contacts.holders(role))) for role in Role}

    def may_answer(self, owner: Role) -> tuple[PersonView, ...]:
        """Return the owner role's holders, primary first."""
        return self._may_answer[owner]

    @cached_property
    def _may_waive(self) -> dict[tuple[Role, Severity], tuple[PersonView, ...]]:
        """Fill this cache on demand: a click needs one section only."""
        return {}

    def may_waive(self, item: Item) -> tuple[PersonView, ...]:
        """Return the people who may set an item aside, in the policy's order."""
        key = (item.owner, item.severity)
        if key not in self._may_waive:
            may = who_may_waive(self.contacts, self.policy, *key)
            self._may_waive[key] = tuple(map(PersonView.of, may))
        return self._may_waive[key]

    def asked_first(self, item: Item, triggered_by: str) -> tuple[PersonView, ...]:
        """Return the owner role's holders. A person who may not approve their own launch comes last."""
        holders = self.may_answer(item.owner)
        starter = self.contacts.by_airflow_user(triggered_by)
        if starter is None or self._may_approve_own(item):
            return holders
        return tuple(
            sorted(holders, key=lambda one: (one.name, one.slack_id) == (starter.name, starter.slack_id))
        )

    def _may_approve_own(self, item: Item) -> bool:
        ordinary = item.gate is RequestKind.APPROVAL
        return self.policy.self_approval_of_items if ordinary else self.policy.self_approval

    def options(self, item: Item) -> tuple[Answer, ...]:
        """Return the answers of an item that the policy allows."""
        return tuple(o for o in options_of(item) if not waiver_forbidden(o, item.severity, self.policy))
