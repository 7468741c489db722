"""Examine the Airflow of a deployment: health, plugin, guard, Dags, people, connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from launch_pipeline.airflow.connection_ids import (
    AIRFLOW_CONNECTION,
    LEDGER_CONNECTION,
    SLACK_CONNECTION,
)
from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.airflow.hooks.rest_client import NOT_FOUND, ApiError
from launch_pipeline.approvals.contacts import Contacts, load_contacts
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checklist.sequence import ALL_PHASES, CONDUCTOR, WATCH
from launch_pipeline.checks.engine.registry import parameter_models
from launch_pipeline.doctor.rows import ok, problem, unknown
from launch_pipeline.routes import BOARD_PATH
from launch_pipeline.stack.settings import PIPELINE_USER
from launch_pipeline.stack.slack_access import BRIDGE_USER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from launch_pipeline.approvals.contacts import Person
    from launch_pipeline.doctor.deployment.examined import Examined
    from launch_pipeline.doctor.rows import Row

COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
PROBE = "launch-doctor-probe"
"""A run id that is never used, so an answer to it has no effect."""
NEEDED = {
    LEDGER_CONNECTION: "without it nothing can be recorded, and no gate opens",
    AIRFLOW_CONNECTION: "without it phase gates wait forever",
}
MAY_ANSWER = frozenset({FabRole.APPROVER, FabRole.ADMIN})
_INIT = "run 'docker compose run --rm init' again"
_PLUGIN_FIX = "put plugins/launch_plugin.py into [core] plugins_folder and start the api-server again."
_REDIRECTED = 300
_REFUSALS = (403, 409)
"""The guard refuses with Forbidden or Conflict."""


def airflow(deployment: Examined) -> Iterator[Row]:
    """Check the heartbeat of every component."""
    health = deployment.api.health()
    for name in COMPONENTS:
        state = (health.get(name) or {}).get("status")
        if state == "healthy":
            yield ok(name, "healthy")
        else:
            service = name.replace("_", "-")
            yield problem(name, f"is {state or 'silent'}", f"read its log: 'docker compose logs {service}'.")


def open_door(deployment: Examined) -> Iterator[Row]:
    """Check that Airflow shows nothing to people who have not signed in."""
    what = "all-admins mode"
    if deployment.api.told("GET", "/auth/token", signed=False).status < _REDIRECTED:
        fix = "turn [core] simple_auth_manager_all_admins off."
        yield problem(what, "is on: everyone is an administrator, so no answer can be attributed", fix)
        return
    if deployment.api.told("GET", "/api/v2/dags", signed=False).status < _REDIRECTED:
        yield problem(what, "shows Dags without signing in", "leave [fab] auth_role_public empty.")
        return
    yield ok(what, "off; nothing is shown without signing in")


def plugin(deployment: Examined) -> Iterator[Row]:
    """Check that the plugin's routes exist and refuse this account."""
    reply = deployment.api.told("GET", BOARD_PATH)
    said = str(reply.body.get("detail") or reply.status)
    if reply.body.get("code") == "not_the_bridge":
        yield ok("plugin", "loaded")
    elif reply.body.get("code") == "configuration":
        yield problem("plugin", said, "do what the message says.")
    elif reply.status == NOT_FOUND:
        yield problem(
            "plugin", "is not loaded: nothing guards answers or takes those from Slack", _PLUGIN_FIX
        )
    else:
        yield unknown(
            "plugin", f"its route answered: {said}", "sign in with another account than the bridge's."
        )


def guard(deployment: Examined) -> Iterator[Row]:
    """Check that the guard, not Airflow, refuses an answer to a request that does not exist.

    The guard's refusals carry a code, Airflow's do not. It refuses an account that is not in the contacts
    (403), or the request (409).
    """
    dag_id, task_id = _an_item()
    path = f"/api/v2/dags/{dag_id}/dagRuns/{PROBE}/taskInstances/{quote(task_id)}/-1/hitlDetails"
    reply = deployment.api.told("PATCH", path, {"chosen_options": ["Approve"], "params_input": {}})
    if reply.status in _REFUSALS and reply.body.get("code"):
        yield ok("guard", "checks every answer")
        return
    says = f"does not check answers: a probe got {reply.status} {reply.body.get('detail', '')}".strip()
    yield problem("guard", says, f"anyone could answer for anyone: start no launch; {_PLUGIN_FIX}")


def _an_item() -> tuple[str, str]:
    plans = plan_dags(load_phases(parameter_models()))
    return next((dag_id, item.task_id) for dag_id, plan in plans.items() for item in plan.items)


def dags(deployment: Examined) -> Iterator[Row]:
    """Check that every Dag of a launch is there, and that none is paused or broken."""
    found = {dag["dag_id"]: dag for dag in deployment.api.dags()}
    expected = (CONDUCTOR, *ALL_PHASES, WATCH)
    if missing := [dag_id for dag_id in expected if dag_id not in found]:
        yield problem("Dags", f"missing: {', '.join(missing)}", "read the log of the dag-processor.")
    if paused := [dag_id for dag_id in expected if found.get(dag_id, {}).get("is_paused")]:
        yield problem("Dags", f"paused: {', '.join(paused)}", "unpause them in Airflow's list of Dags.")
    for error in deployment.api.import_errors():
        last = (error.get("stack_trace") or "").strip().splitlines()[-1:]
        yield problem("Dags", f"{error['filename']} cannot be imported: {''.join(last)}", "fix the file.")
    if not (missing or paused):
        yield ok("Dags", f"all {len(expected)} are there and active")


