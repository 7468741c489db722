"""Render views as messages; a view that has not changed is not rendered again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch_pipeline.checklist.sequence import title
from launch_pipeline.checklist.vocabulary import RequestKind
from launch_pipeline.notifications.keys import ROOT
from launch_pipeline.notifications.links import run_url
from launch_pipeline.notifications.text import marked
from launch_pipeline.slack.bridge.projection.thread import CARDS, Rendered
from launch_pipeline.slack.messages import elements
from launch_pipeline.slack.messages.cards import launch_root, section_cards, split_items
from launch_pipeline.slack.messages.item_status import is_done
from launch_pipeline.slack.messages.mrkdwn import escape

if TYPE_CHECKING:
    from launch_pipeline.slack.bridge.projection.deployment import Deployment
    from launch_pipeline.slack.messages.views import ItemView, LaunchView, SectionView
    from launch_pipeline.slack.store import Placed

_OVER = "This launch is over, and nothing here waits any more. How each item ended is in Airflow."


class MessageCache:
    """Render messages, and keep those of the launches that are on the board."""

    def __init__(self) -> None:
        self._cards: dict[tuple[str, str, str], tuple[SectionView, tuple[Rendered, ...]]] = {}
        self._roots: dict[str, tuple[LaunchView, Rendered]] = {}

    def cards(self, view: SectionView) -> tuple[Rendered, ...]:
        """Return the cards of a section."""
        place = (view.launch_id, view.dag_id, view.section_id)
        known = self._cards.get(place)
        if known is None or known[0] != view:
            self._cards[place] = known = (view, _cards(view))
        return known[1]

    def root(self, view: LaunchView) -> Rendered:
        """Return the root of a launch's thread."""
        known = self._roots.get(view.launch_id)
        if known is None or known[0] != view:
            self._roots[view.launch_id] = known = (view, Rendered.of(ROOT, launch_root(view)))
        return known[1]

    def keep_only(self, launch_ids: set[str]) -> None:
        """Drop the messages of all other launches."""
        self._roots = {launch: root for launch, root in self._roots.items() if launch in launch_ids}
        self._cards = {place: cards for place, cards in self._cards.items() if place[0] in launch_ids}


def _cards(view: SectionView) -> tuple[Rendered, ...]:
    # The channel shows decisions and signatures as well: everybody waits for them.
    loud = view.gate is not RequestKind.APPROVAL
    shares = (view.items,) if loud else split_items(view.items)
    return tuple(
        Rendered.of(card_key(view, part), message, live=any(item.asks for item in items), loud=loud)
        for part, (message, items) in enumerate(zip(section_cards(view), shares, strict=True))
    )


def card_key(view: SectionView, part: int = 0) -> str:
    """Return the key of a section's card in the message store."""
    return f"{CARDS}{view.dag_id}/{view.section_id}/{part}"


def deserves_a_card(view: SectionView) -> bool:
    """Return whether a section gets a first card: it is not done, and it needs or needed a person."""
    return any(map(_needs_a_person, view.items)) and not all(map(is_done, view.items))


def _needs_a_person(item: ItemView) -> bool:
    # An item that only follows a failure ("not reached") is shown by the section that failed.
    answered = bool(item.answered_by or item.decided_by)
    return item.asks or answered or item.no_longer_true or item.state == "failed"


def closed_card(placed: Placed, deployment: Deployment, *, rehearsal: bool) -> Rendered:
    """Render a card without buttons, for one that still offers an answer after its launch left the board."""
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
    return Rendered.of(placed.key, elements.message(f"{escape(name, 300)}. {_OVER}", blocks))
