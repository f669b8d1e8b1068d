"""Trimming keeps what a text needs: the same pieces, the same vectors, the same hidden states."""

import gzip
import json

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

from netral_nlp.errors import ConfigError, InputError, ModelFolderError
from netral_nlp.text import Normaliser
from netral_nlp.training.vocabulary import read_corpus, trim_vocabulary

WIDE = [
    "Rapat koordinasi persiapan logistik pemilu di kantor kecamatan berjalan lancar",
    "Warga desa bergotong royong memperbaiki jembatan gantung yang rusak",
    "The committee published its annual report on fisheries and shipping",
    "Les habitants du village ont reconstruit le vieux pont de bois",
    "Bangga punya calon bupati seperti beliau, sehat terus Pak ✌️ 🔥 👍🏽",
    "Jangan lupa coblos nomor 2 tanggal 27 November demi kampung kita!",
] * 4
INDONESIAN = [text for text in WIDE if not text.startswith(("The", "Les"))]


def make_base(folder, kind, masked=False):
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    words = sorted({word for text in WIDE for word in Normaliser()(text).split()})
    characters = sorted({character for word in words for character in word} | set("0123456789#"))
    foreign = [f"strasse{number}" for number in range(600)]
    if kind == "Unigram":
        pieces = [*special, "▁", *characters, *("▁" + word for word in words + foreign)]
        scores = [0.0 if piece in special else -2.0 - len(pieces) / (1 + len(piece)) for piece in pieces]
        tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=3))
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.add_special_tokens(special)
    else:
        pieces = [*special, *characters, *("##" + character for character in characters), *words, *foreign]
        vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1",
        special_tokens=[("<s>", tokenizer.token_to_id("<s>")), ("</s>", tokenizer.token_to_id("</s>"))],
    )  # fmt: skip
    wrapper = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>",
        pad_token="<pad>", unk_token="<unk>", mask_token="<mask>",
    )  # fmt: skip
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    model = BertForMaskedLM(config) if masked else BertModel(config)
    if masked:
        torch.nn.init.normal_(model.cls.predictions.decoder.bias)
    model.save_pretrained(folder)
    wrapper.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["Unigram", "WordPiece"])
def test_indonesian_text_reads_the_same_after_trimming(tmp_path, kind):
    base = make_base(tmp_path / "base", kind)
    report = trim_vocabulary(base, INDONESIAN, tmp_path / "small", pieces=600)
    assert report.pieces_after <= 600 < report.pieces_before
    assert report.parameters_after < report.parameters_before
    assert report.coverage > 0.95

    normalise = Normaliser.load(tmp_path / "small")
    text, answer = map(normalise, INDONESIAN[:2])
    states = []
    pieces = []
    for folder in (base, tmp_path / "small"):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        encoded = tokenizer(text, answer, return_tensors="pt")
        pieces.append(tokenizer.convert_ids_to_tokens(encoded["input_ids"][0]))
        with torch.no_grad():
            states.append(AutoModel.from_pretrained(folder).eval()(**encoded).last_hidden_state)
    assert pieces[0] == pieces[1]
    torch.testing.assert_close(states[0], states[1])


@pytest.mark.parametrize("kind", ["Unigram", "WordPiece"])
def test_digits_hand_signs_and_flags_are_always_known(tmp_path, kind):
    report = trim_vocabulary(make_base(tmp_path / "base", kind), INDONESIAN, tmp_path / "small", pieces=600)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "small")
    for sign in ["0", "7", "#", "☝", "✌", "🫰", "👍🏿", "👊🏻", "🇮🇩"]:
        assert tokenizer.unk_token_id not in tokenizer(sign, add_special_tokens=False)["input_ids"], sign
    assert "🫰" in report.added
    small = AutoModel.from_pretrained(tmp_path / "small")
    assert small.get_input_embeddings().num_embeddings == len(tokenizer) == report.pieces_after
    assert small.config.vocab_size == report.pieces_after


def test_a_language_modelling_head_is_trimmed_with_its_bias(tmp_path):
    base = make_base(tmp_path / "base", "Unigram", masked=True)
    trim_vocabulary(base, INDONESIAN, tmp_path / "small", pieces=600)
    old, new = (BertForMaskedLM.from_pretrained(folder).eval() for folder in (base, tmp_path / "small"))
    old_ids, new_ids = (AutoTokenizer.from_pretrained(folder).get_vocab() for folder in (base, tmp_path / "small"))
    shared = [token for token in new_ids if token in old_ids]
    rows = [old_ids[token] for token in shared], [new_ids[token] for token in shared]
    for part in ("weight", "bias"):
        before, after = (getattr(model.get_output_embeddings(), part) for model in (old, new))
        torch.testing.assert_close(before[rows[0]], after[rows[1]])


def test_special_tokens_keep_their_role(tmp_path):
    trim_vocabulary(make_base(tmp_path / "base", "Unigram"), INDONESIAN, tmp_path / "small", pieces=600)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "small")
    config = json.loads((tmp_path / "small" / "config.json").read_text())
    assert config["pad_token_id"] == tokenizer.pad_token_id
    ids = tokenizer("coblos")["input_ids"]
    assert (ids[0], ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)


def test_requests_that_cannot_be_met_are_refused(tmp_path):
    base = make_base(tmp_path / "base", "Unigram")
    with pytest.raises(ConfigError, match="too few"):
        trim_vocabulary(base, INDONESIAN, tmp_path / "a", pieces=20)
    with pytest.raises(ConfigError, match="corpus is empty"):
        trim_vocabulary(base, [], tmp_path / "b")
    with pytest.raises(ConfigError, match="not empty"):
        trim_vocabulary(base, INDONESIAN, base)
    with pytest.raises(ModelFolderError, match="no encoder"):
        trim_vocabulary(tmp_path / "nowhere", INDONESIAN, tmp_path / "c")


def test_a_corpus_is_read_from_text_files_and_dumps(tmp_path):
    with gzip.open(tmp_path / "a.txt.gz", "wt", encoding="utf-8") as file:
        file.write("baris satu\n\nbaris dua\n")
    (tmp_path / "b.csv").write_text("id,text\n1,isi pos\n2,\n", encoding="utf-8")
    assert list(read_corpus([tmp_path / "a.txt.gz", tmp_path / "b.csv"])) == ["baris satu", "baris dua", "isi pos"]
    with pytest.raises(InputError, match=r"missing\.txt"):
        list(read_corpus([tmp_path / "missing.txt"]))
    (tmp_path / "c.csv").write_text("id,nilai\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="--text-column"):
        list(read_corpus([tmp_path / "c.csv"]))
