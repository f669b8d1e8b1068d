"""A predictions file or a model is measured against labelled posts, and the report says how it went."""

import csv
import json
import math
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp.corpus.labelled import text_id
from netral_nlp.errors import InputError
from netral_nlp.evaluation.evaluate import content_sha256, evaluate_predictions
from netral_nlp.evaluation.metrics import FIGURES
from netral_nlp.evaluation.options import EvaluationOptions
from netral_nlp.evaluation.predictions import read_predictions
from netral_nlp.evaluation.report import render_report, write_report
from netral_nlp.evaluation.report.masking import hidden_spans, mask
from netral_nlp.labels import LABELS
from netral_nlp.page.html import whole

NEUTRAL = [
    "KPU Garut tetapkan daftar pemilih tetap hari ini",
    "Debat ketiga ditayangkan pukul 19.00, jangan lupa nonton",
    "ASN dilarang like unggahan kampanye, ingat netralitas",
    "Hasil survei: selisih kedua paslon masih dalam margin of error",
    "Gunakan hak pilihmu, datang ke TPS ya",
]
SUPPORTIVE = [
    "Bangga banget sama paslon 1, sehat terus Bu",
    "Hati saya tetap di nomor 2 ✌️",
    "Makin hari makin kelihatan calon itu cuma janji",
]
CAMPAIGNING = ["Coblos nomor 3, demi kampung kita!", "Yuk ramaikan deklarasi relawan, kaos gratis"]


def labelled(repeats=6):
    posts = []
    for repeat in range(repeats):
        for label, texts in (("neutral", NEUTRAL), ("supportive", SUPPORTIVE), ("campaigning", CAMPAIGNING)):
            for number, text in enumerate(texts):
                posts.append(
                    {
                        "id": f"{label[0]}{repeat}-{number}",
                        "text": f"{text} ({repeat})",
                        "label": label,
                        "direction": None if label == "neutral" else ("contra" if number == 2 else "pro"),
                        "platform": "twitter" if repeat % 2 else "youtube",
                        "year": 2024 - repeat % 3,
                    }
                )
    return posts


def scores(label, wrong=False, review=False):
    """Probabilities that put a label first (or the next one, where it is to be wrong)."""
    code = [item.value for item in LABELS].index(label)
    called = (code + 1) % 3 if wrong else code
    chances = [0.15] * 3
    chances[called] = 0.7
    return {
        "label": LABELS[called].value,
        **{f"p_{item.value}": chance for item, chance in zip(LABELS, chances, strict=True)},
        "needs_review": review,
    }


def scored(posts):
    """Every fourth post wrong; every eighth handed over."""
    return [
        {"id": post["id"], "text": post["text"], **scores(post["label"], number % 4 == 3, number % 8 == 3)}
        for number, post in enumerate(posts)
    ]


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({k: str(v).lower() if isinstance(v, bool) else v for k, v in row.items()} for row in rows)
    return path


@pytest.fixture
def gold(tmp_path):
    return write_jsonl(tmp_path / "gold.jsonl", labelled())


@pytest.fixture
def evaluation(tmp_path, gold):
    return evaluate_predictions(
        write_csv(tmp_path / "scored.csv", scored(labelled())), gold, EvaluationOptions(resamples=100)
    )


class Page(HTMLParser):
    """Checks that every tag is closed in order and keeps the text."""

    VOID = frozenset({"meta", "br", "input", "line", "circle", "rect", "polyline", "polygon"})

    def __init__(self, page):
        super().__init__()
        self.open, self.words, self.sources, self.identifiers = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href")]
        self.identifiers += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


def test_predictions_are_matched_by_id_whatever_their_order(tmp_path, gold):
    rows = scored(labelled())
    straight = evaluate_predictions(write_csv(tmp_path / "a.csv", rows), gold, EvaluationOptions(resamples=20))
    turned = evaluate_predictions(
        write_jsonl(tmp_path / "b.jsonl", rows[::-1] + rows[:3]), gold, EvaluationOptions(resamples=20)
    )
    assert straight.metrics.to_dict() == turned.metrics.to_dict()
    assert straight.metrics["accuracy"].value == 0.75
    assert turned.stamp["predictions"]["joined_by"] == "id"
    assert turned.stamp["predictions"]["rows"] == len(rows) + 3


