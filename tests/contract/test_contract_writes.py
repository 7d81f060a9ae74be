"""The rule about writes catches who breaks it, whichever way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.base import Kind, Means
from connectors.contract.bench import Bench
from connectors.contract.rule import RULES
from connectors.contract.suite import attempt
from connectors.manifest import Manifest
from connectors.registry import kind_of
from connectors.testing import Verdict
from schema.connector import Acknowledgement, Write
from schema.errors import SourceError, SourceFailure, WriteRejected
from tests.contract.pilots import pilot


class Meddler:
    """A connector that writes, or one that breaks the rule."""

    def __init__(self, connector: Any) -> None:
        self._connector = connector
        self.writes, self.finds = connector.writes, connector.finds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connector, name)

    async def send(self, write: Write) -> Acknowledgement:
        return await self._connector.send(write)

    async def find(self, write: Write) -> Acknowledgement | None:
        return await self._connector.find(write)


class Stubborn(Meddler):
    """Tries again by itself."""

    async def send(self, write: Write) -> Acknowledgement:
        try:
            return await self._connector.send(write)
        except SourceError:
            return await self._connector.send(write)


class Sure(Meddler):
    """Believes that what failed did not arrive."""

    async def send(self, write: Write) -> Acknowledgement:
        try:
            return await self._connector.send(write)
        except SourceError as error:
            error.arrived = False
            raise


class Unsure(Meddler):
    """Never knows, not even where nothing was sent."""

    async def send(self, write: Write) -> Acknowledgement:
        try:
            return await self._connector.send(write)
        except SourceError as error:
            error.arrived = True
            raise


class Deaf(Meddler):
    """Takes no for a failure."""

    async def send(self, write: Write) -> Acknowledgement:
        try:
            return await self._connector.send(write)
        except WriteRejected:
            raise SourceFailure("no") from None


class Blind(Meddler):
    """Finds nothing."""

    async def find(self, write: Write) -> Acknowledgement | None:
        return None


class Credulous(Meddler):
    """Finds everything."""

    async def find(self, write: Write) -> Acknowledgement | None:
        return await self._connector.find(write) or Acknowledgement(native_id="1")


@pytest.mark.parametrize(
    ("meddler", "verdict"),
    [
        (Meddler, Verdict.PASSED),
        *((broken, Verdict.FAILED) for broken in (Stubborn, Sure, Unsure, Deaf, Blind, Credulous)),
    ],
)
async def test_write_once(meddler: Callable[[Any], Any], verdict: Verdict, tmp_path: Path) -> None:
    with pilot("sp4n-lapor", tmp_path, count=20) as subject:
        lapor = kind_of(subject.manifest)

        def connect(manifest: Manifest, means: Means) -> Any:
            return meddler(lapor.connect(manifest, means))

        kind = Kind(settings=lapor.settings, connect=connect, takes=lapor.takes)
        async with Bench(msgspec.structs.replace(subject, kind=kind)) as bench:
            outcome = await attempt(RULES["write-once"], bench)
    assert outcome.verdict is verdict, outcome.detail


async def test_a_real_agency_gets_no_complaint_that_is_none(tmp_path: Path) -> None:
    with pilot("prov-bali", tmp_path, count=20) as subject:
        held = subject.held
        async with Bench(msgspec.structs.replace(subject, held=None)) as bench:
            outcome = await attempt(RULES["write-once"], bench)
        assert held is not None
        assert (outcome.verdict, outcome.detail) == (Verdict.PASSED, "submit, follow_up, on the wire alone")
        app: Any = subject.transport
        assert app.app.state.agency.writings.held() == {}
