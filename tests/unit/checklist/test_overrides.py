"""The overlay changes items and names without a change to the shipped files."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.checklist.files import checklist_folder
from launch_pipeline.checklist.load import load_phases
from launch_pipeline.checklist.overrides import checklist_digest, product_variables
from launch_pipeline.checks.docs.catalogue import rendered
from launch_pipeline.checks.docs.variables import told, unused
from launch_pipeline.checks.engine.product import with_product
from launch_pipeline.errors import ConfigurationError, InvalidChecklist
from launch_pipeline.launch.deployed_checklists import deployed_dags

if TYPE_CHECKING:
    from launch_pipeline.checklist.load import ParameterModels
    from launch_pipeline.checklist.model import Item

LAG = "infrastructure_setup.database.replication"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the checklist folder of a deployment of its own."""
    shutil.copytree(checklist_folder(), tmp_path / "checklists")
    monkeypatch.setenv("LAUNCH_INCLUDE", str(tmp_path))
    return tmp_path / "checklists"


def write(folder: Path, text: str) -> None:
    (folder / "overrides.yaml").write_text(text, encoding="utf-8")


def items(kinds: ParameterModels) -> dict[str, Item]:
    return {f"{p.id}.{s.id}.{i.id}": i for p in load_phases(kinds) for s, i in p.items()}


def test_each_key_replaces_the_items_own(folder: Path, kinds: ParameterModels) -> None:
    """An owner and the checks of an item change; whatever is not named stays."""
    before = items(kinds)
    check = "{postgres_query: {sql: SELECT 1, expect: {value: == 1}}}"
    write(folder, f"items:\n  {LAG}:\n    owner: cto\n    checks: [{check}]\n")
    after = items(kinds)
    assert (after[LAG].owner.value, len(after[LAG].checks)) == ("cto", 1)
    assert after[LAG].how == before[LAG].how
    assert {ref for ref in before if before[ref] != after[ref]} == {LAG}


def test_item_is_left_out_and_another_added(folder: Path, kinds: ParameterModels) -> None:
    """``null`` leaves an item out; an id that its section does not have is a new item at the end."""
    new = "infrastructure_setup.database.vacuum"
    who = "mode: approval, owner: database_admin, question: Does it?"
    fields = f"{{text: Vacuum runs, {who}, how: Seen., on_failure: Run.}}"
    write(folder, f"items:\n  {LAG}: null\n  {new}: {fields}\n")
    found = items(kinds)
    assert LAG not in found
    assert found[new].text == "Vacuum runs"
    assert new in [spec.ref for dag in deployed_dags().values() for spec in dag.specs.values()]
    assert "Changed by `overrides.yaml`: 1 item changed, 1 item left out." in rendered()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("items: {infrastructure_setup.database.replicaton: null}", "database.replication"),
        ("items: {infrastructure_setup.databases.replication: {owner: cto}}", "database.replication"),
        ("items: {infrastructure_setup: {owner: cto}}", "phase.section.item"),
        ("items: {infra_setup.database.replication: {owner: cto}}", "names no phase"),
        (f"items: {{{LAG}: {{owner: chef}}}}", "overrides.yaml"),
        (f"items: {{{LAG}: {{ownr: cto}}}}", "overrides.yaml"),
        (f"items: {{{LAG}: {{checks: [{{postgres_query: {{sqll: SELECT 1}}}}]}}}}", "overrides.yaml"),
        (f"items: {{{LAG}: cto}}", "is not accepted"),
        ("item: {}", "is not accepted"),
        ("variables: [a]", "is not accepted"),
        ("items:\n  a: 1\n  a: 2", "twice"),
    ],
)
def test_mistake_is_told_with_its_fix(folder: Path, kinds: ParameterModels, text: str, words: str) -> None:
    """A mistake of the overlay names the overlay and the nearest right word."""
    write(folder, text)
    with pytest.raises(InvalidChecklist, match=words.replace(".", "[.]")) as caught:
        load_phases(kinds)
    assert "overrides.yaml" in str(caught.value)


def test_variable_that_nothing_uses_is_a_mistake(folder: Path, kinds: ParameterModels) -> None:
    """A misspelt variable would change nothing; the nearest one is named."""
    write(folder, "variables: {namespace: a, namespac: b, zzz: 1}")
    mistakes = {one.place: one.fix for one in unused(load_phases(kinds))}
    assert mistakes == {"variables.namespac": "write 'namespace'.", "variables.zzz": "remove it."}
    assert told() == "3 variables"
    assert product_variables()["namespace"] == "a"


def test_digest_covers_the_overlay(folder: Path) -> None:
    """What a launch began with includes the overlay and the variables."""
    path = folder / "01_pre_launch_requirements.yaml"
    seen = {checklist_digest(path)}
    write(folder, "variables: {}")
    seen.add(checklist_digest(path))
    with (folder / "variables.yaml").open("a", encoding="utf-8") as file:
        file.write("one_more: 1\n")
    seen.add(checklist_digest(path))
    assert len(seen) == len({dag.file_digest for dag in deployed_dags().values()} & seen) + 2


def test_defaults_fill_each_other_and_never_what_is_given() -> None:
    """A given value with a placeholder is not filled in, and a default follows what it is made of."""
    found = with_product({"gateway_service": "front", "domain": "${namespace}", "namespace": "shop"})
    assert found["services"][0] == "front"
    assert found["images"][0] == "azora/front"
    assert found["domain"] == "${namespace}"


def test_expression_of_a_list_waits_for_the_list(folder: Path) -> None:
    """A default that uses the expression of a list below it is filled in."""
    write(folder, "variables: {image_prefix: '^(${services_regex})$'}")
    assert with_product({})["image_prefix"].startswith("^(api-gateway|")


def test_circle_of_defaults_is_refused(folder: Path) -> None:
    """Defaults that use each other name their circle."""
    write(folder, "variables: {gateway_service: '${services}'}")
    with pytest.raises(ConfigurationError, match=r"circle: .*gateway_service.*services"):
        with_product({})


def test_page_shows_an_overlay_that_holds(folder: Path, kinds: ParameterModels) -> None:
    """The overlay of docs/adapting.md is accepted, and each of its variables is used."""
    page = Path(__file__).parents[3] / "docs" / "adapting.md"
    write(folder, re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)[0])
    assert list(unused(load_phases(kinds))) == []
    assert told() == "6 variables, 2 items changed, 1 item left out"
