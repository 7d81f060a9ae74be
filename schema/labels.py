"""Names of enum values and sentences for what goes wrong with a source, in Indonesian and English.

Frontends take menus and legends from here, so that none keeps translations of its own. Enums are named as the graph
names them. Words are those of SP4N-LAPOR! where it has any.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schema.agency import SourceErrorCode
from schema.query import Language


class EnumLabel(msgspec.Struct, frozen=True):
    """An enum value in words."""

    enum_name: str
    value: str
    label: str


def label(enum_name: str, value: str, language: Language = Language.ID) -> str:
    """What to show for a value of an enum.

    Raises:
        KeyError: there is no such enum or value.
    """
    return _LABELS[enum_name][value][_column(language)]


def labels(language: Language = Language.ID) -> Sequence[EnumLabel]:
    """All values of all enums, in the order of their declaration."""
    column = _column(language)
    return [EnumLabel(name, value, words[column]) for name, enum in _LABELS.items() for value, words in enum.items()]


def source_message(code: SourceErrorCode, language: Language = Language.ID) -> str:
    """One sentence, fit for everyone, on why an agency can't be read or written."""
    return _SOURCE_MESSAGES[code][_column(language)]


def _column(language: Language) -> int:
    return 1 if language is Language.EN else 0


#: By the graph's enum and value: Indonesian, English.
_LABELS: dict[str, dict[str, tuple[str, str]]] = {
    "ComplaintStatus": {
        "SUBMITTED": ("Belum terverifikasi", "Submitted"),
        "VERIFIED": ("Terverifikasi", "Verified"),
        "AWAITING_INFORMATION": ("Menunggu kelengkapan informasi", "Awaiting information"),
        "DISPOSED": ("Terdisposisi", "Forwarded"),
        "IN_FOLLOW_UP": ("Ditindaklanjuti", "In progress"),
        "POSTPONED": ("Ditunda", "Postponed"),
        "ANSWERED": ("Dijawab", "Answered"),
        "CLOSED": ("Selesai", "Closed"),
        "ARCHIVED": ("Diarsipkan", "Archived"),
        "REJECTED": ("Ditolak", "Rejected"),
        "DUPLICATE": ("Duplikat", "Duplicate"),
        "UNMAPPED": ("Status tidak dikenal", "Unknown status"),
    },
    "Classification": {
        "PENGADUAN_BERKADAR_PENGAWASAN": ("Pengaduan berkadar pengawasan", "Complaint for oversight"),
        "PENGADUAN_TIDAK_BERKADAR_PENGAWASAN": ("Pengaduan tidak berkadar pengawasan", "Complaint about a service"),
        "ASPIRASI": ("Aspirasi", "Suggestion"),
        "PERMINTAAN_INFORMASI": ("Permintaan informasi", "Request for information"),
    },
    "Channel": {
        "WEBSITE": ("Situs web", "Website"),
        "MOBILE_APP": ("Aplikasi seluler", "Mobile app"),
        "WHATSAPP": ("WhatsApp", "WhatsApp"),
        "SMS": ("SMS", "Text message"),
        "PHONE": ("Telepon", "Phone"),
        "EMAIL": ("Surel", "E-mail"),
        "SOCIAL_MEDIA": ("Media sosial", "Social media"),
        "WALK_IN": ("Datang langsung", "In person"),
        "LETTER": ("Surat", "Letter"),
        "SYSTEM": ("Sistem lain", "Another system"),
        "OTHER": ("Lainnya", "Other"),
    },
    "ContentState": {
        "AVAILABLE": ("Tersedia", "Available"),
        "STALE": ("Salinan lama", "Older copy"),
        "UNAVAILABLE": ("Tidak tersedia", "Unavailable"),
        "ERASED": ("Dihapus", "Erased"),
    },
    "ComplaintAction": {
        "ADD_FOLLOW_UP": ("Tambah tindak lanjut", "Add a follow-up"),
        "TRANSFER": ("Teruskan", "Transfer"),
        "CHANGE_STATUS": ("Ubah status", "Change the status"),
        "RATE": ("Beri penilaian", "Rate"),
        "WITHDRAW": ("Cabut laporan", "Withdraw"),
        "LINK": ("Tautkan", "Link"),
    },
    "ActorRole": {
        "REPORTER": ("Pelapor", "Reporter"),
        "AGENCY": ("Instansi", "Agency"),
        "NATIONAL_ADMIN": ("Admin nasional", "National admin"),
        "SYSTEM": ("Sistem", "System"),
    },
    "FollowUpKind": {
        "INITIAL_RESPONSE": ("Tanggapan awal", "Initial response"),
        "PROGRESS": ("Perkembangan", "Progress"),
        "FINAL_ANSWER": ("Jawaban akhir", "Final answer"),
        "REPORTER_REPLY": ("Balasan pelapor", "Reporter's reply"),
        "INFORMATION_REQUEST": ("Permintaan kelengkapan", "Request for details"),
    },
    "RatingSource": {
        "CITIZEN": ("Pelapor", "Citizen"),
        "AUTO": ("Otomatis", "Automatic"),
        "ADMIN": ("Admin", "Admin"),
    },
    "ClockKind": {
        "VERIFY": ("Verifikasi dan penerusan", "Verify and forward"),
        "FIRST_FOLLOW_UP": ("Tindak lanjut pertama", "First follow-up"),
        "AUTO_CLOSE": ("Penutupan otomatis", "Automatic closing"),
        "FINISH": ("Penyelesaian", "Completion"),
    },
    "LinkKind": {
        "FORWARDED_TO": ("Diteruskan ke", "Forwarded to"),
        "FORWARDED_FROM": ("Diteruskan dari", "Forwarded from"),
        "SAME_AS": ("Sama dengan", "Same as"),
        "DUPLICATE_OF": ("Duplikat dari", "Duplicate of"),
    },
    "JourneyStepKind": {
        "SUBMITTED": ("Laporan masuk", "Submitted"),
        "STATUS_CHANGED": ("Status berubah", "Status changed"),
        "FOLLOW_UP_ADDED": ("Tindak lanjut", "Follow-up"),
        "TRANSFERRED": ("Disposisi", "Transferred"),
        "LINKED": ("Ditautkan", "Linked"),
        "RATED": ("Penilaian", "Rated"),
        "CLOCK_BREACHED": ("Batas waktu terlampaui", "Deadline missed"),
    },
    "AgencyLevel": {
        "NATIONAL": ("Nasional", "National"),
        "PROVINCE": ("Provinsi", "Province"),
        "DISTRICT": ("Kabupaten/kota", "District"),
    },
    "ConnectorTier": {
        "BRONZE": ("Perunggu", "Bronze"),
        "SILVER": ("Perak", "Silver"),
        "GOLD": ("Emas", "Gold"),
    },
    "StoreMode": {
        "FULL": ("Salinan penuh", "Full copy"),
        "STATUS": ("Status saja", "Status only"),
    },
    "SourceState": {
        "OK": ("Normal", "OK"),
        "STALE": ("Terlambat", "Behind"),
        "DOWN": ("Tidak terjangkau", "Down"),
        "PAUSED": ("Dijeda", "Paused"),
        "NEVER_SYNCED": ("Belum pernah disinkronkan", "Never synced"),
    },
    "SourceErrorCode": {
        "UNREACHABLE": ("Tidak terjangkau", "Unreachable"),
        "TIMEOUT": ("Waktu habis", "Timed out"),
        "TLS": ("Sertifikat bermasalah", "Certificate problem"),
        "AUTHENTICATION": ("Akses ditolak", "Access refused"),
        "RATE_LIMITED": ("Permintaan dibatasi", "Rate limited"),
        "HTTP_ERROR": ("Kesalahan sistem instansi", "Agency system error"),
        "BAD_PAYLOAD": ("Jawaban tidak terbaca", "Unreadable answer"),
        "PAGING_LOOP": ("Halaman berulang", "Repeating page"),
        "INCOMPLETE": ("Data tidak lengkap", "Incomplete data"),
        "MAPPING": ("Pemetaan tidak cocok", "Mapping does not fit"),
        "REJECTED": ("Ditolak instansi", "Refused by the agency"),
        "OTHER": ("Lainnya", "Other"),
    },
    "RegionLevel": {
        "PROVINCE": ("Provinsi", "Province"),
        "REGENCY": ("Kabupaten/kota", "Regency or city"),
        "DISTRICT": ("Kecamatan", "District"),
        "VILLAGE": ("Kelurahan/desa", "Village"),
    },
    "Language": {
        "ID": ("Bahasa Indonesia", "Indonesian"),
        "EN": ("Bahasa Inggris", "English"),
    },
    "StatisticsDimension": {
        "AGENCY": ("Instansi", "Agency"),
        "LEVEL": ("Tingkat pemerintahan", "Level of government"),
        "STATUS": ("Status", "Status"),
        "STATUS_ACTOR": ("Pengubah status terakhir", "Who made the last move"),
        "CLASSIFICATION": ("Klasifikasi", "Classification"),
        "CATEGORY": ("Kategori", "Category"),
        "PROVINCE": ("Provinsi", "Province"),
        "REGENCY": ("Kabupaten/kota", "Regency or city"),
        "CHANNEL": ("Kanal", "Channel"),
        "MONTH": ("Bulan", "Month"),
    },
    "ComplaintOrderField": {
        "UPDATED_AT": ("Terakhir diperbarui", "Last updated"),
        "SUBMITTED_AT": ("Tanggal masuk", "Date submitted"),
        "DUE_AT": ("Batas waktu", "Due date"),
        "RELEVANCE": ("Kesesuaian", "Relevance"),
    },
    "OrderDirection": {
        "ASC": ("Naik", "Ascending"),
        "DESC": ("Turun", "Descending"),
    },
    "EventKind": {
        "SUBMITTED": ("Laporan masuk", "Submitted"),
        "STATUS_CHANGED": ("Status berubah", "Status changed"),
        "FOLLOW_UP_ADDED": ("Tindak lanjut", "Follow-up"),
        "TRANSFERRED": ("Disposisi", "Transferred"),
        "CORRECTED": ("Diperbaiki", "Corrected"),
        "LINKED": ("Ditautkan", "Linked"),
        "RATED": ("Penilaian", "Rated"),
        "CLOCK_BREACHED": ("Batas waktu terlampaui", "Deadline missed"),
        "DELIVERY_CHANGED": ("Pengiriman berubah", "Delivery changed"),
    },
    "EventOrigin": {
        "SYNC": ("Sinkronisasi", "Synchronisation"),
        "WEBHOOK": ("Dikirim instansi", "Pushed by the agency"),
        "HUB": ("Ditulis di Simpul", "Written in Simpul"),
    },
    "GapReason": {
        "EPOCH_CHANGED": ("Riwayat ditulis ulang", "History rewritten"),
        "EXPIRED": ("Tidak lagi disimpan", "No longer kept"),
        "UNKNOWN_CURSOR": ("Posisi tidak dikenal", "Unknown position"),
    },
    "LagReason": {
        "RESTART": ("Dimulai ulang", "Restart"),
        "SLOW_CONSUMER": ("Penerima terlalu lambat", "Receiver too slow"),
        "ACCESS_CHANGED": ("Hak akses berubah", "Access changed"),
    },
    "DeliveryKind": {
        "SUBMIT": ("Laporan baru", "New complaint"),
        "FOLLOW_UP": ("Tindak lanjut", "Follow-up"),
        "TRANSFER": ("Disposisi", "Transfer"),
        "STATUS_CHANGE": ("Perubahan status", "Change of status"),
        "RATING": ("Penilaian", "Rating"),
        "WITHDRAWAL": ("Pencabutan", "Withdrawal"),
    },
    "DeliveryState": {
        "QUEUED": ("Dalam antrean", "Queued"),
        "SENT": ("Terkirim", "Sent"),
        "ACKNOWLEDGED": ("Diterima instansi", "Acknowledged"),
        "REJECTED": ("Ditolak instansi", "Rejected"),
        "UNKNOWN": ("Belum diketahui", "Unknown"),
        "DEAD": ("Gagal", "Failed"),
        "HAND_DELIVERY": ("Diserahkan petugas", "By hand"),
    },
    "Role": {
        "PUBLIC": ("Masyarakat", "Public"),
        "REPORTER": ("Pelapor", "Reporter"),
        "LIAISON_OFFICER": ("Pejabat penghubung", "Liaison officer"),
        "AGENCY_COORDINATOR": ("Admin instansi", "Agency coordinator"),
        "NATIONAL_ADMIN": ("Admin nasional", "National admin"),
        "OVERSIGHT": ("Pengawas", "Oversight"),
        "INTEGRATOR": ("Sistem instansi", "Agency system"),
    },
    "DeliveryOutcome": {
        "DELIVERED": ("Diterima", "Delivered"),
        "REFUSED": ("Ditolak", "Refused"),
    },
    "ProblemCode": {
        "INVALID_INPUT": ("Isian tidak sah", "Invalid input"),
        "IDEMPOTENCY_CONFLICT": ("Kunci sudah dipakai", "Key already used"),
        "NOT_PERMITTED": ("Tidak diizinkan", "Not permitted"),
        "NOT_FOUND": ("Tidak ditemukan", "Not found"),
        "VERSION_CONFLICT": ("Sudah berubah", "Changed meanwhile"),
        "ILLEGAL_STATUS_MOVE": ("Perubahan status tidak boleh", "Status move not allowed"),
        "ILLEGAL_TRANSFER": ("Disposisi tidak boleh", "Transfer not allowed"),
        "ILLEGAL_DELIVERY_MOVE": ("Pengiriman tidak dapat diubah", "Delivery can't be changed"),
    },
    "TransferRefusal": {
        "UNKNOWN_AGENCY": ("Instansi tidak dikenal", "Unknown agency"),
        "SAME_AGENCY": ("Instansi yang sama", "Same agency"),
        "COMPLAINT_ENDED": ("Laporan sudah berakhir", "Complaint has ended"),
        "BOUNCE_LIMIT": ("Terlalu sering dikembalikan", "Sent back too often"),
    },
}

