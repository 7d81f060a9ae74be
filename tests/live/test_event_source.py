"""A browser's own EventSource, and how it learns that there is nothing more to come."""

from __future__ import annotations

from playwright.async_api import Browser

from tests.live.browser import visiting
from tests.live.demo import Demo

#: Follows a stream that can't begin, and closes nothing by itself.
FOLLOW = """() => new Promise((done) => {
  const heard = [];
  const source = new EventSource(`/graphql?${new URLSearchParams({ query: 'subscription { nothing }' })}`);
  source.addEventListener('next', ({ data }) => heard.push(JSON.parse(data).errors[0].extensions.code));
  source.addEventListener('complete', ({ lastEventId }) => heard.push(lastEventId));
  source.addEventListener('error', () => source.readyState === EventSource.CLOSED && done(heard));
})"""


async def test_it_is_told_what_is_wrong_and_does_not_ask_for_ever(demo: Demo, browser: Browser) -> None:
    async with visiting(browser, demo.hub.address) as visit:
        page = await visit.open("/dashboard/favicon.svg")
        assert await page.evaluate(FOLLOW) == ["BAD_USER_INPUT", "complete"]
        # It knows of no end: it came again, and was sent away.
        assert sum("nothing" in address for address in visit.requests) == 2
