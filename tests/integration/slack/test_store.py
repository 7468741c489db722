"""Message ids and nudges on a real PostgreSQL: posted once by all processes, and stored across restarts."""

from __future__ import annotations

import asyncio
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.errors import LedgerError, LedgerUnavailable, OperationError
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.schema import Entry, EntryKind
from launch_pipeline.slack import store
from launch_pipeline.slack.bridge.connection.leader import Leader
from launch_pipeline.slack.store import Messages, Nudge, NudgeLevel

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

LAUNCH, CHANNEL = "shop-1.2", "C001LAUNCH"
AT = datetime(2030, 5, 6, 12, tzinfo=UTC)


@pytest.fixture
def messages(dsn: str) -> Messages:
    return Messages(dsn)


class Slack:
    """Posts, and counts."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.posted: list[str] = []

    def post(self) -> str:
        self.posted.append(f"1900000000.{next(self.numbers):06d}")
        return self.posted[-1]

    async def apost(self) -> str:
        await asyncio.sleep(0.01)
        return self.post()


def fails() -> str:
    message = "Slack is down"
    raise OperationError(message)


def a_nudge(**changes: Any) -> Nudge:
    fields: dict[str, Any] = {
        "task_instance_id": "0197-1", "try_number": 1, "level": NudgeLevel.REMINDER, "number": 1,
        "launch_id": LAUNCH, "dag_id": "week_1", "section_id": "code_quality",
        "task_id": "code_quality.review", "role": Role.TECHNICAL_LEAD, "told_at": AT,
    }  # fmt: skip
    return Nudge(**{**fields, **changes})


def an_entry(key: str = "1") -> Entry:
    return Entry(
        kind=EntryKind.NUDGE, launch_id=LAUNCH, dag_id="week_1",
        task_instance_id=f"launch/{LAUNCH}/{key}", content={"level": "reminder"},
    )  # fmt: skip


def test_message_is_posted_once(messages: Messages, dsn: str) -> None:
    """The second who places it, in another process or after a restart, gets the first one's id."""
    slack = Slack()
    first = messages.place(LAUNCH, "root", CHANNEL, slack.post, digest="sha256:1", live=True)
    assert Messages(dsn).place(LAUNCH, "root", CHANNEL, slack.post) == first
    assert slack.posted == [first]
    found = messages.find(LAUNCH, "root", CHANNEL)
    assert found is not None
    assert (found.ts, found.digest, found.live) == (first, "sha256:1", True)


def test_places_are_told_apart(messages: Messages) -> None:
    """By channel, launch and key."""
    slack = Slack()
    for launch, key, channel in itertools.product(("a", "b"), ("root", "note/x"), ("C1", "C2")):
        messages.place(launch, key, channel, slack.post)
    assert len(set(slack.posted)) == 8
    assert messages.find("c", "root", "C1") is None


def test_crowd_posts_once(messages: Messages) -> None:
    """Ten who place the same message at the same time wait for the first."""
    slack, together = Slack(), threading.Barrier(10)

    def place(_: int) -> str:
        together.wait()
        return messages.place(LAUNCH, "note/1", CHANNEL, slack.post)

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(place, range(10)))) == 1
    assert len(slack.posted) == 1


def test_failed_post_leaves_the_place_free(messages: Messages) -> None:
    """A message that Slack refused is posted by the next process."""
    with pytest.raises(OperationError, match="Slack is down"):
        messages.place(LAUNCH, "root", CHANNEL, fails)
    slack = Slack()
    assert messages.place(LAUNCH, "root", CHANNEL, slack.post) == slack.posted[0]


