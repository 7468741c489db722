"""What a launch runs by: its own definitions, whatever the files say by now."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from launch_pipeline.checks.canonical import digest
from launch_pipeline.errors import ConfigurationError, LaunchRefused, LedgerError
from launch_pipeline.launch.context import LaunchContext
from launch_pipeline.launch.deployed_checklists import DeployedDag, deployed_dags
from launch_pipeline.launch.in_force import (
    Settings,
    dag_in_force,
    dags_in_force,
    deployed_settings,
    settings_in_force,
    spec_in_force,
)
from launch_pipeline.ledger.definitions import store_definitions
from launch_pipeline.ledger.launch import Launch
from servers.include_folder import IncludeFolder
from servers.records import NOON

if TYPE_CHECKING:
    from pathlib import Path

WEEK_1 = "week_1_pre_launch_requirements"
FILE = "01_pre_launch_requirements.yaml"
TASK = next(iter(deployed_dags()[WEEK_1].specs))
LAUNCH = LaunchContext(launch_id="shop-1.2", environment="test")


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> IncludeFolder:
    """Give a folder of checklists and environments of the test's own."""
    folder = IncludeFolder(tmp_path / "include")
    monkeypatch.setenv("LAUNCH_INCLUDE", str(folder.path))
    return folder


def began(digests: dict[str, str] | None = None, **fields: Any) -> LaunchContext:
    """Make a launch that began with these digests; without any, with those of today."""
    known = digests or {dag_id: dag.digest for dag_id, dag in deployed_dags().items()}
    return LAUNCH.model_copy(update={"checklist_digests": known, **fields})


def stored(dsn: str, *more: Any) -> LaunchContext:
    """Make a launch of today's checklists, which are stored."""
    with psycopg.connect(dsn) as connection:
        store_definitions(connection, [*(dag.definition for dag in deployed_dags().values()), *more])
    return began()


def edit(include: IncludeFolder, how: str) -> None:
    """Edit the checklist of week 1."""
    path = include.path / "checklists" / FILE
    if how == "removed":
        path.unlink()
    elif how == "broken":
        path.write_text("[")
    else:
        path.write_text(path.read_text() + "\n# one more line\n")


@pytest.mark.parametrize("how", ["a comment", "broken", "removed"])
def test_edited_file_changes_nothing_in_a_launch_that_has_begun(
    dsn: str, include: IncludeFolder, how: str
) -> None:
    """Every process reads the same items, also one that begins after the edit."""
    launch, before = stored(dsn), deployed_dags()[WEEK_1]
    edit(include, how)
    dag = dag_in_force(dsn, launch, WEEK_1)
    assert dag.specs == before.specs
    assert set(dags_in_force(dsn, launch)) == set(launch.checklist_digests)
    assert spec_in_force(dsn, launch, WEEK_1, TASK) == before.specs[TASK]
    assert spec_in_force(dsn, launch, WEEK_1, "no.such_item") is None


def test_dag_that_the_launch_does_not_have_is_refused(dsn: str, include: IncludeFolder) -> None:
    """Though today's checklists have it."""
    assert include
    with pytest.raises(LaunchRefused, match="has no phase"):
        dag_in_force(dsn, LAUNCH, WEEK_1)


# ---- a launch of an older package ---------------------------------------------------------------------


def legacy() -> LaunchContext:
    """Make a launch that knows its checklists by their bytes."""
    return began({dag_id: dag.file_digest for dag_id, dag in deployed_dags().items()})


@pytest.mark.parametrize("how", ["a comment", "removed"])
def test_launch_of_an_older_package_does_not_go_on_by_another_file(
    dsn: str, include: IncludeFolder, how: str
) -> None:
    """It stored nothing, so a file of other bytes may mean anything; the sentence says what to do."""
    launch = legacy()
    edit(include, how)
    with pytest.raises(LaunchRefused, match=r"'launch amend shop-1[.]2'"):
        dag_in_force(dsn, launch, WEEK_1)


def test_launch_of_an_older_package_runs_on_by_the_same_bytes(dsn: str, include: IncludeFolder) -> None:
    """Its records go on naming the digest that it began with; another file's edit is no concern of it."""
    launch = legacy()
    (include.path / "checklists" / "02_infrastructure_setup.yaml").write_text("[")
    dag = dag_in_force(dsn, launch, WEEK_1)
    assert dag.digest == launch.checklist_digests[WEEK_1]
    assert {spec.checklist_digest for spec in dag.specs.values()} == {dag.digest}


