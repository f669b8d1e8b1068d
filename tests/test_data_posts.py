"""The posts written for the project and the labels of public posts are what the data card says."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from netral_nlp.corpus.agreement import agreement
from netral_nlp.corpus.duplicates import near_duplicates_across, near_same_groups
from netral_nlp.corpus.label_file import read_label_files
from netral_nlp.evaluation.suites import suite_texts
from netral_nlp.inference.actions import Action

DATA = Path(__file__).parents[1] / "data"
CARD = (DATA / "README.md").read_text(encoding="utf-8")
LABELS = ("neutral", "supportive", "campaigning")
SIDES = ("pro", "contra", "both")
PLATFORMS = {"facebook", "instagram", "tiktok", "whatsapp_status", "whatsapp_group", "x", "youtube"}
REGISTERS = {"formal", "everyday", "slang", "regional"}
PROVINCES = 38
SHORT = 25
"""Comments of fewer characters are compared together with what they answer: "gas 🔥" may be said twice."""
ALIKE = 0.5
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


@pytest.fixture(scope="module")
def posts():
    return [json.loads(line) for line in (DATA / "posts.jsonl").read_text(encoding="utf-8").splitlines()]


def public_labels():
    return read_label_files([DATA / "labels" / "public_posts.csv"]).rows


def skeleton(text):
    """A post without what is easily swapped: handles, names inside a sentence, numbers."""
    text = re.sub(r"@\w+|\S+://\S+", " ", text)
    text = re.sub(r"(?<!^)(?<![.!?\n] )\b[A-Z][a-z]+\b", "N", text)
    return " ".join(re.sub(r"\d+", "0", text).lower().split())


def compared(post):
    text = skeleton(post["text"])
    return text if len(text) >= SHORT or not post["context"] else f"{text} < {skeleton(post['context'])}"


def test_every_post_has_what_the_card_promises(posts):
    fields = {
        "id", "text", "context", "action", "label", "direction", "platform", "register", "topic", "region", "role",
        "hard", "source", "split", "annotators", "unsure", "settled", "writer", "reader", "writer_direction",
        "reader_direction",
    }  # fmt: skip
    for post in posts:
        assert set(post) == fields
        assert post["label"] in LABELS
        assert post["direction"] in SIDES if post["label"] != "neutral" else post["direction"] is None
        assert post["split"] in ("train", "test")
        assert bool(post["text"]) != Action.parse(post["action"]).wordless
        assert bool(post["context"]) == (post["action"] != "post")
        assert post["platform"] in PLATFORMS
        assert post["register"] in REGISTERS
        assert all(re.fullmatch("[a-z_]+", post[name]) for name in ("topic", "role"))
        assert not post["hard"] or post["label"] == "neutral"
    assert len({post["id"] for post in posts}) == len(posts)


def test_the_mix_is_the_one_that_was_planned(posts):
    labels = Counter(post["label"] for post in posts)
    assert len(posts) >= 4000
    assert min(labels.values()) >= 0.25 * len(posts)
    assert sum(post["hard"] for post in posts) >= len(posts) / 3
    assert sum(post["context"] is not None for post in posts) >= 1000
    assert {post["platform"] for post in posts} == PLATFORMS
    assert len({post["region"] for post in posts} - {"Nasional"}) == PROVINCES
    lengths = [len(post["text"].split()) for post in posts if post["text"]]
    assert min(lengths) == 1
    assert max(lengths) > 100
    assert sum(length <= 5 for length in lengths) > 300
    assert sum(length >= 60 for length in lengths) > 150


def test_no_two_posts_share_a_skeleton(posts):
    groups = near_same_groups([compared(post) for post in posts], ALIKE)
    assert [posts[row]["id"] for row, group in enumerate(groups) if row != group] == []


def test_no_post_resembles_a_case_of_the_behaviour_suites(posts):
    cases = [skeleton(text) for text in suite_texts() if len(text.split()) >= 4]
    found = near_duplicates_across([compared(post) for post in posts if post["text"]], cases, ALIKE)
    assert found == []


def test_test_posts_resemble_no_training_post_and_nothing_that_one_answers(posts):
    texts = {"train": [], "test": []}
    for post in posts:
        words = [text for text in (post["text"], post["context"]) if text]
        texts[post["split"]] += [text for text in words if len(text.split()) >= 4]
    assert len(texts["test"]) > 400
    assert near_duplicates_across(texts["test"], texts["train"], ALIKE) == []


def test_disagreements_of_writer_and_reader_are_settled_and_kept(posts):
    for post in posts:
        differ = post["writer"] != post["reader"] or post["writer_direction"] != post["reader_direction"]
        assert post["settled"] == differ
        assert post["annotators"] == (3 if differ else 2)
        if not differ:
            assert (post["label"], post["direction"]) == (post["writer"], post["writer_direction"])
    assert any(post["settled"] for post in posts)


def test_the_card_states_the_agreement_of_writer_and_reader(posts):
    ratings = {name: [post[name] for post in posts] for name in ("writer", "reader")}
    alpha = agreement(ratings, resamples=0).alpha_nominal.value
    assert alpha >= 0.85
    assert f"alpha {alpha:.3f}" in CARD


def test_no_post_points_to_a_person_or_page(posts):
    number = r"(?:\+62|\b08)(?:[ -]?\d){8,}|\b\d{16}\b"
    page = r"https?://(?!tautan\.example/)|\b(?:bit\.ly|wa\.me|t\.me|linktr\.ee)\b|\w@\w+\.\w"
    handle = r"(?<![\w.])@(?!user\b|\d)\w"
    for post in posts:
        words = f"{post['text']} {post['context'] or ''}"
        assert not re.search(f"{number}|{page}|{handle}", words), post["id"]


def test_the_label_file_holds_labels_and_no_texts():
    with (DATA / "labels" / "public_posts.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames is not None
        assert set(reader.fieldnames) == {
            "sha256", "label", "direction", "split", "source", "annotators", "platform", "year", "unsure", "drawn",
        }  # fmt: skip
        rows = list(reader)
    assert all(re.fullmatch("[0-9a-f]{64}", row["sha256"]) for row in rows)
    assert len({row["sha256"] for row in rows}) == len(rows) == len(public_labels())
    splits = Counter(row["split"] for row in rows)
    assert set(splits) == {"train", "dev", "test"}
    for row in rows:
        assert (row["direction"] in SIDES) == (row["label"] != "neutral")
        if row["split"] == "test":
            assert int(row["annotators"]) >= 2
            assert row["drawn"] == "random"
        assert row["label"] in LABELS
        assert row["platform"] in ("twitter", "youtube", "news")
        assert re.fullmatch(r"(?:20\d\d)?", row["year"])
        assert row["unsure"] in ("true", "false")
        assert REPOSITORY.fullmatch(row["source"].split(":")[0])


def test_no_source_of_the_label_file_is_a_post():
    sources = {row.fields["source"] for row in public_labels()}
    assert len(sources) < 200
    assert all(re.fullmatch(r"[^:]+:.+\.(?:csv|xlsx?|json|tsv|txt|parquet)(?:[#:!].*)?", source) for source in sources)


def test_the_card_states_the_agreement_of_the_second_round():
    with (DATA / "labels" / "second_readings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    hashes = {row.sha256: row.label.value for row in public_labels()}
    assert len({row["sha256"] for row in rows}) == len(rows)
    assert all(hashes.get(row["sha256"], "skip") == row["label"] for row in rows)
    alpha = agreement({name: [row[name] for row in rows] for name in ("first", "second")}, resamples=0).alpha_nominal
    assert alpha.value >= 0.88
    assert f"**{alpha.value:.3f} [" in CARD


def test_the_card_counts_the_posts_that_are_there(posts):
    for platform, name in (
        ("facebook", "Facebook"),
        ("whatsapp_group", "WhatsApp groups"),
        ("youtube", "YouTube comments"),
    ):
        labels = Counter(post["label"] for post in posts if post["platform"] == platform)
        counts = " | ".join(f"{labels[label]:,}" for label in LABELS)
        assert f"| {name} | {counts} | {sum(labels.values()):,} |" in CARD
    hard = sum(post["hard"] for post in posts)
    assert f"{hard:,} of all ({hard / len(posts):.0%})".replace("%", " %") in CARD
    held_out = sum(post["split"] == "test" for post in posts)
    assert f"{held_out} are marked `test`" in CARD
    for split, drawn in (("train", "uncertain"), ("train", "random"), ("test", "random")):
        rows = [row for row in public_labels() if (row.fields["split"], row.fields["drawn"]) == (split, drawn)]
        line = next(line for line in CARD.splitlines() if line.startswith(f"| {split} | `{drawn}` |"))
        assert f" | {len(rows):,} | " in line


def test_every_labelled_source_is_named_with_its_commit():
    with (DATA / "labels" / "sources.csv").open(encoding="utf-8", newline="") as file:
        sources = {row["repository"]: row for row in csv.DictReader(file)}
    labels = Counter(row.fields["source"].split(":")[0] for row in public_labels())
    assert {name: int(row["labels"]) for name, row in sources.items()} == labels
    assert all(re.fullmatch("[0-9a-f]{40}", row["commit"]) and row["licence"] for row in sources.values())
