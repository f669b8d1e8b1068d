"""`netral score --engine ray`: a real cluster of two workers on this machine, and a real (tiny) model."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netral_nlp import __version__
from netral_nlp.cli.main import main
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.formats import FileFormat, open_posts
from netral_nlp.inference.folder import ModelFolder
from netral_nlp.scoring.columns import inspect_one
from netral_nlp.scoring.inputs import at_hand, check_inputs, expand_inputs, local_path, open_folder
from netral_nlp.scoring.plan import check_names
from netral_nlp.scoring.request import ScoreRequest
from netral_nlp.storage import folder as folder_module
from netral_nlp.storage.folder import LocalFolder

psutil = pytest.importorskip("psutil")
# Looked for, not imported: Ray is only as quiet as its environment is when it is imported.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra [ray]")

PHRASES = [
    "Jadwal debat terbuka calon bupati diumumkan KPU hari Senin",
    "Fix pilihan saya nomor {n}, beliau paling paham warga kampung kami",
    "Ayo ajak tetangga, Rabu besok kita coblos nomor {n} bareng-bareng!",
    "Antre BBM di SPBU dekat pasar sampai {n} jam, capek banget",
]
TEXT = ("--text-column", "full_text")


def posts(count, start=0):
    for number in range(start, start + count):
        text = "  " if number % 23 == 11 else f"{PHRASES[number % 4].format(n=number % 7)} #{number}"
        yield {"id_str": str(1780000000000000000 + number), "full_text": text, "label": f"lama {number % 3}"}


def write_csv(path, rows, bad=0):
    rows = list(rows)
    lines = [",".join(rows[0]), *(",".join(f'"{value}"' for value in row.values()) for row in rows)]
    lines[2:2] = ["kolom,kurang"] * bad
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_jsonl(path, rows, bad=0):
    lines = [json.dumps(row, ensure_ascii=False) for row in rows] + ["{rusak"] * bad
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows_of(path):
    with open_posts(path) as reader:
        batches = list(reader.batches())
        names = list(dict.fromkeys(name for batch in batches for name in batch.rows.schema.names))
        return [
            dict(zip(names, row, strict=True))
            for batch in batches
            for row in zip(*(batch.strings(name) for name in names), strict=True)
        ]


def parts_in(folder):
    return sorted(folder.glob("part-*"))


def rows_in(folder):
    return [row for part in parts_in(folder) for row in rows_of(part)]


def rejected_in(folder):
    lines = [line for path in sorted(folder.glob("rejects-*")) for line in path.read_text().splitlines()]
    return [(Path(reject["source"]).name, reject["row"]) for reject in map(json.loads, lines)]


@pytest.fixture(scope="module")
def cluster():
    """Two workers for all tests; a run uses the cluster that its process has joined."""
    from netral_nlp.scoring.cluster_session import ray_cluster

    with ray_cluster(None, 2) as ray:
        yield ray


@pytest.fixture
def run(tiny_model, capfd, monkeypatch, tmp_path):
    """Call `netral score` in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = main(["score", *map(str, arguments), "--model", str(tiny_model)])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


def refused(outcome, *said):
    code, out, err = outcome
    assert code == 1
    assert out == ""
    (line,) = [line for line in err.splitlines() if line.startswith("netral: error:")]
    assert "Traceback" not in err
    for part in said:
        assert part in line
    return line


CSV_PARTS = {"text_column": "full_text", "part_format": "csv"}
RAY = ("--engine", "ray", "--workers", 2)


# What comes out


