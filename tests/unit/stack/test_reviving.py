"""What a stack does about a component that ends by itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from launch_pipeline.errors import OperationError
from launch_pipeline.stack import stack as stack_module
from launch_pipeline.stack.processes import ComponentSpec, Restarts, wait_until
from launch_pipeline.stack.settings import StackSettings
from launch_pipeline.stack.stack import REVIVALS, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from launch_pipeline.stack.processes import Component

LIVES = "import time; time.sleep(60)"
DIES = "raise SystemExit('I cannot go on')"


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Give a stack that was ready a moment ago, without any component."""
    monkeypatch.setattr(stack_module, "REVIVE_EVERY", 0.0)
    made = Stack(StackSettings(root=tmp_path, home=tmp_path))
    made._ready = True
    yield made
    for component in made._components.values():
        component.kill()


def _component(stack: Stack, restarts: Restarts, program: str = LIVES) -> Component:
    command = (sys.executable, "-c", program)
    component = stack._component(
        ComponentSpec(name="c", command=command, environment={}, restarts=restarts, grace=1)
    )
    component.start()
    return component


def _check_often(stack: Stack, component: Component, times: int) -> None:
    for _ in range(times):
        assert wait_until(lambda: not component.running(), 20, alive=lambda: None)
        stack.check()


def test_what_is_killed_is_started_again(stack: Stack) -> None:
    """At the next look, as another process."""
    component = _component(stack, Restarts.SOME)
    before = component.pid
    component.kill()
    stack.check()
    assert component.running()
    assert component.pid != before


def test_what_must_not_end_ends_the_stack(stack: Stack) -> None:
    """A stand-in that fails in a rehearsal is a mistake to be seen."""
    component = _component(stack, Restarts.NEVER)
    component.kill()
    with pytest.raises(OperationError, match="c was ended by SIGKILL"):
        stack.check()


def test_what_does_not_stay_alive_ends_the_stack(stack: Stack) -> None:
    """After a few starts in a row, with its last words."""
    component = _component(stack, Restarts.SOME, DIES)
    _check_often(stack, component, REVIVALS)
    with pytest.raises(OperationError, match="I cannot go on"):
        _check_often(stack, component, 1)


def test_what_the_others_do_without_is_started_for_ever(stack: Stack) -> None:
    """A bridge that is set up wrongly keeps no launch from going on."""
    component = _component(stack, Restarts.ALWAYS, DIES)
    _check_often(stack, component, REVIVALS + 2)


def test_accidents_of_long_ago_are_forgotten(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five in a row are a mistake, five in a month are not."""
    monkeypatch.setattr(stack_module, "SHORT_LIFE", 0.0)
    component = _component(stack, Restarts.SOME, DIES)
    _check_often(stack, component, REVIVALS + 2)


def test_trouble_at_the_start_is_told_at_once(stack: Stack) -> None:
    """A start that fails reports the error at once instead of waiting on."""
    stack._ready = False
    component = _component(stack, Restarts.SOME)
    component.kill()
    with pytest.raises(OperationError, match="c was ended by SIGKILL"):
        stack.check()
