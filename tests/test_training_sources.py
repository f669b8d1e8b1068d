"""Where a run's posts come from: the column split, old posts mixed in, soft labels."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from pathlib import Path

import numpy as np
import pytest
from training_support import make_encoder, make_posts, settings, write_posts

from netral_nlp.errors import ConfigError, InputError
from netral_nlp.inference.linear import LinearBackend
from netral_nlp.labels import LABELS
from netral_nlp.text import Normaliser
from netral_nlp.training.base import load_base
from netral_nlp.training.baseline import fit_linear
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.data import Posts, TrainingData, load_data
from netral_nlp.training.finetune import train
from netral_nlp.training.loop import Collator, PostDataset, make_trainer
from netral_nlp.training.sources import read_sources


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("base"))


def config_for(data: Path, tmp_path: Path, **more: object) -> TrainingConfig:
    return TrainingConfig.read(None, settings("tfidf", data, tmp_path / "model", **more))


def loaded(data: Path, tmp_path: Path, **more: object) -> TrainingData:
    return load_data(config_for(data, tmp_path, **more), Normaliser())


def marked(posts: list[dict[str, object]], every: dict[str, int]) -> list[dict[str, object]]:
    """Posts of which each n-th is marked with a split."""
    rows = []
    for number, post in enumerate(posts):
        split = next((name for name, step in every.items() if number % step == 0), "train")
        rows.append({**post, "split": split})
    return rows


# -- the column split --


def test_posts_marked_dev_choose_the_epoch_and_those_marked_test_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    posts = marked(make_posts(120), {"test": 10, "Validation": 7})
    data = write_posts(tmp_path / "posts.jsonl", posts)
    with caplog.at_level(logging.INFO):
        found = loaded(data, tmp_path)
    count = {name: sum(post["split"] == name for post in posts) for name in ("train", "test", "Validation")}
    assert len(found.train) == count["train"]
    assert len(found.dev) == count["Validation"]
    assert f"{count['test']} posts are marked test" in caplog.text
    texts = {str(post["text"]) for post in posts if post["split"] == "test"}
    assert texts.isdisjoint(found.dev_rows["text"])


def test_with_dev_files_posts_marked_dev_are_left_out_as_well(tmp_path: Path) -> None:
    data = write_posts(tmp_path / "posts.jsonl", marked(make_posts(120), {"dev": 4}))
    dev = write_posts(tmp_path / "dev.jsonl", make_posts(30, seed=9))
    found = loaded(data, tmp_path, dev=[str(dev)])
    assert (len(found.train), len(found.dev)) == (90, 30)


def test_the_column_is_ignored_when_asked(tmp_path: Path) -> None:
    data = write_posts(tmp_path / "posts.jsonl", marked(make_posts(120), {"test": 2}))
    found = loaded(data, tmp_path, use_split=False)
    assert len(found.train) + len(found.dev) == 120


def test_nothing_but_held_out_posts_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    data = write_posts(tmp_path / "posts.jsonl", marked(make_posts(12), {"test": 1}))
    with pytest.raises(InputError, match=r"posts\.jsonl: every post is marked dev or test.*--no-use-split"):
        loaded(data, tmp_path)


# -- old posts mixed in --


def test_old_posts_are_mixed_in_up_to_their_share_with_every_label(tmp_path: Path) -> None:
    new = write_posts(tmp_path / "new.jsonl", make_posts(60))
    old = write_posts(tmp_path / "old.jsonl", [{**post, "source": "old"} for post in make_posts(300, seed=3)])
    dev = write_posts(tmp_path / "dev.jsonl", make_posts(30, seed=9))
    plain = loaded(new, tmp_path, dev=[str(dev)])
    mixed = loaded(new, tmp_path, dev=[str(dev)], replay=[str(old)], replay_share=0.4)
    assert mixed.train.texts[: len(plain.train)] == plain.train.texts
    added = len(mixed.train) - len(plain.train)
    assert added == pytest.approx(40, abs=2)
    per_label = {label.value: mixed.train.counts()[label.value] - plain.train.counts()[label.value] for label in LABELS}
    assert all(count == pytest.approx(added / 3, abs=4) for count in per_label.values())
    again = loaded(new, tmp_path, dev=[str(dev)], replay=[str(old)], replay_share=0.4)
    assert again.train.texts == mixed.train.texts


def test_old_posts_that_are_held_out_or_like_dev_posts_are_never_mixed_in(tmp_path: Path) -> None:
    new = write_posts(tmp_path / "new.jsonl", make_posts(60))
    dev_posts = make_posts(30, seed=9)
    dev = write_posts(tmp_path / "dev.jsonl", dev_posts)
    like_dev = [{**post, "text": str(post["text"]).upper() + "!!"} for post in dev_posts]
    held = [{**post, "split": "test"} for post in make_posts(40, seed=4)]
    fresh = [{"text": "Terima kasih Pak Wali, jalan kampung sudah mulus", "label": "supportive"}]
    old = write_posts(tmp_path / "old.jsonl", [*like_dev, *held, *fresh])
    plain = loaded(new, tmp_path, dev=[str(dev)])
    mixed = loaded(new, tmp_path, dev=[str(dev)], replay=[str(old)], replay_share=0.9)
    assert len(mixed.train) - len(plain.train) == 1


def test_replay_with_nothing_to_offer_is_an_error(tmp_path: Path) -> None:
    new = write_posts(tmp_path / "new.jsonl", make_posts(60))
    old = write_posts(tmp_path / "old.jsonl", [{**post, "split": "test"} for post in make_posts(10, seed=2)])
    with pytest.raises(InputError, match=r"old\.jsonl: no post is left to mix in"):
        loaded(new, tmp_path, replay=[str(old)])


# -- soft labels --


def shared(post: dict[str, object], *parts: float) -> dict[str, object]:
    return {**post, **{f"share_{label.value}": part for label, part in zip(LABELS, parts, strict=True)}}


def test_shares_of_annotators_become_targets_where_they_differ(tmp_path: Path) -> None:
    posts = make_posts(60)
    rows = [shared(posts[0], 2, 1, 0), shared(posts[1], 0, 1, 0), *posts[2:]]
    for row in rows[:2]:  # as import writes them: shares of the annotators
        total = sum(float(row[f"share_{label.value}"]) for label in LABELS)  # type: ignore[arg-type]
        row.update({f"share_{label.value}": float(row[f"share_{label.value}"]) / total for label in LABELS})  # type: ignore[arg-type]
    data = write_posts(tmp_path / "posts.jsonl", rows)
    dev = write_posts(tmp_path / "dev.jsonl", make_posts(30, seed=9))
    found = loaded(data, tmp_path, dev=[str(dev)]).train
    assert found.shares[0] == pytest.approx((2 / 3, 1 / 3, 0))
    assert set(found.shares[1:]) == {None}
    assert set(loaded(data, tmp_path, dev=[str(dev)], soft_labels=False).train.shares) == {None}


def test_a_share_outside_0_to_1_is_an_error_that_names_row_and_column(tmp_path: Path) -> None:
    data = write_posts(tmp_path / "posts.jsonl", [*make_posts(5), shared(make_posts(6)[5], 3, 1, 0)])
    with pytest.raises(InputError, match=r"posts\.jsonl: row 6, column 'share_neutral': a share of annotators"):
        loaded(data, tmp_path)


def test_the_loss_takes_shares_as_targets_and_weighs_by_them(base: Path, tmp_path: Path) -> None:
    data = write_posts(tmp_path / "posts.jsonl", make_posts(12))
    config = TrainingConfig.read(
        None, settings(base, data, tmp_path / "model", label_smoothing=0.1, dropout=0.0, normaliser="netral")
    )
    opened = load_base(config, base)
    encoded = [opened.features(opened.encoder.encode(text)) for text in ("coblos nomor 2", "hadir saja")]
    shares = [(0.0, 0.25, 0.75), None]
    posts = PostDataset([encoded], Posts([""] * 2, [None] * 2, [2, 0], [1.0, 0.5], shares, [-1, 0]))
    trainer = make_trainer(
        opened.model, opened.tokenizer, posts, posts, config, class_weights=[1.0, 2.0, 4.0], bf16=False,
        checkpoints=tmp_path / "checkpoints", logs=tmp_path / "logs", resume_from=None, show_progress=False,
    )  # fmt: skip
    batch = Collator(opened.tokenizer)([posts[0], posts[1]])
    model = trainer.model.train()
    inputs = {key: value for key, value in batch.items() if key not in ("labels", "weights", "shares", "directions")}
    chances = model(**inputs).logits.detach().log_softmax(dim=-1)
    expected = total = 0.0
    for row, (shares, weight) in enumerate((((0.0, 0.25, 0.75), 0.25 * 2 + 0.75 * 4), ((1.0, 0.0, 0.0), 0.5))):
        wanted = [0.1 / 3 + 0.9 * share for share in shares]
        expected += weight * -sum(part * float(chances[row, index]) for index, part in enumerate(wanted))
        total += weight
    assert trainer.compute_loss(model, dict(batch)).item() == pytest.approx(expected / total, rel=1e-5)


def test_the_baseline_learns_soft_labels_as_weighted_copies(tmp_path: Path) -> None:
    texts = ["coblos nomor dua", "coblos nomor tiga", "rapat desa", "rapat kecamatan"] * 5
    hard = Posts(texts, [None] * 20, [2, 2, 0, 0] * 5, [1.0] * 20, [None] * 20, [-1] * 20)
    soft = Posts(texts, [None] * 20, [2, 2, 0, 0] * 5, [1.0] * 20, [(0.5, 0.0, 0.5), None, None, None] * 5, [-1] * 20)
    config = TrainingConfig.read(None, {"base_model": "tfidf", "data": [__file__], "output": "unused"})
    said = []
    for name, posts in (("hard", hard), ("soft", soft)):
        (tmp_path / name).mkdir()
        fit_linear(posts, config).save(tmp_path / name)
        said.append(LinearBackend(tmp_path / name).logits([("coblos nomor dua", None)])[0])
    surer, less_sure = said
    assert surer[2] - surer[0] > less_sure[2] - less_sure[0]
    assert np.isfinite(less_sure).all()


def test_a_run_trains_on_soft_labels_and_old_posts_and_says_so_in_its_record(base: Path, tmp_path: Path) -> None:
    rows = [shared(post, 0.6, 0.4, 0.0) if number % 4 == 0 else post for number, post in enumerate(make_posts(60))]
    data = write_posts(tmp_path / "posts.jsonl", rows)
    old = write_posts(tmp_path / "old.jsonl", make_posts(60, seed=3))
    folder = train(TrainingConfig.read(None, settings(base, data, tmp_path / "model", replay=[str(old)], epochs=1)))
    record = (folder / "training.yaml").read_text(encoding="utf-8")
    assert "old.jsonl" in record
    assert str(tmp_path) not in record
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["kind"] == "training"


# -- labels joined to copies of public posts --


def label_file(path: Path, posts: list[dict[str, object]]) -> Path:
    lines = ["sha256,label,split,source"]
    for number, post in enumerate(posts):
        digest = hashlib.sha256(str(post["text"]).encode()).hexdigest()
        split = "dev" if number % 6 == 0 else "test" if number % 6 == 1 else "train"
        lines.append(f"{digest},{post['label']},{split},contoh/repo:posts.csv")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_labels_find_their_texts_in_the_users_copies_and_heed_their_split(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    posts = make_posts(120)
    labels = label_file(tmp_path / "labels.csv", posts)
    copy = tmp_path / "copy.csv"
    with copy.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["no", "isi"])
        writer.writerows((number, post["text"]) for number, post in enumerate(posts[:-1]))
    own = write_posts(tmp_path / "own.jsonl", make_posts(30, seed=8))
    with caplog.at_level(logging.INFO):
        found = loaded(own, tmp_path, labels=[str(labels)], hydrate=[str(copy)])
    assert len(found.dev) == 20
    assert len(found.train) == 30 + 79
    assert "119 of 120 labels found their text" in caplog.text
    assert "1 labels found no text in 1 files" in caplog.text


def test_a_data_file_without_labels_serves_as_the_copy(tmp_path: Path) -> None:
    posts = make_posts(60)
    labels = label_file(tmp_path / "labels.csv", posts)
    copy = write_posts(tmp_path / "copy.jsonl", [{"text": post["text"]} for post in posts])
    found = loaded(copy, tmp_path, labels=[str(labels)])
    assert (len(found.train), len(found.dev)) == (40, 10)


def test_labels_without_any_text_are_an_error_with_the_likely_reason(tmp_path: Path) -> None:
    labels = label_file(tmp_path / "labels.csv", make_posts(30))
    other = write_posts(tmp_path / "other.jsonl", [{"text": f"Jadwal posyandu RW {n}"} for n in range(30)])
    with pytest.raises(InputError, match="0 of 30 labels found their text"):
        loaded(other, tmp_path, labels=[str(labels)])


# -- checks before any work --


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"hydrate": ["copy.csv"]}, "labels is not given"),
        ({"replay": ["nowhere.jsonl"]}, "replay: nowhere.jsonl does not exist"),
        ({"replay_share": 1.0}, "replay_share is 1, but must be from 0.01 to 0.95"),
    ],
)
def test_contradictions_are_told_before_any_work(keys: dict[str, object], message: str, tmp_path: Path) -> None:
    data = write_posts(tmp_path / "posts.jsonl", make_posts(6))
    with pytest.raises(ConfigError, match=message):
        config_for(data, tmp_path, **keys)


def test_labels_need_copies_of_their_posts(tmp_path: Path) -> None:
    labels = label_file(tmp_path / "labels.csv", make_posts(6))
    with pytest.raises(ConfigError, match="hydrate is not given: name your copies"):
        TrainingConfig.read(None, {"base_model": "tfidf", "labels": [str(labels)], "output": str(tmp_path / "model")})


def test_sources_keep_posts_marked_dev_for_those_who_divide_anew(tmp_path: Path) -> None:
    data = write_posts(tmp_path / "posts.jsonl", marked(make_posts(40), {"test": 10, "dev": 4}))
    found = read_sources(config_for(data, tmp_path), keep_dev=True)
    assert found.dev is None
    assert (len(found.train), found.left_out) == (36, 4)


def test_old_posts_need_not_call_their_columns_as_the_new_ones_do(tmp_path: Path) -> None:
    new = [
        {"cuitan": post["text"], "putusan": post["label"], "induk": post["context"]} for post in make_posts(40, seed=8)
    ]
    data = write_posts(tmp_path / "new.jsonl", new)
    old = write_posts(tmp_path / "old.jsonl", make_posts(60))
    columns = {"text_column": "cuitan", "label_column": "putusan", "context_column": "induk"}

    found = loaded(data, tmp_path, replay=[str(old)], replay_share=0.5, **columns)

    new_posts = 40 - len(found.dev)
    assert 2 * new_posts - 1 <= len(found.train) <= 2 * new_posts
    assert sum(context is not None for context in found.train.contexts[new_posts:]) > 3


def test_old_posts_may_call_their_columns_as_the_new_ones_do(tmp_path: Path) -> None:
    renamed = [{"cuitan": post["text"], "putusan": post["label"], "text": "t"} for post in make_posts(100)]
    data = write_posts(tmp_path / "new.jsonl", renamed[:40])
    old = write_posts(tmp_path / "old.jsonl", renamed[40:])

    found = loaded(data, tmp_path, replay=[str(old)], replay_share=0.5, text_column="cuitan", label_column="putusan")

    new_posts = 40 - len(found.dev)
    assert 2 * new_posts - 1 <= len(found.train) <= 2 * new_posts


def test_old_posts_that_differ_from_dev_posts_in_links_and_handles_alone_are_not_mixed_in(tmp_path: Path) -> None:
    new = write_posts(tmp_path / "new.jsonl", make_posts(60))
    dev_posts = make_posts(30, seed=9)
    dev = write_posts(tmp_path / "dev.jsonl", dev_posts)
    reposts = [
        {**post, "text": f"@akun_relawan_{n} @warga_{n} {post['text']} https://contoh.example/berita/{n * 7919}"}
        for n, post in enumerate(dev_posts)
    ]
    fresh = [{"text": "Terima kasih Pak Wali, jalan kampung sudah mulus", "label": "supportive"}]
    old = write_posts(tmp_path / "old.jsonl", [*reposts, *fresh])
    plain = loaded(new, tmp_path, dev=[str(dev)])
    mixed = loaded(new, tmp_path, dev=[str(dev)], replay=[str(old)], replay_share=0.9)
    assert len(mixed.train) - len(plain.train) == 1


def test_likes_of_different_posts_may_stand_on_both_sides_of_a_held_out_dev_set() -> None:
    from netral_nlp.corpus.split import hold_out

    contexts = [f"Deklarasi relawan paslon {n} di lapangan desa nomor {n * 7919}" for n in range(40)]
    train, dev = hold_out([""] * 40, [n % 2 for n in range(40)], 0.2, seed=0, contexts=contexts)
    assert len(train) + len(dev) == 40
    assert len(dev) > 1
