"""A wrong checklist is refused with file, item, value and fix; one fixture per mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.load import load_phase, load_phases
from launch_pipeline.errors import ChecklistError, InvalidChecklist

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.checklist.load import ParameterModels

HTTP = "quay.pier_open: check 1 (http_request)"
DURATION = "such as '15m'"

# File (named after its mistake), place, words of the problem with the offending value, words of the fix.
MISTAKES = [
    # Keys and words
    ("unknown_key_of_the_phase", "tags", "no key 'tags'", "Use one of: schema_version, id, title"),
    ("unknown_key_of_a_section", "ships: owner", "no key 'owner'", "Use one of: id, title, dag"),
    ("unknown_key_of_an_item", "quay.crane_ready: serverity", "no key 'serverity'", "Write 'severity'"),
    ("unknown_key_of_a_moment", "quay.pier_open: opens.ofset", "no key 'ofset'", "Write 'offset'"),
    ("unknown_role", "quay.crane_ready: owner", "'operation_lead'", "Write 'operations_lead', or use one of"),
    ("unknown_mode", "quay.crane_ready: mode", "'check+approve'", "Write 'check+approval', or use one of"),
    ("unknown_severity", "quay.crane_ready: severity", "'optional'", "Use one of: blocking, advisory."),
    ("unknown_gate", "ships.crew_aboard: gate", "'vote'", "Use one of: approval, decision, signature."),
    ("unknown_kind_of_phase", "kind", "'party'", "Use one of: checklist, sign_offs, rollback."),
    ("missing_text", "ships.crew_aboard: text", "'text' is missing", "Add 'text:'"),
    ("missing_on_failure", "ships.crew_aboard: on_failure", "'on_failure' is missing", "Add 'on_failure:'"),
    ("missing_schema_version", "schema_version", "'schema_version' is missing", "Add 'schema_version:'"),
    ("newer_schema_version", "schema_version", "2 is not allowed", "Use one of: 1."),
    ("bad_identifier", "ships.Crew-Aboard: id", "'Crew-Aboard' is not an identifier", "lower-case letters"),
    ("empty_text", "ships.crew_aboard: text", "'text' is empty", "Write something below 'text:'"),
    ("text_that_is_nothing", "ships.crew_aboard: text", "None is not text", "quotes"),
    ("text_that_is_a_number", "ships.crew_aboard: text", "1984 is not text", "quotes"),
    ("text_too_long", "ships.crew_aboard: text", "at most 2000 characters", "Correct the value of 'text'"),
    ("no_sections", "sections", "'sections' is empty", "Write something below 'sections:'"),
    ("no_items", "ships: items", "'items' is empty", "Write something below 'items:'"),
    ("item_that_is_a_word", "ships: items.0", "'crew' is not a mapping", "Write 'key: value' lines"),
    ("checks_that_are_a_mapping", "quay.crane_ready: checks", "is not a list", "Write its entries with '- '"),
    # Items that contradict themselves
    ("missing_question", "ships.crew_aboard", "mode 'approval' needs a question", "Add 'question:'"),
    (
        "approval_with_checks",
        "ships.crew_aboard",
        "'approval' takes no checks",
        "Set mode to 'check+approval'",
    ),
    ("check_without_checks", "quay.pier_open", "mode 'check' needs at least one check", "Add 'checks:'"),
    ("decision_with_checks", "ships.crew_aboard", "a decision is made by a person", "'approval'"),
    ("repeat_without_person", "quay.pier_open", "'repeat' asks a person", "Set mode to 'approval'"),
    ("true_until_without_reason", "quay.pier_open", "'true_until' needs its reason", "Add 'notes:'"),
    ("true_until_without_checks", "ships.crew_aboard", "an item that has no checks", "Remove 'true_until:'"),
    ("true_until_with_side_effects", "quay.pier_open", "that has side effects", "Remove 'true_until:'"),
    ("unknown_end_of_truth", "quay.pier_open: true_until", "'launch_tim'", "Write 'launch_time'"),
    ("repeat_without_pause", "quay.crane_ready: repeat.every", "'0' is too short", "such as '1d'"),
    ("repeat_once", "quay.crane_ready: repeat.times", "1: input should be", "Correct the value of 'times'"),
    ("bad_duration_of_a_moment", "quay.pier_open: opens.offset", "'2 hours' is not a duration", DURATION),
    ("duration_longer_than_a_century", "quay.pier_open: opens.offset", "'999999999w'", DURATION),
    ("bad_anchor_of_a_moment", "quay.pier_open: opens.anchor", "'lunch_time'", "Write 'launch_time'"),
    # Checks
    (
        "check_without_kind",
        "quay.crane_ready: check 1",
        "'path': '/health'",
        "Write its kind as the only key",
    ),
    ("check_that_is_a_word", "quay.crane_ready: check 1", "'redis_info'", "Write its kind as the only key"),
    ("check_with_two_kinds", "quay.crane_ready: check 1", "'tcp_port'", "Write its kind as the only key"),
    (
        "unknown_kind_of_check",
        "quay.pier_open: check 1 (http_requests)",
        "no check kind 'http_requests'",
        "Write 'http_request', or use one of: alertmanager_alerts",
    ),
    ("unknown_parameter_of_a_kind", f"{HTTP}: pth", "no key 'pth'", "Write 'path', or use one of: conn_id"),
    ("parameter_of_the_wrong_type", f"{HTTP}: samples", "'many' is not a whole number", "whole number"),
    ("parameters_that_exclude_each_other", HTTP, "exactly one of path, paths", "Correct"),
    (
        "missing_parameter_of_a_kind",
        "quay.crane_ready: check 1 (tcp_port): targets",
        "'targets' is missing",
        "Add 'targets:'",
    ),
    ("parameters_that_are_a_list", "quay.crane_ready: check 1", "['scope'] is not a mapping", "key: value"),
    ("parameters_that_are_an_empty_list", "quay.crane_ready: check 1", "[] is not a mapping", "key: value"),
    ("bad_jmespath", f"{HTTP}: expect", "'json..status' is not a JMESPath", "See jmespath.org"),
    ("bad_comparison", f"{HTTP}: expect", "'200' is not a comparison", "Write one of '== x'"),
    ("bad_regular_expression", f"{HTTP}: expect", "'(open' is not a regular expression", "re2/wiki"),
    ("expectation_that_is_a_boolean", f"{HTTP}: expect.json.up", "True is not text", "quotes"),
    ("bad_duration_of_a_check", f"{HTTP}: timeout", "'soon' is not a duration", DURATION),
    ("negative_look_every", HTTP, "'look_every' cannot be negative", "1m"),
    ("timeout_of_zero", HTTP, "'timeout' and 'interval' must be longer than 0", "30s"),
    # Names and edges
    ("duplicate_section_id", "quay", "section 'quay' is defined twice", "Rename one of them"),
    ("duplicate_item_id", "quay.pier_open", "item 'pier_open' is defined twice", "Rename one of them"),
    ("dangling_after_of_an_item", "quay.crane_ready", "names item 'peer_open'", "Write 'pier_open'"),
    (
        "dangling_after_of_another_section",
        "quay.crane_ready",
        "names item 'ships.crew_abroad'",
        "Write 'ships.crew_aboard'",
    ),
    ("dangling_after_of_a_section", "ships", "names section 'key'", "Use one of: quay, ships."),
    (
        "cycle_of_items",
        "quay.pier_open",
        "quay.pier_open → quay.crane_ready → quay.pier_open",
        "Remove one 'after'",
    ),
    ("cycle_of_sections", "quay.crane_ready", "→ ships.crew_aboard →", "Remove one 'after'"),
    ("item_after_itself", "quay.crane_ready", "quay.crane_ready → quay.crane_ready", "Remove one 'after'"),
    ("no_dag", "", "no Dag for section 'quay'", "Add 'dag:'"),
    ("dag_of_one_section_only", "", "no Dag for section 'ships'", "Add 'dag:'"),
    ("dag_named_twice", "", "'week_1_harbour', and so does section 'ships'", "Remove 'dag:'"),
    ("edge_across_dags_of_items", "ships.crew_aboard", "'quay.pier_open' of another Dag, quay", "Remove it"),
    ("edge_across_dags_of_sections", "ships", "'quay' of another Dag, quay", "Remove it"),
    # The file
    ("duplicate_key", "line 38", "key 'title' is given twice", "keep one of them"),
    ("yaml_alias", "line 30", "alias '*ask'", "Write the value out"),
    ("yaml_tag", "line 37", "'!ship'", "Correct the YAML"),
    ("yaml_value_that_does_not_fit_its_tag", "", "'two'", "Correct the YAML"),
    ("yaml_key_that_is_a_list", "line 38", "['a', 'b'] cannot be a key", "Correct the YAML"),
    ("yaml_key_that_is_a_number", "ships: 1", "'1' is not text", "Put the key in quotes"),
    ("broken_yaml", "line 33", "did not find expected", "Correct the YAML"),
    ("two_documents", "line 48", "another document", "Correct the YAML"),
    ("nested_too_deep", "line 32", "nested more than 50 levels", "Correct the indentation"),
    ("not_a_mapping", "", "is a list", "Start the file with 'key: value'"),
    ("empty_file", "", "is empty", "Start the file with 'key: value'"),
    ("not_utf_8", "", "can't decode byte 0xe4", "Make it readable UTF-8"),
]

# Folder, file that is told, place, problem, fix.
MISTAKES_ACROSS_FILES = [
    ("phase_in_two_files", "phase harbour", "'phase harbour' is also in 01_harbour.yaml", "unique name"),
    (
        "dag_in_two_files",
        "dag week_1_harbour",
        "'dag week_1_harbour' is also in 01_harbour",
        "unique name",
    ),
]


def the_mistake(error: InvalidChecklist) -> ChecklistError:
    """Give the one problem; what follows from a mistake is not told as another."""
    (problem,) = error.problems
    return problem


def test_golden_file_is_valid(fixtures: Path, kinds: ParameterModels) -> None:
    """The file that every mistake is made in is right without it."""
    assert len(load_phase(fixtures / "valid.yaml", kinds).items()) == 3


@pytest.mark.parametrize(("name", "place", "problem", "fix"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_mistake_is_named(  # the row of the table, and what it is tried on
    name: str, place: str, problem: str, fix: str, fixtures: Path, kinds: ParameterModels
) -> None:
    """One mistake is one error that names file, item, offending value and fix."""
    with pytest.raises(InvalidChecklist) as caught:
        load_phase(fixtures / f"{name}.yaml", kinds)
    mistake = the_mistake(caught.value)
    assert mistake.source == f"{name}.yaml"
    assert mistake.place == place
    assert problem in mistake.problem
    assert fix in mistake.fix
    assert str(caught.value) == str(mistake)


@pytest.mark.parametrize(
    ("name", "place", "problem", "fix"), MISTAKES_ACROSS_FILES, ids=[row[0] for row in MISTAKES_ACROSS_FILES]
)
def test_mistake_across_files_is_named(
    name: str, place: str, problem: str, fix: str, fixtures: Path, kinds: ParameterModels
) -> None:
    """A name that two files use is told at the second, with the first."""
    with pytest.raises(InvalidChecklist) as caught:
        load_phases(kinds, fixtures / name)
    mistake = the_mistake(caught.value)
    assert (mistake.source, mistake.place) == ("02_haven.yaml", place)
    assert problem in mistake.problem
    assert fix in mistake.fix


def test_every_fixture_is_in_the_table(fixtures: Path) -> None:
    """No fixture is forgotten."""
    tried = {row[0] for row in (*MISTAKES, *MISTAKES_ACROSS_FILES)} | {"valid"}
    assert {path.stem for path in fixtures.iterdir()} == tried


def test_all_mistakes_of_a_file_are_told_at_once(
    tmp_path: Path, fixtures: Path, kinds: ParameterModels
) -> None:
    """Whoever repairs a file sees everything that is wrong with its form."""
    text = (fixtures / "valid.yaml").read_text(encoding="utf-8")
    for right, wrong in (("technical_lead", "captain"), ("mode: check\n", "mode: look\n"), ("when:", "wen:")):
        text = text.replace(right, wrong, 1)
    path = tmp_path / "three.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidChecklist) as caught:
        load_phase(path, kinds)
    assert {problem.place for problem in caught.value.problems} == {
        "when",
        "wen",
        "quay.pier_open: mode",
        "ships.crew_aboard: owner",
    }


def test_missing_and_oversized_files_are_named(tmp_path: Path, kinds: ParameterModels) -> None:
    """A file that is not there, or too big to be a checklist, is told like any other mistake."""
    big = tmp_path / "big.yaml"
    big.write_text("#" * 2_000_001, encoding="utf-8")
    for path, words in ((tmp_path / "none.yaml", "does not exist"), (big, "larger than")):
        with pytest.raises(InvalidChecklist, match=words):
            load_phase(path, kinds)
    # A folder is no file.
    with pytest.raises(InvalidChecklist, match="cannot be read"):
        load_phase(tmp_path, kinds)
