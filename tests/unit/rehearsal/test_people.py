"""What people of a rehearsal remember of a request when the same item is asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch_pipeline.approvals.contacts import load_contacts
from launch_rehearsal.actors.people import People, World
from launch_rehearsal.actors.scenario import DEFAULT, Situation
from launch_rehearsal.actors.story import Story
from launch_rehearsal.product.base.plan import Part
from launch_rehearsal.run.stage import example_contacts

if TYPE_CHECKING:
    from launch_pipeline.airflow.hooks.rest_client import AirflowApi

KNOWN = Situation(broken=frozenset({Part.DNS}), since_repair=3.0, doubt=True)


def no_airflow() -> AirflowApi:
    pytest.fail("no one reads Airflow here")


@pytest.fixture
def people() -> People:
    return People(
        run_id="R",
        scenario=DEFAULT,
        contacts=load_contacts(example_contacts()),
        items={},
        slack_url="http://127.0.0.1:1",
        reader=no_airflow,
        world=World(lambda: KNOWN),
        story=Story(),
    )


def test_item_that_is_verified_again_may_be_rechecked_again(people: People) -> None:
    """A re-check counts for its task instance alone; the next one of the item has had none."""
    people._world.rechecked.add(("p.s.one", "ti-1"))
    assert people._now("ti-2").rechecked == frozenset()
    assert people._now("ti-1").rechecked == {"p.s.one"}


def test_people_know_all_that_the_operator_knows(people: People) -> None:
    """Neither the doubt before the Go nor a repair under way is lost on them."""
    now = people._now("ti-1")
    assert (now.broken, now.since_repair, now.doubt) == (KNOWN.broken, KNOWN.since_repair, True)
    assert not now.rejected


def test_same_request_of_another_try_is_another_request(people: People) -> None:
    """A cleared task asks anew, so it is answered anew: also by those who have answered before."""
    first = people._remembered({"task_instance": {"id": "ti-1"}, "created_at": "1"}, 0.0)
    first.sent = 2
    again = people._remembered({"task_instance": {"id": "ti-2"}, "created_at": "2"}, 5.0)
    assert (again.first, again.sent) == (5.0, 0)
    assert people._remembered({"task_instance": {"id": "ti-1"}, "created_at": "1"}, 9.0) is first
