"""Files that extend others, as TypeScript's settings do.

By https://www.typescriptlang.org/tsconfig/#extends: a file may extend several, of which a later one counts
more, and itself most. A name that begins with no dot is that of an npm package, which may be one of this
repository's own (a workspace).
"""

from __future__ import annotations

import asyncio
import posixpath
from typing import TYPE_CHECKING, Any

from launch_pipeline.checks.kinds.git_repository.documents import read_document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from launch_pipeline.checks.kinds.git_repository.tree import Tree

UNREAD = "extends_unread"
"""Key under which a document names what it extends and the repository does not hold."""
_MOST_EXTENDS = 10
_MOST_PACKAGES = 500
_SCOPE = "@"


class Extending:
    """Reads files as data; a tsconfig is merged with the files that it extends."""

    def __init__(self, tree: Tree, read: Callable[[str], Awaitable[str]]) -> None:
        self._tree, self._read = tree, read
        self._packages: dict[str, str] | None = None

    async def merged(self, path: str, text: str) -> Any:
        """Read a file with what it extends; what cannot be read stands under ``unreadable`` or ``UNREAD``."""
        try:
            document, unread = await self._whole(path, text, ())
        except ValueError as error:
            return {"unreadable": str(error)}
        return {**document, UNREAD: unread} if unread else document

    async def _whole(self, path: str, text: str, below: tuple[str, ...]) -> tuple[Any, str]:
        """Return a document over those that it extends, and the first that is not in the repository.

        What lies under that one is not read: it may be overridden there.
        """
        document = await asyncio.to_thread(read_document, path, text)
        for parent in reversed(_extended(path, document)):
            found = await self._found(path, parent)
            if found is None:
                return document, parent
            if found in (*below, path) or len(below) >= _MOST_EXTENDS:
                message = f"extends '{parent}' in a circle, or more than {_MOST_EXTENDS} deep"
                raise ValueError(message)
            base, unread = await self._whole(found, await self._read(found), (*below, path))
            document = _laid_over(base, document)
            if unread:
                return document, unread
        return document, ""

    async def _found(self, path: str, parent: str) -> str | None:
        """Return the path of a file that another extends, or None if the repository does not hold it."""
        if parent.startswith((".", "/")):
            return self._file(posixpath.join(posixpath.dirname(path), parent))
        parts = parent.split("/")
        size = 2 if parent.startswith(_SCOPE) else 1
        folder = (await self._folders()).get("/".join(parts[:size]))
        if folder is None:
            return None
        return self._file(posixpath.join(folder, *(parts[size:] or ["tsconfig.json"])))

    def _file(self, path: str) -> str | None:
        place = posixpath.normpath(path)
        found = (self._tree.resolved(name)[0] for name in (place, f"{place}.json"))
        return next((name for name in found if name in self._tree.entries), None)

    async def _folders(self) -> dict[str, str]:
        """Return the folder of each npm package in the repository by its name."""
        if self._packages is None:
            paths = [path for path in self._tree.entries if posixpath.basename(path) == "package.json"]
            named = [(await self._name(path), posixpath.dirname(path)) for path in paths[:_MOST_PACKAGES]]
            self._packages = {name: folder for name, folder in named if name}
        return self._packages

    async def _name(self, path: str) -> str:
        try:
            document = await asyncio.to_thread(read_document, path, await self._read(path))
        except ValueError:
            return ""
        return str(document.get("name") or "") if isinstance(document, dict) else ""


def _extended(path: str, document: Any) -> Sequence[str]:
    """Return the names of the files that a JSON file extends; raises ValueError for anything but names."""
    if not isinstance(document, dict) or not path.endswith(".json"):
        return ()
    given = document.get("extends") or []
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        message = "extends something that is not the name of a file"
        raise ValueError(message)
    return names


def _laid_over(base: Any, document: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(document, dict)):
        return document
    merged = {**base, **document}
    below, above = base.get("compilerOptions"), document.get("compilerOptions")
    if isinstance(below, dict) and isinstance(above, dict):
        merged["compilerOptions"] = {**below, **above}
    return merged
