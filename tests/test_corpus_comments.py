"""Comments joined with the posts that they answer."""

import json
from pathlib import Path

import pytest

from netral_nlp.corpus.comments import add_contexts, pair_comments
from netral_nlp.errors import InputError
from netral_nlp.labels import Label

DATA = Path(__file__).parents[1] / "data"
COMMENTS, CONTEXTS = DATA / "comments.jsonl", DATA / "contexts.jsonl"


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_label_of_a_pair_follows_its_context():
    by_text = {row["text"]: row for row in rows(COMMENTS)}
    sides = {row["text"]: row["label"] != "neutral" for row in rows(CONTEXTS)}
    train, dev = pair_comments(COMMENTS, CONTEXTS)
    for pair in train + dev:
        comment = by_text[pair["text"]]
        context = pair.get("context")
        field = "under_side" if context is not None and sides[context] else "under_neutral"
        assert pair["label"] == comment[field]


def test_no_comment_and_no_context_is_on_both_sides():
    train, dev = pair_comments(COMMENTS, CONTEXTS)
    for field in ("text", "context", "id"):
        assert not {row[field] for row in train if field in row} & {row[field] for row in dev}
    assert {row["text"] for row in train + dev} == {row["text"] for row in rows(COMMENTS)}
    assert all("context" in row for row in dev)


def test_the_same_seed_gives_the_same_pairs():
    assert pair_comments(COMMENTS, CONTEXTS, seed=3) == pair_comments(COMMENTS, CONTEXTS, seed=3)
    assert pair_comments(COMMENTS, CONTEXTS, seed=3) != pair_comments(COMMENTS, CONTEXTS, seed=4)


def test_a_context_leaves_the_label_of_a_post_as_it_is():
    posts = [{"id": "1", "text": "Fix saya nomor 2, sudah mantap dari dulu", "label": "supportive"}]
    (copy,) = add_contexts(posts, ["Resep sambal matah"])
    assert copy == {**posts[0], "context": "Resep sambal matah", "action": "comment"}
    assert "context" not in posts[0]


@pytest.mark.parametrize("line", ["[]", "{", '{"text": "Gas"}', '{"text": 1, "under_neutral": "neutral"}'])
def test_a_broken_line_is_named(tmp_path, line):
    broken = tmp_path / "comments.jsonl"
    broken.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"comments\.jsonl, line 1"):
        pair_comments(broken, CONTEXTS)


def test_shipped_labels_are_labels():
    for row in rows(COMMENTS):
        assert Label(row["under_neutral"]).severity <= Label(row["under_side"]).severity, row["text"]
    assert {Label(row["label"]) for row in rows(CONTEXTS)} == set(Label)


def test_the_joined_file_that_ships_is_what_the_two_files_give():
    train, dev = pair_comments(COMMENTS, CONTEXTS)
    made = [{**row, "split": split} for split, part in (("train", train), ("dev", dev)) for row in part]
    assert rows(DATA / "comments_in_context.jsonl") == made