def test_waiting_is_bounded(messages: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poster that hangs delays the others for a bounded time, and for this message only."""
    monkeypatch.setattr(store, "WAIT_SECONDS", 1)
    entered, release = threading.Event(), threading.Event()
    slack = Slack()

    def hangs() -> str:
        entered.set()
        release.wait(30)
        return slack.post()

    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(messages.place, LAUNCH, "root", CHANNEL, hangs)
        assert entered.wait(30)
        with pytest.raises(OperationError, match="try again"):
            messages.place(LAUNCH, "root", CHANNEL, slack.post)
        messages.place(LAUNCH, "note/1", CHANNEL, slack.post)
        release.set()
        assert hanging.result(30) in slack.posted
    assert len(slack.posted) == 2


def test_place_is_taken_from_whoever_hangs(messages: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database ends the transaction of a poster that never returns."""
    monkeypatch.setattr(store, "HOLD_SECONDS", 1)
    entered, release = threading.Event(), threading.Event()
    slack = Slack()

    def hangs() -> str:
        entered.set()
        release.wait(30)
        return "1900000000.999999"

    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(messages.place, LAUNCH, "root", CHANNEL, hangs)
        assert entered.wait(30)
        assert messages.place(LAUNCH, "root", CHANNEL, slack.post) == slack.posted[0]
        release.set()
        with pytest.raises(LedgerError):
            hanging.result(30)
    found = messages.find(LAUNCH, "root", CHANNEL)
    assert found is not None
    assert found.ts == slack.posted[0]


def test_deleted_message_is_replaced_once(messages: Messages) -> None:
    """Two who miss the same message post one in its stead."""
    slack = Slack()
    messages.place(LAUNCH, "section/week_1/tls/0", CHANNEL, slack.post)
    gone = messages.find(LAUNCH, "section/week_1/tls/0", CHANNEL)
    assert gone is not None
    second = messages.replace(gone, slack.post, digest="sha256:2")
    assert messages.replace(gone, slack.post) == second
    assert slack.posted == [gone.ts, second]


def test_what_is_shown_is_remembered_of_that_message_only(messages: Messages) -> None:
    """An update that came late says nothing of the message that replaced its own."""
    slack = Slack()
    messages.place(LAUNCH, "root", CHANNEL, slack.post)
    before = messages.find(LAUNCH, "root", CHANNEL)
    assert before is not None
    messages.remember(before, "sha256:1", live=True)
    (now,) = messages.all_of(CHANNEL, [LAUNCH])
    assert (now.digest, now.live) == ("sha256:1", True)
    messages.replace(now, slack.post, digest="sha256:2")
    messages.remember(now, "sha256:3", live=True)
    (now,) = messages.all_of(CHANNEL, [LAUNCH])
    assert (now.digest, now.live) == ("sha256:2", False)


def test_all_of_a_launch_and_whatever_is_live(messages: Messages) -> None:
    """A launch that is over needs its messages only while they offer an answer."""
    slack = Slack()
    messages.place("over", "root", CHANNEL, slack.post)
    messages.place("over", "section/d/s/0", CHANNEL, slack.post, live=True)
    messages.place("elsewhere", "section/d/s/0", "C9", slack.post, live=True)
    messages.place(LAUNCH, "root", CHANNEL, slack.post)
    assert [(p.launch_id, p.key) for p in messages.all_of(CHANNEL, [LAUNCH])] == [
        ("over", "section/d/s/0"),
        (LAUNCH, "root"),
    ]
    messages.forget(CHANNEL, "over", "section/")
    assert [p.key for p in messages.all_of(CHANNEL, ["over"])] == ["root"]


def test_nudge_is_told_and_kept_once(messages: Messages, dsn: str) -> None:
    """In the table and in the ledger; another nudge of the same request is not posted."""
    slack = Slack()
    two = (a_nudge(), a_nudge(task_instance_id="0197-2", task_id="code_quality.todos"))
    assert messages.nudge(two, an_entry(), "nudge/1", CHANNEL, slack.post) == slack.posted[0]
    overlapping = (a_nudge(task_instance_id="0197-3"), a_nudge(task_instance_id="0197-2"))
    assert Messages(dsn).nudge(overlapping, an_entry("2"), "nudge/2", CHANNEL, slack.post) is None
    assert len(slack.posted) == 1
    assert messages.nudges([LAUNCH]) == list(two)
    (kept,) = Ledger(dsn).entries(LAUNCH, EntryKind.NUDGE)
    assert kept.content == {"level": "reminder"}
    assert messages.nudges(["another"]) == []


def test_nudge_that_slack_refused_is_told_later(messages: Messages, dsn: str) -> None:
    """Nothing of it is kept."""
    slack = Slack()
    with pytest.raises(OperationError):
        messages.nudge([a_nudge()], an_entry(), "nudge/1", CHANNEL, fails)
    assert messages.nudges([LAUNCH]) == []
    assert Ledger(dsn).entries(LAUNCH) == []
    assert messages.nudge([a_nudge()], an_entry(), "nudge/1", CHANNEL, slack.post)


def test_crowd_nudges_once(messages: Messages) -> None:
    """Bridges that remind of overlapping requests at the same time: each request is told once."""
    slack, together = Slack(), threading.Barrier(8)

    def nudge(number: int) -> str | None:
        together.wait()
        mine = (a_nudge(), a_nudge(task_instance_id=f"0197-x{number}"))
        return messages.nudge(mine, an_entry(str(number)), f"nudge/{number}", CHANNEL, slack.post)

    with ThreadPoolExecutor(8) as pool:
        assert len([ts for ts in pool.map(nudge, range(8)) if ts]) == 1
    assert len(slack.posted) == 1
    assert len(messages.nudges([LAUNCH])) == 2


def test_event_loop_is_not_blocked(messages: Messages) -> None:
    """The twins for an event loop post on it, once, and let it do other things meanwhile."""
    slack = Slack()

    async def inside() -> None:
        placed = await asyncio.gather(
            *(messages.aplace(LAUNCH, "root", CHANNEL, slack.apost) for _ in range(5))
        )
        assert set(placed) == set(slack.posted)
        (gone,) = messages.all_of(CHANNEL, [LAUNCH])
        again = await asyncio.gather(*(messages.areplace(gone, slack.apost) for _ in range(3)))
        assert again == [slack.posted[-1]] * 3
        told = messages.anudge([a_nudge()], an_entry(), "nudge/1", CHANNEL, slack.apost)
        assert await told == slack.posted[-1]

    asyncio.run(inside())
    assert len(slack.posted) == 3


def test_one_leads_until_it_lets_go(dsn: str) -> None:
    """Of two bridges one writes in a channel; the other follows when that ends or is cut off."""

    async def inside() -> None:
        first, second, elsewhere = Leader(dsn, CHANNEL), Leader(dsn, CHANNEL), Leader(dsn, "C9")
        assert await first.leads()
        assert await first.leads()
        assert not await second.leads()
        assert await elsewhere.leads()
        await first.release()
        assert await second.leads()
        assert not await first.leads()
        cut_all_connections(dsn)
        assert await first.leads()
        assert not await second.leads()
        for leader in (first, second, elsewhere):
            await leader.release()

    asyncio.run(inside())


def cut_all_connections(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.place(LAUNCH, "root", CHANNEL, fails),
        lambda m: m.find(LAUNCH, "root", CHANNEL),
        lambda m: m.all_of(CHANNEL, [LAUNCH]),
        lambda m: m.nudges([LAUNCH]),
    ],
)
def test_database_that_is_away_is_named(call: Callable[[Messages], Any]) -> None:
    """Nothing is posted that could not be kept."""
    with pytest.raises(LedgerUnavailable):
        call(Messages("postgresql://nobody@127.0.0.1:1/nothing"))
