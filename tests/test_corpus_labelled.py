"""Labelled posts are read the same from every format, and what is wrong is named by file, row and column."""

import gzip
import hashlib
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netral_nlp.corpus.labelled import read_labelled, text_id
from netral_nlp.errors import InputError, MissingExtraError
from netral_nlp.labels import Label

POSTS = [
    {
        "id": "1790000000000000001",
        "text": "KPU umumkan jadwal debat kedua, disiarkan langsung TVRI",
        "label": "neutral",
        "platform": "twitter",
    },
    {
        "id": "1790000000000000002",
        "text": "Sehat terus Pak, kami bangga punya calon seperti bapak 🙏",
        "label": "supportive",
        "direction": "pro",
        "platform": "instagram",
    },
    {
        "id": "1790000000000000003",
        "text": "Gas, bagikan ke grup RT ya!",
        "label": "campaigning",
        "direction": "pro",
        "context": "Paslon 2 siap bangun pasar baru",
        "action": "comment",
        "platform": "facebook",
    },
]


def write_jsonl(path, posts):
    path.write_text("".join(json.dumps(post, ensure_ascii=False) + "\n" for post in posts), encoding="utf-8")
    return path


def write(path, posts):
    """Write posts in the format that the ending says."""
    frame = pd.DataFrame(posts)
    match path.suffix:
        case ".jsonl":
            write_jsonl(path, posts)
        case ".gz":
            path.write_bytes(gzip.compress("".join(json.dumps(post) + "\n" for post in posts).encode()))
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            frame.to_csv(path, index=False, sep="\t")
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(posts, schema=pa.schema([(c, pa.string()) for c in frame])), path)
        case ".xlsx":
            frame.to_excel(path, index=False)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.csv", "a.tsv", "a.parquet", "a.xlsx"])
def test_every_format_gives_the_same_posts(tmp_path, name):
    frame = read_labelled(write(tmp_path / name, POSTS))
    assert frame["id"].tolist() == [post["id"] for post in POSTS]
    assert frame["text"].tolist() == [post["text"] for post in POSTS]
    assert frame["label"].tolist() == [Label.NEUTRAL, Label.SUPPORTIVE, Label.CAMPAIGNING]
    assert frame["context"].tolist() == [None, None, "Paslon 2 siap bangun pasar baru"]
    assert frame["action"].tolist() == [None, None, "comment"]
    assert frame["direction"].tolist() == [None, "pro", "pro"]
    assert set(frame.columns) == {"id", "text", "label", "context", "action", "direction", "platform"}


def test_a_datasets_folder_gives_the_same_posts_with_class_labels_and_splits(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [{"text": post["text"], "label": post["label"]} for post in POSTS]
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["netral", "memihak", "berkampanye"])}
    )
    coded = [{**row, "label": Label(row["label"]).severity} for row in rows]
    parts = {"train": coded[:2], "validation": coded[2:]}
    folder = tmp_path / "posts"
    datasets.DatasetDict(
        {name: datasets.Dataset.from_list(part, features=features) for name, part in parts.items()}
    ).save_to_disk(folder)
    frame = read_labelled(folder)
    assert frame["text"].tolist() == [post["text"] for post in POSTS]
    assert [label.value for label in frame["label"]] == [post["label"] for post in POSTS]
    assert frame["split"].tolist() == ["train", "train", "validation"]
    assert frame["id"].tolist() == [text_id(post["text"]) for post in POSTS]


def test_a_single_datasets_folder_carries_numbers_flags_and_null_texts(tmp_path):
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "posts"
    datasets.Dataset.from_list(
        [
            {"text": "Coblos nomor 1 hari Rabu!", "label": "campaigning", "weight": 2.0, "unsure": True, "year": 2024},
            {"text": None, "label": "neutral", "weight": None, "unsure": False, "year": None},
        ]
    ).save_to_disk(folder)
    frame = read_labelled(folder)
    assert frame["text"].tolist() == ["Coblos nomor 1 hari Rabu!", ""]
    assert frame["weight"].tolist() == [2.0, 1.0]
    assert frame["unsure"].tolist() == [True, False]
    assert frame["year"].tolist() == ["2024", None]
    assert "split" not in frame


def test_an_unlabelled_class_label_is_no_label(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neutral"])})
    datasets.Dataset.from_list([{"text": "Pemilu damai", "label": -1}], features=features).save_to_disk(tmp_path / "d")
    with pytest.raises(InputError, match="row 1, column 'label': no label"):
        read_labelled(tmp_path / "d")


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl"])
def test_a_file_without_rows_is_refused(tmp_path, name):
    path = tmp_path / name
    if name == "a.parquet":
        pq.write_table(pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.string())}), path)
    else:
        path.write_text("\n\n", encoding="utf-8")
    with pytest.raises(InputError, match=name):
        read_labelled(path)


def test_a_datasets_folder_without_datasets_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "dataset_info.json").write_text("{}")
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"netral-nlp\[train\]"):
        read_labelled(tmp_path)


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="save_to_disk"):
        read_labelled(tmp_path)


def test_a_damaged_datasets_folder_is_refused(tmp_path):
    pytest.importorskip("datasets")
    (tmp_path / "dataset_info.json").write_text("{}")
    with pytest.raises(InputError, match="datasets cannot read"):
        read_labelled(tmp_path)


def test_text_id_is_the_start_of_the_sha256_of_the_text():
    assert text_id("Ayo ke TPS") == hashlib.sha256(b"Ayo ke TPS").hexdigest()[:16]
    assert text_id("rusak \ud83d") != text_id("rusak ")


def test_missing_and_blank_ids_are_taken_from_the_text(tmp_path):
    path = write_jsonl(
        tmp_path / "a.jsonl",
        [
            {"text": "Ayo ke TPS", "label": "neutral"},
            {"id": " ", "text": "Rabu libur", "label": "neutral"},
            {"id": 17, "text": "Siapa juara debat?", "label": "neutral"},
        ],
    )
    assert read_labelled(path)["id"].tolist() == [text_id("Ayo ke TPS"), text_id("Rabu libur"), "17"]


