"""What a launch that starts now has to run: the shipped checklists in the conductor's order, and rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import GO_NO_GO, ROLLBACK, STEPS
from launch_pipeline.checklist.vocabulary import Role, Severity
from launch_pipeline.ledger.plan import LaunchPlan, PlannedItem, Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.approvals.policy import Policy
    from launch_pipeline.launch.deployed_checklists import DeployedDag
    from launch_pipeline.launch.item_records import ItemSpec


def launch_plan(dags: Mapping[str, DeployedDag], policy: Policy) -> LaunchPlan:
    """Plan a launch of these Dags. Raises KeyError where one that the conductor runs is missing."""
    phases = [*(dag_id for step in STEPS for dag_id in step), ROLLBACK]
    return LaunchPlan(
        steps=STEPS,
        decision=GO_NO_GO,
        rollback=ROLLBACK,
        items={dag_id: tuple(map(_item, dags[dag_id].specs.values())) for dag_id in phases},
        rules=Rules(
            self_approval=policy.self_approval,
            two_roles_one_person=policy.two_roles_one_person,
            waive_blocking_items=policy.waive_blocking_items,
            may_waive={role: policy.waiver_roles(role, Severity.ADVISORY) for role in Role},
        ),
    )


def _item(spec: ItemSpec) -> PlannedItem:
    item = spec.item
    return PlannedItem(
        ref=spec.ref,
        owner=item.owner,
        severity=item.severity,
        mode=item.mode,
        gate=item.gate,
        rounds=item.repeat.times if item.repeat else 1,
    )
