"""Whom a request is from: nobody becomes somebody else by what he writes into a header."""

from __future__ import annotations

import pytest

from gateway.guard.client import Proxies, is_own, line_of

PROXIES = Proxies(["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.4.4.4", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9,10.4.4.4, 192.0.2.7", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.9", "10.0.0.9"),
        # Of somebody who is no proxy nothing is believed.
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("", "198.51.100.1", ""),
        # What is no address ends the trace: the proxy that wrote it down is the last that is known.
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, unknown, 10.4.4.4", "10.4.4.4"),
        ("10.0.0.1", "198.51.100.1, , 10.4.4.4", "10.4.4.4"),
        ("10.0.0.1", "'; DROP TABLE", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("10.0.0.1", "[2001:db8:9::1]:4711", "2001:db8:9::1"),
        ("10.0.0.1", '"[2001:db8:9::1]"', "2001:db8:9::1"),
        ("2001:db8:1::1", "2001:DB8:9:0::1", "2001:db8:9::1"),
        ("::ffff:10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        # As many hops as he likes, all with a proxy's address: it is not read to the end.
        ("10.0.0.1", "203.0.113.9," + "10.0.0.1," * 5_000 + "10.0.0.2", "10.0.0.1"),
    ],
)
def test_read_from_the_right(peer: str, forwarded: str, client: str) -> None:
    assert PROXIES.client(peer, forwarded.encode()) == client


def test_nobody_is_believed_unless_said() -> None:
    assert not Proxies()
    assert Proxies().client("127.0.0.1", b"198.51.100.1") == "127.0.0.1"


def test_headers_that_come_twice_are_one_list() -> None:
    headers = [(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-for", b"203.0.113.9, 10.0.0.3")]
    scope = {"client": ("10.0.0.1", 5000), "headers": headers}
    PROXIES.see(scope)
    assert scope["client"] == ("203.0.113.9", 0)


@pytest.mark.parametrize(
    ("client", "line"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:9:1::1", "2001:db8:9:1::/64"),
        ("2001:db8:9:1:ffff::", "2001:db8:9:1::/64"),
        ("2001:db8:9:2::1", "2001:db8:9:2::/64"),
        ("", ""),
        ("a-test", "a-test"),
    ],
)
def test_a_household_is_one_line(client: str, line: str) -> None:
    assert line_of(client) == line


def test_this_machine() -> None:
    assert [is_own(each) for each in ("", "127.0.0.1", "::1", "::ffff:127.0.0.1")] == [True] * 4
    assert not is_own("10.0.0.1")