_SOURCE_MESSAGES: dict[SourceErrorCode, tuple[str, str]] = {
    SourceErrorCode.UNREACHABLE: (
        "Sistem instansi tidak dapat dihubungi.",
        "The agency's system can't be reached.",
    ),
    SourceErrorCode.TIMEOUT: (
        "Sistem instansi tidak menjawab tepat waktu.",
        "The agency's system did not answer in time.",
    ),
    SourceErrorCode.TLS: (
        "Sertifikat keamanan sistem instansi tidak dapat dipercaya.",
        "The security certificate of the agency's system can't be trusted.",
    ),
    SourceErrorCode.AUTHENTICATION: (
        "Sistem instansi menolak akses kami; petugas perlu memeriksanya.",
        "The agency's system refused our access; an operator must look into it.",
    ),
    SourceErrorCode.RATE_LIMITED: (
        "Sistem instansi meminta kami mengurangi permintaan.",
        "The agency's system asked us to send fewer requests.",
    ),
    SourceErrorCode.HTTP_ERROR: (
        "Sistem instansi menjawab dengan kesalahan.",
        "The agency's system answered with an error.",
    ),
    SourceErrorCode.BAD_PAYLOAD: (
        "Jawaban sistem instansi tidak dapat dibaca.",
        "The answer of the agency's system can't be read.",
    ),
    SourceErrorCode.PAGING_LOOP: (
        "Sistem instansi mengirim halaman yang sama berulang kali.",
        "The agency's system sends the same page again and again.",
    ),
    SourceErrorCode.INCOMPLETE: (
        "Sistem instansi mengirim data jauh lebih sedikit dari biasanya; tidak ada yang dihapus.",
        "The agency's system sent far fewer records than usual; nothing was deleted.",
    ),
    SourceErrorCode.MAPPING: (
        "Pengaturan instansi ini tidak sesuai dengan jawaban sistemnya; petugas perlu memeriksanya.",
        "This agency's settings don't fit what its system answers; an operator must look into it.",
    ),
    SourceErrorCode.REJECTED: (
        "Sistem instansi menolak kiriman ini; petugas perlu memeriksanya.",
        "The agency's system refused what was sent; an officer must look into it.",
    ),
    SourceErrorCode.OTHER: (
        "Data instansi tidak dapat dibaca karena gangguan.",
        "The agency's data can't be read because of a fault.",
    ),
}
