"""Personal identifiers in texts, replaced by marks: numbers of papers and telephones, e-mail addresses, number plates.

    redacted("NIK saya 3603124509900001, WA 0812-3456-7890")  ->  "NIK saya [NIK], WA [telepon]"

Pure, and linear in the text's length: patterns are bounded, and what they find is looked at once. What is taken and
what stays, with figures: docs/privacy.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from schema.regions import region

NIK, PHONE, EMAIL, PLATE = "[NIK]", "[telepon]", "[surel]", "[pelat]"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: What stands beside a mark may read differently from what stood beside a number: it is looked at again, this often.
_PASSES: Final = 4
#: What people put between the digits of one number: blanks, dots, hyphens, brackets, and what can't be seen.
_JOINTS: Final = r" .()\-\u00a0\u00ad\u200b-\u200f\u2010-\u2015\u202f\u2060\ufeff"
#: A look ahead that costs little: an @, nine digits that stand close together, or a plate's few between letters.
_SUSPICIOUS: Final = re.compile(
    rf"[@\d](?:(?<=@)|(?<=\d)(?<!\d\d)(?:[{_JOINTS}/]{{0,4}}\d){{8}}"
    r"|(?:(?<=[A-Za-z][1-9])(?<![A-Za-z]{3}\d)|(?<=[A-Za-z][ .-][1-9])(?<![A-Za-z]{3}[ .-]\d)"
    r"(?<![Rr][TtWw][ .-]\d)(?<![Kk][Mm][ .-]\d))[0-9]{0,3}[ .-]?[A-Za-z]{1,3}(?!\w))"
)
#: Nine digits and more that may be one number, or several.
_CHAIN: Final = re.compile(rf"\d(?:[{_JOINTS}]{{0,4}}\d){{8,}}")
_GROUP, _BLANK = re.compile(r"\d+"), re.compile(r"\s")
#: Characters before a number in which a word tells what it is. Digits and brackets end them: another number's word is
#: not this one's, and a text reads the same once its numbers are marks.
_BEFORE: Final = 44
_BEGUN: Final = r"(?<![^\W\d_])(?:"
_SAID: Final = r")(?![^\W\d_])[^\d\[\]@\n]{0,26}$"

_NIK_WORD: Final = re.compile(
    rf"{_BEGUN}nik|e-?ktp|ktp(?:-?el)?|(?:no)?kk|kartu keluarga|kartu tanda penduduk|kependudukan{_SAID}", re.I
)
_NIK_WORD_AFTER: Final = re.compile(r"\s?[(=]\s?(?:nik|e-?ktp|ktp|kk)(?![^\W_])", re.I)
_PHONE_WORD: Final = re.compile(
    rf"{_BEGUN}(?:no)?hp|handphone|ponsel|selul[ea]r|te?lp|telp?h?on[e]?|tlpn|telepon|te?lf|tel|phone|(?:no)?wa|w\.a|wh?ats?app"
    rf"|wasap|sms|call|hub|(?:di)?hubungi|(?:men)?ghubungi|menghubungi|kontak|contact|cp|gsm|fax|faks|phone=|wa\.me/{_SAID}",
    re.I,
)
#: Numbers of things, not of people: the word stands right before them.
_THING_WORD: Final = re.compile(
    rf"{_BEGUN}meter(?:an)?|idpel|pelanggan|rek|rekening|norek|resi|ti[ck]ket|token|registrasi|pendaftaran|transaksi"
    r"|invoice|faktur|virtual account|va|nip|nop|nisn|nis|nib|polis|kwitansi|barcode|imei|seri|laporan|aduan|pengaduan)"
    r"(?![^\W\d_])(?:[\s.:#=()-]{0,3}(?:no|nomor|id|saya|kami|adalah|pln|pdam|listrik|air|bpjs|nya)(?![^\W\d_])){0,2}"
    r"[\s.:#=()-]{0,3}$",
    re.I,
)
_MONEY: Final = re.compile(r"(?:rp|idr|usd|\$)[\s.:]{0,3}$", re.I)
_PLACE_WORD: Final = re.compile(r"(?<![^\W\d_])(?:rt|rw|km|blok|pos|kodepos)[\s.:/-]{0,3}$", re.I)
#: Words that people write a number to without a blank.
_GLUED: Final = _words("hp wa telp tlp tel telpon telepon no nomor nik ktp kk nokk nohp nowa hub cp phone me")
_LETTERS: Final = re.compile(r"[^\W\d_]+$")
_LINK: Final = re.compile(r"(?:://|www\.)\S*$", re.I)
_REFERENCE: Final = re.compile(r"(?<!\S)([A-Z]{2,8})[-/#]\S*$")
_LETTER_DIGIT: Final = re.compile(r"[A-Za-z_]{1,4}\d")

_DATE: Final = re.compile(
    r"(?:0?[1-9]|[12]\d|3[01])([-. ])(?:0?[1-9]|1[0-2])\1(?:19|20)\d\d(?!\d)"
    r"|(?:19|20)\d\d([-. ])(?:0[1-9]|1[0-2])\2[0-3]\d"
)
_MOBILE: Final = re.compile(r"8[1-9]\d{7,10}")
_LANDLINE: Final = re.compile(r"(?:2[124]|31|61)\d{6,8}|(?:2[35-9]|3[2-9]|[45]\d|6[2-5]|7\d|9\d)\d{6,8}")
_AREA: Final = re.compile(r"0(?:2[124]|31|61|(?:2[35-9]|3[2-9]|[45]\d|6[2-5]|7\d|9\d)\d)")
_SLASHED: Final = re.compile(rf"(?<![\w/.-]){_AREA.pattern} ?/ ?[2-9]\d{{5,7}}(?![\w/])")


class _Chain(NamedTuple):
    """Groups of digits that stand close together: their digits, where they begin and end, and what is before each."""

    text: str
    digits: list[str]
    starts: list[int]
    ends: list[int]
    gaps: list[str]


def redacted(text: str) -> str:
    """The text with a mark for each NIK or KK, telephone number, e-mail address and number plate.

    The same again for a text that is redacted already. It may grow: a mark has up to nine characters, what it stands
    for at least four.
    """
    if not suspicious(text):
        return text
    for _ in range(_PASSES):
        before, text = text, _once(text)
        if text == before:
            break
    return text


def suspicious(text: str) -> bool:
    """Whether there may be something to redact: a quick look, for many texts joined by ends of lines."""
    return _SUSPICIOUS.search(text) is not None


def _once(text: str) -> str:
    if "@" in text:
        text = _replaced(text, _addresses(text))
    text = _replaced(text, (found for each in _CHAIN.finditer(text) for found in _numbers(text, each)))
    if "/" in text:
        text = _replaced(text, _with_slashes(text))
    return _replaced(text, _plates(text))


def _replaced(text: str, found: Iterator[tuple[int, int, str]]) -> str:
    """The text with marks in the place of what was found, in its order."""
    parts, done = [], 0
    for start, end, mark in found:
        parts += [text[done:start], mark]
        done = end
    return "".join((*parts, text[done:])) if done else text


# ---------------------------------------------------------------- numbers


def _numbers(text: str, found: re.Match[str]) -> Iterator[tuple[int, int, str]]:
    chain = _chain(text, found)
    number, consumed = 0, False
    while number < len(chain.digits):
        apart = number and (consumed or _BLANK.search(chain.gaps[number]))
        end, mark = _at(chain, number, bool(apart)) if apart or not number else (0, "")
        consumed = bool(mark)
        if mark:
            yield _first(chain, number, end), chain.ends[end - 1], mark
        number = end or number + 1


def _chain(text: str, found: re.Match[str]) -> _Chain:
    groups = list(_GROUP.finditer(text, *found.span()))
    starts, ends = [group.start() for group in groups], [group.end() for group in groups]
    digits = [group[0] if group[0].isascii() else "".join(str(int(each)) for each in group[0]) for group in groups]
    gaps = [""] + [text[end:start] for end, start in zip(ends, starts[1:], strict=False)]
    return _Chain(text, digits, starts, ends, gaps)


def _first(chain: _Chain, number: int, end: int) -> int:
    """Where it begins: a plus sign belongs to it, and a bracket that ends inside."""
    start, text = chain.starts[number], chain.text
    if start and text[start - 1] == "+":
        start -= 1
    if start and text[start - 1] == "(" and ")" in text[start : chain.ends[end - 1]]:
        start -= 1
    return start


def _at(chain: _Chain, number: int, apart: bool) -> tuple[int, str]:
    """The number that begins with this group: behind its last group, and its mark. (0, ""): none that is meant.

    A card's number, which could hold a telephone's in its groups, is passed over as a whole.
    """
    before = chain.text[max(0, chain.starts[number] - _BEFORE) : chain.starts[number]]
    believed = _NIK_WORD.search(before) is not None
    if apart or _stands_free(chain.text, _first(chain, number, number + 1)):
        if end := _nik(chain, number, believed):
            return end, NIK
        if end := _phone(chain, number, before):
            return end, PHONE
    four = slice(number, number + 4)
    card = [len(digits) for digits in chain.digits[four]] == [4, 4, 4, 4] and len(set(chain.gaps[four][1:])) == 1
    return (number + 4, "") if card and chain.digits[number][:2] not in ("19", "20") else (0, "")


def _stands_free(text: str, start: int) -> bool:
    """It is not part of a word, of somebody's reference ("TNG-2026-003301") or of a page's address."""
    last = text[start - 1] if start else " "
    if last.isalnum() or last == "_":
        return _word_before(text, start).lower() in _GLUED
    if last not in "-./#":
        return True
    if _word_before(text, start - 1).lower() in _GLUED:
        return True
    token = text[max(0, start - 80) : start]
    reference = _REFERENCE.search(token)
    return _LINK.search(token) is None and (reference is None or reference[1].lower() in _GLUED)


def _word_before(text: str, end: int) -> str:
    found = _LETTERS.search(text[max(0, end - 12) : end])
    return found[0] if found else ""


def _nik(chain: _Chain, number: int, believed: bool) -> int:
    """Behind the last group of a NIK or KK that begins here; 0 for none."""
    digits, mistyped = "", 0
    for end in range(number, len(chain.digits)):
        digits += chain.digits[end]
        if len(digits) > 17:
            break
        said = believed or _NIK_WORD_AFTER.match(chain.text, chain.ends[end]) is not None
        if len(digits) == 16 and (said or _is_nik(digits)):
            return end + 1
        if len(digits) in (15, 17) and said and not mistyped:
            mistyped = end + 1
    return mistyped if mistyped and not digits.startswith(("08", "628")) else 0


def _is_nik(digits: str) -> bool:
    """Region, day (plus 40 for women), month and a number that is not 0: what chance hardly makes.

    Regencies are looked up, with those that were part of another province when the number was given; districts are
    divided too often for that.
    """
    day, month = int(digits[6:8]), int(digits[8:10])
    day -= 40 if day > 40 else 0
    longest = 29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31
    if not (1 <= day <= longest and 1 <= month <= 12 and "01" <= digits[4:6] <= "69" and digits[12:] != "0000"):
        return False
    province, regency = digits[:2], digits[2:4]
    divided = province in ("64", "91", "92") and ("01" <= regency <= "30" or regency in ("71", "72", "73", "74"))
    return divided or region(f"{province}.{regency}") is not None


def _phone(chain: _Chain, number: int, before: str) -> int:
    """Behind the last group of a telephone number that begins here; 0 for none."""
    first = chain.digits[number]
    plus = before.endswith("+")
    if not (plus or first[0] in "068") or _MONEY.search(before):
        return 0
    said = _PHONE_WORD.search(before) is not None
    if (_THING_WORD.search(before) and not plus) or _DATE.match(chain.text, chain.starts[number]):
        return 0
    end = _grown(chain, number, lambda digits: _is_mobile(digits, plus or said))
    if not end and (plus or said or _has_area(chain, number, before)):
        end = _grown(chain, number, _is_landline)
    if not end and plus and first[0] != "0" and not first.startswith("62"):
        end = _grown(chain, number, lambda digits: 9 <= len(digits) <= 15)
    if not end or _LETTER_DIGIT.match(chain.text, chain.ends[end - 1]):
        return 0
    return 0 if not (plus or said) and first.startswith("6") and _is_amount(chain, number, end) else end


def _grown(chain: _Chain, number: int, valid: Callable[[str], bool]) -> int:
    """Behind the last group that belongs to it: the next one is taken where it is written in the same way."""
    digits, best = "", 0
    for at in range(number, len(chain.digits)):
        if best and not _goes_on(chain, number, at, digits):
            break
        digits += chain.digits[at]
        if len(digits) > 16:
            break
        if valid(digits) and _in_one_manner(chain, number, at + 1):
            best = at + 1
    return best


def _goes_on(chain: _Chain, number: int, at: int, digits: str) -> bool:
    if at - 1 == number:
        return len(digits) < 10
    long, last = len(chain.digits[at]), len(chain.digits[at - 1])
    return chain.gaps[at] == chain.gaps[at - 1] and (long > 2 or long == last == 1 or (long == 2 and len(digits) < 11))


def _in_one_manner(chain: _Chain, number: int, end: int) -> bool:
    """Groups of one or two digits are a number's own only where all are apart by the same: else they are many."""
    small = any(len(digits) < 3 for digits in chain.digits[number + 1 : end - 1])
    prefix = chain.digits[number] in ("62", "0") or chain.digits[number + 1 : number + 2] == ["0"]
    return not small or prefix or len(set(chain.gaps[number + 1 : end])) == 1


