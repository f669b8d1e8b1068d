"""The classifier's answers: one or many, long or blank, with context and action."""

from __future__ import annotations

import gc
import itertools
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netral_nlp import NeutralityClassifier, Prediction
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.inference.batching import TOKEN_BUDGET
from netral_nlp.inference.samples import SAMPLE_TEXTS
from netral_nlp.inference.windows import split_windows
from netral_nlp.labels import LABELS, Label

CALL = "Ayo coblos nomor 2! Demi kampung kita!"
REPORT = "KPU tetapkan tiga paslon, undian nomor urut Senin."


@pytest.fixture(scope="module")
def classifier(tiny_model) -> NeutralityClassifier:
    return NeutralityClassifier.from_pretrained(tiny_model, threads=1)


def _array(predictions) -> np.ndarray:
    return np.array([list(prediction.probabilities.values()) for prediction in predictions])


def _sampled(classifier, label: Label) -> str:
    """A text that the tiny model gives this label."""
    return next(text for text in SAMPLE_TEXTS if classifier.predict(text).label == label)


# --- shape of answers ------------------------------------------------------------------------------------------------


def test_one_text_gives_one_prediction(classifier):
    found = classifier.predict(CALL)
    assert isinstance(found, Prediction)
    assert found.label in LABELS
    assert list(found.probabilities) == list(LABELS)
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.probabilities[found.label] == max(found.probabilities.values()) == found.probability
    assert found.window is None


@pytest.mark.parametrize("make", [list, tuple, np.array, pd.Series, iter, lambda texts: (text for text in texts)])
def test_many_texts_give_a_list_in_their_order(classifier, make):
    texts = list(SAMPLE_TEXTS[:7])
    found = classifier.predict(make(texts))
    assert isinstance(found, list)
    assert found == [classifier.predict(text) for text in texts]


def test_no_texts_give_no_answers(classifier):
    assert classifier.predict([]) == []
    assert list(classifier.stream([])) == []
    assert classifier.logits([]).shape == (0, 3)
    assert len(classifier.score([])) == 0


def test_answers_drop_into_a_data_frame(classifier):
    frame = pd.DataFrame(classifier.predict([CALL, REPORT]))
    assert {"label", "p_neutral", "p_supportive", "p_campaigning", "needs_review"} <= set(frame.columns)
    assert frame[["p_neutral", "p_supportive", "p_campaigning"]].sum(axis=1).tolist() == pytest.approx([1, 1])


def test_an_answer_reads_well_and_turns_into_json_values(classifier):
    found = classifier.predict(CALL)
    assert repr(found).startswith(f"Prediction({found.label.value}: neutral ")
    assert found.to_dict()["label"] == found.label.value
    assert set(found.to_dict()) == {
        "label", "p_neutral", "p_supportive", "p_campaigning", "needs_review", "window", "judged", "context_cut"
    }  # fmt: skip


def test_score_gives_the_same_as_arrays(classifier):
    scores = classifier.score(list(SAMPLE_TEXTS), None, None)
    assert scores.label_ids.dtype == np.int8
    assert scores.probabilities.shape == (len(SAMPLE_TEXTS), 3)
    assert scores.probabilities.dtype == np.float64
    assert list(scores.predictions()) == classifier.predict(list(SAMPLE_TEXTS))
    assert {LABELS[index] for index in scores.label_ids} == set(LABELS)


def test_the_classifier_tells_its_parts(classifier, tiny_model):
    assert classifier.labels == LABELS
    assert classifier.folder.path == tiny_model
    assert classifier.decision == classifier.folder.decision
    assert classifier.normaliser("@warga") == classifier.folder.normaliser("@warga")
    assert repr(classifier) == "NeutralityClassifier('tiny', backend='onnx')"


# --- batches ---------------------------------------------------------------------------------------------------------


def test_a_text_alone_and_in_any_batch_agree(classifier):
    together = classifier.score(list(SAMPLE_TEXTS)).probabilities
    alone = np.concatenate([classifier.score([text]).probabilities for text in SAMPLE_TEXTS])
    among_long = classifier.score([*SAMPLE_TEXTS[::-1], *(f"{text} {CALL}" for text in SAMPLE_TEXTS)]).probabilities
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(among_long[: len(SAMPLE_TEXTS)][::-1], alone, atol=1e-5)


