"""The state of launches on a real PostgreSQL: one per environment, moved and ended with a trace."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from launch_pipeline.errors import LaunchRefused, LedgerUnavailable
from launch_pipeline.ledger.launch import Launch, LaunchState
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.plan import LaunchPlan
from launch_pipeline.ledger.schema import Entry, EntryKind
from servers.records import a_seal

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

SOON = datetime.now(UTC) + timedelta(days=2)
LATER = SOON + timedelta(hours=3)
REASON = "the CDN is not ready"


def launch(launch_id: str = "shop-1.2", **changes: Any) -> Launch:
    """Make a launch of the shop into production, any field changed."""
    fields: dict[str, Any] = {
        "launch_id": launch_id,
        "environment": "production",
        "rehearsal": False,
        "release": "1.2",
        "release_sha": "a" * 40,
        "launch_at": SOON,
        "started_by": "ada.technical",
        "conf": {"release": "1.2", "ratio": 0.1, "hosts": ["a", "b"]},
        "checklist_digests": {"week_1": "sha256:1"},
    }
    return Launch(**{**fields, **changes})


@pytest.fixture
def launches(dsn: str) -> Launches:
    """Give the launches of a fresh database."""
    return Launches(dsn)


def active_in(launches: Launches, environment: str) -> list[str]:
    """Give the ids of the environment's active launches, rehearsals aside."""
    query = (
        "SELECT launch_id FROM launch.launches WHERE environment = %s AND state = 'active' AND NOT rehearsal"
    )
    with psycopg.connect(launches._dsn) as connection:
        return [row[0] for row in connection.execute(query, [environment]).fetchall()]


def kinds(dsn: str, launch_id: str = "shop-1.2") -> list[str]:
    """Give the kinds of a launch's ledger entries, in order."""
    return [entry.kind.value for entry in Ledger(dsn).entries(launch_id)]


def test_started_launch_is_active_and_in_the_ledger(dsn: str, launches: Launches) -> None:
    """A start returns the launch as it stands and keeps one entry with the form."""
    started = launches.start(launch())
    unset = {"started_at", "planned_at"}
    assert started.model_dump(exclude=unset) == launch().model_dump(exclude=unset)
    assert (started.state, started.over, started.planned_at) == (LaunchState.ACTIVE, False, SOON)
    assert started.started_at is not None
    (entry,) = Ledger(dsn).entries("shop-1.2")
    assert entry.kind is EntryKind.LAUNCH_STARTED
    assert entry.content["conf"] == launch().conf
    assert launches.get("shop-1.2") == started
    assert active_in(launches, "production") == ["shop-1.2"]


def test_start_again_returns_the_same_launch(dsn: str, launches: Launches) -> None:
    """The same launch started again is the first one, with the digests and the person of its start."""
    first = launches.start(launch())
    assert launches.start(launch()) == first
    again = launch(checklist_digests={"week_1": "sha256:2"}, started_by="bo.technical")
    assert launches.start(again) == first
    assert kinds(dsn) == ["launch_started"]


def test_start_again_after_a_postponement_keeps_the_new_time(launches: Launches) -> None:
    """A cleared first task does not move a postponed launch back."""
    launches.start(launch())
    moved = launches.postpone("shop-1.2", LATER, "ada", REASON)
    assert launches.start(launch()) == moved
    assert moved.launch_at == LATER


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"environment": "staging"}, "environment 'production', not 'staging'"),
        ({"rehearsal": True}, "rehearsal False, not True"),
        ({"release": "1.3"}, "release '1.2', not '1.3'"),
        ({"release_sha": "b"}, "not 'b'"),
        ({"conf": {}}, "exists with conf"),
        ({"launch_at": LATER}, "launch postpone shop-1.2"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_same_id_with_another_content_is_refused(
    launches: Launches, change: dict[str, Any], words: str
) -> None:
    """A launch id belongs to one launch; the difference is named."""
    launches.start(launch())
    with pytest.raises(LaunchRefused, match=words):
        launches.start(launch(**change))


def test_second_launch_is_refused_with_the_name_of_the_first(dsn: str, launches: Launches) -> None:
    """One active launch per environment; the refusal says whose it is and what to do."""
    launches.start(launch())
    with pytest.raises(LaunchRefused) as caught:
        launches.start(launch("shop-1.3"))
    assert "production already has an active launch 'shop-1.2', started by ada.technical at " in str(
        caught.value
    )
    assert str(caught.value).endswith("Finish it or run 'launch abort shop-1.2'.")
    assert kinds(dsn, "shop-1.3") == []


def test_other_environments_and_rehearsals_are_free(launches: Launches) -> None:
    """Another environment, and any number of rehearsals, run beside an active launch."""
    launches.start(launch())
    launches.start(launch("staging-1", environment="staging"))
    launches.start(launch("rehearsal-1", rehearsal=True))
    launches.start(launch("rehearsal-2", rehearsal=True))
    assert active_in(launches, "production") == ["shop-1.2"]
    assert active_in(launches, "nowhere") == []


def test_ended_launch_frees_the_environment(launches: Launches) -> None:
    """After an end the next launch may start, and a late retry of the first stays ended."""
    launches.start(launch())
    launches.end("shop-1.2", LaunchState.COMPLETE)
    assert launches.start(launch("shop-1.3")).state is LaunchState.ACTIVE
    assert launches.start(launch()).over


def test_twenty_starts_at_once_have_one_winner(dsn: str, launches: Launches) -> None:
    """Twenty launches into one environment at the same moment: one starts, nineteen name it."""
    barrier = threading.Barrier(20)

    def start(number: int) -> str:
        barrier.wait()
        try:
            return launches.start(launch(f"shop-{number}")).launch_id
        except LaunchRefused as error:
            return str(error)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(start, range(20)))
    (active,) = active_in(launches, "production")
    assert answers.count(active) == 1
    assert sum(f"already has an active launch '{active}'" in answer for answer in answers) == 19
    assert sum(len(kinds(dsn, f"shop-{number}")) for number in range(20)) == 1


