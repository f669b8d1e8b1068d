"""How long the commands take to start, against transformers doing the same. Needs [train].

    python benchmarks/start_up.py [--runs 10] [--json FILE]

Measures whole processes from start to end, in turns: `netral --version`, `--help`, `netral predict` on one post,
`netral score` on a file of one row, and Python with `transformers.pipeline` on the same model and post. Every command
has run once before.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from measuring import Contender, alternate, netral, parser_of, report, run, score_command, table, write_csv

from netral_nlp.inference.folder import ModelFolder

POST = "Ayo coblos nomor 2, demi perubahan!"
PIPELINE = "transformers.pipeline, one post"
_PIPELINE = """\
from transformers import pipeline
print(pipeline("text-classification", model={model!r}, dtype="float32", truncation=True, device=-1)({post!r}))
"""


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--runs", type=int, default=10, help="of each command (default: %(default)s)")
    args = parser.parse_args()
    program = _PIPELINE.format(model=str(ModelFolder.open().path), post=POST)
    with tempfile.TemporaryDirectory() as name:
        one = write_csv([POST], Path(name) / "one.csv")
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "netral --version": netral("--version"),
            "netral --help": netral("--help"),
            "netral predict, one post": netral("predict", POST),
            "netral score, one row": score_command(one, Path(name) / "out.csv"),
            PIPELINE: [sys.executable, "-c", program],
        }
        for command in commands.values():
            run(command)
        times = alternate([Contender(title, partial(run, command)) for title, command in commands.items()], args.runs)
    base = times[PIPELINE]
    rows = [
        (
            title,
            f"{1000 * one_of.median:,.0f}",
            f"{1000 * one_of.best:,.0f}",
            f"{base.median / one_of.median:.1f} x",
            f"{base.best / one_of.best:.1f} x",
        )
        for title, one_of in times.items()
    ]
    print(f"{args.runs} runs of each, in turns\n")
    head = ["command", "median, ms", "best, ms", "faster than pipeline, medians", "bests"]
    print(table(head, rows))
    report(
        args,
        __file__,
        {
            title: {**one_of.to_dict(), "ratio_to_pipeline_of_medians": base.median / one_of.median}
            for title, one_of in times.items()
        },
    )


if __name__ == "__main__":
    main()
