"""The audit log: written before an action is carried out, read in pages, verified as a whole."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import Conflict, InvalidInput, MaidError
from maid_lab.model.redaction import MASK, Redactor, is_secret_name
from maid_lab.services.audit.verification import Verification, verified
from maid_lab.services.catalogue import lent, opened
from maid_lab.store.audit_file import AuditEntry, AuditFile, AuditHead, canonical

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.services.access.principal import Principal
    from maid_lab.store.store import Store

__all__ = ["AuditLog", "AuditPage", "masked"]

log = logging.getLogger(__name__)

#: Refusals of one actor within this time become one entry.
_FOLD_S: Final = 60.0
#: Actors whose refusals are folded apart; beyond, they are counted together.
_MOST_ACTORS: Final = 1000
_MOST_DETAIL: Final = 32_768
_MOST_SUBJECT: Final = 500
_MOST_PAGE: Final = 500
_CREDENTIAL: Final = re.compile(r"(maid_(?:live|test)_[0-9A-Za-z]{10}_)[0-9A-Za-z]{16,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(\bBearer\s+)\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Some entries, newest first.

    Attributes
    ----------
    next_cursor : str or None
        Cursor of the next page; None when this is the last.
    total : int
        Entries in all pages together.
    """

    items: tuple[AuditEntry, ...]
    next_cursor: str | None
    total: int


@dataclass(slots=True)
class _Folded:
    """Refusals of one actor that are not written yet."""

    since: float
    actor: Mapping[str, Any]
    subject: str
    count: int = 0
    detail: dict[str, Any] = field(default_factory=dict)


