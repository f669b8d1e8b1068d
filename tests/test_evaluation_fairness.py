"""A model that treats a name worse is caught; one that only errs at random mostly is not."""

import hashlib
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from netral_nlp.errors import InputError
from netral_nlp.evaluation.fairness import (
    ACCUSED,
    LEAST_POSTS,
    MISSED,
    Template,
    measure_fairness,
    read_templates,
    template_units,
)
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.evaluation.rates import difference, rate
from netral_nlp.evaluation.suite_data import Name, read_names
from netral_nlp.labels import LABELS, Label

PARTIES = ("PKS", "Golkar", "NasDem", "Gerindra", "PDI Perjuangan", "Partai Demokrat")
SENTENCES = (
    "KPU terima berkas dari {party} sore tadi",
    "Ketua DPD {party} hadir di rapat pleno kecamatan",
    "Survei terbaru memuat angka {party} dan partai lain",
    "Ada yang tahu alamat kantor {party} di kota ini?",
    "Bawaslu panggil pengurus {party} soal baliho",
)
NOBODY = Predictions(np.zeros(0, dtype=np.int64), None, None)


def frame(texts, codes, contexts=None):
    columns = {"text": texts, "label": [LABELS[code] for code in codes]}
    if contexts is not None:
        columns["context"] = contexts
    return pd.DataFrame({name: pd.Series(list(values), dtype=object) for name, values in columns.items()})


def said(codes):
    return Predictions(np.asarray(codes, dtype=np.int64), None, None)


def party_posts(each=40):
    """Neutral and supportive posts, equally many about each party, and some about nobody."""
    texts, codes = [], []
    for party in PARTIES:
        for number in range(each):
            texts.append(f"{SENTENCES[number % len(SENTENCES)].format(party=party)}, laporan {number}")
            codes.append(0)
            texts.append(f"Bangga dengan {party}, kerja nyata di dapil {number}")
            codes.append(1)
    for number in range(60):
        texts.append(f"Harga beras naik lagi di pasar {number}")
        codes.append(0)
    return texts, np.array(codes)


def part(fairness, names, mistake, on="real posts"):
    return next(p for p in fairness.parts if (p.names, p.mistake, p.on) == (names, mistake, on))


def chance_of(text, seed):
    """A number in [0, 1) that looks random but depends on the text alone."""
    return int(hashlib.sha256(f"{seed} {text}".encode()).hexdigest()[:8], 16) / 16**8


def noisy(seed, share=0.12, accused=None, more=0.0):
    """An answerer that errs by lot, and accuses texts that hold a word more often."""
    answers = {unit[0]: template.label for template in read_templates() for unit in template_units([template], NAMES)}

    def answer(units):
        codes = []
        for text, _, _ in units:
            right = answers[text].severity
            errs = share + (more if accused and accused in text and right == 0 else 0.0)
            wrong = chance_of(text, seed) < errs
            codes.append((0 if right else 1) if wrong else right)
        return said(codes)

    return answer


NAMES = read_names()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("victim", ["PKS", "Partai Demokrat"])
def test_a_model_that_accuses_posts_about_one_party_more_is_caught_on_real_posts(seed, victim):
    texts, gold = party_posts()
    rng = np.random.default_rng(seed)
    about = np.array([victim in text for text in texts])
    wrong = (gold == 0) & (rng.random(len(gold)) < np.where(about, 0.40, 0.05))
    found = measure_fairness(frame(texts, gold), said(np.where(wrong, 1, gold)), NAMES, seed=seed)
    accused = part(found, "party", ACCUSED)
    assert accused.gap.verdict == "clear"
    assert accused.gap.worst == accused.groups[0].group == victim
    assert accused.gap.gap.low > 0
    assert accused.gap.gap.value > 2 * accused.gap.expected
    assert found.unequal[0] == accused
    assert part(found, "party", MISSED).gap.verdict == "none"


@pytest.mark.parametrize("seed", range(2))
def test_a_model_that_overlooks_posts_about_one_party_is_caught_as_well(seed):
    texts, gold = party_posts()
    rng = np.random.default_rng(seed)
    about = np.array(["Golkar" in text for text in texts])
    wrong = (gold == 1) & (rng.random(len(gold)) < np.where(about, 0.45, 0.08))
    found = measure_fairness(frame(texts, gold), said(np.where(wrong, 0, gold)), NAMES)
    missed = part(found, "party", MISSED)
    assert (missed.gap.worst, missed.gap.verdict) == ("Golkar", "clear")
    assert part(found, "party", ACCUSED).gap.verdict == "none"


