"""Changes of a running launch on a real PostgreSQL: refused first, then kept in row and table alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from launch_pipeline.checklist.sequence import GO_NO_GO, T_0
from launch_pipeline.checklist.vocabulary import Mode, RequestKind, Role
from launch_pipeline.checks.canonical import digest
from launch_pipeline.errors import LaunchRefused, LedgerError
from launch_pipeline.ledger.changes import Amendment, By, Changes
from launch_pipeline.ledger.definitions import read_definition
from launch_pipeline.ledger.facts import Changed
from launch_pipeline.ledger.launch import Launch, LaunchState, Via
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.ledger import Ledger
from launch_pipeline.ledger.plan import LaunchPlan, Rules
from launch_pipeline.ledger.proof.verify import verify
from launch_pipeline.ledger.schema import Entry, EntryKind
from servers.records import a_record
from servers.stories import an_item

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

LAUNCH = "shop-1.2"
SOON = datetime.now(UTC) + timedelta(days=2)
DOCUMENT, NEWER = {"phase": "week 1"}, {"phase": "week 1, read again"}
SETTINGS, OTHER_SETTINGS = {"environment": "production"}, {"environment": "production", "product": 1}
DIGESTS = {"week_1": digest(DOCUMENT), GO_NO_GO: "sha256:go", T_0: "sha256:t0"}
NEW_DIGESTS = {**DIGESTS, "week_1": digest(NEWER)}
ADA = By("ada.technical", "the check was wrong", Via.AIRFLOW)
ITEMS = {
    "week_1": (an_item("week_1.security.tls"),),
    GO_NO_GO: (an_item("go.votes.cto", Role.CTO, mode=Mode.APPROVAL, gate=RequestKind.DECISION),),
    T_0: (an_item("day.deploy.live"),),
}
PLAN = LaunchPlan(
    steps=(("week_1",), (GO_NO_GO,), (T_0,)),
    decision=GO_NO_GO,
    items=ITEMS,
    rules=Rules(self_approval=True),
)
MORE = PLAN.model_copy(
    update={"items": {**ITEMS, "week_1": (*ITEMS["week_1"], an_item("week_1.security.hsts"))}}
)


def launch(**changes: Any) -> Launch:
    """Make a launch of the shop, any field changed."""
    fields: dict[str, Any] = {
        "launch_id": LAUNCH,
        "environment": "production",
        "rehearsal": False,
        "release": "1.2.0",
        "release_sha": "a" * 40,
        "launch_at": SOON,
        "started_by": "rhea.operations",
        "checklist_digests": DIGESTS,
        "environment_digest": digest(SETTINGS),
    }
    return Launch(**{**fields, **changes})


def amendment(**changes: Any) -> Amendment:
    """Make an amendment of the first phase and of the environment."""
    fields: dict[str, Any] = {
        "plan": MORE,
        "checklist_digests": NEW_DIGESTS,
        "environment_digest": digest(OTHER_SETTINGS),
        "changes": (Changed(where="week_1.security.hsts", what=("added",)),),
        "definitions": (NEWER, OTHER_SETTINGS),
        "replaces": (DIGESTS, digest(SETTINGS)),
    }
    return Amendment(**{**fields, **changes})


def by(reason: str) -> By:
    """Give Ada with a reason."""
    return By("ada.technical", reason, Via.AIRFLOW)


def content(dsn: str, kind: EntryKind) -> dict[str, Any]:
    """Give the content of the one row of a kind."""
    (entry,) = Ledger(dsn).entries(LAUNCH, kind)
    return entry.content


def kinds(dsn: str) -> list[str]:
    """Give the kinds of the launch's rows, in order."""
    return [entry.kind.value for entry in Ledger(dsn).entries(LAUNCH)]


