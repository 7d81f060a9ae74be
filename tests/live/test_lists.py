"""Lists over all agencies, while their statuses move."""

from __future__ import annotations

from typing import Any

from simulators import control
from tests.live.demo import SLUGS, Demo, wait

NEWEST = """
{ complaints(first: 50, orderBy: {field: UPDATED_AT, direction: DESC}) {
  totalCount asOf
  sources { agency { id } state lagSeconds }
  nodes { trackingId title status nativeStatus { label } agency { name level } }
} }
"""

PAGE = """
query Page($first: Int, $after: String, $last: Int, $before: String) {
  asOf
  complaints(
    orderBy: { field: SUBMITTED_AT, direction: DESC } first: $first after: $after last: $last before: $before
  ) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    nodes { id submittedAt }
  }
}
"""


def test_the_newest_over_all_agencies_and_how_fresh_each_is(demo: Demo) -> None:
    page = demo.ask(NEWEST)["complaints"]
    assert len(page["nodes"]) == 50
    assert {source["agency"]["id"] for source in page["sources"]} == set(SLUGS)
    assert len(page["sources"]) == 7
    assert all(source["lagSeconds"] < 60 for source in page["sources"])
    for row in page["nodes"]:
        assert row["title"]
        assert row["trackingId"]
        assert row["nativeStatus"]["label"]
    assert {row["agency"]["level"] for row in page["nodes"]} <= {"NATIONAL", "PROVINCE", "DISTRICT"}


def test_the_order_over_all_is_the_merged_order_of_each(demo: Demo) -> None:
    rows = "(first: 50, {}orderBy: {{field: {}, direction: {}}}) {{ nodes {{ id {} }} }}"
    for field, name in (("UPDATED_AT", "updatedAt"), ("SUBMITTED_AT", "submittedAt")):
        for direction in ("DESC", "ASC"):
            parts = ["all: complaints" + rows.format("", field, direction, name)]
            for number, slug in enumerate(SLUGS):
                held = f'filter: {{agencies: ["{slug}"]}}, '
                parts.append(f"a{number}: complaints" + rows.format(held, field, direction, name))
            # One operation reads one snapshot: the lists can be compared to the row.
            answer = demo.ask("{" + " ".join(parts) + "}")
            mixed = answer.pop("all")["nodes"]
            each = [row for page in answer.values() for row in page["nodes"]]
            each.sort(key=lambda row: (row[name], row["id"]), reverse=direction == "DESC")
            assert mixed == each[:50]


def test_tangerang_is_whole(demo: Demo) -> None:
    assert demo.count(agencies=["kab-tangerang"]) == 3171
    assert demo.count(agencies=["kab-tangerang"], regionCode="36") == 3171
    assert demo.count(agencies=["kab-tangerang"], regionCode="51") == 0
    assert demo.count(regionCode="36") > demo.count(regionCode="36.03") >= 3171
    query = """{
      first: complaints(filter: {agencies: ["kab-tangerang"]}, orderBy: {field: SUBMITTED_AT, direction: ASC}, first: 1)
        { nodes { submittedAt } }
      last: complaints(filter: {agencies: ["kab-tangerang"]}, orderBy: {field: SUBMITTED_AT}, first: 1)
        { nodes { submittedAt } }
    }"""
    ends = demo.ask(query)
    assert ends["first"]["nodes"][0]["submittedAt"] < "2018-10"
    assert ends["last"]["nodes"][0]["submittedAt"].startswith("2021-03-23")


def pages(demo: Demo, backward: bool) -> tuple[list[str], int, list[str]]:
    """All ids by pages of 500, newest receipt first, while statuses move; the last total; the cursors of `asOf`."""
    rows: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"last": 500} if backward else {"first": 500}
    seen: list[str] = []
    while True:
        answer = demo.ask(PAGE, **asked)
        seen.append(answer["asOf"])
        page = answer["complaints"]
        rows = page["nodes"] + rows if backward else rows + page["nodes"]
        for slug in ("kab-sleman", "kab-tangerang", "prov-diy"):
            control.move(demo.data, slug, 5)
        if len(seen) < 3:
            # Pages are read faster than agencies are: some of what moves must come in between two of them.
            assert wait(lambda: demo.ask("{ asOf }")["asOf"] != seen[-1], within=10)
        info = page["pageInfo"]
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            assert rows == sorted(rows, key=lambda row: (row["submittedAt"], row["id"]), reverse=True)
            return [row["id"] for row in rows], page["totalCount"], seen
        asked = asked | ({"before": info["startCursor"]} if backward else {"after": info["endCursor"]})


def test_paging_both_ways_meets_every_row_once_while_statuses_move(demo: Demo) -> None:
    """Newest first: what arrives meanwhile lies before a page that goes forward, and behind one that goes backward."""
    total = demo.count()
    forward, _, seen = pages(demo, backward=False)
    assert total <= len(forward) == len(set(forward))
    backward, total, _ = pages(demo, backward=True)
    assert total == len(backward) == len(set(backward))
    assert backward[len(backward) - len(forward) :] == forward
    moved = "query($after: String) { events(after: $after, filter: {kinds: [STATUS_CHANGED]}) { nodes { cursor } } }"
    assert demo.ask(moved, after=seen[0])["events"]["nodes"], "nothing moved, so nothing was proved"
