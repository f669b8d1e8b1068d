"""The parts of training: hold-out, data, base models, the loop's pieces, curves."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import torch
from training_support import make_encoder, make_posts, settings, write_posts

from netral_nlp.corpus.duplicates import near_same_groups
from netral_nlp.corpus.split import hold_out
from netral_nlp.errors import ConfigError, InputError, ModelFolderError
from netral_nlp.labels import LABELS
from netral_nlp.text import Normaliser
from netral_nlp.training.base import Base, load_base, locate_base
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.curves import draw_curves
from netral_nlp.training.data import Posts, class_weights, hash_path, load_data
from netral_nlp.training.finetune import use_bf16
from netral_nlp.training.loop import (
    Collator,
    EpochSampler,
    PostDataset,
    last_whole_checkpoint,
    make_trainer,
    parameter_groups,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_posts(tmp_path_factory.mktemp("data") / "posts.jsonl", make_posts(120))


# -- holding out --


def test_posts_that_differ_in_a_word_or_in_marks_are_one_group() -> None:
    groups = near_same_groups(
        [
            "Program makan siang gratis untuk semua anak sekolah di kabupaten kita, dukung terus! 🔥",
            "Program makan siang gratis untuk semua anak sekolah di kabupaten kita, dukung terus!!!",
            "PROGRAM makan siang gratis untuk semua anak sekolah di kabupaten kami, dukung terus",
            "Debat publik malam ini disiarkan langsung dari balai kota",
            "",
            "🔥",
        ]
    )
    assert groups[0] == groups[1] == groups[2]
    assert len({groups[0], groups[3], groups[4]}) == 3


def test_a_chain_of_near_same_posts_is_one_group() -> None:
    words = [f"kata{number}" for number in range(60)]
    texts = [" ".join(words[start : start + 50]) for start in range(0, 10, 2)]
    assert len(set(near_same_groups(texts))) == 1


def test_no_group_is_on_both_sides_and_labels_keep_their_shares() -> None:
    posts = make_posts(300)
    texts = [str(post["text"]) for post in posts]
    labels = [index % 3 for index in range(300)]
    train, dev = hold_out(texts, labels, 0.2, seed=3)
    groups = near_same_groups(texts)
    assert sorted(train + dev) == list(range(300))
    assert {groups[row] for row in train}.isdisjoint(groups[row] for row in dev)
    assert len(dev) == pytest.approx(60, abs=10)
    for label in range(3):
        assert sum(labels[row] == label for row in dev) == pytest.approx(20, abs=6)
    assert (train, dev) == hold_out(texts, labels, 0.2, seed=3)
    assert dev != hold_out(texts, labels, 0.2, seed=4)[1]


def test_too_few_different_posts_to_hold_out_is_said() -> None:
    with pytest.raises(InputError, match="too few to hold 10% out; give dev files"):
        hold_out(["Coblos nomor satu ya warga sekalian"] * 40, [2] * 40, 0.1, seed=0)


# -- data --


def config_for(base: Path | str, data: Path, tmp_path: Path, **more: object) -> TrainingConfig:
    return TrainingConfig.read(None, settings(base, data, tmp_path / "model", **more))


def open_base(config: TrainingConfig) -> Base:
    return load_base(config, locate_base(config.base_model))


def test_posts_without_words_are_left_out_and_counted(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    posts = [*make_posts(60), {"text": "", "label": "supportive", "action": "like"}]
    posts.append({"text": "https://kpu.go.id @sekretariat", "label": "neutral"})
    data = write_posts(tmp_path / "posts.jsonl", posts)
    dev = write_posts(tmp_path / "dev.jsonl", make_posts(30, seed=5))
    with caplog.at_level(logging.WARNING, logger="netral_nlp"):
        loaded = load_data(config_for(base, data, tmp_path, dev=[str(dev)]), Normaliser())
    assert len(loaded.train) == 60
    assert "2 of 62 training posts have no words" in caplog.text


def test_contexts_are_read_normalised_and_blank_ones_are_none(base: Path, tmp_path: Path) -> None:
    posts = make_posts(30)
    posts[0]["context"] = "  AYO coblos   nomor 2!  "
    posts[1]["context"] = "   "
    data = write_posts(tmp_path / "posts.jsonl", posts)
    dev = write_posts(tmp_path / "dev.jsonl", make_posts(30, seed=5))
    normaliser = Normaliser()
    loaded = load_data(config_for(base, data, tmp_path, dev=[str(dev)]), normaliser)
    assert loaded.train.contexts[:2] == [normaliser("AYO coblos nomor 2!"), None]
    without = load_data(config_for(base, data, tmp_path, dev=[str(dev)], context_column=None), normaliser)
    assert set(without.train.contexts) == {None}


def test_a_context_column_of_another_name_is_read(base: Path, tmp_path: Path) -> None:
    posts = [{"text": post["text"], "label": post["label"], "induk": "siapa pilihanmu"} for post in make_posts(30)]
    data = write_posts(tmp_path / "posts.jsonl", posts)
    loaded = load_data(config_for(base, data, tmp_path, context_column="induk", dev_share=0.3), Normaliser())
    assert set(loaded.train.contexts) == {"siapa pilihanmu"}


def test_unsure_and_weighted_posts_weigh_less(base: Path, tmp_path: Path) -> None:
    posts = make_posts(30)
    posts[0] |= {"unsure": True}
    posts[1] |= {"unsure": False, "weight": 3}
    posts[2] |= {"unsure": True, "weight": 2}
    data = write_posts(tmp_path / "posts.jsonl", posts)
    dev = write_posts(tmp_path / "dev.jsonl", make_posts(30, seed=5))
    loaded = load_data(config_for(base, data, tmp_path, dev=[str(dev)], unsure_weight=0.25), Normaliser())
    assert loaded.train.weights[:4] == [0.25, 3.0, 0.5, 1.0]


def test_dev_posts_that_are_training_posts_are_counted(
    base: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    posts = make_posts(60)
    data = write_posts(tmp_path / "posts.jsonl", posts)
    dev = write_posts(tmp_path / "dev.jsonl", [*posts[:2], *make_posts(30, seed=5)])
    with caplog.at_level(logging.WARNING, logger="netral_nlp"):
        load_data(config_for(base, data, tmp_path, dev=[str(dev)]), Normaliser())
    assert "dev posts are, once normalised, also training posts" in caplog.text


def test_one_label_alone_cannot_be_learnt(base: Path, tmp_path: Path) -> None:
    posts = [post for post in make_posts(90) if post["label"] == "neutral"]
    data = write_posts(tmp_path / "posts.jsonl", posts)
    with pytest.raises(InputError, match="all training posts have one label"):
        load_data(config_for(base, data, tmp_path, dev_share=0.5), Normaliser())


def test_balanced_weights_give_every_label_the_same_total() -> None:
    posts = Posts(["a"] * 10, [None] * 10, [0] * 6 + [1] * 3 + [2], [1.0] * 10, [None] * 10, [-1] * 10)
    weights = class_weights("balanced", posts, auto="none")
    assert [weight * count for weight, count in zip(weights, (6, 3, 1), strict=True)] == pytest.approx([10 / 3] * 3)
    assert class_weights("auto", posts, auto="none") == [1.0, 1.0, 1.0]
    assert class_weights("auto", posts, auto="balanced") == weights


def test_a_folder_hash_follows_names_and_content(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_text("satu", encoding="utf-8")
    before = hash_path(folder)
    (folder / "a").rename(folder / "b")
    renamed = hash_path(folder)
    (folder / "b").write_text("dua", encoding="utf-8")
    assert len({before, renamed, hash_path(folder)}) == 3


# -- base models --


def test_a_missing_folder_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"there is no folder \./tidak/ada"):
        open_base(config_for("./tidak/ada", data, tmp_path))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_refused(data: Path, tmp_path: Path, name: str) -> None:
    folder = make_encoder(tmp_path / "base")
    (folder / name).unlink()
    with pytest.raises(ModelFolderError, match=name.split(".")[0]):
        open_base(config_for(folder, data, tmp_path))


def test_a_hub_id_without_a_network_says_how_to_get_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelFolderError) as caught:
        open_base(config_for("netral-contoh/tidak-ada", data, tmp_path))
    message = str(caught.value)
    assert "netral-contoh/tidak-ada" in message
    assert "HF_HUB_OFFLINE" in message
    assert "hf download" in message
    assert "\n" not in message


def test_a_tokenizer_without_padding_is_refused(data: Path, tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "base")
    stored = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    del stored["pad_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(ConfigError, match="no pad token"):
        open_base(config_for(folder, data, tmp_path))


def test_more_tokens_than_the_model_has_positions_for_are_refused(base: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="reads 128 at most"):
        open_base(config_for(base, data, tmp_path, max_tokens=120))


def test_a_head_for_other_labels_starts_anew_and_ours_is_kept(data: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    folder = make_encoder(tmp_path / "base")
    for names, kept in ((("positif", "netral", "negatif"), False), (tuple(LABELS), True)):
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=3, id2label=dict(enumerate(map(str, names)))
        )
        torch.nn.init.constant_(model.classifier.weight, 0.5)
        again = tmp_path / f"head-{kept}"
        model.save_pretrained(again)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (again / name).write_bytes((folder / name).read_bytes())
        loaded = open_base(config_for(again, data, tmp_path))
        assert bool((loaded.model.classifier.weight == 0.5).all()) is kept
        assert loaded.has_our_head is kept
        assert loaded.model.config.id2label == {0: "neutral", 1: "supportive", 2: "campaigning"}
        encoder = loaded.model.bert.encoder.layer[0].attention.self.query.weight
        assert torch.equal(encoder, model.bert.encoder.layer[0].attention.self.query.weight)


def test_half_precision_bases_train_in_full_precision(data: Path, tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = make_encoder(tmp_path / "base")
    AutoModel.from_pretrained(folder).half().save_pretrained(folder)
    assert open_base(config_for(folder, data, tmp_path)).model.dtype == torch.float32


def test_dropout_and_frozen_embeddings_are_set(base: Path, data: Path, tmp_path: Path) -> None:
    loaded = open_base(config_for(base, data, tmp_path, dropout=0.35, freeze_embeddings=True))
    assert loaded.model.dropout.p == 0.35
    assert loaded.model.bert.encoder.layer[0].output.dropout.p == 0.35
    frozen = {name for name, weight in loaded.model.named_parameters() if not weight.requires_grad}
    assert frozen == {"bert.embeddings.word_embeddings.weight"}


# -- the loop --


def test_an_epochs_order_depends_on_seed_and_epoch_only() -> None:
    lengths = [5 + index % 40 for index in range(203)]
    sampler = EpochSampler(16, lengths, seed=1)
    torch.manual_seed(1)
    first = list(sampler)
    torch.manual_seed(2)
    assert list(sampler) == first
    assert sorted(first) == list(range(203))
    sampler.epoch = 1
    assert list(sampler) != first


def test_batches_hold_posts_of_like_length_in_no_order_of_length() -> None:
    lengths = [5 + (index * 7) % 60 for index in range(640)]
    order = list(EpochSampler(16, lengths, seed=0))
    batches = [[lengths[item] for item in order[start : start + 16]] for start in range(0, 640, 16)]
    assert sum(max(batch) - min(batch) for batch in batches) / len(batches) < 12
    longest = [max(batch) for batch in batches]
    assert longest != sorted(longest, reverse=True)


def test_lower_layers_learn_more_slowly_and_the_head_as_told(base: Path, data: Path, tmp_path: Path) -> None:
    config = config_for(
        base, data, tmp_path, learning_rate=1e-3, head_learning_rate=5e-3, layer_decay=0.5, weight_decay=0.1
    )
    model = open_base(config).model
    names = {id(weight): name for name, weight in model.named_parameters()}
    rates = {}
    decays = {}
    for group in parameter_groups(model, config):
        for weight in group["params"]:
            rates[names[id(weight)]], decays[names[id(weight)]] = group["lr"], group["weight_decay"]
    assert set(rates) == set(names.values())
    assert rates["classifier.weight"] == rates["bert.pooler.dense.weight"] == 5e-3
    assert rates["bert.encoder.layer.1.output.dense.weight"] == 1e-3
    assert rates["bert.encoder.layer.0.output.dense.weight"] == 5e-4
    assert rates["bert.embeddings.word_embeddings.weight"] == 2.5e-4
    assert decays["classifier.weight"] == 0.1
    assert decays["classifier.bias"] == decays["bert.embeddings.LayerNorm.weight"] == 0.0


def trainer_for(base: Path, data: Path, tmp_path: Path, **more: object) -> tuple[object, Collator, PostDataset]:
    config = config_for(base, data, tmp_path, **more)
    loaded = open_base(config)
    encoded = [loaded.features(loaded.encoder.encode(text)) for text in ("coblos nomor 2", "hadir saja", "mantap pak")]
    posts = PostDataset([encoded], Posts([""] * 3, [None] * 3, [2, 0, 1], [1.0, 0.5, 2.0], [None] * 3, [2, 0, -1]))
    trainer = make_trainer(
        loaded.model, loaded.tokenizer, posts, posts, config, class_weights=[1.0, 2.0, 4.0], bf16=False,
        checkpoints=tmp_path / "checkpoints", logs=tmp_path / "logs", resume_from=None, show_progress=False,
    )  # fmt: skip
    return trainer, Collator(loaded.tokenizer), posts


def test_the_loss_weighs_classes_and_posts_and_smooths(base: Path, data: Path, tmp_path: Path) -> None:
    trainer, collate, posts = trainer_for(base, data, tmp_path, label_smoothing=0.1, dropout=0.0)
    model = trainer.model.train()
    batch = collate([posts[row] for row in range(3)])
    inputs = {key: value for key, value in batch.items() if key not in ("labels", "weights", "directions")}
    logits = model(**inputs).logits.detach()
    chances = logits.log_softmax(dim=-1)
    expected = total = 0.0
    for row, (label, weight) in enumerate(((2, 1.0 * 4), (0, 0.5 * 1), (1, 2.0 * 2))):
        wanted = [0.1 / 3 + (0.9 if index == label else 0.0) for index in range(3)]
        expected += weight * -sum(share * float(chances[row, index]) for index, share in enumerate(wanted))
        total += weight
    assert trainer.compute_loss(model, dict(batch)).item() == pytest.approx(expected / total, rel=1e-5)
    plain = -sum(float(chances[row, label]) for row, label in enumerate((2, 0, 1))) / 3
    assert trainer.compute_loss(model.eval(), dict(batch)).item() == pytest.approx(plain, rel=1e-5)


def test_only_whole_checkpoints_are_resumed_from(tmp_path: Path) -> None:
    names = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "complete")
    for step, files in ((5, names), (10, names), (15, names[:-1]), (20, names[1:])):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        for name in files:
            (folder / name).write_text("", encoding="utf-8")
    (tmp_path / "checkpoint-x").mkdir()
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert last_whole_checkpoint(tmp_path / "nothing") is None


def test_bfloat16_is_as_asked() -> None:
    assert use_bf16("on") is True
    assert use_bf16("off") is False
    assert use_bf16("auto") in (True, False)


def test_curves_are_a_picture(tmp_path: Path) -> None:
    history = [
        {"step": step, "loss": 1 / step, "learning_rate": 1e-4 / step, "epoch": step / 10} for step in range(1, 20)
    ]
    history += [
        {"step": 10, "eval_loss": 0.6, "eval_macro_f1": 0.7},
        {"step": 19, "eval_loss": 0.5, "eval_macro_f1": 0.8},
    ]
    draw_curves(history, tmp_path / "curves.png", best_step=19)
    content = (tmp_path / "curves.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 10_000
    draw_curves([], tmp_path / "none.png")  # a run that was over before its first point
    assert (tmp_path / "none.png").read_bytes().startswith(b"\x89PNG")
