"""The messages of graphql-transport-ws: what a client may send, and what it is sent."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import orjson

from gateway.execution.masking import Shown
from gateway.execution.request import GraphQLRequest

PROTOCOL = "graphql-transport-ws"
NEXT_END = b"}"

OperationId = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class ConnectionInit(msgspec.Struct, frozen=True, tag_field="type", tag="connection_init"):
    payload: dict[str, Any] | None = None

    @property
    def authorization(self) -> str | None:
        """What an HTTP request has in its header `Authorization`; empty if it is no text, or there twice."""
        given = [value for name, value in (self.payload or {}).items() if name.lower() == "authorization" and value]
        if not given:
            return None
        return given[0] if len(given) == 1 and isinstance(given[0], str) else ""


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    payload: dict[str, Any] | None = None


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    payload: dict[str, Any] | None = None


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe"):
    id: OperationId
    payload: GraphQLRequest


class Complete(msgspec.Struct, frozen=True, tag_field="type", tag="complete"):
    id: OperationId


Message = ConnectionInit | Ping | Pong | Subscribe | Complete

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def message_of(text: str) -> Message:
    """Raises:
    ValueError: not a message that a client may send; says why.
    """
    try:
        return _decoder.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def ack() -> bytes:
    return b'{"type":"connection_ack"}'


def ping() -> bytes:
    return b'{"type":"ping"}'


def pong(payload: dict[str, Any] | None) -> bytes:
    return orjson.dumps({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})


def next_head(id: str) -> bytes:
    """What a `next` message begins with; the JSON of a result follows, then `NEXT_END`. The same for one operation."""
    return b'{"type":"next","id":%b,"payload":' % orjson.dumps(id)


def error(id: str, errors: list[Shown]) -> bytes:
    return orjson.dumps({"type": "error", "id": id, "payload": errors})


def complete(id: str) -> bytes:
    return orjson.dumps({"type": "complete", "id": id})
