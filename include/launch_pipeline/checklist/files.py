"""Location of the checklists, and strict reading of YAML."""

from __future__ import annotations

import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from launch_pipeline.errors import ConfigurationError

MAX_BYTES = 2_000_000
"""Maximum size of a file; a checklist of this size would be two hundred pages."""

MAX_DEPTH = 50
"""Maximum levels of nesting; hundreds of thousands overflow the C parser's stack."""


Stamp = tuple[int, int, int]
"""Time, size and inode of a file; zeros if there is none."""


def include_folder() -> Path:
    """Return the folder that holds ``checklists/`` and ``environments/``.

    ``LAUNCH_INCLUDE`` wins, then the folder beside the package (a checkout), then the copy in a wheel.
    """
    if named := os.environ.get("LAUNCH_INCLUDE"):
        return Path(named)
    package = Path(__file__).resolve().parents[1]
    beside = package.parent
    return beside if (beside / "checklists").is_dir() else package / "data"


def checklist_folder() -> Path:
    """Return the folder of the checklist files."""
    return include_folder() / "checklists"


# The C parser if PyYAML has it: the Dag processor reads these files every minute.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeyLoader(_Base):  # type: ignore[misc] # chosen at run time
    """YAML loader that refuses duplicate keys instead of silently overwriting."""


def _unique_mapping(loader: _UniqueKeyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(
                None, None, f"{str(key)[:80]} cannot be a key", key_node.start_mark
            )
        if key in mapping:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is given twice", key_node.start_mark
            )
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
# Dates stay text; only checks interpret them.
_UniqueKeyLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one mapping from a YAML file; aliases, duplicate keys and further documents are errors.

    Raises ConfigurationError naming the file, the line and the fix.
    """
    text = _read_text(path)
    try:
        _refuse_tricks(path, text)
        value = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506  # a subclass of SafeLoader
    # ValueError and the rest come from values whose tag does not fit, such as '!!int x'.
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError) as error:
        place = _line(getattr(error, "problem_mark", None))
        problem = getattr(error, "problem", None) or f"is not readable as YAML: {str(error)[:200]}"
        fix = "Correct the YAML" + (": keep one of them." if "twice" in problem else " there.")
        raise ConfigurationError(str(path), place, f"{problem}.", fix) from error
    if not isinstance(value, dict):
        what = "is empty." if value is None else f"is a {type(value).__name__}, not a mapping of keys."
        raise ConfigurationError(str(path), "", what, "Start the file with 'key: value'.")
    return value


def _refuse_tricks(path: Path, text: str) -> None:
    """Refuse aliases, which multiply content, and excessive nesting."""
    depth = 0
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.AliasEvent):
            problem = f"uses the YAML alias '*{event.anchor}'."
            raise ConfigurationError(str(path), _line(event.start_mark), problem, "Write the value out.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            problem = f"is nested more than {MAX_DEPTH} levels deep."
            fix = "Correct the indentation or the brackets."
            raise ConfigurationError(str(path), _line(event.start_mark), problem, fix)


def stamp(path: Path) -> Stamp:
    """Return a stamp of a file's state; the inode detects a replacement within one clock tick."""
    try:
        seen = path.stat()
    except OSError:
        return 0, 0, 0
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}" if mark else ""


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationError(str(path), "", f"is larger than {MAX_BYTES} bytes.", "Split the file.")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(str(path), "", "does not exist.", "Create it or correct the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            str(path), "", f"cannot be read: {error}.", "Make it readable UTF-8."
        ) from error
