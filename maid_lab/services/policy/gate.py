"""The target gate: judges each address that a plan would touch; the first rule that fits decides."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from maid_lab.services.access.principal import LOCAL, Principal
from maid_lab.services.policy.addresses import NEVER_NAMES, address_of, inner_address, is_never
from maid_lab.services.policy.targets import Caps, TargetPolicy, TargetRule, read_policy

if TYPE_CHECKING:
    from maid_lab.services.policy.addresses import Address
    from maid_lab.services.settings import Settings
    from maid_lab.store.approvals import Approval

__all__ = ["Decision", "TargetGate", "agent_caps", "nothing_approved"]

SYSTEM_FILE: Final = Path("/etc/maid/targets.yaml")
_CAPS: Final = ("max_users", "max_rate", "max_duration")
_WILD: Final = frozenset({"", "*", "0.0.0.0", "::"})
_SERVER_CAPS: Final = Caps()
_AGENT_CAPS: Final = Caps(max_users=50, max_rate=100, max_duration=600)


def agent_caps(settings: Settings) -> Caps:
    """Return the caps of agents. Environment and flags, which an agent may have set itself, can only lower them."""
    values = {}
    for cap in _CAPS:
        value = getattr(settings, f"agent_{cap}")
        from_outside = settings.layer(f"agent_{cap}") in ("environment", "flag")
        values[cap] = min(value, getattr(_AGENT_CAPS, cap)) if from_outside else value
    return Caps(**values)


def nothing_approved() -> Sequence[Approval]:
    """Return no approval, for where there is no store."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy says of one address.

    Attributes
    ----------
    code : str
        Empty when it is allowed, else `E301` (denied), `E302` (needs an entry or approval) or `E312` (not with this key).
    rule : str
        The rule that decided.
    caps : Caps
        Most that the run may do there; the smallest of all that apply.
    origins : mapping
        Cap → whose it is.
    approval_id : str or None
        The approval that allowed it.
    remaining_s : float
        Seconds until the window of the entry closes.
    auto_stop, sql_write : bool
        Whether the run is stopped when most of its requests fail, and whether SQL may write.
    """

    code: Literal["", "E301", "E302", "E312"]
    rule: str
    caps: Caps = _SERVER_CAPS
    origins: Mapping[str, str] = field(default_factory=dict)
    approval_id: str | None = None
    remaining_s: float = float("inf")
    auto_stop: bool = True
    sql_write: bool = False


class TargetGate:
    """Judges addresses by the policy, the approvals and the one who asks; the first matching rule of the order in docs/policy.md decides.

    Parameters
    ----------
    policy : TargetPolicy
        The rules.
    source : Path
        The file they came from, or the one to write an entry into.
    approvals : callable
        Returns the approvals that are valid now; asked only when no entry fits.
    agent_caps : Caps
        Most that agents may do.
    clock : callable
        Tells the time, for windows.
    """

    def __init__(
        self,
        policy: TargetPolicy,
        source: Path,
        *,
        approvals: Callable[[], Sequence[Approval]] = nothing_approved,
        agent_caps: Caps = _AGENT_CAPS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.policy = policy
        self.source = source
        self.agent_caps = agent_caps
        self._approvals = approvals
        self._clock = clock
        self._own: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def load(
        cls,
        home: Path,
        *,
        environ: Mapping[str, str] = os.environ,
        system_file: Path = SYSTEM_FILE,
        approvals: Callable[[], Sequence[Approval]] = nothing_approved,
        agent_caps: Caps = _AGENT_CAPS,
    ) -> TargetGate:
        """Read the policy that holds for a home folder.

        Raises
        ------
        Refused
            If the file is named or there, but unreadable or invalid.
        """
        named = environ.get("MAID_TARGETS", "")
        path = system_file if system_file.exists() else Path(named or home / "targets.yaml")
        policy = TargetPolicy() if not named and not path.exists() else read_policy(path)
        return cls(policy, path, approvals=approvals, agent_caps=agent_caps)

    def keep_off(self, own: Iterable[tuple[str, int]]) -> None:
        """Set the addresses and ports of the server that this runs in, and of its hub: they need an entry that names address and port.

        An address such as `0.0.0.0` stands for all addresses of this machine.
        """
        self._own = frozenset((host.lower(), port) for host, port in own)

    def judge(
        self,
        host: str,
        port: int,
        address: Address,
        *,
        methods: frozenset[str] = frozenset(),
        protocol: str = "http",
        by: Principal = LOCAL,
    ) -> Decision:
        """Return the decision for one address of a host (in its canonical spelling)."""
        inner, now = inner_address(address), self._clock()
        denied = self.denied(host, inner)
        if denied:
            return Decision(code="E301", rule=denied)
        is_own, missed = self._is_own(host, port, inner), ""
        decision: Decision | None = None
        for rule in self.policy.allow:
            if not rule.names(host, inner) or (is_own and not rule.is_exact):
                continue
            lack = rule.lacks(port, protocol=protocol, methods=methods, at=now, is_agent=by.is_agent)
            if not lack:
                decision = self._by_rule(rule, inner, now, by)
                break
            missed = (
                missed or f"; {self.source}: allow {rule.host} is for {lack}"
                if lack != "not for agents"
                else "; the entry is not for agents"
            )
        if decision is None and is_own:
            return Decision(code="E301", rule="the Jupyter server itself is loaded only with an entry that names its address and port")
        decision = decision or self._approved(host, port, inner, protocol, now, by)
        if decision is None and inner.is_loopback and self.policy.loopback == "free":
            decision = Decision(code="", rule="loopback is free", auto_stop=False, **self._bounded(None, "", by))
        if decision is None:
            return Decision(code="E302", rule=f"private and public hosts need an entry or an approval{missed}")
        return _within_key(decision, host, port, inner, by)

    def judge_bundled(self, by: Principal) -> Decision:
        """Return the decision for a bundled target."""
        return Decision(code="", rule="bundled targets are always allowed", **self._bounded(None, "", by))

    def approved_ids(self) -> frozenset[str]:
        """Return the ids of the approvals that hold now."""
        return frozenset(approval.id for approval in self._approvals())

    def denied(self, host: str, address: Address | None) -> str:
        """Return the rule that denies a host or address whatever the rest of the policy says, empty when none does."""
        if host in NEVER_NAMES or (address is not None and is_never(host, address)):
            return "link-local, metadata, multicast and reserved addresses are never loaded"
        rule = next((rule for rule in self.policy.deny if rule.names(host, address)), None)
        return f"{self.source}: deny {rule.host}{f' ({rule.note})' if rule.note else ''}" if rule is not None else ""

    def _by_rule(self, rule: TargetRule, address: Address, now: datetime, by: Principal) -> Decision:
        name = f"{self.source}: allow {rule.host}"
        return Decision(
            code="",
            rule=name,
            remaining_s=rule.window.remaining_s(now) if rule.window is not None else float("inf"),
            auto_stop=not address.is_loopback if rule.auto_stop is None else rule.auto_stop,
            sql_write=rule.sql_write,
            **self._bounded(rule, name, by),
        )

    def _approved(self, host: str, port: int, address: Address, protocol: str, now: datetime, by: Principal) -> Decision | None:
        if address.is_loopback and self.policy.loopback == "free":
            return None
        for approval in self._approvals():
            if not approval.covers(host, port, protocol=protocol, at=now, is_agent=by.is_agent):
                continue
            caps = Caps(max_users=approval.max_users, max_rate=approval.max_rate, max_duration=approval.max_duration)
            name = f"approval {approval.id[:8]} of {approval.host}"
            return Decision(code="", rule=name, approval_id=approval.id, auto_stop=not address.is_loopback, **self._bounded(caps, name, by))
        return None

    def _bounded(self, given: Caps | None, name: str, by: Principal) -> dict[str, Any]:
        """Return the smallest of each cap, and whose it is."""
        applying: list[tuple[str, Any]] = [("the server", self.policy.caps)]
        if given is not None:
            applying.append((name, given))
        if by.key_id is not None:
            applying.append(("the API key", by.limits))
        if by.is_agent:
            applying.append(("agents", self.agent_caps))
        values, origins = {}, {}
        for cap in _CAPS:
            bounds = [(getattr(caps, cap), origin) for origin, caps in applying if getattr(caps, cap) is not None]
            values[cap], origins[cap] = min(bounds, key=lambda bound: bound[0])
        return {"caps": Caps(**values), "origins": origins}

    def _is_own(self, host: str, port: int, address: Address) -> bool:
        places = [own for own, at in self._own if at == port]
        if not places:
            return False
        if host in places:
            return True
        if any(place in _WILD for place in places) and _is_here(address):
            return True
        return any(own is not None and inner_address(own) == address for own in map(address_of, places))


def _is_here(address: Address) -> bool:
    """Whether this machine has the address: then something may be bound to it."""
    if address.is_loopback:
        return True
    with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _within_key(decision: Decision, host: str, port: int, address: Address, by: Principal) -> Decision:
    """Return the decision, or that the key does not reach so far."""
    if by.is_test_key and not address.is_loopback:
        return Decision(code="E312", rule="a test key reaches bundled targets and loopback only")
    allowed = by.limits.allowed_targets
    if allowed and not any(_allows(pattern, host, port, address) for pattern in allowed):
        return Decision(code="E312", rule=f"the key is for {', '.join(allowed)} only")
    return decision


def _allows(pattern: str, host: str, port: int, address: Address) -> bool:
    name, colon, number = pattern.rpartition(":")
    # Colons are part of IPv6 addresses, which stand in brackets when a port follows.
    if colon and number.isdigit() and (":" not in name or name.endswith("]")):
        return int(number) == port and _allows(name.strip("[]"), host, port, address)
    return TargetRule(host=pattern.strip("[]")).names(host, address)
