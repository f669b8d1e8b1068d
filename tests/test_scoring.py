"""`netral score` from file to file, through the real command line and a real (tiny) model."""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import importlib.util
import io
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netral_nlp.cli.main import main
from netral_nlp.errors import InputError
from netral_nlp.formats import detect_format, open_posts
from netral_nlp.labels import LABELS
from netral_nlp.scoring import score as score_module
from netral_nlp.scoring.chunk import ChunkReader
from netral_nlp.scoring.columns import inspect
from netral_nlp.scoring.journal import Journal, unfinished
from netral_nlp.scoring.request import ScoreRequest
from netral_nlp.scoring.score import score_files

NEW = ["label", "p_neutral", "p_supportive", "p_campaigning", "needs_review"]
PHRASES = [
    "Jadwal debat terbuka calon bupati diumumkan KPU hari Senin",
    "Fix pilihan saya nomor {n}, beliau paling paham warga kampung kami",
    "Ayo ajak tetangga, Rabu besok kita coblos nomor {n} bareng-bareng!",
    "Antre BBM di SPBU dekat pasar sampai {n} jam, capek banget",
    "Kaos relawan gratis untuk {n} orang pertama, merapat ke posko ya",
    "Timnas menang {n}-0, malam ini nonton ulang golnya lagi",
]


def posts(count, start=0):
    """Rows like a crawler's: 19-digit ids, some blank posts and some repeated ones."""
    for number in range(start, start + count):
        text = PHRASES[number % len(PHRASES)].format(n=number % 7)
        if number % 5:
            text += f" #{number}"
        if number % 23 == 11:
            text = "   "
        yield {"id_str": str(1780000000000000000 + number), "full_text": text, "lang": "in", "suka": str(number % 9)}


