"""The audit log checked: every entry by its hash, the chain, the two copies against each other, the head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from maid_lab.store.audit_file import GENESIS, AuditEntry, AuditHead

if TYPE_CHECKING:
    from maid_lab.store.audit_file import AuditFile

__all__ = ["Broken", "Verification", "verified"]

FILE: Final = "audit.jsonl"
CATALOGUE: Final = "catalogue"
HEAD: Final = "audit.head"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The first fault.

    Attributes
    ----------
    seq : int
        Number of the entry.
    copy : str
        Where: `audit.jsonl`, `catalogue` or `audit.head`.
    kind : str
        `altered`, `missing`, `reordered` or `cut`; of the head `altered` or `missing`.
    message : str
        A sentence for people.
    """

    seq: int
    copy: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a check found.

    Attributes
    ----------
    entries : int
        Number of the newest entry.
    broken : Broken or None
        The first fault; None when there is none.
    notes : tuple of str
        What else a person should know: rebuilds, a copy that was not checked.
    """

    entries: int
    broken: Broken | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing was altered, left out, reordered or cut."""
        return self.broken is None


def verified(file: AuditFile, copied: Sequence[AuditEntry] | None, *, note: str = "") -> Verification:
    """Check the file, the catalogue's copy unless it is None, and the head; under the lock."""
    lines = [entry for _, entry in file.lines()]
    head = file.head()
    newest = max([head.seq if head else 0, *(entry.seq for entry in lines if entry), *(entry.seq for entry in copied or ())])
    found = [*_chain(lines, FILE)]
    if copied is not None:
        found += [*_chain(copied, CATALOGUE), *_apart(lines, copied)]
    found += [*_ends(lines, copied, newest), *_head(head, file, lines, copied)]
    # Of faults at one entry, the one that was looked for first says most: a hash that is wrong, then a difference, then an end.
    return Verification(
        entries=newest,
        broken=min(found, key=lambda fault: fault.seq, default=None),
        notes=tuple([*([note] if note else ()), *_notes(lines)]),
    )  # fmt: skip


def _chain(entries: Sequence[AuditEntry | None], copy: str) -> Iterable[Broken]:
    """Yield the first fault within one copy."""
    previous = AuditHead()
    numbers = {entry.seq for entry in entries if entry is not None}
    for expected, entry in enumerate(entries, start=1):
        if entry is None:
            yield _fault(expected, copy, "altered", "cannot be read as an entry")
            return
        if entry.seq != expected:
            if expected not in numbers:
                yield _fault(expected, copy, "missing", "is missing")
            else:
                yield _fault(expected, copy, "reordered", f"is not at its place: entry {entry.seq} stands there")
            return
        if entry.hash != entry.computed():
            yield _fault(expected, copy, "altered", "has been altered: its hash is another")
            return
        if entry.previous_hash != (previous.hash if previous.seq else GENESIS):
            yield _fault(expected, copy, "altered", f"does not follow on entry {previous.seq}: one of the two has been replaced")
            return
        previous = AuditHead(seq=entry.seq, hash=entry.hash)


def _apart(lines: Sequence[AuditEntry | None], copied: Sequence[AuditEntry]) -> Iterable[Broken]:
    """Yield the first entry that the two copies tell differently."""
    known = {entry.seq: entry for entry in lines if entry is not None}
    for entry in copied:
        other = known.get(entry.seq)
        if other is not None and other != entry and other.hash != entry.hash:
            yield _fault(entry.seq, f"{FILE} or {CATALOGUE}", "altered", "differs between audit.jsonl and the catalogue")
            return


def _ends(lines: Sequence[AuditEntry | None], copied: Sequence[AuditEntry] | None, newest: int) -> Iterable[Broken]:
    """Yield a copy that ends before the newest entry that anything tells of."""
    for copy, entries in ((FILE, lines), (CATALOGUE, copied)):
        if entries is None:
            continue
        last = max((entry.seq for entry in entries if entry is not None), default=0)
        if last < newest:
            yield _fault(last + 1, copy, "cut", f"and all up to {newest} are cut off" if newest > last + 1 else "is cut off at the end")


def _head(
    head: AuditHead | None, file: AuditFile, lines: Sequence[AuditEntry | None], copied: Sequence[AuditEntry] | None
) -> Iterable[Broken]:
    """Yield a head that is not the newest entry's."""
    known = [entry for entry in [*lines, *(copied or ())] if entry is not None]
    last = max((entry.seq for entry in known), default=0)
    if head is None:
        if known or file.head_path.exists():
            kind = "altered" if file.head_path.exists() else "missing"
            yield Broken(
                seq=max(last, 1), copy=HEAD, kind=kind, message=f"{HEAD} is missing or cannot be read; the newest entry is {last}."
            )
    elif head.seq < last:
        text = f"{HEAD} says that entry {head.seq} is the newest, but there is entry {last}: it was replaced, or a program was cut off."
        yield Broken(seq=head.seq + 1, copy=HEAD, kind="altered", message=text)
    elif head.seq == last and last and all(entry.hash != head.hash for entry in known if entry.seq == last):
        yield Broken(seq=last, copy=HEAD, kind="altered", message=f"{HEAD} has another hash than entry {last}.")


def _notes(lines: Sequence[AuditEntry | None]) -> Iterable[str]:
    for entry in lines:
        if entry is None:
            continue
        if entry.action == "store.rebuild":
            yield f"The catalogue was rebuilt at {entry.at} (entry {entry.seq}); its copy of the entries before is from {FILE}."
        if entry.action == "audit.mended":
            yield f"The log was mended at {entry.at} (entry {entry.seq}): {entry.detail}"


def _fault(seq: int, copy: str, kind: str, what: str) -> Broken:
    return Broken(seq=seq, copy=copy, kind=kind, message=f"Entry {seq} {what} ({copy}).")
