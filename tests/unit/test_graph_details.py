"""Single complaints, nodes, agencies, counts."""

from __future__ import annotations

from datetime import timedelta

from schema.agency import SourceReport, SourceState
from schema.clocks import ClockKind, SlaClock
from schema.complaint import (
    Actor,
    AgencyReference,
    ContentState,
    Disposition,
    FollowUp,
    FollowUpKind,
    IncidentLocation,
    Rating,
    RatingSource,
    StatusEvent,
    complaint_id,
)
from schema.events import EventDetail, EventKind
from schema.query import Measure, StatisticsDimension
from schema.status import ActorRole, ComplaintStatus
from tests.unit.graph_ledger import NOW, Memory, ask, complaint, event, refusal


async def test_a_complaint_by_number_and_by_id() -> None:
    ledger = Memory([complaint(1), complaint(1, "prov-bali"), complaint(2)])
    document = "query ($n: String, $a: ID) { complaint(trackingId: $n, agency: $a) { id } }"
    error = await refusal(ledger, document, n="T-1")
    assert (error.code, error.extensions) == ("AMBIGUOUS_TRACKING_ID", {"agencies": ["kab-tangerang", "prov-bali"]})
    found = await ask(ledger, document, n="T-1", a="prov-bali")
    assert found["complaint"]["id"] == complaint_id("prov-bali", "1")
    assert (await ask(ledger, document, n="T-9"))["complaint"] is None
    assert (await ask(ledger, '{ complaint(id: "complaint_x") { id } }'))["complaint"] is None


async def test_the_whole_complaint() -> None:
    bina_marga = AgencyReference("Dinas Bina Marga", agency="kab-tangerang")
    full = complaint(
        1,
        category="agama",
        incident_location=IncidentLocation(region_code="36.03", latitude=-6.2, longitude=106.5),
        timeline=(StatusEvent(to_status=ComplaintStatus.SUBMITTED, occurred_at=NOW),),
        dispositions=(Disposition(to_agency=bina_marga, occurred_at=NOW),),
        follow_ups=(
            FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOW, content="Dikerjakan.", actor=Actor(ActorRole.AGENCY)),
            FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOW, content="Rahasia.", is_confidential=True),
        ),
        clocks=(SlaClock(kind=ClockKind.VERIFY, limit_days=3, started_at=NOW, breached=True, breached_at=NOW),),
        ratings=(Rating(score=4, source=RatingSource.CITIZEN, occurred_at=NOW),),
    )
    found = (
        await ask(
            Memory([full]),
            """query ($id: ID!) { complaint(id: $id) {
            text overdue statusLabel(language: EN) nextStatuses viewerActions isConfidential
            category { code name(language: EN) parent { id } } incidentLocation { region { name parent { name } } }
            followUps { content attachments { id } } timeline(last: 0) { note } rating { score }
            reporter { name } linkSuggestions { score } delivery { id } routedBy { rule } links { kind }
            journey { hops bouncing complaints { id } steps { kind agency { id } complaint { id }
            toAgency { agency { id } } } }
            } }""",
            id=full.id,
        )
    )["complaint"]
    assert found["text"] == "Mohon diperbaiki."
    assert found["overdue"] is True
    assert found["statusLabel"] == "Submitted"
    assert found["category"] == {"code": "agama", "name": "Religion", "parent": None}
    assert found["incidentLocation"]["region"]["parent"]["name"] == "Banten"
    assert [entry["content"] for entry in found["followUps"]] == ["Dikerjakan."]
    assert found["timeline"] == []
    assert found["rating"] == {"score": 4}
    for hidden in ("reporter", "linkSuggestions", "delivery", "routedBy"):
        assert found[hidden] is None
    for empty in ("nextStatuses", "viewerActions", "links"):
        assert found[empty] == []
    steps = [step["kind"] for step in found["journey"]["steps"]]
    assert sorted(steps) == ["CLOCK_BREACHED", "FOLLOW_UP_ADDED", "RATED", "SUBMITTED", "TRANSFERRED"]
    assert found["journey"]["hops"] == 1
    assert found["journey"]["complaints"] == [{"id": full.id}]


