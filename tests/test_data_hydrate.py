"""Label files: made from posts without their texts, and joined to copies of the public files again."""

from __future__ import annotations

import hashlib
import html
import json
import os
import tempfile
from pathlib import Path

import pytest

from netral_nlp.cli.main import main
from netral_nlp.corpus.hydrate import Hydrated, hydrate
from netral_nlp.corpus.label_file import dehydrate, read_label_files
from netral_nlp.corpus.labelled import read_labelled, text_id
from netral_nlp.corpus.public_files import Chunk
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.formats import write_rows

SOURCE = "warga/pilkada:data/cuitan pilkada.csv"
TEXTS = [
    "Ayo coblos nomor 2, demi kampung kita! 🔥 https://t.co/abc123",
    "KPU tetapkan tiga paslon Pilbup, undian nomor urut Senin.",
    "Bangga punya calon seperti beliau… sehat terus Pak 👍🏽",
    "Pak lurah bilang: “jangan lupa datang ke TPS”\nSiap!",
    "Debat semalam seru &amp; panas, menurut kalian siapa unggul?",
    'Katanya "berubah", buktinya mana? <i>janji terus</i>',
    "Warung Mak Ijah & Anak tutup dulu, ikut deklarasi relawan besok ya² ",
    "Satpam kantor café Bu Rini netral saja",
]
LABELS = ["campaigning", "neutral", "supportive", "neutral", "neutral", "supportive", "campaigning", "neutral"]


def posts(texts: list[str] = TEXTS, **more: object) -> list[dict[str, object]]:
    return [
        {
            "text": text, "label": LABELS[place % len(LABELS)], "direction": None if place % 2 else "pro",
            "source": SOURCE, "annotators": 1 + place % 2, "platform": "twitter", "year": 2024, "unsure": place == 0,
            "author": "ani_wijaya", **more,
        }
        for place, text in enumerate(texts)
    ]  # fmt: skip


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    write_rows(tmp_path / "in" / "posts.jsonl", posts())
    assert main(["data", "dehydrate", str(tmp_path / "in" / "posts.jsonl"), "-o", str(tmp_path / "labels.csv")]) == 0
    return tmp_path / "labels.csv"


def copy_of(texts: list[str], column: str = "full_text") -> list[dict[str, object]]:
    return [
        {"id_str": str(10**18 + place), "username": f"akun{place}", column: text} for place, text in enumerate(texts)
    ]


BYTES = [bytes([byte]).decode("windows-1252", "ignore") or chr(byte) for byte in range(256)]


def once(text: str) -> str:
    return "".join(BYTES[byte] for byte in text.encode("utf-8"))


def join(labels: Path, *files: Path, **options: object) -> Hydrated:
    return hydrate([labels], list(files), **options)  # type: ignore[arg-type]


def test_a_label_file_holds_hashes_and_no_text_and_no_person(labels: Path) -> None:
    written = labels.read_text(encoding="utf-8")
    lines = written.splitlines()
    assert lines[0] == "sha256,label,direction,split,source,annotators,platform,year,unsure"
    digest = hashlib.sha256(TEXTS[0].encode()).hexdigest()
    assert lines[1] == f"{digest},campaigning,pro,,{SOURCE},1,twitter,2024,true"
    assert len(lines) == 1 + len(TEXTS)
    assert "ani_wijaya" not in written
    words = {word for text in TEXTS for word in text.split() if len(word) > 7}
    assert words
    assert not any(word in written for word in words)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "jsonl.gz", "csv.zst", "parquet", "xlsx"])
def test_label_files_and_copies_of_any_format_join_whole(tmp_path: Path, labels: Path, ending: str) -> None:
    first = read_label_files([labels])
    rows = [{"sha256": row.sha256, "label": row.label.value, **row.fields} for row in first.rows]
    write_rows(tmp_path / f"l.{ending}", rows)
    write_rows(tmp_path / f"copy.{ending}", copy_of(TEXTS[::-1]))
    found = join(tmp_path / f"l.{ending}", tmp_path / f"copy.{ending}")
    assert [row["text"] for row in found.rows] == TEXTS
    assert found.misses == []
    assert dict(found.files[0].by_column) == {"full_text": len(TEXTS)}
    assert dict(found.files[0].by_rung) == {"as is": len(TEXTS)}


