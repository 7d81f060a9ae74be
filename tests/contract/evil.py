"""An agency that answers in every wrong way there is: raw bytes from a loopback port, and what must come of each."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import orjson

from schema.agency import SourceErrorCode

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CODE = SourceErrorCode
#: Of one reply, in bytes.
LIMIT = 200_000


class Kept(msgspec.Struct, frozen=True):
    """The harvest succeeds: so many complaints are in the ledger after it, so many records in quarantine."""

    records: int
    rejected: int = 0


class Evil(msgspec.Struct, frozen=True):
    """One way to be wrong.

    Attributes:
        reply: the bytes of each reply, or what is done instead of replying.
        comes_to: kind of failure that the source's report tells, or what is kept all the same.
    """

    reply: bytes | Script
    comes_to: SourceErrorCode | Kept


def record(number: object = 1, **more: Any) -> dict[str, Any]:
    return {"no": number, "status": "baru", "judul": "Lampu mati", "diubah": "2024-09-25T05:00:00Z", **more}


def http(body: bytes = b"", *headers: str, status: str = "200 OK", media: str = "application/json") -> bytes:
    """A whole reply that says its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def listed(*records: object) -> bytes:
    return http(orjson.dumps({"data": list(records), "total": len(records)}))


def bare(body: bytes, *headers: str) -> bytes:
    """A reply that ends where the connection does."""
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *headers, "", ""]).encode() + body


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


def dripping(head: bytes, piece: bytes, seconds: float = 0.01) -> Script:
    """Sends the head, then a piece again and again, until the client goes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not reader.at_eof():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(seconds)

    return script


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


@asynccontextmanager
async def evil_agency(evil: Evil) -> AsyncIterator[int]:
    """The port that it answers at."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if callable(evil.reply):
                await evil.reply(reader, writer)
            else:
                writer.write(evil.reply)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def bomb(size: int, times: int = 1) -> bytes:
    """So many zeros under gzip, packed in pieces: the test itself must not need the memory."""
    packed = zlib.compressobj(wbits=31)
    whole = b"".join(packed.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)) + packed.flush()
    return whole if times == 1 else gzip.compress(whole)


_GOOD = orjson.dumps({"data": [record()], "total": 1})
_ZIPPED = gzip.compress(_GOOD)
_CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def _redirect(target: str) -> bytes:
    return http(b"", f"Location: {target}", status="302 Found")


