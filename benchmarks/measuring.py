"""What the benchmarks share: posts, contenders timed in turns, peak memory of processes, facts of the machine, tables.

Two numbers taken minutes apart on a shared machine say little. So contenders are timed in turns, forwards and
backwards, and what is told are ratios within one run: of the medians, and of the bests.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from netral_nlp import NeutralityClassifier, __version__
from netral_nlp.formats import guess_columns, open_posts
from netral_nlp.inference.batching import WINDOW
from netral_nlp.inference.encoding import Encoded, PairEncoder
from netral_nlp.inference.folder import ModelFolder
from netral_nlp.inference.processes import available_cpus
from netral_nlp.inference.windows import split_windows
from netral_nlp.text import Normaliser

ROOT = Path(__file__).parents[1]
POSTS = ROOT / "data/posts.jsonl"
_PACKAGES = ("onnxruntime", "tokenizers", "numpy", "pyarrow", "torch", "transformers")
_INSTRUCTIONS = ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm", "bf16")
_SAMPLE_SECONDS = 0.05


# Contenders in turns ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contender:
    """One of those compared.

    Attributes:
        name: how the tables call it.
        run: what is timed.
        items: posts (or whatever is counted) that one run handles.
        prepare: what comes before each run and is not timed.
    """

    name: str
    run: Callable[[], object]
    items: int = 1
    prepare: Callable[[], object] = lambda: None


@dataclass
class Times:
    """Seconds of each run of a contender."""

    items: int = 1
    seconds: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """Seconds an item of the fastest run."""
        return min(self.seconds) / self.items

    @property
    def median(self) -> float:
        """Seconds an item of the median run."""
        return statistics.median(self.seconds) / self.items

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "items": self.items,
            "seconds": [round(value, 6) for value in self.seconds],
            "median_seconds_an_item": self.median,
            "best_seconds_an_item": self.best,
        }


def alternate(contenders: Sequence[Contender], turns: int) -> dict[str, Times]:
    """Time every contender once a turn, every second turn backwards, so that noise and heat hit all alike."""
    times = {contender.name: Times(contender.items) for contender in contenders}
    for turn in range(turns):
        for contender in contenders if turn % 2 == 0 else contenders[::-1]:
            contender.prepare()
            started = time.perf_counter()
            contender.run()
            seconds = time.perf_counter() - started
            times[contender.name].seconds.append(seconds)
            print(f"  turn {turn + 1}/{turns}: {contender.name}: {seconds:.2f} s", file=sys.stderr, flush=True)
    return times


# Posts -----------------------------------------------------------------------------------------------------------


def read_posts(path: Path, normaliser: Normaliser) -> list[str]:
    """The posts of a dump in file order: with words, and each once after normalising. Bad rows are passed over."""
    found: dict[str, str] = {}
    with open_posts(path, on_reject=lambda reject: None) as reader:
        column = guess_columns(reader.columns, reader.export).text
        if column is None:
            sys.exit(f"{path}: no column is known to hold the text; name it text")
        for batch in reader.batches():
            for text in batch.strings(column):
                if text and text.strip():
                    normalised = normaliser(text)
                    if normaliser.has_words(normalised):
                        found.setdefault(normalised, text)
    return list(found.values())


def draw(posts: Sequence[str], count: int, seed: int = 0) -> list[str]:
    """So many posts, drawn at random and left in their order; all where there are no more."""
    if count > len(posts):
        print(f"only {len(posts):,} distinct posts, not {count:,}", file=sys.stderr)
    places = random.Random(seed).sample(range(len(posts)), min(count, len(posts)))
    return [posts[place] for place in sorted(places)]


def write_csv(posts: Iterable[str], path: Path) -> Path:
    """Write posts as a dump of two columns."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows([number, text] for number, text in enumerate(posts))
    return path


# The model alone -------------------------------------------------------------------------------------------------


def make_encoder(folder: ModelFolder) -> PairEncoder:
    """The model's tokeniser, as the classifier uses it."""
    return PairEncoder(folder.path, folder.max_tokens, folder.context_tokens)


def encode_windows(folder: ModelFolder, encoder: PairEncoder, text: str) -> list[Encoded]:
    """What the model reads of a post: all at once, or its windows."""
    encoded = encoder.encode(folder.normaliser(text))
    if not encoded.text_cut:
        return [encoded]
    windows = split_windows(text, folder.normaliser, encoder.count, encoder.max_pieces)
    return [encoder.encode(window.normalised) for window in windows if folder.normaliser.has_words(window.normalised)]


def encode_posts(folder: ModelFolder, posts: Iterable[str]) -> list[Encoded]:
    """What the model reads of posts, in their order."""
    encoder = make_encoder(folder)
    return [encoded for text in posts for encoded in encode_windows(folder, encoder, text)]


def run_model(classifier: NeutralityClassifier, encoded: Sequence[Encoded]) -> None:
    """Run nothing but the model on encoded posts, in the very batches and threads in which the classifier would.

    The one place that reaches inside: where the classifier hands encoded units to its engine. The engine of an encoder
    does not look at the units themselves, only at their tokens.
    """
    for start in range(0, len(encoded), WINDOW):
        part = encoded[start : start + WINDOW]
        classifier._engine.logits(part, part)  # type: ignore[arg-type]


class Fresh:
    """A classifier made anew before each run, outside of its time: none answers from what it remembers.

    Args:
        warm_up: posts, none of those that are timed, that the new one is given first.
        options: of `NeutralityClassifier.from_pretrained`.
    """

    def __init__(self, warm_up: Sequence[str], **options: Any) -> None:
        self._warm_up = warm_up
        self._options = options
        self._classifier: NeutralityClassifier | None = None

    def make(self) -> None:
        """Let the last one go and make another."""
        self._classifier = None
        self._classifier = NeutralityClassifier.from_pretrained(**self._options)
        self._classifier.score(self._warm_up)

    @property
    def classifier(self) -> NeutralityClassifier:
        """The one made last."""
        if self._classifier is None:
            self.make()
        assert self._classifier is not None
        return self._classifier