def test_predictions_without_ids_are_matched_by_row_order_and_text(tmp_path, gold):
    rows = [{name: value for name, value in row.items() if name != "id"} for row in scored(labelled())]
    found = evaluate_predictions(write_csv(tmp_path / "a.csv", rows), gold, EvaluationOptions(resamples=0))
    assert found.metrics["accuracy"].value == 0.75
    assert found.stamp["predictions"]["joined_by"] == "row order"


def test_one_text_with_two_answers_is_matched_by_row_order(tmp_path):
    posts = [
        {"text": "Gas", "label": "supportive", "context": "Paslon 2 hadir"},
        {"text": "Gas", "label": "neutral", "context": "Resep rendang"},
    ]
    rows = [{"text": "Gas", "label": "supportive"}, {"text": "Gas", "label": "neutral"}]
    gold = write_jsonl(tmp_path / "gold.jsonl", posts)
    found = evaluate_predictions(write_jsonl(tmp_path / "a.jsonl", rows), gold, EvaluationOptions(resamples=0))
    assert found.metrics["accuracy"].value == 1
    with pytest.raises(InputError, match="several different predictions"):
        evaluate_predictions(write_jsonl(tmp_path / "b.jsonl", [*rows, rows[0]]), gold, EvaluationOptions(resamples=0))


def test_labels_alone_can_be_measured(tmp_path, gold):
    rows = [{"id": row["id"], "label": row["label"]} for row in scored(labelled())]
    found = evaluate_predictions(write_csv(tmp_path / "a.csv", rows), gold, EvaluationOptions(resamples=20))
    assert found.metrics["accuracy"].value == 0.75
    assert "ece" not in found.metrics.figures
    assert "review_rate" not in found.metrics.figures
    report, _ = write_report(found, tmp_path / "out")
    assert "confidence mean" not in Page(report.read_text(encoding="utf-8")).text


