"""Says how an image in the registry is in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.language.units import alone, named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.checks.verdict import Finding


def says(params: Any, facts: Mapping[str, Any], finding: Finding | None) -> str | None:
    """Say what a finding means, or what the registry has."""
    if finding is None:
        return _there(params, facts)
    known = finding.expression in {"digest", "platforms", "signed", "deployed"}
    if finding.holds:
        return "" if known or finding.expression.startswith("labels.") else None
    if "digest" in facts and not facts["digest"]:
        return f"{_image(params)} is not in the registry"
    return _broken(params, facts, finding)


def _image(params: Any) -> str:
    image = alone(params.images, "")
    return f"{image}:{params.tag}" if image else "the image"


def _broken(params: Any, facts: Mapping[str, Any], finding: Finding) -> str | None:
    platforms = facts.get("platforms")
    if finding.expression == "platforms" and isinstance(platforms, list):
        lacking = [one for one in params.platforms if one not in platforms]
        return (
            f"{_image(params)} is not built for {named(lacking)}, only for {named(platforms)}"
            if lacking
            else None
        )
    if finding.actual is False:
        told = {"signed": "is not signed", "deployed": "is not what all pods of it run"}
        said = told.get(finding.expression)
        return f"{_image(params)} {said}" if said else None
    return None


def _there(params: Any, facts: Mapping[str, Any]) -> str:
    platforms = facts.get("platforms")
    said = [f"{_image(params)} is in the registry"]
    if isinstance(platforms, list) and platforms:
        said[0] += f" for {named(list(map(str, platforms)))}"
    if params.labels:
        said.append("labelled as wanted")
    said += [name for name in ("signed", "deployed") if facts.get(name) is True]
    return ", ".join(said)
