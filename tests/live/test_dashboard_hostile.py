"""An agency that writes scripts wherever it may write words: none runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from schema.complaint import complaint_id
from simulators.listener import Listener
from tests.live.browser import live, panel, visiting
from tests.live.demo import SHOWN, Running, wait

pytestmark = pytest.mark.browser

RUN = "window.ran=(window.ran||0)+1"
PAYLOADS = (
    f"<script>{RUN}</script>",
    f"</title><script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror='{RUN}'>",
    f'<img src=x onerror="{RUN}">',
    f"<svg onload='{RUN}'>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin='{RUN}' attributeName=x dur=1s>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<iframe src='javascript:parent.{RUN}'></iframe>",
    f"<body onload='{RUN}'>",
    f"<details open ontoggle='{RUN}'>x</details>",
    f"<input autofocus onfocus='{RUN}'>",
    f"<video><source onerror='{RUN}'></video>",
    f"<audio src=x onerror='{RUN}'>",
    f"<marquee onstart='{RUN}'>x</marquee>",
    f"<object data='javascript:{RUN}'></object>",
    f"<embed src='javascript:{RUN}'>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    f"<base href='javascript:{RUN}//'>",
    f"<form action='javascript:{RUN}'><button autofocus>x</button></form>",
    f"<math><mtext><table><mglyph><style><img src=x onerror='{RUN}'>",
    f"<template><img src=x onerror='{RUN}'></template>",
    f"<style>@import 'data:text/css,x';*{{background:url(\"javascript:{RUN}\")}}</style>",
    f"\"><img src=x onerror='{RUN}'>",
    f"' onmouseover='{RUN}' x='",
    f"javascript:{RUN}",
    f"${{{RUN}}}{{{{constructor.constructor('{RUN}')()}}}}",
    f"`-{RUN}-`",
    f"&lt;img src=x onerror={RUN}&gt;<!--><img src=x onerror={RUN}>-->",
)

AGENCY = f"""
name = '''Jahat {PAYLOADS[3]}'''
level = "DISTRICT"
region = "34.04"
time_zone = "Asia/Jakarta"
kind = "rest"
store = "full"
[http]
url = "@URL@"
[poll]
every = 1.0
lookback = 60.0
stale_after = 300.0
[rest]
list = "/all"
records = "rows"
total = "count"
[dates]
formats = ["iso"]
[fields]
native_id = "id"
tracking_id = "track"
status = "status"
status_label = "status"
status_reason = "word"
title = "word"
original_text = "word"
category = "word"
channel = "word"
tags = "[word]"
region = "place"
address = "word"
reporter_name = "word"
submitted_at = "at"
updated_at = "at"
[timeline]
records = "log"
status = "status"
label = "word"
at = "at"
note = "word"
[follow_ups]
records = "log"
at = "at"
content = "word"
from_name = "word"
to_name = "word"
[dispositions]
records = "log"
at = "at"
from_name = "word"
to_name = "word"
note = "word"
[assigned_agencies]
records = "log"
name = "word"
[status]
"new" = "SUBMITTED"
"going" = "IN_FOLLOW_UP"
"""


class Hostile:
    """The agency: each of its complaints carries one payload in every word; `status` is theirs all."""

    def __init__(self) -> None:
        self.status = "new"
        self.listener = Listener(Starlette(routes=[Route("/all", self._all)]))

    def _row(self, number: int, word: str) -> dict[str, Any]:
        at = f"2026-01-0{1 + (self.status != 'new')}T00:{number:02}:00Z"
        status = word if self.status == "unknown" else self.status
        entry = {"status": status, "word": word, "at": at}
        common = {"id": f"n{number}", "track": f"H-{number}", "place": "34.04", "log": [entry]}
        return {**common, **entry}

    def _all(self, request: Request) -> JSONResponse:
        rows = [self._row(number, word) for number, word in enumerate(PAYLOADS)]
        return JSONResponse({"count": len(rows), "rows": rows})


@pytest.fixture
async def hostile() -> AsyncIterator[Hostile]:
    agency = Hostile()
    await agency.listener.open()
    try:
        yield agency
    finally:
        agency.listener.end()


async def ran(page: Page) -> bool:
    return bool(await page.evaluate("'ran' in window"))


async def test_thirty_payloads_run_nowhere(hostile: Hostile, browser: Browser, tmp_path: Path) -> None:
    assert len(set(PAYLOADS)) == 30
    hub = await asyncio.to_thread(hub_over, hostile, tmp_path)
    try:
        await asyncio.to_thread(wait, lambda: total(hub) == len(PAYLOADS), SHOWN)
        async with visiting(browser, hub.address) as visit:
            page = await live(await visit.open("/?lang=en"))
            await expect(panel(page, "feed", "li[data-complaint]").first).to_contain_text("window.ran")
            # Live: a status that is known, then one that is itself a payload.
            for hostile.status, shown in (("going", "IN_FOLLOW_UP"), ("unknown", "UNMAPPED")):
                await expect(panel(page, "status", f"tr[data-status={shown}][data-count='30']")).to_be_attached()
            for number, word in enumerate(PAYLOADS):
                await page.goto(f"{hub.address}/?lang=en#complaint={id_of(number)}")
                await expect(panel(page, "journey")).to_contain_text(re.sub(r"\s+", " ", word).strip())
            for path in ("/?screen=1&lang=id", f"/?agency={PAYLOADS[5]}&region={PAYLOADS[3]}#complaint={PAYLOADS[0]}"):
                other = await live(await visit.open(path))
                assert not await ran(other)
            assert not await ran(page)
            visit.check()
    finally:
        hub.kill()


def hub_over(agency: Hostile, folder: Path) -> Running:
    """A hub over this agency alone."""
    (folder / "agencies").mkdir()
    (folder / "agencies" / "kab-jahat.toml").write_text(AGENCY.replace("@URL@", agency.listener.url))
    settings = {
        "SIMPUL_DATA_DIR": str(folder / "data"),
        "SIMPUL_AGENCIES_DIR": str(folder / "agencies"),
        "SIMPUL_PORT": "0",
    }
    return Running("serve", "--migrate", log=folder / "hub.log", settings=settings)


def total(hub: Running) -> int:
    return int(hub.ask("{ complaints(first: 1) { totalCount } }")["complaints"]["totalCount"])


def id_of(number: int) -> str:
    return complaint_id("kab-jahat", f"n{number}")
