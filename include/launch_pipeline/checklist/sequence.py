"""The order of the phases, and the display names of the Dags, numbered because Airflow sorts them."""

from __future__ import annotations

CONDUCTOR = "launch"
BEFORE = ("week_1_pre_launch_requirements", "week_2_infrastructure_setup", "week_2_3_application_deployment")
SIDE_BY_SIDE = (
    "week_3_validation_testing",
    "week_3_monitoring_alerting",
    "week_3_backup_disaster_recovery",
    "week_3_team_preparation",
)
T_MINUS_2H = "launch_day_t_minus_2h"
GO_NO_GO = "go_no_go"
T_0 = "launch_day_t_0"
AFTER_GO = (T_0, "launch_day_t_plus_1h", "launch_day_t_plus_4h")
WINDOWS = (T_MINUS_2H, *AFTER_GO)
"""The four windows of the launch day."""
WEEK_4 = "week_4_post_launch"
SIGN_OFF = "sign_off"
ROLLBACK = "rollback"
WATCH = "watch"
"""The Dag that watches a launch until it is over; not a phase."""

STEPS = (
    *((dag_id,) for dag_id in BEFORE),
    SIDE_BY_SIDE,
    (T_MINUS_2H,),
    (GO_NO_GO,),
    *((dag_id,) for dag_id in AFTER_GO),
    (WEEK_4,),
    (SIGN_OFF,),
)
"""The steps of a launch, one after the other; the Dags of a step run in parallel."""
ALL_PHASES = (*BEFORE, *SIDE_BY_SIDE, T_MINUS_2H, GO_NO_GO, *AFTER_GO, WEEK_4, SIGN_OFF, ROLLBACK)
"""Every Dag that the conductor runs or offers, in order."""

TITLES = {
    CONDUCTOR: "00 Launch",
    "week_1_pre_launch_requirements": "01 Pre-Launch Requirements (Week 1)",
    "week_2_infrastructure_setup": "02 Infrastructure Setup (Week 2)",
    "week_2_3_application_deployment": "03 Application Deployment (Week 2-3)",
    "week_3_validation_testing": "04 Validation & Testing (Week 3)",
    "week_3_monitoring_alerting": "05 Monitoring & Alerting (Week 3)",
    "week_3_backup_disaster_recovery": "06 Backup & Disaster Recovery (Week 3)",
    "week_3_team_preparation": "07 Team Preparation (Week 3)",
    T_MINUS_2H: "08 Launch Day: Pre-Launch (T-2 hours)",
    GO_NO_GO: "09 Go / No-Go",
    T_0: "10 Launch Day: Launch (T-0)",
    "launch_day_t_plus_1h": "11 Launch Day: Post-Launch (T+1 hour)",
    "launch_day_t_plus_4h": "12 Launch Day: Post-Launch (T+4 hours)",
    WEEK_4: "13 Post-Launch (Week 4)",
    SIGN_OFF: "14 Sign-Off",
    ROLLBACK: "15 Rollback",
    WATCH: "16 Watch",
}
"""Dag ids and display names: a number and the document's title."""


def preceding(dag_id: str) -> tuple[str, ...]:
    """Return the phases that must be sealed complete before this Dag may begin, in order.

    For the end of a launch (the conductor's own id) those are all phases. Nothing precedes a rollback: a
    preparation phase that was reopened must not delay it.
    """
    if dag_id == CONDUCTOR:
        return tuple(each for step in STEPS for each in step)
    before = next((number for number, step in enumerate(STEPS) if dag_id in step), 0)
    return tuple(each for step in STEPS[:before] for each in step)


def title(dag_id: str) -> str:
    """Return the display name of a Dag; one that is not listed shows its id."""
    return TITLES.get(dag_id, dag_id)
