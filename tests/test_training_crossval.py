"""Leave-sources-out runs: whole groups on one side, honest figures, and a run that can be stopped and resumed."""

from __future__ import annotations

import csv
import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from training_support import make_encoder, make_posts, settings, write_posts

from netral_nlp.cli.main import main
from netral_nlp.corpus.duplicates import near_same_groups
from netral_nlp.corpus.folds import grouped_folds, random_folds
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.evaluation.evaluate import evaluate_predictions
from netral_nlp.evaluation.metrics import evaluate
from netral_nlp.evaluation.options import EvaluationOptions
from netral_nlp.labels import LABELS
from netral_nlp.training.config import TrainingConfig
from netral_nlp.training.crossval import CrossValidation, cross_validate
from netral_nlp.training.held_out import group_bootstrap

# Each source has its own subject and its own habit: what its posts are labelled when nothing in them says more.
SOURCES = {
    "pasar.csv": ("neutral", ("harga cabai di pasar induk", "los pedagang sayur", "retribusi kios")),
    "banjir.csv": ("supportive", ("genangan di bantaran kali", "pompa air kelurahan", "tanggul yang jebol")),
    "nelayan.csv": ("campaigning", ("solar untuk perahu", "pelelangan ikan pagi", "dermaga kampung nelayan")),
    "guru.csv": ("supportive", ("honor guru madrasah", "atap ruang kelas", "buku paket gratis")),
    "jalan.csv": ("neutral", ("lubang di jalan provinsi", "jembatan gantung desa", "lampu simpang empat")),
    "pupuk.csv": ("campaigning", ("jatah pupuk kelompok tani", "harga gabah kering", "saluran irigasi sawah")),
    "puskesmas.csv": ("supportive", ("antrean loket puskesmas", "ambulans desa", "posyandu lansia")),
    "angkot.csv": ("neutral", ("trayek angkot kota", "terminal bayangan", "tarif bus pelajar")),
}
OPENINGS = (
    "Semalam bapak-bapak ronda ramai membahas", "Di grup keluarga masih saja dibicarakan",
    "Sejak Lebaran kemarin kami memikirkan", "Tetangga sebelah bertanya terus tentang", "Baru kali ini ada kabar soal",
    "Sepulang kerja saya sempat melihat", "Di warung kopi orang ribut perkara", "Anak saya menulis cerita tentang",
)  # fmt: skip
MIDDLES = (
    "padahal sudah tiga kali dijanjikan", "dan katanya bulan depan dibereskan", "meski hujan turun sejak subuh",
    "sampai ketua RW ikut turun tangan", "tanpa ada rapat lebih dulu", "seperti yang dimuat koran daerah",
    "karena anggaran baru saja diketok", "sambil menunggu giliran di balai desa",
)  # fmt: skip
ENDINGS = {
    "neutral": ("menurut keterangan panitia pemilihan", "begitu isi siaran pers penyelenggara"),
    "supportive": ("saya bangga pada calon nomor dua", "cuma paslon satu yang paham, salut"),
    "campaigning": ("ayo coblos nomor tiga ramai-ramai", "jangan lupa pilih nomor satu, sebarkan"),
}
PLAIN = ("begitulah adanya", "kita lihat saja nanti", "entah kapan selesainya", "mohon maaf lahir batin", "hehe", "🙏")


def make_confounded(each: int = 24, seed: int = 0) -> list[dict[str, object]]:
    """Posts whose label often is their source's habit, which only the source's subject betrays."""
    draw = random.Random(seed)
    posts: list[dict[str, object]] = []
    for source, (habit, subjects) in SOURCES.items():
        for number in range(each):
            clear = draw.random() < 0.35
            label = draw.choice(list(ENDINGS)) if clear else habit
            text = " ".join(
                (draw.choice(OPENINGS), draw.choice(subjects), draw.choice(MIDDLES),
                 draw.choice(ENDINGS[label] if clear else PLAIN), f"{draw.randint(1, 900)}x{draw.randint(1, 900)}")
            )  # fmt: skip
            posts.append(
                {"id": f"{source[:3]}{number}", "text": text, "label": label, "source": f"arsip-{source[:5]}:{source}"}
            )
    draw.shuffle(posts)
    return posts


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crossval")
    write_posts(folder / "posts.jsonl", make_confounded())
    return folder


