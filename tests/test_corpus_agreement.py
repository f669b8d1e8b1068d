"""Agreement of annotators: against formulas written out here, and on what exports really hold."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netral_nlp.corpus.agreement import _alphas, agreement, label_column, majority
from netral_nlp.errors import InputError, MissingExtraError
from netral_nlp.labels import LABELS, Label

N, S, C = Label.NEUTRAL, Label.SUPPORTIVE, Label.CAMPAIGNING


def random_ratings(seed: int, posts: int = 60, annotators: int = 4, gaps: float = 0.3) -> dict[str, list[Label | None]]:
    chance = np.random.default_rng(seed)
    truth = chance.choice(3, size=posts, p=[0.5, 0.3, 0.2])
    ratings: dict[str, list[Label | None]] = {}
    for number in range(annotators):
        said = np.where(chance.random(posts) < 0.7, truth, chance.integers(0, 3, size=posts))
        blank = chance.random(posts) < gaps
        ratings[f"anotator {number + 1}"] = [
            None if gap else LABELS[code] for code, gap in zip(said.tolist(), blank.tolist(), strict=True)
        ]
    return ratings


def by_post(ratings: dict[str, list[Label | None]]) -> list[list[int]]:
    """The severities given to each post, where there are at least two."""
    units = [[label.severity for label in row if label is not None] for row in zip(*ratings.values(), strict=True)]
    return [unit for unit in units if len(unit) >= 2]


def direct_alpha(units: list[list[int]], *, ordinal: bool) -> float:
    """Krippendorff's alpha from the coincidence matrix, as in his paper of 2011, step by step."""
    coincidences = np.zeros((3, 3))
    for unit in units:
        for one, other in permutations(unit, 2):
            coincidences[one, other] += 1 / (len(unit) - 1)
    totals = [float(value) for value in coincidences.sum(axis=1)]
    count = sum(totals)

    def distance(one: int, other: int) -> float:
        if not ordinal:
            return float(one != other)
        low, high = min(one, other), max(one, other)
        return float(sum(totals[low : high + 1]) - (totals[low] + totals[high]) / 2) ** 2

    observed = sum(coincidences[c, k] * distance(c, k) for c in range(3) for k in range(3))
    expected = sum(totals[c] * totals[k] * distance(c, k) for c in range(3) for k in range(3) if c != k)
    return float(1 - (count - 1) * observed / expected)


def direct_kappa(one: list[int], other: list[int], *, quadratic: bool) -> float:
    table = np.zeros((3, 3))
    for a, b in zip(one, other, strict=True):
        table[a, b] += 1 / len(one)
    weights = np.array([[(a - b) ** 2 if quadratic else a != b for b in range(3)] for a in range(3)], dtype=float)
    by_chance = np.outer(table.sum(axis=1), table.sum(axis=0))
    return float(1 - (weights * table).sum() / (weights * by_chance).sum())


