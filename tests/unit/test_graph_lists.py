"""Lists, counts and what they refuse."""

from __future__ import annotations

import pytest

from schema.agency import SourceErrorCode, SourceProblem, SourceReport, SourceState
from schema.query import ComplaintFilter, ComplaintOrder
from schema.status import ComplaintStatus
from tests.unit.graph_ledger import NOW, Memory, ask, complaint, cursor, event, refusal


async def test_a_page_has_its_rows_in_order_with_count_sources_and_position() -> None:
    down = SourceReport(
        agency="prov-bali",
        state=SourceState.DOWN,
        stale=True,
        lag_seconds=40,
        error=SourceProblem(SourceErrorCode.TIMEOUT, since=NOW),
    )
    rows = [complaint(3), complaint(1, "prov-bali"), complaint(2)]
    ledger = Memory(rows, [event(7)], {"prov-bali": down})
    page = (
        await ask(
            ledger,
            """{ asOf complaints(first: 2) { totalCount asOf pageInfo { hasNextPage hasPreviousPage }
            sources { agency { id } state lagSeconds error { code message(language: EN) since } }
            edges { cursor } nodes { trackingId stale agency { name level } updatedAt } } }""",
        )
    )["complaints"]
    assert [row["trackingId"] for row in page["nodes"]] == ["T-1", "T-2"]
    assert page["nodes"][0] == {
        "trackingId": "T-1",
        "stale": True,
        "agency": {"name": "Provinsi Bali", "level": "PROVINCE"},
        "updatedAt": "2021-03-22T05:12:00.000Z",
    }
    assert page["nodes"][1]["stale"] is False
    assert page["totalCount"] == 3
    assert page["asOf"] == cursor(7)
    assert page["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": False}
    assert [source["agency"]["id"] for source in page["sources"]] == ["sp4n-lapor", "prov-bali", "kab-tangerang"]
    assert page["sources"][0]["state"] == "NEVER_SYNCED"
    assert page["sources"][1]["error"]["code"] == "TIMEOUT"
    assert page["sources"][1]["error"]["message"]
    assert ledger.asked.count(("agencies",)) == 1
    assert ledger.asked.count(("sources",)) == 1


async def test_only_what_is_selected_is_asked() -> None:
    ledger = Memory([complaint(1)])
    await ask(ledger, "{ complaints { nodes { id } } }")
    assert [question[0] for question in ledger.asked] == ["complaints", "agencies"]
    ledger.asked.clear()
    await ask(ledger, "{ complaints { ...C } } fragment C on ComplaintConnection { totalCount }")
    assert [question[0] for question in ledger.asked] == ["count"]