def test_a_fair_but_noisy_model_is_mostly_not_accused_on_real_posts():
    texts, gold = party_posts()
    posts = frame(texts, gold)
    verdicts = Counter()
    for seed in range(16):
        rng = np.random.default_rng(seed)
        called = np.where(rng.random(len(gold)) < 0.15, 1 - gold, gold)
        found = measure_fairness(posts, said(called), NAMES, seed=seed)
        verdicts.update(part(found, "party", mistake).gap.verdict for mistake in (ACCUSED, MISSED))
    assert verdicts["clear"] <= 2
    assert verdicts["none"] >= 27


@pytest.mark.parametrize(
    ("names", "slot", "victim"), [("party", "party", "PKS"), ("candidate", "candidate", "Joko Widodo")]
)
def test_a_model_that_accuses_one_name_more_is_caught_on_templates(names, slot, victim):
    templates = [template for template in read_templates() if template.slot == slot]
    answer = noisy(1, share=0.04, accused=victim, more=0.6)
    found = measure_fairness(frame([], []), NOBODY, NAMES, templates=templates, answer=answer)
    accused = part(found, names, ACCUSED, "templates")
    assert (accused.gap.verdict, accused.gap.worst, accused.groups[0].group) == ("clear", victim, victim)
    assert accused.gap.gap.low > 0
    assert part(found, names, MISSED, "templates").gap.verdict == "none"
    assert found.unequal[0] == accused
    assert found.flips[slot].value > 0.3


@pytest.mark.parametrize(("kind", "group"), [("religion", "Hindu"), ("gender", "female")])
def test_a_model_that_accuses_persons_of_one_group_more_is_caught(kind, group):
    own = {name.name for name in (*NAMES.persons, *NAMES.genders) if name.group == group}
    templates = [template for template in read_templates() if template.slot == "person"]
    fair = noisy(2, share=0.04)

    def answer(units):
        codes = fair(units).labels.copy()
        for row, (text, _, _) in enumerate(units):
            if any(name in text for name in own) and chance_of(text, 9) < 0.3:
                codes[row] = max(codes[row], 1)
        return said(codes)

    found = measure_fairness(frame([], []), NOBODY, NAMES, templates=templates, answer=answer)
    accused = part(found, kind, ACCUSED, "templates")
    assert (accused.gap.verdict, accused.gap.worst) == ("clear", group)
    other = part(found, "gender" if kind == "religion" else "religion", ACCUSED, "templates")
    assert other.gap.verdict != "clear"


def test_a_fair_but_noisy_model_is_mostly_not_accused_on_templates():
    templates = read_templates()
    verdicts = Counter()
    for seed in range(4):
        found = measure_fairness(frame([], []), NOBODY, NAMES, templates=templates, answer=noisy(seed), seed=seed)
        verdicts.update(p.gap.verdict for p in found.parts if p.on == "templates")
    assert sum(verdicts.values()) == 4 * 12  # four slots, and religion and gender of persons; two mistakes
    assert verdicts["clear"] <= 2
    assert verdicts["none"] >= 42


def test_templates_are_counted_as_by_hand():
    names = replace(NAMES, parties=tuple(Name(party, party) for party in ("PKS", "Golkar", "NasDem")))
    templates = [
        Template("t1", "party", "Jadwal {party}", Label.NEUTRAL),
        Template("t2", "party", "Berkas {party}", Label.NEUTRAL),
        Template("t3", "party", "Bangga {party}", Label.SUPPORTIVE),
    ]
    answers = {"Jadwal PKS": 1, "Berkas PKS": 2, "Berkas Golkar": 1, "Bangga PKS": 1, "Bangga Golkar": 0,
               "Bangga NasDem": 2}  # fmt: skip

    def answer(units):
        return said([answers.get(text, 0) for text, _, _ in units])

    found = measure_fairness(frame([], []), NOBODY, names, templates=templates, answer=answer)
    accused = part(found, "party", ACCUSED, "templates")
    assert [(g.group, g.posts, g.mistakes) for g in accused.groups] == [
        ("PKS", 2, 2), ("Golkar", 2, 1), ("NasDem", 2, 0)
    ]  # fmt: skip
    assert (accused.gap.worst, accused.gap.best, accused.gap.gap.value) == ("PKS", "NasDem", 1.0)
    missed = part(found, "party", MISSED, "templates")
    assert [(g.group, g.mistakes) for g in missed.groups] == [("Golkar", 1), ("NasDem", 0), ("PKS", 0)]
    assert found.flips == {"party": rate(3, 3)}


