"""`netral data stats` over several files: answers to one post are put together, posts of a split are not."""

import json

import pytest

from netral_nlp.corpus.annotations.tasks import TaskOptions
from netral_nlp.corpus.stats.measure import StatsOptions, measure_files
from netral_nlp.errors import InputError

TEXTS = ("Jadwal debat kedua diumumkan KPU", "Bangga punya calon bupati yang paham irigasi", "Debat ketiga ditunda")


def jsonl(path, records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


def test_files_of_one_annotator_each_hold_the_same_posts(tmp_path):
    for name, labels in (("ani", ("netral", "memihak")), ("budi", ("netral", "netral"))):
        posts = [{"id": place, "text": TEXTS[place], "label": [label]} for place, label in enumerate(labels)]
        jsonl(tmp_path / f"{name}.jsonl", posts)
    found = measure_files([tmp_path / "ani.jsonl", tmp_path / "budi.jsonl"])
    assert (found.posts, found.balance, found.annotators) == (2, (1, 0, 0, 1), {2: 2})
    assert any("2 tasks were put together" in note for note in found.notes)


def test_rows_of_one_answer_each_make_posts_however_many_are_one_annotators(tmp_path):
    for name in ("ani", "budi"):
        rows = [{"id": f"p{n}", "text": f"{TEXTS[0]} {n}", "annotator": name, "label": "netral"} for n in range(1100)]
        jsonl(tmp_path / f"{name}.jsonl", rows)
    both = tmp_path / "both.jsonl"
    both.write_bytes((tmp_path / "ani.jsonl").read_bytes() + (tmp_path / "budi.jsonl").read_bytes())
    for paths in ([both], [tmp_path / "ani.jsonl", tmp_path / "budi.jsonl"]):
        found = measure_files(paths, StatsOptions(near_posts=0))
        assert (found.posts, found.annotators) == (1100, {2: 1100})


def test_a_post_in_two_imported_files_is_told(tmp_path):
    for name, text in (("train", TEXTS[1]), ("dev", TEXTS[2])):
        row = {"id": "p1", "text": TEXTS[0], "label": "neutral", "ratings": {"ani": "neutral", "budi": "neutral"}}
        jsonl(tmp_path / f"{name}.jsonl", [row, row | {"id": f"p-{name}", "text": text}])
    found = measure_files([tmp_path / "train.jsonl", tmp_path / "dev.jsonl"])
    assert (found.posts, found.annotators, found.repeats.exact.copies) == (4, {2: 4}, 1)


def test_an_adjudicator_who_gave_no_answer_is_named(tmp_path):
    path = jsonl(tmp_path / "posts.jsonl", [{"text": TEXTS[0], "label": "netral"}])
    with pytest.raises(InputError, match="no answers of the adjudicator 'ketua'"):
        measure_files([path], reading=TaskOptions(adjudicator="ketua"))


def test_a_column_of_annotators_that_is_not_there_is_named(tmp_path):
    path = jsonl(tmp_path / "posts.jsonl", [{"text": TEXTS[0], "label": "netral"}])
    with pytest.raises(InputError, match="--annotator-column"):
        measure_files([path], reading=TaskOptions(annotator_column="penilai"))