def test_a_post_without_prediction_is_refused(tmp_path, gold):
    path = write_csv(tmp_path / "a.csv", scored(labelled())[1:])
    with pytest.raises(InputError, match=r"a\.csv: no prediction for 1 of 60 posts, the first with id 'n0-0'"):
        evaluate_predictions(path, gold)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "positif"}, r"row 1, column 'label': unknown label 'positif'; the labels are"),
        ({"p_neutral": "banyak"}, r"row 1, column 'p_neutral': expected a probability"),
        ({"p_neutral": 0.9}, r"row 1: p_neutral, .* do not sum to 1"),
        ({"p_neutral": "nan"}, r"row 1: p_neutral"),
        ({"needs_review": "entah"}, r"row 1, column 'needs_review': expected true or false"),
    ],
)
def test_a_value_that_cannot_be_read_is_named(tmp_path, change, message):
    row = {"id": "1", **scores("neutral"), **change}
    with pytest.raises(InputError, match=message):
        read_predictions(write_csv(tmp_path / "a.csv", [row]))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "1", "kelas": "neutral"}, "no column 'label'"),
        ({"nomor": "1", "label": "neutral"}, "no column 'id' or 'text'"),
        ({"id": "1", "label": "neutral", "p_neutral": 1}, "has 'p_neutral' but no column 'p_supportive'"),
    ],
)
def test_a_missing_column_of_the_predictions_is_named(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        read_predictions(write_csv(tmp_path / "a.csv", [row]))


def test_ids_of_predictions_without_one_come_from_the_text(tmp_path):
    path = write_csv(tmp_path / "a.csv", [{"text": "Ayo ke TPS", "label": "neutral"}])
    assert read_predictions(path).ids == [text_id("Ayo ke TPS")]


def test_slices_hold_columns_and_traits_with_the_worst_first(evaluation):
    found = {part.column for part in evaluation.slices}
    assert {"platform", "year", "direction", "length"} <= found
    ranks = [(part.small, part.macro_f1.value) for part in evaluation.slices]
    assert ranks == sorted(ranks)
    platforms = [part for part in evaluation.slices if part.column == "platform"]
    assert sum(part.posts for part in platforms) == 60
    assert all(part.small for part in platforms) is True
    directions = {part.value: part for part in evaluation.slices if part.column == "direction"}
    assert set(directions) == {"pro", "contra"}
    assert math.isnan(directions["pro"].false_accusation_rate.value)


def test_a_slice_has_the_figures_of_its_own_posts(tmp_path, gold, evaluation):
    posts = labelled()
    rows = [row for post, row in zip(posts, scored(posts), strict=True) if post["platform"] == "youtube"]
    only = write_jsonl(tmp_path / "youtube.jsonl", [post for post in posts if post["platform"] == "youtube"])
    alone = evaluate_predictions(write_csv(tmp_path / "youtube.csv", rows), only, EvaluationOptions(resamples=0))
    part = next(part for part in evaluation.slices if part.value == "youtube")
    for name in ("macro_f1", "accuracy", "false_accusation_rate", "missed_campaigning_rate"):
        assert getattr(part, name).value == pytest.approx(alone.metrics[name].value), name
        assert getattr(part, name).low <= getattr(part, name).value <= getattr(part, name).high


def test_rare_values_are_pooled_and_a_column_of_the_users_own_is_cut_by(tmp_path):
    posts = [
        {**post, "wilayah": f"Desa {number % 12}" if number < 24 else "Kota"} for number, post in enumerate(labelled())
    ]
    gold = write_jsonl(tmp_path / "gold.jsonl", posts)
    path = write_csv(tmp_path / "a.csv", scored(posts))
    found = evaluate_predictions(path, gold, EvaluationOptions(resamples=0, slice_columns=["wilayah"]))
    parts = {part.value: part.posts for part in found.slices if part.column == "wilayah"}
    assert parts == {"Kota": 36, "(12 values with fewer than 10 posts each)": 24}
    with pytest.raises(InputError, match="kecamatan"):
        evaluate_predictions(path, gold, EvaluationOptions(slice_columns=["kecamatan"]))


def test_errors_come_with_the_most_harmful_first(evaluation):
    errors = evaluation.errors()
    assert len(errors) == 15
    assert errors["harm"].is_monotonic_increasing
    worst = errors.iloc[0]
    assert (worst["gold"], worst["needs_review"]) == ("neutral", False)
    assert errors[errors["needs_review"].astype(bool)]["harm"].eq(3).all()


def test_stamp_says_what_was_measured(evaluation, gold):
    stamp = evaluation.to_dict()
    assert (stamp["schema"], stamp["kind"]) == (2, "evaluation")
    assert stamp["seed"] == 0
    assert stamp["data"]["posts"] == 60
    assert stamp["data"]["files"][0]["file"] == "gold.jsonl"
    assert len(stamp["data"]["sha256"]) == len(stamp["predictions"]["sha256"]) == 64
    assert {"python", "netral_nlp", "numpy"} <= set(stamp["versions"])


def test_content_hash_is_of_the_posts_and_not_of_the_file(tmp_path, gold, evaluation):
    posts = [{"platform": "x", **{name: post[name] for name in ("label", "text", "id")}} for post in labelled()]
    path = write_csv(tmp_path / "scored2.csv", scored(labelled()))
    again = evaluate_predictions(path, write_csv(tmp_path / "gold2.csv", posts), EvaluationOptions(resamples=0))
    assert again.stamp["data"]["sha256"] == evaluation.stamp["data"]["sha256"]
    changed = again.posts.assign(label=again.posts["gold"], text="lain")
    assert content_sha256(changed) != again.stamp["data"]["sha256"]


def test_report_is_one_sound_page_with_every_part(tmp_path, evaluation):
    report, metrics = write_report(evaluation, tmp_path / "new" / "report")
    page = Page(report.read_text(encoding="utf-8"))
    assert page.sources
    assert all(source.startswith("#") for source in page.sources)
    assert set(page.sources) <= {f"#{identifier}" for identifier in page.identifiers}
    for expected in (
        "How right is scored.csv?",
        "The label is right for 75 of 100 posts (likely between",
        "neutral (netral)",
        "campaigning (berkampanye)",
        "It is never a verdict: a person decides.",
        "Which labels are mixed up",
        "mean confidence",
        "By platform",
        "Neutral posts accused without review",
        *(info.title for info in FIGURES.values()),
    ):
        assert expected in page.text, expected
    assert json.loads(metrics.read_text(encoding="utf-8")) == evaluation.to_dict()
    assert sorted(path.name for path in report.parent.iterdir()) == ["metrics.json", "report.html"]


def test_figures_hold_no_post(tmp_path, evaluation):
    _, metrics = write_report(evaluation, tmp_path)
    content = metrics.read_text(encoding="utf-8")
    assert not any(post["text"] in content for post in labelled())


def test_texts_can_be_left_out(tmp_path, evaluation):
    with_texts = write_report(evaluation, tmp_path / "a")[0].read_text(encoding="utf-8")
    without = write_report(evaluation, tmp_path / "b", texts="none")[0].read_text(encoding="utf-8")
    wrong = evaluation.errors()
    assert all(text in with_texts for text in wrong["text"])
    assert not any(text in without for text in wrong["text"])
    assert all(identifier in without for identifier in wrong["id"])


def test_markup_in_posts_ids_and_names_is_shown_and_not_run(tmp_path):
    evil = "<script>alert('x')</script> <b onclick=\"y\">& tebal"
    posts = [
        {
            "id": f"<i>{number}",
            "text": f"{evil} {number}",
            "label": label,
            "context": f"<u>{evil}",
            "platform": "<img src=q>",
        }
        for number, label in enumerate(["neutral", "campaigning"] * 25)
    ]
    posts[0]["platform"] = "</table>"
    gold = write_jsonl(tmp_path / "gold.jsonl", posts)
    rows = [{"id": post["id"], **scores(post["label"], wrong=True)} for post in posts]
    found = evaluate_predictions(write_csv(tmp_path / "<b>.csv", rows), gold, EvaluationOptions(resamples=10))
    report, _ = write_report(found, tmp_path / "out")
    content = report.read_text(encoding="utf-8")
    page = Page(content)
    assert content.count("<script") == 1  # the page's own
    assert "<img" not in content
    assert evil in page.text


def test_only_the_first_errors_are_listed_and_the_rest_is_said(tmp_path, evaluation):
    report, _ = write_report(evaluation, tmp_path, max_errors=5)
    content = report.read_text(encoding="utf-8")
    assert content.count("<article ") == 5
    assert "The first 5 of 15" in content


def test_a_report_without_errors_says_so(tmp_path, gold):
    rows = [{"id": post["id"], **scores(post["label"])} for post in labelled()]
    found = evaluate_predictions(write_csv(tmp_path / "a.csv", rows), gold, EvaluationOptions(resamples=10))
    report, _ = write_report(found, tmp_path / "out")
    assert "<article" not in report.read_text(encoding="utf-8")


def test_a_very_long_post_is_cut_in_the_report_and_its_length_told(tmp_path):
    posts = [{"id": "1", "text": "panjang " * 1000, "label": "neutral"}]
    gold = write_jsonl(tmp_path / "gold.jsonl", posts)
    rows = [{"id": "1", "label": "supportive"}]
    report, _ = write_report(
        evaluate_predictions(write_csv(tmp_path / "a.csv", rows), gold, EvaluationOptions(resamples=0)),
        tmp_path / "out",
    )
    content = report.read_text(encoding="utf-8")
    assert "(8,000 characters)" in content
    assert len(content) < 40_000


def test_an_earlier_report_is_replaced(tmp_path, evaluation):
    (tmp_path / "report.html").write_text("lama")
    report, _ = write_report(evaluation, tmp_path)
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_report_folder_that_is_a_file_is_refused(tmp_path, evaluation):
    (tmp_path / "file").write_text("isi")
    with pytest.raises(InputError, match="is a file; name a folder"):
        write_report(evaluation, tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Kirim ke budi.santoso+kaos@contoh.co.id ya", "Kirim ke [e-mail] ya"),
        ("lihat https://x.com/akun/status/12?s=20 deh", "lihat [link] deh"),
        ("lihat www.contoh.id/kaos, kawan", "lihat [link] kawan"),
        ("cek bit.ly/3AbCd dan chat.whatsapp.com/XyZ123", "cek [link] dan [link]"),
        ("tonton youtu.be/dQw4w9 atau contoh.id.", "tonton [link] atau [link]."),
        ("hxxps://contoh.xyz/a b", "[link] b"),
        ("oleh @joko.widodo_x dan @kanal-kita", "oleh @… dan @…"),
        ("\uff20akun_lama di sini", "@… di sini"),
        ("WA 0812-3456-7890 atau +62 812 3456 7890", "WA [number] atau [number]"),
        ("WA 0812\u20113456\u20117890, (021) 555 1234", "WA [number], ([number]"),
        ("NIK 3201234567890001", "NIK [number]"),
        ("[RE akun_orang] setuju", "[RE …] setuju"),
        ("Coblos nomor 2, TPS 014, pukul 19.00!", "Coblos nomor 2, TPS 014, pukul 19.00!"),
        ("Rapat selesai.Lalu bubar, 27 November 2024", "Rapat selesai.Lalu bubar, 27 November 2024"),
        ("", ""),
    ],
)
def test_masking_hides_accounts_and_leaves_the_rest(text, shown):
    assert mask(text) == shown


