"""Known exports and guessed columns."""

from __future__ import annotations

import pytest

from netral_nlp.formats import (
    KNOWN_EXPORTS,
    Columns,
    guess_columns,
    missing_text_column,
    open_posts,
    recognise,
    text_candidates,
)

EXPORTS = {
    "tweet-harvest": (
        "conversation_id_str,created_at,favorite_count,full_text,id_str,image_url,in_reply_to_screen_name,lang,location,"
        "quote_count,reply_count,retweet_count,tweet_url,user_id_str,username",
        Columns(text="full_text", id="id_str"),
    ),
    "crowdtangle-facebook": (
        "Page Name,User Name,Facebook Id,Likes at Posting,Followers at Posting,Post Created,Type,Total Interactions,"
        "URL,Message,Link,Final Link,Image Text,Link Text,Description,Sponsor Id",
        Columns(text="Message", id="URL"),
    ),
    "crowdtangle-instagram": (
        "Account,User Name,Followers at Posting,Post Created,Type,Total Interactions,Likes,Comments,Views,URL,Link,"
        "Photo,Title,Description,Image Text",
        Columns(text="Description", id="URL"),
    ),
    "4cat": ("id,thread_id,timestamp,body,subject,author", Columns(text="body", id="id")),
    "youtube-data-tools": (
        "id,replyCount,likeCount,publishedAt,authorName,text,authorChannelId,authorChannelUrl,isReply,isReplyTo,"
        "isReplyToName",
        Columns(text="text", id="id"),
    ),
    "facepager": (
        "path,id,parent_id,level,object_id,object_type,query_status,query_time,query_type,message,created_time",
        Columns(text="message", id="object_id"),
    ),
    "netral": ("id,text,label,context,action", Columns(text="text", context="context", id="id", action="action")),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_known_exports_are_recognised_by_their_columns(name):
    columns, expected = EXPORTS[name]
    export = recognise(columns.split(","))
    assert export is not None
    assert export.name == name
    assert guess_columns(columns.split(","), export) == expected


def test_every_known_export_is_tried_here():
    assert {export.name for export in KNOWN_EXPORTS} == set(EXPORTS)


def test_reader_names_the_export(tmp_path):
    path = tmp_path / "tweets.csv"
    path.write_text("full_text,id_str,created_at,username\nSelamat pagi,1790000000000000001,x,ani\n")
    with open_posts(path) as reader:
        assert reader.export is not None
        assert reader.export.title == "tweet-harvest"
        assert guess_columns(reader.columns, reader.export).text == "full_text"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["No", "Komentar"], "Komentar"),
        (["id", "TEKS"], "TEKS"),
        (["Isi", "tanggal"], "Isi"),
        (["caption", "text"], "text"),
        (["Isi Komentar", "nama"], "Isi Komentar"),
        (["tanggal", "deskripsi"], "deskripsi"),
        (["text", "full_text"], None),
        (["message", "body"], None),
        (["a", "b"], None),
        ([], None),
    ],
)
def test_text_column_is_guessed_by_common_names(columns, expected):
    assert guess_columns(columns).text == expected


def test_context_id_and_action_are_guessed():
    guessed = guess_columns(["ID", "Komentar", "Konteks", "Aksi"])
    assert guessed == Columns(text="Komentar", context="Konteks", id="ID", action="Aksi")


def test_error_names_the_candidates():
    assert missing_text_column("a.csv", ["x", "y"]) == (
        "a.csv: missing text column; columns are x, y; name one with --text-column"
    )
    assert text_candidates(["message", "x", "body"]) == ["message", "body"]
    assert "could be message or body" in missing_text_column("a.csv", ["message", "x", "body"])
