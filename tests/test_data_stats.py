"""`netral data stats` counts what posts are made of, whatever file they are in, and shows none of them."""

import gzip
import json
import math
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp.cli.main import main
from netral_nlp.corpus.check.check import CheckOptions, check_files
from netral_nlp.corpus.check.findings import Kind
from netral_nlp.corpus.duplicates import jaccard
from netral_nlp.corpus.stats.copies import RepeatFinder
from netral_nlp.corpus.stats.lengths import QUANTILES
from netral_nlp.corpus.stats.measure import StatsOptions, measure_files, measure_posts
from netral_nlp.corpus.stats.page import figures_text, render_page, write_page
from netral_nlp.corpus.stats.plots import _nice, copies_plot
from netral_nlp.corpus.stats.posts import COLUMNS, Post
from netral_nlp.corpus.stats.table import tables
from netral_nlp.corpus.stats.traits import traits_of
from netral_nlp.corpus.stats.words import WordCounts
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.evaluation.metrics import percent
from netral_nlp.labels import LABELS, Label

TEXTS = (
    "Rapat pleno rekapitulasi ditunda karena listrik padam di kecamatan Sukamaju",
    "Kagum sama gagasan irigasi beliau, tenang menjawab panelis ✌️",
    "Ayo rapatkan barisan, coblos nomor dua demi dermaga kampung! #Coblos2",
    "Mantap @juragan.sablon_77 cek https://contoh.id/pesan?x=1 ya",
    "#KawalSuara",
    "🔥🔥",
    "... 12345 ...",
    "   ",
    "Rapat pleno rekapitulasi ditunda karena listrik padam di kecamatan Sukamaju!",
)
LABEL_OF = ("netral", "memihak", "berkampanye", "netral", None, "memihak", None, None, "memihak")


def rows():
    return [
        {
            "id": f"p{number}",
            "text": text,
            "label": label,
            "platform": ("facebook", "tiktok", None)[number % 3],
            "split": ("train", "dev")[number % 2],
            "direction": {"memihak": "pro", "berkampanye": "contra"}.get(label),
            "context": "Pawai obor menyambut penetapan calon" if number in (1, 5) else None,
            "posted_at": f"2024-{number % 2 + 1:02d}-15T08:00:00+07:00",
            "author": f"penulis-{number % 2}",
            "annotators": 2 if number < 3 else 1,
            "unsure": number == 1,
        }
        for number, (text, label) in enumerate(zip(TEXTS, LABEL_OF, strict=True))
    ]


def jsonl(path, records):
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def posts_file(tmp_path):
    return jsonl(tmp_path / "posts.jsonl", rows())


@pytest.fixture
def stats(posts_file):
    return measure_files([posts_file], StatsOptions(words=True))


def cut_of(stats, column):
    return next(cut for cut in stats.cuts if cut.column == column)


