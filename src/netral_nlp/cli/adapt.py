"""`netral adapt`: an encoder reads posts without labels before it learns from labelled ones."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from typing import Any

from netral_nlp.cli.train import add_flag, progress_lines
from netral_nlp.training.adaptation import AdaptationConfig


def add_parser(subparsers: Any) -> None:
    """Add the command and its flags, one for each key of `AdaptationConfig`."""
    parser = subparsers.add_parser(
        "adapt",
        help="adapt an encoder to posts without labels, before training",
        description="Go on with the masked-language training of any Hugging Face encoder on texts without labels, and "
        "write a base model for netral train. Every flag is also a key of the YAML file that --config names.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--config", metavar="FILE", default=None, help="a YAML file with any of the keys below")
    for item in dataclasses.fields(AdaptationConfig):
        add_flag(parser, item)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Adapt as the flags and the configuration file say; print the perplexities."""
    keys = AdaptationConfig.names()
    given = {key: value for key, value in vars(args).items() if key in keys}
    config = AdaptationConfig.read(args.config, given)

    from netral_nlp.training.adapt import REPORT, adapt

    with progress_lines():
        try:
            folder = adapt(config)
        except KeyboardInterrupt:
            print(f"netral: stopped; the same command with --resume goes on ({config.output})", file=sys.stderr)
            raise
    report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    print(
        f"{config.output}: {report['tokens']:,} tokens; perplexity of hidden words on {report['texts_held_out']:,} "
        f"held-out texts {report['perplexity_before']:,.1f} before, {report['perplexity_after']:,.1f} after"
    )
    print(f"  next: netral train --base-model {shlex.quote(config.output)} --data POSTS --output MODEL")
    return 0
