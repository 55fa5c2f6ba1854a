"""Which families of figures a summary or report shows; the rows are kept whatever it leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maid_lab.services.settings import Settings

__all__ = ["Shown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown.

    Attributes
    ----------
    tables : bool
        The tables of the console at the end of a run.
    transactions, scenarios, status_codes, errors : bool
        Those families of figures; `errors` is about the console alone.
    granular : bool
        Lines by request name in the charts.
    """

    tables: bool = True
    transactions: bool = True
    scenarios: bool = True
    status_codes: bool = True
    errors: bool = True
    granular: bool = True

    @classmethod
    def of(cls, settings: Settings) -> Shown:
        """Return what the settings leave."""
        return cls(
            tables=not settings.no_print_metrics,
            transactions=not settings.no_transaction_metrics,
            scenarios=not settings.no_scenario_metrics,
            status_codes=not settings.no_status_codes,
            errors=not settings.no_error_summary,
            granular=not settings.no_granular_report,
        )

    def of_summary(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """Return a summary as JSON data without the families that are not shown."""
        left_out = {
            name
            for name, is_shown in (("transactions", self.transactions), ("scenarios", self.scenarios), ("status_codes", self.status_codes))
            if not is_shown
        }
        return {key: value for key, value in summary.items() if key not in left_out}
