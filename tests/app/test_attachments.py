"""Files by address: from a server that behaves in every way, kept on disk, served to who may see their complaint."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette

from connectors.addresses import Network
from connectors.download import Downloader
from gateway.access.credentials import Unauthenticated
from gateway.attachments import AttachmentEndpoint, Attachments, Limits
from gateway.attachments.kinds import name_of
from gateway.ledger.reader import LedgerReader
from schema.complaint import Attachment, FollowUp, FollowUpKind, random_id
from schema.query import PUBLIC, Role, Viewer
from schema.writes import InputFault, InputIssue

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(200)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(200)
PDF = b"%PDF-1.7\n" + b"x" * 200
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(200)
HTML = b"<!DOCTYPE html><html><script>alert(1)</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
LIMITS = Limits(max_bytes=10_000, deadline=0.4, at_once=4)
LATER = timedelta(days=2)

Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def http(body: bytes, *headers: str, status: str = "200 OK", media: str = "image/png") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + PNG)
    while True:
        writer.write(bytes(4_096))
        await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 9000\r\n\r\n")
    for byte in PNG * 40:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


def moved(to: str) -> bytes:
    return http(b"", f"Location: {to}", status="302 Found")


PAGES: dict[str, Reply] = {
    "/foto.png": http(PNG),
    "/Foto%20jalan%20(1).JPG": http(JPEG, media="application/octet-stream"),
    "/surat.pdf": http(PDF, media="text/plain"),
    "/klip.mp4": http(MP4),
    "/here": moved("/foto.png"),
    "/html.png": http(HTML),
    "/gambar.svg": http(SVG, media="image/svg+xml"),
    "/kosong.png": http(b""),
    "/besar.png": http(PNG + bytes(20_000)),
    "/jujur.png": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + PNG,
    "/endless.png": endless,
    "/drip.png": drip,
    "/silence.png": silence,
    "/bomb.png": http(gzip.compress(PNG + bytes(5_000_000)), "Content-Encoding: gzip"),
    "/short.png": b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + PNG,
    "/gone.png": http(b"", status="404 Not Found"),
    "/metadata": moved("http://169.254.169.254/latest/meta-data"),
    "/elsewhere": moved("http://localhost:1/foto.png"),
    "/circle": moved("/circle"),
    "/garbage": b"SSH-2.0-OpenSSH_9.2\r\n",
    "/file": moved("file:///etc/passwd"),
}


@asynccontextmanager
async def stranger() -> AsyncIterator[str]:
    """A server on a loopback port; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
            reply = PAGES[path]
            await reply(writer) if callable(reply) else writer.write(reply)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@asynccontextmanager
async def kept_in(folder: Path, reader: Any, limits: Limits = LIMITS) -> AsyncIterator[Attachments]:
    """Attachments two days ahead of the clock on the wall."""
    downloader = Downloader(Network.LOOPBACK, plain=True)
    ahead = lambda: datetime.now(UTC) + LATER  # noqa: E731 - as good a clock as any
    try:
        yield Attachments(folder, downloader, reader, ahead, base_url="https://hub.example/", limits=limits)
    finally:
        await downloader.aclose()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]


@pytest.mark.anyio
async def test_files_are_kept_by_what_they_are(tmp_path: Path) -> None:
    async with stranger() as host, kept_in(tmp_path, None) as attachments:
        urls = [host + path for path in ("/foto.png", "/Foto%20jalan%20(1).JPG", "/surat.pdf", "/klip.mp4", "/here")]
        found, issues = await attachments.fetch(urls, "complaint_a")
        assert issues == ()
        assert [(each.filename, each.content_type) for each in found] == [
            ("foto.png", "image/png"),
            ("Foto jalan (1).jpg", "image/jpeg"),
            ("surat.pdf", "application/pdf"),
            ("klip.mp4", "video/mp4"),
            ("here.png", "image/png"),
        ]
        assert found[0].sha256 == found[4].sha256 == hashlib.sha256(PNG).hexdigest()
        assert found[0].byte_size == len(PNG)
        assert found[0].url == f"https://hub.example/attachments/{found[0].id}"
        assert [await attachments.content(each) for each in found] == [PNG, JPEG, PDF, MP4, PNG]
        assert len(files(tmp_path)) == 5 + 4, "a note for each, and the bytes once"
        assert await attachments.content(Attachment(id=random_id("attachment"), sha256="ab" * 32)) is None
        place = attachments.shelf.path(str(found[2].sha256))
        assert place is not None
        place.write_bytes(b"rotten")
        assert await attachments.content(found[2]) is None


