"""The recipe of docs/retraining.md, command for command, from an unread dump to a paired comparison."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import shlex
import shutil
from pathlib import Path

import pytest
from training_support import make_posts, write_posts

from netral_nlp.cli.main import main
from netral_nlp.inference.decision import Decision

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "docs" / "retraining.md"


def commands() -> list[list[str]]:
    """The commands of the page, in order."""
    blocks = re.findall(r"```console\n(.*?)```", RECIPE.read_text(encoding="utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line.removeprefix("$ netral ")) for line in lines if line.startswith("$ netral ")]


def annotate(tasks: Path, export: Path, labels: dict[str, str]) -> None:
    """Do what three annotators do in Label Studio: they mostly agree, err now and then, and skip some."""
    chance = random.Random(5)
    exported = []
    for number, task in enumerate(json.loads(tasks.read_text(encoding="utf-8"))):
        truth = labels[task["data"]["text"]]
        annotations = []
        for annotator in (1, 2, 3):
            said = truth if chance.random() < 0.93 else chance.choice(sorted(set(labels.values())))
            skipped = chance.random() < 0.02
            choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [said]}}
            annotations.append(
                {"completed_by": annotator, "was_cancelled": skipped, "result": [] if skipped else [choice]}
            )
        exported.append({"id": number, **task, "annotations": annotations})
    export.write_text(json.dumps(exported, ensure_ascii=False), encoding="utf-8")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> tuple[Path, dict[str, str]]:
    """A working directory in which the whole recipe was run, and what each command printed."""
    folder = tmp_path_factory.mktemp("recipe")
    shutil.copytree(tiny_model, folder / "models" / "netral-mini")
    (folder / "data").symlink_to(ROOT / "data", target_is_directory=True)
    posts = make_posts(500, seed=21)
    with (folder / "crawl.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows((f"1{number:018}", post["text"]) for number, post in enumerate(posts))
    write_posts(folder / "old_test.jsonl", make_posts(90, seed=33))
    write_posts(folder / "old_dev.jsonl", make_posts(90, seed=34))
    labels = {str(post["text"]): str(post["label"]) for post in posts}
    printed: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in commands():
            if "export.json" in command and not Path("export.json").exists():
                annotate(Path("tasks.json"), Path("export.json"), labels)
            if command[0] == "train":  # a tiny encoder needs other steps than a real one, and no real one's time
                command = [*command, "--learning-rate", "2e-3", "--max-tokens", "64", "--context-tokens", "32"]
            out = io.StringIO()
            patch.setattr("sys.stdout", out)
            assert main(command) == 0, shlex.join(command)
            printed[shlex.join(command)] = out.getvalue()
    return folder, printed


def test_the_page_has_every_step_of_the_way() -> None:
    assert [tuple(command[:2]) if command[0] == "data" else command[0] for command in commands()] == [
        ("data", "sample"), ("data", "agreement"), ("data", "import"),
        ("data", "check"), ("data", "split"), ("data", "check"),
        "train", "calibrate", "evaluate", "evaluate",
    ]  # fmt: skip


def test_every_post_of_the_sample_ends_in_one_set_or_is_told(done: tuple[Path, dict[str, str]]) -> None:
    folder, _ = done
    tasks = {task["data"]["post_id"] for task in json.loads((folder / "tasks.json").read_text(encoding="utf-8"))}
    ends: list[str] = []
    names = ("sets/train.jsonl", "sets/dev.jsonl", "sets/test.jsonl", "sets/left_out.jsonl", "posts.dropped.jsonl")
    for name in names:
        if (folder / name).exists():
            ends += [json.loads(line)["id"] for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    assert sorted(ends) == sorted(tasks)
    assert len(tasks) > 60


def test_the_new_model_has_a_decision_of_its_own_and_names_its_data(done: tuple[Path, dict[str, str]]) -> None:
    folder, _ = done
    new, old = (Decision.load(folder / name) for name in ("runs/mine", "models/netral-mini"))
    assert new.fitted_on != old.fitted_on
    assert new.fitted_on["posts"] > 90  # dev and old posts together, after calibrate
    record = (folder / "runs/mine/training.yaml").read_text(encoding="utf-8")
    for name in ("sets/train.jsonl", "sets/dev.jsonl", "data/comments_in_context.jsonl"):
        assert name in record


def test_old_and_new_are_compared_post_by_post_on_new_and_on_old_posts(done: tuple[Path, dict[str, str]]) -> None:
    _, printed = done
    compared = [text for command, text in printed.items() if command.startswith("evaluate")]
    assert len(compared) == 2
    for text in compared:
        assert "netral-mini" in text
        assert re.search(r"macro.F1.*\[", text)