def test_repeated_texts_are_scored_once(classifier, monkeypatch):
    rows: list[int] = []
    logits = classifier._engine._backend.logits

    def counted(batch):
        rows.append(len(batch))
        return logits(batch)

    monkeypatch.setattr(classifier._engine._backend, "logits", counted)
    found = classifier.predict([CALL, REPORT, CALL, f"  {CALL}", CALL.upper(), None, REPORT] * 50)
    assert sum(rows) == 2
    assert len(found) == 350
    assert found[0] == found[2] == found[4] != found[1]


def test_a_batch_stays_within_its_budget(classifier, monkeypatch):
    shapes: list[int] = []
    logits = classifier._engine._backend.logits

    def measured(batch):
        shapes.append(len(batch) * max(len(row) for row in batch))
        return logits(batch)

    monkeypatch.setattr(classifier._engine._backend, "logits", measured)
    classifier.predict([f"{text} bagian {number}" for number in range(6) for text in SAMPLE_TEXTS])
    assert len(shapes) > 1
    assert max(shapes) <= TOKEN_BUDGET


def test_logits_are_those_behind_the_probabilities(classifier):
    texts = list(SAMPLE_TEXTS[:20])
    logits = classifier.logits(texts)
    assert logits.shape == (20, 3)
    assert logits.dtype == np.float32
    short = [row for row, prediction in enumerate(classifier.predict(texts)) if prediction.window is None]
    expected = classifier.decision.probabilities(logits)[short]
    np.testing.assert_allclose(_array(classifier.predict([texts[row] for row in short])), expected)


# --- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_answers_in_order_and_draws_a_bounded_number_ahead(classifier):
    drawn = itertools.count(1)
    seen = 0

    def endless():
        nonlocal seen
        for text in itertools.cycle(SAMPLE_TEXTS):
            seen = next(drawn)
            yield text

    answers = classifier.stream(endless())
    first = list(itertools.islice(answers, 10))
    assert first == classifier.predict(list(SAMPLE_TEXTS[:10]))
    assert seen <= 32
    more = list(itertools.islice(answers, 200))
    assert more == classifier.predict(list(itertools.islice(itertools.cycle(SAMPLE_TEXTS), 10, 210)))
    assert seen <= 4096


def test_a_stream_takes_flat_memory(classifier):
    def posts(number):
        return (f"{SAMPLE_TEXTS[index % 100]} 0{index % 500}" for index in range(number))

    def peak(number):
        gc.collect()
        tracemalloc.start()
        for _ in classifier.stream(posts(number)):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(200)
    # Two full windows and a bit, against four: while one is answered, what the one before it left is still there.
    assert peak(16_400) < 1.3 * peak(8_200)


def test_a_stream_pairs_contexts_and_actions(classifier):
    texts, contexts, actions = [CALL, None, "Gas"], [None, CALL, REPORT], ["post", "share", "comment"]
    assert list(classifier.stream(iter(texts), iter(contexts), iter(actions))) == classifier.predict(
        texts, contexts, actions
    )


# --- blank and odd input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [None, "", "   \n\t", float("nan"), np.nan, pd.NA, pd.NaT, "@warga_satu https://contoh.id/x", "?!...", ["a"], True,
     object(), "\u200b\u200b", b""],
)  # fmt: skip
def test_what_has_no_words_is_neutral_and_needs_review(classifier, text):
    found = classifier.predict([text])[0]
    assert (found.label, found.needs_review, found.judged) == (Label.NEUTRAL, True, "nothing")
    assert list(found.probabilities.values()) == [1.0, 0.0, 0.0]
    assert classifier.score([text]).blank.tolist() == [True]


@pytest.mark.parametrize("text", ["☝️", "02", "👍🏽", "2"])
def test_a_sign_or_a_number_is_read(classifier, text):
    assert classifier.predict(text).judged == "text"


@pytest.mark.parametrize(("value", "text"), [(2, "2"), (2.0, "2"), (np.int64(2), "2"), (0.5, "0.5"), (b"dua", "dua")])
def test_numbers_and_bytes_are_read_as_text(classifier, value, text):
    assert classifier.predict([value]) == classifier.predict([text])
    assert classifier.predict(value) == classifier.predict(text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.one_of(st.text(), st.none(), st.floats(), st.binary(), st.integers()), max_size=5))
def test_any_cell_is_answered(classifier, cells):
    found = classifier.predict(cells)
    assert len(found) == len(cells)
    for prediction in found:
        assert sum(prediction.probabilities.values()) == pytest.approx(1)


