"""What a report says beyond the run itself, when somebody asks for it: computed from the rows each time, never stored with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from maid_lab.services.reports.pdf import Printing
from maid_lab.services.reports.shown import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maid_lab.analysis.comparison import Side
    from maid_lab.analysis.comparison_values import Comparison
    from maid_lab.analysis.coordinated_omission_values import CoordinatedOmission
    from maid_lab.model.plan import Plan
    from maid_lab.services.reports.run_files import RunFiles

__all__ = ["DISABLED", "ViewChoice", "Views", "run_label", "side_of", "views_of"]

#: The word that asks for no view on coordinated omission.
DISABLED = "disabled"


_ALL: Final = Shown()
_PRINTING: Final = Printing()

#: The end of an id is random and enough to name a run.
_ID_SHOWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewChoice:
    """Which views are asked for.

    Attributes
    ----------
    co_mitigation : str
        Cadence of the view on coordinated omission, or `disabled`.
    baseline : Side or None
        What the run is compared with.
    shown : Shown
        Which families of figures are shown.
    printing : Printing
        How PDF reports are printed.
    """

    co_mitigation: str = DISABLED
    baseline: Side | None = None
    shown: Shown = _ALL
    printing: Printing = _PRINTING


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """The views that were asked for; the others are None."""

    coordinated_omission: CoordinatedOmission | None = None
    comparison: Comparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the views that there are as JSON data, by their names."""
        views = {"coordinated_omission": self.coordinated_omission, "comparison": self.comparison}
        return {name: view.to_json() for name, view in views.items() if view is not None}


def run_label(run: Mapping[str, Any]) -> str:
    """Return what a run is called beside another one, from its columns."""
    return f"{run.get('name') or 'run'} ({str(run.get('id', ''))[-_ID_SHOWN:]})"


def side_of(files: RunFiles, plan: Plan, summary: Mapping[str, Any], *, label: str) -> Side:
    """Return a run with rows as one side of a comparison.

    Parameters
    ----------
    summary : mapping
        Its summary as JSON data.
    """
    from maid_lab.analysis.comparison import Side

    frames = {"request": files.requests, "transaction": files.transactions, "scenario": files.iterations}
    return Side(
        label=label,
        summary=summary,
        plan=plan,
        frames={table: frame for table, frame in frames.items() if frame is not None},
        generator_bound=bool(summary["generator"].get("is_bound")),
    )


def views_of(files: RunFiles, plan: Plan, choice: ViewChoice, *, summary: Mapping[str, Any], label: str = "this run") -> Views:
    """Compute the views of a run.

    Parameters
    ----------
    summary : mapping
        Its summary as JSON data.
    label : str
        What it is called beside its baseline.

    Raises
    ------
    InvalidInput
        If there is no such cadence.
    """
    return Views(
        coordinated_omission=_omission(files, plan, choice.co_mitigation),
        comparison=_comparison(files, plan, choice.baseline, summary, label),
    )


def _comparison(files: RunFiles, plan: Plan, baseline: Side | None, summary: Mapping[str, Any], label: str) -> Comparison | None:
    if baseline is None:
        return None
    from maid_lab.analysis.comparison import compare

    return compare(baseline, side_of(files, plan, summary, label=label))


def _omission(files: RunFiles, plan: Plan, mode: str) -> CoordinatedOmission | None:
    if mode == DISABLED:
        return None
    from maid_lab.analysis.coordinated_omission import coordinated_omission

    # Without a single iteration there is no file of them.
    iterations = files.requests.head(0) if files.iterations is None else files.iterations
    return coordinated_omission(files.requests, iterations, plan=plan, mode=mode, transactions=files.transactions)
