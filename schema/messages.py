"""Sentences for whoever wrote, on why it was refused, in Indonesian and English."""

from __future__ import annotations

from schema.query import Language
from schema.writes import InputFault, ProblemCode, TransferRefusal


def problem_message(code: ProblemCode, language: Language = Language.ID) -> str:
    """One sentence for whoever wrote, on why the write was refused."""
    return _PROBLEM_MESSAGES[code][_column(language)]


def transfer_message(cause: TransferRefusal, language: Language = Language.ID) -> str:
    """One sentence for the officer, on why a complaint can't be sent there."""
    return _TRANSFER_MESSAGES[cause][_column(language)]


def fault_message(fault: InputFault, language: Language = Language.ID) -> str:
    """One sentence for whoever wrote, on the rule that a value breaks."""
    return _FAULT_MESSAGES[fault][_column(language)]


def _column(language: Language) -> int:
    return 1 if language is Language.EN else 0


_PROBLEM_MESSAGES: dict[ProblemCode, tuple[str, str]] = {
    ProblemCode.INVALID_INPUT: (
        "Ada isian yang belum benar; periksa bagian yang ditandai.",
        "Something in the input is not right; check the parts that are named.",
    ),
    ProblemCode.IDEMPOTENCY_CONFLICT: (
        "Kunci permintaan ini sudah dipakai untuk isian lain; kirim lagi dengan kunci baru.",
        "This request's key was used with another input; send it again with a new key.",
    ),
    ProblemCode.NOT_PERMITTED: (
        "Anda tidak berhak melakukan ini.",
        "You may not do this.",
    ),
    ProblemCode.NOT_FOUND: (
        "Laporan atau kiriman ini tidak ditemukan.",
        "There is no such complaint or delivery.",
    ),
    ProblemCode.VERSION_CONFLICT: (
        "Laporan ini sudah diubah orang lain; lihat keadaannya sekarang, lalu ulangi bila masih perlu.",
        "Somebody else has changed this complaint; look at it as it is now, then try again if need be.",
    ),
    ProblemCode.ILLEGAL_STATUS_MOVE: (
        "Status laporan saat ini tidak memungkinkan hal itu.",
        "The complaint's present status does not allow that.",
    ),
    ProblemCode.ILLEGAL_TRANSFER: (
        "Laporan ini tidak dapat diteruskan ke instansi tersebut.",
        "This complaint can't be forwarded to that agency.",
    ),
    ProblemCode.ILLEGAL_DELIVERY_MOVE: (
        "Keadaan kiriman saat ini tidak memungkinkan hal itu.",
        "The delivery's present state does not allow that.",
    ),
}

_TRANSFER_MESSAGES: dict[TransferRefusal, tuple[str, str]] = {
    TransferRefusal.UNKNOWN_AGENCY: (
        "Instansi tujuan tidak terhubung di sini.",
        "The agency it was to go to is not plugged in here.",
    ),
    TransferRefusal.SAME_AGENCY: (
        "Laporan ini sudah berada di instansi tersebut.",
        "The complaint is with that agency already.",
    ),
    TransferRefusal.COMPLAINT_ENDED: (
        "Laporan ini sudah berakhir, jadi tidak dapat diteruskan lagi.",
        "The complaint has ended, so it can't be forwarded any more.",
    ),
    TransferRefusal.BOUNCE_LIMIT: (
        "Laporan ini sudah terlalu sering dikembalikan; admin nasional yang memutuskan tujuannya.",
        "The complaint was sent back too often; the national admin decides where it goes.",
    ),
}

_FAULT_MESSAGES: dict[InputFault, tuple[str, str]] = {
    InputFault.KEY_LENGTH: (
        "Kunci permintaan terdiri atas 16 sampai 128 karakter yang dapat dicetak.",
        "The request's key is 16 to 128 printable characters.",
    ),
    InputFault.KEY_NOT_RANDOM: (
        "Kunci permintaan harus acak, agar tidak dapat ditebak orang lain.",
        "The request's key must be random, so that nobody else can guess it.",
    ),
    InputFault.EMPTY: ("Bagian ini tidak boleh kosong.", "This must not be empty."),
    InputFault.TOO_LONG: ("Bagian ini terlalu panjang.", "This is too long."),
    InputFault.TOO_MANY: ("Jumlahnya terlalu banyak.", "These are too many."),
    InputFault.OUT_OF_RANGE: ("Nilainya di luar batas yang diperbolehkan.", "The value is out of range."),
    InputFault.NOT_A_REGION: ("Kode wilayah ini tidak dikenal.", "There is no region with this code."),
    InputFault.NOT_A_CATEGORY: ("Kode kategori ini tidak dikenal.", "There is no category with this code."),
    InputFault.NOT_AN_AGENCY: ("Instansi ini tidak terhubung di sini.", "No such agency is plugged in here."),
    InputFault.NOT_AN_ATTACHMENT: ("Lampiran ini tidak ditemukan.", "There is no such attachment."),
    InputFault.NOT_A_DATE: ("Tanggal ini tidak mungkin.", "This date can't be right."),
    InputFault.ANONYMOUS_WITH_REPORTER: (
        "Laporan anonim tidak boleh menyebut pelapornya.",
        "An anonymous complaint must not name its reporter.",
    ),
    InputFault.REASON_REQUIRED: ("Alasan wajib diisi.", "A reason is required."),
    InputFault.WRONG_KIND: ("Jenis ini tidak dapat dipakai di sini.", "This kind can't be used here."),
    InputFault.SAME_COMPLAINT: (
        "Laporan tidak dapat ditautkan dengan dirinya sendiri.",
        "A complaint can't be linked to itself.",
    ),
    InputFault.FILE_UNREACHABLE: ("Berkas ini tidak dapat diunduh.", "The file can't be fetched."),
    InputFault.FILE_TOO_LARGE: ("Berkas ini terlalu besar.", "The file is too large."),
    InputFault.FILE_TYPE: ("Jenis berkas ini tidak diterima.", "Files of this type are not accepted."),
}
