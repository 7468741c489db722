"""What starts first: tasks that waited for a start must find the api-server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.stack.ports import free_ports
from launch_pipeline.stack.settings import StackSettings
from servers.answering_stack import AnsweringStack

if TYPE_CHECKING:
    from launch_pipeline.stack.processes import Component, ComponentSpec

pytestmark = pytest.mark.integration

INCLUDE = Path(__file__).resolve().parents[3] / "include"


class Watched(AnsweringStack):
    """Notes for each component whether the api-server answered before it was started."""

    def __init__(self, settings: StackSettings) -> None:
        super().__init__(settings)
        self.answered: dict[str, bool] = {}

    def _component(self, spec: ComponentSpec) -> Component:
        self.answered[spec.name] = bool(self._health())
        return super()._component(spec)


def test_in_a_used_home_the_api_server_answers_before_the_others_start(tmp_path: Path) -> None:
    """A first start has no task that waits, so everything starts at once; a later one may have some."""
    for name in ("dags", "plugins"):
        (tmp_path / name).mkdir()
    (tmp_path / "include").symlink_to(INCLUDE)
    port, database_port = free_ports(2)
    settings = StackSettings.resolve(
        home=tmp_path / "home", root=tmp_path, port=port, database_port=database_port
    )
    with Watched(settings) as first:
        assert first.answered == {
            "postgres": False,
            "migration": False,
            "api-server": False,
            "dag-processor": False,
        }
    with Watched(settings) as again:
        assert again.answered == {"postgres": False, "api-server": False, "dag-processor": True}
