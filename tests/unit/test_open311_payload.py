"""Bytes of GeoReport replies: what is read, what is mended, what is refused, and that nothing else can happen."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.open311.payload import MAX_DEPTH, Unreadable, names_of, read, read_requests, read_services
from schema.errors import AuthenticationFailed, BadPayload, HttpFailure, RateLimited, SourceError

ONE = {"service_request_id": "A-1", "status": "open", "service_code": "007"}
XML_ONE = "<request><service_request_id>A-1</service_request_id><status>open</status><lat/></request>"


def xml(inside: str, root: str = "service_requests") -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>\n<{root}>{inside}</{root}>'.encode()


@pytest.mark.parametrize(
    "shape",
    [
        [ONE],
        {"service_requests": [ONE]},
        {"requests": [ONE]},
        {"requests": [{"request": [ONE]}]},
        {"service_requests": {"request": ONE}},
        [{"request": ONE}],
        {"response": {"requests": [ONE]}},
        {"data": [ONE], "total": 1},
        ONE,
    ],
)
def test_the_list_is_found_however_it_is_wrapped(shape: Any) -> None:
    assert read_requests(json.dumps(shape).encode()) == [ONE]


@pytest.mark.parametrize("root", ["service_requests", "requests", "service-requests", "ServiceRequests"])
def test_the_xml_root_may_have_any_of_its_names(root: str) -> None:
    assert read_requests(xml(XML_ONE, root)) == [{"service_request_id": "A-1", "status": "open", "lat": None}]
    assert len(read_requests(xml(XML_ONE * 3, root))) == 3


@pytest.mark.parametrize("body", [b"[]", b"{}"[:0] + b'{"requests": []}', b'{"requests": null}', xml(""), xml("\n  ")])
def test_an_empty_list_is_a_list(body: bytes) -> None:
    assert read_requests(body) == []


def test_namespaces_prefixes_and_nil_are_seen_through() -> None:
    body = b"""<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="urn:soap"><soapenv:Body>
      <m:service_requests xmlns:m="urn:m"><m:request><m:service_request_id> 5 </m:service_request_id>
      <m:updated_datetime xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true">x</m:updated_datetime>
      </m:request></m:service_requests></soapenv:Body></soapenv:Envelope>"""
    assert read_requests(body) == [{"service_request_id": "5", "updated_datetime": None}]


def test_lists_in_xml_are_lists_also_with_one_entry() -> None:
    inside = "<id>1</id><notes><note><type>opened</type></note></notes><log><entry><a>1</a></entry></log>"
    more = "<tags><x>1</x><x>2</x></tags><one><thing>1</thing></one><html>a <b>bold</b> word</html>"
    (record,) = read_requests(xml(f"<request>{inside}{more}</request>"))
    assert record == {
        "id": "1",
        "notes": [{"type": "opened"}],
        "log": [{"a": "1"}],
        "tags": ["1", "2"],
        "one": {"thing": "1"},
        "html": "a bold word",
    }


def test_json_that_only_a_person_would_read() -> None:
    body = b'\xef\xbb\xbf[{"service_code":001,"zipcode":0094,"lat":-0.5,"x":0,"y":10,"note":"05, ]",},]'
    assert read_requests(body) == [
        {"service_code": "001", "zipcode": "0094", "lat": -0.5, "x": 0, "y": 10, "note": "05, ]"}
    ]
    assert read_requests(b'[{"token": "a\tb", "lat": NaN}]')[0] is not None


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<request><id>1</id><description>Jalan & got</description></request>", "Jalan & got"),
        ("<request><id>1</id><description>a&nbsp;b &eacute; &lt;</description></request>", "a\xa0b é <"),
        ("<request><id>1</id><description>&unknown; \x0b</description></request>", "&unknown;"),
        ("<request><id>1</id><description xsi:lang='x'>ok</description></request>", "ok"),
    ],
)
def test_xml_that_is_nearly_well_formed_is_mended(inside: str, expected: str) -> None:
    (record,) = read_requests(xml(inside))
    assert isinstance(record, dict)
    assert record["description"] == expected


def test_other_charsets_are_read_also_when_they_are_told_wrongly() -> None:
    latin = "<request><id>1</id><address>Straße</address></request>"
    told = f'<?xml version="1.0" encoding="ISO-8859-1"?><requests>{latin}</requests>'.encode("latin-1")
    lied = f'<?xml version="1.0" encoding="utf-8"?><requests>{latin}</requests>'.encode("latin-1")
    wide = f'<?xml version="1.0" encoding="utf-16"?><requests>{latin}</requests>'.encode("utf-16")
    for body in (told, lied, wide):
        assert read_requests(body) == [{"id": "1", "address": "Straße"}]
    assert read_requests('[{"id":1,"address":"Straße"}]'.encode("latin-1"), "iso-8859-1") == [
        {"id": 1, "address": "Straße"}
    ]


def test_one_broken_record_does_not_cost_the_others() -> None:
    broken = "<request><service_request_id>B-2</service_request_id><status>open</oops></request>"
    found = read_requests(xml(XML_ONE + broken + XML_ONE))
    assert [isinstance(record, Unreadable) for record in found] == [False, True, False]


def test_a_reply_that_was_cut_is_not_read_in_part() -> None:
    for body in (xml(XML_ONE * 2)[:-30], json.dumps([ONE, ONE]).encode()[:-9]):
        with pytest.raises(BadPayload):
            read_requests(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<!DOCTYPE html><html><body>Login</body></html>", "HTML"),
        (b"<HTML><h1>502</h1></HTML>", "HTML"),
        (b"Internal Server Error", "neither"),
        (b'"a string"', "neither"),
        (b'{"hello": "world"}', "no list"),
        (b'{"requests": "none"}', "no list"),
        (b"<discovery><changeset>1</changeset></discovery>", "no list"),
        (b"[" * 5_000 + b"]" * 5_000, "JSON|list"),
        (b"<a>" * (MAX_DEPTH + 2) + b"</a>" * (MAX_DEPTH + 2), "nested|read"),
        (b"\x00\x01\x02", "neither"),
    ],
)
def test_what_is_no_reply_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        read_requests(body)


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><requests><request><id>&x;</id></request></requests>',
        b'<?xml version="1.0"?><!-- hi --> <!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><requests>&b;</requests>',
        b'\n<!doctype r SYSTEM "http://127.0.0.1/x.dtd"><requests/>',
    ],
)
def test_documents_with_a_dtd_are_not_read(body: bytes) -> None:
    with pytest.raises(BadPayload, match="DTD"):
        read_requests(body)


@pytest.mark.parametrize(
    ("body", "error", "status"),
    [
        (xml("<error><code>404</code><description>not found</description></error>", "errors"), HttpFailure, 404),
        (xml("<code>404</code><detail>Not Found</detail>", "requests"), HttpFailure, 404),
        (b'[{"code": 400, "description": "jurisdiction_id was not provided"}]', HttpFailure, 400),
        (b'{"errors": [{"code": "500", "description": "oops"}]}', HttpFailure, 500),
        (b'{"error": {"code": 503, "message": "later"}}', HttpFailure, 503),
        (
            xml("<error><code>403</code><description>api_key</description></error>", "errors"),
            AuthenticationFailed,
            None,
        ),
        (b'[{"code": 429, "description": "slow down"}]', RateLimited, None),
        (b"<error>Invalid api_key received</error>", BadPayload, None),
        (b'{"error": "something"}', BadPayload, None),
    ],
)
def test_error_documents_are_typed_errors(body: bytes, error: type[SourceError], status: int | None) -> None:
    with pytest.raises(error) as caught:
        read_requests(body)
    assert getattr(caught.value, "status", None) == status


def test_services_are_read_in_both_formats() -> None:
    body = xml("<service><service_code>001</service_code><service_name>Sampah</service_name></service>", "services")
    assert read_services(body) == [{"service_code": "001", "service_name": "Sampah"}]
    assert read_services(b'[{"service_code":001,"service_name":"Sampah"}]') == read_services(body)


def test_hostile_texts_cost_one_pass() -> None:
    for body in (
        b"<requests>" + b"<request>" * 40_000 + b"</requests>",
        b'["' + b'\\"' * 100_000,
        b"[" + b"00" * 100_000,
        b"<requests>" + b"&" * 100_000 + b"</requests>",
        b"<?" * 60_000,
        b"<a" * 100_000,
        b"[" + b'{"a":' * 200 + b"1" + b"}" * 200 + b"]",
        b"<!--" * 60_000,
        b"<requests><request>" + b"&a" * 50_000 + b"</request></requests>",
    ):
        with pytest.raises(SourceError):
            raise_unless_records(body)


def raise_unless_records(body: bytes) -> None:
    if all(names_of(record) <= {"request"} for record in read_requests(body)):
        raise BadPayload("nothing in it")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["requests", "request", "code", "service_request_id", "error", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(JSON)
def test_any_json_is_records_or_a_typed_error(value: Any) -> None:
    survives(json.dumps(value).encode())


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_mutated_replies_are_records_or_a_typed_error(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([xml(XML_ONE * 2), json.dumps([ONE, ONE]).encode(), xml("<a b='c'>&amp;</a>")]))
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 12)))
    filling = data.draw(st.binary(max_size=8) | st.sampled_from([b"<", b"</request>", b'"', b"&", b"]]>", b"<!--"]))
    survives(whole[:start] + filling + whole[end:])


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60) | st.text(alphabet='<>/a&;![]{}":, 01?-', max_size=60).map(str.encode))
def test_any_bytes_are_something_or_a_typed_error(body: bytes) -> None:
    survives(body)


def survives(body: bytes) -> None:
    for reader in (read, read_requests, read_services):
        with suppress(SourceError):
            reader(body)
