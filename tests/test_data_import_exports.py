"""Every export of the annotation tools gives the same answers; `tests/exports/README.md` says how they were made."""

import gzip
import json
import shutil
from pathlib import Path

import pytest

from netral_nlp.corpus.annotations.consolidate import import_posts
from netral_nlp.corpus.annotations.read import annotation_format, read_tasks
from netral_nlp.corpus.annotations.tasks import UNNAMED, TaskOptions
from netral_nlp.errors import InputError
from netral_nlp.labels import Label

EXPORTS = Path(__file__).parent / "exports"
# Of each post: the answers of ani, budi and citra that count.
ANSWERS = ["nnn", "sss", "ccc", "ssn", "cc-", "n--", "csn", "n--", "---", "s--", "---", "c-c"]
LETTERS = {"n": Label.NEUTRAL, "s": Label.SUPPORTIVE, "c": Label.CAMPAIGNING, "-": None}
OLD_LABELS = {"1": "neutral", "2": "supportive", "3": "campaigning"}
WITH_ALL_POSTS = {
    "label_studio.json": "label-studio",
    "argilla_flat.jsonl": "argilla",
    "argilla_datasets": "argilla",
    "argilla.parquet": "argilla",
    "argilla_1_datasets": "argilla",
    "doccano.zip": "doccano",
    "doccano_csv.zip": "doccano",
    "doccano_old.jsonl": "doccano",
}


def columns(imported):
    """The answers of ani, budi and citra, whatever the tool calls them."""
    named = sorted(imported.ratings().items(), key=lambda item: item[0])
    assert len(named) == 3
    return [list(values) for _, values in named]


def expected(letters=ANSWERS):
    return [[LETTERS[answers[user]] for answers in letters] for user in range(3)]


def needs_datasets(name):
    if name.endswith("_datasets"):
        pytest.importorskip("datasets")


@pytest.mark.parametrize("name", WITH_ALL_POSTS)
def test_every_export_gives_the_answers_that_the_annotators_gave(name):
    needs_datasets(name)
    imported = import_posts(EXPORTS / name, label_map=OLD_LABELS if "old" in name else None)
    assert annotation_format(EXPORTS / name) == WITH_ALL_POSTS[name]
    assert columns(imported) == expected()
    assert [post.id[-2:] for post in imported.all] == [f"{number:02d}" for number in range(1, 13)]
    assert imported.all[1].text == "Sehat terus Pak Danu, kami sekeluarga bangga punya calon seperti bapak 🙏"


@pytest.mark.parametrize("name", [name for name in WITH_ALL_POSTS if "old" not in name])
def test_metadata_arrive_under_our_names(name):
    needs_datasets(name)
    assert {post.fields["platform"] for post in import_posts(EXPORTS / name).all} == {"twitter"}


@pytest.mark.parametrize("name", ["label_studio_min.json", "label_studio.csv"])
def test_short_exports_of_label_studio_lack_only_tasks_that_were_cancelled_by_all(name):
    imported = import_posts(EXPORTS / name)
    assert annotation_format(EXPORTS / name) == "label-studio"
    left = [answers for number, answers in enumerate(ANSWERS, start=1) if number != 9]
    assert columns(imported) == expected(left)
    assert imported.all[0].id == "ls-01"
    assert imported.all[0].fields["author"] == "akun1"
    assert "lead_time" not in imported.all[0].fields


def test_label_studio_ground_truth_is_the_label_and_stays_the_annotators_answer():
    post = import_posts(EXPORTS / "label_studio.json").all[6]
    assert (post.label, post.final) == (Label.SUPPORTIVE, Label.SUPPORTIVE)
    assert post.ratings == {
        "ani@contoh.id": Label.CAMPAIGNING,
        "budi@contoh.id": Label.SUPPORTIVE,
        "citra@contoh.id": Label.NEUTRAL,
    }


def test_label_studio_takes_the_control_whose_values_are_labels_and_says_so():
    imported = import_posts(EXPORTS / "label_studio.json")
    assert any("'sikap', not 'arah'" in note for note in imported.notes)
    with pytest.raises(InputError, match=r"'pro' .*; say what they mean with --map"):
        import_posts(EXPORTS / "label_studio.json", TaskOptions(label_column="arah"))
    with pytest.raises(InputError, match=r"no choices control 'niat'.* its controls are 'sikap', 'arah'"):
        import_posts(EXPORTS / "label_studio.json", TaskOptions(label_column="niat"))


