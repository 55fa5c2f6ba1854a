"""Admission of a plan: every address it would touch is named, resolved, judged and pinned."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from maid_lab.model.diagnostics import Diagnostic
from maid_lab.model.errors import InvalidInput, Refused
from maid_lab.model.plan import Ceilings, HttpStep, Target

if TYPE_CHECKING:
    from maid_lab.model.plan import Plan
    from maid_lab.services.policy import Caps, TargetGate

__all__ = ["DEMO_SCHEME", "Resolver", "admit", "is_bundled", "resolve_host"]

#: Addresses of bundled targets: the run service starts them on loopback, so no policy is asked.
DEMO_SCHEME: Final = "demo:"
_PORTS: Final = {"http": 80, "https": 443}
_ALL_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_PROBE_S: Final = 0.5

Resolver = Callable[[str, int], Awaitable[tuple[str, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """One host and port with what the plan would do there."""

    url: str
    host: str
    port: int
    methods: frozenset[str]


async def admit(plan: Plan, gate: TargetGate, *, resolve: Resolver | None = None) -> Plan:
    """Return the plan with pinned addresses and its final hash.

    Hosts that only scenarios or absolute URLs of steps name become targets of weight 0, so that workers may reach them and no user is
    sent there by chance.

    Raises
    ------
    Refused
        If the policy denies an address (E301), wants an entry for it (E302), or a cap is exceeded (E303).
    InvalidInput
        If a URL is no HTTP address, or a name cannot be resolved.
    """
    _check_sources(plan)
    _check_extras(plan)
    places, given = tuple(_places(plan)), dict(plan.dns)

    async def addresses_of(place: _Place) -> tuple[str, ...]:
        return given.get(place.host) or await (resolve or resolve_host)(place.host, place.port)

    found = await asyncio.gather(*map(addresses_of, places))
    pinned: dict[str, tuple[str, ...]] = {}
    ceilings = plan.ceilings
    for place, addresses in zip(places, found, strict=True):
        for address in addresses:
            caps = _judge(gate, place, address)
            _check_caps(plan, place, caps)
            ceilings = _tightened(ceilings, caps)
        pinned[place.host] = tuple(dict.fromkeys(pinned.get(place.host, ()) + addresses))
    targets = tuple(replace(t, addresses=t.addresses if is_bundled(t.base_url) else pinned[_host(t.base_url)]) for t in plan.targets)
    named = {_host(target.base_url) for target in targets if not is_bundled(target.base_url)}
    others = {place.host: place for place in places if place.host not in named}
    extra = tuple(Target(base_url=place.url, weight=0, addresses=pinned[host]) for host, place in sorted(others.items()))
    return replace(plan, targets=targets + extra, ceilings=ceilings).hashed()


def _check_extras(plan: Plan) -> None:
    if any(step.is_http2 for step in _steps(plan)) and find_spec("h2") is None:
        raise InvalidInput("E401 HTTP/2 is not installed here.", hint="Install it: pip install 'maid-lab[http2]'.")


def _check_sources(plan: Plan) -> None:
    """Refuse own addresses that this machine does not have, before anything is sent."""
    for address in sorted({address for step in _steps(plan) for address in step.source_addresses}):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((address, 0))
            except OSError as error:
                raise InvalidInput(
                    f"source address {address} cannot be used: {error.strerror or error}.",
                    hint="List the addresses of this machine with: ip address.",
                ) from None


def is_bundled(url: str) -> bool:
    """Whether the address names a bundled target such as `demo:shop`."""
    return url.startswith(DEMO_SCHEME)


async def resolve_host(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses of a host, those of a family that does not answer left out when the other does.

    Names such as `localhost` often have an IPv6 address that the target does not listen on; taken in turn, half of all connections
    would fail. A host that answers nowhere keeps all its addresses: being down is for the run to record.

    Raises
    ------
    InvalidInput
        If the name cannot be resolved.
    """
    try:
        found = await asyncio.to_thread(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(
            f"host {host} cannot be resolved: {reason}.", hint="Check the spelling of --host or target.base_url, and the name server."
        ) from None
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    if len({":" in address for address in addresses}) < 2:
        return addresses
    answers = await asyncio.gather(*(_answers(address, port) for address in addresses))
    return tuple(address for address, answered in zip(addresses, answers, strict=True) if answered) or addresses


async def _answers(address: str, port: int) -> bool:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), _PROBE_S)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _places(plan: Plan) -> Iterator[_Place]:
    """Hosts and ports of the plan, each once; templates whose host is only known while running are left to the workers' table."""
    relative = frozenset(step.method for step in _steps(plan) if not _absolute(step.url))
    if any(scenario.code is not None for scenario in plan.scenarios) or plan.setup_code is not None or plan.teardown_code is not None:
        # What a function sends is known only while it runs: it has to be allowed all.
        relative |= _ALL_METHODS
    wanted: dict[tuple[str, int], tuple[str, frozenset[str]]] = {}
    bases = [target.base_url for target in plan.targets] + [scenario.host for scenario in plan.scenarios if scenario.host]
    asked = [(url, relative) for url in bases] + [(step.url, frozenset({step.method})) for step in _steps(plan) if _absolute(step.url)]
    # A proxy gets what its steps send; the targets behind it are judged as well.
    proxies = [(step.proxy, frozenset({step.method})) for step in _steps(plan) if step.proxy]
    proxies += [(each.code.proxy, _ALL_METHODS) for each in plan.scenarios if each.code is not None and each.code.proxy]
    asked += [(f"http://{proxy.rpartition('@')[2].removeprefix('http://')}", methods) for proxy, methods in proxies]
    for url, methods in asked:
        if is_bundled(url) or "{{" in url.partition("://")[2].partition("/")[0]:
            continue
        host, port = _host(url), _port(url)
        known = wanted.get((host, port), (url, frozenset()))
        wanted[host, port] = (known[0], known[1] | methods)
    for (host, port), (url, methods) in wanted.items():
        parts = urlsplit(url)
        yield _Place(url=f"{parts.scheme}://{parts.netloc}", host=host, port=port, methods=methods)


