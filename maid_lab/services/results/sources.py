"""Where the answers about a run come from: its record, plan and rows, finished or as far as they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maid_lab.model.errors import InvalidInput, Missing
from maid_lab.model.states import FINAL_STATES
from maid_lab.services.rows import rows_of_run
from maid_lab.store.folders import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from maid_lab.model.plan import Plan
    from maid_lab.model.run_record import RunRecord

__all__ = ["RunSource", "named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSource:
    """A run that can be asked.

    Attributes
    ----------
    record : RunRecord
        From its folder, which is the truth, also while it runs.
    """

    home: Path
    record: RunRecord

    @classmethod
    def of(cls, home: Path, run_id: str) -> RunSource:
        """Return the source for a whole run id.

        Raises
        ------
        Missing
            If there is no such run.
        """
        record = RunFolder(home, run_id).read_record()
        if record is None:
            raise Missing(f"there is no run {run_id}.", hint="maid history lists runs.")
        return cls(home=home, record=record)

    @property
    def is_final(self) -> bool:
        """Whether it has ended, so that nothing about it changes any more."""
        return self.record.status in FINAL_STATES

    @property
    def folder(self) -> RunFolder:
        """Its folder."""
        return RunFolder(self.home, self.record.id)

    @property
    def plan(self) -> Plan:
        """What it was to do."""
        return self.folder.read_plan()

    def rows(self, kind: str = "requests") -> pl.LazyFrame:
        """Return its rows; see `services.rows.rows_of_run`."""
        return rows_of_run(self.home, self.record.id, kind)

    def told(self, plan: Plan | None = None) -> dict[str, Any]:
        """Return what every answer begins with: which run, whether it is over, which time its latency is."""
        from maid_lab.analysis.times import default_latency

        latency = {} if plan is None else {"latency": default_latency(plan)}
        return {"run_id": self.record.id, "status": str(self.record.status), "is_final": self.is_final, **latency}


def named(rows: pl.LazyFrame, name: str | None, *, run_id: str) -> pl.LazyFrame:
    """Return the rows of one request name, all of them for None.

    Raises
    ------
    InvalidInput
        If no row has the name; lists those that there are.
    """
    import polars as pl

    if name is None:
        return rows
    there = rows.select(pl.col("name").unique()).collect()["name"].cast(pl.String).drop_nulls().sort().to_list()
    if name not in there:
        some = ", ".join(there[:20]) or "none"
        raise InvalidInput(f"run {run_id} has no request named {name[:200]!r}.", hint=f"Its names: {some}.")
    return rows.filter(pl.col("name").cast(pl.String) == name)
