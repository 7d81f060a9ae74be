"""The project's only HTTP client: polite to agencies that are well, and unhurt by those that are not.

One deadline covers a whole request with its waiting, redirects and retries. Replies are counted while they arrive, on
the wire and unpacked. Redirects stay on the host. Environment proxies, netrc and cookies are not used. Where a name
leads is checked on the addresses that are then connected to, so that nothing can change in between.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final, TypeAlias

import httpx2

from connectors.addresses import Network, permits
from connectors.inflate import Inflate
from connectors.manifest import HttpSettings, Manifest
from connectors.politeness import Breaker, Pace, RetryBudget, Seconds, Sleep, again
from connectors.reply import Reply
from connectors.secrets import Resolve, Secret, fill_in
from schema.errors import (
    AuthenticationFailed,
    BadPayload,
    ConfigError,
    HttpFailure,
    RateLimited,
    SourceError,
    SourceFailure,
    SourceTimeout,
    TlsFailure,
    Unreachable,
)
from schema.ports import Clock

# They trace what agencies send, headers and garbled lines included, and that may name people.
for _logger in ("httpcore2", "httpx2"):
    logging.getLogger(_logger).setLevel(logging.WARNING)

USER_AGENT: Final = "Simpul (complaint hub)"
MAX_REDIRECTS: Final = 3
MAX_RETRY_AFTER: Final = 3600.0
ATTEMPTS: Final = 3

#: Looks a host's addresses up: `(host, port) -> literal addresses`.
LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
#: What carries requests; replaced in tests.
Transport: TypeAlias = httpx2.AsyncBaseTransport
Params = Mapping[str, str | int | float | bool | None]

#: What each of the client's exceptions is called here, from the particular to the general.
TRANSLATION: Final[tuple[tuple[type[Exception], type[SourceError], str], ...]] = (
    (httpx2.ConnectTimeout, SourceTimeout, "no connection in time"),
    (httpx2.PoolTimeout, SourceTimeout, "no free connection in time"),
    (httpx2.WriteTimeout, SourceTimeout, "the request could not be sent in time"),
    (httpx2.TimeoutException, SourceTimeout, "no answer in time"),
    (httpx2.ConnectError, Unreachable, "no connection"),
    (httpx2.NetworkError, Unreachable, "the connection broke"),
    (httpx2.ProxyError, Unreachable, "the proxy refused"),
    (httpx2.RemoteProtocolError, Unreachable, "the connection ended before an answer in HTTP"),
    (httpx2.LocalProtocolError, SourceFailure, "the request could not be written in HTTP"),
    (httpx2.ProtocolError, Unreachable, "the connection did not speak HTTP"),
    (httpx2.UnsupportedProtocol, SourceFailure, "neither http nor https"),
    (httpx2.DecodingError, BadPayload, "the reply's compression is broken"),
    (httpx2.TooManyRedirects, BadPayload, "redirected in a circle"),
    (httpx2.SSEError, BadPayload, "the event stream is broken"),
    (httpx2.TransportError, Unreachable, "the connection failed"),
    (httpx2.RequestError, Unreachable, "the request failed"),
    (httpx2.HTTPStatusError, SourceFailure, "an error status"),
    (httpx2.HTTPError, Unreachable, "the request failed"),
    (httpx2.InvalidURL, SourceFailure, "not an address"),
    (httpx2.CookieConflict, SourceFailure, "cookies in conflict"),
    (httpx2.StreamError, SourceFailure, "the reply's body was read already"),
)


def translate(error: Exception) -> SourceError:
    """A foreign exception in this project's words; what it says of addresses or values is left out."""
    if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
        return TlsFailure("the certificate or the encrypted connection is not to be trusted")
    for foreign, ours, message in TRANSLATION:
        if isinstance(error, foreign):
            return ours(message)
    return SourceFailure(f"the request failed ({type(error).__name__})")


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


