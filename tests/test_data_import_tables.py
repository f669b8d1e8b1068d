"""Tables of answers: which columns hold them is found or named, said in a note, and never guessed in silence."""

import json

import pandas as pd
import pytest

from netral_nlp.corpus.annotations.consolidate import import_posts
from netral_nlp.corpus.annotations.read import annotation_format, read_tasks
from netral_nlp.corpus.annotations.tasks import UNNAMED, Answer, TaskOptions
from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.errors import InputError
from netral_nlp.labels import Label

N, S, C = Label.NEUTRAL, Label.SUPPORTIVE, Label.CAMPAIGNING
TEXTS = [
    "Undian nomor urut digelar Senin pagi",
    "Bangga sama Bu Sari semoga sehat selalu",
    "Coblos nomor 3 ya ajak tetangga!",
    "Pasar induk sepi hari ini",
]


def csv(path, header, *rows):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def labels(imported):
    return [post.label for post in imported.all]


def ratings(imported):
    return {name: [value and value.value[0] for value in values] for name, values in imported.ratings().items()}


@pytest.mark.parametrize("ending", ["csv", "tsv", "xlsx", "parquet", "jsonl", "json"])
def test_annotator_columns_are_found_in_every_format(tmp_path, ending):
    frame = pd.DataFrame(
        {
            "id": ["p1", "p2", "p3", "p4"],
            "teks": TEXTS,
            "created_at": ["2026-01-01"] * 4,
            "anotator_1": ["netral", "Memihak", "kampanye", None],
            "ani": ["NETRAL", "memihak", "3. berkampanye", "lewati"],
            "keputusan": [None, None, "berkampanye", None],
        }
    )
    path = tmp_path / f"posts.{ending}"
    match ending:
        case "csv":
            frame.to_csv(path, index=False)
        case "tsv":
            frame.to_csv(path, index=False, sep="\t")
        case "xlsx":
            frame.to_excel(path, index=False)
        case "parquet":
            frame.to_parquet(path)
        case "jsonl":
            frame.to_json(path, orient="records", lines=True)
        case "json":
            frame.to_json(path, orient="records")
    imported = import_posts(path, label_map={"kampanye": "campaigning"})
    assert annotation_format(path) == "table"
    assert ratings(imported) == {"anotator_1": ["n", "s", "c", None], "ani": ["n", "s", "c", None]}
    assert imported.consensus() == [None, None, C, None]
    assert imported.reasons == {"skipped by all": 1}
    assert imported.all[0].fields == {"posted_at": "2026-01-01"}
    assert any("'anotator_1', 'ani'" in note for note in imported.notes)
    assert any("the agreed label in 'keputusan'" in note for note in imported.notes)


def test_one_row_an_answer(tmp_path):
    path = csv(
        tmp_path / "long.csv",
        "post_id,text,penilai,label",
        f"p1,{TEXTS[0]},ani,netral",
        f"p1,{TEXTS[0]},budi,memihak",
        f"p1,{TEXTS[0]},citra,netral",
        f"p2,{TEXTS[1]},ani,memihak",
    )
    imported = import_posts(path)
    assert labels(imported) == [N, S]
    assert ratings(imported) == {"ani": ["n", "s"], "budi": ["s", None], "citra": ["n", None]}
    assert (imported.tasks, imported.merged) == (4, 2)


def test_a_plain_labelled_file_has_one_nameless_annotator(tmp_path):
    path = csv(tmp_path / "posts.csv", "id,text,label", f"p1,{TEXTS[0]},netral")
    (task,) = read_tasks(path)
    assert task.answers == (Answer(UNNAMED, ("netral",)),)


def test_several_files_with_one_label_column_are_one_annotator_each(tmp_path):
    for name, label in (("ani", "netral"), ("budi", "memihak")):
        csv(tmp_path / f"{name}.csv", "id,text,label", f"p1,{TEXTS[0]},{label}")
    imported = import_posts([tmp_path / "ani.csv", tmp_path / "budi.csv"])
    assert ratings(imported) == {"ani": ["n"], "budi": ["s"]}
    assert imported.reasons == {"no majority": 1}