def documents(dsn: str) -> int:
    """Count the definitions that are stored."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM launch.definitions").fetchone()
    return int(row[0]) if row else 0


def proved(dsn: str) -> None:
    """Let the proof hold, of the rows and of the table of launches."""
    assert verify(dsn, LAUNCH).broken is None


@pytest.fixture
def changes(dsn: str) -> Changes:
    """Give the changes of a database in which the launch has begun."""
    Launches(dsn).start(launch(), PLAN, (DOCUMENT, SETTINGS))
    return Changes(dsn)


# ---- refused -------------------------------------------------------------------------------------------


def acts(launch_id: str = LAUNCH, who: By = ADA) -> dict[str, Callable[[Changes], object]]:
    """Give each change, as it would be done."""
    return {
        "amend": lambda x: x.amend(launch_id, amendment(), who),
        "retarget": lambda x: x.retarget(launch_id, "b" * 40, who),
        "hold": lambda x: x.hold(launch_id, who),
        "resume": lambda x: x.resume(launch_id, who),
    }


REFUSED: list[tuple[str, Callable[[Changes], object], str]] = [
    *[(f"{name} without a reason", act, f"say why you {name}") for name, act in acts(who=by(" ")).items()],
    *[
        (f"{name} for a reason that cannot be seen", act, "in words that can be read")
        for name, act in acts(who=by("\u200b\u3164\u2800")).items()
    ],
    *[(f"{name} an unknown launch", act, "no launch 'shop-9'") for name, act in acts("shop-9").items()],
    ("half a commit id", lambda x: x.retarget(LAUNCH, "b" * 20, ADA), "Write all 40"),
    ("a commit id in capitals", lambda x: x.retarget(LAUNCH, "B" * 40, ADA), "not a full commit id"),
    ("a branch", lambda x: x.retarget(LAUNCH, "main", ADA), "not a full commit id"),
    ("a commit id with a line end", lambda x: x.retarget(LAUNCH, "b" * 40 + "\n", ADA), "full commit id"),
    ("no release", lambda x: x.retarget(LAUNCH, "b" * 40, ADA, release="next"), "is not a release"),
    ("an empty release", lambda x: x.retarget(LAUNCH, "b" * 40, ADA, release=""), "is not a release"),
    (
        "an amendment that changes nothing",
        lambda x: x.amend(LAUNCH, amendment(changes=()), ADA),
        "Nothing differs",
    ),
    (
        "an amendment compared with other checklists",
        lambda x: x.amend(LAUNCH, amendment(replaces=(NEW_DIGESTS, digest(SETTINGS))), ADA),
        "amended meanwhile",
    ),
    (
        "an amendment compared with another environment",
        lambda x: x.amend(LAUNCH, amendment(replaces=(DIGESTS, "")), ADA),
        "amended meanwhile",
    ),
    (
        "an amendment that its person confirms",
        lambda x: x.amend(LAUNCH, amendment(), ADA, confirmed_by="ada.technical"),
        "Another person",
    ),
    *[
        (
            f"an amendment of the {name}",
            lambda x, edit=edit: x.amend(LAUNCH, amendment(plan=PLAN.model_copy(update=edit)), ADA),  # type: ignore[misc]
            f"another '{name}'",
        )
        for name, edit in {
            "steps": {"steps": (("week_1",), (T_0,), (GO_NO_GO,))},
            "decision": {"decision": ""},
            "rollback": {
                "rollback": "rollback",
                "items": {**ITEMS, "rollback": (an_item("rollback.steps.deploy"),)},
            },
        }.items()
    ],
]


@pytest.mark.parametrize(("act", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_change_leaves_everything_as_it_was(
    dsn: str, changes: Changes, act: Callable[[Changes], object], words: str
) -> None:
    """A change against a rule is refused with the reason; launch, rows and definitions stay."""
    before = Launches(dsn).get(LAUNCH)
    with pytest.raises(LaunchRefused, match=words):
        act(changes)
    assert Launches(dsn).get(LAUNCH) == before
    assert (kinds(dsn), documents(dsn)) == (["launch_started"], 2)


@pytest.mark.parametrize("name", acts())
def test_launch_that_is_over_is_not_changed(dsn: str, changes: Changes, name: str) -> None:
    """After the end nothing is amended, retargeted, held or resumed."""
    ended = Launches(dsn).abort(LAUNCH, "ada", "withdrawn")
    with pytest.raises(LaunchRefused, match=r"ended as 'aborted' at .*Start a new launch"):
        acts()[name](changes)
    assert Launches(dsn).get(LAUNCH) == ended
    assert kinds(dsn) == ["launch_started", "launch_aborted"]


@pytest.mark.parametrize("kind", [EntryKind.MACHINE_PASS, EntryKind.NOT_REACHED, EntryKind.DECISION])
def test_commit_stays_once_t_0_has_begun(dsn: str, changes: Changes, kind: EntryKind) -> None:
    """What is being launched is not exchanged: any outcome of T-0 keeps the commit; the rest may change."""
    (at_t_0,) = (Entry.of_record(a_record(dag_id=T_0, item_ref="day.deploy.live")),)
    Ledger(dsn).append(at_t_0.model_copy(update={"kind": kind}))
    with pytest.raises(LaunchRefused, match=r"has begun, so the launch 'shop-1\.2' cannot move"):
        changes.retarget(LAUNCH, "b" * 40, ADA)
    assert Launches(dsn).get(LAUNCH).release_sha == "a" * 40
    assert changes.retarget(LAUNCH, "a" * 40, ADA).release_sha == "a" * 40
    assert changes.hold(LAUNCH, ADA).held_at is not None


def test_other_phases_keep_no_commit(dsn: str, changes: Changes) -> None:
    """A record of an earlier phase is no beginning of T-0."""
    Ledger(dsn).append(Entry.of_record(a_record(dag_id=GO_NO_GO, item_ref="go.votes.cto")))
    assert changes.retarget(LAUNCH, "b" * 40, ADA).release_sha == "b" * 40


# ---- kept ----------------------------------------------------------------------------------------------


def test_amendment_is_in_row_table_and_definitions(dsn: str, changes: Changes) -> None:
    """Row, table and documents say the same, in one transaction; the proof follows."""
    after = changes.amend(LAUNCH, amendment(), ADA, confirmed_by="carla.cto")
    assert (after.checklist_digests, after.environment_digest) == (NEW_DIGESTS, digest(OTHER_SETTINGS))
    said = content(dsn, EntryKind.LAUNCH_AMENDED)
    assert {name: said[name] for name in ("by", "via", "reason", "confirmed_by")} == {
        "by": "ada.technical",
        "via": "airflow",
        "reason": "the check was wrong",
        "confirmed_by": "carla.cto",
    }
    assert said["changes"] == [{"where": "week_1.security.hsts", "what": ["added"]}]
    assert [item["ref"] for item in said["plan"]["items"]["week_1"]][1:] == ["week_1.security.hsts"]
    assert read_definition(dsn, NEW_DIGESTS["week_1"]) == NEWER
    assert read_definition(dsn, after.environment_digest) == OTHER_SETTINGS
    assert Launches(dsn).get(LAUNCH) == after
    proved(dsn)


def test_amendment_without_a_second_person_names_none(dsn: str, changes: Changes) -> None:
    """A field that nobody filled is left out."""
    changes.amend(LAUNCH, amendment(), ADA)
    assert "confirmed_by" not in content(dsn, EntryKind.LAUNCH_AMENDED)
    proved(dsn)


def test_amendment_keeps_the_rules_of_the_start(dsn: str, changes: Changes) -> None:
    """A policy that was edited meanwhile binds the next launch, not this one."""
    changes.amend(LAUNCH, amendment(plan=MORE.model_copy(update={"rules": Rules()})), ADA)
    assert content(dsn, EntryKind.LAUNCH_AMENDED)["plan"]["rules"]["self_approval"] is True
    proved(dsn)


def test_same_amendment_again_is_refused(dsn: str, changes: Changes) -> None:
    """It was compared with what is no longer in force."""
    after = changes.amend(LAUNCH, amendment(), ADA)
    with pytest.raises(LaunchRefused, match="amended meanwhile"):
        changes.amend(LAUNCH, amendment(), ADA)
    assert Launches(dsn).get(LAUNCH) == after
    back = amendment(
        plan=PLAN,
        checklist_digests=DIGESTS,
        environment_digest=digest(SETTINGS),
        replaces=(NEW_DIGESTS, digest(OTHER_SETTINGS)),
    )
    assert changes.amend(LAUNCH, back, ADA).checklist_digests == DIGESTS
    assert kinds(dsn) == ["launch_started", "launch_amended", "launch_amended"]
    proved(dsn)


def test_row_that_is_refused_takes_the_change_with_it(dsn: str, changes: Changes) -> None:
    """Neither table nor definitions change where the ledger takes no row."""
    taken = Entry(
        kind=EntryKind.LAUNCH_AMENDED,
        launch_id=LAUNCH,
        task_instance_id=f"launch/{LAUNCH}",
        try_number=2,
        content={"by": "mallory"},
    )
    Ledger(dsn).append(taken)
    before = Launches(dsn).get(LAUNCH)
    with pytest.raises(LedgerError, match="already holds another"):
        changes.amend(LAUNCH, amendment(), ADA)
    assert Launches(dsn).get(LAUNCH) == before
    assert documents(dsn) == 2


def test_retarget_is_in_row_and_table(dsn: str, changes: Changes) -> None:
    """The commit and the release's number move, from where they were; the same again is nothing."""
    moved = changes.retarget(LAUNCH, "b" * 40, ADA)
    assert (moved.release, moved.release_sha) == ("1.2.0", "b" * 40)
    assert changes.retarget(LAUNCH, "b" * 40, ADA) == moved
    moved = changes.retarget(LAUNCH, "b" * 40, ADA, release="1.2.1-rc.1")
    assert (moved.release, moved.release_sha) == ("1.2.1-rc.1", "b" * 40)
    first, second = (entry.content for entry in Ledger(dsn).entries(LAUNCH, EntryKind.LAUNCH_RETARGETED))
    assert first == {
        "from": {"release": "1.2.0", "release_sha": "a" * 40},
        "to": {"release": "1.2.0", "release_sha": "b" * 40},
        "by": "ada.technical",
        "via": "airflow",
        "reason": "the check was wrong",
    }
    assert (second["from"], second["to"]["release"]) == (first["to"], "1.2.1-rc.1")
    proved(dsn)


