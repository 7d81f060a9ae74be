"""Places that complaints tell of: codes and names of Kemendagri, as facts.

Codes and names as in cahyadsn/wilayah (MIT licence, Copyright (c) Cahya DSN), after Kepmendagri 300.2.2-2430/2025.
"""

from __future__ import annotations

import functools

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A district (kecamatan) with what it lies in. Degrees are about its regency's middle, close enough for a demo."""

    code: str
    district: str
    regency: str
    province: str
    latitude: float
    longitude: float


@functools.cache
def places(area: str) -> tuple[Place, ...]:
    """The districts of an agency's area, by its slug; cities stand more than once, as people do."""
    return tuple(_place(entry) for entry in _AREAS[area].split())


def place_at(code: str | None, area: str) -> Place:
    """The place with a Kemendagri code; without one, what all of an agency's area has in common."""
    known = places(area)
    if code is None:
        first, last = min(place.code for place in known), max(place.code for place in known)
        code = next(part for part in (first[:8], first[:5], first[:2], "") if last.startswith(part))
    found = next((place for place in known if place.code == code), None)
    if found is not None:
        return found
    parents = _parents()
    latitude, longitude = _MIDDLES.get(code[:5]) or _MIDDLES.get(code[:2]) or (0.0, 0.0)
    return Place(code, "", parents.get(code[:5], ""), parents.get(code[:2], ""), latitude, longitude)


@functools.cache
def _parents() -> dict[str, str]:
    return {code: name.replace("_", " ") for code, name in (entry.split("=") for entry in _PARENTS.split())}


def _place(entry: str) -> Place:
    code, name = entry.split("=")
    parents = _parents()
    latitude, longitude = _MIDDLES.get(code[:5]) or _MIDDLES[code[:2]]
    return Place(code, name.replace("_", " "), parents[code[:5]], parents[code[:2]], latitude, longitude)


_TANGERANG = """
36.03.01=Balaraja 36.03.02=Jayanti 36.03.03=Tigaraksa 36.03.04=Jambe 36.03.05=Cisoka 36.03.06=Kresek 36.03.07=Kronjo
36.03.08=Mauk 36.03.09=Kemiri 36.03.10=Sukadiri 36.03.11=Rajeg 36.03.12=Pasar_Kemis 36.03.13=Teluknaga
36.03.14=Kosambi 36.03.15=Pakuhaji 36.03.16=Sepatan 36.03.17=Curug 36.03.18=Cikupa 36.03.19=Panongan 36.03.20=Legok
36.03.22=Pagedangan 36.03.23=Cisauk 36.03.27=Sukamulya 36.03.28=Kelapa_Dua 36.03.29=Sindang_Jaya
36.03.30=Sepatan_Timur 36.03.31=Solear 36.03.32=Gunung_Kaler 36.03.33=Mekar_Baru
"""

_SLEMAN = """
34.04.01=Gamping 34.04.02=Godean 34.04.03=Moyudan 34.04.04=Minggir 34.04.05=Seyegan 34.04.06=Mlati 34.04.07=Depok
34.04.08=Berbah 34.04.09=Prambanan 34.04.10=Kalasan 34.04.11=Ngemplak 34.04.12=Ngaglik 34.04.13=Sleman
34.04.14=Tempel 34.04.15=Turi 34.04.16=Pakem 34.04.17=Cangkringan
"""

_BADUNG = """
51.03.01=Kuta 51.03.02=Mengwi 51.03.03=Abiansemal 51.03.04=Petang 51.03.05=Kuta_Selatan 51.03.06=Kuta_Utara
"""

