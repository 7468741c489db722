"""A launch's chain, without a database: what a digest covers, and which row is named."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch_pipeline.checks.canonical import canonical_json, digest
from launch_pipeline.ledger.chain import GENESIS, Link
from launch_pipeline.ledger.export import export_lines
from launch_pipeline.ledger.proof import auditor
from launch_pipeline.ledger.proof.verify import first_break, first_chain_break, verify_links
from launch_pipeline.ledger.schema import Entry, EntryKind, Outcome
from servers.chains import LAUNCH, a_chain, relinked, some_entries, started
from servers.records import NOON, a_record, a_result, a_seal

TEXTS = ("kind", "launch_id", "dag_id", "item_ref", "task_instance_id")


def five() -> list[Link]:
    """Give five rows that are chained; what they say is not asked of them here."""
    return a_chain(some_entries())


def changed(links: list[Link], index: int, **fields: Any) -> list[Link]:
    """Change fields of one row and leave everything else as it is."""
    return [*links[:index], links[index].model_copy(update=fields), *links[index + 1 :]]


def with_content(link: Link, **fields: Any) -> dict[str, str]:
    """Return the row's content with other fields, as text."""
    return {"content": canonical_json({**json.loads(link.content), **fields}).decode()}


def problem_of(links: list[Link]) -> tuple[int, str]:
    """Position and problem of the first broken row."""
    broken = first_chain_break(links)
    assert broken is not None
    return broken.position, broken.problem


def test_chain_as_it_was_kept_is_whole() -> None:
    """Nothing is broken, and the head is the last row's."""
    links = a_chain()
    verified = verify_links(LAUNCH, links)
    assert verified.broken is None
    assert (verified.rows, verified.state, verified.seals) == (6, "active", 1)
    assert verified.head is not None
    assert str(verified.head) == f"{links[-1].digest} (row 6)"
    assert verify_links(LAUNCH, []).head is None


def test_digest_is_that_of_a_text_anybody_can_write() -> None:
    """The formula of the documentation, spelled out: a change of it breaks every chain that exists."""
    (link,) = a_chain([Entry.of_record(a_record())])
    text = (
        '{"appended_at":"2030-05-06T12:00:00.123456+00:00","content_digest":"' + a_record().digest + '"'
        ',"dag_id":"week_1","item_ref":"week_1.security.tls","kind":"machine_pass","launch_id":"shop-1.2"'
        f',"position":1,"previous":"{GENESIS}","seq":10,"task_instance_id":"0197-1","try_number":1}}'
    )
    assert canonical_json(link.header()).decode() == text
    assert link.digest == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@given(st.sampled_from(TEXTS), st.text(max_size=20), st.text(max_size=20))
def test_every_column_makes_another_digest(column: str, one: str, other: str) -> None:
    """Two texts in one column have one digest only where they are the same text."""
    (link,) = a_chain([Entry.of_record(a_record())])
    digests = {link.model_copy(update={column: text}).computed_digest() for text in (one, other)}
    # What PostgreSQL cannot keep is no text of a row.
    kept = {text for text in (one, other) if "\x00" not in text}
    assert len(digests) >= len(kept)