def test_a_label_beside_annotators_is_the_agreed_one_and_is_said(tmp_path):
    path = csv(tmp_path / "posts.csv", "text,ani,budi,label", f"{TEXTS[0]},netral,memihak,memihak")
    imported = import_posts(path)
    assert labels(imported) == [S]
    assert imported.consensus() == [S]
    assert any("'label' beside them is taken for the agreed label" in note for note in imported.notes)
    named = import_posts(path, TaskOptions(annotator_columns=("ani", "budi", "label")))
    assert ratings(named) == {"ani": ["n"], "budi": ["s"], "label": ["s"]}


def test_a_models_answers_are_not_taken_for_a_persons(tmp_path):
    header = "id,text,label,p_neutral,p_supportive,p_campaigning,needs_review,ani,prediksi"
    path = csv(tmp_path / "scored.csv", header, f"p1,{TEXTS[0]},campaigning,0.1,0.1,0.8,false,netral,memihak")
    imported = import_posts(path)
    assert ratings(imported) == {"ani": ["n"]}
    assert labels(imported) == [N]
    assert imported.all[0].fields["label_input"] == "campaigning"
    assert any("a model's answer" in note for note in imported.notes)
    assert any("'prediksi' sounds like no annotator's label" in note for note in imported.notes)
    assert labels(import_posts(path, TaskOptions(label_column="label"))) == [C]


def test_a_column_of_sentiment_is_no_annotators(tmp_path):
    path = csv(tmp_path / "posts.csv", "text,sentimen,ani", f"{TEXTS[0]},netral,memihak", f"{TEXTS[1]},positif,memihak")
    assert list(import_posts(path).annotators) == ["ani"]


def test_a_column_that_starts_empty_is_found(tmp_path):
    rows = [f"p{number},Jadwal debat ke-{number},netral," for number in range(5000)]
    path = csv(tmp_path / "posts.csv", "id,text,ani,budi", *rows, "p5000,Coblos nomor 1!,netral,berkampanye")
    assert list(import_posts(path).annotators) == ["ani", "budi"]


def test_a_typo_in_an_annotators_column_is_an_error_not_a_lost_annotator(tmp_path):
    path = csv(
        tmp_path / "posts.csv",
        "text,anotator_1,anotator_2",
        f"{TEXTS[0]},netral,netral",
        f"{TEXTS[1]},memihak,memihaak",
    )
    with pytest.raises(InputError, match=r"unknown label names: 'memihaak' \(1 times, first in .*posts.csv: row 2\)"):
        import_posts(path)


def test_known_columns_come_under_our_names_and_the_rest_under_its_own(tmp_path):
    path = csv(
        tmp_path / "posts.csv",
        "tweet_id,full_text,Label,konteks,aksi,username,conversation_id_str,tanggal,kanal,suhu,file,weight",
        "1790000000000000001,Gas 🔥,memihak,Paslon 2 siap,komentar,akun1,77,2026-01-02,TikTok,31,a.csv,2",
    )
    (task,) = read_tasks(path)
    assert (task.id, task.text) == ("1790000000000000001", "Gas 🔥")
    assert task.fields == {
        "context": "Paslon 2 siap",
        "action": "comment",
        "author": "akun1",
        "thread": "77",
        "posted_at": "2026-01-02",
        "platform": "tiktok",
        "weight": 2.0,
        "suhu": "31",
        "file_input": "a.csv",
    }


