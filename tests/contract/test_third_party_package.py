"""The package that docs/connectors.md shows: built, installed, recorded, and its three lines of pytest run."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.listener import Listener

ROOT = Path(__file__).parents[2]
UV = str(Path(sys.executable).with_name("uv"))
PAGE = (ROOT / "docs" / "connectors.md").read_text()
#: What the page shows, by the path in its first line.
FILES: dict[str, str] = dict(re.findall(r"^```\w+\n# (\S+\.\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


def boxes(request: Request) -> Response:
    if request.headers.get("x-api-key") != "kunci-kotak":
        return Response(status_code=401)
    since = request.query_params.get("since")
    start = datetime.fromisoformat(since.replace(" ", "+")) if since else NOW - timedelta(days=900)
    found: dict[str, list[list[object]]] = {"Gambir": [], "Senen": []}
    for n in range(24):
        changed = NOW - timedelta(hours=n)
        row = [n, ("masuk", "dibaca", "selesai")[n % 3], f"Saran {n} dari Budi", (changed - timedelta(days=2)), changed]
        if changed >= start:
            found[("Gambir", "Senen")[n % 2]].append([v.isoformat() if isinstance(v, datetime) else v for v in row])
    return JSONResponse({"boxes": found})


@pytest.fixture
async def kotak() -> AsyncIterator[str]:
    listener = Listener(Starlette(routes=[Route("/boxes", boxes)]))
    await listener.open()
    yield listener.url
    listener.end()


async def test_the_package_of_the_page(kotak: str, tmp_path: Path) -> None:
    for name, text in FILES.items():
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    package, installed = tmp_path / "package", tmp_path / "installed"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT)]),
        "KOTAK_KEY": "kunci-kotak",
    }

    async def python(*words: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, *words],
            cwd=package,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    built = await python("-m", "hatchling", "build", "--target", "wheel")
    assert built.returncode == 0, built.stderr
    [wheel] = (package / "dist").glob("simpul_kotak-1.0-*.whl")
    offline = ("--no-index", "--no-deps", "--quiet", "--target", str(installed))
    put = await asyncio.to_thread(
        subprocess.run, [UV, "pip", "install", *offline, str(wheel)], env=environment, capture_output=True, text=True
    )
    assert put.returncode == 0, put.stderr
    (package / "simpul_kotak" / "__init__.py").unlink()  # what is tried is the wheel

    file = package / "tests" / "kota-kotak.toml"
    file.write_text(file.read_text().replace("https://kotak.example", kotak))
    recorded = await python("-m", "gateway", "agency", "record", str(file))
    assert recorded.returncode == 0, recorded.stdout + recorded.stderr
    assert "Budi" not in "".join(path.read_text() for path in file.with_suffix("").rglob("*.json"))

    tried = await python("-m", "pytest", "tests", "-v", "-p", "no:cacheprovider", "-p", "no:randomly")
    assert tried.returncode == 0, tried.stdout + tried.stderr
    assert "test_contract[ids-round-trip] PASSED" in tried.stdout
    assert "test_contract[quarantine-isolates] PASSED" in tried.stdout
    assert "test_contract[arrivals-not-missed] PASSED" in tried.stdout
