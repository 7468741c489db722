"""A launch's rows as JSON Lines: one row a line in the order of the chain, with all that proves it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import ValidationError

from launch_pipeline.checks.evidence import canonical_json
from launch_pipeline.errors import ConfigurationError
from launch_pipeline.record.chain import Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def export_lines(links: Iterable[Link]) -> Iterator[str]:
    """Write each row as one line of canonical JSON; the content is an object in it."""
    for link in links:
        line = {**link.header(), "content": json.loads(link.content), "digest": link.digest}
        yield canonical_json(line).decode()


def read_export(path: Path) -> list[Link]:
    """Read the rows of an export, which are all of one launch.

    Raises ConfigurationError naming the line that is none.
    """
    try:
        # Not splitlines(): a text may hold other characters that Unicode counts as ends of lines.
        lines = path.read_bytes().decode().removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, "", f"cannot be read: {error}.") from error
    links = [_link(path, number, line) for number, line in enumerate(lines, start=1)]
    names = list(dict.fromkeys(link.launch_id for link in links))
    if len(names) > 1:
        raise _wrong(path, "", f"holds rows of several launches: {', '.join(names)}.")
    return links


def _link(path: Path, number: int, line: str) -> Link:
    try:
        fields = json.loads(line)
        return Link.model_validate({**fields, "content": canonical_json(fields["content"]).decode()})
    except (ValidationError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _wrong(path, f"line {number}", "is no row of a ledger.") from error


def _wrong(path: Path, place: str, problem: str) -> ConfigurationError:
    return ConfigurationError(str(path), place, problem, "export the launch again: 'launch ledger export'.")
