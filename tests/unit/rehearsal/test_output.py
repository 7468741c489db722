"""What a rehearsal says at its end: one JSON document, or tables that name all that is not as planned."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from launch_pipeline.errors import LaunchRefused
from launch_pipeline.ledger.schema import Outcome
from launch_rehearsal.run.output import addresses, explain, tell, tell_as_json, write_report
from launch_rehearsal.run.stage import Stage, users_of
from launch_rehearsal.run.summary import PhaseLine, Summary, Unexplained, Waiver

if TYPE_CHECKING:
    from pathlib import Path

WEEK = PhaseLine(
    dag_id="week",
    title="Week [1]",
    counts={Outcome.PASSED: 270, Outcome.WAIVED: 1, Outcome.REJECTED: 1},
    complete=False,
    in_document=True,
    problems=("[one] was rejected by Ada",),
)
SUMMARY = Summary(
    launch_id="REHEARSAL-1",
    lines=(WEEK,),
    waivers=(Waiver(ref="a.b.c", text="A thing", by="Ada Lindqvist", reason="looked at [by hand]"),),
    verified=240,
    unexplained=(Unexplained(ref="a.b.d", text="Another", outcome=Outcome.REJECTED, saw="[503] is not 200"),),
)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(home=tmp_path, port=18080, broken=())


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=160, highlight=False)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_json_is_the_only_thing_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads what a person would read in the tables, and nothing is around it."""
    tell_as_json(SUMMARY, 301.26)
    document = json.loads(capsys.readouterr().out)
    assert {name: document[name] for name in ("complete", "as_planned", "total", "verified", "seconds")} == {
        "complete": False,
        "as_planned": False,
        "total": 272,
        "verified": 240,
        "seconds": 301.3,
    }
    assert document["unexplained"][0]["saw"] == "[503] is not 200"


def test_tables_name_whatever_is_not_as_planned(console: Console, stage: Stage) -> None:
    """Waivers, items without a reason and the gates' problems are on the screen, brackets and all."""
    tell(console, SUMMARY, 301.26, stage)
    text = shown(console)
    for part in ("looked at [by hand]", "[503] is not 200", "[one] was rejected by Ada", "not complete"):
        assert part in text
    assert "240 of them verified by their own checks, in 5:01 min." in text
    assert str(stage.settings.log_folder) in text


def test_the_end_names_no_address_that_is_about_to_die(console: Console, stage: Stage) -> None:
    """What a rehearsal leaves is files; where Slack and Airflow are is said while they run."""
    tell(console, SUMMARY, 301.26, stage)
    assert stage.slack_url not in shown(console)
    assert stage.settings.url not in shown(console)


def test_a_launch_that_never_began_has_no_report(dsn: str, stage: Stage) -> None:
    """It is refused in words, which the rehearsal tells from a ledger that cannot be read."""
    with pytest.raises(LaunchRefused, match="no launch"):
        write_report(dsn, "REHEARSAL-1", stage.contacts, stage.settings.home)


def test_whoever_answers_himself_learns_where_and_as_whom(console: Console, stage: Stage) -> None:
    """Address, password file and every person who may sign in are said at the beginning."""
    contacts = stage.contacts
    addresses(console, stage)
    explain(console, stage)
    text = shown(console)
    assert stage.settings.url in text
    assert stage.slack_url in text
    assert str(stage.settings.passwords_file) in text
    people = {person.airflow_user for person in contacts.people if person.airflow_user}
    assert people <= {user.name for user in users_of(contacts)}
    assert all(name in text for name in people)
