"""Approvals: a person allows load on one host for a while, and may take it back."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from maid_lab.model.errors import InvalidInput, Refused
from maid_lab.services.access.principal import Principal, Scope
from maid_lab.services.catalogue import opened
from maid_lab.services.policy.addresses import address_of, canonical_host, inner_address
from maid_lab.services.policy.targets import PROTOCOLS
from maid_lab.store.approvals import Approval

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.services.policy.gate import TargetGate

__all__ = ["Approvals", "Audit", "valid_approvals"]

#: `audit(actor, action, subject, detail)` keeps what was done; what cannot be kept is not done.
Audit = Callable[[Mapping[str, Any], str, str, Mapping[str, Any]], object]

_LONGEST: Final = timedelta(days=365)


def valid_approvals(home: Path) -> Callable[[], Sequence[Approval]]:
    """Return what reads the approvals that hold now from the store of a home folder."""

    def read() -> Sequence[Approval]:
        # Nothing was ever approved where there is no catalogue, and asking must not make one.
        if not (home / "maid.duckdb").exists():
            return ()
        with opened(home) as store:
            return store.approvals.valid(datetime.now(UTC))

    return read


class Approvals:
    """Gives, lists and withdraws approvals.

    Parameters
    ----------
    home : Path
        The home folder.
    gate : TargetGate
        Knows what may never be approved.
    audit : callable, optional
        Keeps what was done, before it is done.
    on_withdrawn : callable
        Told the id of an approval that was withdrawn, to stop the run that uses it.
    """

    def __init__(
        self, home: Path, gate: TargetGate, *, audit: Audit | None = None, on_withdrawn: Callable[[str], object] = lambda _id: None
    ) -> None:
        self._home = home
        self._gate = gate
        self._on_withdrawn = on_withdrawn
        self.audit = audit

    def approve(
        self,
        by: Principal,
        *,
        host: str,
        typed_host: str,
        why: str,
        port: int | None = None,
        protocols: Iterable[str] = ("http",),
        max_users: int = 50,
        max_rate: float = 100.0,
        max_duration: float = 1800.0,
        agents: bool = False,
        expires_in: timedelta = timedelta(days=30),
    ) -> Approval:
        """Allow load on a host.

        Parameters
        ----------
        by : Principal
            Who approves: a person who sits there and is an administrator.
        host, typed_host : str
            Name or address, and what the person typed: they have to be the same.
        why : str
            The reason.

        Raises
        ------
        Refused
            If the one who asks may not approve, the typed host is another, or the host is denied whatever anybody says.
        InvalidInput
            If the host is no single name or address, or a value is out of its range.
        """
        _require_person(by)
        if typed_host.strip() != host.strip():
            raise Refused(
                f"the host typed is {typed_host!r}, not {host!r}; nothing was approved.", hint="Type the name of the host as it is shown."
            )
        name = _named(host.strip())
        _check(why, port, tuple(protocols), max_users, max_rate, max_duration, expires_in)
        address = address_of(name)
        denied = self._gate.denied(name, None if address is None else inner_address(address))
        if denied:
            raise Refused(f"E301 target {name} cannot be approved: {denied}.")
        now = datetime.now(UTC)
        approval = Approval(
            id=str(uuid.uuid4()), host=name, port=port, protocols=tuple(protocols), max_users=max_users, max_rate=max_rate,
            max_duration=max_duration, agents=agents, why=why.strip(), by=by.id, at=now, expires_at=now + expires_in,
        )  # fmt: skip
        self._record(by, "target.approve", approval)
        with opened(self._home) as store:
            store.approvals.add(approval)
        return approval

    def withdraw(self, by: Principal, approval_id: str) -> Approval:
        """Take an approval back, and stop the run that uses it. A short id will do as long as it is unique.

        Raises
        ------
        Refused
            If the one who asks is no administrator who sits there.
        Missing
            If there is no such approval.
        """
        _require_person(by)
        with opened(self._home) as store:
            like = [each for each in store.approvals.all() if len(approval_id) >= 4 and each.id.startswith(approval_id)]
            approval = like[0] if len(like) == 1 else store.approvals.get(approval_id)
        if approval.withdrawn_at is None:
            # Between two openings: the audit log opens the store itself.
            self._record(by, "target.withdraw", approval)
            with opened(self._home) as store:
                approval = store.approvals.withdraw(approval.id, datetime.now(UTC))
        self._on_withdrawn(approval.id)
        return approval

    def list(self, *, valid_only: bool = False) -> Sequence[Approval]:
        """Return the approvals, newest first."""
        with opened(self._home) as store:
            return store.approvals.valid(datetime.now(UTC)) if valid_only else store.approvals.all()

    def _record(self, by: Principal, action: str, approval: Approval) -> None:
        if self.audit is None:
            return
        self.audit(
            by.actor(), action, approval.host,
            {
                "id": approval.id, "port": approval.port, "protocols": list(approval.protocols), "max_users": approval.max_users,
                "max_rate": approval.max_rate, "max_duration": approval.max_duration, "agents": approval.agents, "why": approval.why,
                "expires_at": approval.expires_at.isoformat(),
            },
        )  # fmt: skip


def _require_person(by: Principal) -> None:
    if not by.is_interactive:
        raise Refused(
            "targets are approved and withdrawn by a person at a terminal or in the browser, never with a key or from a script.",
            hint="Run maid policy approve HOST on a terminal.",
        )
    by.require(Scope.ADMIN)


def _named(host: str) -> str:
    if "*" in host or "/" in host:
        raise InvalidInput(
            f"{host!r} is no single host.", hint="Approve one name or address; for more, write an entry into the policy file."
        )
    try:
        return canonical_host(host)
    except ValueError as error:
        raise InvalidInput(f"the host {host!r} {error}.", hint="Write a name such as shop.test, or an address in its usual form.") from None


def _check(
    why: str, port: int | None, protocols: tuple[str, ...], max_users: int, max_rate: float, max_duration: float, expires_in: timedelta
) -> None:
    if not why.strip():
        raise InvalidInput("an approval needs a reason.", hint="Say why the host may be put under load, and who agreed.")
    if port is not None and not 1 <= port <= 65535:
        raise InvalidInput(f"there is no port {port}.", hint="Give one from 1 to 65535.")
    unknown = [protocol for protocol in protocols if protocol not in PROTOCOLS]
    if unknown or not protocols:
        raise InvalidInput(f"protocol {unknown[0] if unknown else ''!r} is not known.", hint=f"Known are {', '.join(PROTOCOLS)}.")
    for name, value in (("max_users", max_users), ("max_rate", max_rate), ("max_duration", max_duration)):
        if not 0 < value < float("inf"):
            raise InvalidInput(f"{name} of an approval is {value:g}.", hint="Give a number above 0.")
    if not timedelta(0) < expires_in <= _LONGEST:
        raise InvalidInput(f"an approval for {expires_in.days} days is not possible.", hint=f"Give 1 to {_LONGEST.days} days.")
