"""From answers to one label a post: majority, adjudicated, soft; every task ends in the posts or in the dropped."""

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netral_nlp.corpus.annotations.consolidate import LABEL_MODES, TIES, import_posts
from netral_nlp.corpus.annotations.tasks import TaskOptions
from netral_nlp.corpus.labelled import read_labelled, text_id
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.formats import write_rows
from netral_nlp.labels import LABELS, Label

N, S, C = LABELS
END = ["skipped by all", "no answer", S, "skipped by the adjudicator"]
TEXT = "Jadwal debat kedua diumumkan KPU"


def jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def wide(path, *rows):
    """Posts with the answers of ani, budi, citra and dewi, and the agreed label."""
    names = ("ani", "budi", "citra", "dewi", "final")
    return jsonl(
        path,
        [
            {"id": f"p{number}", "text": f"{TEXT} {number}"} | dict(zip(names, answers, strict=True))
            for number, answers in enumerate(rows)
        ],
    )


@pytest.fixture
def posts(tmp_path):
    return wide(
        tmp_path / "posts.jsonl",
        ("netral", "netral", "memihak", None, None),
        ("netral", "memihak", None, None, None),
        ("netral", None, None, None, None),
        ("memihak", "memihak", None, None, None),
        ("netral", "memihak", "berkampanye", None, "berkampanye"),
        ("x", "lewati", None, None, None),
        (None, None, None, None, None),
        (None, None, None, None, "memihak"),
        ("netral", None, None, None, "skip"),
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [N, "no majority", N, S, C, *END]),
        (
            {"ties": "milder"},
            [N, N, N, S, C, *END],
        ),
        (
            {"min_annotators": 2},
            [N, "no majority", "too few annotators", S, C, *END],
        ),
        (
            {"labels": "adjudicated"},
            ["not adjudicated", "not adjudicated", "not adjudicated", S, C, *END],
        ),
        ({"labels": "soft"}, [N, N, N, S, C, *END]),
    ],
)
def test_labels_and_reasons(posts, options, expected):
    imported = import_posts(posts, **options)
    assert [post.label or post.reason for post in imported.all] == expected


def test_soft_labels_have_shares(posts):
    frame = import_posts(posts, labels="soft").frame().set_index("id")
    shares = [f"share_{label.value}" for label in LABELS]
    assert frame.loc["p0", shares].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
    assert frame.loc["p1", shares].tolist() == [0.5, 0.5, 0]
    assert frame.loc["p4", shares].tolist() == [0, 0, 1]


def test_rows_say_how_many_annotators_and_whether_they_differ(posts):
    rows = {row["id"]: row for row in import_posts(posts).rows()}
    assert (rows["p0"]["annotators"], rows["p0"]["unsure"]) == (3, True)
    assert rows["p0"]["ratings"] == {"ani": "neutral", "budi": "neutral", "citra": "supportive"}
    assert (rows["p3"]["annotators"], rows["p3"]["unsure"]) == (2, False)
    assert rows["p7"]["adjudicated"] == "supportive"


def test_an_adjudicators_answers_are_final_and_no_ratings(posts):
    imported = import_posts(posts, TaskOptions(adjudicator="citra"))
    assert imported.all[0].label is S
    assert imported.all[0].ratings == {"ani": N, "budi": N}
    assert "citra" not in imported.ratings()
    with pytest.raises(
        InputError, match="no answers of the adjudicator 'eko'; the annotators are 'ani', 'budi', 'citra'"
    ):
        import_posts(posts, TaskOptions(adjudicator="eko"))


@pytest.mark.parametrize("options", [{"labels": "best"}, {"ties": "harsher"}, {"min_annotators": 0}])
def test_wrong_options_are_refused(posts, options):
    with pytest.raises(ConfigError):
        import_posts(posts, **options)


