"""Bytes of a GeoReport v2 reply -> plain records, JSON and XML alike.

The content decides, not the Content-Type: real servers send XML as text/html and JSON as text/plain. What a sane
reader would accept is accepted (`001` as a number, a comma too many, a bare `&`, namespaces, a wrong charset); what is
cut or is no reply of this kind at all is a `BadPayload`.
"""

from __future__ import annotations

import codecs
import html
import json
import re
from collections.abc import Collection
from typing import Any

import msgspec
import orjson
from lxml import etree

from connectors.reply import deeper_than
from schema.errors import AuthenticationFailed, BadPayload, HttpFailure, RateLimited, SourceError

#: Bytes of one reply, decoded. The HTTP client has its own, smaller limit; this one guards other callers.
MAX_BYTES = 64 * 2**20
#: Nesting of one reply. Real ones need six levels.
MAX_DEPTH = 32

_WRAPPERS = ("envelope", "body", "response", "results", "data")
#: Names that hold the list of requests.
REQUESTS = ("service_requests", "servicerequests", "requests", "service_request", "request", *_WRAPPERS)
#: Names that hold the list of services.
SERVICES = ("services", "service", *_WRAPPERS)
#: Names that hold the list of updates.
UPDATES = (
    "service_requests_updates",
    "service_request_updates",
    "servicerequestupdates",
    "request_updates",
    "request_update",
    "service_request_update",
    "updates",
    *_WRAPPERS,
)

_RECORD_KEYS = frozenset({"service_request_id", "requested_datetime", "service_code", "token"})
_ERROR_KEYS = frozenset({"error", "errors", "code", "message"})


class Unreadable(msgspec.Struct, frozen=True):
    """A piece of the reply that should have been a record."""

    raw: str
    reason: str


def read_requests(body: bytes, charset: str | None = None) -> list[object]:
    """The records of a `GET requests` reply, as dicts; what should be a record and isn't one stays as it came.

    Args:
        body: decoded (not compressed) bytes of the reply.
        charset: from the Content-Type, if it named one.

    Raises:
        BadPayload: HTML, cut, empty, too deep, or without any list of requests.
        HttpFailure, AuthenticationFailed, RateLimited: the reply is an error document, whatever its HTTP status was.
    """
    return _unwrap(read(body, charset), REQUESTS)


def read_services(body: bytes, charset: str | None = None) -> list[object]:
    """The records of a `GET services` reply. Raises as `read_requests` does."""
    return _unwrap(read(body, charset), SERVICES)


def read_updates(body: bytes, charset: str | None = None) -> list[object]:
    """The records of a `GET servicerequestupdates` reply. Raises as `read_requests` does."""
    return _unwrap(read(body, charset), UPDATES)


def read(body: bytes, charset: str | None = None) -> object:
    """The reply as dicts, lists, strings and numbers; XML as `{root: content}` with names in snake case.

    Raises:
        BadPayload: not JSON and not XML.
    """
    if len(body) > MAX_BYTES:
        raise BadPayload(f"the reply is larger than {MAX_BYTES} bytes")
    text = _text(body, charset)
    start = text[:64].lower()
    if start.startswith(("<!doctype html", "<html")):
        raise BadPayload("an HTML page came instead of a GeoReport reply")
    if start.startswith("<"):
        return _read_xml(text)
    if start.startswith(("[", "{")):
        return _read_json(text)
    raise BadPayload("the reply is empty" if not start else "the reply is neither JSON nor XML")


# --- characters


def _text(body: bytes, charset: str | None) -> str:
    for name in (_by_mark(body), _declared(body), charset, "utf-8"):
        if name:
            try:
                return body.decode(name).lstrip("\ufeff \t\r\n")
            except (LookupError, UnicodeDecodeError):
                continue
    return body.decode("cp1252", errors="replace").lstrip()


def _by_mark(body: bytes) -> str | None:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig" if body.startswith(codecs.BOM_UTF8) else None


def _declared(body: bytes) -> str | None:
    found = re.match(rb"\s*<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']", body[:256])
    return found.group(1).decode("ascii") if found else None


# --- JSON

# A string, or a number that starts with a zero too many, or a comma before a bracket. An unfinished string runs to the
# end, so that a hostile text costs one pass.
_JSON_MESS = re.compile(r'"(?:[^"\\]+|\\.)*+(?:"|\Z)|(?<![\w.+-])-?0\d+(?:\.\d+)?(?![\w.])|,(?=\s*[\]}])', re.DOTALL)


