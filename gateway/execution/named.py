"""Documents that are asked for by a name: by the digest of their text, or as an operator's list calls them."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from graphql import GraphQLError
from msgspec.structs import replace

from gateway.execution.document import Refused
from gateway.execution.request import GraphQLRequest
from schema.errors import ConfigError

#: Documents that clients have registered, and their characters in all.
MOST, MOST_CHARACTERS = 5_000, 8_000_000

_CODE = {"code": "PERSISTED_QUERY_NOT_FOUND"}
_DIGEST: Final = re.compile("[0-9a-f]{64}")
#: Apollo's and urql's clients know the first by these very words: then they send the text.
_NOT_FOUND = "PersistedQueryNotFound"
_NOT_LISTED = "Only documents that this hub knows are answered here."


def digest(text: str) -> str:
    """SHA-256 of a document, as clients name it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class NamedDocuments:
    """Texts by their names: those of an operator's list, and those that clients register by sending both.

    A client can only register a text under its own digest, and only once the text was found to fit the graph: what one
    registers, another can't be given in the place of something else.

    Args:
        trusted: texts by name, of the operator's list.
        only: whether no others are answered.
    """

    def __init__(self, trusted: Mapping[str, str] | None = None, *, only: bool = False) -> None:
        self._trusted = dict(trusted or {})
        self._texts = {text: name for name, text in self._trusted.items()}
        self._only = only
        self._registered: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    def whole(self, request: GraphQLRequest) -> GraphQLRequest:
        """The request with its document's text.

        Raises:
            Refused: the document is unknown, is none of the operator's list, or is not what its name says.
        """
        name = _name(request)
        if name is None or request.query:
            if name is not None and _DIGEST.fullmatch(name) and digest(request.query) != name:
                raise Refused([GraphQLError("The digest is not the document's.")])
            if not request.query:
                raise Refused([GraphQLError("The parameter `query` is missing.")])
            if self._only and request.query not in self._texts:
                raise Refused([GraphQLError(_NOT_LISTED, extensions=_CODE)])
            return request
        text = self._trusted.get(name) or self._found(name)
        if text is None:
            raise Refused([GraphQLError(_NOT_LISTED if self._only else _NOT_FOUND, extensions=_CODE)])
        return replace(request, query=text)

    def trusts(self, text: str) -> bool:
        """Whether the document is one of the operator's list."""
        return text in self._texts

    def register(self, request: GraphQLRequest) -> None:
        """Keeps a whole request's text, that fits the graph, if the client named it by its digest."""
        name = _name(request)
        if name is None or not _DIGEST.fullmatch(name) or name in self._registered or name in self._trusted:
            return
        self._registered[name] = request.query
        self._characters += len(request.query)
        while len(self._registered) > MOST or self._characters > MOST_CHARACTERS:
            self._characters -= len(self._registered.popitem(last=False)[1])

    def _found(self, name: str) -> str | None:
        text = self._registered.get(name)
        if text is not None:
            self._registered.move_to_end(name)
        return text


def _name(request: GraphQLRequest) -> str | None:
    if request.document_id is not None:
        return request.document_id.removeprefix("sha256:")
    persisted = request.extensions.get("persistedQuery") if request.extensions else None
    given = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return given if isinstance(given, str) else None


def read_trusted(file: Path) -> dict[str, str]:
    """Texts by name of an operator's list.

    The file is JSON: Apollo's persisted query manifest, or one object of names and texts, as Relay's compiler writes.
    Each text is known by its name and by its digest.

    Raises:
        ConfigError: it can't be read.
    """
    try:
        listed = dict(_listed(msgspec.json.decode(file.read_bytes())))
    except OSError as error:
        raise ConfigError(f"can't be read: {error.strerror}", file=str(file)) from None
    except (msgspec.DecodeError, TypeError, KeyError, ValueError) as error:
        raise ConfigError(
            f"neither Apollo's manifest of persisted queries nor an object of names and documents: {error}",
            file=str(file),
        ) from None
    return listed | {digest(text): text for text in listed.values()}


def _listed(content: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(content, dict):
        raise ValueError("the file holds no object")
    if "format" in content:
        if content["format"] != "apollo-persisted-query-manifest":
            raise ValueError(f"the format {content['format']!r} is not known here")
        pairs = [(each["id"], each["body"]) for each in content["operations"]]
    else:
        pairs = list(content.items())
    for name, text in pairs:
        if not isinstance(name, str) or not isinstance(text, str) or not name:
            raise ValueError("names and documents are texts")
        if _DIGEST.fullmatch(name) and digest(text) != name:
            raise ValueError(f"{name} is not the digest of its document")
        yield name.removeprefix("sha256:"), text