class TestFigures:
    def test_counts_labels_by_value(self, stats, posts_file):
        assert stats.posts == 9
        assert stats.files == {str(posts_file): 9}
        assert stats.balance == (2, 3, 1, 3)
        platform = cut_of(stats, "platform")
        expected = Counter((row["platform"], row["label"]) for row in rows())
        names = ("netral", "memihak", "berkampanye", None)
        for value, counts in platform.values.items():
            assert counts == tuple(expected[value, name] for name in names)
        assert platform.missing == tuple(expected[None, name] for name in names)

    def test_neutral_posts_miss_no_direction(self, stats):
        direction = cut_of(stats, "direction")
        assert direction.values == {"pro": (0, 3, 0, 0), "contra": (0, 0, 1, 0)}
        assert direction.missing == (0, 0, 0, 3)

    def test_counts_contexts_annotators_authors_and_doubts(self, stats):
        assert stats.with_context == 2
        assert stats.annotators == {1: 6, 2: 3}
        assert stats.unsure == {"unsure": 1, "sure": 8, "(not stated)": 0}
        assert stats.authors.count == 2
        assert stats.authors.most_active == (5, 4)
        assert stats.threads is None

    def test_one_author_is_counted_once_however_written_and_nobody_is_none(self, tmp_path):
        names = ("Bu_Rini", "@bu_rini", "bu_rini ", "[deleted]", "[deleted]", "[deleted]", "anonim", "", "pak_joko")
        records = [{**row, "author": name} for row, name in zip(rows(), names, strict=True)]
        found = measure_files([jsonl(tmp_path / "posts.jsonl", records)])
        assert (found.authors.count, found.authors.posts, found.authors.most_active) == (2, 4, (3, 1))

    def test_a_column_of_texts_is_no_cut(self, tmp_path):
        texts = [f"Warga RT {number} kerja bakti di balai desa pagi ini" for number in range(40)]
        path = jsonl(tmp_path / "posts.jsonl", [{"text": text, "clean_text": text.lower()} for text in texts])
        with pytest.raises(InputError, match="--by clean_text: 40 different values in 40 posts") as error:
            measure_files([path], StatsOptions(by=("clean_text",)))
        assert "kerja bakti" not in str(error.value)

    def test_says_what_posts_consist_of(self, stats):
        assert stats.kinds == {
            "words": 5,
            "hashtags only": 1,
            "emoji only": 1,
            "no words, hashtags or emoji": 1,
            "empty": 1,
        }
        assert stats.flags == {"links": 1, "handles": 1, "hashtags": 2, "emoji": 2}

    def test_lengths_are_those_of_numpy(self, stats):
        texts = [text.strip() for text in TEXTS if text.strip()]
        found = stats.lengths["characters"].all
        assert list(found.quantiles.values()) == pytest.approx(np.quantile([len(text) for text in texts], QUANTILES))
        words = [len(traits_of(text).words) for text in texts]
        assert words == [10, 8, 9, 3, 0, 0, 0, 10]
        assert stats.lengths["words"].all.mean == pytest.approx(np.mean(words))
        assert (stats.lengths["words"].all.least, stats.lengths["words"].all.most) == (0, 10)

    def test_months_where_posts_state_them_and_years_where_not(self, tmp_path, stats):
        assert stats.timeline.unit == "month"
        assert list(stats.timeline.parts) == ["2024-01", "2024-02"]
        assert sum(map(sum, stats.timeline.parts.values())) == 9
        only_years = [
            {"text": text, "label": "netral", "year": year} for text, year in zip(TEXTS, range(2016, 2025), strict=True)
        ]
        by_year = measure_files([jsonl(tmp_path / "years.jsonl", only_years)])
        assert by_year.timeline.unit == "year"
        assert list(by_year.timeline.parts) == [str(year) for year in range(2016, 2025)]

    def test_unread_dates_are_told_and_unclear_ones_read_day_first(self, tmp_path):
        dates = ["03/04/2024", "05/04/2024", "kemarin sore", None]
        records = [
            {"text": text, "label": "netral", "posted_at": date} for text, date in zip(POOL[:4], dates, strict=True)
        ]
        found = measure_files([jsonl(tmp_path / "dates.jsonl", records)])
        assert found.timeline.parts == {"2024-04": (2, 0, 0, 0)}
        assert (found.timeline.undated, found.timeline.unreadable) == (1, 1)
        assert any("day first" in note for note in found.notes)
        assert any("the date of 1 post could not be read" in note for note in found.notes)

    def test_the_twenty_most_frequent_values_are_shown_and_the_rest_pooled(self):
        posts = [
            Post(
                "a.csv",
                number,
                f"kiriman nomor {number}",
                Label.NEUTRAL,
                fields={"source": f"sumber {number % 30:02d}"},
            )
            for number in range(75)
        ]
        source = cut_of(measure_posts(posts), "source")
        assert len(source.values) == 20
        assert list(source.values)[:15] == [f"sumber {number:02d}" for number in range(15)]
        assert source.rest_values == 10
        assert sum(source.rest) + sum(map(sum, source.values.values())) == 75

    def test_tokens_are_counted_as_the_model_reads_them(self, tiny_model, posts_file):
        from netral_nlp.inference.encoding import PairEncoder
        from netral_nlp.inference.folder import ModelFolder

        folder = ModelFolder.open(tiny_model)
        encoder = PairEncoder(folder.path, folder.max_tokens, folder.context_tokens)
        expected = [encoder.count(folder.normaliser(text)) for text in TEXTS if text.strip()]
        found = measure_files([posts_file], StatsOptions(model=tiny_model)).lengths["tokens"]
        assert found.window == encoder.max_pieces
        assert found.all.mean == pytest.approx(np.mean(expected))
        assert found.beyond == sum(count > encoder.max_pieces for count in expected)

    @given(st.lists(st.tuples(st.integers(1, 400), st.sampled_from([*LABELS, None])), min_size=1, max_size=60))
    def test_every_post_stands_in_one_bin(self, drawn):
        posts = [Post("a", row, "x" * length, label) for row, (length, label) in enumerate(drawn, start=1)]
        found = measure_posts(posts, StatsOptions(near_posts=0)).lengths["characters"]
        for code, name in enumerate(COLUMNS):
            lengths = [length for length, label in drawn if (label is None) == (code == 3) and label in (None, name)]
            assert sum(counts[code] for counts in found.bins) == len(lengths)
            for place, counts in enumerate(found.bins[:-1]):
                start = place * found.width
                assert counts[code] == sum(start <= length < start + found.width for length in lengths)

    def test_telling_words_are_those_of_the_formula(self):
        counts = WordCounts()
        said = {Label.NEUTRAL: ["kpu rapat"] * 40, Label.SUPPORTIVE: ["bangga kpu"] * 30 + ["bangga"] * 5}
        for label, texts in said.items():
            for text in texts:
                counts.add(label, [*text.split(), *text.split()])  # a word counts once a post
        own, other = {"kpu": 40, "rapat": 40}, {"bangga": 35, "kpu": 30}
        total = sum(own.values()) + sum(other.values())

        def z(word, one, two):
            prior = 1000 * (one.get(word, 0) + two.get(word, 0)) / total
            odds = [
                math.log((side.get(word, 0) + prior) / (sum(side.values()) + 1000 - side.get(word, 0) - prior))
                for side in (one, two)
            ]
            spread = sum(1 / (side.get(word, 0) + prior) for side in (one, two))
            return (odds[0] - odds[1]) / math.sqrt(spread)

        found = counts.telling()
        assert [(word.word, word.posts, word.others) for word in found["neutral"]] == [("rapat", 40, 0)]
        assert found["neutral"][0].z == pytest.approx(z("rapat", own, other))
        assert [word.word for word in found["supportive"]] == ["bangga"]
        assert found["supportive"][0].z == pytest.approx(z("bangga", other, own))

    def test_telling_words_leave_out_accounts_links_and_rare_words(self):
        def text(number):
            account = f"@akun_{number % 2} lihat https://contoh.id/{number % 2} telepon 0812 3456 7890"
            return f"{account} {'merdeka' if number % 2 else 'laporan'} nomor{number} {number}"

        posts = [Post("a", row, text(row), LABELS[row % 2]) for row in range(60)]
        posts.append(Post("a", 61, "jarangsekali merdeka", Label.SUPPORTIVE))
        found = measure_posts(posts, StatsOptions(words=True)).words
        assert {label: [word.word for word in words] for label, words in found.items()} == {
            "neutral": ["laporan"],
            "supportive": ["merdeka"],
        }


