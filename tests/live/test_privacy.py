"""What an agency keeps confidential, looked for through every door that the public has."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import pytest

from schema.complaint import complaint_id
from schema.events import EventKind
from schema.query import StatisticsDimension
from simulators import control
from simulators.dialects import DIALECTS
from tests.live.demo import Demo


class Hidden(NamedTuple):
    """A confidential complaint, as its agency tells it."""

    agency: str
    native_id: str
    tracking_id: str
    title: str

    @property
    def id(self) -> str:
        return complaint_id(self.agency, self.native_id)


def told(demo: Demo, slug: str, path: str) -> Any:
    request = Request(control.urls(demo.data)[slug] + path, headers=dict(DIALECTS[slug].keys))
    with urlopen(request, timeout=30) as reply:
        return json.load(reply)


def tangerang(demo: Demo) -> list[Hidden]:
    records: dict[str, dict[str, Any]] = {}
    # The first page again at the end: what moved meanwhile went there, and perhaps past us.
    for page in (*range(1, 18), 1):
        data = told(demo, "kab-tangerang", f"/api/v1/aduan?per_halaman=200&halaman={page}")["data"]
        records |= {str(record["id"]): record for record in data["items"]}
    assert len(records) == data["total"] == 3171 + 129
    return [
        Hidden("kab-tangerang", id, record["nomor"], record["judul"])
        for id, record in records.items()
        if record["rahasia"]
    ]


def sp4n_lapor(demo: Demo) -> list[Hidden]:
    records: list[dict[str, Any]] = []
    for page in range(1, 3):
        records += told(demo, "sp4n-lapor", f"/complaints?page_size=200&page={page}")["results"]["data"]
    return [
        Hidden("sp4n-lapor", str(record["id"]), record["tracking_id"], record["title"])
        for record in records
        if str(record["is_secret"]).lower() in ("1", "true")
    ]


@pytest.fixture(scope="module")
def hidden(demo: Demo) -> list[Hidden]:
    """Every confidential complaint of Kab. Tangerang, and those of SP4N-LAPOR!."""
    found = {secret.id: secret for secret in tangerang(demo) + sp4n_lapor(demo)}
    assert sum(secret.agency == "kab-tangerang" for secret in found.values()) == 129
    assert sum(secret.agency == "sp4n-lapor" for secret in found.values()) > 50
    return list(found.values())


def batches(hidden: list[Hidden]) -> list[list[Hidden]]:
    """As many as a filter's list may name."""
    return [hidden[start : start + 100] for start in range(0, len(hidden), 100)]


def test_no_list_no_lookup_and_no_count_knows_them(demo: Demo, hidden: list[Hidden]) -> None:
    query = """
    query Look($ids: [ID!]!, $numbers: [String!]!, $representations: [_Any!]!) {
      byId: complaints(filter: {ids: $ids}, first: 500) { totalCount nodes { id } }
      byNumber: complaints(filter: {trackingIds: $numbers, agencies: ["kab-tangerang", "sp4n-lapor"]}, first: 500)
        { totalCount nodes { id } }
      count: statistics(filter: {ids: $ids}, groupBy: []) { count overdue medianDaysToClose averageRating }
      perStatus: statistics(filter: {ids: $ids}, groupBy: [STATUS]) { count }
      nodes(ids: $ids) { id }
      entities: _entities(representations: $representations) { ... on Complaint { id } }
    }"""
    for batch in batches(hidden):
        ids = [secret.id for secret in batch]
        named = [{"__typename": "Complaint", "id": id} for id in ids]
        answer = demo.ask(query, ids=ids, numbers=[secret.tracking_id for secret in batch], representations=named)
        assert answer["byId"] == answer["byNumber"] == {"totalCount": 0, "nodes": []}
        assert [bucket["count"] for bucket in answer["count"]] in ([], [0])
        assert answer["perStatus"] == []
        assert not any(answer["nodes"])
        assert not any(answer["entities"])


def test_a_single_one_can_not_be_told_from_none(demo: Demo, hidden: list[Hidden]) -> None:
    fields = "{ id status }"
    for secret in (*hidden[:3], *hidden[-3:]):
        query = f"""query($id: ID!, $number: String!, $agency: ID!) {{
          node(id: $id) {{ id }}
          byId: complaint(id: $id) {fields}
          byNumber: complaint(trackingId: $number, agency: $agency) {fields}
          fresh: complaint(id: $id, maxAgeSeconds: 0) {fields}
          anywhere: complaint(trackingId: $number) {fields}
        }}"""
        answer = demo.ask(query, id=secret.id, number=secret.tracking_id, agency=secret.agency)
        assert set(answer.values()) == {None}


