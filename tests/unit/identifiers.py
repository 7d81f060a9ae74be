"""Texts as citizens write them, with identifiers planted in them and numbers that only look like some. All made up."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

_REGENCIES = ("360312", "367104", "510302", "340407", "137101", "317405", "320101", "357810", "640304", "737111")
_MOBILE = ("0811", "0812", "0813", "0821", "0822", "0838", "0852", "0857", "0877", "0881", "0895", "0896", "0859")
_AREAS = ("021", "022", "031", "0274", "0361", "0351", "0251", "0721", "0411")
_PLATES = ("A", "B", "D", "DK", "AB", "AD", "BA", "H", "L", "KT", "DD", "BE")
_NAMES = ("budi", "siti.aminah", "wayan_gede", "dewi89", "agus-salim", "nur.h", "rudi.hartono77", "ibu.tini")
_OPENINGS = ("Selamat pagi.", "Mohon ditindaklanjuti.", "Lapor pak,", "Kepada Yth. Bupati,", "Izin melapor.", "")
_MATTERS = (
    "Lampu jalan mati sejak 3 hari yang lalu di RT 03 RW 05",
    "Jalan berlubang di KM 12, sudah 2 kali dilaporkan",
    "Sampah menumpuk di depan SDN 04",
    "Air PDAM tidak mengalir dari pukul 08.00 sampai 16.30 WIB",
    "Pungli di kantor kelurahan",
    "Parkir liar di Jl. Merdeka No. 45",
)
_ENDINGS = ("Terima kasih.", "Mohon bantuannya", "Tolong segera ya pak", "Wassalam", "")


class Case(NamedTuple):
    """A text, what in it must go, and what must stay."""

    text: str
    planted: list[str]
    alike: list[str]


def cases(count: int, seed: int) -> Iterator[Case]:
    """So many texts: a third with identifiers, a third with look-alikes, a third with both."""
    rng = random.Random(seed)
    for number in range(count):
        planted = [_planted(rng) for _ in range(rng.randint(1, 2))] if number % 3 != 1 else []
        alike = [_alike(rng) for _ in range(rng.randint(1, 2))] if number % 3 else []
        told = [*planted, *alike]
        rng.shuffle(told)
        parts = [rng.choice(_OPENINGS), rng.choice(_MATTERS), *(said for said, _ in told), rng.choice(_ENDINGS)]
        glue = rng.choice((". ", ", ", "\n", " - ", ". "))
        text = glue.join(part.rstrip(".,") for part in parts if part)
        yield Case(text, [value for _, value in planted], [value for _, value in alike])


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _in(rng: random.Random, value: str, *frames: str) -> tuple[str, str]:
    return rng.choice(frames).format(value), value


# ---------------------------------------------------------------- what must go


def _nik(rng: random.Random) -> tuple[str, str]:
    day = rng.randint(1, 28) + rng.choice((0, 40))
    number = f"{rng.choice(_REGENCIES)}{day:02}{rng.randint(1, 12):02}{rng.randint(0, 99):02}{rng.randint(1, 9999):04}"
    fours = [number[at : at + 4] for at in range(0, 16, 4)]
    parts = [number[:2], number[2:4], number[4:6], number[6:12], number[12:]]
    shape = rng.choice((number, number, number, " ".join(fours), "-".join(fours), ".".join(fours), ".".join(parts)))
    shape = rng.choice((shape, shape, " ".join(parts), f"{number[:6]} {number[6:12]} {number[12:]}"))
    return _in(
        rng,
        shape,
        "NIK saya {}",
        "nik: {}",
        "atas nama Budi {}",
        "KTP {} hilang",
        "No. KK {}",
        "({})",
        "NIK{}",
        "data saya {} belum masuk",
    )


def _mistyped_nik(rng: random.Random) -> tuple[str, str]:
    value = rng.choice(_REGENCIES) + _digits(rng, rng.choice((9, 10, 11)))
    return _in(rng, value, "NIK {}", "nomor KTP saya {}", "KK : {}", "{} (NIK)")


def _mobile(rng: random.Random) -> tuple[str, str]:
    number = rng.choice(_MOBILE) + _digits(rng, rng.choice((6, 7, 8, 8, 8, 9)))
    fours = [number[at : at + 4] for at in range(0, len(number), 4)]
    if len(fours[-1]) == 1:
        fours[-2:] = [fours[-2] + fours[-1]]
    apart = rng.choice(("-", " ", ".", " - ", "\u2011")).join(fours)
    abroad = rng.choice(("+62", "62", "+62 ", "+62-", "(+62) ")) + rng.choice((number, apart))[1:]
    value = rng.choice((number, number, number, apart, apart, abroad, f"({number[:4]}) {number[4:]}"))
    return _in(
        rng,
        value,
        "hubungi {}",
        "HP {}",
        "No WA: {}",
        "bisa ditelepon di {} ya",
        "{}",
        "a.n. Siti ({})",
        "Budi/{}",
        "petugas bernama Andi {} tidak merespon",
        "wa {} atau datang langsung",
    )


def _wa_link(rng: random.Random) -> tuple[str, str]:
    value = f"628{rng.choice('1235')}{_digits(rng, 9)}"
    return _in(rng, value, "wa.me/{}", "https://wa.me/{}", "https://api.whatsapp.com/send?phone={}")


def _bare(rng: random.Random) -> tuple[str, str]:
    value = f"8{rng.choice('1235')}{_digits(rng, rng.choice((8, 9, 9)))}"
    return _in(rng, value, "WA {}", "hp saya {}", "telp {}")


def _landline(rng: random.Random) -> tuple[str, str]:
    area = rng.choice(_AREAS)
    number = rng.choice("2345678") + _digits(rng, 6 if area == "021" else rng.choice((5, 6)))
    apart = f"{number[:3]} {number[3:]}"
    value = rng.choice(
        (f"({area}) {number}", f"{area}-{number}", f"{area} {number}", f"{area} {apart}", f"({area}){number}")
    )
    value = rng.choice((value, value, f"+62 {area[1:]} {number}", f"+62-{area[1:]}-{number}"))
    said = _in(rng, value, "telp {}", "kantor {} tidak diangkat", "hubungi {}", "rumah saya {}")
    return said if rng.random() < 0.8 else _in(rng, f"{area}/{number}", "Telp. {}", "telp/fax {}")


def _email(rng: random.Random) -> tuple[str, str]:
    host = rng.choice(
        ("gmail.com", "yahoo.co.id", "yahoo.com", "outlook.com", "ui.ac.id", "pt-maju.co.id", "dinkes.go.id")
    )
    name = f"{rng.choice(_NAMES)}{rng.choice(('', '1990', '_x'))}"
    value = rng.choice(
        (f"{name}@{host}",) * 4 + (f"{name} @ gmail.com", f"{name}@gmail,com", f"{name.upper()}@GMAIL.COM")
    )
    return _in(rng, value, "email {}", "e-mail saya: {}", "<{}>", "mailto:{}", "kirim ke {} saja", "({})")


def _plate(rng: random.Random) -> tuple[str, str]:
    area, suffix = (
        rng.choice(_PLATES),
        "".join(rng.choice("ABCEFGHJKNPQRSTUVXYZ") for _ in range(rng.choice((2, 3, 3)))),
    )
    number = str(rng.randint(1000, 9999))
    value = rng.choice(("{} {} {}", "{} {} {}", "{}{}{}", "{}-{}-{}", "{} {}{}")).format(area, number, suffix)
    if rng.random() < 0.2:
        return _in(rng, value.lower(), "plat {}", "mobil {} parkir sembarangan", "motor dengan nopol {}")
    if rng.random() < 0.15:
        return _in(rng, f"{area} {rng.randint(10, 999)} {suffix}", "plat nomor {}", "angkot {} ugal-ugalan")
    return _in(rng, value, "plat {}", "mobil {} parkir", "{} menabrak pagar", "truk {}", "nopol {}")


# ---------------------------------------------------------------- what must stay


def _card(rng: random.Random) -> tuple[str, str]:
    number = rng.choice("45") + _digits(rng, 15)
    number = number[:6] + rng.choice(("00", "35", "72", "99")) + number[8:]  # no day
    value = rng.choice((number, " ".join(number[at : at + 4] for at in range(0, 16, 4))))
    return _in(rng, value, "kartu {}", "no. transaksi {}", "kode bayar {}", "{}")


def _thing(rng: random.Random) -> tuple[str, str]:
    frames: tuple[tuple[str, str], ...] = (
        ("nomor meter {}", rng.choice("1345") + _digits(rng, 10)),
        ("ID pelanggan {}", "5" + _digits(rng, 11)),
        ("ID pelanggan 0{} belum dialiri", "81" + _digits(rng, 9)),
        ("nomor rekening {}", "08" + _digits(rng, 8)),
        ("no resi {}", "0812" + _digits(rng, 8)),
        ("NIP {}", f"19790512{_digits(rng, 10)}"),
        ("token {}", "-".join(_digits(rng, 4) for _ in range(5))),
        ("laporan nomor {}", _digits(rng, 7)),
        ("#{}", _digits(rng, 7)),
        ("sertifikat {}", "10.05.27.06.1.00" + _digits(rng, 3)),
    )
    return _in_frame(rng, frames)


def _reference(rng: random.Random) -> tuple[str, str]:
    frames = (
        ("laporan {}", f"TNG-2026-{_digits(rng, 6)}"),
        ("nomor {} belum dijawab", f"SMP-{_digits(rng, 4)}-{_digits(rng, 4)}-{_digits(rng, 4)}"),
        ("tiket {}", f"SP4N-{_digits(rng, 8)}"),
        ("surat {}", f"005/{_digits(rng, 4)}/DPUPR/2026"),
        ("lihat {}", f"https://www.lapor.go.id/laporan/detil/{_digits(rng, 7)}"),
        ("lihat {}", f"https://berita.id/read/0812{_digits(rng, 8)}/jalan"),
        ("faktur {}", f"INV/2026/0812{_digits(rng, 7)}"),
        ("foto {}", f"IMG-20260{rng.randint(1, 9)}12-WA0012.jpg"),
        ("foto {}", f"2026081{rng.randint(0, 9)}_08{_digits(rng, 4)}.jpg"),
    )
    return _in_frame(rng, frames)


def _amount(rng: random.Random) -> tuple[str, str]:
    frames = (
        ("biaya {}", f"Rp {rng.randint(1, 99)}.{_digits(rng, 3)}.000"),
        ("anggaran {}", f"Rp62.8{_digits(rng, 2)}.{_digits(rng, 3)}.000,00"),
        ("ganti rugi {} rupiah", f"{rng.randint(62, 89)}.8{_digits(rng, 2)}.000.000"),
        ("bayar {}", f"Rp. 08{_digits(rng, 1)}.000.000"),
        ("daya {} VA", "1300"),
        ("luas {} m2", f"{rng.randint(100, 9999)}"),
    )
    return _in_frame(rng, frames)


def _moment(rng: random.Random) -> tuple[str, str]:
    day, month = rng.randint(1, 28), rng.randint(1, 12)
    frames = (
        ("tanggal {}", f"{day:02}-{month:02}-2026"),
        ("tgl {}", f"08.{month:02}.2026 08.12.34"),
        ("pada {}", f"2026-{month:02}-{day:02} 08:12:{day:02}"),
        ("sejak {}", f"{day}/{month}/2026"),
        ("jam {} WIB", "08.15 - 16.00"),
        ("tahun {}", "2019-2024"),
    )
    return _in_frame(rng, frames)


def _place(rng: random.Random) -> tuple[str, str]:
    frames = (
        ("titik {}", f"-6.0{_digits(rng, 7)}, 106.8{_digits(rng, 8)}"),
        ("koordinat {}", f"-7.{_digits(rng, 6)},110.{_digits(rng, 6)}"),
        ("{}", f"Blok B {rng.randint(1, 99)} No. {rng.randint(1, 99)}"),
        ("{}", f"BLOK D{rng.randint(1, 20)} A"),
        ("{}", f"Jl. A {rng.randint(1, 99)} B"),
        ("{}", f"KM {rng.randint(1, 120)} RT 021 RW 005 15{_digits(rng, 3)}"),
        ("kode pos {}", f"15{_digits(rng, 3)}"),
        ("{}", f"SMP N {rng.randint(1, 9)} Tangerang"),
        ("{}", f"Jalan D. I. Panjaitan {rng.randint(100, 999)} C"),
        ("wilayah {}", "36.03.12.2004"),
    )
    return _in_frame(rng, frames)


def _public(rng: random.Random) -> tuple[str, str]:
    desk = rng.choice(("pengaduan@tangerangkab.go.id", "info@baliprov.go.id", "disdukcapil@slemankab.go.id"))
    frames = (
        ("sudah telepon {}", rng.choice(("112", "110", "119", "14045", "1500123", "123", "0800 1 234567"))),
        ("hubungi call center {}", rng.choice(("112", "1500789", "14027"))),
        ("kirim ke {}", desk),
        ("mention {} di twitter", "@kemkominfo"),
        ("{}", "bertemu @ balai.desa jam 9"),
        ("pasal {}", "12 ayat 3 UU 25/2009"),
    )
    return _in_frame(rng, frames)


def _in_frame(rng: random.Random, frames: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    frame, value = rng.choice(frames)
    return frame.format(value), value


_GO: tuple[Callable[[random.Random], tuple[str, str]], ...] = (
    *(_nik, _nik, _mistyped_nik, _mobile, _mobile, _mobile, _wa_link, _bare, _landline, _email, _email, _plate, _plate),
)
_STAY: tuple[Callable[[random.Random], tuple[str, str]], ...] = (
    *(_card, _thing, _thing, _reference, _reference, _amount, _moment, _place, _place, _public),
)


def _planted(rng: random.Random) -> tuple[str, str]:
    return rng.choice(_GO)(rng)


def _alike(rng: random.Random) -> tuple[str, str]:
    return rng.choice(_STAY)(rng)
