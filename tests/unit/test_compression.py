"""Which content coding a client gets, and that it is one."""

from __future__ import annotations

import gzip

import pytest

from gateway.compression import BROTLI, GZIP, IDENTITY, PAYS, coding, encode

brotli = pytest.importorskip("brotli")


@pytest.mark.parametrize(
    ("accept", "large", "small"),
    [
        (None, IDENTITY, IDENTITY),
        ("", IDENTITY, IDENTITY),
        ("gzip, deflate, br, zstd", BROTLI, IDENTITY),
        ("gzip", GZIP, IDENTITY),
        ("x-gzip", GZIP, IDENTITY),
        ("GZIP;Q=1", GZIP, IDENTITY),
        ("gzip;q=1.0, br;q=0.5", GZIP, IDENTITY),
        ("br;q=0, gzip;q=0", IDENTITY, IDENTITY),
        ("*", BROTLI, IDENTITY),
        ("*;q=0.5, gzip;q=0.8", GZIP, IDENTITY),
        ("br;q=0, *", GZIP, IDENTITY),
        ("identity, gzip;q=0.5", IDENTITY, IDENTITY),
        ("identity;q=0.5, gzip;q=0.5", GZIP, IDENTITY),
        ("identity;q=0, gzip", GZIP, GZIP),
        ("*;q=0, gzip", GZIP, GZIP),
        ("identity;q=0, *", BROTLI, BROTLI),
        ("identity;q=0", None, None),
        ("*;q=0", None, None),
        ("deflate", IDENTITY, IDENTITY),
        ("deflate, identity;q=0", None, None),
        ("gzip;q=nonsense", IDENTITY, IDENTITY),
        ("gzip;q=2", GZIP, IDENTITY),
        (",,;q=1, gzip ; q=1 ,", GZIP, IDENTITY),
    ],
)
def test_codings(accept: str | None, large: str | None, small: str | None) -> None:
    assert coding(accept, PAYS) == large
    assert coding(accept, PAYS - 1) == small


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_encoded_is_decoded(kept: bool) -> None:
    body = "jalan rusak 🏃 ".encode() * 500
    packed = encode(body, GZIP, kept=kept)
    assert gzip.decompress(packed) == body
    assert packed == encode(body, GZIP, kept=kept)
    assert brotli.decompress(encode(body, BROTLI, kept=kept)) == body
    assert encode(body, IDENTITY, kept=kept) is body
