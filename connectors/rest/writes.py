"""`[rest.writes]`: how complaints, answers and moves are written to an agency, one request each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlencode

import orjson

from connectors.checks import check_header_name
from connectors.fields import Section
from connectors.http import Http
from connectors.manifest import Manifest
from connectors.reply import Reply
from connectors.template import PathTemplate, Template, check_flat, check_place, check_table, flat
from connectors.toml import Misfit
from connectors.wording import NAMES, Wording
from connectors.writing import (
    NO_SENDER,
    Ask,
    DeclaredSender,
    FindSettings,
    Search,
    Telling,
    WriteSettings,
    check_find,
    check_write,
    check_writes_table,
    each,
    find_table,
)
from schema.connector import Sender
from schema.delivery import DeliveryKind

#: Names that may stand in a path.
_IN_PATHS: Final = ("native_id", "reference", "status", "canonical_status", "kind")


class RestFind(FindSettings, frozen=True, kw_only=True):
    """`find` of a write: how it is found again by our reference.

    Attributes:
        path: below `http.url`, with `{reference}` or `{native_id}`.
        params: query; each text is an expression.
    """

    path: str
    params: Mapping[str, Any] = {}


class RestWrite(WriteSettings, frozen=True, kw_only=True):
    """One kind of write.

    Attributes:
        path: below `http.url`; may hold `{native_id}`, `{reference}`, `{status}`, `{canonical_status}` and `{kind}`.
        method: of the request.
        body: what is sent; each text in it is an expression.
        form: the body goes as a form, not as JSON.
        params: query; each text is an expression.
        idempotency: name of a header that carries our reference, for agencies that know it again.
        find: how it is found again; without it a person must look when nobody knows whether it arrived.
    """

    path: str
    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    body: Mapping[str, Any] = {}
    form: bool = False
    params: Mapping[str, Any] = {}
    idempotency: str | None = None
    find: RestFind | None = None


class RestWrites(Section, frozen=True, kw_only=True):
    """`[rest.writes]`: what is not here is delivered by hand.

    Attributes:
        submit: files a complaint.
        follow_up: adds an answer, a question or a reply.
        transfer: tells that a complaint was handed on.
        status_change: moves a complaint.
        rating: gives the citizen's judgement.
        withdrawal: tells that the citizen withdrew it.
        find: how those are found again that have no `find` of their own.
    """

    submit: RestWrite | None = None
    follow_up: RestWrite | None = None
    transfer: RestWrite | None = None
    status_change: RestWrite | None = None
    rating: RestWrite | None = None
    withdrawal: RestWrite | None = None
    find: RestFind | None = None


def check_writes(manifest: Manifest, writes: RestWrites | None) -> None:
    """Checks what the types can't say.

    Raises:
        Misfit: names the dotted key.
    """
    check_writes_table(manifest, writes, "rest.writes")
    for kind, write in each(writes).items():
        table = _table(kind)
        used = _used(kind, write)
        check_write(kind, write, used, table)
        if write.idempotency is not None:
            check_header_name(write.idempotency, f"{table}.idempotency")
        if write.method == "DELETE" and write.body:
            raise Misfit("a DELETE has no body", f"{table}.body")
        if write.form:
            check_flat(write.body, f"{table}.body")
        if write.find is not None:
            find = find_table(writes, kind, "rest.writes")
            check_find(write.find, used, _asked(kind, write.find, find), find)


def rest_sender(manifest: Manifest, writes: RestWrites | None, http: Http) -> Sender:
    """What sends them."""
    if manifest.writes is None:
        return NO_SENDER
    tellings = {
        kind: _telling(kind, write, find_table(writes, kind, "rest.writes"), http)
        for kind, write in each(writes).items()
    }
    return DeclaredSender(Wording(manifest), tellings, manifest.writes.settles_after)


def _telling(kind: DeliveryKind, write: RestWrite, find: str, http: Http) -> Telling:
    search = None
    if write.find is not None:
        filters = "reference" in _asked(kind, write.find, find)
        search = Search(write.find, _finds(write.find, http), find, filters=filters)
    return Telling(write, _tells(write, http), used=_used(kind, write), search=search, table=_table(kind))


def _tells(write: RestWrite, http: Http) -> Ask:
    path, params, body = PathTemplate(write.path), Template(write.params), Template(write.body)

    async def ask(names: Mapping[str, Any]) -> Any:
        headers, content = _content(write, body.fill(names))
        if write.idempotency is not None:
            headers[write.idempotency] = str(names["reference"])
        filled = flat(params.fill(names))
        reply = await http.write(write.method, path.fill(names), params=filled, headers=headers, content=content)
        return _body(reply)

    return ask


def _finds(find: RestFind, http: Http) -> Ask:
    path, params = PathTemplate(find.path), Template(find.params)

    async def ask(names: Mapping[str, Any]) -> Any:
        return (await http.get(path.fill(names), flat(params.fill(names)))).json()

    return ask


def _content(write: RestWrite, filled: Mapping[str, Any]) -> tuple[dict[str, str], bytes | None]:
    if not write.body:
        return {}, None
    if write.form:
        return {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(flat(filled)).encode()
    return {"Content-Type": "application/json"}, orjson.dumps(filled)


def _body(reply: Reply) -> Any:
    """The reply's JSON; None where it is empty.

    Raises:
        BadPayload: it is something else, so that nobody knows what became of the write.
    """
    if reply.looks == "nothing":
        return None
    return reply.json()


def _used(kind: DeliveryKind, write: RestWrite) -> set[str]:
    """The names that its request uses, checked."""
    table, known = _table(kind), NAMES[kind]
    used = check_place(write.path, [name for name in _IN_PATHS if name in known], f"{table}.path")
    for name, part in (("params", write.params), ("body", write.body)):
        used |= check_table(part, known, f"{table}.{name}")
    check_flat(write.params, f"{table}.params")
    return used


def _asked(kind: DeliveryKind, find: RestFind, table: str) -> set[str]:
    known = NAMES[kind]
    used = check_place(find.path, [name for name in _IN_PATHS if name in known], f"{table}.path")
    check_flat(find.params, f"{table}.params")
    return used | check_table(find.params, known, f"{table}.params")


def _table(kind: DeliveryKind) -> str:
    return f"rest.writes.{kind.lower()}"
