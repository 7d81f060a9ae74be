"""The dashboard when its hub goes away and comes back."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Route, expect

from simulators import control
from tests.live.browser import live, panel, visiting
from tests.live.demo import Demo, Running, running, wait
from tests.live.proxy import Proxy
from tests.live.test_dashboard import agree, moved, seen

pytestmark = pytest.mark.browser

SLUGS = ("prov-diy", "prov-bali")
#: What a browser itself writes on its console about a hub that is not there.
AWAY = ("net::ERR_CONNECTION_REFUSED", "net::ERR_EMPTY_RESPONSE", "net::ERR_CONNECTION_RESET", "WebSocket connection")


@pytest.fixture
def start(demo: Demo, tmp_path: Path) -> Callable[[], AbstractContextManager[Running]]:
    """Starts a hub over two of the demo's simulators, each time on the same folder and port."""
    folder = demo.agencies(tmp_path / "agencies", *SLUGS)
    for path in folder.iterdir():
        path.write_text(re.sub(r"(?m)^every = .*$", "every = 1.0", path.read_text()))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "SIMPUL_DATA_DIR": str(tmp_path / "data"),
        "SIMPUL_AGENCIES_DIR": str(folder),
        "SIMPUL_PORT": str(port),
        **control.environment(demo.data),
    }
    return lambda: running("serve", "--migrate", log=tmp_path / "hub.log", settings=settings)


async def test_a_hub_that_goes_away_is_missed_and_followed_on_when_it_is_back(
    demo: Demo, browser: Browser, start: Callable[[], AbstractContextManager[Running]]
) -> None:
    wide = {"width": 1920, "height": 1080}
    async with visiting(browser, "") as visit, visiting(browser, "", viewport=wide) as wall:
        with start() as hub:
            await asyncio.to_thread(wait, lambda: harvested(hub), 30)
            visit.settle(hub.address)
            wall.settle(hub.address)
            page = await live(await visit.open("/?lang=en"))
            screen = await wall.context.new_page()
            await screen.clock.install()
            await screen.goto(f"{hub.address}/?screen=1&lang=en")
            await live(screen)
            band = panel(screen, "band")
            await expect(band).to_be_hidden()
            await seen(page, await moved(demo, "prov-bali"))

        # It is gone: both notice, and the wall screen tells the age of what it shows.
        await expect(page.locator("html[data-stream=connecting]")).to_be_attached()
        await screen.clock.run_for(11_000)
        await expect(band).to_be_visible()
        assert int(await band.get_attribute("data-age") or 0) >= 10
        for slug in SLUGS:
            control.move(demo.data, slug, 3)
        loads: list[str] = []
        screen.on("load", lambda page: loads.append(page.url))
        await wall.context.route("**/dashboard/version.json", newer)

        with start() as hub:
            async with screen.expect_event("load"):
                await screen.clock.run_for(6_000)
            await expect(panel(page, "notice", "[data-notice=recovered]")).to_be_attached()
            await live(page)
            await seen(page, await moved(demo, "prov-bali"))
            with stopped(demo):
                await agree(page, hub.ask)
            await live(screen)
            await expect(band).to_be_hidden()
            async with screen.expect_response("**/dashboard/version.json"):
                await screen.clock.fast_forward(310_000)
            await live(screen)
            assert len(loads) == 1
        assert len([url for url in visit.requests if url.endswith("/?lang=en")]) == 1  # the page was never loaded again
        visit.check(*AWAY)
        wall.check(*AWAY)


@contextmanager
def stopped(demo: Demo) -> Iterator[None]:
    """Nothing is heard of the agencies, so nothing moves."""
    for slug in SLUGS:
        control.fault(demo.data, slug, "down")
    try:
        yield
    finally:
        for slug in SLUGS:
            control.clear(demo.data, slug)


def harvested(hub: Running) -> bool:
    sources = hub.sources()
    return len(sources) == len(SLUGS) and all(each["state"] == "OK" for each in sources.values())


async def newer(route: Route) -> None:
    await route.fulfill(content_type="application/json", body=json.dumps({"version": "99.0+another"}))


async def test_where_no_socket_comes_through_the_stream_comes_as_events(demo: Demo, browser: Browser) -> None:
    proxy = Proxy(urlsplit(demo.hub.address).port or 0, sockets=False)
    async with proxy.listening(), visiting(browser, proxy.address) as visit:
        page = await live(await visit.open("/?lang=en"))
        assert len(visit.sockets) == 2
        await seen(page, await moved(demo, "prov-bali"))
        for link in proxy.streams():
            link.end()
        await expect(panel(page, "notice", "[data-notice=recovered]")).to_be_attached()
        await seen(page, await moved(demo, "prov-bali"))
        assert len(visit.sockets) == 3
        visit.check("WebSocket connection", "net::ERR_INCOMPLETE_CHUNKED_ENCODING")
