"""What Airflow, the ledger and Slack hold at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from launch_pipeline.ledger.proof.verify import known_launches, verify

if TYPE_CHECKING:
    from upgrade.stage import Stage

_TASKS = """
    SELECT t.run_id, t.dag_id, t.task_id, t.id::text, t.try_number, t.state, t.next_method,
           t.next_kwargs, h.created_at, h.responded_at
    FROM task_instance t LEFT JOIN hitl_detail h ON h.ti_id = t.id
"""
_MESSAGES = "SELECT launch_id, key, ts FROM launch.slack_messages"
_NUDGES = "SELECT launch_id, dag_id, task_id, try_number, level, number FROM launch.slack_nudges"
_ROWS = "SELECT launch_id, position, digest FROM launch.ledger"
_MIGRATIONS = "SELECT name FROM launch.ledger_migrations"


class Place(NamedTuple):
    """A task of a launch."""

    launch_id: str
    dag_id: str
    task_id: str


class Task(NamedTuple):
    """A task instance, and its request if it has one."""

    id: str
    try_number: int
    state: str | None
    next_method: str | None
    next_kwargs: dict[str, Any] | None
    asked_at: object
    answered_at: object

    @property
    def waits_in(self) -> str:
        """The item's own word for where it waits; the method that goes on, for a task that is no item.

        Airflow wraps what a task begins with in the triggerer, and nothing else.
        """
        kept = self.next_kwargs or {}
        return str(kept.get("__var", kept).get("state") or self.next_method)

    @property
    def request(self) -> tuple[str, int, object]:
        """What is another one if a person is asked again."""
        return self.id, self.try_number, self.asked_at


@dataclass(frozen=True)
class Seen:
    """One moment."""

    tasks: dict[Place, Task]
    cards: dict[tuple[str, str], str]
    """Slack's id of each message, by launch and key."""
    nudges: frozenset[tuple[Any, ...]]
    rows: frozenset[tuple[Any, ...]]
    """Launch, position and digest of the ledger's rows."""
    migrations: frozenset[str]
    broken: tuple[str, ...]
    """Launches whose chain does not verify."""
    messages: tuple[dict[str, Any], ...]
    """What is in the channel in Slack."""

    def waiting(self) -> dict[Place, Task]:
        """Return the tasks that wait without a worker."""
        return {p: t for p, t in self.tasks.items() if t.state in {"deferred", "awaiting_input"}}


def tasks(stage: Stage) -> dict[Place, Task]:
    """Look at the tasks of all launches."""
    return {Place(*row[:3]): Task(*row[3:]) for row in stage.airflow(_TASKS)}


def see(stage: Stage, *, migrated: bool = True) -> Seen:
    """Look at everything. Airflow's database and the ledger's must be there.

    The chains are verified only once the ledger is ``migrated``: our verifier reads today's tables.
    """
    dsn = stage.settings.ledger_owner_dsn
    launches = known_launches(dsn) if migrated else []
    return Seen(
        tasks=tasks(stage),
        cards={(launch, key): ts for launch, key, ts in stage.ledger(_MESSAGES)},
        nudges=frozenset(stage.ledger(_NUDGES)),
        rows=frozenset(stage.ledger(_ROWS)),
        migrations=frozenset(name for (name,) in stage.ledger(_MIGRATIONS)),
        broken=tuple(each for each in launches if verify(dsn, each).broken is not None),
        messages=tuple(stage.messages()),
    )
