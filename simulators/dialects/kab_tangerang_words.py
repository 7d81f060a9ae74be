"""Kabupaten Tangerang's words."""

from __future__ import annotations

from schema.complaint import Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus
from simulators.dialect import Words

S = ComplaintStatus

DATE = "%d/%m/%Y %H:%M:%S"
STATUSES: dict[ComplaintStatus, tuple[str, str]] = {
    S.SUBMITTED: ("BARU", "Laporan Baru"),
    S.VERIFIED: ("VERIFIKASI", "Sudah Diverifikasi"),
    S.AWAITING_INFORMATION: ("KURANG_DATA", "Menunggu Kelengkapan Data"),
    S.DISPOSED: ("DISPOSISI", "Didisposisikan ke OPD"),
    S.IN_FOLLOW_UP: ("PROSES", "Sedang Diproses"),
    S.POSTPONED: ("TUNDA", "Ditunda"),
    S.ANSWERED: ("DIJAWAB", "Sudah Dijawab"),
    S.CLOSED: ("SELESAI", "Selesai"),
    S.ARCHIVED: ("ARSIP", "Diarsipkan"),
    S.REJECTED: ("TOLAK", "Ditolak"),
    S.DUPLICATE: ("GANDA", "Laporan Ganda"),
}
WORDS = Words(
    classes={
        Classification.PENGADUAN_BERKADAR_PENGAWASAN: "P1",
        Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN: "P2",
        Classification.ASPIRASI: "A",
        Classification.PERMINTAAN_INFORMASI: "I",
    },
    channels={
        Channel.WEBSITE: "situs web",
        Channel.MOBILE_APP: "aplikasi Tangerang Gemilang",
        Channel.WHATSAPP: "WA center",
        Channel.SMS: "SMS gateway",
        Channel.PHONE: "call center 112",
        Channel.SOCIAL_MEDIA: "medsos",
        Channel.WALK_IN: "loket",
        Channel.LETTER: "surat",
    },
    actors={
        ActorRole.REPORTER: "PELAPOR",
        ActorRole.AGENCY: "OPD",
        ActorRole.NATIONAL_ADMIN: "ADMIN",
        ActorRole.SYSTEM: "SISTEM",
    },
    replies={
        FollowUpKind.INITIAL_RESPONSE: "AWAL",
        FollowUpKind.PROGRESS: "LANJUTAN",
        FollowUpKind.FINAL_ANSWER: "AKHIR",
        FollowUpKind.REPORTER_REPLY: "BALASAN",
        FollowUpKind.INFORMATION_REQUEST: "PERTANYAAN",
    },
    stars={RatingSource.CITIZEN: "WARGA", RatingSource.AUTO: "OTOMATIS", RatingSource.ADMIN: "ADMIN"},
)
CLASS_NAMES = {"P1": "Pengaduan berkadar", "P2": "Pengaduan biasa", "A": "Aspirasi", "I": "Informasi"}
CATEGORIES: dict[str, tuple[str, str]] = {
    "jalan": ("INF-01", "Jalan Rusak"),
    "drainase": ("INF-02", "Saluran Air"),
    "lampu": ("INF-03", "PJU"),
    "trotoar": ("INF-04", "Trotoar"),
    "taman": ("LH-03", "Taman dan Pohon"),
    "pasar": ("EKO-01", "Pasar"),
    "sampah": ("LH-01", "Persampahan"),
    "banjir": ("BNC-01", "Banjir"),
    "cemar": ("LH-02", "Pencemaran"),
    "air": ("UTL-01", "Air Bersih"),
    "listrik": ("PST-01", "Kelistrikan (PLN)"),
    "ktp": ("ADM-01", "KTP"),
    "kk": ("ADM-02", "Kartu Keluarga"),
    "akta": ("ADM-03", "Akta"),
    "puskesmas": ("KES-01", "Puskesmas"),
    "bpjs": ("PST-02", "BPJS Kesehatan"),
    "sekolah": ("PDK-01", "Sekolah"),
    "ppdb": ("PRV-01", "PPDB SMA/SMK"),
    "bansos": ("SOS-01", "Bantuan Sosial"),
    "pkh": ("PST-03", "PKH"),
    "tertib": ("TRT-01", "Ketertiban"),
    "parkir": ("HUB-01", "Parkir"),
    "angkutan": ("PRV-02", "Angkutan Antarkota"),
    "upah": ("PRV-03", "Pengupahan"),
    "honorer": ("ADM-04", "Tenaga Honorer"),
    "tanah": ("PST-04", "Pertanahan (BPN)"),
    "pajak": ("EKO-02", "Pajak Daerah"),
    "desa": ("DES-01", "Dana Desa"),
    "pupuk": ("TAN-01", "Pupuk"),
    "internet": ("KOM-01", "Internet"),
    "sim": ("PST-05", "Layanan Kepolisian"),
    "wisata": ("WIS-01", "Wisata"),
    "lain": ("LLN-00", "Lain-lain"),
}