async def test_an_erased_complaint_shows_no_content() -> None:
    leftover = complaint(
        1,
        content_state=ContentState.ERASED,
        incident_location=IncidentLocation(region_code="36.03"),
        follow_ups=(FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOW, content="Pak RT"),),
    )
    fields = "contentState title text incidentLocation { regionCode } followUps { content }"
    ledger = Memory([leftover], [event(1, EventKind.FOLLOW_UP_ADDED, leftover, detail=EventDetail(entry=0))])
    emptied = {"contentState": "ERASED", "title": None, "text": None, "incidentLocation": None}
    emptied["followUps"] = [{"content": None}]  # type: ignore[assignment]
    document = f"""{{ complaints {{ nodes {{ {fields} }} }}
        node(id: "{leftover.id}") {{ ... on Complaint {{ {fields} }} }}
        events {{ nodes {{ complaint {{ {fields} }} ... on FollowUpAdded {{ followUp {{ content }} }} }} }} }}"""
    data = await ask(ledger, document)
    assert data["complaints"]["nodes"] == [emptied]
    assert data["node"] == emptied
    assert data["events"]["nodes"] == [{"complaint": emptied, "followUp": {"content": None}}]


async def test_stale_says_that_the_mirror_is_older_than_asked() -> None:
    report = SourceReport(agency="kab-tangerang", state=SourceState.OK, as_of=NOW - timedelta(seconds=30))
    ledger = Memory([complaint(1)], sources={"kab-tangerang": report})
    document = 'query ($n: Int) { complaint(trackingId: "T-1", maxAgeSeconds: $n) { stale } }'
    stale = [(await ask(ledger, document, n=n))["complaint"]["stale"] for n in (None, 60, 30, 29, 0)]
    assert stale == [False, False, False, True, True]


async def test_nodes_are_told_by_their_ids() -> None:
    known = complaint(1)
    ids = [
        known.id,
        "prov-bali",
        "category_agama",
        "region_36.03",
        "delivery_x",
        "attachment_x",
        "x_y",
        "complaint_",
        "",
    ]
    nodes = (await ask(Memory([known]), "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=ids))[
        "nodes"
    ]
    assert [node and node["__typename"] for node in nodes] == ["Complaint", "Agency", "Category", "Region", *[None] * 5]
    assert [node["id"] for node in nodes[:4]] == ids[:4]


async def test_agencies_regions_categories_labels_viewer() -> None:
    data = await ask(
        Memory(),
        """{ agencies { id } banten: agencies(regionCode: "36") { id region { name } queue { waiting }
        quarantine { reason } }
        provinces: agencies(level: PROVINCE) { id } agency(id: "prov-bali") { parent { id } writes source { state } }
        none: agency(id: "nobody") { id }
        regions { code } region(code: "36.03") { id level children { code } } parts: regions(parentCode: "36") { name }
        categories { code children { parent { code } } } category(code: "agama") { id }
        labels(language: EN) { enumName value label } viewer { role name agencies { id } expiresAt }
        deliveries { totalCount nodes { id } pageInfo { endCursor } } }""",
    )
    assert [agency["id"] for agency in data["agencies"]] == ["sp4n-lapor", "prov-bali", "kab-tangerang"]
    assert data["banten"] == [
        {
            "id": "kab-tangerang",
            "region": {"name": "Kabupaten Tangerang"},
            "queue": {"waiting": 0},
            "quarantine": None,
        }
    ]
    assert data["provinces"] == [{"id": "prov-bali"}]
    assert data["agency"] == {"parent": None, "writes": [], "source": {"state": "NEVER_SYNCED"}}
    assert data["none"] is None
    assert len(data["regions"]) == 38
    assert data["region"]["level"] == "REGENCY"
    assert len(data["categories"]) == 38
    assert {"enumName": "ComplaintStatus", "value": "CLOSED", "label": "Closed"} in data["labels"]
    assert data["viewer"] == {"role": "PUBLIC", "name": None, "agencies": [], "expiresAt": None}
    assert data["deliveries"] == {"totalCount": 0, "nodes": [], "pageInfo": {"endCursor": None}}


async def test_statistics_compute_only_the_measures_selected() -> None:
    ledger = Memory([complaint(1)])
    document = """query { statistics(groupBy: [AGENCY], first: 9000) {
        count agency { name } region { name } category { name } } }"""
    [bucket] = (await ask(ledger, document))["statistics"]
    assert bucket["agency"] == {"name": "Provinsi Bali"}
    assert bucket["region"] == {"name": "Bali"}
    await ask(
        ledger,
        """query { statistics(groupBy: []) { ...M ... on StatisticsBucket { overdue } } }
        fragment M on StatisticsBucket { averageRating }""",
    )
    asked = [question for question in ledger.asked if question[0] == "statistics"]
    assert asked[0] == ("statistics", (StatisticsDimension.AGENCY,), 1000, frozenset())
    assert asked[1] == ("statistics", (), 200, {Measure.OVERDUE, Measure.AVERAGE_RATING})