def test_rows_are_those_that_were_dehydrated(tmp_path: Path, labels: Path) -> None:
    write_rows(tmp_path / "copy.csv", copy_of(TEXTS, "isi"))
    out = tmp_path / "out.jsonl"
    assert main(["data", "hydrate", str(tmp_path / "copy.csv"), "--labels", str(labels), "-o", str(out)]) == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    for row, post in zip(rows, posts(), strict=True):
        expected = {name: value for name, value in post.items() if name != "author"}
        assert row == {"id": text_id(str(post["text"])), **expected, "split": None}
    frame = read_labelled(out)
    assert list(frame["text"]) == TEXTS
    assert [label.value for label in frame["label"]] == LABELS
    assert list(frame["unsure"])[:2] == [True, False]


@pytest.mark.parametrize(
    "document",
    [
        lambda texts: json.dumps([{"isi": text} for text in texts]),
        lambda texts: "\ufeff" + json.dumps([{"data": {"text": text}} for text in texts], indent=2, ensure_ascii=False),
        lambda texts: json.dumps({"meta": {"n": 2}, "items": [{"teks": text} for text in texts]}, indent=1),
        lambda texts: json.dumps({"text": {str(place): text for place, text in enumerate(texts)}}),
        lambda texts: json.dumps({"text": {str(place): text for place, text in enumerate(texts)}}, indent=1),
        lambda texts: json.dumps(texts),
    ],
    ids=["array", "nested array with a mark", "object", "columns in a line", "columns", "strings"],
)
def test_json_documents_join_whole(tmp_path: Path, labels: Path, document: object) -> None:
    (tmp_path / "copy.json").write_text(document(TEXTS), encoding="utf-8")  # type: ignore[operator]
    found = join(labels, tmp_path / "copy.json")
    assert len(found.rows) == len(TEXTS)
    assert len(found.files[0].by_column) == 1


@pytest.mark.parametrize(
    ("change", "rung"),
    [
        (lambda text: text.replace("\n", "\r\n"), "line ends"),
        (lambda text: text.replace("\n", "_x000D_\n"), "escapes of spreadsheets"),
        (str.strip, "blanks"),
        (lambda text: f"  {text}".rstrip() + " \n" if text == text.strip() else text, "blanks"),
        (html.escape, "entities"),
        (html.unescape, "entities"),
        (lambda text: '"' + text.replace('"', '""') + '"', "quotes"),
        (lambda text: "\ufeff" + text, "byte order mark"),
        (lambda text: json.dumps(text)[1:-1], "backslashes"),
        (once, "mojibake"),
        (lambda text: text.encode().decode("latin-1"), "mojibake"),
        (lambda text: text.encode().decode("mac-roman"), "mojibake of Mac Roman"),
        (lambda text: once(once(text)), "mojibake, 2 passes"),
        (lambda text: once(once(once(text))), "mojibake, 3 passes"),
        (lambda text: html.escape(text.strip()), "entities + blanks"),
        (lambda text: once(text.replace("\n", "\r\n")), "line ends + mojibake"),
        (lambda text: once(text.strip()), "mojibake + blanks"),
    ],
)
def test_changed_copies_join_whole_and_say_what_was_undone(
    tmp_path: Path, labels: Path, change: object, rung: str
) -> None:
    copies = [change(text) for text in TEXTS]  # type: ignore[operator]
    write_rows(tmp_path / "copy.jsonl", copy_of(copies))
    found = join(labels, tmp_path / "copy.jsonl")
    assert [row["text"] for row in found.rows] == TEXTS
    assert rung in found.files[0].by_rung


def test_texts_that_were_mended_in_part_are_found_from_the_garbled_file(tmp_path: Path) -> None:
    # Whoever hashed these mended run by run, and a no-break space had become a plain one before: one run could not
    # be mended and was left. The public file has both as they were.
    hashed = "Gotong royong menangkanÂ Bu Rini 🔥 di TPS ð\x9d\x90 ramai² “mantap”"
    write_rows(tmp_path / "posts.jsonl", [{"text": hashed, "label": "supportive"}])
    write_rows(tmp_path / "labels.csv", dehydrate([tmp_path / "posts.jsonl"]).rows)
    for passes in (1, 2):
        copy = hashed
        for _ in range(passes):
            copy = once(copy)
        write_rows(tmp_path / "copy.jsonl", [{"text": copy}], columns=["text"])
        assert [row["text"] for row in join(tmp_path / "labels.csv", tmp_path / "copy.jsonl").rows] == [hashed]
    half = hashed[:30] + once(hashed[30:])
    write_rows(tmp_path / "copy.jsonl", [{"text": half}])
    assert [row["text"] for row in join(tmp_path / "labels.csv", tmp_path / "copy.jsonl").rows] == [hashed]


