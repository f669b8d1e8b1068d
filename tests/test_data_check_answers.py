"""`netral data check` gives a post the label that `netral data import` gives it, whatever its annotators answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from netral_nlp.corpus.annotations.consolidate import SEVERAL, import_posts
from netral_nlp.corpus.annotations.names import LabelNames
from netral_nlp.corpus.annotations.read import read_tasks
from netral_nlp.corpus.annotations.tasks import Answer, Task, TaskOptions
from netral_nlp.corpus.check.check import CheckOptions, check_tasks
from netral_nlp.corpus.check.findings import Kind
from netral_nlp.corpus.check.posts import settle

TEXT = "Jadwal debat kedua diumumkan KPU"
ADJUDICATOR = "ketua"


def answered(who: int | str, *values: str, **more: Any) -> dict[str, Any]:
    """An annotation of Label Studio."""
    chosen = {"from_name": "sikap", "to_name": "text", "type": "choices", "value": {"choices": [*values]}}
    return {"completed_by": who, "result": [chosen], **more}


VALUES = st.lists(
    st.sampled_from(["netral", "1. netral", "memihak", "Berkampanye", "skip", "netral#memihak"]), max_size=2
)
TIMES = st.sampled_from([None, "2024-10-01T09:00:00+07:00", "2024-10-01T01:00:00Z", "2024-10-01T03:00:00Z"])
ANSWERS = st.builds(
    lambda who, values, skipped, final, at: answered(
        who, *values, was_cancelled=skipped, ground_truth=final, updated_at=at
    ),
    st.sampled_from([1, 2, 3, ADJUDICATOR]),
    VALUES,
    st.sampled_from([False, False, True]),
    st.sampled_from([False, False, True]),
    TIMES,
)


@settings(max_examples=300, deadline=None)
@given(answers=st.lists(ANSWERS, max_size=5), adjudicated=st.booleans())
@example(answers=[answered(1, "netral", "skip")], adjudicated=False)
@example(answers=[answered(1, "memihak"), answered(2, "netral", "skip")], adjudicated=False)
@example(answers=[answered(1, "memihak"), answered(ADJUDICATOR, "netral")], adjudicated=True)
@example(answers=[answered(1, "memihak"), answered(ADJUDICATOR, "skip")], adjudicated=True)
def test_a_task_settles_as_its_import_does(
    tmp_path_factory: pytest.TempPathFactory, answers: list[dict[str, Any]], adjudicated: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "settled.json"
    path.write_text(json.dumps([{"id": 1, "data": {"text": TEXT}, "annotations": answers}]), encoding="utf-8")
    decides = adjudicated and any(one["completed_by"] == ADJUDICATOR for one in answers)
    options = TaskOptions(adjudicator=ADJUDICATOR if decides else None)
    (task,) = read_tasks(path, options)

    label, findings = settle(task, LabelNames({}), options.adjudicator)

    (post,) = import_posts(path, options).all
    assert label is post.label
    assert post.reason != SEVERAL or any(one.kind is Kind.SEVERAL_LABELS for one in findings)


def test_a_label_beside_a_skip_is_told_as_several() -> None:
    task = Task("export.json", 1, None, TEXT, {}, (Answer("ani", ("skip", "netral")),))

    found = check_tasks([task], CheckOptions(label_errors="off"))

    assert found.labels == {}
    assert [one.detail for one in found.findings if one.kind is Kind.SEVERAL_LABELS] == ["neutral and skip"]