def test_broken_surrogates_are_answered(classifier):
    assert classifier.predict("Ayo \ud83d coblos \udc4d").label in LABELS


@pytest.mark.parametrize("texts", [pd.DataFrame({"text": [CALL]}), {"text": CALL}, np.array([[CALL]])])
def test_a_table_in_place_of_a_column_is_refused(classifier, texts):
    with pytest.raises(InputError, match="texts must be a list or column of texts"):
        classifier.predict(texts)


@pytest.mark.parametrize("name", ["contexts", "actions"])
def test_lists_of_different_length_are_refused(classifier, name):
    with pytest.raises(InputError, match=f"fewer {name} than texts"):
        classifier.predict([CALL, REPORT], **{name: [None]})
    with pytest.raises(InputError, match=f"more {name} than texts"):
        classifier.predict([CALL], **{name: [None, None]})
    with pytest.raises(InputError, match=f"{name} is a list and texts is one text"):
        classifier.predict(CALL, **{name: [None]})
    with pytest.raises(InputError, match=f"{name} must be a list or column"):
        classifier.predict([CALL], **{name: "post"})


# --- context and action ----------------------------------------------------------------------------------------------


def test_context_matters(classifier):
    assert classifier.predict("Gas 🔥", CALL) != classifier.predict("Gas 🔥", REPORT) != classifier.predict("Gas 🔥")


@pytest.mark.parametrize("context", [None, "", "  ", float("nan"), pd.NA, "@warga", "https://contoh.id"])
def test_a_blank_context_is_no_context(classifier, context):
    assert classifier.predict(["Gas 🔥"], [context]) == classifier.predict(["Gas 🔥"])


def test_a_long_context_is_cut_at_its_end_and_said(classifier):
    long = " ".join(f"{text}" for text in SAMPLE_TEXTS)
    found = classifier.predict("Gas", long)
    assert found.context_cut
    assert "context cut" in repr(found)
    assert not classifier.predict("Gas", REPORT).context_cut
    beyond = classifier.predict("Gas", f"{long} {CALL * 5000}")
    assert beyond.probabilities == found.probabilities


def _action_pairs():
    return {"like": "suka", "follow": "ikuti", "share": "bagikan", "comment": "komentar", "post": "posting"}.items()


@pytest.mark.parametrize(("english", "indonesian"), _action_pairs())
def test_actions_have_indonesian_names(classifier, english, indonesian):
    texts, contexts = ["", "Gas 🔥"], [CALL, CALL]
    assert classifier.predict(texts, contexts, [english] * 2) == classifier.predict(
        texts, contexts, [f" {indonesian.upper()} "] * 2
    )


def test_an_unknown_action_is_refused_with_the_known_ones(classifier):
    with pytest.raises(InputError, match=r"text 2: unknown action 'colek'; the actions are post \(posting") as caught:
        classifier.predict([CALL, CALL], None, ["post", "colek"])
    assert CALL not in str(caught.value)


@pytest.mark.parametrize("action", ["like", "follow"])
def test_a_wordless_like_supports_what_takes_a_side(classifier, action):
    for label in LABELS:
        context = _sampled(classifier, label)
        shown = classifier.predict(context).probabilities
        found = classifier.predict(["  "], [context], [action])[0]
        assert found.judged == "context"
        assert found.probabilities[Label.CAMPAIGNING] == 0
        assert found.probabilities[Label.NEUTRAL] == pytest.approx(shown[Label.NEUTRAL])
        expected = Label.NEUTRAL if shown[Label.NEUTRAL] >= 0.5 else Label.SUPPORTIVE
        assert found.label == expected


def test_a_wordless_share_has_the_shared_texts_own_answer(classifier):
    found = classifier.predict([None], [CALL], ["share"])[0]
    assert found.judged == "context"
    assert found.probabilities == classifier.predict(CALL).probabilities


@pytest.mark.parametrize("action", ["post", "comment", None])
def test_other_acts_without_words_are_blank_whatever_their_context(classifier, action):
    assert classifier.predict([""], [CALL], [action])[0].judged == "nothing"


@pytest.mark.parametrize("action", ["like", "share", "follow"])
def test_a_wordless_act_on_nothing_is_blank(classifier, action):
    assert classifier.predict([""], ["  "], [action])[0].judged == "nothing"
    assert classifier.predict([""], None, [action])[0].judged == "nothing"