def test_values_of_json_lines_keep_their_kind(tmp_path):
    path = tmp_path / "posts.jsonl"
    rows = [
        {"id": 1790000000000000001, "text": TEXTS[0], "label": "netral", "suka": 12, "tagar": ["a"]},
        {"id": "p2", "text": TEXTS[1], "label": None, "suka": None},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    first, second = read_tasks(path)
    assert (first.id, first.fields) == ("1790000000000000001", {"suka": 12, "tagar": ["a"]})
    assert (second.fields, second.answers) == ({}, ())


def test_a_datasets_folder_is_read_with_class_labels_and_splits(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["netral", "memihak", "berkampanye"])}
    )
    part = datasets.Dataset.from_dict({"text": TEXTS[:3], "label": [0, 1, 2]}, features=features)
    datasets.DatasetDict({"train": part}).save_to_disk(str(tmp_path / "set"))
    imported = import_posts(tmp_path / "set")
    assert labels(imported) == [N, S, C]
    assert {post.fields["split"] for post in imported.all} == {"train"}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (TaskOptions(text_column="isi"), r"no column 'isi' \(named by --text-column\); its columns are 'text'"),
        (TaskOptions(id_column="isi"), "--id-column"),
        (TaskOptions(label_column="isi"), "--label-column"),
        (TaskOptions(annotator_columns=("ani", "isi")), "--annotators"),
        (TaskOptions(annotator_column="isi"), "--annotator-column"),
        (TaskOptions(adjudicated_column="isi"), "--adjudicated-column"),
        (TaskOptions(annotator_columns=("ani",), label_column="ani"), "leave out --label-column"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_its_option(tmp_path, options, match):
    path = csv(tmp_path / "posts.csv", "text,ani", f"{TEXTS[0]},netral")
    with pytest.raises(InputError, match=match):
        list(read_tasks(path, options))


def test_no_label_column_says_what_to_name(tmp_path):
    path = csv(tmp_path / "posts.csv", "text,ani", f"{TEXTS[0]},Mendukung")
    with pytest.raises(
        InputError, match=r"no column holds labels; its columns are 'text', 'ani'; .*--annotators.*--map"
    ):
        import_posts(path)
    assert labels(import_posts(path, label_map={"mendukung": "memihak"})) == [S]


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ("netral", N),
        (" MEMIHAK ", S),
        ("1. netral", N),
        ("(2) memihak", S),
        ("netral ✅", N),
        ("neutral (netral)", N),
        ("Berkampanye 📣", C),
        ("campaigning/berkampanye", C),
        ("Mendukung", S),
        ("pro paslon", C),
    ],
)
def test_names_of_interfaces_are_read(tmp_path, given, label):
    path = csv(tmp_path / "posts.csv", "text;label", f"{TEXTS[0]};{given}")
    imported = import_posts(path, label_map={"mendukung": "memihak", "Pro  Paslon": "campaigning"})
    assert labels(imported) == [label]


@pytest.mark.parametrize("given", ["tidak netral", "non-netral", "netral?", "❌ netral", "0", "neutral atau apa"])
def test_doubtful_names_are_not_guessed(tmp_path, given):
    path = csv(tmp_path / "posts.csv", "text;label", f"{TEXTS[0]};{given}", f"{TEXTS[1]};netral")
    with pytest.raises(InputError, match="unknown label names"):
        import_posts(path, TaskOptions(label_column="label"))


def test_unknown_names_are_listed_at_once_with_counts_and_long_ones_are_not_shown(tmp_path):
    secret = "Coblos nomor dua demi kampung kita semua ya"
    path = csv(
        tmp_path / "posts.csv",
        "text,label",
        f"{TEXTS[0]},Dukung",
        f"{TEXTS[1]},Dukung",
        f"{TEXTS[2]},Biasa",
        f"{TEXTS[3]},{secret}",
    )
    with pytest.raises(InputError) as error:
        import_posts(path)
    said = str(error.value)
    assert "'Dukung' (2 times, first in" in said
    assert "'Biasa' (1 times" in said
    assert "1 of more than 32 characters" in said
    assert '--map "Dukung=LABEL"' in said
    assert secret not in said


@pytest.mark.parametrize("word", ["skip", "Skipped", "lewati", "dilewati", "X", "tidak relevan"])
def test_skip_words_are_no_labels(tmp_path, word):
    path = csv(tmp_path / "posts.csv", "text,label", f"{TEXTS[0]},{word}", f"{TEXTS[1]},netral")
    imported = import_posts(path, label_map={"tidak relevan": None})
    assert imported.reasons == {"skipped by all": 1}


