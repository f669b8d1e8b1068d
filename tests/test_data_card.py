"""The data folder loads as its card says."""

from pathlib import Path

import datasets
import pytest
import yaml

DATA = Path(__file__).parents[1] / "data"
CARD = yaml.safe_load((DATA / "README.md").read_text(encoding="utf-8").split("---")[1])


@pytest.mark.parametrize("config", CARD["configs"], ids=lambda config: config["config_name"])
def test_every_configuration_loads_in_one_line(config, tmp_path):
    loaded = datasets.load_dataset(str(DATA), config["config_name"], split="train", cache_dir=str(tmp_path))
    lines = [line for line in (DATA / config["data_files"]).read_text(encoding="utf-8").splitlines() if line.strip()]
    assert loaded.num_rows == len(lines)
    assert "text" in loaded.column_names


def test_the_card_counts_the_cases_that_are_there():
    card = (DATA / "README.md").read_text(encoding="utf-8")
    for name in ("minimum", "invariance", "direction", "templates"):
        row = next(line for line in card.splitlines() if line.startswith(f"| `{name}.jsonl` |"))
        count = len((DATA / "suites" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
        assert f"| {count} " in row