def _national(digits: str) -> str:
    """The number without what is dialled before it."""
    if digits.startswith(("62", "0062")):
        digits = digits.partition("62")[2]
    return digits[1:] if digits.startswith("0") else digits


def _is_mobile(digits: str, said: bool) -> bool:
    return (said or digits[0] != "8") and _MOBILE.fullmatch(_national(digits)) is not None


def _is_landline(digits: str) -> bool:
    return digits.startswith(("0", "62")) and _LANDLINE.fullmatch(_national(digits)) is not None


def _has_area(chain: _Chain, number: int, before: str) -> bool:
    """It begins with an area's code that stands apart: "(0274) 512345", "021-5551234"."""
    if number + 1 >= len(chain.digits) or not _AREA.fullmatch(chain.digits[number]):
        return False
    gap = chain.gaps[number + 1]
    return ")" in gap or ("." not in gap and _PLACE_WORD.search(before) is None)


def _is_amount(chain: _Chain, number: int, end: int) -> bool:
    """Thousands: "62.812.345.678"."""
    return set(chain.gaps[number + 1 : end]) == {"."} and all(
        len(digits) == 3 for digits in chain.digits[number + 1 : end]
    )


def _with_slashes(text: str) -> Iterator[tuple[int, int, str]]:
    """Telephones as they stand on old letters, "Telp. 0274/512345"."""
    for found in _SLASHED.finditer(text):
        if _PHONE_WORD.search(text[max(0, found.start() - _BEFORE) : found.start()]):
            yield *found.span(), PHONE


