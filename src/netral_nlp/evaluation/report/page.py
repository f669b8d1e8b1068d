"""The report as one page, and the files beside it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import escape
from pathlib import Path

from netral_nlp.errors import InputError
from netral_nlp.evaluation.evaluate import Evaluation
from netral_nlp.evaluation.report import sections
from netral_nlp.evaluation.report.masking import mask
from netral_nlp.evaluation.report.posts import Texts
from netral_nlp.evaluation.report.script import SCRIPT
from netral_nlp.labels import LABELS
from netral_nlp.page.document import document
from netral_nlp.page.html import label_html

REPORT_NAME, METRICS_NAME, RECHECK_NAME = "report.html", "metrics.json", "recheck.csv"

_MODEL_FILES = ("config.json", "decision.json")
_ANSWERS = frozenset({"id", "text", "context", "gold", "predicted"})
_HEADING = re.compile(r'<section id="([\w-]+)"><h2>(.*?)</h2>')


def check_folder(folder: str | Path) -> None:
    """Refuse a folder that a report must not be written into, before hours of measuring.

    Raises:
        InputError: it is a file, or a model folder, whose own metrics.json would be lost.
    """
    path = Path(folder)
    if path.is_file():
        raise InputError(f"{path}: is a file; name a folder for the report")
    if any((path / name).is_file() for name in _MODEL_FILES):
        raise InputError(f"{path}: is a model folder, and the report would replace its {METRICS_NAME}; name another")


def write_report(
    evaluation: Evaluation, folder: str | Path, *, texts: Texts = "full", max_errors: int = 500
) -> tuple[Path, ...]:
    """Write `report.html`, `metrics.json` and, where labels were checked, `recheck.csv` into a folder.

    The folder is made where it is missing; a report that is there already is replaced.

    Args:
        evaluation: what was measured.
        folder: where to.
        texts: how posts are shown; with "none" they are listed by id only.
        max_errors: how many wrong labels to list at most, the most harmful first.

    Returns:
        The paths of the files, the report first.

    Raises:
        InputError: the folder cannot be written, or is a model folder.
    """
    folder = Path(folder)
    check_folder(folder)
    if texts != "full":
        evaluation = _without_accounts(evaluation)
    contents = {
        REPORT_NAME: render_report(evaluation, texts=texts, max_errors=max_errors),
        METRICS_NAME: json.dumps(evaluation.to_dict(), ensure_ascii=False, indent=2, allow_nan=False) + "\n",
    }
    if evaluation.problems is not None:
        contents[RECHECK_NAME] = evaluation.problems.to_frame().to_csv(index=False, lineterminator="\n")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            # Whole or not at all: a killed run leaves the old report, never half of a new one. Lone surrogates of
            # broken exports become question marks.
            part = folder / f"{name}.part"
            part.write_text(content, encoding="utf-8", errors="replace")
            part.replace(folder / name)
        if RECHECK_NAME not in contents:
            (folder / RECHECK_NAME).unlink(missing_ok=True)  # of an earlier report: it would belong to nothing here
    except OSError as error:
        raise InputError(f"{folder}: cannot write the report ({error.strerror}); name another folder") from None
    return tuple(folder / name for name in contents)


def _without_accounts(evaluation: Evaluation) -> Evaluation:
    """Hide handles and links among the values that the posts were cut by: a column of accounts is no kind of posts."""
    posts = evaluation.posts.copy()
    for name in posts.columns:
        if name not in _ANSWERS:
            posts[name] = [mask(value) if isinstance(value, str) else value for value in posts[name]]
    slices = tuple(replace(part, value=mask(part.value)) for part in evaluation.slices)
    return replace(evaluation, posts=posts, slices=slices)


def render_report(evaluation: Evaluation, *, texts: Texts = "full", max_errors: int = 500) -> str:
    """Return the report as one HTML page that asks for nothing from outside; see `write_report`."""
    name = escape(evaluation.name)
    support = ", ".join(f"{evaluation.metrics.support[label]:,} {label_html(label)}" for label in LABELS)
    body = [
        part
        for part in (
            sections.figure_tables(evaluation.metrics),
            sections.confidence(evaluation),
            sections.prevalence(evaluation),
            sections.comparisons(evaluation, texts),
            sections.slices(evaluation.slices, evaluation.metrics["macro_f1"].value),
            sections.suites(evaluation.suites),
            sections.fairness(evaluation),
            sections.explanations(evaluation),
            sections.problems(evaluation),
            sections.errors(evaluation, texts, max_errors),
            sections.stamp(evaluation),
        )
        if part
    ]
    links = " ".join(f'<a href="#{found[1]}">{found[2]}</a>' for part in body if (found := _HEADING.match(part)))
    return document(
        f"Evaluation of {evaluation.name}",
        [
            f"<h1>How right is {name}?</h1>",
            f'<p class="soft">{evaluation.metrics.posts:,} labelled posts; {support}</p>',
            sections.summary(evaluation),
            f"<nav>{links}</nav>",
            *body,
        ],
        script=SCRIPT,
    )
