"""`netral data check`: what is planted is found in its row, what is sound is not, and no post text gets out."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from data_check_posts import nearly, post, rows, task, write_csv, write_jsonl
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.corpus.annotations.tasks import Answer, Task, TaskOptions
from netral_nlp.corpus.check.check import CheckOptions, check_files, check_tasks
from netral_nlp.corpus.check.findings import Finding, Kind, Severity
from netral_nlp.corpus.check.label_errors import likely_wrong_labels, model_probabilities
from netral_nlp.corpus.check.report import Check
from netral_nlp.corpus.check.sources import find_sources
from netral_nlp.corpus.duplicates import jaccard
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.labels import Label

PLAIN = CheckOptions(label_errors="off")
SUITES_WITH_AN_ACT = CheckOptions(label_errors="off", suite_cases=frozenset({"", "Gas 🔥"}))
CALL = "Ayo kawal suara di TPS masing-masing dan menangkan pasangan nomor dua untuk perubahan daerah kita"


def checked(made: list[dict[str, Any]], options: CheckOptions = PLAIN) -> Check:
    return check_tasks([task(row, number) for number, row in enumerate(made, 1)], options)


def checked_tasks(*tasks: Task) -> Check:
    return check_tasks(tasks, PLAIN)


def of(found: Check, kind: Kind) -> list[Finding]:
    return [one for one in found.findings if one.kind is kind]


def where(found: Check, kind: Kind) -> list[tuple[int | None, int | None]]:
    return [(one.row, one.other_row) for one in of(found, kind)]


def planted(*changed: dict[str, Any], base: int = 90) -> list[dict[str, Any]]:
    """Sound posts, with these after them."""
    return [*rows(base), *changed]


# -- sound data --


def test_sound_posts_give_no_error_and_no_warning() -> None:
    found = checked(rows(90, split="train") + rows(30, 90, split="dev"))

    assert found.findings == ()
    assert found.is_clean(strict=True)
    assert found.sides == {"train": 90, "dev": 30}
    assert sum(found.labels.values()) == 120
    assert found.table().endswith("\n\nnothing would spoil a training")


def test_every_kind_has_a_severity_and_comes_in_order() -> None:
    order = [kind.severity for kind in Kind]

    assert order == sorted(order, key=list(Severity).index)
    assert Counter(order).keys() == set(Severity)


# -- labels, ids, empty texts --


def test_unknown_and_missing_labels_are_named_with_their_rows() -> None:
    text = "Rapat panitia pemungutan suara digelar di balai desa mulai pukul delapan pagi"
    found = checked(
        planted(
            {"text": f"{text} hari Senin", "label": "mendukung"},
            {"text": "Lomba layang-layang antarkampung ditunda karena angin kencang", "label": ""},
            {"text": "Truk logistik pemilu tertahan banjir di jalur selatan", "label": CALL},
        )
    )

    unknown = of(found, Kind.UNKNOWN_LABEL)
    assert [(one.row, one.detail) for one in unknown] == [(91, "'mendukung'"), (93, f"of {len(CALL)} characters")]
    assert where(found, Kind.MISSING_LABEL) == [(92, None)]
    assert not found.is_clean()


def test_a_map_of_label_names_is_heeded() -> None:
    made = planted({"text": "Semoga beliau menang lagi tahun ini", "label": "Mendukung"})

    found = checked(made, CheckOptions(label_errors="off", label_map={"mendukung": "memihak"}))

    assert not of(found, Kind.UNKNOWN_LABEL)
    assert sum(found.labels.values()) == 91


def test_empty_posts_are_errors_unless_they_are_acts_on_a_context() -> None:
    found = checked(
        planted(
            {"id": "a", "text": "", "label": "neutral"},
            {"id": "b", "text": " \n", "label": "neutral", "context": CALL, "action": "comment"},
            {"id": "c", "text": "", "label": "supportive", "context": CALL, "action": "like"},
            {"id": "d", "text": "", "label": "supportive", "action": "share"},
        )
    )

    assert where(found, Kind.EMPTY) == [(91, None), (92, None), (94, None)]


def test_one_id_for_different_posts_is_an_error_but_a_repost_is_none() -> None:
    made = planted({"id": "p3", "text": "Kabar lain sama sekali dari pulau seberang", "label": "neutral"})
    made.append({**made[5]})

    found = checked(made)

    assert where(found, Kind.REPEATED_ID) == [(91, 4)]
    assert where(found, Kind.DUPLICATE) == [(92, 6)]


def test_ids_that_files_share_for_different_posts_are_a_warning(tmp_path: Path) -> None:
    one = write_jsonl(tmp_path / "a.jsonl", rows(60))
    other = write_jsonl(tmp_path / "b.jsonl", [{**row, "id": "p0" if not place else row["id"]}
                                              for place, row in enumerate(rows(60, 60))])  # fmt: skip

    found = check_files([one, other], PLAIN)

    assert [(Path(one.file or "").name, one.row, one.other_row) for one in of(found, Kind.SHARED_ID)] == [
        ("b.jsonl", 1, 1)
    ]
    assert found.is_clean()


def test_conflicting_labels_name_the_minority_and_heed_the_context() -> None:
    text, label = post(7)
    other = "neutral" if label != "neutral" else "supportive"
    found = checked(
        planted(
            {"text": f"@teman_lama {text.upper()} https://contoh.id/x", "label": other},
            {"text": text, "label": label},
            {"text": "Gas 🔥", "label": "supportive", "context": CALL},
            {"text": "Gas 🔥", "label": "neutral", "context": "Resep soto ayam kampung ala nenek"},
        )
    )

    assert where(found, Kind.CONFLICT) == [(91, 8)]
    assert other in of(found, Kind.CONFLICT)[0].detail


def test_one_label_only_is_an_error_and_seldom_labels_are_a_warning() -> None:
    same = [{**row, "label": "neutral"} for row in rows(40)]
    few = [row for row in rows(120) if row["label"] != "campaigning"] + rows(2, 200)

    assert [one.detail for one in of(checked(same), Kind.ONE_LABEL)] == ["all 40 labelled posts are neutral"]
    assert [one.detail for one in of(checked(few), Kind.BALANCE)] == ["campaigning: 1 of 82 (1.2 %)"]


def test_a_side_that_lacks_a_label_is_a_warning() -> None:
    made = rows(90, split="train") + [row for row in rows(60, 90, split="dev") if row["label"] != "campaigning"]

    assert [one.detail for one in of(checked(made), Kind.BALANCE)] == ["dev: no post is campaigning"]


# -- leaks --


def test_planted_leaks_are_all_found_with_both_rows() -> None:
    made = rows(80, split="train") + rows(20, 80, split="dev")
    for number, row in enumerate(made):
        row["author"], row["thread"] = f"akun{number}", f"utas{number}"
    made[85]["text"] = "@warga_biasa " + made[10]["text"].upper() + " https://t.co/abc"
    near = nearly(made[20]["text"], 0.85)
    made[90]["text"] = near
    made[95]["author"] = "@AKUN30"
    made[97]["thread"] = "utas40"

    found = checked(made)

    assert 0.85 <= jaccard(made[20]["text"], near) < 1
    assert where(found, Kind.SAME_TEXT) == [(86, 11)]
    assert where(found, Kind.NEAR_TEXT) == [(91, 21)]
    assert where(found, Kind.SAME_AUTHOR) == [(96, 31)]
    assert where(found, Kind.SAME_THREAD) == [(98, 41)]
    assert not found.is_clean()
    assert {one.detail for one in of(found, Kind.SAME_AUTHOR)} == {"dev and train"}


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_leaks_planted_anywhere_are_found(data: st.DataObject) -> None:
    made = rows(40, split="train") + rows(15, 40, split="dev") + rows(10, 55, split="test")
    count = data.draw(st.integers(1, 6), label="how many")
    leaking = data.draw(st.lists(st.integers(40, 64), min_size=count, max_size=count, unique=True), label="leaking")
    copied = data.draw(st.lists(st.integers(0, 39), min_size=count, max_size=count, unique=True), label="copied")
    expected: dict[str, set[int | None]] = {"text": set(), "author": set(), "thread": set()}
    for place, source in zip(leaking, copied, strict=True):
        kind = data.draw(st.sampled_from(["exact", "near", "answer", "author", "thread"]), label="kind")
        if kind == "exact":
            made[place]["text"] = made[source]["text"] + " @kawan"
        elif kind == "near":
            made[place]["text"] = nearly(made[source]["text"], 0.85)
        elif kind == "answer":  # a short comment under the same post
            for row in (made[place], made[source]):
                row |= {"text": f"setuju banget sama bapak ini {source}", "context": CALL, "action": "comment"}
        else:
            made[place][kind] = made[source][kind] = f"{kind}-{source}"
        expected[kind if kind in expected else "text"].add(place + 1)

    found = checked(made)

    assert {one.row for kind in (Kind.SAME_TEXT, Kind.NEAR_TEXT) for one in of(found, kind)} == expected["text"]
    assert {one.row for one in of(found, Kind.SAME_AUTHOR)} == expected["author"]
    assert {one.row for one in of(found, Kind.SAME_THREAD)} == expected["thread"]


def test_comments_under_one_post_leak_only_if_they_say_the_same() -> None:
    comments = ["Gas terus pak", "Semoga amanah ya", "Saya kurang setuju soal itu", "Kapan ke desa kami", "Mantap jiwa"]
    made = rows(60, split="train") + rows(30, 60, split="dev")
    for place, comment in enumerate(comments):
        made[place] |= {"text": comment, "context": CALL, "action": "comment"}
        made[60 + place] |= {"text": f"{comment} {place}{place}" if place else comment, "context": CALL}
    made[70] |= {"text": "Gas terus pak", "context": "Resep soto ayam kampung ala nenek"}

    found = checked(made)

    assert (61, 1) in where(found, Kind.SAME_TEXT)
    leaks = where(found, Kind.SAME_TEXT) + where(found, Kind.NEAR_TEXT)
    assert 71 not in [row for row, _ in leaks]
    assert sorted(leaks) == [(61 + place, 1 + place) for place in range(5)]


def test_many_comments_under_one_post_hide_no_leak() -> None:
    made = []
    for number, row in enumerate(rows(200)):
        short = " ".join(row["text"].split()[-8:])
        side = "train" if number < 150 else "dev"
        made.append({**row, "text": short, "context": CALL * 3, "action": "comment", "split": side})
    for place in range(150, 200, 5):
        made[place]["text"] = made[place - 150]["text"] + " ya"

    found = checked(made)

    leaks = dict(where(found, Kind.SAME_TEXT) + where(found, Kind.NEAR_TEXT))
    assert {place + 1: place - 149 for place in range(150, 200, 5)}.items() <= leaks.items()


def test_blank_posts_and_unknown_authors_leak_nothing() -> None:
    made = rows(60, split="train") + rows(30, 60, split="dev")
    for row in (made[3], made[70]):
        row |= {"text": "", "context": CALL, "action": "like", "author": "[deleted]", "thread": ""}
    made[70]["context"] = "Jadwal imunisasi balita di posyandu melati"

    assert not [one for one in checked(made).findings if one.severity is Severity.ERROR]


def test_columns_may_cross_or_be_kept_apart_on_request() -> None:
    made = [{**row, "author": "satu", "source": "media"} for row in rows(60, split="train") + rows(30, 60, split="dev")]

    assert len(of(checked(made), Kind.SAME_AUTHOR)) == 30
    assert not of(checked(made, CheckOptions(label_errors="off", may_cross=("author",))), Kind.SAME_AUTHOR)
    kept = of(checked(made, CheckOptions(label_errors="off", apart=("source",))), Kind.SAME_VALUE)
    assert len(kept) == 30
    assert kept[0].detail == "column source: dev and train"


def test_wrong_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="may cross: author or thread"):
        CheckOptions(may_cross=("platform",))
    with pytest.raises(ConfigError, match="both"):
        CheckOptions(may_cross=("author",), apart=("author",))
    with pytest.raises(InputError, match="threshold"):
        CheckOptions(near=2)
    with pytest.raises(ConfigError, match="no post has the column 'sumber'"):
        check_files([write_jsonl(tmp_path / "a.jsonl", rows(20))], CheckOptions(apart=("sumber",)))
    with pytest.raises(InputError, match="no such file"):
        find_sources([tmp_path / "lain.csv"])
    with pytest.raises(InputError, match="given twice"):
        find_sources([tmp_path / "a.jsonl", tmp_path / "a.jsonl"])
    with pytest.raises(InputError, match="nothing to check"):
        find_sources([])


# -- copies on one side --


def test_copies_within_a_side_are_warnings_with_their_groups() -> None:
    made = planted(base=60)
    template = "Ayo dukung terus program pak calon nomor tiga di kecamatan {} demi anak cucu kita semua nanti"
    made += [
        {"text": template.format(place), "label": "campaigning"}
        for place in ("Lamongan", "Lamongan", "Bangil", "Turen")
    ]

    found = checked(made)

    assert where(found, Kind.DUPLICATE) == [(62, 61)]
    assert where(found, Kind.NEAR_DUPLICATE) == [(63, 61), (64, 61)]
    assert [(group.posts, group.rows) for group in found.templates] == [(4, (61, 62, 63, 64))]
    assert found.is_clean()
    assert not found.is_clean(strict=True)


# -- texts --


def test_texts_that_want_a_look_are_warnings_in_their_rows() -> None:
    found = checked(
        planted(
            {"text": "https://t.co/abc @seseorang", "label": "neutral"},
            {"text": "rapat kerja " * 60, "label": "neutral"},
            {"text": "Selamat bertugas untuk petugas TPS â€œkampung lautâ€\x9d ya", "label": "neutral"},
            {"text": "Kotak suara sudah tiba di pul\ufffdu kecil itu", "label": "neutral"},
            {"text": "Debat calon &amp; uji publik malam nanti", "label": "neutral"},
            {
                "text": "The final results will be announced by the commission next Wednesday",
                "label": "neutral",
            },
            {"text": "الانتخابات ستجري الأسبوع القادم في جميع أنحاء البلاد", "label": "neutral"},
        )
    )

    assert where(found, Kind.NO_WORDS) == [(91, None)]
    assert where(found, Kind.LONG) == [(92, None)]
    assert where(found, Kind.GARBLED) == [(93, None), (94, None)]
    assert where(found, Kind.ENTITIES) == [(95, None)]
    assert [(one.row, one.detail) for one in of(found, Kind.LANGUAGE)] == [(96, "English"), (97, "Arabic script")]
    assert found.is_clean()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hubungi relawan di 0812-3456-7890 ya", "phone number"),
        ("NIK saya 3273051203900001 kok tidak terdaftar", "id number"),
        ("Pegawai dengan NIP 198503152010011002 dilaporkan", "id number"),
        ("Kirim formulir ke posko.menang@surelku.id", "e-mail address"),
        ("Donasi ke rek BCA 1234567890 a.n. posko", "bank account"),
        ("Transfer no rekening Mandiri 137-00-1234567-8 ya", "bank account"),
        ("Suara masuk 12345 dari 67890 TPS, nomor 02 unggul 51,2 persen", None),
        ("Nonton di https://contoh.id/v/1234567890123456 sekarang", None),
    ],
)
def test_personal_data_is_named_by_kind(text: str, expected: str | None) -> None:
    found = of(checked(planted({"text": text, "label": "neutral"})), Kind.PERSONAL)

    assert [one.detail for one in found] == ([expected] if expected else [])
    assert all(one.row == 91 for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "Mugi-mugi pak lurah sing anyar iso nggatekake wong cilik nang ndeso kene",
        "Hayu urang sasarengan ngajaga pamilu sing jujur jeung adil di lembur urang",
        "Lah den bilang ka uda, kito samo-samo manjago suaro di kampuang awak",
        "Semoga calonnya legend banget, the best lah pokoknya, gaspol all out",
        "Mon bapak rua mimpin pole, dhisah dhibi' bisa maju kabbhi",
        "wkwkwk anjir lucu bgt debatnya td mlm",
    ],
)
def test_regional_languages_and_slang_are_not_foreign(text: str) -> None:
    assert not of(checked(planted({"text": text, "label": "neutral"})), Kind.LANGUAGE)


def test_a_case_of_the_suites_is_an_error_but_the_suites_themselves_are_not(tmp_path: Path) -> None:
    cases = rows(30, 500)
    forbidden = frozenset(row["text"] for row in cases)
    folder = tmp_path / "data"
    write_jsonl(folder / "suites" / "minimum.jsonl", cases)
    write_jsonl(folder / "train.jsonl", planted(cases[4]))

    found = check_files([folder], CheckOptions(label_errors="off", suite_cases=forbidden))

    assert [(Path(one.file or "").name, one.row) for one in of(found, Kind.SUITE_CASE)] == [("train.jsonl", 91)]
    assert [one.detail for one in of(found, Kind.NOT_CHECKED)] == ["behaviour suites: never trained on"]
    assert found.posts == 91


# -- answers of several annotators --


def said(number: int, *answers: Answer) -> Task:
    return Task("export.json", number, f"t{number}", post(1000 + number)[0], {}, answers)


def test_disputed_skipped_and_several_labels_are_told_from_missing_ones() -> None:
    tasks = [task(row, number) for number, row in enumerate(rows(60), 1)]
    tasks += [
        said(61, Answer("ani", ("netral",)), Answer("budi", ("memihak",)), Answer("citra", ("memihak",))),
        said(62, Answer("ani", ("netral",)), Answer("budi", ("memihak",))),
        said(63, Answer("ani", ("netral", "memihak"))),
        said(64, Answer("ani", ("netral",), skipped=True)),
        said(
            65,
            Answer("ani", ("memihak",), at="2024-10-02T10:00:00Z"),
            Answer("ani", ("netral",), at="2024-10-01T10:00:00Z"),
        ),
        said(66, Answer("ani", ("netral",)), Answer("budi", ("memihak",)), Answer("tim", ("berkampanye",), final=True)),
    ]  # fmt: skip

    found = check_tasks(tasks, PLAIN)

    assert [(one.row, one.detail) for one in of(found, Kind.DISPUTED)] == [
        (61, "1 said neutral, 2 said supportive"),
        (62, "1 said neutral, 1 said supportive: no majority"),
    ]
    assert [(one.row, one.detail) for one in of(found, Kind.SEVERAL_LABELS)] == [(63, "neutral and supportive")]
    assert [(one.row, one.detail) for one in of(found, Kind.NOT_ANNOTATED)] == [(64, "skipped")]
    assert found.is_clean()
    assert sum(found.labels.values()) == 63
    assert {label.value: count for label, count in found.labels.items()} == {
        "neutral": 20, "supportive": 22, "campaigning": 21,
    }  # fmt: skip


def test_one_row_an_answer_is_one_post(tmp_path: Path) -> None:
    made = [
        {"id": row["id"], "text": row["text"], "annotator": who, "label": row["label"]}
        for row in rows(60)
        for who in ("ani", "budi")
    ]
    made[7]["label"] = "neutral" if made[6]["label"] != "neutral" else "supportive"

    found = check_files([write_csv(tmp_path / "jawaban.csv", made)], PLAIN)

    assert found.posts == 60
    assert where(found, Kind.DISPUTED) == [(7, None)]
    assert not of(found, Kind.DUPLICATE)


# -- likely wrong labels --


def test_likely_wrong_labels_are_found_by_a_light_model() -> None:
    made = rows(700)
    wrong = {40: "campaigning", 151: "neutral", 302: "neutral"}
    for place, label in wrong.items():
        assert made[place]["label"] != label
        made[place]["label"] = label

    found = checked(made, CheckOptions())

    doubted = {one.row: one.detail for one in of(found, Kind.LIKELY_WRONG)}
    assert {place + 1 for place in wrong} <= doubted.keys()
    assert len(doubted) < 12
    assert doubted[41].startswith("campaigning; a model reads supportive")
    assert found.is_clean()


def test_too_few_posts_for_likely_wrong_labels_is_a_note() -> None:
    found = checked(rows(60), CheckOptions())

    assert [one.detail for one in of(found, Kind.NOT_CHECKED)] == [
        "likely wrong labels: needs 100 labelled posts, and 5 of each label that occurs"
    ]


def test_a_model_folder_can_doubt_labels(tiny_model: Path) -> None:
    made = rows(60)
    texts, nothing = [row["text"] for row in made], [""] * 60
    said = model_probabilities(str(tiny_model), texts, nothing, nothing)

    found = checked(made, CheckOptions(label_errors=str(tiny_model)))

    doubts = of(found, Kind.LIKELY_WRONG)
    expected = {one.row + 1: one for one in likely_wrong_labels([row["label"] for row in made], said)}
    assert doubts
    assert [one.row for one in doubts] == sorted(expected)
    for one in doubts:
        problem = expected[one.row or 0]
        assert one.detail.startswith(f"{problem.given.value}; a model reads {problem.likely.value} ")
    assert not of(found, Kind.NOT_CHECKED)


def test_a_label_of_a_few_in_a_million_is_not_called_none() -> None:
    labels = {Label.NEUTRAL: 9_999, Label.CAMPAIGNING: 1}

    found = Check(10_000, (), {}, labels, (), (), 0.75)

    assert "labels: neutral 9,999 (> 99.9 %), supportive 0 (0.0 %), campaigning 1 (< 0.1 %)" in found.summary()


def test_reading_options_reach_the_reader(tmp_path: Path) -> None:
    made = [{"isi": row["text"], "kelas": row["label"], "text": "sama"} for row in rows(60)]
    path = write_csv(tmp_path / "tabel.csv", made)

    options = CheckOptions(label_errors="off", reading=TaskOptions(text_column="isi", label_column="kelas"))

    assert check_files([path], options).findings == ()


# -- what must not pass for sound --


def test_posts_without_words_are_no_behaviour_suite() -> None:
    found = checked([{"text": "", "label": "netral"}, {"text": " ", "label": "memihak"}], SUITES_WITH_AN_ACT)

    assert where(found, Kind.EMPTY) == [(1, None), (2, None)]
    assert not of(found, Kind.NOT_CHECKED)
    assert found.posts == 2


def test_a_set_in_which_no_post_has_a_label_is_an_error() -> None:
    tied = [
        Task("export.json", row, None, text, {}, (Answer("ani", ("netral",)), Answer("budi", ("memihak",))))
        for row, text in enumerate(["Jadwal debat kedua diumumkan KPU", "Pasar induk sepi hari ini"], 1)
    ]

    found = check_tasks(tied, PLAIN)

    assert [one.detail for one in of(found, Kind.MISSING_LABEL)] == ["no post has a label"]
    assert not found.is_clean()


@pytest.mark.parametrize(
    ("answers", "label", "disputed"),
    [
        # adjudicated twice, differently: import drops it
        ([("ani", "netral", True, None), ("budi", "memihak", True, None)], None, "adjudicated twice, differently"),
        ([("ani", "netral", True, None), ("budi", "memihak", False, None)], "neutral", None),
        # the adjudicator skipped it
        ([("ani", "netral", False, None), ("adjudicated", "skip", True, None)], None, None),
        # an empty answer takes nothing back
        ([("ani", "netral", False, None), ("ani", None, False, None)], "neutral", None),
        # the later answer counts, whatever the time zone it is written in
        ([("ani", "netral", False, "2024-10-01T09:00:00+07:00"), ("ani", "memihak", False, "2024-10-01T03:00:00Z")],
         "supportive", None),
        ([("ani", "memihak", False, "2024-10-01T09:00:00+07:00"), ("ani", "netral", False, "2024-10-01T01:00:00Z")],
         "supportive", None),
    ],
)  # fmt: skip
def test_answers_settle_as_in_an_import(
    answers: list[tuple[str, str | None, bool, str | None]], label: str | None, disputed: str | None
) -> None:
    given = tuple(
        Answer(name, () if value is None else (value,), final=final, at=at) for name, value, final, at in answers
    )

    found = checked_tasks(Task("export.json", 1, None, "Jadwal debat kedua diumumkan KPU", {}, given))

    assert found.labels == ({} if label is None else {label: 1})
    assert [one.detail for one in of(found, Kind.DISPUTED)] == ([] if disputed is None else [disputed])


def test_a_table_in_a_folder_has_no_annotators_guessed(tmp_path: Path) -> None:
    made = [{"text": row["text"], "under_neutral": row["label"], "under_side": "memihak"} for row in rows(6)]
    write_jsonl(tmp_path / "data" / "comments.jsonl", made)
    write_jsonl(tmp_path / "data" / "train.jsonl", rows(90, 10))
    named = [{"text": row["text"], "anotator 1": row["label"], "anotator 2": row["label"]} for row in rows(30, 200)]
    write_csv(tmp_path / "data" / "answers.csv", named)

    found = check_files([tmp_path / "data"], PLAIN)

    (note,) = of(found, Kind.NOT_CHECKED)[:1]
    assert note.file == str(tmp_path / "data" / "comments.jsonl")
    assert note.detail == (
        "no label column; name the file itself to have its columns 'under_neutral', 'under_side' read as annotators'"
    )
    assert not of(found, Kind.DISPUTED)
    assert found.posts == 120
    assert len(of(check_files([tmp_path / "data" / "comments.jsonl"], PLAIN), Kind.DISPUTED)) == 4


def test_other_labels_beside_the_label_in_a_folder_are_no_annotators(tmp_path: Path) -> None:
    made = [{**row, "under_side": "memihak", "under_neutral": "netral"} for row in rows(90)]
    write_jsonl(tmp_path / "data" / "train.jsonl", made)
    write_jsonl(tmp_path / "data" / "dev.jsonl", rows(30, 90))

    found = check_files([tmp_path / "data"], PLAIN)

    assert not of(found, Kind.DISPUTED)
    assert found.labels == dict.fromkeys(found.labels, 40)


def test_the_work_of_sorting_out_files_grows_as_their_number(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.jsonl" for number in range(800)]
    for path in paths:
        path.touch()

    few, many = calls_of(lambda: find_sources(paths[:200])), calls_of(lambda: find_sources(paths))

    assert [source.side for source in find_sources(paths)] == [str(number) for number in range(800)]
    assert 200 < few < many < 5 * few


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called: unlike the time it takes, the same on every machine."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls
