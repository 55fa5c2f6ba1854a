"""Addresses that a recipe gives itself: of names that are not looked up."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maid_lab.model.planning.context import Context

__all__ = ["is_ip", "plan_dns"]


def is_ip(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def plan_dns(given: Any, context: Context, pointer: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return names with the addresses that stand for them in this test, whatever a name server says."""
    if given is None:
        return ()
    if not isinstance(given, dict) or not given:
        context.add("E103", "dns is a mapping of names to addresses", "Write dns: {shop.example: 192.0.2.1}.", pointer)
        return ()
    found = []
    for name, value in given.items():
        place = f"{pointer}/{name}"
        addresses = tuple(context.value(item, str, place) for item in (value if isinstance(value, list) else [value]))
        for address in addresses:
            if not is_ip(address):
                context.add("E104", f"{address!r} is not an IP address", "Write for example 192.0.2.1.", place)
        found.append((str(name).rstrip(".").lower(), addresses))
    return tuple(sorted(found))
