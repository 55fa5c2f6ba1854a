"""API keys: made, listed, rotated, revoked and verified."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from maid_lab.model.errors import Conflict, InvalidInput, Refused, Unauthorized
from maid_lab.services.access.key_text import KeyText, hash_of, new_id, new_secret, read_key
from maid_lab.services.access.limits import limits_of, limits_to_json, within
from maid_lab.services.access.principal import CredentialKind, KeyLimits, Principal, Scope
from maid_lab.services.catalogue import changed_at, opened
from maid_lab.store.access import LIVE, TEST, KeyRow

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LONGEST_OVERLAP", "Audit", "KeyService", "MadeKey"]

#: `audit(actor, action, subject, detail)` keeps what was done; what cannot be kept is not done.
Audit = Callable[[Mapping[str, Any], str, str, Mapping[str, Any]], object]

_USUAL_LIFE: Final = timedelta(days=90)
_LONGEST_LIFE: Final = timedelta(days=365)
LONGEST_OVERLAP: Final = timedelta(days=7)
#: Using a key is noted at most this often: a request must not cost a write.
_TOUCH_EVERY: Final = timedelta(minutes=1)
_LONGEST_NAME: Final = 100
_LONGEST_KEY: Final = 100
_NOT_FOR_AGENTS: Final = (Scope.ADMIN, Scope.EXTENSIONS)
_TRIES: Final = 5
_NO_HASH: Final = hash_of("")
#: One sentence for every reason, so that nobody learns which keys there are.
_WRONG: Final = "the credential is not valid."
_HINT: Final = "Make a key with: maid keys create"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """A new key or secret, to be shown once.

    Attributes
    ----------
    text : str
        The whole key; it is kept nowhere and in no `repr`.
    key : KeyRow
        What is kept of it.
    """

    text: str = field(repr=False)
    key: KeyRow


class KeyService:
    """API keys of a home folder.

    Parameters
    ----------
    home : Path
        The home folder.
    audit : callable, optional
        Keeps what was done, before it is done.
    clock : callable
        Tells the time.

    Notes
    -----
    Keys that were verified stay in memory. The process that verifies them is the server, which holds the store, so only this service changes
    a key meanwhile; besides, each is read anew when its use is noted, once a minute.
    """

    def __init__(self, home: Path, *, audit: Audit | None = None, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._home = home
        self._stamp = 0
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._changes = 0
        self._lock = threading.Lock()
        self._listeners: list[Callable[[str], object]] = []
        self.audit = audit

    def on_revoked(self, callback: Callable[[str], object]) -> None:
        """Have a function told the id of each key that is revoked, to close what is open in its name."""
        self._listeners.append(callback)

    # ---- making and changing

    def create(
        self,
        by: Principal,
        *,
        name: str,
        scopes: Iterable[str | Scope] = (Scope.READ,),
        expires_in: timedelta | None = None,
        expires_at: datetime | None = None,
        limits: KeyLimits | Mapping[str, Any] | None = None,
        kind: Literal["live", "test"] = "live",
        agent: bool = False,
    ) -> MadeKey:
        """Make a key.

        Parameters
        ----------
        by : Principal
            Who makes it: an administrator. A key made by a key is nowhere wider than that one and does not outlive it.
        scopes : iterable of str
            Scopes that its maker has; `maid.admin` only from a person who sits there.
        expires_in, expires_at
            How long it is good, at most a year; 90 days when neither is given.
        limits : KeyLimits or mapping
            Its bounds.
        kind : str
            `test` reaches bundled targets and loopback only.
        agent : bool
            Whether the caps of agents hold.

        Raises
        ------
        Refused
            If the maker may not give these rights.
        InvalidInput
            If a value breaks its rule.
        """
        by.require(Scope.ADMIN)
        now = self._clock()
        wanted = _scopes(scopes)
        _check_grant(by, wanted, is_agent=agent)
        expires = _expiry(now, expires_in, expires_at)
        bounds = limits if isinstance(limits, KeyLimits) else limits_of(limits or {})
        if by.key_id is not None:
            bounds, expires = within(bounds, by.limits), min(expires, self._row(by.key_id).expires_at)
            if by.is_test_key and kind != "test":
                raise Refused("a test key makes only test keys.", hint="Ask for a key of kind test, or have a person make it.")
        secret = new_secret()
        key = KeyRow(
            id=new_id(), user_id=by.id, name=_name(name), key_hash=hash_of(secret), prefix=TEST if kind == "test" else LIVE,
            scopes=tuple(sorted(wanted)), created_at=now, expires_at=expires, metadata=limits_to_json(bounds), agent=agent or by.is_agent,
        )  # fmt: skip
        key = self._added(by, key)
        return MadeKey(text=f"{key.prefix}{key.id}_{secret}", key=key)

    def list(self, by: Principal) -> list[KeyRow]:
        """Return all keys, newest first, without their secrets, which nobody has."""
        by.require(Scope.ADMIN)
        with opened(self._home) as store:
            return store.access.keys()

    def rotate(self, by: Principal, key_id: str, *, overlap: timedelta = timedelta(0)) -> MadeKey:
        """Give a key another secret and let the one before live on for a while.

        Parameters
        ----------
        by : Principal
            An administrator; a key rotates only itself, since the new secret comes with the rights of the key it is for.
        overlap : timedelta
            How long the secret before is good, at most 7 days.

        Raises
        ------
        Missing
            If there is no such key.
        Refused
            If the rights do not reach that far, or the key is revoked or has expired.
        """
        by.require(Scope.ADMIN)
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidInput(f"an overlap of {overlap} is not possible.", hint="Write 0 to 7 days.")
        now, key = self._clock(), self._row(key_id)
        if key.revoked_at is not None or now >= key.expires_at:
            raise Refused(f"the API key {key_id} ({key.name}) is revoked or has expired.", hint=_HINT)
        if by.key_id is not None and by.key_id != key_id:
            raise Refused("a key rotates only itself.", hint="Rotate others from a terminal or the settings page.")
        if by.key_id is None:
            _check_grant(by, _scopes(key.scopes), is_agent=key.agent)
        until = min(now + overlap, key.expires_at)
        self._note(by, "key.rotate", key_id, {"name": key.name, "previous_until": until.isoformat()})
        secret = new_secret()
        with opened(self._home) as store:
            changed = store.access.replace_secret(key_id, hash_of(secret), previous_until=until)
        self._forget(key_id)
        if changed.revoked_at is not None:
            raise Conflict(f"the API key {key_id} was revoked meanwhile.", hint=_HINT)
        return MadeKey(text=f"{key.prefix}{key_id}_{secret}", key=changed)

    def revoke(self, by: Principal, key_id: str) -> KeyRow:
        """End a key: it is refused from the next request on, and what is open in its name is closed.

        Raises
        ------
        Missing
            If there is no such key.
        """
        by.require(Scope.ADMIN)
        key = self._row(key_id)
        self._note(by, "key.revoke", key_id, {"name": key.name})
        with opened(self._home) as store:
            revoked = store.access.revoke(key_id, self._clock())
        self._forget(key_id)
        for listener in list(self._listeners):
            listener(key_id)
        return revoked

    # ---- verifying

    def is_known(self, text: str) -> bool:
        """Whether `verify` answers from memory; otherwise it reads or writes the store and belongs on another thread."""
        sent = read_key(text) if len(text) <= _LONGEST_KEY else None
        if sent is None:
            return True
        self._heed_others()
        known = self._known.get(sent.id)
        return known is not None and self._clock() < known.touch_at

    def verify(self, text: str, now: datetime | None = None) -> Principal:
        """Return who a key stands for.

        Raises
        ------
        Unauthorized
            If it is malformed, unknown, wrong, revoked or expired; only the last is told to who sent it, and only with the right secret.
        """
        moment = now or self._clock()
        sent = read_key(text) if len(text) <= _LONGEST_KEY else None
        if sent is None:
            raise Unauthorized(_WRONG, hint=_HINT, reason="malformed key")
        self._heed_others()
        known = _proven(self._known.get(sent.id) or self._learn(sent.id), sent, moment)
        _check_life(known, moment)
        if moment >= known.touch_at:
            known = self._touch(known, moment)
            _check_life(known, moment)
        return known.principal

    def principal(self, key_id: str, now: datetime | None = None) -> Principal:
        """Return who a key stands for by its id alone, for a token that was issued for it.

        Raises
        ------
        Unauthorized
            If it is unknown, revoked or expired.
        """
        self._heed_others()
        known = self._known.get(key_id) or self._learn(key_id)
        if known is None:
            raise Unauthorized(_WRONG, hint=_HINT, reason=f"unknown key {key_id}")
        _check_life(known, now or self._clock())
        return known.principal

    def expires_at(self, key_id: str) -> datetime:
        """Return when a key ends."""
        known = self._known.get(key_id)
        return (self._row(key_id) if known is None else known.row).expires_at

    # ---- inside

    def _added(self, by: Principal, key: KeyRow) -> KeyRow:
        for _ in range(_TRIES):
            with opened(self._home) as store:
                is_free = store.access.find(key.id) is None
            if is_free:
                detail = {"name": key.name, "scopes": list(key.scopes), "expires_at": key.expires_at.isoformat(), "agent": key.agent}
                # Outside of `opened`: the audit log opens the store for itself.
                self._note(by, "key.create", key.id, {**detail, "limits": dict(key.metadata)})
                with opened(self._home) as store:
                    store.access.add(key)
                return key
            key = replace(key, id=new_id())
        raise Conflict("no free id for a key was found.", hint="Try again.")

    def _row(self, key_id: str) -> KeyRow:
        with opened(self._home) as store:
            return store.access.get(key_id)

    def _heed_others(self) -> None:
        """Forget what was read when the catalogue has changed since: a key may have been revoked by a command at a terminal."""
        stamp = changed_at(self._home)
        if stamp != self._stamp:
            with self._lock:
                self._stamp = stamp
                self._changes += 1
                self._known.clear()

    def _learn(self, key_id: str) -> _Known | None:
        changes = self._changes
        with opened(self._home) as store:
            row = store.access.find(key_id)
        if row is None:
            return None
        used = row.last_used_at
        known = _Known(row=row, principal=_principal(row), touch_at=row.created_at if used is None else used + _TOUCH_EVERY)
        self._keep(known, changes)
        return known

    def _touch(self, known: _Known, now: datetime) -> _Known:
        with opened(self._home) as store:
            self._heed_others()
            changes = self._changes
            row = store.access.touch(known.row.id, now)
        # Our own note is no change by others: nobody else can have opened the catalogue before this line.
        self._stamp = changed_at(self._home)
        fresh = _Known(row=row, principal=_principal(row), touch_at=now + _TOUCH_EVERY)
        self._keep(fresh, changes)
        return fresh

    def _keep(self, known: _Known, changes: int) -> None:
        """Keep a key in memory, unless one was changed on another thread since it was read: what is revoked does not come back."""
        with self._lock:
            if changes == self._changes and known.row.revoked_at is None:
                self._known[known.row.id] = known

    def _forget(self, key_id: str) -> None:
        with self._lock:
            self._changes += 1
            self._known.pop(key_id, None)

    def _note(self, by: Principal, action: str, subject: str, detail: Mapping[str, Any]) -> None:
        if self.audit is not None:
            self.audit(by.actor(), action, subject, detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A key in memory, and when its use is to be noted next."""

    row: KeyRow
    principal: Principal
    touch_at: datetime


