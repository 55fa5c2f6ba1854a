"""The target policy: which addresses may be put under load, and how much.

A policy file is `/etc/maid/targets.yaml`, else the path in `MAID_TARGETS`, else `<home>/targets.yaml`; without one, loopback and bundled
targets are free and everything else needs an entry. A file that is there but cannot be understood refuses every target.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from maid_lab.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Caps", "Decision", "TargetGate", "TargetPolicy", "TargetRule", "inner_address"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SYSTEM_FILE: Final = Path("/etc/maid/targets.yaml")

#: Never under load, whatever a file or person says: link-local, metadata services, unspecified, multicast, broadcast, reserved.
_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4",
        "fe80::/10", "fd00:ec2::254/128", "::/128", "ff00::/8", "64:ff9b:1::/48",
    )
)  # fmt: skip
_NEVER_NAMES: Final = frozenset({"metadata.google.internal"})
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_V4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


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


_SERVER_CAPS: Final = Caps()


class TargetRule(Caps):
    """One entry of `allow` or `deny`. `host` is an exact name, `*.suffix`, an address or a network."""

    host: str = Field(min_length=1)
    ports: tuple[int, ...] = (80, 443)
    protocols: tuple[str, ...] = ("http",)
    methods: tuple[str, ...] = ("*",)
    agents: bool = False
    note: str = ""

    def names(self, host: str, address: Address) -> bool:
        """Whether the entry is about this host or this address."""
        pattern = self.host.lower().rstrip(".")
        if pattern.startswith("*."):
            return host.endswith(pattern[1:])
        try:
            network = ipaddress.ip_network(pattern, strict=False)
        except ValueError:
            return host == pattern
        return address in network

    def covers(self, port: int, methods: frozenset[str]) -> bool:
        """Whether port, protocol and all methods are allowed by the entry."""
        return port in self.ports and "http" in self.protocols and ("*" in self.methods or methods <= set(self.methods))


class TargetPolicy(BaseModel):
    """The policy file, `maid.targets/v1`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: Literal["maid.targets/v1"] = Field(default="maid.targets/v1", alias="schema")
    allow: tuple[TargetRule, ...] = ()
    deny: tuple[TargetRule, ...] = ()
    caps: Caps = Caps()
    loopback: Literal["free", "listed"] = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy says of one address; `code` is empty when it is allowed, else `E301` (denied) or `E302` (needs an entry)."""

    code: Literal["", "E301", "E302"]
    rule: str
    caps: Caps = _SERVER_CAPS


class TargetGate:
    """Judges addresses by the policy; the first matching rule of the order in security.md decides.

    Parameters
    ----------
    policy : TargetPolicy
        The rules.
    source : Path
        The file they came from, or the one to write an entry into.
    """

    def __init__(self, policy: TargetPolicy, source: Path) -> None:
        self.policy = policy
        self.source = source

    @classmethod
    def load(cls, home: Path, *, environ: Mapping[str, str] = os.environ, system_file: Path = SYSTEM_FILE) -> TargetGate:
        """Read the policy that holds for a home folder.

        Raises
        ------
        Refused
            If the file is named or there, but unreadable or invalid.
        """
        named = environ.get("MAID_TARGETS", "")
        path = system_file if system_file.exists() else Path(named or home / "targets.yaml")
        if not named and not path.exists():
            return cls(TargetPolicy(), path)
        return cls(_read(path), path)

    def judge(self, host: str, port: int, address: Address, *, methods: frozenset[str] = frozenset()) -> Decision:
        """Return the decision for one address of a host (lower case, no trailing dot)."""
        inner = inner_address(address)
        if host in _NEVER_NAMES or any(inner in network for network in _NEVER):
            return Decision(code="E301", rule="link-local, metadata, multicast and reserved addresses are never loaded")
        denied = next((rule for rule in self.policy.deny if rule.names(host, inner)), None)
        if denied is not None:
            return Decision(code="E301", rule=f"{self.source}: deny {denied.host}{f' ({denied.note})' if denied.note else ''}")
        for rule in self.policy.allow:
            if rule.names(host, inner) and rule.covers(port, methods):
                return Decision(code="", rule=f"{self.source}: allow {rule.host}", caps=rule.tightened(self.policy.caps))
        if inner.is_loopback and self.policy.loopback == "free":
            return Decision(code="", rule="loopback is free", caps=self.policy.caps)
        return Decision(code="E302", rule="private and public hosts need an entry")


def inner_address(address: Address) -> Address:
    """Return the IPv4 address inside a mapped, compatible, NAT64 or 6to4 IPv6 address, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (address in _V4_COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _read(path: Path) -> TargetPolicy:
    import yaml

    try:
        return TargetPolicy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = str(error)
    raise Refused(f"the target policy {path} cannot be used, so every target is refused: {reason}.", hint="Mend the file.")


def _quantity(value: Any, kind: Literal["rate", "duration"]) -> Any:
    """Return rates per second and durations in seconds; numbers are left as they are."""
    from maid_lab.model.units import parse_duration, parse_rate

    return (parse_rate if kind == "rate" else parse_duration)(value) if isinstance(value, str) else value
