"""Reads configuration files and documents of a repository as data, in linear time."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ATX = re.compile(r" {0,3}#{1,6}[ \t]+(\S.*)")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*\Z)|~{3,})(.*)")
_COMMENT = re.compile(r" {0,3}<!--")
_LONGEST_HEADING = 200
# An unclosed string or comment extends to the end, so that no character is scanned twice.
_TEXT = r'("(?:[^"\\]++|\\.)*+(?:"|\Z))'
_COMMENTS = re.compile(_TEXT + r"|//[^\n]*|/\*(?:.*?\*/|.*)", re.DOTALL)
_TRAILING = re.compile(_TEXT + r"|,(?=\s*[}\]])", re.DOTALL)
_DEEPEST = 100
_MOST_VALUES = 500_000
"""Values of a YAML document, with its aliases expanded."""

# The C parser if PyYAML has it: the other one takes half a minute for a lock file.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Words(_Base):  # type: ignore[misc] # chosen at run time
    """YAML without decimal numbers and dates: version 1.10 stays ``1.10``, a date its text."""


_Words.yaml_implicit_resolvers = {
    first: [
        pair for pair in pairs if pair[0] not in {"tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}
    ]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_document(path: str, text: str) -> Any:
    """Read JSON (comments and trailing commas allowed), YAML, or a Markdown file's front matter.

    Raises ValueError if the text does not have the format of its name, is nested more than a hundred levels
    deep, or its aliases expand to too many values.
    """
    try:
        if path.endswith((".json", ".jsonc", ".json5")):
            return json.loads(without_comments(text), object_pairs_hook=_object)
        if path.endswith((".yaml", ".yml")):
            return _yaml(text)
        front = _front_matter(text)[0]
        return {"front_matter": None if front is None else _yaml(front)}
    except (yaml.YAMLError, RecursionError, LookupError, TypeError, AttributeError) as error:
        # The last three come from values whose tag does not fit.
        message = f"cannot be read: {(str(error) or type(error).__name__).splitlines()[0]}"
        raise ValueError(message) from error


def _yaml(text: str) -> Any:
    _refuse_bombs(text)
    loader = _Words(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_twice(node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; which of two values of one name counts is left to each parser (RFC 8259)."""
    _refuse_twice_named(name for name, _ in pairs)
    return dict(pairs)


def _refuse_twice(root: yaml.Node) -> None:
    """Refuse a mapping with a key twice, as YAML does (1.2, section 3.2.1.1)."""
    todo, seen = [root], set[int]()
    while todo:
        node = todo.pop()
        if id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _refuse_twice_named(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            todo += [one for pair in node.value for one in pair]
        else:
            todo += node.value


def _refuse_bombs(text: str) -> None:
    """Count the values with aliases expanded, before any of them is constructed."""
    sizes: dict[str, int] = {}
    whole: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.CollectionStartEvent):
            whole.append((event.anchor, 1))
            _refuse(len(whole) > _DEEPEST, f"it is nested more than {_DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            _added(whole, sizes, *whole.pop())
        elif isinstance(event, yaml.AliasEvent):
            size = sizes.get(str(event.anchor), 0)
            _refuse(not size, f"the alias *{event.anchor} stands for what it is in")
            _added(whole, sizes, None, size)
        elif isinstance(event, yaml.ScalarEvent):
            _added(whole, sizes, event.anchor, 1)


def _refuse_twice_named(names: Iterable[str]) -> None:
    """Refuse a name that is there twice, but for a comment of npm and a merge, which hide nothing."""
    times = Counter(names)
    twice = next((name for name in times if times[name] > 1 and name not in {"//", "<<"}), None)
    _refuse(twice is not None, f"'{twice}' is there twice")


def _added(whole: list[tuple[str | None, int]], sizes: dict[str, int], anchor: str | None, size: int) -> None:
    if anchor:
        sizes[anchor] = size
    total = whole[-1][1] + size
    _refuse(total > _MOST_VALUES, f"it stands for more than {_MOST_VALUES} values")
    whole[-1] = (whole[-1][0], total)


def _refuse(wrong: bool, what: str) -> None:
    if wrong:
        raise ValueError(what)


def _front_matter(text: str) -> tuple[str | None, str]:
    """Split a document into its front matter (None if it has none) and the rest."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        return None, text
    end = next((place for place, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    return (None, text) if end is None else ("\n".join(lines[1:end]), "\n".join(lines[end + 1 :]))


def without_comments(text: str) -> str:
    """Remove comments and trailing commas from JSON, but not inside strings."""
    bare = _COMMENTS.sub(lambda match: match[1] or " ", text.removeprefix("\ufeff"))
    return _TRAILING.sub(lambda match: match[1] or "", bare)


def count_words(text: str) -> int:
    """Count the words of a document, without its front matter and its comments."""
    return sum(len(line.split()) for line, _ in _shown(text))


def headings_of(text: str) -> list[str]:
    """Return the headings of a Markdown document, without lines in code blocks and comments."""
    return list(_headings(text))


def _headings(text: str) -> Iterator[str]:
    before = ""
    for line, code in _shown(text):
        if not code:
            yield from _heading(line[:_LONGEST_HEADING], before)
        before = line.strip() if not code and len(line) <= _LONGEST_HEADING else ""


def _shown(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the lines that a reader sees, and whether each is code or HTML (CommonMark: 4.5, 4.6).

    The lines of a comment are empty.
    """
    fence, comment = "", False
    for line in _front_matter(text)[1].replace("\r\n", "\n").split("\n"):
        if comment:
            comment = "-->" not in line
            yield line.partition("-->")[2], True
        elif fence:
            fence = "" if _closes(line, fence) else fence
            yield line, True
        elif opened := _FENCE.match(line):
            fence = opened[1]
            yield line, True
        else:
            comment = _COMMENT.match(line) is not None and "-->" not in line
            yield ("" if comment else _uncommented(line)), False


def _closes(line: str, fence: str) -> bool:
    """Return whether a line ends the block of code that a fence began: one as long, and nothing else."""
    match = _FENCE.match(line)
    return match is not None and match[1].startswith(fence) and not match[2].strip()


def _uncommented(line: str) -> str:
    """Return a line without the comments that begin and end in it."""
    kept: list[str] = []
    place = 0
    while (begin := line.find("<!--", place)) >= 0 and (end := line.find("-->", begin + 4)) >= 0:
        kept.append(line[place:begin])
        place = end + 3
    return " ".join([*kept, line[place:]])


def _heading(line: str, before: str) -> list[str]:
    """Return the heading that a line marks with hashes or underlines."""
    match = _ATX.fullmatch(line)
    if match:
        return [match[1].rstrip(" \t").rstrip("#").rstrip(" \t")]
    underlined = line.rstrip(" \t")
    return [before] if before and underlined and set(underlined) in ({"="}, {"-"}) else []


def has_heading(headings: list[str], wanted: str) -> bool:
    """Return whether a heading holds the wanted words; ``Non-goals`` does not hold ``Goals``."""
    pattern = re.compile(rf"(?<![\w-]){re.escape(wanted)}(?![\w-])", re.IGNORECASE)
    return any(pattern.search(heading) for heading in headings)
