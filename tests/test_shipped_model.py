"""The model that ships: it opens everywhere it should, agrees with itself, and its card says what was measured."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netral_nlp import LABELS, Label, NeutralityClassifier
from netral_nlp.evaluation.evaluate import evaluate_model
from netral_nlp.evaluation.metrics import Interval
from netral_nlp.evaluation.options import EvaluationOptions
from netral_nlp.formats import open_posts
from netral_nlp.inference.folder import ModelFolder

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "models" / "netral-mini"

CLEAR = {
    "KPU menetapkan jadwal pemungutan suara Pilkada pada 27 November.": Label.NEUTRAL,
    "ASN diimbau menjaga netralitas, jangan like unggahan calon mana pun.": Label.NEUTRAL,
    "Jangan lupa 27 November coblos nomor 1 ya, ajak keluarga dan tetangga!": Label.CAMPAIGNING,
    "Ayo dukung dan menangkan paslon nomor 2, sebarkan ke semua grup!": Label.CAMPAIGNING,
    "Fix hati saya di paslon 2, bangga punya calon seperti beliau": Label.SUPPORTIVE,
}


@pytest.fixture(scope="module")
def classifier():
    return NeutralityClassifier.from_pretrained()


@pytest.fixture(scope="module")
def samples():
    with open_posts(ROOT / "data/samples/posts.csv") as reader:
        return [text for batch in reader.batches() for text in batch.strings("text") if text]


def test_clear_posts_get_their_label(classifier):
    answers = classifier.predict(list(CLEAR))
    assert {text: answer.label for text, answer in zip(CLEAR, answers, strict=True)} == CLEAR


def test_a_cheer_takes_a_side_only_under_a_post_that_does(classifier):
    cheer = ["Gas 🔥", "Gas 🔥"]
    posts = ["Ayo coblos nomor 2, demi desa kita!", "Resep sambal matah ala ibu, pedasnya nampol"]
    under_campaign, under_recipe = classifier.predict(cheer, contexts=posts)
    assert under_campaign.label is not Label.NEUTRAL
    assert under_recipe.label is Label.NEUTRAL


def test_hands_and_numbers_are_known_to_the_tokenizer():
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    for sign in ["0", "1", "2", "#", "!", "☝️", "✌️", "👍🏽", "🫰", "🤟", "👊🏿", "🇮🇩", "2️⃣"]:
        assert "<unk>" not in tokenizer.encode(sign, add_special_tokens=False).tokens, sign


def test_plain_transformers_agrees_before_the_temperature(samples):
    from transformers import pipeline

    ours = NeutralityClassifier.from_pretrained(MODEL, backend="torch", precision="fp32")
    texts = [text for text in samples if len(text) < 200]
    logits = ours.logits(texts).astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    plain = pipeline("text-classification", model=str(MODEL), dtype="float32", top_k=None)
    for row, answer in zip(expected, plain([ours.normaliser(text) for text in texts]), strict=True):
        scores = {entry["label"]: entry["score"] for entry in answer}
        np.testing.assert_allclose([scores[label.value] for label in LABELS], row, atol=1e-3)


def test_int8_and_full_weights_agree(classifier, samples):
    full = NeutralityClassifier.from_pretrained(backend="torch", precision="fp32")
    same = classifier.score(samples).label_ids == full.score(samples).label_ids
    assert same.mean() >= 0.97


def test_a_post_has_the_same_probabilities_alone_and_in_any_batch(classifier, samples):
    together = classifier.score(samples).probabilities
    alone = np.concatenate([classifier.score([text]).probabilities for text in samples[:20]])
    np.testing.assert_allclose(alone, together[:20], atol=1e-5)


def test_the_card_states_what_metrics_json_holds():
    metrics = json.loads((MODEL / "metrics.json").read_text(encoding="utf-8"))
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    for found in metrics["sets"].values():
        assert f"{found['backends'][metrics['default_backend']]['macro_f1']['value']:.3f}" in card


def test_figures_on_the_shipped_comments_come_out_again(tmp_path):
    from netral_nlp.corpus.comments import pair_comments

    metrics = json.loads((MODEL / "metrics.json").read_text(encoding="utf-8"))
    stated = metrics["sets"]["comments_in_context"]["backends"]["onnx"]["macro_f1"]["value"]
    _, dev = pair_comments(ROOT / "data/comments.jsonl", ROOT / "data/contexts.jsonl")
    data = tmp_path / "dev.jsonl"
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in dev), encoding="utf-8")
    again = evaluate_model(MODEL, data, EvaluationOptions(resamples=0)).metrics["macro_f1"].value
    assert again == pytest.approx(stated, abs=0.01)


def test_everything_in_models_is_small_enough():
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 100e6
    assert sum(path.stat().st_size for path in (ROOT / "models").rglob("*") if path.is_file()) < 120e6


def test_nothing_shipped_names_a_machine():
    for path in MODEL.iterdir():
        if path.suffix in (".json", ".yaml", ".md") and path.name != "tokenizer.json":
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"(?:^|[\s:(])/[a-z]+/", text), path.name


def test_the_wheel_carries_model_and_suites_and_scores_from_anywhere(tmp_path):
    """What a plain install unpacks is put on the path of a fresh interpreter, far from the source tree."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import netral_nlp; from netral_nlp.cli.main import main; "
        f"assert netral_nlp.__file__.startswith({str(site)!r}), netral_nlp.__file__; "
        "from netral_nlp.evaluation.suites import read_suites; assert len(read_suites()) >= 800; "
        "raise SystemExit(main(['predict', '--json', 'Ayo coblos nomor 2!']))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["label"] == "campaigning"