def test_twenty_starts_of_one_launch_are_one(dsn: str, launches: Launches) -> None:
    """The same launch started by twenty threads is started once, and all get it."""
    with ThreadPoolExecutor(20) as pool:
        started = list(pool.map(launches.start, [launch()] * 20))
    assert all(each == started[0] for each in started)
    assert kinds(dsn) == ["launch_started"]


def test_postponing_moves_the_launch_and_says_why(dsn: str, launches: Launches) -> None:
    """A launch moves as often as it must; each move is kept with who and why."""
    launches.start(launch())
    launches.postpone("shop-1.2", LATER, "ada.technical", REASON)
    back = launches.postpone(
        "shop-1.2", SOON.astimezone(timezone(timedelta(hours=2))), "bo.technical", "ready"
    )
    assert back.launch_at == SOON
    assert kinds(dsn) == ["launch_started", "launch_postponed", "launch_postponed"]
    move = Ledger(dsn).entries("shop-1.2", EntryKind.LAUNCH_POSTPONED)[0]
    assert move.content == {
        "from": SOON.isoformat().replace("+00:00", "Z"),
        "to": LATER.isoformat().replace("+00:00", "Z"),
        "by": "ada.technical",
        "via": "terminal",
        "reason": REASON,
    }


def test_postponing_to_the_same_time_changes_nothing(dsn: str, launches: Launches) -> None:
    """A repeated request is not a second move."""
    launches.start(launch())
    launches.postpone("shop-1.2", LATER, "ada", REASON)
    launches.postpone("shop-1.2", LATER, "ada", REASON)
    assert kinds(dsn) == ["launch_started", "launch_postponed"]


def test_simultaneous_postponements_are_all_kept(dsn: str, launches: Launches) -> None:
    """Moves from several people at once are done one after the other, each from where the last ended."""
    launches.start(launch())
    times = [LATER + timedelta(minutes=n) for n in range(10)]
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda time: launches.postpone("shop-1.2", time, "ada", REASON), times))
    moves = [entry.content for entry in Ledger(dsn).entries("shop-1.2", EntryKind.LAUNCH_POSTPONED)]
    assert len(moves) == 10
    assert [move["from"] for move in moves[1:]] == [move["to"] for move in moves[:-1]]


def decided(dsn: str, *, complete: bool = True, dag_id: str = "go_no_go") -> None:
    """Keep the seal of a phase."""
    seal = a_seal(launch_id="shop-1.2", dag_id=dag_id, complete=complete)
    Ledger(dsn).append(Entry.of_seal(seal, f"gate-{dag_id}"))


CTO_GO = {
    "ref": "go.a.cto", "owner": "cto", "severity": "blocking", "mode": "approval", "gate": "decision"
}  # fmt: skip
PLAN = LaunchPlan.model_validate(
    {"steps": [["go_no_go"]], "decision": "go_no_go", "items": {"go_no_go": [CTO_GO]}}
)


def test_after_go_a_launch_is_not_brought_forward(dsn: str, launches: Launches) -> None:
    """Four roles said go for a time: a launcher alone cannot have T-0 open before it, only later."""
    launches.start(launch(checklist_digests={"go_no_go": "sha256:1"}), PLAN)
    decided(dsn, complete=False)
    decided(dsn, dag_id="week_1")
    sooner, soonest = SOON - timedelta(hours=1), SOON - timedelta(hours=2)
    assert launches.postpone("shop-1.2", sooner, "ada", REASON).launch_at == sooner
    Ledger(dsn).append(Entry.of_seal(a_seal(launch_id="shop-1.2", dag_id="go_no_go"), "gate-2"))
    with pytest.raises(LaunchRefused, match=r"Go was given for .* 'launch abort shop-1.2'"):
        launches.postpone("shop-1.2", soonest, "ada", REASON)
    assert launches.postpone("shop-1.2", LATER, "ada", REASON).launch_at == LATER


def test_a_rehearsal_may_be_hurried(dsn: str, launches: Launches) -> None:
    """Who rehearses by hand waits for no clock."""
    launches.start(launch(rehearsal=True, checklist_digests={"go_no_go": "sha256:1"}), PLAN)
    decided(dsn)
    assert launches.postpone("shop-1.2", SOON - timedelta(hours=1), "ada", REASON).launch_at < SOON


