"""`/attachments/{id}`: a file, for whoever may see what it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from gateway.access.credentials import Unauthenticated
from gateway.access.scopes import READ
from gateway.attachments.attachments import PATH
from gateway.attachments.kinds import KINDS
from gateway.attachments.shelf import Shelf
from schema.access import handles, is_reporter
from schema.complaint import Attachment, Complaint
from schema.errors import LedgerError
from schema.ports import Reader
from schema.query import Viewer

#: Whatever a browser makes of the bytes, it is not a page of this hub's.
_HARMLESS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    # What was public may be confidential tomorrow: it is asked for anew each time, most often for a 304.
    "Cache-Control": "private, no-cache",
    "Vary": "Authorization",
}


class AttachmentEndpoint:
    """Serves files.

    Args:
        viewer_of: makes the viewer of an `Authorization` header; raises Unauthenticated.
    """

    def __init__(self, shelf: Shelf, reader: Reader, viewer_of: Callable[[str | None], Awaitable[Viewer]]) -> None:
        self._shelf = shelf
        self._reader = reader
        self._viewer_of = viewer_of

    def routes(self) -> list[Route]:
        return [Route(PATH + "/{id}", self._serve, methods=["GET"])]

    async def _serve(self, request: Request) -> Response:
        try:
            viewer = await self._viewer_of(request.headers.get("authorization"))
            if viewer.operations is not None and READ not in viewer.operations:
                return Response(status_code=403)
            attachment = await self._visible(viewer, request.path_params["id"])
        except Unauthenticated:
            return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
        except LedgerError:
            return Response(status_code=503, headers={"Retry-After": "5"})
        # One that is hidden is not told from one that never was.
        if attachment is None or attachment.sha256 is None or attachment.content_type not in KINDS:
            return Response(status_code=404)
        path = await asyncio.to_thread(self._shelf.path, attachment.sha256)
        if path is None:
            return Response(status_code=404)
        tag = f'"{attachment.sha256}"'
        headers = {**_HARMLESS, "ETag": tag, "Content-Disposition": _saved_as(attachment.filename or attachment.id)}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return FileResponse(path, headers=headers, media_type=attachment.content_type)

    async def _visible(self, viewer: Viewer, id: str) -> Attachment | None:
        note = await asyncio.to_thread(self._shelf.note, id)
        if note is None:
            return None
        async with self._reader.snapshot(viewer) as snapshot:
            complaint = (await snapshot.by_ids([note.complaint])).get(note.complaint)
        if complaint is None:
            return None
        return next((each for each in _shown(viewer, complaint) if each.id == id), None)


def _shown(viewer: Viewer, complaint: Complaint) -> list[Attachment]:
    """The files that the viewer may see of a complaint that he may see."""
    inside = is_reporter(viewer, complaint.id) or handles(viewer, complaint)
    written = [each for each in complaint.follow_ups if inside or not each.is_confidential]
    return [*complaint.attachments, *(file for each in written for file in each.attachments)]


def _saved_as(name: str) -> str:
    """Saved, not shown: a polyglot is then no page of any site."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"
