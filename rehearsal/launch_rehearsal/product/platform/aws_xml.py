"""Write the XML of AWS' older services."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from aiohttp import web

Tree = Any
"""Text, a mapping of names to trees, or a list of trees, which repeats its element."""


def xml(name: str, tree: Tree, namespace: str = "") -> bytes:
    """Build a document."""
    root = ET.Element(name, {"xmlns": namespace} if namespace else {})
    _grow(root, tree)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _grow(element: ET.Element, tree: Tree) -> None:
    if not isinstance(tree, dict):
        element.text = str(tree).lower() if isinstance(tree, bool) else str(tree)
        return
    for name, value in tree.items():
        for one in value if isinstance(value, list) else [value]:
            _grow(ET.SubElement(element, name), one)


def answered(body: bytes, status: int = 200) -> web.Response:
    """Build the answer with a document."""
    return web.Response(body=body, status=status, content_type="application/xml")


def refused(status: int, code: str) -> web.Response:
    """Build S3's answer for a refusal."""
    return answered(xml("Error", {"Code": code, "Message": code}), status)
