"""Approvals of targets in the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from maid_lab.model.errors import Missing

if TYPE_CHECKING:
    from maid_lab.store.catalogue import Catalogue

__all__ = ["Approval", "ApprovalRepository"]

_COLUMNS = 'id, host, port, protocols, max_users, max_rate, max_duration, agents, why, "by", "at", expires_at, withdrawn_at'
_USUAL_PORTS = (80, 443)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a person allowed.

    Attributes
    ----------
    host : str
        Exact name or address, in its canonical spelling.
    port : int or None
        The port; None are 80 and 443.
    max_rate, max_duration : float
        Starts per second, seconds.
    agents : bool
        Whether agents may load it as well.
    by : str
        Who approved it.
    """

    id: str
    host: str
    at: datetime
    expires_at: datetime
    port: int | None = None
    protocols: tuple[str, ...] = ("http",)
    max_users: int = 50
    max_rate: float = 100.0
    max_duration: float = 1800.0
    agents: bool = False
    why: str = ""
    by: str = ""
    withdrawn_at: datetime | None = None

    def is_valid(self, at: datetime) -> bool:
        """Whether it holds at a time."""
        return self.withdrawn_at is None and self.at <= at < self.expires_at

    def covers(self, host: str, port: int, *, protocol: str, at: datetime, is_agent: bool) -> bool:
        """Whether it allows somebody to load a host and port at a time."""
        ports = _USUAL_PORTS if self.port is None else (self.port,)
        return self.is_valid(at) and host == self.host and port in ports and protocol in self.protocols and (self.agents or not is_agent)


class ApprovalRepository:
    """Approvals.

    Parameters
    ----------
    catalogue : Catalogue
        Where they are kept.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def add(self, approval: Approval) -> None:
        """Keep a new approval."""
        self._catalogue.execute(
            f"insert into maid_target_approvals ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                approval.id, approval.host, approval.port, list(approval.protocols), approval.max_users, approval.max_rate, approval.max_duration,
                approval.agents, approval.why, approval.by, approval.at, approval.expires_at, approval.withdrawn_at,
            ],
        )  # fmt: skip

    def withdraw(self, approval_id: str, at: datetime) -> Approval:
        """Mark an approval as withdrawn and return it; one that is withdrawn already keeps its time.

        Raises
        ------
        Missing
            If there is none with this id.
        """
        self._catalogue.execute(
            "update maid_target_approvals set withdrawn_at = ? where cast(id as varchar) = ? and withdrawn_at is null", [at, approval_id]
        )
        return self.get(approval_id)

    def get(self, approval_id: str) -> Approval:
        """Return an approval.

        Raises
        ------
        Missing
            If there is none with this id.
        """
        found = [approval for approval in self.all() if approval.id == approval_id]
        if not found:
            raise Missing(f"there is no approval {approval_id}.", hint="maid policy show lists them.")
        return found[0]

    def all(self) -> list[Approval]:
        """Return all approvals, newest first."""
        return [_approval(row) for row in self._catalogue.read(_ALL)]

    def valid(self, at: datetime) -> list[Approval]:
        """Return those that hold at a time."""
        return [approval for approval in self.all() if approval.is_valid(at)]


# Times come as microseconds: DuckDB would need pytz to hand out aware ones.
_ALL = (
    'select id, host, port, protocols, max_users, max_rate, max_duration, agents, why, "by", epoch_us("at") as "at", '
    'epoch_us(expires_at) as expires_at, epoch_us(withdrawn_at) as withdrawn_at from maid_target_approvals order by "at" desc, id'
)


def _approval(row: dict[str, Any]) -> Approval:
    times = {name: _moment(row[name]) for name in ("at", "expires_at", "withdrawn_at")}
    return Approval(**{**row, **times, "id": str(row["id"]), "protocols": tuple(row["protocols"])})


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC)
