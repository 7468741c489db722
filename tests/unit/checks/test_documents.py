"""Files of a repository as data: what they say, and that none of them is a bomb."""

# ruff: noqa: E501  (a table reads best with one row a line)

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch_pipeline.checks.kinds.git_repository.documents import count_words, headings_of, read_document

LONG = 500_000

DOCUMENTS: dict[str, tuple[str, str, Any]] = {
    "comments in JSON": ("a.json", '{"a": 1, // one\n /* two */ "b": [2,],}', {"a": 1, "b": [2]}),
    "no comment in a text": ("a.json", '{"a": "http://x/*y*/", "b": ",]"}', {"a": "http://x/*y*/", "b": ",]"}),
    "an escaped quote": ("a.json", r'{"a": "\"//\"", }', {"a": '"//"'}),
    "a byte order mark": ("a.json", '\ufeff{"a": 1}', {"a": 1}),
    "versions and dates stay as written": ("a.yaml", "v: 1.10\nd: 2026-05-01\n", {"v": "1.10", "d": "2026-05-01"}),
    "aliases": ("a.yaml", "a: &x {k: 1}\nb: *x\nc: {<<: *x}\n", {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1}}),
    "a key laid over a merged one": ("a.yaml", "a: &a {k: 1}\nb: &b {<<: *a, k: 2}\nc: {<<: *b, k: 3}\n", {"a": {"k": 1}, "b": {"k": 2}, "c": {"k": 3}}),
    "comments as npm has them": ("package.json", '{"//": "a", "//": "b", "v": 1}', {"//": "b", "v": 1}),
    "two merges": ("a.yaml", "a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: *a\n  <<: *b\n", {"a": {"x": 1}, "b": {"y": 2}, "c": {"x": 1, "y": 2}}),
    "an empty file": ("a.yaml", "", None),
    "front matter": ("a.md", "---\nrto: 1h\n---\n# A\n", {"front_matter": {"rto": "1h"}}),
    "front matter of Windows": ("a.md", "---\r\nrto: 1h\r\n---\r\n# A\r\n", {"front_matter": {"rto": "1h"}}),
    "no front matter": ("a.md", "# A\n---\nx: 1\n---\n", {"front_matter": None}),
    "front matter without an end": ("a.md", "---\nx: 1\n", {"front_matter": None}),
}  # fmt: skip


