"""The table of first rows."""

from netral_nlp.cli.table import first_rows, lay_out, shorten, width

SCORED = (
    "id,text,label,p_neutral,p_supportive,p_campaigning,needs_review\n"
    "1,Rapat kerja KPU ditunda,neutral,0.910000,0.060000,0.030000,false\n"
    "2,Gas terus nomor 2 ✌️🔥,supportive,0.200000,0.550000,0.250000,true\n"
    "3,,neutral,1.000000,0.000000,0.000000,true\n"
)


def test_rows_show_label_probability_review_and_text(tmp_path):
    (tmp_path / "scored.csv").write_text(SCORED, encoding="utf-8")
    lines = first_rows(tmp_path / "scored.csv", None, 2).splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["neutral", "(netral)", "0.91", "Rapat", "kerja", "KPU", "ditunda"],
        ["supportive", "(memihak)", "0.55", "review", "Gas", "terus", "nomor", "2", "✌️🔥"],
    ]
    assert "(no text)" in first_rows(tmp_path / "scored.csv", "text", 3)


def test_long_posts_are_cut_to_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    table = lay_out(("label", "post"), [("neutral", "kata " * 50), ("supportive", "🔥" * 50)])
    assert all(width(line) <= 60 for line in table.splitlines())
    assert table.count("…") == 2


def test_emoji_take_two_columns():
    assert [width(text) for text in ("ab", "🔥", "é", "👍🏽")] == [2, 2, 1, 4]
    assert shorten("🔥🔥🔥", 5) == "🔥🔥…"