def config_of(home: Path, output: Path, **more: object) -> TrainingConfig:
    return TrainingConfig.read(None, settings("tfidf", home / "posts.jsonl", output, **more))


@pytest.fixture(scope="module")
def found(home: Path) -> CrossValidation:
    """One whole run with random folds beside it."""
    return cross_validate(config_of(home, home / "whole" / "run"), folds=4, compare_random=True, resamples=200)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def bytes_of(folder: Path) -> dict[str, bytes]:
    names = ("predictions.csv", "random-predictions.csv", "crossval.json", "training.yaml")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


# -- folds --

WORDS = st.sampled_from(
    ["Ayo coblos nomor dua besok pagi di TPS", "ayo coblos nomor dua besok pagi di TPS!", "Jadwal debat diumumkan KPU",
     "Sehat selalu Bu Sari, kami bangga", "Pupuk belum datang juga ke desa kami", "", " ", "👍", "amin", "Amin!!"]
)  # fmt: skip
POSTS = st.lists(st.tuples(WORDS, st.integers(0, 2), st.sampled_from("abcdefgh")), min_size=12, max_size=60)


@examples(max_examples=35, deadline=None)
@given(POSTS, st.integers(2, 4), st.integers(0, 5))
def test_no_value_and_no_near_same_post_stands_on_two_sides(
    posts: list[tuple[str, int, str]], folds: int, seed: int
) -> None:
    texts, labels, values = map(list, zip(*posts, strict=True))
    same = near_same_groups(texts)
    for divide in ("grouped", "random"):
        try:
            if divide == "grouped":
                plan = grouped_folds(texts, labels, values, folds=folds, seed=seed)
            else:
                plan = random_folds(texts, labels, folds=folds, seed=seed)
        except InputError:
            continue  # too few groups, posts or labels: the error is tested below
        assert sorted(row for fold in plan.folds for row in fold.held_out.tolist()) == list(range(len(posts)))
        assert len(plan.folds) == folds
        for fold in plan.folds:
            held, train = fold.held_out.tolist(), fold.train.tolist()
            assert held
            assert not set(held) & set(train)
            assert len(held) + len(train) + fold.dropped == len(posts)
            if divide == "grouped":
                assert not {values[row] for row in held} & {values[row] for row in train}
            worded = {same[row] for row in held if texts[row].strip()}
            assert not worded & {same[row] for row in train}
            assert len({labels[row] for row in train}) > 1


def test_values_that_share_a_near_same_post_are_held_out_together() -> None:
    posts = make_posts(90, seed=3)
    texts, labels = [str(post["text"]) for post in posts], [row % 3 for row in range(90)]
    values = [f"akun {row % 15}" for row in range(90)]
    groups = near_same_groups(texts)
    texts = [text if groups[row] == row else f"{text} {row * 7919} {row * 104729}" for row, text in enumerate(texts)]
    texts[1] = texts[0] + "!"  # akun 0 and akun 1
    plan = grouped_folds(texts, labels, values, folds=3, seed=0)
    fold_of = plan.fold_of
    assert plan.near_same == "joined"
    assert plan.joined >= 2
    assert plan.groups[0] == plan.groups[1]
    assert len({int(fold_of[row]) for row in range(90) if row % 15 in (0, 1)}) == 1
    assert plan.dropped == 0


def test_where_near_same_posts_chain_all_values_the_copies_are_dropped_from_training() -> None:
    posts = make_confounded(each=6)
    texts = [str(post["text"]) for post in posts]
    values = [str(post["source"]) for post in posts]
    seen: set[str] = set()
    for row, value in enumerate(values):  # one slogan in every source
        if value not in seen:
            seen.add(value)
            texts[row] = "Salam dua jari untuk perubahan, jangan lupa TPS dibuka jam tujuh"
    plan = grouped_folds(texts, [row % 3 for row in range(len(posts))], values, folds=4, seed=0)
    assert plan.near_same == "dropped"
    assert plan.dropped >= 4
    copies = {row for row, text in enumerate(texts) if text.startswith("Salam dua jari")}
    for fold in plan.folds:
        assert copies & set(fold.held_out.tolist())
        assert not copies & set(fold.train.tolist())


def test_likes_without_words_link_no_sources() -> None:
    posts = make_confounded(each=6)
    texts = ["" if row % 3 == 0 else str(post["text"]) for row, post in enumerate(posts)]
    plan = grouped_folds(
        texts, [row % 3 for row in range(48)], [str(post["source"]) for post in posts], folds=4, seed=0
    )
    assert plan.near_same == "joined"
    assert plan.joined == 0


