"""How much memory `netral score` takes, and whether it grows with the file. Linux; needs [train].

    python benchmarks/memory.py [--rows 10000 100000 1000000] [--formats csv jsonl parquet xlsx] [--json FILE]

Measures the peak of the whole process tree, from start to end:

- with a small stand-in model (stand_in.py), short distinct rows in each format, in and out: flat memory means that ten
  times the rows take no more;
- with the shipped model, --shipped-rows rows made of the project's own posts, in each format (bar: 700 MB);
- JSON lines with a single line of --line-bytes (1 GB) between good rows: it must be rejected, the rest scored.

Files are written to a temporary folder (TMPDIR; the long line needs 1 GB there) and removed. 0 leaves a part out.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path
from typing import Any

from measuring import POSTS, Ran, add_threads, parser_of, read_posts, report, run, score_command, table
from stand_in import FORMATS, make_rows, make_stand_in, write_rows

from netral_nlp.inference.folder import ModelFolder

BAR_MB = 700
_PIECE = 1 << 20
_GOOD = 1000  # rows on either side of the long line


def megabytes(size: int) -> float:
    """Of 1,000,000 bytes."""
    return size / 1e6


def score(source: Path, output: Path, rows: int, threads: int, model: Path | None = None) -> Ran:
    """Score a file, watch its memory, check that all rows came out, and remove both files."""
    more = [] if model is None else ["--model", str(model)]
    ran = run(score_command(source, output, threads=threads, more=more), watch=True)
    found = json.loads(ran.output)["rows"]
    assert found == rows, f"{found} rows of {rows}"
    for file in (source, output):
        file.unlink()
    return ran


def measure_growth(folder: Path, model: Path, formats: list[str], sizes: list[int], threads: int) -> dict[str, Any]:
    """Peak and seconds by format and rows, with the stand-in."""
    results: dict[str, Any] = {}
    for kind in formats:
        results[kind] = {}
        for size in sizes:
            source = write_rows(folder / f"rows.{kind}", make_rows(size))
            ran = score(source, folder / f"out.{kind}", size, threads, model)
            results[kind][str(size)] = {"peak_mb": megabytes(ran.peak), "seconds": ran.seconds}
            print(f"{kind}, {size:,} rows: {megabytes(ran.peak):,.0f} MB, {ran.seconds:,.0f} s", flush=True)
    return results


def measure_shipped(folder: Path, formats: list[str], rows: int, threads: int) -> dict[str, Any]:
    """Peak and seconds by format with the shipped model on posts as long as real ones."""
    posts = read_posts(POSTS, ModelFolder.open().normaliser)
    texts = [(str(number), f"{text} {number}") for number, text in zip(range(rows), itertools.cycle(posts))]
    results = {}
    for kind in formats:
        ran = score(write_rows(folder / f"posts.{kind}", texts), folder / f"out.{kind}", rows, threads)
        results[kind] = {"peak_mb": megabytes(ran.peak), "seconds": ran.seconds, "rows": rows}
    return results


def measure_long_line(folder: Path, model: Path, size: int, threads: int) -> dict[str, Any]:
    """What a line of so many bytes between good rows costs, against the good rows alone."""
    source, output = folder / "line.jsonl", folder / "out.jsonl"
    results: dict[str, Any] = {"line_bytes": size}
    for name, length in (("without", 0), ("with", size)):
        good = [json.dumps({"id": post, "text": text}) + "\n" for post, text in make_rows(2 * _GOOD)]
        with source.open("w", encoding="utf-8") as file:
            file.writelines(good[:_GOOD])
            if length:
                file.write('{"id": "long", "text": "')
                for start in range(0, length, _PIECE):
                    file.write("a" * min(_PIECE, length - start))
                file.write('"}\n')
            file.writelines(good[_GOOD:])
        command = score_command(source, output, threads=threads, more=["--model", str(model)])
        ran = run(command, watch=True, allowed=(3 if length else 0,))
        counts = json.loads(ran.output)
        results[name] = {
            "peak_mb": megabytes(ran.peak),
            "seconds": ran.seconds,
            "rows": counts["rows"],
            "rejects": counts["rejects"],
            "exit_code": ran.code,
        }
        source.unlink()
    results["rejected_and_nothing_else"] = results["with"]["rows"] == 2 * _GOOD and results["with"]["rejects"] == 1
    return results


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--shipped-rows", type=int, default=20_000, help="default: %(default)s")
    parser.add_argument("--line-bytes", type=int, default=1_000_000_000, help="default: %(default)s")
    add_threads(parser)
    args = parser.parse_args()
    sizes = sorted(size for size in args.rows if size)
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = make_stand_in(folder / "model") if sizes or args.line_bytes else folder
        if sizes:
            growth = results["stand_in"] = measure_growth(folder, model, args.formats, sizes, args.threads)
            head = ["format", *(f"{size:,} rows, MB" for size in sizes)]
            ratios = list(itertools.pairwise(sizes))
            head += [f"{more:,} to {less:,}" for less, more in ratios]
            rows = []
            for kind, found in growth.items():
                peaks = {size: found[str(size)]["peak_mb"] for size in sizes}
                found["ratios"] = {f"{more} to {less}": peaks[more] / peaks[less] for less, more in ratios}
                cells = [f"{peaks[size]:,.0f}" for size in sizes]
                rows.append((kind, *cells, *(f"{ratio:.2f} x" for ratio in found["ratios"].values())))
            print(f"\npeak of netral score with a 2x128 stand-in, {args.threads} threads\n")
            print(table(head, rows), flush=True)
        if args.shipped_rows:
            shipped = results["shipped"] = measure_shipped(folder, args.formats, args.shipped_rows, args.threads)
            print(f"\nthe shipped model on {args.shipped_rows:,} rows of our posts (bar: {BAR_MB} MB)\n")
            rows = [
                (
                    kind,
                    f"{one['peak_mb']:,.0f}",
                    f"{one['peak_mb'] / BAR_MB:.2f} x",
                    f"{one['seconds']:.0f}",
                )
                for kind, one in shipped.items()
            ]
            print(table(["format", "peak, MB", "of the bar", "seconds"], rows), flush=True)
        if args.line_bytes:
            line = results["long_line"] = measure_long_line(folder, model, args.line_bytes, args.threads)
            print(f"\na line of {args.line_bytes:,} bytes between {2 * _GOOD:,} good rows: ", end="")
            found = f"{line['with']['rows']:,} rows scored, {line['with']['rejects']:,} rejected"
            print(f"{found} ({'as it must be' if line['rejected_and_nothing_else'] else 'WRONG'})\n")
            rows = [
                (name, f"{line[key]['peak_mb']:,.0f}", f"{line[key]['seconds']:.1f}", line[key]["rejects"])
                for name, key in (("without it", "without"), ("with it", "with"))
            ]
            rows.append(
                (
                    "ratio",
                    *(f"{line['with'][key] / line['without'][key]:.2f} x" for key in ("peak_mb", "seconds")),
                    "",
                )
            )
            print(table(["", "peak, MB", "seconds", "rejects"], rows))
    report(args, __file__, results)


if __name__ == "__main__":
    main()
