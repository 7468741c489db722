"""From views to the messages that show them; a view that has not changed is not built again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import title
from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.notifications.keys import ROOT
from launch_pipeline.notifications.links import run_url
from launch_pipeline.notifications.text import marked
from launch_pipeline.slack.bridge.projection.thread import CARDS, Shown
from launch_pipeline.slack.messages import elements
from launch_pipeline.slack.messages.cards import launch_root, section_cards, split_items
from launch_pipeline.slack.messages.item_status import is_done
from launch_pipeline.slack.messages.mrkdwn import escape

if TYPE_CHECKING:
    from launch_pipeline.slack.bridge.projection.views import Deployment
    from launch_pipeline.slack.messages.views import ItemView, LaunchView, SectionView
    from launch_pipeline.slack.store import Placed

_OVER = "This launch is over, and nothing here waits any more. How each item ended is in Airflow."


class Showing:
    """Builds messages; keeps those of the launches of the last look."""

    def __init__(self) -> None:
        self._cards: dict[tuple[str, str, str], tuple[SectionView, tuple[Shown, ...]]] = {}
        self._roots: dict[str, tuple[LaunchView, Shown]] = {}

    def cards(self, view: SectionView) -> tuple[Shown, ...]:
        """Give the cards of a section."""
        place = (view.launch_id, view.dag_id, view.section_id)
        known = self._cards.get(place)
        if known is None or known[0] != view:
            self._cards[place] = known = (view, _cards(view))
        return known[1]

    def root(self, view: LaunchView) -> Shown:
        """Give the root of a launch's thread."""
        known = self._roots.get(view.launch_id)
        if known is None or known[0] != view:
            self._roots[view.launch_id] = known = (view, Shown.of(ROOT, launch_root(view)))
        return known[1]

    def forget_but(self, launch_ids: set[str]) -> None:
        """Forget the messages of launches that are over."""
        self._roots = {launch: kept for launch, kept in self._roots.items() if launch in launch_ids}
        self._cards = {place: kept for place, kept in self._cards.items() if place[0] in launch_ids}


def _cards(view: SectionView) -> tuple[Shown, ...]:
    """A decision or a signature is shown in the channel as well: everybody waits for it."""
    loud = view.gate is not RequestKind.APPROVAL
    shares = (view.items,) if loud else split_items(view.items)
    return tuple(
        Shown.of(card_key(view, part), message, live=any(item.asks for item in items), loud=loud)
        for part, (message, items) in enumerate(zip(section_cards(view), shares, strict=True))
    )


def card_key(view: SectionView, part: int = 0) -> str:
    """Place of a section's card among the launch's messages."""
    return f"{CARDS}{view.dag_id}/{view.section_id}/{part}"


def deserves_a_card(view: SectionView) -> bool:
    """Whether a section without a card gets one: a person is, was, or should be in it, and it is not done."""
    return any(map(_needs_somebody, view.items)) and not all(map(is_done, view.items))


def _needs_somebody(item: ItemView) -> bool:
    # What only comes after a failure ("not reached") is shown by the section that failed.
    return item.asks or bool(item.answered_by or item.decided_by) or item.state == "failed"


def closing(placed: Placed, deployment: Deployment, *, rehearsal: bool) -> Shown:
    """What a card shows that still offers an answer when its launch has left the board."""
    dag_id, section_id = placed.key.removeprefix(CARDS).split("/")[:2]
    plan = deployment.plans.get(dag_id)
    titles = {section.id: section.title for section, _ in plan.sections} if plan else {}
    name = marked(rehearsal, titles.get(section_id, section_id))
    url = run_url(deployment.public_url, dag_id, placed.launch_id)
    blocks = [
        elements.header(name),
        elements.context(f"{_OVER} · {escape(title(dag_id), 100)}"),
        *elements.actions("act", elements.open_button(url)),
    ]
    return Shown.of(placed.key, elements.message(f"{escape(name, 300)}. {_OVER}", blocks))
