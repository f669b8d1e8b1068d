"""The data folder loads as its card says."""

from pathlib import Path

import datasets
import pytest
import yaml

DATA = Path(__file__).parents[1] / "data"
FOLDERS = (DATA, DATA / "labels")


def configurations():
    for folder in FOLDERS:
        card = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---")[1])
        for config in card["configs"]:
            yield pytest.param(folder, config["config_name"], folder / config["data_files"], id=config["config_name"])


@pytest.mark.parametrize(("folder", "name", "file"), configurations())
def test_every_configuration_loads_in_one_line(folder, name, file, tmp_path):
    loaded = datasets.load_dataset(str(folder), name, split="train", cache_dir=str(tmp_path))
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert loaded.num_rows == len(lines) - (file.suffix == ".csv")  # a CSV file has a header
    assert {"text", "sha256", "repository"} & set(loaded.column_names)


def test_the_card_counts_the_cases_that_are_there():
    card = (DATA / "README.md").read_text(encoding="utf-8")
    for name in ("minimum", "invariance", "direction", "templates"):
        row = next(line for line in card.splitlines() if line.startswith(f"| `{name}.jsonl` |"))
        count = len((DATA / "suites" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
        assert f"| {count} " in row
