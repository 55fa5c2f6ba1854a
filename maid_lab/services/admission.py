"""Admission of a plan: every address it would touch is named, resolved, judged and pinned."""

from __future__ import annotations

import asyncio
import ipaddress
import math
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields, is_dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from maid_lab.model.diagnostics import Diagnostic
from maid_lab.model.errors import InvalidInput, Refused
from maid_lab.model.plan import Ceilings, HttpStep, Target
from maid_lab.services.access.principal import LOCAL, Principal
from maid_lab.services.policy.addresses import address_of, canonical_host

if TYPE_CHECKING:
    from maid_lab.model.plan import Plan
    from maid_lab.services.policy.gate import Decision, TargetGate
    from maid_lab.services.policy.targets import Caps

__all__ = ["DEMO_SCHEME", "Admission", "Resolver", "admit", "admitted", "is_bundled", "look_up", "readmit", "resolve_host"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """An admitted plan with what the policy said of it.

    Attributes
    ----------
    plan : Plan
        With pinned addresses and its final hash.
    approvals : frozenset of str
        Ids of the approvals that it needs.
    auto_stop : bool
        Whether the run is to be stopped when most of its requests fail.
    """

    plan: Plan
    approvals: frozenset[str] = frozenset()
    auto_stop: bool = False


async def admit(plan: Plan, gate: TargetGate, *, resolve: Resolver | None = None, by: Principal = LOCAL) -> Plan:
    """Return the plan with pinned addresses and its final hash; see `admitted`."""
    return (await admitted(plan, gate, resolve=resolve, by=by)).plan


async def admitted(plan: Plan, gate: TargetGate, *, resolve: Resolver | None = None, by: Principal = LOCAL) -> Admission:
    """Judge a plan, and return it with pinned addresses and its final hash.

    Hosts that only scenarios or absolute URLs of steps name become targets of weight 0, so that workers may reach them and no user is
    sent there by chance.

    Raises
    ------
    Refused
        If the policy denies an address (E301), wants an entry for it (E302), a cap is exceeded (E303), or the key is not for it (E312).
    InvalidInput
        If a URL is no HTTP address, or a name cannot be resolved.
    """
    _check_sources(plan)
    _check_extras(plan)
    places = tuple(_places(plan))
    found = await _resolved(plan, places, resolve or look_up)
    # Approvals are read from the store: not on the event loop.
    decisions = await asyncio.to_thread(_judged, gate, places, found, by)
    if resolve is None:
        # Not before it is judged: asking whether an address answers touches it.
        given = dict(plan.dns)
        asked = [place if place.host not in given else None for place in places]
        found = [addresses if place is None else await _answering(place, addresses) for place, addresses in zip(asked, found, strict=True)]
    ceilings = plan.ceilings
    pinned: dict[str, tuple[str, ...]] = {}
    for place, decision in _bundled(plan, gate, by):
        _check_caps(plan, place, decision)
        ceilings = _tightened(ceilings, decision.caps)
    for place, addresses in zip(places, found, strict=True):
        for decision in decisions[place]:
            _check_caps(plan, place, decision)
            ceilings = _tightened(ceilings, decision.caps)
        pinned[place.host] = tuple(dict.fromkeys(pinned.get(place.host, ()) + addresses))
    targets = tuple(replace(t, addresses=t.addresses if is_bundled(t.base_url) else pinned[_host(t.base_url)]) for t in plan.targets)
    named = {_host(target.base_url) for target in targets if not is_bundled(target.base_url)}
    others = {place.host: place for place in places if place.host not in named}
    extra = tuple(Target(base_url=place.url, weight=0, addresses=pinned[host]) for host, place in sorted(others.items()))
    whole: Plan = replace(plan, targets=targets + extra, ceilings=ceilings).hashed()
    return _admission(whole, decisions)


async def readmit(plan: Plan, gate: TargetGate, *, resolve: Resolver | None = None, by: Principal = LOCAL) -> Admission:
    """Judge an admitted plan again, at its start: the policy may have changed since, and names may have.

    Raises
    ------
    Refused
        If a name has an address that it had not when the plan was made (E311), and all that `admitted` raises.
    """
    places = tuple(_places(plan))
    pinned: dict[str, set[str]] = {}
    for target in plan.targets:
        if not is_bundled(target.base_url):
            pinned.setdefault(_host(target.base_url), set()).update(target.addresses)
    found = await _resolved(plan, places, resolve or look_up)
    for place, addresses in zip(places, found, strict=True):
        fresh = _fresh(addresses, pinned.get(place.host, set()))
        if fresh:
            known = ", ".join(sorted(pinned.get(place.host, ()))) or "none"
            raise Refused(
                f"E311 the address of {place.host} changed since the plan: it is {', '.join(fresh)} now, planned were {known}.",
                hint="Plan again, and look where the load would go.",
            )
    decisions = await asyncio.to_thread(_judged, gate, places, found, by)
    told = [*_bundled(plan, gate, by), *((place, decision) for place, made in decisions.items() for decision in made)]
    for place, decision in told:
        _check_caps(plan, place, decision)
    return _admission(plan, decisions)


def _fresh(addresses: Sequence[str], pinned: Set[str]) -> list[str]:
    """Return what was not pinned. A family that was left out because it did not answer is none of the workers' business, unless it is all there is."""
    families = {":" in address for address in pinned}
    told = [address for address in addresses if (":" in address) in families] or addresses
    return sorted(set(told) - pinned)


def _admission(plan: Plan, decisions: Mapping[_Place, Sequence[Decision]]) -> Admission:
    made = [decision for each in decisions.values() for decision in each]
    return Admission(
        plan=plan,
        approvals=frozenset(decision.approval_id for decision in made if decision.approval_id is not None),
        auto_stop=any(decision.auto_stop for decision in made),
    )


async def _resolved(plan: Plan, places: Sequence[_Place], resolve: Resolver) -> list[tuple[str, ...]]:
    """Return the addresses of each place; those that are written as one, or given by the recipe, ask nobody."""
    given = dict(plan.dns)

    async def addresses_of(place: _Place) -> tuple[str, ...]:
        known = given.get(place.host)
        if known is None and address_of(place.host) is not None:
            known = (place.host,)
        return known or await resolve(place.host, place.port)

    return list(await asyncio.gather(*map(addresses_of, places)))


def _judged(gate: TargetGate, places: Sequence[_Place], found: Sequence[tuple[str, ...]], by: Principal) -> dict[_Place, list[Decision]]:
    return {place: [_judge(gate, place, address, by) for address in addresses] for place, addresses in zip(places, found, strict=True)}


def _bundled(plan: Plan, gate: TargetGate, by: Principal) -> list[tuple[_Place, Decision]]:
    """Return what holds for the bundled targets of a plan: they are allowed always, within the caps of the server, the key and the agent."""
    names = dict.fromkeys(target.base_url for target in plan.targets if is_bundled(target.base_url))
    return [(_Place(url=name, host=name, port=0, methods=frozenset()), gate.judge_bundled(by)) for name in names]


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
    return await _answering(_Place(url="", host=host, port=port, methods=frozenset()), await look_up(host, port))


async def _answering(place: _Place, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out the addresses of a family that does not answer when the other does."""
    if len({":" in address for address in addresses}) < 2:
        return addresses
    answers = await asyncio.gather(*(_answers(address, place.port) for address in addresses))
    return tuple(address for address, answered in zip(addresses, answers, strict=True) if answered) or addresses


async def look_up(host: str, port: int) -> tuple[str, ...]:
    """Return all addresses of a host.

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
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


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
    try:
        return canonical_host(parts.hostname)
    except ValueError as error:
        raise _wrong(url, str(error)) from None


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


def _judge(gate: TargetGate, place: _Place, address: str, by: Principal) -> Decision:
    decision = gate.judge(place.host, place.port, ipaddress.ip_address(address.partition("%")[0]), methods=place.methods, by=by)
    if not decision.code:
        return decision
    shown = f"{place.host}:{place.port}" + (f" ({address})" if address != place.host else "")
    if decision.code == "E301":
        raise Refused(f"E301 target {shown} is denied: {decision.rule}.")
    if decision.code == "E312":
        raise Refused(f"E312 target {shown} is not for this key: {decision.rule}.", hint="Use another key, or another target.")
    raise Refused(
        f"E302 target {shown} is not approved: {decision.rule}.",
        hint=f"If you may put load on it, run: maid policy approve {_written(place.host, place.port)}, or add to {gate.source}: "
        f"allow: [{{host: {place.host}, ports: [{place.port}]}}]",
    )


def _tightened(ceilings: Ceilings, caps: Caps) -> Ceilings:
    """Return the smaller of each: what live control may not exceed either."""
    return Ceilings(
        max_users=float(min(ceilings.max_users or math.inf, caps.max_users)),
        max_rate_per_s=min(ceilings.max_rate_per_s or math.inf, caps.max_rate),
        max_duration_s=min(ceilings.max_duration_s or math.inf, caps.max_duration),
    )


def _check_caps(plan: Plan, place: _Place, decision: Decision) -> None:
    caps = decision.caps
    rate = sum(load.peak for load in plan.loads if load.model == "rate")
    for name, value, cap, field in (
        ("users", plan.peak_users, caps.max_users, "max_users"),
        ("starts per second", rate, caps.max_rate, "max_rate"),
        ("seconds", plan.duration_s, caps.max_duration, "max_duration"),
    ):
        if value > cap:
            raise Refused(
                f"E303 the plan wants {value:g} {name} on {place.host}, the cap is {cap:g}: {field} of {decision.origins.get(field, 'the server')}.",
                hint="Lower the load, or raise the cap.",
            )
    if plan.duration_s > decision.remaining_s:
        raise Refused(
            f"E303 the plan wants {plan.duration_s:g} seconds on {place.host}, its window closes in {decision.remaining_s:.0f}: {decision.rule}.",
            hint="Run it for less time, or when the window has just opened.",
        )


def _written(host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port in _PORTS.values() else f"{shown}:{port}"
