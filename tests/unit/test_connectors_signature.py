"""Signatures of pushes: the standard's own example, both kinds of secrets, and everything that does not fit."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from connectors.secrets import Secret
from connectors.signature import WINDOW, Key, key_of, verify
from schema.errors import ConfigError, Unsigned

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
KEY = key_of(Secret("whsec_" + b64encode(b"k" * 32).decode()))
BODY = b'{"laporan": []}'


def headers(key: Key = KEY, id: str = "msg_1", at: datetime = NOW, body: bytes = BODY) -> dict[str, str]:
    sent = int(at.timestamp())
    return {"webhook-id": id, "webhook-timestamp": str(sent), "webhook-signature": key.sign(id, sent, body)}


def test_the_standards_own_example_is_signed_as_it_says() -> None:
    key = key_of(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    signed = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_authentic_one_says_what_it_is() -> None:
    signed = verify([KEY], headers(), BODY, NOW)
    assert (signed.id, signed.sent_at) == ("msg_1", int(NOW.timestamp()))


@pytest.mark.parametrize("off", [-WINDOW, WINDOW])
def test_the_window_is_five_minutes_before_and_after(off: int) -> None:
    at = NOW + timedelta(seconds=off)
    verify([KEY], headers(at=at), BODY, NOW)
    beyond = at + timedelta(seconds=1 if off > 0 else -1)
    with pytest.raises(Unsigned, match=f"is {WINDOW + 1} s {'ahead of' if off > 0 else 'behind'} the hub's clock"):
        verify([KEY], headers(at=beyond), BODY, NOW)


def test_each_of_several_keys_and_of_several_signatures_may_fit() -> None:
    new = key_of(Secret("a plain text secret of its own"))
    verify([KEY, new], headers(new), BODY, NOW)
    both = headers()
    both["webhook-signature"] = f"v1a,asymmetric {headers(new)['webhook-signature']} v1,AAAA"
    verify([new], both, BODY, NOW)
    with pytest.raises(Unsigned, match="does not fit"):
        verify([KEY], both, BODY, NOW)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("webhook-id", None, "webhook-id is missing"),
        ("webhook-id", "two words", "visible characters"),
        ("webhook-id", "ü", "visible characters"),
        ("webhook-id", "x" * 201, "visible characters"),
        ("webhook-id", "msg_2", "does not fit"),
        ("webhook-timestamp", None, "webhook-timestamp is missing"),
        ("webhook-timestamp", "now", "whole seconds"),
        ("webhook-timestamp", "-5", "whole seconds"),
        ("webhook-timestamp", "9" * 400, "whole seconds"),
        ("webhook-timestamp", "٣", "whole seconds"),
        ("webhook-timestamp", "99999999999", "ahead of"),
        ("webhook-timestamp", "0", "behind"),
        ("webhook-signature", None, "webhook-signature is missing"),
        ("webhook-signature", "sha256=abc", "must look like v1,BASE64"),
        ("webhook-signature", "v1,", "does not fit"),
        ("webhook-signature", "v1,\udcff", "does not fit"),
        ("webhook-signature", " ".join(["v1,x"] * 17), "more than 16"),
    ],
)
def test_what_does_not_fit_is_told(name: str, value: str | None, message: str) -> None:
    given: dict[str, str] = headers()
    if value is None:
        del given[name]
    else:
        given[name] = value
    with pytest.raises(Unsigned, match=message):
        verify([KEY], given, BODY, NOW)


@pytest.mark.parametrize("body", [b"", BODY + b" ", BODY.replace(b"[]", b"[ ]"), BODY[:-1]])
def test_every_byte_counts(body: bytes) -> None:
    with pytest.raises(Unsigned, match="does not fit"):
        verify([KEY], headers(), body, NOW)


@pytest.mark.parametrize("secret", ["short", "whsec_not base64!", "whsec_" + b64encode(b"short").decode(), "whsec_"])
def test_a_secret_that_keeps_nobody_out_is_refused(secret: str) -> None:
    with pytest.raises(ConfigError) as refused:
        key_of(Secret(secret))
    assert "short" not in str(refused.value).replace("shorter", "")


def test_a_key_is_shown_to_nobody() -> None:
    assert repr(key_of(Secret("a plain text secret of its own"))) == "***"
