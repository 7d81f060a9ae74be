"""Kabupaten Badung's words."""

from __future__ import annotations

from schema.complaint import Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus
from simulators.dialect import Words

S = ComplaintStatus

STATUSES: dict[ComplaintStatus, tuple[str, ...]] = {
    S.SUBMITTED: ("RECEIVED",),
    S.VERIFIED: ("VERIFIED",),
    S.AWAITING_INFORMATION: ("INCOMPLETE",),
    S.DISPOSED: ("REFERRED",),
    S.IN_FOLLOW_UP: ("IN_PROCESS",),
    S.POSTPONED: ("ON_HOLD",),
    S.ANSWERED: ("PROCESSED",),
    S.CLOSED: ("CLOSED",),
    S.ARCHIVED: ("ARCHIVED",),
    S.REJECTED: ("REJECTED",),
    S.DUPLICATE: ("DOUBLE",),
}
WORDS = Words(
    classes={
        Classification.PENGADUAN_BERKADAR_PENGAWASAN: "PENGAWASAN",
        Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN: "UMUM",
        Classification.ASPIRASI: "ASPIRASI",
        Classification.PERMINTAAN_INFORMASI: "INFORMASI",
    },
    channels={
        Channel.WEBSITE: "SIDUMAS Web",
        Channel.MOBILE_APP: "SIDUMAS Android",
        Channel.WHATSAPP: "WhatsApp",
        Channel.PHONE: "112",
        Channel.SOCIAL_MEDIA: "Instagram",
        Channel.WALK_IN: "Mal Pelayanan Publik",
        Channel.EMAIL: "E-mail",
    },
    actors={
        ActorRole.REPORTER: "Pelapor",
        ActorRole.AGENCY: "Petugas",
        ActorRole.NATIONAL_ADMIN: "Admin",
        ActorRole.SYSTEM: "Sistem",
    },
    replies={
        FollowUpKind.INITIAL_RESPONSE: "AWAL",
        FollowUpKind.PROGRESS: "PROSES",
        FollowUpKind.FINAL_ANSWER: "AKHIR",
        FollowUpKind.REPORTER_REPLY: "BALASAN",
        FollowUpKind.INFORMATION_REQUEST: "TANYA",
    },
    stars={RatingSource.CITIZEN: "WARGA", RatingSource.AUTO: "OTOMATIS", RatingSource.ADMIN: "ADMIN"},
)
SERVICES: dict[str, tuple[str, str]] = {
    "jalan": ("PUPR:Jalan:Rusak", "Jalan rusak"),
    "drainase": ("PUPR:Jalan:Got", "Got tersumbat"),
    "lampu": ("HUB:Jalan:Lampu", "Lampu jalan padam"),
    "trotoar": ("PUPR:Jalan:Trotoar", "Trotoar"),
    "taman": ("LHK:Taman", "Taman dan telajakan"),
    "pasar": ("DAG:Pasar", "Pasar"),
    "sampah": ("LHK:Sampah", "Sampah"),
    "banjir": ("BPBD:Banjir", "Banjir"),
    "cemar": ("LHK:Pencemaran", "Pencemaran lingkungan"),
    "air": ("PDAM:Air", "Air PDAM"),
    "listrik": ("LUAR:Listrik", "Listrik"),
    "ktp": ("CAPIL:KTP", "KTP"),
    "kk": ("CAPIL:KK", "Kartu keluarga"),
    "akta": ("CAPIL:Akta", "Akta"),
    "puskesmas": ("KES:Puskesmas", "Puskesmas"),
    "bpjs": ("LUAR:BPJS", "BPJS"),
    "sekolah": ("DIK:Sekolah", "Sekolah"),
    "ppdb": ("DIK:PPDB", "PPDB"),
    "bansos": ("SOS:Bansos", "Bantuan sosial"),
    "pkh": ("LUAR:PKH", "PKH"),
    "tertib": ("POLPP:Tertib", "Gangguan ketertiban"),
    "parkir": ("HUB:Parkir", "Parkir liar"),
    "angkutan": ("HUB:Angkutan", "Angkutan dan taksi"),
    "upah": ("NAKER:Upah", "Upah pekerja"),
    "honorer": ("BKPSDM:Honorer", "Pegawai kontrak"),
    "tanah": ("LUAR:BPN", "Sertifikat tanah"),
    "pajak": ("BAPENDA:Pajak", "Pajak hotel dan restoran"),
    "desa": ("DPMD:Desa", "Dana desa"),
    "pupuk": ("TANI:Pupuk", "Pupuk dan subak"),
    "internet": ("KOMINFO:Wifi", "Wifi gratis"),
    "sim": ("LUAR:Polri", "Layanan Polri"),
    "wisata": ("PAR:Wisata", "Daya tarik wisata"),
    "lain": ("UMUM", "Lain-lain"),
}
HOME = "Pemerintah Kabupaten Badung"
