"""Kills `netral score` at random moments, resumes it, and compares every byte with a run that was never stopped.

    python benchmarks/kill_and_resume.py [--stand-in | --model FOLDER] [--kills 200] [--rows 1200] [--seed N]

Writes posts as CSV, JSON lines (both with bad rows) and Parquet, and scores each into several formats. A third of the
posts repeat an earlier one, near or far, so that a resumed run has to know what the model said before the kill; two
threads work at a time. A kill is SIGKILL to the whole process group, at a moment drawn evenly from the whole of a run:
start-up, scoring, assembly, clean-up. One in three resumed runs is killed again. Output and rejects must then be those
of the uninterrupted run, byte for byte, the counts of the meta file the same, and no other file may be left.
`--stand-in` makes a small model of random weights for it (needs [train] and [dev]).

Exit code 1 when one run differs. No Windows: there are no process groups to kill.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAIRS = [
    ("csv", "csv"),
    ("csv", "parquet"),
    ("csv", "xlsx"),
    ("jsonl", "jsonl"),
    ("jsonl", "csv.gz"),
    ("jsonl", "parquet"),
    ("parquet", "jsonl.zst"),
    ("parquet", "csv"),
]
CHUNKS = 24
_AGAIN = 1 / 3
_PATIENCE = 600
_NEAR = 40
_LEAST_REPEATED = 0.25

_TEMPLATES = [
    "Jadwal debat terbuka nomor {n} diumumkan, mulai pukul tujuh malam di gedung serbaguna",
    "Antre minyak goreng sampai {n} meter di pasar kecamatan, harganya naik lagi",
    "Saya tetap pilih yang nomor {n}, programnya paling masuk akal buat petani",
    "Bismillah, hati saya sudah mantap ke pasangan nomor {n}, orangnya jujur",
    "Ayo warga RT {n}, Rabu besok kita ramai-ramai coblos nomor dua! Sebarkan ya",
    "Jangan lupa ajak {n} tetangga ke TPS, menangkan jagoan kita satu putaran! ☝️",
    "Hasil survei ke-{n} dirilis pagi ini, selisihnya masih di dalam galat",
    "Kucing saya yang ke-{n} tidur di atas spanduk bekas, lucu sekali 😹",
]


@dataclass
class Reference:
    """An uninterrupted run.

    Attributes:
        files: name -> SHA-256 of output and rejects.
        counts: those of the meta file.
        names: every file in the folder at its end.
        exit_code: its exit code.
        seconds: how long it took, start-up included.
    """

    files: dict[str, str]
    counts: dict[str, Any]
    names: list[str]
    exit_code: int
    seconds: float


@dataclass
class Trial:
    """A run that was killed and gone on with.

    Attributes:
        pair: formats of input and output.
        moments: seconds after the start of each run that was killed.
        phases: what each of those kills met: start-up, scoring, assembly, clean-up, or after the end.
        differences: what is not as in the uninterrupted run; none if all is well.
    """

    pair: tuple[str, str]
    moments: list[float] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def posts(count: int) -> Iterator[dict[str, str]]:
    """Posts, some of them blank. Each third repeats an earlier one, with another handle and in capitals or not.

    The repeated one is among the last few, in turns with one from anywhere before.
    """
    chance = random.Random(0)
    originals: list[str] = []
    for number, template in zip(range(count), itertools.cycle(_TEMPLATES), strict=False):
        if number % 97 == 50:
            text = "  "
        elif number % 3 == 2:
            text = chance.choice(originals[-_NEAR:] if number % 2 else originals)
            text = f"@tetangga{number} {text.upper() if number % 4 < 2 else text}"
        else:
            originals.append(f"{template.format(n=number)} #{number}")
            text = f"@warga{number} {originals[-1]}"
        yield {"id": str(1780000000000000000 + number), "text": text, "kota": ("Garut", "Bima", "Ende")[number % 3]}


def write_inputs(folder: Path, rows: int) -> dict[str, Path]:
    """Write the posts in every input format; each fiftieth row of CSV and JSON lines is broken."""
    from netral_nlp.formats import write_rows

    paths = {kind: folder / f"posts.{kind}" for kind in ("csv", "jsonl", "parquet")}
    with paths["csv"].open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "kota"])
        for number, row in enumerate(posts(rows)):
            writer.writerow([*row.values()] if number % 50 != 49 else [*row.values(), "kolom lebih"])
    with paths["jsonl"].open("w", encoding="utf-8") as file:
        for number, row in enumerate(posts(rows)):
            line = json.dumps(row, ensure_ascii=False)
            file.write((line if number % 50 != 49 else line[: len(line) // 2]) + "\n")
    write_rows(paths["parquet"], posts(rows))
    return paths


def start(folder: Path, source: Path, ending: str, model: Path | None, options: Sequence[str]) -> subprocess.Popen[str]:
    """Start a run in a process group of its own."""
    code = "import sys; from netral_nlp.cli.main import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["score", source.name, "-o", f"out.{ending}", "--text-column", "text", "--quiet", *options]
    if model is not None:
        arguments += ["--model", str(model.resolve())]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def run_whole(folder: Path, source: Path, ending: str, model: Path | None, options: Sequence[str]) -> Reference:
    """Score without a stop.

    Raises:
        RuntimeError: the run failed, or too few of its posts were known from earlier ones.
    """
    folder.mkdir(parents=True)
    shutil.copy(source, folder)
    started = time.monotonic()
    code, err = _end(start(folder, source, ending, model, options))
    seconds = time.monotonic() - started
    if code not in (0, 3):
        raise RuntimeError(f"the uninterrupted run ended with {code}: {err}")
    counts = _counts(folder, ending)
    if counts["duplicates"] < _LEAST_REPEATED * counts["rows"]:
        raise RuntimeError(f"only {counts['duplicates']} of {counts['rows']} posts were known from earlier ones")
    return Reference(_digests(folder, ending), counts, _names(folder), code, seconds)


def kill_and_resume(
    folder: Path,
    source: Path,
    ending: str,
    model: Path | None,
    options: Sequence[str],
    reference: Reference,
    chance: random.Random,
) -> Trial:
    """Kill a run once or more at random moments, let it end with `--resume`, and compare it.

    Args:
        folder: where it runs; must not exist, and is removed when all is well.
        source: the input.
        ending: the output's ending.
        model: the model folder; None for the shipped one.
        options: further options of the command.
        reference: the same run without a stop.
        chance: draws the moments.
    """
    folder.mkdir(parents=True)
    shutil.copy(source, folder)
    trial = Trial((source.suffix[1:], ending))
    while not trial.moments or chance.random() < _AGAIN:
        moment = chance.random() * reference.seconds * 1.03
        process = start(folder, source, ending, model, [*options, "--resume"])
        try:
            process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        trial.moments.append(round(moment, 3))
        trial.phases.append("after the end" if process.returncode in (0, 3) else _phase(folder, ending))
        if process.returncode not in (0, 3, -signal.SIGKILL):
            trial.differences.append(f"run {len(trial.moments)} ended with {process.returncode}")
    code, err = _end(start(folder, source, ending, model, [*options, "--resume"]))
    if code != reference.exit_code:
        trial.differences.append(f"exit code {code} instead of {reference.exit_code}: {err.strip()[-300:]}")
    if _names(folder) != reference.names:
        trial.differences.append(f"files {_names(folder)} instead of {reference.names}")
    found = _digests(folder, ending)
    trial.differences += [f"{name} differs" for name in reference.files if found.get(name) != reference.files[name]]
    if _counts(folder, ending) != reference.counts:
        trial.differences.append(f"counts {_counts(folder, ending)} instead of {reference.counts}")
    if not trial.differences:
        shutil.rmtree(folder)
    return trial


def _end(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        _, err = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        _, err = process.communicate()
        err += f" (killed after {_PATIENCE} s: it hung)"
    return process.returncode, err


def _phase(folder: Path, ending: str) -> str:
    """What a killed run was doing, as far as its files tell."""
    parts = folder / f"out.{ending}.parts"
    if (folder / f"out.{ending}").exists():
        return "clean-up"
    if any(parts.glob("output.tmp*")) or (folder / f"out.{ending}.rejects.jsonl").exists():
        return "assembly"
    return "scoring" if (parts / "journal.jsonl").exists() else "start-up"


def _digests(folder: Path, ending: str) -> dict[str, str]:
    names = (f"out.{ending}", f"out.{ending}.rejects.jsonl")
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names if (folder / name).exists()
    }


def _counts(folder: Path, ending: str) -> dict[str, Any]:
    """The counts of the meta file; empty where there is none."""
    meta = folder / f"out.{ending}.meta.json"
    return dict(json.loads(meta.read_text(encoding="utf-8"))["counts"]) if meta.exists() else {}


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make_stand_in(folder: Path) -> Path:
    """A model of 2 layers by 128 with random weights, made like the one of the tests."""
    spec = importlib.util.spec_from_file_location("tiny_models", ROOT / "tests/conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Path = module.make_tiny_model(folder, hidden=128)
    return made


def table(trials: Sequence[Trial], references: dict[tuple[str, str], Reference]) -> str:
    """Trials by pair: seconds of a whole run, what the kills met, and how many ended the same."""
    phases = ["start-up", "scoring", "assembly", "clean-up", "after the end"]
    lines = [f"{'input':<9}{'output':<11}{'run s':>6}" + "".join(f"{phase:>15}" for phase in phases) + f"{'same':>14}"]
    for pair, reference in references.items():
        own = [trial for trial in trials if trial.pair == pair]
        met = Counter(phase for trial in own for phase in trial.phases)
        same = sum(not trial.differences for trial in own)
        counts = "".join(f"{met[phase]:>15}" for phase in phases)
        lines.append(f"{pair[0]:<9}{pair[1]:<11}{reference.seconds:>6.2f}{counts}{f'{same} of {len(own)}':>14}")
    return "\n".join(lines)


def main() -> int:
    """Run the benchmark; 0 when every run ended the same."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--model", type=Path, help="model folder (default: the shipped model)")
    choice.add_argument("--stand-in", action="store_true", help="a small model of random weights, made for this run")
    parser.add_argument("--kills", type=int, default=200, help="runs that are killed and resumed (default: 200)")
    parser.add_argument("--rows", type=int, default=1200, help="posts in each input (default: 1200)")
    parser.add_argument("--seed", type=int, help="of the random moments (default: drawn, and printed)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    args = parser.parse_args()
    seed = random.randrange(2**32) if args.seed is None else args.seed
    chance = random.Random(seed)
    print(f"seed {seed}", flush=True)
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="netral-kill-"))
    model = make_stand_in(folder / "model") if args.stand_in else args.model
    paths = write_inputs(folder, args.rows)
    options = ["--chunk-rows", str(max(1, args.rows // CHUNKS)), "--threads", "2"]
    references = {
        (kind, ending): run_whole(folder / f"whole-{kind}-{ending}", paths[kind], ending, model, options)
        for kind, ending in PAIRS
    }
    trials: list[Trial] = []
    for number, pair in zip(range(args.kills), itertools.cycle(PAIRS), strict=False):
        place = folder / f"trial-{number}"
        trials.append(kill_and_resume(place, paths[pair[0]], pair[1], model, options, references[pair], chance))
        for difference in trials[-1].differences:
            print(f"{place}: {difference}", file=sys.stderr)
        if (number + 1) % 20 == 0:
            same = sum(not trial.differences for trial in trials)
            print(f"{same} of {number + 1} identical so far", file=sys.stderr, flush=True)
    same = sum(not trial.differences for trial in trials)
    seconds = time.monotonic() - started
    kills = Counter(phase for trial in trials for phase in trial.phases)
    print(f"\n{table(trials, references)}")
    print(f"{sum(kills.values()) - kills['after the end']} kills in {seconds:,.0f} s")
    print(f"{same} of {len(trials)} identical")
    if args.json is not None:
        result = {
            "seed": seed,
            "rows": args.rows,
            "model": "stand-in" if args.stand_in else "shipped" if args.model is None else args.model.name,
            "trials": len(trials),
            "identical": same,
            "kills": dict(kills),
            "seconds": round(seconds, 1),
            "references": {
                f"{kind} to {ending}": asdict(reference) for (kind, ending), reference in references.items()
            },
            "runs": [asdict(trial) for trial in trials],
        }
        args.json.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if same == len(trials):
        shutil.rmtree(folder)
        return 0
    print(f"kept for a look: {folder}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
