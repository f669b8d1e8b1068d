"""The contrast sets are what the data card says: valid, mixed, evenly named, and apart from what measures."""

import json
import re
from collections import Counter, defaultdict

import pytest
from test_data_posts import ALIKE, CARD, DATA, LABELS, SIDES, compared

from netral_nlp.corpus.duplicates import near_duplicates_across
from netral_nlp.evaluation.suite_data import read_names, whole_words
from netral_nlp.evaluation.suites import suite_texts
from netral_nlp.inference.actions import Action

ROWS = CARD.partition("### Contrast sets\n")[2].partition("\n### ")[0].splitlines()
SECTION = " ".join(" ".join(ROWS).split())
SOURCES = {f"written:c{number:02}" for number in range(1, 20)}
IN_SETS = SOURCES - {"written:c09", "written:c10"}
"""The other two hold pairs that may share a label, and single posts."""
PBB = whole_words(["(?<!angket )(?<! di )pbb(?! naik)"])
"""The party: the same letters are a tax, which rises or is inquired into, and the United Nations, where one speaks."""
NEAR_COPY = 0.7
EVEN = 1.5
STRETCH = 40


@pytest.fixture(scope="module")
def posts():
    return read("contrast_sets.jsonl")


@pytest.fixture(scope="module")
def sets(posts):
    members = defaultdict(list)
    for post in posts:
        members[post["set"]].append(post)
    return members


