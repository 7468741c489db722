"""Observes ``kubernetes_resource``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.clients.clock_skew import compares_ages, refuse_skew
from launch_pipeline.checks.clients.kubernetes import Cluster, cluster_of
from launch_pipeline.checks.clients.together import together
from launch_pipeline.checks.kinds.kubernetes_resource.readiness import Readiness, readiness
from launch_pipeline.checks.verdict import Observation, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes_asyncio.dynamic import Resource

    from launch_pipeline.checks.engine.context import CheckContext
    from launch_pipeline.checks.kinds.kubernetes_resource.definition import KubernetesResourceParams

_SHOWN = 20


async def observe(params: KubernetesResourceParams, ctx: CheckContext) -> Observation:
    """Read the objects.

    Raises Unreachable if the API server does not answer, Inconclusive if it denies access or there
    are too many objects.
    """
    cluster = await cluster_of(ctx, params.conn_id)
    async with ctx.clients.limit(cluster.host):
        resource = await cluster.resource(params.api_version, params.kind)
        found = {} if resource is None else await _found(params, cluster, resource)
        if not found and params.min_count == 0 and resource is not None and resource.namespaced:
            await cluster.refuse_unknown(params.namespace)
    if compares_ages(params):
        refuse_skew(ctx, cluster.host, cluster.told)
    missing = sorted(set(params.names or ()) - set(found))
    whole = {"count": len(found), "missing": missing}
    judged = {name: readiness(one) for name, one in sorted(found.items())}
    subjects = [_subject(params, found[name], answer, whole) for name, answer in judged.items()]
    subjects += [Subject(name=f"{params.kind} {name}", facts={**whole, "ready": False}) for name in missing]
    if not subjects and (resource is None or params.min_count > 0):
        # An empty list is an observation: none of the objects exists.
        subjects = [Subject(name=f"{params.kind} in {params.namespace}", facts={**whole, "ready": False})]
    summary: dict[str, Any] = {**whole, "names": sorted(found)[:_SHOWN], "not_ready": _named(judged)}
    if resource is None:
        summary["served"] = f"the cluster serves no {params.kind} of {params.api_version}"
    return Observation(
        subjects=tuple(subjects),
        authority=cluster.host,
        may_be_empty=not subjects,
        sparse=True,
        summary=summary,
    )


def _named(judged: Mapping[str, Readiness]) -> list[dict[str, str]]:
    bad = [{"name": name, "reason": one.reason} for name, one in judged.items() if one.reason]
    return bad[:_SHOWN]


async def _found(
    params: KubernetesResourceParams, cluster: Cluster, resource: Resource
) -> dict[str, dict[str, Any]]:
    if params.names:
        objects = await together(cluster.named(resource, name, params.namespace) for name in params.names)
        return {name: one for name, one in zip(params.names, objects, strict=True) if one is not None}
    listed = await cluster.listed(resource, params.namespace, params.selector or "")
    return {str((one.get("metadata") or {}).get("name")): one for one in listed}


def _subject(
    params: KubernetesResourceParams, one: dict[str, Any], answer: Readiness, whole: Mapping[str, Any]
) -> Subject:
    name = f"{params.kind} {(one.get('metadata') or {}).get('name')}"
    shown = f"{name} ({answer.reason})" if answer.ready is False and params.ready else name
    unknown = {"ready": answer.reason} if answer.ready is None else {}
    facts = {**one, **whole, "ready": answer.ready, "reason": answer.reason}
    return Subject(name=shown, facts=facts, unknown=unknown)