def _absolute(url: str) -> bool:
    return "://" in url.partition("{{")[0]


def _steps(value: Any) -> Iterator[HttpStep]:
    if isinstance(value, HttpStep):
        yield value
        yield from _steps(value.token)
    elif isinstance(value, tuple):
        for item in value:
            yield from _steps(item)
    elif is_dataclass(value) and not isinstance(value, Target):
        for spec in fields(value):
            yield from _steps(getattr(value, spec.name))


def _host(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _wrong(url, "is not an absolute http or https URL")
    if parts.username is not None:
        raise _wrong(url, "holds a user name; use the step's auth instead")
    host = parts.hostname.rstrip(".").lower()
    if _looks_numeric(host) and not _is_address(host):
        raise _wrong(url, "has an address in an unusual form")
    return host


def _port(url: str) -> int:
    parts = urlsplit(url)
    try:
        return parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise _wrong(url, "has a port that is no number from 1 to 65535") from None


def _wrong(url: str, what: str) -> InvalidInput:
    shown = "".join(char if char.isprintable() else "�" for char in url)
    finding = Diagnostic(code="E104", severity="error", message=f"the address {shown!r} {what}.", hint="Write it as http://host:port.")
    return InvalidInput(finding.message, hint=finding.hint, diagnostics=(finding,))


def _looks_numeric(host: str) -> bool:
    last = host.rpartition(".")[2]
    return last.isdigit() or last.startswith("0x")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _judge(gate: TargetGate, place: _Place, address: str) -> Caps:
    decision = gate.judge(place.host, place.port, ipaddress.ip_address(address.partition("%")[0]), methods=place.methods)
    if not decision.code:
        return decision.caps
    shown = f"{place.host}:{place.port}" + (f" ({address})" if address != place.host else "")
    if decision.code == "E301":
        raise Refused(f"E301 target {shown} is denied: {decision.rule}.")
    raise Refused(
        f"E302 target {shown} is not approved: {decision.rule}.",
        hint=f"If you may put load on it, add to {gate.source}: allow: [{{host: {place.host}, ports: [{place.port}]}}]",
    )


def _tightened(ceilings: Ceilings, caps: Caps) -> Ceilings:
    """Return the smaller of each: what live control may not exceed either."""
    return Ceilings(
        max_users=float(min(ceilings.max_users or math.inf, caps.max_users)),
        max_rate_per_s=min(ceilings.max_rate_per_s or math.inf, caps.max_rate),
        max_duration_s=min(ceilings.max_duration_s or math.inf, caps.max_duration),
    )


def _check_caps(plan: Plan, place: _Place, caps: Caps) -> None:
    rate = sum(load.peak for load in plan.loads if load.model == "rate")
    for name, value, cap in (
        ("users", plan.peak_users, caps.max_users),
        ("starts per second", rate, caps.max_rate),
        ("seconds", plan.duration_s, caps.max_duration),
    ):
        if value > cap:
            raise Refused(
                f"E303 the plan wants {value:g} {name} on {place.host}, the cap is {cap:g}.", hint="Lower the load, or raise the cap."
            )
