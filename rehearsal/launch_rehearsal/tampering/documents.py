"""Read documents (JSON, lines of JSON, XML, text) as one tree, alter a leaf of it, and write them again."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from launch_rehearsal.tampering.breaks import Act, Break

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Tree = Any
Pointer = tuple[str, ...]
EVERY = "*"


def pointer_of(at: str) -> Pointer:
    """Return the steps of a pointer such as ``/data/0/name`` (RFC 6901)."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in at.split("/")[1:])


def written(pointer: Sequence[str]) -> str:
    """Write the steps of a pointer."""
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in pointer)


class Document:
    """One document of any of the forms."""

    def __init__(self, content: bytes) -> None:
        self._text = content.decode("utf-8", "replace")
        self.form, self.tree = _read(self._text)

    def altered(self, change: Break) -> bytes:
        """Return the document with one fact altered; as it is where the pointer leads nowhere."""
        tree = alter(copy.deepcopy(self.tree), pointer_of(change.at), change)
        return _write(self.form, tree).encode()

    def leaves(self) -> Iterator[tuple[Pointer, Tree]]:
        """Yield every value with its pointer, what holds others before what it holds."""
        yield from _leaves((), self.tree)


def _leaves(pointer: Pointer, tree: Tree) -> Iterator[tuple[Pointer, Tree]]:
    yield pointer, tree
    children: Any = tree.items() if isinstance(tree, dict) else ()
    if isinstance(tree, list):
        children = enumerate(tree)
    for step, child in children:
        yield from _leaves((*pointer, str(step)), child)


def alter(tree: Tree, pointer: Pointer, change: Break) -> Tree:
    """Return the tree with the value at a pointer altered; the tree itself is used up."""
    if not pointer:
        return _done(tree, change)
    step, rest = pointer[0], pointer[1:]
    for key in _keys(tree, step):
        if not rest and change.act is Act.DROP:
            tree.pop(key, None) if isinstance(tree, dict) else tree.pop(key)
        else:
            tree[key] = alter(_held(tree, key), rest, change)
    return tree


def _held(tree: Tree, key: Any) -> Tree:
    return tree.get(key) if isinstance(tree, dict) else tree[key]


def _keys(tree: Tree, step: str) -> list[Any]:
    """Return the keys that a step names, last first, so that they can be removed."""
    if isinstance(tree, list):
        numbers = range(len(tree)) if step == EVERY else [int(step)] if step.isdecimal() else []
        return [number for number in reversed(numbers) if number < len(tree)]
    if isinstance(tree, dict):
        return list(tree) if step == EVERY else [step]
    return []


def _done(tree: Tree, change: Break) -> Tree:
    if change.act is Act.DOUBLE and isinstance(tree, list):
        return [*tree, copy.deepcopy(tree[0])] if tree else tree
    if change.act is Act.FIRST and isinstance(tree, list):
        return tree[:1]
    if change.act is Act.ADD and isinstance(tree, list | str):
        return [*tree, change.put] if isinstance(tree, list) else f"{tree}{change.put}"
    return change.put if change.act is Act.PUT else tree


# ---- forms -----------------------------------------------------------------------------------------


def _read(text: str) -> tuple[str, Tree]:
    for form, reader in (("json", json.loads), ("lines", _lines), ("xml", _xml), ("pairs", _pairs)):
        try:
            return form, reader(text)
        except (ValueError, ET.ParseError):
            continue
    return ("text", text.split("\n")) if "\n" in text else ("text", text)


def _write(form: str, tree: Tree) -> str:
    if form == "json":
        return json.dumps(tree)
    if form == "lines" and isinstance(tree, list):
        return "".join(f"{json.dumps(line)}\n" for line in tree)
    if form == "xml" and isinstance(tree, dict) and tree:
        return ET.tostring(_element(*next(iter(tree.items()))), encoding="unicode", xml_declaration=True)
    if form == "pairs" and isinstance(tree, dict):
        return "".join(f"{name}:{value}\r\n" for name, value in tree.items())
    return "\n".join(map(str, tree)) if isinstance(tree, list) else str(tree)


def _lines(text: str) -> list[Tree]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _pairs(text: str) -> dict[str, Tree]:
    """Read lines of ``name:value``, as Redis answers INFO; ``#`` begins a heading."""
    lines = [line for line in text.split("\r\n") if line and not line.startswith("#")]
    if "\r\n" not in text:
        message = "no lines of the network"
        raise ValueError(message)
    return dict(line.split(":", 1) for line in lines)


def _xml(text: str) -> Tree:
    root = ET.fromstring(text)  # noqa: S314 - our own document
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # the name alone
    return {root.tag: _branch(root)}


def _branch(element: ET.Element) -> Tree:
    """Return attributes by ``@name``, elements as lists by their names, and the text as ``#``."""
    tree: dict[str, Tree] = {f"@{name}": value for name, value in element.attrib.items()}
    for child in element:
        tree.setdefault(child.tag, []).append(_branch(child))
    text = (element.text or "").strip()
    return {**tree, "#": text} if text else tree


def _element(tag: str, tree: Tree) -> ET.Element:
    element = ET.Element(tag)
    for name, value in (tree if isinstance(tree, dict) else {"#": tree}).items():
        if name == "#":
            element.text = str(value)
        elif name.startswith("@"):
            element.set(name[1:], str(value))
        else:
            element.extend(_element(name, child) for child in (value if isinstance(value, list) else []))
    return element