def people(deployment: Examined) -> Iterator[Row]:
    """Check that every role has a holder whose account exists, is active, and may answer."""
    if deployment.contacts is None:
        yield problem(
            "contacts", "none, so no request can be answered", "name the contacts file in LAUNCH_CONTACTS."
        )
        return
    contacts = load_contacts(deployment.contacts)
    accounts = _accounts(deployment)
    if accounts is None:
        fix = "production uses the FAB auth manager ('airflow config get-value core auth_manager')."
        yield unknown("people", "this Airflow has no list of accounts", fix)
        return
    plans = plan_dags(load_phases(parameter_models()))
    roles = dict.fromkeys(item.item.owner for plan in plans.values() for item in plan.items)
    unanswered = {role.label: _why_not(contacts.holders(role), accounts) for role in roles}
    for label, why in unanswered.items():
        if why:
            fix = f"correct the contacts or the account, then {_INIT}."
            yield problem("people", f"no person can answer for {label}: {why}", fix)
    if not any(unanswered.values()):
        yield ok("people", f"each of the {len(roles)} roles has a holder who can answer")
    yield _launchers(contacts, accounts)
    yield _services(accounts)
    yield _administrators(contacts, accounts)


def _accounts(deployment: Examined) -> Mapping[str, Any] | None:
    try:
        return {account["username"]: account for account in deployment.api.accounts()}
    except ApiError as error:
        if error.status == NOT_FOUND:
            return None
        raise


def _why_not(holders: list[Person], accounts: Mapping[str, Any]) -> str:
    """Return why none of the holders can answer; empty if one can."""
    reasons = [f"{person.name} {_trouble(person, accounts)}" for person in holders]
    if any(not _trouble(person, accounts) for person in holders):
        return ""
    return "; ".join(reasons) or "the role has no holder"


def _trouble(person: Person, accounts: Mapping[str, Any]) -> str:
    if not person.airflow_user:
        return "has no 'airflow_user'"
    account = accounts.get(person.airflow_user)
    if account is None:
        return f"has no account {person.airflow_user!r}"
    if not account.get("active"):
        return f"has an account {person.airflow_user!r} that is closed"
    return "" if MAY_ANSWER & _roles(account) else f"may not answer as {person.airflow_user!r}"


def _roles(account: Mapping[str, Any]) -> set[str]:
    return {role["name"] for role in account.get("roles") or []}


def _launchers(contacts: Contacts, accounts: Mapping[str, Any]) -> Row:
    may = {FabRole.LAUNCHER, FabRole.ADMIN}
    users = [p.airflow_user for p in contacts.people if p.active and p.airflow_user in accounts]
    names = [str(user) for user in users if may & _roles(accounts[str(user)])]
    if names:
        return ok("launchers", f"{', '.join(names)} may start a launch")
    return problem(
        "launchers", "no account may start a launch", f"name a person in LAUNCH_LAUNCHERS, then {_INIT}."
    )


def _services(accounts: Mapping[str, Any]) -> Row:
    wanted = {PIPELINE_USER: FabRole.PIPELINE, BRIDGE_USER: FabRole.BRIDGE}
    wrong = [
        name
        for name, role in wanted.items()
        if not accounts.get(name, {}).get("active") or _roles(accounts[name]) != {role}
    ]
    if not wrong:
        return ok("accounts", f"{' and '.join(wanted)} are active, each with its own role only")
    says = f"{', '.join(wrong)} is missing, closed, or has a role that is not its own"
    return problem("accounts", says, f"{_INIT}.")


def _administrators(contacts: Contacts, accounts: Mapping[str, Any]) -> Row:
    """Build the row of Airflow's administrators; people who decide in a launch must not be among them."""
    open_ones = {name for name, account in accounts.items() if account.get("active")}
    names = sorted(name for name in open_ones if FabRole.ADMIN in _roles(accounts[name]))
    if people := [name for name in names if contacts.by_airflow_user(name)]:
        says = f"{', '.join(people)} can do everything in Airflow, and decides in a launch as well"
        return problem("administrators", says, "remove the role Admin; administrate with another account.")
    return ok("administrators", f"{', '.join(names) or 'none'}; what they can do is in docs/production.md")


def connections(deployment: Examined) -> Iterator[Row]:
    """Check that Airflow has the pipeline's own connections."""
    known = {found["connection_id"] for found in deployment.api.connections()}
    needed = {
        **NEEDED,
        **({SLACK_CONNECTION: "without it nothing is announced in Slack"} if deployment.bot_token else {}),
    }
    missing = {conn_id: why for conn_id, why in needed.items() if conn_id not in known}
    for conn_id, why in missing.items():
        yield problem("connections", f"{conn_id} is missing: {why}", f"{_INIT}.")
    if not missing:
        others = len(known - set(needed))
        yield ok("connections", f"{', '.join(needed)}, and {others} for the checks")