_BALI = """
51.01.01=Negara 51.01.02=Mendoyo 51.01.03=Pekutatan 51.01.04=Melaya 51.01.05=Jembrana 51.02.01=Selemadeg
51.02.02=Selemadeg_Timur 51.02.03=Selemadeg_Barat 51.02.04=Kerambitan 51.02.05=Tabanan 51.02.06=Kediri
51.02.07=Marga 51.02.08=Penebel 51.02.09=Baturiti 51.02.10=Pupuan 51.03.01=Kuta 51.03.02=Mengwi 51.03.03=Abiansemal
51.03.04=Petang 51.03.05=Kuta_Selatan 51.03.06=Kuta_Utara 51.04.01=Sukawati 51.04.02=Blahbatuh 51.04.03=Gianyar
51.04.04=Tampaksiring 51.04.05=Ubud 51.04.06=Tegallalang 51.04.07=Payangan 51.05.01=Nusa_Penida
51.05.02=Banjarangkan 51.05.03=Klungkung 51.05.04=Dawan 51.06.01=Susut 51.06.02=Bangli 51.06.03=Tembuku
51.06.04=Kintamani 51.07.01=Rendang 51.07.02=Sidemen 51.07.03=Manggis 51.07.04=Karangasem 51.07.05=Abang
51.07.06=Bebandem 51.07.07=Selat 51.07.08=Kubu 51.08.01=Gerokgak 51.08.02=Seririt 51.08.03=Busungbiu 51.08.04=Banjar
51.08.05=Sukasada 51.08.06=Buleleng 51.08.07=Sawan 51.08.08=Kubutambahan 51.08.09=Tejakula 51.71.01=Denpasar_Selatan
51.71.02=Denpasar_Timur 51.71.03=Denpasar_Barat 51.71.04=Denpasar_Utara
"""

_YOGYAKARTA = """
34.01.01=Temon 34.01.03=Panjatan 34.01.05=Lendah 34.01.07=Pengasih 34.01.09=Girimulyo 34.01.11=Samigaluh
34.02.01=Srandakan 34.02.03=Kretek 34.02.05=Bambanglipuro 34.02.07=Pajangan 34.02.09=Jetis 34.02.11=Dlingo
34.02.13=Pleret 34.02.15=Sewon 34.02.17=Sedayu 34.03.02=Nglipar 34.03.04=Patuk 34.03.06=Panggang 34.03.08=Semanu
34.03.10=Ponjong 34.03.12=Semin 34.03.14=Gedangsari 34.03.16=Girisubo 34.03.18=Purwosari 34.04.02=Godean
34.04.04=Minggir 34.04.06=Mlati 34.04.08=Berbah 34.04.10=Kalasan 34.04.12=Ngaglik 34.04.14=Tempel 34.04.16=Pakem
34.71.01=Tegalrejo 34.71.03=Gondokusuman 34.71.05=Gedongtengen 34.71.07=Wirobrajan 34.71.09=Kraton
34.71.11=Pakualaman 34.71.13=Umbulharjo
"""

_SUMBAR = """
13.01.01=Pancung_Soal 13.01.04=Batang_Kapas 13.01.07=Koto_XI_Tarusan 13.01.10=Lunang 13.01.13=Airpura
13.02.03=Pantai_Cermin 13.02.06=Lembang_Jaya 13.02.09=IX_Koto_Sungai_Lasi 13.02.12=X_Koto_Diatas 13.02.18=Tigo_Lurah
13.03.04=Sijunjung 13.03.07=Lubuk_Tarok 13.03.10=Kupitan 13.04.03=Rambatan 13.04.06=Lintau_Buo 13.04.09=Pariangan
13.04.12=Tanjuang_Baru 13.05.01=Lubuak_Aluang 13.05.04=2_x_11_Anam_Lingkuang 13.05.07=Sungai_Garinggiang
13.05.10=Ulakan_Tapakih 13.05.13=Batang_Gasan 13.05.16=Koto_Patamuan 13.06.02=Lubuk_Basung 13.06.05=IV_Koto
13.06.08=Baso 13.06.11=Palembayan 13.06.14=Candung 13.07.01=Suliki 13.07.04=Luak 13.07.07=Kapur_IX
13.07.10=Situjuah_Limo_Nagari 13.07.13=Akabiluru 13.08.07=Panti 13.08.13=Tigo_Nagari 13.08.16=Simpang_Alahan_Mati
13.08.19=Rao_Selatan 13.09.03=Siberut_Selatan 13.09.06=Siberut_Barat_Daya 13.09.09=Sikakap 13.10.02=Pulau_Punjung
13.10.05=Sembilan_Koto 13.10.08=Tiumang 13.10.11=Koto_Besar 13.11.03=Koto_Parik_Gadang_Diateh 13.11.06=Pauh_Duo
13.12.02=Lembah_Melintang 13.12.05=Kinali 13.12.08=Koto_Balingka 13.12.11=Sasak_Ranah_Pasisie 13.71.03=Padang_Barat
13.71.06=Lubuk_Begalung 13.71.09=Kuranji 13.72.01=Lubuk_Sikarah 13.73.02=Barangin 13.74.01=Padang_Panjang_Timur
13.75.02=Mandiangin_Koto_Selayan 13.76.02=Payakumbuh_Utara 13.76.05=Payakumbuh_Selatan 13.77.03=Pariaman_Selatan
"""