def test_no_event_tells_of_them(demo: Demo, hidden: list[Hidden]) -> None:
    """To the last cursor, they are answered as ids that never were."""
    query = """
    query($after: String, $secret: EventFilter, $made: EventFilter) {
      secret: events(after: $after, filter: $secret) { nodes { cursor } pageInfo { hasNextPage endCursor } }
      made: events(after: $after, filter: $made) { nodes { cursor } pageInfo { hasNextPage endCursor } }
    }"""
    kinds = [kind for kind in EventKind if kind is not EventKind.DELIVERY_CHANGED]
    for batch in batches(hidden):
        made_up = [complaint_id("kab-x", secret.id) for secret in batch]
        asked = {"secret": {"kinds": kinds, "ids": [s.id for s in batch]}, "made": {"kinds": kinds, "ids": made_up}}
        after, more = None, True
        while more:
            answer = demo.ask(query, after=after, **asked)
            assert answer["secret"] == answer["made"]
            assert answer["secret"]["nodes"] == []
            after, more = answer["secret"]["pageInfo"]["endCursor"], answer["secret"]["pageInfo"]["hasNextPage"]


def test_tangerangs_whole_stream_begins_with_the_public_ones_alone(demo: Demo, hidden: list[Hidden]) -> None:
    query = """query($after: String) {
      events(after: $after, filter: {kinds: [SUBMITTED], agencies: ["kab-tangerang"]}, first: 500) {
        nodes { complaintId } pageInfo { hasNextPage endCursor }
      }
    }"""
    told: list[str] = []
    after, more = None, True
    while more:
        page = demo.ask(query, after=after)["events"]
        told += [event["complaintId"] for event in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert len(told) == len(set(told)) == 3171
    assert not {secret.id for secret in hidden} & set(told)


def test_no_word_of_theirs_finds_them(demo: Demo, hidden: list[Hidden]) -> None:
    query = "query($text: String) { complaints(filter: {text: $text}, first: 500) { nodes { id title } } }"
    secrets = {secret.id for secret in hidden}
    for secret in (*hidden[:10], *hidden[-10:]):
        words = " ".join(word for word in secret.title.split() if word.isalnum())
        found = demo.ask(query, text=words[:200])["complaints"]["nodes"]
        assert not secrets & {row["id"] for row in found}


def test_statistics_count_what_can_be_listed(demo: Demo, hidden: list[Hidden]) -> None:
    names = [dimension.value for dimension in StatisticsDimension]
    buckets = " ".join(f"{name}: statistics(groupBy: [{name}], first: 1000) {{ count }}" for name in names)
    answer = demo.ask(f"{{ complaints(first: 1) {{ totalCount }} {buckets} }}")
    total = answer.pop("complaints")["totalCount"]
    assert {name: sum(bucket["count"] for bucket in each) for name, each in answer.items()} == dict.fromkeys(
        names, total
    )
    query = '{ statistics(filter: {agencies: ["kab-tangerang"]}, groupBy: []) { count } }'
    assert demo.ask(query)["statistics"] == [{"count": 3171}]


def test_reporters_are_not_on_the_hubs_disk(demo: Demo) -> None:
    """Four agencies name the anonymous ones all the same, and no agency's file asks for anybody's identity."""
    page = told(demo, "kab-tangerang", "/api/v1/aduan?per_halaman=200&halaman=2")["data"]["items"]
    anonymous = [record for record in page if record["pelapor"]["anonim"]]
    phones = {r["pelapor"]["telepon"] for r in anonymous if r["pelapor"]["telepon"] not in r["isi_awal"]}
    assert len(phones) > 10
    kept = b"".join(path.read_bytes() for path in demo.data.glob("simpul.db*"))
    for phone in sorted(phones)[:10]:
        assert phone.encode() not in kept
    query = '{ complaints(filter: {agencies: ["kab-tangerang"]}, first: 500) { nodes { reporter { name phone } } } }'
    assert {str(row["reporter"]) for row in demo.ask(query)["complaints"]["nodes"]} == {"None"}
