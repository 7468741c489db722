"""Hold and resume a launch in a person's name: the bridge says which Slack user asked for it, and why.

The Slack user becomes a contact and the contact an active Airflow account, as for answers. The account is
judged by the rules of the routes that people call themselves (``launch_rights``). The ledger's row names it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from launch_pipeline.airflow.api_server.bridge.delegated_answers import acting_person
from launch_pipeline.airflow.api_server.bridge.refusals import NotTaken, forbidden
from launch_pipeline.airflow.api_server.database import ledger_dsn
from launch_pipeline.airflow.api_server.launch_rights import may_hold, rights_of
from launch_pipeline.approvals.deployed import contacts, policy
from launch_pipeline.errors import AnswerRefused, ChangeForbidden, LaunchRefused
from launch_pipeline.ledger.changes import By, Changes
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.slack.protocol import HoldChanged

if TYPE_CHECKING:
    from launch_pipeline.airflow.api_server.bridge.accounts import Account
    from launch_pipeline.airflow.api_server.database import ApiDatabase
    from launch_pipeline.slack.protocol import HoldRequest

log = logging.getLogger(__name__)


class DelegatedHolds:
    """Takes the bridge's requests to hold and resume launches."""

    def __init__(self, database: ApiDatabase) -> None:
        self._database = database

    async def change(self, request: HoldRequest) -> HoldChanged:
        """Hold or resume a launch in a person's name.

        Raises NotTaken with the broken rule and who may instead, LedgerUnavailable, ConfigurationError,
        SQLAlchemyError.
        """
        try:
            return await self._database.run(_change, request)
        except AnswerRefused as refused:
            asked = (_verb(request), request.launch_id, request.slack_id)
            log.info("Request to %s %r by Slack user %r refused: %s: %s", *asked, refused.code, refused)
            raise


def _change(request: HoldRequest) -> HoldChanged:
    holders = [person.name for role in policy().who_may_hold for person in contacts().holders(role)]
    person, user = acting_person(request.slack_id, request.email, " or ".join(dict.fromkeys(holders)))
    _judge(user, _verb(request))
    _under_way_or_refuse(request)
    changes, by = Changes(ledger_dsn()), By(user.name, request.reason, Via.AIRFLOW)
    try:
        change = changes.hold if request.hold else changes.resume
        change(request.launch_id, by)
    except LaunchRefused as refused:
        raise NotTaken("refused", str(refused)) from refused
    return HoldChanged(person=person.name, held=request.hold)


def _verb(request: HoldRequest) -> str:
    return "hold" if request.hold else "resume"


def _judge(user: Account, verb: str) -> None:
    try:
        may_hold(verb)(replace(rights_of(user.user), name=user.name))
    except ChangeForbidden as refused:
        raise forbidden(refused.code, str(refused)) from refused


def _under_way_or_refuse(request: HoldRequest) -> None:
    launch = Launches(ledger_dsn()).find(request.launch_id)
    if launch is None or launch.over:
        raise NotTaken("launch_over", "This launch is no longer under way.", status=HTTPStatus.NOT_FOUND)
    if (launch.held_at is not None) is request.hold:
        words = "is on hold already" if request.hold else "is not on hold"
        raise NotTaken("already_so", f"The launch {words}.")