_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{3,14}", fullmatch=True)
_DIGITS = st.text("0123456789", min_size=9, max_size=18).filter(lambda digits: len(set(digits)) > 2)
_SIDES = st.text("abcdefghij ,!?\n", max_size=20).map(lambda side: f" {side} ")


@given(
    st.lists(
        st.tuples(
            _SIDES,
            st.one_of(
                _NAMES.map(lambda name: (f"@{name}", name)),
                st.tuples(_NAMES, _NAMES).map(lambda two: (f"{two[0]}@{two[1].replace('_', '-')}.id", two[0])),
                _NAMES.map(lambda name: (f"https://contoh.id/{name}", name)),
                _NAMES.map(lambda name: (f"t.me/{name}", name)),
                _DIGITS.map(lambda digits: (digits, digits)),
                _DIGITS.map(lambda digits: (" ".join([digits[:4], digits[4:8], digits[8:]]), digits[8:])),
            ),
        ),
        min_size=1,
        max_size=4,
    ),
    _SIDES,
)
def test_masking_hides_every_account_whatever_stands_around_it(pieces, end):
    text = "".join(side + secret for side, (secret, _) in pieces) + end
    found = mask(text)
    rest = text
    for _, (secret, _) in pieces:
        rest = rest.replace(secret, "", 1)
    for _, (_, telling) in pieces:
        assert telling not in found or telling in rest
    assert mask(found) == found
    assert end.strip() in found