_CITIES = """
12.71.04=Medan_Denai 31.71.07=Tanah_Abang 31.73.01=Cengkareng 31.74.09=Jagakarsa 31.75.07=Duren_Sawit
32.16.06=Tambun_Selatan 32.73.05=Andir 33.74.10=Tembalang 35.73.05=Lowokwaru 35.78.08=Gubeng 36.71.07=Karawaci
36.74.06=Pamulang 64.72.09=Samarinda_Kota 73.71.09=Panakkukang 36.03.12=Pasar_Kemis 34.04.07=Depok
51.03.05=Kuta_Selatan 13.71.01=Padang_Selatan
"""

_NATIONAL = """
11.01.10=Pasie_Raja 11.08.14=Tanah_Jambo_Aye 11.15.06=Suka_Makmue 12.01.11=Sirandorung 12.12.09=Lumban_Julu
12.23.05=Marbau 13.01.08=Sutera 13.07.07=Kapur_IX 13.71.06=Lubuk_Begalung 14.01.11=Tapung_Hilir 14.05.07=Kerumutan
14.09.08=Singingi_Hilir 15.01.15=Gunung_Tujuh 15.04.05=Pemayung 15.07.06=Dendang 16.01.21=Semidang_Aji
16.06.08=Keluang 16.11.06=Talang_Padang 17.01.06=Pino_Raya 17.04.08=Semidang_Gumay 17.07.07=Bingin_Kuning
18.01.14=Ketapang 18.06.17=Kelumbayan 18.11.04=Way_Serdang 19.01.05=Pemali 19.03.05=Payung 19.05.04=Kelapa
21.01.10=Teluk_Sebong 21.03.15=Bunguran_Timur_Laut 21.05.06=Jemaja 31.01.02=Kepulauan_Seribu_Selatan
31.72.04=Cilincing 31.74.06=Cilandak 32.01.21=Nanggung 32.10.14=Kertajati 32.71.04=Bogor_Barat 33.01.13=Cimanggu
33.12.13=Ngadirojo 33.23.11=Tretep 34.01.07=Pengasih 34.02.09=Jetis 34.03.10=Ponjong 35.01.07=Nawangan
35.13.13=Besuk 35.25.10=Manyar 36.01.18=Cimanuk 36.03.15=Pakuhaji 36.71.07=Karawaci 51.01.03=Pekutatan
51.04.04=Tampaksiring 51.07.05=Abang 52.01.09=Gunungsari 52.04.18=Labuhan_Badas 52.07.05=Brang_Rea
53.01.18=Amarasi_Selatan 53.08.11=Maukaro 53.15.07=Welak 61.01.10=Subah 61.05.08=Kayan_Hilir 61.09.04=Nanga_Mahap
62.01.04=Arut_Utara 62.05.05=Teweh_Tengah 62.09.05=Menthobi_Raya 63.01.06=Panyipatan 63.05.07=Bakarangan
63.09.07=Muara_Uya 64.01.06=Long_Ikis 64.07.13=Penyinggahan 64.11.03=Laham 65.01.06=Tanjung_Palas_Tengah
65.02.08=Malinau_Barat 65.03.11=Sebatik_Utara 71.01.19=Passi_Barat 71.06.06=Likupang_Barat
71.11.04=Pinolosian_Tengah 72.01.13=Nuhon 72.05.06=Biau 72.09.07=Tojo_Barat 73.01.06=Pasimasunggu 73.09.08=Marusu
73.17.12=Latimojong 74.01.14=Latambaga 74.06.12=Poleang_Tenggara 74.11.07=Mowewe 75.01.14=Mootilango
75.03.10=Bone_Raya 75.05.06=Gentuma_Raya 76.01.07=Bulu_Taba 76.03.09=Tanduk_Kalua 76.05.05=Ulumanda
81.01.16=Nusa_Laut 81.04.11=Lolong_Guba 81.07.06=Sir-Sir 82.01.05=Jailolo_Selatan 82.04.16=Kasiruta_Timur
82.07.04=Morotai_Utara 91.03.10=Demta 91.10.09=Apawer_Hulu 91.19.03=Supiori_Timur 92.02.17=Tanah_Rubuh
92.06.13=Dataran_Beimes 92.08.04=Teluk_Etna 93.01.12=Naukenjerai 93.02.11=Ambatkwi 93.03.08=Passue
94.01.08=Teluk_Umar 94.03.13=Pugo_Dagi 94.05.13=Kembru 95.01.21=Usilimo 95.03.26=Yahuliambut 95.05.03=Eragayam
96.01.16=Klaso 96.03.13=Warwarbomi 96.05.13=Aifat_Timur_Jauh
"""