def test_scoring_needs_no_torch(tmp_path):
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = sys.modules['sklearn'] = None; "
        "from netral_nlp.cli.main import main; "
        f"raise SystemExit(main(['score', {str(ROOT / 'data/samples/posts.csv')!r}, '-o', 'out.csv', '--quiet']))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    with open_posts(tmp_path / "out.csv") as reader:
        assert sum(batch.rows.num_rows for batch in reader.batches()) == 72


def test_a_report_needs_no_extra_and_says_what_it_leaves_out(tmp_path):
    gold = tmp_path / "gold.csv"
    gold.write_text(
        "text,label\nKPU tetapkan tiga paslon hari ini.,neutral\nAyo coblos nomor 2 demi desa kita!,campaigning\n"
        "Bangga punya calon seperti beliau.,supportive\nKapan debat ketiga disiarkan?,neutral\n",
        encoding="utf-8",
    )
    code = (
        "import sys; [sys.modules.__setitem__(name, None) for name in "
        "('torch', 'transformers', 'sklearn', 'scipy', 'cleanlab', 'krippendorff', 'matplotlib', 'datasets')]; "
        "from netral_nlp.cli.main import main; "
        "raise SystemExit(main(['evaluate', '--data', 'gold.csv', '--report', 'report', '--parts', 'suites,problems']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert "note: likely wrong labels were not looked for" in done.stdout
    report = (tmp_path / "report/report.html").read_text(encoding="utf-8")
    assert 'id="suites"' in report
    assert json.loads((tmp_path / "report/metrics.json").read_text(encoding="utf-8"))["suites"]["cases"] >= 800


def test_the_model_card_states_the_figures_of_metrics_json():
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    metrics = json.loads((MODEL / "metrics.json").read_text(encoding="utf-8"))
    for name, found in metrics["sets"].items():
        figures = found["backends"][metrics["default_backend"]]
        macro, review = figures["macro_f1"], figures["review_rate"]
        row = next(line for line in card.splitlines() if line.startswith(f"| {name} |"))
        assert f"{macro['value']:.3f} [{macro['low']:.3f}, {macro['high']:.3f}]" in row
        assert f"{review['value']:.1%}".replace("%", " %") in row


def test_the_report_in_docs_is_of_this_model_and_these_suites():
    from netral_nlp.evaluation.evaluate import suites_sha256

    report = json.loads((ROOT / "docs/report/metrics.json").read_text(encoding="utf-8"))
    assert report["model"]["fingerprint"] == ModelFolder.open(MODEL).fingerprint()
    assert report["suites_sha256"] == suites_sha256(None)
    card = (MODEL / "README.md").read_text(encoding="utf-8")
    for kind in report["suites"]["kinds"]:
        passed = Interval(**kind["passed"]).format(percent=True)
        assert f"{passed} of {kind['cases']}" in card