# ---------------------------------------------------------------- e-mail addresses

_LOCAL: Final = re.compile(r"[\w.%+-]{1,64}( ?)$")
_PROVIDERS: Final = r"(?:g[mn]ai?l|yahoo|ymail|hotmail|outlook|icloud|rocketmail|live)"
_DOMAIN: Final = re.compile(
    rf"(?: ?{_PROVIDERS}(?: ?[.,] ?| )?(?:co\.id|com|co)(?:\.id)?(?!\w))|((?:[\w-]{{1,63}}\.){{1,5}}[^\W\d_]{{2,24}})"
    rf"|{_PROVIDERS}(?!\w)",
    re.I,
)
#: Mailboxes of desks: what a government's site prints for everybody.
_DESKS: Final = _words(
    "pengaduan aduan lapor laporan info informasi humas kontak contact layanan pelayanan ppid admin halo hello"
    " sekretariat kominfo diskominfo dinkes disdik dishub disdukcapil dukcapil dpupr pupr dlh bpbd satpolpp bappeda"
    " inspektorat kecamatan kelurahan desa callcenter helpdesk support cs webmaster persuratan surat tu umum set setda"
    " ombudsman puskesmas rsud kantor"
)
_GOVERNMENT: Final = (".go.id", ".desa.id")