def test_the_later_of_two_answers_counts_by_time_or_place(tmp_path):
    def task(answers):
        return {
            "id": 1,
            "data": {"id": "p1", "text": TEXT},
            "annotations": [
                {
                    "completed_by": 1,
                    "updated_at": at,
                    "was_cancelled": False,
                    "result": [{"from_name": "label", "type": "choices", "value": {"choices": [label]}}],
                }
                for label, at in answers
            ],
        }

    path = tmp_path / "tasks.json"
    for answers, label in (
        ([("netral", "2026-02-01T10:00:00Z"), ("memihak", "2026-01-01T10:00:00Z")], N),
        ([("netral", "2026-02-01T10:00:00Z"), ("memihak", "2026-02-01T18:30:00+09:00")], N),
        ([("netral", "2026-01-01T10:00:00Z"), ("memihak", "2026-02-01T10:00:00Z")], S),
        ([("netral", None), ("memihak", None)], S),
    ):
        path.write_text(json.dumps([task(answers)]), encoding="utf-8")
        imported = import_posts(path)
        assert ([post.label for post in imported.all], imported.replaced) == ([label], 1)


def test_posts_are_put_together_by_id_and_by_content(tmp_path):
    one = jsonl(
        tmp_path / "one.jsonl",
        [
            {"id": "p1", "text": TEXT, "ani": "netral"},
            {"text": "Gas 🔥", "context": "Paslon 1", "ani": "memihak"},
            {"text": "Gas 🔥", "context": "Jadwal KPU", "ani": "netral"},
            {"id": "p8", "text": "Sehat terus Pak", "ani": "netral"},
            {"id": "p9", "text": "Sehat terus Pak", "ani": "memihak"},
            {"id": "7", "text": "Coblos nomor 7", "ani": "berkampanye"},
        ],
    )
    two = jsonl(
        tmp_path / "two.jsonl",
        [
            {"text": "Gas 🔥", "context": "Paslon 1", "budi": "memihak", "platform": "X"},
            {"id": "p1", "text": TEXT, "budi": "netral"},
            {"text": TEXT, "budi": "memihak"},
            {"text": "Sehat terus Pak", "budi": "netral"},
            {"id": "7", "text": "Harga cabai naik", "budi": "netral"},
        ],
    )
    imported = import_posts([one, two])
    found = [(post.id, post.text, post.fields.get("context"), dict(post.ratings), post.tasks) for post in imported.all]
    ids = [text_id("Gas 🔥\nPaslon 1\n"), text_id("Gas 🔥\nJadwal KPU\n")]
    assert found == [
        ("p1", TEXT, None, {"ani": N, "budi": S}, 3),
        (ids[0], "Gas 🔥", "Paslon 1", {"ani": S, "budi": S}, 2),
        (ids[1], "Gas 🔥", "Jadwal KPU", {"ani": N}, 1),
        ("p8", "Sehat terus Pak", None, {"ani": N}, 1),
        ("p9", "Sehat terus Pak", None, {"ani": S}, 1),
        ("7", "Coblos nomor 7", None, {"ani": C}, 1),
        (text_id("Sehat terus Pak"), "Sehat terus Pak", None, {"budi": N}, 1),
        ("7", "Harga cabai naik", None, {"budi": N}, 1),
    ]
    assert imported.all[1].fields["platform"] == "x"
    assert any("1 ids stand for different texts" in note for note in imported.notes)


def test_a_post_without_an_id_that_came_first_joins_its_twin_in_its_place(tmp_path):
    one = jsonl(tmp_path / "one.jsonl", [{"text": TEXT, "ani": "netral"}, {"text": "Coblos 1", "ani": "berkampanye"}])
    two = jsonl(tmp_path / "two.jsonl", [{"id": "p1", "text": TEXT, "budi": "netral"}])
    imported = import_posts([one, two])
    assert (imported.all[0].id, imported.all[0].ratings) == ("p1", {"ani": N, "budi": N})
    assert len(imported.all) == 2


