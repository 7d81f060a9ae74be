"""Where a request comes from: the address of whoever sent it, or of the client that a trusted proxy sent it for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

#: The header in which proxies write down for whom they ask, each at the end of what it was given.
FORWARDED = b"x-forwarded-for"

#: Proxies, one behind another, that are followed back. Whoever writes more of them himself is not read to the end.
_MOST_HOPS = 16
#: Addresses that are remembered with what they come to.
_MOST = 16_384

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


class Proxies:
    """The proxies whose word is believed. Without any, who holds the connection is the client, whatever is said.

    Args:
        networks: `10.0.0.0/8`, `2001:db8::/32`, or single addresses.
    """

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks: tuple[_Network, ...] = tuple(ip_network(each, strict=False) for each in networks)
        self.trusts = lru_cache(_MOST)(self._trusts)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def client(self, peer: str, forwarded: bytes) -> str:
        """The address of the client.

        Read from the right, where the nearest proxy wrote: the first that no trusted proxy has is the client, and what
        stands left of it is hearsay.

        Args:
            peer: who holds the connection; "" if unknown.
            forwarded: the header's values, joined by commas.
        """
        client = peer
        if forwarded and self.trusts(peer):
            for hop in reversed(forwarded.decode("latin-1").rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
                address = _host(hop)
                if not address:
                    break
                client = address
                if not self.trusts(address):
                    break
        return client

    def see(self, scope: Scope) -> None:
        """Puts the client's address into an ASGI scope, in place of the proxy's."""
        peer = client_of(scope)
        values = [value for name, value in scope["headers"] if name == FORWARDED]
        if values and self.trusts(peer):
            scope["client"] = self.client(peer, b",".join(values)), 0

    def _trusts(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def client_of(scope: Scope) -> str:
    """The address that an ASGI scope tells; "" if none."""
    address = scope.get("client")
    return address[0] if address else ""


@lru_cache(_MOST)
def line_of(client: str) -> str:
    """One subscriber's line: an IPv4 address, or the /64 that IPv6 gives to every household; "" if there is none."""
    address = _parsed(client)
    if isinstance(address, IPv6Address):
        return str(ip_network((address.packed[:8] + bytes(8), 64)))
    return client if address is None else str(address)


@lru_cache(_MOST)
def is_own(client: str) -> bool:
    """Whether it is this machine itself: an operator, or a proxy that nobody told the hub of."""
    address = _parsed(client)
    return not client if address is None else address.is_loopback


def _parsed(client: str) -> _Address | None:
    try:
        address = ip_address(client)
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


@lru_cache(_MOST)
def _host(hop: str) -> str:
    """The address of `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1` or `[2001:db8::1]:5678`; "" if it is none of these."""
    text = hop.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    address = _parsed(text)
    return "" if address is None else str(address)
