"""The closed vocabularies that checklists, code and records share (design, section 1)."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How an item is decided."""

    CHECK = "check"
    CHECK_AND_APPROVAL = "check+approval"
    APPROVAL = "approval"

    @property
    def has_checks(self) -> bool:
        """Return whether checks run first."""
        return self is not Mode.APPROVAL

    @property
    def needs_person(self) -> bool:
        """Return whether a person must answer."""
        return self is not Mode.CHECK


class RequestKind(StrEnum):
    """What a person is asked for: an item's approval, a go/no-go decision or a signature."""

    APPROVAL = "approval"
    DECISION = "decision"
    SIGNATURE = "signature"


class Severity(StrEnum):
    """Whether a rejected item blocks its phase."""

    BLOCKING = "blocking"
    ADVISORY = "advisory"


class Role(StrEnum):
    """Owner of an item. The document names all but ``qa_lead`` (research, section 4.3)."""

    TECHNICAL_LEAD = "technical_lead"
    PRODUCT_MANAGER = "product_manager"
    OPERATIONS_LEAD = "operations_lead"
    CTO = "cto"
    SECURITY_LEAD = "security_lead"
    DATABASE_ADMIN = "database_admin"
    INFRASTRUCTURE_LEAD = "infrastructure_lead"
    ON_CALL_ENGINEER = "on_call_engineer"
    QA_LEAD = "qa_lead"
    KUBERNETES_ADMIN = "kubernetes_admin"
    NETWORK_ADMIN = "network_admin"
    SECURITY_OFFICER = "security_officer"

    @property
    def label(self) -> str:
        """Return the role as the document writes it."""
        special = {Role.CTO: "CTO / Engineering Director", Role.QA_LEAD: "QA Lead"}
        return special.get(self, self.value.replace("_", " ").title().replace("On Call", "On-Call"))


class SideEffect(StrEnum):
    """Side effects of a check; such checks never repeat automatically."""

    CANARY_DATA = "writes canary data"
    BURST = "sends a request burst"
    LOAD = "generates load"
    PAGES = "pages the on-call"


class TrueUntil(StrEnum):
    """When an item's checks need not hold any more; without it that is when T+4h is sealed."""

    LAUNCH_TIME = "launch_time"
    """At T-0: from then on the watch does not look at the item."""
    SEALED = "sealed"
    """When its phase is sealed: neither go/no-go nor the watch looks at the item again."""


class Answer(StrEnum):
    """Answers of a person, as options of the request."""

    APPROVE = "Approve"
    WAIVE = "Waive"
    NOT_APPLICABLE = "Not applicable"
    REJECT = "Reject"
    RECHECK = "Re-check"
    GO = "Go"
    NO_GO = "No go"
    SIGN = "Sign"
    DECLINE = "Decline"

    @property
    def affirms(self) -> bool:
        """Return whether the answer is a yes."""
        return self in {Answer.APPROVE, Answer.GO, Answer.SIGN}

    @property
    def denies(self) -> bool:
        """Return whether the answer is a no."""
        return self in {Answer.REJECT, Answer.NO_GO, Answer.DECLINE}

    @property
    def sets_aside(self) -> bool:
        """Whether this answer lets an item pass without a yes."""
        return self in {Answer.WAIVE, Answer.NOT_APPLICABLE}

    @property
    def needs_reason(self) -> bool:
        """Return whether the answer needs a reason."""
        return self.denies or self.sets_aside


class Anchor(StrEnum):
    """Start of the offset of a window."""

    LAUNCH_TIME = "launch_time"
    T_0_END = "launch_time_or_t_0_end"
    """The later of the launch time and the end of T-0."""
