"""`netral data agreement`."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("agreement", help="...")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run."""
    raise NotImplementedError
