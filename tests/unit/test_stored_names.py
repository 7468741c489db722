"""Hold docs/stored-names.yaml to the code: names that outlive a release, in both directions."""

from __future__ import annotations

import ast
import inspect
import json
import re
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.sdk.bases.operator import BaseOperator
from airflow.triggers.base import BaseTrigger

from launch_pipeline.airflow.api_server.answers.answer_guard import _stamped
from launch_pipeline.airflow.api_server.answers.request_key import Asked, RequestKey
from launch_pipeline.airflow.deployment.fab_roles import FabRole
from launch_pipeline.checklist.sequence import ALL_PHASES, CONDUCTOR, WATCH
from launch_pipeline.checklist.vocabulary import Answer, Mode, RequestKind, Role, Severity
from launch_pipeline.checks.engine.registry import GROUP as CHECK_KINDS
from launch_pipeline.checks.verdict import Verdict
from launch_pipeline.cli.commands.rehearse import GROUP as COMMANDS
from launch_pipeline.launch.item_states import State
from launch_pipeline.ledger.launch import LaunchState, Via
from launch_pipeline.ledger.schema import EntryKind, Outcome, RecordedBy
from launch_pipeline.notifications import keys
from launch_pipeline.notifications.model import LaunchNoteKind
from launch_pipeline.slack.store import NudgeLevel
from servers.item_tasks import a_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from enum import StrEnum

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "launch_pipeline"
AIRFLOW = PACKAGE / "airflow"
PAGE = ROOT / "docs" / "stored-names.yaml"
LISTED: dict[str, Any] = yaml.safe_load(PAGE.read_text(encoding="utf-8"))
ENUMS: dict[str, type[StrEnum]] = {
    "answers": Answer,
    "entry_kinds": EntryKind,
    "item_modes": Mode,
    "item_states": State,
    "launch_events": LaunchNoteKind,
    "launch_states": LaunchState,
    "nudge_levels": NudgeLevel,
    "outcomes": Outcome,
    "airflow_roles": FabRole,
    "recorded_by": RecordedBy,
    "request_kinds": RequestKind,
    "roles": Role,
    "severities": Severity,
    "verdicts": Verdict,
    "via": Via,
}
DEPLOYMENT_FILES = ("docker-compose.yaml", "production.env.example", "Dockerfile")
REFUSING = frozenset(
    {"AnswerRefused", "NotTaken", "Refusal", "Refused", "_refuse", "_refusal", "_said", "forbidden"}
)
"""Names of what makes a refusal of an answer, or of a move of a launch."""


# ---- reading the code ------------------------------------------------------------------------------


