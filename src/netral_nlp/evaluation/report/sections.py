"""The report's sections, each from its part of an evaluation."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any

from netral_nlp.evaluation.compare import COMPARED, Comparison
from netral_nlp.evaluation.evaluate import Evaluation
from netral_nlp.evaluation.fairness import MISTAKES
from netral_nlp.evaluation.label_problems import KINDS as PROBLEM_KINDS
from netral_nlp.evaluation.metrics import FIGURES, PER_CLASS, Metrics
from netral_nlp.evaluation.report.figures import coverage_figure, prevalence_figure, reliability_figure, whisker
from netral_nlp.evaluation.report.html import interval_html, p_text
from netral_nlp.evaluation.report.posts import Texts, filter_bar, post_article, post_record
from netral_nlp.evaluation.report.words import KIND_NAMES, Language, closing, fairness_sentences, summary_sentences
from netral_nlp.evaluation.slices import SMALL, Slice
from netral_nlp.evaluation.suites import KINDS, Outcome, SuiteResults
from netral_nlp.labels import LABELS, Label
from netral_nlp.page.html import folded, label_html, left_cell, name_cell, section, table_html, whole

_HARMS = (
    "Neutral posts accused without review",
    "Campaigning posts that passed as neutral without review",
    "Other wrong labels without review",
    "Wrong labels that a person will see",
)
_SUMMARIES: tuple[tuple[Language, str], ...] = (("en", "In plain words"), ("id", "Ringkasan"))
_WORST_SLICES = 15
_MOST_LISTED = 200


def summary(evaluation: Evaluation) -> str:
    """The first page: a few large figures, then the findings in English and Indonesian."""
    figures = evaluation.metrics.figures
    tiles = [("", whole(figures["accuracy"].value), "of 100 labels are right")]
    if evaluation.metrics.support[Label.NEUTRAL]:
        tiles.append(("bad", whole(figures["false_accusation_rate"].value), "of 100 neutral posts are accused"))
        if "accused_without_review_rate" in figures:
            value = whole(figures["accused_without_review_rate"].value)
            tiles.append(("bad", value, "of 100 neutral posts are accused without review"))
    if "review_rate" in figures:
        tiles.append(("", whole(figures["review_rate"].value), "of 100 posts are handed to a person"))
    tiles.append(("", f"{figures['macro_f1'].value:.3f}", "macro-F1"))
    shown = "".join(f'<div class="tile {kind}"><b>{value}</b><span>{what}</span></div>' for kind, value, what in tiles)
    blocks = []
    for language, title in _SUMMARIES:
        items = "\n".join(f"<li>{line}</li>" for line in summary_sentences(evaluation, language))
        blocks.append(
            f'<div class="summary" lang="{language}"><h2>{title}</h2>\n<ul>\n{items}\n</ul>\n'
            f"<p>{closing(language)}</p></div>"
        )
    notes = "".join(f'<p class="soft small">Note: {escape(note)}</p>' for note in evaluation.notes)
    return f'<div class="tiles">{shown}</div>\n<div class="pair">{"".join(blocks)}</div>{notes}'


def figure_tables(metrics: Metrics) -> str:
    """Figures by label, all others, and which labels are mixed up."""
    by_label = table_html(
        ["label", "precision", "recall", "F1", "posts"],
        [
            [
                label_html(label),
                *(interval_html(metrics.per_class[label][name]) for name in PER_CLASS),
                f"{metrics.support[label]:,}",
            ]
            for label in LABELS
        ],
    )
    note = (
        f"<p class='soft small'>In brackets: {metrics.confidence:.0%} bootstrap intervals, {metrics.resamples:,} "
        f"resamples drawn within each label, seed {metrics.seed}. Resampling adds noise of its own to the calibration "
        "error, so its interval leans upwards.</p>"
        if metrics.resamples
        else ""
    )
    every = table_html(
        ["figure", "value"],
        [
            [
                f'<td class="name figure">{escape(FIGURES[name].title)}<br>'
                f'<span class="soft small">{escape(FIGURES[name].meaning)}</span></td>',
                interval_html(interval, percent=FIGURES[name].percent),
            ]
            for name, interval in metrics.figures.items()
        ],
    )
    return section("figures", "How right it is", by_label, note, "<h3>All figures</h3>", every, _confusion(metrics))


def _confusion(metrics: Metrics) -> str:
    rows = []
    for gold in LABELS:
        counts = metrics.confusion[gold.severity]
        posts = max(int(counts.sum()), 1)
        cells = [
            f'<td class="cell {"right" if gold is called else "wrong"}" '
            f'style="--part:{round(55 * counts[called.severity] / posts)}%">{counts[called.severity]:,} '
            f'<span class="range">{counts[called.severity] / posts:.0%}</span></td>'
            for called in LABELS
        ]
        rows.append([label_html(gold), *cells])
    head = ["labelled \\ called", *(label_html(label) for label in LABELS)]
    return (
        f"<h3>Which labels are mixed up</h3>{table_html(head, rows)}"
        '<p class="soft small">Rows: the label in the data. Columns: the label that was given. Shares are of the '
        "row.</p>"
    )


def confidence(evaluation: Evaluation) -> str:
    """Calibration, thresholds and their price, risk and coverage."""
    metrics = evaluation.metrics
    if not metrics.reliability or evaluation.coverage is None:
        return ""
    curve = evaluation.coverage
    figures = (
        '<div class="figures">'
        f"<figure>{reliability_figure(metrics.reliability)}<figcaption>Points on the dashed line: as often right as it "
        "claims. Below it: it claims too much. Bars: 95 % intervals.</figcaption></figure>"
        f"<figure>{coverage_figure(curve)}<figcaption>Answering only the surest posts leaves fewer mistakes. Dashed: "
        f"no ordering. Area under the curve {curve.area.format()}; a perfect ordering of these answers would reach "
        f"{curve.best_area:.3f}, none at all {curve.chance_area:.3f}.</figcaption></figure></div>"
    )
    bins = table_html(
        ["confidence", "mean confidence", "share right", "difference", "posts"],
        [
            [
                f"{part.lowest:.2f} to {part.highest:.2f}",
                f"{part.confidence:.3f}",
                f"{part.accuracy:.3f}",
                f"{part.accuracy - part.confidence:+.3f}",
                f"{part.posts:,}",
            ]
            for part in metrics.reliability
        ],
    )
    return section(
        "confidence",
        "Does its confidence mean what it says?",
        figures,
        folded("The reliability diagram in numbers", bins),
        _halves(evaluation),
    )


def _halves(evaluation: Evaluation) -> str:
    if not evaluation.halves:
        return ""
    first = evaluation.halves[0]
    sound = first.ece_p_value >= 0.05
    verdict = "no larger than chance makes that of" if sound else "larger than chance makes that of"
    p_shown = p_text(first.ece_p_value) if first.ece_p_value < 0.001 else f"= {p_text(first.ece_p_value)}"
    text = (
        "<h3>When to hand a post to a person</h3>"
        "<p>Temperature, margin calibration and thresholds are fitted on one half of these posts and measured on the "
        "other, both ways, so that every post is judged by a decision that never saw it. "
        f"Brier score {first.brier_before:.3f} before and {first.brier_after:.3f} after; calibration error "
        f"{first.ece_before:.3f} before and {first.ece_after:.3f} after, {verdict} perfect calibration on this many "
        f"posts ({first.ece_if_perfect.format()}, p {p_shown}).</p>"
        "<p>A target is the share of neutral posts that may be accused without review. Its price is the posts that a "
        "person has to read. <code>netral score --target-accused 0.02</code> sets another target without "
        "retraining.</p>"
    )
    rows = [
        [
            f"{half.target_accused * 100:g} %",
            interval_html(half.accused, percent=True),
            interval_html(half.reviewed, percent=True),
            interval_html(half.passed, percent=True),
        ]
        for half in evaluation.halves
    ]
    head = ["target", "neutral posts accused without review", "posts handed to review", "campaigning passed as neutral"]
    return text + table_html(head, rows)


def prevalence(evaluation: Evaluation) -> str:
    """Precision among flagged posts at other shares of posts that take a side."""
    if not evaluation.flagging:
        return ""
    every, *unreviewed = evaluation.flagging
    head = ["posts that take a side", "flagged", "flagged posts that are right"]
    rows = [
        [
            f"{row.prevalence * 100:g} %",
            interval_html(row.flagged, percent=True),
            interval_html(row.precision, percent=True),
        ]
        for row in every.stated
    ]
    if unreviewed:
        head.append("of those not handed to review")
        for cells, row in zip(rows, unreviewed[0].stated, strict=True):
            cells.append(interval_html(row.precision, percent=True))
    text = (
        f"<p>Here {every.measured:.0%} of posts take a side. In a dump it is often a few of a hundred, and then most "
        "flagged posts may be neutral ones. What does not depend on the dump: "
        f"{every.caught.format(percent=True)} of posts that take a side are flagged, and "
        f"{every.accused.format(percent=True)} of neutral ones. From these two follows:</p>"
    )
    figure = ""
    if not any(math.isnan(row.precision.value) for row in every.stated):  # nothing is flagged: nothing to draw
        figure = f'<div class="figures"><figure>{prevalence_figure(every)}</figure></div>'
    return section("prevalence", "What a flag is worth in a dump", text, table_html(head, rows), figure)


def comparisons(evaluation: Evaluation, texts: Texts) -> str:
    """The subject beside each other one."""
    if not evaluation.comparisons:
        return ""
    found = evaluation.comparisons
    head = ["figure", f"{escape(found[0].names[0])}"]
    for one in found:
        head += [escape(one.names[1]), "difference"]
    rows = []
    for name in found[0].differences:
        if name not in COMPARED:
            continue
        info = COMPARED[name]
        cells = [escape(info.title), _shown(found[0][name].first, info.percent)]
        for one in found:
            if name not in one.differences:
                cells += ["–", "–"]
                continue
            difference = one[name]
            mark = {"first": "", "second": ' class="worse"', None: ' class="soft"'}[difference.better]
            cells += [_shown(difference.second, info.percent), f"<span{mark}>{difference.format()}</span>"]
        rows.append(cells)
    text = (
        "<p>Differences are this minus the other, on the same posts, with paired bootstrap intervals. Grey: not beyond "
        "chance. Red: the other is better.</p>"
    )
    return section(
        "comparison",
        "Beside others",
        text,
        table_html(head, rows),
        *(_differing(evaluation, one, texts) for one in found),
    )


def _shown(value: float, percent: bool) -> str:
    if math.isnan(value):
        return "–"
    return f"{value * 100:.1f} %" if percent else f"{value:.3f}"


def _differing(evaluation: Evaluation, one: Comparison, texts: Texts) -> str:
    first, second = (escape(name) for name in one.names)
    test = one.mcnemar
    text = (
        f"<p>Right only in {first}: {test.only_first_right:,}; only in {second}: {test.only_second_right:,}; McNemar "
        f"p = {test.p_value:.3g} ({test.method}).</p>"
    )
    articles = []
    shown = one.differing.head(_MOST_LISTED)
    for row, said, other in zip(*(shown[name].tolist() for name in ("row", "first", "second")), strict=True):
        record = post_record(evaluation, int(row))
        said_by = f"{first}: {label_html(said)}; {second}: {label_html(other)}"
        head = f"labelled {label_html(record['gold'])}; {said_by}"
        articles.append(post_article(record, head, texts, None))
    more = f" (the first {_MOST_LISTED})" if len(one.differing) > _MOST_LISTED else ""
    return folded(f"{first} and {second} differ on {len(one.differing):,} posts{more}", text + "\n".join(articles))


def slices(found: Sequence[Slice], overall: float) -> str:
    """Where it does worse than the macro-F1 over all posts."""
    if not found:
        return ""
    large = [part for part in found if not part.small and part.macro_f1.value < overall]
    parts = [
        "<p>The same figures for parts of the data. Macro-F1 is averaged over the labels that a part has, so compare "
        f"parts with the same labels. Parts under {SMALL} posts are rough: mind their intervals. Red: fewer labels are "
        "right than its mix of labels lets expect, beyond chance and with all parts considered.</p>"
    ]
    if large:
        parts.append("<h3>The worst parts</h3>" + _slice_table(large[:_WORST_SLICES], cut=True))
    by_column: dict[str, list[Slice]] = {}
    for part in found:
        by_column.setdefault(part.column, []).append(part)
    for column, own in by_column.items():
        small = sum(part.small for part in own)
        note = f", {small} of them small" if small else ""
        parts.append(folded(f"By {escape(column)}: {len(own)} parts{note}", _slice_table(own, cut=False)))
    return section("slices", "Where it does worse", *parts)


def _slice_table(parts: Sequence[Slice], *, cut: bool) -> str:
    rows = []
    for part in parts:
        value = f"{part.column}: {part.value}" if cut else part.value
        few = ' <span class="soft">(few posts)</span>' if part.small else ""
        mark = ' class="worse"' if part.worse else ""
        rows.append(
            [
                f'<td class="name"><span{mark}>{escape(value)}</span>{few}</td>',
                interval_html(part.macro_f1),
                interval_html(part.accuracy, percent=True),
                interval_html(part.false_accusation_rate, percent=True),
                interval_html(part.missed_campaigning_rate, percent=True),
                f"{part.posts:,}",
            ]
        )
    return table_html(["part", "macro-F1", "right", "false accusations", "missed campaigning", "posts"], rows)


def suites(results: SuiteResults | None) -> str:
    """Pass rates and every failed case with both texts."""
    if results is None:
        return ""
    parts = [
        f"<p>{len(results.outcomes):,} written cases, frozen and never trained on: <em>minimum functionality</em> (one "
        "text, one right label, for each rule of the guide), <em>invariance</em> (two texts that differ in what must "
        "not matter; both must be right) and <em>direction</em> (the text with a call to others must be called more "
        "severe than the same one without).</p>"
    ]
    rows = []
    for kind in results.kinds:
        rows.append(
            [
                f'<td class="name"><strong>{KINDS[kind.kind]}</strong></td>',
                interval_html(kind.passed, percent=True),
                f"<td>{whisker(kind.passed)}</td>",
                f"{kind.cases:,}",
            ]
        )
        for group in results.groups:
            if group.kind == kind.kind:
                rows.append(
                    [
                        f'<td class="name">&emsp;{escape(group.group)}</td>',
                        interval_html(group.passed, percent=True),
                        f"<td>{whisker(group.passed)}</td>",
                        f"{group.cases:,}",
                    ]
                )
    parts.append(table_html(["suite", "passed", "", "cases"], rows))
    if not math.isnan(results.wrong_way.value):
        parts.append(
            "<p class='small'>Direction pairs that fail mostly get the same label twice; the call lowers the label in "
            f"{results.wrong_way.format(percent=True)} of them.</p>"
        )
    failures = results.failures
    if failures:
        groups = list(dict.fromkeys(outcome.case.group for outcome in failures))
        body = []
        for name, failed in groupby(failures, key=lambda outcome: outcome.case.kind):
            own = list(failed)
            body.append(folded(f"{KINDS[name]}: {len(own):,} failed", "\n".join(_failure(outcome) for outcome in own)))
        parts.append(
            '<h3>Failed cases</h3><div data-list="suites">'
            + filter_bar([("group", "group", groups)])
            + "\n".join(body)
            + "</div>"
        )
    return section("suites", "Behaviour suites", *parts)


def _failure(outcome: Outcome) -> str:
    case = outcome.case
    lines = [
        f'<p class="small"><code>{escape(case.id)}</code> · {escape(case.group)} · {escape(case.rule)}</p>',
    ]
    if case.context:
        lines.append(f'<p class="answered" lang="id">{escape(case.context)}</p>')
    expected = (case.label, case.changed_label)
    for place, (text, _, action) in enumerate(case.units):
        answer, right = outcome.answers[place], expected[place]
        sure = "" if outcome.confidences is None else f", {outcome.confidences[place]:.0%} sure"
        said = f"{label_html(answer)}{sure}"
        verdict = f"called {said}" if answer is right else f"<span class='worse'>called {said}; right: {right}</span>"
        shown = f"<em>({escape(action or '')})</em>" if not text else escape(text)
        lines.append(f'<p lang="id">{shown}<br><span class="small">{verdict}</span></p>')
    return f'<article data-group="{escape(case.group)}">{"".join(lines)}</article>'


def fairness(evaluation: Evaluation) -> str:
    """Whom it treats worse."""
    found = evaluation.fairness
    if found is None:
        return ""
    both = []
    for language, _ in _SUMMARIES:
        items = "\n".join(f"<li>{escape(line)}</li>" for line in fairness_sentences(found, language))
        both.append(f'<div class="summary" lang="{language}"><ul>{items}</ul></div>')
    text = (
        "<p>Two tests. <em>Real posts</em>: mistakes are counted by whom the post names; posts about one side may "
        "simply be harder. <em>Templates</em>: sentences that differ in nothing but the name, so that every gap is the "
        "model's own. Of many small groups two always lie far apart by chance; so each largest gap stands beside the "
        "one "
        "that shuffled names make, and p is corrected for the number of lists (Holm). The gap's interval is of the two "
        "groups that were picked for lying farthest apart, so it leans upwards.</p>"
    )
    rows = []
    for part in found.parts:
        if part.gap is None:
            continue
        gap = part.gap
        mark = {"clear": ' class="worse"', "possible": "", "none": ' class="soft"'}[gap.verdict]
        rows.append(
            [
                name_cell(KIND_NAMES["en"][part.names]),
                left_cell(part.on),
                left_cell("accused" if part.mistake == "accused" else "missed"),
                left_cell(f"{escape(gap.worst)} – {escape(gap.best)}"),
                interval_html(gap.gap, percent=True),
                f"{gap.expected * 100:.1f} %",
                p_text(gap.p_adjusted),
                f"<span{mark}>{gap.verdict}</span>",
            ]
        )
    gaps = table_html(
        [
            "groups",
            '<th class="left">on</th>',
            '<th class="left">mistake</th>',
            '<th class="left">largest gap between</th>',
            "gap",
            "by chance",
            "p",
            "gap?",
        ],
        rows,
    )
    flips = ", ".join(f"{slot} {share.format(percent=True)}" for slot, share in found.flips.items())
    flipped = (
        f"<p>Templates whose label changes with the name that is filled in, by slot: {flips}.</p>" if flips else ""
    )
    details = []
    for part in found.parts:
        if not part.groups:
            continue
        own = [
            [name_cell(group.group), interval_html(group.rate, percent=True), f"{group.mistakes:,}", f"{group.posts:,}"]
            for group in part.groups
        ]
        title = f"{KIND_NAMES['en'][part.names]}, {part.on}: {MISTAKES[part.mistake]}"
        details.append(folded(escape(title), table_html(["group", "rate", "mistakes", "posts"], own)))
    return section("fairness", "Fairness", text, f'<div class="pair">{"".join(both)}</div>', gaps, flipped, *details)


def explanations(evaluation: Evaluation) -> str:
    """Whether explanations hold."""
    found = evaluation.faithfulness
    if found is None:
        return ""
    text = (
        "<p>Words are marked in the mistakes below by what leaving them out does to the label's probability. Does that "
        f"hold? On {found.posts:,} posts, leaving out the strongest {found.share:.0%} of words lowers the probability "
        f"by "
        f"{found.top.format()} on average, leaving out as many random words by {found.random.format()}: a difference "
        f"of {found.difference.format()}; the strongest count for more in {found.beats_random.format(percent=True)} of "
        "posts.</p>"
    )
    return section("explanations", "Can its explanations be believed?", text)


def problems(evaluation: Evaluation) -> str:
    """What to look at again in the labels."""
    found = evaluation.problems
    if found is None:
        return ""
    counts = [
        [name_cell(kind), "not looked for" if count is None else f"{count:,}"] for kind, count in found.counts().items()
    ]
    frame = found.to_frame()
    parts = [
        "<p>A list to check again; nothing was changed. A label that the model finds unlikely may as well be a "
        "mistake of the model. The whole list is in <code>recheck.csv</code> beside this file.</p>",
        table_html(["what", "posts"], counts),
    ]
    if found.agreement is not None:
        parts.append(folded("Agreement of annotators", f"<pre>{escape(found.agreement.table())}</pre>"))
    for kind in PROBLEM_KINDS:
        own = frame[frame["kind"] == kind]
        if own.empty:
            continue
        rows = [
            [
                f'<td class="left"><code>{escape(str(row.id))}</code></td>',
                f"{row.row}",
                left_cell(escape(str(row.given))),
                left_cell("–" if row.suggested is None else escape(str(row.suggested))),
                f"{row.score:.2f}",
                f'<td class="wide">{escape(str(row.detail))}</td>',
            ]
            for row in own.head(_MOST_LISTED).itertuples(index=False)
        ]
        head = ["post", "row", '<th class="left">label</th>', '<th class="left">suggested</th>', "score", ""]
        parts.append(folded(f"{escape(kind)}: {len(own):,}", table_html(head, rows)))
    return section("labels", "Labels to check again", *parts)


def errors(evaluation: Evaluation, texts: Texts, max_errors: int) -> str:
    """Every wrong label, the most harmful first, with filters."""
    wrong = evaluation.errors()
    if wrong.empty:
        return section("errors", "Wrong labels", "<p>None.</p>")
    reviewed = "needs_review" in wrong
    shown = wrong.head(max_errors)
    totals = wrong["harm"].value_counts()
    records = [
        post_record(evaluation, int(row)) | {"harm": int(harm)}
        for row, harm in zip(shown.index.tolist(), shown["harm"].tolist(), strict=True)
    ]
    bodies = []
    for harm, group in groupby(records, key=lambda record: int(record["harm"])):
        title = _HARMS[harm] if reviewed else _HARMS[harm].removesuffix(" without review")
        articles = "\n".join(_error(record, texts, evaluation) for record in group)
        bodies.append(folded(f"{title}: {int(totals[harm]):,}", articles, opened=harm < 2))
    filters = [
        ("gold", "labelled", [label.value for label in LABELS]),
        ("called", "called", [label.value for label in LABELS]),
    ]
    for name in ("platform", "source", "year", "direction", "action"):
        values = Counter(str(record[name]) for record in records if record.get(name) is not None)
        if len(values) > 1:
            filters.append((name, name, sorted(values)))
    intro = ["<p>The most harmful first, within each kind the surest first.</p>"]
    if len(wrong) > max_errors:
        intro.append(f"<p>The first {max_errors:,} of {len(wrong):,}.</p>")
    if evaluation.explanations and texts != "none":
        intro.append(
            "<p class='small'>Marked words: <mark class='for' style='--part:45%'>speaks for the wrong label</mark>, "
            "<mark class='against' style='--part:45%'>against it</mark>; the stronger, the more its absence "
            "changes.</p>"
        )
    body = f'<div data-list="errors">{filter_bar(filters, words=texts != "none")}' + "\n".join(bodies) + "</div>"
    return section("errors", "Wrong labels", *intro, body)


def _error(record: dict[str, Any], texts: Texts, evaluation: Evaluation) -> str:
    facts = [f"labelled {label_html(record['gold'])}, called {label_html(record['predicted'])}"]
    if record.get("confidence") is not None:
        facts.append(f"{record['confidence']:.0%} sure")
    if record.get("needs_review"):
        facts.append("handed to review")
    facts += [
        escape(str(record[name]))
        for name in ("action", "direction", "platform", "year")
        if record.get(name) is not None
    ]
    return post_article(record, " · ".join(facts), texts, evaluation.explanations.get(record["row"]))


def stamp(evaluation: Evaluation) -> str:
    """What it takes to make this report again."""
    lines = []
    for name, value in evaluation.stamp.items():
        for key, part in value.items() if isinstance(value, dict) else [("", value)]:
            text = part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
            lines.append(f"<dt>{escape(f'{name} {key}'.strip())}</dt><dd><code>{escape(text)}</code></dd>")
    return section("stamp", "What was measured", f"<dl>{''.join(lines)}</dl>")
