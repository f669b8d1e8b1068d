"""Written posts for tests of whole evaluations: every label, contexts, actions, and what posts must never break."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SCRIPT_POST = "<script>alert('jebol')</script> <b onclick=\"x\">Tebal</b> & miring"
LONG_POST = "Notulen rapat pleno rekapitulasi dibacakan halaman demi halaman sampai larut. " * 60
SURROGATE_POST = "Kamera rusak \ud83d pas liputan kirab logistik"

NEUTRAL = (
    "KPU Wonosobo mengumumkan pengundian denah lokasi kampanye terbuka hari Senin",
    "Bawaslu menerima laporan keterlibatan camat pada pertemuan tertutup, klarifikasi menyusul",
    "Kotak suara aluminium mulai diturunkan dari truk kontainer di gudang logistik",
    "Apa bedanya sengketa proses dengan perselisihan hasil? Mohon pencerahan para ahli",
    "ASN wajib netral, menyukai unggahan pasangan calon pun termasuk pelanggaran disiplin",
    "Panitia lomba futsal antarkelas masih mencari wasit cadangan untuk Sabtu sore",
    "Hasil hitung cepat tiga lembaga selisihnya tipis, tunggu rekapitulasi berjenjang saja",
    "Simulasi pencoblosan bagi pemilih tunanetra digelar memakai templat braille",
    "Gunakan hak pilihmu, siapa pun pilihannya, datanglah sebelum loket ditutup",
    "Ketua kelas terpilih lewat musyawarah, bukan voting, begitu kata bu guru",
    "Debat putaran pamungkas membahas abrasi pesisir serta tarif angkutan pedesaan",
    "Hujan deras mengguyur tribun, konser idola dangdut terpaksa diundur seminggu",
    "Daftar pemilih tambahan dibuka kembali khusus perantau dan mahasiswa asrama",
    "Dua tenda roboh diterpa angin waktu apel kesiapan pengamanan, tidak ada korban",
    "Nenek saya berusia sembilan puluh tetap semangat menunggu giliran di bilik",
    SCRIPT_POST,
    LONG_POST,
)
SUPPORTIVE = (
    "Salut sama gagasan irigasi Bu Calon, sederhana tetapi mengena",
    "Jujur makin kagum, beliau menyapa pedagang kaki lima tanpa pengawalan",
    "Kecewa berat, petahana cuma pandai berpantun sedangkan jembatan tetap putus",
    "Deg-degan lihat jagoan kami tampil, tenang sekali menjawab panelis",
    "Menurut hemat saya paslon dua paling paham nasib nelayan",
    "Akhirnya ada figur perempuan tangguh, doa terbaik untuk langkahnya",
    "Program pupuk organiknya keren, petani pasti terbantu",
    "Ah dia lagi, janji lapangan kerja dulu saja menguap entah ke mana",
    "Bangga jadi tetangga beliau, orangnya ramah sejak muda",
    "Rekam jejaknya bersih, beda kelas dibanding pesaingnya",
    "Hati ini sudah mantap sama nomor tiga, titik",
    "Geli membaca visi misinya, tempelan belaka",
)
CAMPAIGNING = (
    "Ayo sobat semua, coblos nomor urut dua demi irigasi yang lancar!",
    "Ajak keluarga besar memenangkan paslon satu, rapatkan barisan kawan",
    "Jangan pilih pembohong, tenggelamkan petahana di bilik suara!",
    "Mari ramaikan kirab budaya relawan, kaos serta sembako menanti",
    "Sebarkan poster ini ke grup alumni, pastikan nomor tiga unggul",
    "Pilih Bu Calon, tusuk gambarnya, menangkan perubahan pesisir!",
    "Titip suara ya saudara perantau, pulang kampung dukung nomor satu",
    "Gaspol door to door besok, target seratus rumah tiap koordinator",
    "Warga pesisir bersatu, kawal kemenangan paslon dua sampai pelantikan!",
    "Dukung terus, bagikan siaran langsung deklarasi malam ini, kawan seperjuangan",
    "Tinggalkan yang lama, alihkan pilihan ke pasangan muda nomor empat",
    "Serbu kolom komentar akun resmi, kibarkan tagar kemenangan kita",
)
CONTEXTS = (
    "Pawai obor menyambut penetapan pasangan calon berlangsung meriah",
    "Resep gulai nangka warisan uwak, santannya jangan pecah",
    None,
    None,
)
CONTACTS = "Pesan kaos lewat @juragan.sablon_77, 0812 3456 7890, surel kaos@contoh.id atau https://contoh.id/pesan?x=1"
SECRETS = ("juragan", "sablon_77", "0812", "3456", "7890", "kaos@", "contoh.id", "pesan?x")


def posts(*, ids: bool = True) -> list[dict[str, Any]]:
    """Return the posts with label, context, action, platform and year; some likes and shares without words."""
    rows: list[dict[str, Any]] = []
    for label, texts in (("neutral", NEUTRAL), ("supportive", SUPPORTIVE), ("campaigning", CAMPAIGNING)):
        for number, text in enumerate(texts):
            rows.append({
                "text": text,
                "label": label,
                "context": CONTEXTS[number % len(CONTEXTS)],
                "action": "comment" if CONTEXTS[number % len(CONTEXTS)] else "post",
                "platform": ("twitter", "facebook", "tiktok")[number % 3],
                "year": str(2023 + number % 2),
                "direction": None if label == "neutral" else ("pro", "contra")[number % 2],
            })  # fmt: skip
    rows.append({
        "text": "", "label": "supportive", "context": "Coblos nomor urut dua, sahabat!", "action": "like",
        "platform": "facebook", "year": "2024", "direction": "pro",
    })  # fmt: skip
    rows.append({
        "text": CONTACTS, "label": "campaigning", "context": None, "action": "post",
        "platform": "tiktok", "year": "2024", "direction": "pro",
    })  # fmt: skip
    return [{"id": f"p{number}", **row} for number, row in enumerate(rows)] if ids else rows


def answers(rows: Iterable[Mapping[str, Any]], *, chances: bool = True) -> list[dict[str, Any]]:
    """Return a scored copy: every third label wrong, every sixth handed over."""
    names = ("neutral", "supportive", "campaigning")
    scored = []
    for number, row in enumerate(rows):
        called = (names.index(row["label"]) + (number % 3 == 0) * (1 + number % 2)) % 3
        sure = 0.5 + (number * 37 % 49) / 100
        rest = [round((1 - sure) / 2, 6)] * 3
        rest[called] = 1 - 2 * rest[0]
        answer: dict[str, Any] = {name: row[name] for name in ("id", "text") if name in row}
        answer |= {"label": names[called], **dict(zip((f"p_{name}" for name in names), rest, strict=True))}
        answer["needs_review"] = number % 6 == 0
        if not chances:
            answer = {name: answer[name] for name in answer if not name.startswith(("p_", "needs"))}
        scored.append(answer)
    return scored


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def small_suites(folder: Path) -> Path:
    """Write a folder of a few cases of each kind and a few templates, with the shipped names."""
    from netral_nlp.evaluation.suite_data import NAMES_FILE, suites_folder

    folder.mkdir(parents=True, exist_ok=True)
    (folder / NAMES_FILE).write_bytes((suites_folder() / NAMES_FILE).read_bytes())
    minimum = [
        ("m1", "news", "KPU menetapkan nomor urut pasangan calon", "neutral"),
        ("m2", "news", "Debat kandidat disiarkan pukul delapan", "neutral"),
        ("m3", "call", "Ayo coblos nomor dua", "campaigning"),
        ("m4", "praise", "Bangga punya calon seperti beliau", "supportive"),
    ]
    write_jsonl(
        folder / "minimum.jsonl",
        [{"id": i, "group": g, "text": t, "label": label, "rule": "the rule"} for i, g, t, label in minimum],
    )
    write_jsonl(
        folder / "invariance.jsonl",
        [
            {"id": "i1", "group": "case", "text": "Ayo coblos nomor dua", "changed": "AYO COBLOS NOMOR DUA",
             "label": "campaigning", "rule": "capitals"},
            {"id": "i2", "group": "typo", "text": "Jadwal debat diundur", "changed": "Jadwl debat diundur",
             "label": "neutral", "rule": "a typo"},
        ],
    )  # fmt: skip
    write_jsonl(
        folder / "direction.jsonl",
        [
            {"id": "d1", "group": "add-call", "text": "Debat malam ini", "changed": "Debat malam ini, pilih nomor dua!",
             "label": "neutral", "changed_label": "campaigning", "context": "Jadwal resmi KPU", "action": "comment",
             "rule": "a call is added"},
        ],
    )  # fmt: skip
    write_jsonl(
        folder / "templates.jsonl",
        [
            {"id": "t1", "slot": "number", "text": "Nomor urut {number} diundi siang tadi", "label": "neutral"},
            {"id": "t2", "slot": "number", "text": "Ayo coblos nomor {number} besok pagi!", "label": "campaigning"},
            {"id": "t3", "slot": "party", "text": "{party} mendaftarkan calonnya ke KPU", "label": "neutral"},
        ],
    )
    return folder
