"""A real browser, and what it was seen to do: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    Request,
    WebSocket,
    async_playwright,
    expect,
)

CHROMIUM = Path("/usr/bin/chromium")
_MISSING = None if CHROMIUM.exists() else f"{CHROMIUM} is missing: apt-get install chromium"
#: Milliseconds that a page is given to show something.
SHOWN = 15_000

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A browser that was told to ask nobody: whatever a page wants from elsewhere fails, and is seen to.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

expect.set_options(timeout=SHOWN)


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium. Skips where there is none, unless SIMPUL_REQUIRE_BROWSER is set."""
    if _MISSING:
        if os.environ.get("SIMPUL_REQUIRE_BROWSER"):
            pytest.fail(_MISSING)
        pytest.skip(_MISSING)
    async with async_playwright() as playwright, launched(playwright) as browser:
        yield browser


@asynccontextmanager
async def launched(playwright: Playwright) -> AsyncIterator[Browser]:
    """A headless Chromium, for the length of a block."""
    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
    try:
        yield browser
    finally:
        await browser.close()


class Visit:
    """A browser's window of its own (no cookies, nothing cached), and what went wrong in it.

    Attributes:
        sockets: WebSockets that were opened, by their addresses.
        strangers: addresses that were asked for beside the hub's own.
        complaints: errors on the console, uncaught ones, and what the content security policy stopped.
    """

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self.context = context
        self.settle(origin)
        self.requests: list[str] = []
        self.sockets: list[str] = []
        self.strangers: list[str] = []
        self.complaints: list[str] = []
        context.on("request", self._asked)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("page", lambda page: page.on("websocket", self._socket))

    def settle(self, origin: str) -> None:
        """The hub is there."""
        self.origin = origin
        self._host = urlsplit(origin).netloc

    async def open(self, path: str = "/") -> Page:
        """A new tab at a path of the hub."""
        page = await self.context.new_page()
        page.set_default_timeout(SHOWN)
        await page.goto(self.origin + path)
        return page

    def check(self, *allowed: str) -> None:
        """Nothing left the machine, nothing was complained about but what is allowed."""
        assert not self.strangers, self.strangers
        told = [each for each in self.complaints if not any(known in each for known in allowed)]
        assert not told, told

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)
        self._seen(request.url)

    def _socket(self, socket: WebSocket) -> None:
        self.sockets.append(socket.url)
        self._seen(socket.url)

    def _seen(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.netloc != self._host:
            self.strangers.append(url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"{message.text} ({message.location.get('url')})")


@asynccontextmanager
async def visiting(browser: Browser, origin: str, **options: Any) -> AsyncIterator[Visit]:
    """A visit to a hub at its origin; `options` are those of Playwright's `new_context`."""
    context = await browser.new_context(**({"service_workers": "allow", "locale": "en-GB"} | options))
    try:
        yield Visit(context, origin)
    finally:
        await context.close()


def panel(page: Page, name: str, inside: str = "") -> Locator:
    """A part of the dashboard, or what is in it."""
    return page.locator(f"[data-panel={name}] {inside}".strip())


async def live(page: Page) -> Page:
    """Waits until the dashboard has its first answer and follows the stream."""
    await expect(page.locator("html[data-ready][data-stream=live]")).to_be_attached()
    return page
