# ruff: noqa: SIM905 - words read better in a row
"""Complaints of one regency as citizens write them, with repeats that are known: what duplicates are measured on.

Nothing is copied: texts are put together from sentences, places and habits of writing of this file's own. Of the words
that say what is wrong, not all are in the hub's lists, and none of the names are.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from gateway.duplicates.gist import gist
from gateway.duplicates.score import ranked
from gateway.duplicates.suggest import CANDIDATES, DAYS, LEAST, MOST
from schema.complaint import Complaint, IncidentLocation, complaint_id
from schema.status import ComplaintStatus

_LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
START = datetime(2024, 1, 1, tzinfo=UTC)

#: By topic: a category, and what people say of it; `{at}` is the place.
MATTERS: dict[str, tuple[str, list[str]]] = {
    "jalan": (
        "infrastruktur.jalan-berlubang",
        [
            "Jalan berlubang {at}, sudah banyak motor yang jatuh",
            "Aspal {at} rusak parah dan banyak kubangan",
            "Lubang besar menganga di tengah jalan {at}, sangat membahayakan pengendara",
            "Jalanan hancur {at}, kalau hujan jadi kolam",
            "Tolong ditambal lubang-lubang di jalan {at}",
        ],
    ),
    "lampu": (
        "infrastruktur.penerangan-jalan",
        [
            "Lampu jalan mati {at} sehingga gelap gulita",
            "PJU {at} padam semua, warga takut lewat malam hari",
            "Penerangan jalan umum tidak menyala {at}",
            "Sudah seminggu lampu penerangan {at} tidak hidup",
            "Gelap sekali {at} karena lampunya putus",
        ],
    ),
    "sampah": (
        "lingkungan.pengelolaan-sampah",
        [
            "Sampah menumpuk {at} dan baunya sangat menyengat",
            "Tumpukan sampah {at} tidak diangkut petugas",
            "Ada tempat pembuangan sampah liar {at}",
            "Mobil pengangkut sampah tidak pernah datang {at}",
            "Bau busuk dari TPS {at}, sampahnya meluber ke jalan",
        ],
    ),
    "banjir": (
        "lingkungan.banjir",
        [
            "Banjir {at} setiap turun hujan",
            "Genangan air setinggi lutut {at} tidak kunjung surut",
            "Rumah warga {at} terendam banjir lagi",
            "Air sungai meluap {at} dan masuk ke rumah",
        ],
    ),
    "got": (
        "infrastruktur.drainase-gorong-gorong-parit",
        [
            "Saluran air mampet {at} penuh endapan lumpur",
            "Selokan {at} tersumbat dan airnya hitam",
            "Gorong-gorong {at} ambles, tutupnya hilang",
            "Drainase {at} tidak mengalir, mohon dikeruk",
        ],
    ),
    "air": (
        "energi.gangguan-layanan-penyaluran-air",
        [
            "Air PDAM mati {at} sejak tiga hari",
            "Air ledeng {at} keruh dan berbau kaporit",
            "Keran di rumah kami {at} tidak mengalir sama sekali",
            "Pipa PDAM bocor {at}, air terbuang percuma",
        ],
    ),
    "ktp": (
        "kependudukan.ktp-kartu-tanda-penduduk",
        [
            "Pengurusan KTP elektronik {at} sudah dua bulan belum jadi",
            "Blangko e-KTP selalu habis {at}",
            "Saya sudah perekaman {at} tetapi KTP tidak kunjung dicetak",
            "Pelayanan kependudukan {at} lambat, antre dari subuh",
        ],
    ),
    "bansos": (
        "sosial.bantuan-sosial",
        [
            "Bantuan sosial {at} tidak tepat sasaran, yang mampu malah dapat",
            "Nama saya dicoret dari penerima PKH {at}",
            "BLT {at} dipotong oleh oknum",
            "Pembagian sembako {at} tidak merata",
        ],
    ),
    "sekolah": (
        "pendidikan.biaya-sekolah",
        [
            "Ada pungutan uang gedung {at} yang memberatkan orang tua",
            "Sekolah {at} mewajibkan beli seragam mahal",
            "Komite menarik iuran {at} tanpa rapat",
            "Ijazah anak saya ditahan {at} karena belum lunas",
        ],
    ),
    "puskesmas": (
        "kesehatan.pelayanan-kesehatan",
        [
            "Pelayanan dokter {at} lama sekali, pasien terlantar",
            "Obat di apotek {at} kosong terus",
            "Perawat {at} ketus kepada pasien BPJS",
            "Pendaftaran berobat {at} antre berjam-jam",
        ],
    ),
    "parkir": (
        "perhubungan.parkir-liar",
        [
            "Parkir liar {at} bikin macet",
            "Juru parkir {at} minta uang tanpa karcis",
            "Mobil parkir sembarangan {at} menutup jalan warga",
        ],
    ),
    "bising": (
        "ketertiban.umum",
        [
            "Suara karaoke {at} sangat bising sampai subuh",
            "Warga terganggu musik keras {at} tiap malam minggu",
            "Knalpot brong dan balap liar {at} meresahkan",
        ],
    ),
    "pohon": (
        "infrastruktur.taman",
        [
            "Pohon besar {at} hampir tumbang menimpa kabel",
            "Dahan pohon {at} menutupi rambu, mohon dipangkas",
            "Pohon lapuk {at} rawan roboh saat angin kencang",
        ],
    ),
    "anjing": (
        "evakuasi-hewan-liar",
        [
            "Banyak anjing liar {at} mengejar anak-anak",
            "Anjing tanpa pemilik {at} menggigit warga",
            "Ada ular masuk permukiman {at}, mohon evakuasi",
        ],
    ),
    "pabrik": (
        "lingkungan.pencemaran-lingkungan",
        [
            "Asap hitam dari pabrik {at} membuat sesak napas",
            "Limbah cair dibuang ke sungai {at}, ikan mati",
            "Debu produksi {at} mengotori rumah warga",
        ],
    ),
    "pkl": (
        "ketertiban.umum",
        [
            "Pedagang kaki lima {at} memenuhi trotoar",
            "PKL {at} berjualan sampai badan jalan",
            "Lapak liar {at} belum ditertibkan",
        ],
    ),
}

_FIRST = (
    "Mawar Melati Kenanga Cempaka Flamboyan Anggrek Dahlia Teratai Kamboja Seruni Bougenvil Cendrawasih Kutilang "
    "Rajawali Garuda Nuri Beo Kasuari Mangga Rambutan Durian Salak Manggis Cemara Beringin Mahoni Akasia Ketapang "
    "Siliwangi Pajajaran Diponegoro Kartini Sudirman Hasanudin Imambonjol Cutnyakdin Thamrin Gatotsubroto Veteran"
).split()
_SYLLABLES = (
    "su ka ra ci ban ja gu nung wa na mar ga pa sir bo jo ta lang ke du sin dang tan jung le ma sa war"
).split()
_ENDINGS = "jaya sari mulya asih rejo harjo kerta laya baru indah asri permai".split()
_OPENINGS = [
    "",
    "",
    "Assalamualaikum wr wb. ",
    "Selamat pagi admin. ",
    "Yth. Bapak Bupati, ",
    "Mohon maaf mengganggu. ",
    "Kepada dinas terkait. ",
    "Saya warga biasa ingin melapor. ",
]
_CLOSINGS = [
    "",
    "",
    " Mohon segera ditindaklanjuti.",
    " Terima kasih.",
    " Tolong dong pak diperhatikan rakyat kecil.",
    " Sudah berkali-kali lapor RT tapi belum ada tanggapan.",
    " Demi keselamatan bersama, mohon perbaikannya. Wassalam.",
    " Kejadian ini sudah berlangsung sekitar dua bulan dan sangat merugikan kami.",
]
_SHORT = {"jalan": "jln", "yang": "yg", "tidak": "gak", "sudah": "udah", "dengan": "dgn", "mohon": "mhn", "nomor": "no"}


class Spot(NamedTuple):
    """A place: a street in a village, and numbers."""

    street: str
    village: str
    estate: str
    rt: int
    rw: int
    region: str


class Village(NamedTuple):
    name: str
    streets: list[str]
    estates: list[str]
    region: str


class Written(NamedTuple):
    """A complaint, and the matter that it is of: two of one matter are repeats."""

    complaint: Complaint
    matter: int


class Regency:
    """Writes complaints.

    Args:
        days: over which they are spread.
    """

    def __init__(self, seed: int, days: int) -> None:
        self._random = random.Random(seed)
        self._days = days
        streets = [*_FIRST, *(self._name() for _ in range(60))]
        self._villages = [self._village(number, streets) for number in range(90)]
        self._taken: dict[tuple[str, str, str], datetime] = {}
        self._written = 0
        self._told: dict[int, tuple[str, Spot]] = {}
        self._said: dict[int, str] = {}

    def complaints(self, total: int, repeats: int) -> list[Written]:
        """So many complaints by time; of them so many repeat an earlier one."""
        found: list[Written] = []
        matter = 0
        while len(found) < total - repeats:
            for written in self._matter(matter, total - repeats - len(found)):
                found.append(written)
            matter = found[-1].matter + 1
        originals = [self._random.choice(found) for _ in range(repeats)]
        found += [self._repeat(each) for each in originals]
        return sorted(found, key=lambda each: (each.complaint.submitted_at, each.complaint.id))

    def _matter(self, number: int, most: int) -> Iterator[Written]:
        """A new matter; now and then with others that look like it and are not."""
        topic, at = self._random.choice(list(MATTERS)), self._moment()
        spot = self._free(topic, at)
        text = self._text(topic, spot)
        yield self._write(number, topic, spot, text, at)
        if most < 4 or self._random.random() > 0.12 or not self._is_placed(text, spot):
            return
        near = at + timedelta(hours=self._random.uniform(1, 200))
        kind = self._random.randrange(5)
        if kind == 0:  # a letter that goes round: the same words for another place
            for extra in range(1, self._random.randint(2, 4)):
                other = self._free(topic, at)
                yield self._write(number + extra, topic, other, self._moved(text, spot, other), near)
        elif kind == 1 and f"RT {spot.rt} R" in text:  # next door
            other = spot._replace(rt=spot.rt % 12 + 1)
            yield self._write(number + 1, topic, other, self._moved(text, spot, other), near)
        elif kind == 2:  # another matter at the same place
            topics = [each for each in MATTERS if each != topic]
            yield self._write(number + 1, (new := self._random.choice(topics)), spot, self._text(new, spot), near)
        elif kind == 3:  # the same matter in another street of the village
            other = self._free(topic, at, spot.village)
            yield self._write(number + 1, topic, other, self._text(topic, other), near)
        else:  # the same street's name in another village
            other = self._free(topic, at)._replace(street=spot.street)
            yield self._write(number + 1, topic, other, self._text(topic, other), near)

    def _repeat(self, original: Written) -> Written:
        """The same matter again: copied, mistyped, shortened, or told by a neighbour."""
        before = original.complaint
        topic, spot = self._told[original.matter]
        text, kind = self._said[original.matter], self._random.random()
        if kind < 0.4:
            again = text
        elif kind < 0.55:
            again = self._mistyped(text)
        elif kind < 0.7:
            again = "Laporan ulang, belum ada tindakan. " + text
        elif kind < 0.85:
            sentences = text.split(". ")
            again = max(sentences, key=lambda each: (self._is_placed(each, spot), len(each)))
        else:
            again = self._text(topic, spot)
        at = before.submitted_at + timedelta(hours=self._random.expovariate(1 / 96))
        return self._write(original.matter, topic, spot, again, min(at, before.submitted_at + timedelta(days=25)))

    def _write(self, matter: int, topic: str, spot: Spot, text: str, at: datetime) -> Written:
        self._told[matter] = topic, spot
        self._said.setdefault(matter, text)
        self._written += 1
        native = f"n{self._written}"
        loudness = self._random.random()
        shown = text.lower() if loudness < 0.15 else text.upper() if loudness > 0.97 else text
        located = IncidentLocation(region_code=spot.region) if self._random.random() < 0.3 else None
        complaint = Complaint(
            id=complaint_id("kab-contoh", native),
            agency="kab-contoh" if self._random.random() < 0.8 else "sp4n-lapor",
            native_id=native,
            tracking_id=native,
            status=ComplaintStatus.SUBMITTED,
            status_changed_at=at,
            submitted_at=at,
            updated_at=at,
            title=" ".join(shown.split()[: self._random.randint(4, 8)]),
            original_text=shown,
            category=MATTERS[topic][0] if self._random.random() < 0.7 else None,
            incident_location=located,
        )
        return Written(complaint, matter)

    def _text(self, topic: str, spot: Spot) -> str:
        said = self._random.choice(MATTERS[topic][1]).format(at=self._at(spot))
        return f"{self._random.choice(_OPENINGS)}{said}.{self._random.choice(_CLOSINGS)}"

    def _at(self, spot: Spot) -> str:
        choice = self._random
        numbers = choice.choice(
            [f"RT {spot.rt} RW {spot.rw}", f"RT {spot.rt:02}/RW {spot.rw:02}", f"RT.{spot.rt:02}/RW.{spot.rw:02}"]
        )
        parts = [
            choice.choice([f"di Jl. {spot.street}", f"di jalan {spot.street}", f"sepanjang jalan {spot.street}"]),
            choice.choice([f"Perum {spot.estate}", f"depan perumahan {spot.estate}"]),
            choice.choice([f"Desa {spot.village}", f"Kel. {spot.village}", spot.village]),
        ]
        shown = [part for part in parts if choice.random() < 0.7] or [parts[2]]
        return ", ".join([*shown[:1], *([numbers] if choice.random() < 0.6 else []), *shown[1:]])

    def _moved(self, text: str, spot: Spot, other: Spot) -> str:
        """The text with the other place in it."""
        pairs = [
            (f"RT {spot.rt} ", f"RT {other.rt} "),
            (f"RT {spot.rt:02}/", f"RT {other.rt:02}/"),
            (f"RT.{spot.rt:02}/", f"RT.{other.rt:02}/"),
            (spot.street, other.street),
            (spot.estate, other.estate),
            (spot.village, other.village),
        ]
        for old, new in pairs:
            text = text.replace(old, new)
        return text

    def _is_placed(self, text: str, spot: Spot) -> bool:
        return any(name in text for name in (spot.street, spot.estate, spot.village))

    def _mistyped(self, text: str) -> str:
        words = text.split(" ")
        for number, word in enumerate(words):
            if word.lower() in _SHORT and self._random.random() < 0.6:
                words[number] = _SHORT[word.lower()]
            elif word.isalpha() and len(word) > 4 and self._random.random() < 0.15:
                words[number] = self._slip(word)
        return " ".join(words)

    def _slip(self, word: str) -> str:
        place = self._random.randrange(1, len(word) - 1)
        return self._random.choice(
            [
                word[:place] + word[place + 1 :],
                word[:place] + word[place] + word[place:],
                word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :],
            ]
        )

    def _village(self, number: int, streets: Sequence[str]) -> Village:
        """Names of streets are found in many villages; those of estates are not."""
        choice = self._random
        estates = [f"{self._name()} {choice.choice(_ENDINGS).title()}" for _ in range(3)]
        return Village(self._name(), choice.sample(streets, 8), estates, f"36.03.{number % 29 + 1:02}")

    def _spot(self, name: str | None) -> Spot:
        choice = self._random
        village = choice.choice([each for each in self._villages if name in (None, each.name)])
        return Spot(
            street=choice.choice(village.streets),
            village=village.name,
            estate=choice.choice(village.estates),
            rt=choice.randint(1, 12),
            rw=choice.randint(1, 10),
            region=village.region,
        )

    def _free(self, topic: str, at: datetime, village: str | None = None) -> Spot:
        """A place where nobody told of such a matter for a while: else it would be the same one."""
        for _ in range(50):
            spot = self._spot(village)
            keys = [(topic, spot.village, spot.street), (topic, spot.village, spot.estate)]
            if all(abs((at - self._taken.get(key, _LONG_AGO)).days) > 60 for key in keys):
                self._taken.update(dict.fromkeys(keys, at))
                return spot
        return self._free(topic, at)  # the village is full

    def _moment(self) -> datetime:
        return START + timedelta(days=self._random.uniform(0, self._days))

    def _name(self) -> str:
        syllables: Sequence[str] = self._random.sample(_SYLLABLES, k=self._random.randint(2, 3))
        return ("".join(syllables) + self._random.choice(["", *_ENDINGS])).title()


class Figures(NamedTuple):
    """What suggestions were worth.

    Attributes:
        precision: of what was suggested, so much was of the same matter.
        recall: of the repeats, for so many an earlier telling was suggested.
    """

    precision: float
    recall: float
    suggested: int
    asked: int


def measured(written: Sequence[Written], every: int) -> Figures:
    """Asks for each complaint that has a repeat or is one, and for one of so many others, as `suggest` would."""
    gists = [gist(each.complaint) for each in written]
    times = [each.complaint.submitted_at.timestamp() for each in written]
    tellings = Counter(each.matter for each in written)
    told, right, wrong, repeats, found, asked = set[int](), 0, 0, 0, 0, 0
    for number, each in enumerate(written):
        mine = gists[number]
        is_repeat = each.matter in told
        told.add(each.matter)
        if mine is None or (tellings[each.matter] == 1 and number % every):
            continue
        asked += 1
        first, last = (bisect(times, times[number] + days * 86_400) for days in (-DAYS, DAYS))
        near = sorted((n for n in range(first, last) if n != number), key=lambda n: abs(times[n] - times[number]))
        others = [(n, other) for n in near[:CANDIDATES] if (other := gists[n]) is not None]
        suggested = [n for n, _ in ranked(mine, others, LEAST, MOST)]
        same = [n for n in suggested if written[n].matter == each.matter]
        right, wrong = right + len(same), wrong + len(suggested) - len(same)
        repeats, found = repeats + is_repeat, found + (is_repeat and any(n < number for n in same))
    return Figures(right / max(right + wrong, 1), found / repeats, right + wrong, asked)
