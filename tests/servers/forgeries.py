"""Forged records: whole true launches, changed by a forger who makes every digest anew afterwards."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.canonical import canonical_json, digest
from launch_pipeline.ledger.chain import Link
from launch_pipeline.ledger.schema import CheckResult, evidence_digest
from servers.chains import a_chain, relinked
from servers.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Row = dict[str, Any]
"""Columns of a row, with its content as an object."""
RECORDS = ("decision", "machine_pass", "not_reached")


def rows_of(links: Iterable[Link]) -> list[Row]:
    """Give rows that can be changed."""
    return [{**link.model_dump(), "content": json.loads(link.content)} for link in links]


def chained(rows: Iterable[Row]) -> list[Link]:
    """Make a chain of the rows, with every digest and link anew."""
    texts = [{**row, "content": canonical_json(row["content"]).decode()} for row in rows]
    return relinked(Link.model_construct(**row) for row in texts)


def resealed(rows: list[Row], before: dict[int, str]) -> list[Row]:
    """Let seals list the records as they are now; ``before`` are the digests of the rows by number."""
    now = {
        (old, row["item_ref"]): digest(row["content"])
        for row in rows
        if row["kind"] in RECORDS and (old := before.get(row["seq"]))
    }
    for sealed in (listed for row in rows if row["kind"] == "seal" for listed in _listed(row["content"])):
        old = now.get((str(sealed.get("digest")), str(sealed.get("item_ref"))))
        sealed["digest"] = old or sealed.get("digest")
    return rows


def _listed(content: Any) -> list[dict[str, Any]]:
    records = content.get("records") if isinstance(content, dict) else None
    return [each for each in records if isinstance(each, dict)] if isinstance(records, list) else []


def forged(shape: str, change: Callable[[list[Row]], Any], *, reseal: bool = True) -> list[Link]:
    """Forge a launch: change its rows, then everything that is a digest."""
    links = a_chain(SHAPES[shape]().entries)
    rows = rows_of(links)
    before = {link.seq: link.content_digest for link in links}
    change(rows)
    return chained(resealed(rows, before) if reseal else rows)


# ---- what forgers do -------------------------------------------------------------------------------------


def find(rows: list[Row], kind: str, of: str = "", number: int = 0) -> Row:
    """Give a row by its kind, and by its Dag or the end of its item."""
    return [r for r in rows if r["kind"] == kind and (r["dag_id"] == of or r["item_ref"].endswith(of))][
        number
    ]


def says(kind: str, of: str = "", number: int = 0, **fields: Any) -> Callable[[list[Row]], None]:
    """Change fields of a content."""

    def change(rows: list[Row]) -> None:
        find(rows, kind, of, number)["content"].update(copy.deepcopy(fields))

    return change


def column(found: str, of: str = "", **fields: Any) -> Callable[[list[Row]], None]:
    """Change columns of a row, and the same fields of its content where it has them."""

    def change(rows: list[Row]) -> None:
        row = find(rows, found, of)
        row.update(fields)
        row["content"].update({name: value for name, value in fields.items() if name in row["content"]})

    return change


def without(kind: str, of: str = "", number: int = 0) -> Callable[[list[Row]], None]:
    """Leave a row out."""
    return lambda rows: rows.remove(find(rows, kind, of, number))


def behind(kind: str, of: str, end: str, number: int = 0) -> Callable[[list[Row]], None]:
    """Move a row behind another one."""

    def change(rows: list[Row]) -> None:
        row = find(rows, kind, of, number)
        rows.remove(row)
        rows.insert(rows.index(find(rows, end)) + 1, row)

    return change


def again(kind: str, of: str = "", **fields: Any) -> Callable[[list[Row]], None]:
    """Keep a row a second time at the end, with other fields in column and content."""

    def change(rows: list[Row]) -> None:
        row = copy.deepcopy(find(rows, kind, of))
        row["seq"] = rows[-1]["seq"] + 1
        for name, value in fields.items():
            if name in row:
                row[name] = value
            if name in row["content"]:
                row["content"][name] = copy.deepcopy(value)
        rows.append(row)

    return change


def both(*changes: Callable[[list[Row]], Any]) -> Callable[[list[Row]], None]:
    """Do one after the other."""

    def change(rows: list[Row]) -> None:
        for each in changes:
            each(rows)

    return change


def sealed(
    dag_id: str, edit: Callable[[dict[str, Any]], Any], number: int = 0
) -> Callable[[list[Row]], None]:
    """Change the content of a seal."""
    return lambda rows: edit(find(rows, "seal", dag_id, number)["content"])


def outcome(ref: str, word: str) -> Callable[[list[Row]], None]:
    """Change an outcome in its record and in every seal that lists it, with the counts."""

    def change(rows: list[Row]) -> None:
        for row in rows:
            content = row["content"]
            if row["kind"] in RECORDS and row["item_ref"] == ref:
                content["outcome"] = word
                row["kind"] = {"passed": "machine_pass", "not_reached": "not_reached"}.get(word, "decision")
            for listed in content.get("records", ()) if row["kind"] == "seal" else ():
                if listed["item_ref"] == ref:
                    content["counts"][listed["outcome"]] -= 1
                    content["counts"][word] = content["counts"].get(word, 0) + 1
                    content["counts"] = {key: count for key, count in content["counts"].items() if count}
                    listed["outcome"] = word

    return change


def completed(seal: dict[str, Any]) -> None:
    """Make a seal complete."""
    seal.update(complete=True, problems=[], bypasses=[])


def evidence(ref: str, *, digest_too: bool, **fields: Any) -> Callable[[list[Row]], None]:
    """Exchange what a record's checks saw."""

    def change(rows: list[Row]) -> None:
        content = next(r["content"] for r in rows if r["kind"] in RECORDS and r["item_ref"] == ref)
        content["results"][0].update(fields)
        if digest_too:
            results = [CheckResult.model_validate(result) for result in content["results"]]
            content["evidence_digest"] = evidence_digest(results)

    return change
