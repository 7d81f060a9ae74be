"""What a citizen is told of the way a complaint took, in both languages."""

from __future__ import annotations

from typing import TypeAlias

from schema import regions
from schema.agency import Agency, AgencyLevel
from schema.query import Language

#: By language.
Texts: TypeAlias = dict[str, str]


def joined(*texts: Texts) -> Texts:
    """Sentences, one after another."""
    return {language: " ".join(text[language] for text in texts) for language in texts[0]}


def goes(agency: Agency) -> Texts:
    return _both(f"Laporan Anda diteruskan ke {agency.name}.", f"Your complaint goes to {agency.name}.")


def there(place: str, agency: Agency) -> Texts:
    name = place_name(place)
    return _both(
        f"Tempat kejadian ada di {name}, maka laporan Anda diteruskan ke {agency.name}.",
        f"It happened in {name}, so your complaint goes to {agency.name}.",
    )


def above(level: AgencyLevel, place: str, agency: Agency) -> Texts:
    """The agency that would be responsible is not plugged in."""
    name = government(level, place)
    return _both(
        f"Sistem pengaduan {name} belum terhubung di sini, maka laporan Anda diteruskan ke {agency.name}.",
        f"The complaint system of {name} is not connected here yet, so your complaint goes to {agency.name}.",
    )


def chosen(agency: Agency, place: str) -> Texts:
    """Nobody below it is plugged in there."""
    name = place_name(place)
    return _both(
        f"Laporan diteruskan ke {agency.name} yang Anda pilih, karena instansi di {name} belum terhubung di sini.",
        f"The complaint goes to {agency.name}, as you chose, since no agency in {name} is connected here yet.",
    )


def chosen_in(agency: Agency, told: str | None) -> Texts:
    """No more than `told` is known of the place."""
    if told is None:
        return _both(
            f"Laporan tidak menyebut wilayah kejadian, maka diteruskan ke {agency.name} yang Anda pilih.",
            f"The complaint does not say where it happened, so it goes to {agency.name}, as you chose.",
        )
    name = place_name(told)
    return _both(
        f"Laporan hanya menyebut {name}, maka diteruskan ke {agency.name} yang Anda pilih di sana.",
        f"The complaint says no more than {name}, so it goes to {agency.name} there, as you chose.",
    )


def last(place: str | None, agency: Agency) -> Texts:
    if place is None:
        return _both(
            f"Laporan tidak menyebut wilayah kejadian, maka diterima {agency.name}, yang mencari instansi berwenang.",
            f"The complaint does not say where it happened, so {agency.name} takes it and finds who is responsible.",
        )
    name = place_name(place)
    return _both(
        f"Instansi di {name} belum terhubung di sini, maka laporan diterima {agency.name}, yang mencari instansi "
        "berwenang.",
        f"No agency in {name} is connected here yet, so {agency.name} takes it and finds who is responsible.",
    )


def highest(agency: Agency) -> Texts:
    return _both(
        f"Belum ada instansi lain yang terhubung untuk laporan ini, maka laporan diteruskan ke {agency.name}.",
        f"No other agency is connected for this complaint yet, so it goes to {agency.name}.",
    )


def read(place: str) -> Texts:
    name = place_name(place)
    return _both(f"Dari isi laporan, tempatnya dipahami sebagai {name}.", f"Your text was read as about {name}.")


def not_chosen(hint: Agency, agency: Agency) -> Texts:
    return _both(
        f"Anda memilih {hint.name}; laporan ini menjadi urusan {agency.name}.",
        f"You chose {hint.name}; this one is for {agency.name}.",
    )


def place_name(code: str) -> str:
    """A region's name, or that of the nearest known region around it; else its code."""
    known: str | None = code
    while known is not None and regions.region(known) is None:
        known = regions.parent_of(known)
    found = regions.region(known) if known is not None else None
    if found is None:
        return code
    if found.level is regions.RegionLevel.DISTRICT and found.parent is not None:
        return f"{found.name}, {place_name(found.parent)}"
    return found.name


def government(level: AgencyLevel, place: str) -> str:
    """Whose government of a level is meant."""
    if level is AgencyLevel.DISTRICT:
        return place_name(regions.regency_of(place) or place)
    return place_name(regions.province_of(place))


def _both(indonesian: str, english: str) -> Texts:
    return {Language.ID.value: indonesian, Language.EN.value: english}
