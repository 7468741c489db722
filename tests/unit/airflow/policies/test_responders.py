"""Who answered: the account's user name, whichever release of Airflow took the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.airflow.policies import responders
from launch_pipeline.airflow.policies.responders import stamp_of, user_name, with_user_name
from servers.airflow_rest import AirflowRest
from servers.item_tasks import a_task, asked, entries
from servers.responder import kept_of

if TYPE_CHECKING:
    from launch_pipeline.ledger.ledger import Ledger
    from servers.airflow_task import Supervisor

SELMA, CARLA = "selma.officer", "carla.cto"
FAB = {"id": "7", "name": "Selma Duarte"}
STAMP = {"user": SELMA, "user_id": "7"}


@pytest.fixture(params=[False, True], ids=["Airflow 3.3", "Airflow 3.4"])
def shown(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Say whether Airflow keeps the names that its pages show, as from 3.4 on; else it keeps user names."""
    monkeypatch.setattr(responders, "SHOWN_NAMES", request.param)
    return bool(request.param)


UNKNOWN: dict[str, tuple[Any, Any]] = {
    "nothing": (None, None),
    "no account": ({}, STAMP),
    "an account without a number": ({"name": "Selma Duarte"}, STAMP),
    "no stamp": (FAB, {}),
    "fields that are none": (FAB, ["selma.officer"]),
    "a stamp for another account": (FAB, {**STAMP, "user_id": "8"}),
    "a stamp without a number": (FAB, {"user": SELMA}),
    "a number without a name": (FAB, {"user_id": "7"}),
    "a display name that is another's user name": ({"id": "7", "name": CARLA}, {}),
}


@pytest.mark.parametrize(("kept", "fields"), UNKNOWN.values(), ids=UNKNOWN)
def test_name_that_pages_show_identifies_no_one(
    kept: Any, fields: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People choose it themselves, so it counts for no person; an account without a name has none."""
    monkeypatch.setattr(responders, "SHOWN_NAMES", True)
    assert user_name(kept, fields) == ""


def test_stamp_is_believed_beside_the_id_that_airflow_kept(shown: bool) -> None:
    """From 3.4 on the user name is the guard's; until then it is Airflow's own, and no field changes it."""
    assert user_name(FAB, STAMP) == (SELMA if shown else "Selma Duarte")
    forged = {"user": CARLA, "user_id": "7"}
    assert user_name({"id": "7", "name": SELMA}, forged) == (CARLA if shown else SELMA)


def test_account_whose_id_is_its_user_name_needs_no_stamp(shown: bool) -> None:
    """So it is with Airflow's simple auth manager, on every release."""
    assert stamp_of(SELMA, SELMA) == {}
    assert stamp_of(SELMA, "7") == STAMP
    assert user_name({"id": SELMA, "name": SELMA}, {}) == SELMA
    assert shown in {True, False}


def test_what_is_no_answer_stays_as_it_is(shown: bool) -> None:
    """Events of triggers pass through, whatever they are."""
    assert shown in {True, False}
    for event in (None, "text", {"denied_by": "Bo Sato"}, {"verdict": "passed"}):
        assert with_user_name(event) == event


# ---- in a task ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("launched")
def test_answer_counts_for_the_account(supervisor: Supervisor, ledger: Ledger, shown: bool) -> None:
    """The person of the account is recorded, though Airflow may tell another name."""
    task = asked(a_task(supervisor))
    assert (kept_of(SELMA)["name"] == SELMA) is not shown
    assert task.answer("Approve", by=SELMA).state == "success"
    (entry,) = entries(ledger)
    assert entry.record
    assert entry.record.decided_by
    assert (entry.record.decided_by.name, entry.record.decided_by.airflow_user) == ("Selma Duarte", SELMA)


@pytest.mark.usefixtures("launched")
def test_answer_that_passed_no_guard_counts_for_no_display_name(
    supervisor: Supervisor, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person who calls themselves by another's user name is asked again, and nothing is recorded."""
    monkeypatch.setattr(responders, "SHOWN_NAMES", True)
    task = asked(a_task(supervisor))
    monkeypatch.setattr("servers.airflow_task.kept_of", lambda user: {"id": "9", "name": user})
    assert task.answer("Approve", by=SELMA).state == "awaiting_input"
    assert entries(ledger) == []


@pytest.mark.usefixtures("launched", "shown")
def test_answer_of_a_lost_try_counts_for_the_account(supervisor: Supervisor, ledger: Ledger) -> None:
    """What Airflow's REST API tells of an earlier try is read alike."""
    with AirflowRest() as rest:
        rest.connect(supervisor)
        task = asked(a_task(supervisor))
        rest.answered(task, "Approve", SELMA)
        assert task.lost().start().state == "success"
    (entry,) = entries(ledger)
    assert entry.record
    assert entry.record.decided_by
    assert entry.record.decided_by.airflow_user == SELMA
