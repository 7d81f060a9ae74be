"""What complaints are about: matters with their things, troubles and wishes, in Indonesian. All invented."""

from __future__ import annotations

import msgspec


class Matter(msgspec.Struct, frozen=True):
    """One kind of trouble.

    Attributes:
        key: short name; each dialect has its own words for it.
        authority: DISTRICT, PROVINCE or NATIONAL: who is in charge of it.
        unit: the institution that acts.
        weight: how common it is.
        things, troubles, effects, wishes: parts of sentences, `{}`-free.
    """

    key: str
    authority: str
    unit: str
    weight: int
    things: tuple[str, ...]
    troubles: tuple[str, ...]
    effects: tuple[str, ...]
    wishes: tuple[str, ...]


def _matter(key: str, authority: str, unit: str, weight: int, *parts: str) -> Matter:
    things, troubles, effects, wishes = (tuple(part.split(" | ")) for part in parts)
    return Matter(key, authority, unit, weight, things, troubles, effects, wishes)


MATTERS: tuple[Matter, ...] = (
    _matter(
        "jalan",
        "DISTRICT",
        "Dinas Pekerjaan Umum dan Penataan Ruang",
        17,
        "Jalan utama | Jalan penghubung antardesa | Aspal depan pasar | Jalan masuk perumahan | Tanjakan dekat masjid",
        "berlubang besar | rusak parah sepanjang 200 meter | ambles di sisi kiri | bergelombang setelah galian pipa",
        "Dua pengendara motor jatuh minggu lalu. | Mobil ambulans harus memutar jauh. "
        "| Saat hujan lubangnya tidak kelihatan. | Anak sekolah sering terpeleset.",
        "Mohon segera ditambal. | Tolong diaspal ulang sebelum musim hujan. | Mohon dipasang rambu sementara dulu.",
    ),
    _matter(
        "drainase",
        "DISTRICT",
        "Dinas Pekerjaan Umum dan Penataan Ruang",
        7,
        "Selokan | Gorong-gorong | Saluran air di depan sekolah | Parit sepanjang gang",
        "tersumbat sampah dan lumpur | jebol | tidak mengalir sejak ada proyek | ditutup bangunan warung",
        "Airnya meluap ke halaman rumah. | Baunya menyengat sampai ke dalam rumah. | Jentik nyamuk mulai banyak.",
        "Mohon dikeruk. | Tolong dibuatkan bak kontrol. | Mohon petugas turun melihat langsung.",
    ),
    _matter(
        "lampu",
        "DISTRICT",
        "Dinas Perhubungan",
        7,
        "Lampu penerangan jalan | Tiang PJU | Tiga titik lampu jalan | Lampu di jembatan",
        "mati sejak dua minggu | berkedip terus lalu padam | miring hampir roboh | belum pernah menyala",
        "Warga takut lewat kalau malam. | Minggu lalu ada yang dijambret di situ. | Gelap sekali selepas magrib.",
        "Mohon diganti bohlamnya. | Tolong dicek kabelnya. | Mohon ditambah satu titik di tikungan.",
    ),
    _matter(
        "trotoar",
        "DISTRICT",
        "Dinas Pekerjaan Umum dan Penataan Ruang",
        3,
        "Trotoar | Jalur pemandu tunanetra | Trotoar di depan puskesmas",
        "dipakai parkir motor | hancur terangkat akar pohon | terpotong galian kabel",
        "Pejalan kaki terpaksa turun ke badan jalan. | Kursi roda ayah saya tidak bisa lewat.",
        "Mohon ditertibkan dan diperbaiki. | Tolong dikembalikan seperti semula.",
    ),
    _matter(
        "taman",
        "DISTRICT",
        "Dinas Lingkungan Hidup",
        2,
        "Taman bermain | Pohon besar di tepi jalan | Rumput taman kota",
        "tidak terawat | sudah lapuk dan condong | penuh ilalang dan ular",
        "Anak-anak tidak bisa bermain lagi. | Rantingnya sudah dua kali menimpa atap.",
        "Mohon dirapikan. | Tolong dipangkas sebelum roboh.",
    ),
    _matter(
        "pasar",
        "DISTRICT",
        "Dinas Perindustrian dan Perdagangan",
        3,
        "Atap pasar | Kios blok B | Retribusi pasar | Toilet pasar",
        "bocor di banyak titik | dipungut dua kali tanpa karcis | tidak ada air bersihnya | dibiarkan kosong",
        "Pedagang sayur rugi setiap hujan. | Pembeli jadi enggan datang.",
        "Mohon kepala pasar menjelaskan. | Tolong diperbaiki sebelum Lebaran.",
    ),
    _matter(
        "sampah",
        "DISTRICT",
        "Dinas Lingkungan Hidup",
        9,
        "Sampah di TPS | Tumpukan sampah liar | Truk pengangkut sampah | Kontainer sampah dekat sungai",
        "tidak diangkut sepuluh hari | dibakar setiap sore | meluber sampai ke jalan | datang tidak sesuai jadwal",
        "Asapnya masuk ke ruang kelas. | Lalat masuk ke warung-warung. | Sungai jadi tersumbat.",
        "Mohon diangkut rutin. | Tolong dipasang papan larangan. | Mohon pelakunya ditindak.",
    ),
    _matter(
        "banjir",
        "DISTRICT",
        "Badan Penanggulangan Bencana Daerah",
        5,
        "Banjir | Genangan | Luapan kali",
        "setinggi lutut sejak subuh | datang setiap hujan satu jam | belum surut tiga hari",
        "Empat puluh rumah terendam. | Warga lansia belum dievakuasi. | Sekolah terpaksa diliburkan.",
        "Mohon dikirim pompa. | Tolong tanggulnya ditinggikan. | Kami butuh perahu dan air bersih.",
    ),
    _matter(
        "cemar",
        "DISTRICT",
        "Dinas Lingkungan Hidup",
        4,
        "Limbah pabrik | Air sungai | Asap pembakaran ban | Kandang ayam",
        "dibuang malam hari ke kali | berubah hitam dan berbusa | berbau menyengat setiap pagi",
        "Ikan di kolam kami mati. | Dua anak sesak napas. | Sumur warga ikut keruh.",
        "Mohon diambil sampel airnya. | Tolong izinnya diperiksa. | Mohon ada sidak malam hari.",
    ),
    _matter(
        "air",
        "DISTRICT",
        "Perumda Air Minum",
        6,
        "Air PDAM | Sambungan air baru | Tagihan air bulan ini | Meteran air",
        "tidak mengalir sejak Senin | keruh dan berbau kaporit | naik tiga kali lipat | belum dipasang padahal lunas",
        "Kami membeli air galon untuk mandi bayi. | Sudah empat kali menelepon, dijawab nanti.",
        "Mohon dikirim tangki air. | Tolong dicek kebocorannya. | Mohon penjelasan tertulis.",
    ),
    _matter(
        "listrik",
        "NATIONAL",
        "PT PLN (Persero)",
        4,
        "Listrik | Tegangan listrik | Kabel listrik | Token listrik",
        "padam empat kali sehari | naik turun | menjuntai setinggi kepala | tidak bisa dimasukkan ke meteran",
        "Kulkas vaksin di bidan ikut mati. | Dua televisi warga rusak.",
        "Mohon jadwal pemadaman diumumkan. | Tolong kabelnya dinaikkan.",
    ),
    _matter(
        "ktp",
        "DISTRICT",
        "Dinas Kependudukan dan Pencatatan Sipil",
        6,
        "KTP elektronik | Cetak KTP | Perekaman KTP anak saya",
        "belum jadi enam bulan | ditolak karena blangko habis | salah tanggal lahir | dimintai biaya oleh calo",
        "Saya tidak bisa membuka rekening. | Lamaran kerja saya tertahan.",
        "Mohon kepastian tanggalnya. | Apakah bisa diambil di kecamatan?",
    ),
    _matter(
        "kk",
        "DISTRICT",
        "Dinas Kependudukan dan Pencatatan Sipil",
        3,
        "Kartu keluarga | Pindah domisili | Perbaikan data KK",
        "tidak kunjung selesai | tertahan di kelurahan | ditolak aplikasinya tanpa alasan",
        "Anak saya tidak bisa mendaftar sekolah. | Bantuan ibu saya terhenti.",
        "Mohon dibantu sinkron datanya. | Apa saja syarat yang kurang?",
    ),
    _matter(
        "akta",
        "DISTRICT",
        "Dinas Kependudukan dan Pencatatan Sipil",
        2,
        "Akta kelahiran | Akta kematian | Antrean loket akta",
        "salah eja nama | sudah dua bulan belum terbit | dibatasi dua puluh orang sehari",
        "Klaim asuransi jadi tertunda. | Saya sudah izin kerja tiga kali.",
        "Mohon diralat tanpa sidang. | Tolong tambah loket.",
    ),
    _matter(
        "puskesmas",
        "DISTRICT",
        "Dinas Kesehatan",
        5,
        "Antrean puskesmas | Dokter gigi puskesmas | Ambulans desa | Ruang tunggu poli anak",
        "mulai pukul lima pagi | tidak ada di tempat tiga hari | tidak ada sopirnya | sempit dan panas",
        "Ibu hamil berdiri dua jam. | Ayah saya terlambat ditangani.",
        "Mohon antrean daring dibuka. | Tolong jadwal dokternya dipasang.",
    ),
    _matter(
        "bpjs",
        "NATIONAL",
        "BPJS Kesehatan",
        4,
        "Kartu BPJS | Iuran BPJS | Kepesertaan PBI | Rujukan daring",
        "mendadak nonaktif | tertagih dua kali | tidak bisa dipindah faskes | ditolak rumah sakit",
        "Istri saya harus cuci darah besok. | Kami membayar sendiri dua juta rupiah.",
        "Mohon diaktifkan kembali. | Bagaimana cara mengurus pengembaliannya?",
    ),
    _matter(
        "sekolah",
        "DISTRICT",
        "Dinas Pendidikan",
        5,
        "Uang komite | Seragam sekolah | Atap kelas SD | Guru kelas dua",
        "diwajibkan tanpa rapat | harus dibeli di koperasi | nyaris ambruk | jarang masuk sejak semester lalu",
        "Anak yang belum bayar tidak diberi kartu ujian. | Murid belajar di teras.",
        "Mohon ditegur. | Tolong dibuat rincian penggunaannya.",
    ),
    _matter(
        "ppdb",
        "PROVINCE",
        "Dinas Pendidikan Provinsi",
        3,
        "Zonasi SMA | Jalur afirmasi SMK | Situs PPDB",
        "tidak sesuai titik rumah | kuotanya hilang di hari terakhir | tidak bisa dibuka sejak pagi",
        "Anak saya tergeser yang lebih jauh. | Batas unggah tinggal dua jam.",
        "Mohon diverifikasi ulang. | Tolong pendaftarannya diperpanjang.",
    ),
    _matter(
        "bansos",
        "DISTRICT",
        "Dinas Sosial",
        6,
        "Bantuan sembako | Data penerima bansos | BLT desa",
        "dipotong lima puluh ribu | tidak tepat sasaran | berhenti tanpa pemberitahuan",
        "Yang punya mobil malah dapat. | Nenek saya hidup sendiri dan tidak terdata.",
        "Mohon didata ulang. | Tolong daftarnya ditempel di balai desa.",
    ),
    _matter(
        "pkh",
        "NATIONAL",
        "Kementerian Sosial",
        3,
        "Kartu PKH | Saldo KKS | Pendamping PKH",
        "kosong tiga tahap | dipegang ketua kelompok | meminta uang administrasi",
        "Kebutuhan sekolah anak jadi tertunda. | Kami tidak berani protes.",
        "Mohon dicek di pusat datanya. | Tolong dirahasiakan nama saya.",
    ),
    _matter(
        "tertib",
        "DISTRICT",
        "Satuan Polisi Pamong Praja",
        8,
        "Karaoke tanpa izin | Pedagang kaki lima | Balap liar | Orkes hajatan | Warung minuman keras",
        "buka sampai pukul tiga pagi | menutup akses jalan | terjadi tiap malam Minggu | memasang pengeras suara",
        "Bayi kami tidak bisa tidur. | Sudah ditegur RT, malah menantang.",
        "Mohon dipatroli. | Tolong ditertibkan secara manusiawi. | Mohon izinnya diperiksa.",
    ),
    _matter(
        "parkir",
        "DISTRICT",
        "Dinas Perhubungan",
        4,
        "Parkir liar | Juru parkir minimarket | Truk besar",
        "menutup pintu masuk gang | menarik lima ribu tanpa karcis | parkir di bahu jalan berhari-hari",
        "Damkar tidak akan bisa masuk. | Macetnya sampai satu kilometer.",
        "Mohon digembok. | Tolong dipasang rambu larangan parkir.",
    ),
    _matter(
        "angkutan",
        "PROVINCE",
        "Dinas Perhubungan Provinsi",
        3,
        "Bus antarkota | Angkutan umum | Sopir trayek baru",
        "menurunkan penumpang di jalan tol | tidak lewat lagi sejak bulan lalu | menaikkan tarif sepihak",
        "Karyawan pabrik pulang berjalan kaki. | Penumpang lansia diturunkan jauh.",
        "Mohon trayeknya diawasi. | Tolong tarif resmi ditempel di kaca.",
    ),
    _matter(
        "upah",
        "PROVINCE",
        "Dinas Tenaga Kerja dan Transmigrasi Provinsi",
        4,
        "Upah di pabrik garmen | THR karyawan | Jaminan sosial pekerja gudang",
        "di bawah UMK | belum dibayar sampai H-3 | tidak didaftarkan dua tahun",
        "Kami dua puluh orang takut melapor sendiri. | Ada yang dirumahkan setelah bertanya.",
        "Mohon pengawas datang. | Tolong identitas kami dijaga.",
    ),
    _matter(
        "honorer",
        "DISTRICT",
        "Badan Kepegawaian dan Pengembangan Sumber Daya Manusia",
        2,
        "Honor guru | Data tenaga honorer | SK kontrak perawat",
        "dibayar tiga bulan sekali | tidak masuk daftar | tertahan di dinas",
        "Teman seangkatan sudah menerima. | Kami tetap mengajar penuh.",
        "Mohon penjelasan resminya. | Kapan honor dicairkan?",
    ),
    _matter(
        "tanah",
        "NATIONAL",
        "Kementerian ATR/BPN",
        3,
        "Sertifikat tanah PTSL | Balik nama sertifikat | Pengukuran tanah warisan",
        "belum dibagikan dua tahun | tumpang tindih dengan tetangga | dimintai biaya tambahan",
        "Tanahnya sekarang dipagari orang lain. | Bank menolak agunan kami.",
        "Mohon diukur ulang. | Tolong mediasi dengan kantor pertanahan.",
    ),
    _matter(
        "pajak",
        "DISTRICT",
        "Badan Pendapatan Daerah",
        3,
        "PBB | Tagihan pajak reklame | Aplikasi pajak daerah",
        "atas nama orang lain | naik dua kali lipat | gagal bayar tetapi saldo terpotong",
        "Kami didenda padahal sudah lunas.",
        "Mohon dikoreksi. | Bagaimana cara mengajukan keberatan?",
    ),
    _matter(
        "desa",
        "DISTRICT",
        "Dinas Pemberdayaan Masyarakat dan Desa",
        4,
        "Dana desa | Pembangunan balai warga | Pengangkatan perangkat desa",
        "tidak ada papan informasinya | mangkrak sejak tahun lalu | hanya untuk kerabat kepala desa",
        "Musyawarah tidak pernah diundang. | Volume pekerjaan tidak sesuai.",
        "Mohon inspektorat turun. | Tolong laporannya dibuka.",
    ),
    _matter(
        "pupuk",
        "DISTRICT",
        "Dinas Pertanian",
        2,
        "Pupuk bersubsidi | Air irigasi | Bantuan bibit jagung",
        "langka saat musim tanam | dijual di atas harga eceran | tidak sampai ke sawah hilir",
        "Padi kami menguning. | Kelompok tani saling curiga.",
        "Mohon kiosnya diawasi. | Tolong pintu airnya diperbaiki.",
    ),
    _matter(
        "internet",
        "DISTRICT",
        "Dinas Komunikasi dan Informatika",
        3,
        "Tiang kabel internet | Wifi balai kota | Aplikasi layanan daerah",
        "dipasang di halaman tanpa izin | tidak tersambung | keluar sendiri saat mengunggah berkas",
        "Kabelnya menutup jendela rumah. | Sudah tiga kali mengulang dari awal.",
        "Mohon dipindahkan. | Tolong diperbaiki versi Android-nya.",
    ),
    _matter(
        "sim",
        "NATIONAL",
        "Kepolisian Negara Republik Indonesia",
        2,
        "Layanan SIM keliling | Perpanjangan SIM | Surat kehilangan",
        "tidak datang sesuai jadwal | antreannya bisa dilewati calo | dikenai biaya tidak resmi",
        "Saya sudah cuti dua hari.",
        "Mohon ditertibkan. | Di mana jadwal resminya diumumkan?",
    ),
    _matter(
        "wisata",
        "DISTRICT",
        "Dinas Pariwisata",
        2,
        "Toilet di pantai | Tiket masuk curug | Pemandu wisata liar",
        "terkunci setiap hari libur | dipungut di dua pos | memaksa pengunjung",
        "Tamu asing sampai pulang lagi. | Ulasannya jadi buruk.",
        "Mohon ditata bersama warga. | Tolong tarif resminya dipasang.",
    ),
    _matter(
        "lain",
        "DISTRICT",
        "Sekretariat Daerah",
        2,
        "Usulan jam layanan | Papan nama jalan | Pelayanan loket umum",
        "perlu ditambah hari Sabtu | salah tulis | lambat menjawab pesan",
        "Pekerja pabrik sulit izin pada hari kerja.",
        "Semoga menjadi perhatian. | Terima kasih sudah mendengar.",
    ),
)

#: Matters of each authority, as places in MATTERS.
BY_AUTHORITY = {
    authority: frozenset(n for n, matter in enumerate(MATTERS) if matter.authority == authority)
    for authority in ("DISTRICT", "PROVINCE", "NATIONAL")
}
