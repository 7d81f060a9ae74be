"""E-Lapor's words, and its graph."""

from __future__ import annotations

from graphql import build_schema

from schema.complaint import Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus
from simulators.dialect import Words

S = ComplaintStatus

STATUSES: dict[ComplaintStatus, tuple[str, str]] = {
    S.SUBMITTED: ("S0", "Diterima"),
    S.VERIFIED: ("S1", "Lolos Verifikasi"),
    S.AWAITING_INFORMATION: ("S1K", "Kurang Lengkap"),
    S.DISPOSED: ("S2", "Didisposisi"),
    S.IN_FOLLOW_UP: ("S3", "Dikerjakan"),
    S.POSTPONED: ("S3T", "Dijeda"),
    S.ANSWERED: ("S4", "Terjawab"),
    S.CLOSED: ("S5", "Rampung"),
    S.ARCHIVED: ("S6", "Masuk Arsip"),
    S.REJECTED: ("S7", "Dikembalikan"),
    S.DUPLICATE: ("S8", "Kembar"),
}
WORDS = Words(
    classes={
        Classification.PENGADUAN_BERKADAR_PENGAWASAN: "PGW",
        Classification.PENGADUAN_TIDAK_BERKADAR_PENGAWASAN: "PGD",
        Classification.ASPIRASI: "ASP",
        Classification.PERMINTAAN_INFORMASI: "INF",
    },
    channels={
        Channel.WEBSITE: "web",
        Channel.MOBILE_APP: "Jogja Istimewa",
        Channel.WHATSAPP: "wa",
        Channel.SMS: "sms",
        Channel.PHONE: "telp",
        Channel.EMAIL: "surel",
        Channel.SOCIAL_MEDIA: "x/ig",
        Channel.WALK_IN: "pendopo",
        Channel.LETTER: "surat",
    },
    actors={
        ActorRole.REPORTER: "P",
        ActorRole.AGENCY: "I",
        ActorRole.NATIONAL_ADMIN: "A",
        ActorRole.SYSTEM: "S",
    },
    replies={
        FollowUpKind.INITIAL_RESPONSE: "J1",
        FollowUpKind.PROGRESS: "J2",
        FollowUpKind.FINAL_ANSWER: "J3",
        FollowUpKind.REPORTER_REPLY: "JP",
        FollowUpKind.INFORMATION_REQUEST: "JT",
    },
    stars={RatingSource.CITIZEN: "P", RatingSource.AUTO: "S", RatingSource.ADMIN: "A"},
)
CATEGORIES: dict[str, str] = {
    "jalan": "PU/Jalan",
    "drainase": "PU/Drainase",
    "lampu": "PU/Penerangan",
    "trotoar": "PU/Trotoar",
    "taman": "LH/Taman",
    "pasar": "Ekonomi/Pasar",
    "sampah": "LH/Sampah",
    "banjir": "Bencana/Banjir",
    "cemar": "LH/Pencemaran",
    "air": "Utilitas/Air",
    "listrik": "Utilitas/Listrik",
    "ktp": "Dukcapil/KTP",
    "kk": "Dukcapil/KK",
    "akta": "Dukcapil/Akta",
    "puskesmas": "Kesehatan/Puskesmas",
    "bpjs": "Kesehatan/BPJS",
    "sekolah": "Pendidikan/Biaya",
    "ppdb": "Pendidikan/PPDB",
    "bansos": "Sosial/Bansos",
    "pkh": "Sosial/PKH",
    "tertib": "Trantib",
    "parkir": "Perhubungan/Parkir",
    "angkutan": "Perhubungan/Angkutan",
    "upah": "Naker/Upah",
    "honorer": "Naker/Honorer",
    "tanah": "Pertanahan",
    "pajak": "Ekonomi/Pajak",
    "desa": "Kalurahan",
    "pupuk": "Pertanian/Pupuk",
    "internet": "Kominfo",
    "sim": "Kepolisian",
    "wisata": "Pariwisata",
    "lain": "Umum",
}
GRAPH = build_schema("""
type Query {
  "Yang terakhir diubah lebih dulu. Paling banyak 200 sekali minta."
  laporan(first: Int = 50, after: String, diubahSejak: String): DaftarLaporan!
  satuLaporan(nomor: ID!): Laporan
  "Yang dikirim sistem lain, menurut rujukannya sendiri."
  kiriman(rujukan: String!): [Kiriman!]!
}
type Mutation {
  lapor(masukan: LaporanBaru!, rujukan: String): Laporan!
  jawab(nomor: ID!, masukan: JawabanBaru!, rujukan: String): Kiriman!
  teruskan(nomor: ID!, ke: String!, ket: String, tolak: Boolean = false, rujukan: String): Kiriman!
  pindahTahap(nomor: ID!, kode: String!, oleh: String, ket: String, rujukan: String): Kiriman!
  beriBintang(nomor: ID!, nilai: Int!, pesan: String, rujukan: String): Kiriman!
  cabut(nomor: ID!, alasan: String, rujukan: String): Kiriman!
}
input LaporanBaru {
  judul: String!  teks: String!  kelas: String  topik: String  lewat: String  label: [String!]  wilayah: String
  jalan: String  titik: TitikBaru  anonim: Boolean = false  rahasia: Boolean = false  pengirim: PengirimBaru
  berkas: [Berkas!]
}
input TitikBaru { y: Float!  x: Float! }
input PengirimBaru { nama: String  surel: String  telepon: String }
input Berkas { nama: String!  tipe: String  isi: String! }
input JawabanBaru { jenis: String!  isi: String!  rahasia: Boolean = false }
type Kiriman { kunci: ID!  rujukan: String  nomor: ID! }
type DaftarLaporan { totalCount: Int!  nodes: [Laporan]!  pageInfo: PageInfo! }
type PageInfo { hasNextPage: Boolean!  endCursor: String }
type Laporan {
  nomor: ID!  lacak: String!  masuk: String!  ubah: String!  tuntas: String  sifat: [Sifat!]!  pokok: Pokok!
  tahap: Tahap!  pengirim: Pengirim!  letak: Letak!  instansi: Instansi!  jejak: Jejak!  rujukan: [Rujukan!]!
}
enum Sifat { anonim rahasia }
type Pokok {
  judul: String!  teks: String!  teks_sunting: String  kelas: String!  topik: String!  lewat: String!  label: [String!]!
}
type Tahap { kode: String!  nama: String!  sejak: String!  oleh: String!  alasan: String }
type Pengirim { nama: String  surel: String  telepon: String }
type Letak { wilayah: String!  nama: String!  jalan: String  titik: Titik }
type Titik { y: Float!  x: Float! }
type Instansi { induk: String!  pelaksana: [String!]!  tembusan: [String!]! }
type Jejak { tahap: [Langkah!]!  terusan: [Terusan!]!  jawaban: [Jawaban!]!  bintang: [Bintang!]! }
type Langkah { kode: String!  nama: String!  pada: String!  oleh: String!  ket: String }
type Terusan { dari: String!  ke: String!  pada: String!  ket: String  tolak: Boolean! }
type Jawaban { jenis: String!  isi: String!  dari: String  ke: String  pada: String!  rahasia: Boolean! }
type Bintang { nilai: Int!  sumber: String!  pada: String!  pesan: String }
type Rujukan { sistem: String!  nomor: String! }
""")
