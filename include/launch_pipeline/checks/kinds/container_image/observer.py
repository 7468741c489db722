"""Observes ``container_image``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.container_image.contents import Contents, contents
from launch_pipeline.checks.kinds.container_image.deployment import deployment, pods_of
from launch_pipeline.checks.kinds.container_image.registry_api import Registry
from launch_pipeline.checks.kinds.container_image.signatures import signature
from launch_pipeline.checks.verdict import Observation, Subject
from launch_pipeline.errors import Inconclusive, NotConnected

if TYPE_CHECKING:
    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.container_image.definition import ContainerImageParams

_SHOWN = 20
_KEPT = (
    "digest",
    "platforms",
    "created",
    "problems",
    "signed",
    "signature",
    "deployed_digests",
    "not_deployed",
)


@dataclass
class _Seen:
    """What was seen of one image."""

    facts: dict[str, Any]
    unknown: dict[str, str] = field(default_factory=dict)
    digests: set[str] = field(default_factory=set)


async def observe(params: ContainerImageParams, ctx: CheckContext) -> Observation:
    """Look up every image, with all that it consists of.

    Raises Unreachable if the registry does not answer, Inconclusive if it denies access or
    does not speak the registry API.
    """
    registry = Registry(ctx, await ctx.connection(params.conn_id))
    if not registry.base.host:
        message = f"connection '{params.conn_id}' has no host"
        raise Inconclusive(message)
    names = [_repository(registry, image) for image in params.images]
    async with ctx.clients.limit(str(registry.base.origin())):
        seen = await together(_image(params, registry, name) for name in names)
    pods = await pods_of(ctx) if params.deployed else []
    for name, one in zip(names, seen, strict=True):
        if params.deployed:
            one.facts |= deployment(pods, name, one.facts["digest"], one.digests)
    labels = [f"{image}:{params.tag}" for image in params.images]
    subjects = tuple(
        Subject(name=label, facts=one.facts, unknown=one.unknown)
        for label, one in zip(labels, seen, strict=True)
    )
    summary = {s.name: {key: s.facts[key] for key in _KEPT if key in s.facts} for s in subjects}
    return Observation(subjects=subjects, authority=str(registry.base.origin()), summary=summary)


def _repository(registry: Registry, image: str) -> str:
    """Return the name within the registry; raises NotConnected for an image of another registry."""
    first, _, rest = image.partition("/")
    if not rest or not ("." in first or ":" in first or first == "localhost"):
        return image
    if first not in {registry.base.host, registry.base.host_port_subcomponent, registry.base.authority}:
        message = f"{image} is not in the registry {registry.base.authority}; set 'conn_id'"
        raise NotConnected(message)
    return rest


async def _image(params: ContainerImageParams, registry: Registry, name: str) -> _Seen:
    manifest = await registry.manifest(name, params.tag)
    if manifest is None:
        return _Seen({"digest": None, "platforms": [], "labels": {}, "problems": []})
    found = await contents(registry, name, manifest)
    wanted = set(params.platforms)
    own = [config for names, config in found.configurations if not wanted or wanted & names]
    facts: dict[str, Any] = {
        "digest": manifest.digest,
        "media_type": manifest.media_type,
        "platforms": sorted(found.platforms),
        "created": next((config["created"] for config in own if config.get("created")), None),
        "labels": _labels(own),
        "problems": found.problems[:_SHOWN],
    }
    seen = _Seen(facts, _unseen(found, wanted), found.digests)
    if params.signed:
        await _sign(registry, name, seen)
    return seen


def _unseen(found: Contents, wanted: set[str]) -> dict[str, str]:
    """Return the facts that cannot be known, where a part of a wanted image was not looked at."""
    reasons = [why for names, why in found.unseen if not (wanted and names) or wanted & names]
    return dict.fromkeys(("problems", "platforms"), reasons[0]) if reasons and not found.problems else {}


async def _sign(registry: Registry, name: str, seen: _Seen) -> None:
    found = await signature(registry, name, seen.facts["digest"])
    seen.facts |= {"signed": found.present, "signature": found.reason or "attached, not verified"}
    if found.present is None:
        seen.unknown["signed"] = found.reason


def _labels(configurations: list[dict[str, Any]]) -> dict[str, str]:
    """Join the labels; if platforms differ, all values are shown and none equals the wanted one."""
    each = [(config.get("config") or {}).get("Labels") or {} for config in configurations]
    names = sorted({name for labels in each for name in labels})
    values = {name: sorted({str(labels.get(name, "")) for labels in each}) for name in names}
    return {name: " | ".join(found) for name, found in values.items()}