@pytest.mark.parametrize(("path", "text", "data"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_document(path: str, text: str, data: Any) -> None:
    """JSON, YAML and front matter are read as people write them."""
    assert read_document(path, text) == data


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
BOMBS: dict[str, tuple[str, str, str]] = {
    "aliases of aliases": ("a.yaml", LAUGHS, "more than 500000 values"),
    "an alias of what it is in": ("a.yaml", "a: &a [*a, *a]", "stands for what it is in"),
    "brackets": ("a.yaml", "[" * LONG, "levels deep"),
    "indents": ("a.yaml", "".join(" " * n + "a:\n" for n in range(300)), "levels deep"),
    "brackets of JSON": ("a.json", "[" * LONG, "cannot be read"),
    "a number of ten thousand digits": ("a.json", '{"a": ' + "9" * 10_000 + "}", "digits"),
    "a tag of Python": ("a.yaml", "a: !!python/object/apply:os.system [x]", "tag"),
    "a tag that does not fit": ("a.yaml", "a: !!int x", "invalid literal"),
    "two documents": ("a.yaml", "a: 1\n---\nb: 2\n", "cannot be read"),
    "a key twice": ("a.yaml", "a: {b: 1, c: 2, b: 1}", "'b' is there twice"),
    "a key twice in JSON": ("a.json", '{"a": [{"b": false, "b": true}]}', "'b' is there twice"),
    "a key twice in front matter": ("a.md", "---\nrto: 9h\nrto: 1h\n---\n", "'rto' is there twice"),
    "no YAML": ("a.yml", "a: [", "cannot be read"),
}


@pytest.mark.parametrize(("path", "text", "words"), BOMBS.values(), ids=BOMBS.keys())
def test_bomb_is_refused(path: str, text: str, words: str) -> None:
    """What would grow, sink or run is refused with the reason."""
    with pytest.raises(ValueError, match=words):
        read_document(path, text)


LENGTHY: dict[str, tuple[str, str]] = {
    "comments that nobody closes": ("a.json", "/*" * LONG),
    "texts that nobody closes": ("a.json", '"a\\"' * LONG),
    "commas": ("a.json", ("," + " " * 99) * (LONG // 100)),
    "empty lines after the front": ("a.md", "---\n" + "\n" * LONG),
    "lines like the front's end": ("a.md", "---\n" + "---x\n" * (LONG // 5)),
    "hashes": ("a.md", "#" * LONG),
    "blanks in headings": ("a.md", ("# a" + " " * 9999 + "x\n") * (LONG // 10_000)),
    "underlines": ("a.md", "a\n" + "=" * LONG + "x"),
    "comments that do not end": ("a.md", "x <!-- " * (LONG // 7)),
    "comments in one line": ("a.md", "x <!-- y --> " * (LONG // 13)),
    "a comment's end first": ("a.md", "-->" + "x <!-- " * (LONG // 7)),
    "code blocks": ("a.md", "```\n~~~\n" * (LONG // 8)),
}


@pytest.mark.parametrize(("path", "text"), LENGTHY.values(), ids=LENGTHY.keys())
def test_time_grows_with_the_length_only(path: str, text: str) -> None:
    """Half a million characters of whatever is worst take a moment; with their square it would be hours."""
    began = time.thread_time()
    with suppress(ValueError):
        read_document(path, text)
    assert (headings_of(text) is None, count_words(text) < 0) == (False, False)
    assert time.thread_time() - began < 10


HEADINGS = {
    "with hashes": ("# Goals\n\n##  Non-goals ##\n### C#\n", ["Goals", "Non-goals", "C"]),
    "underlined": ("Goals\n=====\n\ntext\n\nRisks\n---\n", ["Goals", "Risks"]),
    "not in a code block": ("```\n# no\n```\n# Yes\n~~~\n# no\n```\n# no\n~~~\n", ["Yes"]),
    "a rule is none": ("text\n\n---\n\n***\n", []),
    "not in a comment": ("<!--\n# no\n--> # no\n# Yes <!-- of it -->\nx <!-- y\n# Too\n", ["Yes", "Too"]),
    "not in the front matter": ("---\n# no\nx: 1\n---\n# Yes\n", ["Yes"]),
    "not in a longer fence": (
        "````\n```\n# no\n```\n````\n# Yes\n   ~~~~ sh\n# no\n~~~\n# no\n~~~~~\n",
        ["Yes"],
    ),
    "a fence with more behind it closes nothing": ("```\n``` sh\n# no\n```\n", []),
    "code within a line opens nothing": ("```x``` y\n# Yes\n", ["Yes"]),
    "a comment of code hides nothing": ("```\n<!--\n```\n# Yes\n", ["Yes"]),
    "no blank, no heading": ("#hashtag\n####### seven\n", []),
}


@pytest.mark.parametrize(("text", "headings"), HEADINGS.values(), ids=HEADINGS.keys())
def test_headings(text: str, headings: list[str]) -> None:
    """Headings are those that Markdown shows."""
    assert headings_of(text) == headings


WORDS = {
    "a comment for authors": ("# A\n<!-- Describe\nthe goals --> here\nthree <!-- not --> four\n", 5),
    "front matter": ("---\nx: one two\n---\nthree\n", 1),
    "code counts": ("```\n<!-- a -->\n```\n", 5),
    "a comment that does not end in its line": ("one <!-- two\n", 3),
    "two comments in a line": ("<!-- a --> b <!-- c --> d", 2),
}


@pytest.mark.parametrize(("text", "words"), WORDS.values(), ids=WORDS.keys())
def test_words(text: str, words: int) -> None:
    """Words are those that a reader sees."""
    assert count_words(text) == words


@settings(deadline=None)
@given(
    st.sampled_from(["a.json", "a.yaml", "a.md", "tsconfig.json", "x"]),
    st.text(alphabet="{}[]()&*!|>%@`'\"#-:,?\n\t \\/ab01\x00\ufeff~=<", max_size=60) | st.text(max_size=60),
)
def test_nothing_but_value_errors(path: str, text: str) -> None:
    """Whatever a file holds, it is data or it is refused."""
    with suppress(ValueError):
        read_document(path, text)
    headings_of(text)
    count_words(text)
