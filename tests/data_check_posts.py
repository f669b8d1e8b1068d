"""Posts to check: real-sounding, made by hand or put together, with labels, and ways to write them down."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

from netral_nlp.corpus.annotations.tasks import UNNAMED, Answer, Task

PLACES = (
    "Banyumas", "Sleman", "Jember", "Tabanan", "Bulukumba", "Kampar", "Sambas", "Ende", "Kapuas", "Buton", "Garut",
    "Klaten", "Agam", "Bima", "Poso", "Belu", "Nias", "Natuna", "Merauke", "Ternate",
)  # fmt: skip
THINGS = (
    "harga pupuk", "jalan rusak", "gaji guru honorer", "pasar induk", "sekolah dasar", "bantuan nelayan", "air bersih",
    "lampu jalan", "posyandu", "terminal lama", "irigasi sawah", "sampah sungai", "lapangan kerja", "pelabuhan kecil",
    "angkutan desa", "beasiswa santri", "puskesmas keliling", "panen jagung", "listrik pulau", "benih padi",
)  # fmt: skip
_FRAMES: dict[str, tuple[str, ...]] = {
    "neutral": (
        "KPU {place} jadwalkan debat terbuka soal {thing} pada pekan kedua bulan depan",
        "Warga {place} tanya kapan {thing} dibahas, panitia pemilu belum menjawab",
        "Bawaslu {place} ingatkan pegawai tetap netral saat rapat tentang {thing}",
    ),
    "supportive": (
        "Bangga punya calon bupati {place} yang paham {thing}, sehat selalu ya Pak",
        "Hati saya sudah mantap ke paslon dua sejak beliau urus {thing} di {place}",
        "Makin kelihatan calon petahana {place} itu cuma modal janji soal {thing}",
    ),
    "campaigning": (
        "Ayo warga {place} coblos nomor satu supaya {thing} beres tahun depan",
        "Jangan lupa ajak tetangga di {place} pilih paslon tiga, {thing} pasti diurus",
        "Hadiri deklarasi relawan {place} Sabtu sore, kita kawal {thing} bersama",
    ),
}
_TAILS = (
    "kata ibu-ibu di warung tadi pagi", "begitu kabar dari grup keluarga besar", "semoga hujan tidak turun lagi",
    "sambil menunggu kereta di peron dua", "foto menyusul setelah listrik menyala", "cerita lengkap ada di kolom bawah",
    "mumpung masih libur sekolah anak-anak", "sepulang menengok sawah paman kemarin", "disiarkan radio lokal jam tujuh",
    "ditulis dari teras rumah nenek", "catatan kecil sebelum tidur siang", "obrolan panjang di pos ronda semalam",
)  # fmt: skip


def post(number: int) -> tuple[str, str]:
    """A post that is like no other, and its label."""
    rng = random.Random(number)
    label = ("neutral", "supportive", "campaigning")[number % 3]
    frame = rng.choice(_FRAMES[label])
    tails = rng.sample(_TAILS, 2)
    marks = " ".join(f"{rng.choice('bcdfgjklmnprst')}{rng.choice('aiueo')}{rng.choice('klmnrst')}u" for _ in range(14))
    return f"{frame.format(place=rng.choice(PLACES), thing=rng.choice(THINGS))}, {', '.join(tails)}, {marks}", label


def rows(count: int, start: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Labelled posts that are all different."""
    made = []
    for number in range(start, start + count):
        text, label = post(number)
        made.append({"id": f"p{number}", "text": text, "label": label, **more})
    return made


def task(row: dict[str, Any], number: int, file: str = "posts.jsonl") -> Task:
    """A row as a task with one nameless annotator."""
    fields = {key: value for key, value in row.items() if key not in ("id", "text", "label")}
    answers = (Answer(UNNAMED, (row["label"],)),) if row.get("label") else ()
    return Task(file, number, row.get("id"), row["text"], fields, answers)


def write_jsonl(path: Path, made: list[dict[str, Any]]) -> Path:
    """Write rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), encoding="utf-8")
    return path


def write_csv(path: Path, made: list[dict[str, Any]]) -> Path:
    """Write rows as CSV, with the columns of the first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(made[0]))
        writer.writeheader()
        writer.writerows(made)
    return path


def nearly(text: str, likeness: float) -> str:
    """A text whose words are changed from its end until the likeness is just at least this."""
    from netral_nlp.corpus.duplicates import jaccard

    best, words = text, text.split()
    for place in range(len(words) - 1, -1, -1):
        changed = " ".join([*words[:place], "ganti" + words[place][::-1], *words[place + 1 :]])
        if jaccard(text, changed) < likeness:
            continue
        words = changed.split()
        best = changed
    return best
