"""Which addresses an agency's system may live at: no name and no redirect leads the hub into its own network."""

from __future__ import annotations

import ipaddress
from enum import StrEnum

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


class Network(StrEnum):
    """Where an agency's system may be reached."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"


def network_of(address: str) -> Network | None:
    """The network an address belongs to; None for what no agency has: link-local, multicast, reserved, unspecified.

    An IPv4 address inside an IPv6 one (mapped, 6to4, NAT64) counts as itself.
    """
    parsed = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    if parsed.is_loopback:
        return Network.LOOPBACK
    if any(parsed in network for network in _PRIVATE):
        return Network.PRIVATE
    refused = parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified or parsed.is_link_local
    return Network.PUBLIC if parsed.is_global and not refused else None


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def implied_by(host: str) -> Network:
    """What a base address permits by itself: a literal address its own network, a name only public ones."""
    if host.rstrip(".").lower() == "localhost":
        return Network.LOOPBACK
    try:
        return network_of(host) or Network.PUBLIC
    except ValueError:
        return Network.PUBLIC


def permits(allowed: Network, address: str) -> bool:
    """Whether an address may be connected to. PRIVATE covers public addresses too; LOOPBACK nothing else."""
    found = network_of(address)
    return found is allowed or (allowed is Network.PRIVATE and found is Network.PUBLIC)