async def test_pages_join_without_hole_or_repeat_both_ways() -> None:
    ledger = Memory([complaint(number) for number in range(7)])
    document = """query ($first: Int, $after: String, $last: Int, $before: String) {
        complaints(first: $first, after: $after, last: $last, before: $before, orderBy: {field: UPDATED_AT}) {
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { nativeId } } }"""
    seen: list[str] = []
    after = None
    while True:
        page = (await ask(ledger, document, first=3, after=after))["complaints"]
        seen += [row["nativeId"] for row in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == ["0", "1", "2", "3", "4", "5", "6"]
    page = (await ask(ledger, document, last=2, before=after))["complaints"]
    assert [row["nativeId"] for row in page["nodes"]] == ["4", "5"]
    page = (await ask(ledger, document, first=0))["complaints"]
    assert page["nodes"] == []
    assert page["pageInfo"]["hasNextPage"] is True


async def test_sizes_are_clamped_and_default() -> None:
    ledger = Memory()
    await ask(ledger, "{ a: complaints(first: 9000) { nodes { id } } b: complaints { nodes { id } } }")
    limits = [question[3].limit for question in ledger.asked if question[0] == "complaints"]
    assert limits == [500, 25]


async def test_the_position_is_that_of_the_covered_agencies() -> None:
    ledger = Memory([], [event(3), event(9, agency="prov-bali")])
    page = (await ask(ledger, '{ complaints(filter: {agencies: ["kab-tangerang", "no-one"]}) { asOf } }'))["complaints"]
    assert page["asOf"] == cursor(3)
    page = (await ask(ledger, "{ complaints(filter: {levels: []}) { asOf sources { state } } }"))["complaints"]
    assert page == {"asOf": cursor(0), "sources": []}


async def test_a_filter_reaches_the_ledger_as_asked() -> None:
    ledger = Memory()
    await ask(
        ledger,
        """query ($new: String) { complaints(filter: {regionCode: "36", statuses: [CLOSED], text: " jalan ",
        submittedAfter: "2021-03-23T12:12:00+07:00", changedAfter: $new, overdue: null}) { nodes { id } } }""",
        new=cursor(4),
    )
    [(_, asked, order, _)] = [question for question in ledger.asked if question[0] == "complaints"]
    assert asked == ComplaintFilter(
        region_code="36", statuses=(ComplaintStatus.CLOSED,), text="jalan", submitted_after=NOW, changed_after=4
    )
    assert order == ComplaintOrder()


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ complaints(first: 1, last: 1) { totalCount } }", "BAD_USER_INPUT"),
        ("{ complaints(first: -1) { totalCount } }", "BAD_USER_INPUT"),
        ('{ complaints(after: "made up") { totalCount } }', "BAD_CURSOR"),
        ('{ complaints(filter: {regionCode: "36.0"}) { totalCount } }', "BAD_USER_INPUT"),
        ("{ complaints(orderBy: {field: RELEVANCE}) { totalCount } }", "BAD_USER_INPUT"),
        ('{ complaints(filter: {changedAfter: "made up"}) { totalCount } }', "BAD_CURSOR"),
        (f'{{ complaints(filter: {{text: "{"a" * 201}"}}) {{ totalCount }} }}', "BAD_USER_INPUT"),
        (f"{{ complaints(filter: {{ids: {['x'] * 101}}}) {{ totalCount }} }}".replace("'", '"'), "BAD_USER_INPUT"),
        ("{ complaint { id } }", "BAD_USER_INPUT"),
        ('{ complaint(id: "a", trackingId: "b") { id } }', "BAD_USER_INPUT"),
        ('{ complaint(id: "a", agency: "b") { id } }', "BAD_USER_INPUT"),
        ('{ complaint(trackingId: "T-1", maxAgeSeconds: -1) { id } }', "BAD_USER_INPUT"),
        ("{ statistics(groupBy: [AGENCY, LEVEL, STATUS, MONTH]) { count } }", "BAD_USER_INPUT"),
        ("{ statistics(groupBy: [STATUS, STATUS]) { count } }", "BAD_USER_INPUT"),
        ('{ agencies(regionCode: "3") { id } }', "BAD_USER_INPUT"),
        (f"{{ nodes(ids: {['x'] * 101}) {{ id }} }}".replace("'", '"'), "BAD_USER_INPUT"),
        ('{ events(after: "made up") { nodes { cursor } } }', "BAD_CURSOR"),
        ('{ deliveries(after: "made up") { totalCount } }', "BAD_CURSOR"),
        ("query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }", "BAD_USER_INPUT"),
    ],
)
async def test_what_cannot_be_answered_is_refused_with_a_code(document: str, code: str) -> None:
    variables = {"r": [{"__typename": "Reporter", "id": "x"}]} if "$r" in document else {}
    assert (await refusal(Memory(), document, **variables)).code == code


async def test_a_cursor_of_another_epoch_tells_where_to_start_anew() -> None:
    ledger = Memory([], [event(5)])
    for document in (
        "query ($c: String) { complaints(filter: {changedAfter: $c}) { totalCount } }",
        "query ($c: String) { events(after: $c) { nodes { cursor } } }",
    ):
        error = await refusal(ledger, document, c=cursor(2, epoch="before"))
        assert (error.code, error.extensions) == ("CURSOR_EXPIRED", {"head": cursor(5)})
