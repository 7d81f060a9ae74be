"""500 subscribers, a tenth of whom never read, flooded: the others hardly notice, and the hub gets rid of the tenth."""

from __future__ import annotations

import os
import re
import statistics
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from bench.process import Server, serving
from bench.streams import percentile, window
from bench.subscribers import Crowd, crowd
from gateway.server import SEND_BUFFER
from gateway.stream.protocol import HIGH_WATER

READERS, STALLED, ROUNDS = 450, 50, 5
#: Events of one window, and the seconds between two.
EVENTS, EVERY = 80, 0.1
#: What a stalled client's own kernel keeps. Linux takes twice what is asked for, here and on the hub's side.
RECEIVE_BUFFER = 8_192

#: Some kilobytes, so that a client that reads nothing is soon full.
_MANY = " ".join(f"c{n}:complaint{{id title text address:incidentLocation{{address}}}}" for n in range(20))
DOCUMENT = f"subscription{{complaintEvents{{...on StreamFrame{{cursor}} ...on ComplaintEvent{{{_MANY}}}}}}}"


@pytest.mark.soak
def test_those_who_never_read_cost_the_others_nothing(tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)
    try:
        with serving("streams", cores[0], str(tmp_path), str(READERS + STALLED)) as hub:
            _measure(hub)
    finally:
        os.sched_setaffinity(0, cores)


def _measure(hub: Server) -> None:
    alone, beside = [], []
    with crowd(hub.address, [DOCUMENT] * READERS) as readers:
        window(hub, readers, EVENTS, EVERY)
        _, before = hub.memory_mb()
        for _ in range(ROUNDS):
            alone.append(_p99(hub, readers))
            with crowd(hub.address, [DOCUMENT] * STALLED, RECEIVE_BUFFER):
                began = time.monotonic()
                beside.append(_p99(hub, readers))
                full_after = EVERY * (1 + 2 * (SEND_BUFFER + RECEIVE_BUFFER + HIGH_WATER) / readers.length)
                _await_streams(hub, READERS)
                freed_after = time.monotonic() - began
                print(f"p99 alone {alone[-1]:.1f} ms, beside {beside[-1]:.1f} ms; freed after {freed_after:.1f} s")
                assert freed_after - full_after < 10
        _, after = hub.memory_mb()
    ratio = statistics.median(beside) / statistics.median(alone)
    print(f"{READERS} readers, {STALLED} that never read, {readers.length} bytes a frame: p99 x {ratio:.2f}, "
          f"memory {before:.0f} MB before, {after:.0f} MB after")  # fmt: skip
    assert ratio < 1.25
    assert (after - before) * 1e6 < 32 * 2**20


def _p99(hub: Server, readers: Crowd) -> float:
    delays = window(hub, readers, EVENTS, EVERY).delays_ms
    return percentile(delays, 0.99)


def _await_streams(hub: Server, count: int) -> None:
    """Until only so many streams and sockets are open."""
    until = time.monotonic() + 60
    while (found := _open(hub)) != (count, count):
        assert time.monotonic() < until, f"{found} streams and sockets are open"
        time.sleep(0.1)


def _open(hub: Server) -> tuple[int, int]:
    with urlopen(f"{hub.address}/metrics", timeout=10) as page:
        text = page.read().decode()
    names = (r"simpul_live_streams\{transport=\"websocket\"\}", "simpul_sockets")
    streams, sockets = (int(float(re.findall(rf"^{name} (\S+)", text, re.MULTILINE)[0])) for name in names)
    return streams, sockets
