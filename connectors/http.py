"""The project's only HTTP client: polite to agencies that are well, and unhurt by those that are not.

One deadline covers a whole request with its waiting, redirects, retries and credentials. Replies are counted while they
arrive, on the wire and unpacked. Redirects stay on the host. Environment proxies, netrc and cookies are not used. Where
a name leads is checked on the addresses that are then connected to (`connectors.transport`).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import httpx2
import msgspec

from connectors.asked import REFUSALS, Asked, Params, Progress, address, signed
from connectors.auth import Credentials, OAuth2, Signature, refusal
from connectors.inflate import Inflate
from connectors.manifest import Manifest
from connectors.outcomes import ErrorRule, Outcomes, Verdict
from connectors.politeness import Breaker, Pace, RequestBudget, RetryBudget, Seconds, Sleep, again
from connectors.reply import Reply
from connectors.secrets import Resolve, Secret
from connectors.settings import HttpSettings
from connectors.toml import Misfit
from connectors.transport import CheckedTransport, Transport, network, translate, unsent
from schema.errors import (
    BadPayload,
    HttpFailure,
    RateLimited,
    SourceError,
    SourceTimeout,
    TlsFailure,
    WriteRejected,
)
from schema.ports import Clock

MAX_REDIRECTS: Final = 3
ATTEMPTS: Final = 3
_REDIRECTS: Final = (301, 302, 303, 307, 308)

Credit = TypeVar("Credit")

#: By agency and address: what was asked stays counted when the agency's file is read anew.
_BUDGETS: Final[dict[tuple[str, str], RequestBudget]] = {}


class Http:
    """One agency's HTTP client.

    Args:
        settings: the agency's `[http]`.
        headers: sent with each request, where there are no `credentials`.
        credentials: what requests are signed with.
        oauth: where `credentials` fetch their tokens.
        rules: the agency's `[[errors]]`.
        budget: by default a new one, if the settings ask for one.
        transport: replaces the network, in tests.
        seconds, sleep, now, jitter: the surroundings.
    """

    def __init__(
        self,
        settings: HttpSettings,
        *,
        headers: Mapping[str, Secret] | None = None,
        credentials: Credentials | None = None,
        oauth: OAuth2 | None = None,
        rules: Sequence[ErrorRule] = (),
        budget: RequestBudget | None = None,
        transport: Transport | None = None,
        seconds: Seconds = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        now: Clock = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self._base = httpx2.URL(settings.url)
        self._credentials = credentials
        self._signature = Signature(dict(headers or {}))
        self._oauth = oauth
        self._network = transport or network(settings.concurrency)
        self._replaced = transport is not None
        self._transport = transport or CheckedTransport(self._network, settings.reaches)
        self._once: Transport | None = None
        self._outcomes = Outcomes(rules, now, self.hide)
        self._plain = Outcomes((), now)
        self._seconds, self._sleep, self._jitter = seconds, sleep, jitter
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._pace = Pace(settings.rate, settings.concurrency, seconds, sleep)
        self._retries = RetryBudget(seconds)
        self._budget = budget or _budget(settings, seconds)
        self._breaker = Breaker(seconds)
        self._quiet: tuple[float, SourceError] | None = None

    def add_rules(self, rules: Sequence[ErrorRule]) -> None:
        """Judges replies by rules of the kind's own too, where the agency's say nothing."""
        self._outcomes = self._outcomes.with_rules(rules)

    def hide(self, text: str) -> str:
        """An agency's words without our credentials, should it repeat them."""
        return self._credentials.hide(text) if self._credentials else self._signature.hide(text)

    async def get(self, path: str, params: Params | None = None) -> Reply:
        """Reads one resource; `request` has the details."""
        return await self.request("GET", path, params=params)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        idempotent: bool | None = None,
    ) -> Reply:
        """Sends one request and reads the whole reply.

        Args:
            path: below the base address; may also be a full address on the same host (a link of the agency's).
            params: query; None leaves a parameter out.
            idempotent: whether sending it twice is harmless, so that it may be retried; by default GET and HEAD are.

        Raises:
            SourceError: anything but a reply that is good; it says which kind of trouble.
        """
        asked = Asked(method, self._url(path, params), dict(headers or {}), content)
        repeatable = method in ("GET", "HEAD") if idempotent is None else idempotent
        return await self._within(asked, ATTEMPTS if repeatable else 1, Progress())

    async def write(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Reply:
        """Sends a request that changes something, once, and reads the whole reply.

        It goes over a connection of its own: a kept one may be closed by the agency at that moment, or hold an answer
        to something else.

        Raises:
            WriteRejected: a status of REFUSALS, unless an error rule says that it passes.
            SourceError: as `request`; `arrived` is False if it certainly did not take effect.
        """
        progress = Progress()
        asked = Asked(method, self._url(path, params), dict(headers or {}), content, once=True)
        try:
            return await self._within(asked, 1, progress)
        except HttpFailure as failure:
            if failure.status in REFUSALS and not failure.transient and progress.begun:
                raise WriteRejected(str(failure)) from None
            raise

    async def _within(self, asked: Asked, attempts: int, progress: Progress) -> Reply:
        try:
            async with asyncio.timeout(self.settings.deadline):
                return await self._persist(asked, attempts, progress)
        except TimeoutError:
            error = SourceTimeout(f"no whole answer within {self.settings.deadline:g} s ({asked.place})")
            error.arrived = progress.begun
            self._breaker.failed(error)
            raise error from None

    async def aclose(self) -> None:
        """Ends all connections."""
        if self._credentials is not None:
            await self._credentials.aclose()
        await self._network.aclose()
        if self._once is not None:
            await self._once.aclose()

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Http({self._base.host})"

    async def _persist(self, asked: Asked, attempts: int, progress: Progress) -> Reply:
        """Tries again after transient failures: full jitter, within the budget, within the caller's deadline."""
        self._retries.attempt()
        for number in range(1, attempts + 1):
            wait = self._jitter() * 0.2 * 2**number
            try:
                return await self._admitted(asked, progress)
            except SourceError as error:
                wait = max(wait, error.retry_after or 0.0)
                if number == attempts or not error.transient or self._breaker.is_open:
                    raise
                if wait > self.settings.deadline / 2 or not self._retries.take():
                    raise
            await self._sleep(wait)
        raise AssertionError("unreachable")

    async def _admitted(self, asked: Asked, progress: Progress) -> Reply:
        """One attempt, if the agency did not ask for quiet, the budget has it and the breaker lets it through."""
        if self._quiet and (wait := self._quiet[0] - self._seconds()) > 0:
            raise again(self._quiet[1], wait)
        if self._budget is not None:
            self._budget.check()
        probe = self._breaker.admit()
        try:
            async with self._slots:
                reply = await self._authorised(asked, progress)
        except SourceError as error:
            self._note(error)
            raise
        else:
            self._breaker.succeeded()
            return reply
        finally:
            self._breaker.release(probe)

    def _note(self, error: SourceError) -> None:
        if isinstance(error, RateLimited):
            wait = error.retry_after if error.retry_after is not None else 1.0
            self._quiet = (self._seconds() + wait, error)
        if error.transient or isinstance(error, TlsFailure):
            self._breaker.failed(error)
        else:
            self._breaker.succeeded()

    async def _authorised(self, asked: Asked, progress: Progress) -> Reply:
        """Asks with the present credentials, and once more with newer ones if the agency refuses those."""
        credentials = self._credentials
        signature = await self._credited(credentials.current(self._ask_token)) if credentials else self._signature
        verdict = await self._judged(asked, signature, progress)
        if verdict.renew and credentials:
            progress.begun = False  # refused: it had no effect
            newer = await self._credited(credentials.renewed(signature, self._ask_token))
            verdict = await self._judged(asked, newer, progress) if newer else verdict
        if verdict.error is not None:
            raise verdict.error
        return verdict.reply

    async def _credited(self, coming: Awaitable[Credit]) -> Credit:
        """Credentials; without them nothing is sent."""
        try:
            return await coming
        except SourceError as error:
            raise unsent(error) from None

    async def _judged(self, asked: Asked, signature: Signature, progress: Progress) -> Verdict:
        for _ in range(MAX_REDIRECTS + 1):
            reply = await self._send(asked, signature, self._carrier(asked), progress)
            if reply.status not in _REDIRECTS or self._outcomes.fits(reply):
                return self._outcomes.judge(asked.place, reply)
            asked = self._redirected(asked, reply)
        raise BadPayload(f"redirected more than {MAX_REDIRECTS} times ({asked.place})")

    async def _ask_token(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """One request to the token endpoint, which may be on another host; it follows no redirect."""
        if self._oauth is None:
            raise AssertionError("only OAuth asks for tokens")
        transport = self._transport if self._replaced else CheckedTransport(self._network, self._oauth.reaches)
        asked = Asked("POST", httpx2.URL(self._oauth.token_url), headers, body)
        try:
            async with asyncio.timeout(self.settings.deadline):
                reply = await self._send(asked, Signature(), transport, Progress())
        except TimeoutError:
            raise SourceTimeout(f"no token within {self.settings.deadline:g} s ({asked.place})") from None
        if error := refusal(reply) or self._plain.judge(asked.place, reply).error:
            raise error
        return reply

    def _carrier(self, asked: Asked) -> Transport:
        if not asked.once or self._replaced:
            return self._transport
        if self._once is None:
            self._once = CheckedTransport(network(self.settings.concurrency, kept=False), self.settings.reaches)
        return self._once

    async def _send(self, asked: Asked, signature: Signature, transport: Transport, progress: Progress) -> Reply:
        await self._pace.wait()
        if self._budget is None:
            return await self._exchange(asked, signature, transport, progress)
        self._budget.begin()
        try:
            return await self._exchange(asked, signature, transport, progress)
        finally:
            self._budget.end()

    async def _exchange(self, asked: Asked, signature: Signature, transport: Transport, progress: Progress) -> Reply:
        started = self._seconds()
        progress.begun = True
        try:
            response = await transport.handle_async_request(signed(asked, signature, self.settings.deadline))
            try:
                content = await self._read(response)
            finally:
                await response.aclose()
        except SourceError:
            raise
        except Exception as error:
            raise translate(error) from None  # the foreign text may hold what the agency sent
        return Reply(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            content=content,
            url=str(asked.url),
            seconds=self._seconds() - started,
        )

    async def _read(self, response: httpx2.Response) -> bytes:
        limit = self.settings.max_bytes
        declared = response.headers.get("content-length", "")
        if declared.isascii() and declared.isdecimal() and int(declared[:20]) > limit:
            raise BadPayload(f"the reply is larger than {limit:,} bytes")
        inflate, wire = Inflate(response.headers.get("content-encoding", ""), limit), 0
        try:
            async for chunk in response.aiter_raw():
                wire += len(chunk)
                if wire > limit:
                    raise BadPayload(f"the reply is larger than {limit:,} bytes")
                inflate.feed(chunk)
        except httpx2.RemoteProtocolError:
            raise BadPayload("the reply was cut short") from None
        return inflate.finish()

    def _redirected(self, asked: Asked, reply: Reply) -> Asked:
        if asked.method not in ("GET", "HEAD"):
            raise HttpFailure(f"HTTP {reply.status}: a {asked.method} was redirected", status=reply.status)
        try:
            target = asked.url.join(reply.headers.get("location", ""))
        except (httpx2.InvalidURL, ValueError):
            raise BadPayload("redirected to something that is not an address") from None
        self._check_host(target)
        return msgspec.structs.replace(asked, url=target)

    def _check_host(self, url: httpx2.URL) -> None:
        same = (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)
        upgraded = self._base.scheme == "http" and url.scheme == "https" and url.host == self._base.host
        if not same and not (upgraded and self._base.port is None and url.port is None):
            raise unsent(BadPayload("the agency led to another host, where credentials are not sent"))

    def _url(self, path: str, params: Params | None) -> httpx2.URL:
        url = address(self.settings.url, path, params)
        self._check_host(url)
        return url


def http_for(
    manifest: Manifest, resolve: Resolve, *, transport: Transport | None = None, seconds: Seconds = time.monotonic
) -> Http:
    """The client that an agency's file describes.

    Raises:
        ConfigError: a secret that the file names can't be found.
    """
    settings = manifest.http
    if settings is None:
        raise manifest.error("is missing", "http")
    try:
        credentials = Credentials(manifest.auth, settings.headers, resolve, seconds)
    except Misfit as misfit:
        raise manifest.error(str(misfit), misfit.key) from None
    return Http(
        settings,
        credentials=credentials,
        oauth=manifest.auth if isinstance(manifest.auth, OAuth2) else None,
        rules=manifest.errors,
        budget=_kept_budget(manifest.slug, settings, seconds),
        transport=transport,
        seconds=seconds,
    )


def _kept_budget(slug: str, settings: HttpSettings, seconds: Seconds) -> RequestBudget | None:
    if settings.budget is None:
        return None
    kept = _BUDGETS.setdefault((slug, settings.url), RequestBudget(1, 1.0, seconds))
    kept.allow(settings.budget.requests, settings.budget.seconds)
    return kept


def _budget(settings: HttpSettings, seconds: Seconds) -> RequestBudget | None:
    budget = settings.budget
    return RequestBudget(budget.requests, budget.seconds, seconds) if budget else None