@pytest.mark.parametrize("action", ["like", "share", "comment", None])
def test_words_are_judged_in_their_context_whatever_the_action(classifier, action):
    assert classifier.predict(["Gas"], [CALL], [action]) == classifier.predict(["Gas"], [CALL])


# --- long texts ------------------------------------------------------------------------------------------------------


def test_the_severest_window_decides_and_is_told(classifier):
    neutral, campaigning = _sampled(classifier, Label.NEUTRAL), _sampled(classifier, Label.CAMPAIGNING)
    text = "\n\n".join([neutral] * 12 + [campaigning] + [neutral] * 12)
    found = classifier.predict(text)
    start, end = found.window
    assert 0 <= start < end <= len(text)
    part = classifier.predict(text[start:end])
    assert part.window is None
    assert found.probabilities == part.probabilities
    engine = classifier._engine
    windows = split_windows(text, classifier.normaliser, engine.count, engine.max_pieces)
    assert len(windows) > 10
    answers = classifier.predict([text[window.start : window.end] for window in windows])
    severest = max(answer.label.severity for answer in answers)
    assert found.label.severity == severest
    assert found.p_neutral == min(answer.p_neutral for answer in answers if answer.label.severity == severest)
    assert f"characters {start}-{end}" in repr(found)


def test_a_long_quotation_is_not_the_authors_own(classifier):
    neutral, campaigning = _sampled(classifier, Label.NEUTRAL), _sampled(classifier, Label.CAMPAIGNING)
    quoted = " ".join([campaigning.replace('"', "")] * 6)
    lines = [neutral] * 4
    own = "\n".join([*lines, quoted, *lines])
    reported = "\n".join([*lines, f"“{quoted}”", *lines])
    start, end = classifier.predict(own).window
    assert quoted[:30] in own[start:end] or start >= own.index(quoted)
    start, end = classifier.predict(reported).window
    inside = range(reported.index("“"), reported.index("”"))
    assert len(set(range(start, end)) & set(inside)) <= (end - start) / 2


def test_where_all_is_quotation_all_counts(classifier):
    text = " ".join(SAMPLE_TEXTS[:10]).replace('"', "")
    assert classifier.predict(f"“{text}”").window is not None


def test_a_megabyte_is_answered_whole(classifier):
    words = ("warga", "menunggu", "hasil", "rapat", "di", "balai", "desa", "sampai", "malam.")
    filler = " ".join(words[number * 7 % 9] + ("" if number % 11 else f" {number}") for number in range(150_000))
    assert len(filler) > 900_000
    found = classifier.predict(filler)
    assert found.judged == "text"
    assert found.window is not None


@pytest.mark.parametrize("text", [" " * 1_000_000, "." * 1_000_000, "@warga " * 150_000])
def test_a_megabyte_without_words_is_blank(classifier, text):
    assert classifier.predict(text).judged == "nothing"


def test_a_long_context_of_a_share_is_windowed(classifier):
    context = " ".join(SAMPLE_TEXTS)
    shared = classifier.predict([""], [context], ["share"])[0]
    assert shared.window == classifier.predict(context).window
    assert shared.judged == "context"


# --- options ---------------------------------------------------------------------------------------------------------


def test_review_thresholds_can_be_set(tiny_model):
    strict = NeutralityClassifier.from_pretrained(tiny_model, threads=1, review_below=1.0)
    assert all(prediction.needs_review for prediction in strict.predict(list(SAMPLE_TEXTS)))
    lax = NeutralityClassifier.from_pretrained(tiny_model, threads=1, review_below=0.0)
    assert not any(prediction.needs_review for prediction in lax.predict(list(SAMPLE_TEXTS)))
    assert lax.predict("").needs_review


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "tensorflow"}, "unknown backend 'tensorflow'"),
        ({"threads": 0}, "threads must be a whole number from 1"),
        ({"backend": "onnx", "precision": "bf16"}, "precision is a choice of the torch backend"),
        ({"backend": "torch", "precision": "int4"}, "unknown precision 'int4'"),
        ({"review_below": 2}, "must be within 0 to 1"),
    ],
)
def test_impossible_options_are_refused(tiny_model, options, message):
    with pytest.raises(ConfigError, match=message):
        NeutralityClassifier.from_pretrained(tiny_model, **options)


def test_a_pickled_classifier_answers_alike(classifier):
    again = pickle.loads(pickle.dumps(classifier))
    assert again.predict(list(SAMPLE_TEXTS[:5])) == classifier.predict(list(SAMPLE_TEXTS[:5]))
