"""Run every look of ``launch doctor --deployment``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.doctor.rows import unknown
from launch_pipeline.errors import LaunchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from launch_pipeline.doctor.deployment.examined import Examined
    from launch_pipeline.doctor.rows import Row


def examine(deployment: Examined) -> Iterator[Row]:
    """Yield the rows of all looks, in the order in which to fix them; one that fails ends no other."""
    from launch_pipeline.doctor.deployment import airflow, ledger, slack  # noqa: PLC0415

    looks: Mapping[str, Callable[[Examined], Iterator[Row]]] = {
        "airflow": airflow.airflow,
        "all-admins mode": airflow.open_door,
        "plugin": airflow.plugin,
        "guard": airflow.guard,
        "Dags": airflow.dags,
        "people": airflow.people,
        "connections": airflow.connections,
        "slack": slack.slack,
        "ledger": ledger.ledger,
        "clock": ledger.clock,
    }
    for what, look in looks.items():
        try:
            yield from look(deployment)
        except LaunchError as error:
            yield unknown(what, str(error), "fix what the message names, then run this again.")