def test_parts_in_their_order_are_the_local_engines_file(cluster, run, tmp_path):
    (tmp_path / "dumps").mkdir()
    (tmp_path / "lain").mkdir()
    write_csv(tmp_path / "dumps" / "b.csv", posts(70, 200), bad=3)
    write_csv(tmp_path / "dumps" / "a.csv", posts(50), bad=1)
    pq.write_table(pa.Table.from_pylist(list(posts(60, 400))), tmp_path / "lain" / "c.parquet")
    (tmp_path / "lain" / "catatan.md").write_text("bukan posting", encoding="utf-8")
    write_jsonl(tmp_path / "d e.jsonl", posts(40, 600), bad=2)
    options = [*TEXT, "--chunk-rows", 16, "--source-column", "berkas", "--id-column", "id_str"]
    assert run("dumps/*.csv", "lain", "d e.jsonl", "-o", "satu.parquet", *options)[0] == 3
    url = (tmp_path / "d e.jsonl").as_uri()
    code, out, err = run("dumps/*.csv", "lain", url, "-o", (tmp_path / "out").as_uri(), *options, *RAY, "--json")
    assert code == 3, err
    assert len(err.splitlines()) <= 3, err  # columns and the renamed one; nothing of Ray's
    assert "'label_input'" in err
    assert rows_in(tmp_path / "out") == rows_of(tmp_path / "satu.parquet")
    rejects = [json.loads(line) for line in (tmp_path / "satu.parquet.rejects.jsonl").read_text().splitlines()]
    assert rejected_in(tmp_path / "out") == [(Path(reject["source"]).name, reject["row"]) for reject in rejects]
    assert [part.name for part in parts_in(tmp_path / "out")][:5] == [
        *(f"part-00000-00000{chunk}.parquet" for chunk in range(4)),
        "part-00001-000000.parquet",
    ]
    assert len({pq.read_schema(part) for part in parts_in(tmp_path / "out")}) == 1
    meta = json.loads((tmp_path / "out" / "_meta.json").read_text(encoding="utf-8"))
    local = json.loads((tmp_path / "satu.parquet.meta.json").read_text(encoding="utf-8"))
    assert meta["counts"] == local["counts"]
    for one, other in zip(meta["inputs"], local["inputs"], strict=True):
        assert {**other, "parts": one["parts"]} == one
    assert (meta["model"], meta["decision"]) == (local["model"], local["decision"])
    assert not (tmp_path / "out" / "_journal").exists()
    summary = json.loads(out)
    assert (summary["rows"], summary["rejects"]) == (220, 6)


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_parts_are_also_csv_or_json_lines(cluster, run, tmp_path, ending):
    name = os.fsdecode(b"pos\xe9.csv")  # no Unicode
    write_csv(tmp_path / name, posts(40))
    assert run(name, "-o", f"satu.{ending}", *TEXT)[0] == 0
    code, _, err = run(name, "-o", "out", *TEXT, *RAY, "--part-format", ending, "--chunk-rows", 15)
    assert code == 0, err
    assert [part.suffix for part in parts_in(tmp_path / "out")] == [f".{ending}"] * 3
    assert rows_in(tmp_path / "out") == rows_of(tmp_path / f"satu.{ending}")


# Killed, stopped, and gone on with


def wait_for_records(folder, count, alive=lambda: True, timeout=60):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if len(list((folder / "_journal").glob("*-*.json"))) >= count:
            return True
        if not alive():
            return False
        time.sleep(0.01)
    raise AssertionError("the run journals nothing")


