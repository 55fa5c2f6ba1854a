"""The file of the target policy, `maid.targets/v1`: who may be put under load, how much, when and by whom."""

from __future__ import annotations

import ipaddress
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from maid_lab.model.errors import Refused
from maid_lab.services.policy.addresses import canonical_host

if TYPE_CHECKING:
    from pathlib import Path

    from maid_lab.services.policy.addresses import Address

__all__ = ["PROTOCOLS", "Caps", "TargetPolicy", "TargetRule", "Window", "read_policy"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Protocol = Literal["http", "graphql", "websocket", "sse", "grpc", "sql", "tcp", "udp", "mcp"]
PROTOCOLS: Final = ("http", "graphql", "websocket", "sse", "grpc", "sql", "tcp", "udp", "mcp")


class Caps(BaseModel):
    """Most that a run may do to a target."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_users: int = Field(default=20_000, gt=0)
    max_rate: float = Field(default=500_000, gt=0, description="Starts per second.")
    max_duration: float = Field(default=86_400, gt=0, description="Seconds.")

    @field_validator("max_rate", "max_duration", mode="before")
    @classmethod
    def _units(cls, value: Any, info: Any) -> Any:
        return _quantity(value, "rate" if info.field_name == "max_rate" else "duration")

    def tightened(self, other: Caps) -> Caps:
        """Return the smaller of each cap."""
        return Caps(
            max_users=min(self.max_users, other.max_users),
            max_rate=min(self.max_rate, other.max_rate),
            max_duration=min(self.max_duration, other.max_duration),
        )


class Window(BaseModel):
    """Times of the week in which an entry holds. One that ends before it begins ends on the day after; its day is the one on which it begins."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    days: tuple[Day, ...] = Field(default=_DAYS, min_length=1)
    start: time = Field(default=time(0, 0), alias="from")
    end: time = Field(default=time(0, 0), alias="to")
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {value!r}; write one such as Europe/Berlin") from None
        return value

    def remaining_s(self, at: datetime) -> float:
        """Return for how many more seconds the window is open; 0 when it is closed. Windows that touch count one by one."""
        zone = ZoneInfo(self.timezone)
        today = at.astimezone(zone).date()
        # The one of yesterday may still be open.
        for day in (today, today - timedelta(days=1)):
            if _DAYS[day.weekday()] not in self.days:
                continue
            begins = datetime.combine(day, self.start, zone)
            ends = datetime.combine(day + timedelta(days=1) if self.end <= self.start else day, self.end, zone)
            if begins.timestamp() <= at.timestamp() < ends.timestamp():
                return ends.timestamp() - at.timestamp()
        return 0.0

    def __str__(self) -> str:
        return f"{','.join(self.days)} {self.start:%H:%M}-{self.end:%H:%M} {self.timezone}"


class TargetRule(Caps):
    """One entry of `allow` or `deny`. `host` is an exact name, `*.suffix`, an address or a network.

    Attributes
    ----------
    agents : bool
        Whether agents may load it as well.
    sql_write : bool
        Whether SQL that writes is allowed.
    auto_stop : bool or None
        Whether a run is stopped when most of its requests fail; by default everywhere but on loopback.
    """

    host: str = Field(min_length=1)
    ports: tuple[int, ...] = (80, 443)
    protocols: tuple[Protocol, ...] = ("http",)
    methods: tuple[str, ...] = ("*",)
    window: Window | None = None
    agents: bool = False
    sql_write: bool = False
    auto_stop: bool | None = None
    note: str = ""

    @model_validator(mode="after")
    def _spelled(self) -> Self:
        if _network(self.host) is None:
            suffix = self.host.removeprefix("*.")
            try:
                canonical_host(suffix)
            except ValueError as error:
                raise ValueError(f"host {self.host!r} {error}") from None
        wrong = next((port for port in self.ports if not 1 <= port <= 65535), None)
        if wrong is not None:
            raise ValueError(f"there is no port {wrong}")
        return self

    def names(self, host: str, address: Address | None) -> bool:
        """Whether the entry is about this host (in its canonical spelling) or this address."""
        network = _network(self.host)
        if network is not None:
            return address is not None and address in network
        if self.host.startswith("*."):
            return host.endswith(f".{canonical_host(self.host[2:])}")
        return host == canonical_host(self.host)

    @property
    def is_exact(self) -> bool:
        """Whether it names one host or one address, and its ports."""
        network = _network(self.host)
        one = not self.host.startswith("*.") if network is None else network.num_addresses == 1
        return one and "ports" in self.model_fields_set

    def lacks(self, port: int, *, protocol: str, methods: frozenset[str], at: datetime, is_agent: bool) -> str:
        """Return what the entry does not cover, empty when it covers all."""
        if port not in self.ports:
            return f"ports {', '.join(map(str, self.ports))} only"
        if protocol not in self.protocols:
            return f"{', '.join(self.protocols)} only"
        if "*" not in self.methods and not methods <= set(self.methods):
            return f"methods {', '.join(self.methods)} only"
        if self.window is not None and self.window.remaining_s(at) <= 0:
            return f"{self.window} only"
        return "not for agents" if is_agent and not self.agents else ""

    def covers(self, port: int, methods: frozenset[str], *, protocol: str = "http", at: datetime, is_agent: bool = False) -> bool:
        """Whether port, protocol, time and all methods are allowed by the entry."""
        return not self.lacks(port, protocol=protocol, methods=methods, at=at, is_agent=is_agent)


class TargetPolicy(BaseModel):
    """The policy file, `maid.targets/v1`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: Literal["maid.targets/v1"] = Field(default="maid.targets/v1", alias="schema")
    allow: tuple[TargetRule, ...] = ()
    deny: tuple[TargetRule, ...] = ()
    caps: Caps = Caps()
    loopback: Literal["free", "listed"] = "free"


def read_policy(path: Path) -> TargetPolicy:
    """Read a policy file.

    Raises
    ------
    Refused
        If it cannot be understood.
    """
    import yaml

    try:
        return TargetPolicy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = str(error)
    raise Refused(f"the target policy {path} cannot be used, so every target is refused: {reason}.", hint="Mend the file.")


@lru_cache(maxsize=1024)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _quantity(value: Any, kind: Literal["rate", "duration"]) -> Any:
    """Return rates per second and durations in seconds; numbers are left as they are."""
    from maid_lab.model.units import parse_duration, parse_rate

    return (parse_rate if kind == "rate" else parse_duration)(value) if isinstance(value, str) else value
