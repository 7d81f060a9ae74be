"""Which media type an answer comes in, and whose pages may ask."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.negotiation import GRAPHQL, JSON, is_json, negotiate, wants_page
from gateway.origins import Origins


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"{JSON};q=0.5, {GRAPHQL};q=0.9", GRAPHQL),
        (f"{GRAPHQL};q=0.5, */*", JSON),
        (f"{JSON};q=0, */*", GRAPHQL),
        (f"*/*, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, text/event-stream", GRAPHQL),
        (f"{GRAPHQL.upper()}", GRAPHQL),
        (f"{JSON}; charset=utf-16", None),
        ("text/html, image/png", None),
        ("text/event-stream", None),
        ("*/*;q=0", None),
        (f"{JSON};q=much", None),
    ],
)
def test_negotiate(accept: str, media: str | None) -> None:
    assert negotiate(accept) == media


@given(st.text(max_size=60) | st.lists(st.sampled_from([GRAPHQL, JSON, "*/*", ";q=0.1", ",", ";"])).map("".join))
@settings(deadline=None, max_examples=100)
def test_no_header_is_too_strange(accept: str) -> None:
    assert negotiate(accept) in (GRAPHQL, JSON, None)
    assert wants_page(accept) in (True, False)


@pytest.mark.parametrize(
    ("content_type", "json"),
    [
        ("application/json", True),
        ("Application/JSON; charset=UTF-8", True),
        ('application/json;charset="utf-8"', True),
        ("application/json; charset=latin-1", False),
        ("text/json", False),
        ("", False),
    ],
)
def test_is_json(content_type: str, json: bool) -> None:
    assert is_json(content_type) is json


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://hub.example", "hub.example", True),
        ("https://hub.example:443", "hub.example", True),
        ("http://hub.example", "hub.example:80", True),
        ("https://hub.example:8443", "hub.example", False),
        ("https://hub.example.evil", "hub.example", False),
        ("file://hub.example", "hub.example", False),
        ("null", "", False),
        ("", "", False),
    ],
)
def test_a_page_of_the_hub_itself(origin: str, host: str, allowed: bool) -> None:
    assert Origins().allows(origin, host) is allowed


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost", True),
        ("http://localhost:3000", True),
        ("https://127.0.0.1:3000", True),
        ("http://[::1]:8080", True),
        ("http://localhost:3000.evil.example", False),
        ("http://127.0.0.2", False),
        ("http://evillocalhost", False),
    ],
)
def test_localhost_means_any_of_its_ports(origin: str, allowed: bool) -> None:
    assert Origins(["localhost"]).allows(origin, "hub.example") is allowed
    assert Origins(["https://a.example"]).allows(origin, "hub.example") is False