# Processes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """A process that has ended.

    Attributes:
        seconds: wall-clock time, start-up included.
        code: its exit code.
        peak: most memory held at a time by it and its children, in bytes; 0 where it was not watched.
        output: what it wrote to standard output.
        errors: the end of what it wrote to standard error.
    """

    seconds: float
    code: int
    peak: int
    output: str
    errors: str


def netral(*arguments: str | Path) -> list[str]:
    """The command line of `netral`: the installed script, else the module."""
    script = Path(sys.executable).parent / "netral"
    start = [str(script)] if script.is_file() else [sys.executable, "-m", "netral_nlp.cli.main"]
    return [*start, *map(str, arguments)]


def score_command(
    inputs: Path | Sequence[Path], output: Path, *, threads: int | None = None, more: Sequence[str] = ()
) -> list[str]:
    """The command line of `netral score`, with its summary as JSON."""
    files = [inputs] if isinstance(inputs, Path) else list(inputs)
    options = [] if threads is None else ["--threads", str(threads)]
    return netral("score", *files, "-o", output, "--overwrite", "--quiet", "--json", *options, *more)


def run(command: Sequence[str], *, watch: bool = False, allowed: Sequence[int] = (0,)) -> Ran:
    """Run a command to its end.

    Args:
        command: with its arguments.
        watch: measure its memory, by a look every 50 ms at the process and its children.
        allowed: exit codes; any other ends the benchmark with what the command said.
    """
    if watch and not Path("/proc/self/status").exists():
        sys.exit("memory can be measured on Linux only")
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        try:
            peak = _watch(process) if watch else 0
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        seconds = time.perf_counter() - started
        output.seek(0)
        errors.seek(0)
        said = output.read().decode("utf-8", "replace")
        complained = errors.read().decode("utf-8", "replace")[-2000:]
    if code not in allowed:
        sys.exit(f"exit code {code} of {' '.join(command)}\n{complained}")
    return Ran(seconds, code, peak, said, complained)


def run_together(commands: Sequence[Sequence[str]]) -> float:
    """Run commands side by side; seconds until the last has ended."""
    started = time.perf_counter()
    quiet = subprocess.DEVNULL
    processes = [subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet) for command in commands]
    codes = [process.wait() for process in processes]
    seconds = time.perf_counter() - started
    for command, code in zip(commands, codes, strict=True):
        if code:
            sys.exit(f"exit code {code} of {' '.join(command)}")
    return seconds


def _watch(process: subprocess.Popen[bytes]) -> int:
    """The most that a process and its children hold at a time.

    The system keeps the peak of each process, which no look can miss; together with children only looks can tell.
    """
    peak = 0
    while process.poll() is None:
        together = 0
        for pid in _tree(process.pid):
            now, most = _resident(pid)
            together += now
            peak = max(peak, most)
        peak = max(peak, together)
        time.sleep(_SAMPLE_SECONDS)
    return peak


def _tree(root: int) -> list[int]:
    """A process and its children's children."""
    found = [root]
    for pid in found:
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += map(int, file.read_text(encoding="ascii").split())
            except OSError:  # the thread has ended
                continue
    return found


def _resident(pid: int) -> tuple[int, int]:
    """Bytes that a process holds now, and the most it ever held."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0, 0
    values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS:", "VmHWM:"))}
    return 1024 * int(values.get("VmRSS", 0)), 1024 * int(values.get("VmHWM", 0))


# What is told ----------------------------------------------------------------------------------------------------


def machine_facts() -> dict[str, Any]:
    """What a figure hangs on: processor, versions, date."""
    versions = {"python": platform.python_version(), "netral_nlp": __version__}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    model, flags = platform.processor() or platform.machine(), ""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                model = value.strip()
            if name.strip() in ("flags", "Features"):
                flags = value
                break
    except OSError:
        pass
    known = set(flags.split())
    return {
        "processor": model,
        "instructions": [name for name in _INSTRUCTIONS if name in known],
        "processors": os.cpu_count(),
        "processors_usable": available_cpus(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_at_the_end": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": versions,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """A parser that shows a script's docstring, with --json."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured, with facts of the machine")
    return parser


def add_dump(parser: argparse.ArgumentParser, posts: int) -> None:
    """FILE, --posts and --threads."""
    parser.add_argument("file", nargs="?", type=Path, default=POSTS, metavar="FILE", help="a dump (default: ours)")
    parser.add_argument("--posts", type=int, default=posts, help="drawn from the dump (default: %(default)s)")
    add_threads(parser)


def add_threads(parser: argparse.ArgumentParser) -> None:
    """--threads."""
    parser.add_argument("--threads", type=int, default=available_cpus(), help="default: all, here %(default)s")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table with columns aligned; the first to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in cells]
    lines.insert(1, "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|")
    return "\n".join(lines)


def report(args: argparse.Namespace, script: str, results: dict[str, Any]) -> None:
    """Print the machine in a line, and write the JSON file where one is asked for."""
    facts = machine_facts()
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    print(f"\n{facts['processor']}, {facts['processors_usable']} processors; {versions}; {facts['date'][:10]}")
    if args.json is None:
        return
    settings = {name: value.name if isinstance(value, Path) else value for name, value in vars(args).items()}
    document = {"benchmark": Path(script).stem, "settings": settings, "machine": facts, "results": results}
    args.json.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