def test_predictions_and_suggestions_never_become_labels(tmp_path):
    tasks = json.loads((EXPORTS / "label_studio.json").read_text(encoding="utf-8"))
    for task in tasks:
        task["annotations"] = []
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    assert import_posts(path).reasons == {"no answer": 12}
    rows = [json.loads(line) for line in (EXPORTS / "argilla_flat.jsonl").read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row |= {"sikap.responses": None, "sikap.responses.users": None, "sikap.responses.status": None}
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert import_posts(path).reasons == {"no answer": 12}


def test_nested_records_of_argilla_say_that_drafts_cannot_be_told():
    imported = import_posts(EXPORTS / "argilla.json")
    assert any("do not say which responses were drafts" in note for note in imported.notes)
    assert columns(imported)[0][:8] == expected()[0][:8]


def test_a_folder_that_argilla_saved_is_read(tmp_path):
    shutil.copy(EXPORTS / "argilla.json", tmp_path / "records.json")
    assert len(import_posts(tmp_path).all) == 12


def test_a_shared_file_of_doccano_has_one_nameless_annotator(tmp_path):
    shutil.copy(EXPORTS / "doccano_all.json", tmp_path / "all.json")
    imported = import_posts(tmp_path / "all.json")
    assert list(imported.annotators) == [UNNAMED]
    assert [post.label for post in imported.all] == expected()[0]


def test_files_of_a_doccano_zip_are_named_after_their_annotators():
    tasks = list(read_tasks(EXPORTS / "doccano.zip"))
    assert {task.file for task in tasks} == {f"{EXPORTS}/doccano.zip/{name}.jsonl" for name in ("ani", "budi", "citra")}
    assert {answer.annotator for task in tasks for answer in task.answers} == {"ani", "budi", "citra"}


def test_label_map_of_old_doccano_files_is_used_either_way_round(tmp_path):
    for label_map in ({"1": "netral"}, {"netral": 1}):
        record = {"text": "Jadwal debat", "annotations": [{"label": 1, "user": 4}], "label_map": label_map}
        path = tmp_path / "old.jsonl"
        path.write_text(json.dumps(record) + "\n", encoding="utf-8")
        (task,) = read_tasks(path)
        assert [(answer.annotator, answer.values) for answer in task.answers] == [("4", ("netral",))]


def test_spans_are_refused(tmp_path):
    path = tmp_path / "spans.jsonl"
    path.write_text('{"id": 1, "text": "Pak Danu", "label": [[0, 8, "ORANG"]]}\n', encoding="utf-8")
    with pytest.raises(InputError, match="row 1, column 'label': holds spans"):
        list(read_tasks(path))


@pytest.mark.parametrize(("place", "answers"), [("annotations", 3), ("completions", 3)])
def test_label_studio_names_annotators_by_number_address_or_object(tmp_path, place, answers):
    chosen = [{"from_name": "sikap", "type": "choices", "value": {"choices": ["netral"]}}]
    who = (7, "ani@contoh.id", {"id": 3, "email": "budi@contoh.id"})
    given = [{"completed_by": one, "result": chosen, "was_cancelled": False} for one in who]
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([{"id": 1, "data": {"text": "Jadwal debat"}, place: given}]), encoding="utf-8")
    (task,) = read_tasks(path)
    assert [answer.annotator for answer in task.answers] == ["7", "ani@contoh.id", "budi@contoh.id"]
    assert len(task.answers) == answers


def test_one_task_a_file_is_read(tmp_path):
    task = json.loads((EXPORTS / "label_studio.json").read_text(encoding="utf-8"))[0]
    for indent in (None, 2):
        path = tmp_path / "5.json"
        path.write_text(json.dumps(task, indent=indent), encoding="utf-8")
        assert [found.id for found in read_tasks(path)] == ["ls-01"]


def test_content_decides_not_the_ending_and_compression_does_not_matter(tmp_path):
    whole = (EXPORTS / "label_studio.json").read_bytes()
    (tmp_path / "export.csv").write_bytes(whole)
    (tmp_path / "export.json.gz").write_bytes(gzip.compress(whole))
    (tmp_path / "export").write_bytes(b"\xef\xbb\xbf" + whole)
    (tmp_path / "wide.json").write_bytes(whole.decode().encode("utf-16"))
    shutil.copy(EXPORTS / "argilla.parquet", tmp_path / "argilla.data")
    for name in ("export.csv", "export.json.gz", "export", "wide.json", "argilla.data"):
        assert columns(import_posts(tmp_path / name)) == expected(), name


