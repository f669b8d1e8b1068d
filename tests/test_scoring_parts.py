"""The pieces of a scoring run: requests, names, journal, lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp.errors import ConfigError, InputError
from netral_nlp.labels import LABELS, Label
from netral_nlp.scoring.assemble import renamings
from netral_nlp.scoring.journal import JOURNAL_NAME, ChunkRecord, Journal, remove_parts, unfinished
from netral_nlp.scoring.request import ScoreRequest, ScoreResult
from netral_nlp.storage.durable import is_full_disk
from netral_nlp.storage.lock import output_lock


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"inputs": []}, "no input"),
        ({"chunk_rows": 0}, "--chunk-rows"),
        ({"threads": 0}, "--threads"),
        ({"workers": 0}, "--workers"),
        ({"max_rejects": -1}, "--max-rejects"),
        ({"resume": True, "overwrite": True}, "--overwrite"),
        ({"engine": "spark"}, "local, ray"),
        ({"source_column": " "}, "--source-column"),
    ],
)
def test_requests_that_make_no_sense_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        ScoreRequest(**{"inputs": ["posts.csv"], "output": "out.csv", **wrong})


def test_files_of_a_run_stand_beside_its_output():
    request = ScoreRequest(inputs=["posts.csv"], output="hasil/out.csv.gz")
    assert request.rejects_path == Path("hasil/out.csv.gz.rejects.jsonl")
    assert request.meta_path == Path("hasil/out.csv.gz.meta.json")
    assert request.parts_path == Path("hasil/out.csv.gz.parts")


def test_result_says_rate_and_exit_code():
    result = ScoreResult(
        output=Path("out.csv"),
        meta=Path("out.csv.meta.json"),
        rejects_file=None,
        model="netral-mini",
        rows_in=120,
        rows=120,
        rejects=0,
        blank=0,
        duplicates=0,
        unknown_actions=0,
        labels=dict.fromkeys(LABELS, 40),
        needs_review=5,
        resumed_rows=20,
        seconds=4.0,
    )
    assert result.rate == 25.0
    assert result.exit_code == 0
    assert json.loads(json.dumps(result.to_dict()))["labels"] == {"neutral": 40, "supportive": 40, "campaigning": 40}


@given(st.lists(st.sampled_from(["text", "label", "label_input", "label_input_2", "needs_review"]), unique=True))
def test_renamed_columns_never_clash(names):
    added = ["label", "needs_review"]
    renamed = renamings(names, added)
    final = [renamed.get(name, name) for name in names] + added
    assert len(set(final)) == len(final)
    assert set(renamed) == set(names) & set(added)


def test_renamed_column_takes_the_next_free_name():
    assert renamings(["label", "label_input"], ["label"]) == {"label": "label_input_2"}
    assert renamings(["label"], ["label"]) == {"label": "label_input"}


def write_chunk(journal, number, rows=2, rejects=0, content=b"posts"):
    journal.part(number).write_bytes(content)
    if rejects:
        journal.rejects(number).write_bytes(b"{}\n")
    journal.append(
        ChunkRecord(
            chunk=number,
            source=0,
            last=False,
            rows=rows,
            rejects=rejects,
            part_bytes=len(content),
            rejects_bytes=3 if rejects else 0,
            blank=1,
            labels={"neutral": rows},
        )
    )


def test_journal_gives_back_what_was_written(tmp_path):
    folder = tmp_path / "out.csv.parts"
    with Journal.start(folder, {"inputs": ["posts.csv"]}) as journal:
        write_chunk(journal, 0)
        write_chunk(journal, 1, rejects=1)
    with Journal.reopen(folder) as journal:
        assert journal.header == {"inputs": ["posts.csv"]}
        assert [record.chunk for record in journal.records] == [0, 1]
        assert (journal.counts().rows, journal.counts().rejects, journal.counts().blank) == (4, 1, 2)
        assert journal.counts().labels[Label.NEUTRAL] == 4
    assert unfinished(folder).rows == 4


def test_journal_cut_at_any_byte_keeps_the_whole_chunks_before_the_cut(tmp_path):
    folder = tmp_path / "out.csv.parts"
    with Journal.start(folder, {"model": "netral-mini"}) as journal:
        for number in range(2):
            write_chunk(journal, number)
    whole = (folder / JOURNAL_NAME).read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for cut in sorted({*range(0, len(whole), 5), *ends, *(end - 1 for end in ends)}):
        (folder / JOURNAL_NAME).write_bytes(whole[:cut])
        lines = sum(end <= cut for end in ends)
        journal = Journal.reopen(folder)
        if lines == 0:
            assert journal is None
            continue
        with journal:
            assert len(journal.records) == lines - 1
            assert (folder / JOURNAL_NAME).read_bytes() == whole[: ends[lines - 1]]


def test_journal_goes_on_before_a_part_that_is_not_whole(tmp_path):
    folder = tmp_path / "out.csv.parts"
    with Journal.start(folder, {}) as journal:
        for number in range(4):
            write_chunk(journal, number, rejects=1)
        os.truncate(journal.part(2), 1)
    with Journal.reopen(folder) as journal:
        assert len(journal.records) == 2
        write_chunk(journal, 2)
        journal.rejects(1).unlink()
    with Journal.reopen(folder) as journal:
        assert len(journal.records) == 1


def test_a_journal_of_another_version_is_refused_and_kept(tmp_path):
    (tmp_path / JOURNAL_NAME).write_bytes(b'{"journal": 1, "inputs": []}\n{"chunk": 0}\n')
    for look in (Journal.reopen, unfinished):
        with pytest.raises(InputError, match="another version"):
            look(tmp_path)
    assert (tmp_path / JOURNAL_NAME).exists()


def test_what_was_learned_last_comes_back_in_its_order(tmp_path):
    with Journal.start(tmp_path / "out.csv.parts", {}) as journal:
        for number in range(5):
            if number != 3:
                journal.learned(number).write_bytes(bytes([number]) * 10)
            journal.append(ChunkRecord(number, 0, last=False, learned_bytes=0 if number == 3 else 10))
        assert list(journal.last_learned(11)) == [b"\x02" * 10, b"\x04" * 10]
        assert len(list(journal.last_learned(1000))) == 4
        assert list(journal.last_learned(0)) == []


def test_a_foreign_journal_is_nothing_to_resume(tmp_path):
    for content in (b"[]\n", b"catatan harian\n", b'{"other": 1}\n', b"\xff\xfe\n"):
        (tmp_path / JOURNAL_NAME).write_bytes(content)
        assert Journal.reopen(tmp_path) is None


def test_removing_parts_leaves_files_of_others_alone(tmp_path):
    folder = tmp_path / "out.csv.parts"
    with Journal.start(folder, {}) as journal:
        write_chunk(journal, 0, rejects=1)
    (folder / "catatan saya.txt").write_text("jangan dihapus", encoding="utf-8")
    remove_parts(folder)
    assert [path.name for path in folder.iterdir()] == ["catatan saya.txt"]
    (folder / "catatan saya.txt").unlink()
    remove_parts(folder)
    assert not folder.exists()


def test_a_full_device_is_told_from_other_refusals(tmp_path):
    with pytest.raises(OSError) as full, Path("/dev/full").open("wb", buffering=0) as file:  # noqa: PT011 (asked below)
        file.write(b"posts")
    assert is_full_disk(full.value)
    with pytest.raises(FileNotFoundError) as other:
        (tmp_path / "tidak" / "ada").open("rb")
    assert not is_full_disk(other.value)


def test_lock_refuses_a_second_run_and_is_free_after_the_first(tmp_path):
    output = tmp_path / "out.csv"
    with output_lock(output), pytest.raises(InputError, match="another run"), output_lock(output):
        pass
    assert list(tmp_path.iterdir()) == []
    with output_lock(output):
        pass


def test_lock_of_a_killed_process_is_free(tmp_path):
    output = tmp_path / "out.csv"
    code = (
        "import sys, time; from pathlib import Path; from netral_nlp.storage.lock import output_lock\n"
        "with output_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(output)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(InputError, match="another run"), output_lock(output):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    assert (tmp_path / "out.csv.lock").exists()
    with output_lock(output):
        pass
    assert not (tmp_path / "out.csv.lock").exists()
