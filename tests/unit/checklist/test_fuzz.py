"""Whatever stands in a checklist file: a phase, or InvalidChecklist, and nothing else."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from launch_pipeline.checklist.files import read_yaml
from launch_pipeline.checklist.load import load_phase
from launch_pipeline.checklist.model import Phase
from launch_pipeline.checklist.plan import plan_dags
from launch_pipeline.checks.engine.registry import kind_names, parameter_models
from launch_pipeline.errors import InvalidChecklist

if TYPE_CHECKING:
    from collections.abc import Iterator

# JMESPath still reads the bare words between backticks that its specification dropped.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated string literal:PendingDeprecationWarning")

VALID = Path(__file__).resolve().parents[2] / "fixtures" / "checklists" / "valid.yaml"
TEXT = VALID.read_text(encoding="utf-8")
RAW = read_yaml(VALID)
KINDS = parameter_models()

words = st.one_of(
    st.sampled_from(
        [*kind_names(), "check", "approval", "signature", "quay", "quay.pier_open", "-2h", "${x}"]
    ),
    st.sampled_from(
        ["== 1", "in [1, 2]", "matches (a+)+", "age <= 1d", "a[?b==`c`]", "@", "between 1 2", "1w"]
    ),
    st.text(max_size=20),
)
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words)
values = st.recursive(
    leaves,
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(words, deeper, max_size=3),
    max_leaves=8,
)
# One piece of YAML a line; "|" stands for the space at its end.
NOISE = r"""
: |
- |
{
}
[
]
&a |
*a
!!int |
!!set |
!x |
? |
> |
'
"
---
%
@
`
#
<<: |
~
.nan
0o7
1:2
"""
yaml_noise = st.sampled_from(
    [line.replace("|", " ") for line in NOISE.split("\n")[1:-1]] + list("\n\t|\x00\ufeff\u2028")
)

unhurried = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a document."""
    if path:
        yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    )
    for key, child in children:
        yield from places(child, (*path, key))


def changed(path: tuple[Any, ...], change: str, value: Any) -> dict[str, Any]:
    """Copy the valid document with one place replaced, removed, renamed or doubled."""
    document = copy.deepcopy(RAW)
    parent: Any = document
    for step in path[:-1]:
        parent = parent[step]
    if change == "replace":
        parent[path[-1]] = value
    elif change == "remove":
        del parent[path[-1]]
    elif isinstance(parent, list):
        parent.append(copy.deepcopy(parent[path[-1]]))
    else:
        assume(isinstance(value, str | int | float | bool) or value is None)
        parent[value] = parent.pop(path[-1])
    return document


def judged(path: Path) -> Phase | None:
    """Load a file as everybody does; what is wrong must be told in full."""
    try:
        phase = load_phase(path, KINDS)
    except InvalidChecklist as error:
        refused = error.problems
    else:
        check_plans(phase)
        return phase
    assert refused
    for problem in refused:
        assert (problem.source, bool(problem.problem), bool(problem.fix)) == (path.name, True, True)
    return None


def check_plans(phase: Phase) -> None:
    """Look whether what loads can be planned."""
    for plan in plan_dags([phase]).values():
        names = {planned.task_id for planned in plan.items} | {name for name, _ in plan.moments}
        assert {name for edge in plan.edges for name in edge} <= names


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where each mutated checklist is written."""
    return tmp_path / "mutated.yaml"


@unhurried
@given(
    path=st.sampled_from(list(places(RAW))),
    change=st.sampled_from(["replace", "replace", "remove", "double or rename"]),
    value=values,
)
def test_changed_document_loads_or_is_refused(
    file: Path, path: tuple[Any, ...], change: str, value: Any
) -> None:
    """Any value at any place, any key gone, doubled or renamed."""
    text = yaml.safe_dump(changed(path, change, value), allow_unicode=True, sort_keys=False)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    judged(file)


@unhurried
@given(at=st.integers(0, len(TEXT)), gone=st.integers(0, 30), noise=yaml_noise | st.text(max_size=5))
def test_changed_text_loads_or_is_refused(file: Path, at: int, gone: int, noise: str) -> None:
    """Any slip of the hand: characters lost and others typed in their place."""
    text = TEXT[:at] + noise + TEXT[at + gone :]
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    judged(file)


@unhurried
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_load_or_are_refused(file: Path, data: bytes) -> None:
    """A file that is no checklist at all."""
    file.write_bytes(data)
    judged(file)


@unhurried
@given(kind=st.sampled_from(kind_names()), params=st.dictionaries(words, values, max_size=3), known=st.data())
def test_any_parameters_load_or_are_refused(
    file: Path, kind: str, params: dict[str, Any], known: st.DataObject
) -> None:
    """Any value for any parameter of any kind."""
    fields = [field.alias or name for name, field in KINDS[kind].model_fields.items()]
    params = {**params, known.draw(st.sampled_from(fields)): known.draw(values)}
    document = changed(("sections", 0, "items", 0, "checks", 0), "replace", {kind: params})
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    judged(file)


@unhurried
@given(expression=words, comparison=words)
def test_any_expectation_loads_or_is_refused(file: Path, expression: str, comparison: str) -> None:
    """Any expression and any comparison; what loads survives its way through a trigger."""
    checks = [{"http_request": {"path": "/", "expect": {expression: comparison}}}]
    text = yaml.safe_dump(
        changed(("sections", 0, "items", 0, "checks"), "replace", checks), allow_unicode=True
    )
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    if phase := judged(file):
        assert Phase.model_validate(phase.model_dump(mode="json", exclude_defaults=True)) == phase
