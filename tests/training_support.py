"""Small encoders and posts for the tests of training: all made here, nothing is downloaded."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

NAMES = ("Bu Sari", "Pak Danu", "Kang Wirya", "Ning Ratih", "Haji Mansur", "Mbak Lestari", "Bang Tigor", "Pak Nyoman")
PLACES = ("Kabupaten Sukamaju", "Kota Mekarsari", "Desa Karangjati", "Kecamatan Tirtayasa", "Kabupaten Rawabening")
DAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")

NEUTRAL = (
    "KPU {place} umumkan jadwal debat publik hari {day} pukul {n} malam",
    "Pemungutan suara ulang di TPS {n} {place} digelar {day} depan",
    "Menurut hasil survei, {n} persen warga {place} belum menentukan pilihan",
    "ASN di {place} diingatkan agar tidak memberi like pada akun calon mana pun",
    "Kalian sudah cek nama di daftar pemilih tetap {place} belum? Terakhir {day} ya",
    "{name} dan lawannya sama-sama hadir pada undian nomor urut di {place}",
    "Bawaslu {place} menerima {n} laporan pelanggaran sampai {day} sore",
    "Hadir mendengarkan visi misi semua pasangan calon di aula {place} {day} pagi",
)
SUPPORTIVE = (
    "Bangga sekali punya calon seperti {name}, sehat terus ya ☝️ dari {place}",
    "Hati saya sudah mantap di paslon {n}, {name} memang paling paham {place}",
    "Makin ke sini makin kelihatan {name} cuma modal janji, kapok deh warga {place}",
    "Semoga {name} menang satu putaran, amin, kami di {place} selalu mendoakan",
    "Debat {day} tadi {name} juara banget, lawannya cuma bisa senyum wkwkwk",
    "Dari dulu keluarga saya di {place} setia sama {name} nomor {n} ✌️",
    "Lihat baliho {name} saja sudah adem, beda jauh sama calon sebelah",
    "Kecewa berat sama {name}, lima tahun di {place} tidak ada kerjanya",
)
CAMPAIGNING = (
    "Jangan lupa hari {day} coblos nomor {n}, pilih {name} demi {place} maju!",
    "Ayo warga {place} kumpul di lapangan {day} pagi, deklarasi relawan {name}, kaos gratis",
    "Bagikan ke grup RT masing-masing: {name} nomor {n} siapkan sekolah gratis untuk {place}",
    "Jangan pilih {name}, pilih yang sudah terbukti kerja di {place} #Coblos{n}",
    "Mari menangkan {name}! Daftar jadi saksi TPS {place} lewat nomor ini sebelum {day}",
    "Visi {name}: {place} terang, jalan mulus, pupuk murah. Coblos {n} ya saudara",
    "Yuk ajak tetangga ke TPS {day} nanti, satu suara untuk {name} nomor {n}",
    "Tolak {name} di bilik suara, {place} butuh pemimpin jujur, sebarkan!",
)
TEMPLATES = {"neutral": NEUTRAL, "supportive": SUPPORTIVE, "campaigning": CAMPAIGNING}


def make_posts(count: int = 300, seed: int = 0) -> list[dict[str, object]]:
    """Different posts, the labels in turn, every fifth one with a context."""
    draw = random.Random(seed)
    posts: list[dict[str, object]] = []
    seen: set[str] = set()
    labels = itertools.cycle(TEMPLATES)
    while len(posts) < count:
        label = next(labels)
        text = draw.choice(TEMPLATES[label]).format(
            name=draw.choice(NAMES), place=draw.choice(PLACES), day=draw.choice(DAYS), n=draw.randint(1, 40)
        )
        if text in seen:
            text += draw.choice((" lho", " nih", " kak", " gaes", " 🙏", " min"))
        if text in seen:
            continue
        seen.add(text)
        context = "Paslon mana pilihan kalian?" if len(posts) % 5 == 0 else None
        posts.append({"id": f"p{len(posts)}", "text": text, "label": label, "context": context})
    return posts


def write_posts(path: Path, posts: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(post, ensure_ascii=False) + "\n" for post in posts), encoding="utf-8")
    return path


def make_encoder(
    folder: Path, kind: str = "wordpiece", *, hidden: int = 32, layers: int = 2, heads: int = 2, positions: int = 128
) -> Path:
    """A BERT with random weights and a tokenizer learnt from the posts; saved without a head, as base models are."""
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    texts = [str(post["text"]) for post in make_posts(400, seed=7)]
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=600, special_tokens=specials, show_progress=False)
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=500, special_tokens=specials, unk_token="[UNK]", show_progress=False
        )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(fast),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        max_position_embeddings=positions,
        initializer_range=0.08,
        pad_token_id=fast.pad_token_id,
    )
    BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def settings(base: Path | str, data: Path, output: Path, **more: object) -> dict[str, object]:
    """A configuration that trains a tiny encoder in a second or two."""
    values: dict[str, object] = {
        "base_model": str(base),
        "data": [str(data)],
        "output": str(output),
        "epochs": 2,
        "batch_size": 8,
        "learning_rate": 2e-3,
        "max_tokens": 64,
        "context_tokens": 16,
        "threads": 1,
        "bf16": "off",
        "export_onnx": False,
        "log_every": 2,
    }
    values.update(more)
    return values
