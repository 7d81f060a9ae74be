"""Administrative regions (wilayah) by Kemendagri code.

A code is `PP`, `PP.KK`, `PP.KK.CC` or `PP.KK.CC.DDDD`: province, regency or city (KK 71 and up are cities),
district, village. Dropping the last group gives the parent. 36.03 is Kabupaten Tangerang, 36.71 Kota Tangerang.

Known by name are the 38 provinces, 514 regencies and cities and 7,285 districts of Kepmendagri 300.2.2-2430 of 2025
(`regions.txt`, made from github.com/cahyadsn/wilayah, MIT; its notice heads the file). Villages have codes but no
names here. The file is read on the first question, not on import.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from pathlib import Path

import msgspec


class RegionLevel(StrEnum):
    """Level of a region, by the number of groups in its code."""

    PROVINCE = "PROVINCE"
    REGENCY = "REGENCY"
    DISTRICT = "DISTRICT"
    VILLAGE = "VILLAGE"


class Region(msgspec.Struct, frozen=True):
    """A region that is known by name.

    Attributes:
        name: with its kind where the regency level has one: "Kabupaten Tangerang", "Kota Tangerang".
        parent: code of the region it is part of; None for a province.
    """

    code: str
    name: str
    level: RegionLevel
    parent: str | None = None


_FILE = Path(__file__).with_name("regions.txt")
_CODE = re.compile(r"[0-9]{2}(?:\.[0-9]{2}(?:\.[0-9]{2}(?:\.[0-9]{4})?)?)?")
_LEVELS = {2: RegionLevel.PROVINCE, 5: RegionLevel.REGENCY, 8: RegionLevel.DISTRICT, 13: RegionLevel.VILLAGE}


def parse_code(code: str) -> RegionLevel | None:
    """The level that a code of this shape names, whether or not there is such a region.

    Returns:
        None when it is not a code: groups must be whole and dotted, so "36.0" and "3603" are none.
    """
    return _LEVELS[len(code)] if _CODE.fullmatch(code) else None


def parent_of(code: str) -> str | None:
    """The code without its last group; None for a province."""
    return code.rpartition(".")[0] or None


def province_of(code: str) -> str:
    """The code of the province that `code` is, or is part of."""
    return code[:2]


def regency_of(code: str) -> str | None:
    """The code of the regency or city that `code` is, or is part of; None for a province."""
    return code[:5] if len(code) >= 5 else None


def covers(whole: str, part: str) -> bool:
    """Whether the region `part` is `whole` or lies in it. Compares whole groups: "36" covers "36.03", not "360"."""
    return part == whole or part.startswith(f"{whole}.")


def region(code: str) -> Region | None:
    """The region with this code; None for a village, for another shape, or when there is none."""
    name = _names().get(code)
    return None if name is None else Region(code, name, _LEVELS[len(code)], parent_of(code))


def parts(code: str | None = None) -> tuple[Region, ...]:
    """The regions right below `code`, by code; without a code the provinces. Empty for one that is not known."""
    found = (region(part) for part in _children().get(code, ()))
    return tuple(part for part in found if part is not None)


@cache
def _names() -> dict[str, str]:
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return dict(line.split(" ", 1) for line in lines if not line.startswith("#"))


@cache
def _children() -> dict[str | None, list[str]]:
    children: dict[str | None, list[str]] = {}
    for code in _names():
        children.setdefault(parent_of(code), []).append(code)
    return children
