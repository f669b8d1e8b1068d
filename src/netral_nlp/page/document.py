"""A whole page: what stands around its body."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from netral_nlp.page.style import STYLE


def document(title: str, body: Sequence[str], *, style: str = "", script: str = "") -> str:
    """Return a page that asks for nothing from outside: its policy forbids all but its own style and script.

    Args:
        title: the page's title, plain text.
        body: HTML, part by part.
        style: rules of its own, after the common ones.
        script: what runs on it, nothing where empty.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    if script:
        allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{allowed}'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}{style}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            *([f"<script>{script}</script>"] if script else []),
            "</body>",
            "</html>",
            "",
        ]
    )
