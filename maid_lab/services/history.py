"""The history: what ran, and the care of the catalogue. Each call opens the catalogue for a moment and lets go of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import Conflict, InvalidInput
from maid_lab.model.states import FINAL_STATES
from maid_lab.services.access.principal import LOCAL, Principal, Scope
from maid_lab.services.catalogue import opened
from maid_lab.store.folders import RunFolder, run_folders
from maid_lab.store.slot import RunSlot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maid_lab.model.plan import Plan
    from maid_lab.model.run_record import RunRecord
    from maid_lab.services.access.principal import LOCAL, Principal
    from maid_lab.store.history_pages import HistoryPage, RunFilter
    from maid_lab.store.store import Store

__all__ = ["History", "backup_store", "check_store", "rebuild_store"]

_LONGEST: Final = {"name": 200, "notes": 20_000}
_MOST_TAGS: Final = 50
_LONGEST_TAG: Final = 100


class History:
    """Finds runs.

    Parameters
    ----------
    home : Path
        The home folder.
    """

    def __init__(self, home: Path) -> None:
        self._home = home

    async def recent(self, *, recipe: str | None = None, tag: str | None = None, limit: int = 20) -> list[RunRecord]:
        """Return the newest runs, newest first."""
        return await asyncio.to_thread(self._recent, recipe, tag, limit)

    async def find(self, reference: str) -> RunRecord:
        """Return the run for an id, a part of one that is unique, or `last`.

        Raises
        ------
        Missing
            If there is none, or several; names them.
        """
        return await asyncio.to_thread(self._find, reference)

    async def page(self, chosen: RunFilter, *, sort: str = "-created_at", limit: int = 50, cursor: str | None = None) -> HistoryPage:
        """Return one page of the history; see `store.history_pages.HistoryPages.page`.

        Raises
        ------
        InvalidInput
            If the order, the limit or the cursor is none.
        """
        return await asyncio.to_thread(self._page, chosen, sort, limit, cursor)

    async def annotate(
        self,
        run_id: str,
        *,
        principal: Principal,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        notes: str | None = None,
        pinned: bool | None = None,
    ) -> RunRecord:
        """Change what people say of a run, also of one that is under way, and return its record; None leaves a thing as it is.

        Raises
        ------
        InvalidInput
            If a text is too long or a tag is empty.
        Missing
            If there is no such run.
        Refused
            Without the scope to write, or when the run belongs to somebody else.
        """
        changes = _annotations({"name": name, "tags": tags, "notes": notes, "pinned": pinned})
        return await asyncio.to_thread(self._annotate, run_id, principal, changes)

    async def delete(self, run_id: str, *, principal: Principal) -> RunRecord:
        """Remove a run with its rows, for ever, and return what its record was.

        Raises
        ------
        Conflict
            If it is pinned or has not ended.
        Missing
            If there is no such run.
        Refused
            Without the scope to write, or when the run belongs to somebody else.
        """
        return await asyncio.to_thread(self._delete, run_id, principal)

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return RunFolder(self._home, run_id).path

    def plan(self, run_id: str) -> Plan:
        """Return the plan that a run ran.

        Raises
        ------
        Missing
            If its folder has none.
        """
        return RunFolder(self._home, run_id).read_plan()

    def _recent(self, recipe: str | None, tag: str | None, limit: int) -> list[RunRecord]:
        with opened(self._home) as store:
            self._list_running(store)
            return list(store.runs.list(recipe=recipe, tag=tag, limit=limit))

    def _find(self, reference: str) -> RunRecord:
        with opened(self._home) as store:
            self._list_running(store)
            return store.runs.get(reference)

    def _page(self, chosen: RunFilter, sort: str, limit: int, cursor: str | None) -> HistoryPage:
        with opened(self._home) as store:
            self._list_running(store)
            return store.pages.page(chosen, sort=sort, limit=limit, cursor=cursor)

    def _annotate(self, run_id: str, principal: Principal, changes: dict[str, Any]) -> RunRecord:
        with opened(self._home) as store:
            self._list_running(store)
            record = _own(store.runs.get(run_id), principal)
            if not changes:
                return record
            if record.status not in FINAL_STATES:
                # The folder knows more of a run that is under way than the catalogue does.
                record = RunFolder(self._home, record.id).read_record() or record
                store.folder(record.id).write_record(changed := record.changed(**changes))
                store.runs.save(changed)
                return changed
            return store.annotate(record.id, **changes)

    def _delete(self, run_id: str, principal: Principal) -> RunRecord:
        from maid_lab.store.trimming import remove_run

        with opened(self._home) as store:
            self._list_running(store)
            record = _own(store.runs.get(run_id), principal)
            if record.pinned:
                raise Conflict(f"run {record.id} is pinned.", hint="Unpin it first.")
            holder = (RunSlot.holder(self._home) or {}).get("run_id")
            if record.id == holder or record.status not in FINAL_STATES:
                raise Conflict(f"run {record.id} has not ended: it is {record.status}.", hint="Stop it and wait for its end.")
            _record(self._home, principal, "run.delete", record.id)
            remove_run(store.runs, self._home, record.id)
            return record

    def _list_running(self, store: Store) -> None:
        """Bring the run that is under way into the catalogue, from its folder.

        Who looks does it, not who runs: opening DuckDB takes two tenths of a second of a core, which a run on one core would lose of its load.
        """
        run_id = (RunSlot.holder(self._home) or {}).get("run_id")
        record = RunFolder(self._home, str(run_id)).read_record() if run_id else None
        if record is not None and record.id not in store.runs.ids():
            store.runs.create(record)


def _own(record: RunRecord, principal: Principal) -> RunRecord:
    principal.require(Scope.WRITE)
    principal.require_owner(record.user_id, f"run {record.id}")
    return record


def _annotations(given: dict[str, Any]) -> dict[str, Any]:
    """Return what was given, checked."""
    changes = {name: value for name, value in given.items() if value is not None}
    for name, most in _LONGEST.items():
        if len(changes.get(name, "")) > most:
            raise InvalidInput(f"{name} has {len(changes[name])} characters, {most} are allowed.", hint="Shorten it.")
    if "tags" in changes:
        changes["tags"] = tuple(dict.fromkeys(tag.strip() for tag in changes["tags"]))
        if len(changes["tags"]) > _MOST_TAGS or not all(0 < len(tag) <= _LONGEST_TAG for tag in changes["tags"]):
            raise InvalidInput(f"tags are at most {_MOST_TAGS} words of 1 to {_LONGEST_TAG} characters.", hint="Leave some out.")
    return changes


def check_store(home: Path) -> list[str]:
    """Compare the catalogue with the run folders and return what does not agree, as sentences."""
    from maid_lab.store.parquet import read_counts

    with opened(home) as store:
        findings = list(store.notices)
        listed = {record.id: record for record in store.runs.list(limit=1_000_000)}
    running = (RunSlot.holder(home) or {}).get("run_id")
    folders = {folder.run_id: folder for folder in run_folders(home)}
    for run_id, folder in folders.items():
        record = folder.read_record()
        if run_id == running or record is None:
            continue
        if run_id not in listed:
            findings.append(f"run {run_id} has a folder, but is not in the catalogue")
        counts = read_counts(folder)
        if record.status in FINAL_STATES and (counts is None or counts.requests != record.rows_count):
            found = "none that are complete" if counts is None else f"{counts.requests}"
            findings.append(f"run {run_id}: its record says {record.rows_count} rows, its folder holds {found}")
    findings += [f"run {run_id} is in the catalogue, but its folder is gone" for run_id in listed if run_id not in folders]
    return findings


def rebuild_store(home: Path) -> int:
    """Make the catalogue anew from the run folders and return the number of runs."""
    from maid_lab.store.store import rebuild

    _record(home, LOCAL, "store.rebuild", "catalogue")
    return rebuild(home)


def backup_store(home: Path, folder: Path) -> Path:
    """Copy catalogue and runs into a new folder below `folder` and return it."""
    with opened(home) as store:
        return store.backup(folder)


def _record(home: Path, who: Principal, action: str, subject: str) -> None:
    from maid_lab.services.audit.log import AuditLog

    AuditLog(home).write(who, action, subject)
