"""From a tap in Slack to the end of the task, on a real stack with the real bridge and a stand-in for Slack.

The stand-in measures acknowledgements at its end of the socket, Airflow dates the end of a task, and the
stand-in dates the change of a card. Every gate has rested for longer than the settle time when it is
answered, so the settle time is in no number.
"""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import requests
import yaml

from bench.rows import Row
from chaos.stage import staged
from launch_pipeline.approvals.contacts import load_contacts
from launch_pipeline.checklist.vocabulary import Role
from launch_pipeline.ledger.schema import EntryKind, RecordedBy
from launch_pipeline.slack.messages.button_values import CardLocator
from launch_pipeline.slack.messages.elements import APPROVE_MINE, REVIEW
from launch_rehearsal.actors.slack_screen import Card, Screen
from launch_rehearsal.slack_server.base.settings import LAUNCH_CHANNEL
from servers.launches import PHASE
from servers.small_phase import small_include

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chaos.stage import Stage
    from launch_pipeline.approvals.contacts import Person
    from servers.launches import Run

CROWD = (
    Role.TECHNICAL_LEAD,
    Role.PRODUCT_MANAGER,
    Role.OPERATIONS_LEAD,
    Role.CTO,
    Role.SECURITY_LEAD,
    Role.DATABASE_ADMIN,
    Role.INFRASTRUCTURE_LEAD,
    Role.KUBERNETES_ADMIN,
)
"""Eight roles, each held first by somebody else."""
GATES = 52
SINGLES = 15
"""Requests that are answered one after the other in Slack, and as many by REST."""
REVIEWS = 25
"""Taps of each of the eight on *Review…*."""
REST = 8.0
"""Seconds after which a gate has settled for certain."""
PATIENCE = 180.0
LOOK = 0.2
UPKEEP = frozenset({"auth.test", "apps.connections.open"})
"""Calls of the bridge that no decision causes."""


def measure_slack() -> list[Row]:
    """Answer single gates, then fifty-two by eight people at once; count what it took."""
    with tempfile.TemporaryDirectory(prefix="launch-bench-") as folder:
        home = Path(folder)
        include = _include(home / "include")
        with staged(home, include) as stage:
            people = load_contacts(include / "contacts.example.yaml")
            return _Bench(stage, {role: people.holders(role)[0] for role in CROWD}).rows()