_TIME: Mapping[str, Evil] = {
    "hangs before the first byte": Evil(hang, CODE.TIMEOUT),
    "hangs after the head": Evil(dripping(bare(b""), b"", 60), CODE.TIMEOUT),
    "drips the head": Evil(dripping(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), CODE.TIMEOUT),
    "drips the status line": Evil(dripping(b"", b"H"), CODE.TIMEOUT),
    "drips the body": Evil(dripping(bare(b"", "Content-Length: 100000"), b" "), CODE.TIMEOUT),
    "drips chunks": Evil(dripping(_CHUNKED, b"1\r\n \r\n"), CODE.TIMEOUT),
    "says continue for ever": Evil(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), CODE.TIMEOUT),
    "resets the connection": Evil(reset, CODE.UNREACHABLE),
}
_TRANSPORT: Mapping[str, Evil] = {
    "closes without a word": Evil(b"", CODE.UNREACHABLE),
    "speaks SSH": Evil(b"SSH-2.0-OpenSSH_9.2\r\n", CODE.UNREACHABLE),
    "speaks TLS": Evil(b"\x15\x03\x01\x00\x02\x02\x28", CODE.UNREACHABLE),
    "has no status": Evil(b"HTTP/1.1 abc Fine\r\n\r\n" + _GOOD, CODE.UNREACHABLE),
    "has no head": Evil(_GOOD, CODE.UNREACHABLE),
    "has two lengths": Evil(bare(_GOOD, "Content-Length: 1", "Content-Length: 9"), CODE.UNREACHABLE),
    "has a negative length": Evil(bare(_GOOD, "Content-Length: -1"), CODE.UNREACHABLE),
    "has an absurd length": Evil(bare(_GOOD, "Content-Length: 99999999999999999999"), CODE.BAD_PAYLOAD),
    "has a NUL in its head": Evil(bare(_GOOD, "X-A: a\0b"), CODE.UNREACHABLE),
    "has a head without end": Evil(
        dripping(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"b" * 9_000 + b"\r\n", 0), CODE.UNREACHABLE
    ),
    "is cut before its length": Evil(bare(_GOOD[:20], "Content-Length: 500"), CODE.BAD_PAYLOAD),
    "is cut without a length": Evil(bare(_GOOD[:20]), CODE.BAD_PAYLOAD),
    "is cut in a chunk": Evil(_CHUNKED + b"50\r\n" + _GOOD[:20], CODE.BAD_PAYLOAD),
    "has a chunk without a size": Evil(_CHUNKED + b"zz\r\n" + _GOOD, CODE.BAD_PAYLOAD),
    "is longer than it says": Evil(bare(_GOOD + b"[more]", f"Content-Length: {len(_GOOD)}"), Kept(1)),
    "never ends": Evil(dripping(bare(b""), b" " * 50_000, 0), CODE.BAD_PAYLOAD),
    "is larger than it may be": Evil(http(b" " * (LIMIT + 1)), CODE.BAD_PAYLOAD),
    "is cut gzip": Evil(bare(_ZIPPED[:-9], "Content-Encoding: gzip"), CODE.BAD_PAYLOAD),
    "is no gzip": Evil(bare(_GOOD, "Content-Encoding: gzip"), CODE.BAD_PAYLOAD),
    "is a gzip bomb": Evil(bare(bomb(50_000_000), "Content-Encoding: gzip"), CODE.BAD_PAYLOAD),
    "is a bomb in a bomb": Evil(bare(bomb(50_000_000, 2), "Content-Encoding: gzip, gzip"), CODE.BAD_PAYLOAD),
    "is deflated unasked": Evil(bare(zlib.compress(_GOOD), "Content-Encoding: deflate"), Kept(1)),
    "is brotli unasked": Evil(bare(b"\x0b\x02\x80[]\x03", "Content-Encoding: br"), CODE.BAD_PAYLOAD),
    "is in an unknown coding": Evil(bare(_GOOD, "Content-Encoding: rot13"), CODE.BAD_PAYLOAD),
}
_STATUS: Mapping[str, Evil] = {
    "204 where a list was agreed": Evil(b"HTTP/1.1 204 No Content\r\n\r\n", CODE.BAD_PAYLOAD),
    "206, a part": Evil(http(_GOOD[:20], status="206 Partial Content"), CODE.BAD_PAYLOAD),
    "304 with a body": Evil(b"HTTP/1.1 304 Not Modified\r\n\r\n" + _GOOD, CODE.HTTP_ERROR),
    "300": Evil(http(_GOOD, status="300 Multiple Choices"), CODE.HTTP_ERROR),
    "redirects to itself": Evil(_redirect("/aduan"), CODE.BAD_PAYLOAD),
    "redirects nowhere": Evil(http(b"", status="302 Found"), CODE.BAD_PAYLOAD),
    "redirects to another host": Evil(_redirect("http://elsewhere.example/"), CODE.BAD_PAYLOAD),
    "redirects to metadata": Evil(_redirect("http://169.254.169.254/latest/meta-data/"), CODE.BAD_PAYLOAD),
    "redirects to another port": Evil(_redirect("http://127.0.0.1:22/"), CODE.BAD_PAYLOAD),
    "redirects to a file": Evil(_redirect("file:///etc/passwd"), CODE.BAD_PAYLOAD),
    "redirects to nonsense": Evil(_redirect("http://[::bad/"), CODE.BAD_PAYLOAD),
    "401": Evil(http(b"", status="401 Unauthorized"), CODE.AUTHENTICATION),
    "403 with HTML": Evil(http(b"<html>no", status="403 Forbidden", media="text/html"), CODE.AUTHENTICATION),
    "404 for the list": Evil(http(b"", status="404 Not Found"), CODE.HTTP_ERROR),
    "407": Evil(http(b"", status="407 Proxy Authentication Required"), CODE.HTTP_ERROR),
    "429": Evil(http(b"", status="429 Too Many Requests"), CODE.RATE_LIMITED),
    **{
        f"429, retry after {value!r}": Evil(
            http(b"", f"Retry-After: {value}", status="429 Too Many Requests"), CODE.RATE_LIMITED
        )
        for value in (
            "99999999999999999999",
            "-5",
            "NaN",
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        )
    },
    "500": Evil(http(b"{}", status="500 Oops"), CODE.HTTP_ERROR),
    "503 with a time": Evil(http(b"", "Retry-After: 7", status="503 Busy"), CODE.RATE_LIMITED),
    "status 999": Evil(http(_GOOD, status="999 Beyond"), CODE.HTTP_ERROR),
}
_BODY: Mapping[str, Evil] = {
    "nothing": Evil(http(b""), CODE.BAD_PAYLOAD),
    "a login page": Evil(http(b"<!DOCTYPE html><html><form>Masuk</form>", media="text/html"), CODE.BAD_PAYLOAD),
    "a login page that says JSON": Evil(http(b"<html><form>Masuk</form></html>"), CODE.BAD_PAYLOAD),
    "a PHP warning before the JSON": Evil(http(b"<br />\n<b>Warning</b>: oops\n" + _GOOD), CODE.BAD_PAYLOAD),
    "XML": Evil(http(b"<?xml version='1.0'?><a/>"), CODE.BAD_PAYLOAD),
    "plain text": Evil(http(b"OK"), CODE.BAD_PAYLOAD),
    "binary": Evil(http(b"\x89PNG\0\0\1"), CODE.BAD_PAYLOAD),
    "JSONP": Evil(http(b"callback(" + _GOOD + b")"), CODE.BAD_PAYLOAD),
    "two documents": Evil(http(_GOOD + _GOOD), CODE.BAD_PAYLOAD),
    "a trailing comma": Evil(http(b'{"data": [1,],}'), CODE.BAD_PAYLOAD),
    "NaN": Evil(http(b'{"data": [{"no": 1, "status": "baru", "lat": NaN}]}'), CODE.BAD_PAYLOAD),
    "Infinity": Evil(http(b'{"data": [], "total": -Infinity}'), CODE.BAD_PAYLOAD),
    "an error inside a 200": Evil(http(b'{"status": "error", "message": "token expired"}'), CODE.MAPPING),
    "null": Evil(http(b"null"), CODE.MAPPING),
    "a list where an object was": Evil(http(b"[]"), CODE.MAPPING),
    "a string": Evil(http(b'"data"'), CODE.MAPPING),
    "an object where the list was": Evil(http(b'{"data": {"1": {}}}'), CODE.MAPPING),
    "nested without end": Evil(http(b"[" * 90_000 + b"]" * 90_000), CODE.BAD_PAYLOAD),
    "nested in a record": Evil(http(b'{"data": [' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"]}"), CODE.BAD_PAYLOAD),
    "a charset that it is not in": Evil(http(b'{"data": ["\xff\xfe\xfa"]}'), CODE.BAD_PAYLOAD),
    "a charset that nobody knows": Evil(http(_GOOD, media="application/json; charset=klingon"), Kept(1)),
    "UTF-16": Evil(http(_GOOD.decode().encode("utf-16"), media="application/json; charset=utf-16"), CODE.BAD_PAYLOAD),
    "UTF-16 that isn't": Evil(http(_GOOD + b"x", media="application/json; charset=utf-16"), CODE.BAD_PAYLOAD),
    "a codec that is no charset": Evil(http(_GOOD, media="application/json; charset=zip"), CODE.BAD_PAYLOAD),
    "a byte order mark": Evil(http(b"\xef\xbb\xbf" + _GOOD), Kept(1)),
    "lone surrogates": Evil(http(b'{"data": [{"no": 1, "status": "\\ud800"}], "total": 1}'), CODE.BAD_PAYLOAD),
}
_RECORDS: Mapping[str, Evil] = {
    "records that are none": Evil(listed(None, 1, "x", [], True, record()), Kept(1, 5)),
    "no id": Evil(listed(record(None), record(""), record("  "), record(2)), Kept(1, 3)),
    "an id that is a list": Evil(listed(record([1]), record({"a": 1}), record(True), record(2)), Kept(1, 3)),
    "an id with a NUL": Evil(listed(record("a\0b"), record(2)), Kept(2)),
    "an id of 10 kB": Evil(listed(record("x" * 10_000), record(2)), Kept(1, 1)),
    "ids of other scripts": Evil(listed(record("№ ½/٣ 🙂"), record("../../etc"), record("%00")), Kept(3)),
    "a huge number for an id": Evil(listed(record(9_007_199_254_740_993)), Kept(1)),
    "a number beyond all": Evil(http(b'{"data": [{"no": 1e999, "status": "baru"}]}'), CODE.BAD_PAYLOAD),
    "the same record twice": Evil(listed(record(), record()), Kept(1)),
    "an id that is used again": Evil(listed(record(1, judul="a"), record(1, judul="b"), record(2)), Kept(2)),
    "out of order": Evil(listed(record(2, diubah="2024-09-26T00:00:00Z"), record(1), record(3)), Kept(3)),
    "no status": Evil(listed(record(status=None), record(2)), Kept(1, 1)),
    "a status that is an object": Evil(listed(record(status={"a": 1}), record(2)), Kept(1, 1)),
    "a status of 100 kB": Evil(listed(record(status="x" * 100_000), record(2)), Kept(2)),
    "a date that is none": Evil(listed(record(diubah="kemarin"), record(2, diubah=[]), record(3)), Kept(1, 2)),
    "dates of nobody": Evil(listed(record(diubah="0000-00-00 00:00:00"), record(2, diubah="")), Kept(2)),
    "dates beyond the calendar": Evil(
        listed(record(diubah="9999-12-31T23:59:59-12:00"), record(2, diubah="0001-01-01T00:00:00+14:00"), record(3)),
        Kept(1, 2),
    ),
    "a clock a century ahead": Evil(listed(record(diubah="2124-01-01T00:00:00Z"), record(2)), Kept(2)),
    "a title of 150 kB": Evil(listed(record(judul="x" * 150_000), record(2)), Kept(2)),
    "a title with controls": Evil(listed(record(judul="a\0b\x1b[31m\u202ec"), record(2)), Kept(2)),
    "coordinates of nowhere": Evil(listed(record(lat=999, lon="x"), record(2, lat="1e400", lon=1)), Kept(2)),
    "too many entries": Evil(listed(record(log=[{"s": "baru", "p": "2024-09-25"}] * 1_001), record(2)), Kept(1, 1)),
    "a list that is none": Evil(listed(record(log="x"), record(2, log={"a": 1}), record(3)), Kept(1, 2)),
    "an empty list": Evil(listed(), Kept(0)),
    "a total of its own": Evil(http(orjson.dumps({"data": [record()], "total": "99999999999999999999"})), Kept(1)),
    "pages in a circle": Evil(http(orjson.dumps({"data": [record()] * 5, "total": 500})), CODE.PAGING_LOOP),
}
EVILS: Mapping[str, Evil] = {**_TIME, **_TRANSPORT, **_STATUS, **_BODY, **_RECORDS}

_BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9)
)
_ONE = (
    b"<request><service_request_id>1</service_request_id><status>open</status><description>%s</description></request>"
)


def xml(inside: bytes, head: bytes = b"") -> bytes:
    return http(head + b"<service_requests>" + inside + b"</service_requests>", media="text/xml")


XML_EVILS: Mapping[str, Evil] = {
    "a billion laughs": Evil(xml(_ONE % b"&j;", _BOMB + b"]>"), CODE.BAD_PAYLOAD),
    "a file of the hub's": Evil(
        xml(_ONE % b"&x;", b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), CODE.BAD_PAYLOAD
    ),
    "an address of the hub's": Evil(
        xml(_ONE % b"&x;", b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://169.254.169.254/">]>'), CODE.BAD_PAYLOAD
    ),
    "a DTD from elsewhere": Evil(
        xml(_ONE % b"a", b'<!DOCTYPE a SYSTEM "http://elsewhere.example/a.dtd">'), CODE.BAD_PAYLOAD
    ),
    "XML without end": Evil(xml(b"<a>" * 20_000 + b"</a>" * 20_000), CODE.BAD_PAYLOAD),
    "cut XML": Evil(http((b"<service_requests>" + _ONE % b"a")[:-20], media="text/xml"), CODE.BAD_PAYLOAD),
    "HTML in its place": Evil(http(b"<html><body>Masuk</body></html>", media="text/html"), CODE.BAD_PAYLOAD),
}
