"""`netral data agreement`: figures against the textbook, on every raw export, without texts on the terminal."""

import json
import re
from fractions import Fraction
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from netral_nlp.cli.main import main
from netral_nlp.corpus.annotations.consolidate import import_posts
from netral_nlp.formats import open_posts

EXPORTS = Path(__file__).parent / "exports"
LABELS = ("neutral", "supportive", "campaigning")


def run(*args):
    return main(["data", "agreement", *map(str, args)])


def figures(capsys, *args):
    assert run(*args, "--json") == 0
    return json.loads(capsys.readouterr().out)


def textbook_alpha(units, ordinal):
    """Krippendorff (2011), section C and D: from the coincidence matrix, in exact fractions."""
    units = [values for values in units if len(values) > 1]
    together = [[Fraction(0)] * 3 for _ in range(3)]
    for values in units:
        for one, other in permutations(values, 2):
            together[one][other] += Fraction(1, len(values) - 1)
    each = [sum(row) for row in together]
    total = sum(each)

    def distance(one, other):
        low, high = min(one, other), max(one, other)
        if not ordinal:
            return int(one != other)
        return (sum(each[low : high + 1]) - (each[low] + each[high]) / 2) ** 2 if low < high else 0

    cells = [(one, other) for one in range(3) for other in range(3)]
    observed = sum(together[one][other] * distance(one, other) for one, other in cells)
    expected = sum(each[one] * each[other] * distance(one, other) for one, other in cells) / (total - 1)
    return float(1 - observed / expected)


@pytest.mark.parametrize("seed", range(4))
def test_figures_match_the_textbook_on_random_answers_with_gaps(tmp_path, capsys, seed):
    random = np.random.default_rng(seed)
    posts, annotators = 150, 2 + seed
    truth = random.integers(0, 3, posts)
    codes = np.where(random.random((annotators, posts)) < 0.6, truth, random.integers(0, 3, (annotators, posts)))
    codes[random.random((annotators, posts)) < 0.3] = -1
    codes[:, -1] = 0  # everyone has an answer
    columns = {f"anotator_{n}": [None if code < 0 else LABELS[code] for code in row] for n, row in enumerate(codes)}
    path = tmp_path / "posts.csv"
    pd.DataFrame({"text": [f"Jadwal debat ke-{n}" for n in range(posts)], **columns}).to_csv(path, index=False)
    told = figures(capsys, path, "--resamples", 0)
    units = [[int(code) for code in column if code >= 0] for column in codes.T]
    assert told["posts"] == posts
    assert told["alpha_nominal"]["value"] == pytest.approx(textbook_alpha(units, False), abs=1e-9)
    assert told["alpha_ordinal"]["value"] == pytest.approx(textbook_alpha(units, True), abs=1e-9)
    for pair in told["pairs"]:
        one, other = (codes[int(pair[name].removeprefix("anotator_"))] for name in ("first", "second"))
        both = (one >= 0) & (other >= 0)
        assert pair["posts"] == both.sum()
        assert pair["kappa"] == pytest.approx(cohen_kappa_score(one[both], other[both]), abs=1e-9)
        quadratic = cohen_kappa_score(one[both], other[both], weights="quadratic", labels=[0, 1, 2])
        assert pair["quadratic_kappa"] == pytest.approx(quadratic, abs=1e-9)
    for code, label in enumerate(LABELS):
        same = sum(values.count(code) * (values.count(code) - 1) for values in units)
        pairs = sum(values.count(code) * (len(values) - 1) for values in units)
        assert told["per_label"][label]["agreement"]["value"] == pytest.approx(same / pairs, abs=1e-9)


def test_every_raw_export_of_the_project_gives_the_same_figures(tmp_path, capsys):
    told = {}
    for name in ("label_studio.json", "argilla_flat.jsonl", "doccano.zip", "label_studio.csv"):
        given = figures(capsys, EXPORTS / name, "--resamples", 50)
        told[name] = [given["alpha_nominal"], given["alpha_ordinal"], [pair["kappa"] for pair in given["pairs"]]]
    imported = import_posts(EXPORTS / "doccano.zip", ties="milder")
    pd.DataFrame(
        [row | {"ratings": json.dumps(row["ratings"])} for row in imported.rows()], columns=imported.columns()
    ).to_csv(tmp_path / "imported.csv", index=False)
    given = figures(capsys, tmp_path / "imported.csv", "--resamples", 50)
    told["imported"] = [given["alpha_nominal"], given["alpha_ordinal"], [pair["kappa"] for pair in given["pairs"]]]
    assert told["argilla_flat.jsonl"] == told["doccano.zip"] == told["imported"]
    assert sorted(map(str, told["label_studio.json"][2])) == sorted(map(str, told["doccano.zip"][2]))
    assert told["label_studio.csv"][0] == told["label_studio.json"][0] == told["doccano.zip"][0]


