"""Reads the answers of a Kubernetes API: without secret values, and refused where they are not whole."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from launch_pipeline.errors import Inconclusive

if TYPE_CHECKING:
    from launch_pipeline.checks.clients.http import Answer

Document = dict[str, Any]
_BLANK = re.compile(r"[\s\u200b\u2060\ufeff]*")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def document(answer: Answer) -> Document | None:
    """Parse a response; None if it is no document of Kubernetes."""
    try:
        found = json.loads(answer.body) if answer.complete else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or "kind" not in found:
        return None
    return _without_secrets(found)


def listed(found: Mapping[str, Any], name: str) -> list[Document]:
    """Return the mappings of a list; an empty list if it is not there."""
    members = found.get(name)
    return [one for one in members if isinstance(one, dict)] if isinstance(members, list) else []


def part(found: Mapping[str, Any], name: str) -> Document:
    """Return a mapping within a mapping; an empty one if it is not there."""
    inner = found.get(name)
    return inner if isinstance(inner, dict) else {}


def items(page: Document, kind: str) -> list[Document]:
    """Return the objects of a page; raises Inconclusive if it is no list of objects of that kind."""
    members = page.get("items")
    found = listed(page, "items")
    if page.get("kind") != f"{kind}List" or not isinstance(members, list | None):
        message = (
            f"the API server answered a {page.get('kind')} without items where a list of {kind} was asked for"
        )
        raise Inconclusive(message)
    if len(found) != len(members or []) or not all(part(one, "metadata").get("name") for one in found):
        message = f"the API server answered a list of {kind} with items that are no objects"
        raise Inconclusive(message)
    return found


def next_page(page: Document, before: str, kind: str) -> str:
    """Return the token of the next page; raises Inconclusive if there is more that no token leads to."""
    metadata = part(page, "metadata")
    token = str(metadata.get("continue") or "")
    left = metadata.get("remainingItemCount")
    if (token and token == before) or (not token and isinstance(left, int) and left > 0):
        message = (
            f"the API server did not give the whole list of {kind}: {left or 'some'} objects are left out"
        )
        raise Inconclusive(message)
    return token


def complete(one: Document, kind: str, version: str) -> Document:
    """Add kind and version, which the elements of a list lack; raises Inconclusive for another kind."""
    if one.get("kind", kind) != kind:
        message = f"the API server answered a {one.get('kind')} where a {kind} was asked for"
        raise Inconclusive(message)
    return {"kind": kind, "apiVersion": version, **one}


def _without_secrets(found: Document) -> Document:
    """Replace the values of Secrets by their lengths, before any other code sees them."""
    kind, version = found.get("kind"), found.get("apiVersion")
    readers = {"Secret": _secret, "ConfigMap": _config_map} if version == "v1" else {}
    if str(kind).endswith("List") and "items" in found:
        return {
            **found,
            "items": _read(found["items"], readers.get(str(kind).removesuffix("List"), _trimmed)),
        }
    return readers.get(str(kind), _trimmed)(found)


def _read(members: Any, reader: Callable[[Document], Document]) -> Any:
    """Read the items of a list; what should not be there keeps its place, without its content."""
    if isinstance(members, list):
        return [reader(one) if isinstance(one, dict) else None for one in members]
    return None if members is None else ""


def _secret(one: Document) -> Document:
    """Keep the lengths of a Secret's values; a key whose value is empty or blank is not listed."""
    values = {name: _bytes(value) for name, value in part(one, "data").items()}
    kept = {name: value for name, value in one.items() if name not in {"data", "stringData"}}
    empty = sorted(name for name, value in values.items() if _blank(value))
    lengths = {name: len(value) for name, value in values.items() if name not in empty}
    return _trimmed({**kept, **({"data": lengths} if "data" in one else {}), "empty": empty})


def _config_map(one: Document) -> Document:
    """Name the keys of a ConfigMap whose value is empty or blank."""
    empty = [name for name, value in part(one, "data").items() if _blank(str(value or "").encode())]
    empty += [name for name, value in part(one, "binaryData").items() if _blank(_bytes(value))]
    return _trimmed({**one, "empty": sorted(empty)})


def _blank(value: bytes) -> bool:
    """Return whether a value shows nothing: it is empty, or has only spaces, of any width, and marks."""
    return _BLANK.fullmatch(value.decode(errors="replace")) is not None


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return str(value).encode()


def _trimmed(one: Document) -> Document:
    """Drop managed fields and kubectl's last-applied annotation, which holds the values of a Secret."""
    metadata = {name: value for name, value in part(one, "metadata").items() if name != "managedFields"}
    if isinstance(metadata.get("annotations"), Mapping):
        notes = {name: note for name, note in metadata["annotations"].items() if name != _APPLIED}
        metadata["annotations"] = notes
    return {**one, "metadata": metadata} if "metadata" in one else one
