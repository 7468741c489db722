"""True records of whole launches, row by row as the pipeline keeps them, on a small checklist."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from launch_pipeline.checklist.vocabulary import Mode, RequestKind, Role, Severity
from launch_pipeline.ledger.facts import Aborted, Ended, Fact, Postponed, Started
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.plan import LaunchPlan, PlannedItem, Rules
from launch_pipeline.ledger.schema import (
    Acknowledgement,
    DecidedBy,
    Entry,
    EntryKind,
    Outcome,
    Record,
    Round,
    SealedRecord,
    evidence_digest,
)
from servers.records import NOON, a_record, a_result, a_seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.ledger.schema import Seal

LAUNCH = "shop-1.2"
DIGEST = "sha256:" + "c" * 64


def an_item(ref: str, owner: Role = Role.TECHNICAL_LEAD, **fields: Any) -> PlannedItem:
    """Make an item that its checks end."""
    given = {"mode": Mode.CHECK, "gate": RequestKind.APPROVAL, "severity": Severity.BLOCKING, **fields}
    return PlannedItem(ref=ref, owner=owner, **given)


DECIDES = {"mode": Mode.APPROVAL, "gate": RequestKind.DECISION}
SIGNS = {"mode": Mode.APPROVAL, "gate": RequestKind.SIGNATURE}
ITEMS = {
    "week_1": (
        an_item("week_1.security.tls"),
        an_item("week_1.security.audit", Role.SECURITY_LEAD, mode=Mode.CHECK_AND_APPROVAL),
        an_item("week_1.docs.readme", Role.QA_LEAD, mode=Mode.APPROVAL, severity=Severity.ADVISORY),
    ),
    "week_3_a": (an_item("a.daily.review", Role.OPERATIONS_LEAD, mode=Mode.APPROVAL, rounds=3),),
    "week_3_b": (an_item("b.data.backup", Role.DATABASE_ADMIN),),
    "go_no_go": (
        an_item("go.votes.cto", Role.CTO, **DECIDES),
        an_item("go.votes.product", Role.PRODUCT_MANAGER, **DECIDES),
    ),
    "t_0": (an_item("day.deploy.live"),),
    "sign_off": (
        an_item("sign.off.technical", Role.TECHNICAL_LEAD, **SIGNS),
        an_item("sign.off.product", Role.PRODUCT_MANAGER, **SIGNS),
    ),
    "rollback": (
        an_item("rollback.decide.now", Role.CTO, **DECIDES),
        an_item("rollback.steps.deploy", Role.OPERATIONS_LEAD, mode=Mode.CHECK_AND_APPROVAL),
    ),
}
PLAN = LaunchPlan(
    steps=(("week_1",), ("week_3_a", "week_3_b"), ("go_no_go",), ("t_0",), ("sign_off",)),
    decision="go_no_go",
    rollback="rollback",
    items=ITEMS,
    rules=Rules(waive_blocking_items=True, may_waive={Role.SECURITY_LEAD: (Role.CTO,)}),
)


def person(role: Role) -> DecidedBy:
    """Give who holds a role."""
    name = role.value
    return DecidedBy(id=name, name=role.label, slack_id=f"U{name.upper()}", airflow_user=f"{name}.user")


class Story:
    """Writes down what happens; every row follows from those before it, unless the caller says otherwise."""

    def __init__(self, plan: LaunchPlan = PLAN, **facts: Any) -> None:
        self.plan = plan
        self.entries: list[Entry] = []
        self.latest: dict[str, Record] = {}
        self._tries: dict[str, int] = {}
        self._seconds = 0
        self.launch_at = NOON + timedelta(days=21)
        self.tell("started")
        self.entries.clear()
        started = Started.model_validate(
            {
                "environment": "production",
                "rehearsal": False,
                "release": "1.2.0",
                "release_sha": "a" * 40,
                "launch_at": self.launch_at,
                "planned_at": self.launch_at,
                "started_by": "rhea.operations",
                "started_at": NOON,
                "conf": {"previous_release": "1.1.0"},
                "checklist_digests": dict.fromkeys(plan.items, DIGEST),
                "plan": plan,
                **facts,
            }
        )
        self.of_the_launch(EntryKind.LAUNCH_STARTED, started)

    # ---- single rows -------------------------------------------------------------------------------------

    def of_the_launch(self, kind: EntryKind, fact: Fact, number: int = 0) -> Story:
        """Keep a row about the launch."""
        of = f"launch/{LAUNCH}"
        entry = Entry(
            kind=kind, launch_id=LAUNCH, task_instance_id=of, try_number=number, content=fact.content()
        )
        self.entries.append(entry)
        return self

    def tell(self, headline: str) -> Story:
        """Keep that something was told."""
        self._seconds += 1
        of, content = f"told/{self._seconds}", {"headline": headline, "channel": "launches"}
        self.entries.append(
            Entry(kind=EntryKind.ANNOUNCEMENT, launch_id=LAUNCH, task_instance_id=of, content=content)
        )
        return self

    def refuse(self, dag_id: str, ref: str) -> Story:
        """Keep an answer that did not count."""
        self._seconds += 1
        of, content = f"refused/{self._seconds}", {"by": "mallory", "why": "not_your_role"}
        self.entries.append(
            Entry(
                kind=EntryKind.REFUSAL, launch_id=LAUNCH, dag_id=dag_id, item_ref=ref, task_instance_id=of,
                content=content,
            )
        )  # fmt: skip
        return self

    def record(self, dag_id: str, ref: str, outcome: Outcome | None = None, **changes: Any) -> Record:
        """Keep an item's outcome: by default the one that its item has when all is well."""
        item = self.plan.item(dag_id, ref) or an_item(ref)
        made = outcome or (Outcome.APPROVED if item.mode.needs_person else Outcome.PASSED)
        number = self._tries[ref] = self._tries.get(ref, 0) + 1
        self._seconds += 1
        by_machine = made in {Outcome.PASSED, Outcome.NOT_REACHED}
        results = (a_result(),) if item.mode.has_checks and made is not Outcome.NOT_REACHED else ()
        fields: dict[str, Any] = {
            "launch_id": LAUNCH, "dag_id": dag_id, "item_ref": ref, "task_id": ref.partition(".")[2],
            "outcome": made, "results": results, "role": None if by_machine else item.owner,
            "decided_by": None if by_machine else person(item.owner),
            "decided_at": NOON + timedelta(seconds=self._seconds),
            "signature": item.owner.label if item.gate is RequestKind.SIGNATURE and not by_machine else "",
            "task_instance_id": f"{ref}/{number}", "checklist_digest": DIGEST, **changes,
        }  # fmt: skip
        return self.keep(a_record(**fields))

    def keep(self, record: Record) -> Record:
        """Keep a record as it is."""
        self.entries.append(Entry.of_record(record))
        self.latest[record.item_ref] = record
        return record

    def rounds(self, dag_id: str, ref: str, count: int, life: int = 0) -> tuple[Acknowledgement, ...]:
        """Keep the rounds of an item."""
        made = []
        for number in range(1, count + 1):
            self._seconds += 1
            one = Round(
                number=number, decided_by=person(Role.OPERATIONS_LEAD), evidence_digest=evidence_digest(()),
                decided_at=NOON + timedelta(seconds=self._seconds), life=life,
            )  # fmt: skip
            instance = f"{ref}/life-{life}#round-{number}"
            self.entries.append(
                Entry(
                    kind=EntryKind.ROUND, launch_id=LAUNCH, dag_id=dag_id, item_ref=ref,
                    task_instance_id=instance, content=one.model_dump(mode="json"),
                )
            )  # fmt: skip
            made.append(one.acknowledgement)
        return tuple(made)

    def reviewed(self, life: int = 0) -> Record:
        """Keep two rounds, and the third as the approval that it is."""
        before = self.rounds("week_3_a", "a.daily.review", 2, life)
        self._seconds += 1
        at, who = NOON + timedelta(seconds=self._seconds), person(Role.OPERATIONS_LEAD)
        last = Acknowledgement(number=3, decided_by=who, decided_at=at, evidence_digest=evidence_digest(()))
        return self.record("week_3_a", "a.daily.review", rounds=(*before, last), decided_at=at)

    def bypassed(self, dag_id: str, ref: str) -> Story:
        """Keep what a gate finds of a task that was marked by hand."""
        record = self.record(dag_id, ref, Outcome.NOT_REACHED, reason="state success when sealed")
        content = {"state": "success", "text": record.text, "seen_by_gate_at": NOON.isoformat()}
        self.entries.append(
            Entry(
                kind=EntryKind.BYPASS, launch_id=LAUNCH, dag_id=dag_id, item_ref=ref,
                task_instance_id=record.task_instance_id, content=content,
            )
        )  # fmt: skip
        return self

    def seal(self, dag_id: str, **changes: Any) -> Seal:
        """Seal a Dag over the latest record of each of its items."""
        records = [self.latest[item.ref] for item in self.plan.items[dag_id]]
        number = self._tries[dag_id] = self._tries.get(dag_id, 0) + 1
        bad = [r.item_ref for r in records if not r.outcome.lets_pass]
        fields: dict[str, Any] = {
            "launch_id": LAUNCH, "dag_id": dag_id, "phase_id": records[0].item_ref.partition(".")[0],
            "records": tuple(map(SealedRecord.of, records)), "complete": not bad,
            "problems": tuple(f"{ref} is not settled." for ref in bad), "try_number": number, **changes,
        }  # fmt: skip
        seal = a_seal(*records, **fields)
        self.entries.append(Entry.of_seal(seal, f"gate/{dag_id}/{number}"))
        return seal

    # ---- what happens --------------------------------------------------------------------------------------

    def run(self, *dag_ids: str, **outcomes: Outcome) -> Self:
        """Run phases in which all is well, but for the items whose last name is given an outcome."""
        for dag_id in dag_ids:
            for item in self.plan.items[dag_id]:
                name = item.ref.rpartition(".")[2]
                self.reviewed() if item.rounds > 1 else self.record(dag_id, item.ref, outcomes.get(name))
            self.seal(dag_id)
            self.tell(f"{dag_id} is sealed")
        return self

    def postponed(self, days: int = 1) -> Story:
        """Move the launch."""
        there, self.launch_at = self.launch_at, self.launch_at + timedelta(days=days)
        who = {"by": "rhea.operations", "via": Via.AIRFLOW}
        said = {"from": there, "to": self.launch_at, **who, "reason": "not ready yet"}
        number = self._tries["launch"] = self._tries.get("launch", 0) + 1
        return self.of_the_launch(EntryKind.LAUNCH_POSTPONED, Postponed.model_validate(said), number)

    def ended(self, state: str) -> Story:
        """End the launch by its seals."""
        said = {"state": state, "ended_at": NOON + timedelta(days=30)}
        return self.of_the_launch(EntryKind.LAUNCH_ENDED, Ended.model_validate(said)).tell(state)

    def aborted(self) -> Story:
        """End the launch by a person's word."""
        at = NOON + timedelta(days=30)
        said = Aborted(by="rhea.operations", via=Via.AIRFLOW, reason="withdrawn", ended_at=at)
        return self.of_the_launch(EntryKind.LAUNCH_ABORTED, said).tell("aborted")