def test_indonesian_names_and_any_case_are_labels(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nsatu,Netral\ndua,MEMIHAK\ntiga, berkampanye \n", encoding="utf-8")
    assert read_labelled(path)["label"].tolist() == [Label.NEUTRAL, Label.SUPPORTIVE, Label.CAMPAIGNING]


def test_columns_can_be_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("komentar,kelas,wilayah\nPilih nomor 3 ya,campaigning,Garut\n", encoding="utf-8")
    frame = read_labelled(path, text_column="komentar", label_column="kelas", extra_columns=["wilayah"])
    assert frame.to_dict("records") == [
        {
            "id": text_id("Pilih nomor 3 ya"),
            "text": "Pilih nomor 3 ya",
            "label": Label.CAMPAIGNING,
            "wilayah": "Garut",
        }
    ]


def test_a_known_export_needs_no_column_names(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "full_text,id_str,username,created_at,lang,conversation_id_str,label\n"
        "Debat seru,1790000000000000099,akun,Mon Jan 1,in,1790000000000000099,neutral\n",
        encoding="utf-8",
    )
    frame = read_labelled(path)
    assert frame["text"].tolist() == ["Debat seru"]
    assert frame["id"].tolist() == ["1790000000000000099"]


def test_several_files_are_read_one_after_another(tmp_path):
    one = write_jsonl(tmp_path / "a.jsonl", [{"text": "satu", "label": "neutral", "weight": 0.5}])
    two = write_jsonl(tmp_path / "b.jsonl", [{"text": "dua", "label": "neutral", "platform": "X"}])
    frame = read_labelled([one, two])
    assert frame["text"].tolist() == ["satu", "dua"]
    assert frame["weight"].tolist() == [0.5, 1.0]
    assert frame["platform"].tolist() == [None, "x"]


def test_a_column_that_only_late_rows_have_is_read(tmp_path):
    posts = [{"text": f"post {number}", "label": "neutral"} for number in range(9000)]
    posts.append({"text": "Mantap Pak!", "label": "supportive", "context": "Paslon 1 blusukan ke pasar"})
    frame = read_labelled(write_jsonl(tmp_path / "a.jsonl", posts))
    assert frame["context"].tolist()[-1] == "Paslon 1 blusukan ke pasar"
    assert frame["context"].isna().sum() == 9000


def test_wordless_acts_are_posts_with_empty_text(tmp_path):
    path = write_jsonl(
        tmp_path / "a.jsonl",
        [{"text": None, "label": "supportive", "action": "Like", "context": "Coblos nomor 2!"}],
    )
    frame = read_labelled(path)
    assert frame["text"].tolist() == [""]
    assert frame["action"].tolist() == ["like"]


def test_annotators_may_be_a_number_a_list_or_names(tmp_path):
    path = write_jsonl(
        tmp_path / "a.jsonl",
        [
            {"text": text, "label": "neutral", "annotators": who}
            for text, who in (("a", 2), ("b", ["r1", "r2"]), ("c", "r1"))
        ],
    )
    two, both, one = read_labelled(path)["annotators"].tolist()
    assert (two, json.loads(both), one) == ("2", ["r1", "r2"], "r1")


def test_labels_are_optional_when_asked(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", [{"text": "satu", "label": "memihak"}, {"text": "dua", "label": None}])
    assert read_labelled(path, require_labels=False)["label"].tolist() == [Label.SUPPORTIVE, None]
    bare = write_jsonl(tmp_path / "b.jsonl", [{"text": "satu"}])
    assert read_labelled(bare, require_labels=False)["label"].tolist() == [None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "text,label\nsatu,neutral\ndua,positif\n",
            r"a\.csv: row 2, column 'label': unknown label 'positif'; .*memihak",
        ),
        ("text,label\nsatu,\n", r"a\.csv: row 1, column 'label': no label"),
        ("isi,kelas\nsatu,neutral\n", r"a\.csv: no column 'label'; .*--label-column.*'isi', 'kelas'"),
        ("kolom,label\nsatu,neutral\n", r"a\.csv: missing text column; columns are kolom, label; .*--text-column"),
        ("text,label\n", "no rows"),
        ("text,label,weight\nsatu,neutral,nol\n", r"row 1, column 'weight': a weight is a number above 0"),
        ("text,label,weight\nsatu,neutral,-1\n", r"row 1, column 'weight'"),
        ("text,label,action\nsatu,neutral,menari\n", r"row 1, column 'action': unknown action 'menari'; .*like"),
        ("text,label,unsure\nsatu,neutral,mungkin\n", r"row 1, column 'unsure': expected true or false"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_row_and_column(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_labelled(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text_column": "isi"}, "no column 'isi' .*--text-column.*'text', 'label'"),
        ({"label_column": "kelas"}, "no column 'kelas' .*--label-column"),
        ({"extra_columns": ["wilayah"]}, "no column 'wilayah'"),
    ],
)
def test_a_named_column_that_is_not_there_is_refused(tmp_path, options, message):
    path = tmp_path / "a.csv"
    path.write_text("text,label\nsatu,neutral\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_labelled(path, **options)


def test_a_text_taken_for_a_label_is_not_shown(tmp_path):
    path = tmp_path / "a.csv"
    post = "Ini kiriman panjang dari warga yang tidak boleh muncul di catatan galat"
    path.write_text(f"text,label\n{post},neutral\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_labelled(path, label_column="text")
    assert "kiriman" not in str(caught.value)
    assert f"of {len(post)} characters" in str(caught.value)


def test_a_line_that_is_no_json_is_refused_with_its_row(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "satu", "label": "neutral"}\n{"text": "dua", "label"\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.jsonl.*row 2"):
        read_labelled(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"tiada\.jsonl"):
        read_labelled(tmp_path / "tiada.jsonl")


def test_no_file_at_all_is_refused():
    with pytest.raises(InputError, match="at least one file"):
        read_labelled([])


EXPORTS = Path(__file__).parent / "exports"


@pytest.mark.parametrize(
    ("name", "tool"),
    [
        ("label_studio.json", "Label Studio"),
        ("label_studio.csv", "Label Studio"),
        ("doccano.zip", "doccano"),
        ("doccano_all.json", "doccano"),
        ("argilla_flat.jsonl", "Argilla"),
        ("argilla_datasets", "Argilla"),
    ],
)
def test_an_annotation_export_is_told_from_labelled_posts(name, tool):
    with pytest.raises(InputError) as told:
        read_labelled(EXPORTS / name)
    assert str(told.value) == (
        f"{EXPORTS / name}: is an annotation export ({tool}), not labelled posts; give each post one label first: "
        f"netral data import {EXPORTS / name} -o posts.jsonl"
    )


def test_a_bad_row_of_a_file_like_an_export_keeps_its_error(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,text,label,Comments\n1,satu,netral,12\n2,dua,setuju,3\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"row 2, column 'label': unknown label 'setuju'.*if this is an export of doccano"
    ):
        read_labelled(path)
