"""One person decides once in a launch, and refused answers are kept: on a real PostgreSQL, side by side."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.errors import AnswerRefused
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.proof.verify import verify
from launch_pipeline.ledger.refused import LAST, MOST, RefusedAnswer, append_refusal
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome, RecordedBy
from servers.item_tasks import a_launch
from servers.records import BO, NOON, a_go, a_record

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

LAUNCH = "shop-1.2"


def side_by_side(*work: Callable[[], Any]) -> list[Any]:
    """Do everything at the same moment; gives what came of each, refusals included."""
    barrier = threading.Barrier(len(work))

    def one(act: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return act()
        except AnswerRefused as refused:
            return refused

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(one, work))


@pytest.fixture
def begun(dsn: str) -> str:
    """Let the launches of these tests be under way; gives the address of their ledger."""
    for launch_id in (LAUNCH, "shop-1.3"):
        Launches(dsn).start(a_launch(launch_id=launch_id, rehearsal=True))
    return dsn


@pytest.mark.parametrize("race", range(5))
def test_of_two_roles_at_the_same_moment_one_is_kept(begun: str, race: int) -> None:
    """Two workers bring one person's Go for two roles: exactly one is kept, the other is told why."""
    done = side_by_side(
        *(lambda role=role: Ledger(begun).append_decision(a_go(role)) for role in ("cto", "lead", "ops"))
    )
    kept = [one for one in done if isinstance(one, int)]
    refused = [one for one in done if isinstance(one, AnswerRefused)]
    assert (len(kept), len(refused), race) == (1, 2, race)
    assert {one.code for one in refused} == {"two_roles"}
    assert len(Ledger(begun).entries(LAUNCH, EntryKind.DECISION)) == 1


def test_the_same_item_may_be_decided_again(begun: str) -> None:
    """Sent again, tried again after a clear, and carried from a lost worker: one person, one role."""
    ledger = Ledger(begun)
    first = ledger.append_decision(a_go("cto"))
    assert ledger.append_decision(a_go("cto")) == first
    ledger.append_decision(a_go("cto", task_instance_id="ti-cto-2", try_number=2))
    with pytest.raises(AnswerRefused, match=r"decisions\.cto.*decisions\.lead needs another person"):
        ledger.append_decision(a_go("lead"))


def test_what_another_has_decided_anew_binds_nobody(begun: str) -> None:
    """Only the latest decision of an item counts: after a clear it was Bo's, so Ada is free."""
    ledger = Ledger(begun)
    ledger.append_decision(a_go("cto"))
    ledger.append_decision(a_go("cto", task_instance_id="ti-cto-2", decided_by=BO))
    ledger.append_decision(a_go("lead"))
    assert ledger.append_decision(a_go("cto")) > 0
    with pytest.raises(AnswerRefused):
        ledger.append_decision(a_go("ops", decided_by=BO))


def test_other_launches_dags_and_items_are_their_own(begun: str) -> None:
    """Go/no-go, sign-off and ordinary items ask separately, and so does another launch."""
    ledger = Ledger(begun)
    ledger.append(Entry.of_record(a_record(outcome=Outcome.APPROVED)))
    ledger.append_decision(a_go("cto"))
    ledger.append_decision(a_go("signed", dag_id="sign_off"))
    ledger.append_decision(a_go("lead", launch_id="shop-1.3", task_instance_id="ti-other"))
    assert len(ledger.entries(LAUNCH, EntryKind.DECISION)) == 3


# ---- refused answers --------------------------------------------------------------------------------


def refused(**changes: Any) -> RefusedAnswer:
    """Make a refusal of Noor's, who holds another role."""
    fields: dict[str, Any] = {
        "launch_id": LAUNCH,
        "dag_id": "week_1",
        "item_ref": "week_1.security.tls",
        "task_instance_id": "0197-1",
        "try_number": 1,
        "by": "noor.network",
        "person": "noor",
        "option": "Approve",
        "code": "not_your_role",
        "sentence": "week_1.security.tls belongs to the Security Lead.",
        "reason": "",
        "via": RecordedBy.SLACK,
        "at": NOON,
    }
    return RefusedAnswer(**{**fields, **changes})


@pytest.fixture
def launched(dsn: str) -> str:
    """Give a ledger that knows the launch."""
    Launches(dsn).start(a_launch(launch_id=LAUNCH))
    return dsn


def kept(dsn: str) -> list[Any]:
    return Ledger(dsn).entries(LAUNCH, EntryKind.REFUSAL)


def test_a_refusal_is_kept_once_for_item_person_and_rule(launched: str) -> None:
    """However often and from however many sides it is asked; another rule, try or person is another one."""
    side_by_side(*(lambda: append_refusal(launched, refused()) for _ in range(8)))
    assert len(kept(launched)) == 1
    for another in (
        {"code": "reason_missing"}, {"task_instance_id": "0197-2"}, {"by": "mallory", "person": None},
    ):  # fmt: skip
        append_refusal(launched, refused(**another))
    entries = kept(launched)
    assert [e.content["by"] for e in entries] == ["noor.network"] * 3 + ["mallory"]
    said = entries[0]
    assert (said.item_ref, said.task_instance_id, said.dag_id) == ("week_1.security.tls", "0197-1", "week_1")
    assert said.content["sentence"].startswith("week_1.security.tls belongs")
    assert verify(launched, LAUNCH).broken is None


def test_refusals_of_one_account_end(launched: str) -> None:
    """The last that is kept says so; another account's are still kept."""
    for number in range(MOST + 5):
        assert append_refusal(launched, refused(task_instance_id=f"ti-{number}")) == min(number + 1, MOST)
    entries = kept(launched)
    assert [e.content.get("note") for e in entries] == [None] * (MOST - 1) + [LAST]
    append_refusal(launched, refused(by="mallory"))
    assert len(kept(launched)) == MOST + 1


def test_nothing_is_kept_of_a_launch_that_nobody_started(dsn: str) -> None:
    """A made-up run id leaves no row."""
    assert append_refusal(dsn, refused()) == 0
    assert kept(dsn) == []