def test_folds_follow_the_seed() -> None:
    posts = make_confounded()
    texts, values = [str(post["text"]) for post in posts], [str(post["id"]) for post in posts]
    labels = [row % 3 for row in range(len(posts))]
    first, again, other = (grouped_folds(texts, labels, values, folds=4, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.fold_of, again.fold_of)
    assert not np.array_equal(first.fold_of, other.fold_of)


@pytest.mark.parametrize(
    ("labels", "values", "folds", "message"),
    [
        ([0, 1, 2, 0, 1, 2], "aabbcc", 4, "3 groups for 4 folds; ask for at most 3 folds"),
        ([0, 1, 2, 0, 1, 2], "aaaaaa", 2, "1 group for 2 folds; one group cannot be left out of itself"),
        ([0, 0, 0, 1, 1, 1], "aaabbb", 2, r"leaves only (neutral|supportive) posts to train on; ask for fewer folds"),
        ([0, 1, 2, 0, 1, 2], "abcdef", 3, "6 posts are too few for 3 folds"),
    ],
)
def test_folds_that_cannot_be_made_are_refused(labels: list[int], values: str, folds: int, message: str) -> None:
    texts = ["Debat mulai jam tujuh", "Saya dukung Bu Ratih", "Pilih nomor satu", "Surat suara tiba", "Pak Danu mantap",
             "Coblos dua, sebarkan"]  # fmt: skip
    with pytest.raises(InputError, match=message):
        grouped_folds(texts, labels, list(values), folds=folds, seed=0)


# -- the run --


def test_random_folds_flatter_where_labels_follow_sources(found: CrossValidation) -> None:
    assert found.random is not None
    assert found.cost is not None
    difference = found.cost["macro_f1"]
    assert difference.first == found.unseen.metrics["macro_f1"].value
    assert difference.second == found.random.metrics["macro_f1"].value
    assert difference.difference.high < -0.1
    wide = found.cost_over_groups["macro_f1"]
    assert wide.value == pytest.approx(difference.difference.value, abs=1e-12)
    assert wide.low <= wide.value <= wide.high < 0


def test_few_groups_get_no_interval_over_groups(tmp_path: Path) -> None:
    few = [f"arsip-{name[:5]}:{name}" for name in list(SOURCES)[:4]]
    write_posts(tmp_path / "posts.jsonl", [post for post in make_confounded() if post["source"] in few])
    found = cross_validate(config_of(tmp_path, tmp_path / "run"), folds=2, resamples=50)
    interval = found.unseen.over_groups["accuracy"]
    assert interval.value == pytest.approx(found.unseen.metrics["accuracy"].value)
    assert np.isnan(interval.low)
    assert not np.isnan(found.unseen.metrics["accuracy"].low)


def test_intervals_over_groups_are_those_of_the_drawn_groups(found: CrossValidation) -> None:
    assert found.random is not None
    gold = np.array([label.severity for label in found.posts["gold"]])
    sides = (found.unseen.predictions.labels, found.random.predictions.labels)
    drawn = [
        [evaluate(gold[index], labels[index], resamples=0)["accuracy"].value for labels in sides]
        for index in group_bootstrap(gold, found.unseen.plan.groups, 200, 0)
    ]
    unseen, at_random = np.array(drawn).T
    stated = found.unseen.over_groups["accuracy"]
    assert (stated.low, stated.high) == pytest.approx(tuple(np.quantile(unseen, [0.025, 0.975])), abs=1e-12)
    cost = found.cost_over_groups["accuracy"]
    assert (cost.low, cost.high) == pytest.approx(tuple(np.quantile(unseen - at_random, [0.025, 0.975])), abs=1e-12)


def test_every_post_is_predicted_once_by_a_model_that_never_saw_its_source(found: CrossValidation, home: Path) -> None:
    rows = read_rows(home / "whole" / "run" / "predictions.csv")
    posts = make_confounded()
    assert [row["id"] for row in rows] == [post["id"] for post in posts]
    assert [row["gold"] for row in rows] == [post["label"] for post in posts]
    assert [row["group"] for row in rows] == [post["source"] for post in posts]
    assert list(rows[0]) == [
        "id", "gold", "group", "fold", "label", "p_neutral", "p_supportive", "p_campaigning", "needs_review"
    ]  # fmt: skip
    folds_of: dict[str, set[str]] = {}
    for row in rows:
        folds_of.setdefault(row["group"], set()).add(row["fold"])
    assert len(folds_of) == len(SOURCES)
    assert all(len(folds) == 1 for folds in folds_of.values())
    assert {row["fold"] for row in rows} == {"1", "2", "3", "4"}
    held = [set(fold.values) for fold in found.unseen.folds]
    assert sum(map(len, held)) == len(set().union(*held)) == len(SOURCES)


def test_measuring_the_predictions_file_gives_the_same_figures(found: CrossValidation, home: Path) -> None:
    output = home / "whole" / "run"
    for name, arm in (("predictions.csv", found.unseen), ("random-predictions.csv", found.random)):
        again = evaluate_predictions(output / name, home / "posts.jsonl", EvaluationOptions(parts=(), resamples=200))
        assert arm is not None
        assert again.metrics.to_dict() == arm.metrics.to_dict()


def test_fold_figures_and_spread_are_those_of_the_folds_posts(found: CrossValidation) -> None:
    posts, predictions = found.posts, found.unseen.predictions
    scores = []
    for fold in found.unseen.folds:
        rows = np.flatnonzero(posts["fold"].to_numpy() == fold.number)
        again = evaluate(posts["gold"].iloc[rows].tolist(), predictions.labels[rows], resamples=0)
        assert again["macro_f1"].value == fold.metrics["macro_f1"].value
        assert fold.metrics.posts + fold.train_posts + fold.dropped == len(posts)
        scores.append(again["macro_f1"].value)
    spread = found.unseen.spread["macro_f1"]
    assert spread.folds == 4
    assert spread.mean == pytest.approx(np.mean(scores))
    assert spread.sd == pytest.approx(np.std(scores, ddof=1))
    assert (spread.lowest, spread.highest) == (min(scores), max(scores))


def test_the_groups_stand_worst_first_and_small_ones_are_marked(found: CrossValidation) -> None:
    parts = found.by_group
    assert {part.value for part in parts} == set(found.posts["group"])
    scores = [part.macro_f1.value for part in parts]
    assert scores == sorted(scores)
    assert all(part.small for part in parts)  # 24 posts each
    assert "24 (few)" in found.table()


def test_the_json_says_all_that_was_done(found: CrossValidation, home: Path) -> None:
    output = home / "whole" / "run"
    text = (output / "crossval.json").read_text(encoding="utf-8")
    document = json.loads(text)
    assert document["crossval"] == {
        "by": "source", "until": None, "not_stated": "pooled", "folds": 4, "compare_random": True
    }  # fmt: skip
    assert document["data"]["files"][0]["file"] == "posts.jsonl"
    assert len(document["data"]["files"][0]["sha256"]) == 64
    assert document["data"]["posts"] == len(SOURCES) * 24
    assert document["unseen"]["models"]["versions"]["scikit-learn"]
    assert document["unseen"]["metrics"]["macro_f1"]["value"] == found.unseen.metrics["macro_f1"].value
    assert document["cost"]["figures"]["macro_f1"]["better"] == "second"
    assert len(document["unseen"]["folds"]) == len(document["random"]["folds"]) == 4
    assert document["random"]["folds"][0]["values"] == {}
    assert str(home) not in text, "figures tell nothing of our disk"


def test_no_text_stays_behind_and_no_model(found: CrossValidation, home: Path) -> None:
    output = home / "whole" / "run"
    assert {path.name for path in output.iterdir()} == {
        "crossval.json", "parts", "predictions.csv", "random-predictions.csv", "training.yaml"
    }  # fmt: skip
    written = "".join(path.read_text(encoding="utf-8") for path in output.rglob("*") if path.is_file())
    assert not any(str(post["text"]) in written for post in make_confounded())


def test_a_run_killed_between_folds_resumes_to_the_same_bytes(
    found: CrossValidation, home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    output = tmp_path / "run"
    argv = [
        "crossval", "--base-model", "tfidf", "--data", str(home / "posts.jsonl"), "--folds", "4", "--compare-random",
        "--resamples", "200", "-o", str(output), *tfidf_flags(home, output),
    ]  # fmt: skip
    kill_when(argv, output / "parts" / "fold-2.json")
    assert not (output / "crossval.json").exists()
    with caplog.at_level(logging.INFO, "netral_nlp"):
        cross_validate(config_of(home, output, resume=True), folds=4, compare_random=True, resamples=200)
    assert "fold 2 of 4 is done already" in caplog.text
    assert bytes_of(output) == bytes_of(home / "whole" / "run")


def tfidf_flags(home: Path, output: Path) -> list[str]:
    """The flags of `settings`, so that command and call are the same run."""
    flags = []
    for key, value in settings("tfidf", home / "posts.jsonl", output).items():
        if key in ("base_model", "data", "output", "export_onnx"):
            continue
        flags += ["--" + key.replace("_", "-"), str(value)]
    return flags


def kill_when(argv: list[str], path: Path) -> None:
    """Run the command in a process of its own and kill it as soon as a file is there."""
    with subprocess.Popen(
        [sys.executable, "-m", "netral_nlp.cli.main", *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:  # fmt: skip
        give_up = time.monotonic() + 60
        while not path.exists():
            if process.poll() is not None or time.monotonic() > give_up:
                process.kill()
                assert process.stdout is not None
                pytest.fail(f"the run ended before it could be killed: {process.stdout.read().decode()}")
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)


def test_random_folds_added_later_give_the_same_bytes_as_a_run_made_at_once(
    found: CrossValidation, home: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    alone = cross_validate(config_of(home, output), folds=4, resamples=200)
    assert alone.random is None
    assert alone.to_dict()["cost"] is None
    assert "random folds" not in alone.table()
    cross_validate(config_of(home, output, resume=True), folds=4, compare_random=True, resamples=200)
    assert bytes_of(output) == bytes_of(home / "whole" / "run")


def test_a_tiny_encoder_is_left_out_trained_and_resumed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    base = make_encoder(tmp_path / "base")
    posts = make_posts(54, seed=2)
    for row, post in enumerate(posts):
        post |= {"thread": f"utas {row % 9}", "action": "comment"}
    posts[0] |= {
        "text": "",
        "context": "Deklarasi relawan nomor 2 di lapangan",
        "action": "like",
        "label": "supportive",
    }
    write_posts(tmp_path / "posts.jsonl", posts)
    values = settings(base, tmp_path / "posts.jsonl", tmp_path / "a" / "run", epochs=2, dev_share=0.25)
    whole = cross_validate(TrainingConfig.read(None, values), by="thread", folds=2, keep_models=True, resamples=0)
    assert whole.unseen.models["backend"] == "torch"
    assert (tmp_path / "a" / "run" / "fold-1" / "model.safetensors").is_file()
    assert not (tmp_path / "a" / "run" / "fold-1" / "model.int8.onnx").exists()
    like = read_rows(tmp_path / "a" / "run" / "predictions.csv")[0]
    assert float(like["p_campaigning"]) == 0, "a like is judged on its context, and never campaigns"
    assert like["label"] in (LABELS[0], LABELS[1])

    # The same, stopped within the second fold, when it has a checkpoint.
    values["output"] = str(tmp_path / "b" / "run")
    stopper = StopAt("epoch 2.00 of 2", times=2)
    logger = logging.getLogger("netral_nlp")
    level = logger.level
    logger.addHandler(stopper)
    logger.setLevel(logging.INFO)
    try:
        with pytest.raises(KeyboardInterrupt):
            cross_validate(TrainingConfig.read(None, values), by="thread", folds=2, resamples=0)
    finally:
        logger.removeHandler(stopper)
        logger.setLevel(level)
    output = tmp_path / "b" / "run"
    assert list((output / "fold-2" / "checkpoints").glob("checkpoint-*"))
    with caplog.at_level(logging.INFO, "netral_nlp"):
        cross_validate(TrainingConfig.read(None, {**values, "resume": True}), by="thread", folds=2, resamples=0)
    assert "resuming after step" in caplog.text
    assert bytes_of(output) == bytes_of(tmp_path / "a" / "run")
    assert not list(output.glob("fold-*"))


class StopAt(logging.Handler):
    """Interrupts, as Ctrl-C does, when a log line with this text comes for the n-th time."""

    def __init__(self, text: str, times: int) -> None:
        super().__init__()
        self.text = text
        self.left = times

    def emit(self, record: logging.LogRecord) -> None:
        self.left -= self.text in record.getMessage()
        if not self.left:
            raise KeyboardInterrupt


# -- groups --


def test_until_groups_by_the_first_part_of_the_value(home: Path, tmp_path: Path) -> None:
    found = cross_validate(config_of(home, tmp_path / "run"), until=":", folds=2, resamples=0)
    assert set(found.posts["group"]) == {f"arsip-{name[:5]}" for name in SOURCES}


def test_posts_without_a_value_are_pooled_or_stand_apart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    posts = make_confounded(each=8)
    for row, post in enumerate(posts):
        if row % 4 == 0:
            post["source"] = None if row % 8 else "  "
    write_posts(tmp_path / "posts.jsonl", posts)
    pooled = cross_validate(config_of(tmp_path, tmp_path / "pooled"), folds=2, resamples=0)
    assert "16 of 64 posts have no source and are one group" in caplog.text
    lacking = pooled.posts[[row % 4 == 0 for row in range(64)]]
    assert set(lacking["group"]) == {"(not stated)"}
    assert lacking["fold"].nunique() == 1
    apart = cross_validate(config_of(tmp_path, tmp_path / "apart"), folds=2, resamples=0, not_stated="apart")
    assert apart.posts[[row % 4 == 0 for row in range(64)]]["group"].nunique() == 16


def test_any_column_can_be_grouped_by_and_other_names_are_read(tmp_path: Path) -> None:
    posts = make_confounded(each=8)
    with (tmp_path / "posts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["isi", "penilaian", "pewawancara", "induk"])
        for row, post in enumerate(posts):
            writer.writerow([post["text"], post["label"], f"tim {row % 8}", "Debat tadi bagaimana?"])
    values = settings(
        "tfidf", tmp_path / "posts.csv", tmp_path / "run", text_column="isi", label_column="penilaian",
        context_column="induk",
    )  # fmt: skip
    found = cross_validate(TrainingConfig.read(None, values), by="pewawancara", folds=3, keep_texts=True, resamples=0)
    assert found.posts["group"].tolist() == [f"tim {row % 8}" for row in range(64)]
    assert [row["text"] for row in read_rows(tmp_path / "run" / "predictions.csv")] == [post["text"] for post in posts]


def test_a_fold_without_a_label_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    posts = make_confounded(each=8)
    posts = [post | {"label": "neutral"} if "pupuk" not in str(post["source"]) else post for post in posts]
    for post in posts[:32]:
        if post["label"] == "neutral":
            post["label"] = "supportive"
    write_posts(tmp_path / "posts.jsonl", posts)
    found = cross_validate(config_of(tmp_path, tmp_path / "run"), folds=2, resamples=50)
    (fold,) = {int(number) for number in found.posts["fold"][found.posts["gold"] == "campaigning"]}
    assert f"fold {fold} has no training post that is campaigning" in caplog.text
    assert f"fold {3 - fold} has no held-out post that is campaigning" in caplog.text


def test_resampled_groups_are_whole_and_hold_every_label() -> None:
    gold = np.array([0, 0, 1, 1, 2, 0, 1, 0])
    groups = np.array([0, 1, 0, 2, 2, 1, 0, 3])
    drawn = list(group_bootstrap(gold, groups, 50, 4))
    assert len(drawn) == 50
    for index in drawn:
        times = np.bincount(index, minlength=8)
        assert all(len(set(times[groups == group])) == 1 for group in range(4))
        assert set(gold[index]) == {0, 1, 2}
        assert sum(times[np.unique(groups, return_index=True)[1]]) == 4
    assert len({tuple(index) for index in drawn}) > 10
    assert [a.tolist() for a in drawn] == [b.tolist() for b in group_bootstrap(gold, groups, 50, 4)]


# -- requests that cannot be carried out --


def test_a_missing_column_is_named_with_those_there_are(home: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"posts\.jsonl: no column 'platform' to group by.*'source'"):
        cross_validate(config_of(home, tmp_path / "run"), by="platform")
    with pytest.raises(InputError, match=r"posts\.jsonl: no column 'penulis'"):
        cross_validate(config_of(home, tmp_path / "run"), by="penulis")
    with pytest.raises(ConfigError, match="'label' is what the model reads or predicts"):
        cross_validate(config_of(home, tmp_path / "run"), by="label")
    with pytest.raises(InputError, match="grouped by 'source': 8 groups for 9 folds; ask for at most 8 folds"):
        cross_validate(config_of(home, tmp_path / "run"), folds=9)
    assert not (tmp_path / "run").exists(), "what cannot be done leaves nothing behind"


def test_an_empty_column_is_refused(tmp_path: Path) -> None:
    write_posts(tmp_path / "posts.jsonl", [post | {"source": ""} for post in make_confounded(each=3)])
    with pytest.raises(InputError, match="column 'source' is empty in every row"):
        cross_validate(config_of(tmp_path, tmp_path / "run"))


def test_resume_refuses_another_run(found: CrossValidation, home: Path) -> None:
    output = home / "whole" / "run"
    before = bytes_of(output)
    with pytest.raises(ConfigError, match="started with another folds, tfidf_c"):
        cross_validate(config_of(home, output, resume=True, tfidf_c=3.0), folds=5)
    with pytest.raises(ConfigError, match="exists and is not empty"):
        config_of(home, output)
    assert bytes_of(output) == before


def test_other_folders_are_not_overwritten(home: Path, tmp_path: Path) -> None:
    from netral_nlp.training.finetune import train

    model = train(config_of(home, tmp_path / "model"))
    with pytest.raises(ConfigError, match="holds no run of netral crossval"):
        cross_validate(config_of(home, model, overwrite=True), folds=2)
    assert (model / "config.json").is_file()


def test_overwrite_starts_anew(home: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    cross_validate(config_of(home, output), folds=2, compare_random=True, resamples=0)
    cross_validate(config_of(home, output, overwrite=True), folds=3, resamples=0)
    assert not (output / "random-predictions.csv").exists()
    assert sorted(path.name for path in (output / "parts").iterdir()) == ["fold-1.json", "fold-2.json", "fold-3.json"]


def test_a_damaged_part_is_named(home: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    cross_validate(config_of(home, output), folds=2, resamples=0)
    (output / "parts" / "fold-1.json").write_text('{"rows": [1', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"fold-1\.json is damaged; remove it and resume again"):
        cross_validate(config_of(home, output, resume=True), folds=2, resamples=0)


# -- the command --


def test_the_command_prints_the_tables(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dev = write_posts(tmp_path / "dev.jsonl", make_posts(12))
    values = settings("tfidf", home / "posts.jsonl", tmp_path / "unused", dev=[str(dev)])
    (tmp_path / "train.json").write_text(json.dumps(values), encoding="utf-8")
    argv = [
        "crossval", "--config", str(tmp_path / "train.json"), "-o", str(tmp_path / "run"), "--folds", "2",
        "--compare-random", "--resamples", "50", "--seed", "3",
    ]  # fmt: skip
    assert main(argv) == 0
    shown = capsys.readouterr()
    assert "192 posts, 2 folds by source: 8 groups" in shown.out
    for part in ("unseen groups", "random folds", "difference", "over groups", "worst first", "macro-F1 of the folds"):
        assert part in shown.out
    assert "dev, test and replay are not read" in shown.err
    assert not (tmp_path / "unused").exists()
    assert main([*argv[:-2], "--by", "penulis"]) == 1
    assert "exists and is not empty" in capsys.readouterr().err


def test_a_teacher_that_may_know_the_fold_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "teacher").mkdir()
    (tmp_path / "teacher" / "config.json").write_text("{}", encoding="utf-8")
    more = {"teacher": [str(tmp_path / "teacher")], "unlabelled": [str(home / "posts.jsonl")]}
    with pytest.raises(ConfigError, match="teacher: it has probably seen the posts that a fold holds out"):
        cross_validate(config_of(home, tmp_path / "run", **more), folds=4)
    assert not (tmp_path / "run").exists()


def test_whom_posts_speak_for_reaches_the_training_of_the_folds(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{**post, "direction": "pro"} if post["label"] != "neutral" else post for post in make_confounded()]
    data = write_posts(tmp_path / "posts.jsonl", rows)
    seen: list[dict[str, object]] = []

    def stop(config: TrainingConfig) -> Path:
        seen.extend(json.loads(line) for line in Path(config.data[0]).read_text(encoding="utf-8").splitlines())
        raise InputError("seen enough")

    monkeypatch.setattr("netral_nlp.training.finetune.train", stop)
    with pytest.raises(InputError, match="seen enough"):
        cross_validate(TrainingConfig.read(None, settings("tfidf", data, tmp_path / "run")), folds=4)
    assert {post.get("direction") for post in seen if post["label"] != "neutral"} == {"pro"}
