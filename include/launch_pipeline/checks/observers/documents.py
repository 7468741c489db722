"""Reads configuration files and documents of a repository as data."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_ATX = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_SETEXT = re.compile(r"^(?!\s*$)(.{1,200})\n(?:=+|-+)[ \t]*$", re.MULTILINE)
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_COMMENTS = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])')


class _Words(yaml.SafeLoader):
    """YAML without decimal numbers and dates: version 1.10 stays ``1.10``, a date its text."""


_Words.yaml_implicit_resolvers = {
    first: [
        pair for pair in pairs if pair[0] not in {"tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}
    ]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_document(path: str, text: str) -> Any:
    """Read JSON (comments and trailing commas allowed), YAML, or a Markdown file's front matter.

    Raises ValueError where the text is not what the name promises.
    """
    try:
        if path.endswith((".json", ".jsonc", ".json5")):
            return json.loads(without_comments(text))
        if path.endswith((".yaml", ".yml")):
            return _yaml(text)
        match = _FRONT_MATTER.match(text.replace("\r\n", "\n"))
        return {"front_matter": _yaml(match[1]) if match else None}
    except (yaml.YAMLError, RecursionError) as error:
        message = f"cannot be read: {str(error).splitlines()[0]}"
        raise ValueError(message) from error


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader=_Words)  # noqa: S506  (a subclass of SafeLoader)


def without_comments(text: str) -> str:
    """Take comments and trailing commas out of JSON, but not out of its texts."""
    bare = _COMMENTS.sub(lambda match: match[1] or " ", text.removeprefix("\ufeff"))
    return _TRAILING.sub(lambda match: match[1] or "", bare)


def count_words(text: str) -> int:
    """Count the words of a document, without its front matter."""
    return len(_FRONT_MATTER.sub("", text).split())


def headings_of(text: str) -> list[str]:
    """Give a Markdown document's headings; a line inside a code block is none."""
    outside = _FENCE.sub("", text.replace("\r\n", "\n"))
    return _ATX.findall(outside) + [heading.strip() for heading in _SETEXT.findall(outside)]


def has_heading(headings: list[str], wanted: str) -> bool:
    """Whether a heading says the wanted words; ``Non-goals`` is no ``Goals``."""
    pattern = re.compile(rf"(?<![\w-]){re.escape(wanted)}(?![\w-])", re.IGNORECASE)
    return any(pattern.search(heading) for heading in headings)