def test_json_min_one_object_a_line_and_choices_as_objects(tmp_path):
    rows = [
        {"id": 1, "text": "Jadwal debat", "sikap": "netral", "annotator": 1, "annotation_id": 1, "lead_time": 2.0},
        {"id": 1, "text": "Jadwal debat", "sikap": {"choices": ["netral", "memihak"]}, "annotator": 2}
        | {"annotation_id": 2, "lead_time": 2.0},
    ]
    path = tmp_path / "min.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    answers = [answer for task in read_tasks(path) for answer in task.answers]
    assert [(one.annotator, one.values) for one in answers] == [("1", ("netral",)), ("2", ("netral", "memihak"))]


def test_exports_of_different_tools_are_put_together_post_by_post(tmp_path):
    imported = import_posts([EXPORTS / "label_studio_min.json", EXPORTS / "doccano_all.json"])
    by_text = {post.text: post for post in imported.all}
    assert len(by_text) == 12
    # The same texts have other ids in the two tools: they stay two posts, and `check` finds them.
    assert imported.tasks == 23 + 12
    assert imported.merged == imported.tasks - len(imported.all)


# --- what annotators are asked besides the label ---------------------------------------------------------------------


def said(**marks):
    """A choices control of Label Studio for each name: what one annotator said."""
    return [
        {"from_name": name, "type": "choices", "value": {"choices": [value] if isinstance(value, str) else value}}
        for name, value in marks.items()
    ]


def label_studio(path, *annotations):
    """One task with an annotation a person (1, 2, ...)."""
    given = [{"completed_by": who, "result": said(**one)} for who, one in enumerate(annotations, start=1)]
    path.write_text(json.dumps([{"id": 1, "data": {"text": "Gas pak"}, "annotations": given}]), encoding="utf-8")
    return path


def marks(post):
    return post.unsure, post.fields.get("direction")


@pytest.mark.parametrize("doubt", ["unsure", "Ragu", "ragu-ragu", "keraguan"])
@pytest.mark.parametrize("way", ["direction", "arah", "untuk_siapa"])
def test_label_studio_controls_of_doubt_and_direction_are_found_by_name_or_values(tmp_path, doubt, way):
    path = label_studio(tmp_path / "a.json", {"sikap": "memihak", doubt: "Ragu-ragu", way: "kontra"}, {"sikap": "x"})
    (task,) = read_tasks(path)
    first, second = task.answers
    assert (first.values, first.unsure, first.direction) == (("memihak",), True, "contra")
    assert (second.values, second.unsure, second.direction) == (("x",), False, None)
    imported = import_posts(path)
    assert marks(imported.all[0]) == (True, "contra")
    assert any(f"doubts are read from {doubt!r}" in note and repr(way) in note for note in imported.notes)


@pytest.mark.parametrize(
    ("given", "direction"),
    [
        ("pro", "pro"),
        ("Contra", "contra"),
        ("kontra", "contra"),
        ("keduanya", "both"),
        ("both", "both"),
        (["pro", "kontra"], "both"),
        ([], None),
    ],
)
def test_directions_are_read_in_both_languages_and_two_choices_are_both(tmp_path, given, direction):
    path = label_studio(tmp_path / "a.json", {"label": "memihak", "direction": given})
    assert marks(import_posts(path).all[0]) == (False, direction)


@pytest.mark.parametrize("yes", ["ya", "YES", "true", "unsure", "ragu ragu"])
@pytest.mark.parametrize("no", ["tidak", "no", "sure", "yakin"])
def test_a_control_named_unsure_also_takes_yes_and_no(tmp_path, yes, no):
    answers = [{"label": "netral", "unsure": no}, {"label": "netral", "unsure": yes}]
    (task,) = read_tasks(label_studio(tmp_path / "a.json", *answers))
    assert [answer.unsure for answer in task.answers] == [False, True]


def test_a_control_of_yes_and_no_under_another_name_is_no_doubt(tmp_path):
    path = label_studio(tmp_path / "a.json", {"label": "netral", "ada_foto": "ya"})
    assert marks(import_posts(path).all[0]) == (False, None)


def test_a_control_of_doubt_with_other_words_is_left_alone_and_said(tmp_path):
    path = label_studio(tmp_path / "a.json", {"label": "netral", "unsure": "sedikit"})
    imported = import_posts(path)
    assert marks(imported.all[0]) == (False, None)
    assert any("the answers to 'unsure' are not read" in note for note in imported.notes)


