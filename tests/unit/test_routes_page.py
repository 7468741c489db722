"""What docs/production.md says each role can open is what docs/routes.yaml judges, row by row."""

from __future__ import annotations

import re

from launch_pipeline.airflow.deployment.fab_roles import FabRole
from servers.judged import ANYBODY, KNOWN, NEXT, NOBODY, judged
from servers.who_may import PAGE

STOPS = {"permission", "guard", "phase gate", "ledger", "password", "token", "door", "option", "nothing"}
ROLES = {role.removeprefix("launch-") for role in FabRole} | {ANYBODY, NOBODY}


def test_page_has_what_the_list_judges() -> None:
    """Each group of routes that a role gets through to is a row: what, who, what stops it and why."""
    section = PAGE.read_text().split("### And what it can open")[1].split("\n### ")[0]
    rows = [
        tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in section.splitlines() if "|" in line
    ]
    groups = [g for g in KNOWN["judged"] if g["roles"] and not {ANYBODY, NOBODY} & set(g["roles"])]
    wanted = [(g["may"], ", ".join(g["roles"]), g["stopped_by"], g["because"]) for g in groups]
    assert rows[2:] == wanted


def test_every_judgment_is_whole() -> None:
    """Known roles and known words; what a role gets through to says why that is no harm; no route twice."""
    groups = [*KNOWN["judged"], *NEXT["judged"]]
    for group in groups:
        assert set(group["roles"]) <= ROLES
        assert group["stopped_by"] in STOPS
        assert bool(group["roles"]) <= bool(group.get("because"))
        assert (group["stopped_by"] == "permission") <= (not group["roles"])
    routes = [route for group in groups for route in group["routes"]]
    assert len(routes) == len(set(routes))
    assert {each.route for each in judged()} <= set(routes)
    assert set(NEXT["gone"]) <= set(routes)


def test_nothing_that_changes_counts_as_reading() -> None:
    """Patterns of what is only read are about GET."""
    for each in KNOWN["reading"]:
        assert re.match(r"\^GET ", each["pattern"])
        assert each["because"]
