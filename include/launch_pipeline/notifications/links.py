"""Build addresses of pages in Airflow's web UI, as the router of Airflow 3.3.2 has them (``ui/dist``)."""

from __future__ import annotations

from urllib.parse import quote

from launch_pipeline.routes import REPORTS


def run_url(airflow: str, dag_id: str, run_id: str) -> str:
    """Return the page of a run, a phase's or the launch's; empty if Airflow's address is unknown."""
    return f"{airflow.rstrip('/')}/dags/{_part(dag_id)}/runs/{_part(run_id)}" if airflow else ""


def section_url(airflow: str, dag_id: str, run_id: str, section_id: str) -> str:
    """Return the page of one section (a task group) in a run."""
    run = run_url(airflow, dag_id, run_id)
    return f"{run}/tasks/group/{_part(section_id)}" if run else ""


def item_url(airflow: str, dag_id: str, run_id: str, task_id: str) -> str:
    """Return the page on which an item is answered; for an item without a request Airflow shows its task."""
    run = run_url(airflow, dag_id, run_id)
    return f"{run}/tasks/{_part(task_id)}/required_actions" if run else ""


def report_url(airflow: str, launch_id: str) -> str:
    """Return the launch's report, which the plugin serves; empty if Airflow's address is unknown."""
    return f"{airflow.rstrip('/')}{REPORTS}/{_part(launch_id)}" if airflow else ""


def _part(text: str) -> str:
    return quote(text, safe="")
