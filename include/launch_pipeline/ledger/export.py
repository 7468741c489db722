"""Export a launch's rows as JSON Lines in the order of the chain, and read them back."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import ValidationError

from launch_pipeline.errors import ConfigurationError
from launch_pipeline.ledger.canonical_json import DEEPEST, read_json, written
from launch_pipeline.ledger.chain import Link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

VERIFIER = "verify_launch.py"
"""The name of the verifier that is written beside an export."""


def export_lines(links: Iterable[Link]) -> Iterator[str]:
    """Write each row as one line of canonical JSON, with its content as an object.

    Ambiguous content is written as text, so that the row is exported and fails its verification.
    """
    for link in links:
        yield written({**link.header(), "content": _object_of(link.content), "digest": link.digest})


def _object_of(content: str) -> object:
    try:
        return read_json(content)
    except ValueError:
        return content


def verifier() -> str:
    """Return the source of the stand-alone verifier, which needs nothing of the pipeline."""
    return (files("launch_pipeline.ledger.proof") / "auditor.py").read_text(encoding="utf-8")


def read_export(path: Path) -> list[Link]:
    """Read the rows of an export of one launch.

    Raises ConfigurationError naming the first line that is not a row.
    """
    try:
        # Not splitlines(): texts may contain other characters that Unicode counts as line ends.
        lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
    except OSError as error:
        raise _wrong(path, "", f"cannot be read: {error}.") from error
    links = [_link(path, number, line) for number, line in enumerate(lines, start=1)]
    for number, link in enumerate(links, start=1):
        if link.launch_id != links[0].launch_id:
            names = ", ".join(dict.fromkeys(link.launch_id for link in links))
            raise _wrong(path, f"line {number}", f"has rows of several launches: {names}.")
    return links


def _link(path: Path, number: int, data: bytes) -> Link:
    try:
        line = data.decode()
        fields = read_json(line, DEEPEST + 1)
        link = Link.model_validate({**fields, "content": written(fields["content"])})
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"is not a row of the ledger: {'.'.join(map(str, first['loc']))}: {first['msg']}."
        raise _wrong(path, f"line {number}", problem) from error
    except (ValueError, TypeError, KeyError) as error:
        raise _wrong(path, f"line {number}", f"is not a row of the ledger: {error}.") from error
    # A line has one spelling: any other text that reads as the same row is refused.
    if next(export_lines([link])) != line:
        raise _wrong(path, f"line {number}", "is not in the form of an export.")
    return link


def _wrong(path: Path, place: str, problem: str) -> ConfigurationError:
    fix = "export the launch again with 'launch ledger export'."
    return ConfigurationError(str(path), place, problem, fix)
