"""Rows made in Python, written as posts and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp.errors import InputError
from netral_nlp.formats import guess_field, open_posts, write_rows

ROWS: list[dict[str, Any]] = [
    {"id": "1728394056172839405", "text": 'Ayo, "coblos"\nnomor 2!', "weight": 1.5, "ratings": {"ani": "neutral"}},
    {"id": "2", "text": "Gas 🔥", "context": None, "unsure": True},
]


def read(path: Path) -> list[dict[str, str | None]]:
    with open_posts(path) as reader:
        rows = []
        for batch in reader.batches():
            names = batch.rows.schema.names
            rows += [
                dict(zip(names, cells, strict=True))
                for cells in zip(*(batch.strings(name) for name in names), strict=True)
            ]
    return rows


def test_json_lines_keep_every_value_and_every_absence(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    assert write_rows(path, ROWS) == 2
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == ROWS


@pytest.mark.parametrize("ending", ["csv", "tsv", "xlsx", "parquet", "csv.gz", "jsonl.zst"])
def test_every_format_gives_the_texts_back(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"posts.{ending}"
    write_rows(path, ROWS)
    found = read(path)
    assert [(row["id"], row["text"]) for row in found] == [(row["id"], row["text"]) for row in ROWS]
    assert json.loads(found[0]["ratings"] or "") == {"ani": "neutral"}
    assert found[1].get("ratings") in (None, "")


def test_columns_are_those_asked_for_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    write_rows(path, ROWS, columns=["text", "id"])
    assert path.read_text(encoding="utf-8").splitlines()[0] == "text,id"
    write_rows(path, [], columns=["text", "id"])
    assert path.read_text(encoding="utf-8") == "text,id\n"


def test_an_error_on_the_way_leaves_the_older_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    write_rows(path, ROWS)
    before = path.read_bytes()

    def broken() -> Any:
        yield ROWS[0]
        raise InputError("stop")

    with pytest.raises(InputError, match="stop"):
        write_rows(path, broken(), columns=["id", "text"])
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["posts.csv"]


def test_a_file_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"posts\.pdf"):
        write_rows(tmp_path / "posts.pdf", ROWS)
    with pytest.raises(InputError, match="no columns"):
        write_rows(tmp_path / "posts.csv", [])
    with pytest.raises(InputError, match="cannot be written"):
        write_rows(tmp_path / "folder", ROWS, format="csv")


VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES | st.lists(VALUES, max_size=2)), min_size=1, max_size=5))
def test_any_rows_of_json_values_come_back(rows: list[dict[str, Any]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_rows(path, rows, columns=["a", "b", "c"])
        assert [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]] == rows


@pytest.mark.parametrize(
    ("field", "columns", "found"),
    [
        ("author", ["id", "username", "full_text"], "username"),
        ("author", ["Penulis", "username"], "Penulis"),
        ("author", ["username", "user_id_str", "text"], "user_id_str"),
        ("thread", ["conversation_id_str", "text"], "conversation_id_str"),
        ("posted_at", ["Created At", "year"], "Created At"),
        ("source", ["text"], None),
    ],
)
def test_fields_are_found_by_the_names_that_exports_give_them(
    field: str, columns: list[str], found: str | None
) -> None:
    assert guess_field(field, columns) == found


def test_a_column_without_a_single_value_gives_way_to_a_filled_one() -> None:
    columns = ["user_id_str", "username", "conversation_id_str"]
    assert guess_field("author", columns, {"username"}) == "username"
    assert guess_field("author", columns, {"user_id_str", "username"}) == "user_id_str"
    assert guess_field("thread", columns, {"username"}) == "conversation_id_str"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "xlsx", "parquet"])
def test_what_cannot_be_written_names_the_file_that_was_asked_for(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"posts.{ending}"
    path.with_name(f"{path.name}.part").symlink_to("/dev/full")
    with pytest.raises(InputError) as told:
        write_rows(path, ROWS)
    assert str(told.value).startswith(f"{path}: cannot be written: ")
    assert list(tmp_path.iterdir()) == []