@pytest.mark.parametrize(
    "change",
    [
        {"item_ref": "week_1.security.other"},
        {"kind": "decision"},
        {"launch_id": "other"},
        {"dag_id": "other"},
        {"task_instance_id": "other"},
        {"try_number": 7},
        {"seq": 99},
        {"appended_at": NOON - timedelta(days=1)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_changed_column_is_named(change: dict[str, Any]) -> None:
    """Whatever is changed beside the content, the row that has it is named."""
    position, problem = problem_of(changed(five(), 2, **change))
    assert (position, "one of its columns was changed" in problem) == (3, True)


def test_changed_content_is_named() -> None:
    """One letter of what was kept, and the row is named with item, kind and number."""
    links = five()
    broken = first_chain_break(changed(links, 3, **with_content(links[3], reason="because")))
    assert broken is not None
    assert str(broken).startswith(
        "row 4 (seq 13, decision of week_1.security.audit): its content was changed"
    )


def test_row_whose_digests_were_made_anew_betrays_itself_by_the_next() -> None:
    """Who changes a row and its digests has to change every row after it."""
    links = five()
    forged = relinked(changed(links, 1, appended_at=NOON - timedelta(days=1)))[1]
    position, problem = problem_of([links[0], forged, *links[2:]])
    assert (position, "does not follow row 2 as it is now" in problem) == (3, True)


@pytest.mark.parametrize(
    ("left", "position", "says"),
    [
        ((1, 2, 3, 4), 2, "row 1 is missing before it"),
        ((0, 1, 3, 4), 4, "row 3 is missing before it"),
        ((0, 3, 4), 4, "rows 2 to 3 are missing before it"),
    ],
    ids=str,
)
def test_removed_row_is_named_by_the_next(left: tuple[int, ...], position: int, says: str) -> None:
    """A row that is gone leaves a gap in the numbers."""
    links = five()
    assert problem_of([links[index] for index in left]) == (position, says)


def test_removed_row_with_new_numbers_is_named() -> None:
    """Numbers that were closed up again do not help."""
    links = five()
    closed = [*links[:2], *(link.model_copy(update={"position": link.position - 1}) for link in links[3:])]
    position, problem = problem_of(closed)
    assert (position, "does not follow row 2" in problem) == (3, True)


def test_swapped_rows_are_named() -> None:
    """The first of two rows that changed places is named."""
    one, two, three, four, last = five()
    swapped = [
        one,
        three.model_copy(update={"position": 2}),
        two.model_copy(update={"position": 3}),
        four,
        last,
    ]
    position, problem = problem_of(swapped)
    assert (position, "does not follow row 1" in problem) == (2, True)


def test_inserted_row_is_named() -> None:
    """A row that was put in between does not fit even where its own digests do."""
    links = five()
    forged = Entry.of_record(a_record(task_instance_id="forged", outcome=Outcome.APPROVED))
    put_in = a_chain([*some_entries()[:2], forged])[2]
    assert problem_of([*links[:2], put_in, *links[2:]]) == (3, "there is another row 3")
    moved = [link.model_copy(update={"position": link.position + 1}) for link in links[2:]]
    position, problem = problem_of([*links[:2], put_in, *moved])
    assert (position, "does not follow row 3" in problem) == (4, True)


def test_rows_of_another_launch_do_not_follow() -> None:
    """Each launch has a chain of its own: the first row names no digest, later ones those of their launch."""
    other = [entry.model_copy(update={"launch_id": "other"}) for entry in some_entries()]
    position, _ = problem_of([*five()[:2], *a_chain(other)[2:]])
    assert position == 3


def test_missing_tail_is_found_by_a_head() -> None:
    """Rows that are gone from the end are found where the head was noted, and only there."""
    links = a_chain()
    assert verify_links(LAUNCH, links[:3]).broken is None
    assert verify_links(LAUNCH, links, head=links[3].digest).broken is None
    broken = verify_links(LAUNCH, links[:3], head=links[3].digest).broken
    assert broken is not None
    assert str(broken).startswith(f"after row 3: the head {links[3].digest} is not in the chain")


def test_rewritten_chain_is_found_by_a_head() -> None:
    """Who makes all digests anew cannot make the one that was announced."""
    links = a_chain()
    forged = relinked(changed(links, 4, try_number=2, **with_content(links[4], try_number=2)))[:5]
    assert verify_links(LAUNCH, forged).broken is None
    assert verify_links(LAUNCH, forged, head=links[4].digest).broken is not None


@pytest.mark.parametrize("levels", [1, 40, 55, 56, 57, 58, 59, 60, 61, 200])
def test_evidence_of_any_depth_makes_a_record_that_holds(levels: int) -> None:
    """What a service answers is nested as it likes; what is left out of it is left out before its digest."""
    nested: object = "the innermost"
    for _ in range(levels):
        nested = [nested]
    record = a_record(results=(a_result(observed={"body": nested}),))
    links = a_chain([started(), Entry.of_record(record)])
    assert verify_links(LAUNCH, links).broken is None
    auditor.prove("\n".join(export_lines(links)).encode())


# ---- what a content says, in a chain whose digests are all in order --------------------------------------


def problem_of_content(index: int, **fields: Any) -> str:
    """Change a content and make all links anew; that row must be the first broken one."""
    links = a_chain()
    broken = first_break(relinked(changed(links, index, **with_content(links[index], **fields))))
    assert broken is not None
    assert broken.position == index + 1
    return broken.problem


def broken_content(*entries: Entry) -> tuple[int, str]:
    """Position, within these rows behind a start, and problem of the first that does not hold."""
    broken = first_break(a_chain([started(), *entries]))
    assert broken is not None
    return broken.position - 1, broken.problem


def test_evidence_must_have_its_digest() -> None:
    """What the person saw cannot be exchanged beside the digest of what they saw."""
    results = [a_result(headline="all is well").model_dump(mode="json")]
    assert "'evidence_digest' is not the digest of 'results'" in problem_of_content(4, results=results)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"item_ref": "week_1.security.other"}, "the row says item_ref 'week_1.security.audit', its content"),
        ({"launch_id": "other"}, "launch_id"),
        ({"task_instance_id": "other"}, "task_instance_id"),
        ({"try_number": 9}, "try_number 1, its content 9"),
        ({"outcome": "not_reached"}, "the row says kind 'decision', its content"),
        ({"outcome": "open"}, "Input should be"),
        ({"decided_by": None}, "needs 'decided_by'"),
        ({"surprise": 1}, "surprise"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_record_must_be_one_and_say_what_its_row_says(fields: dict[str, Any], says: str) -> None:
    """A row cannot carry the record of something else."""
    assert says in problem_of_content(4, **fields)


def test_sealed_record_must_be_there() -> None:
    """A record that was changed under a seal is found although the chain was made anew over it."""
    links = a_chain()
    broken = first_break(relinked(changed(links, 4, **with_content(links[4], reason="because"))))
    assert broken is not None
    assert broken.position == 6
    assert broken.problem.startswith("it seals a record of week_1.security.audit (sha256:")


@pytest.mark.parametrize("field", ["item_ref", "task_instance_id"])
def test_seal_holds_for_that_item_and_instance(field: str) -> None:
    """The same record under another name is not the one that was sealed."""
    record = a_record()
    seal = a_seal(record)
    listed = seal.records[0].model_copy(update={field: "other"})
    entries = [Entry.of_record(record), Entry.of_seal(seal.model_copy(update={"records": (listed,)}), "gate")]
    assert broken_content(*entries)[0] == 2


def test_record_that_is_kept_after_the_seal_was_not_sealed() -> None:
    """A seal speaks of what was there when it was made."""
    record = a_record()
    entries = [Entry.of_seal(a_seal(record), "gate"), Entry.of_record(record)]
    assert broken_content(*entries)[0] == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"b":1, "a":2}', "not written in canonical JSON"),
        ('{"a":1,"a":2}', "the key 'a' appears twice"),
        ('{"a":NaN}', "NaN is not a JSON number"),
        ('{"a":1e999}', "is too large"),
        ('{"a":-0}', "not written in canonical JSON"),
        ('{"a":"\\u0000"}', "holds NUL"),
        ('{"a":"\\ud800"}', "half of a surrogate pair"),
        ("[]", "is not a JSON object"),
        ("{", "is invalid"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' + "[" * 60 + "]" * 60 + "}", "nested deeper than 60"),
        ('{"a":' + "1" * 5000 + "}", "is too long"),
    ],
    ids=[
        "order",
        "twice",
        "nan",
        "large",
        "minus",
        "nul",
        "surrogate",
        "list",
        "half",
        "very",
        "deep",
        "long",
    ],
)
def test_content_in_another_form_is_named(text: str, says: str) -> None:
    """Only what the pipeline writes is whole: anything else was put there by somebody else."""
    entry = Entry.of_record(a_record()).model_copy(update={"kind": EntryKind.NUDGE})
    first, link = a_chain([started(), entry])
    broken = first_break(relinked([first, link.model_copy(update={"content": text})]))
    assert broken is not None
    assert (broken.position, says in broken.problem) == (2, True)


def test_end_of_a_launch_is_one_of_the_words() -> None:
    """An end that nobody knows is broken, not ignored."""
    of = f"launch/{LAUNCH}"
    entry = Entry(kind=EntryKind.LAUNCH_ENDED, launch_id=LAUNCH, task_instance_id=of, content={})
    position, problem = broken_content(entry)
    assert (position, "state: Field required" in problem) == (1, True)


def test_kind_of_a_newer_release_is_only_chained() -> None:
    """What this release does not know is no damage."""
    entry = Entry(kind=EntryKind.NUDGE, launch_id=LAUNCH, task_instance_id="launch/x", content={"a": 1})
    first, link = a_chain([started(), entry])
    assert first_break(relinked([first, link.model_copy(update={"kind": "of_tomorrow"})])) is None


def test_digest_of_the_content_is_that_of_the_record() -> None:
    """What a seal lists and what the chain covers is one and the same digest."""
    record = a_record()
    (link,) = a_chain([Entry.of_record(record)])
    assert link.content_digest == record.digest == digest(json.loads(link.content))