REFUSED: list[tuple[str, Callable[[Launches], object], str]] = [
    ("a time in the past", lambda x: x.postpone("shop-1.2", SOON - timedelta(days=9), "ada", REASON),
     "not in the future"),
    ("a time without zone", lambda x: x.postpone("shop-1.2", SOON.replace(tzinfo=None), "ada", REASON),
     r"has no time zone\. Write .*\+00:00"),
    ("a time that windows cannot be counted from",
     lambda x: x.postpone("shop-1.2", datetime.max.replace(tzinfo=UTC), "ada", REASON), "100 years away"),
    ("postponing without a reason", lambda x: x.postpone("shop-1.2", LATER, "ada", " "),
     "say why you postpone the launch"),
    ("postponing for a reason that cannot be seen",
     lambda x: x.postpone("shop-1.2", LATER, "ada", "\u200b\u3164\u2800"), "in words that can be read"),
    ("aborting for a reason that cannot be seen", lambda x: x.abort("shop-1.2", "ada", "\u2066\ufe0f\xa0"),
     "in words that can be read"),
    ("aborting without a reason", lambda x: x.abort("shop-1.2", "ada", ""), "say why you abort the launch"),
    ("ending as active", lambda x: x.end("shop-1.2", LaunchState.ACTIVE), "does not end as 'active'"),
    ("ending as aborted", lambda x: x.end("shop-1.2", LaunchState.ABORTED), "Use 'launch abort'"),
    ("postponing an unknown launch", lambda x: x.postpone("shop-9", LATER, "ada", REASON),
     "no launch 'shop-9'. Known, newest first: 'shop-1.2'"),
    ("aborting an unknown launch", lambda x: x.abort("shop-9", "ada", REASON), "no launch 'shop-9'"),
    ("ending an unknown launch", lambda x: x.end("shop-9", LaunchState.COMPLETE), "no launch 'shop-9'"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_change_leaves_everything_as_it_was(
    dsn: str, launches: Launches, act: Callable[[Launches], object], words: str
) -> None:
    """A change against a rule is refused with the fix; the launch and its ledger stay."""
    before = launches.start(launch())
    with pytest.raises(LaunchRefused, match=words):
        act(launches)
    assert launches.get("shop-1.2") == before
    assert kinds(dsn) == ["launch_started"]


def test_aborted_launch_is_over(dsn: str, launches: Launches) -> None:
    """An abort is kept with who and why; a second one changes nothing, and nothing else follows."""
    launches.start(launch())
    aborted = launches.abort("shop-1.2", "carla.cto", REASON)
    assert (aborted.state, aborted.over) == (LaunchState.ABORTED, True)
    assert aborted.ended_at is not None
    assert launches.abort("shop-1.2", "ada", "again") == aborted
    (entry,) = Ledger(dsn).entries("shop-1.2", EntryKind.LAUNCH_ABORTED)
    at = aborted.ended_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    assert entry.content == {"by": "carla.cto", "via": "terminal", "reason": REASON, "ended_at": at}
    with pytest.raises(LaunchRefused, match=r"ended as 'aborted' at .*cannot be postponed"):
        launches.postpone("shop-1.2", LATER, "ada", REASON)
    with pytest.raises(LaunchRefused, match="cannot end as 'complete'"):
        launches.end("shop-1.2", LaunchState.COMPLETE)


@pytest.mark.parametrize("state", [LaunchState.COMPLETE, LaunchState.NO_GO, LaunchState.ROLLED_BACK])
def test_ended_launch_stays_ended(dsn: str, launches: Launches, state: LaunchState) -> None:
    """A launch ends once; the same end again is nothing new, an abort comes too late."""
    launches.start(launch())
    ended = launches.end("shop-1.2", state)
    assert launches.end("shop-1.2", state) == ended
    assert kinds(dsn) == ["launch_started", "launch_ended"]
    with pytest.raises(LaunchRefused, match=f"ended as '{state}'"):
        launches.abort("shop-1.2", "ada", REASON)


def test_unknown_launch_names_the_known_ones(launches: Launches) -> None:
    """A typing mistake in a launch id is answered with what there is."""
    with pytest.raises(LaunchRefused, match="None has been started yet"):
        launches.get("shop-1,2")
    launches.start(launch())
    words = r"no launch 'shop-1,2'. Known, newest first: 'shop-1.2'"
    with pytest.raises(LaunchRefused, match=words):
        launches.get("shop-1,2")


def test_read_of_a_ledger_that_is_down() -> None:
    """A reader learns at once that the ledger is down, without the password."""
    down = Launches("postgresql://keeper:s3cret-pa55@127.0.0.1:1/ledger")
    with pytest.raises(LedgerUnavailable) as caught:
        down.get("shop-1.2")
    assert "s3cret" not in str(caught.value)


def test_launch_time_without_zone_is_no_launch() -> None:
    """A launch cannot be made with a naive time."""
    with pytest.raises(ValueError, match="timezone"):
        launch(launch_at=SOON.replace(tzinfo=None))