def _addresses(text: str) -> Iterator[tuple[int, int, str]]:
    done, at = 0, text.find("@")
    while at >= 0:
        local = _LOCAL.search(text[max(done, at - 65) : at])
        domain = _DOMAIN.match(text, at + 1) if local else None
        # Words that an @ stands between with blanks are an address only at somebody who gives them out.
        if local and domain and not (local[1] and domain[1]):
            start = at - len(local[0])
            done = domain.end()
            if not _is_desk(local[0], domain[0]):
                yield start, done, EMAIL
        at = text.find("@", max(at + 1, done))


def _is_desk(local: str, domain: str) -> bool:
    known = _DESKS.union(domain.lower().split("."))
    return domain.lower().endswith(_GOVERNMENT) and not known.isdisjoint(re.split(r"[\d._%+ -]+", local.lower()))


# ---------------------------------------------------------------- number plates

_AREAS: Final = _words(
    "A B D E F G H K L M N P R S T W Z AA AB AD AE AG BA BB BD BE BG BH BK BL BM BN BP DA DB DC DD DE DG DH DK DL DM DN"
    " DP DR DS DT DW EA EB ED KB KH KT KU PA PB PG PS PT PY"
)
_PLATE_END: Final = re.compile(
    r"(?<![\d.,-])[1-9][0-9]{0,3}([ .-]?)([A-Za-z]{1,3})(?!\w)(?! ?[1-9][0-9]{0,3} ?[A-Za-z]{1,3}(?!\w))"
    r"|(?<=[A-Za-z][.-])[1-9][0-9]{0,3}([.-])([A-Za-z]{1,3})(?!\w)"
)
_PLATE_BEGIN: Final = re.compile(r"(?:^|[^\w])([A-Za-z]{1,2})([ .-]?)$")
_VEHICLE: Final = re.compile(
    rf"{_BEGUN}plat|pelat|plate|nopol|polisi|motor|mobil|truk|truck|angkot|bus|bis|taksi|ojek|kendaraan"
    rf"|pengendara|sopir|supir|pengemudi|pick ?up|pickup|minibus|avanza|xenia|innova|beat|vario{_SAID}",
    re.I,
)
_NOT_A_PLATE: Final = re.compile(
    r"(?<![^\W\d_])(?:blok|blk|jl|jln|jalan|gg|gang|kav|kavling|kapling|rt|rw|km|lt|lantai|unit|tower|gedung|kelas|sd|smp|sma"
    r"|smk|mts|min|man|seri|tipe|type|pasal|kode|ruang|rute|koridor|halte)[\s.:]{0,3}$",
    re.I,
)
#: Units, and words that follow a number in a text of capitals.
_NO_SUFFIX: Final = _words(
    "M CM MM KM KG GR L HA W KW VA KVA KWH WIB WIT RT RW RP JT RB TH THN TGL JAM ORG KK KTP NIK HP WA NO DI KE DAN YG"
    " ADA PKL TDK UTK PER JL JLN GG BLN HR HRI LT DST DLL PCS BPK IBU INI ITU KAB KEC DES MT LTR BTG"
)


def _plates(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _PLATE_END.finditer(text):
        start = found.start()
        begun = _PLATE_BEGIN.search(text[max(0, start - 5) : start])
        if begun is not None and begun[1].upper() in _AREAS and _is_plate(text, begun, found):
            yield start - len(begun[1]) - len(begun[2]), found.end(), PLATE


def _is_plate(text: str, begun: re.Match[str], found: re.Match[str]) -> bool:
    area, suffix = begun[1], found[2] or found[4]
    number = len(found[0]) - len(suffix) - len(found[1] or found[3] or "")
    start = found.start() - len(area) - len(begun[2])
    before = text[max(0, start - _BEFORE) : start]
    if _NOT_A_PLATE.search(before):
        return False
    vehicle = _VEHICLE.search(before)
    if suffix.upper() in _NO_SUFFIX:
        # Capitals among small letters are meant.
        return vehicle is not None and suffix.isupper() and vehicle[0][0].islower()
    if vehicle or (area.isupper() and suffix.isupper()):
        return vehicle is not None or number == 4 or (number == 3 and len(suffix) > 1)
    glued = not begun[2] and not (found[1] or found[3])
    return glued and number == 4 and len(suffix) > 1