_AREAS = {
    "kab-tangerang": _TANGERANG,
    "kab-sleman": _SLEMAN,
    "kab-badung": _BADUNG,
    "prov-bali": _BALI,
    "prov-diy": _YOGYAKARTA,
    "prov-sumbar": _SUMBAR,
    "sp4n-lapor": _NATIONAL + _CITIES * 9,
}

_PARENTS = """
11=Aceh 11.01=Kabupaten_Aceh_Selatan 11.08=Kabupaten_Aceh_Utara 11.15=Kabupaten_Nagan_Raya 12=Sumatera_Utara
12.01=Kabupaten_Tapanuli_Tengah 12.12=Kabupaten_Toba 12.23=Kabupaten_Labuhanbatu_Utara 12.71=Kota_Medan
13=Sumatera_Barat 13.01=Kabupaten_Pesisir_Selatan 13.02=Kabupaten_Solok 13.03=Kabupaten_Sijunjung
13.04=Kabupaten_Tanah_Datar 13.05=Kabupaten_Padang_Pariaman 13.06=Kabupaten_Agam 13.07=Kabupaten_Lima_Puluh_Kota
13.08=Kabupaten_Pasaman 13.09=Kabupaten_Kepulauan_Mentawai 13.10=Kabupaten_Dharmasraya 13.11=Kabupaten_Solok_Selatan
13.12=Kabupaten_Pasaman_Barat 13.71=Kota_Padang 13.72=Kota_Solok 13.73=Kota_Sawahlunto 13.74=Kota_Padang_Panjang
13.75=Kota_Bukittinggi 13.76=Kota_Payakumbuh 13.77=Kota_Pariaman 14=Riau 14.01=Kabupaten_Kampar
14.05=Kabupaten_Pelalawan 14.09=Kabupaten_Kuantan_Singingi 15=Jambi 15.01=Kabupaten_Kerinci
15.04=Kabupaten_Batanghari 15.07=Kabupaten_Tanjung_Jabung_Timur 16=Sumatera_Selatan
16.01=Kabupaten_Ogan_Komering_Ulu 16.06=Kabupaten_Musi_Banyuasin 16.11=Kabupaten_Empat_Lawang 17=Bengkulu
17.01=Kabupaten_Bengkulu_Selatan 17.04=Kabupaten_Kaur 17.07=Kabupaten_Lebong 18=Lampung
18.01=Kabupaten_Lampung_Selatan 18.06=Kabupaten_Tanggamus 18.11=Kabupaten_Mesuji 19=Kepulauan_Bangka_Belitung
19.01=Kabupaten_Bangka 19.03=Kabupaten_Bangka_Selatan 19.05=Kabupaten_Bangka_Barat 21=Kepulauan_Riau
21.01=Kabupaten_Bintan 21.03=Kabupaten_Natuna 21.05=Kabupaten_Kepulauan_Anambas 31=Daerah_Khusus_Ibukota_Jakarta
31.01=Kabupaten_Administrasi_Kepulauan_Seribu 31.71=Kota_Administrasi_Jakarta_Pusat
31.72=Kota_Administrasi_Jakarta_Utara 31.73=Kota_Administrasi_Jakarta_Barat 31.74=Kota_Administrasi_Jakarta_Selatan
31.75=Kota_Administrasi_Jakarta_Timur 32=Jawa_Barat 32.01=Kabupaten_Bogor 32.10=Kabupaten_Majalengka
32.16=Kabupaten_Bekasi 32.71=Kota_Bogor 32.73=Kota_Bandung 33=Jawa_Tengah 33.01=Kabupaten_Cilacap
33.12=Kabupaten_Wonogiri 33.23=Kabupaten_Temanggung 33.74=Kota_Semarang 34=Daerah_Istimewa_Yogyakarta
34.01=Kabupaten_Kulon_Progo 34.02=Kabupaten_Bantul 34.03=Kabupaten_Gunungkidul 34.04=Kabupaten_Sleman
34.71=Kota_Yogyakarta 35=Jawa_Timur 35.01=Kabupaten_Pacitan 35.13=Kabupaten_Probolinggo 35.25=Kabupaten_Gresik
35.73=Kota_Malang 35.78=Kota_Surabaya 36=Banten 36.01=Kabupaten_Pandeglang 36.03=Kabupaten_Tangerang
36.71=Kota_Tangerang 36.74=Kota_Tangerang_Selatan 51=Bali 51.01=Kabupaten_Jembrana 51.02=Kabupaten_Tabanan
51.03=Kabupaten_Badung 51.04=Kabupaten_Gianyar 51.05=Kabupaten_Klungkung 51.06=Kabupaten_Bangli
51.07=Kabupaten_Karangasem 51.08=Kabupaten_Buleleng 51.71=Kota_Denpasar 52=Nusa_Tenggara_Barat
52.01=Kabupaten_Lombok_Barat 52.04=Kabupaten_Sumbawa 52.07=Kabupaten_Sumbawa_Barat 53=Nusa_Tenggara_Timur
53.01=Kabupaten_Kupang 53.08=Kabupaten_Ende 53.15=Kabupaten_Manggarai_Barat 61=Kalimantan_Barat
61.01=Kabupaten_Sambas 61.05=Kabupaten_Sintang 61.09=Kabupaten_Sekadau 62=Kalimantan_Tengah
62.01=Kabupaten_Kotawaringin_Barat 62.05=Kabupaten_Barito_Utara 62.09=Kabupaten_Lamandau 63=Kalimantan_Selatan
63.01=Kabupaten_Tanah_Laut 63.05=Kabupaten_Tapin 63.09=Kabupaten_Tabalong 64=Kalimantan_Timur 64.01=Kabupaten_Paser
64.07=Kabupaten_Kutai_Barat 64.11=Kabupaten_Mahakam_Ulu 64.72=Kota_Samarinda 65=Kalimantan_Utara
65.01=Kabupaten_Bulungan 65.02=Kabupaten_Malinau 65.03=Kabupaten_Nunukan 71=Sulawesi_Utara
71.01=Kabupaten_Bolaang_Mongondow 71.06=Kabupaten_Minahasa_Utara 71.11=Kabupaten_Bolaang_Mongondow_Selatan
72=Sulawesi_Tengah 72.01=Kabupaten_Banggai 72.05=Kabupaten_Buol 72.09=Kabupaten_Tojo_Una_Una 73=Sulawesi_Selatan
73.01=Kabupaten_Kepulauan_Selayar 73.09=Kabupaten_Maros 73.17=Kabupaten_Luwu 73.71=Kota_Makassar
74=Sulawesi_Tenggara 74.01=Kabupaten_Kolaka 74.06=Kabupaten_Bombana 74.11=Kabupaten_Kolaka_Timur 75=Gorontalo
75.01=Kabupaten_Gorontalo 75.03=Kabupaten_Bone_Bolango 75.05=Kabupaten_Gorontalo_Utara 76=Sulawesi_Barat
76.01=Kabupaten_Pasangkayu 76.03=Kabupaten_Mamasa 76.05=Kabupaten_Majene 81=Maluku 81.01=Kabupaten_Maluku_Tengah
81.04=Kabupaten_Buru 81.07=Kabupaten_Kepulauan_Aru 82=Maluku_Utara 82.01=Kabupaten_Halmahera_Barat
82.04=Kabupaten_Halmahera_Selatan 82.07=Kabupaten_Pulau_Morotai 91=Papua 91.03=Kabupaten_Jayapura
91.10=Kabupaten_Sarmi 91.19=Kabupaten_Supiori 92=Papua_Barat 92.02=Kabupaten_Manokwari 92.06=Kabupaten_Teluk_Bintuni
92.08=Kabupaten_Kaimana 93=Papua_Selatan 93.01=Kabupaten_Merauke 93.02=Kabupaten_Boven_Digoel 93.03=Kabupaten_Mappi
94=Papua_Tengah 94.01=Kabupaten_Nabire 94.03=Kabupaten_Paniai 94.05=Kabupaten_Puncak 95=Papua_Pegunungan
95.01=Kabupaten_Jayawijaya 95.03=Kabupaten_Yahukimo 95.05=Kabupaten_Mamberamo_Tengah 96=Papua_Barat_Daya
96.01=Kabupaten_Sorong 96.03=Kabupaten_Raja_Ampat 96.05=Kabupaten_Maybrat
"""

