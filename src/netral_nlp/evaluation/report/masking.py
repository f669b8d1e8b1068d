"""Hide what points to a person in a post that is shown."""

from __future__ import annotations

import re

_HIDDEN = (
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "[e-mail]"),
    (
        re.compile(r"(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|id|net|org|me|ly|co|gl)(?:/\S*)?\b", re.IGNORECASE),
        "[link]",
    ),
    (re.compile(r"@\w[\w.]*"), "@…"),
    (re.compile(r"\[RE \S+\]"), "[RE …]"),
    (re.compile(r"\+?\d[\d .()-]{5,}\d"), "[number]"),
)


def mask(text: str) -> str:
    """Return a text without e-mail addresses, links, handles and long numbers (telephones, identity cards).

    It hides what leads straight to an account. A text can still be searched for by its words: who may not show posts at
    all leaves them out.
    """
    for pattern, shown in _HIDDEN:
        text = pattern.sub(shown, text)
    return text
