"""A city's complaint system of a shape of its own, as docs/plug-in.md describes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SECRET = "kunci-kota-contoh-42"
PERSON = "Zubaidah Nurhaliza"
PHONE = "081298765432"
STAGES = ("DITERIMA", "DIPERIKSA", "DITERUSKAN", "DIKERJAKAN", "TITIP", "BERES")


def curhat(count: int = 60) -> Starlette:
    """The system with so many tickets. Its state counts requests and tokens: `app.state.requests`."""
    start = datetime(2026, 4, 1, 2, 0, tzinfo=UTC)
    tickets = [_ticket(n, start + timedelta(hours=3 * n)) for n in range(count)]
    by_key = {ticket["kode"]: ticket for ticket in tickets}

    async def token(request: Request) -> Response:
        form = (await request.body()).decode()
        if "grant_type=client_credentials" not in form or "Basic " not in request.headers.get("authorization", ""):
            return JSONResponse({"error": "invalid_client"}, 401)
        return JSONResponse({"access_token": "tiket-masuk-9f3c7d21", "token_type": "Bearer", "expires_in": 600})

    def refused(request: Request) -> bool:
        app.state.requests += 1
        return request.headers.get("authorization") != "Bearer tiket-masuk-9f3c7d21"

    async def listed(request: Request) -> Response:
        if refused(request):
            return Response(status_code=401)
        query = request.query_params
        found = [t for t in tickets if t["kapan"]["ubah"] >= int(query.get("mulai", 0))]
        skip, take = int(query.get("lewati", 0)), min(int(query.get("ambil", 25)), 25)
        return JSONResponse({"meta": {"hitung": len(found)}, "tiket": found[skip : skip + take]})

    async def one(request: Request) -> Response:
        if refused(request):
            return Response(status_code=401)
        ticket = by_key.get(request.path_params["kode"])
        return JSONResponse({"tiket": ticket}) if ticket else JSONResponse({"pesan": "tidak ada"}, 404)

    app = Starlette(
        routes=[
            Route("/masuk/token", token, methods=["POST"]),
            Route("/curhat/v3/tiket", listed),
            Route("/curhat/v3/tiket/{kode}", one),
        ]
    )
    app.state.requests = 0
    return app


def _ticket(number: int, at: datetime) -> dict[str, Any]:
    stages = STAGES[: 1 + (number + 4) % len(STAGES)]
    moments = [int((at + timedelta(minutes=7 * step)).timestamp() * 1000) for step in range(len(stages))]
    names = [PERSON, "Agus Wijaya", "Komang Ayu"]
    return {
        "kode": f"CW-{number:06d}",
        "isi": {
            "judul": f"Lampu jalan mati di gang {number}",
            "cerita": f"Mati sejak Senin. Hubungi saya, {names[number % 3]}, di {PHONE} atau surel@contoh.example.",
        },
        "posisi": {"tahap": stages[-1], "catatan": "Menunggu bahan dari gudang" if stages[-1] == "TITIP" else None},
        "kapan": {"masuk": moments[0], "ubah": moments[-1]},
        "pengirim": {"nama": names[number % 3], "hp": PHONE, "samaran": "Y" if number % 4 == 0 else "T"},
        "lokasi": {"kec": "36.72.01", "pin": {"x": 106.051234, "y": -6.012345}, "jalan": f"Jl. Melati No. {number}"},
        "jejak": [
            {"ke": stage, "pada": moment, "oleh": "SISTEM" if step == 0 else "PETUGAS"}
            for step, (stage, moment) in enumerate(zip(stages, moments, strict=True))
        ],
    }
