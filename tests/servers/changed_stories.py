"""True records of launches that are changed while they run: amended, retargeted, held, verified again."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from launch_pipeline.checklist.vocabulary import RequestKind, Role
from launch_pipeline.checks.canonical import digest
from launch_pipeline.launch.basis import definition_digest
from launch_pipeline.ledger.facts import Amended, Changed, Held, Proposed, Resumed, Retargeted, Target
from launch_pipeline.ledger.launch import Via
from launch_pipeline.ledger.plan import LaunchPlan
from launch_pipeline.ledger.reopened import Cause, Reopened, Seen, VerifiedAgain
from launch_pipeline.ledger.schema import EntryKind, Outcome, Record
from servers.records import NOON, a_result
from servers.stories import DIGEST, ITEMS, LAUNCH, PLAN, TO_GO, Story, an_item

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch_pipeline.ledger.plan import PlannedItem
    from launch_pipeline.ledger.schema import Seal

ENVIRONMENT, OTHER_ENVIRONMENT = "sha256:" + "1" * 64, "sha256:" + "2" * 64
AMENDED = "sha256:" + "d" * 64
OTHER_SHA = "b" * 40
TLS, AUDIT, README = "week_1.security.tls", "week_1.security.audit", "week_1.docs.readme"
HEADERS, BACKUP, LIVE = "week_1.security.headers", "b.data.backup", "day.deploy.live"
CTO, PRODUCT = "go.votes.cto", "go.votes.product"
USES = {
    TLS: ("release_sha",),
    AUDIT: ("release",),
    BACKUP: ("launch_date",),
    CTO: ("release", "launch_at"),
    LIVE: ("release_sha", "previous_release"),
}
"""Which of the launch's own variables each item uses."""
BY = {"by": "rhea.operations", "via": Via.AIRFLOW, "reason": "it has to be"}


def names_of(ref: str, **versions: Any) -> dict[str, str]:
    """Give the names of an item besides the launch's own, each in a version."""
    given = {"words": 1, "rules": 1, "checks": 1, "variable:domain": "shop.example.org", **versions}
    return {name: digest([ref, version]) for name, version in given.items()}


def defined(item: PlannedItem, **versions: Any) -> PlannedItem:
    """Give a planned item its definition."""
    return item.model_copy(update={"definition": definition_digest(names_of(item.ref, **versions))})


def planned(items: dict[str, tuple[PlannedItem, ...]]) -> LaunchPlan:
    """Make the plan of these items."""
    return LaunchPlan.model_validate({**PLAN.model_dump(), "items": items})


DEFINED = planned({dag_id: tuple(map(defined, items)) for dag_id, items in ITEMS.items()})