def write_csv(path, rows, fieldnames=None):
    rows = list(rows)
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def read_csv(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def run(tiny_model, capsys, monkeypatch, tmp_path):
    """Call `netral score` in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, model=True):
        with_model = ["--model", str(tiny_model)] if model else []
        code = main(["score", *map(str, arguments), *with_model])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def refused(outcome, *said):
    """The run ended with one clear line."""
    code, out, err = outcome
    assert code == 1
    assert out == ""
    (line,) = [line for line in err.splitlines() if line.startswith("netral: error:")]
    assert "Traceback" not in err
    for part in said:
        assert part in line
    return line


# What comes out


def test_columns_rows_and_order_survive_and_ours_follow(run, tmp_path):
    rows = list(posts(60))
    write_csv(tmp_path / "crawl.csv", rows)
    code, out, err = run("crawl.csv", "-o", "out.csv", "--text-column", "full_text", "--chunk-rows", 16)
    assert code == 0, err
    scored = read_csv(tmp_path / "out.csv")
    assert list(scored[0]) == [*rows[0], *NEW]
    assert [{name: row[name] for name in rows[0]} for row in scored] == rows
    for row in scored:
        probabilities = [float(row[f"p_{label}"]) for label in LABELS]
        assert math.isclose(sum(probabilities), 1, abs_tol=5e-6)
        assert all(len(row[f"p_{label}"].partition(".")[2]) == 6 for label in LABELS)
        if row["full_text"].strip():
            assert row["label"] == LABELS[probabilities.index(max(probabilities))]
        else:
            assert (row["label"], row["needs_review"]) == ("neutral", "true")
    assert files_in(tmp_path) == ["crawl.csv", "out.csv", "out.csv.meta.json"]
    assert "60 posts labelled" in out
    assert "memihak" in out
    assert "text from column 'full_text'" in err


def test_text_column_of_a_known_export_is_found_and_said(run, tmp_path):
    rows = [{**row, "created_at": "2024-11-27", "conversation_id_str": row["id_str"]} for row in posts(5)]
    write_csv(tmp_path / "tweets.csv", rows)
    code, _, err = run("tweets.csv", "-o", "out.jsonl")
    assert code == 0
    assert "text from column 'full_text'" in err
    assert "id from column 'id_str'" in err
    assert "tweet-harvest" in err
    assert [row["id_str"] for row in read_jsonl(tmp_path / "out.jsonl")] == [row["id_str"] for row in rows]


@pytest.mark.parametrize("ending", ["csv", "tsv", "csv.gz", "jsonl", "jsonl.zst", "parquet", "xlsx"])
def test_every_output_format_says_the_same(run, tmp_path, ending):
    rows = list(posts(30))
    write_csv(tmp_path / "crawl.csv", rows)
    assert run("crawl.csv", "-o", "plain.csv", "--text-column", "full_text")[0] == 0
    code, _, err = run("crawl.csv", "-o", f"out.{ending}", "--text-column", "full_text")
    assert code == 0, err
    expected = read_csv(tmp_path / "plain.csv")
    with open_posts(tmp_path / f"out.{ending}") as reader:
        batches = list(reader.batches())
        names = reader.columns
        found = [
            dict(zip(names, row, strict=True))
            for batch in batches
            for row in zip(*(batch.strings(name) for name in names), strict=True)
        ]
    assert names == [*rows[0], *NEW]
    for name in [*rows[0], "label", "needs_review"]:
        assert [(row[name] or "").lower() for row in found] == [row[name].lower() for row in expected]
    for label in LABELS:
        for row, other in zip(found, expected, strict=True):
            assert math.isclose(float(row[f"p_{label}"]), float(other[f"p_{label}"]), abs_tol=1e-6)


def test_jsonl_keeps_numbers_nested_values_nulls_and_absences(run, tmp_path):
    rows = [
        {"text": "Coblos nomor 2 ya bu", "likes": 1780000000000000001, "user": {"kota": "Garut"}},
        {"text": None, "likes": None, "tags": ["pilkada", 3]},
        {"text": "Hasil survei dirilis", "late": True},
    ]
    write_jsonl(tmp_path / "posts.jsonl", rows)
    code, _, err = run("posts.jsonl", "-o", "out.jsonl", "--chunk-rows", 1)
    assert code == 0, err
    scored = read_jsonl(tmp_path / "out.jsonl")
    assert [{key: value for key, value in row.items() if key not in NEW} for row in scored] == rows
    assert scored[1]["label"] == "neutral"
    assert scored[1]["needs_review"] is True


def test_columns_that_clash_are_kept_under_another_name_and_said(run, tmp_path):
    rows = [{"text": "Lanjutkan pak!", "label": "lama", "label_input": "lebih lama", "needs_review": "ya"}]
    write_csv(tmp_path / "posts.csv", rows)
    code, _, err = run("posts.csv", "-o", "out.csv")
    assert code == 0
    (row,) = read_csv(tmp_path / "out.csv")
    assert list(row) == ["text", "label_input_2", "label_input", "needs_review_input", *NEW]
    assert (row["label_input_2"], row["label_input"], row["needs_review_input"]) == ("lama", "lebih lama", "ya")
    assert "'label'" in err
    assert "'label_input_2'" in err
    meta = json.loads((tmp_path / "out.csv.meta.json").read_text(encoding="utf-8"))
    assert meta["output"]["renamed"] == {"label": "label_input_2", "needs_review": "needs_review_input"}


def test_an_output_can_be_scored_again(run, tmp_path):
    write_csv(tmp_path / "posts.csv", [{"text": f"Gas coblos {n}"} for n in range(4)])
    assert run("posts.csv", "-o", "one.csv")[0] == 0
    assert run("one.csv", "-o", "two.csv")[0] == 0
    one, two = read_csv(tmp_path / "one.csv"), read_csv(tmp_path / "two.csv")
    for name in NEW:
        assert [row[name] for row in one] == [row[name] for row in two] == [row[f"{name}_input"] for row in two]


def test_several_inputs_of_several_formats_become_one_output(run, tmp_path):
    write_csv(tmp_path / "a.csv", [{"text": "Dukung penuh beliau", "kota": "Solo"}, {"text": "Hujan lagi", "kota": ""}])
    write_jsonl(tmp_path / "b.jsonl", [{"text": "Jangan lupa coblos 1", "likes": 7}, {"kota": "Bima", "text": "Pagi"}])
    pq.write_table(pa.table({"text": ["Besok TPS buka jam 7"], "likes": [12]}), tmp_path / "c.parquet")
    code, out, err = run("a.csv", "b.jsonl", "c.parquet", "-o", "out.jsonl", "--source-column", "berkas")
    assert code == 0, err
    scored = read_jsonl(tmp_path / "out.jsonl")
    assert list(scored[0]) == ["text", "kota", "berkas", *NEW] or "likes" in scored[0]
    assert [row["text"] for row in scored] == [
        "Dukung penuh beliau",
        "Hujan lagi",
        "Jangan lupa coblos 1",
        "Pagi",
        "Besok TPS buka jam 7",
    ]
    assert [row["berkas"] for row in scored] == ["a.csv", "a.csv", "b.jsonl", "b.jsonl", "c.parquet"]
    assert [row.get("kota") for row in scored] == ["Solo", "", None, "Bima", None]
    assert [row.get("likes") for row in scored] == [None, None, 7, None, 12]
    meta = json.loads((tmp_path / "out.jsonl.meta.json").read_text(encoding="utf-8"))
    assert [(item["name"], item["rows"]) for item in meta["inputs"]] == [("a.csv", 2), ("b.jsonl", 2), ("c.parquet", 1)]
    assert "5 posts labelled" in out


def test_context_and_action_reach_the_model(run, tmp_path):
    rows = [
        {"text": "", "context": "Ayo coblos nomor 3 demi kota kita!", "action": "like"},
        {"text": "", "context": "", "action": "like"},
        {"text": "Gas", "context": "Ayo coblos nomor 3", "action": "diunggah ulang"},
    ]
    write_csv(tmp_path / "posts.csv", rows)
    code, out, err = run("posts.csv", "-o", "out.csv")
    assert code == 0, err
    assert "context from column 'context'" in err
    assert "action from column 'action'" in err
    assert "unknown action" in out
    meta = json.loads((tmp_path / "out.csv.meta.json").read_text(encoding="utf-8"))
    assert meta["counts"]["unknown_actions"] == 1
    assert meta["counts"]["blank"] == 1


def test_review_below_replaces_the_models_thresholds(run, tmp_path):
    write_csv(tmp_path / "posts.csv", [{"text": f"Pilih yang jujur {n}"} for n in range(6)])
    assert run("posts.csv", "-o", "all.csv", "--review-below", "1")[0] == 0
    assert run("posts.csv", "-o", "none.csv", "--review-below", "neutral=0,supportive=0,campaigning=0")[0] == 0
    assert {row["needs_review"] for row in read_csv(tmp_path / "all.csv")} == {"true"}
    assert {row["needs_review"] for row in read_csv(tmp_path / "none.csv")} == {"false"}
    meta = json.loads((tmp_path / "all.csv.meta.json").read_text(encoding="utf-8"))
    assert meta["decision"]["review_below"] == {"neutral": 1.0, "supportive": 1.0, "campaigning": 1.0}


def test_meta_says_how_the_output_was_made(run, tmp_path, tiny_model):
    write_csv(tmp_path / "posts.csv", posts(30))
    assert run("posts.csv", "-o", "out.csv", "--text-column", "full_text")[0] == 0
    meta = json.loads((tmp_path / "out.csv.meta.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256((tmp_path / "posts.csv").read_bytes()).hexdigest()
    assert meta["inputs"][0]["name"] == "posts.csv"
    assert meta["inputs"][0]["sha256"] == digest
    assert meta["inputs"][0]["columns"]["text"] == "full_text"
    assert meta["output"]["sha256"] == hashlib.sha256((tmp_path / "out.csv").read_bytes()).hexdigest()
    assert meta["model"]["fingerprint"]
    assert meta["counts"]["rows_in"] == meta["counts"]["rows"] == sum(meta["counts"]["labels"].values()) == 30
    assert meta["counts"]["blank"] == 1
    assert meta["decision"]["temperature"] > 0
    assert {"netral_nlp", "python", "onnxruntime"} <= set(meta["versions"])
    assert str(tmp_path) not in json.dumps(meta)


def test_summary_as_json(run, tmp_path):
    write_csv(tmp_path / "posts.csv", [{"text": "Sama persis"}] * 5 + [{"text": ""}])
    code, out, _ = run("posts.csv", "-o", "out.csv", "--json")
    assert code == 0
    summary = json.loads(out)
    assert (summary["rows_in"], summary["rows"], summary["rejects"], summary["blank"]) == (6, 6, 0, 1)
    assert summary["duplicates"] == 4
    assert sum(summary["labels"].values()) == 6


def test_quiet_says_nothing(run, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(3))
    assert run("posts.csv", "-o", "out.csv", "--text-column", "full_text", "--quiet") == (0, "", "")


def test_progress_bar_shows_on_request_only(run, tmp_path):
    write_jsonl(tmp_path / "posts.jsonl", posts(40))
    arguments = ["posts.jsonl", "-o", "out.csv", "--text-column", "full_text", "--chunk-rows", 8, "--overwrite"]
    assert "scoring" not in run(*arguments)[2]
    err = run(*arguments, "--progress")[2]
    assert "scoring" in err
    assert "100%" in err


def test_an_input_without_one_good_row_gives_an_output_with_a_header_alone(run, tmp_path):
    (tmp_path / "lain.csv").write_text("id,text\n1,Halo,lebih,banyak,kolom\n", encoding="utf-8")
    code, out, _ = run("lain.csv", "-o", "out.csv")
    assert code == 3
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").strip() == ",".join(["id", "text", *NEW])
    assert "0 posts" in out
    assert run("lain.csv", "-o", "out.parquet")[0] == 3
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


def test_rows_are_answered_the_same_in_chunks_of_any_size(run, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(50))
    for size in (7, 64):
        assert run("posts.csv", "-o", f"{size}.csv", "--text-column", "full_text", "--chunk-rows", size)[0] == 0
    for one, other in zip(read_csv(tmp_path / "7.csv"), read_csv(tmp_path / "64.csv"), strict=True):
        for label in LABELS:
            assert math.isclose(float(one[f"p_{label}"]), float(other[f"p_{label}"]), abs_tol=1.1e-5)


# Rejects


def bad_jsonl(path, count=40):
    """Every tenth line is no JSON; returns the numbers of the good and the bad rows."""
    good, bad, lines = [], [], []
    for number, row in enumerate(posts(count), start=1):
        (bad if number % 10 == 0 else good).append(number)
        lines.append('{"full_text": "putus di ten' if number % 10 == 0 else json.dumps(row))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return good, bad


def test_bad_rows_go_to_the_rejects_and_the_run_goes_on(run, tmp_path):
    good, bad = bad_jsonl(tmp_path / "posts.jsonl")
    code, out, _ = run("posts.jsonl", "-o", "out.jsonl", "--text-column", "full_text", "--chunk-rows", 6)
    assert code == 3
    rejects = read_jsonl(tmp_path / "out.jsonl.rejects.jsonl")
    assert [reject["row"] for reject in rejects] == bad
    assert all(reject["reason"] and reject["raw"] == '{"full_text": "putus di ten' for reject in rejects)
    assert len(read_jsonl(tmp_path / "out.jsonl")) == len(good)
    assert f"{len(bad)} of 40 rows could not be read: out.jsonl.rejects.jsonl" in out
    meta = json.loads((tmp_path / "out.jsonl.meta.json").read_text(encoding="utf-8"))
    assert (meta["counts"]["rows_in"], meta["counts"]["rows"], meta["counts"]["rejects"]) == (40, 36, 4)


def test_rejects_go_where_asked_and_old_ones_do_not_stay(run, tmp_path):
    bad_jsonl(tmp_path / "posts.jsonl")
    arguments = ["-o", "out.csv", "--text-column", "full_text", "--rejects", "buruk.jsonl"]
    assert run("posts.jsonl", *arguments)[0] == 3
    assert len(read_jsonl(tmp_path / "buruk.jsonl")) == 4
    write_jsonl(tmp_path / "posts.jsonl", posts(5))
    assert run("posts.jsonl", *arguments, "--overwrite")[0] == 0
    assert not (tmp_path / "buruk.jsonl").exists()


def test_max_rejects_stops_early_and_a_higher_bound_resumes(run, tmp_path):
    good, bad = bad_jsonl(tmp_path / "posts.jsonl")
    arguments = ["posts.jsonl", "-o", "out.csv", "--text-column", "full_text", "--chunk-rows", 6]
    refused(run(*arguments, "--max-rejects", 2), "--max-rejects", "more than 2")
    assert not (tmp_path / "out.csv").exists()
    code, _, _ = run(*arguments, "--max-rejects", 4, "--resume")
    assert code == 3
    assert len(read_csv(tmp_path / "out.csv")) == len(good)
    assert [reject["row"] for reject in read_jsonl(tmp_path / "out.csv.rejects.jsonl")] == bad


def test_a_chunk_that_is_scored_is_safe_when_what_comes_after_it_cannot_be_read(run, tmp_path):
    lines = [json.dumps(row) for row in posts(20)] + ["rusak"] * 5
    (tmp_path / "posts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    refused(run("posts.jsonl", "-o", "out.csv", "--chunk-rows", 20, "--max-rejects", 2), "more than 2 rows")
    assert unfinished(tmp_path / "out.csv.parts").rows == 20


def test_a_reader_that_is_told_to_stop_gives_up_in_the_middle_of_bad_rows(tmp_path):
    source = tmp_path / "posts.jsonl"
    source.write_text('{"text": "Rapat RT"}\n' + "rusak\n" * 5_000, encoding="utf-8")
    request = ScoreRequest(inputs=[source], output=tmp_path / "out.csv", chunk_rows=1)
    with Journal.start(request.parts_path, {}) as journal:
        reader = ChunkReader(request, inspect(request), journal, detect_format(request.output))
        chunks = iter(reader)
        assert next(chunks).texts.texts == ["Rapat RT"]
        reader.stop()
        with pytest.raises(InputError, match="stopped"):
            next(chunks)
        assert not journal.rejects(1).exists() or journal.rejects(1).stat().st_size == 0


def test_cells_that_a_sheet_cannot_hold_are_rejected_not_cut(run, tmp_path):
    rows = [
        {"text": "pendek", "catatan": "x"},
        {"text": "a" * 40_000, "catatan": "y"},
        {"text": "akhir", "catatan": "z"},
    ]
    write_csv(tmp_path / "posts.csv", rows)
    code, _, _ = run("posts.csv", "-o", "out.xlsx")
    assert code == 3
    (reject,) = read_jsonl(tmp_path / "out.xlsx.rejects.jsonl")
    assert reject["row"] == 2
    assert "32,767" in reject["reason"]
    assert json.loads(reject["raw"])["text"] == "a" * 40_000
    with open_posts(tmp_path / "out.xlsx") as reader:
        assert [text for batch in reader.batches() for text in batch.strings("text")] == ["pendek", "akhir"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.one_of(
            st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\n\r"), max_size=30),
            st.dictionaries(st.sampled_from(["text", "label", "id"]), st.text(max_size=20) | st.none()).map(json.dumps),
        ),
        max_size=12,
    ),
    ending=st.sampled_from(["csv", "jsonl", "parquet"]),
)
def test_every_row_ends_in_the_output_or_in_the_rejects(tiny_model, tmp_path, lines, ending):
    first = json.dumps({"text": "Pagi semua"})
    path = tmp_path / "posts.jsonl"
    path.write_bytes("\n".join([first, *lines]).encode() + b"\n")
    request = ScoreRequest(
        [path], tmp_path / f"out.{ending}", model=str(tiny_model), chunk_rows=3, overwrite=True, threads=1
    )
    result = score_files(request)
    rows = [line for line in [first, *lines] if line.strip(" \t")]
    assert result.rows_in == result.rows + result.rejects == len(rows)
    rejects = read_jsonl(request.rejects_path) if result.rejects else []
    assert len(rejects) == result.rejects
    with open_posts(request.output) as reader:
        assert sum(batch.rows.num_rows for batch in reader.batches()) == result.rows


# Refusals: one clear line, exit code 1, nothing written


def test_a_missing_file_is_refused(run):
    refused(run("tidak-ada.csv", "-o", "out.csv"), "tidak-ada.csv", "no such file")


def test_a_folder_is_refused(run, tmp_path):
    (tmp_path / "dumps").mkdir()
    refused(run("dumps", "-o", "out.csv"), "dumps")


def test_a_missing_text_column_names_the_columns(run, tmp_path):
    write_csv(tmp_path / "posts.csv", [{"judul": "a", "isi_pesan": "b"}])
    refused(run("posts.csv", "-o", "out.csv"), "judul", "isi_pesan", "--text-column")
    line = refused(run("posts.csv", "-o", "out.csv", "--text-column", "Isi_pesn"), "'Isi_pesn'", "judul")
    assert "did you mean 'isi_pesan'" in line
    refused(run("posts.csv", "-o", "out.csv", "--text-column", "judul", "--id-column", "nomor"), "'nomor'")
    assert files_in(tmp_path) == ["posts.csv"]


def test_a_column_that_some_inputs_lack_is_said_and_one_that_all_lack_is_refused(run, tmp_path):
    write_csv(tmp_path / "a.csv", [{"text": "Setuju", "asal": "Ayo coblos 2"}])
    write_csv(tmp_path / "b.csv", [{"text": "Setuju"}])
    code, _, err = run("a.csv", "b.csv", "-o", "out.csv", "--context-column", "asal")
    assert code == 0
    assert "b.csv: text from column 'text'; it has no column 'asal'" in err
    refused(run("a.csv", "b.csv", "-o", "out2.csv", "--context-column", "sumber"), "'sumber'", "--context-column")


def test_an_unknown_output_ending_and_a_missing_folder_are_refused(run, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(2))
    refused(run("posts.csv", "-o", "out.docx"), "out.docx")
    refused(run("posts.csv", "-o", "out.json"), ".jsonl")
    refused(run("posts.csv", "-o", "hasil/out.csv"), "hasil", "no folder")
    refused(run("posts.csv", "-o", "out.csv", "--rejects", "buruk/r.jsonl"), "buruk", "no folder")
    assert files_in(tmp_path) == ["posts.csv"]


def test_output_equal_to_an_input_is_refused(run, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(2))
    (tmp_path / "tautan.csv").symlink_to("posts.csv")
    for output in ("posts.csv", "tautan.csv", "../" + tmp_path.name + "/posts.csv"):
        refused(run("posts.csv", "-o", output, "--overwrite"), "is an input")
    refused(run("posts.csv", "-o", "out.csv", "--rejects", "posts.csv", "--overwrite"), "is an input")
    refused(run("posts.csv", "-o", "out.csv", "--rejects", "out.csv"), "file of their own")
    refused(run("posts.csv", "posts.csv", "-o", "out.csv"), "twice")


def test_devices_are_not_replaced(run, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(2))
    refused(run("posts.csv", "-o", "out.csv", "--text-column", "full_text", "--rejects", os.devnull), "regular file")
    assert not Path(os.devnull).is_file()


def test_an_existing_output_is_kept_unless_told_otherwise(run, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(5))
    (tmp_path / "out.csv").write_text("milik orang", encoding="utf-8")
    refused(run("posts.csv", "-o", "out.csv", "--text-column", "full_text"), "exists already", "--overwrite")
    refused(run("posts.csv", "-o", "out.csv", "--text-column", "full_text", "--resume"), "no unfinished run")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "milik orang"
    (tmp_path / "lain.csv.rejects.jsonl").write_text("milik orang", encoding="utf-8")
    refused(run("posts.csv", "-o", "lain.csv", "--text-column", "full_text"), "lain.csv.rejects.jsonl")
    assert run("posts.csv", "-o", "out.csv", "--text-column", "full_text", "--overwrite")[0] == 0
    assert len(read_csv(tmp_path / "out.csv")) == 5


def test_an_unreadable_encoding_is_refused(run, tmp_path):
    (tmp_path / "posts.csv").write_bytes("text\nSelamat pagi\n".encode("utf-16")[:-1])
    outcome = run("posts.csv", "-o", "out.csv", "--encoding", "utf-8")
    refused(outcome, "posts.csv")
    refused(run("posts.csv", "-o", "out.csv", "--encoding", "utf-99"), "utf-99")


def test_a_truncated_gzip_is_one_clear_error(run, tmp_path):
    text = io.StringIO()
    csv.writer(text).writerows(
        [["text"], *([f"{hashlib.sha256(bytes([n % 256, n // 256])).hexdigest()}"] for n in range(5000))]
    )
    packed = gzip.compress(text.getvalue().encode())
    (tmp_path / "posts.csv.gz").write_bytes(packed[: len(packed) // 2])
    refused(run("posts.csv.gz", "-o", "out.csv", "--chunk-rows", 500), "posts.csv.gz")
    assert not (tmp_path / "out.csv").exists()


def test_broken_quotes_in_the_middle_lose_no_other_row(run, tmp_path):
    lines = ["id,text"] + [f'{n},"Ayo ke TPS {n}"' for n in range(1, 41)]
    lines[20] = '20,"Kutipnya "rusak, di tengah'
    (tmp_path / "posts.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    code, out, err = run("posts.csv", "-o", "out.csv", "--json")
    assert code == 3, err
    summary = json.loads(out)
    kept = {row["id"] for row in read_csv(tmp_path / "out.csv")}
    assert summary["rows"] == len(kept)
    assert {str(n) for n in range(1, 20)} | {str(n) for n in range(22, 41)} <= kept
    assert read_jsonl(tmp_path / "out.csv.rejects.jsonl")[0]["row"] == 20


def test_nul_bytes_and_a_post_of_one_megabyte_lose_no_row(run, tmp_path):
    rows = [
        {"text": "Halo"},
        {"text": "nol \0 di tengah"},
        {"text": "Ayo coblos dua, sebarkan! " * 40 + "wk" * 500_000},
        {"text": "Penutup"},
    ]
    write_jsonl(tmp_path / "posts.jsonl", rows)
    assert run("posts.jsonl", "-o", "out.jsonl")[0] == 0
    assert [row["text"] for row in read_jsonl(tmp_path / "out.jsonl")] == [row["text"] for row in rows]
    (tmp_path / "posts.csv").write_bytes(b"text\nHalo\nnol \0 di tengah\nPenutup\n")
    code, out, _ = run("posts.csv", "-o", "dua.jsonl", "--json")
    assert code in (0, 3)
    assert json.loads(out)["rows_in"] == 3


def test_a_model_folder_with_a_missing_file_is_refused(run, tmp_path, tiny_model):
    write_csv(tmp_path / "posts.csv", posts(2))
    for name in ("tokenizer.json", "config.json", "normaliser.json"):
        folder = tmp_path / f"tanpa-{name}"
        shutil.copytree(tiny_model, folder)
        (folder / name).unlink()
        arguments = ["posts.csv", "-o", "out.csv", "--text-column", "full_text", "--model", folder]
        refused(run(*arguments, model=False), name)
    assert not list(tmp_path.glob("out.csv*"))


def test_a_hub_id_with_no_network_is_refused(run, tmp_path, monkeypatch):
    write_csv(tmp_path / "posts.csv", posts(2))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    arguments = ["posts.csv", "-o", "out.csv", "--text-column", "full_text", "--model", "indolem/tidak-ada-model"]
    refused(run(*arguments, model=False), "indolem/tidak-ada-model")
    assert not list(tmp_path.glob("out.csv*"))


# Stopped, and gone on with


def start(folder, *arguments, limit=None):
    """Start `netral score` as a process of its own; with `limit`, none of its files may grow beyond so many bytes."""
    code = "import sys; from netral_nlp.cli.main import main; sys.exit(main(sys.argv[1:]))"
    if limit is not None:
        code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n{code}"
    return subprocess.Popen(
        [sys.executable, "-c", code, "score", *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_chunks(process, journal, count, timeout=60):
    """Wait until the run has journalled so many chunks; False when it ended before."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        with contextlib.suppress(FileNotFoundError):
            if journal.read_bytes().count(b"\n") > count:
                return True
        time.sleep(0.002)
    raise AssertionError("the run journals nothing")


def finish(process):
    out, err = process.communicate(timeout=120)
    assert "Traceback" not in err, err
    return process.returncode, out, err


@pytest.fixture
def long_run(tiny_model, tmp_path):
    """A folder with an input of sixty chunks, and the arguments that score it into `out.ENDING` there."""

    def make(name, ending="csv", *more, rows=800):
        folder = tmp_path / name
        folder.mkdir()
        bad_jsonl(folder / "posts.jsonl", count=rows)
        arguments = ["posts.jsonl", "-o", f"out.{ending}", "--text-column", "full_text", "--model", tiny_model]
        return folder, [*arguments, "--threads", 1, "--chunk-rows", 16, *more]

    return make


@pytest.fixture
def run_in(run, monkeypatch):
    """Call `netral score` in this process and in a folder."""

    def call(folder, *arguments):
        with monkeypatch.context() as there:
            there.chdir(folder)
            return run(*arguments, model=False)

    return call


def kills():
    """The module that kills runs by the hundred: benchmarks/kill_and_resume.py."""
    path = Path(__file__).parents[1] / "benchmarks" / "kill_and_resume.py"
    spec = importlib.util.spec_from_file_location("kill_and_resume", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("kind", "ending"), [("csv", "csv"), ("jsonl", "jsonl"), ("parquet", "parquet")])
def test_killed_at_random_moments_a_resumed_run_ends_with_the_same_bytes(tiny_model, tmp_path, kind, ending):
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 (pytest shows it when the test fails)
    benchmark = kills()
    source = benchmark.write_inputs(tmp_path, 800)[kind]
    options = ["--chunk-rows", "16", "--threads", "1"]
    reference = benchmark.run_whole(tmp_path / "utuh", source, ending, tiny_model, options)
    assert reference.exit_code == (0 if kind == "parquet" else 3)
    assert f"out.{ending}.parts" not in reference.names
    chance = random.Random(seed)
    for number in range(2):
        place = tmp_path / f"putus-{number}"
        trial = benchmark.kill_and_resume(place, source, ending, tiny_model, options, reference, chance)
        assert trial.differences == []


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_by_a_signal_it_ends_cleanly_and_says_how_to_go_on(long_run, run_in, stop, code):
    folder, arguments = long_run("stop", rows=2000)  # it must not be over before the signal is there
    process = start(folder, *arguments)
    assert wait_for_chunks(process, folder / "out.csv.parts" / "journal.jsonl", 3)
    process.send_signal(stop)
    returned, _, err = finish(process)
    assert returned == code
    (line,) = [line for line in err.splitlines() if line.startswith("netral: stopped")]
    assert "scored posts are safe in out.csv.parts" in line
    assert "--resume" in line
    assert files_in(folder) == ["out.csv.parts", "posts.jsonl"]
    # Without being told so, a new run does not throw away what is done.
    refused(run_in(folder, *arguments), "unfinished run", "--resume")
    returned, out, err = run_in(folder, *arguments, "--resume", "--json")
    assert returned == 3
    assert "going on after" in err
    summary = json.loads(out)
    assert summary["rows"] == 1800
    assert summary["resumed_rows"] >= 3 * 16


def test_two_runs_on_one_output_are_refused(long_run, run_in):
    folder, arguments = long_run("dua")
    process = start(folder, *arguments)
    assert wait_for_chunks(process, folder / "out.csv.parts" / "journal.jsonl", 1)
    process.send_signal(signal.SIGSTOP)
    try:
        refused(run_in(folder, *arguments, "--overwrite"), "another run is writing this output")
    finally:
        process.send_signal(signal.SIGCONT)
    assert finish(process)[0] == 3


def test_a_full_disk_is_one_clear_error_and_the_run_can_be_resumed(long_run, run_in):
    whole, arguments = long_run("utuh")
    assert run_in(whole, *arguments)[0] == 3
    full, arguments = long_run("penuh")
    size = (whole / "out.csv").stat().st_size
    for limit in (300, 3500, size // 2):  # bytes a file: reached by the journal's header, by a part, by the output
        code, _, err = finish(start(full, *arguments, "--resume", limit=limit))
        assert code == 1
        (line,) = [line for line in err.splitlines() if line.startswith("netral: error:")]
        assert "disk is full" in line
        assert "--resume" in line
        assert not (full / "out.csv").exists()
    assert run_in(full, *arguments, "--resume")[0] == 3
    assert (full / "out.csv").read_bytes() == (whole / "out.csv").read_bytes()


@pytest.fixture
def half_done(run, tmp_path):
    """A run that was stopped by `--max-rejects` after some chunks, and its arguments."""
    bad_jsonl(tmp_path / "posts.jsonl")
    arguments = ["posts.jsonl", "-o", "out.csv", "--text-column", "full_text", "--chunk-rows", 6]
    assert run(*arguments, "--max-rejects", 2)[0] == 1
    assert (tmp_path / "out.csv.parts" / "journal.jsonl").read_bytes().count(b"\n") > 2
    return arguments


def test_resume_refuses_another_input(run, tmp_path, half_done):
    with (tmp_path / "posts.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"full_text": "menyusul"}\n')
    refused(run(*half_done, "--resume"), "cannot resume", "inputs 1 sha256 was", "--overwrite")
    assert run(*half_done, "--overwrite")[0] == 3


def test_resume_refuses_other_options(run, half_done):
    refused(run(*half_done[:-1], 7, "--resume"), "options chunk_rows was 6 and is 7")
    refused(run(*half_done, "--resume", "--review-below", "0.9"), "decision review_below")
    refused(run(*half_done, "--resume", "--source-column", "berkas"), "source_column was not given and is berkas")
    refused(run(*half_done, "--resume", "--rejects", "lain.jsonl"), "options rejects was out.csv.rejects.jsonl")


def test_resume_refuses_another_model(run, tmp_path, half_done, tiny_model):
    other = tmp_path / "lain"
    shutil.copytree(tiny_model, other)
    decision = json.loads((other / "decision.json").read_text(encoding="utf-8"))
    decision["target"] = {"precision": 0.99}
    (other / "decision.json").write_text(json.dumps(decision), encoding="utf-8")
    refused(run(*half_done, "--resume", "--model", other, model=False), "model fingerprint was")


def test_resume_with_nothing_to_resume_starts_and_with_all_done_does_nothing(run, tmp_path):
    bad_jsonl(tmp_path / "posts.jsonl")
    arguments = ["posts.jsonl", "-o", "out.csv", "--text-column", "full_text", "--chunk-rows", 6, "--resume"]
    assert run(*arguments)[0] == 3
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()}
    code, out, _ = run(*arguments)
    assert code == 3
    assert "an earlier run had finished them" in out
    assert before == {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()}
    refused(run(*arguments, "--review-below", "0.9"), "is of another run", "review_below")
    (tmp_path / "out.csv").write_text("lain", encoding="utf-8")
    refused(run(*arguments), "no unfinished run")


def repeating(folder):
    """Rows of which most are reposts, across chunks and with other handles."""
    rows = [
        {"id": f"{number}", "text": f"@akun{number} " + PHRASES[number % 6].format(n=number % 5)}
        for number in range(90)
    ]
    return write_csv(folder / "ulang.csv", rows)


def test_reposts_are_scored_once_across_chunks_and_counted_alike_after_a_resume(run, tmp_path, monkeypatch):
    source = repeating(tmp_path)
    options = ["--chunk-rows", "20"]
    _, summary, _ = run(source, "-o", tmp_path / "whole.csv", "--json", *options)
    assert json.loads(summary)["duplicates"] == 90 - 26  # five phrases with five numbers, and one without

    real, stored = score_module.store, []

    def stops(journal, chunk, scored):
        stored.append(chunk.number)
        if len(stored) == 3:
            raise KeyboardInterrupt
        return real(journal, chunk, scored)

    monkeypatch.setattr(score_module, "store", stops)
    run(source, "-o", tmp_path / "parts.csv", *options)
    monkeypatch.setattr(score_module, "store", real)
    _, summary, _ = run(source, "-o", tmp_path / "parts.csv", "--json", "--resume", *options)
    assert json.loads(summary)["resumed_rows"] == 40
    assert json.loads(summary)["duplicates"] == 64
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("moment", ["assemble_rejects", "assemble_output", "write_json", "remove_parts"])
def test_stopped_between_the_last_steps_a_resumed_run_ends_the_same(run, tmp_path, monkeypatch, moment):
    bad_jsonl(tmp_path / "posts.jsonl")
    arguments = ["posts.jsonl", "--text-column", "full_text", "--chunk-rows", 6]
    assert run(*arguments, "-o", "utuh.csv")[0] == 3
    from netral_nlp.scoring import score
    from netral_nlp.storage import durable

    home = durable if moment == "write_json" else score
    original = getattr(home, moment)

    def stop_after(*given, **named):
        result = original(*given, **named)
        if moment == "assemble_output":
            result = list(result)
        raise KeyboardInterrupt(result)

    monkeypatch.setattr(home, moment, stop_after)
    assert run(*arguments, "-o", "out.csv")[0] == 130
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run(*arguments, "-o", "out.csv", "--resume")[0] == 3
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "utuh.csv").read_bytes()
    assert (tmp_path / "out.csv.rejects.jsonl").read_bytes() == (tmp_path / "utuh.csv.rejects.jsonl").read_bytes()
    assert [name for name in files_in(tmp_path) if name.startswith("out")] == [
        "out.csv",
        "out.csv.meta.json",
        "out.csv.rejects.jsonl",
    ]


def test_an_input_that_changes_meanwhile_is_refused(run, tmp_path, monkeypatch):
    path = write_csv(tmp_path / "posts.csv", posts(20))
    from netral_nlp.scoring import score

    original = score.store

    def meddle(*given):
        os.utime(path, ns=(1, 1))
        return original(*given)

    monkeypatch.setattr(score, "store", meddle)
    refused(run("posts.csv", "-o", "out.csv", "--text-column", "full_text"), "posts.csv", "changed while")
    assert not (tmp_path / "out.csv").exists()


def test_an_input_that_vanishes_meanwhile_is_one_clear_error(run, tmp_path, monkeypatch):
    path = write_csv(tmp_path / "posts.csv", posts(20))
    from netral_nlp.scoring import score

    original = score.store

    def meddle(*given):
        path.unlink(missing_ok=True)
        return original(*given)

    monkeypatch.setattr(score, "store", meddle)
    refused(run("posts.csv", "-o", "out.csv", "--text-column", "full_text"), "posts.csv", "is gone", "--resume")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    write_csv(path, posts(20))
    assert run("posts.csv", "-o", "out.csv", "--text-column", "full_text", "--resume")[0] == 0
    assert len(read_csv(tmp_path / "out.csv")) == 20


def test_an_engine_that_is_not_installed_is_named_with_its_extra(run, tmp_path, monkeypatch):
    write_csv(tmp_path / "posts.csv", posts(2))
    monkeypatch.setitem(sys.modules, "ray", None)
    refused(run("posts.csv", "-o", "out", "--text-column", "full_text", "--engine", "ray"), "netral-nlp[ray]")
    assert files_in(tmp_path) == ["posts.csv"]


def test_files_as_a_function(tiny_model, tmp_path):
    path = write_csv(tmp_path / "posts.csv", posts(12))
    said = []
    request = ScoreRequest([path], tmp_path / "out.parquet", text_column="full_text", model=str(tiny_model))
    result = score_files(request, say=said.append)
    assert (result.rows, result.exit_code, result.rejects_file) == (12, 0, None)
    assert pq.read_schema(result.output).names[-5:] == NEW
    assert pq.read_schema(result.output).field("needs_review").type == pa.bool_()
    assert said
    with pytest.raises(InputError, match="exists already"):
        score_files(request)


def test_a_table_in_memory_gets_the_same_answers_as_its_file(run, tiny_model, tmp_path):
    import pandas as pd

    from netral_nlp import NeutralityClassifier
    from netral_nlp.scoring.frame import score_frame

    rows = [{"text": f"Ayo coblos {n}", "label": "lama", "asal": "Debat calon" if n % 2 else None} for n in range(8)]
    frame = pd.DataFrame(rows, index=range(10, 18))
    scored = score_frame(frame, NeutralityClassifier.from_pretrained(tiny_model), context="asal")
    assert list(scored.columns) == ["text", "label_input", "asal", *NEW]
    assert list(scored.index) == list(frame.index)
    assert list(frame.columns) == ["text", "label", "asal"]
    frame.to_csv(tmp_path / "posts.csv", index=False)
    assert run("posts.csv", "-o", "out.parquet", "--context-column", "asal")[0] == 0
    stored = pq.read_table(tmp_path / "out.parquet").to_pandas()
    assert list(stored["label"]) == list(scored["label"])
    assert list(stored["p_supportive"]) == pytest.approx(list(scored["p_supportive"]), abs=1e-5)
    with pytest.raises(InputError, match="'isi'"):
        score_frame(frame, NeutralityClassifier.from_pretrained(tiny_model), text="isi")
