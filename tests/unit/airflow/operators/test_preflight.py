"""Who may launch: everything that is wrong is said at once, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from launch_pipeline.airflow.operators.preflight import admit
from launch_pipeline.checklist.sequence import ALL_PHASES, BEFORE, GO_NO_GO, ROLLBACK, SIDE_BY_SIDE
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.errors import LaunchRefused
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import deployed_dags
from launch_pipeline.ledger.facts import Started
from launch_pipeline.ledger.launches import Launches
from launch_pipeline.ledger.proof.verify import verify
from launch_pipeline.ledger.schema import EntryKind
from servers.item_tasks import CONF, REASON

if TYPE_CHECKING:
    from launch_pipeline.ledger.ledger import Ledger
    from servers.include_folder import IncludeFolder

LAUNCH = "shop-1.2"


TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()


def asked(**changes: Any) -> LaunchContext:
    fields = {**CONF, "launch_id": LAUNCH, "release_sha": "a" * 40, "launch_at": TOMORROW, **changes}
    return LaunchContext.model_validate(fields)


def refusal(*, paused: list[str] | None = None, **changes: Any) -> str:
    with pytest.raises(LaunchRefused) as caught:
        admit(asked(**changes), paused=paused or [])
    return str(caught.value)


TIMES = {
    "the past": ("2020-01-01T00:00:00Z", "has passed"),
    "no zone": ("2030-01-31T09:00:00", "has no time zone. Write 2030-01-31T09:00:00+00:00"),
    "a date alone": ("2030-01-31", "has no time zone. Write 2030-01-31T00:00:00+00:00"),
    "no time": ("tomorrow", "'tomorrow' is not a date and time. Write it as 2030-"),
    "nothing": ("", "is not a date and time"),
    "the end of the calendar": ("9999-12-31T23:59:59-12:00", "is more than 100 years away"),
}


@pytest.mark.parametrize(("launch_at", "words"), TIMES.values(), ids=TIMES)
def test_launch_time_that_cannot_be_is_refused(ledger: Ledger, launch_at: str, words: str) -> None:
    """The sentence says what to write, and what it says to write can be read."""
    assert words in refusal(launch_at=launch_at)
    assert ledger.entries(LAUNCH) == []


def test_everything_that_is_wrong_is_said_at_once(ledger: Ledger, include: IncludeFolder) -> None:
    """Time, paused Dags, environment, policy and people in one message, a line each."""
    text = include.contacts.read_text().replace("  security_lead: {primary: sven, backups: [selma]}\n", "")
    include.contacts.write_text(text)
    include.policy(recheck="0s")
    said = refusal(launch_at="soon", environment="moon", paused=["week_3_validation_testing", "rollback"])
    lines = said.splitlines()
    assert lines[0] == "This launch cannot start:"
    assert all(line.startswith("- ") for line in lines[1:])
    for words in (
        "'soon' is not a date",
        "paused: week_3_validation_testing, rollback",
        "moon.yaml",
        "No active person holds the role Security Lead",
    ):
        assert words in said
    include.policy(settle="0s")
    assert "policy.yaml" in refusal()
    assert ledger.entries(LAUNCH) == []


def test_missing_contacts_and_missing_environment_are_said(ledger: Ledger, include: IncludeFolder) -> None:
    """Both files are named, and neither hides the other."""
    include.contacts.unlink()
    said = refusal(environment="moon")
    assert "contacts.yaml" in said
    assert "moon.yaml" in said
    assert "No environment is chosen" in refusal(environment="")
    assert ledger.entries(LAUNCH) == []


def test_broken_checklist_is_said(ledger: Ledger, include: IncludeFolder) -> None:
    """A launch does not begin on a file that cannot be read."""
    path = include.path / "checklists" / "07_team_preparation.yaml"
    path.write_text(path.read_text() + "\nnonsense: 1\n")
    assert "07_team_preparation.yaml" in refusal()
    assert ledger.entries(LAUNCH) == []


def test_missing_phase_is_said(ledger: Ledger, include: IncludeFolder) -> None:
    """A launch without one of its phases could never be complete."""
    (include.path / "checklists" / "07_team_preparation.yaml").unlink()
    assert "No checklist has the phase week_3_team_preparation" in refusal()
    assert ledger.entries(LAUNCH) == []


def test_first_row_holds_all_that_a_verifier_needs(ledger: Ledger, include: IncludeFolder, dsn: str) -> None:
    """Phases in order, every item with owner, mode and severity, and the policy: whatever changes later."""
    include.policy(two_roles_one_person=True, who_may_waive={"security_lead": ["cto"]})
    admit(asked(), paused=[])
    (entry,) = ledger.entries(LAUNCH)
    said = Started.model_validate(entry.content)
    assert said.plan.phases == ALL_PHASES[:-1]
    assert said.plan.before("launch_day_t_minus_2h") == (*BEFORE, *SIDE_BY_SIDE)
    assert (said.plan.decision, said.plan.rollback) == (GO_NO_GO, ROLLBACK)
    specs = {dag_id: dag.specs.values() for dag_id, dag in deployed_dags().items()}
    assert {dag_id: [item.ref for item in items] for dag_id, items in said.plan.items.items()} == {
        dag_id: [spec.ref for spec in specs[dag_id]] for dag_id in ALL_PHASES
    }
    assert said.plan.rules.two_roles_one_person
    assert said.plan.rules.may_waive[Role.SECURITY_LEAD] == (Role.CTO,)
    assert said.started_at == Launches(dsn).get(LAUNCH).started_at
    assert verify(dsn, LAUNCH).broken is None


def test_second_launch_hears_the_firsts_name(ledger: Ledger, dsn: str) -> None:
    """One launch per environment; the other environment and the next launch are free."""
    admit(asked(), paused=[])
    said = refusal(launch_id="shop-1.3")
    assert LAUNCH in said
    assert "kim.kubernetes" in said
    Launches(dsn).abort(LAUNCH, "ada", REASON)
    assert admit(asked(launch_id="shop-1.3"), paused=[]).launch_id == "shop-1.3"
    assert len(ledger.entries(LAUNCH)) == 2


def test_launch_that_is_over_is_not_admitted_again(ledger: Ledger, dsn: str) -> None:
    """Clearing the first task does not revive an aborted launch."""
    admit(asked(), paused=[])
    Launches(dsn).abort(LAUNCH, "ada", REASON)
    assert "is over (aborted)" in refusal()
    assert ledger.entries(LAUNCH)


@pytest.mark.parametrize(("by_form", "by_file"), [(True, False), (False, True), (False, False)])
def test_rehearsal_is_what_form_or_environment_say(
    ledger: Ledger, include: IncludeFolder, dsn: str, by_form: bool, by_file: bool
) -> None:
    """A rehearsal's environment marks everything, though nobody ticked the box."""
    include.environment(rehearsal=by_file)
    admitted = admit(asked(rehearsal=by_form), paused=[])
    assert admitted.rehearsal is (by_form or by_file)
    assert admitted.conf()["rehearsal"] is (by_form or by_file)
    assert Launches(dsn).get(LAUNCH).rehearsal is (by_form or by_file)
    assert ledger.entries(LAUNCH, EntryKind.LAUNCH_STARTED)


def test_start_is_kept_with_the_digest_of_every_checklist(ledger: Ledger, dsn: str) -> None:
    """Each gate compares with these."""
    admit(asked(), paused=[])
    kept = Launches(dsn).get(LAUNCH)
    assert kept.checklist_digests == {dag_id: dag.digest for dag_id, dag in deployed_dags().items()}
    assert (kept.release, kept.release_sha, kept.started_by) == ("1.2.0", "a" * 40, "kim.kubernetes")
    assert ledger.entries(LAUNCH)


def test_nobody_launches_where_everybody_is_an_administrator(
    ledger: Ledger, include: IncludeFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer would be anybody's: refused, outside of a rehearsal."""
    assert include
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    assert "every visitor is an administrator" in refusal()
    assert ledger.entries(LAUNCH) == []
    assert admit(asked(rehearsal=True), paused=[]).rehearsal
