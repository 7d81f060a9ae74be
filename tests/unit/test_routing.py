"""Which agency a complaint goes to, and what the citizen is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.manifest import load_manifests
from gateway.cli import run
from gateway.routing import Router, Rules, load_routing
from gateway.routing.rules import parse_routing
from schema import regions
from schema.agency import Agency, AgencyLevel
from schema.complaint import Routed
from schema.errors import ConfigError, LedgerError
from schema.query import Language
from schema.writes import Place, SubmitComplaint

FOLDER = Path(__file__).parents[2] / "agencies"
PILOTS = {slug: manifest.agency() for slug, manifest in load_manifests(FOLDER).items()}
ROUTER = Router(load_routing(FOLDER / "routing.toml", PILOTS))


def agency(slug: str, region: str | None = None, parent: str | None = None) -> Agency:
    levels = {0: AgencyLevel.NATIONAL, 2: AgencyLevel.PROVINCE, 5: AgencyLevel.DISTRICT}
    return Agency(
        id=slug,
        name=f"Kantor {slug.upper()}",
        level=levels[len(region or "")],
        region_code=region,
        parent=parent,
        time_zone="Asia/Jakarta",
        connector_kind="rest",
    )


def asked(
    text: str = "", region: str | None = None, category: str | None = None, hint: str | None = None, title: str = ""
) -> SubmitComplaint:
    place = Place(region_code=region) if region else None
    return SubmitComplaint(
        idempotency_key="k" * 16, title=title, text=text, category=category, incident_location=place, agency=hint
    )


def routed(complaint: SubmitComplaint, *more: Agency, router: Router = ROUTER) -> Routed:
    return router.route(complaint, PILOTS | {each.id: each for each in more})


@pytest.mark.parametrize(
    ("complaint", "slug", "rule"),
    [
        # the place
        (asked(region="36.03"), "kab-tangerang", "regency"),
        (asked(region="36.03.01"), "kab-tangerang", "regency"),
        (asked(region="36.03.01.2001"), "kab-tangerang", "regency"),
        (asked(region="34.71"), "prov-diy", "province"),
        (asked(region="34"), "prov-diy", "province"),
        (asked(region="12.71"), "sp4n-lapor", "national"),
        (asked(), "sp4n-lapor", "national"),
        # 36.03, 36.71 and 36.74 are three governments, whatever door was chosen
        (asked(region="36.71"), "sp4n-lapor", "national"),
        (asked(region="36.71", hint="kab-tangerang"), "sp4n-lapor", "national"),
        (asked(region="36.74.01", hint="kab-tangerang"), "sp4n-lapor", "national"),
        (asked("Lampu mati di Ciputat, Tangsel", hint="kab-tangerang"), "sp4n-lapor", "national"),
        (asked("Sampah di Kota Tangerang", hint="kab-tangerang"), "sp4n-lapor", "national"),
        (asked("Sampah di Kab. Tangerang"), "kab-tangerang", "regency"),
        (asked("Sampah di perbatasan Kota Tangerang dan Kab. Tangerang"), "sp4n-lapor", "national"),
        # the citizen's choice
        (asked(hint="kab-sleman"), "kab-sleman", "chosen"),
        (asked(region="34", hint="kab-sleman"), "kab-sleman", "chosen"),
        (asked(region="34.04", hint="prov-diy"), "kab-sleman", "regency"),
        (asked(region="34.02", hint="kab-sleman"), "prov-diy", "province"),
        (asked(region="36.03", hint="sp4n-lapor"), "kab-tangerang", "regency"),
        (asked(region="36.71", hint="sp4n-lapor"), "sp4n-lapor", "chosen"),
        (asked(region="36.03", hint="kab-lupa"), "kab-tangerang", "regency"),
        # who is responsible
        (asked("Jalan provinsi berlubang", region="34.04.07"), "prov-diy", "jalan-provinsi"),
        (asked(title="JALAN-PROVINSI rusak", region="51.03"), "prov-bali", "jalan-provinsi"),
        (asked("Jalan provinsi berlubang", region="36.03"), "sp4n-lapor", "jalan-provinsi"),
        (asked("Bukan jalan provinsi, Pak", region="34.04"), "kab-sleman", "regency"),
        (asked("Jalan provinsian", region="34.04"), "kab-sleman", "regency"),
        (asked("Lubang di jalan tol", region="34.04"), "sp4n-lapor", "jalan-tol"),
        (asked("Jalan provinsi", hint="kab-sleman"), "prov-diy", "jalan-provinsi"),
        (asked("Jalan provinsi"), "sp4n-lapor", "national"),
        (asked("SPP SMAN 1 naik", "34.04", "pendidikan.biaya-sekolah"), "prov-diy", "sekolah-menengah"),
        (asked("SPP SMP 1 naik", "34.04", "pendidikan.biaya-sekolah"), "kab-sleman", "sekolah-dasar"),
        (asked("Lubang di depan SMA 1", "34.04", "infrastruktur.jalan-berlubang"), "kab-sleman", "regency"),
        (asked("", "34.04", "kependudukan.ktp-kartu-tanda-penduduk"), "kab-sleman", "kependudukan"),
        (asked("", "34.71", "kependudukan.kartu-keluarga"), "prov-diy", "kependudukan"),
        (asked("", "51.03", "energi.pemadaman-listrik"), "sp4n-lapor", "listrik-dan-migas"),
        (asked("", "51.03", "ketenagakerjaan.gaji-pekerja"), "prov-bali", "pengawasan-ketenagakerjaan"),
        (asked("", None, "sp4n-lapor"), "sp4n-lapor", "sp4n-lapor"),
    ],
)
def test_pilots(complaint: SubmitComplaint, slug: str, rule: str) -> None:
    found = routed(complaint)
    assert (found.agency, found.rule) == (slug, rule)
    assert PILOTS[slug].name in found.explanation[Language.ID]
    assert PILOTS[slug].name in found.explanation[Language.EN]


def test_the_citizen_reads_names_and_why() -> None:
    found = routed(asked("Jalan provinsi di Tigaraksa", hint="kab-tangerang"))
    assert found.explanation == {
        "ID": "Dari isi laporan, tempatnya dipahami sebagai Kabupaten Tangerang. Jalan provinsi diurus pemerintah "
        "provinsi. Sistem pengaduan Banten belum terhubung di sini, maka laporan Anda diteruskan ke SP4N-LAPOR!. "
        "Anda memilih Pemerintah Kabupaten Tangerang; laporan ini menjadi urusan SP4N-LAPOR!.",
        "EN": "Your text was read as about Kabupaten Tangerang. Provincial roads are looked after by the province. The "
        "complaint system of Banten is not connected here yet, so your complaint goes to SP4N-LAPOR!. You chose "
        "Pemerintah Kabupaten Tangerang; this one is for SP4N-LAPOR!.",
    }


def test_agencies_come_and_go() -> None:
    banten, city = agency("prov-banten", "36"), agency("kota-tangerang", "36.71")
    assert routed(asked("Jalan provinsi", region="36.03"), banten, city).agency == "prov-banten"
    assert routed(asked(region="36.71", hint="kab-tangerang"), banten, city).agency == "kota-tangerang"
    assert routed(asked(region="36.74"), banten, city).agency == "prov-banten"
    office = agency("dinas-kesehatan", "36.03", parent="kab-tangerang")
    assert routed(asked(region="36.03"), office).agency == "kab-tangerang"


def test_jakarta_has_no_governments_below_the_province() -> None:
    found = routed(asked(region="31.71"), agency("prov-dki", "31"))
    assert found.rule == "province"
    assert "Kota Administrasi Jakarta Pusat" in found.explanation["ID"]
    assert "belum terhubung" not in found.explanation["ID"]


def test_the_last_door() -> None:
    two = {each.id: each for each in (agency("b-nasional"), agency("a-nasional"))}
    assert Router(Rules()).route(asked(), two).agency == "a-nasional"
    assert Router(Rules(national="b-nasional")).route(asked(), two).agency == "b-nasional"
    assert Router(Rules(national="gone")).route(asked(), two).agency == "a-nasional"
    local = {each.id: each for each in (agency("kab-a", "34.04"), agency("prov-b", "34"))}
    found = Router(Rules()).route(asked(region="12.71"), local)
    assert (found.agency, found.rule) == ("prov-b", "highest")
    with pytest.raises(LedgerError, match="no agency is plugged in"):
        ROUTER.route(asked(), {})


RULE = """\
[[rules]]
name = "sampah"
{more}
explanation = {{ ID = "Sampah.", EN = "Waste." }}
"""


def test_a_rule_may_name_an_agency_but_not_that_of_another_region() -> None:
    router = Router(parse_routing(RULE.format(more='words = ["sampah"]\nagency = "kab-sleman"'), "r"))
    assert routed(asked("sampah", "34.04"), router=router).rule == "sampah"
    assert routed(asked("sampah", "34"), router=router).agency == "kab-sleman"
    assert routed(asked("sampah", "34.02"), router=router).agency == "prov-diy"
    without = {slug: each for slug, each in PILOTS.items() if slug != "kab-sleman"}
    assert router.route(asked("sampah", "34.04"), without).agency == "prov-diy"


CODES = ["36", "36.03", "36.71", "36.74", "36.03.01", "34", "34.04", "34.71", "51.03", "12.71", None]
TOWNS = {each.id: each for each in (agency("kota-tangerang", "36.71"), agency("kab-bantul", "34.02"))}


@settings(max_examples=150, deadline=None)
@given(
    region=st.sampled_from(CODES),
    hint=st.sampled_from([*PILOTS, *TOWNS, "kab-lupa", None]),
    category=st.sampled_from(["pendidikan", "kependudukan.akta-kelahiran", "energi.listrik", None]),
    text=st.lists(st.sampled_from(["jalan", "provinsi", "sma", "tangsel", "kota", "tangerang", "tol"])).map(" ".join),
    present=st.sets(st.sampled_from([*PILOTS, *TOWNS])),
)
def test_always_an_agency_and_never_that_of_another_regency(
    region: str | None, hint: str | None, category: str | None, text: str, present: set[str]
) -> None:
    agencies = {slug: each for slug, each in (PILOTS | TOWNS).items() if slug in present | {"sp4n-lapor"}}
    complaint = asked(text, region, category, hint)
    found = ROUTER.route(complaint, agencies)
    taker = agencies[found.agency]
    assert found == ROUTER.route(complaint, dict(reversed(agencies.items())))
    assert all(found.explanation[language] for language in Language)
    if region is not None and taker.region_code is not None:
        assert regions.covers(taker.region_code, region) or regions.covers(region, taker.region_code)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", r"r:1: x: is not known here \(allowed: national, places, rules\)"),
        ("national = 'kab-lupa'", r"r:1: national: 'kab-lupa' is no agency here \(allowed: kab-badung"),
        ("x = = 1", "r:1: is not TOML"),
        (RULE.format(more='words = ["a"]'), r"r:1: rules\[0\]: says either `agency` or `level` \(allowed: agency, lev"),
        (RULE.format(more='level = "CITY"\nwords = ["a"]'), r"r:3: .*level: .*allowed: NATIONAL, PROVINCE, DISTRICT"),
        (RULE.format(more='level = "PROVINCE"'), r"rules\[0\]: has no condition.*allowed: categories, regions"),
        (RULE.format(more='agency = "x"\nwords = ["a"]'), r"r:3: rules\[0\].agency: 'x' is no agency here"),
        (RULE.format(more='level = "PROVINCE"\nwords = ["!"]'), r"r:4: rules\[0\].words: '!' has no word"),
        (RULE.format(more='level = "PROVINCE"\nregions = ["3603"]'), r"r:4: .*regions: '3603' is not a Kemendagri"),
        (RULE.format(more='level = "PROVINCE"\ncategories = ["jalan"]'), r"r:4: .*'jalan' is not a category's code"),
        (RULE.format(more='level = "PROVINCE"\nwords = ["a"]') * 2, r"r:7: rules\[1\].name: is the name of an ear"),
        (RULE.format(more='level = "PROVINCE"\nwords = ["a"]').replace("sampah", "national"), "none that is built in"),
        (RULE.format(more='level = "PROVINCE"\nwords = ["a"]').replace("Waste.", ""), r"explanation.EN: is empty"),
        ("[[places]]\nregion = '36.99'\nwords = ['a']", r"r:2: places\[0\].region: '36.99' is not a Kemendagri"),
    ],
)
def test_faults_are_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_routing(text, "r", PILOTS)


def test_the_file_itself(tmp_path: Path) -> None:
    assert load_routing(None) == Rules()
    with pytest.raises(ConfigError, match="can't be read"):
        load_routing(tmp_path / "routing.toml")
    assert "routing" not in PILOTS


def test_an_operator_asks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SIMPUL_AGENCIES_DIR", str(FOLDER))
    assert run(["route", "--region", "34.04", "--text", "Jalan provinsi rusak"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["agency  prov-diy", "rule    jalan-provinsi"]
    assert run(["route", "--category", "jalan"]) == 2
    assert "--category: is not a category's code" in capsys.readouterr().err
