"""The closed sets of words that checklists, code and records share (design, section 1)."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How an item is decided."""

    CHECK = "check"
    CHECK_AND_APPROVAL = "check+approval"
    APPROVAL = "approval"

    @property
    def has_checks(self) -> bool:
        """Whether the machine looks first."""
        return self is not Mode.APPROVAL

    @property
    def needs_person(self) -> bool:
        """Whether a passing check is not enough."""
        return self is not Mode.CHECK


class RequestKind(StrEnum):
    """What a person is asked for: an item's approval, a go/no-go decision or a signature."""

    APPROVAL = "approval"
    DECISION = "decision"
    SIGNATURE = "signature"


class Severity(StrEnum):
    """Whether a rejected item closes the phase."""

    BLOCKING = "blocking"
    ADVISORY = "advisory"


class Role(StrEnum):
    """Who owns an item. The document names all but ``qa_lead`` (research, section 4.3)."""

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
        """The role as the document writes it."""
        special = {Role.CTO: "CTO / Engineering Director", Role.QA_LEAD: "QA Lead"}
        return special.get(self, self.value.replace("_", " ").title().replace("On Call", "On-Call"))


class SideEffect(StrEnum):
    """What a check does besides looking; such checks never repeat by themselves."""

    CANARY_DATA = "writes canary data"
    BURST = "sends a request burst"
    LOAD = "generates load"
    PAGES = "pages the on-call"


class Answer(StrEnum):
    """A person's answers, as options of the request."""

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
        """Whether this answer says yes to what was asked."""
        return self in {Answer.APPROVE, Answer.GO, Answer.SIGN}

    @property
    def denies(self) -> bool:
        """Whether this answer says no."""
        return self in {Answer.REJECT, Answer.NO_GO, Answer.DECLINE}

    @property
    def sets_aside(self) -> bool:
        """Whether this answer lets an item pass without a yes."""
        return self in {Answer.WAIVE, Answer.NOT_APPLICABLE}

    @property
    def needs_reason(self) -> bool:
        """Whether it counts only with a reason."""
        return self.denies or self.sets_aside


class Anchor(StrEnum):
    """What a window is counted from."""

    LAUNCH_TIME = "launch_time"
    T_0_END = "launch_time_or_t_0_end"
    """The later of the launch time and the end of T-0."""
