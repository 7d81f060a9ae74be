"""The dashboard in a browser, over the demo."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from schema.complaint import complaint_id
from simulators import control
from tests.live.browser import live, panel, visiting
from tests.live.demo import SHOWN, Demo, wait

pytestmark = pytest.mark.browser

#: Bytes on the wire until the first answer is shown.
FIRST_VIEW = 100_000
#: Seconds from a move at a simulator until it is seen: the demo polls every second.
SEEN = 2.0

AXE = "async () => (await axe.run({ resultTypes: ['violations'] })).violations"


async def moved(demo: Demo, slug: str) -> dict[str, Any]:
    """A move at a simulator, now."""
    [step] = await asyncio.to_thread(control.move, demo.data, slug, 1)
    return dict(step)


async def seen(page: Page, step: dict[str, Any], within: float = SHOWN) -> None:
    """Waits until the feed shows a move."""
    complaint = complaint_id(step["agency"], step["nativeId"])
    row = panel(page, "feed", f"li[data-complaint='{complaint}'][data-to='{step['to']}']")
    await expect(row.first).to_be_attached(timeout=within * 1_000)


async def test_a_move_at_an_agency_is_seen_within_two_seconds(demo: Demo, browser: Browser) -> None:
    async with visiting(browser, demo.hub.address) as visit:
        page = await live(await visit.open())
        took = []
        for slug in ("kab-sleman", "prov-bali", "sp4n-lapor"):
            began = time.monotonic()
            await seen(page, await moved(demo, slug))
            took.append(time.monotonic() - began)
        assert statistics.median(took) < SEEN, took
        visit.check()


async def test_ten_tabs_are_live_over_one_socket(demo: Demo, browser: Browser) -> None:
    async with visiting(browser, demo.hub.address) as visit:
        pages = [await visit.open() for _ in range(10)]
        for page in pages:
            await live(page)
        step = await moved(demo, "prov-diy")
        await asyncio.gather(*(seen(page, step) for page in pages))
        assert len(visit.sockets) == 1
        roles = [await page.locator("html").get_attribute("data-role") for page in pages]
        assert sorted(roles, key=str) == ["follow"] * 9 + ["lead"]

        # The one that holds the socket goes: another takes over, and nobody misses anything.
        leader = pages.pop(roles.index("lead"))
        await leader.close()
        step = await moved(demo, "prov-diy")
        await asyncio.gather(*(seen(page, step) for page in pages))
        # Another tab's socket is told to us when it likes, and the old one may have carried that move still.
        await asyncio.to_thread(wait, lambda: len(visit.sockets) == 2, SEEN)
        step = await moved(demo, "prov-diy")
        await asyncio.gather(*(seen(page, step) for page in pages))
        assert len(visit.sockets) == 2
        visit.check()


async def test_the_first_view_is_small(demo: Demo, browser: Browser) -> None:
    async with visiting(browser, demo.hub.address) as visit:
        page = await visit.context.new_page()
        wire = await visit.context.new_cdp_session(page)
        received: list[float] = []
        wire.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
        await wire.send("Network.enable")
        await page.goto(visit.origin)
        await live(page)
        assert 5_000 < sum(received) < FIRST_VIEW, received
        visit.check()


async def agree(page: Page, ask: Callable[[str], dict[str, Any]]) -> None:
    """Waits until page and graph say the same, which they must once nothing moves any more."""
    deadline = time.monotonic() + 10
    while (shown := await counts(page)) != (held := graph_counts(ask)):
        assert time.monotonic() < deadline, (shown, held)
        await asyncio.sleep(0.1)


async def counts(page: Page) -> dict[str, dict[str, int]]:
    """What the page shows by agency and by status."""
    read = "(rows, name) => Object.fromEntries(rows.map((row) => [row.dataset[name], Number(row.dataset.count)]))"
    by_agency = await panel(page, "agencies", "tr[data-agency]").evaluate_all(read, "agency")
    by_status = await panel(page, "status", "tr[data-status]").evaluate_all(read, "status")
    return {name: {key: n for key, n in found.items() if n} for name, found in (("a", by_agency), ("s", by_status))}


def graph_counts(ask: Callable[[str], dict[str, Any]]) -> dict[str, dict[str, int]]:
    """What the graph says."""
    found = ask(
        "{ a: statistics(groupBy: [AGENCY]) { agency { id } count } s: statistics(groupBy: [STATUS]) { status count } }"
    )
    return {
        "a": {bucket["agency"]["id"]: bucket["count"] for bucket in found["a"]},
        "s": {bucket["status"]: bucket["count"] for bucket in found["s"]},
    }


@pytest.mark.parametrize(
    ("path", "theme"),
    [
        ("/?lang=id", "light"),
        ("/?lang=en", "dark"),
        ("/?screen=1", "dark"),
        pytest.param("/?lang=id", "dark", marks=pytest.mark.soak),
        pytest.param("/?lang=en", "light", marks=pytest.mark.soak),
        pytest.param("/?screen=1", "light", marks=pytest.mark.soak),
    ],
)
async def test_it_can_be_read_without_seeing_it(
    demo: Demo, browser: Browser, npm: Callable[..., Path], path: str, theme: str
) -> None:
    axe = (npm("axe-core@4.10.3") / "node_modules" / "axe-core" / "axe.min.js").read_text()
    # Without motion: colours are judged as they are, not on their way.
    async with visiting(browser, demo.hub.address, reduced_motion="reduce", color_scheme=theme) as visit:
        page = await live(await visit.open(path))
        if "lang" in path:
            await panel(page, "overdue", "li a").first.click()
            await expect(page.locator("dialog[data-panel=journey][open] li[data-kind]").first).to_be_attached()
        visit.check()  # before axe, which writes a style into the page that the policy stops
        await page.evaluate(axe)
        if "lang" in path:
            assert await serious(page) == [], "the journey"
            await page.keyboard.press("Escape")
        assert await serious(page) == []


async def serious(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds serious, and where."""
    found = await page.evaluate(AXE)
    return [
        (each["id"], [node["html"][:200] for node in each["nodes"]][:5])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


async def test_a_keyboard_reaches_everything(demo: Demo, browser: Browser) -> None:
    async with visiting(browser, demo.hub.address) as visit:
        page = await live(await visit.open())
        # Held still, or what is walked over changes underway.
        await panel(page, "feed", "[data-action=pause]").click()
        await page.locator("a").first.focus()
        wanted = {"feed", "filters", "search", "map", "overdue"}
        reached: set[str] = set()
        for _ in range(400):
            await page.keyboard.press("Tab")
            at = await page.evaluate(
                """() => { const e = document.activeElement;
                return [e.closest('[data-panel]')?.dataset.panel ?? '', e.tagName,
                  getComputedStyle(e).outlineStyle + getComputedStyle(e).boxShadow]; }"""
            )
            if at[1] == "BODY":
                break
            assert at[2] != "nonenone", f"no ring around {at}"
            reached.add(at[0])
            if wanted <= reached:
                break
        assert wanted <= reached


async def test_the_journey_of_a_complaint_opens_and_closes_by_keyboard(demo: Demo, browser: Browser) -> None:
    async with visiting(browser, demo.hub.address) as visit:
        page = await live(await visit.open())
        step = await moved(demo, "kab-badung")
        await seen(page, step)
        await panel(page, "search", "input[name=tracking]").fill(step["trackingId"])
        await page.keyboard.press("Enter")
        journey = page.locator("dialog[data-panel=journey][open]")
        await expect(journey).to_be_visible()
        await expect(journey.locator("li[data-kind]").first).to_be_attached()
        await page.keyboard.press("Escape")
        await expect(journey).to_have_count(0)
        visit.check()


async def test_the_language_changes(demo: Demo, browser: Browser) -> None:
    async with visiting(browser, demo.hub.address) as visit:
        page = await live(await visit.open("/?lang=en"))
        heading = page.locator("h1")
        await expect(heading).to_have_text("All agencies")
        await page.locator("[data-action=language]").click()
        await expect(heading).to_have_text("Seluruh instansi")
        await expect(page.locator("html[lang=id]")).to_be_attached()
        visit.check()


async def test_on_a_phone_nothing_is_wider_than_it(demo: Demo, browser: Browser) -> None:
    async with visiting(browser, demo.hub.address, viewport={"width": 360, "height": 740}, has_touch=True) as visit:
        page = await live(await visit.open())
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        visit.check()