def test_directions_that_are_mapped_to_labels_are_labels(tmp_path):
    label_map = {"pro": "memihak", "kontra": "memihak"}
    path = label_studio(tmp_path / "a.json", {"arah": "pro"})
    assert import_posts(path, label_map=label_map).all[0].label is Label.SUPPORTIVE
    with pytest.raises(InputError, match="unknown label names: 'pro'"):
        import_posts(path)
    (tmp_path / "ani.jsonl").write_text('{"text": "Gas pak", "label": ["pro"]}\n', encoding="utf-8")
    assert import_posts(tmp_path / "ani.jsonl", label_map=label_map).all[0].label is Label.SUPPORTIVE
    with pytest.raises(InputError, match="unknown label names: 'pro'"):
        import_posts(tmp_path / "ani.jsonl")


def test_a_control_that_holds_the_label_by_name_is_no_direction(tmp_path):
    path = label_studio(tmp_path / "a.json", {"direction": "pro", "label": "netral"})
    mapped = import_posts(path, TaskOptions(label_column="direction"), label_map={"pro": "memihak"})
    assert (mapped.all[0].label, marks(mapped.all[0])) == (Label.SUPPORTIVE, (False, None))


def test_real_exports_give_directions(tmp_path):
    for name in ("label_studio.json", "label_studio_min.json", "label_studio.csv"):
        posts = {post.id: post for post in import_posts(EXPORTS / name).posts}
        directions = {post.id: post.fields.get("direction") for post in posts.values()}
        assert directions == {own: None if post.label is Label.NEUTRAL else "pro" for own, post in posts.items()}, name


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
@pytest.mark.parametrize(
    ("labels", "label", "unsure", "direction"),
    [
        (["memihak", "ragu-ragu"], Label.SUPPORTIVE, True, None),
        (["unsure", "supportive", "kontra"], Label.SUPPORTIVE, True, "contra"),
        (["berkampanye", "pro", "contra"], Label.CAMPAIGNING, False, "both"),
        (["netral"], Label.NEUTRAL, False, None),
    ],
)
def test_doccano_marks_are_taken_out_of_the_labels(tmp_path, ending, labels, label, unsure, direction):
    path = tmp_path / f"ani.{ending}"
    if ending == "jsonl":
        path.write_text(json.dumps({"id": 1, "text": "Gas pak", "label": labels, "Comments": []}) + "\n")
    else:
        path.write_text(f"id,text,label,Comments\n1,Gas pak,{'#'.join(labels)},[]\n", encoding="utf-8")
    assert annotation_format(path) == "doccano"
    (post,) = import_posts(path).all
    assert (post.label, *marks(post)) == (label, unsure, direction)


def test_marks_of_old_doccano_files_belong_to_their_users(tmp_path):
    names = {"1": "netral", "2": "memihak", "4": "ragu-ragu", "5": "pro"}
    given = [{"label": label, "user": user} for label, user in ((2, 1), (4, 2), (2, 2), (5, 1))]
    path = tmp_path / "old.jsonl"
    record = {"id": 1, "text": "Gas pak", "annotations": given, "label_map": names}
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    (task,) = read_tasks(path)
    found = {answer.annotator: (answer.values, answer.unsure, answer.direction) for answer in task.answers}
    assert found == {"1": (("memihak",), False, "pro"), "2": (("memihak",), True, None)}


def test_a_mark_of_doubt_alone_is_no_label_and_tells_why(tmp_path):
    path = tmp_path / "ani.jsonl"
    path.write_text('{"text": "Gas pak", "label": ["ragu-ragu"]}\n', encoding="utf-8")
    imported = import_posts(path)
    assert imported.reasons == {"unsure, without a label": 1}
    assert imported.dropped[0]["unsure"] is True


ARGILLA = {
    "two": {
        "fields": {"text": "Gas pak"},
        "responses": {
            "label": [{"value": "supportive", "user_id": "a"}, {"value": "supportive", "user_id": "b"}],
            "unsure": [{"value": "unsure", "user_id": "b"}, {"value": "sure", "user_id": "a"}],
            "direction": [{"value": "contra", "user_id": "b"}],
        },
    },
    "flat": {
        "text": "Gas pak",
        "label.responses": ["supportive", "supportive"],
        "label.responses.users": ["a", "b"],
        "label.responses.status": ["submitted", "submitted"],
        "unsure.responses": ["sure", "unsure"],
        "unsure.responses.users": ["a", "b"],
        "unsure.responses.status": ["submitted", "submitted"],
        "direction.responses": ["contra"],
        "direction.responses.users": ["b"],
        "direction.responses.status": ["submitted"],
    },
    "one": {
        "fields": {"text": "Gas pak"},
        "responses": [
            {"user_id": "a", "status": "submitted", "values": {"label": {"value": "supportive"}}},
            {
                "user_id": "b",
                "status": "submitted",
                "values": {
                    "label": {"value": "supportive"},
                    "unsure": {"value": "unsure"},
                    "direction": {"value": "contra"},
                },
            },
        ],
    },
    "one as rows": {
        "text": "Gas pak",
        "label": [{"user_id": user, "value": "supportive", "status": "submitted"} for user in ("a", "b")],
        "unsure": [{"user_id": "b", "value": "unsure", "status": "submitted"}],
        "direction": [{"user_id": "b", "value": "contra", "status": "submitted"}],
    },
}


