"""A client of Airflow's public REST API (version 2 of the API, Airflow 3.3).

Signs in by user name and password at ``/auth/token`` (the simple auth manager and FAB both have it), signs
in again when the token is refused, and turns every refusal into an :class:`OperationError` that carries
the server's own words.
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
"""Seconds to connect and to wait for data."""
ATTEMPTS = 4
BACKOFF = 0.4
PAGE = 100
"""The server's default upper bound for one page."""
WAITING_STATES = frozenset({"awaiting_input", "deferred"})
"""States in which an unanswered request really waits for somebody (older requests stay unanswered)."""
NOT_FOUND = 404
UNAUTHORIZED = 401
SERVER_TROUBLE = frozenset({500, 502, 503, 504})
"""Statuses after which a read is sent again, a few times."""

Json = dict[str, Any]


class Reply(NamedTuple):
    """What the server said, whatever it was."""

    status: int
    body: Json
    """Empty where it was no JSON object."""
    headers: Mapping[str, str]


class ApiError(OperationError):
    """Airflow refused a request; :attr:`status` is the HTTP status, 0 if it was not reached."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class AirflowApi:
    """One signed-in client. Not for several threads at once. Every method raises :class:`ApiError`."""

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
        # A proxy of the environment is for the outside, not for this machine.
        self._session.trust_env = urlsplit(self.base_url).hostname not in {"127.0.0.1", "localhost", "::1"}
        self._token: str | None = None

    def health(self) -> Json:
        """Return Airflow's health of metadatabase, scheduler, triggerer and dag_processor (no sign-in)."""
        return self._json(self._send("GET", "/api/v2/monitor/health", signed=False))

    def dags(self) -> list[Json]:
        """Return every Dag that may be seen."""
        return self._pages("/api/v2/dags", "dags")

    def import_errors(self) -> list[Json]:
        """Return files of Dags that could not be imported, with ``filename`` and ``stack_trace``."""
        return self._pages("/api/v2/importErrors", "import_errors")

    def connections(self) -> list[Json]:
        """Return the connections that Airflow keeps, with ``***`` in place of their secrets."""
        return self._pages("/api/v2/connections", "connections")

    def accounts(self) -> list[Json]:
        """Return the accounts that FAB knows, with their roles. 404 where it is not the auth manager."""
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

    def unpause(self, dag_id: str) -> None:
        """Let the Dag's runs start."""
        self._request("PATCH", f"/api/v2/dags/{_part(dag_id)}", json={"is_paused": False})

    def trigger(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        note: str | None = None,
    ) -> Json:
        """Start a run and return it. A run id that exists is refused (409)."""
        body: Json = {"logical_date": None, "conf": dict(conf or {})}
        body |= {k: v for k, v in {"dag_run_id": run_id, "note": note}.items() if v is not None}
        return self._request("POST", f"/api/v2/dags/{_part(dag_id)}/dagRuns", json=body)

    def dag_run(self, dag_id: str, run_id: str) -> Json | None:
        """Return the run, or ``None`` if there is none of that id."""
        return self._found(self._run(dag_id, run_id))

    def dag_runs(self, dag_id: str = "~", **filters: Any) -> list[Json]:
        """Return runs, newest first; ``~`` means of every Dag. Filters as in the API, e.g. ``state``."""
        parameters = {"order_by": "-run_after", **filters}
        return self._pages(f"/api/v2/dags/{_part(dag_id)}/dagRuns", "dag_runs", parameters)

    def runs_of_launch(self, run_id: str) -> dict[str, Json]:
        """Return the runs of every Dag that carry this run id, by Dag id."""
        found = self.dag_runs("~", run_id_prefix_pattern=run_id)
        return {run["dag_id"]: run for run in found if run["dag_run_id"] == run_id}

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """Return the last try of every task of a run."""
        return self._pages(f"{self._run(dag_id, run_id)}/taskInstances", "task_instances")

    def task_instance(self, dag_id: str, run_id: str, task_id: str) -> Json | None:
        """Return the last try of one task, or ``None`` if there is none of that id."""
        return self._found(f"{self._run(dag_id, run_id)}/taskInstances/{_part(task_id)}")

    def events(self, dag_id: str, run_id: str) -> list[Json]:
        """Return what Airflow's audit log holds of a run, newest first: ``event``, ``owner``, ``task_id``."""
        parameters = {"dag_id": dag_id, "run_id": run_id, "order_by": "-when"}
        return self._pages("/api/v2/eventLogs", "event_logs", parameters)

    def hitl_details(self, dag_id: str = "~", run_id: str = "~", *, waiting: bool = True) -> list[Json]:
        """Return requests to people, each with its ``task_instance``.

        ``waiting`` leaves only those that an answer would still move: unanswered, and the task's state
        is ``awaiting_input`` or ``deferred``. (A healed or cleared task keeps its unanswered request.)
        """
        parameters = {"response_received": "false"} if waiting else {}
        found = self._pages(f"{self._run(dag_id, run_id)}/hitlDetails", "hitl_details", parameters)
        if not waiting:
            return found
        return [each for each in found if each["task_instance"]["state"] in WAITING_STATES]

    def hitl_of_try(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> Json | None:
        """Return the request of an earlier try, answered or not; ``None`` if that try asked nobody."""
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
        """Return an XCom's value, or ``None`` if there is none."""
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
    ) -> list[Json]:
        """Clear tasks so that they run again, and set the run running; return what was cleared."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "include_downstream": include_downstream,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        cleared = self._request("POST", f"/api/v2/dags/{_part(dag_id)}/clearTaskInstances", json=body)
        return list(cleared["task_instances"])

    def set_task_state(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task ``success``, ``failed`` or ``skipped`` by hand."""
        path = f"{self._run(dag_id, run_id)}/taskInstances/{_part(task_id)}"
        self._request("PATCH", path, json={"new_state": state})

    def set_run_state(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark a run ``queued``, ``success`` or ``failed``; unfinished tasks are ended with it."""
        self._request("PATCH", self._run(dag_id, run_id), json={"state": state})

    def postpone_launch(self, launch_id: str, to: datetime, reason: str) -> Json:
        """Move a launch, as the signed-in user; give it as it stands."""
        return self._change(launch_id, "postpone", {"to": to.isoformat(), "reason": reason})

    def abort_launch(self, launch_id: str, reason: str) -> Json:
        """End a launch for good, as the signed-in user; give it as it stands. Its runs go on until ended."""
        return self._change(launch_id, "abort", {"reason": reason})

    def _change(self, launch_id: str, what: str, body: Json) -> Json:
        return self._request("POST", f"{LAUNCHES}/{_part(launch_id)}/{what}", json=body)

    def _found(self, path: str) -> Json | None:
        """Read what a path names, ``None`` where there is nothing."""
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
            # Tokens end after a day, and with the api-server's secret.
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
            message = f"{response.url} answered with something that is not JSON; is this Airflow?"
            raise ApiError(message, response.status_code) from error
        return value

    def _send(self, method: str, path: str, *, signed: bool = True, **arguments: Any) -> requests.Response:
        """Send, trying reads again after trouble of the server; writes go once, they may have arrived."""
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
    """Return the server's own words: ``detail`` as text, a list of field errors, or the start of the body."""
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
        # What the form's schema refuses comes with the whole schema behind the first paragraph.
        detail = detail.split("\n\nFailed validating")[0]
    return f"Airflow refused {where} ({response.status_code}): {detail or response.reason}"


def _part(value: str) -> str:
    """Quote one part of a path; ``~`` is the API's wildcard."""
    return quote(value, safe="~")


def _short(reason: object) -> str:
    return str(reason)[:200]