def test_agreed_labels_are_the_consensus(capsys):
    told = figures(capsys, EXPORTS / "label_studio.json", "--resamples", 0)
    assert told["reference"] == "consensus"
    ani = next(one for one in told["per_annotator"] if one["annotator"] == "ani@contoh.id")
    assert ani["confusion"]["counts"] == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert figures(capsys, EXPORTS / "doccano.zip", "--resamples", 0)["reference"] == "majority of the others"


def test_the_terminal_names_disputed_posts_and_shows_no_text(capsys):
    assert run(EXPORTS / "doccano.zip", "--show", 1, "--resamples", 100) == 0
    told = capsys.readouterr()
    assert "Krippendorff's alpha, nominal" in told.out
    assert "most disputed posts (1 of 2)" in told.out
    assert f"do-07  {EXPORTS}/doccano.zip/ani.jsonl    7      1.33  ani: campaigning" in told.out
    assert not any(post.text in told.out + told.err for post in import_posts(EXPORTS / "doccano.zip").all)


@pytest.mark.parametrize("ending", ["csv", "xlsx", "jsonl"])
def test_the_file_of_disputed_posts_has_all_of_them_and_can_be_decided_on(tmp_path, capsys, ending):
    disputed = tmp_path / f"disputed.{ending}"
    assert run(EXPORTS / "doccano.zip", "--show", 0, "--resamples", 0, "--disputed", disputed) == 0
    assert "most disputed posts" not in capsys.readouterr().out
    with open_posts(disputed) as reader:
        (batch,) = list(reader.batches())
        columns = batch.rows.schema.names
        assert columns == [
            *("id", "text", "adjudicated", "ani", "budi", "citra", "distance", "majority", "file", "row")
        ]
        assert batch.strings("id") == ["do-07", "do-04"]
        assert batch.strings("citra") == ["neutral", "neutral"]
        assert batch.strings("majority") == [None, "supportive"] or batch.strings("majority") == ["", "supportive"]
    again = import_posts(disputed)
    assert list(again.annotators) == ["ani", "budi", "citra"]
    assert [post.fields for post in again.all] == [{}, {}]
    assert run(EXPORTS / "doccano.zip", "--disputed", disputed) == 1
    assert "is there already" in capsys.readouterr().err


def test_an_annotator_named_as_a_column_keeps_a_column(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("text,annotator,label\na,id,netral\na,text,memihak\n", encoding="utf-8")
    assert run(path, "--disputed", tmp_path / "d.csv", "--resamples", 0) == 0
    (row,) = pd.read_csv(tmp_path / "d.csv").to_dict("records")
    assert (row["text"], row["id (annotator)"], row["text (annotator)"]) == ("a", "neutral", "supportive")


def test_no_disputed_post_writes_no_file(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text("text,ani,budi\na,netral,netral\nb,memihak,memihak\n", encoding="utf-8")
    assert run(path, "--disputed", tmp_path / "d.csv") == 0
    assert "no post is disputed" in capsys.readouterr().err
    assert not (tmp_path / "d.csv").exists()


def test_with_many_annotators_the_terminal_shows_those_that_agree_least(tmp_path, capsys):
    names = [f"anotator_{number:02d}" for number in range(14)]
    rows = [[f"post {n}", *(LABELS[(n + (k % 7 == 0 and n % 3 == 0)) % 3] for k in range(14))] for n in range(12)]
    path = tmp_path / "posts.csv"
    pd.DataFrame(rows, columns=["text", *names]).to_csv(path, index=False)
    assert run(path, "--resamples", 0) == 0
    told = capsys.readouterr().out
    assert "the 12 of 91 pairs and 12 of 14 annotators that agree least" in told
    assert told.count("majority of the others \\ ") == 12
    assert "majority of the others \\ anotator_07" in told
    assert len(figures(capsys, path, "--resamples", 0)["pairs"]) == 91


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,label\na,netral\n", "at least two annotators and only '\\(unnamed\\)' was found; .*--annotators"),
        ("text,label\na,skip\n", "at least two annotators and nobody was found"),
        ("text,ani,budi\na,netral,\nb,,memihak\n", "no post has labels from two annotators"),
    ],
)
def test_what_cannot_be_measured_is_said(tmp_path, capsys, content, said):
    path = tmp_path / "posts.csv"
    path.write_text(content, encoding="utf-8")
    assert run(path) == 1
    assert re.search(said, capsys.readouterr().err)


