"""Small checklists: a phase whose items wait in every way there is, and a page or a person in each other one.

Both packages read them, so they use nothing that is younger than the older one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from launch_pipeline.checklist.sequence import GO_NO_GO, ROLLBACK, SIGN_OFF, T_0, T_MINUS_2H, WEEK_4

if TYPE_CHECKING:
    from pathlib import Path

WAITS = "week_1_pre_launch_requirements"
"""The Dag in which items wait in every way."""
WAITING_PHASE = "pre_launch_requirements"
REST_HOURS = 300
"""Hours between two rounds: half a minute at the pace of :data:`ENVIRONMENT`."""
DECIDERS = ("technical_lead", "product_manager", "operations_lead", "cto")
PLAIN = {
    "02_infrastructure_setup": "week_2_infrastructure_setup",
    "03_application_deployment": "week_2_3_application_deployment",
    "04_validation_testing": "week_3_validation_testing",
    "05_monitoring_alerting": "week_3_monitoring_alerting",
    "06_backup_disaster_recovery": "week_3_backup_disaster_recovery",
    "07_team_preparation": "week_3_team_preparation",
    "09_post_launch": WEEK_4,
    "11_rollback": ROLLBACK,
}
"""Files with one page each, and their Dags."""
WINDOWS: dict[str, tuple[str, dict[str, str]]] = {
    "t_minus_2h": (T_MINUS_2H, {"offset": "-2h"}),
    "t_0": (T_0, {"offset": "0"}),
    "t_plus_1h": ("launch_day_t_plus_1h", {"anchor": "launch_time_or_t_0_end", "offset": "1h"}),
    "t_plus_4h": ("launch_day_t_plus_4h", {"anchor": "launch_time_or_t_0_end", "offset": "4h"}),
}
ENVIRONMENT = """
name: e2e
rehearsal: true
hour: 100ms
recheck: 1s
"""
POLICY = """
schema_version: 1
settle: 2s
fresh_for: 5s
recheck: 1s
# At the pace of the environment, a reminder is due in a day.
remind_after: 800000h
remind_every: 800000h
escalate_after: 800000h
"""


def write_checklists(include: Path) -> None:
    """Write checklists, policy and environment into an include folder without checklists."""
    folder = include / "checklists"
    for name, phase in {**_plain(), "01_pre_launch_requirements": _waits(), **_day(), **_people()}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(phase, sort_keys=False), encoding="utf-8")
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (include / "environments" / "e2e.yaml").write_text(ENVIRONMENT, encoding="utf-8")


def _waits() -> dict[str, Any]:
    people = ("attested", "kept", "begun", "meanwhile", "first")
    return _phase(
        WAITING_PHASE,
        [
            _section("machine", *(_page(name) for name in ("green", "heals", "broken"))),
            _section(
                "people",
                *(_page(name, asks=True) for name in ("witnessed", "refreshed")),
                *(_question(name) for name in people),
                _question("rested", repeat={"times": 2, "every": f"{REST_HOURS}h"}),
            ),
            _section("later", _page("looked_at", after=["people.first"])),
        ],
        dag=WAITS,
    )


def _plain() -> dict[str, Any]:
    return {
        name: _phase(name.partition("_")[2], [_section("machine", _page("green"))], dag=dag_id)
        for name, dag_id in PLAIN.items()
    }


def _day() -> dict[str, Any]:
    windows = [
        {**_section(name, _page("green")), "dag": dag_id, "opens": opens}
        for name, (dag_id, opens) in WINDOWS.items()
    ]
    return {"08_launch_day": _phase("launch_day", windows)}


def _people() -> dict[str, Any]:
    go = _section("go_no_go", *(_question(f"{role}_go", role, gate="decision") for role in DECIDERS))
    sign = _section("sign_off", *(_question(role, role, gate="signature") for role in DECIDERS))
    sections = [{**go, "dag": GO_NO_GO}, {**sign, "dag": SIGN_OFF}]
    return {"10_sign_offs": {**_phase("sign_offs", sections), "kind": "sign_offs"}}


def _phase(phase_id: str, sections: list[dict[str, Any]], **more: str) -> dict[str, Any]:
    words = {"title": phase_id, "when": "some day", "description": "A phase of a test."}
    return {"schema_version": 1, "id": phase_id, **words, **more, "sections": sections}


def _section(name: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "title": name, "items": list(items)}


def _page(name: str, *, asks: bool = False, **more: Any) -> dict[str, Any]:
    """Write an item that asks a page which is named after it."""
    request = {"conn_id": "scripted", "path": f"/${{launch_id}}/{name}", "expect": {"status": "== 200"}}
    mode = {"mode": "check+approval", "question": "Have you read it?"} if asks else {"mode": "check"}
    return {**_item(name, "technical_lead"), **mode, "checks": [{"http_request": request}], **more}


def _question(name: str, owner: str = "product_manager", **more: Any) -> dict[str, Any]:
    asked = {"mode": "approval", "question": "Is it so, for ${release} at ${launch_at}?"}
    return {**_item(name, owner), **asked, **more}


def _item(name: str, owner: str) -> dict[str, Any]:
    words = {"text": f"It is {name}", "how": "By looking.", "on_failure": "Repair it."}
    return {"id": name, "owner": owner, **words}
