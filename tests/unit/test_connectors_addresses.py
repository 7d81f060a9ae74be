"""Which addresses belong to which network."""

from __future__ import annotations

import pytest

from connectors.addresses import Network, implied_by, network_of, permits


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("8.8.8.8", Network.PUBLIC),
        ("2606:4700::1111", Network.PUBLIC),
        ("127.0.0.1", Network.LOOPBACK),
        ("127.9.9.9", Network.LOOPBACK),
        ("::1", Network.LOOPBACK),
        ("::ffff:127.0.0.1", Network.LOOPBACK),
        ("64:ff9b::7f00:1", Network.LOOPBACK),
        ("2002:7f00:1::", Network.LOOPBACK),
        ("10.1.2.3", Network.PRIVATE),
        ("172.31.0.1", Network.PRIVATE),
        ("192.168.1.1", Network.PRIVATE),
        ("100.64.0.1", Network.PRIVATE),
        ("::ffff:10.0.0.1", Network.PRIVATE),
        ("fd00::1", Network.PRIVATE),
        ("169.254.169.254", None),
        ("fe80::1%eth0", None),
        ("0.0.0.0", None),
        ("::", None),
        ("224.0.0.1", None),
        ("ff02::1", None),
        ("255.255.255.255", None),
        ("240.0.0.1", None),
        ("192.0.2.1", None),
    ],
)
def test_network_of(address: str, network: Network | None) -> None:
    assert network_of(address) is network


def test_what_a_base_address_implies() -> None:
    assert implied_by("127.0.0.1") is Network.LOOPBACK
    assert implied_by("LOCALHOST.") is Network.LOOPBACK
    assert implied_by("10.0.0.7") is Network.PRIVATE
    assert implied_by("intern.example") is Network.PUBLIC
    assert implied_by("169.254.169.254") is Network.PUBLIC


def test_what_is_permitted() -> None:
    assert permits(Network.PRIVATE, "8.8.8.8")
    assert permits(Network.PRIVATE, "10.0.0.1")
    assert not permits(Network.PRIVATE, "127.0.0.1")
    assert not permits(Network.PUBLIC, "10.0.0.1")
    assert not permits(Network.LOOPBACK, "8.8.8.8")
    assert not any(permits(network, "169.254.169.254") for network in Network)
