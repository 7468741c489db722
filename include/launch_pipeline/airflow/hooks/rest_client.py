"""A client of Airflow's public REST API (version 2 of the API, Airflow 3.3).

It signs in with name and password at ``/auth/token``, as the simple auth manager and FAB allow, and again
when the token is refused. A refusal becomes an :class:`ApiError` with the server's own words.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

import requests

from launch_pipeline.errors import OperationError
from launch_pipeline.routes import LAUNCHES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

logger = logging.getLogger(__name__)

TIMEOUT = (5.0, 30.0)
"""Timeouts to connect and to read, in seconds."""
ATTEMPTS = 4
BACKOFF = 0.4
PAGE = 100
"""Rows per page: the server's default maximum."""
WAITING_STATES = frozenset({"awaiting_input", "deferred"})
"""States of a task instance whose open request an answer would reach; old requests stay unanswered."""
NOT_FOUND = 404
UNAUTHORIZED = 401
SERVER_TROUBLE = frozenset({500, 502, 503, 504})
"""Statuses after which a read is sent again, a few times."""

Json = dict[str, Any]


class Reply(NamedTuple):
    """The server's reply, refusals included."""

    status: int
    body: Json
    """Empty where the body is not a JSON object."""
    headers: Mapping[str, str]


class ApiError(OperationError):
    """Airflow refused a request; :attr:`status` is the HTTP status, 0 if Airflow was not reached."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class AirflowApi:
    """One signed-in client, for one thread at a time. Every method raises :class:`ApiError`."""

    def __init__(
        self,
        base_url: str,
        username: str,
        password: str,
        *,
        timeout: tuple[float, float] = TIMEOUT,
        attempts: int = ATTEMPTS,
        backoff: float = BACKOFF,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._username = username
        self._password = password
        self._timeout = timeout
        self._attempts = attempts
        self._backoff = backoff
        self._session = requests.Session()
        # A proxy of the environment must not be used for this machine.
        self._session.trust_env = urlsplit(self.base_url).hostname not in {"127.0.0.1", "localhost", "::1"}
        self._token: str | None = None

    def health(self) -> Json:
        """Return Airflow's health of metadatabase, scheduler, triggerer and dag_processor (no sign-in)."""
        return self._json(self._send("GET", "/api/v2/monitor/health", signed=False))

    def dags(self) -> list[Json]:
        """Return every Dag that the account may read."""
        return self._pages("/api/v2/dags", "dags")

    def import_errors(self) -> list[Json]:
        """Return the Dag files that could not be imported, with ``filename`` and ``stack_trace``."""
        return self._pages("/api/v2/importErrors", "import_errors")

    def connections(self) -> list[Json]:
        """Return Airflow's connections, with ``***`` in place of their secrets."""
        return self._pages("/api/v2/connections", "connections")

    def accounts(self) -> list[Json]:
        """Return FAB's accounts with their roles. Fails with 404 where FAB is not the auth manager."""
        return self._pages("/auth/fab/v1/users", "users")

    def told(self, method: str, path: str, body: Any = None, *, signed: bool = True) -> Reply:
        """Send a request and return the reply as it is, refusals included."""
        sent = {} if body is None else {"json": body}
        response = self._send(method, path, signed=signed, **sent)
        try:
            read: Any = response.json()
        except requests.JSONDecodeError:
            read = None
        return Reply(response.status_code, read if isinstance(read, dict) else {}, response.headers)

    def trigger(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        note: str | None = None,
    ) -> Json:
        """Start a run and return it. An existing run id is refused (409)."""
        body: Json = {"logical_date": None, "conf": dict(conf or {})}
        body |= {k: v for k, v in {"dag_run_id": run_id, "note": note}.items() if v is not None}
        return self._request("POST", f"/api/v2/dags/{_part(dag_id)}/dagRuns", json=body)

    def dag_run(self, dag_id: str, run_id: str) -> Json | None:
        """Return a run, ``None`` where there is none with that id."""
        return self._found(self._run(dag_id, run_id))

    def dag_runs(self, dag_id: str = "~", **filters: Any) -> list[Json]:
        """Return runs, newest first; ``~`` means every Dag. Filters are those of the API, e.g. ``state``."""
        parameters = {"order_by": "-run_after", **filters}
        return self._pages(f"/api/v2/dags/{_part(dag_id)}/dagRuns", "dag_runs", parameters)

    def runs_of_launch(self, run_id: str) -> dict[str, Json]:
        """Return the runs with this run id, by Dag id."""
        found = self.dag_runs("~", run_id_prefix_pattern=run_id)
        return {run["dag_id"]: run for run in found if run["dag_run_id"] == run_id}

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """Return the last try of every task of a run."""
        return self._pages(f"{self._run(dag_id, run_id)}/taskInstances", "task_instances")

    def task_instance(self, dag_id: str, run_id: str, task_id: str) -> Json | None:
        """Return the last try of one task, ``None`` where there is none with that id."""
        return self._found(f"{self._run(dag_id, run_id)}/taskInstances/{_part(task_id)}")

    def events(self, dag_id: str, run_id: str) -> list[Json]:
        """Return a run's events of the audit log, newest first, with ``event``, ``owner`` and ``task_id``."""
        parameters = {"dag_id": dag_id, "run_id": run_id, "order_by": "-when"}
        return self._pages("/api/v2/eventLogs", "event_logs", parameters)

    def hitl_details(self, dag_id: str = "~", run_id: str = "~", *, waiting: bool = True) -> list[Json]:
        """Return requests to people, each with its ``task_instance``.

        With ``waiting``, only those that an answer would still reach: unanswered, and the task's state is
        one of ``WAITING_STATES``. A healed or cleared task keeps its unanswered request.
        """
        parameters = {"response_received": "false"} if waiting else {}
        found = self._pages(f"{self._run(dag_id, run_id)}/hitlDetails", "hitl_details", parameters)
        if not waiting:
            return found
        return [each for each in found if each["task_instance"]["state"] in WAITING_STATES]

    def hitl_of_try(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> Json | None:
        """Return the request of an earlier try, answered or not; ``None`` if that try had none."""
        path = f"{self._run(dag_id, run_id)}/taskInstances/{_part(task_id)}/-1/hitlDetails/tries/{try_number}"
        return self._found(path)

    def answer(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        chosen: str,
        params_input: Mapping[str, Any] | None = None,
    ) -> Json:
        """Answer a request as the signed-in user."""
        path = f"{self._run(dag_id, run_id)}/taskInstances/{_part(task_id)}/-1/hitlDetails"
        body = {"chosen_options": [chosen], "params_input": dict(params_input or {})}
        return self._request("PATCH", path, json=body)

    def xcom(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        key: str = "return_value",
        *,
        deserialize: bool = True,
    ) -> Any:
        """Return an XCom's value, ``None`` where there is none."""
        path = f"{self._run(dag_id, run_id)}/taskInstances/{_part(task_id)}/xcomEntries/{_part(key)}"
        try:
            return self._request("GET", path, params={"deserialize": str(deserialize).lower()})["value"]
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def clear(
        self,
        dag_id: str,
        run_id: str,
        task_ids: Iterable[str],
        *,
        include_downstream: bool = True,
        note: str = "",
    ) -> list[Json]:
        """Clear tasks so that they run again, set the run running, and return the cleared tasks.

        With a ``note`` the grid shows it on each of them.
        """
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "include_downstream": include_downstream,
            "only_failed": False,
            "reset_dag_runs": True,
            **({"note": note} if note else {}),
        }
        cleared = self._request("POST", f"/api/v2/dags/{_part(dag_id)}/clearTaskInstances", json=body)
        return list(cleared["task_instances"])

    def set_run_state(self, dag_id: str, run_id: str, state: str) -> None:
        """Set a run to ``queued``, ``success`` or ``failed``; its unfinished tasks end with it."""
        self._request("PATCH", self._run(dag_id, run_id), json={"state": state})

    def postpone_launch(self, launch_id: str, to: datetime, reason: str) -> Json:
        """Postpone a launch as the signed-in user, and return its new state."""
        return self._change(launch_id, "postpone", {"to": to.isoformat(), "reason": reason})

    def abort_launch(self, launch_id: str, reason: str) -> Json:
        """Abort a launch as the signed-in user, and return its new state. Its runs are not ended."""
        return self._change(launch_id, "abort", {"reason": reason})

    def amendment(self, launch_id: str) -> Json:
        """Return what today's files differ in from what a launch runs by, and what amending it would do."""
        return self._request("GET", f"{LAUNCHES}/{_part(launch_id)}/amendment")

    def amend_launch(self, launch_id: str, reason: str, digest: str) -> Json:
        """Amend a launch as the signed-in user; the reply has ``proposed`` if another person must confirm."""
        return self._change(launch_id, "amend", {"reason": reason, "digest": digest})

    def confirm_amendment(self, launch_id: str, digest: str) -> Json:
        """Confirm, as the signed-in user, the amendment that another person asked for."""
        return self._change(launch_id, "confirm", {"digest": digest})

    def retarget_launch(self, launch_id: str, release_sha: str, release: str | None, reason: str) -> Json:
        """Move a launch to another commit as the signed-in user, and return its new state."""
        body = {"release_sha": release_sha, "reason": reason, **({"release": release} if release else {})}
        return self._change(launch_id, "retarget", body)

    def hold_launch(self, launch_id: str, reason: str) -> Json:
        """Put a launch on hold as the signed-in user, and return its new state."""
        return self._change(launch_id, "hold", {"reason": reason})

    def resume_launch(self, launch_id: str, reason: str) -> Json:
        """Lift the hold of a launch as the signed-in user, and return its new state."""
        return self._change(launch_id, "resume", {"reason": reason})

    def _change(self, launch_id: str, what: str, body: Json) -> Json:
        return self._request("POST", f"{LAUNCHES}/{_part(launch_id)}/{what}", json=body)

    def _found(self, path: str) -> Json | None:
        """Return the resource at a path, ``None`` where there is none."""
        try:
            return self._request("GET", path)
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def _run(self, dag_id: str, run_id: str) -> str:
        return f"/api/v2/dags/{_part(dag_id)}/dagRuns/{_part(run_id)}"

    def _pages(self, path: str, key: str, parameters: Mapping[str, Any] | None = None) -> list[Json]:
        found: list[Json] = []
        while True:
            page = self._request(
                "GET", path, params={**(parameters or {}), "limit": PAGE, "offset": len(found)}
            )
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _request(self, method: str, path: str, **arguments: Any) -> Json:
        response = self._send(method, path, **arguments)
        if response.status_code == UNAUTHORIZED:
            # A token expires after a day, or when the api-server's secret changes.
            self._token = None
            response = self._send(method, path, **arguments)
        return self._json(response)

    def _json(self, response: requests.Response) -> Json:
        if not response.ok:
            raise ApiError(refusal(response), response.status_code)
        if not response.content:
            return {}
        try:
            value: Json = response.json()
        except requests.JSONDecodeError as error:
            message = f"The reply of {response.url} is not JSON; is this Airflow?"
            raise ApiError(message, response.status_code) from error
        return value

    def _send(self, method: str, path: str, *, signed: bool = True, **arguments: Any) -> requests.Response:
        """Send a request. Reads are retried after errors of connection or server; writes go once."""
        if signed:
            arguments["headers"] = {"Authorization": f"Bearer {self._signed_in()}"}
        attempts = self._attempts if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            try:
                response = self._session.request(
                    method, self.base_url + path, timeout=self._timeout, allow_redirects=False, **arguments
                )
            except requests.RequestException as error:
                if attempt == attempts:
                    raise self._unreachable(error) from error
            else:
                if response.status_code not in SERVER_TROUBLE or attempt == attempts:
                    return response
            time.sleep(self._backoff * 2 ** (attempt - 1))
        raise self._unreachable("no attempt was made")

    def _signed_in(self) -> str:
        if self._token is None:
            body = {"username": self._username, "password": self._password}
            answer = self._json(self._send("POST", "/auth/token", signed=False, json=body))
            self._token = str(answer["access_token"])
        return self._token

    def _unreachable(self, reason: object) -> ApiError:
        return ApiError(
            f"Airflow at {self.base_url} does not answer ({_short(reason)}). Is the stack running?"
        )


def refusal(response: requests.Response) -> str:
    """Return the server's words: ``detail`` as text, its list of field errors, or the start of the body."""
    method = response.request.method
    where = f"{method} {urlsplit(response.url).path}"
    try:
        detail = response.json().get("detail")
    except (requests.JSONDecodeError, AttributeError):
        detail = response.text[:300]
    if isinstance(detail, list):
        detail = "; ".join(f"{'.'.join(map(str, d.get('loc', [])))}: {d.get('msg', d)}" for d in detail)
    if isinstance(detail, dict):
        detail = detail.get("message") or detail.get("reason") or str(detail)
    if isinstance(detail, str):
        # A refusal by the form's schema has the whole schema after its first paragraph.
        detail = detail.split("\n\nFailed validating")[0]
    return f"Airflow refused {where} ({response.status_code}): {detail or response.reason}"


def _part(value: str) -> str:
    """Quote one part of a path, leaving ``~``, the API's wildcard."""
    return quote(value, safe="~")


def _short(reason: object) -> str:
    return str(reason)[:200]
