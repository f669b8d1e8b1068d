"""The command `netral`: finds the subcommand, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from netral_nlp import __version__
from netral_nlp.cli import (
    adapt,
    average,
    calibrate,
    crossval,
    evaluate,
    explain,
    export,
    info,
    predict,
    score,
    train,
    trim,
)
from netral_nlp.cli.data import group as data
from netral_nlp.errors import NetralError

COMMANDS = (score, predict, explain, data, adapt, train, average, evaluate, calibrate, crossval, export, trim, info)

_INTERRUPTED = 130
_BROKEN_PIPE = 141

_DESCRIPTION = """\
Read Indonesian social-media posts and say whether each is
  neutral      (netral)        the author takes no side in an election
  supportive   (memihak)       the author takes a side, without a call to others
  campaigning  (berkampanye)   the text itself tries to move other voters
A label points a reviewer to a post; a person decides.
"""
_EPILOG = """\
examples:
  netral predict "Ayo coblos nomor 2!"
  netral score posts.csv -o labelled.csv
  netral evaluate --data my-labels.jsonl
  netral train --config training.yaml

exit codes: 0 done; 1 the input or request is wrong; 2 usage; 3 done, with rows in the rejects file
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose usage errors read like every other error."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"netral: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """The command line with all its subcommands."""
    parser = _Parser(
        prog="netral", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"netral {__version__}")
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True, parser_class=_Parser
    )
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments; those of the process when None.

    Returns:
        The exit code. `NETRAL_DEBUG=1` lets errors through with their traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # an emoji must not end a run on a terminal that lacks it
            stream.reconfigure(errors="backslashreplace")
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as stop:  # argparse's way to say --help, --version or wrong usage
        return stop.code if isinstance(stop.code, int) else 2
    try:
        with _plain_warnings():
            code: int = args.run(args)
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("netral: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone: nothing is left to say, also not when Python closes the stream.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except Exception as error:
        if os.environ.get("NETRAL_DEBUG"):
            raise
        print(f"netral: error: {describe(error)}", file=sys.stderr)
        return error.exit_code if isinstance(error, NetralError) else 1


def describe(error: Exception) -> str:
    """An error as one line that tells its reader what to do, without a post's text."""
    if isinstance(error, NetralError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        file = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return f"{file}{error.strerror}"
    if isinstance(error, MemoryError):
        return "not enough memory"
    return f"unexpected {type(error).__name__}; run again with NETRAL_DEBUG=1 to see where, and report it"


def entry_point() -> NoReturn:
    """What the installed command runs."""
    sys.exit(main())


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Show warnings as one line each while a command runs."""

    def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if issubclass(category, UserWarning):  # others speak to programmers
            print(f"netral: warning: {' '.join(str(message).split())}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


if __name__ == "__main__":
    entry_point()
