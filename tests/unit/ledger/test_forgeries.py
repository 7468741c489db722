"""Two verifiers, written apart from the same rules, against forgers who make every digest anew."""

from __future__ import annotations

import ast
import copy
import json
import os
import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.checks.verdict import CheckResult, Finding
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.launch.basis import OF_THE_LAUNCH
from launch_pipeline.ledger.export import export_lines, read_export, verifier
from launch_pipeline.ledger.facts import Amended, Changed, Started, Target
from launch_pipeline.ledger.plan import LaunchPlan, PlannedItem, Rules
from launch_pipeline.ledger.proof import auditor
from launch_pipeline.ledger.proof.verify import verify_links
from launch_pipeline.ledger.reopened import Cause, Reopened
from launch_pipeline.ledger.schema import (
    Acknowledgement,
    DecidedBy,
    EntryKind,
    Outcome,
    Record,
    RecordedBy,
    Seal,
    SealedRecord,
)
from servers import forged_changes, forged_launches
from servers.chains import a_chain, relinked
from servers.forgeries import chained, forged, resealed, rows_of
from servers.shapes import SHAPES
from servers.stories import LAUNCH

ENDS = {
    **dict.fromkeys(("complete", "repaired", "set_aside", "amended", "adopted"), "complete"),
    **dict.fromkeys(("retargeted", "no_longer_true"), "complete"),
    **dict.fromkeys(("aborted", "aborted_and_rolled_back", "held"), "aborted"),
    "no_go": "no_go",
    "rolled_back": "rolled_back",
}
FORGERIES = {**forged_launches.FORGERIES, **forged_changes.FORGERIES}
UNSEEN = {**forged_launches.UNSEEN, **forged_changes.UNSEEN}
EXAMPLES = int(os.environ.get("FORGERIES", "120"))
"""Random forgeries to compare; more on demand, since each takes a moment."""

if TYPE_CHECKING:
    from pathlib import Path

    from launch_pipeline.ledger.chain import Link
    from servers.forgeries import Row


def exported(links: list[Link]) -> bytes:
    """Give the file of an export."""
    return "".join(f"{line}\n" for line in export_lines(links)).encode()


@lru_cache(maxsize=32)
def a_true_one(shape: str) -> tuple[Link, ...]:
    """Give a true launch of a shape."""
    return tuple(a_chain(SHAPES[shape]().entries))


def by_ours(path: Path, data: bytes, head: str | None = None) -> int | None:
    """Return the number of the first row that our own verifier finds wrong; 0 where it is none of them."""
    path.write_bytes(data)
    try:
        broken = verify_links(LAUNCH, read_export(path), head).broken
    except ConfigurationError as error:
        return int(error.place.removeprefix("line ") or 0)
    return broken and (broken.position if broken.seq is not None else 0)