def test_outputs_are_never_inputs(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text("text,ani,budi\na,netral,memihak\n", encoding="utf-8")
    assert run(path, "--disputed", path, "--overwrite") == 1
    assert "is one of the files to read" in capsys.readouterr().err


def test_many_annotators_are_measured_without_their_pairs(tmp_path, capsys):
    random = np.random.default_rng(3)
    path = tmp_path / "crowd.csv"
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(3000), 3),
            "text": [f"Kabar TPS nomor {number}" for number in np.repeat(np.arange(3000), 3)],
            "annotator": [f"w{number}" for number in random.integers(0, 2000, 9000)],
            "label": random.choice(LABELS, 9000),
        }
    )
    frame.to_csv(path, index=False)

    assert run(path, "--resamples", 10) == 0

    out = capsys.readouterr().out
    assert "pairs are measured with up to 300 annotators" in out
    told = figures(capsys, path, "--resamples", 0)
    assert told["pairs"] == []
    assert len(told["annotators"]) > 1900
    answers = frame.drop_duplicates(["id", "annotator"], keep="last").groupby("id").label
    units = [[LABELS.index(value) for value in values] for _, values in answers]
    assert told["alpha_nominal"]["value"] == pytest.approx(textbook_alpha(units, ordinal=False), abs=1e-9)


def test_more_answers_than_memory_holds_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("netral_nlp.cli.data.agreement._MOST_CELLS", 10)
    assert run(EXPORTS / "label_studio.json") == 1
    assert "measure parts of the project, one after another" in capsys.readouterr().err


def test_annotators_that_are_called_1_and_2_are_two(tmp_path, capsys):
    path = tmp_path / "answers.csv"
    answers = "p1,Jadwal debat,1,netral\np1,Jadwal debat,2,netral\np2,Gas Pak,1,memihak\np2,Gas Pak,2,netral\n"
    path.write_text(f"id,text,annotator,label\n{answers}", encoding="utf-8")
    told = figures(capsys, path, "--resamples", 0)
    assert (told["annotators"], told["shared_posts"]) == (["1", "2"], 2)


def test_one_annotator_can_be_the_adjudicator(tmp_path, capsys):
    path = tmp_path / "posts.csv"
    path.write_text(
        "text,ani,budi,citra\na,netral,memihak,memihak\nb,netral,netral,netral\nc,memihak,memihak,berkampanye\n",
        encoding="utf-8",
    )
    assert figures(capsys, path, "--resamples", 0)["annotators"] == ["ani", "budi", "citra"]
    told = figures(capsys, path, "--resamples", 0, "--adjudicator", "citra")
    assert (told["annotators"], told["reference"]) == (["ani", "budi"], "consensus")
    assert run(path, "--adjudicator", "dewi") == 1
    assert "no answers of the adjudicator 'dewi'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("equal", "said"),
    [(100, "only one label"), (48, "is at least 0.8"), (44, "tentative conclusions only"), (36, "cannot be relied on")],
)
def test_the_last_lines_say_what_the_figures_come_to(tmp_path, capsys, equal, said):
    rows = [f"post {n},{'netral' if n % 2 or equal > 50 else 'memihak'}" for n in range(50)]
    rows = [f"{row},{row.split(',')[1] if n < equal else 'berkampanye'}" for n, row in enumerate(rows)]
    path = tmp_path / "posts.csv"
    path.write_text("\n".join(["text,ani,budi", *rows]), encoding="utf-8")
    assert run(path, "--resamples", 0) == 0
    told = capsys.readouterr()
    assert said in told.out
    assert "severity shift: above 0 is a stricter eye" in told.out
    assert ("Krippendorff's convention" in told.out) == (equal < 100)
    assert (f"--disputed FILE writes the {50 - equal} disputed posts" in told.out) == (equal < 50)
    assert "only 50 posts have two labels or more" in told.err
    path.write_text("\n".join(["text,ani,budi", *rows, *(f"lagi {row}" for row in rows)]), encoding="utf-8")
    assert run(path, "--resamples", 0, "--disputed", tmp_path / "d.csv") == 0
    told = capsys.readouterr()
    assert "two labels or more: with fewer" not in told.err
    assert "--disputed FILE" not in told.out
