"""Numbers on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` on, for `add_argument(type=...)`."""

    def number(text: str) -> int:
        value = int(text) if text.isdecimal() else -1
        if value < least:
            raise argparse.ArgumentTypeError(f"a whole number, {least} or more; got {text!r}")
        return value

    return number


count = at_least(0)
"""A whole number, 0 or more."""
