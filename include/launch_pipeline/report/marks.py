"""How what a report adds is marked, and how it is taken out of a Markdown report again."""

from __future__ import annotations

import re

BEGIN, END = "<!--launch:begin-->", "<!--launch:end-->"
"""Around whole lines that were put in, each on a line of its own."""
ANNEX = "<!--launch:annex-->"
"""From here to the end nothing is the document's."""
MORE = "<!--launch:more-->"
"""Behind a value that stands in the place of the document's own."""

_ANNEX = re.compile(r"\n<!--launch:annex-->.*\Z", re.DOTALL)
_ADDED = re.compile(r"<!--launch:begin-->\n.*?<!--launch:end-->\n", re.DOTALL)
_LINE = re.compile(r"^[^\n]*<!--launch:line (.*?)-->", re.MULTILINE)
_VALUE = re.compile(r"<!--launch:was (.*?)-->[^\n]*?<!--launch:more-->")
_BOX = re.compile(r"^(\s*[-*+] )\[[ xX]\] ([^\n]*?)<!--launch:box (.)-->[^\r\n]*", re.MULTILINE)


def box_mark(box: str) -> str:
    """Stand behind the words of a box, with what the box held."""
    return f"<!--launch:box {box}-->"


def was(value: str) -> str:
    """Stand before a value, with the document's own."""
    return f"<!--launch:was {value}-->"


def line_mark(line: str) -> str:
    """Stand behind what is there instead of a whole line."""
    return f"<!--launch:line {line}-->"


def stripped(report: str) -> str:
    """Take out of a Markdown report everything that was put in: what is left is the document."""
    document = _ADDED.sub("", _ANNEX.sub("", report))
    document = _LINE.sub(lambda found: found[1], document)
    document = _VALUE.sub(lambda found: found[1], document)
    return _BOX.sub(lambda found: f"{found[1]}[{found[3]}] {found[2]}", document)
