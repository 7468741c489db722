"""Every error of the project, in one tree.

::

    LaunchError
    ├── ConfigurationError        a file or setting is wrong; names file, place, value and fix
    │   └── ChecklistError        ... in a checklist; names the item as well
    ├── InvalidChecklist          all that is wrong with one file, as ChecklistErrors
    ├── Inconclusive              a check could not find out; never a pass, becomes a question
    │   ├── NotConnected          no connection or variable of that name
    │   └── Unreachable           the authority did not answer; worth another attempt
    ├── AnswerRefused             a person's answer does not count; says why
    ├── LaunchRefused             a launch may not start, move or go on; says why
    ├── LedgerError               the ledger contradicts what is asked of it
    │   └── LedgerUnavailable     the ledger cannot be reached; the caller keeps what it has
    └── OperationError            running the stack failed (port, disk, component, REST)

Each message says what is wrong, where, and what to do about it.
"""

from __future__ import annotations

from dataclasses import dataclass


class LaunchError(Exception):
    """Base of everything this project raises on purpose."""


@dataclass(eq=False)
class ConfigurationError(LaunchError):
    """A file or a setting is wrong."""

    source: str
    """The file or setting, as a person would look for it."""
    place: str
    """Where in it: a dotted path, or an empty string for the whole."""
    problem: str
    """What is wrong, with the offending value."""
    fix: str
    """What to write instead."""

    def __str__(self) -> str:
        """Render one line: source, place, problem, fix."""
        where = f"{self.source}: {self.place}" if self.place else self.source
        return f"{where}: {self.problem} Fix: {self.fix}"


class ChecklistError(ConfigurationError):
    """A checklist is wrong; ``place`` names the item."""


@dataclass(eq=False)
class InvalidChecklist(LaunchError):
    """All that is wrong with one checklist file."""

    problems: tuple[ChecklistError, ...]

    def __str__(self) -> str:
        """Render one line per problem."""
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(eq=False)
class Inconclusive(LaunchError):
    """A check could not find out. The verdict is ``inconclusive`` and a person is asked."""

    reason: str
    """One headline a person can act on, without secrets."""
    retryable: bool = False
    """Whether asking again may help within the same run of the check."""
    retry_after: float | None = None
    """Seconds the authority asked us to wait, if it did."""

    def __str__(self) -> str:
        """Render the reason."""
        return self.reason


class NotConnected(Inconclusive):
    """A connection or a variable that the check needs is not configured."""


class Unreachable(Inconclusive):
    """The authority did not answer, or not in time."""


@dataclass(eq=False)
class AnswerRefused(LaunchError):
    """A person's answer does not count; the request stays open."""

    code: str
    """Short stable word for logs and tests, e.g. ``not_your_role``."""
    reason: str
    """One sentence for the person who answered."""

    def __str__(self) -> str:
        """Render the sentence for the person."""
        return self.reason


class LaunchRefused(LaunchError):
    """A launch may not start, move or go on."""


class LedgerError(LaunchError):
    """The ledger contradicts what is asked of it."""


class LedgerUnavailable(LedgerError):
    """The ledger cannot be reached now; the caller keeps what it has and tries again."""


class OperationError(LaunchError):
    """Starting, stopping or talking to the stack failed."""