def scorers(root):
    """The processes of scorers below a process."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        try:
            if "Scorer" in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_scorer_killed_in_the_middle_costs_no_row_and_doubles_none(cluster, run, tmp_path):
    write_jsonl(tmp_path / "posts.jsonl", posts(1200), bad=3)
    killed = []

    def kill_one():
        wait_for_records(tmp_path / "out", 5)
        for process in scorers(os.getpid())[:1]:
            process.kill()
            killed.append(process.pid)

    killer = threading.Thread(target=kill_one)
    killer.start()
    code, out, err = run("posts.jsonl", "-o", "out", *TEXT, *RAY, "--chunk-rows", 16, "--json")
    killer.join()
    assert code == 3, err
    assert killed
    assert json.loads(out)["rows"] == 1200  # Ray's own words about the death would stand there as well
    assert len(err.splitlines()) <= 2, err
    assert [row["id_str"] for row in rows_in(tmp_path / "out")] == [row["id_str"] for row in posts(1200)]
    assert [row for _, row in rejected_in(tmp_path / "out")] == [1201, 1202, 1203]
    assert not (tmp_path / "out" / "_temporary").exists()


def test_after_the_driver_was_killed_resume_scores_only_what_is_missing(cluster, run, tiny_model, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(1600), bad=2)
    arguments = ["posts.csv", "-o", "out", *TEXT, *RAY, "--chunk-rows", 16]
    code = "import sys; from netral_nlp.cli.main import main; sys.exit(main(sys.argv[1:]))"
    address = cluster.get_runtime_context().gcs_address
    driver = subprocess.Popen(
        [sys.executable, "-c", code, "score", *map(str, arguments), "--model", str(tiny_model), "--address", address],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert wait_for_records(tmp_path / "out", 10, lambda: driver.poll() is None)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    deadline = time.monotonic() + 30
    while scorers(os.getpid()) and time.monotonic() < deadline:  # the cluster ends the dead driver's
        time.sleep(0.05)
    refused(run(*arguments), "unfinished run", "--resume", "--overwrite")
    kept = {path: path.stat().st_mtime_ns for path in parts_in(tmp_path / "out")}
    journalled = {path.stem for path in (tmp_path / "out" / "_journal").glob("*-*.json")}
    code, out, err = run(*arguments, "--resume", "--json")
    assert code == 3, err
    assert "going on after" in err
    assert json.loads(out)["resumed_rows"] == 16 * len(journalled)
    whole = [path for path in kept if path.stem.removeprefix("part-") in journalled]
    assert len(whole) >= 10
    assert all(path.stat().st_mtime_ns == kept[path] for path in whole)
    assert Counter(row["id_str"] for row in rows_in(tmp_path / "out")) == Counter(row["id_str"] for row in posts(1600))
    assert len(rejected_in(tmp_path / "out")) == 2


def test_max_rejects_stops_and_only_the_same_run_goes_on(cluster, run, tmp_path):
    write_csv(tmp_path / "baik.csv", posts(40))
    write_csv(tmp_path / "buruk.csv", posts(40, 100), bad=6)
    arguments = ["baik.csv", "buruk.csv", "-o", "out", *TEXT, *RAY, "--chunk-rows", 8]
    line = refused(run(*arguments, "--max-rejects", 2), "more than 2 rows", "--max-rejects", "--resume")
    assert str(tmp_path) not in line
    refused(run(*arguments[:-1], 9, "--resume"), "cannot resume", "options chunk_rows was 8 and is 9")
    code, _, err = run(*arguments, "--resume")
    assert code == 3, err
    assert len(rows_in(tmp_path / "out")) == 80
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    code, out, _ = run(*arguments, "--resume")
    assert code == 3
    assert "an earlier run had finished them" in out
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    refused(run(*arguments), "holds a finished run")
    with (tmp_path / "baik.csv").open("a", encoding="utf-8") as file:
        file.write("9,menyusul,x\n")
    refused(run(*arguments, "--resume"), "is of another run", "inputs 1 sha256 was")
    parts_in(tmp_path / "out")[0].unlink()
    assert run(*arguments, "--overwrite", "--quiet")[0] == 3
    assert len(rows_in(tmp_path / "out")) == 81


# What is refused


def test_a_wrong_input_is_one_clear_line_and_leaves_nothing_behind(cluster, run, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(10))
    refused(run("posts.csv", "tidak-ada.csv", "-o", "out", *TEXT, *RAY), "tidak-ada.csv: no such file")
    refused(run("posts.csv", "-o", "out", "--text-column", "isi", *RAY), "posts.csv: no column 'isi'")
    (tmp_path / "rusak.parquet").write_bytes(b"PAR1 bukan parquet")
    line = refused(run("posts.csv", "rusak.parquet", "-o", "out", *TEXT, *RAY), "rusak.parquet")
    assert str(tmp_path) not in line
    assert not (tmp_path / "out").exists()


def test_a_folder_of_others_a_file_and_a_missing_place_are_refused(run, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(2))
    (tmp_path / "isi").mkdir()
    (tmp_path / "isi" / "catatan.txt").write_text("jangan dihapus", encoding="utf-8")
    for more in ([], ["--overwrite"], ["--resume"]):
        refused(run("posts.csv", "-o", "isi", *RAY, *more), "holds other files (catatan.txt)")
    (tmp_path / "isi" / "catatan.txt").rename(tmp_path / "isi" / "part-00000-000000.csv")
    refused(run("posts.csv", "-o", "isi", *RAY, "--resume"), "no run to go on with")
    (tmp_path / "berkas").write_text("x", encoding="utf-8")
    refused(run("posts.csv", "-o", "berkas", *RAY), "is a file")
    refused(run("posts.csv", "-o", "tidak/ada", *RAY), "no folder")
    refused(run("posts.csv", "./posts.csv", "-o", "out", *RAY), "given twice")


def test_options_of_the_other_engine_are_refused_with_a_remedy(run, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(2))
    (tmp_path / "folder").mkdir()
    refused(run("posts.csv", "-o", "out.csv", "--engine", "ray"), "without .csv", "--part-format")
    refused(run("posts.csv", "-o", "out", *RAY, "--rejects", "r.jsonl"), "leave it out")
    refused(run("posts.csv", "-o", "folder"), "is a folder", "--engine ray")
    refused(run("posts.csv", "-o", "baru/"), "baru/labelled.parquet", "--engine ray")
    refused(run("posts.csv", "-o", "out.csv", "--workers", 2), "--workers", "--engine ray")
    refused(run("posts.csv", "-o", "out.csv", "--address", "auto"), "--address", "--engine ray")
    refused(run("posts.csv", "-o", "s3://ember/out.csv"), "s3://ember/out.csv", "--engine ray")
    refused(run("posts.csv", "-o", "out", *RAY, "--show", 3), "--show")
    with pytest.raises(ConfigError, match="part-format"):
        ScoreRequest(["posts.csv"], "out", engine="ray", part_format="xlsx")


def test_an_address_where_nothing_answers_is_told_at_once(run, tiny_model, tmp_path):
    write_csv(tmp_path / "posts.csv", posts(2))
    code = (
        "import sys; from netral_nlp.scoring.cluster_session import ray_cluster\n"
        "for address in sys.argv[1:]:\n"
        "    try:\n"
        "        with ray_cluster(address, None): pass\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    addresses = ["127.0.0.1:9", "ray://kepala:10001", "kepala"]
    started = time.monotonic()
    said = subprocess.run([sys.executable, "-c", code, *addresses], capture_output=True, text=True, check=True)
    assert time.monotonic() - started < 20
    assert [line.startswith("ConfigError --address") for line in said.stdout.splitlines()] == [True] * 3
    assert "nothing answers there" in said.stdout


def test_inputs_in_the_output_folder_are_refused_before_anything_is_removed(run, tmp_path):
    (tmp_path / "tidak").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    part = write_csv(out / "part-00000-000000.csv", posts(2))
    (tmp_path / "tautan").symlink_to(out)
    (tmp_path / "lain.csv").symlink_to(part)
    outside = write_csv(tmp_path / "posts.csv", posts(2))
    (out / "tautan.csv").symlink_to(outside)
    for given in ("out", "out/part-*.csv", "tautan/part-00000-000000.csv", "lain.csv", out.as_uri(), "out/tautan.csv"):
        for output in ("out", "tautan", out.as_uri(), "tidak/../out/"):
            with pytest.raises(InputError, match="lies in the output folder; choose another -o"):
                check_inputs(["posts.csv", *expand_inputs([given])], output)
    refused(run("out", "-o", "out", *RAY, "--overwrite"), "lies in the output folder", "-o")
    assert part.exists()
    check_inputs(["posts.csv", "tidak/../posts2.csv"], "out")
    check_inputs([str(outside), str(tmp_path / "out" / ".." / "keluar.csv")], str(tmp_path / "out"))
    check_inputs([str(outside)], str(tmp_path / "belum-ada"))
    check_inputs(["memory://hasil2/a.csv", "memory://dumps/a.csv", str(outside)], "memory://hasil")
    for given in ("memory://hasil/part-0.csv", "memory://hasil", "memory:///hasil/sub/a.csv"):
        with pytest.raises(InputError, match="lies in the output folder"):
            check_inputs([given], "memory://hasil/")
    with pytest.raises(InputError, match="lies in the output folder"):
        check_inputs([f"local://{part}"], str(out))


def test_a_file_under_two_spellings_is_given_twice(tmp_path):
    path = write_csv(tmp_path / "a.csv", posts(2))
    (tmp_path / "sub").mkdir()
    (tmp_path / "tautan.csv").symlink_to(path)
    os.link(path, tmp_path / "keras.csv")
    same = [tmp_path / "sub" / ".." / "a.csv", tmp_path / "tautan.csv", tmp_path / "keras.csv", path.as_uri()]
    for other in map(str, same):
        with pytest.raises(InputError, match="given twice"):
            check_inputs([str(path), *expand_inputs([other])], str(tmp_path / "out"))
    with pytest.raises(InputError, match="given twice"):
        check_inputs(["memory://dumps/a.csv", "memory:///dumps/a.csv"], str(tmp_path / "out"))
    with pytest.raises(InputError, match="given twice"):
        check_inputs(["tidak-ada.csv", "./tidak-ada.csv"], str(tmp_path / "out"))


def test_a_column_name_that_parts_cannot_hold(tiny_model, tmp_path):
    """Known before the run, it is refused; a late key of JSON lines costs the rows that have it."""
    from netral_nlp.scoring.cluster_tasks import Scorer

    table = tmp_path / "a.parquet"
    pq.write_table(pa.table({"full_text": ["Ayo"], "a\0b": ["x"]}), table)
    request = ScoreRequest([table], tmp_path / "out", engine="ray", **CSV_PARTS)
    source = inspect_one(table, request)
    check_names(source, FileFormat("parquet"), "a.parquet")
    with pytest.raises(InputError, match=r"^a\.parquet: the name of column 'a\\x00b' cannot be written"):
        check_names(source, FileFormat("csv"), "a.parquet")
    path = tmp_path / "b.jsonl"
    path.write_text('{"full_text": "Ayo", "c": 1}\n{"full_text": "x", "a\\u0000b": 1}\n')
    check_names(inspect_one(path, request), FileFormat("csv"), "b.jsonl")
    job, chunks = read_here(ScoreRequest([path], tmp_path / "out", engine="ray", model=str(tiny_model), **CSV_PARTS))
    scorer = Scorer(job)
    (record, *_) = [json.loads(scorer(chunk)["record"][0].as_py()) for chunk in chunks]
    assert (record["rows"], record["rejects"]) == (1, 1), record
    (row,) = rows_in(tmp_path / "out")
    assert list(row)[:3] == ["full_text", "c", "label"]


def test_a_file_name_that_is_no_unicode(tiny_model, tmp_path):
    from netral_nlp.scoring.cluster import _json, _parsed
    from netral_nlp.scoring.cluster_tasks import Scorer

    path = write_csv(tmp_path / os.fsdecode(b"pos\xe9.csv"), posts(3), bad=1)
    request = ScoreRequest(
        [path], tmp_path / "out", text_column="full_text", source_column="berkas", engine="ray", model=str(tiny_model)
    )
    job, chunks = read_here(request)
    scorer = Scorer(job)
    assert json.loads(scorer(chunks[0])["record"][0].as_py())["rows"] == 3
    assert {row["berkas"] for row in rows_in(tmp_path / "out")} == {"pos\\xe9.csv"}
    assert _parsed(_json({"name": path.name})) == {"name": path.name}


def test_what_the_system_does_not_allow_is_one_line_with_a_way_on(tmp_path, monkeypatch):
    from netral_nlp.scoring import cluster, cluster_tasks

    path = write_csv(tmp_path / "posts.csv", posts(2))
    (tmp_path / "out").mkdir()
    request = ScoreRequest([path], tmp_path / "out", text_column="full_text", engine="ray")
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "out" / "x"))
    for error, said in (
        (full, "x: the disk is full .* go on with --resume"),
        (
            OSError(errno.EROFS, "Read-only file system"),
            "out: Read-only file system; mend that and go on with --resume",
        ),
    ):
        monkeypatch.setattr(cluster, "ray_cluster", fail_with(error))
        with pytest.raises(InputError, match=said):
            cluster.score_on_cluster(request)
    monkeypatch.setattr(cluster, "ray_cluster", fail_with(BrokenPipeError()))
    with pytest.raises(BrokenPipeError):
        cluster.score_on_cluster(request)
    told = InputError("rejects.jsonl: cannot write the rejects")
    told.__cause__ = full
    assert "go on with --resume" in cluster_tasks.failure(told)["message"]
    with pytest.raises(OSError, match="No space"):  # of this machine's temporary folder, whatever the output is
        open_folder("memory://hasil").publish("a", fail_with(full))


def fail_with(error):
    def fail(*arguments):
        raise error

    return fail


def test_a_local_folder_that_others_change_meanwhile(tmp_path, monkeypatch):
    folder = LocalFolder(tmp_path)
    (tmp_path / "a").write_bytes(b"12")
    (tmp_path / "_journal").mkdir()
    (tmp_path / "_journal" / "b").write_bytes(b"1")
    scandir = os.scandir

    class Gone:
        name = "hilang"

        def is_file(self):
            return True

        def stat(self):
            raise FileNotFoundError

    @contextlib.contextmanager
    def with_gone(path):
        with scandir(path) as entries:
            yield [Gone(), *entries]

    with monkeypatch.context() as patched:
        patched.setattr(folder_module.os, "scandir", with_gone)
        assert folder.sizes() == {"a": 2}
    rmtree = shutil.rmtree
    failures = [FileNotFoundError()]

    def gone_first(path):
        if failures:
            raise failures.pop()
        rmtree(path)

    with monkeypatch.context() as patched:
        patched.setattr(folder_module.shutil, "rmtree", fail_with(PermissionError()))
        with pytest.raises(PermissionError):
            folder.remove_subfolder("_journal")
        patched.setattr(folder_module.shutil, "rmtree", gone_first)
        folder.remove_subfolder("_journal")
    assert not (tmp_path / "_journal").exists()
    folder.remove_subfolder("_journal")


def read_here(request):
    """A run's job and the chunks of its only input, as the workers have them; in this process."""
    from netral_nlp.scoring.cluster_tasks import InputTask, Job, inspect_input, read_chunks

    (location,) = request.locations
    job = Job(request, __version__, ModelFolder.open(request.model).fingerprint())
    found = inspect_input(job, location, location)
    source = found.source
    size, changed_at = source.bytes_total, found.changed_at
    task = InputTask(0, location, location, found.digest, size, changed_at, source.names, source.chosen)
    return job, list(read_chunks(pa.table({"task": [json.dumps(vars(task))]}), job))


