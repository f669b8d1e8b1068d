"""`netral evaluate` from end to end: real files and a real model in, a report, figures and a list out."""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import json
import re
import shutil
from html.parser import HTMLParser
from itertools import cycle, islice
from pathlib import Path

import pandas as pd
import pytest
from evaluation_posts import (
    CAMPAIGNING,
    CONTEXTS,
    LONG_POST,
    NEUTRAL,
    SCRIPT_POST,
    SECRETS,
    SUPPORTIVE,
    SURROGATE_POST,
    answers,
    posts,
    small_suites,
    write_jsonl,
)

import netral_nlp
from netral_nlp.cli.main import main
from netral_nlp.evaluation.evaluate import evaluate_model, evaluate_predictions
from netral_nlp.evaluation.metrics import FIGURES
from netral_nlp.evaluation.options import EvaluationOptions
from netral_nlp.evaluation.report import write_report
from netral_nlp.evaluation.suites import read_suites
from netral_nlp.labels import LABELS

SECTIONS = {
    "figures", "confidence", "prevalence", "comparison", "slices", "suites", "fairness", "explanations", "labels",
    "errors", "stamp",
}  # fmt: skip
VOID = {"meta", "br", "input", "line", "circle", "rect", "polyline", "polygon"}


class Page(HTMLParser):
    """A report as a browser's parser sees it: what is asked for, what stands where, whether all is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def run(capsys, *arguments):
    code = main(["evaluate", *map(str, arguments)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def run_well(capsys, *arguments):
    code, out, err = run(capsys, *arguments)
    assert code == 0, err
    return out


def error_line(capsys, *arguments):
    """The one line of a request that is refused."""
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("netral: error: ")
    assert err.count("\n") == 1
    assert "unexpected" not in err
    return err


def metrics_of(folder):
    def refuse(constant):
        raise AssertionError(f"metrics.json holds {constant}")

    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"), parse_constant=refuse)


def shown_in(folder):
    return Page(folder / "report.html")


def words_of(*texts):
    """Every word of texts, lower case, from four letters on; digits may be anybody's."""
    return {word for text in texts for word in re.findall(r"\b[^\W\d_]{4,}\b", html.unescape(text).lower())}


def words_in_files(folder):
    return {path.name: words_of(path.read_text(encoding="utf-8")) for path in folder.iterdir()}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Gold posts, scored files and small suites."""
    folder = tmp_path_factory.mktemp("files")
    gold = posts()
    write_jsonl(folder / "gold.jsonl", gold)
    write_jsonl(folder / "scored.jsonl", answers(gold))
    write_jsonl(folder / "labels.jsonl", answers(gold, chances=False))
    small_suites(folder / "suites")
    return folder


@pytest.fixture(scope="module")
def whole(tiny_model, files, tmp_path_factory):
    """All parts at once, through the command line: the arguments and the report's folder."""
    folder = tmp_path_factory.mktemp("whole") / "report"
    arguments = [
        *("--model", tiny_model, "--data", files / "gold.jsonl", "--suites", files / "suites"),
        *("--resamples", 60, "--explained", 6, "--prevalence", 0.003, "--train", files / "gold.jsonl"),
        *("--compare", tiny_model, files / "scored.jsonl", files / "scored.jsonl", "majority", "keywords"),
    ]
    assert main(["evaluate", *map(str, arguments), "--report", str(folder)]) == 0
    return arguments, folder


# --- the whole ------------------------------------------------------------------------------------------------------


def test_a_report_holds_every_section_and_both_languages(whole):
    _, folder = whole
    page = shown_in(folder)
    assert {attrs["id"] for attrs in page.all("section")} == SECTIONS
    assert {attrs["href"] for attrs in page.all("a")} == {f"#{name}" for name in SECTIONS}
    assert {attrs.get("lang") for attrs in page.all("div") if attrs.get("class") == "summary"} == {"en", "id"}
    for expected in (
        "How right is tiny?",
        "The label is right for",
        "Labelnya tepat untuk",
        "a person decides",
        "manusialah yang memutuskan",
        "keliru disebut memihak",
        "written test cases",
        "kasus uji tertulis",
        *(info.title for name, info in FIGURES.items() if name in metrics_of(folder)["metrics"]),
    ):
        assert expected in page.text, expected