class Changing(Story):
    """Writes down a launch whose records say what they rest on."""

    def __init__(self, plan: LaunchPlan = DEFINED, **facts: Any) -> None:
        self.digests = dict.fromkeys(plan.items, DIGEST)
        self.target = Target(release="1.2.0", release_sha="a" * 40)
        self.versions: dict[str, dict[str, Any]] = {}
        self.decisions: dict[str, Record] = {}
        self._numbers: dict[str, int] = {}
        super().__init__(plan, **{"environment_digest": ENVIRONMENT, **facts})

    def names(self, ref: str) -> dict[str, str]:
        """Give everything that a record of an item rests on now."""
        at = self.launch_at.astimezone(UTC).isoformat()
        values = {**self.target.model_dump(), "previous_release": "1.1.0", "launch_at": at}
        values["launch_date"] = at[:10]
        own = {f"variable:{name}": digest(values[name]) for name in USES.get(ref, ())}
        return {**names_of(ref, **self.versions.get(ref, {})), **own, "holders:cto": digest(["carla"])}

    def record(self, dag_id: str, ref: str, outcome: Outcome | None = None, **changes: Any) -> Record:
        """Keep an item's outcome with what it rests on."""
        item = self.plan.item(dag_id, ref)
        defines = item is not None and item.definition and outcome is not Outcome.NOT_REACHED
        names = self.names(ref) if defines else {}
        if names and item and item.gate is not RequestKind.APPROVAL:
            names["person"] = digest(item.owner.value)
        given = {"checklist_digest": self.digests[dag_id], "rests_on": names, **changes}
        return super().record(dag_id, ref, outcome, **given)

    def keep(self, record: Record) -> Record:
        """Keep a record, which may be carried over where a person decided it."""
        if record.decided_by:
            self.decisions[record.item_ref] = record
        return super().keep(record)

    def seal(self, dag_id: str, **changes: Any) -> Seal:
        """Seal a Dag by the checklist in force."""
        return super().seal(dag_id, **{"checklist_digest": self.digests[dag_id], **changes})

    def _number(self, of: str) -> int:
        self._numbers[of] = self._numbers.get(of, 0) + 1
        return self._numbers[of]

    # ---- what changes ------------------------------------------------------------------------------------

    def amended(self, dag_id: str, items: tuple[PlannedItem, ...], **changes: Any) -> Changing:
        """Replace the items of a Dag."""
        self.plan = planned({**self.plan.items, dag_id: items})
        self.digests = {**self.digests, dag_id: changes.pop("digest", AMENDED)}
        said = {
            **BY,
            "changes": (Changed(where=items[0].ref, what=("checks",)),),
            "checklist_digests": self.digests,
            "environment_digest": ENVIRONMENT,
            "plan": self.plan,
            **changes,
        }
        self.of_the_launch(EntryKind.LAUNCH_AMENDED, Amended.model_validate(said), self._number("amended"))
        return self

    def proposed(self) -> Changing:
        """Ask for an amendment that a second person has to confirm."""
        change = Changed(where=AUDIT, what=("checks",))
        said = Proposed.model_validate({**BY, "digest": "sha256:" + "6" * 64, "changes": (change,)})
        self.of_the_launch(EntryKind.AMENDMENT_PROPOSED, said, self._number("proposed"))
        return self

    def retargeted(self, sha: str = OTHER_SHA, release: str = "1.2.1") -> Changing:
        """Move the launch to another commit."""
        there, self.target = self.target, Target(release=release, release_sha=sha)
        said = Retargeted.model_validate({**BY, "from": there, "to": self.target})
        self.of_the_launch(EntryKind.LAUNCH_RETARGETED, said, self._number("retargeted"))
        return self

    def held(self) -> Changing:
        """Put the launch on hold."""
        said = Held.model_validate({**BY, "held_at": NOON + timedelta(days=1)})
        self.of_the_launch(EntryKind.LAUNCH_HELD, said, self._number("held"))
        return self

    def resumed(self) -> Changing:
        """Lift the hold."""
        said = Resumed.model_validate(BY)
        self.of_the_launch(EntryKind.LAUNCH_RESUMED, said, self._number("resumed"))
        return self

    def reopened(self, dag_id: str, *refs: str, cause: Cause = Cause.CHANGED) -> Changing:
        """Verify items again."""
        for ref in refs:
            item, latest = self.plan.item(dag_id, ref), self.latest.get(ref)
            one = Reopened(
                dag_id=dag_id,
                item_ref=ref,
                text="words",
                owner=item.owner if item else Role.CTO,
                cause=cause,
                why=("the release commit was changed",),
                task_instance_id=latest.task_instance_id if latest else "",
            )
            self.entries.append(one.entry(LAUNCH, self._number(ref)))
        return self

    def confirmed(self, dag_id: str, ref: str, **changes: Any) -> Record:
        """Carry a decision over to new evidence."""
        first = self.decisions[ref]
        names = ("outcome", "decided_by", "role", "reason", "signature", "decided_at")
        kept = {name: getattr(first, name) for name in names}
        results = {"results": (a_result(headline="201 in 9 ms"),)} if first.results else {}
        given = {**kept, **results, "confirms": first.task_instance_id}
        return self.record(dag_id, ref, **{**given, **changes})

    def looked_again(self) -> Changing:
        """Look at every machine check again."""
        seen = Seen(dag_id="week_1", item_ref=TLS, text="words", owner=Role.CTO, headline="expired")
        look = VerifiedAgain(looked_at=NOON, still_true=3, no_longer_true=(seen,))
        number = self._number("look")
        self.entries.append(look.entry(LAUNCH, "go_no_go", f"verify_again/{number}", number))
        return self

    def again(self, dag_id: str, *refs: str) -> Changing:
        """Reopen items, record them anew, and seal their Dag."""
        self.reopened(dag_id, *refs)
        for ref in refs:
            self.record(dag_id, ref)
        self.seal(dag_id)
        return self