def test_acts_without_words_need_a_context(tmp_path):
    rows = [
        {"id": "1", "text": "", "action": "suka", "context": "Coblos nomor 1", "label": "memihak"},
        {"id": "2", "text": "", "action": "suka", "label": "memihak"},
        {"id": "3", "text": "  ", "label": "netral"},
        {"id": "4", "text": "", "action": "komentar", "context": "Coblos nomor 1", "label": "netral"},
    ]
    imported = import_posts(jsonl(tmp_path / "acts.jsonl", rows))
    assert [post.reason for post in imported.all] == [None, "no text", "no text", "no text"]


def test_likes_of_different_posts_keep_ids_of_their_own(tmp_path):
    rows = [{"text": "", "action": "like", "context": f"Coblos nomor {n}", "label": "memihak"} for n in (1, 2)]
    once = import_posts(jsonl(tmp_path / "acts.jsonl", rows))
    write_rows(tmp_path / "posts.jsonl", once.rows(), columns=once.columns())
    assert len({post.id for post in once.all}) == 2
    assert len(import_posts(tmp_path / "posts.jsonl").all) == 2


def test_two_agreed_labels_that_differ_drop_the_post(tmp_path):
    chosen = [
        {
            "completed_by": user,
            "ground_truth": True,
            "result": [{"from_name": "l", "type": "choices", "value": {"choices": [label]}}],
        }
        for user, label in ((1, "netral"), (2, "memihak"))
    ]
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([{"id": 1, "data": {"text": TEXT}, "annotations": chosen}]), encoding="utf-8")
    assert import_posts(path).reasons == {"adjudicated twice, differently": 1}


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet", "xlsx"])
@pytest.mark.parametrize("labels", LABEL_MODES)
def test_imported_posts_can_be_imported_again(posts, tmp_path, labels, ending):
    once = import_posts(posts, labels=labels)
    path = tmp_path / f"once.{ending}"
    write_rows(path, once.rows(), columns=once.columns())
    again = import_posts(path, labels=labels)
    assert [(post.id, post.label, dict(post.ratings), post.final) for post in again.all] == [
        (post.id, post.label, dict(post.ratings), post.final) for post in once.posts
    ]
    assert again.columns() == once.columns()


def test_dropped_posts_can_be_adjudicated_and_imported_with_the_rest(posts, tmp_path):
    once = import_posts(posts)
    path = tmp_path / "dropped.jsonl"
    write_rows(path, once.dropped)
    as_it_is = import_posts(path)
    assert [(post.id, post.reason) for post in as_it_is.all] == [
        (row["id"], row["reason"] if row["id"] != "p8" else None) for row in once.dropped
    ]
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["adjudicated" if row["id"] == "p1" else "label"] = "memihak"
    decided = jsonl(path, rows)
    both = import_posts([posts, decided])
    assert len(both.all) == len(once.all)
    assert {post.id: post.label for post in both.all if post.id in ("p1", "p5", "p6")} == dict.fromkeys(
        ("p1", "p5", "p6"), S
    )
    assert not any(name in both.all[1].fields for name in ("file", "row", "reason", "file_input"))


def test_the_frame_is_like_that_of_labelled_posts(posts, tmp_path):
    imported = import_posts(posts)
    frame = imported.frame()
    path = tmp_path / "posts.csv"
    write_rows(path, imported.rows(), columns=imported.columns())
    read = read_labelled(path)
    assert frame["id"].tolist() == read["id"].tolist()
    assert frame["label"].tolist() == read["label"].tolist()
    assert frame["unsure"].tolist() == read["unsure"].tolist()
    assert all(isinstance(label, Label) for label in frame["label"])
    assert frame["row"].tolist() == [post.row for post in imported.posts]
    assert set(frame["file"]) == {str(posts)}


