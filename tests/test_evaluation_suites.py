"""The behaviour suites: what is shipped is sound, and passing means what it should."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from netral_nlp import NeutralityClassifier
from netral_nlp.cli.main import main
from netral_nlp.errors import InputError
from netral_nlp.evaluation.answers import by_file, by_model, unit_id, write_units
from netral_nlp.evaluation.fairness import read_templates, template_units
from netral_nlp.evaluation.predictions import Predictions
from netral_nlp.evaluation.rates import rate
from netral_nlp.evaluation.suite_data import read_names, read_rows, suites_folder, whole_words
from netral_nlp.evaluation.suites import (
    ADD_CALL,
    DIRECTION,
    INVARIANCE,
    KINDS,
    MINIMUM,
    REMOVE_CALL,
    read_suites,
    run_suites,
)
from netral_nlp.labels import LABELS, Label

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def cases():
    return read_suites()


def always(label):
    return lambda units: Predictions(np.full(len(units), label.severity), None, None)


def looked_up(answers):
    """An answerer that knows each unit's label."""
    return lambda units: Predictions(np.array([answers[unit].severity for unit in units]), None, None)


def right_answers(cases):
    answers = {}
    for case in cases:
        for unit, label in zip(case.units, (case.label, case.changed_label), strict=False):
            assert answers.setdefault(unit, label) is label, f"{case.id} contradicts another case"
    return answers