def test_files_without_a_header_and_further_sheets_are_read(
    tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from openpyxl import Workbook

    rows = ["sebuah,baris", *(f'"{text}",1' for text in TEXTS[:2])]
    (tmp_path / "tanpa.csv").write_text("\n".join([f'"{TEXTS[7]}",1', *rows]), encoding="utf-8")
    book = Workbook()
    book.active.append(["kosong"])
    sheet = book.create_sheet("Data 2")
    for text in ("isi", *TEXTS[2:7]):
        sheet.append([text])
    book.save(tmp_path / "buku.xlsx")
    command = ["data", "hydrate", str(tmp_path / "tanpa.csv"), str(tmp_path / "buku.xlsx"), "--labels", str(labels)]
    assert main([*command, "-o", str(tmp_path / "o.jsonl"), "--min-joined", "1"]) == 0
    shown = capsys.readouterr()
    assert "in column 1 3; as is 3" in shown.out
    assert "in Data 2!isi 5" in shown.out
    assert not any(text in shown.out + shown.err for text in TEXTS)


def test_the_first_of_repeated_texts_wins_and_columns_are_kept_when_asked(tmp_path: Path, labels: Path) -> None:
    write_rows(tmp_path / "a.csv", copy_of([TEXTS[0], TEXTS[0], "bukan apa-apa"]))
    write_rows(tmp_path / "b.csv", [{"tweet": text, "id_str": f"b{place}"} for place, text in enumerate(TEXTS)])
    found = join(labels, tmp_path / "a.csv", tmp_path / "b.csv", keep=["id_str", "username"])
    assert [row["id_str"] for row in found.rows[:2]] == [str(10**18), "b1"]
    assert [row["username"] for row in found.rows[:2]] == ["akun0", None]
    assert [(report.joined, report.repeated) for report in found.files] == [(1, 1), (7, 1)]
    assert "username" not in join(labels, tmp_path / "a.csv").rows[0]
    with pytest.raises(ConfigError, match="a column 'source' already"):
        join(labels, tmp_path / "a.csv", keep=["source"])


def test_of_several_strings_in_a_row_the_first_is_its_value() -> None:
    chunk = Chunk([1, 2, 3])
    for index, value in [(0, "satu"), (0, "dua"), (2, "tiga")]:
        chunk.add("data.id[]", index, value)
    assert [chunk.value("data.id[]", index) for index in range(3)] == ["satu", None, "tiga"]
    chunk.add("data.id[]", 1, "empat")
    assert [chunk.value("data.id[]", index) for index in range(3)] == ["satu", "empat", "tiga"]
    assert chunk.value("lain", 0) is None


def test_only_the_named_columns_are_looked_at(tmp_path: Path, labels: Path) -> None:
    write_rows(tmp_path / "a.csv", [{"satu": TEXTS[0], "dua": TEXTS[1]}])
    assert [row["text"] for row in join(labels, tmp_path / "a.csv", text_columns=["dua"]).rows] == [TEXTS[1]]
    with pytest.raises(InputError, match=r"no file has a column 'tiga'; name one of theirs: 'satu', 'dua'"):
        join(labels, tmp_path / "a.csv", text_columns=["tiga"])


def test_short_hashes_are_enough(tmp_path: Path) -> None:
    rows = [{"id": text_id(text).upper(), "label": "netral"} for text in TEXTS]
    write_rows(tmp_path / "l.tsv", rows)
    write_rows(tmp_path / "a.csv", copy_of(TEXTS))
    found = join(tmp_path / "l.tsv", tmp_path / "a.csv")
    assert [row["text"] for row in found.rows] == TEXTS
    assert {row["label"] for row in found.rows} == {"neutral"}
    # All digits of a longer hash count.
    digest = hashlib.sha256(TEXTS[0].encode()).hexdigest()
    wrong = digest[:20] + ("0" if digest[20] != "0" else "1") + digest[21:]
    write_rows(tmp_path / "w.csv", [{"sha256": wrong, "label": "neutral"}])
    assert join(tmp_path / "w.csv", tmp_path / "a.csv").rows == []


H1 = hashlib.sha256(TEXTS[0].encode()).hexdigest()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"sha256,label\n{H1},neutral\n12ab,neutral\n", "row 2, column 'sha256': not a hash of 16 to 64 hex digits"),
        (f"sha256,label\n{H1},neutral\n1.23457E+15,neutral\n", "row 2, column 'sha256': a number, no hash"),
        (f"sha256,label\n{H1},neutral\n,neutral\n", "row 2, column 'sha256': no hash; fill it in or remove the row"),
        (f"sha256,label\n{H1},maybe\n", "row 1, column 'label': unknown label 'maybe'; the labels are neutral"),
        (f"sha256,label\n{H1},\n", "row 1, column 'label': no label; fill it in or remove the row"),
        (
            f"sha256,label\n{H1},neutral\n{H1[:16]},supportive\n",
            "row 2: the same hash has the label 'neutral' in row 1 and 'supportive' here",
        ),
        (
            f"sha256,label\n{H1},neutral\n{H1[:-1]}{'0' if H1[-1] != '0' else '1'},neutral\n",
            "row 2: the hash begins like that of row 1 and goes on differently: one of them is wrong; remove it",
        ),
        (f"sha,label\n{H1},neutral\n", "its columns are 'sha', 'label'; rename the one with the hashes"),
        (f"sha256,kelas\n{H1},neutral\n", "its columns are 'sha256', 'kelas'; rename the one with the labels"),
        ("sha256,label\n", "has a header but no rows"),
    ],
)
def test_a_wrong_label_file_gives_one_line_with_file_and_row(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_label_files([path])
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_labels_of_several_files_are_one_and_conflicts_between_them_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"sha256,label,wilayah\n{H1},neutral,Jatim\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text(f"sha256,label\n{H1},netral\n{'ab' * 32},memihak\n", encoding="utf-8")
    read = read_label_files([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert [row.label.value for row in read.rows] == ["neutral", "supportive"]
    assert read.repeated == 1
    assert read.columns == ["wilayah"]
    (tmp_path / "b.csv").write_text(f"sha256,label\n{H1},memihak\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"b\.csv: row 1: the same hash has the label 'neutral' in .*a\.csv, row 1,"):
        read_label_files([tmp_path / "a.csv", tmp_path / "b.csv"])


def reason(labels: Path, file: Path) -> str:
    found = join(labels, file)
    assert found.misses
    assert {miss.source for miss in found.misses} == {SOURCE}
    (told,) = {miss.reason for miss in found.misses}
    assert [source.reason for source in found.sources] == [told]
    return told


FILLER = [
    f"Warga RT {place} rapat soal jalan rusak, habis itu  ngopi bareng Pak {place * 7 % 13}" for place in range(60)
]


def test_reasons_for_misses(tmp_path: Path, labels: Path) -> None:
    other = tmp_path / "lain.csv"
    write_rows(other, copy_of(FILLER))
    assert reason(labels, other) == "no file called 'cuitan pilkada.csv' was given"
    # A copy of the file in another format, downloaded twice, is the file.
    named = tmp_path / "cuitan_pilkada (1).tsv"
    write_rows(named, copy_of(FILLER, "isi"))
    assert "was given, but none of its columns holds these texts (it has 'id_str', 'username', 'isi')" in reason(
        labels, named
    )
    write_rows(named, copy_of([*TEXTS[:4], *FILLER]))
    assert "part of it was found (4 cells in 64 rows" in reason(labels, named)
    write_rows(named, copy_of(TEXTS[:4]))
    assert "has 4 rows for 8 labels: it is cut off" in reason(labels, named)
    write_rows(named, copy_of([text.encode().decode("ascii", "replace") for text in [*TEXTS, *FILLER]]))
    assert "hold U+FFFD: it was saved in the wrong encoding" in reason(labels, named)
    write_rows(named, copy_of([" ".join(text.lower().replace(",", "").split()) for text in FILLER]))
    assert "have no capitals and no punctuation: a preprocessed copy" in reason(labels, named)
    write_rows(named, copy_of([(text + " dan seterusnya sampai malam")[:64] for text in FILLER]))
    assert "end at 64 characters: cut off" in reason(labels, named)
    write_rows(named, copy_of([text[: 20 + place] + "…" for place, text in enumerate(FILLER * 2)]))
    assert "end with an ellipsis: cut off" in reason(labels, named)
    long = [f"{' '.join(text.split())} {'ya ' * (place % 50)}sip" for place, text in enumerate(FILLER * 20)]
    write_rows(named, copy_of(long))
    assert "none of its texts has a line break or two blanks in a row" in reason(labels, named)


def test_labels_without_a_source_and_half_read_files_have_reasons(tmp_path: Path, labels: Path) -> None:
    (tmp_path / "l.csv").write_text(f"sha256,label\n{H1},neutral\n", encoding="utf-8")
    write_rows(tmp_path / "a.csv", copy_of(FILLER))
    assert join(tmp_path / "l.csv", tmp_path / "a.csv").misses[0].reason.startswith("the label file names no source")
    whole = json.dumps([{"isi": text} for text in [*TEXTS[:3], *FILLER, *TEXTS[3:]]])
    cut = tmp_path / "cuitan pilkada.json"
    cut.write_text(whole[: len(whole) // 2], encoding="utf-8")
    found = join(labels, cut)
    assert len(found.rows) == 3
    assert found.files[0].problem is not None
    assert "could be read in part only" in found.misses[0].reason
    gone = tmp_path / "cuitan pilkada.parquet"
    gone.write_bytes(b"PAR1 bukan")
    cut.unlink()
    assert "cuitan pilkada.parquet could not be read" in join(labels, gone, tmp_path / "a.csv").misses[0].reason


def test_unreadable_files_are_named_and_passed_over_if_others_can_be_read(
    tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "unduhan" / "pilkada-main"
    write_rows(folder / "data" / "cuitan pilkada.jsonl", copy_of(TEXTS))
    (folder / "README.md").write_text("# data", encoding="utf-8")
    (folder / "rusak.parquet").write_bytes(b"bukan parquet")
    (folder / ".git").mkdir()
    (folder / ".git" / "x.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    out = tmp_path / "o.csv"
    command = ["data", "hydrate", str(tmp_path / "unduhan"), "--labels", str(labels), "-o", str(out)]
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "rusak.parquet" in shown.err
    assert "1 other files in the folders are no tables" in shown.out
    assert "x.csv" not in shown.out + shown.err
    assert "joined: 8 of 8 labels (100.0 %)" in shown.out
    assert "labels: neutral 4, campaigning 2, supportive 2" in shown.out
    assert not any(text in shown.out + shown.err for text in TEXTS)
    assert main(command) == 1
    assert "exists already" in capsys.readouterr().err
    first = out.read_bytes()
    assert main([*command, "--overwrite"]) == 0
    assert out.read_bytes() == first
    capsys.readouterr()
    assert main([*command[:2], str(folder / "rusak.parquet"), *command[3:], "--overwrite"]) == 1
    told = capsys.readouterr().err
    assert "rusak.parquet: is not a whole Parquet file" in told
    assert len(told.strip().splitlines()) == 1
    with pytest.raises(InputError, match="no such file or folder"):
        join(labels, tmp_path / "tidak-ada")


def test_nothing_or_too_little_joined_is_an_error_and_the_misses_are_written(
    tmp_path: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path / "a.csv", copy_of(FILLER))
    out, misses = tmp_path / "o.jsonl", tmp_path / "m.csv"
    command = ["data", "hydrate", str(tmp_path / "a.csv"), "--labels", str(labels), "-o", str(out)]
    assert main([*command, "--misses", str(misses)]) == 1
    told = capsys.readouterr().err
    assert "error: 0 of 8 labels found their text; most often: no file called 'cuitan pilkada.csv' was given" in told
    assert not out.exists()
    lines = misses.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "sha256,source,reason"
    assert lines[1].startswith(f"{H1},{SOURCE},no file called")
    assert len(lines) == 9
    write_rows(tmp_path / "a.csv", copy_of([*FILLER, *TEXTS[:6]]))
    assert main([*command, "--min-joined", "0.8"]) == 1
    assert "6 of 8 labels found their text (75.0 %), less than the 80 % asked for" in capsys.readouterr().err
    assert main([*command, "--min-joined", "0.7"]) == 0
    assert main([*command, "--min-joined", "70", "--overwrite"]) == 1
    assert "--min-joined is a share from 0 to 1" in capsys.readouterr().err


def test_rows_that_cannot_be_read_are_counted(tmp_path: Path, labels: Path) -> None:
    lines = [json.dumps({"isi": text}) for text in TEXTS]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines[:4], "{rusak", *lines[4:]]), encoding="utf-8")
    found = join(labels, tmp_path / "a.jsonl")
    assert len(found.rows) == len(TEXTS)
    assert (found.files[0].rows, found.files[0].bad_rows) == (8, 1)


def test_a_column_without_texts_is_dropped_only_for_changed_copies(tmp_path: Path, labels: Path) -> None:
    # Thousands of cells of another column that give nothing must not hide a text that stands there as it is.
    rows = [{"judul": f"berita {place}", "isi": TEXTS[place % 7] if place < 5200 else "x"} for place in range(5400)]
    rows.append({"judul": TEXTS[7], "isi": "x"})
    write_rows(tmp_path / "a.csv", rows)
    assert len(join(labels, tmp_path / "a.csv").rows) == len(TEXTS)


def test_dehydrating_merges_repeated_texts_and_refuses_conflicts(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.jsonl", posts(TEXTS[:2]))
    again = posts(TEXTS[:1])[0] | {"direction": "contra", "platform": None, "annotators": "ani;budi; citra"}
    write_rows(tmp_path / "more.jsonl", [{**again, "text": TEXTS[2]}, again, {**again, "text": "  "}])
    result = dehydrate([tmp_path / "train.jsonl", tmp_path / "more.jsonl"])
    assert [row["label"] for row in result.rows] == ["campaigning", "neutral", "campaigning"]
    assert [row.get("split") for row in result.rows] == ["train", "train", None]
    assert [row["annotators"] for row in result.rows] == [1, 2, 3]
    assert (result.posts, result.merged, result.without_text, result.direction_differs) == (5, 1, 1, 1)
    write_rows(tmp_path / "more.jsonl", [again | {"label": "neutral"}])
    with pytest.raises(
        InputError, match=r"more\.jsonl: row 1: the same text has the label 'campaigning' in .*, row 1,"
    ):
        dehydrate([tmp_path / "train.jsonl", tmp_path / "more.jsonl"])
    write_rows(tmp_path / "dev.jsonl", posts(TEXTS[1:2], label="neutral", direction=None))
    with pytest.raises(
        InputError, match=r"dev\.jsonl: row 1: the same text has the split 'train' in .* and 'dev' here"
    ):
        dehydrate([tmp_path / "train.jsonl", tmp_path / "dev.jsonl"])


def test_dehydrating_keeps_asked_columns_but_neither_texts_nor_persons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "posts.jsonl"
    rows = [{**post, "wilayah": "Jawa Timur", "catatan": post["text"]} for post in posts()]
    write_rows(path, rows)
    result = dehydrate([path], columns=["source", "wilayah"])
    assert result.columns == ["sha256", "label", "source", "wilayah"]
    assert set(result.rows[0]) == set(result.columns)
    for column in ("text", "author", "context"):
        with pytest.raises(InputError, match=f"no texts and no persons: leave out the column '{column}'"):
            dehydrate([path], columns=[column])
    with pytest.raises(InputError, match="row 1, column 'catatan': looks like a text"):
        dehydrate([path], columns=["catatan"])
    out = str(tmp_path / "l.csv")
    assert main(["data", "dehydrate", str(path), "-o", out, "--columns", "tidak_ada"]) == 1
    assert "no column 'tidak_ada'" in capsys.readouterr().err
    assert main(["data", "dehydrate", str(path), "-o", str(path), "--overwrite"]) == 1
    assert "is one of the inputs" in capsys.readouterr().err
    assert main(["data", "dehydrate", str(path), "-o", out]) == 0
    assert main(["data", "dehydrate", str(path), "-o", out]) == 1
    assert "exists already" in capsys.readouterr().err


def test_datasets_folders_join(tmp_path: Path, labels: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"isi": TEXTS, "no": list(range(8))}).save_to_disk(str(tmp_path / "set"))
    found = join(labels, tmp_path / "set")
    assert len(found.rows) == len(TEXTS)


def test_the_misses_do_not_share_a_file_with_the_posts(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_rows(tmp_path / "copy.csv", copy_of(TEXTS[:-1]))
    out = tmp_path / "out.csv"

    for misses in (out, tmp_path / "in" / ".." / "out.csv"):
        arguments = ["data", "hydrate", tmp_path / "copy.csv", "--labels", labels, "-o", out, "--misses", misses]
        assert main([*map(str, arguments)]) == 1
        assert "--misses names the output itself; name another file" in capsys.readouterr().err
    assert not out.exists()


def test_many_files_of_a_folder_without_any_labelled_text_take_one_line(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "downloads"
    for number in range(60):
        write_rows(folder / f"lain{number}.csv", [{"teks": f"Jadwal posyandu RW {number}"}])
    write_rows(folder / "salinan.csv", copy_of(TEXTS))

    assert main(["data", "hydrate", str(folder), "--labels", str(labels), "-o", str(tmp_path / "out.jsonl")]) == 0

    out = capsys.readouterr().out
    assert f"{folder / 'salinan.csv'}: 8 rows" in out
    assert "40 more files hold none of the labelled texts (40 rows)" in out
    assert out.count("lain") == 20


@pytest.mark.parametrize("command", ["hydrate", "check"])
def test_files_without_permission_are_passed_over_and_said(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as made:  # tmp_path is closed to whom the test becomes
        folder, label_file = Path(made) / "copies", Path(made) / "labels.csv"
        write_rows(Path(made) / "posts.jsonl", posts())
        assert main(["data", "dehydrate", f"{made}/posts.jsonl", "-o", str(label_file)]) == 0
        for name in ("whole.csv", "secret.csv", "closed/inner.csv"):
            write_rows(folder / name, posts())
        arguments = {
            "hydrate": ["hydrate", str(folder), "--labels", str(label_file), "-o", f"{made}/out.jsonl", "--overwrite"],
            "check": ["check", str(folder), "--label-errors", "off", "--json"],
        }[command]
        main(["data", *arguments])  # whoever the test becomes cannot import what is needed
        for path, mode in ((made, 0o777), (folder / "secret.csv", 0), (folder / "closed", 0o744)):
            Path(path).chmod(mode)
        capsys.readouterr()
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            code = main(["data", *arguments])
        finally:
            os.seteuid(user)
            (folder / "closed").chmod(0o755)
        told = capsys.readouterr()
    denied = [folder / "secret.csv", folder / "closed" / "inner.csv"]
    if command == "hydrate":
        assert code == 0
        assert "8 of 8 labels" in told.out
        for path in denied:
            assert f"netral: warning: passed over: {path}: cannot be opened: Permission denied" in told.err
    else:
        found = [(one["file"], one["detail"]) for one in json.loads(told.out)["findings"] if "read" in one["kind"]]
        assert sorted(found) == sorted(
            (str(path), "cannot be opened: Permission denied; check its permissions") for path in denied
        )


def test_all_but_a_few_joined_is_not_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = posts([f"Kabar TPS nomor {number} dari warga" for number in range(3000)])
    write_rows(tmp_path / "labels.csv", dehydrated_rows(tmp_path, made))
    write_rows(tmp_path / "copy.csv", [{"text": row["text"]} for row in made[1:]])
    args = [tmp_path / "copy.csv", "--labels", tmp_path / "labels.csv", "-o", tmp_path / "out.jsonl"]
    assert main(["data", "hydrate", *map(str, args)]) == 0
    told = capsys.readouterr().out
    assert "joined: 2,999 of 3,000 labels (> 99.9 %)" in told
    assert "100.0 %" not in told


def dehydrated_rows(folder: Path, made: list[dict[str, object]]) -> list[dict[str, object]]:
    write_rows(folder / "posts.jsonl", made)
    return dehydrate([folder / "posts.jsonl"]).rows
