"""Tasks for annotators: files as each tool publishes its format, and back again as posts with labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.cli.main import main
from netral_nlp.corpus.annotations.consolidate import import_posts
from netral_nlp.corpus.sample.files import TaskFiles, assign, write_tasks
from netral_nlp.corpus.sample.tasks import TaskPost
from netral_nlp.corpus.sample.words import LANGUAGES
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.formats import open_posts, write_rows
from netral_nlp.labels import LABELS, Label

POSTS = (
    TaskPost(
        "1800000000000000001",
        'Bangga punya calon seperti beliau, "sehat" terus <3 & \n amin',
        None,
        {"platform": "facebook", "source": "grup warga", "posted_at": "2024-10-01"},
        "mixed",
        (Label.SUPPORTIVE, 0.71),
    ),
    TaskPost(
        "p2",
        "Gas pak 🔥",
        "Ayo coblos nomor 2!",
        {"action": "comment", "author": "warga_dua"},
        "random",
        (Label.SUPPORTIVE, 0.55),
    ),
    TaskPost(
        "p3",
        "KPU kabupaten menetapkan tiga pasangan calon",
        None,
        {"year": "2024"},
        "mixed",
        (Label.NEUTRAL, 0.98),
    ),
    TaskPost(
        "p4",
        "=Yuk kumpul Sabtu, kaos gratis; jangan lupa coblos nomor 1",
        None,
        {"thread": "77"},
        "mixed",
        (Label.CAMPAIGNING, 0.9),
    ),
)
BARE = tuple(TaskPost(post.id, post.text, post.context, post.fields, post.reason) for post in POSTS)
ANSWERS = {
    POSTS[0].id: Label.SUPPORTIVE,
    "p2": Label.SUPPORTIVE,
    "p3": Label.NEUTRAL,
    "p4": Label.CAMPAIGNING,
    **{f"m{number}": LABELS[number % 3] for number in range(60)},
}
# What annotators say besides the label, where a tool asks for it.
DOUBTED = frozenset({POSTS[0].id, "p3"})
DIRECTIONS = {POSTS[0].id: "contra", "p2": "pro", "p4": "both"}


def written(path: Path, posts: tuple[TaskPost, ...] = BARE, tool: str | None = None, **options: Any) -> TaskFiles:
    files = TaskFiles.named(path, tool, **options)
    write_tasks(posts, files, model="model-uji")
    return files


def check_back(
    *paths: Path,
    posts: tuple[TaskPost, ...] = BARE,
    extra: frozenset[str] = frozenset(),
    marked: bool = False,
    directed: bool = False,
) -> None:
    """Import what annotators did and compare every post with what was sent out, and with their marks."""
    frame = import_posts(list(paths)).frame()
    rows = {row["id"]: row for row in frame.to_dict("records")}
    assert rows.keys() == {post.id for post in posts}
    for post in posts:
        row = rows[post.id]
        assert row["text"] == post.text
        assert row["context"] == post.context
        assert row["label"] is ANSWERS[post.id]
        assert {name: row[name] for name in post.fields} == dict(post.fields)
        assert row["netral_reason"] == post.reason
        assert row["unsure"] is (marked and post.id in DOUBTED)
        assert row.get("direction") == (DIRECTIONS.get(post.id) if directed else None)
    extra |= {"direction"} if directed else set()
    sent = {"id", "text", "context", "label", "netral_reason", *(name for post in posts for name in post.fields)}
    assert set(frame.columns) - sent <= {"annotators", "unsure", "ratings", "file", "row", *extra}


# --- Label Studio ----------------------------------------------------------------------------------------------------


def annotate_label_studio(path: Path, language: str = "id", annotator: object = 3, *, marked: bool = False) -> Path:
    """What Label Studio exports as JSON after a person has answered every task; directions under their aliases."""
    words = LANGUAGES[language]
    tasks = json.loads(path.read_text(encoding="utf-8"))
    for number, task in enumerate(tasks):
        choice = words.labels[ANSWERS[task["data"]["post_id"]]]
        said = {"label": choice}
        if marked and task["data"]["post_id"] in DOUBTED:
            said["unsure"] = words.unsure
        if marked and (direction := DIRECTIONS.get(task["data"]["post_id"])):
            said["direction"] = direction
        result = [
            {"id": f"r{number}{name}", "type": "choices", "origin": "manual", "to_name": "text", "from_name": name,
             "value": {"choices": [value]}}
            for name, value in said.items()
        ]  # fmt: skip
        task |= {"id": 100 + number, "drafts": [], "meta": {}, "project": 1, "predictions": task.get("predictions", [])}
        task["annotations"] = [
            {"id": 500 + number, "completed_by": annotator, "result": result, "was_cancelled": False,
             "ground_truth": False, "created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z"}
        ]  # fmt: skip
    export = path.with_name("export-" + path.name)
    export.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return export


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("posts", [BARE, POSTS], ids=["bare", "suggested"])
def test_label_studio_tasks_come_back_with_their_labels(
    tmp_path: Path, language: str, posts: tuple[TaskPost, ...]
) -> None:
    files = written(tmp_path / "tasks.json", posts, language=language)
    check_back(annotate_label_studio(files.output, language))


@pytest.mark.parametrize("language", ["id", "en"])
def test_label_studio_tasks_come_back_with_doubts_and_directions(tmp_path: Path, language: str) -> None:
    files = written(tmp_path / "tasks.json", language=language)
    check_back(annotate_label_studio(files.output, language, marked=True), marked=True, directed=True)


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("name", ["result.json", "result.csv"])
def test_label_studios_flat_exports_come_back_with_doubts_and_directions(
    tmp_path: Path, name: str, language: str
) -> None:
    words = LANGUAGES[language]
    tasks = json.loads(written(tmp_path / "tasks.json", language=language).output.read_text(encoding="utf-8"))
    rows = []
    for number, task in enumerate(tasks):  # a control without an answer has no key; in CSV its cell is empty
        own = task["data"]["post_id"]
        row = {**task["data"], "id": 100 + number, "label": words.labels[ANSWERS[own]], "annotator": 3}
        row |= {"unsure": words.unsure} if own in DOUBTED else {}
        row |= {"direction": DIRECTIONS[own]} if own in DIRECTIONS else {}
        times = {"created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z", "lead_time": 4.2}
        rows.append({**row, "annotation_id": 500 + number, **times})
    path = tmp_path / name
    if name.endswith(".json"):
        path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    else:
        write_rows(path, rows)
    own_keys = frozenset({"annotation_id", "created_at", "updated_at", "lead_time"})
    check_back(path, extra=own_keys, marked=True, directed=True)


def test_label_studios_flat_exports_keep_the_posts_id(tmp_path: Path) -> None:
    tasks = json.loads(written(tmp_path / "tasks.json").output.read_text(encoding="utf-8"))
    rows = []
    for number, task in enumerate(tasks):  # its converter puts its own id, and the answers, beside the data
        answer = LANGUAGES["id"].labels[ANSWERS[task["data"]["post_id"]]]
        row = {**task["data"], "id": 100 + number, "label": answer, "annotator": 3, "annotation_id": 500 + number}
        times = {"created_at": "2025-01-01T00:00:00Z", "updated_at": "2025-01-01T00:00:00Z", "lead_time": 4.2}
        rows.append({**row, **times})
    path = tmp_path / "result.json"
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    check_back(path, extra=frozenset({"annotation_id", "created_at", "updated_at", "lead_time"}))


def test_label_studio_tasks_have_data_alone_unless_suggestions_are_asked_for(tmp_path: Path) -> None:
    tasks = json.loads(written(tmp_path / "a.json").output.read_text(encoding="utf-8"))
    assert all(task.keys() == {"data"} for task in tasks)
    assert all(isinstance(value, str) for task in tasks for value in task["data"].values())
    tasks = json.loads(written(tmp_path / "b.json", POSTS).output.read_text(encoding="utf-8"))
    for task, post in zip(tasks, POSTS, strict=True):
        assert post.suggestion is not None
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "model-uji"
        assert prediction["score"] == post.suggestion[1]
        assert prediction["result"][0]["value"] == {"choices": [post.suggestion[0].indonesian]}


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_labelling_interface_names_what_the_tasks_hold(tmp_path: Path, language: str) -> None:
    files = written(tmp_path / "tasks.json", POSTS, language=language)
    tasks = json.loads(files.output.read_text(encoding="utf-8"))
    view = ElementTree.parse(files.beside[0]).getroot()
    shown = {text.attrib["name"]: text.attrib["value"] for text in view.iter("Text")}
    assert shown == {"context": "$context", "text": "$text"}
    assert all({value[1:] for value in shown.values()} <= task["data"].keys() for task in tasks)
    controls = {control.attrib["name"]: control for control in view.iter("Choices")}
    assert all(control.attrib["toName"] in shown for control in controls.values())
    values = {name: [choice.attrib["value"] for choice in control.iter("Choice")] for name, control in controls.items()}
    words = LANGUAGES[language]
    assert values["label"] == [words.labels[label] for label in LABELS]
    assert [Label.parse(value) for value in values["label"]] == list(LABELS)
    assert values["unsure"] == [words.unsure]
    exported = [choice.get("alias", choice.attrib["value"]) for choice in controls["direction"].iter("Choice")]
    assert exported == ["pro", "contra", "both"]
    keys = [choice.attrib["hotkey"] for choice in view.iter("Choice") if "hotkey" in choice.attrib]
    assert len(set(keys)) == len(keys) == 4
    for result in (prediction["result"][0] for task in tasks for prediction in task["predictions"]):
        assert result["value"]["choices"][0] in values[result["from_name"]]
        assert result["to_name"] in shown
    headers = [header.attrib["value"] for header in view.iter("Header")]
    assert set(words.lines) <= set(headers)


def test_the_interface_has_no_place_for_a_context_where_no_post_has_one(tmp_path: Path) -> None:
    files = written(tmp_path / "tasks.json", tuple(post for post in BARE if post.context is None))
    assert 'name="context"' not in files.beside[0].read_text(encoding="utf-8")


# --- doccano ---------------------------------------------------------------------------------------------------------


def test_doccano_tasks_come_back_with_their_labels(tmp_path: Path) -> None:
    files = written(tmp_path / "tasks.jsonl")
    rows = [json.loads(line) for line in files.output.read_text(encoding="utf-8").splitlines()]
    assert all(isinstance(row["text"], str) and row["label"] == [] for row in rows)
    exported = []
    for number, row in enumerate(rows):  # doccano: its number, the text, then the meta data, which win, then the labels
        text, label = row.pop("text"), row.pop("label")
        assert label == []
        exported.append(
            {"id": number + 1, "text": text, **row, "label": [ANSWERS[row["id"]].indonesian], "Comments": []}
        )
    path = tmp_path / "ani.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in exported), encoding="utf-8")
    check_back(path)


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("name", ["ani.jsonl", "ani.csv"])
def test_doccano_tasks_come_back_with_doubts(tmp_path: Path, name: str, language: str) -> None:
    words = LANGUAGES[language]
    files = written(tmp_path / "tasks.jsonl", language=language)
    exported = []
    for number, line in enumerate(files.output.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        labels = [words.labels[ANSWERS[row["id"]]], *([words.unsure] if row["id"] in DOUBTED else [])]
        # The CSV joins labels by "#".
        label = sorted(labels) if name.endswith("l") else "#".join(sorted(labels))
        exported.append({"id": number + 1, **row, "label": label, "Comments": [] if name.endswith("l") else ""})
    path = tmp_path / name
    write_rows(path, exported)
    check_back(path, marked=True)


@pytest.mark.parametrize("language", ["id", "en"])
def test_doccanos_labels_are_as_its_import_wants_them(tmp_path: Path, language: str) -> None:
    files = written(tmp_path / "tasks.jsonl", POSTS, language=language)
    labels = json.loads(files.beside[0].read_text(encoding="utf-8"))
    assert all(label.keys() == {"text", "suffix_key", "background_color", "text_color"} for label in labels)
    assert [Label.parse(label["text"]) for label in labels[:3]] == list(LABELS)
    keys = [label["suffix_key"] for label in labels]
    assert len(set(keys)) == 4
    assert all(len(key) == 1 and key in "0123456789abcdefghijklmnopqrstuvwxyz" for key in keys)
    assert all(len(label["background_color"]) == 7 and int(label["background_color"][1:], 16) for label in labels)
    suggested = {
        name for line in files.output.read_text(encoding="utf-8").splitlines() for name in json.loads(line)["label"]
    }
    assert suggested <= {label["text"] for label in labels}
    assert LANGUAGES[language].guide in files.beside[1].read_text(encoding="utf-8")


# --- Argilla ---------------------------------------------------------------------------------------------------------


def test_argilla_records_come_back_with_their_labels(tmp_path: Path) -> None:
    files = written(tmp_path / "records.json", POSTS, tool="argilla")
    records = json.loads(files.output.read_text(encoding="utf-8"))
    for record, post in zip(records, POSTS, strict=True):
        assert post.suggestion is not None
        assert record["suggestions"]["label"] == {
            "value": post.suggestion[0].value, "score": post.suggestion[1], "agent": "model-uji",
        }  # fmt: skip
        record["responses"] = {"label": [{"value": ANSWERS[record["id"]].value, "user_id": "u-1"}]}
        record["status"] = "completed"
    path = tmp_path / "export.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    check_back(path)


@pytest.mark.parametrize("layout", ["nested", "flat", "argilla 1"])
def test_argilla_records_come_back_with_doubts_and_directions(tmp_path: Path, layout: str) -> None:
    exported = []
    for record in json.loads(written(tmp_path / "records.json", tool="argilla").output.read_text(encoding="utf-8")):
        own = record["id"]
        said = {"label": ANSWERS[own].value, "unsure": "unsure" if own in DOUBTED else "sure"}
        said |= {"direction": DIRECTIONS[own]} if own in DIRECTIONS else {}
        if layout == "nested":
            record["responses"] = {name: [{"value": value, "user_id": "u-1"}] for name, value in said.items()}
        elif layout == "argilla 1":
            values = {name: {"value": value} for name, value in said.items()}
            record["responses"] = [{"user_id": "u-1", "status": "submitted", "values": values}]
        else:
            record = {"id": own, "status": "completed", "_server_id": None, **record["fields"], **record["metadata"]}
            for name, value in said.items():
                record |= {f"{name}.responses": [value], f"{name}.responses.users": ["u-1"]}
                record[f"{name}.responses.status"] = ["submitted"]
        exported.append(record)
    path = tmp_path / "export.json"
    path.write_text(json.dumps(exported), encoding="utf-8")
    check_back(path, marked=True, directed=True)


def test_argillas_settings_name_what_the_records_hold(tmp_path: Path) -> None:
    files = written(tmp_path / "records.json", POSTS, tool="argilla")
    settings_file = json.loads(files.beside[0].read_text(encoding="utf-8"))
    fields = {field["name"]: field["required"] for field in settings_file["fields"]}
    assert fields == {"context": False, "text": True}
    questions = {question["name"]: question for question in settings_file["questions"]}
    options = {
        name: [option["value"] for option in question["settings"]["options"]] for name, question in questions.items()
    }
    assert options["label"] == [label.value for label in LABELS]
    assert options["unsure"] == ["unsure", "sure"]
    assert options["direction"] == ["pro", "contra", "both"]
    assert [question["required"] for question in questions.values()] == [True, False, False]
    assert settings_file["allow_extra_metadata"] is True
    for record in json.loads(files.output.read_text(encoding="utf-8")):
        assert record["fields"].keys() <= fields.keys()
        assert record["suggestions"]["label"]["value"] in options["label"]


# --- tables ----------------------------------------------------------------------------------------------------------


def read_table(path: Path) -> list[dict[str, str]]:
    with open_posts(path) as reader:
        columns = list(reader.columns)
        return [
            dict(zip(columns, (cell or "" for cell in row), strict=True))
            for batch in reader.batches()
            for row in zip(*(batch.strings(name) for name in columns), strict=True)
        ]


def fill_in(path: Path, column: str, unsure: str | None = None) -> Path:
    rows = read_table(path)
    assert all(row[column] == "" for row in rows)
    for row in rows:
        row[column] = ANSWERS[row["id"]].indonesian
        if unsure is not None and row["id"] in DOUBTED:
            row["unsure"] = unsure
    filled = path.with_name("filled-" + path.name)
    write_rows(filled, rows)
    return filled


@pytest.mark.parametrize("name", ["tasks.csv", "tasks.tsv", "tasks.xlsx"])
def test_tables_come_back_with_their_labels(tmp_path: Path, name: str) -> None:
    files = written(tmp_path / name)
    check_back(fill_in(files.output, "label"))


@pytest.mark.parametrize("name", ["tasks.csv", "tasks.tsv", "tasks.xlsx"])
@pytest.mark.parametrize("word", ["ya", "ragu-ragu", "unsure", "TRUE"])
def test_tables_come_back_with_doubts(tmp_path: Path, name: str, word: str) -> None:
    check_back(fill_in(written(tmp_path / name).output, "label", word), marked=True)
    files = written(tmp_path / f"two-{name}", annotators=2, overlap=1.0)
    doubts = (None, word)  # the second annotator doubts
    pairs = enumerate(zip(files.task_paths, doubts, strict=True), 1)
    check_back(*(fill_in(path, f"annotator_{number}", doubt) for number, (path, doubt) in pairs), marked=True)


def test_a_tables_suggestion_is_no_answer(tmp_path: Path) -> None:
    files = written(tmp_path / "tasks.csv", POSTS)
    assert [row["suggestion"] for row in read_table(files.output)] == [
        "supportive",
        "supportive",
        "neutral",
        "campaigning",
    ]
    check_back(fill_in(files.output, "label"), extra=frozenset({"suggestion"}))


# --- several annotators ----------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 200), st.integers(1, 7), st.floats(0, 1), st.integers(0, 5))
def test_posts_are_dealt_evenly_and_a_part_of_them_to_two(count: int, people: int, overlap: float, seed: int) -> None:
    dealt = assign(count, people, overlap, seed)
    assert dealt == assign(count, people, overlap, seed)
    twice = [given_to for given_to in dealt if len(given_to) == 2]
    assert len(twice) == (round(overlap * count) if people > 1 else 0)
    assert all(len(set(given_to)) == len(given_to) in (1, 2) for given_to in dealt)
    loads = [sum(number in given_to for given_to in dealt) for number in range(1, people + 1)]
    assert sum(loads) == count + len(twice)
    assert max(loads) - min(loads) <= 1 + people


def test_all_pairs_of_annotators_share_posts() -> None:
    pairs = {given_to for given_to in assign(400, 4, 0.2, 0) if len(given_to) == 2}
    assert pairs == {(one, two) for one in range(1, 5) for two in range(one + 1, 5)}


def many(count: int) -> tuple[TaskPost, ...]:
    chance = np.random.default_rng(0)
    names = ["bupati", "camat", "lurah", "guru", "bidan", "petani", "nelayan", "warga", "kader", "pemuda"]
    posts = []
    for number in range(count):
        text = " ".join(chance.choice(names, 6)) + f" {number}"
        posts.append(TaskPost(f"m{number}", text, None, {}, "mixed"))
    return tuple(posts)


@pytest.mark.parametrize("name", ["tasks.json", "tasks.csv"])
def test_several_annotators_get_a_file_each_and_come_back_as_one_set(tmp_path: Path, name: str) -> None:
    posts = many(40)
    files = written(tmp_path / name, posts, annotators=3, overlap=0.25)
    assert not files.output.exists()
    assert [path.name for path in files.task_paths] == [
        f"tasks.annotator-{number}{files.output.suffix}" for number in (1, 2, 3)
    ]
    done = [
        annotate_label_studio(path, annotator=number) if name.endswith("json") else fill_in(path, f"annotator_{number}")
        for number, path in enumerate(files.task_paths, 1)
    ]
    imported = import_posts(done)
    frame = imported.frame()
    assert sorted(frame["id"]) == sorted(post.id for post in posts)
    assert (frame["label"] == [ANSWERS[own] for own in frame["id"]]).all()
    assert sorted(frame["annotators"].astype(int)) == [1] * 30 + [2] * 10
    assert len(imported.ratings()) == 3


def test_each_annotator_reads_in_an_order_of_their_own(tmp_path: Path) -> None:
    files = written(tmp_path / "tasks.csv", many(60), annotators=2, overlap=1.0)
    one, two = ([row["id"] for row in read_table(path)] for path in files.task_paths)
    assert sorted(one) == sorted(two)
    assert one != two


# --- requests --------------------------------------------------------------------------------------------------------


def test_the_ending_says_the_tool(tmp_path: Path) -> None:
    tools = {name: TaskFiles.named(tmp_path / name).tool for name in ("a.json", "a.jsonl", "a.csv", "a.XLSX", "a.tsv")}
    assert tools == {
        "a.json": "label-studio", "a.jsonl": "doccano", "a.csv": "table", "a.XLSX": "table", "a.tsv": "table",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.txt", {}, "the ending is of no annotation tool"),
        ("a.csv", {"tool": "doccano"}, "files for doccano end in .jsonl"),
        ("a.json", {"annotators": 0}, "--annotators is at least 1"),
        ("a.json", {"overlap": 1.5}, "--overlap lies between 0 and 1"),
        ("a.json", {"language": "jv"}, "unknown language 'jv'"),
    ],
)
def test_a_wrong_request_is_told(tmp_path: Path, name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TaskFiles.named(tmp_path / name, **options)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        TaskFiles.named(tmp_path / "tiada" / "a.json").check_free()


def test_from_a_dump_to_tasks_to_labelled_posts(tmp_path: Path) -> None:
    rows = [{"id": post.id, "text": post.text, "context": post.context, **post.fields} for post in POSTS]
    pool = tmp_path / "posts.jsonl"
    pool.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    out = tmp_path / "tasks.json"
    assert main(["data", "sample", str(pool), "-o", str(out), "--by", "random", "--count", "4"]) == 0
    random = tuple(TaskPost(post.id, post.text, post.context, post.fields, "random") for post in POSTS)
    check_back(annotate_label_studio(out), posts=random)
    assert main(["data", "sample", str(pool), "-o", str(tmp_path / "more.json"), "--labelled", str(out)]) == 1
