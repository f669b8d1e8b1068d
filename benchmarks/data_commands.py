"""Time and peak memory of `netral data import | agreement | check | split` on exports of any size, in each format.

    python benchmarks/data_commands.py --posts 100000

The posts are made of words of the project's own posts, three annotators each; every command runs in a process of its
own. Times depend on the machine and on what else runs there; the memory does not.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
LABELS = ("netral", "memihak", "berkampanye")


def make_posts(count: int) -> Iterator[tuple[str, list[str]]]:
    """Yield texts of some 20 words with the labels of three annotators; one in twenty repeats an earlier one nearly."""
    chance = random.Random(0)
    lines = (DATA / "contexts.jsonl").read_text(encoding="utf-8").splitlines()
    words = [word for line in lines for word in json.loads(line)["text"].split()]
    made: list[str] = []
    for _ in range(count):
        if made and chance.random() < 0.05:
            text = chance.choice(made) + " 🔥"
        else:
            text = " ".join(chance.choices(words, k=chance.randint(5, 35)))
            made = [*made[-200:], text]
        truth = chance.choices(LABELS, [5, 4, 1])[0]
        yield text, [truth if chance.random() < 0.85 else chance.choice(LABELS) for _ in range(3)]


def write_exports(folder: Path, count: int) -> dict[str, Path]:
    """Write the same posts as each tool exports them."""
    files = {
        "Label Studio JSON": folder / "label_studio.json",
        "doccano JSONL": folder / "doccano.jsonl",
        "Argilla JSON": folder / "argilla.json",
        "CSV, a column an annotator": folder / "wide.csv",
        "CSV, a row an answer": folder / "long.csv",
    }
    opened = {name: path.open("w", encoding="utf-8", newline="") for name, path in files.items()}
    wide, rows = csv.writer(opened["CSV, a column an annotator"]), csv.writer(opened["CSV, a row an answer"])
    wide.writerow(["id", "text", "author", "ani", "budi", "citra"])
    rows.writerow(["id", "text", "author", "annotator", "label"])
    opened["Label Studio JSON"].write("[")
    opened["Argilla JSON"].write("[")
    for number, (text, labels) in enumerate(make_posts(count)):
        post, author, comma = f"p{number}", f"u{number // 3}", "," if number else ""
        task = {
            "id": number + 1,
            "data": {"post_id": post, "text": text, "author": author},
            "annotations": [
                {
                    "id": 3 * number + annotator,
                    "completed_by": annotator,
                    "was_cancelled": False,
                    "ground_truth": False,
                    "created_at": "2024-11-20T08:00:00.000000Z",
                    "lead_time": 7.5,
                    "result": [
                        {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
                    ],
                }
                for annotator, label in enumerate(labels, 1)
            ],
            "drafts": [],
            "predictions": [],
        }
        opened["Label Studio JSON"].write(comma + json.dumps(task))
        record = {"id": post, "text": text, "author": author, "label": [labels[0]], "Comments": []}
        opened["doccano JSONL"].write(json.dumps(record, ensure_ascii=False) + "\n")
        responses = [{"value": label, "user_id": f"u{annotator}"} for annotator, label in enumerate(labels)]
        record = {"id": post, "fields": {"text": text}, "metadata": {"author": author}, "suggestions": {}}
        opened["Argilla JSON"].write(comma + json.dumps({**record, "responses": {"label": responses}}))
        wide.writerow([post, text, author, *labels])
        rows.writerows([post, text, author, name, label] for name, label in zip("abc", labels, strict=True))
    opened["Label Studio JSON"].write("]")
    opened["Argilla JSON"].write("]")
    for file in opened.values():
        file.close()
    return files


def measure(arguments: list[str]) -> tuple[float, float, int]:
    """Run a command and return seconds, peak memory in MB, and its exit code."""
    started = time.monotonic()
    process = os.fork()
    if process == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.execv(sys.executable, [sys.executable, "-m", "netral_nlp.cli.main", "data", *arguments])
    _, status, usage = os.wait4(process, 0)
    return time.monotonic() - started, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--posts", type=int, default=100_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{args.posts:,} posts, three annotators; {os.cpu_count()} processors\n")
        print("| export | import | agreement | check | split |\n|---|---|---|---|---|")
        for number, (export, path) in enumerate(write_exports(folder, args.posts).items()):
            cells = []
            for command in ("import", "agreement", "check", "split"):
                if command == "agreement" and export.startswith("doccano"):  # one annotator a file
                    cells.append("–")
                    continue
                output = {"import": ["-o", f"{folder}/{number}.jsonl"], "split": ["-o", f"{folder}/{number}"]}
                seconds, memory, code = measure([command, str(path), *output.get(command, [])])
                failed = "" if code == 0 or command == "check" else f" (exit code {code})"
                cells.append(f"{seconds:.0f} s, {memory:,.0f} MB{failed}")
            print(f"| {export} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
