"""Agencies that fail, each in its own way: the others don't notice, nothing is lost, and it heals by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from simulators import control
from tests.live.demo import SHOWN, SLUGS, Demo, wait

#: What each agency does wrong at the same time, and what its source says of it: state and error's code.
WRONGS = {
    "prov-sumbar": ("slow", "DOWN", "TIMEOUT"),
    "prov-diy": ("error", "DOWN", "HTTP_ERROR"),
    "kab-sleman": ("html", "DOWN", "BAD_PAYLOAD"),
    "kab-tangerang": ("loop", "DOWN", "PAGING_LOOP"),
    "kab-badung": ("malformed", "OK", None),
    "prov-bali": ("empty", "OK", None),
}
WELL = "sp4n-lapor"


@pytest.fixture
def healed(demo: Demo) -> Iterator[Demo]:
    """The demo, whose faults end with the test."""
    yield demo
    for slug in SLUGS:
        control.clear(demo.data, slug)
    wait(demo.hub.all_well, SHOWN)


def told(demo: Demo, slug: str) -> tuple[str, str | None]:
    source = demo.hub.sources()[slug]
    return source["state"], source["error"] and source["error"]["code"]


def is_told(demo: Demo, slug: str, *what: object) -> Callable[[], bool]:
    return lambda: told(demo, slug) == what


def counts(demo: Demo) -> dict[str, int]:
    buckets = demo.ask("{ statistics(groupBy: [AGENCY]) { agency { id } count } }")["statistics"]
    return {bucket["agency"]["id"]: bucket["count"] for bucket in buckets}


def rows(demo: Demo, slug: str) -> dict[str, Any]:
    fields = "totalCount sources { agency { id } state stale } nodes { title stale agency { source { state } } }"
    query = f"query($slugs: [ID!]) {{ complaints(filter: {{agencies: $slugs}}, first: 5) {{ {fields} }} }}"
    return dict(demo.ask(query, slugs=[slug])["complaints"])


def has_all(demo: Demo, steps: Sequence[Mapping[str, str]]) -> bool:
    """Whether every one of these moves, all at one agency, is in the graph; others may have followed it."""
    query = """query($filter: ComplaintFilter) { complaints(filter: $filter, first: 500) {
      nodes { trackingId timeline { toStatus occurredAt } }
    } }"""
    found = set()
    for part in (steps[i : i + 100] for i in range(0, len(steps), 100)):
        filter = {"agencies": [steps[0]["agency"]], "trackingIds": [step["trackingId"] for step in part]}
        for row in demo.ask(query, filter=filter)["complaints"]["nodes"]:
            found |= {(row["trackingId"], entry["toStatus"], entry["occurredAt"][:19]) for entry in row["timeline"]}
    return found >= {(step["trackingId"], step["to"], step["at"][:19]) for step in steps}


def test_an_agency_that_is_down_says_so_and_its_rows_still_answer(healed: Demo) -> None:
    demo = healed
    before = demo.count(agencies=["prov-bali"])
    assert demo.simpul("simulator", "fault", "prov-bali", "down", "--data", demo.data).returncode == 0
    wait(is_told(demo, "prov-bali", "DOWN", "UNREACHABLE"), SHOWN)
    source = demo.hub.sources()["prov-bali"]
    assert source["stale"]
    assert source["error"]["message"].startswith("Sistem instansi")
    assert source["error"]["since"] >= source["asOf"]
    assert source["error"]["retryAt"] >= source["error"]["since"]
    page = rows(demo, "prov-bali")
    assert page["totalCount"] >= before
    assert page["sources"] == [{"agency": {"id": "prov-bali"}, "state": "DOWN", "stale": True}]
    assert len(page["nodes"]) == 5
    assert all(row["title"] and row["stale"] for row in page["nodes"])
    assert not any(row["stale"] for row in rows(demo, WELL)["nodes"])

    ready = demo.hub.client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["agencies"]["prov-bali"]["state"] == "DOWN"
    gauge = 'simpul_source_state{agency="prov-bali",state="DOWN"} 1.0'
    wait(lambda: gauge in demo.hub.client.get("/metrics").text, SHOWN)

    assert demo.simpul("simulator", "clear", "prov-bali", "--data", demo.data).returncode == 0
    wait(is_told(demo, "prov-bali", "OK", None), SHOWN)
    assert not any(row["stale"] for row in rows(demo, "prov-bali")["nodes"])


def test_a_fault_for_seconds_ends_by_itself(healed: Demo) -> None:
    demo = healed
    asked = demo.simpul("simulator", "fault", "prov-diy", "error", "--for", 3, "--data", demo.data)
    assert asked.returncode == 0
    wait(is_told(demo, "prov-diy", "DOWN", "HTTP_ERROR"), SHOWN)
    wait(is_told(demo, "prov-diy", "OK", None), SHOWN)


def test_whatever_goes_wrong_deletes_nothing_and_stays_where_it_is(healed: Demo) -> None:
    demo = healed
    before, sources = counts(demo), demo.hub.sources()
    assert before["kab-tangerang"] == 3171
    for slug, (fault, _, _) in WRONGS.items():
        control.fault(demo.data, slug, fault)
    # More than a page of them: else nobody would notice that the second is the first again.
    good = control.move(demo.data, "kab-badung", 5)
    moved = control.move(demo.data, "kab-tangerang", 210)
    for slug, (_, *what) in WRONGS.items():
        wait(is_told(demo, slug, *what), SHOWN)
    wait(lambda: demo.hub.sources()["kab-badung"]["quarantined"] > sources["kab-badung"]["quarantined"], SHOWN)
    wait(lambda: has_all(demo, good), SHOWN)

    assert told(demo, WELL) == ("OK", None)
    for slug, count in counts(demo).items():
        assert count >= before[slug], slug
        assert len(rows(demo, slug)["nodes"]) == 5
    for slug, source in demo.hub.sources().items():
        assert slug == "kab-badung" or source["quarantined"] == sources[slug]["quarantined"]

    for slug in WRONGS:
        control.clear(demo.data, slug)
    wait(demo.hub.all_well, SHOWN)
    assert counts(demo)["kab-tangerang"] == 3171
    assert has_all(demo, moved)