def _proven(known: _Known | None, sent: KeyText, now: datetime) -> _Known:
    """Return the key when the secret is its own; compare in constant time, with something also when there is no such key."""
    given = hash_of(sent.secret)
    if known is None:
        hmac.compare_digest(given, _NO_HASH)
        raise Unauthorized(_WRONG, hint=_HINT, reason=f"unknown key {sent.id}")
    row = known.row
    is_current = hmac.compare_digest(given, row.key_hash)
    is_previous = hmac.compare_digest(given, row.previous_hash or _NO_HASH)
    is_within = is_previous and row.previous_until is not None and now < row.previous_until
    if not (is_current or is_within) or sent.prefix != row.prefix:
        raise Unauthorized(_WRONG, hint=_HINT, reason=f"{'rotated' if is_previous else 'wrong'} secret of key {sent.id}")
    return known


def _check_life(known: _Known, now: datetime) -> None:
    row = known.row
    if row.revoked_at is not None:
        raise Unauthorized(_WRONG, hint=_HINT, reason=f"revoked key {row.id}")
    if now >= row.expires_at:
        raise Unauthorized(f"the API key expired on {row.expires_at:%Y-%m-%d %H:%M} UTC.", hint=_HINT, reason=f"expired key {row.id}")


def _principal(row: KeyRow) -> Principal:
    known = {str(scope) for scope in Scope}
    return Principal(
        kind=CredentialKind.KEY, id=row.user_id, name=row.name, scopes=frozenset(Scope(scope) for scope in row.scopes if scope in known),
        key_id=row.id, is_test_key=row.prefix == TEST, is_agent=row.agent, limits=limits_of(row.metadata),
    )  # fmt: skip


