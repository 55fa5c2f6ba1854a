"""Addresses and host names as the policy sees them: one spelling for each, and the address that is really meant."""

from __future__ import annotations

import ipaddress
from typing import Final

__all__ = ["NEVER_NAMES", "Address", "address_of", "canonical_host", "inner_address", "is_never"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Never under load, whatever a file or person says: link-local, metadata services, unspecified, multicast, broadcast, reserved.
_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4",
        "fe80::/10", "fec0::/10", "fd00:ec2::254/128", "::/128", "ff00::/8", "64:ff9b:1::/48", "2001::/32", "100::/64",
    )
)  # fmt: skip
NEVER_NAMES: Final = frozenset({"metadata.google.internal"})
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_V4_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_MOST: Final = 253


def is_never(host: str, address: Address) -> bool:
    """Whether nobody may put load on this, whatever a file or person says."""
    inner = inner_address(address)
    return host in NEVER_NAMES or any(inner in network for network in _NEVER)


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


def address_of(host: str) -> Address | None:
    """Return the address that a host is written as, None for names."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def canonical_host(host: str) -> str:
    """Return a host in its one spelling: addresses compressed, names in lower-case punycode without the trailing dot.

    Raises
    ------
    ValueError
        If it is empty, no name that DNS knows, or an address in another form than the usual one: octal, hexadecimal, one number, short.
    """
    bare = host.removesuffix(".")
    address = None if "%" in bare else address_of(bare)
    if address is not None:
        return str(address)
    name = bare.lower() if bare.isascii() else _punycode(bare)
    # Full-width digits and dots become plain ones only here, so numbers are looked for in what is asked of DNS.
    last = name.rpartition(".")[2]
    if last.isdigit() or last.startswith("0x"):
        raise ValueError("has an address in an unusual form")
    if len(name) > _MOST or not all(_is_label(label) for label in name.split(".")):
        raise ValueError("is no host name")
    return name


def _punycode(name: str) -> str:
    import idna

    try:
        return idna.encode(name, uts46=True).decode("ascii").lower().removesuffix(".")
    except idna.IDNAError:
        raise ValueError("is no host name") from None


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 63 and all(char.isalnum() or char in "-_" for char in label) and label[0] != "-" and label[-1] != "-"