_ANSWERS = st.sampled_from([None, "", "netral", "memihak", "Berkampanye", "1. netral", "x", "skip", "netral#memihak"])
_ROWS = st.lists(
    st.fixed_dictionaries(
        {"text": st.sampled_from(["", "Coblos 1", "Gas", "Jadwal debat", "Gas "]), "ani": _ANSWERS, "budi": _ANSWERS},
        optional={
            "id": st.sampled_from(["1", "2", ""]),
            "context": st.sampled_from(["Paslon 1", "Paslon 2"]),
            "action": st.sampled_from(["like", "komentar"]),
            "citra": _ANSWERS,
            "final": st.sampled_from([None, "netral", "memihak", "skip"]),
        },
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(_ROWS, min_size=1, max_size=2),
    labels=st.sampled_from(LABEL_MODES),
    ties=st.sampled_from(TIES),
    least=st.integers(1, 3),
)
def test_every_task_ends_in_the_posts_or_the_dropped_once(tmp_path, files, labels, ties, least):
    marked = [{"text": "Penanda", "id": "m", "ani": "netral", "budi": "netral"}]  # both columns hold labels
    paths = [jsonl(tmp_path / f"{number}.jsonl", rows + marked) for number, rows in enumerate(files)]
    imported = import_posts(paths, labels=labels, ties=ties, min_annotators=least)
    tasks = sum(len(rows) + 1 for rows in files)
    kept, dropped = imported.rows(), imported.dropped
    assert imported.tasks == tasks == sum(post.tasks for post in imported.all)
    assert len(kept) + len(dropped) == len(imported.all) == tasks - imported.merged
    assert imported.reasons.total() == len(dropped)
    assert all(row["reason"] for row in dropped)
    assert Counter(text for rows in files for text in {row["text"] for row in rows}).keys() <= {
        post.text for post in imported.all
    }
    for post in imported.posts:
        assert sum(post.shares()) == pytest.approx(1)
        if post.final is not None:
            assert post.label is post.final
        elif labels == "adjudicated":
            assert len(post.ratings) >= 2
            assert set(post.ratings.values()) == {post.label}
        else:
            counts = Counter(post.ratings.values())
            assert counts[post.label] == max(counts.values())
            assert len(post.ratings) >= least


def long(path, *answers):
    """One post: (annotator, label, unsure, direction)."""
    names = ("annotator", "label", "unsure", "direction")
    return jsonl(path, [{"id": "p0", "text": TEXT} | dict(zip(names, answer, strict=True)) for answer in answers])


@pytest.mark.parametrize(
    ("answers", "unsure", "direction"),
    [
        ([("ani", "memihak", None, "pro"), ("budi", "memihak", None, None)], False, "pro"),
        ([("ani", "memihak", None, "pro"), ("budi", "memihak", "ya", "kontra")], True, "both"),
        ([("ani", "memihak", None, "pro"), ("b", "memihak", None, "pro"), ("c", "memihak", None, "kontra")],
         False, "pro"),
        ([("ani", "memihak", None, "pro"), ("b", "memihak", None, "pro"), ("c", "memihak", None, "both")],
         False, "both"),
        ([("ani", "memihak", None, "pro"), ("b", "memihak", None, None), ("c", "berkampanye", None, "kontra")],
         True, "pro"),
        ([("ani", "netral", None, None), ("b", "netral", None, None), ("c", "memihak", None, "kontra")], True, None),
        ([("ani", "memihak", "ragu-ragu", "pro"), ("ani", "memihak", None, None)], False, "pro"),
        ([("ani", "memihak", None, "pro"), ("ani", "netral", None, None)], False, None),
        ([("ani", "memihak", None, "pro"), ("b", "memihak", "ragu-ragu", None), ("c", "memihak", "yakin", None)],
         True, "pro"),
    ],
)  # fmt: skip
def test_doubts_and_directions_of_answers_become_the_posts(tmp_path, answers, unsure, direction):
    (post,) = import_posts(long(tmp_path / "long.jsonl", *answers)).all
    assert (post.unsure, post.fields.get("direction")) == (unsure, direction)


def test_an_adjudicators_direction_stands_above_the_others(tmp_path):
    answers = [("ani", "memihak", None, "pro"), ("budi", "memihak", None, "pro"), ("ketua", "memihak", None, "kontra")]
    (post,) = import_posts(long(tmp_path / "long.jsonl", *answers), TaskOptions(adjudicator="ketua")).all
    assert (post.unsure, post.fields["direction"]) == (False, "contra")


_MARKED = st.lists(
    st.tuples(
        st.sampled_from(["ani", "budi", "citra"]),
        st.sampled_from(["netral", "memihak", "berkampanye", "x", None]),
        st.sampled_from(["ya", "ragu-ragu", "tidak", None]),
        st.sampled_from(["pro", "kontra", "keduanya", None]),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=_MARKED, labels=st.sampled_from(LABEL_MODES), ties=st.sampled_from(TIES))
def test_doubts_and_directions_come_through_a_second_import(tmp_path, answers, labels, ties):
    options = {"labels": labels, "ties": ties}
    path = long(tmp_path / "long.jsonl", *answers)
    # The columns hold what their names say.
    marked = {"id": "m", "text": "Penanda", "annotator": "ani", "label": "memihak", "unsure": "ya", "direction": "pro"}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(marked) + "\n")
    once = import_posts(path, **options)
    written, dropped = tmp_path / "once.jsonl", tmp_path / "dropped.jsonl"
    files = []
    for file, rows in ((written, once.rows()), (dropped, once.dropped)):
        if rows:
            write_rows(file, rows)
            files.append(file)
    again = import_posts(files, **options)
    assert {post.id: (post.label, post.unsure, post.fields.get("direction")) for post in again.all} == {
        post.id: (post.label, post.unsure, post.fields.get("direction")) for post in once.all
    }


def test_a_dropped_post_keeps_the_direction_that_all_agree_on(tmp_path):
    path = long(
        tmp_path / "long.jsonl",
        ("ani", "memihak", "ya", "kontra"),
        ("budi", "berkampanye", None, "kontra"),
        ("citra", "netral", None, None),
    )
    once = import_posts(path)
    (row,) = once.dropped
    assert (row["reason"], row["unsure"], row["direction"]) == ("no majority", True, "contra")
    for decision, direction in (("berkampanye", "contra"), ("netral", None)):
        decided = jsonl(tmp_path / "dropped.jsonl", [{**row, "adjudicated": decision}])
        for files in ([decided], [path, decided]):
            (post,) = import_posts(files).all
            assert (post.unsure, post.fields.get("direction")) == (True, direction)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet", "xlsx"])
def test_doubts_and_directions_come_through_every_format(tmp_path, ending):
    path = jsonl(
        tmp_path / "posts.jsonl",
        [
            {"id": "p0", "text": TEXT, "annotator": "ani", "label": "memihak", "unsure": "ya", "direction": "kontra"},
            {"id": "p1", "text": "Coblos 1", "annotator": "ani", "label": "berkampanye", "direction": "pro"},
            {"id": "p2", "text": "Jadwal debat", "annotator": "ani", "label": "netral"},
        ],
    )
    for number in (1, 2):
        once = import_posts(path)
        expected = [(S, True, "contra"), (C, False, "pro"), (N, False, None)]
        assert [(post.label, post.unsure, post.fields.get("direction")) for post in once.all] == expected
        path = tmp_path / f"{number}.{ending}"
        write_rows(path, once.rows(), columns=once.columns())
    frame = read_labelled(path)
    assert frame["unsure"].tolist() == [True, False, False]
    assert frame["direction"].tolist() == ["contra", "pro", None]


def test_a_direction_goes_with_the_answer_that_gave_it(tmp_path):
    once = import_posts(long(tmp_path / "long.jsonl", ("ani", "memihak", None, "kontra")))
    write_rows(tmp_path / "once.jsonl", once.rows())
    changed = long(tmp_path / "changed.jsonl", ("ani", "netral", "tidak", None))
    (post,) = import_posts([tmp_path / "once.jsonl", changed]).all
    assert (post.label, post.unsure, post.fields.get("direction")) == (N, False, None)
