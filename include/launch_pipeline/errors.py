"""Define every error of the project, in one tree.

::

    LaunchError
    ├── ConfigurationError        a file or setting is wrong; names file, place, value and fix
    │   └── ChecklistError        ... in a checklist; names the item as well
    ├── InvalidChecklist          everything that is wrong with one file, as ChecklistErrors
    ├── Inconclusive              a check got no result; never a pass, so a person is asked
    │   ├── NotConnected          a connection or variable is not configured
    │   └── Unreachable           the authority did not answer; the check may be repeated
    ├── AnswerRefused             a person's answer does not count
    ├── LaunchRefused             a launch may not start, move or go on
    │   ├── PhaseReopened         ... while an earlier phase is verified again; the caller waits
    │   └── ChangeForbidden       ... by this person, who may not change it in this way
    ├── LedgerError               the ledger contradicts the request
    │   └── LedgerUnavailable     the ledger cannot be reached; the caller keeps its data and retries
    └── OperationError            running the stack failed (port, disk, component, REST)

Each message says what is wrong, where, and how to fix it.
"""

from __future__ import annotations

from dataclasses import dataclass


class LaunchError(Exception):
    """The base of every error that this project raises on purpose."""


@dataclass(eq=False)
class ConfigurationError(LaunchError):
    """A file or a setting is wrong."""

    source: str
    """The file or setting, by the name a person would look for."""
    place: str
    """The place in it as a dotted path; an empty string for the whole."""
    problem: str
    """The problem, with the offending value."""
    fix: str
    """The text or value to write instead."""

    def __str__(self) -> str:
        """Render source, place, problem and fix on one line."""
        where = f"{self.source}: {self.place}" if self.place else self.source
        return f"{where}: {self.problem} Fix: {self.fix}"


class ChecklistError(ConfigurationError):
    """A checklist is wrong; ``place`` names the item."""


@dataclass(eq=False)
class InvalidChecklist(LaunchError):
    """Everything that is wrong with one checklist file."""

    problems: tuple[ChecklistError, ...]

    def __str__(self) -> str:
        """Render one line per problem."""
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(eq=False)
class Inconclusive(LaunchError):
    """A check got no result: the verdict is ``inconclusive`` and a person is asked."""

    reason: str
    """A headline that a person can act on, without secrets."""
    retryable: bool = False
    """Whether another attempt within the same run of the check may help."""
    retry_after: float | None = None
    """The seconds that the authority asked us to wait, if any."""

    def __str__(self) -> str:
        """Render the reason."""
        return self.reason


class NotConnected(Inconclusive):
    """A connection or a variable that the check needs is not configured."""


class Unreachable(Inconclusive):
    """The authority did not answer, or not in time."""


@dataclass(eq=False)
class AnswerRefused(LaunchError):
    """A person's answer does not count, and the request stays open."""

    code: str
    """A short, stable word for logs and tests, e.g. ``not_your_role``."""
    reason: str
    """A sentence for the person who answered."""

    def __str__(self) -> str:
        """Render the sentence for the person who answered."""
        return self.reason


class LaunchRefused(LaunchError):
    """A launch may not start, move or go on."""


class PhaseReopened(LaunchRefused):
    """A step may not begin while an earlier phase is verified again; it passes by itself."""


class ChangeForbidden(LaunchRefused):
    """A person may not change a launch in the way that they ask for; the sentence says who may."""

    def __init__(self, sentence: str, code: str = "not_yours") -> None:
        super().__init__(sentence)
        self.code = code
        """A short, stable word for clients and tests."""


class LedgerError(LaunchError):
    """The ledger contradicts the request."""


class LedgerUnavailable(LedgerError):
    """The ledger cannot be reached; the caller keeps its data and tries again."""


class OperationError(LaunchError):
    """Starting, stopping or talking to the stack failed."""