WRONG = {
    "/html.png": InputFault.FILE_TYPE,
    "/gambar.svg": InputFault.FILE_TYPE,
    "/kosong.png": InputFault.FILE_TYPE,
    "/besar.png": InputFault.FILE_TOO_LARGE,
    "/jujur.png": InputFault.FILE_TOO_LARGE,
    "/endless.png": InputFault.FILE_TOO_LARGE,
} | dict.fromkeys(
    (
        *("/drip.png", "/silence.png", "/bomb.png", "/short.png", "/gone.png", "/metadata", "/elsewhere", "/circle"),
        *("/garbage", "/file"),
    ),
    InputFault.FILE_UNREACHABLE,
)


@pytest.mark.anyio
async def test_strangers_do_no_harm(tmp_path: Path) -> None:
    async with stranger() as host, kept_in(tmp_path, None, limits=replace(LIMITS, at_once=len(WRONG))) as attachments:
        began = asyncio.get_running_loop().time()
        found, issues = await attachments.fetch([host + path for path in WRONG], "complaint_a")
        assert asyncio.get_running_loop().time() - began < LIMITS.deadline + 0.6
        assert found == ()
        expected = [InputIssue(("attachmentUrls", str(n)), fault) for n, fault in enumerate(WRONG.values())]
        assert list(issues) == expected
        assert files(tmp_path) == [], "nothing of them stays"


@pytest.mark.anyio
async def test_only_where_it_may_go() -> None:
    async def lies(host: str, port: int) -> list[str]:
        return ["169.254.169.254", "10.0.0.1", "127.0.0.1", "::ffff:127.0.0.1", "fd00::1"]

    async with stranger() as host:
        for downloader, url in [
            (Downloader(), host + "/foto.png"),
            (Downloader(plain=True), host + "/foto.png"),
            (Downloader(plain=True), host.replace("127.0.0.1", "localhost") + "/foto.png"),
            (Downloader(resolver=lies), "https://foto.example/foto.png"),
            (Downloader(plain=True), "ftp://foto.example/foto.png"),
            (Downloader(plain=True), "https://user:secret@foto.example/"),
            (Downloader(plain=True), "not an address"),
        ]:
            with pytest.raises(
                Exception, match=r"no address of the public network|not an address|a user or a password"
            ):
                await anext(downloader.read(url, 1_000))
            await downloader.aclose()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://x.example/a/Foto%20lubang.jpeg?x=1", "Foto lubang.png"),
        ("https://x.example/..%2f..%2fetc%2fpasswd", "passwd.png"),
        ("https://x.example/", "lampiran.png"),
        ("https://x.example/%0d%0aSet-Cookie.png", "Set-Cookie.png"),
        ("https://x.example/KTP%203603011234567890.jpg", "KTP.png"),
        ("https://x.example/%E2%80%AEgnp.exe", "gnp.png"),
        ("https://x.example/" + "a" * 300, "a" * 80 + ".png"),
    ],
)
def test_names_are_harmless(url: str, name: str) -> None:
    assert name_of(url, "image/png") == name


OFFICER = Viewer(role=Role.LIAISON_OFFICER, agencies=("prov-bali",), credential="key:a")


