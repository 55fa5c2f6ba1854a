"""Two runs compared: the one way for the command line and the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from maid_lab.services.baselines import find_run_side, find_side

if TYPE_CHECKING:
    from maid_lab.analysis.comparison_values import Comparison
    from maid_lab.services.history import History

__all__ = ["compare_references", "compare_runs"]


async def compare_references(history: History, baseline: str, candidate: str) -> Comparison:
    """Compare two sides, each a JSON report by its path, a run or a tag; see `baselines.find_side`."""
    from maid_lab.analysis.comparison import compare

    sides = [await find_side(history, reference) for reference in (baseline, candidate)]
    return await asyncio.to_thread(compare, *sides)


async def compare_runs(history: History, baseline: str, candidate: str) -> Comparison:
    """Compare two runs, each by id, `last` or tag: for callers who may not name files of this machine.

    Raises
    ------
    InvalidInput
        If a run has not ended or has no summary.
    Missing
        If there is no such run or tag.
    """
    from maid_lab.analysis.comparison import compare

    sides = [await find_run_side(history, reference) for reference in (baseline, candidate)]
    return await asyncio.to_thread(compare, *sides)