POOL = (
    "Warga RW 05 kerja bakti membersihkan saluran air sebelum musim hujan tiba",
    "Warga RW 05 kerja bakti membersihkan saluran air sebelum musim hujan tiba!",
    "Warga RW 06 kerja bakti membersihkan saluran air sebelum musim hujan tiba",
    "Pengundian nomor urut pasangan calon digelar Senin pagi di aula serbaguna",
    "Pengundian nomor urut pasangan calon digelar Selasa pagi di aula serbaguna",
    "Nelayan pesisir selatan mengeluhkan harga solar yang terus merangkak naik",
    "Coblos nomor tiga ya, ajak tetangga satu gang sekalian",
    "",
    "   ",
)


EXACT_AND_NEAR = {"train": (2, 5), "dev": (0, 1)}


class TestRepeats:
    @given(st.lists(st.tuples(st.sampled_from(POOL), st.sampled_from(["train", "dev", "test", None])), max_size=40))
    def test_overlap_is_what_comparing_every_pair_finds(self, drawn):
        finder = RepeatFinder(1000)
        kept = [(text.strip(), split) for text, split in drawn if text.strip()]
        for row, (text, split) in enumerate(kept, start=1):
            finder.add(text, 3, "posts.csv", row, split)
        found = finder.find(0.7)
        splits = list(dict.fromkeys(split for _, split in kept if split is not None))
        assert [overlap.kind for overlap in found.overlaps] == (["split"] if len(splits) > 1 else [])
        for overlap in found.overlaps:
            assert overlap.posts == Counter(split for _, split in kept if split is not None)
            for pair in overlap.shared:
                own = [text for text, split in kept if split == pair.part]
                others = {text for text, split in kept if split == pair.other}
                assert pair.exact == sum(text in others for text in own)
                assert pair.near == sum(any(jaccard(text, other) >= 0.7 for other in others) for text in own)

    @given(st.lists(st.tuples(st.sampled_from(POOL[:7]), st.sampled_from([*range(4)])), min_size=1, max_size=40))
    def test_copies_are_posts_beyond_the_first_of_their_text(self, drawn):
        finder = RepeatFinder(1000)
        for row, (text, code) in enumerate(drawn, start=1):
            finder.add(text, code, "posts.csv", row, None)
        found = finder.find(0.7).exact
        texts = Counter(text for text, _ in drawn)
        groups = {text: number for text, number in texts.items() if number > 1}
        assert (found.posts, found.copies) == (len(drawn), len(drawn) - len(texts))
        assert (found.groups, found.in_groups) == (len(groups), sum(groups.values()))
        assert found.mixed == sum(len({code for text, code in drawn if text == one and code < 3}) > 1 for one in groups)
        assert sum(posts for _, posts in found.sizes.values()) == found.in_groups
        for group in found.largest:
            same = {drawn[row - 1][0] for row in group.rows["posts.csv"]}
            assert len(same) == 1
            assert group.posts == texts[same.pop()] == sum(group.labels)

    def test_the_same_post_is_what_check_calls_the_same(self, tmp_path):
        base = "Warga RT 03 gotong royong menambal jalan berlubang di depan pasar pagi"
        other = "Petugas PPS menempel daftar pemilih sementara di papan balai desa"
        train = [
            base,
            f"@kabar_desa {base.upper()} https://contoh.id/a1",
            f"{base} hubungi 0812-3456-7890",
            f"{base} hubungi 0857-9876-5432",
            f"@akun.lain {base}!!",
            other,
            *POOL,
            "@akun_satu",
            "@akun_dua",
            "https://contoh.id/x",
            "https://contoh.id/x",
        ]
        dev = [f"@pembaca_setia {other} https://contoh.id/berita/2024", f"{other}, kata ketua", POOL[5]]
        paths = [
            jsonl(tmp_path / f"{name}.jsonl", [{"text": text, "label": "netral"} for text in texts])
            for name, texts in (("train", train), ("dev", dev))
        ]
        apart = measure_files(paths).repeats.overlaps[0].between(str(paths[1]), str(paths[0]))
        told = check_files(paths, CheckOptions(label_errors="off")).findings
        leaks = [[one for one in told if one.kind is kind] for kind in (Kind.SAME_TEXT, Kind.NEAR_TEXT)]
        assert (apart.exact, apart.near) == (len(leaks[0]), len(leaks[0]) + len(leaks[1])) == (2, 3)
        for path in paths:
            found = measure_files([path]).repeats
            told = check_files([path], CheckOptions(label_errors="off")).findings
            exact, nearly = (sum(one.kind is kind for one in told) for kind in (Kind.DUPLICATE, Kind.NEAR_DUPLICATE))
            links = int(path == paths[0])  # twice one link alone: stats counts it, check calls both wordless
            assert (found.exact.copies - links, found.near.copies - found.exact.copies) == (exact, nearly)
            assert (exact, nearly) == (EXACT_AND_NEAR[path.stem])

    def test_chains_of_likeness_are_no_overlap(self):
        words = [f"kata{number:02d}" for number in range(30)]
        chain = [" ".join(words[start : start + 20]) for start in (0, 3, 6, 9)]
        finder = RepeatFinder(100)
        for row, (text, split) in enumerate(zip(chain, ("train", "", "", "dev"), strict=True), start=1):
            finder.add(text, 0, "posts.csv", row, split or "sisa")
        found = finder.find(0.6)
        assert found.near.groups == 1
        assert found.near.largest[0].posts == 4
        assert found.overlaps[0].between("train", "dev").near == 0
        assert found.overlaps[0].between("train", "sisa").near == 1

    def test_overlap_between_files(self, tmp_path):
        one = jsonl(tmp_path / "train.jsonl", [{"text": text, "label": "netral"} for text in POOL[:4]])
        two = jsonl(tmp_path / "dev.jsonl", [{"text": text, "label": "netral"} for text in (POOL[0], POOL[4], POOL[5])])
        found = measure_files([one, two]).repeats.overlaps
        assert [overlap.kind for overlap in found] == ["file"]
        assert (found[0].between(str(two), str(one)).exact, found[0].between(str(two), str(one)).near) == (1, 2)
        assert (found[0].between(str(one), str(two)).exact, found[0].between(str(one), str(two)).near) == (1, 4)

    def test_what_lies_beyond_the_limit_is_not_called_free_of_copies(self, tmp_path):
        posts = [{"text": text, "label": "netral", "split": split} for split in ("train", "dev") for text in POOL[:7]]
        found = measure_files([jsonl(tmp_path / "posts.jsonl", posts)], StatsOptions(near_posts=9))
        overlap = found.repeats.overlaps[0]
        assert overlap.between("dev", "train").exact == 7
        assert overlap.between("dev", "train").near is None
        assert found.repeats.near.posts == 9
        assert any("first 9 of 14 posts" in note for note in found.notes)
        assert "7 / ?" in tables(found)
        assert "question mark" in render_page(found)
        none = measure_files([tmp_path / "posts.jsonl"], StatsOptions(near_posts=0))
        assert none.repeats.near is None
        assert "near duplicates were not looked for" in none.notes


