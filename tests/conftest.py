"""Tiny but real model folders, made once a session: everything in them is what a user's folder holds."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

# No test may depend on a network: what is not in a folder of the test's own is not there.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Tiny models lose more to waking threads than they gain from them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

LABEL_CONFIG = {
    "id2label": {0: "neutral", 1: "supportive", 2: "campaigning"},
    "label2id": {"neutral": 0, "supportive": 1, "campaigning": 2},
}


def _unigram_tokenizer(folder: Path, texts: list[str]) -> int:
    """Train a Unigram tokenizer with XLM-R's special tokens and pair template; returns its size."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=700, special_tokens=special, unk_token="<unk>", initial_alphabet=list("0123456789☝✌🫰👍"),
        show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", special=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    _tokenizer_config(folder, cls="<s>", sep="</s>", pad="<pad>", unk="<unk>")
    return int(tokenizer.get_vocab_size())


def _wordpiece_tokenizer(folder: Path, texts: list[str]) -> int:
    """Train a WordPiece tokenizer with BERT's special tokens; the pair's second segment is of type 1."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=700, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    _tokenizer_config(folder, cls="[CLS]", sep="[SEP]", pad="[PAD]", unk="[UNK]")
    return int(tokenizer.get_vocab_size())


def _tokenizer_config(folder: Path, **tokens: str) -> None:
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 32}
    config |= {f"{name}_token": token for name, token in tokens.items()}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


def _bert(folder: Path, pieces: int, pad: int, texts: list[str], hidden: int) -> None:
    """A BERT of two layers with a random head, centred so that all labels occur among the texts."""
    import torch
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=pieces, hidden_size=hidden, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=2 * hidden,
        max_position_embeddings=128, type_vocab_size=2, pad_token_id=pad, initializer_range=0.15,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **LABEL_CONFIG,
    )  # fmt: skip
    state = torch.random.get_rng_state()
    torch.manual_seed(20)
    model = BertForSequenceClassification(config).eval()
    torch.random.set_rng_state(state)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    with torch.no_grad():
        rows = [model(input_ids=torch.tensor([tokenizer.encode(text).ids])).logits[0] for text in texts]
        logits = torch.stack(rows)
        scale = 2.0 / logits.std(dim=0, keepdim=True).T
        model.classifier.weight.mul_(scale)
        model.classifier.bias.copy_(-(logits.mean(dim=0) * scale[:, 0]))
    model.half().save_pretrained(folder)


def _settings(folder: Path) -> None:
    from netral_nlp.inference.decision import Decision
    from netral_nlp.text import Normaliser

    Normaliser().save(folder)
    Decision(
        temperature=1.5,
        review_below={"neutral": 0.5, "supportive": 0.6, "campaigning": 0.7},
        target={"precision": 0.9},
        fitted_on={"set": "dev", "posts": 12},
    ).save(folder)


def make_tiny_model(folder: Path, *, wordpiece: bool = False, onnx: bool = True, hidden: int = 32) -> Path:
    """Write a whole model folder: BERT (2 layers by `hidden`), tokenizer, settings, int8 ONNX unless told otherwise."""
    from netral_nlp.inference.export import export_onnx
    from netral_nlp.inference.samples import SAMPLE_TEXTS
    from netral_nlp.text import Normaliser

    folder.mkdir(parents=True, exist_ok=True)
    normaliser = Normaliser()
    texts = [normaliser(text) for text in SAMPLE_TEXTS]
    pieces = (_wordpiece_tokenizer if wordpiece else _unigram_tokenizer)(folder, texts)
    _bert(folder, pieces, 0 if wordpiece else 1, texts, hidden)
    _settings(folder)
    if onnx:
        export_onnx(folder, gate=0.9)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model folder (2x32 BERT, Unigram tokenizer, int8 ONNX). Shared: copy it before changing it."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def tiny_wordpiece_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a WordPiece tokenizer whose second segment is of type 1, as IndoBERT's. Shared: copy it."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny-wordpiece", wordpiece=True)