@cache
def trees(folder: Path) -> tuple[ast.Module, ...]:
    """Parse every module of a folder."""
    return tuple(ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py")))


@cache
def nodes(*folders: Path) -> tuple[ast.AST, ...]:
    """Return every node of every module of these folders."""
    return tuple(node for folder in folders for tree in trees(folder) for node in ast.walk(tree))


@cache
def texts(*folders: Path) -> set[str]:
    """Return every string of the code, docstrings included."""
    return {
        node.value
        for node in nodes(*folders)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@cache
def constants() -> dict[str, str]:
    """Return the package's module-level names for strings; a name that means two strings means none."""
    found: dict[str, set[str]] = {}
    for tree in trees(PACKAGE):
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                        found.setdefault(target.id, set()).add(node.value.value)
    return {name: next(iter(values)) for name, values in found.items() if len(values) == 1}


def word(node: ast.expr | None) -> str:
    """Return the string that an expression names, written out or by a constant."""
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return constants().get(name, f"what {name} is")
        case _:
            return f"line {getattr(node, 'lineno', '?')}: name it by a constant"


def called(*names: str) -> Iterator[ast.Call]:
    """Yield the calls of the package to functions or methods of these names."""
    for node in nodes(PACKAGE):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in names:
                yield node


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return an argument that is given by name."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def ours(base: type, *folders: str) -> list[type]:
    """Return the package's classes of a kind, from the modules of these folders of the Airflow room."""
    found = {}
    for folder in folders:
        for path in sorted((AIRFLOW / folder).glob("*.py")):
            module = import_module(f"launch_pipeline.airflow.{folder}.{path.stem}")
            for each in vars(module).values():
                if isinstance(each, type) and issubclass(each, base) and each.__module__ == module.__name__:
                    found[path_of(each)] = each
    return list(found.values())


def path_of(each: type) -> str:
    """Return the class path that Airflow stores."""
    return f"{each.__module__}.{each.__qualname__}"


def arguments(function: Any, *known: str) -> list[str]:
    """Return the names of a function's arguments, beside those that are given by Airflow."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    given = {"self", "context", "event", *known}
    found = inspect.signature(function).parameters.values()
    return [each.name for each in found if each.kind in kinds and each.name not in given]


# ---- what Airflow stores ---------------------------------------------------------------------------


def test_triggers() -> None:
    """Airflow stores the class path and the arguments of a trigger that waits."""
    found = {path_of(each): arguments(each.__init__) for each in ours(BaseTrigger, "triggers", "sensors")}  # type: ignore[misc]
    assert found == LISTED["triggers"]


def test_next_methods() -> None:
    """Airflow stores the method that goes on with a task, and its arguments.

    Such a method takes the context, and its name stands as a string in the code that defers.
    """
    named = texts(AIRFLOW, PACKAGE / "launch")
    found = {}
    for each in ours(BaseOperator, "operators", "sensors"):
        methods = {
            name: arguments(method)
            for name, method in vars(each).items()
            if inspect.isfunction(method)
            and "context" in inspect.signature(method).parameters
            and name in named
        }
        if methods:
            found[path_of(each)] = methods
    assert found == LISTED["next_methods"]


def test_deferring_names_listed_methods() -> None:
    """Nothing defers to a method that is not listed."""
    listed = {method for methods in LISTED["next_methods"].values() for method in methods}
    for call in called("defer", "TaskAwaitingInput", "TaskDeferred", "StartTriggerArgs"):
        for name in ("method_name", "next_method"):
            if isinstance(value := keyword(call, name), ast.Constant):
                assert value.value in listed, f"line {call.lineno}"


def test_what_is_stored_with_a_state() -> None:
    """Fields of a wait that the next run of the task reads."""
    tree = ast.parse((PACKAGE / "launch" / "item_states.py").read_text(encoding="utf-8"))
    read = {
        word(each.slice) for each in ast.walk(tree) if isinstance(each, ast.Subscript) and _held(each.value)
    }
    asked = {
        word(each.args[0])
        for each in ast.walk(tree)
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and _held(each.func.value)
    }
    assert read | asked == set(LISTED["item_state_fields"])


def _held(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "held"


def test_xcoms() -> None:
    """Keys of XComs; ``return_value`` and ``trigger_run_id`` are Airflow's own."""
    pushed = {word(keyword(call, "key")) for call in called("xcom_push")}
    ended = {
        word(key)
        for call in called("TaskSuccessEvent", "TaskSkippedEvent", "TaskFailedEvent")
        if isinstance(given := keyword(call, "xcoms"), ast.Dict)
        for key in given.keys
    }
    assert pushed | ended == set(LISTED["xcom_keys"])


def test_fields_of_answers() -> None:
    """What the guard adds to an answer is read by the task, maybe on the next release of Airflow."""
    asked = Asked(RequestKey("d", "r", "t", -1), a_spec(), "ada", "Approve", {}, RecordedBy.API, user_id="7")
    stamped = json.loads(_stamped({"chosen_options": ["Approve"]}, asked, "sha256:ab"))
    assert list(stamped["params_input"]) == ["via", "user", "user_id", "evidence"]
    assert set(stamped["params_input"]) == set(LISTED["answer_fields"])


def test_task_state_store() -> None:
    """Keys of the task state store."""
    found = {
        word(call.args[0])
        for call in called("set")
        if isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Subscript)
        and word(call.func.value.slice) == "task_state_store"
    }
    assert found == set(LISTED["task_state_store_keys"])


def test_dags() -> None:
    """Dag ids are in every run, record and link."""
    assert {CONDUCTOR, WATCH, *ALL_PHASES} == set(LISTED["dag_ids"])
    assert {path.stem for path in (ROOT / "dags").glob("*.py")} == set(LISTED["dag_ids"])


def test_tasks_of_every_phase() -> None:
    """Task ids that no checklist gives."""
    found = {word(value) for node in nodes(AIRFLOW / "dags") if (value := _task_id(node)) is not None}
    assert found == set(LISTED["task_ids"])


def _task_id(node: ast.AST) -> ast.expr | None:
    value = keyword(node, "task_id") if isinstance(node, ast.Call) else None
    written = isinstance(value, ast.Constant) or (isinstance(value, ast.Name) and value.id.isupper())
    return value if written else None


def test_configured_classes() -> None:
    """Class paths in the settings of a deployment lead to classes."""
    known = texts(PACKAGE / "stack")
    for path in LISTED["configured_classes"]:
        module, _, name = path.rpartition(".")
        tree = ast.parse((ROOT / "include" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        assert path in known
    pattern = re.compile(r"launch_pipeline(?:\.[a-z_]+)+\.[A-Z]\w+")
    assert {text for text in known if pattern.fullmatch(text)} == set(LISTED["configured_classes"])


def test_connections() -> None:
    """Connection ids: those that the pipeline works with, and what each kind of check asks by default."""
    own = {value for name, value in constants().items() if "CONN" in name and value.startswith("launch_")}
    own |= {
        node.value.value
        for node in nodes(PACKAGE)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and any(isinstance(target, ast.Name) and target.id == "CONN_ID" for target in node.targets)
        and isinstance(node.value.value, str)
    }
    assert own == set(LISTED["connection_ids"]["pipeline"])
    asked = {
        word(value) for call in called("Kind") if (value := keyword(call, "default_conn_id")) is not None
    }
    assert asked == set(LISTED["connection_ids"]["checks"])


# ---- what the ledger and Slack store ---------------------------------------------------------------


@pytest.mark.parametrize("name", ENUMS)
def test_words(name: str) -> None:
    """Words that rows of the ledger, Airflow's requests and Slack's tables hold."""
    found = {each.value for each in ENUMS[name]}
    # 'open' marks a request that waits; it is shown, and in no row.
    assert found - ({"open"} if name == "outcomes" else set()) == set(LISTED["words"][name])


def test_refusal_codes() -> None:
    """Codes of refusals are in the ledger, and scripts read them."""
    folders = [PACKAGE / "approvals", PACKAGE / "ledger", PACKAGE / "launch", PACKAGE / "slack", AIRFLOW]
    calls = [
        node
        for node in nodes(*folders)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in REFUSING
    ]
    given = [each for call in calls for each in (*call.args, *(pair.value for pair in call.keywords))]
    raised = {each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    codes = {each for each in raised if re.fullmatch(r"[a-z]+(_[a-z]+)*", each)}
    assert sorted(codes - set(LISTED["refusal_codes"])) == []
    assert sorted(set(LISTED["refusal_codes"]) - texts(*folders)) == []


def test_message_keys() -> None:
    """The key of each message, as it is made of the names within ``{}``."""
    made = {name: _pattern(name) for name in LISTED["message_keys"]}
    assert made == LISTED["message_keys"]
    public = {
        name
        for name, each in vars(keys).items()
        if inspect.isfunction(each)
        and each.__module__ == keys.__name__
        and name.endswith(("_key", "_mark", "_of"))
    }
    assert public == set(made)


def _pattern(name: str) -> str:
    given = {
        "seal": _Sealed(), "launch_id": "{launch}", "dag_id": "{dag}", "key": "{key}", "kind": _Kind(),
        "started_at": _Moment(), "due": _Moment(),
    }  # fmt: skip
    parameters = inspect.signature(getattr(keys, name)).parameters.values()
    suffix = ["{suffix}"] if any(each.kind is each.VAR_POSITIONAL for each in parameters) else []
    return str(getattr(keys, name)(*(given[each.name] for each in parameters if each.name in given), *suffix))


class _Moment:
    """A moment that shows how it is written."""

    def astimezone(self, zone: object) -> _Moment:
        assert str(zone) == "UTC"
        return self

    def __format__(self, spec: str) -> str:
        return f"{{time:{spec}}}"


class _Kind:
    value = "{event}"


class _Sealed:
    launch_id, dag_id, try_number, sealed_at = "{launch}", "{dag}", "{try}", _Moment()


def test_slack_names() -> None:
    """What cards that hang in a channel carry: actions, the form, the event, places of messages."""
    known = texts(PACKAGE / "slack", PACKAGE / "notifications")
    assert [name for names in LISTED["slack"].values() for name in names if name not in known] == []
    elements = import_module("launch_pipeline.slack.messages.elements")
    registered = {
        str(getattr(elements, call.args[0].attr))
        for call in called("action")
        if call.args and isinstance(call.args[0], ast.Attribute)
    }
    assert registered == set(LISTED["slack"]["action_ids"])


# ---- what deployments and packages of others name --------------------------------------------------


def test_environment_variables() -> None:
    """Variables that begin with ``LAUNCH_``; ``…_FILE`` of a listed one names a file that holds the value."""
    said = "\n".join(texts(PACKAGE, ROOT / "rehearsal"))
    said += "".join((ROOT / name).read_text(encoding="utf-8") for name in DEPLOYMENT_FILES)
    found = set(re.findall(r"\bLAUNCH_[A-Z_]*[A-Z]\b", said)) - set(LISTED["no_variables"])
    listed = LISTED["environment_variables"]
    files = {f"{name}_FILE" for name in listed["values_or_files"]}
    assert found - files == {*listed["values"], *listed["values_or_files"]}


def test_entry_points() -> None:
    """Groups in which other packages name what they add."""
    assert {CHECK_KINDS, COMMANDS} == set(LISTED["entry_point_groups"])
    own = [
        tomllib.loads(path.read_text())
        for path in (ROOT / "pyproject.toml", ROOT / "rehearsal/pyproject.toml")
    ]
    assert {group for each in own for group in each["project"].get("entry-points", {})} == {
        CHECK_KINDS,
        COMMANDS,
    }
    assert set(own[0]["project"]["entry-points"][CHECK_KINDS]) == set(LISTED["check_kinds"])


def test_nothing_is_listed_twice() -> None:
    """The page says what a change needs, and names each thing once."""
    assert "needs an ADR and an alias" in PAGE.read_text(encoding="utf-8").partition("\n\n")[0]

    def lists(value: Any) -> Iterable[list[Any]]:
        if isinstance(value, list):
            yield value
        elif isinstance(value, dict):
            for each in value.values():
                yield from lists(each)

    assert [each for each in lists(LISTED) if len(set(each)) != len(each)] == []