def test_hold_and_resume_are_in_row_and_table(dsn: str, changes: Changes) -> None:
    """A hold that is there stays, a resume without one is nothing, and a second hold is another row."""
    assert changes.resume(LAUNCH, ADA).held_at is None
    held = changes.hold(LAUNCH, ADA)
    assert held.held_at is not None
    assert changes.hold(LAUNCH, by("again")) == held
    said = content(dsn, EntryKind.LAUNCH_HELD)
    assert datetime.fromisoformat(str(said["held_at"])) == held.held_at
    proved(dsn)
    assert changes.resume(LAUNCH, by("all is well")).held_at is None
    changes.resume(LAUNCH, by("again"))
    changes.hold(LAUNCH, ADA)
    assert kinds(dsn) == ["launch_started", "launch_held", "launch_resumed", "launch_held"]
    proved(dsn)


def test_held_launch_ends(dsn: str, changes: Changes) -> None:
    """A hold is no lock: a launch that is on hold may be postponed and aborted, and stays held."""
    held = changes.hold(LAUNCH, ADA)
    Launches(dsn).postpone(LAUNCH, SOON + timedelta(days=1), "ada", "not ready")
    ended = Launches(dsn).abort(LAUNCH, "ada", "withdrawn")
    assert (ended.state, ended.held_at) == (LaunchState.ABORTED, held.held_at)
    proved(dsn)