def test_several_labels_in_one_cell_are_no_answer(tmp_path):
    path = csv(tmp_path / "posts.csv", "text,label", f"{TEXTS[0]},netral#memihak", f"{TEXTS[1]},memihak#memihak")
    imported = import_posts(path)
    assert imported.reasons == {"several labels in one answer": 1}
    assert labels(imported) == [None, S]


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("halo,netral,terbang,1,", "row 1, column 'action': unknown action"),
        ("halo,netral,,berat,", "row 1, column 'weight': a weight is a number above 0"),
        ("halo,netral,,,mungkin", "row 1, column 'unsure': expected true or false"),
    ],
)
def test_known_fields_are_checked(tmp_path, row, match):
    path = csv(tmp_path / "posts.csv", "text,label,action,weight,unsure", row)
    with pytest.raises(InputError, match=match):
        import_posts(path)


def marks(imported):
    return [(post.unsure, post.fields.get("direction")) for post in imported.all]


@pytest.mark.parametrize("names", ["unsure,direction", "ragu,arah"])
def test_doubt_and_direction_of_one_row_an_answer_belong_to_the_answer(tmp_path, names):
    path = csv(
        tmp_path / "long.csv",
        f"post_id,text,penilai,label,{names}",
        f"p1,{TEXTS[1]},ani,memihak,,pro",
        f"p1,{TEXTS[1]},budi,memihak,ya,kontra",
        f"p1,{TEXTS[1]},citra,memihak,tidak,pro",
        f"p2,{TEXTS[0]},ani,netral,ragu-ragu,",
        f"p3,{TEXTS[2]},ani,berkampanye,,keduanya",
    )
    tasks = list(read_tasks(path))
    assert tasks[1].answers == (Answer("budi", ("memihak",), unsure=True, direction="contra"),)
    assert all(task.fields == {} for task in tasks)
    assert marks(import_posts(path)) == [(True, "pro"), (True, None), (False, "both")]


def test_directions_that_are_no_words_of_ours_stay_the_posts(tmp_path):
    path = csv(tmp_path / "long.csv", "id,text,penilai,label,direction", f"p1,{TEXTS[1]},ani,memihak,ke paslon 1")
    assert marks(import_posts(path)) == [(False, "ke paslon 1")]


def test_doubt_and_direction_of_a_labelled_table_are_the_posts(tmp_path):
    path = csv(
        tmp_path / "posts.csv",
        "id,text,label,unsure,direction",
        f"p1,{TEXTS[1]},memihak,ya,Kontra",
        f"p2,{TEXTS[0]},netral,ragu-ragu,",
        f"p3,{TEXTS[2]},berkampanye,false,pro",
    )
    first = next(iter(read_tasks(path)))
    assert (first.fields, first.answers) == ({"unsure": True, "direction": "contra"}, (Answer(UNNAMED, ("memihak",)),))
    assert marks(import_posts(path)) == [(True, "contra"), (True, None), (False, "pro")]


def test_doubt_and_direction_beside_several_annotators_are_the_posts(tmp_path):
    path = csv(tmp_path / "wide.csv", "id,text,ani,budi,unsure,direction", f"p1,{TEXTS[1]},memihak,memihak,ya,pro")
    (task,) = read_tasks(path)
    assert task.fields == {"unsure": True, "direction": "pro"}
    assert marks(import_posts(path)) == [(True, "pro")]


def test_files_of_one_annotators_column_each_keep_every_doubt(tmp_path):
    for number, unsure in ((1, "tidak"), (2, "ragu-ragu"), (3, "")):
        csv(
            tmp_path / f"{number}.csv",
            f"id,text,annotator_{number},unsure",
            f"p1,{TEXTS[1]},memihak,{unsure}",
            f"p2,{TEXTS[0]},netral,",
        )
    imported = import_posts([tmp_path / f"{number}.csv" for number in (1, 2, 3)])
    assert marks(imported) == [(True, None), (False, None)]
    assert ratings(imported) == {f"annotator_{number}": ["s", "n"] for number in (1, 2, 3)}


def test_labelled_tables_of_one_post_keep_every_doubt(tmp_path):
    for name, unsure in (("ani", "tidak"), ("budi", "ya")):
        csv(tmp_path / f"{name}.csv", "id,text,label,unsure", f"p1,{TEXTS[0]},netral,{unsure}")
    assert marks(import_posts([tmp_path / "ani.csv", tmp_path / "budi.csv"])) == [(True, None)]