def write_suite(folder, kind, *rows):
    folder.mkdir(exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    (folder / f"{kind}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def folded(text):
    return " ".join(text.casefold().split())


# what is shipped


def test_at_least_800_cases_of_all_three_kinds_are_shipped(cases):
    kinds = Counter(case.kind for case in cases)
    assert len(cases) >= 800
    assert set(kinds) == set(KINDS) == {MINIMUM, INVARIANCE, DIRECTION}
    assert min(kinds.values()) >= 100
    assert len({case.id for case in cases}) == len(cases)


def test_every_shipped_case_has_something_to_judge_a_valid_label_and_a_reason(cases):
    for case in cases:
        assert case.text.strip() or (case.context or "").strip(), case.id
        assert case.label in LABELS, case.id
        assert case.rule, case.id
        if case.kind == MINIMUM:
            assert case.changed is case.changed_label is None, case.id
        else:
            assert case.changed.strip(), case.id
            assert case.changed != case.text, case.id
        if case.kind == INVARIANCE:
            assert case.changed_label is case.label, case.id
        if not case.text.strip():
            assert case.action in ("like", "share", "follow"), case.id


def test_every_shipped_expectation_was_read_twice():
    for kind in KINDS:
        for row in read_rows(suites_folder() / f"{kind}.jsonl"):
            assert row["second_reader"], row["id"]


def test_in_direction_the_form_with_the_call_is_the_severer_one(cases):
    own = [case for case in cases if case.kind == DIRECTION]
    assert {case.group for case in own} == {ADD_CALL, REMOVE_CALL}
    for case in own:
        without, with_call = case.label, case.changed_label
        if case.group == REMOVE_CALL:
            without, with_call = with_call, without
        assert with_call.severity > without.severity, case.id


def test_no_two_cases_contradict_each_other(cases):
    assert len(right_answers(cases)) > 1200


def test_all_labels_occur_in_the_kinds_that_ask_for_them(cases):
    for kind in (MINIMUM, INVARIANCE):
        counts = Counter(case.label for case in cases if case.kind == kind)
        assert min(counts.values()) > sum(counts.values()) / 5


@pytest.mark.parametrize(
    ("group", "listed"),
    [
        ("swap-candidate", "genders"),
        ("swap-gender", "genders"),
        ("swap-party", "parties"),
        ("swap-region", "regions"),
        ("swap-religious-name", "persons"),
        ("swap-number", "numbers"),
    ],
)
def test_swaps_use_every_name_about_equally_often(cases, group, listed):
    own = [case for case in cases if case.group == group]
    texts = [text for case in own for text in (case.text, case.changed)]
    used = []
    for name in getattr(read_names(), listed):
        # Short names of parties are words of their own, in capitals.
        pattern = whole_words([name.name]) if listed != "numbers" else whole_words([f"0?{name.name}"])
        used.append(sum(pattern.search(text) is not None for text in texts))
    assert len(own) >= 20
    assert min(used) >= 1
    assert max(used) <= 2 * np.mean(used)
    assert max(used) - min(used) <= max(2, 0.6 * np.mean(used))


def shipped_texts():
    texts = set()
    for path in sorted(DATA.glob("*.jsonl")):
        texts |= {row["text"] for row in read_rows(path)}
    with (DATA / "samples" / "posts.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            texts |= {row["text"], row["context"]}
    return {folded(text) for text in texts if any(letter.isalpha() for letter in text)}


def test_no_text_of_the_suites_stands_in_the_training_data_or_samples(cases):
    known = shipped_texts()
    assert len(known) > 400
    units = [unit for case in cases for unit in case.units] + template_units(read_templates(), read_names())
    asked = {folded(part) for text, context, _ in units for part in (text, context or "")} - {""}
    assert not asked & known
    stretch = 40
    pieces = {text[start : start + stretch] for text in known for start in range(len(text) - stretch + 1)}
    for text in asked:
        assert not any(text[start : start + stretch] in pieces for start in range(len(text) - stretch + 1)), text


def test_no_invented_name_of_the_suites_stands_in_the_training_data_or_samples():
    names = read_names()
    for text in shipped_texts():
        for name in (*names.genders, *names.persons):
            assert name.name.casefold() not in text, name.name


def test_shipped_names_have_both_genders_and_all_religions_evenly():
    names = read_names()
    assert len(set(Counter(name.group for name in names.genders).values())) == 1
    assert len(set(Counter(name.group for name in names.persons).values())) == 1
    assert len(names.parties) == 18
    for listed in (names.candidates, names.parties, names.regions, names.persons, names.genders):
        assert len({name.name for name in listed}) == len(listed)
    for name in (*names.candidates, *names.regions):
        assert name.pattern.search(f"berita soal {name.name} hari ini"), name.name
    for name in names.parties:  # PBB alone is the United Nations
        assert name.pattern.search(f"berita soal partai {name.name} hari ini"), name.name


# what passing means


def test_a_model_that_always_says_neutral_fails_what_it_should(cases):
    found = run_suites(cases, always(Label.NEUTRAL))
    shares = {result.kind: result.passed.value for result in found.kinds}
    assert shares[DIRECTION] == 0
    assert shares[MINIMUM] < 0.5
    assert shares[INVARIANCE] < 0.4
    passed = [outcome.case for outcome in found.outcomes if outcome.passed]
    assert {case.label for case in passed} == {Label.NEUTRAL}
    assert all(case.changed_label in (None, Label.NEUTRAL) for case in passed)


def test_a_perfect_model_passes_everything(cases):
    found = run_suites(cases, looked_up(right_answers(cases)))
    assert found.failures == ()
    for result in (*found.kinds, *found.groups):
        assert result.passed == result.right == rate(result.cases, result.cases)


def test_each_distinct_unit_is_asked_once(cases):
    asked = []

    def count(units):
        asked.extend(units)
        return always(Label.NEUTRAL)(units)

    run_suites(cases, count)
    assert len(asked) == len(set(asked)) == len({unit for case in cases for unit in case.units})


ADDED = {"id": "d1", "group": ADD_CALL, "text": "Debat malam ini.", "changed": "Debat malam ini. Coblos nomor 3!",
         "label": "neutral", "changed_label": "campaigning"}  # fmt: skip
REMOVED = {"id": "d2", "group": REMOVE_CALL, "text": "Beliau jujur. Ayo pilih beliau!", "changed": "Beliau jujur.",
           "label": "campaigning", "changed_label": "supportive"}  # fmt: skip


@pytest.mark.parametrize(
    ("without", "with_call", "passed"),
    [
        ("neutral", "campaigning", True),
        ("neutral", "supportive", True),
        ("supportive", "campaigning", True),
        ("supportive", "supportive", False),
        ("campaigning", "campaigning", False),
        ("neutral", "neutral", False),
        ("supportive", "neutral", False),
        ("campaigning", "supportive", False),
    ],
)
def test_a_call_must_raise_severity(tmp_path, without, with_call, passed):
    cases = read_suites(write_suite(tmp_path / "s", DIRECTION, ADDED, REMOVED))
    answers = {ADDED["text"]: without, ADDED["changed"]: with_call,
               REMOVED["text"]: with_call, REMOVED["changed"]: without}  # fmt: skip
    found = run_suites(
        cases, lambda units: Predictions(np.array([Label(answers[text]).severity for text, _, _ in units]), None, None)
    )
    assert [outcome.passed for outcome in found.outcomes] == [passed, passed]
    assert found.wrong_way.value == (Label(with_call).severity < Label(without).severity)


def test_an_invariant_pair_is_equal_and_right(tmp_path):
    pair = {"id": "i1", "group": "typos", "text": "Pilih nomor 2", "changed": "Plih nomor 2", "label": "campaigning"}
    (case,) = read_suites(write_suite(tmp_path / "s", INVARIANCE, pair))
    assert case.changed_label is Label.CAMPAIGNING
    assert case.passes([Label.CAMPAIGNING, Label.CAMPAIGNING])
    assert not case.passes([Label.NEUTRAL, Label.NEUTRAL])
    assert not case.passes([Label.CAMPAIGNING, Label.SUPPORTIVE])


def test_results_are_counted_by_group_the_worst_first_and_failures_show_both_texts(tmp_path):
    folder = tmp_path / "s"
    write_suite(
        folder,
        MINIMUM,
        {"id": "m1", "group": "jadwal", "text": "Debat Rabu malam.", "label": "neutral", "rule": "schedule"},
        {"id": "m2", "group": "ajakan", "text": "Ayo coblos 1!", "label": "campaigning", "rule": "call"},
        {"id": "m3", "group": "komentar", "text": "Gas 🔥", "context": "Dukung paslon 1", "action": "komentar",
         "label": "memihak", "rule": "cheer"},
    )  # fmt: skip
    write_suite(folder, DIRECTION, ADDED)
    cases = read_suites(folder)
    assert (cases[2].action, cases[2].label) == ("comment", Label.SUPPORTIVE)
    chances = np.array([[0.7, 0.2, 0.1]])

    def neutral(units):
        return Predictions(np.zeros(len(units), dtype=np.int64), chances.repeat(len(units), axis=0), None)

    found = run_suites(cases, neutral)
    assert [(g.group, g.cases, g.passed.value) for g in found.groups] == [
        ("ajakan", 1, 0.0), ("komentar", 1, 0.0), ("jadwal", 1, 1.0), (ADD_CALL, 1, 0.0)
    ]  # fmt: skip
    assert [(k.kind, k.passed) for k in found.kinds] == [(MINIMUM, rate(1, 3)), (DIRECTION, rate(0, 1))]
    lines = found.failures[-1].lines()
    assert ADDED["text"] in lines
    assert ADDED["changed"] in lines
    assert "✗ neutral 0.70 (expected campaigning)" in lines
    assert "  neutral 0.70 (expected neutral)" in lines
    assert "[comment on: Dukung paslon 1]" in found.failures[1].lines()
    document = json.dumps(found.to_dict(), allow_nan=False)
    assert "Ayo coblos" not in document
    assert json.loads(document)["failures"][0]["confidences"] == [0.7]
    assert found.failures[0].to_dict()["text"] == "Ayo coblos 1!"
    for expected in ("minimum functionality", "ajakan", "33.3 %", "direction"):
        assert expected in found.table()


# files that cannot be used

SOUND = {"id": "m1", "group": "jadwal", "text": "Debat Rabu malam.", "label": "neutral"}


@pytest.mark.parametrize(
    ("kind", "row", "message"),
    [
        (MINIMUM, "{", "line 2 is no JSON object"),
        (MINIMUM, "[1]", "line 2 is no JSON object"),
        (MINIMUM, SOUND, "the id 'm1' is there twice"),
        (MINIMUM, {**SOUND, "id": 3}, "'id' is missing or no text"),
        (MINIMUM, {"id": "m2", "group": "a", "label": "neutral"}, "'text' is missing"),
        (MINIMUM, {**SOUND, "id": "m2", "label": "positif"}, "unknown label"),
        (MINIMUM, {**SOUND, "id": "m2", "action": "poke"}, "unknown action"),
        (MINIMUM, {**SOUND, "id": "m2", "context": 5}, "'context' is no text"),
        (MINIMUM, {**SOUND, "id": "m2", "text": " "}, "neither a 'text' nor a 'context'"),
        (MINIMUM, {**SOUND, "id": "m2", "changed": "Debat Kamis"}, "'changed' is there, which minimum does not allow"),
        (INVARIANCE, {**SOUND, "id": "m2"}, "'changed' is missing, which invariance does not allow"),
        (INVARIANCE, {**SOUND, "id": "m2", "changed": 7}, "'changed' is no text"),
        (DIRECTION, {**SOUND, "id": "m2", "changed": "Debat"}, "'group' is add-call or remove-call"),
    ],
)
def test_a_case_that_cannot_be_used_is_named_by_file_and_row(tmp_path, kind, row, message):
    first = SOUND if kind == MINIMUM else {**SOUND, "changed": "Debat Kamis.", "group": ADD_CALL}
    folder = write_suite(tmp_path / "s", kind, first, row)
    with pytest.raises(InputError, match=message) as caught:
        read_suites(folder)
    assert f"{kind}.jsonl" in str(caught.value)
    assert "2" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_suites_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no suite; expected minimum\.jsonl"):
        read_suites(tmp_path)


def test_line_separators_inside_a_text_do_not_end_its_line(tmp_path):
    row = {**SOUND, "text": "Debat\u2028Rabu\x85malam"}
    (case,) = read_suites(write_suite(tmp_path / "s", MINIMUM, row))
    assert case.text == row["text"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda names: names.pop("parties"), "parties"),
        (lambda names: names["regions"][0].pop("mentions"), "mentions"),
        (lambda names: names["parties"][0].update(mentions="pkb"), "mentions are a list"),
        (lambda names: names["parties"][0].update(mentions=["(pkb"]), "'PKB' is no regular expression"),
        (lambda names: names["candidates"][0].update(gender="x"), "missing or of the wrong kind"),
    ],
)
def test_broken_lists_of_names_are_named_with_their_fault(tmp_path, change, message):
    names = json.loads((suites_folder() / "names.json").read_text(encoding="utf-8"))
    change(names)
    (tmp_path / "names.json").write_text(json.dumps(names), encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_names(tmp_path)
    assert "names.json" in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read"), (b"{", "valid JSON"), (b"\xff", "valid")])
def test_names_that_cannot_be_read_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "names.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_names(tmp_path)


# who answers


@pytest.fixture
def some(cases):
    """Cases with every action, with and without context, and pairs."""
    by_action = {}
    for case in cases:
        by_action.setdefault((case.kind, case.action, case.context is None), []).append(case)
    return [case for own in by_action.values() for case in own[:6]]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_scored_file_answers_as_the_model_itself(tiny_model, tmp_path, some, ending):
    asked, scored = tmp_path / f"suites.{ending}", tmp_path / f"scored.{ending}"
    write_units([unit for case in some for unit in case.units], asked)
    assert main(["score", str(asked), "--output", str(scored), "--model", str(tiny_model), "--threads", "1"]) == 0
    units = list(dict.fromkeys(unit for case in some for unit in case.units))
    direct = by_model(NeutralityClassifier.from_pretrained(tiny_model, threads=1))(units)
    filed = by_file(scored)(units)
    assert filed.labels.tolist() == direct.labels.tolist()
    assert filed.needs_review.tolist() == direct.needs_review.tolist()
    assert filed.probabilities == pytest.approx(direct.probabilities, abs=2e-6)
    one, two = (run_suites(some, answer) for answer in (by_file(scored), lambda _: direct))
    assert (one.kinds, one.groups) == (two.kinds, two.groups)
    assert [o.answers for o in one.outcomes] == [o.answers for o in two.outcomes]
    assert [sure for o in one.outcomes for sure in o.confidences] == pytest.approx(
        [sure for o in two.outcomes for sure in o.confidences], abs=2e-6
    )
    assert len(set(direct.labels.tolist())) == 3


def test_a_missing_answer_is_one_clear_error(tiny_model, tmp_path, some):
    scored = tmp_path / "scored.csv"
    units = list(dict.fromkeys(unit for case in some for unit in case.units))
    rows = [f"{unit_id(unit)},neutral" for unit in units]
    scored.write_text("\n".join(["id,label", *rows]), encoding="utf-8")
    assert run_suites(some, by_file(scored)).kinds
    scored.write_text("\n".join(["id,label", *rows[:-2]]), encoding="utf-8")
    with pytest.raises(InputError, match=rf"no prediction for 2 of the suites' {len(units)} texts") as caught:
        run_suites(some, by_file(scored))
    assert "\n" not in str(caught.value)
    assert "scored.csv" in str(caught.value)


def test_a_units_id_tells_text_context_and_action_apart_and_takes_broken_text():
    units = [("a", None, None), ("", "a", None), ("", None, "a"), ("a", "b", None), ("ab", None, None),
             ("a", "b", "like"), ("\ud800", None, None)]  # fmt: skip
    assert len({unit_id(unit) for unit in units}) == len(units)
    assert unit_id(("a", None, None)) == unit_id(("a", "", ""))


def test_each_unit_is_written_once(tmp_path):
    path = tmp_path / "units.csv"
    write_units([("Coblos 2", None, None), ("Gas", "Dukung 1", "comment"), ("Coblos 2", None, None)], path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["text"], row["context"], row["action"]) for row in rows] == [
        ("Coblos 2", "", ""), ("Gas", "Dukung 1", "comment")
    ]  # fmt: skip
