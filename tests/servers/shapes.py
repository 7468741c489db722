"""Every shape of a true launch, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servers import changed_stories, stories

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers.stories import Story

SHAPES: dict[str, Callable[[], Story]] = {**stories.SHAPES, **changed_stories.SHAPES}
