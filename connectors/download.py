"""One file from a stranger's address, which somebody on the internet chose: nothing of it is believed.

As for agencies (`connectors.http`): only permitted networks are connected to, on addresses checked at connect;
redirects stay on the host; no proxies, cookies or credentials; the bytes are counted while they arrive. Unlike there a
file is asked for once, without retries, and no compression is unpacked: none was asked for, and bombs stay small.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

import httpx2

from connectors.addresses import Network
from connectors.asked import USER_AGENT
from connectors.http import MAX_REDIRECTS
from connectors.transport import CheckedTransport, LookUp, Transport, look_up, network, translate
from schema.errors import BadPayload, HttpFailure, SourceError

#: Characters of an address.
LONGEST: Final = 2_000
_REDIRECTS: Final = (301, 302, 303, 307, 308)


class TooLarge(BadPayload):
    """The file has more bytes than are taken."""


class Downloader:
    """Fetches files.

    Args:
        allowed: where they may lie.
        plain: also over http, without encryption.
        connections: open at the same time, at most.
        resolver: looks addresses up.
    """

    def __init__(
        self,
        allowed: Network = Network.PUBLIC,
        *,
        plain: bool = False,
        connections: int = 16,
        resolver: LookUp = look_up,
    ) -> None:
        self._schemes = ("https", "http") if plain else ("https",)
        self._network: Transport = network(connections)
        self._transport = CheckedTransport(self._network, allowed, resolver)

    async def read(self, url: str, limit: int) -> AsyncGenerator[bytes, None]:
        """The file's bytes, piece by piece. How long that may take is the caller's to say.

        Args:
            limit: most bytes that are taken.

        Raises:
            TooLarge: it has more.
            SourceError: it can't be had.
        """
        response = await self._open(url)
        try:
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                raise BadPayload("the file came in a compression that was not asked for")
            declared = response.headers.get("content-length", "")
            if declared.isascii() and declared.isdecimal() and int(declared[:20]) > limit:
                raise TooLarge(f"the file is larger than {limit:,} bytes")
            size = 0
            async for piece in response.aiter_raw():
                size += len(piece)
                if size > limit:
                    raise TooLarge(f"the file is larger than {limit:,} bytes")
                yield piece
        except SourceError:
            raise
        except Exception as error:
            raise translate(error) from None  # the foreign text may hold what the stranger sent
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Ends all connections."""
        await self._network.aclose()

    async def _open(self, url: str) -> httpx2.Response:
        address = self._parsed(url)
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._asked(address)
            if response.status_code == 200:
                return response
            await response.aclose()
            if response.status_code not in _REDIRECTS:
                raise HttpFailure(f"HTTP {response.status_code}", status=response.status_code)
            address = self._redirected(address, response.headers.get("location", ""))
        raise BadPayload(f"redirected more than {MAX_REDIRECTS} times")

    async def _asked(self, address: httpx2.URL) -> httpx2.Response:
        headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), 10.0)
        try:
            request = httpx2.Request("GET", address, headers=headers, extensions={"timeout": timeout})
            return await self._transport.handle_async_request(request)
        except SourceError:
            raise
        except Exception as error:
            raise translate(error) from None

    def _redirected(self, address: httpx2.URL, location: str) -> httpx2.URL:
        try:
            target = address.join(location[:LONGEST])
        except (httpx2.InvalidURL, ValueError):
            raise BadPayload("redirected to something that is not an address") from None
        if (target.scheme, target.host, target.port) != (address.scheme, address.host, address.port):
            raise BadPayload("redirected to another host")
        return self._parsed(str(target))

    def _parsed(self, url: str) -> httpx2.URL:
        try:
            address = httpx2.URL(url)
        except (httpx2.InvalidURL, ValueError):
            raise BadPayload("not an address") from None
        if address.scheme not in self._schemes or not address.host or len(url) > LONGEST:
            raise BadPayload(f"not an address of {' or '.join(self._schemes)}")
        if address.userinfo:
            raise BadPayload("the address holds a user or a password")
        return address