def by_the_auditor(data: bytes, head: str | None = None) -> int | None:
    """Return the same of the second verifier."""
    try:
        auditor.prove(data, head)
    except auditor.Wrong as wrong:
        found = re.match(r"row (\d+)", str(wrong))
        return int(found[1]) if found else 0
    return None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a place for an export."""
    return tmp_path / "export.jsonl"


# ---- what is true holds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_true_launches_hold(path: Path, shape: str) -> None:
    """Complete, no go, aborted, rolled back, repaired, carried: both verifiers say so, with every head."""
    links = list(a_true_one(shape))
    verified = verify_links(LAUNCH, links)
    assert verified.broken is None
    assert verified.state == ENDS.get(shape, "active")
    for head in (None, links[0].digest, links[-1].digest):
        assert by_ours(path, exported(links), head) is None
        assert by_the_auditor(exported(links), head) is None


@pytest.mark.parametrize("shape", SHAPES)
def test_every_beginning_of_a_true_launch_holds(path: Path, shape: str) -> None:
    """A launch that goes on holds at every moment; that its end is missing is known by a head alone."""
    links = list(a_true_one(shape))
    for count in range(1, len(links)):
        data = exported(links[:count])
        assert (by_ours(path, data), by_the_auditor(data)) == (None, None)
        assert (by_ours(path, data, links[-1].digest), by_the_auditor(data, links[-1].digest)) == (0, 0)


# ---- what is forged does not -----------------------------------------------------------------------------


@pytest.mark.parametrize("reseal", [True, False], ids=["seals made anew", "seals as they were"])
@pytest.mark.parametrize("name", FORGERIES)
def test_forgery_is_found_by_both(path: Path, name: str, reseal: bool) -> None:
    """Both name the same row, although every digest fits."""
    shape, change = FORGERIES[name]
    data = exported(forged(shape, change, reseal=reseal))
    found = by_ours(path, data)
    assert found is not None
    assert by_the_auditor(data) == found


@pytest.mark.parametrize("name", UNSEEN)
def test_what_keeps_every_rule_is_found_by_a_head_alone(path: Path, name: str) -> None:
    """Each class that the documentation names as not to be found is one, and a head finds it."""
    shape, change = UNSEEN[name]
    head = a_true_one(shape)[-1].digest
    data = exported(forged(shape, change))
    assert (by_ours(path, data), by_the_auditor(data)) == (None, None)
    assert (by_ours(path, data, head), by_the_auditor(data, head)) == (0, 0)


@pytest.mark.parametrize("shape", ["repaired", "no_go", "aborted_and_rolled_back", "carried"])
def test_every_row_that_proves_something_is_missed(path: Path, shape: str) -> None:
    """Without its digests made anew every missing row is found; with them both verifiers agree on each."""
    links = list(a_true_one(shape))
    for index in range(len(links) - 1):
        left = [*links[:index], *links[index + 1 :]]
        assert by_ours(path, exported(left)) == by_the_auditor(exported(left)) == index + 2
        anew = exported(relinked(left))
        assert by_ours(path, anew) == by_the_auditor(anew)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8),
    st.sampled_from([
        "", " ", "machine", "passed", "approved", "rejected", "not_reached", "waived", "cto", "rollback",
        "2030-05-06T12:00:00Z", "2030-05-06T12:00:00.5Z", "2030-05-06T24:00:00Z", "sha256:" + "c" * 64,
        [], {}, [[]], "week_1", ["week_1"], {"passed": 1}, {"open": 1}, 10**25, 2**63, 1e300, -0.0, 0, 1,
        1.0, 2,
    ]),
)  # fmt: skip
NUMBER = st.integers(0, 10_000)
EDIT = st.tuples(
    st.sampled_from(["set", "take", "remove", "drop", "copy", "move", "column"]), NUMBER, NUMBER, VALUES
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Give every place within a content: a container and the key in it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    found = [(value, key) for key in keys]
    return found + [place for _, key in found for place in places(value[key])]


def edit(rows: list[Row], what: str, one: int, other: int, value: Any) -> None:
    """Change something of the rows."""
    row, second = rows[one % len(rows)], rows[other % len(rows)]
    if what == "drop":
        rows.remove(row)
    elif what == "copy":
        rows.insert(other % len(rows), {**copy.deepcopy(row), "seq": 5000 + one})
    elif what == "move":
        rows.remove(row)
        rows.insert(other % (len(rows) + 1), row)
    elif what == "column":
        name = ("kind", "dag_id", "item_ref", "task_instance_id")[other % 4]
        row[name] = second[name] if not isinstance(value, str) else value
    elif found := places(row["content"]):
        container, key = found[other % len(found)]
        if what == "remove":
            del container[key]
        else:
            taken = places(second["content"])
            container[key] = copy.deepcopy(taken[one % len(taken)][0] if what == "take" and taken else value)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.sampled_from(sorted(SHAPES)),
    edits=st.lists(EDIT, min_size=1, max_size=3),
    reseal=st.booleans(),
)
def test_both_say_the_same_of_whatever_is_changed(
    path: Path, shape: str, edits: list[tuple[str, int, int, Any]], reseal: bool
) -> None:
    """Whatever is set, taken, dropped, copied or moved: the first wrong row is the same for both."""
    rows = rows_of(a_true_one(shape))
    before = {link.seq: link.content_digest for link in a_true_one(shape)}
    for each in edits:
        if rows:
            edit(rows, *each)
    links = chained(resealed(rows, before) if reseal else rows)
    if links:
        data = exported(links)
        assert by_ours(path, data) == by_the_auditor(data)


# ---- one reading -----------------------------------------------------------------------------------------


def line_with(text: str, *, of: bytes = b'"headline":"started"') -> bytes:
    """Give an export in which a text stands in the place of another, digests made anew where they can be."""
    data = exported(list(a_true_one("complete")))
    assert data.count(b'"headline":"week_1 is sealed"') == 1
    return data.replace(of if of in data else b'"headline":"week_1 is sealed"', text.encode("utf-8"))


SPELLINGS = {
    "key twice": '"headline":"a","headline":"week_1 is sealed"',
    "NaN": '"headline":NaN',
    "infinity": '"headline":Infinity',
    "minus infinity": '"headline":-Infinity',
    "too large": '"headline":1e999',
    "minus nothing": '"headline":-0',
    "another way to write it": '"headline":1E2',
    "a float in another way": '"headline":1.50',
    "huge": f'"headline":{"9" * 5000}',
    "almost huge": f'"headline":{"9" * 4000}',
    "NUL": '"headline":"\\u0000"',
    "half of a pair": '"headline":"\\ud800"',
    "a pair that needs no escape": '"headline":"\\ud83d\\ude00"',
    "an escape that is not needed": '"headline":"\\u0041"',
    "deep": f'"headline":{"[" * 70}{"]" * 70}',
    "very deep": f'"headline":{"[" * 100_000}{"]" * 100_000}',
    "a space": '"headline": "week_1 is sealed"',
    "a line end of Windows": '"headline":"week_1 is sealed"}\r\n{"a":"b"',
    "a comment": '"headline":/**/"week_1 is sealed"',
    "a control character": '"headline":"\x07"',
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_other_spellings_are_refused(path: Path, name: str) -> None:
    """What two readers could read in two ways is read by none: both name the line."""
    data = line_with(SPELLINGS[name])
    assert by_ours(path, data) == by_the_auditor(data) == 6


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda data: b"\xef\xbb\xbf" + data, 1),
        (lambda data: data.replace(b"\n", b"\r\n"), 1),
        (lambda data: data.replace(b"\n", b"\n\n", 1), 2),
        (lambda data: data + b"\n", 28),
        (lambda data: data.replace(b"{", b" {", 1), 1),
        (lambda data: data.replace(b'"seq":10', b'"seq":10.0', 1), 1),
        (lambda data: data.replace(b'"seq":10', b'"seq":"10"', 1), 1),
        (lambda data: data.replace(b'"try_number":0', b'"try_number":false', 1), 1),
        (lambda data: data.replace(b"+00:00", b"Z", 1), 1),
        (lambda data: data.replace(b'"seq":10', b'"extra":1,"seq":10', 1), 1),
        (lambda data: data.replace(b'"content":', b'"content":{},"content":', 1), 1),
        (lambda data: b"[]\n" + data, 1),
        (lambda _: b"", 1),
    ],
    ids=["BOM", "CRLF", "blank", "tail", "space", "float", "text", "false", "Z", "extra", "twice", "list",
         "none"],
)  # fmt: skip
def test_line_is_written_in_one_way(path: Path, change: Any, line: int) -> None:
    """Neither another form of the file nor another type with the same value."""
    data = change(exported(list(a_true_one("complete"))))
    assert by_ours(path, data) == by_the_auditor(data) == line


def test_what_is_not_utf_8_is_refused(path: Path) -> None:
    """Bytes that are no text at all."""
    data = exported(list(a_true_one("complete"))).replace(b"started", b"\xff", 1)
    assert by_ours(path, data) == by_the_auditor(data) == 1


@example("\u2028 \u0085 \x7f \ufeff \U0001f600 </script>")
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20))
def test_any_text_is_kept_as_it_is(path: Path, text: str) -> None:
    """Line ends of Unicode, marks and other planes are texts like others, and come back unchanged."""
    story = SHAPES["Story"]().tell(text)
    data = exported(a_chain(story.entries))
    assert (by_ours(path, data), by_the_auditor(data)) == (None, None)
    assert json.loads(read_export(path)[-1].content)["headline"] == text


# ---- the second verifier is what it says -----------------------------------------------------------------


def test_auditors_verifier_needs_nothing_of_ours() -> None:
    """One file for Python 3.9, whose every import is of the standard library."""
    tree = ast.parse(verifier(), feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    assert imported <= set(sys.stdlib_module_names)


MODELS = {
    "RECORD": Record, "RESULT": CheckResult, "FINDING": Finding, "PERSON": DecidedBy,
    "ROUND": Acknowledgement, "SEAL": Seal, "SEALED": SealedRecord, "STARTED": Started,
    "PLAN": LaunchPlan, "ITEM": PlannedItem, "RULES": Rules, "REOPENED": Reopened, "AMENDED": Amended,
    "CHANGED": Changed, "TARGET": Target,
}  # fmt: skip


@pytest.mark.parametrize("shape", MODELS)
def test_auditors_verifier_knows_every_field(shape: str) -> None:
    """Who adds a field adds it to the rules in docs/record.md and to the second verifier as well."""
    known = {key.rstrip("?") for key in getattr(auditor, shape)} - {"..."}
    assert known == set(MODELS[shape].model_fields)


def test_auditors_verifier_knows_every_word() -> None:
    """Outcomes, roles, kinds and ways of an answer are closed sets in both."""
    assert set(auditor.OUTCOMES) == {outcome.value for outcome in Outcome}
    assert set(auditor.ROLES) == {role.value for role in Role}
    assert set(auditor.RECORD["recorded_by"]) == {way.value for way in RecordedBy}
    told = {EntryKind.ANNOUNCEMENT, EntryKind.NUDGE, EntryKind.REFUSAL}
    assert {*auditor.OF_A_PHASE, *auditor.OF_THE_LAUNCH} == set(EntryKind) - told
    assert set(auditor.SHAPES) == set(EntryKind) - told - {EntryKind.BYPASS, EntryKind.VERIFIED_AGAIN}
    assert set(auditor.REOPENED["cause"]) == {cause.value for cause in Cause}
    assert set(auditor.CHANGING) == OF_THE_LAUNCH