class AuditLog:
    """Keeps who did what; one object may be used by any thread, and any number of processes may keep theirs over one home folder.

    Parameters
    ----------
    home : Path
        The home folder.
    redactor : Redactor, optional
        Knows secrets by value; those that are known by name are masked in any case.
    clock : callable
        Time in seconds for folding refusals.
    """

    def __init__(self, home: Path, *, redactor: Redactor | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._home = home
        self._file = AuditFile(home)
        self._redactor = redactor or Redactor()
        self._clock = clock
        self._lock = threading.Lock()
        self._folded: dict[str, _Folded] = {}

    def write(
        self, actor: Principal | Mapping[str, Any], action: str, subject: str = "", detail: Mapping[str, Any] | None = None
    ) -> AuditEntry:
        """Write an entry and return it when it lies on the disk; call it before the action is carried out.

        Parameters
        ----------
        actor : Principal or mapping
            Who acts, or what `Principal.actor` says.
        action, subject : str
            What is done to what, such as `run.start` and the id of a run.
        detail : mapping
            More of it, as JSON data; secrets are masked.

        Raises
        ------
        EngineFailure
            If it cannot be written; then the action must not be carried out.
        """
        self.flush(all_of_them=False)
        return self._write(_told(actor), action, subject, detail or {})

    def refused(self, actor: Principal | Mapping[str, Any], subject: str, detail: Mapping[str, Any] | None = None) -> AuditEntry | None:
        """Write that somebody was refused (`access.refused`); repeats of one actor within a minute become one entry with their number.

        Never raises: the refusal holds whether it can be written or not.

        Returns
        -------
        AuditEntry or None
            The entry, None for a repeat that is only counted or what could not be written.
        """
        told = _told(actor)
        with self._lock:
            key = canonical(told)
            if key not in self._folded and len(self._folded) >= _MOST_ACTORS:
                key, told = "", {"kind": "others"}
            folded = self._folded.get(key)
            if folded is not None and self._clock() - folded.since < _FOLD_S:
                folded.count += 1
                folded.subject, folded.detail = subject, dict(detail or {})
                return None
        self.flush(all_of_them=False)
        with self._lock:
            self._folded[key] = _Folded(since=self._clock(), actor=told, subject=subject)
        return self._try(told, subject, {**(detail or {}), "count": 1})

    def flush(self, *, all_of_them: bool = True) -> None:
        """Write refusals that were counted: all, or those whose minute is over."""
        if not self._folded:
            return
        with self._lock:
            now = self._clock()
            due = [key for key, folded in self._folded.items() if all_of_them or now - folded.since >= _FOLD_S]
            ended = [self._folded.pop(key) for key in due]
        for folded in ended:
            if folded.count:
                self._try(folded.actor, folded.subject, {**folded.detail, "count": folded.count})

    def page(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        actor: str = "",
        action: str = "",
        subject: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AuditPage:
        """Return entries, newest first.

        Parameters
        ----------
        limit : int
            Most of them, 1 to 500.
        cursor : str, optional
            Where to go on: `next_cursor` of the page before.
        actor, action, subject : str
            Only those of a person or key, of an action (`run.` takes all that begin so), of a subject.
        since, until : datetime
            Only those from this time on, and before this time.

        Raises
        ------
        InvalidInput
            If the limit or the cursor cannot be used.
        """
        if not 1 <= limit <= _MOST_PAGE:
            raise InvalidInput(f"a page of {limit} entries is not possible.", hint=f"Ask for 1 to {_MOST_PAGE}.")
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise InvalidInput(f"{cursor!r} is no cursor of the audit log.", hint="Give next_cursor of the page before.")
        self.flush(all_of_them=False)
        with self._store() as store:
            found, total = store.audit.page(
                limit=limit + 1, before=None if cursor is None else int(cursor), actor=actor, action=action, subject=subject, since=since,
                until=until,
            )  # fmt: skip
        items = tuple(found[:limit])
        return AuditPage(items=items, next_cursor=str(items[-1].seq) if len(found) > limit else None, total=total)

    def verify(self) -> Verification:
        """Check the chain, both copies against each other and the head; while another process holds the catalogue, its copy is left out."""
        self.flush(all_of_them=False)
        try:
            with self._store() as store, self._file.locked():
                store.audit.catch_up()
                return verified(self._file, store.audit.all())
        except Conflict as error:
            with self._file.locked():
                return verified(self._file, None, note=f"The copy in the catalogue was not checked: {error.message}")

    # ---- parts

    def _write(self, actor: Mapping[str, Any], action: str, subject: str, detail: Mapping[str, Any]) -> AuditEntry:
        texts = {"actor": canonical(masked(actor, self._redactor)), "detail": self._bounded(detail)}
        with self._file.locked():
            head, found = self._newest()
            if found:
                log.error("the audit log %s: %s", self._file.path, found)
                mended = AuditEntry.following(
                    head, at=datetime.now(UTC), actor=canonical({"kind": "program"}), action="audit.mended", subject="",
                    detail=canonical({"found": found}),
                )  # fmt: skip
                self._file.append(mended)
                head = AuditHead(seq=mended.seq, hash=mended.hash)
            entry = AuditEntry.following(
                head, at=datetime.now(UTC), action=action, subject=_clean(subject, self._redactor)[:_MOST_SUBJECT], **texts
            )  # fmt: skip
            self._file.append(entry)
        self._hand_over()
        return entry

    def _newest(self) -> tuple[AuditHead, str]:
        """Return what the next entry follows on, and what is wrong with that; what was cut off stays a gap that `verify` names."""
        head, last = self._file.head(), self._file.last()
        if last is None:
            return (head, "") if head is not None else (AuditHead(), "")
        tail = AuditHead(seq=last.seq, hash=last.hash)
        if head is None:
            return tail, f"audit.head is missing or cannot be read; the file goes up to entry {last.seq}"
        if head.seq < last.seq:
            return tail, f"audit.head stands at entry {head.seq}, the file goes up to entry {last.seq}"
        return head, ""

    def _hand_over(self) -> None:
        """Give the entry to the catalogue that this process holds; where there is none, the next opening catches up."""
        store = lent(self._home)
        if store is None:
            return
        try:
            with self._file.locked():
                store.audit.catch_up()
        except (MaidError, OSError) as error:
            log.warning("the catalogue's copy of the audit log is behind: %s", error)

    @contextmanager
    def _store(self) -> Iterator[Store]:
        with opened(self._home) as store:
            with self._file.locked():
                store.audit.catch_up()
            yield store

    def _bounded(self, detail: Mapping[str, Any]) -> str:
        text = canonical(masked(detail, self._redactor))
        return text if len(text) <= _MOST_DETAIL else canonical({"cut": True, "characters": len(text), "begins": text[: _MOST_DETAIL // 4]})

    def _try(self, actor: Mapping[str, Any], subject: str, detail: Mapping[str, Any]) -> AuditEntry | None:
        try:
            return self._write(actor, "access.refused", subject, detail)
        except MaidError as error:
            log.warning("a refusal of %s could not be recorded: %s", subject, error)
            return None


def masked(value: Any, redactor: Redactor) -> Any:
    """Return JSON data with secrets masked: what has a secret's name, and what the redactor or a credential's form tells."""
    if isinstance(value, Mapping):
        return {
            str(key): MASK if is_secret_name(str(key)) and isinstance(inner, str) and inner else masked(inner, redactor)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(inner, redactor) for inner in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    return _clean(str(value), redactor)


def _clean(text: str, redactor: Redactor) -> str:
    return _CREDENTIAL.sub(lambda match: f"{match[1] or match[2] or ''}{MASK}", redactor.text(text))


def _told(actor: Principal | Mapping[str, Any]) -> Mapping[str, Any]:
    return actor if isinstance(actor, Mapping) else actor.actor()