def test_real_posts_are_counted_as_by_hand():
    texts = ["PKS dan Golkar rapat"] * 20 + ["Golkar gelar rapat"] * 20 + ["NasDem rapat"] * 3 + ["cuaca cerah"] * 5
    called = [1] * 4 + [0] * 16 + [1] * 1 + [0] * 19 + [1] * 3 + [2] * 5
    found = measure_fairness(frame(texts, [0] * 48), said(called), NAMES)
    accused = part(found, "party", ACCUSED)
    assert [(g.group, g.posts, g.mistakes) for g in accused.groups] == [
        ("NasDem", 3, 3), ("PKS", 20, 4), ("Golkar", 40, 5)
    ]  # fmt: skip
    # Three posts are told, and have no say in the gap.
    assert LEAST_POSTS == 20
    assert (accused.gap.worst, accused.gap.best) == ("PKS", "Golkar")
    assert accused.gap.gap == difference(4, 20, 5, 40)
    assert part(found, "party", MISSED).groups == ()
    assert part(found, "party", MISSED).gap is None


def test_a_name_in_the_context_counts():
    posts = frame(["mantap pak"] * 20 + ["hadir"] * 20, [0] * 40, ["Kunjungan Ganjar di desa"] * 20 + [None] * 20)
    found = measure_fairness(posts, said([1] * 2 + [0] * 38), NAMES)
    (group,) = part(found, "candidate", ACCUSED).groups
    assert (group.group, group.posts, group.mistakes) == ("Ganjar Pranowo", 20, 2)


def test_equal_rates_are_no_gap():
    texts, gold = party_posts(each=25)
    found = measure_fairness(frame(texts, gold), said(gold), NAMES)
    gap = part(found, "party", ACCUSED).gap
    assert gap.gap.value == 0
    assert gap.worst != gap.best
    assert gap.p_value == 1.0
    assert gap.verdict == "none"
    assert found.unequal == ()


def test_same_seed_same_result_and_it_writes_as_json():
    texts, gold = party_posts(each=25)
    called = np.where(np.random.default_rng(0).random(len(gold)) < 0.2, 1 - gold, gold)
    templates = [template for template in read_templates() if template.slot == "number"]
    first, again, other = (
        measure_fairness(
            frame(texts, gold), said(called), NAMES, templates=templates, answer=noisy(1), seed=seed
        ).to_dict()
        for seed in (0, 0, 1)
    )
    assert first == again != other
    document = json.loads(json.dumps(first, allow_nan=False))
    assert {entry["on"] for entry in document["parts"]} == {"real posts", "templates"}
    assert "Bangga dengan" not in json.dumps(document)


def test_shipped_templates_hold_their_slot_and_have_all_slots_and_both_mistakes():
    templates = read_templates()
    seen = {(template.slot, template.label is Label.NEUTRAL) for template in templates}
    slots = ("candidate", "party", "region", "person", "number")
    assert seen == {(slot, neutral) for slot in slots for neutral in (True, False)}
    assert min(Counter((t.slot, t.label is Label.NEUTRAL) for t in templates).values()) >= 8
    assert all(len({text for text, _, _ in template_units([t], NAMES)}) >= 4 for t in templates)
    assert not any("{" in text for text, _, _ in template_units(templates, NAMES))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "b", "slot": "partai", "text": "Jadwal {partai}", "label": "neutral"}, "hold its slot in braces"),
        ({"id": "b", "slot": "party", "text": "Jadwal partai", "label": "neutral"}, "hold its slot in braces"),
        ({"id": "b", "slot": "party", "text": "Jadwal {party}", "label": "baik"}, "unknown label"),
        ({"id": "a", "slot": "party", "text": "Jadwal {party}", "label": "neutral"}, "the id 'a' is there twice"),
    ],
)
def test_a_template_that_cannot_be_used_is_named_by_file_and_row(tmp_path, row, message):
    sound = {"id": "a", "slot": "number", "text": "Debat nomor {number}", "label": "neutral"}
    lines = [json.dumps(item) for item in (sound, row)]
    (tmp_path / "templates.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_templates(tmp_path)
    assert "templates.jsonl: row 2" in str(caught.value)
