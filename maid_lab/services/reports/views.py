"""What a report says beyond the run itself, when somebody asks for it: computed from the rows each time, never stored with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maid_lab.analysis.coordinated_omission_values import CoordinatedOmission
    from maid_lab.model.plan import Plan
    from maid_lab.services.reports.run_files import RunFiles

__all__ = ["DISABLED", "ViewChoice", "Views", "views_of"]

#: The word that asks for no view on coordinated omission.
DISABLED = "disabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewChoice:
    """Which views are asked for: `co_mitigation` is the cadence of the view on coordinated omission, or `disabled`."""

    co_mitigation: str = DISABLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """The views that were asked for; the others are None."""

    coordinated_omission: CoordinatedOmission | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the views that there are as JSON data, by their names."""
        return {} if self.coordinated_omission is None else {"coordinated_omission": self.coordinated_omission.to_json()}


def views_of(files: RunFiles, plan: Plan, choice: ViewChoice) -> Views:
    """Compute the views of a run.

    Raises
    ------
    InvalidInput
        If there is no such cadence.
    """
    if choice.co_mitigation == DISABLED:
        return Views()
    from maid_lab.analysis.coordinated_omission import coordinated_omission

    # Without a single iteration there is no file of them.
    iterations = files.requests.head(0) if files.iterations is None else files.iterations
    view = coordinated_omission(files.requests, iterations, plan=plan, mode=choice.co_mitigation, transactions=files.transactions)
    return Views(coordinated_omission=view)