# Inputs and outputs elsewhere


def test_patterns_and_folders_name_their_files_of_posts(tmp_path):
    for name in ("b.csv", "a.jsonl", "c.parquet", "d.txt.gz", "_x.csv", ".y.csv", "e.md", "z.rejects.jsonl"):
        (tmp_path / name).write_text("text\nx\n", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    (tmp_path / "[1].csv").write_text("text\nx\n", encoding="utf-8")
    names = ["[1].csv", "a.jsonl", "b.csv", "c.parquet", "d.txt.gz"]
    assert expand_inputs([str(tmp_path)]) == [str(tmp_path / name) for name in names]
    assert expand_inputs([str(tmp_path / "[ab].*")]) == [str(tmp_path / name) for name in ("a.jsonl", "b.csv")]
    assert expand_inputs([str(tmp_path / "[1].csv"), "tidak-ada.csv"]) == [str(tmp_path / "[1].csv"), "tidak-ada.csv"]
    assert expand_inputs([tmp_path.as_uri() + "/?.csv"]) == [str(tmp_path / "b.csv")]
    for nothing in (str(tmp_path / "sub"), str(tmp_path / "*.xlsx")):
        with pytest.raises(InputError, match="no file"):
            expand_inputs([nothing])
    assert local_path("s3://ember/a.csv") is None
    with pytest.raises(InputError, match="tidakdikenal"):
        expand_inputs(["tidakdikenal://ember/*.csv"])


def test_a_remote_input_ends_in_a_remote_folder(tiny_model, tmp_path, monkeypatch):
    """The workers' side on a file system that only fsspec knows; in this process, for it lives in one only."""
    import fsspec

    from netral_nlp.scoring import cluster_tasks
    from netral_nlp.scoring.cluster_tasks import InputTask, Job, Scorer, inspect_input, read_chunks
    from netral_nlp.storage.durable import sha256_of

    memory = fsspec.filesystem("memory")
    write_csv(tmp_path / "posts.csv", posts(20), bad=1)
    memory.pipe_file("/dumps/posts.csv", (tmp_path / "posts.csv").read_bytes())
    (location,) = expand_inputs(["memory://dumps/*.csv"])
    assert expand_inputs(["memory://dumps"]) == [location]
    with at_hand(location) as copy:
        assert copy.read_bytes() == (tmp_path / "posts.csv").read_bytes()
    request = ScoreRequest(
        [location], "memory://hasil", text_column="full_text", model=str(tiny_model), engine="ray", chunk_rows=8
    )
    job = Job(request, __version__, ModelFolder.open(tiny_model).fingerprint())
    found = inspect_input(job, location, location)
    task = InputTask(
        0, location, location, found.digest, found.source.bytes_total, None, found.source.names, found.source.chosen
    )
    tasks = pa.table({"task": [json.dumps(vars(task))]})
    scorer = Scorer(job)
    hashed = []
    monkeypatch.setattr(cluster_tasks, "sha256_of", lambda path: hashed.append(path) or sha256_of(path))
    records = [json.loads(scorer(chunk)["record"][0].as_py()) for chunk in read_chunks(tasks, job)]
    assert len(hashed) == 1
    assert [(record["rows"], record["rejects"], record["last"]) for record in records] == [
        (8, 1, False), (8, 0, False), (4, 0, False), (0, 0, True),
    ]  # fmt: skip
    folder = open_folder("memory://hasil")
    sizes = folder.sizes()
    assert sorted(sizes) == ["part-00000-000000.parquet", "part-00000-000001.parquet", "part-00000-000002.parquet",
                             "rejects-00000-000000.jsonl"]  # fmt: skip
    assert sizes["part-00000-000002.parquet"] == records[2]["part_bytes"]
    assert json.loads(memory.cat("/hasil/rejects-00000-000000.jsonl"))["source"] == location
    assert len(folder.sizes("_journal")) == 4
    memory.pipe_file("/dumps/posts.csv", b"text\nlain\n")
    (failed,) = [json.loads(scorer(chunk)["record"][0].as_py()) for chunk in read_chunks(tasks, job)]
    assert "changed while" in failed["error"]["message"]
    folder.remove_subfolder("_journal")
    folder.remove([*sizes, "tidak-ada"])
    assert folder.sizes() == folder.sizes("_journal") == {}
    memory.rm("/dumps", recursive=True)


def test_a_node_with_another_model_or_version_is_refused(tiny_model, tmp_path):
    from netral_nlp.scoring.cluster_tasks import Job, Scorer, inspect_input

    path = write_csv(tmp_path / "posts.csv", posts(3))
    other = tmp_path / "lain"
    shutil.copytree(tiny_model, other)
    request = ScoreRequest([path], tmp_path / "out", text_column="full_text", model=str(other), engine="ray")
    header = pa.table({"header": ["{}"], "rows": pa.array([None], pa.large_binary())})
    for job, said in (
        (Job(request, __version__, "0" * 64), "same model folder"),
        (Job(request, "0.0.0", ModelFolder.open(other).fingerprint()), "same version on every node"),
    ):
        (record,) = Scorer(job)(header)["record"].to_pylist()
        assert said in json.loads(record)["error"]["message"]
    assert "same version" in inspect_input(job, str(path), str(path))["message"]