@pytest.mark.parametrize("seed", range(12))
def test_figures_equal_the_formulas_on_random_annotations_with_gaps(seed: int) -> None:
    ratings = random_ratings(seed, annotators=2 + seed % 4, gaps=0.1 * (seed % 5))
    units = by_post(ratings)
    found = agreement(ratings, resamples=0)
    assert found.alpha_nominal.value == pytest.approx(direct_alpha(units, ordinal=False), abs=1e-9)
    assert found.alpha_ordinal.value == pytest.approx(direct_alpha(units, ordinal=True), abs=1e-9)

    pairs = [pair for unit in units for pair in combinations(unit, 2)]
    assert found.percent.value == pytest.approx(sum(a == b for a, b in pairs) / len(pairs), abs=1e-9)
    assert found.unanimous.value == pytest.approx(sum(len(set(unit)) == 1 for unit in units) / len(units), abs=1e-9)
    assert (found.shared_posts, found.ratings) == (len(units), sum(map(len, units)))
    for label in LABELS:
        code, one = label.severity, found.per_label[label]
        meeting = [other for unit in units for own, other in permutations(unit, 2) if own == code]
        assert one.agreement.value == pytest.approx(sum(other == code for other in meeting) / len(meeting), abs=1e-9)
        binary = [[int(value == code) for value in unit] for unit in units]
        assert one.alpha == pytest.approx(direct_alpha(binary, ordinal=False), abs=1e-9)
        assert one.ratings == sum(unit.count(code) for unit in units)
    for pair in found.pairs:
        both = [
            (a.severity, b.severity)
            for a, b in zip(ratings[pair.first], ratings[pair.second], strict=True)
            if a is not None and b is not None
        ]
        one, other = [a for a, _ in both], [b for _, b in both]
        assert pair.posts == len(both)
        assert pair.agreement == pytest.approx(sum(a == b for a, b in both) / len(both), abs=1e-9)
        assert pair.kappa == pytest.approx(direct_kappa(one, other, quadratic=False), abs=1e-9)
        assert pair.quadratic_kappa == pytest.approx(direct_kappa(one, other, quadratic=True), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_each_annotator_is_compared_with_the_majority_of_the_others(seed: int) -> None:
    ratings = random_ratings(seed, annotators=4)
    found = agreement(ratings, resamples=0)
    for one in found.per_annotator:
        confusion = np.zeros((3, 3), dtype=int)
        unclear = shift = 0
        others = [values for name, values in ratings.items() if name != one.annotator]
        for own, rest in zip(ratings[one.annotator], zip(*others, strict=True), strict=True):
            if own is None:
                continue
            first = Counter(label for label in rest if label is not None).most_common()
            if not first or (len(first) > 1 and first[0][1] == first[1][1]):
                unclear += 1
                continue
            confusion[first[0][0].severity, own.severity] += 1
            shift += own.severity - first[0][0].severity
        assert one.confusion.tolist() == confusion.tolist()
        assert (one.unclear, one.posts) == (unclear, confusion.sum())
        assert one.ratings == one.posts + one.unclear
        assert one.agreement == pytest.approx(np.trace(confusion) / confusion.sum())
        assert one.severity_shift == pytest.approx(shift / confusion.sum())


def test_a_consensus_takes_the_place_of_the_majority() -> None:
    ratings = {"Ani": [N, S, C, N], "Budi": [N, N, S, None], "Citra": [S, S, C, C]}
    found = agreement(ratings, consensus=["netral", "memihak", None, "berkampanye"], resamples=0)
    assert found.reference == "consensus"
    ani, budi, citra = found.per_annotator
    assert ani.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert (ani.posts, ani.unclear, ani.agreement) == (3, 1, pytest.approx(2 / 3))
    assert ani.severity_shift == pytest.approx(-2 / 3)
    assert (budi.posts, budi.unclear, budi.severity_shift) == (2, 1, -0.5)
    assert (citra.agreement, citra.severity_shift) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    with pytest.raises(InputError, match="the consensus has 2 rows but there are 4 posts"):
        agreement(ratings, consensus=[N, S])


def test_intervals_come_from_resampled_posts() -> None:
    ratings = random_ratings(5, posts=80)
    units = by_post(ratings)
    found = agreement(ratings, resamples=2000, seed=4)
    chance = np.random.default_rng(99)
    drawn = [[units[place] for place in chance.integers(len(units), size=len(units))] for _ in range(1200)]
    for interval, ordinal in ((found.alpha_nominal, False), (found.alpha_ordinal, True)):
        alphas = [direct_alpha(sample, ordinal=ordinal) for sample in drawn]
        low, high = np.quantile(alphas, [0.025, 0.975])
        assert interval.low < interval.value < interval.high
        assert interval.low == pytest.approx(low, abs=0.025)
        assert interval.high == pytest.approx(high, abs=0.025)
    assert found.to_dict() == agreement(ratings, resamples=2000, seed=4).to_dict()
    other = agreement(ratings, resamples=2000, seed=5)
    assert other.alpha_nominal.value == found.alpha_nominal.value
    assert other.alpha_nominal.low != found.alpha_nominal.low
    wide = agreement(ratings, resamples=2000, seed=4, confidence=0.99)
    assert wide.percent.low < found.percent.low < found.percent.high < wide.percent.high


@pytest.mark.parametrize("ordinal", [False, True])
def test_the_resampled_alpha_is_krippendorffs_on_the_posts_as_they_are(ordinal: bool) -> None:
    units = by_post(random_ratings(8))
    coincidences = np.zeros((1, 3, 3))
    for unit in units:
        for one, other in permutations(unit, 2):
            coincidences[0, one, other] += 1 / (len(unit) - 1)
    assert _alphas(coincidences, ordinal=ordinal)[0] == pytest.approx(direct_alpha(units, ordinal=ordinal), abs=1e-12)


def test_perfect_agreement_is_one_and_a_single_label_says_nothing() -> None:
    same = [N, S, C, N, S]
    found = agreement({"Ani": same, "Budi": same}, resamples=50)
    assert found.alpha_nominal.value == found.alpha_ordinal.value == found.percent.value == 1
    assert found.disputed == ()
    only = agreement({"Ani": [N] * 5, "Budi": [N] * 5}, resamples=50)
    assert math.isnan(only.alpha_nominal.value)
    assert math.isnan(only.pairs[0].kappa)
    assert only.percent.value == 1
    assert only.to_dict()["alpha_nominal"] == {"value": None, "low": None, "high": None}
    json.dumps(only.to_dict(), allow_nan=False)
    assert "–" in only.table()


def test_the_most_disputed_posts_come_first() -> None:
    ratings = {
        "Ani": [N, N, S, N, None],
        "Budi": [N, C, N, C, C],
        "Citra": [N, N, S, None, None],
    }
    found = agreement(ratings, resamples=0)
    assert [post.row for post in found.disputed] == [3, 1, 2]
    assert [post.distance for post in found.disputed] == pytest.approx([2, 4 / 3, 2 / 3])
    assert [post.majority for post in found.disputed] == [None, N, S]
    assert found.disputed[0].labels == {"Ani": N, "Budi": C}
    assert found.disputed[0].to_dict()["row"] == 4
    cut = agreement(ratings, resamples=0, disputed=1)
    assert (len(cut.disputed), cut.disputed_posts) == (1, 3)
    assert "1 of 3" in cut.table()


def test_every_way_to_write_a_label_and_a_gap_is_read() -> None:
    frame = pd.DataFrame(
        {
            "ani": ["netral", "Memihak ", "BERKAMPANYE", None, "skip", ""],
            "budi": [0.0, 1.0, 2.0, math.nan, 1.0, 0.0],
            "citra": pd.array([0, 1, 2, pd.NA, 1, None], dtype="Int64"),
        }
    )
    assert label_column("ani", frame["ani"].tolist()).tolist() == [0, 1, 2, -1, -1, -1]
    assert label_column("citra", frame["citra"].tolist()).tolist() == [0, 1, 2, -1, 1, -1]
    found = agreement(frame, resamples=0)
    assert found.annotators == ("ani", "budi", "citra")
    assert (found.posts, found.shared_posts) == (6, 4)
    assert found.alpha_nominal.value == 1
    assert majority(frame) == [N, S, C, None, S, N]


def test_a_tie_is_no_majority() -> None:
    assert majority({"Ani": [N, N, None], "Budi": [C, N, None], "Citra": [None, C, S]}) == [None, N, S]


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ({}, "at least two annotators; got 0"),
        ({"Ani": [N, S]}, "at least two annotators; got 1"),
        ({"Ani": [N, S], "Budi": [N]}, "'Budi' has 1 rows but 'Ani' has 2"),
        ({"Ani": [N, None], "Budi": [None, S]}, "no post has labels from two annotators"),
        ({"Ani": [], "Budi": []}, "no post has labels from two annotators"),
        ({"Ani": [N, "positif"], "Budi": [N, S]}, "annotator 'Ani', row 2: unknown label 'positif'; the labels are"),
        ({"Ani": [N, 3], "Budi": [N, S]}, "annotator 'Ani', row 2: unknown label 3"),
        ({"Ani": [N, True], "Budi": [N, S]}, "annotator 'Ani', row 2: unknown label True"),
        ({1: [N], "1": [S]}, "the annotator '1' is there twice"),
    ],
)
def test_what_cannot_be_measured_is_said_in_one_line(ratings: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        agreement(ratings)
    assert "\n" not in str(caught.value)


def test_an_error_never_shows_a_post() -> None:
    post = "Jangan lupa 27 November coblos nomor 1, demi kampung kita tercinta!"
    with pytest.raises(InputError, match=f"unknown label of {len(post)} characters") as caught:
        agreement({"Ani": [N, post], "Budi": [N, S]})
    assert "coblos" not in str(caught.value)


@pytest.mark.parametrize("options", [{"resamples": -1}, {"confidence": 1.0}, {"disputed": -1}])
def test_senseless_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(InputError):
        agreement({"Ani": [N, S], "Budi": [N, S]}, **options)


@pytest.mark.parametrize("missing", ["krippendorff", "sklearn.metrics"])
def test_a_missing_library_names_the_extra(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=r"measuring agreement needs the extra \[train\]"):
        agreement({"Ani": [N, S], "Budi": [N, S]})


def test_the_table_shows_every_part() -> None:
    table = agreement(random_ratings(2), resamples=100).table(disputed=3)
    for part in ("alpha, nominal", "alpha, ordinal", "unanimous", "quadratic kappa", "severity shift", "most disputed"):
        assert part in table
    assert "anotator 1, anotator 2" in table
    assert "majority of the others \\ anotator 4" in table


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 4).flatmap(
        lambda count: st.lists(
            st.lists(st.sampled_from([None, *LABELS]), min_size=count, max_size=count), min_size=1, max_size=12
        )
    )
)
def test_any_annotations_give_figures_or_one_clear_error(rows: list[list[Label | None]]) -> None:
    ratings = {f"anotator {number}": list(values) for number, values in enumerate(zip(*rows, strict=True))}
    try:
        found = agreement(ratings, resamples=20)
    except InputError:
        assert not by_post(ratings)
        return
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.table()
    units = by_post(ratings)
    if len({value for unit in units for value in unit}) > 1:
        assert found.alpha_ordinal.value == pytest.approx(direct_alpha(units, ordinal=True), abs=1e-9)
    assert found.disputed_posts == sum(len(set(unit)) > 1 for unit in units)
