"""Decide what an Airflow account may do to a launch.

Airflow's permissions alone let an account see launches, and let a launcher move, hold and end them. To amend
a launch the account must answer or start launches in Airflow, and its person must hold a role of the policy.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails

from launch_pipeline.approvals.changing import judge_amending, judge_holding
from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.checklist.sequence import CONDUCTOR
from launch_pipeline.errors import ChangeForbidden, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from launch_pipeline.approvals.contacts import Contacts, Person
    from launch_pipeline.approvals.policy import Policy

    Judge = Callable[[str, str, Contacts, Policy], Person]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """An account that has signed in, with Airflow's permissions for the Dag ``launch``."""

    name: str
    sees: bool
    """Whether it may read runs."""
    answers: bool
    """Whether it may answer requests."""
    starts: bool
    """Whether it may start runs."""


def rights_of(user: BaseUser) -> Caller:
    """Ask Airflow's auth manager what an account may do."""
    manager, launch = get_auth_manager(), DagDetails(id=CONDUCTOR)

    def may(method: str, entity: DagAccessEntity) -> bool:
        return bool(
            manager.is_authorized_dag(method=method, access_entity=entity, details=launch, user=user)  # type: ignore[arg-type]
        )

    return Caller(
        name=user.get_name(),
        sees=may("GET", DagAccessEntity.RUN),
        answers=may("PUT", DagAccessEntity.HITL_DETAIL),
        starts=may("POST", DagAccessEntity.RUN),
    )


def may_see(caller: Caller) -> None:
    """Raise ChangeForbidden for an account that may not read launches."""
    if not caller.sees:
        raise ChangeForbidden(f"The account {caller.name!r} may not see launches.", "no_reader")


def may_start(verb: str) -> Callable[[Caller], None]:
    """Return the rule for launchers: it raises ChangeForbidden for an account that may start no launch."""

    def rule(caller: Caller) -> None:
        if not caller.starts:
            log.warning("Airflow user %r, who may not start launches, asked to %s one.", caller.name, verb)
            sentence = f"The account {caller.name!r} may not start launches, so it may not {verb} one."
            raise ChangeForbidden(sentence, "no_launcher")

    return rule


def may_amend(verb: str) -> Callable[[Caller], None]:
    """Return the rule for roles of ``who_may_amend``; it raises ChangeForbidden with the names of who may."""

    def rule(caller: Caller) -> None:
        if not (caller.answers or caller.starts):
            raise _no_account_for_it(caller, verb)
        _judge(judge_amending, caller, verb)

    return rule


def may_hold(verb: str) -> Callable[[Caller], None]:
    """Return the rule for launchers and roles of ``who_may_hold``; it raises ChangeForbidden for others."""

    def rule(caller: Caller) -> None:
        if caller.starts:
            return
        if not caller.answers:
            raise _no_account_for_it(caller, verb)
        _judge(judge_holding, caller, verb)

    return rule


def _no_account_for_it(caller: Caller, verb: str) -> ChangeForbidden:
    log.warning("Airflow user %r, who may only see launches, asked to %s one.", caller.name, verb)
    sentence = f"The account {caller.name!r} may neither answer nor start launches, so it may not {verb} one."
    return ChangeForbidden(sentence, "no_launcher")


def _judge(judge: Judge, caller: Caller, verb: str) -> None:
    try:
        people, rules = contacts(), policy()
    except ConfigurationError as error:
        # The message names people; without the files it is not known who may read it.
        log.warning("Who may %s a launch cannot be read: %s", verb, error)
        sentence = "The contacts or the policy are wrong, so it is not known who may do this."
        raise ChangeForbidden(f"{sentence} See 'launch validate'.", "configuration") from error
    try:
        judge(caller.name, verb, people, rules)
    except ChangeForbidden:
        log.warning("Airflow user %r, whose role does not allow it, asked to %s a launch.", caller.name, verb)
        raise