@dataclass
class _Bench:
    """One run of one phase, and everybody who answers in it."""

    stage: Stage
    people: dict[Role, Person]
    run: Run = field(init=False)

    def rows(self) -> list[Row]:
        """Measure in the order in which gates are spent."""
        self.run = self.stage.pad.begin(name="bench")
        self._until("all cards are there", lambda: sum(map(_asked, self._messages())) == len(_sections()))
        time.sleep(REST)
        before = self._calls()
        in_slack = self._singles("slack")
        single = Row("Slack calls per decision, one by one", (self._calls() - before) / SINGLES, unit="calls")
        in_airflow = self._singles("rest")
        self._review()
        calls, took = self._crowd()
        ends = [*_ends(in_slack, in_airflow), *_converged(in_slack, in_airflow)]
        return [*self._acks(), *ends, *took, single, calls]

    # ---- one after the other -----------------------------------------------------------------------

    def _singles(self, way: str) -> list[_Decision]:
        return [self._single(f"{way}_{number}.gate", way) for number in range(SINGLES)]

    def _single(self, task: str, way: str) -> _Decision:
        section = task.split(".", maxsplit=1)[0]
        ada = self.people[Role.TECHNICAL_LEAD]
        card = self._cards()[section]
        clicked = time.time()
        if way == "slack":
            self._screen(ada)._click(card, APPROVE_MINE)
        else:
            self.stage.pad.api(str(ada.airflow_user)).answer(PHASE, self.run.id, task, "Approve")
        ended = self._until("it ended", lambda: self._ends(task))[0]
        changed = self._until("its card says so", lambda: self._shown(card))
        return _Decision(clicked, ended, changed)

    def _ends(self, *tasks: str) -> list[float]:
        """When these tasks ended; nothing before all of them have."""
        found = self.run.tasks()
        ended = [found[task]["end_date"] for task in tasks if found[task]["state"] == "success"]
        return [datetime.fromisoformat(at).timestamp() for at in ended] if len(ended) == len(tasks) else []

    def _shown(self, card: Card) -> float:
        """When a card came to show nothing but approvals; 0 before it does."""
        message = next(m for m in self._messages() if m["ts"] == card.ts)
        done = ": 1 of 1 done" in message["text"]
        return float(message["edited"]["ts"]) if done else 0.0

    # ---- everybody at once -------------------------------------------------------------------------

    def _review(self) -> None:
        """Open forms: the clicks that ask most of the bridge before anything is decided."""
        cards = self._cards()

        def taps(role: Role) -> None:
            screen, card = self._screen(self.people[role]), cards[f"crowd_{role.value}"]
            for _ in range(REVIEWS):
                screen._click(card, REVIEW)
                screen._modal()
                screen._act("close", {})

        with ThreadPoolExecutor(len(CROWD)) as pool:
            list(pool.map(taps, CROWD))

    def _crowd(self) -> tuple[Row, list[Row]]:
        cards, before = self._cards(), self._calls()
        tasks = [f"crowd_{_owner(n).value}.gate_{n}" for n in range(GATES)]
        clicked = time.time()
        with ThreadPoolExecutor(len(CROWD)) as pool:
            list(pool.map(lambda role: self._approve(role, cards[f"crowd_{role.value}"]), CROWD))
        ended = self._until("all ended", lambda: self._ends(*tasks))
        shown = self._until("all cards say so", self._all_shown)
        calls = (self._calls() - before) / GATES
        self._check()
        return Row("Slack calls per decision, 52 at once", calls, unit="calls"), [
            Row("52 gates answered by 8 people at once: all ended", max(ended) - clicked),
            Row("the same, a gate's end (median)", median(ended) - clicked),
            Row("the same, the last card is true", shown - clicked),
        ]

    def _approve(self, role: Role, card: Card) -> None:
        self._screen(self.people[role])._click(card, APPROVE_MINE)

    def _all_shown(self) -> float:
        cards = [m for m in self._messages() if "Crowd of" in m["text"] and m["text"].endswith(" done")]
        done = [m for m in cards if _all_done(m["text"])]
        whole = len(cards) == len(done) == len(CROWD)
        return max(float(m["edited"]["ts"]) for m in cards) if whole else 0.0

    def _check(self) -> None:
        """Numbers of wrong decisions are worth nothing."""
        kept = [e.record for e in self.run.entries(EntryKind.DECISION)]
        crowd = [r for r in kept if r and r.decided_by and ".gate_" in r.task_id]
        right = [r for r in crowd if r.recorded_by is RecordedBy.SLACK and r.decided_by]
        own = [r for r in right if r.decided_by and r.decided_by.name == self.people[r.role].name]  # type: ignore[index]
        if not len(crowd) == len(own) == GATES:
            raise RuntimeError(f"{GATES} gates, {len(crowd)} decisions, {len(own)} by the right person")

    # ---- the stand-in ------------------------------------------------------------------------------

    def _acks(self) -> list[Row]:
        acks = sorted(self._state()["acks"])
        cuts = quantiles(acks, n=100, method="inclusive")
        return [
            Row(f"Slack click → ack, p50 of {len(acks)}", median(acks)),
            Row(f"Slack click → ack, p99 of {len(acks)}", cuts[98], budget=0.3),
        ]

    def _calls(self) -> int:
        return sum(number for name, number in self._state()["calls"].items() if name not in UPKEEP)

    def _state(self) -> Any:
        return requests.get(f"{self.stage.slack_url}/control/state", timeout=30).json()

    def _messages(self) -> list[Any]:
        return [message for channel in self._state()["channels"] for message in channel["messages"]]

    def _screen(self, person: Person) -> Screen:
        return Screen(self.stage.slack_url, str(person.slack_id))

    def _cards(self) -> dict[str, Card]:
        """Cards on which something may be approved, by their section."""
        found = {}
        for message in self._messages():
            for value in _values(message):
                card = Card(LAUNCH_CHANNEL, message["ts"], frozenset(), frozenset())
                found[CardLocator.decode(value).section_id] = card
        return found

    def _until(self, what: str, holds: Callable[[], Any]) -> Any:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := holds():
                return value
            time.sleep(LOOK)
        raise RuntimeError(f"not within {PATIENCE:.0f} s: {what}")


