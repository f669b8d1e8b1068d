"""Hide what points to a person in a post that is shown."""

from __future__ import annotations

import re

_HIDDEN = (
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "[e-mail]"),
    (
        re.compile(
            r"(?:https?|ftp|hxxps?)\s?:\s?/\s?/\s?\S+|www\.\S+"
            # Any dotted name with a path behind it, and common endings without one.
            r"|(?<![\w@])(?:[\w-]+\.)+[a-z]{2,}/\S+"
            r"|(?<![\w@])(?:[\w-]+\.)+(?:com|id|net|org|info|xyz|online|site|link|app|me|ly|co|gl|be|gg|ee|tv)\b",
            re.IGNORECASE,
        ),
        "[link]",
    ),
    # Dots and hyphens (Instagram, YouTube); `+/=` are of hashes that some crawlers put in a name's place.
    (re.compile(r"[@＠]\w[\w.·+/=-]*"), "@…"),
    (re.compile(r"\[RE [^\]\n]+\]"), "[RE …]"),
    (re.compile(r"\+?\d[\d \u00a0.()/\u2010-\u2015-]{5,}\d"), "[number]"),
)


def mask(text: str) -> str:
    """Return a text without e-mail addresses, links, handles and long numbers (telephones, identity cards).

    It hides what leads straight to an account. A text can still be searched for by its words: who may not show posts at
    all leaves them out.
    """
    parts, place = [], 0
    for start, end, shown in hidden_spans(text):
        parts += [text[place:start], shown]
        place = end
    return "".join([*parts, text[place:]])


def hidden_spans(text: str) -> list[tuple[int, int, str]]:
    """Return what `mask` hides: first character, one past the last, and what stands there instead; in order, apart.

    Found in the whole text, so that whoever shows it piece by piece hides a number with blanks in it too.
    """
    found = [(*match.span(), shown) for pattern, shown in _HIDDEN for match in pattern.finditer(text)]
    spans: list[tuple[int, int, str]] = []
    for start, end, shown in sorted(found, key=lambda span: (span[0], -span[1])):
        if spans and start < spans[-1][1]:  # one thing, seen by two patterns
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]), spans[-1][2])
        else:
            spans.append((start, end, shown))
    return spans
