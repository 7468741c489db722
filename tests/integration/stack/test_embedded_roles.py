"""Who may do what at home: the table of docs/production.md and every route, asked of 'launch up'."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psutil
import pytest

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from servers.answering_stack import ROOT, answering
from servers.judged import Asking, judged, unjudged
from servers.who_may import ACTIONS, COLUMNS, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.answering_stack import StackApi

pytestmark = pytest.mark.integration

BY_ACCOUNTS = "see and edit accounts"
"""Of FAB alone: the embedded stack's accounts are those of its contacts."""
SIMPLE = [each for each in judged() if not each.of_accounts]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackApi]:
    home = tmp_path_factory.mktemp("stack") / "home"
    with answering(home, ROOT / "include" / "contacts.example.yaml") as running:
        yield running


@pytest.fixture(scope="module")
def asking(api: StackApi) -> Asking:
    return Asking(api)


@pytest.mark.parametrize("action", [action for action in ACTIONS if action != BY_ACCOUNTS])
@pytest.mark.parametrize("column", COLUMNS)
def test_cell(api: StackApi, action: str, column: str) -> None:
    """A tick is done by every request of the action; an empty cell is refused by every one, with 403."""
    if (action, column) == ("read or edit connections", "Admin"):
        # The stack's own connections are in its environment, where no account reads them.
        assert api.call("admin", "GET", "/api/v2/connections/launch_ledger").status_code == 404
        return
    ask(api, action, column)


def test_no_route_goes_unjudged(api: StackApi) -> None:
    """What a new version of Airflow brings is judged before it runs here, hidden or in the schema."""
    found = json.loads(api.program(str(ROOT / "tests" / "servers" / "routes_of.py")).splitlines()[-1])
    assert len(found) > 200
    assert unjudged(found) == []
    there = {f"{method} {path}" for method, path in found}
    assert [each.route for each in SIMPLE if each.route not in there] == []


@pytest.mark.parametrize("role", FabRole)
def test_every_route_is_stopped_where_the_list_says_so(asking: Asking, role: FabRole) -> None:
    """403 where permission, door or token stop it; anything else where the list lets the role through."""
    asked = [each for each in SIMPLE if not each.route.endswith("logout")]
    said = [each.said(role, asking.ask(each, role).status_code) for each in asked]
    assert list(filter(None, said)) == []


def test_everything_listens_on_loopback(api: StackApi) -> None:
    """Nobody on the network reaches a component of the stack."""
    mine = psutil.Process(api.stack.component("api-server").pid or 0).parent()
    assert mine is not None
    addresses = {found for process in mine.children(recursive=True) for found in _listens(process)}
    assert {ip for _, ip in addresses} == {"127.0.0.1"}, addresses


def _listens(process: psutil.Process) -> set[tuple[str, str]]:
    """Return the name and the addresses of a process that listens; a parser may end while it is looked at."""
    try:
        return {
            (process.name(), listening.laddr.ip)
            for listening in process.net_connections("inet")
            if listening.status in {psutil.CONN_LISTEN, psutil.CONN_NONE}
        }
    except psutil.NoSuchProcess:
        return set()
