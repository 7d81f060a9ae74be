"""`make screenshots`: the dashboard at desktop, phone and wall size, over a demo of its own."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from simulators import control
from tests.live.browser import launched, live, panel, visiting
from tests.live.demo import Demo
from tests.live.test_dashboard import moved, seen

FOLDER = Path(__file__).parents[2] / "docs" / "images"

#: Name, address, and what the browser is.
PICTURES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("desktop", "/?lang=en", {"viewport": {"width": 1280, "height": 860}}),
    ("phone", "/?lang=id", {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}),
    ("wall", "/?screen=1&lang=id", {"viewport": {"width": 1920, "height": 1080}, "color_scheme": "dark"}),
)


async def main() -> None:
    """Takes the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="simpul-") as folder:
        demo = await asyncio.to_thread(Demo, Path(folder) / "demo")
        try:
            # Something to see: one agency is down, and statuses have moved.
            await asyncio.to_thread(control.fault, demo.data, "prov-sumbar", "down")
            async with async_playwright() as playwright, launched(playwright) as browser:
                for name, path, options in PICTURES:
                    async with visiting(browser, demo.hub.address, **options) as visit:
                        page = await live(await visit.open(path))
                        await panel(page, "health", "li[data-state=DOWN]").wait_for()
                        for slug in ("prov-bali", "kab-sleman", "sp4n-lapor", "kab-tangerang"):
                            await seen(page, await moved(demo, slug))
                        await page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")
                        print(f"{name}: {(FOLDER / f'{name}.png').stat().st_size / 1_000:.0f} kB")
        finally:
            demo.hub.interrupt()
            demo.hub.kill()


if __name__ == "__main__":
    asyncio.run(main())
