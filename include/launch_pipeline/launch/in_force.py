"""Read what a launch runs by: its checklists and its environment as it began, or as they were amended.

Edits of files change nothing in a launch that has begun. A launch of an older package, which stored nothing,
runs by today's files as long as they are the ones that it began with.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.model import Phase
from launch_pipeline.checklist.overrides import product_variables
from launch_pipeline.checklist.sequence import ALL_PHASES
from launch_pipeline.checks.canonical import plain
from launch_pipeline.checks.engine.environment import Environment
from launch_pipeline.checks.engine.product import with_readable_product
from launch_pipeline.errors import ConfigurationError, LaunchRefused
from launch_pipeline.launch.basis import OF_THE_LAUNCH, OF_THE_MOMENT, rests_on
from launch_pipeline.launch.deployed_checklists import DeployedDag, dags_of, readable_dag
from launch_pipeline.launch.environments import environment_named
from launch_pipeline.ledger.definitions import read_definition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch_pipeline.approvals.contacts import Contacts
    from launch_pipeline.checklist.model import Item
    from launch_pipeline.launch.context import LaunchContext
    from launch_pipeline.launch.item_records import ItemSpec


@dataclass(frozen=True)
class Settings:
    """An environment and the product's variables."""

    environment: Environment
    product: Mapping[str, Any]
    """As the product's files have them; ``${name}`` is not filled in."""

    @property
    def document(self) -> dict[str, Any]:
        """The document that launches store."""
        environment = self.environment.model_dump(mode="json", exclude_defaults=True)
        document: dict[str, Any] = plain({"environment": environment, "product": dict(self.product)})
        return document

    def filled(self, launch: Mapping[str, Any]) -> dict[str, Any]:
        """Return every variable, with those that a launch sets over the others."""
        return with_readable_product({**self.environment.variables, **launch}, self.product)

    def lasting(self, launch: Mapping[str, Any]) -> dict[str, Any]:
        """Return every variable as ``basis.rests_on`` needs it.

        What a launch sets stays ``${name}`` inside the product's values. They are the same at every moment
        then, and before and after a change of the launch.
        """
        names = {name: f"${{{name}}}" for name in OF_THE_LAUNCH | OF_THE_MOMENT}
        own = {**self.product, **self.environment.variables}
        return {
            **self.filled({**launch, **names}),
            **{name: own.get(name) for name in OF_THE_LAUNCH},
            **launch,
        }

    def of(self, launch: Mapping[str, Any]) -> Environment:
        """Return the environment with every variable of a launch."""
        return self.environment.model_copy(update={"variables": self.filled(launch)})


def deployed_settings(name: str) -> Settings:
    """Return an environment and the product's variables, as their files are now.

    Raises ConfigurationError if a file is missing or wrong.
    """
    return Settings(environment_named(name), product_variables())


def settings_in_force(dsn: str, launch: LaunchContext) -> Settings:
    """Return the environment that a launch runs by.

    Raises LedgerUnavailable, and ConfigurationError if it is missing or wrong, or if it is for rehearsals and
    the launch is not one: its side effects and its compressed time must never reach a real launch.
    """
    if launch.environment_digest:
        found = _stored_settings(dsn, launch.environment_digest)
    else:
        found = deployed_settings(launch.environment)
    if found.environment.rehearsal and not launch.rehearsal:
        problem = f"is for rehearsals, but the launch {launch.launch_id!r} is not one."
        fix = "remove 'rehearsal: true' from the file, or launch in another environment."
        raise ConfigurationError(f"the environment {launch.environment!r}", "rehearsal", problem, fix)
    return found


def names_in_force(
    settings: Settings, launch: LaunchContext, item: Item, contacts: Contacts | None
) -> dict[str, str]:
    """Return what a record of an item would rest on now. Without ``contacts`` people are left out."""
    return rests_on(item, settings.lasting(launch.variables()), contacts)


def dag_in_force(dsn: str, launch: LaunchContext, dag_id: str) -> DeployedDag:
    """Return a Dag of a launch with the items that the launch runs.

    Raises LedgerUnavailable, and LaunchRefused if the launch has no such Dag, or if it began with an older
    package and its checklist was changed since.
    """
    began = launch.checklist_digests.get(dag_id)
    if began is None:
        raise LaunchRefused(f"The launch {launch.launch_id!r} has no phase {dag_id!r}.")
    try:
        stored = _stored_dags(dsn, began)
    except _NotStoredError:
        return _as_it_began(launch, dag_id, began)
    if dag_id not in stored:
        raise LaunchRefused(f"The definition {began} of the launch {launch.launch_id!r} is not of {dag_id}.")
    return stored[dag_id]


def dags_in_force(dsn: str, launch: LaunchContext) -> dict[str, DeployedDag]:
    """Return every Dag of a launch, in the conductor's order. Raises as ``dag_in_force`` does."""
    known = launch.checklist_digests
    order = dict.fromkeys((*(dag_id for dag_id in ALL_PHASES if dag_id in known), *known))
    return {dag_id: dag_in_force(dsn, launch, dag_id) for dag_id in order}


def spec_in_force(dsn: str, launch: LaunchContext, dag_id: str, task_id: str) -> ItemSpec | None:
    """Return an item of a launch; None if the launch does not have it. Raises as ``dag_in_force`` does."""
    return dag_in_force(dsn, launch, dag_id).specs.get(task_id)


def _as_it_began(launch: LaunchContext, dag_id: str, began: str) -> DeployedDag:
    today = readable_dag(dag_id)
    if today is None or began not in {today.digest, today.file_digest}:
        message = (
            f"The launch {launch.launch_id!r} began with an older version of this package, and the checklist"
            f" of {dag_id} was changed since. See what differs with 'launch amend {launch.launch_id}'."
        )
        raise LaunchRefused(message)
    return dags_of(today.plan.phase, began, today.checklist, today.file_digest)[dag_id]


class _NotStoredError(Exception):
    """No document has this digest; raised so that the answer is not cached."""


@lru_cache(maxsize=128)
def _stored_dags(dsn: str, digest: str) -> dict[str, DeployedDag]:
    document = read_definition(dsn, digest)
    if document is None:
        raise _NotStoredError
    return dags_of(Phase.model_validate(document), digest)


@lru_cache(maxsize=32)
def _stored_settings(dsn: str, digest: str) -> Settings:
    document = read_definition(dsn, digest)
    if document is None:
        problem = f"is not stored under its digest {digest}."
        fix = "restore the ledger's database from its backup."
        raise ConfigurationError("the environment of the launch", "", problem, fix)
    return Settings(Environment.model_validate(document["environment"]), document["product"])
