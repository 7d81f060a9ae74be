"""A stream as the body of an HTTP response: what each way of writing it has in common."""

from __future__ import annotations

from typing import Protocol

from gateway.execution.answer import Frame


class Framing(Protocol):
    """One way of writing a stream. What each method returns is a whole number of events, sent in one piece.

    Attributes:
        name: in the metrics.
        type: the response's content type.
        opening: what every body begins with; it goes out at once, so that the client knows that it is heard.
        heartbeat: says nothing, so that no proxy takes the connection for dead.
        complete: the end of a stream that nothing follows. A body that ends without it was cut off: the client comes
            again.
    """

    name: str
    type: bytes
    opening: bytes
    heartbeat: bytes
    complete: bytes

    def next(self, frame: Frame) -> bytes:
        """One result."""
        ...

    def busy(self, message: str) -> bytes:
        """There is no stream now; the client may come again. Ends the body."""
        ...
