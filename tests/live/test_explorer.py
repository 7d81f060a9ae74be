"""The explorer as a wheel brings it, in a browser, with no internet."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.live.browser import visiting
from tests.live.demo import Running, running

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A hub without agencies that runs from a wheel and not from the checkout beside it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    [path] = folder.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        if "gateway/pages/explorer/npm/graphiql.min.js" not in wheel.namelist():
            pytest.skip("npm does not reach its registry: the wheel was built without the explorer")
        wheel.extractall(folder / "installed")
    (folder / "agencies").mkdir()
    settings = {
        "PYTHONPATH": str(folder / "installed"),
        "SIMPUL_DATA_DIR": str(folder / "data"),
        "SIMPUL_AGENCIES_DIR": str(folder / "agencies"),
        "SIMPUL_PORT": "0",
    }
    with running("serve", "--migrate", log=folder / "hub.log", settings=settings) as hub:
        yield hub


@pytest.mark.browser
async def test_it_asks_and_follows_without_leaving_the_machine(hub: Running, browser: Browser) -> None:
    async with visiting(browser, hub.address) as visit:
        page = await visit.open("/graphql")
        # It offers a choice once the explorer has read the operations; before that, it would run without asking which.
        ask = page.locator(".graphiql-execute-button[aria-haspopup=menu]")
        answer = page.get_by_label("Result Window")
        await ask.click()
        await page.get_by_role("menuitem", name="Newest").click()
        await expect(answer).to_contain_text('"totalCount": 0')
        await ask.click()
        await page.get_by_role("menuitem", name="Moves").click()
        await expect(answer).to_contain_text("StreamPosition")
        await page.get_by_label("Show Documentation Explorer").click()
        await expect(page.get_by_role("link", name="AgencyLevel", exact=True)).to_be_visible()
        visit.check()
        assert any("graphiql.min.js" in url for url in visit.requests)