class TestFiles:
    def test_an_unlabelled_dump_of_a_crawler(self, tmp_path):
        path = tmp_path / "crawl.csv.gz"
        lines = ["full_text,id_str,username,created_at,conversation_id_str,tweet_url"]
        lines += [
            f'"{text}",{number},akun{number % 3},Sat Feb 10 08:00:00 +0000 2024,9{number},https://x.com/akun/{number}'
            for number, text in enumerate(TEXTS)
        ]
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
        found = measure_files([path])
        assert found.balance == (0, 0, 0, 9)
        assert found.authors.count == 3
        assert found.threads.count == 9
        assert list(found.timeline.parts) == ["2024-02"]
        assert any("no post has a label" in note for note in found.notes)
        shown = tables(found) + render_page(found) + figures_text(found)
        assert "akun" not in shown.replace("account", "")
        assert "neutral (netral)" not in tables(found)

    def test_columns_that_come_late_in_a_dump_count(self, tmp_path):
        records = [{"text": POOL[0]}, {"text": POOL[3], "platform": "Facebook", "context": POOL[5]}]
        found = measure_files([jsonl(tmp_path / "dump.jsonl", records)])
        assert cut_of(found, "platform").rows() == [("facebook", (0, 0, 0, 1)), ("(not stated)", (0, 0, 0, 1))]
        assert found.with_context == 1

    def test_an_export_of_label_studio(self, tmp_path):
        def result(choice):
            return {"type": "choices", "from_name": "label", "to_name": "text", "value": {"choices": [choice]}}

        def annotation(number, person, choice):
            return {"id": number, "completed_by": person, "result": [result(choice)], "was_cancelled": False}

        tasks = [
            {
                "id": 1,
                "data": {"text": POOL[0]},
                "annotations": [annotation(1, 7, "netral"), annotation(2, 8, "netral")],
            },
            {"id": 2, "data": {"text": POOL[6]}, "annotations": [annotation(3, 7, "berkampanye")]},
            {
                "id": 3,
                "data": {"text": POOL[5]},
                "annotations": [annotation(4, 7, "netral"), annotation(5, 8, "memihak")],
            },
        ]
        path = tmp_path / "export.json"
        path.write_text(json.dumps(tasks), encoding="utf-8")
        found = measure_files([path])
        assert found.balance == (1, 0, 1, 1)
        assert found.annotators == {1: 1, 2: 2}
        assert any("without a label: no majority (1)" in note for note in found.notes)

    def test_a_spreadsheet_with_two_annotators(self, tmp_path):
        path = tmp_path / "sheet.csv"
        lines = ["text,anotator 1,anotator 2"]
        lines += [
            f"{text.replace(',', '')},netral,{'netral' if number else 'memihak'}"
            for number, text in enumerate(POOL[:6])
        ]
        path.write_text("\n".join(lines), encoding="utf-8")
        found = measure_files([path])
        assert found.balance == (5, 0, 0, 1)
        assert found.annotators == {2: 6}
        assert found.unsure["unsure"] == 1

    def test_copies_in_a_labelled_table_stay_posts(self, tmp_path):
        path = jsonl(tmp_path / "posts.jsonl", [{"text": POOL[0], "label": "netral"}] * 3)
        assert measure_files([path]).repeats.exact.copies == 2

    def test_who_is_unsure_is_read_in_words_and_in_any_case(self):
        said = ("Ragu-Ragu", " unsure ", "YA", "yakin", "tidak", "0", "mungkin", None)
        posts = [Post("a.csv", row, POOL[0], Label.NEUTRAL, fields={"unsure": one}) for row, one in enumerate(said, 1)]
        assert measure_posts(posts).unsure == {"unsure": 3, "sure": 3, "(not stated)": 2}

    def test_columns_without_values_are_left_out(self, tmp_path):
        path = jsonl(tmp_path / "posts.jsonl", [{"text": text, "label": "netral", "platform": ""} for text in POOL[:3]])
        found = measure_files([path])
        assert found.cuts == ()
        assert found.timeline is None
        assert (found.unsure, found.authors, found.annotators, found.with_context) == (None, None, {}, 0)
        page = render_page(found)
        assert "By platform" not in page
        assert 'id="time"' not in page
        assert 'id="overlap"' not in page

    def test_posts_without_any_words_make_a_page_too(self, tmp_path):
        path = jsonl(tmp_path / "likes.jsonl", [{"text": "", "label": "netral", "action": "like"}] * 3)
        found = measure_files([path])
        assert found.lengths == {}
        assert found.repeats.exact.posts == 0
        assert found.kinds["empty"] == 3
        assert "By action" in render_page(found)
        assert "empty" in tables(found)


