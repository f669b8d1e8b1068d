"""Exports that we know by their columns, and names that text columns usually have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_LONGEST_NAME: Final = 40
_MOST_WORDS_OF_NAME: Final = 5


@dataclass(frozen=True)
class Columns:
    """Which column plays which part; None where there is none or it cannot be told."""

    text: str | None = None
    context: str | None = None
    id: str | None = None
    action: str | None = None


@dataclass(frozen=True)
class KnownExport:
    """One tool's export.

    Attributes:
        name: short name, as written to the output's meta data.
        title: what a person calls it.
        signature: columns that only this export has together; names are compared without regard to case.
        columns: the column of each part; used where the file has it.
    """

    name: str
    title: str
    signature: tuple[str, ...]
    columns: Columns


KNOWN_EXPORTS: Final[tuple[KnownExport, ...]] = (
    KnownExport(
        "netral",
        "labelled posts of netral",
        ("id", "text", "label"),
        Columns(text="text", context="context", id="id", action="action"),
    ),
    KnownExport(
        "tweet-harvest",
        "tweet-harvest",
        ("full_text", "id_str"),
        Columns(text="full_text", id="id_str"),
    ),
    KnownExport(
        "crowdtangle-facebook",
        "CrowdTangle (Facebook)",
        ("Message", "Link Text"),
        Columns(text="Message", id="URL"),
    ),
    KnownExport(
        "crowdtangle-instagram",
        "CrowdTangle (Instagram)",
        ("Account", "Post Created", "Description"),
        Columns(text="Description", id="URL"),
    ),
    KnownExport(
        "youtube-data-tools",
        "YouTube Data Tools (comments)",
        ("isReplyTo", "authorName", "text"),
        Columns(text="text", id="id"),
    ),
    KnownExport(
        "facepager",
        "Facepager",
        ("object_id", "object_type", "message"),
        Columns(text="message", id="object_id"),
    ),
    KnownExport(
        "4cat",
        "4CAT",
        ("thread_id", "author", "body", "timestamp"),
        Columns(text="body", id="id"),
    ),
)
"""In the order in which they are tried; the first whose signature is complete is taken."""

# Tiers: a name in an earlier tier beats those in later ones; two names of one tier are ambiguous.
_TEXT_NAMES: Final = (
    ("text", "full_text", "teks"),
    (
        *(
            "tweet",
            "tweet_text",
            "isi_tweet",
            "komentar",
            "isi_komentar",
            "comment",
            "comment_text",
            "message",
            "pesan",
        ),
        *("body", "caption", "content", "konten", "isi", "isi_postingan", "postingan", "post_text", "post", "status"),
        *("unggahan", "selftext"),
    ),
    ("description", "deskripsi"),
)
_CONTEXT_NAMES: Final = (
    ("context", "konteks"),
    (
        *("parent_text", "parent_body", "teks_induk", "reply_to_text", "in_reply_to_text", "replied_text"),
        *("quoted_text", "unggahan_induk", "komentar_induk", "balasan_untuk", "post_induk", "postingan_induk"),
    ),
)
_ID_NAMES: Final = (
    ("id",),
    ("id_str", "tweet_id", "post_id", "comment_id", "status_id", "message_id", "id_postingan", "id_komentar", "no_id"),
)
_ACTION_NAMES: Final = (("action", "aksi", "tindakan"),)
# The first that is there is taken: unlike two texts, two columns with an author mean the same person.
_FIELD_NAMES: Final = {
    "author": (
        *("author", "penulis", "author_id", "user_id_str", "user_id", "id_penulis", "username", "user_name"),
        *("screen_name", "user", "akun", "nama_akun", "authorname", "page_name", "account", "from_name"),
    ),
    "thread": (
        *("thread", "utas", "thread_id", "conversation_id_str", "conversation_id", "id_utas", "isreplyto"),
        *("parent_id", "video_id"),
    ),
    "posted_at": (
        *("posted_at", "created_at", "date", "tanggal", "timestamp", "waktu", "datetime", "publishedat"),
        *("post_created", "year", "tahun"),
    ),
    "platform": ("platform", "media_sosial", "kanal"),
    "source": ("source", "sumber"),
}


def _key(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def recognise(columns: Iterable[str]) -> KnownExport | None:
    """The known export that has these columns, or None."""
    have = {_key(column) for column in columns}
    for export in KNOWN_EXPORTS:
        if all(_key(column) in have for column in export.signature):
            return export
    return None


def guess_columns(columns: Sequence[str], export: KnownExport | None = None) -> Columns:
    """Say which column is the text, the context, the id and the action.

    Args:
        columns: the file's columns.
        export: the known export that they are of; its columns win over common names.

    Returns:
        Names as they are spelt in `columns`. A part is None where no column, or more than one, could be it.
    """
    preset = export.columns if export is not None else Columns()
    return Columns(
        text=_spelt(preset.text, columns) or _only(_TEXT_NAMES, columns),
        context=_spelt(preset.context, columns) or _only(_CONTEXT_NAMES, columns),
        id=_spelt(preset.id, columns) or _only(_ID_NAMES, columns),
        action=_spelt(preset.action, columns) or _only(_ACTION_NAMES, columns),
    )


def guess_field(field: str, columns: Sequence[str], filled: Collection[str] | None = None) -> str | None:
    """Say which column holds a further field of a post, as it is spelt in `columns`.

    Args:
        field: author, thread, posted_at, platform or source.
        columns: the file's columns.
        filled: those of them that hold anything, where that is known: exports have columns without a single value.

    Returns:
        None where no column could be it. Of several the likeliest: an id before a name, a day before a year; one that
        holds something before an empty one.
    """
    spelt = {_key(column): column for column in reversed(columns)}
    found = [spelt[name] for name in _FIELD_NAMES[field] if name in spelt]
    return next((column for column in found if filled is None or column in filled), found[0] if found else None)


def text_candidates(columns: Sequence[str]) -> list[str]:
    """Columns whose name is one that text columns usually have, in file order."""
    common = {name for tier in _TEXT_NAMES for name in tier}
    return [column for column in columns if _key(column) in common]


def shown_columns(columns: Sequence[str]) -> list[str]:
    """Columns' names as messages may show them: in a file without a header, the first row's cells stand for them."""
    return [
        f"column {number} (a long name: is the first row a header?)"
        if len(name) > _LONGEST_NAME or len(name.split()) > _MOST_WORDS_OF_NAME
        else name
        for number, name in enumerate(columns, 1)
    ]


def missing_text_column(path: str | Path, columns: Sequence[str]) -> str:
    """The error line for a file whose text column cannot be told."""
    found = text_candidates(columns)
    shown = ", ".join(shown_columns(columns)) or "none"
    if len(found) > 1:
        return (
            f"{path}: the text column could be {' or '.join(found)}; columns are {shown}; name one with --text-column"
        )
    return f"{path}: missing text column; columns are {shown}; name one with --text-column"


def _spelt(name: str | None, columns: Sequence[str]) -> str | None:
    if name is None:
        return None
    if name in columns:
        return name
    found = [column for column in columns if _key(column) == _key(name)]
    return found[0] if len(found) == 1 else None


def _only(tiers: tuple[tuple[str, ...], ...], columns: Sequence[str]) -> str | None:
    for tier in tiers:
        found = [column for column in columns if _key(column) in tier]
        if found:
            return found[0] if len(found) == 1 else None
    return None
