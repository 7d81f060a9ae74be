"""An operation as a client asks for it: the same parameters by POST, by GET and over a socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from schema.errors import BadUserInput

T = TypeVar("T")


class GraphQLRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the GraphQL-over-HTTP specification calls the request parameters. Unknown ones are passed over.

    Attributes:
        query: empty where the document is asked for by its name.
        document_id: its name; or `extensions` say its digest.
    """

    query: str = ""
    document_id: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


_body = msgspec.json.Decoder(GraphQLRequest)
_map = msgspec.json.Decoder(dict[str, Any])


def request_of_body(body: bytes) -> GraphQLRequest:
    """Raises:
    BadUserInput: not JSON, or not the parameters.
    """
    if body.lstrip()[:1] == b"[":
        raise BadUserInput("Batching is not supported: send one operation in each request.")
    try:
        return _complete(_body.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadUserInput(f"The body is not a GraphQL request: {_reason(error)}.") from error


def request_of_address(parameters: Mapping[str, str]) -> GraphQLRequest:
    """The request that a GET's query string carries; an empty parameter counts as absent.

    Raises:
        BadUserInput: `query` is missing, or `variables` or `extensions` is not a JSON object.
    """
    if not parameters.get("query") and "documentId" not in parameters and "extensions" not in parameters:
        raise BadUserInput("The parameter `query` is missing.")
    return _complete(
        GraphQLRequest(
            query=parameters.get("query", ""),
            document_id=parameters.get("documentId") or None,
            operation_name=parameters.get("operationName") or None,
            variables=_object(parameters, "variables"),
            extensions=_object(parameters, "extensions"),
        )
    )


def _complete(request: GraphQLRequest) -> GraphQLRequest:
    if not request.query and request.document_id is None and "persistedQuery" not in (request.extensions or {}):
        raise BadUserInput("The parameter `query` is missing.")
    return request


def _object(parameters: Mapping[str, str], name: str) -> dict[str, Any] | None:
    text = parameters.get(name) or "null"
    try:
        return None if text == "null" else _map.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadUserInput(f"The parameter `{name}` is not a JSON object: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)