def amended() -> Story:
    """Ask one item otherwise, add one and drop one; the others count as they are."""
    story = Changing().run(*TO_GO[:3])
    tls, audit, readme = story.plan.items["week_1"]
    new = defined(an_item(HEADERS))
    story.versions[AUDIT] = {"checks": 2}
    late = story.latest[AUDIT]
    story.proposed()
    story.amended("week_1", (tls, defined(audit, checks=2), new), confirmed_by="carla.cto")
    # A worker that read the launch before decides by the earlier definition, of an item that is gone as well.
    story.keep(late.model_copy(update={"task_instance_id": "audit/late"}))
    story.keep(story.latest[readme.ref].model_copy(update={"task_instance_id": "readme/late"}))
    story.reopened("week_1", readme.ref, AUDIT)
    for ref in (AUDIT, HEADERS):
        story.record("week_1", ref, Outcome.NOT_REACHED)
    story.seal("week_1")
    story.confirmed("week_1", AUDIT)
    story.record("week_1", HEADERS)
    story.seal("week_1")
    return story.run("go_no_go", "t_0", "sign_off").ended("complete")


def other_settings() -> Story:
    """Change a variable of the environment: the items that use it get another definition."""
    story = Changing().run("week_1")
    domain = {"variable:domain": "shop.example.com"}
    (backup,) = story.plan.items["week_3_b"]
    story.versions[BACKUP] = domain
    changes = ({"where": "domain", "what": ["value"]},)
    given = {"environment_digest": OTHER_ENVIRONMENT, "changes": changes, "digest": DIGEST}
    story.amended("week_3_b", (defined(backup, **domain),), **given)
    return story.run("week_3_b", "week_3_a", "go_no_go")


def adopted() -> Story:
    """Let a launch of an earlier release take today's checklists; what was sealed is sealed again."""
    story = Changing(PLAN, environment_digest="").run("week_1")
    story.plan, story.digests = DEFINED, dict.fromkeys(DEFINED.items, AMENDED)
    story.amended("week_1", DEFINED.items["week_1"])
    story.again("week_1", TLS, AUDIT, README)
    return story.run("week_3_a", "week_3_b", "go_no_go", "t_0", "sign_off").ended("complete")


def retargeted() -> Story:
    """Repair the commit, and later move the time: exactly what rests on them is verified again."""
    story = Changing().run(*TO_GO[:3])
    story.retargeted().reopened("week_1", TLS, AUDIT)
    story.record("week_1", TLS)
    first = story.confirmed("week_1", AUDIT)
    story.seal("week_1")
    story.postponed(1)
    story.again("week_3_b", BACKUP)
    story.run("go_no_go")
    # A second confirmation confirms the first one; its worker is lost.
    story.retargeted("c" * 40, "1.2.2").reopened("week_1", TLS, AUDIT)
    story.record("week_1", TLS)
    second = story.confirmed("week_1", AUDIT)
    assert second.confirms == first.task_instance_id
    lost = {"task_instance_id": "audit/lost", "carried_from": second.task_instance_id}
    story.keep(second.model_copy(update=lost))
    story.seal("week_1")
    story.again("go_no_go", CTO)
    return story.run("t_0", "sign_off").ended("complete")


def held() -> Story:
    """Hold, resume and hold again; what has begun goes on, and a held launch may be aborted."""
    story = Changing().held().run("week_1")
    return story.resumed().held().run("week_3_a").aborted()


def no_longer_true() -> Story:
    """Find a check red before go, and once more after it, which takes the go back."""
    story = Changing().run(*TO_GO[:3])
    story.looked_again().reopened("week_1", TLS, cause=Cause.NO_LONGER_TRUE)
    story.record("week_1", TLS, Outcome.NOT_REACHED)
    story.seal("week_1")
    story.record("week_1", TLS)
    story.seal("week_1")
    story.run("go_no_go")
    story.reopened("week_1", TLS, cause=Cause.NO_LONGER_TRUE)
    story.reopened("go_no_go", CTO, PRODUCT, cause=Cause.GO_TAKEN_BACK)
    story.record("week_1", TLS)
    story.seal("week_1")
    return story.run("go_no_go", "t_0", "sign_off").ended("complete")


def set_aside_again() -> Story:
    """Carry over what was set aside as well."""
    story = Changing()
    story.run("week_1", tls=Outcome.WAIVED, audit=Outcome.NOT_APPLICABLE, readme=Outcome.NOT_MET)
    story.reopened("week_1", AUDIT, README)
    story.confirmed("week_1", AUDIT)
    story.confirmed("week_1", README)
    story.seal("week_1")
    return story.run("week_3_b")


SHAPES: dict[str, Callable[[], Story]] = {
    made.__name__: made
    for made in (amended, other_settings, adopted, retargeted, held, no_longer_true, set_aside_again)
}
"""Every way in which a launch is changed, each of them true."""