def test_a_doubt_beside_the_label_in_its_cell_is_read(tmp_path):
    path = csv(
        tmp_path / "posts.csv",
        "id;text;ani;budi",
        f'p1;{TEXTS[1]};"memihak, ragu-ragu";memihak',
        f"p2;{TEXTS[0]};netral;netral#ragu",
        f"p3;{TEXTS[2]};berkampanye;ragu-ragu",
        f"p4;{TEXTS[3]};netral;netral",
    )
    imported = import_posts(path)
    assert ratings(imported) == {"ani": ["s", "n", "c", "n"], "budi": ["s", "n", None, "n"]}
    assert [unsure for unsure, _ in marks(imported)] == [True, True, True, False]


def test_a_doubt_that_is_mapped_to_nothing_is_still_a_skip(tmp_path):
    path = csv(tmp_path / "posts.csv", "id,text,label", f"p1,{TEXTS[1]},ragu-ragu", f"p2,{TEXTS[0]},netral")
    imported = import_posts(path, label_map={"ragu-ragu": None})
    assert imported.reasons == {"skipped by all": 1}
    assert marks(imported) == [(False, None), (False, None)]


@pytest.mark.parametrize(
    "name",
    ["Hasil", "hasil akhir", "Akhir", "label akhir", "Ketua", "koordinator", "label-disepakati", "Final Decision"],
)
def test_agreed_labels_under_common_headings_are_no_annotators(tmp_path, name):
    path = csv(tmp_path / "p.csv", f"text,ani,budi,{name}", "a,netral,memihak,memihak", "b,netral,netral,")
    imported = import_posts(path)
    assert list(imported.annotators) == ["ani", "budi"]
    assert imported.consensus() == [S, None]
    assert f"{path}: the agreed label in {name!r}" in imported.notes


def test_of_several_agreed_columns_the_likelier_one_with_labels_is_taken_and_said(tmp_path):
    path = csv(
        tmp_path / "p.csv",
        "text,ani,budi,adjudicated,hasil,Keputusan Akhir",
        "a,netral,memihak,,netral,memihak",
        "b,netral,netral,,,netral",
    )
    imported = import_posts(path)
    assert labels(imported) == [S, N]
    assert list(imported.annotators) == ["ani", "budi"]
    said = "the agreed label in 'Keputusan Akhir', not in 'hasil', 'adjudicated' (otherwise: --adjudicated-column)"
    assert f"{path}: {said}" in imported.notes
    asked = import_posts(path, TaskOptions(adjudicated_column="hasil"))
    assert labels(asked) == [N, N]


def test_a_column_of_agreed_labels_that_holds_other_words_is_the_posts(tmp_path):
    path = csv(tmp_path / "p.csv", "text,label,hasil", "a,netral,menang", "b,memihak,kalah")
    (first, _) = import_posts(path).all
    assert (first.label, first.final, first.fields["hasil"]) == (N, None, "menang")


def test_the_only_label_column_beside_annotators_names_is_theirs_whatever_its_name(tmp_path):
    path = csv(tmp_path / "p.csv", "text,annotator,hasil", "a,ani,netral", "a,budi,memihak", "b,ani,netral")
    assert ratings(import_posts(path)) == {"ani": ["n", "n"], "budi": ["s", None]}


def test_a_column_that_is_named_the_adjudicators_or_an_annotators_is_what_was_named(tmp_path):
    path = csv(tmp_path / "p.csv", "text,ani,budi,ketua", "a,netral,memihak,memihak", "b,netral,netral,memihak")
    decided = import_posts(path, TaskOptions(adjudicator="ketua"))
    assert (labels(decided), list(decided.annotators)) == ([S, S], ["ani", "budi"])
    three = import_posts(path, TaskOptions(annotator_columns=("ani", "budi", "ketua")))
    assert (labels(three), three.consensus()) == ([S, N], None)


