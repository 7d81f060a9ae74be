"""Places for streams, and the watchdog over sends."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import pytest

from gateway.stream.limits import StreamLimits, TooManyStreams
from gateway.stream.patience import TooSlow, Watchdog
from schema.query import PUBLIC, Role, Viewer


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "", True),
        ("unix:", "192.0.2.1", False),
    ],
)
def test_who_counts_as_one_client(one: str, other: str, same: bool) -> None:
    limits = StreamLimits(per_client=1)
    with ExitStack() as stack:
        stack.enter_context(limits.take(PUBLIC, one))
        if same:
            with pytest.raises(TooManyStreams, match="at most 1"):
                stack.enter_context(limits.take(PUBLIC, other))
        else:
            stack.enter_context(limits.take(PUBLIC, other))


def test_who_is_known_is_one_client_wherever_from_and_leaves_the_publics_places() -> None:
    limits, known = StreamLimits(per_client=1), Viewer(role=Role.LIAISON_OFFICER, name="wayan")
    with limits.take(known, "192.0.2.1"), limits.take(PUBLIC, "192.0.2.1"), pytest.raises(TooManyStreams):
        limits.take(known, "192.0.2.2").__enter__()


def test_places_are_given_back_and_sockets_have_their_own() -> None:
    limits = StreamLimits(per_client=2, total=1)
    for _ in range(3):
        with (
            limits.take(PUBLIC, "a"),
            limits.take_socket(PUBLIC, "a"),
            pytest.raises(TooManyStreams, match="as it can"),
        ):
            limits.take(PUBLIC, "b").__enter__()


async def test_a_send_that_takes_too_long_ends_and_others_do_not() -> None:
    dog, leave = Watchdog(0.05), asyncio.Event()

    async def never(message: Any) -> None:
        await asyncio.Event().wait()

    async def at_last(message: Any) -> None:
        await leave.wait()

    patrol = asyncio.create_task(dog.run())
    with pytest.raises(TooSlow):
        await dog.send(never, {"type": "x"})
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0
    sending = asyncio.create_task(dog.send(at_last, {"type": "x"}))
    leave.set()
    await sending
    patrol.cancel()


async def test_a_cancellation_from_elsewhere_is_one() -> None:
    dog, begun = Watchdog(60), asyncio.Event()

    async def never(message: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(dog.send(never, {"type": "x"}))
    await begun.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