def test_a_report_asks_for_nothing_from_outside(whole):
    page = shown_in(whole[1])
    for tag, attrs in page.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form"), tag
        assert "src" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        assert (attrs.get("href") or "#").startswith("#")
    style = re.search(r"<style>(.*?)</style>", page.source, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_the_pages_policy_allows_its_own_script_and_no_other(whole):
    page = shown_in(whole[1])
    (policy,) = [attrs["content"] for attrs in page.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", page.source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {"default-src": "'none'", "style-src": "'unsafe-inline'", "script-src": f"'sha256-{digest}'"}


def test_numbers_of_drawings_are_numbers(whole):
    for tag, attrs in shown_in(whole[1]).tags:
        if tag in ("line", "circle", "rect", "polyline", "polygon", "text"):
            assert "nan" not in " ".join(str(value) for value in attrs.values())


def test_errors_carry_what_the_filters_ask_for(whole, files):
    page = shown_in(whole[1])
    gold = {row["id"]: row for row in posts()}
    errors = re.search(r'<div data-list="errors">(.*?)</section>', page.source, re.DOTALL)[1]
    articles = re.findall(r"<article (.*?)>(.*?)</article>", errors, re.DOTALL)
    figures = metrics_of(whole[1])["metrics"]
    assert len(articles) == round((1 - figures["accuracy"]["value"]) * len(gold))
    for attributes, body in articles:
        facts = dict(re.findall(r'data-(\w+)="([^"]*)"', attributes))
        row = gold[re.search(r"<code>(p\d+)</code>", body)[1]]
        assert facts["gold"] == row["label"]
        assert facts["called"] != row["label"]
        assert {name: facts[name] for name in ("platform", "year", "action")} == {
            name: row[name] for name in ("platform", "year", "action")
        }
    choices = re.findall(r'<select name="(\w+)">', errors)
    assert choices[:2] == ["gold", "called"]
    assert {"platform", "year"} <= set(choices)
    assert '<option value="tiktok">' in errors
    assert 'name="words"' in errors
    assert "<mark class=" in errors


def test_metrics_json_has_every_part_and_no_nan(whole):
    found = metrics_of(whole[1])
    assert (found["schema"], found["kind"]) == (2, "evaluation")
    for part in (
        "model", "data", "versions", "seed", "resamples", "metrics", "flagging", "coverage", "decision_by_halves",
        "slices", "comparisons", "suites", "fairness", "label_problems", "faithfulness", "notes",
    ):  # fmt: skip
        assert found[part] is not None, part
    assert found["notes"] == []
    assert found["suites"]["cases"] == 7
    assert len(found["flagging"]) == 2


def test_every_post_of_the_training_files_is_found_again(whole):
    counts = metrics_of(whole[1])["label_problems"]["counts"]
    with (whole[1] / "recheck.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    copies = {row["id"] for row in rows if row["kind"] == "exact duplicate"}
    assert len(copies) == counts["exact_duplicate"] >= 40
    assert copies <= {row["id"] for row in posts()}


def test_others_stand_beside_it_with_equal_names_numbered(whole):
    found = metrics_of(whole[1])
    names = ["tiny (2)", "scored.jsonl", "scored.jsonl (2)", "majority", "keywords"]
    assert [one["second"] for one in found["comparisons"]] == names
    assert list(found["compared_with"]) == names
    assert {one["first"] for one in found["comparisons"]} == {"tiny"}
    itself, file, file_again, majority, _ = found["comparisons"]
    assert itself["differing"] == 0
    assert itself["figures"]["accuracy"]["difference"]["value"] == 0
    assert file["figures"] == file_again["figures"]
    assert majority["figures"]["accuracy"]["second"] == pytest.approx(len(NEUTRAL) / len(posts()))
    text = shown_in(whole[1]).text
    for name in names:
        assert f"tiny and {name} differ on" in text


def test_a_stated_prevalence_adds_a_row(whole, files, capsys):
    found = metrics_of(whole[1])["flagging"][0]
    rows = {row["prevalence"]: row for row in found["stated"]}
    assert list(rows) == sorted(rows)
    assert 0.003 in rows
    caught, accused = found["caught"]["value"], found["accused"]["value"]
    assert rows[0.003]["precision"]["value"] == pytest.approx(0.003 * caught / (0.003 * caught + 0.997 * accused))
    assert "<td>0.3 %</td>" in shown_in(whole[1]).source
    without = json.loads(
        run_well(
            capsys, "--predictions", files / "scored.jsonl", "--data", files / "gold.jsonl", "--resamples", 0, "--json"
        )
    )
    assert 0.003 not in [row["prevalence"] for row in without["flagging"][0]["stated"]]


def test_the_summary_states_what_was_measured_in_both_languages(whole):
    page, found = shown_in(whole[1]), metrics_of(whole[1])
    english, indonesian = re.findall(r'<div class="summary" lang="(?:en|id)"><h2>(.*?)</div>', page.source, re.DOTALL)

    def told(share):
        number = share * 100
        return f"{number:.1f}" if 0 < number < 5 else f"{number:.0f}"

    shares = [
        told(found["metrics"][name]["value"])
        for name in (
            "accuracy", "false_accusation_rate", "review_rate", "accused_without_review_rate",
            "missed_campaigning_rate", "campaigning_called_neutral_rate",
        )
    ]  # fmt: skip
    assert re.findall(r"<strong>([\d.]+) of 100</strong>", english) == shares
    assert re.findall(r"<strong>([\d,]+) dari 100</strong>", indonesian) == [
        share.replace(".", ",") for share in shares
    ]
    at = {row["prevalence"]: row["precision"] for row in found["flagging"][0]["stated"]}[0.02]
    ends = f"between {told(at['low'])} and {told(at['high'])}"
    assert f"<strong>{told(at['value'])}</strong> would be right (likely {ends})" in english
    passed = [told(kind["passed"]["value"]) for kind in found["suites"]["kinds"]]
    assert re.findall(r"<strong>([\d.]+)</strong> on", english) == passed
    gap = f"{found['metrics']['ece']['value'] * 100:.1f}"
    assert f"{gap} percentage points" in english
    assert f"{gap.replace('.', ',')} poin persen" in indonesian


def test_the_same_evaluation_gives_the_same_files(whole, tmp_path, capsys):
    arguments, folder = whole
    run_well(capsys, *arguments, "--report", tmp_path / "again")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


# --- scored files ---------------------------------------------------------------------------------------------------


def test_a_scored_file_alone_is_measured_with_all_that_it_tells(files, tmp_path, capsys):
    folder = tmp_path / "report"
    run_well(
        capsys, "--predictions", files / "scored.jsonl", "--data", files / "gold.jsonl", "--report", folder,
        "--resamples", 40,
    )  # fmt: skip
    found, page = metrics_of(folder), shown_in(folder)
    wrong = sum(a["label"] != row["label"] for a, row in zip(answers(posts()), posts(), strict=True))
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(1 - wrong / len(posts()))
    assert found["coverage"] is not None
    assert found["suites"] is None
    assert found["fairness"]["parts"]
    assert found["label_problems"]["counts"]["likely_wrong_label"] is not None
    assert any("suites" in note for note in found["notes"])
    assert any("explanations" in note for note in found["notes"])
    assert {attrs["id"] for attrs in page.all("section")} == SECTIONS - {"comparison", "suites", "explanations"}
    assert all(html.escape(note) in page.source for note in found["notes"])


def test_labels_alone_are_measured_without_confidence(files, tmp_path, capsys):
    folder = tmp_path / "report"
    run_well(
        capsys, "--predictions", files / "labels.jsonl", "--data", files / "gold.jsonl", "--report", folder,
        "--resamples", 40,
    )  # fmt: skip
    found, page = metrics_of(folder), shown_in(folder)
    assert found["coverage"] is None
    assert found["decision_by_halves"] == []
    assert not {"ece", "brier", "review_rate"} & set(found["metrics"])
    assert found["label_problems"]["counts"]["likely_wrong_label"] is None
    assert "confidence" not in {attrs.get("id") for attrs in page.all("section")}
    assert "without review" not in re.search(r'<section id="errors">.*', page.source, re.DOTALL)[0]


@pytest.mark.parametrize("called", [label.value for label in LABELS])
def test_a_file_that_always_says_the_same_gives_a_sound_report(files, tmp_path, capsys, called):
    rows = [{"id": row["id"], "label": called} for row in posts()]
    scored, folder = write_jsonl(tmp_path / "one.jsonl", rows), tmp_path / "report"
    run_well(
        capsys, "--predictions", scored, "--data", files / "gold.jsonl", "--report", folder, "--resamples", 20,
        "--compare", "majority",
    )  # fmt: skip
    found, page = metrics_of(folder), shown_in(folder)
    assert found["metrics"]["false_accusation_rate"]["value"] == (0 if called == "neutral" else 1)
    assert not re.search(r'="[^"]*\bnan\b', page.source)
    assert "about – would be right" not in page.text


@pytest.mark.parametrize("label", [label.value for label in LABELS])
def test_posts_of_one_label_only_give_a_sound_report(tmp_path, capsys, label):
    gold = [row for row in posts() if row["label"] == label]
    folder = tmp_path / "report"
    run_well(
        capsys, "--predictions", write_jsonl(tmp_path / "scored.jsonl", answers(gold)),
        "--data", write_jsonl(tmp_path / "gold.jsonl", gold), "--report", folder, "--resamples", 20,
    )  # fmt: skip
    found, page = metrics_of(folder), shown_in(folder)
    assert found["metrics"]["support"][label] == len(gold)
    assert found["flagging"] == []
    assert not re.search(r'="[^"]*\bnan\b', page.source)
    assert "nan" not in page.text.split()


def test_a_single_right_answer_gives_a_sound_report(tmp_path, capsys):
    gold = posts()[:1]
    scored = [{**answers(gold)[0], "label": "neutral", "p_neutral": 1.0, "p_supportive": 0.0, "p_campaigning": 0.0}]
    folder = tmp_path / "report"
    run_well(
        capsys, "--predictions", write_jsonl(tmp_path / "scored.jsonl", scored),
        "--data", write_jsonl(tmp_path / "gold.jsonl", gold), "--report", folder, "--resamples", 20,
    )  # fmt: skip
    assert metrics_of(folder)["metrics"]["accuracy"]["value"] == 1
    assert shown_in(folder).all("article") == []


def test_suites_answered_by_a_scored_file_come_out_as_the_models_own(whole, files, tiny_model, tmp_path, capsys):
    units, scored_units, scored_gold = (tmp_path / name for name in ("units.csv", "units-out.csv", "gold-out.jsonl"))
    out = run_well(capsys, "--suites", files / "suites", "--write-suites", units)
    with units.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert f"{len(rows):,} texts" in out
    assert len({row["id"] for row in rows}) == len(rows)
    for source, output in ((units, scored_units), (files / "gold.jsonl", scored_gold)):
        score = ["score", source, "-o", output, "--model", tiny_model, "--quiet"]
        assert main([*map(str, score), "--context-column", "context", "--action-column", "action"]) == 0
    folder = tmp_path / "report"
    run_well(
        capsys, "--predictions", scored_gold, "--suite-predictions", scored_units, "--suites", files / "suites",
        "--data", files / "gold.jsonl", "--report", folder, "--resamples", 60,
    )  # fmt: skip
    own, found = metrics_of(whole[1]), metrics_of(folder)
    assert found["metrics"]["confusion"] == own["metrics"]["confusion"]
    assert found["suites"]["kinds"] == own["suites"]["kinds"]
    assert found["suites"]["groups"] == own["suites"]["groups"]

    for one, other in zip(found["suites"]["failures"], own["suites"]["failures"], strict=True):
        assert (one["id"], one["answers"]) == (other["id"], other["answers"])
        assert one["confidences"] == pytest.approx(other["confidences"], abs=2e-4)
    assert found["fairness"] == own["fairness"]


def test_a_suite_file_that_lacks_a_text_is_refused(files, tmp_path, capsys):
    few = write_jsonl(tmp_path / "few.jsonl", [{"id": "0", "text": "Ayo", "label": "neutral"}])
    line = error_line(
        capsys, "--predictions", files / "scored.jsonl", "--suite-predictions", few, "--suites", files / "suites",
        "--data", files / "gold.jsonl", "--parts", "suites", "--resamples", 0,
    )  # fmt: skip
    assert "--write-suites" in line


# --- texts ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own_words(tiny_model, tmp_path_factory):
    """The words of a report's own: those of a report on other posts, with every part."""
    folder = tmp_path_factory.mktemp("other")
    rows = [
        {**row, "text": "x" * (1 + number % 3), "context": None if row["context"] is None else "yy"}
        for number, row in enumerate(posts())
    ]
    gold = write_jsonl(folder / "gold.jsonl", rows)
    scored = write_jsonl(folder / "scored.jsonl", answers(posts()))
    arguments = [
        *("--model", tiny_model, "--data", gold, "--suites", small_suites(folder / "suites"), "--compare", scored),
        *("majority", "keywords", "--train", gold, "--resamples", 10, "--explained", 3, "--texts", "none"),
    ]
    assert main(["evaluate", *map(str, arguments), "--report", str(folder / "report")]) == 0
    # Which sentences a report holds hangs on the figures: all that its code can say are its own words too.
    package = Path(netral_nlp.__file__).parent / "evaluation"
    said = words_of(*(path.read_text(encoding="utf-8") for path in package.rglob("*.py")))
    return said.union(*words_in_files(folder / "report").values())


def test_without_texts_no_word_of_a_post_is_anywhere(whole, own_words, files, tmp_path, capsys):
    arguments, with_texts = whole
    run_well(capsys, *arguments, "--report", tmp_path / "none", "--texts", "none")
    told = [text for row in posts() for text in (row["text"], row["context"]) if text]
    telling = words_of(*told) - own_words
    assert len(telling) > 150
    assert {"gulai", "tunanetra", "jebol", "sobat"} <= telling
    found = words_in_files(tmp_path / "none")
    assert set(found) == {"report.html", "metrics.json", "recheck.csv"}
    for name, words in found.items():
        assert not words & telling, name
    shown = words_in_files(with_texts)
    assert len(shown["report.html"] & telling) > 100  # the same search finds them where they are shown
    assert not shown["metrics.json"] & telling
    assert not shown["recheck.csv"] & telling
    assert all(row["id"] in (tmp_path / "none" / "report.html").read_text() for row in posts()[:1])


def test_json_on_the_terminal_holds_no_word_of_a_post(whole, own_words, capsys):
    out = run_well(capsys, *whole[0], "--parts", "all", "--json")
    told = [text for row in posts() for text in (row["text"], row["context"]) if text]
    assert not words_of(out) & (words_of(*told) - own_words)


def test_masked_hides_what_leads_to_an_account(whole, tmp_path, capsys):
    arguments, with_texts = whole
    run_well(capsys, *arguments, "--report", tmp_path / "masked", "--texts", "masked", "--explained", 60)
    masked, full = shown_in(tmp_path / "masked"), shown_in(with_texts)
    assert "Pesan kaos lewat" in masked.text
    for hidden in SECRETS:
        assert hidden in full.text, hidden
        assert hidden not in masked.source, hidden
    (article,) = {
        html.unescape(re.sub(r"<[^>]+>", "", found))
        for found in re.findall(r'<p lang="id">(Pesan.*?|<mark[^>]*>Pesan.*?)</p>', masked.source, re.DOTALL)
    }
    assert article == "Pesan kaos lewat @…, [number], surel [e-mail] atau [link]"


# --- what posts must never break ------------------------------------------------------------------------------------


def test_markup_in_a_post_is_shown_and_not_run(whole):
    page = shown_in(whole[1])
    assert len(page.all("script")) == 1
    assert not [attrs for attrs in page.all("b") if attrs]
    # It is among the posts that a scored file calls otherwise, or that the model calls the same wrong label.
    assert html.escape(SCRIPT_POST) in re.sub(r"</?mark[^>]*>", "", page.source)
    assert "<script>alert" not in page.source


def test_posts_without_ids_get_one_from_their_text(tiny_model, files, tmp_path, capsys):
    gold = write_jsonl(tmp_path / "gold.jsonl", posts(ids=False))
    folder = tmp_path / "report"
    run_well(
        capsys, "--model", tiny_model, "--data", gold, "--report", folder, "--resamples", 20, "--explained", 2,
        "--suites", files / "suites",
    )  # fmt: skip
    found = re.findall(r"<code>([0-9a-f]{16})</code>", shown_in(folder).source)
    expected = {hashlib.sha256(row["text"].encode()).hexdigest()[:16] for row in posts()}
    assert found
    assert set(found) <= expected


def test_half_an_emoji_does_not_stop_a_report(tiny_model, files, tmp_path):
    rows = [{**row, "label": label} for row in posts()[:4] for label in ("neutral", "campaigning")]
    frame = pd.DataFrame([{"id": str(n), **row} for n, row in enumerate(rows)]).astype(object)
    for name, value in (("text", SURROGATE_POST), ("context", "Ombak \udcff besar"), ("id", "\ud83d")):
        frame[name] = pd.Series([f"{value} {number}" for number in range(len(frame))], dtype=object)
    options = EvaluationOptions(
        parts=["suites", "fairness", "explanations", "problems"],
        resamples=10,
        explained=3,
        suites=files / "suites",
        compare=["keywords", "majority"],
    )
    written = write_report(evaluate_model(tiny_model, frame, options), tmp_path / "report")
    assert [path.name for path in written] == ["report.html", "metrics.json", "recheck.csv"]
    assert "Kamera rusak ? pas liputan" in shown_in(tmp_path / "report").text
    metrics_of(tmp_path / "report")


def test_a_column_with_our_name_for_an_answer_is_a_slice_and_no_answer(files, tmp_path):
    gold = write_jsonl(
        tmp_path / "gold.jsonl", [{**row, "confidence": f"grup {n % 2}"} for n, row in enumerate(posts())]
    )
    options = EvaluationOptions(resamples=0, slice_columns=["confidence"])
    found = evaluate_predictions(files / "labels.jsonl", gold, options)
    assert {part.value for part in found.slices if part.column == "confidence"} == {"grup 0", "grup 1"}
    assert "confidence" not in found.errors()


# --- the folder -----------------------------------------------------------------------------------------------------


def test_a_model_folder_is_no_place_for_a_report(tiny_model, files, tmp_path, capsys):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    # The data could not be read: the folder is refused before anything is measured.
    broken = tmp_path / "broken.jsonl"
    broken.write_text("tak terbaca", encoding="utf-8")
    line = error_line(capsys, "--model", model, "--data", broken, "--report", model)
    assert "is a model folder" in line
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_a_file_is_no_place_for_a_report(files, tmp_path, capsys):
    (tmp_path / "berkas").write_text("isi", encoding="utf-8")
    line = error_line(capsys, "--data", files / "gold.jsonl", "--report", tmp_path / "berkas")
    assert "berkas: is a file" in line


def test_a_second_report_replaces_the_first_and_its_list(files, tmp_path, capsys):
    given = ["--data", files / "gold.jsonl", "--report", tmp_path / "r", "--resamples", 0]
    run_well(capsys, "--predictions", files / "scored.jsonl", *given, "--parts", "problems")
    (tmp_path / "r" / "catatan.txt").write_text("milik saya", encoding="utf-8")
    first = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "r" / "recheck.csv").is_file()
    run_well(capsys, "--predictions", files / "labels.jsonl", *given, "--parts", "none")
    second = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "labels.jsonl" in second
    assert "labels.jsonl" not in first
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["catatan.txt", "metrics.json", "report.html"]


def test_a_report_on_a_thousand_posts_stays_small(tmp_path):
    """Posts of two or three written sentences each; half of all labels are wrong, every one listed with its text."""
    written = [text for text in (*NEUTRAL, *SUPPORTIVE, *CAMPAIGNING) if text not in (LONG_POST, SCRIPT_POST)]
    gold, scored = [], []
    for number in range(1000):
        label = LABELS[number % 3].value
        parts = islice(cycle(written), number % 37, number % 37 + 2 + number % 2)
        text = f"{'. '.join(parts)} ({number})"
        gold.append({
            "id": f"tweet-{number:06}", "text": text, "label": label, "platform": ("twitter", "tiktok")[number % 2],
            "context": CONTEXTS[number % 4], "source": f"sumber {number % 9}", "year": str(2019 + number % 6),
        })  # fmt: skip
        called = LABELS[(number + number // 3 % 2) % 3].value
        chances = {f"p_{name.value}": 0.1 for name in LABELS} | {f"p_{called}": 0.8}
        scored.append({"id": gold[-1]["id"], "label": called, **chances, "needs_review": number % 7 == 0})
    found = evaluate_predictions(
        write_jsonl(tmp_path / "scored.jsonl", scored),
        write_jsonl(tmp_path / "gold.jsonl", gold),
        EvaluationOptions(parts=["fairness", "problems"], resamples=20, compare=["keywords", "majority"]),
    )
    assert len(found.errors()) > 490
    report = write_report(found, tmp_path / "report")[0]
    page = shown_in(tmp_path / "report")
    assert len(re.findall(r"<article ", re.search(r'<section id="errors">.*', page.source, re.DOTALL)[0])) > 490
    assert report.stat().st_size < 3_000_000


# --- requests that make no sense ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--prevalence", "2"], "a prevalence is a share between 0 and 1, such as 0.02; got 2"),
        (["--prevalence", "0"], "a prevalence is a share"),
        (["--prevalence", "nan"], "a prevalence is a share"),
        (["--parts", "suites,keadilan"], "unknown part 'keadilan'; the parts are suites, fairness"),
        (["--suite-predictions", "x.csv"], "--suite-predictions goes with --predictions"),
        (["--target-accused", "5"], "share within 0 to 1"),
        (["--target-passed", "-1"], "share within 0 to 1"),
        (["--slice", "kecamatan"], "kecamatan"),
        (["--compare", "tiada/model"], "tiada/model"),
        (["--compare", "tfidf"], "tfidf"),
        (["--train", "tiada.jsonl"], "tiada.jsonl"),
        (["--annotators", "budi"], "budi"),
        (["--suites", "tiada"], "tiada"),
        (["--text-column", "isi"], "isi"),
        (["--model", "tiada/model"], "tiada/model"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_line(arguments, told, tiny_model, files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    model = [] if "--model" in arguments else ["--model", tiny_model]
    line = error_line(capsys, *model, "--data", files / "gold.jsonl", "--resamples", 0, *arguments)
    assert told in line


def test_data_must_be_named_and_be_there(capsys, tmp_path):
    assert "--data is needed" in error_line(capsys)
    assert "tiada.jsonl" in error_line(capsys, "--data", tmp_path / "tiada.jsonl")


@pytest.mark.parametrize("option", [["--review-below", "0.5"], ["--target-passed", "0.1"]])
def test_a_scored_file_takes_no_policy_of_a_model(files, capsys, option):
    line = error_line(capsys, "--predictions", files / "scored.jsonl", "--data", files / "gold.jsonl", *option)
    assert "go with a model" in line


def test_thresholds_of_the_users_own_are_measured(tiny_model, files, capsys):
    given = ["--model", tiny_model, "--data", files / "gold.jsonl", "--resamples", 0, "--json"]
    strict = json.loads(run_well(capsys, *given, "--review-below", "1"))
    lenient = json.loads(run_well(capsys, *given, "--review-below", "0"))
    assert strict["metrics"]["review_rate"]["value"] == 1
    assert lenient["metrics"]["review_rate"]["value"] == 0
    assert strict["metrics"]["accuracy"] == lenient["metrics"]["accuracy"]
    assert strict["model"]["review_below"]["neutral"] == 1


def test_annotators_agreement_is_told(files, tmp_path, capsys):
    rows = [
        {**row, "siti": row["label"], "made": row["label"] if number % 5 else "neutral"}
        for number, row in enumerate(posts())
    ]
    gold = write_jsonl(tmp_path / "gold.jsonl", rows)
    out = run_well(
        capsys, "--predictions", files / "scored.jsonl", "--data", gold, "--parts", "problems", "--resamples", 20,
        "--annotators", "siti", "made", "--json", "--report", tmp_path / "r",
    )  # fmt: skip
    found = json.loads(out)["label_problems"]
    disputed = sum(row["siti"] != row["made"] for row in rows)
    assert found["counts"]["annotators_differ"] == disputed > 0
    assert "Agreement of annotators" in shown_in(tmp_path / "r").text


def test_failed_cases_are_printed_with_both_texts_where_no_report_is_written(files, tmp_path, capsys):
    units = tmp_path / "units.csv"
    run_well(capsys, "--suites", files / "suites", "--write-suites", units)
    with units.open(encoding="utf-8", newline="") as file:
        answered = [{**row, "label": "neutral"} for row in csv.DictReader(file)]
    given = [
        *("--predictions", files / "labels.jsonl", "--data", files / "gold.jsonl", "--resamples", 0),
        *("--suite-predictions", write_jsonl(tmp_path / "answers.jsonl", answered), "--suites", files / "suites"),
    ]
    out = run_well(capsys, *given, "--parts", "suites")
    assert "failed cases (4 of 4)" in out
    assert re.findall(r"^(\w\d): ", out, re.MULTILINE) == ["m3", "m4", "i1", "d1"]
    cases = {case.id: case for case in read_suites(files / "suites")}
    for name in ("m3", "m4", "i1", "d1"):
        for text, _, _ in cases[name].units:
            assert f": {text}" in out
    reported = run_well(capsys, *given, "--report", tmp_path / "report")
    assert "failed cases" not in reported
    assert len(re.findall(r"<article data-group", shown_in(tmp_path / "report").source)) == 4


def test_agreement_that_is_asked_for_is_told_without_naming_the_part(files, tmp_path, capsys):
    gold = write_jsonl(tmp_path / "gold.jsonl", [{**row, "siti": row["label"], "made": "neutral"} for row in posts()])
    given = ["--predictions", files / "labels.jsonl", "--data", gold, "--resamples", 0, "--json"]
    found = json.loads(run_well(capsys, *given, "--annotators", "siti", "made"))
    assert found["label_problems"]["counts"]["annotators_differ"] == len(
        [r for r in posts() if r["label"] != "neutral"]
    )