@dataclass(frozen=True)
class _Decision:
    """When somebody tapped, when the task ended, and when the card said so."""

    clicked: float
    ended: float
    shown: float


def _values(message: Any) -> list[str]:
    """Return what *Approve all that are mine* carries, on a message that has it."""
    elements = [e for block in message.get("blocks", ()) for e in block.get("elements", ())]
    return [e["value"] for e in elements if e.get("action_id") == APPROVE_MINE]


def _asked(message: Any) -> bool:
    """Whether a card offers all its items for approval."""
    return any(len(CardLocator.decode(v).pins) == _whole(message["text"]) for v in _values(message))


def _whole(text: str) -> int:
    return int(text.rsplit(" of ", 1)[-1].removesuffix(" done"))


def _ends(in_slack: Sequence[_Decision], in_airflow: Sequence[_Decision]) -> list[Row]:
    slack, airflow = (median(d.ended - d.clicked for d in way) for way in (in_slack, in_airflow))
    return [
        Row("Slack click → task ended (median)", slack, budget=2.0),
        Row("Slack click → task ended (median)", slack, "answered by REST", airflow),
    ]


def _converged(in_slack: Sequence[_Decision], in_airflow: Sequence[_Decision]) -> list[Row]:
    rows = []
    for words, way in (("in Slack", in_slack), ("in Airflow", in_airflow)):
        late = [decision.shown - decision.ended for decision in way]
        rows.append(Row(f"answered {words}: task ended → its card says so (median)", median(late)))
        rows.append(Row(f"answered {words}: task ended → its card says so (longest)", max(late)))
    return rows


def _all_done(text: str) -> bool:
    done, _, whole = text.rsplit(": ", maxsplit=1)[-1].removesuffix(" done").partition(" of ")
    return done == whole


# ---- the phase ---------------------------------------------------------------------------------------


def _include(folder: Path) -> Path:
    include = small_include(folder)
    phase = {
        "schema_version": 1,
        "id": "pre_launch_requirements",
        "title": "Gates",
        "when": "now",
        "dag": PHASE,
        "description": "Requests that wait for people.",
        "sections": _sections(),
    }
    path = include / "checklists" / "01_pre_launch_requirements.yaml"
    path.write_text(yaml.safe_dump(phase, sort_keys=False), encoding="utf-8")
    return include


def _sections() -> list[dict[str, Any]]:
    singles = [
        _section(f"{way}_{number}", f"Single {way} {number}", [_item("gate", Role.TECHNICAL_LEAD)])
        for way in ("slack", "rest")
        for number in range(SINGLES)
    ]
    crowd = [
        _section(
            f"crowd_{role.value}",
            f"Crowd of the {role.label}",
            [_item(f"gate_{n}", role) for n in range(GATES) if _owner(n) is role],
        )
        for role in CROWD
    ]
    return [*singles, *crowd]


def _owner(number: int) -> Role:
    return CROWD[number % len(CROWD)]


def _section(name: str, title: str, items: list[dict[str, str]]) -> dict[str, Any]:
    return {"id": name, "title": title, "items": items}


def _item(name: str, owner: Role) -> dict[str, str]:
    return {
        "id": name,
        "text": f"Gate {name} may open",
        "mode": "approval",
        "owner": owner.value,
        "question": "May it open?",
        "how": "Somebody says so.",
        "on_failure": "Ask again.",
    }