# ---- side by side --------------------------------------------------------------------------------------


def test_one_of_ten_amendments_wins(dsn: str, changes: Changes) -> None:
    """Ten people amend what they looked at; nine are told to look again."""

    def amend(number: int) -> str:
        try:
            return str(changes.amend(LAUNCH, amendment(), By(f"p{number}", "why", Via.AIRFLOW)).state)
        except LaunchRefused as refused:
            return str(refused)

    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(amend, range(10)))
    assert said.count("active") == 1
    assert sum("amended meanwhile" in one for one in said) == 9
    assert kinds(dsn) == ["launch_started", "launch_amended"]
    proved(dsn)


def test_changes_of_every_kind_at_once_make_one_chain(dsn: str, changes: Changes) -> None:
    """Nobody waits for another in a circle: each change is a row that follows from the one before."""
    launches = Launches(dsn)

    def change(number: int) -> None:
        sha, later = f"{number:040x}", SOON + timedelta(hours=number)
        (
            lambda: changes.retarget(LAUNCH, sha, ADA),
            lambda: launches.postpone(LAUNCH, later, "ada", "later"),
            lambda: changes.hold(LAUNCH, ADA),
            lambda: changes.resume(LAUNCH, ADA),
        )[number % 4]()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(change, range(1, 41)))
    said = kinds(dsn)
    assert (said.count("launch_retargeted"), said.count("launch_postponed")) == (10, 10)
    assert said.count("launch_held") - said.count("launch_resumed") in {0, 1}
    proved(dsn)