def _scopes(scopes: Iterable[str | Scope]) -> frozenset[Scope]:
    known = {str(scope): scope for scope in Scope}
    wanted = set()
    for scope in scopes:
        if str(scope) not in known:
            raise InvalidInput(f"there is no scope {str(scope)!r}.", hint=f"Scopes are {', '.join(known)}.")
        wanted.add(known[str(scope)])
    if not wanted:
        raise InvalidInput("a key needs a scope.", hint=f"Scopes are {', '.join(known)}.")
    return frozenset(wanted)


def _check_grant(by: Principal, scopes: frozenset[Scope], *, is_agent: bool) -> None:
    beyond = sorted(scopes - by.scopes)
    if beyond:
        raise Refused(f"a key only gets scopes that its maker has; {beyond[0]} is not among them.", hint="Leave it out, or ask an owner.")
    if Scope.ADMIN in scopes and not by.is_interactive:
        raise Refused(
            f"a key with {Scope.ADMIN} is made by a person who sits there, not by a {by.kind} credential of a program.",
            hint="Make it in a terminal, without a pipe, or on the settings page.",
        )
    forbidden = sorted(scopes.intersection(_NOT_FOR_AGENTS)) if is_agent else []
    if forbidden:
        raise Refused(f"no agent has the scope {forbidden[0]}.", hint="Leave it out.")


def _expiry(now: datetime, expires_in: timedelta | None, expires_at: datetime | None) -> datetime:
    if expires_in is not None and expires_at is not None:
        raise InvalidInput("both expires_in and expires_at are given.", hint="Give one of them.")
    if expires_at is not None and expires_at.tzinfo is None:
        raise InvalidInput(f"expires_at {expires_at} has no time zone.", hint="Write it as 2027-01-31T12:00:00Z.")
    end = expires_at if expires_at is not None else now + (_USUAL_LIFE if expires_in is None else expires_in)
    if not now < end <= now + _LONGEST_LIFE:
        raise InvalidInput(f"a key cannot expire at {end:%Y-%m-%d %H:%M}.", hint="It is good for a while, at most a year.")
    return end


def _name(name: str) -> str:
    text = name.strip()
    if not text or len(text) > _LONGEST_NAME or not text.isprintable():
        raise InvalidInput(f"{name!r} is no name for a key.", hint=f"Write 1 to {_LONGEST_NAME} printable characters.")
    return text
