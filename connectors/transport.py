"""What carries requests: connections to checked addresses only, and a stranger's exceptions in this project's words."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Final, TypeAlias, TypeVar

import httpx2

from connectors.addresses import Network, permits
from schema.errors import BadPayload, SourceError, SourceFailure, SourceTimeout, TlsFailure, Unreachable

# They trace what agencies send, headers and garbled lines included, and that may name people.
for _logger in ("httpcore2", "httpx2"):
    logging.getLogger(_logger).setLevel(logging.WARNING)

#: Looks a host's addresses up: `(host, port) -> literal addresses`.
LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
Failed = TypeVar("Failed", bound=SourceError)

#: What carries requests; replaced in tests.
Transport: TypeAlias = httpx2.AsyncBaseTransport

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


#: Where no connection came about, or none was tried: nothing was sent.
UNSENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,
)


def translate(error: Exception) -> SourceError:
    """A foreign exception in this project's words; what it says of addresses or values is left out."""
    translated = _translated(error)
    return unsent(translated) if isinstance(error, UNSENT) else translated


def unsent(error: Failed) -> Failed:
    """The same error, which says that a write certainly did not arrive."""
    error.arrived = False
    return error


def _translated(error: Exception) -> SourceError:
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
            raise unsent(Unreachable(f"the host leads to no address of the {self._allowed} network; see http.network"))
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
            raise unsent(Unreachable("the host's name can't be resolved")) from None

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


def network(connections: int, *, kept: bool = True) -> Transport:
    """The network itself, without a check of addresses.

    Args:
        connections: open at the same time, at most.
        kept: open after a reply, for the next request.
    """
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections if kept else 0)
    return httpx2.AsyncHTTPTransport(verify=_tls(), trust_env=False, limits=limits)


@cache  # making one reads all certificates
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)