_MIDDLES = {
    "11": (4.7, 96.7),
    "12": (2.1, 99.5),
    "12.71": (3.59, 98.69),
    "13": (-0.7, 100.5),
    "13.71": (-0.92, 100.4),
    "14": (0.5, 101.5),
    "15": (-1.6, 103.0),
    "16": (-3.3, 104.0),
    "17": (-3.6, 102.4),
    "18": (-4.9, 105.0),
    "19": (-2.7, 106.5),
    "21": (1.0, 104.5),
    "31": (-6.2, 106.83),
    "32": (-6.9, 107.6),
    "32.73": (-6.91, 107.61),
    "33": (-7.15, 110.2),
    "33.74": (-7.02, 110.42),
    "34": (-7.85, 110.4),
    "34.01": (-7.83, 110.15),
    "34.02": (-7.9, 110.35),
    "34.03": (-7.98, 110.6),
    "34.04": (-7.72, 110.38),
    "34.71": (-7.8, 110.37),
    "35": (-7.6, 112.5),
    "35.78": (-7.28, 112.75),
    "36": (-6.3, 106.2),
    "36.03": (-6.19, 106.47),
    "36.71": (-6.18, 106.64),
    "36.74": (-6.3, 106.72),
    "51": (-8.4, 115.1),
    "51.01": (-8.3, 114.65),
    "51.02": (-8.45, 115.05),
    "51.03": (-8.58, 115.17),
    "51.04": (-8.47, 115.29),
    "51.05": (-8.58, 115.42),
    "51.06": (-8.3, 115.35),
    "51.07": (-8.39, 115.57),
    "51.08": (-8.2, 115.0),
    "51.71": (-8.66, 115.22),
    "52": (-8.6, 117.3),
    "53": (-9.2, 123.3),
    "61": (-0.1, 110.9),
    "62": (-1.5, 113.5),
    "63": (-3.2, 115.4),
    "64": (0.4, 116.4),
    "64.72": (-0.49, 117.15),
    "65": (2.9, 116.3),
    "71": (1.0, 124.4),
    "72": (-1.2, 121.0),
    "73": (-4.0, 120.1),
    "73.71": (-5.14, 119.45),
    "74": (-4.1, 122.3),
    "75": (0.65, 122.6),
    "76": (-2.7, 119.3),
    "81": (-3.3, 129.0),
    "82": (0.9, 127.8),
    "91": (-2.9, 139.9),
    "92": (-2.4, 133.4),
    "93": (-7.2, 139.4),
    "94": (-3.6, 136.3),
    "95": (-4.1, 139.1),
    "96": (-1.1, 131.8),
}