# ---- what was tampered with ---------------------------------------------------------------------------


def test_definition_that_was_changed_in_the_database_is_refused(dsn: str, include: IncludeFolder) -> None:
    """Its text does not have its digest any more: no item of it is run."""
    assert include
    launch = stored(dsn)
    _owner(dsn, 'UPDATE launch.definitions SET content = (content::jsonb || \'{"title": "x"}\')::json')
    with pytest.raises(LedgerError, match="was changed"):
        dag_in_force(dsn, launch, WEEK_1)


def test_definition_of_another_dag_is_refused(dsn: str, include: IncludeFolder) -> None:
    """A row of the launch that names it has been tampered with."""
    assert include
    launch = stored(dsn)
    other: DeployedDag = deployed_dags()["sign_off"]
    changed = launch.model_copy(
        update={"checklist_digests": {**launch.checklist_digests, WEEK_1: other.digest}}
    )
    with pytest.raises(LaunchRefused, match="is not of week_1"):
        dag_in_force(dsn, changed, WEEK_1)


# ---- the environment ----------------------------------------------------------------------------------


def in_environment(dsn: str, settings: Settings) -> LaunchContext:
    """Make a launch that runs by these settings."""
    with psycopg.connect(dsn) as connection:
        store_definitions(connection, [settings.document])
    return LAUNCH.model_copy(update={"environment_digest": digest(settings.document)})


@pytest.mark.parametrize("broken", ["name: [", None])
def test_edited_environment_changes_nothing_in_a_launch_that_has_begun(
    dsn: str, include: IncludeFolder, broken: str | None
) -> None:
    """Nor does one that is removed."""
    path = include.environment(variables={"domain": "shop.example"}, recheck="7s")
    before = deployed_settings("test")
    launch = in_environment(dsn, before)
    path.unlink() if broken is None else path.write_text(broken)
    assert settings_in_force(dsn, launch) == before


def test_environment_that_is_not_stored_is_no_environment(dsn: str, include: IncludeFolder) -> None:
    """Today's file does not stand in for it."""
    assert include
    launch = LAUNCH.model_copy(update={"environment_digest": "sha256:" + "0" * 64})
    with pytest.raises(ConfigurationError, match="not stored"):
        settings_in_force(dsn, launch)


def test_environment_that_was_changed_in_the_database_is_refused(dsn: str, include: IncludeFolder) -> None:
    """Its variables decide what the checks look at."""
    assert include
    launch = in_environment(dsn, deployed_settings("test"))
    _owner(dsn, 'UPDATE launch.definitions SET content = \'{"environment": {"name": "x"}, "product": {}}\'')
    with pytest.raises(LedgerError, match="was changed"):
        settings_in_force(dsn, launch)


def test_real_launch_never_has_a_rehearsals_environment_though_it_is_stored(
    dsn: str, include: IncludeFolder
) -> None:
    """Its side effects and compressed time must not reach a real launch."""
    include.environment(rehearsal=True, hour="75ms")
    launch = in_environment(dsn, deployed_settings("test"))
    with pytest.raises(ConfigurationError, match="is for rehearsals"):
        settings_in_force(dsn, launch)
    rehearsed = launch.model_copy(update={"rehearsal": True})
    assert settings_in_force(dsn, rehearsed).environment.pace < 1


def test_launch_time_is_written_in_one_way_whatever_the_database_shows() -> None:
    """Records rest on how it is written, and processes may have other time zones."""
    times = {
        LaunchContext.of_launch(
            Launch(
                launch_id="shop-1.2", environment="test", rehearsal=False, release="1.2.0",
                release_sha="a" * 40, launch_at=at, started_by="kim",
            )
        ).launch_at
        for at in (NOON, NOON.astimezone(_zone(2)), NOON.astimezone(_zone(-11)))
    }  # fmt: skip
    assert times == {"2030-05-06T12:00:00.123456+00:00"}


def _zone(hours: int) -> Any:
    return timezone(timedelta(hours=hours))


def _owner(dsn: str, statement: str) -> None:
    """Change stored rows as the owner of the database can, past every grant and trigger."""
    with psycopg.connect(dsn) as connection:
        connection.execute("ALTER TABLE launch.definitions DROP CONSTRAINT definitions_by_digest")
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)  # type: ignore[arg-type]  # a constant of this file