def read(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def words(post):
    return f"{post['text']} {post['context'] or ''}"


def texts(posts):
    return [text for post in posts for text in (post["text"], post["context"]) if text]


def stretches(text):
    text = " ".join(text.lower().split())
    return {text[start : start + STRETCH] for start in range(len(text) - STRETCH + 1)}


def cells(posts):
    labels = Counter(post["label"] for post in posts)
    return " | ".join(f"{count:,}" for count in [*(labels[label] for label in LABELS), len(posts)])


def named(posts, patterns):
    return [post for post in posts if any(pattern.search(words(post)) for pattern in patterns)]


def figures():
    return {name.name: name.pattern for name in read_names().candidates}


def parties():
    return {name.name: PBB if name.name == "PBB" else name.pattern for name in read_names().parties}


def test_every_post_has_what_the_card_promises(posts):
    fields = {
        "id", "text", "context", "action", "label", "direction", "topic", "hard", "set", "source", "split",
        "annotators", "unsure", "writer", "reader",
    }  # fmt: skip
    for post in posts:
        assert set(post) == fields
        assert re.fullmatch("[0-9a-f]{16}", post["id"])
        assert post["text"].strip()
        assert not Action.parse(post["action"]).wordless
        assert bool(post["context"]) == (post["action"] == "comment")
        assert post["label"] in LABELS
        assert post["direction"] in SIDES if post["label"] != "neutral" else post["direction"] is None
        assert re.fullmatch("[a-z0-9'-]+", post["topic"])
        assert post["source"] == f"written:{post['set'].split('-')[0]}"
        assert post["split"] in ("train", "test")
        assert isinstance(post["hard"], bool)
        assert isinstance(post["unsure"], bool)
    assert {post["source"] for post in posts} == SOURCES


def test_ids_are_unique_and_no_other_written_post_has_them(posts):
    ids = [post["id"] for post in posts + read("posts.jsonl")]
    assert len(set(ids)) == len(ids)


def test_no_post_occurs_twice(posts):
    assert len({(post["text"], post["context"]) for post in posts}) == len(posts)


def test_every_set_is_on_one_side_of_the_split(sets):
    assert all(len({post["split"] for post in members}) == 1 for members in sets.values())


def test_labels_and_themes_are_mixed_on_both_sides_of_the_split(posts):
    for split in ("train", "test"):
        labels = Counter(post["label"] for post in posts if post["split"] == split)
        assert min(labels[label] for label in LABELS) >= 0.2 * labels.total()
        assert {post["source"] for post in posts if post["split"] == split} == SOURCES


def test_the_posts_of_a_set_differ_in_label(sets):
    assert max(map(len, sets.values())) <= 4
    several = [members for members in sets.values() if len(members) > 1 and members[0]["source"] in IN_SETS]
    alike = [members[0]["set"] for members in several if len({post["label"] for post in members}) == 1]
    assert len(alike) <= 0.01 * len(several), alike  # the card names how many


def test_writer_and_reader_gave_every_post_its_label(posts):
    for post in posts:
        assert post["writer"] == post["reader"] == post["label"]
        assert post["annotators"] == 2


def test_no_post_is_a_near_copy_of_another_written_post(posts):
    others = [compared(post) for post in read("posts.jsonl") if post["text"]]
    assert near_duplicates_across([compared(post) for post in posts], others, NEAR_COPY) == []


def test_no_post_is_a_near_copy_of_a_case_of_the_behaviour_suites(posts):
    assert near_duplicates_across(texts(posts), sorted(suite_texts()), NEAR_COPY) == []


def test_no_post_shares_a_stretch_with_the_behaviour_suites(posts):
    cases = [*suite_texts(), *(row["text"] for row in read("suites/templates.jsonl"))]
    known = set().union(*map(stretches, cases))
    assert [post["id"] for post in posts if not known.isdisjoint(stretches(words(post)))] == []


def test_test_posts_resemble_no_training_post_and_nothing_that_one_answers(posts):
    sides = {
        split: [text for text in texts(side) if len(text.split()) >= 4]
        for split in ("train", "test")
        for side in [[post for post in posts + read("posts.jsonl") if post["split"] == split]]
    }
    assert near_duplicates_across(sides["test"], sides["train"], ALIKE) == []


def test_no_invented_name_of_the_behaviour_suites_occurs(posts):
    names = read_names()
    invented = [name.name for name in (*names.genders, *names.persons)]
    assert len(invented) == 40
    pattern = whole_words([re.escape(name.lower()) for name in invented])
    assert named(posts, [pattern]) == []


def test_every_slot_is_filled(posts):
    assert [post["id"] for post in posts if re.search("[{}]", words(post))] == []


def test_no_post_points_to_a_person_or_page(posts):
    number = r"(?:\+62|\b08)(?:[ -]?\d){8,}|\b\d{16}\b"
    page = r"https?://(?!tautan\.example/)|\b(?:bit\.ly|wa\.me|t\.me|linktr\.ee)\b|\w@\w+\.\w"
    handle = r"(?<![\w.])@(?!user\b|\d)\w"
    assert [post["id"] for post in posts if re.search(f"{number}|{page}|{handle}", words(post))] == []


def test_parties_are_named_evenly_and_public_figures_not_at_all(posts):
    counts = [len(named(posts, [pattern])) for pattern in parties().values()]
    assert max(counts) <= EVEN * min(counts)
    assert f" {min(counts)} to {max(counts)} posts" in SECTION
    assert named(posts, list(figures().values())) == []


def test_the_card_counts_the_posts_that_are_there(posts):
    held_out = sum(post["split"] == "test" for post in posts)
    assert f"| `contrast_sets.jsonl`, `contrast_sets` | {len(posts):,} | " in CARD
    assert f"training; {held_out} are marked `test`" in CARD
    for split in ("train", "test"):
        assert f"| {split} | {cells([post for post in posts if post['split'] == split])} |" in SECTION
    assert f"| all | {cells(posts)} |" in SECTION
    sides = Counter(post["direction"] for post in posts)
    assert f"{sides['pro']:,} pro, {sides['contra']:,} contra, {sides['both']:,} both" in SECTION
    assert f"{sum(post['context'] is not None for post in posts):,} answer another post" in SECTION
    assert f"{sum(post['unsure'] for post in posts):,} posts are marked `unsure`" in SECTION
    assert f"{sum(len(post['text'].split()) >= 60 for post in posts)} posts have 60 words or more" in SECTION


def test_the_card_counts_the_posts_and_sets_of_every_theme(posts):
    for source in SOURCES:
        theme = [post for post in posts if post["source"] == source]
        line = next(line for line in ROWS if line.startswith(f"| `{source[-3:]}` |"))
        assert line.endswith(f" | {len({post['set'] for post in theme})} | {cells(theme)} |")


def test_the_card_counts_the_sets_by_size_and_labels(sets):
    several = [members for members in sets.values() if len(members) > 1]
    mixed = sum(len({post["label"] for post in members}) > 1 for members in several)
    assert f"{len(several):,} sets of two to four, {mixed:,} of them with two or three labels" in SECTION
    assert f"{len(sets) - len(several)} single posts" in SECTION


def test_the_card_states_for_which_side_posts_name_parties(posts):
    sides = Counter(post["direction"] for post in named(posts, list(parties().values())))
    line = f"{sides['pro']} pro, {sides['contra']} contra, {sides[None]} without a side"
    assert line in SECTION


def test_the_card_owns_that_names_are_rarer_in_neutral_posts_and_women_than_men(posts):
    lists = json.loads((DATA.parent / "src" / "netral_nlp" / "training" / "names.json").read_text(encoding="utf-8"))
    men, women = (
        whole_words([re.escape(name) for names in lists[kind] + lists[f"invented_{kind}"] for name in names])
        for kind in ("m", "f")
    )
    assert f"{len(named(posts, [men])):,} posts name a man, {len(named(posts, [women]))} a woman" in SECTION
    totals = Counter(post["label"] for post in posts)
    hits = Counter(post["label"] for post in named(posts, [men, women]))
    shares = [f"{hits[label] / totals[label]:.0%}".replace("%", " %") for label in LABELS]
    assert "{} of the neutral, {} of the supportive and {} of the campaigning posts".format(*shares) in SECTION
