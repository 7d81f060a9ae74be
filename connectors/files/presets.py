"""Exports that are known: what an agency's file need not say of them."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from connectors.fields import Fields, InstitutionFields
from connectors.files.settings import FilesSettings
from connectors.lapor.wire import WORDS
from connectors.manifest import Manifest
from connectors.settings import DateSettings
from connectors.words import Words, fold
from schema.categories import Category, children, topics


class Preset(NamedTuple):
    """An export's columns and words."""

    fields: Fields
    words: Words
    dates: tuple[str, ...]
    joined: dict[str, tuple[str, ...]]
    assigned: InstitutionFields


def apply_preset(manifest: Manifest, settings: FilesSettings) -> tuple[Manifest, FilesSettings]:
    """The agency's file and its table with what its preset knows; what the file itself says goes before it."""
    if settings.preset is None:
        return manifest, settings
    preset = PRESETS[settings.preset]()
    own = {name: path for name, path in msgspec.structs.asdict(manifest.fields).items() if path is not None}
    known = msgspec.structs.replace(
        manifest,
        fields=msgspec.structs.replace(preset.fields, **own),
        words=manifest.words.over(preset.words),
        dates=DateSettings(formats=tuple(dict.fromkeys((*manifest.dates.formats, *preset.dates)))),
        assigned_agencies=manifest.assigned_agencies or preset.assigned,
    )
    return known, msgspec.structs.replace(settings, joined={**preset.joined, **settings.joined})


def _sp4n_lapor() -> Preset:
    """The 21 columns that SP4N-LAPOR!'s administration exports."""
    kinds = 'to_string(["Tipe Laporan (Anonim/Rahasia)", "Tipe Laporan (Anonim|Rahasia)"])'
    source = '"Sumber Laporan"'
    return Preset(
        fields=Fields(
            native_id='"Tracking ID"',
            status='"Status Laporan"',
            status_reason='"Alasan Tunda/Arsip"',
            title='"Judul Laporan"',
            original_text='"Isi Laporan Awal"',
            edited_text='"Isi Laporan Akhir"',
            classification='"Klasifikasi Laporan"',
            category='"ID Kategori"',
            native_category="Kategori",
            channel=f"starts_with(to_string({source}), 'Website') && 'Website' || {source}",
            native_channel=source,
            is_anonymous=f"contains({kinds}, 'Anonim')",
            is_confidential=f"contains({kinds}, 'Rahasia')",
            reporter_name='"Nama Pelapor"',
            submitted_at="Masuk",
            owner_agency='"Instansi Induk"',
            address="""join(', ', [Kelurahan, Kecamatan, "Kota/Kabupaten", Provinsi][?@])""",
        ),
        words=msgspec.structs.replace(WORDS, categories=_categories()),
        dates=("%d %b %Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d %b %Y"),
        joined={"Masuk": ("Tanggal Laporan Masuk", "Waktu Laporan Masuk")},
        assigned=InstitutionFields(
            records='[{id: "ID Instansi Terdisposisi", name: "Instansi Terdisposisi"}]', id="id", name="name"
        ),
    )


def _categories() -> dict[str, str]:
    """Codes by SP4N-LAPOR!'s numbers, and by its names where only one category has the name."""
    all_of_them = [each for topic in topics() for each in (topic, *children(topic.code))]
    by_name: dict[str, list[Category]] = {}
    for each in all_of_them:
        by_name.setdefault(fold(each.indonesian), []).append(each)
    names = {name: some[0].code for name, some in by_name.items() if len(some) == 1}
    return names | {str(number): each.code for each in all_of_them for number in each.lapor_ids}


#: By the name in an agency's file.
PRESETS = {"sp4n-lapor-export": _sp4n_lapor}
