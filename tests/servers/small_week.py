"""A first phase with one item of each sort that another look treats differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from servers.include_folder import IncludeFolder

WEEK_1 = "week_1_pre_launch_requirements"
REF = "pre_launch_requirements.machine."


def _asks(path: str, conn_id: str = "shop", **more: Any) -> dict[str, Any]:
    return {"http_request": {"conn_id": conn_id, "path": path, "expect": {"status": "== 200"}, **more}}


def _item(name: str, *checks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": name,
        "text": f"The {name} service answers",
        "mode": "check",
        "owner": "technical_lead",
        "how": "Its health page answers 200.",
        "on_failure": "Start the service.",
        "checks": list(checks),
        **fields,
    }


ITEMS = [
    _item("green", _asks("/green")),
    _item("patient", _asks("/patient", wait="15m"), mode="check+approval", question="Does it answer?"),
    _item("released", _asks("/${release_sha}")),
    _item("unconnected", _asks("/", conn_id="nowhere")),
    _item("loaded", _asks("/loaded"), side_effects=["generates load"]),
    _item("programmed", {"command": {"argv": ["true"]}}),
    _item("reported", {"report": {"uri": "${reports}/junit.xml", "format": "junit", "subject": ""}}),
    {**_item("attested"), "mode": "approval", "question": "Is the team ready?", "checks": []},
]


def with_small_week(include: IncludeFolder) -> None:
    """Replace the first phase of the checklists by these items."""
    phase = {
        "schema_version": 1,
        "id": "pre_launch_requirements",
        "title": "Pre-Launch Requirements (Week 1)",
        "when": "week 1",
        "dag": WEEK_1,
        "description": "One item of each sort.",
        "sections": [{"id": "machine", "title": "Machine", "items": ITEMS}],
    }
    path = include.path / "checklists" / "01_pre_launch_requirements.yaml"
    path.write_text(yaml.safe_dump(phase, sort_keys=False), encoding="utf-8")
