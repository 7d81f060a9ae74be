"""SP4N-LAPOR!'s words and numbers."""

from __future__ import annotations

from schema.complaint import Channel, Classification, FollowUpKind
from schema.status import ActorRole, ComplaintStatus
from simulators.case import Case
from simulators.matters import MATTERS
from simulators.population import COPIES_FROM

S = ComplaintStatus
A = ActorRole

#: Code and name by state, and by who brought it there where the name tells.
CODES: dict[ComplaintStatus, tuple[int, str]] = {
    S.SUBMITTED: (1, "Belum Terverifikasi"),
    S.VERIFIED: (2, "Terverifikasi"),
    S.AWAITING_INFORMATION: (3, "Menunggu Kelengkapan Informasi"),
    S.DISPOSED: (4, "Terdisposisi"),
    S.IN_FOLLOW_UP: (5, "Dalam Proses"),
    S.POSTPONED: (7, "Tunda"),
    S.ANSWERED: (8, "Selesai otomatis dalam 10 hari"),
    S.CLOSED: (12, "Selesai"),
    S.ARCHIVED: (13, "Diarsipkan oleh Admin"),
    S.REJECTED: (16, "Ditolak"),
}
BY: dict[tuple[ComplaintStatus, ActorRole], tuple[int, str]] = {
    (S.CLOSED, A.SYSTEM): (9, "Ditutup oleh Sistem"),
    (S.CLOSED, A.REPORTER): (10, "Ditutup oleh Pelapor"),
    (S.CLOSED, A.NATIONAL_ADMIN): (11, "Ditutup oleh Admin"),
    (S.ARCHIVED, A.SYSTEM): (14, "Diarsipkan oleh Sistem"),
    (S.ARCHIVED, A.REPORTER): (15, "Diarsipkan oleh Pelapor"),
}
CLASSES = {
    Classification.PENGADUAN_BERKADAR_PENGAWASAN: (1, "Pengaduan Berkadar Pengawasan"),
    Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN: (2, "Pengaduan Tidak Berkadar Pengawasan"),
    Classification.ASPIRASI: (3, "Aspirasi"),
    Classification.PERMINTAAN_INFORMASI: (4, "Permintaan Informasi"),
}
TEMPLATES = {
    FollowUpKind.INITIAL_RESPONSE: "TL_AWAL",
    FollowUpKind.PROGRESS: "TL_PROSES",
    FollowUpKind.FINAL_ANSWER: "TL_SELESAI",
    FollowUpKind.REPORTER_REPLY: "BALASAN",
    FollowUpKind.INFORMATION_REQUEST: "MINTA_INFO",
}
#: The national system's category ids and names, by matter; ids from 9001 are invented.
CATEGORIES: dict[str, tuple[int, str]] = {
    "jalan": (1397, "Jalan Berlubang"),
    "drainase": (2397, "Drainase (Gorong-Gorong/Parit)"),
    "lampu": (1398, "Penerangan Jalan"),
    "trotoar": (1401, "Trotoar"),
    "taman": (1402, "Taman"),
    "pasar": (9001, "Pasar"),
    "sampah": (9002, "Pengelolaan Sampah"),
    "banjir": (9003, "Banjir"),
    "cemar": (942, "Pencemaran Lingkungan"),
    "air": (1618, "Gangguan Layanan Penyaluran Air"),
    "listrik": (9004, "Pemadaman Listrik"),
    "ktp": (9005, "KTP (Kartu Tanda Penduduk)"),
    "kk": (9006, "Kartu Keluarga"),
    "akta": (1462, "Akta Kelahiran"),
    "puskesmas": (1385, "Fasilitas Kesehatan"),
    "bpjs": (1387, "Administrasi BPJS Kesehatan"),
    "sekolah": (1377, "Biaya Sekolah"),
    "ppdb": (1381, "Penerimaan Siswa Baru"),
    "bansos": (957, "Bantuan Sosial"),
    "pkh": (9007, "PKH Program Keluarga Harapan"),
    "tertib": (950, "Ketertiban Umum"),
    "parkir": (9008, "Parkir Liar"),
    "angkutan": (936, "Transportasi Darat"),
    "upah": (1477, "Gaji Pekerja"),
    "honorer": (1497, "Tenaga Honorer"),
    "tanah": (1406, "Sertifikat Tanah"),
    "pajak": (9009, "Pajak Daerah"),
    "desa": (9010, "Dana Desa"),
    "pupuk": (9011, "Pupuk"),
    "internet": (9012, "Jaringan Internet"),
    "sim": (9013, "Surat Izin Mengemudi"),
    "wisata": (9014, "Destinasi Pariwisata"),
    "lain": (110, "Topik Lainnya"),
}
UNITS = {unit: 131_400 + place for place, unit in enumerate(sorted({matter.unit for matter in MATTERS}))}
#: Governments that complaints are handed to.
GOVERNMENTS = {
    "Pemerintah Kabupaten Tangerang": 15_603,
    "Pemerintah Kabupaten Sleman": 15_404,
    "Pemerintah Kabupaten Badung": 17_103,
    "Pemerintah Provinsi Bali": 17_100,
    "Pemerintah Provinsi Sumatera Barat": 13_300,
    "Pemerintah Daerah DIY": 15_400,
    "Pemerintah Provinsi Banten": 15_600,
}
PHONES = {
    Channel.MOBILE_APP: ("Android", "Android", "iOS"),
    Channel.WHATSAPP: ("Whatsapp",),
    Channel.SMS: ("SMS 1708",),
}


def unit_id(name: str) -> int:
    return GOVERNMENTS.get(name) or UNITS.get(name, 131_399)


def tracking_id(case: Case) -> str:
    """Copies of other systems' complaints get a number of today's series all the same."""
    return str(case.number + (700_000 if case.number < COPIES_FROM + 100_000 else 0))
