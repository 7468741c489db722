"""Sections and launches as people would meet them, for cards, modals and notes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from launch_pipeline.checklist.vocabulary import Answer, Mode, RequestKind, Role
from launch_pipeline.checks.verdict import CheckResult, Finding, Verdict
from launch_pipeline.ledger.schema import Outcome
from launch_pipeline.notifications.model import PersonView, PhaseNote, SetAside
from launch_pipeline.slack.messages.views import (
    ChangeView,
    HoldView,
    ItemView,
    LaunchView,
    LookView,
    PhaseLine,
    PhaseState,
    Regression,
    SectionView,
    SeenView,
)

AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
AIRFLOW = "https://airflow.example.org/dags/week_1/runs/shop-2.4.0"
ADA = PersonView(name="Ada Lindqvist", slack_id="U0LAUNCH01")
BO = PersonView(name="Bo Sato", slack_id="U0LAUNCH12")
SVEN = PersonView(name="Sven Okafor", slack_id="U0LAUNCH05")
SELMA = PersonView(name="Selma Duarte", slack_id="U0LAUNCH11")
PRIYA = PersonView(name="Priya Raman", slack_id="U0LAUNCH02")
OMAR = PersonView(name="Omar Haddad", slack_id="U0LAUNCH03")
ELIAS = PersonView(name="Elias Brandt", slack_id="U0LAUNCH15")
CARLA = PersonView(name="Carla Mendes", slack_id="U0LAUNCH04")
ALL = (Answer.APPROVE, Answer.RECHECK, Answer.WAIVE, Answer.NOT_APPLICABLE, Answer.REJECT)
NO_APPROVAL = ALL[1:]


def item(number: int, text: str, **fields: Any) -> ItemView:
    """Build an item of Code Quality that has not started, unless told otherwise."""
    given: dict[str, Any] = {
        "ref": f"pre_launch.code_quality.item_{number}",
        "text": text,
        "task_id": f"code_quality.item_{number}",
        "dag_id": "week_1_pre_launch_requirements",
        "task_instance_id": f"0195f0c1-0000-7000-8000-{number:012d}",
        "try_number": 1,
        "state": None,
        "owner": Role.TECHNICAL_LEAD,
        "may_answer": (ADA, BO),
        "may_waive": (CARLA, ELIAS),
        "mode": Mode.CHECK_AND_APPROVAL,
        "options": ALL,
        "url": f"{AIRFLOW}/tasks/item_{number}",
    }
    return ItemView(**given | fields)


def asking(number: int, text: str, **fields: Any) -> ItemView:
    """Build an item whose request is open."""
    return item(number, text, **{"state": "awaiting_input", "waits": True, "since": AT} | fields)


def done(number: int, text: str, outcome: Outcome = Outcome.PASSED, **fields: Any) -> ItemView:
    """Build an item with an outcome."""
    return item(number, text, **{"state": "success", "outcome": outcome} | fields)


def result(kind: str, verdict: Verdict, headline: str, *findings: Finding) -> CheckResult:
    """Build what one check saw."""
    return CheckResult(
        kind=kind, params={}, authority="github.example.org", verdict=verdict, headline=headline,
        findings=findings, started_at=AT, duration_ms=120, attempts=1,
    )  # fmt: skip


COVERAGE = result(
    "report",
    Verdict.FAILED,
    "coverage 78.4 %, wanted 80 % or more",
    Finding(subject="coverage.xml", expression="line_rate", wanted=">= 0.8", actual=0.784, holds=False),
)
BUILD = result("http_request", Verdict.PASSED, "the build of 1f3c9ab is green: 1 482 tests in 6 min")


def section(**fields: Any) -> SectionView:
    """Code Quality in the middle of its life."""
    items = (
        done(1, "All services pass linting"),
        asking(2, "Test coverage ≥80%", mode=Mode.CHECK, options=NO_APPROVAL, state="deferred",
               verdict=Verdict.FAILED, headline=COVERAGE.headline, results=(COVERAGE,),
               repair="Add tests for what is not covered; the check repeats by itself."),
        asking(3, "Code review completed for all changes", verdict=Verdict.PASSED, headline=BUILD.headline,
               results=(BUILD,), question="Were all changes of this release reviewed by a second person?"),
        asking(4, "No critical TODOs in production code", owner=Role.SECURITY_LEAD, may_answer=(SVEN, SELMA)),
        done(5, "Dependencies up to date", Outcome.WAIVED, decided_by="Ada Lindqvist",
             reason="lands next week"),
        item(6, "Error handling implemented", state="deferred"),
        item(7, "Logging implemented"),
    )  # fmt: skip
    given: dict[str, Any] = {
        "launch_id": "shop-2.4.0",
        "dag_id": "week_1_pre_launch_requirements",
        "section_id": "code_quality",
        "rehearsal": True,
        "phase_title": "Pre-Launch Requirements (Week 1)",
        "section_title": "Code Quality",
        "items": items,
        "url": AIRFLOW,
    }
    return SectionView(**given | fields)


ASIDE = (
    SetAside(text="Dependencies up to date", outcome=Outcome.WAIVED, by="Ada Lindqvist",
             reason="the last one lands next week, tracked in SHOP-812"),
    SetAside(text="p95 latency <500ms", outcome=Outcome.NOT_MET, by="Omar Haddad",
             reason="540 ms at night only"),
)  # fmt: skip


def voices(style: RequestKind) -> tuple[ItemView, ...]:
    """Four roles, two of which have said yes."""
    words = (Answer.GO, Answer.NO_GO) if style is RequestKind.DECISION else (Answer.SIGN, Answer.DECLINE)
    fixed = {"mode": Mode.APPROVAL, "gate": style, "options": words, "dag_id": "go_no_go"}
    yes = {"decided_at": AT + timedelta(minutes=4)}
    return (
        done(1, "Technical Lead", Outcome.APPROVED, decided_by="Ada Lindqvist", **fixed, **yes),
        asking(2, "Product Manager", owner=Role.PRODUCT_MANAGER, may_answer=(PRIYA,), **fixed,
               question="Is this the product that was promised?"),
        done(3, "Operations Lead", Outcome.APPROVED, owner=Role.OPERATIONS_LEAD, decided_by="Omar Haddad",
             **fixed, **yes),
        asking(4, "CTO", owner=Role.CTO, may_answer=(CARLA,), question="Do you accept the risk?", **fixed),
    )  # fmt: skip


def go_no_go(style: RequestKind = RequestKind.DECISION) -> SectionView:
    """Go/no-go, or the sign-off, half way."""
    title = "Go / No-Go" if style is RequestKind.DECISION else "Sign-Off"
    return section(
        dag_id="go_no_go", section_id="go_no_go", phase_title="Launch Day", section_title=title,
        items=voices(style), set_aside=ASIDE, rehearsal=False,
    )  # fmt: skip


LOOK = LookView(
    looked_at=AT,
    still_true=211,
    no_longer_true=(
        SeenView(text="All replicas are ready", headline="2 of 3 replicas are ready",
                 role="Infrastructure Lead", people=(ELIAS,)),
        SeenView(text="Backups are restorable", headline="no restore within 24 h", role="Operations Lead",
                 people=(OMAR,), healed=True),
    ),
    not_looked_at=(
        SeenView(text="Status page is up", headline="the page does not answer (503)", role="Product Manager",
                 people=(PRIYA,)),
    ),
)  # fmt: skip
RED = Regression(text="All replicas are ready", why="2 of 3 replicas are ready", role="Infrastructure Lead",
                 people=(ELIAS, BO), since=AT, url=AIRFLOW)  # fmt: skip
CHANGES = (
    ChangeView(what="Postponed", details=("2026-03-22 09:15 UTC → 2026-03-23 09:15 UTC",), by="Priya Raman",
               reason="the payment provider has a window", at=AT),
    ChangeView(what="Retargeted", details=("Commit 1f3c9ab0d2e1 → 77aa01c9be42",), by="Ada Lindqvist",
               reason="the login loop is repaired", at=AT + timedelta(days=2)),
)  # fmt: skip


def changed_go_no_go() -> SectionView:
    """Go/no-go of a launch that was changed, and of which something is no longer true."""
    changed = {"regressions": (RED,), "look": LOOK, "changes": CHANGES}
    return go_no_go().model_copy(update=changed)


def held_launch() -> LaunchView:
    """Build a launch that is on hold while something of it is verified again."""
    week = PhaseLine(title="Pre-Launch Requirements (Week 1)", state=PhaseState.RUNNING, done=36, total=39,
                     again=3)  # fmt: skip
    return launch().model_copy(
        update={
            "hold": HoldView(since=AT, by="Priya Raman", reason="the CDN's incident is not over"),
            "regressions": (RED,),
            "look": LOOK,
            "release_sha": "77aa01c9be42" + "0" * 28,
            "can_be_held": True,
            "phases": (week, *launch().phases[1:]),
        }
    )


def launch() -> LaunchView:
    """Build a launch in its first week."""
    return LaunchView(
        launch_id="shop-2.4.0",
        release="Shop 2.4.0",
        environment="production",
        rehearsal=True,
        launch_time=AT + timedelta(days=20),
        triggered_by="Priya Raman",
        phases=(
            PhaseLine(title="Pre-Launch Requirements (Week 1)", state=PhaseState.WAITING, done=31, total=39),
            PhaseLine(title="Infrastructure Setup (Week 2)", state=PhaseState.NOT_STARTED, total=37),
        ),
        url=AIRFLOW,
    )


def phase_note(**fields: Any) -> PhaseNote:
    """Build the note of a phase that failed."""
    given: dict[str, Any] = {
        "key": "shop-2.4.0/week_1/1",
        "launch_id": "shop-2.4.0",
        "rehearsal": True,
        "phase_title": "Pre-Launch Requirements (Week 1)",
        "complete": False,
        "counts": {Outcome.PASSED: 30, Outcome.APPROVED: 6, Outcome.WAIVED: 1, Outcome.REJECTED: 1},
        "waivers": ASIDE[:1],
        "failing": (
            SetAside(text="Test coverage ≥80%", outcome=Outcome.REJECTED, by="Ada Lindqvist",
                     reason="coverage fell by 4 %", headline=COVERAGE.headline,
                     url=f"{AIRFLOW}/tasks/item_2"),
        ),
        "bypasses": ("Logging implemented",),
        "problems": ("1 item was rejected", "1 item is green without a record"),
        "url": AIRFLOW,
    }  # fmt: skip
    return PhaseNote(**given | fields)