@given(st.text(max_size=200))
def test_what_is_hidden_lies_in_order_and_apart(text):
    spans = hidden_spans(text)
    assert all(0 <= start < end <= len(text) for start, end, _ in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_an_address_at_the_cut_of_a_long_post_is_hidden_whole(tmp_path):
    for shift in range(12):
        text = "a" * (1985 + shift) + " 0812 3456 7890 " + "b" * 3000
        post = {"id": "1", "text": text, "label": "neutral", "context": text}
        gold = write_jsonl(tmp_path / "gold.jsonl", [post])
        path = write_csv(tmp_path / "a.csv", [{"id": "1", "label": "supportive"}])
        found = evaluate_predictions(path, gold, EvaluationOptions(resamples=0))
        assert not re.search(
            r"081|345|789", render_report(found, texts="masked").split('id="errors"')[1].split('id="stamp"')[0]
        )


def test_every_way_of_showing_texts_is_a_sound_page(tmp_path, evaluation):
    wrong = [text for text in evaluation.errors()["text"] if not re.search(r"\d{7}|@", text)]
    assert len(wrong) == 15
    for texts in ("full", "masked", "none"):
        page = Page(render_report(evaluation, texts=texts))
        assert [text in page.text for text in wrong] == [texts != "none"] * len(wrong)


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0"), (0.0004, "0.04"), (0.002, "0.2"), (0.049, "4.9"), (0.31, "31"), (0.994, "99"), (0.996, "99.6"),
     (0.9999, "99.9"), (1, "100"), (math.nan, "–")],
)  # fmt: skip
def test_a_share_of_a_hundred_never_rounds_a_risk_away(share, shown):
    assert whole(share) == shown
