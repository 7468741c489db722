"""The JSON schema that editors read: fresh, and of one mind with the loader."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from launch_pipeline.checklist.files import checklist_folder, include_folder, read_yaml
from launch_pipeline.checklist.load import checklist_files
from launch_pipeline.checklist.vocabulary import Mode, Role
from launch_pipeline.checks.docs.schema import check_schema, checklist_schema, main, schema_path
from launch_pipeline.checks.engine.registry import kind_names

if TYPE_CHECKING:
    from pathlib import Path

# Mistakes that the words and shapes of a file show; edges and files are the loader's business.
REFUSED = [
    "bad_anchor_of_a_moment",
    "bad_duration_of_a_check",
    "bad_duration_of_a_moment",
    "bad_identifier",
    "check_that_is_a_word",
    "check_with_two_kinds",
    "check_without_kind",
    "checks_that_are_a_mapping",
    "empty_text",
    "expectation_that_is_a_boolean",
    "item_that_is_a_word",
    "missing_on_failure",
    "missing_parameter_of_a_kind",
    "missing_schema_version",
    "missing_text",
    "newer_schema_version",
    "no_items",
    "no_sections",
    "parameter_of_the_wrong_type",
    "parameters_that_are_a_list",
    "repeat_once",
    "text_that_is_a_number",
    "text_that_is_nothing",
    "text_too_long",
    "unknown_gate",
    "unknown_key_of_a_moment",
    "unknown_key_of_a_section",
    "unknown_key_of_an_item",
    "unknown_key_of_the_phase",
    "unknown_kind_of_check",
    "unknown_kind_of_phase",
    "unknown_mode",
    "unknown_parameter_of_a_kind",
    "unknown_role",
    "unknown_severity",
]


@pytest.fixture(scope="module")
def schema() -> Any:
    """Return the committed schema."""
    return json.loads(schema_path().read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def validator(schema: Any) -> Draft202012Validator:
    """Give what an editor does with it."""
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_committed_schema_is_fresh() -> None:
    """A changed model or kind is a changed schema: ``python -m launch_pipeline.checks.docs.schema``."""
    check_schema()


@pytest.mark.parametrize("path", checklist_files(), ids=lambda path: path.name)
def test_shipped_checklist_fits(path: Path, validator: Draft202012Validator) -> None:
    """An editor shows no mistake in a shipped file."""
    assert [error.message for error in validator.iter_errors(read_yaml(path))] == []


def test_golden_file_fits(fixtures: Path, validator: Draft202012Validator) -> None:
    """The valid fixture, with parameters left out and numbers as text, is valid here too."""
    document = read_yaml(fixtures / "valid.yaml")
    assert validator.is_valid(document)
    document["sections"][0]["items"][0]["checks"] = [{"http_request": {"path": 2026, "timeout": 0}}]
    assert validator.is_valid(document)


@pytest.mark.parametrize("name", REFUSED)
def test_mistake_is_shown_in_the_editor(name: str, fixtures: Path, validator: Draft202012Validator) -> None:
    """What is wrong with a key or its value is shown while somebody writes it."""
    assert not validator.is_valid(read_yaml(fixtures / f"{name}.yaml"))


def test_check_is_one_key_over_its_parameters(schema: Any) -> None:
    """Every kind is one of the forms of a check, with the words of its module."""
    forms = {form["title"]: form for form in schema["$defs"]["CheckSpec"]["oneOf"]}
    assert sorted(forms) == sorted(kind_names())
    assert "Kind ``http_request``" in forms["http_request"]["properties"]["http_request"]["description"]
    assert all(form["required"] == [name] for name, form in forms.items())


def test_words_are_those_of_the_models(schema: Any) -> None:
    """Editors offer the roles and modes there are, and say what a key means."""
    definitions = schema["$defs"]
    assert set(definitions["Role"]["enum"]) == set(Role)
    assert set(definitions["Mode"]["enum"]) == set(Mode)
    assert definitions["Item"]["properties"]["on_failure"]["description"] == "What to do if it fails."
    http = definitions["HttpRequestParams"]["properties"]
    assert http["expect"]["description"].startswith("JMESPath into the observation")
    assert http["timeout"]["default"] == "30s"
    assert "json" in http


def test_two_interpreters_write_the_same_bytes() -> None:
    """The order of hashes changes nothing."""
    script = "from launch_pipeline.checks.docs.schema import rendered; print(rendered())"
    texts = {
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert json.loads(texts.pop()) == checklist_schema()


def test_command_writes_and_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--check`` fails with the fix until the file is written, and again when it is changed."""
    shutil.copytree(checklist_folder(), tmp_path / "checklists")
    shutil.rmtree(tmp_path / "checklists" / "schema")
    monkeypatch.setenv("LAUNCH_INCLUDE", str(tmp_path))
    assert include_folder() == tmp_path
    with pytest.raises(SystemExit, match=r"Fix: Run 'python -m launch_pipeline\.checks\.docs\.schema'"):
        main(["--check"])
    main([])
    main(["--check"])
    schema_path().write_text("{}", encoding="utf-8")
    with pytest.raises(SystemExit, match="is stale"):
        main(["--check"])
    with pytest.raises(SystemExit, match="Usage"):
        main(["--force"])
