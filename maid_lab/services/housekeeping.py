"""The history held within the bounds that the settings draw, after each run and whenever the program is opened."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maid_lab.model.errors import MaidError
from maid_lab.services.access.principal import LOCAL
from maid_lab.services.catalogue import opened
from maid_lab.store.folders import run_folders

if TYPE_CHECKING:
    from maid_lab.services.settings import Settings

__all__ = ["keep_bounds", "trim_history"]

log = logging.getLogger(__name__)


def keep_bounds(home: Path, settings: Settings) -> Sequence[str]:
    """Trim the history as the settings say; what cannot be done now is done after the next run or at the next opening.

    Returns
    -------
    sequence of str
        Ids of the runs that were removed, oldest first.
    """
    try:
        return trim_history(home, max_history=settings.max_history, max_history_bytes=settings.max_history_bytes)
    except (MaidError, OSError) as error:
        log.warning("the history could not be trimmed: %s", error)
        return []


def trim_history(home: Path, *, max_history: int, max_history_bytes: int) -> Sequence[str]:
    """Remove the oldest runs beyond both bounds and return their ids, oldest first.

    Pinned runs, the one under way and the newest are never removed. Cheap when there is nothing to do: no catalogue is opened.

    Parameters
    ----------
    home : Path
        The home folder.
    max_history : int
        Runs that are kept; 0 keeps all.
    max_history_bytes : int
        Bytes of all run folders together that are kept; 0 keeps all.

    Raises
    ------
    Conflict
        If another process holds the catalogue for longer than some seconds.
    EngineFailure
        If the catalogue cannot be opened.
    """
    folders = list(run_folders(home))
    too_many = 0 < max_history < len(folders)
    if not too_many and not (0 < max_history_bytes < sum(folder.size() for folder in folders)):
        return []
    from maid_lab.services.audit.log import AuditLog

    bounds = {"max_history": max_history, "max_history_bytes": max_history_bytes}
    AuditLog(home).write(LOCAL, "store.trim", "history", bounds)
    with opened(home) as store:
        removed = store.trim(max_history=max_history or None, max_history_bytes=max_history_bytes or None)
    for run_id in removed:
        log.info("run %s was removed: max_history is %d, max_history_bytes %d", run_id, max_history, max_history_bytes)
    return removed