def _read_json(text: str) -> object:
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        value = _read_messy_json(text)
    if deeper_than(value, MAX_DEPTH):
        raise BadPayload(f"the JSON is nested deeper than {MAX_DEPTH} levels")
    return value


def _read_messy_json(text: str) -> object:
    try:
        return json.loads(_JSON_MESS.sub(_mend_json, text), strict=False)
    except RecursionError:
        raise BadPayload("the JSON is nested too deeply") from None
    except ValueError as error:
        where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "a number"
        raise BadPayload(f"the JSON can't be read at {where}") from None


def _mend_json(found: re.Match[str]) -> str:
    """`001` becomes "001": such a number is a code and its zeros belong to it."""
    part = found.group()
    if part.startswith('"'):
        return part
    return "" if part == "," else f'"{part}"'


# --- XML

_PARSER_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
_DECLARATION = re.compile(r"<\?xml[^>]*\?>\s*")
_PROLOG = re.compile(r"(?:\s|<\?(?:[^?]|\?(?!>))*+\?>|<!--(?:[^-]|-(?!->))*+-->)*+")
_ENTITY = re.compile(r"&(?:(#\d{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});)?")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PREFIX = re.compile(r"(?:</?|\s)([A-Za-z_][\w.-]{0,40}):[A-Za-z_]")
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]{0,80})([^<>]{0,4000}?)(/?)>")
_RECORD_END = re.compile(r"</(?:[\w.-]{1,40}:)?(?:service[_-])?request\s*>", re.IGNORECASE)
_RECORD_START = re.compile(r"<(?:[\w.-]{1,40}:)?(?:service[_-])?request[\s>]", re.IGNORECASE)
_LIST_END = re.compile(r"</(?:[\w.-]{1,40}:)?(?:service[_-]?)?requests\s*>\s*\Z", re.IGNORECASE)


def _read_xml(text: str) -> object:
    text = _DECLARATION.sub("", text, count=1)
    prolog = _PROLOG.match(text)
    if text[prolog.end() if prolog else 0 :][:9].upper() == "<!DOCTYPE":
        raise BadPayload("the XML carries a DTD; such documents are not read")
    try:
        root = _parse(text)
    except etree.XMLSyntaxError:
        return _read_broken_xml(_mend_xml(text))
    return {_name(root): _plain(root, 1)}


def _read_broken_xml(text: str) -> object:
    """A second try on mended text; then record by record, so that one that is broken doesn't cost the others."""
    try:
        root = _parse(text)
    except etree.XMLSyntaxError as error:
        opening = _ROOT.search(text)
        *pieces, _ = _RECORD_END.split(text[opening.end() :]) if opening else ("",)
        if opening is None or not pieces or not _LIST_END.search(text[-200:]):
            raise BadPayload(f"the XML can't be read at line {error.lineno}") from None
        return {"requests": [_read_piece(piece, opening) for piece in pieces]}
    return {_name(root): _plain(root, 1)}


def _read_piece(piece: str, root: re.Match[str]) -> object:
    starts = list(_RECORD_START.finditer(piece))
    if not starts:
        return Unreadable(piece, "the XML of this record can't be read")
    fragment = piece[starts[-1].start() :]
    tag = fragment[1:].split(">", 1)[0].split(None, 1)[0]
    try:
        element = _parse(f"<{root.group(1)}{root.group(2)}>{fragment}</{tag}></{root.group(1)}>")
    except etree.XMLSyntaxError:
        return Unreadable(piece, "the XML of this record can't be read")
    return _plain(element[0], 1)


def _parse(text: str) -> Any:
    return etree.fromstring(text.encode("utf-8", "replace"), etree.XMLParser(**_PARSER_OPTIONS))


def _mend_xml(text: str) -> str:
    """Escapes what should have been escaped, knows HTML's entities, declares prefixes that nobody declared."""
    text = _ENTITY.sub(_mend_entity, _FORBIDDEN.sub("", text))
    unknown = {name for name in _PREFIX.findall(text[:200_000]) if f"xmlns:{name}" not in text and name != "xml"}
    names = "".join(f' xmlns:{name}="urn:undeclared:{name}"' for name in sorted(unknown)[:20] if name != "xmlns")
    return _ROOT.sub(lambda tag: f"<{tag[1]}{tag[2]}{names}{tag[3]}>", text, count=1) if names else text