async def look_up(host: str, port: int) -> Sequence[str]:
    """The system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Connects only to addresses of the permitted network.

    The name is resolved here, each address checked, and the request sent to a literal address with the name in `Host`
    and SNI: a second look-up by the client could be answered otherwise (DNS rebinding).
    """

    def __init__(self, inner: Transport, allowed: Network, resolver: LookUp = look_up) -> None:
        self._inner, self._allowed, self._look_up = inner, allowed, resolver

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        host, port = request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80)
        addresses = [address for address in await self._addresses(host, port) if permits(self._allowed, address)]
        if not addresses:
            raise Unreachable(f"the host leads to no address of the {self._allowed} network; see http.network")
        for address in addresses[:-1]:
            try:
                return await self._inner.handle_async_request(self._pinned(request, address))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._inner.handle_async_request(self._pinned(request, addresses[-1]))

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            return await self._look_up(host, port)
        except (OSError, UnicodeError):
            raise Unreachable("the host's name can't be resolved") from None

    def _pinned(self, request: httpx2.Request, address: str) -> httpx2.Request:
        return httpx2.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


class Http:
    """One agency's HTTP client.

    Args:
        settings: the agency's `[http]`.
        headers: sent with each request; the secrets in them are already resolved.
        transport: replaces the network, in tests.
        seconds, sleep, now, jitter: the surroundings.
    """

    def __init__(
        self,
        settings: HttpSettings,
        *,
        headers: Mapping[str, Secret] | None = None,
        transport: Transport | None = None,
        seconds: Seconds = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        now: Clock = lambda: datetime.now(UTC),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self._base = httpx2.URL(settings.url)
        self._headers = dict(headers or {})
        self._transport = transport or _network(settings)
        self._seconds, self._sleep, self._now, self._jitter = seconds, sleep, now, jitter
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._pace = Pace(settings.rate, settings.concurrency, seconds, sleep)
        self._budget = RetryBudget(seconds)
        self._breaker = Breaker(seconds)
        self._quiet: tuple[float, SourceError] | None = None

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
            SourceError: anything but a 2xx; it says which kind of trouble.
        """
        request = self._request(method, self._url(path, params), headers, content)
        repeatable = method in ("GET", "HEAD") if idempotent is None else idempotent
        try:
            async with asyncio.timeout(self.settings.deadline):
                return await self._persist(request, ATTEMPTS if repeatable else 1)
        except TimeoutError:
            error = SourceTimeout(f"no whole answer within {self.settings.deadline:g} s ({method} {_path(request)})")
            self._breaker.failed(error)
            raise error from None

    async def aclose(self) -> None:
        """Ends all connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Http({self._base.host})"

    async def _persist(self, request: httpx2.Request, attempts: int) -> Reply:
        """Tries again after transient failures: full jitter, within the budget, within the caller's deadline."""
        self._budget.attempt()
        for number in range(1, attempts + 1):
            try:
                return await self._admitted(request)
            except SourceError as error:
                if number == attempts or not _transient(error) or self._breaker.is_open or not self._budget.take():
                    raise
            await self._sleep(self._jitter() * 0.2 * 2**number)
        raise AssertionError("unreachable")

    async def _admitted(self, request: httpx2.Request) -> Reply:
        """One attempt, if the agency did not ask for quiet and the breaker lets it through."""
        if self._quiet and (wait := self._quiet[0] - self._seconds()) > 0:
            raise again(self._quiet[1], wait)
        probe = self._breaker.admit()
        try:
            async with self._slots:
                await self._pace.wait()
                reply = await self._follow(request)
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
        if _transient(error) or isinstance(error, TlsFailure):
            self._breaker.failed(error)
        else:
            self._breaker.succeeded()

    async def _follow(self, request: httpx2.Request) -> Reply:
        for _ in range(MAX_REDIRECTS + 1):
            reply = await self._send(request)
            if reply.status not in (301, 302, 303, 307, 308):
                return self._checked(request, reply)
            request = self._redirected(request, reply)
        raise BadPayload(f"redirected more than {MAX_REDIRECTS} times ({_path(request)})")

    async def _send(self, request: httpx2.Request) -> Reply:
        started = self._seconds()
        try:
            response = await self._transport.handle_async_request(request)
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
            url=str(request.url),
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

    def _checked(self, request: httpx2.Request, reply: Reply) -> Reply:
        if 200 <= reply.status < 300:
            return reply
        place = f"HTTP {reply.status} from {request.method} {_path(request)}"
        wait = self._retry_after(reply)
        if reply.status in (401, 403):
            raise AuthenticationFailed(f"{place}: the agency refused our credentials")
        if reply.status == 429 or (reply.status == 503 and wait is not None):
            raise RateLimited(place, retry_after=wait)
        raise HttpFailure(place, status=reply.status, retry_after=wait)

    def _retry_after(self, reply: Reply) -> float | None:
        """Seconds, at most an hour. A date is measured against the agency's own clock, where it tells it."""
        said = reply.headers.get("retry-after", "").strip()
        if said.isdecimal() and said.isascii():
            return min(float(said[:12]), MAX_RETRY_AFTER)
        until, now = _http_date(said), _http_date(reply.headers.get("date", "")) or self._now()
        return min(max((until - now).total_seconds(), 0.0), MAX_RETRY_AFTER) if until else None

    def _redirected(self, request: httpx2.Request, reply: Reply) -> httpx2.Request:
        if request.method not in ("GET", "HEAD"):
            raise HttpFailure(f"HTTP {reply.status}: a {request.method} was redirected", status=reply.status)
        try:
            target = request.url.join(reply.headers.get("location", ""))
        except (httpx2.InvalidURL, ValueError):
            raise BadPayload("redirected to something that is not an address") from None
        self._check_host(target)
        return self._request(request.method, target, None, None, like=request)

    def _check_host(self, url: httpx2.URL) -> None:
        same = (url.scheme, url.host, url.port) == (self._base.scheme, self._base.host, self._base.port)
        upgraded = self._base.scheme == "http" and url.scheme == "https" and url.host == self._base.host
        if not same and not (upgraded and self._base.port is None and url.port is None):
            raise BadPayload("the agency led to another host, where credentials are not sent")

    def _url(self, path: str, params: Params | None) -> httpx2.URL:
        try:
            full = path if path.startswith(("http://", "https://")) else _below(self.settings.url, path)
            url = httpx2.URL(full)
            values = {name: _text(value) for name, value in (params or {}).items() if value is not None}
            url = url.copy_merge_params(values) if values else url
        except (httpx2.InvalidURL, ValueError):
            raise BadPayload("not an address") from None
        self._check_host(url)
        return url

    def _request(
        self,
        method: str,
        url: httpx2.URL,
        headers: Mapping[str, str] | None,
        content: bytes | None,
        like: httpx2.Request | None = None,
    ) -> httpx2.Request:
        common = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip"}
        ours = {name: secret.reveal() for name, secret in self._headers.items()}
        merged = httpx2.Headers({**common, **ours})
        merged.update(headers)
        if like is not None:
            merged["Accept"] = like.headers["Accept"]
        seconds = self.settings.deadline
        timeout = {"connect": seconds / 2, "read": seconds, "write": seconds, "pool": seconds}
        return httpx2.Request(method, url, headers=merged, content=content, extensions={"timeout": timeout})


def _network(settings: HttpSettings) -> Transport:
    connections = httpx2.Limits(max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency)
    inner = httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False, limits=connections)
    return CheckedTransport(inner, settings.reaches)


@cache  # making one reads all certificates
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


def http_for(manifest: Manifest, resolve: Resolve, *, transport: Transport | None = None) -> Http:
    """The client that an agency's file describes.

    Raises:
        ConfigError: a secret that a header names can't be found.
    """
    if manifest.http is None:
        raise manifest.error("is missing", "http")
    headers = {}
    for name, value in manifest.http.headers.items():
        try:
            headers[name] = fill_in(value, resolve)
        except ConfigError as error:
            raise manifest.error(str(error), f"http.headers.{name}") from None
    return Http(manifest.http, headers=headers, transport=transport)


def _transient(error: SourceError) -> bool:
    return error.transient or (isinstance(error, HttpFailure) and error.status in (408, 500, 502, 503, 504))


def _path(request: httpx2.Request) -> str:
    return request.url.path  # never the query: it may hold a key


def _below(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base


def _text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
