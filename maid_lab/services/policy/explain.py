"""What the policies say of a target or a path, and by which rule."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from maid_lab.model.errors import InvalidInput
from maid_lab.services.access.principal import LOCAL, Principal
from maid_lab.services.admission import is_bundled, look_up
from maid_lab.services.policy.addresses import address_of, canonical_host

if TYPE_CHECKING:
    from maid_lab.services.admission import Resolver
    from maid_lab.services.policy.gate import Decision, TargetGate

__all__ = ["explain_target", "host_and_port"]

_PORTS = {"http": 80, "https": 443}


def host_and_port(target: str) -> tuple[str, int | None]:
    """Return host, in its canonical spelling, and port of `HOST`, `HOST:PORT` or a URL.

    Raises
    ------
    InvalidInput
        If it is none of these.
    """
    try:
        bare = f"[{target}]" if "://" not in target and target.count(":") > 1 and not target.startswith("[") else target
        parts = urlsplit(bare if "://" in bare else f"//{bare}")
        if parts.username is not None:
            raise InvalidInput(f"{target!r} holds a user name.", hint="Give host and port only.")
        return canonical_host(parts.hostname or ""), parts.port or _PORTS.get(parts.scheme)
    except ValueError as error:
        raise InvalidInput(f"{target!r} is no target: {error}.", hint="Write HOST, HOST:PORT or a URL.") from None


async def explain_target(gate: TargetGate, target: str, *, by: Principal = LOCAL, resolve: Resolver = look_up) -> list[dict[str, Any]]:
    """Return the decision for each address of a target: `decision`, `code`, `rule`, `source` and `caps`.

    Raises
    ------
    InvalidInput
        If the target cannot be read, or its name not be resolved.
    """
    if is_bundled(target):
        caps = gate.policy.caps
        return [{"target": target, "address": "", "decision": "allowed", "code": "", "rule": "bundled targets are free", "source": "built-in",
                 "caps": caps.model_dump(), "origins": {}}]  # fmt: skip
    host, port = host_and_port(target)
    addresses = (host,) if address_of(host) is not None else await resolve(host, port or 80)
    told = []
    for address in addresses:
        found = address_of(address)
        if found is not None:
            decision = gate.judge(host, port or 80, found, by=by)
            told.append({"target": f"{host}:{port or 80}", "address": address, **_said(decision, gate.source)})
    return told


def _said(decision: Decision, source: Path) -> dict[str, Any]:
    origin = "approval" if decision.approval_id is not None else str(source) if str(source) in decision.rule else "built-in"
    return {
        "decision": "refused" if decision.code else "allowed",
        "code": decision.code,
        "rule": decision.rule,
        "source": origin,
        "caps": {} if decision.code else decision.caps.model_dump(),
        "origins": dict(decision.origins),
    }