class _Page(HTMLParser):
    VOID = frozenset({"meta", "br", "rect", "line", "circle"})

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.plots, self.titles, self.policy = [], [], [], 0, ""

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.addresses += [values[name] for name in ("src", "href", "action", "data") if name in values]
        if tag == "svg" and values.get("role") == "img":
            self.plots.append(values.get("aria-label"))
        self.titles += values.get("class") == "title"
        self.policy = values.get("content", "") if "http-equiv" in values else self.policy
        assert tag not in ("script", "link", "img", "iframe", "object")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def words_of_posts():
    return {word for text in (*TEXTS, *POOL) for word in traits_of(text).words if len(word) > 5} | {
        "penulis",
        "juragan",
    }


class TestPage:
    def test_shows_no_post_and_asks_for_nothing_from_outside(self, tmp_path, posts_file):
        other = jsonl(tmp_path / "dev.jsonl", [{"text": text, "label": "memihak"} for text in POOL])
        found = measure_files([posts_file, other], StatsOptions(by=("platform",)))
        page = render_page(found)
        shown = page + figures_text(found) + tables(found)
        assert not [word for word in words_of_posts() if word in shown.lower()]
        parser = _Page()
        parser.feed(page)
        assert parser.open == []
        assert all(address.startswith("#") for address in parser.addresses)
        assert parser.policy.startswith("default-src 'none'")
        assert "http" not in page.replace("http-equiv", "")

    def test_every_plot_has_a_title_and_a_text_in_its_place(self, stats):
        parser = _Page()
        parser.feed(render_page(stats))
        assert parser.titles >= 1 + 1 + 2 * 4 + 1  # balance, time, lengths in two units, copies
        assert parser.plots
        assert all(parser.plots)
        assert any(plot.startswith("Posts by month from 2024-01 to 2024-02") for plot in parser.plots)

    def test_values_of_columns_are_escaped_and_name_no_account(self):
        values = ("<script>x</script>", "https://x.com/akun.rahasia", "@akun.rahasia", "y" * 500)
        posts = [
            Post("a<b>.csv", row, POOL[0], Label.NEUTRAL, fields={"source": value}) for row, value in enumerate(values)
        ]
        found = measure_posts(posts)
        page = render_page(found)
        assert "<script>" not in page
        assert "&lt;script&gt;" in page
        assert "rahasia" not in page + figures_text(found) + tables(found)
        assert "y" * 170 not in page + figures_text(found)

    def test_same_posts_same_bytes(self, tmp_path, posts_file):
        options = StatsOptions(words=True)
        first = write_page(measure_files([posts_file], options), tmp_path / "one")
        second = write_page(measure_files([posts_file], options), tmp_path / "two")
        assert [path.name for path in first] == ["stats.html", "stats.json"]
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]

    def test_axes_of_shares_end_at_all_of_them(self):
        page = render_page(measure_posts([Post("a", row, text, Label.NEUTRAL) for row, text in enumerate(POOL[:3])]))
        assert ">100</text>" in page
        assert ">120</text>" not in page

    def test_one_post_is_no_posts(self):
        post = Post("a.csv", 1, POOL[0], Label.NEUTRAL, 1, {"posted_at": "kemarin sore"})
        found = measure_posts([post])
        shown = f"{tables(found)} {render_page(found)}"
        assert not re.search(r"(?<![\d,])1 (posts|files|annotators|groups)\b", shown)
        twins = measure_posts([post, Post("a.csv", 2, POOL[0].upper(), Label.NEUTRAL, 2)])
        shown = f"{tables(twins)} {render_page(twins)}"
        assert "of 2 posts: 1 group, 2 posts" in shown
        assert "is a copy or near copy of another (50.0 %)" in shown
        assert not re.search(r"(?<![\d,])1 (posts|files|annotators|groups)\b", shown)

    def test_sizes_of_groups_have_room_for_their_names(self, tmp_path):
        path = jsonl(tmp_path / "posts.jsonl", [{"text": POOL[0], "label": "netral"}] * 3)
        plot = copies_plot(measure_files([path]).repeats.exact, "Word for word")
        names = "3–5|6–10|11–50|51–200|201\\+"
        places = [float(place) for place in re.findall(rf'<text x="([\d.]+)"[^>]*>(?:{names})</text>', plot)]
        assert len(places) == 5
        assert places[4] - places[3] > 11 * 0.65 * len("51–200") + 10  # letters of 11 px, and a gap

    @given(st.floats(0, 1e7), st.booleans())
    def test_axes_hold_the_largest_value_in_even_steps(self, most, whole):
        top = _nice(most, whole=whole)
        assert top >= most
        assert not whole or (top / 4) == int(top / 4)
        assert top <= max(most * 4.3, 4) or most < 1

    def test_shares_never_round_to_none_or_all(self):
        assert percent(1, 100_000) == "< 0.1 %"
        assert percent(99_999, 100_000) == "> 99.9 %"
        assert (percent(0, 5), percent(5, 5), percent(1, 8), percent(0, 0)) == ("0.0 %", "100.0 %", "12.5 %", "–")


