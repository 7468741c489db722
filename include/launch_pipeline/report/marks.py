"""Mark what a Markdown report adds to the document, and remove it again."""

from __future__ import annotations

import re

BEGIN, END = "<!--launch:begin-->", "<!--launch:end-->"
"""Enclose inserted lines, each mark on a line of its own."""
ANNEX = "<!--launch:annex-->"
"""Begins the annex: nothing after it belongs to the document."""
MORE = "<!--launch:more-->"
"""Follows a value that replaces the document's own."""

_ANNEX = re.compile(r"\n<!--launch:annex-->.*\Z", re.DOTALL)
_ADDED = re.compile(r"<!--launch:begin-->\n.*?<!--launch:end-->\n", re.DOTALL)
_LINE = re.compile(r"^[^\n]*<!--launch:line (.*?)-->", re.MULTILINE)
_VALUE = re.compile(r"<!--launch:was (.*?)-->[^\n]*?<!--launch:more-->")
_BOX = re.compile(r"^(\s*[-*+] )\[[ xX]\] ([^\n]*?)<!--launch:box (.)-->[^\r\n]*", re.MULTILINE)


def box_mark(box: str) -> str:
    """Return the mark after the words of a box, with the box's original content."""
    return f"<!--launch:box {box}-->"


def was(value: str) -> str:
    """Return the mark before a value, with the document's own."""
    return f"<!--launch:was {value}-->"


def line_mark(line: str) -> str:
    """Return the mark after the replacement of a whole line, with the original line."""
    return f"<!--launch:line {line}-->"


def stripped(report: str) -> str:
    """Remove everything that a Markdown report inserted, and return the document."""
    document = _ADDED.sub("", _ANNEX.sub("", report))
    document = _LINE.sub(lambda found: found[1], document)
    document = _VALUE.sub(lambda found: found[1], document)
    return _BOX.sub(lambda found: f"{found[1]}[{found[3]}] {found[2]}", document)