def _mend_entity(found: re.Match[str]) -> str:
    name = found.group(1)
    if name is None:
        return "&amp;"
    if name.startswith("#") or name in {"amp", "lt", "gt", "quot", "apos"}:
        return found.group()
    meant = html.unescape(f"&{name};")
    return f"&amp;{name};" if meant == f"&{name};" else html.escape(meant)


def _plain(element: Any, depth: int) -> object:
    """A leaf is its text or None; an element with children a dict, or a list if it is plainly a list of something."""
    if depth > MAX_DEPTH:
        raise BadPayload(f"the XML is nested deeper than {MAX_DEPTH} levels")
    children = [child for child in element if isinstance(child.tag, str)]
    if not children or (element.text and element.text.strip()):
        return None if _is_nil(element) else "".join(element.itertext()).strip() or None
    result: dict[str, list[object]] = {}
    for child in children:
        result.setdefault(_name(child), []).append(_plain(child, depth + 1))
    if len(result) == 1 and _lists(_name(element), *result.items()):
        return next(iter(result.values()))
    return {name: values if len(values) > 1 else values[0] for name, values in result.items()}


def _lists(parent: str, child: tuple[str, list[object]]) -> bool:
    """Whether `parent` is a list of `child`: `<notes><note>`, `<status_log><entry>`, or simply several of them."""
    name, values = child
    return len(values) > 1 or parent.endswith((f"{name}s", f"{name}es")) or name in {"entry", "item", "element"}


def _name(element: Any) -> str:
    return etree.QName(element).localname.replace("-", "_").lower()


def _is_nil(element: Any) -> bool:
    return any(
        etree.QName(name).localname == "nil" and value in {"true", "1"} for name, value in element.attrib.items()
    )


# --- the list in it


def _unwrap(value: object, names: Collection[str], depth: int = 0) -> list[object]:
    if value is None or value == "":
        return []
    if depth > 6 or not isinstance(value, list | dict):
        raise BadPayload("the reply holds no list of service requests")
    if isinstance(value, list):
        return _unwrap_list(value, names, depth)
    if not _RECORD_KEYS.isdisjoint(value):
        return [value]
    for name in names:
        if name in value:
            return _unwrap(value[name], names, depth + 1)
    if not _ERROR_KEYS.isdisjoint(value):
        raise as_error(value)
    raise BadPayload("the reply holds no list of service requests")


def _unwrap_list(items: list[object], names: Collection[str], depth: int) -> list[object]:
    if items and all(_is_error(item) for item in items):
        raise as_error(items[0])
    records: list[object] = []
    for item in items:
        wraps = isinstance(item, dict) and len(item) == 1 and not names_of(item).isdisjoint(names)
        records.extend(_unwrap(item, names, depth + 1) if wraps else [item])
    return records


def names_of(item: object) -> set[str]:
    """The names in a record; none for what is no record."""
    return set(item) if isinstance(item, dict) else set()


def _is_error(item: object) -> bool:
    names = names_of(item)
    return not _ERROR_KEYS.isdisjoint(names) and _RECORD_KEYS.isdisjoint(names)


def as_error(value: object) -> SourceError:
    """The typed error that an error document stands for: `errors/error{code, description}` and its relatives."""
    document = value
    for _ in range(4):
        if isinstance(document, list) and document:
            document = document[0]
        elif isinstance(document, dict) and isinstance(inner := _inner_error(document), dict | list):
            document = inner
    code, said = (_code(document), _said(document)) if isinstance(document, dict) else (None, str(document))
    message = f"the agency answered with an error document: {code or 'no code'}: {said[:200]}"
    if code in {401, 403}:
        return AuthenticationFailed(message)
    if code == 429:
        return RateLimited(message)
    return HttpFailure(message, status=code) if code else BadPayload(message)


def _inner_error(document: dict[str, Any]) -> object:
    return next((document[name] for name in ("errors", "error") if name in document), None)


def _code(document: dict[str, Any]) -> int | None:
    digits = re.match(r"\s*([1-5]\d\d)\b", str(document.get("code", document.get("status", ""))))
    return int(digits.group(1)) if digits else None


def _said(document: dict[str, Any]) -> str:
    names = ("description", "detail", "message", "error", "errors")
    return next((str(document[name]) for name in names if document.get(name)), "no description")