TO_GO = ("week_1", "week_3_b", "week_3_a", "go_no_go")


def complete() -> Story:
    """Everything is well to the end."""
    return Story().run(*TO_GO, "t_0", "sign_off").ended("complete")


def no_go() -> Story:
    """One says no, and the other is not reached."""
    story = Story().run("week_1", "week_3_a", "week_3_b")
    return story.run("go_no_go", cto=Outcome.REJECTED, product=Outcome.NOT_REACHED).ended("no_go")


def aborted() -> Story:
    """Withdrawn before the day."""
    return Story().run("week_1").postponed().refuse("week_3_b", "b.data.backup").aborted()


def aborted_and_rolled_back() -> Story:
    """Withdrawn on the day, and taken back."""
    return Story().run(*TO_GO).aborted().run("rollback")


def rolled_back() -> Story:
    """Take back a launch that does not live."""
    story = Story().run(*TO_GO).run("t_0", live=Outcome.NOT_REACHED)
    return story.run("rollback").ended("rolled_back")


def repaired() -> Story:
    """Repair a rejection, a bypass and a gate that was asked again; move the launch twice."""
    story = Story().postponed().run("week_1", audit=Outcome.REJECTED).postponed(2)
    story.record("week_1", "week_1.security.audit")
    story.seal("week_1")
    story.record("week_3_b", "b.data.backup")
    story.bypassed("week_3_b", "b.data.backup")
    story.seal("week_3_b", bypasses=("b.data.backup",))
    story.run("week_3_b", "week_3_a")
    story.seal("week_3_a")
    return story.run("go_no_go", "t_0", "sign_off").ended("complete")