class TestCommand:
    def test_prints_tables_and_writes_the_report(self, posts_file, tmp_path, capsys):
        report = tmp_path / "look"
        assert main(["data", "stats", str(posts_file), "--report", str(report), "--by", "posted_at"]) == 0
        out, err = capsys.readouterr()
        assert "supportive (memihak)" in out
        assert "2024-01-15T08:00:00+07:00" in out
        assert err.splitlines() == [f"wrote {report / 'stats.html'}", f"wrote {report / 'stats.json'}"]
        figures = json.loads((report / "stats.json").read_text(encoding="utf-8"))
        assert (figures["kind"], figures["posts"], figures["balance"]["supportive"]) == ("data-stats", 9, 3)
        assert figures["words"] is None

    def test_json_is_what_the_file_holds(self, posts_file, tmp_path, capsys):
        assert main(["data", "stats", str(posts_file), "--json", "--report", str(tmp_path / "look")]) == 0
        assert capsys.readouterr().out == (tmp_path / "look/stats.json").read_text(encoding="utf-8")

    def test_replaces_no_report_unasked(self, posts_file, tmp_path, capsys):
        arguments = ["data", "stats", str(posts_file), "--report", str(tmp_path / "look")]
        assert main(arguments) == 0
        assert main(arguments) == 1
        assert "--overwrite" in capsys.readouterr().err
        assert main([*arguments, "--overwrite"]) == 0

    def test_label_names_can_be_mapped(self, tmp_path, capsys):
        path = jsonl(tmp_path / "posts.jsonl", [{"text": text, "label": "Kampanye Terang"} for text in POOL[:3]])
        assert main(["data", "stats", str(path)]) == 1
        assert "--map" in capsys.readouterr().err
        assert main(["data", "stats", str(path), "--map", "Kampanye Terang=campaigning"]) == 0
        assert "campaigning (berkampanye)      3  100.0 %" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--by", "author"], "point to a person"),
            (["--by", "user_id_str"], "point to a person"),
            (["--by", "text"], "are posts"),
            (["--by", "kabupaten"], "no post has such a column"),
            (["--near", "7"], "from 0.1 to 1"),
            (["--near-posts", "-1"], "0 or more"),
            (["--text-column", "isi"], "isi"),
            (["--model", "tidak/ada/model"], "model"),
        ],
    )
    def test_wrong_requests_are_one_clear_line(self, posts_file, capsys, arguments, said):
        assert main(["data", "stats", str(posts_file), *arguments]) == 1
        err = capsys.readouterr().err
        assert err.startswith("netral: error: ")
        assert err.count("\n") == 1
        assert said in err

    @pytest.mark.parametrize("labelled", [True, False])
    def test_a_broken_line_is_named(self, tmp_path, capsys, labelled):
        path = tmp_path / "posts.jsonl"
        lines = [json.dumps({"text": text, **({"label": "netral"} if labelled else {})}) for text in POOL[:4]]
        lines.insert(3, '{"text": "Warga putus di tengah')
        path.write_text("\n".join(lines), encoding="utf-8")
        assert main(["data", "stats", str(path)]) == 1
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert f"{path}: row 4" in err
        assert "Warga" not in err

    def test_a_file_that_is_not_there_and_an_empty_one(self, tmp_path, capsys):
        (tmp_path / "kosong.jsonl").touch()
        for name, said in (("hilang.jsonl", "no such file"), ("kosong.jsonl", "empty")):
            assert main(["data", "stats", str(tmp_path / name)]) == 1
            assert said in capsys.readouterr().err

    def test_needs_no_heavy_library(self, posts_file, tmp_path):
        arguments = ["data", "stats", str(posts_file), "--words", "--report", str(tmp_path / "look")]
        code = (
            f"import sys; from netral_nlp.cli.main import main; assert main({arguments!r}) == 0; "
            "print([name for name in ('torch', 'transformers', 'sklearn', 'matplotlib', 'scipy', 'datasets') "
            "if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"


def test_options_say_what_is_wrong():
    with pytest.raises(ConfigError, match="--near"):
        StatsOptions(near=0)
    with pytest.raises(InputError, match="no posts"):
        measure_posts([])
