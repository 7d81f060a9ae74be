"""Server-sent events: the protocol graphql-sse in its distinct connections mode, and a plain EventSource."""

from __future__ import annotations

from gateway.execution.answer import Frame

#: The id of the end. An EventSource knows of no end: it comes again, with this in Last-Event-ID, and is sent away.
FINISHED = "complete"
#: Milliseconds after which an EventSource comes again when the hub is full.
_RETRY = 5_000


class ServerSentEvents:
    """`gateway.stream.framing.Framing`. Lines end with LF alone: not every client knows the other ends.

    JSON has no line ends of its own, so that a result is always one line of `data`.
    """

    name = "sse"
    type = b"text/event-stream; charset=utf-8"
    opening = heartbeat = b":\n\n"
    complete = b"id: %b\nevent: complete\ndata:\n\n" % FINISHED.encode()

    def next(self, frame: Frame) -> bytes:
        if frame.cursor is None:
            return b"event: next\ndata: %b\n\n" % frame.body
        return b"id: %b\nevent: next\ndata: %b\n\n" % (frame.cursor.encode(), frame.body)

    def busy(self, message: str) -> bytes:
        # An error status would make an EventSource give up for ever.
        return b": %b\nretry: %d\n\n" % (message.encode(), _RETRY)


SSE = ServerSentEvents()