def set_aside() -> Story:
    """Waived, not applicable, not met: let pass without a yes."""
    story = Story().run("week_1", tls=Outcome.WAIVED, audit=Outcome.NOT_APPLICABLE, readme=Outcome.NOT_MET)
    by_the_cto = {"role": Role.CTO, "decided_by": person(Role.CTO)}
    story.record("week_1", "week_1.security.audit", Outcome.WAIVED, **by_the_cto)
    story.seal("week_1")
    return story.run("week_3_a", "week_3_b", "go_no_go", "t_0", "sign_off").ended("complete")


def carried() -> Story:
    """Lose a worker after its decision was kept; rounds of an earlier life do not count."""
    story = Story()
    story.record("week_1", "week_1.security.tls")
    story.record("week_1", "week_1.docs.readme")
    first = story.record("week_1", "week_1.security.audit")
    again = {"task_instance_id": "audit/again", "try_number": 2, "carried_from": first.task_instance_id}
    story.keep(first.model_copy(update=again))
    story.keep(story.latest[first.item_ref].model_copy(update={**again, "task_instance_id": "audit/thrice"}))
    story.seal("week_1")
    story.rounds("week_3_a", "a.daily.review", 2, life=0)
    story.reviewed(life=3)
    story.seal("week_3_a")
    return story.run("week_3_b", "go_no_go")


def other_checklist() -> Story:
    """Change the checklist under the launch: its phase is incomplete, and is repaired with the old one."""
    story, changed = Story(), "sha256:" + "d" * 64
    story.record("week_1", "week_1.security.tls", checklist_digest=changed)
    listed = (SealedRecord.of(story.latest["week_1.security.tls"]),)
    story.entries.append(
        Entry.of_seal(
            a_seal(
                story.latest["week_1.security.tls"], launch_id=LAUNCH, records=listed, complete=False,
                checklist_digest=changed,
            ),
            "gate/changed",
        )
    )  # fmt: skip
    return story.run("week_1", "week_3_a")


SHAPES: dict[str, Callable[[], Story]] = {
    made.__name__: made
    for made in (
        complete,
        no_go,
        aborted,
        aborted_and_rolled_back,
        rolled_back,
        repaired,
        set_aside,
        carried,
        other_checklist,
        Story,
    )
}
"""Every way in which a launch goes, each of them true."""
