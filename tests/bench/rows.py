"""One line of the result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """A measurement, alone or as a ratio to a comparison made in the same run."""

    what: str
    seconds: float
    against: str = ""
    other: float = 0.0
    budget: float = 0.0
    """Of the ratio where there is a comparison, else of the seconds; 0: for information."""
    unit: str = "s"
    """Of what was measured and compared; for the few that count something else than seconds."""

    @property
    def ratio(self) -> float | None:
        return self.seconds / self.other if self.other else None

    @property
    def kept(self) -> bool:
        value = self.seconds if self.ratio is None else self.ratio
        return not self.budget or value <= self.budget

    def cells(self) -> list[str]:
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        compared = f"{self.against} {self.other:.2f} {self.unit}" if self.against else ""
        budget = f"≤ {self.budget:.2f}" + ("" if self.other else f" {self.unit}") if self.budget else ""
        verdict = ("[green]kept[/]" if self.kept else "[red]exceeded[/]") if self.budget else ""
        return [self.what, f"{self.seconds:.3f} {self.unit}", compared, ratio, budget, verdict]

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "kept": self.kept}