def test_imported_posts_keep_their_own_agreed_label_beside_a_field_of_the_users(tmp_path):
    ratings_cell = '"{""ani"": ""netral"", ""budi"": ""memihak""}"'
    path = csv(tmp_path / "p.csv", "text,label,hasil,adjudicated,ratings", f"a,netral,menang,memihak,{ratings_cell}")
    (post,) = import_posts(path).all
    assert (post.label, post.fields["hasil"]) == (S, "menang")


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_an_empty_column_gives_way_to_a_filled_one_of_its_meaning(tmp_path, ending):
    frame = pd.DataFrame(
        {
            "full_text": TEXTS,
            "author": [" "] * 4,
            "user_id_str": [""] * 4,
            "username": ["warga_a", "warga_b", "warga_a", "warga_c"],
            "conversation_id_str": [""] * 4,
            "label": ["netral"] * 4,
        }
    )
    path = tmp_path / f"posts.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    posts = import_posts(path).all
    assert [post.fields["author"] for post in posts] == ["warga_a", "warga_b", "warga_a", "warga_c"]
    assert all("thread" not in post.fields and "user_id_str" not in post.fields for post in posts)


def test_an_empty_column_gives_way_in_exports_too(tmp_path):
    said = [{"type": "choices", "from_name": "label", "value": {"choices": ["netral"]}}]
    data = {"text": TEXTS[0], "user_id": "", "username": "warga_a"}
    tasks = {
        "label_studio.json": [{"id": 1, "data": data, "annotations": [{"completed_by": 1, "result": said}]}],
        "doccano.json": [{"id": 1, **data, "label": ["netral"]}],
        "argilla.json": [
            {"id": "a", "fields": data, "responses": {"label": [{"user_id": "u", "value": "netral"}]}},
        ],
    }
    for name, content in tasks.items():
        path = tmp_path / name
        path.write_text(json.dumps(content), encoding="utf-8")
        (post,) = import_posts(path).all
        assert (post.label, post.fields["author"]) == (N, "warga_a"), name


def test_the_context_is_found_by_its_indonesian_names_or_named(tmp_path):
    for name in ("Unggahan induk", "komentar_induk", "balasan_untuk", "post_induk", "postingan_induk"):
        path = csv(tmp_path / "p.csv", f"text,{name},label", "Gas,Deklarasi relawan,memihak")
        assert import_posts(path).all[0].fields["context"] == "Deklarasi relawan"
    path = csv(tmp_path / "p.csv", "text,context,asal,label", "Gas,lama,Deklarasi relawan,memihak")
    (post,) = import_posts(path, TaskOptions(context_column="asal")).all
    assert (post.fields["context"], post.fields["context_input"]) == ("Deklarasi relawan", "lama")
    with pytest.raises(InputError, match=r"no column 'konteks' \(named by --context-column\)"):
        import_posts(path, TaskOptions(context_column="konteks"))


def test_a_guide_on_the_first_sheet_names_the_others(tmp_path):
    path = tmp_path / "anotasi.xlsx"
    posts = pd.DataFrame({"text": TEXTS, "ani": ["netral"] * 4})
    for guide in (
        pd.DataFrame(),
        pd.DataFrame({"Petunjuk": []}),
        pd.DataFrame({"Petunjuk": ["Baca dulu", "Lalu isi"]}),
    ):
        with pd.ExcelWriter(path) as book:
            guide.to_excel(book, sheet_name="Petunjuk", index=False)
            posts.to_excel(book, sheet_name="Anotasi", index=False)
            posts.to_excel(book, sheet_name="Arsip", index=False)
        with pytest.raises(InputError, match="name another sheet with --sheet: 'Anotasi', 'Arsip'"):
            import_posts(path)
        assert labels(import_posts(path, TaskOptions(sheet="Anotasi"))) == [N] * 4


def test_doubts_in_a_hand_made_sheet_are_read_in_training_as_in_the_import(tmp_path):
    words = {"ragu-ragu": True, "Tidak yakin": True, "ya": True, "yakin": False, "tidak": False, "": None}
    path = csv(
        tmp_path / "p.csv", "text,label,unsure,direction", *(f"post {word},memihak,{word},Kontra" for word in words)
    )
    frame = read_labelled(path)
    assert frame["unsure"].tolist() == list(words.values())
    assert set(frame["direction"]) == {"contra"}
    assert [post.fields.get("unsure") for post in import_posts(path).all] == list(words.values())
