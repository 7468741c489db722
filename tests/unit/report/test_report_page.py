"""The page of a report loads nothing and lets nothing act; the data keep to their published schema."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest

from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.ledger.launch import LaunchState
from launch_pipeline.ledger.schema import Entry, Outcome
from launch_pipeline.report.model import Note, Report
from launch_pipeline.report.page import policy, render
from launch_pipeline.report.schema import COMMAND, rendered, schema_path
from servers.records import NOON, a_result
from servers.reported import (
    a_launch,
    a_whole_launch,
    bypassed,
    document_places,
    gate_places,
    places,
    record_of,
    report_of,
)

FIRST, SECOND, THIRD, FOURTH = document_places()[:4]
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7*7 }} {% raw %} </style>"


class Seen(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def mixed(text: str = "why not") -> list[Entry]:
    """Build the entries of a launch with one of everything."""
    seen = (a_result(headline=text, authority=text), a_result(headline="fine"))
    rows = [
        Entry.of_record(record_of(FIRST, Outcome.APPROVED, results=seen)),
        Entry.of_record(record_of(SECOND, Outcome.WAIVED, reason=text)),
        Entry.of_record(record_of(THIRD, Outcome.REJECTED, reason=text, text=text)),
        Entry.of_record(record_of(THIRD, Outcome.NOT_MET, reason=text, instance="again")),
        *bypassed(FOURTH),
    ]
    more = [*gate_places(RequestKind.SIGNATURE)[:1], *[p for p in places() if p.phase.kind == "rollback"][:1]]
    return rows + [Entry.of_record(record_of(p, Outcome.APPROVED, signature=text)) for p in more]


def page(text: str = "why not", **changes: Any) -> str:
    launch = a_launch(release=text, environment=text, rehearsal=True)
    return render(report_of(mixed(text), launch, notes=(Note(of=text, text=text),), **changes))


def test_nothing_is_loaded_and_nothing_runs() -> None:
    """One file: no script, no picture, no font, no link that leads outside, no inline style or handler."""
    made = page()
    tags = Seen(made).tags
    names = {name for name, _ in tags}
    assert names.isdisjoint({"script", "img", "link", "iframe", "object", "embed", "form", "base", "video"})
    attributes = {(name, key) for name, found in tags for key in found}
    assert not [key for _, key in attributes if key.startswith("on") or key in {"style", "src"}]
    assert {str(found["href"])[0] for name, found in tags if "href" in found} == {"#"}
    assert not re.search(r"url\(|@import|https?://", made)


def test_page_forbids_what_it_does_not_do() -> None:
    """Its own policy allows its one style and nothing else, wherever it is opened from."""
    tags = Seen(page()).tags
    (meta,) = [found for name, found in tags if found.get("http-equiv")]
    assert meta["content"] == policy()
    own = r"default-src 'none'; style-src 'sha256-[\w+/=]{44}'; base-uri 'none'; form-action 'none'"
    assert re.fullmatch(own, policy())


@pytest.mark.parametrize("text", [HOSTILE, "</title></style><svg/onload=alert(1)>"])
def test_texts_of_others_stay_texts(text: str) -> None:
    """In every place where one is shown: the same tags as with harmless words."""
    tame, wild = Seen(page()), Seen(page(text))
    assert [name for name, _ in wild.tags] == [name for name, _ in tame.tags]
    assert wild.text.count("alert(1)") >= 10
    assert wild.text.count("{{ 7*7 }}") == wild.text.count("{% raw %}") == wild.text.count("onerror=")


def test_every_link_leads_to_a_part_of_the_page() -> None:
    """Contents lead to their chapters."""
    tags = Seen(page()).tags
    links = {str(found["href"])[1:] for name, found in tags if name == "a"}
    assert links <= {str(found.get("id")) for _, found in tags}
    assert len(links) == 10


def test_page_says_what_the_report_says() -> None:
    """Outcome, name, reason, signature, bypass, notes, contacts, the head; no telephone numbers.

    An item that was asked twice in ways its checklist does not allow proves nothing, and is shown as it is.
    """
    report = report_of(mixed("why not"), notes=(Note(of="00 Launch", text="We were\nlate."),))
    text = Seen(render(report)).text
    for wanted in (
        FIRST.item.text, "approved", "waived", "why not", "Ada Lindqvist", "by hand: no record explains it",
        "We were late.", "Rhea Costa", "Rollback contacts", "verify production-2.4.0 --head sha256:",
        "RECORD BROKEN", "not reached yet", "Decided more than once",
    ):  # fmt: skip
        assert wanted in text, wanted
    assert "555" not in text
    assert "555 0101" in Seen(render(report_of([], with_addresses=True))).text


def test_page_of_a_broken_record_says_so_at_the_top() -> None:
    """Before anything that might be believed."""
    from launch_pipeline.ledger.chain import Break  # noqa: PLC0415
    from launch_pipeline.ledger.proof.verify import Verified  # noqa: PLC0415

    broken = Verified(launch_id="x", rows=1, head=None,
                      broken=Break(launch_id="x", position=3, problem="rows are missing"))  # fmt: skip
    made = render(report_of([], verified=broken))
    assert made.index("The record is broken, and proves nothing.") < made.index("<h1>")


def test_pages_of_all_sorts_can_be_made() -> None:
    """Complete, empty, ended early, without contacts, without a conductor."""
    ended = a_launch(state=LaunchState.NO_GO, ended_at=NOON)
    for report in (
        report_of(a_whole_launch()),
        report_of([]),
        report_of([], ended),
        report_of([], contacts=None, contacts_unread="none here", notes_unread="Airflow was not reached"),
        report_of([], conducted=False),
    ):
        assert Seen(render(report)).tags[-1]


# ---- data -------------------------------------------------------------------------------------------


def test_published_schema_is_that_of_the_code() -> None:
    """Whoever reads reports by program can rely on the committed file."""
    assert schema_path().read_text(encoding="utf-8") == rendered(), f"run '{COMMAND}'"
    jsonschema.Draft202012Validator.check_schema(json.loads(rendered()))


@pytest.mark.parametrize("which", ["mixed", "whole", "empty"])
def test_data_keep_to_the_schema(which: str) -> None:
    """And hold nothing that the schema does not know; read again they are the same report."""
    rows = {"mixed": mixed(HOSTILE), "whole": a_whole_launch(), "empty": []}[which]
    report = report_of(rows, notes=(Note(of="a", text=HOSTILE),), with_addresses=True)
    data = json.loads(report.model_dump_json())
    schema = json.loads(schema_path().read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(data)
    assert data["phases"][0]["sections"][0]["items"][0]["ticked"] is (which != "empty")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**data, "more": 1})
    assert Report.model_fields.keys() == data.keys()
