"""Word an item's request. Airflow keeps its words while it waits, so they hold nothing that changes then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.checks.language.variables import in_prose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.item_records import ItemSpec

REHEARSAL = "REHEARSAL"

SET_ASIDE_KEY = "before_you_decide"
"""XCom that lists the exceptions so far (waived, rejected, not met) for a go/no-go."""
LOOKED_AGAIN_KEY = "looked_at_again"
"""XCom that says what another look at everything that had passed found, for a go/no-go."""


def subject(spec: ItemSpec, launch: LaunchContext) -> str:
    """Return the request's headline: the document's words, marked in a rehearsal."""
    return f"{REHEARSAL} · {spec.item.text}" if launch.rehearsal else spec.item.text


def body(spec: ItemSpec, variables: Mapping[str, Any]) -> str:
    """Return what a person reads before answering, as Markdown."""
    item = spec.item
    parts = [
        f"**{in_prose(item.question, variables)}**"
        if item.question
        else "**The checks did not pass. What now?**",
        f"Owner: {item.owner.label} · {item.severity} · `{spec.ref}`",
        f"How it is verified: {in_prose(item.how, variables)}",
        f"If it fails: {in_prose(item.on_failure, variables)}",
    ]
    if item.mode.has_checks:
        parts.append("What the checks saw in this try: tab *Storage*, XCom `evidence`.")
    if item.gate is RequestKind.DECISION:
        parts.append(f"Everything waived, rejected or not met so far: tab *Storage*, XCom `{SET_ASIDE_KEY}`.")
        parts.append(f"What is still true of everything that passed: there, XCom `{LOOKED_AGAIN_KEY}`.")
    return "\n\n".join(parts)


def fields(spec: ItemSpec) -> dict[str, Any]:
    """Return the request's fields as Airflow stores them."""
    return {name: param.serialize() for name, param in form(spec).items()}


def form(spec: ItemSpec) -> dict[str, Param]:
    """Return the request's fields. All are optional: the chosen answer decides which are required."""
    reason = _text("Reason", "Required to waive, reject or say no.", 2000)
    if spec.item.gate is not RequestKind.SIGNATURE:
        return {"reason": reason}
    return {"signature": _text("Signature", "Your full name, as in the contacts.", 200), "reason": reason}


def _text(title: str, description: str, longest: int) -> Param:
    # The UI refuses to send an empty field unless null is allowed.
    return Param(None, type=["null", "string"], title=title, description=description, maxLength=longest)