@pytest.mark.anyio
async def test_who_may_see_the_complaint_may_see_the_file(
    sqlite_url: str, ledger_at: Callable[..., AbstractAsyncContextManager[Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    async with ledger_at(sqlite_url) as ledger, stranger() as host:
        reader = LedgerReader(ledger.database)
        async with kept_in(folder, reader) as attachments:
            open_, secret = ledger.complaint(1), ledger.complaint(2, is_confidential=True)
            (photo, answer), _ = await attachments.fetch([host + "/foto.png", host + "/surat.pdf"], open_.id)
            (hidden,), _ = await attachments.fetch([host + "/klip.mp4"], secret.id)
            (lost,), _ = await attachments.fetch([host + "/foto.png"], "complaint_" + "a" * 26)
            reply = FollowUp(
                kind=FollowUpKind.PROGRESS,
                occurred_at=open_.submitted_at,
                attachments=(answer,),
                is_confidential=True,
            )
            await ledger.put(
                replace(open_, attachments=(photo,), follow_ups=(reply,)), replace(secret, attachments=(hidden,))
            )
            viewers = {
                None: PUBLIC,
                "officer": OFFICER,
                "reporter": Viewer(role=Role.REPORTER, complaints=(secret.id,), credential="reporter:a"),
            }

            async def viewer_of(authorization: str | None) -> Viewer:
                if authorization not in viewers:
                    raise Unauthenticated
                return viewers[authorization]

            app = Starlette(routes=AttachmentEndpoint(attachments.shelf, reader, viewer_of).routes())

            def asked(id: str, who: str | None = None, **headers: str) -> Any:
                return ask(app, f"/attachments/{id}", {**headers, **({"Authorization": who} if who else {})})

            got = await asked(photo.id)
            assert (got.status_code, got.content, got.headers["content-type"]) == (200, PNG, "image/png")
            assert got.headers["x-content-type-options"] == "nosniff"
            assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''foto.png"
            assert got.headers["content-security-policy"] == "default-src 'none'; sandbox"
            assert got.headers["cache-control"] == "private, no-cache"
            again = await asked(photo.id, **{"If-None-Match": got.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            seen = {
                who: [(await asked(each.id, who)).status_code for each in (photo, answer, hidden, lost)]
                for who in (*viewers, "nobody")
            }
            assert seen == {
                None: [200, 404, 404, 404],
                "officer": [200, 200, 200, 404],
                "reporter": [200, 404, 200, 404],
                "nobody": [401] * 4,
            }
            for wrong in ("attachment_" + "a" * 26, "..%2Flock", "lock", "attachment_/../../x"):
                assert (await asked(wrong)).status_code == 404

            # what nobody holds goes after a day; what shares its bytes with something held leaves them
            assert await attachments.sweep() == 0
            assert (await asked(photo.id)).status_code == 200
            assert not (folder / "notes" / lost.id).exists()
            await ledger.writer.empty([secret.id])
            assert await attachments.sweep() == 1
            assert (await asked(hidden.id, "officer")).status_code == 404
            assert await attachments.content(hidden) is None
            assert await attachments.content(photo) == PNG


async def ask(app: Starlette, path: str, headers: Mapping[str, str]) -> Any:
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as client:
        return await client.get(path, headers=dict(headers))


@pytest.mark.anyio
async def test_what_is_young_is_not_swept(tmp_path: Path) -> None:
    async with stranger() as host, kept_in(tmp_path, None) as attachments:
        await attachments.fetch([host + "/foto.png"], "complaint_a")
        (tmp_path / "drafts" / "attachment_left").write_bytes(b"cut")
        assert attachments.shelf.clear(datetime.now(UTC) - timedelta(days=1)) == 0
        assert attachments.shelf.notes(datetime.now(UTC) - timedelta(days=1)) == {}
        assert attachments.shelf.clear(datetime.now(UTC) + LATER) == 0, "a note names it"
        assert len(files(tmp_path)) == 2, "the draft is gone"
