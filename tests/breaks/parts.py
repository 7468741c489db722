"""Breaks what does not answer over HTTP: reports, documents, ports, certificates."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from launch_pipeline.stack.ports import LOOPBACK
from launch_rehearsal.product.delivery.registry import IMAGE
from launch_rehearsal.product.delivery.repository import DOCUMENT, HISTORY
from launch_rehearsal.tampering.files import REPORT, altered_reports
from launch_rehearsal.tampering.web import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from breaks.stage import Outcome
    from launch_pipeline.checks.engine.environment import Environment
    from launch_rehearsal.tampering.breaks import Break
    from servers.running_product import RunningProduct

PORT, CERTIFICATE = "TCP ", "TLS edge"
_SIDECAR = ".meta.json"


@contextmanager
def broken(
    product: RunningProduct, environment: Environment, breaks: Sequence[Break]
) -> Iterator[Environment]:
    """Set breaks; yield the environment in which a launch would then run."""

    def of(place: str) -> list[Break]:
        return [one for one in breaks if one.where.startswith(place)]

    with ExitStack() as stack:
        stack.enter_context(product.fake.tampering.broken(breaks))
        stack.enter_context(altered_reports(product.plan.reports, of(REPORT)))
        commit = product.fake.release_sha
        if written := [*of(DOCUMENT), *of(HISTORY)]:
            commit = stack.enter_context(product.fake.repository.altered(written))
        if product.fake.registry:
            stack.enter_context(product.fake.registry.altered(of(IMAGE)))
        stack.enter_context(_presented(product, of(CERTIFICATE)))
        addresses = {one.where.removeprefix(PORT): _address(product, one) for one in of(PORT)}
        changed: dict[str, Any] = {
            "variables": {**environment.variables, "release_sha": commit},
            "addresses": {**environment.addresses, **addresses},
        }
        yield environment.model_copy(update=changed) if breaks else environment


@contextmanager
def _presented(product: RunningProduct, changes: Sequence[Break]) -> Iterator[None]:
    edge = product.fake.edge
    for one in changes:
        if edge:
            edge.present(str(one.put))
    try:
        yield
    finally:
        if changes and edge:
            edge.present("")


def _address(product: RunningProduct, change: Break) -> str:
    """Return where a port leads that is open, or closed, against what is wanted."""
    return f"{LOOPBACK}:{product.plan.ports['edge' if change.put == 'open' else 'closed']}"


def read_by(product: RunningProduct, outcome: Outcome) -> Iterator[Exchange]:
    """Yield the reports and the documents that a check has read."""
    for subject in outcome.seen.subjects if outcome.seen else ():
        if hasattr(outcome.params, "platforms"):
            yield from _images(product, subject.name)
        if hasattr(outcome.params, "uri"):
            yield from _reports(product.plan.reports, subject.name)
        for path in subject.facts.get("paths", ()) if hasattr(outcome.params, "min_words") else ():
            content = product.fake.repository.read(str(subject.facts["commit"]), str(path))
            yield Exchange(f"{DOCUMENT}{path}", "", 0, {}, content)


def _images(product: RunningProduct, name: str) -> Iterator[Exchange]:
    registry = product.fake.registry
    for place, described in registry.images.items() if registry else ():
        if name.endswith(place.removeprefix(IMAGE)):
            yield Exchange(place, "", 0, {}, json.dumps(described).encode())


def _reports(folder: Path, name: str) -> Iterator[Exchange]:
    """Yield a report and what lies beside it."""
    for path in (folder / name, folder / f"{name}{_SIDECAR}"):
        if path.is_relative_to(folder) and path.is_file():
            yield Exchange(f"{REPORT}{path.relative_to(folder)}", "", 0, {}, path.read_bytes())
