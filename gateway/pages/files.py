"""Files for browsers: read once, served from memory, asked for again by their ETag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from starlette.datastructures import Headers as RequestHeaders
from starlette.types import Receive, Scope, Send

from gateway.compression import IDENTITY, coding, encode
from gateway.door import not_modified
from gateway.reply import Headers, Reply

#: Only these are served: whatever else lies in a folder is no page.
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".webmanifest": b"application/manifest+json",
}

#: A page is asked for anew each time; most often the answer is that nothing changed.
_REVALIDATE = (b"cache-control", b"no-cache")
_VARY = (b"vary", b"Accept-Encoding")


class File:
    """A file, and the replies that carry it.

    Attributes:
        body: as it is on disk.
        digest: of the body, hex.
    """

    def __init__(self, body: bytes, media: bytes, headers: Headers) -> None:
        self.body = body
        self.digest = sha256(body).hexdigest()
        self._headers = [(b"content-type", media), _REVALIDATE, _VARY, *headers]
        self._replies: dict[str, Reply] = {}

    def reply(self, request: RequestHeaders) -> Reply:
        """200, or 304 to who has it; compressed if the browser takes that."""
        packing = coding(request.get("accept-encoding"), len(self.body)) or IDENTITY
        if packing not in self._replies:
            self._replies[packing] = self._packed(packing)
        reply = self._replies[packing]
        return not_modified(reply, request.get("if-none-match")) or reply

    def _packed(self, packing: str) -> Reply:
        # A strong tag names bytes, and these differ by coding.
        headers = [*self._headers, (b"etag", f'"{self.digest[:20]}-{packing[0]}"'.encode())]
        if packing != IDENTITY:
            headers.append((b"content-encoding", packing.encode()))
        return Reply(200, headers, encode(self.body, packing, kept=True))


class Files:
    """The ASGI application that serves files by name; `path_params["name"]` says which.

    Args:
        files: by name.
        missing: what is answered for every other name.
    """

    def __init__(self, files: Mapping[str, File], missing: Reply) -> None:
        self._files = files
        self._missing = missing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = self._files.get(scope["path_params"].get("name", "index.html"))
        reply = file.reply(RequestHeaders(scope=scope)) if file else self._missing
        await send(reply.start)
        await send(reply.content)


def read(folder: Path, headers: Headers) -> dict[str, File]:
    """The files under a folder, by their paths in it."""
    return {
        path.relative_to(folder).as_posix(): File(path.read_bytes(), _TYPES[path.suffix], headers)
        for path in _files(folder)
    }


def digest(version: str, files: Mapping[str, File]) -> str:
    """Differs wherever the version or a file does."""
    named: Sequence[str] = [f"{name} {file.digest}" for name, file in sorted(files.items())]
    return version + "+" + sha256("\n".join(named).encode()).hexdigest()[:12]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and path.suffix in _TYPES)