@pytest.mark.parametrize("layout", ARGILLA)
def test_argilla_questions_of_doubt_and_direction_belong_to_their_users(tmp_path, layout):
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps({"id": "p1", **ARGILLA[layout]}) + "\n", encoding="utf-8")
    assert annotation_format(path) == "argilla"
    (task,) = read_tasks(path)
    found = {answer.annotator: (answer.values, answer.unsure, answer.direction) for answer in task.answers}
    assert found == {"a": (("supportive",), False, None), "b": (("supportive",), True, "contra")}
    assert task.fields == {}
    assert marks(import_posts(path).all[0]) == (True, "contra")


def test_a_discarded_argilla_response_marks_nothing(tmp_path):
    record = json.loads(json.dumps(ARGILLA["flat"]))
    for name in ("label", "unsure", "direction"):
        record[f"{name}.responses.status"][-1] = "discarded"
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(record) + "\n", encoding="utf-8")
    (post,) = import_posts(path).all
    assert (post.label, *marks(post)) == (Label.SUPPORTIVE, False, None)


def test_a_late_answer_in_other_words_is_told_with_its_place(tmp_path):
    def task(number, doubt):
        given = [{"completed_by": 1, "result": said(label="netral", unsure=doubt)}]
        return {"id": number, "data": {"text": f"Jadwal debat {number}"}, "annotations": given}

    path = tmp_path / "a.json"
    path.write_text(json.dumps([*(task(n, "ragu-ragu") for n in range(2000)), task(2000, "sedikit")]), encoding="utf-8")
    with pytest.raises(
        InputError, match=r"a.json: row 2,001, 'unsure': expected unsure \(ragu-ragu\), yes or no; mend"
    ):
        import_posts(path)


def test_a_control_or_question_of_skips_alone_holds_no_labels(tmp_path):
    def choice(control, value):
        return {"type": "choices", "from_name": control, "value": {"choices": [value]}}

    text = "Jadwal debat kedua diumumkan KPU"
    result = [choice("relevansi", "lewati"), choice("label", "memihak")]
    studio = [{"id": 1, "data": {"text": text}, "annotations": [{"completed_by": 1, "result": result}]}]
    said = {"relevansi": [{"user_id": "u", "value": "lewati"}], "label": [{"user_id": "u", "value": "memihak"}]}
    argilla = [{"id": "a", "fields": {"text": text}, "responses": said}]
    for name, records in (("studio", studio), ("argilla", argilla)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(records), encoding="utf-8")
        (task,) = read_tasks(path)
        assert task.answers[0].values == ("memihak",)


def test_controls_without_a_known_label_are_listed_with_the_names_found_in_each(tmp_path):
    def choice(control, name):
        return {"type": "choices", "from_name": control, "value": {"choices": [name]}}

    told = "Ini komentar panjang yang seseorang tulis di kotak catatan anotasi"
    tasks = [
        {
            "id": number,
            "data": {"text": text},
            "annotations": [
                {"completed_by": 1, "result": [choice("sikap", name), choice("arah", "kiri"), choice("catatan", told)]}
            ],
        }
        for number, (text, name) in enumerate([("Gas", "Mendukung"), ("Jadwal debat", "Biasa")])
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    said = (
        r"could be the control 'sikap' \(Biasa, Mendukung\), 'arah' \(kiri\), 'catatan'; name one with --label-column"
    )
    with pytest.raises(InputError, match=said):
        import_posts(path)
    records = [
        {
            "id": task["id"],
            "fields": task["data"],
            "responses": {
                one["from_name"]: [{"user_id": "u", "value": one["value"]["choices"][0]}]
                for one in task["annotations"][0]["result"]
            },
        }
        for task in tasks
    ]
    path.write_text(json.dumps(records), encoding="utf-8")
    with pytest.raises(InputError, match=said.replace("control", "question")):
        import_posts(path)
