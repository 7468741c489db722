"""What a break does to a document, and to what it does nothing."""

from __future__ import annotations

import json

import pytest

from launch_rehearsal.tampering.breaks import Act, Break, place_of
from launch_rehearsal.tampering.documents import Document, pointer_of, written
from launch_rehearsal.tampering.tampering import Tampering

JSON = b'{"items": [{"name": "a", "ready": true}, {"name": "b", "ready": true}]}'


def altered(content: bytes, at: str, act: Act = Act.PUT, put: object = None) -> str:
    return Document(content).altered(Break(where="x", at=at, act=act, put=put)).decode()


@pytest.mark.parametrize(
    ("at", "act", "put", "left"),
    [
        ("/items/1/ready", Act.PUT, False, [("a", True), ("b", False)]),
        ("/items/*/ready", Act.PUT, False, [("a", False), ("b", False)]),
        ("/items/0", Act.DROP, None, [("b", True)]),
        ("/items", Act.FIRST, None, [("a", True)]),
        ("/items", Act.DOUBLE, None, [("a", True), ("b", True), ("a", True)]),
        ("/items", Act.ADD, {"name": "c", "ready": False}, [("a", True), ("b", True), ("c", False)]),
        ("/items/7", Act.DROP, None, [("a", True), ("b", True)]),
    ],
)
def test_one_fact_is_altered_and_no_other(at: str, act: Act, put: object, left: list[object]) -> None:
    """A pointer that leads nowhere alters nothing."""
    items = json.loads(altered(JSON, at, act, put))["items"]
    assert [(one["name"], one["ready"]) for one in items] == left


@pytest.mark.parametrize(
    ("content", "at", "wanted"),
    [
        (b'<a x="1"><b>2</b><b>3</b></a>', "/a/b/1/#", '<a x="1"><b>2</b><b>9</b></a>'),
        (b'<a xmlns="urn:x" x="1"/>', "/a/@x", '<a x="9" />'),
        (b"# Title\n\nText\n", "/2", "# Title\n\n9\n"),
        (b"# Server\r\nrole:master\r\nport:1\r\n", "/role", "role:9\r\nport:1\r\n"),
        (b"+PONG", "", "9"),
    ],
)
def test_every_form_keeps_its_form(content: bytes, at: str, wanted: str) -> None:
    """XML, lines of text, Redis' pairs and plain texts are written as they were read."""
    assert altered(content, at, put="9").removeprefix("<?xml version='1.0' encoding='utf-8'?>\n") == wanted


def test_a_pointer_names_any_key() -> None:
    """A slash and a tilde in a key are escaped (RFC 6901)."""
    steps = ("a/b", "c~d", "0")
    assert pointer_of(written(steps)) == steps


def test_places_have_the_same_name_in_every_product() -> None:
    """Commits, digests and moments become a star; names and short numbers stay."""
    assert place_of("GET x /commits/0123456789abcdef0123/v1") == "GET x /commits/*/v1"
    assert place_of("GET x /namespaces/azora/pods/8080") == "GET x /namespaces/azora/pods/8080"


def test_only_the_answer_that_is_meant_is_altered() -> None:
    """Place and request must match, and after the block nothing is altered."""
    tampering = Tampering()
    change = Break(where="SQL", asked="users", at="/0/n", put="0")
    rows = b'[{"n": "5"}]'
    with tampering.broken((change,)):
        assert json.loads(tampering.altered("SQL", "SELECT n FROM users", rows)) == [{"n": "0"}]
        assert tampering.altered("SQL", "SELECT n FROM courses", rows) == rows
    assert tampering.altered("SQL", "SELECT n FROM users", rows) == rows


def test_a_break_may_meet_every_second_answer() -> None:
    """Resolvers that disagree are two answers, of which one is altered."""
    tampering = Tampering()
    with tampering.broken((Break(where="DNS", at="/0", put=2, every=2),)):
        assert [json.loads(tampering.altered("DNS", "", b"[1]")) for _ in range(4)] == [[1], [2], [1], [2]]


def test_what_was_answered_is_heard_unaltered() -> None:
    """The search starts from what the product says, not from what a break made of it."""
    tampering = Tampering()
    with tampering.listening() as heard, tampering.broken((Break(where="DNS", at="/0", put=2),)):
        tampering.altered("DNS", "", b"[1]")
    assert [one.body for one in heard] == [b"[1]"]
