"""The model card: a README.md in the model folder, filled in from what was measured."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.labels import LABELS

if TYPE_CHECKING:
    from netral_nlp.inference.decision import Decision

_LIBRARY = {"encoder": "transformers", "tfidf": "netral-nlp"}


def write_model_card(
    folder: Path,
    record: Mapping[str, Any],
    metrics: Mapping[str, Any],
    *,
    base_name: str,
    label_counts: Mapping[str, int],
    taught: int = 0,
) -> Path:
    """Write `README.md` into a model folder.

    Args:
        folder: The model folder; its name in the card is that of the output, not of a scratch folder.
        record: What `training.yaml` holds.
        metrics: What `metrics.json` holds: sets with figures by backend, and which backend is the default.
        base_name: The base model's hub id or name, or `tfidf`.
        label_counts: Training posts that people labelled, by label.
        taught: How many more a teacher labelled.

    Returns:
        The card's path.
    """
    config = record["config"]
    name = Path(config["output"]).resolve().name
    kind = "tfidf" if config["base_model"] == "tfidf" else "encoder"
    backend = metrics["default_backend"]
    lines = [
        *_front_matter(name, kind, base_name, metrics, backend),
        f"# {name}",
        "",
        "Reads an Indonesian social-media post about an election and says whether it is neutral, supportive of a side, "
        "or campaigning. It points to posts that a person should read; **a person decides**.",
        "",
        "## Labels",
        "",
        "| label | in Indonesian | meaning | training posts |",
        "|---|---|---|---|",
        *(f"| `{label}` | {label.indonesian} | {label.meaning} | {label_counts[label.value]:,} |" for label in LABELS),
        "",
        "## Intended use",
        "",
        "Sorting many posts, so that reviewers (election monitors, civil-service commissions, researchers, an office "
        "that wants to keep its own accounts neutral) read first what most needs reading. Input is the text of one "
        "post, with the text that it answers where there is one.",
        "",
        "Not intended: penalties without a human reading, profiles of persons, judging languages other than "
        "Indonesian, contests that are no public election.",
        "",
        *_use(name, kind),
        *_figures(metrics, backend, record, name),
        *_decision(folder),
        *_training(config, base_name, label_counts, taught, record),
        "## Limits",
        "",
        "- Intervals tell how much a figure would move with other posts of the same kind. Posts of another platform, "
        "year or region can be harder: measure on posts of your own before you rely on the figures.",
        "- The dev set chose the epoch and the thresholds, so its figures are a little too good; those of other sets "
        "are not touched by that.",
        "- Sarcasm, images, links and inside jokes carry meaning that the text alone does not hold.",
        "- A label is about a text in an election, as its author meant it; whether a rule was broken depends on who "
        "wrote it, when, and in which office.",
        "",
        "## Responsible use",
        "",
        "A label is a pointer, never a verdict. Give the people concerned a hearing, keep the post beside the label, "
        "treat every side by the same standard, and count how often reviewers overrule the model. Posts with "
        "`needs_review` are those of which the model itself is unsure.",
        "",
    ]
    path = folder / "README.md"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _front_matter(name: str, kind: str, base_name: str, metrics: Mapping[str, Any], backend: str) -> list[str]:
    """The card's machine-readable head, as the Hugging Face hub reads it."""
    import yaml

    results = [
        {
            "task": {"type": "text-classification", "name": "Election neutrality"},
            "dataset": {"type": "custom", "name": set_name},
            "metrics": [
                {"type": "f1", "name": "Macro-F1", "value": round(found["backends"][backend]["macro_f1"]["value"], 4)}
            ],
        }
        for set_name, found in metrics["sets"].items()
    ]
    head: dict[str, Any] = {
        "language": ["id"],
        "library_name": _LIBRARY[kind],
        "pipeline_tag": "text-classification",
        "tags": ["elections", "neutrality", "netral-nlp"],
        "metrics": ["f1"],
    }
    if kind == "encoder" and base_name.count("/") == 1:
        head["base_model"] = base_name
    head["model-index"] = [{"name": name, "results": results}]
    return ["---", yaml.safe_dump(head, sort_keys=False, allow_unicode=True).rstrip(), "---", ""]


def _use(name: str, kind: str) -> list[str]:
    lines = [
        "## How to use",
        "",
        "```bash",
        f'netral predict --model {shlex.quote(name)} "Hadir mendengarkan visi misi kedua paslon."',
        f"netral score posts.csv -o labelled.csv --model {shlex.quote(name)}",
        "```",
        "",
        "```python",
        "from netral_nlp import NeutralityClassifier",
        "",
        f"classifier = NeutralityClassifier.from_pretrained({name!r})",
        'classifier.predict("Hadir mendengarkan visi misi kedua paslon.")',
        "```",
        "",
    ]
    if kind == "encoder":
        lines += [
            f'`transformers.pipeline("text-classification", model={name!r})` opens the folder too; give it text that '
            "`netral_nlp.text.Normaliser.load(folder)` has normalised, as in training.",
            "",
        ]
    return lines


def _figures(metrics: Mapping[str, Any], backend: str, record: Mapping[str, Any], name: str) -> list[str]:
    lines = [
        "## Figures",
        "",
        f"Measured on the weights in this folder with the backend that scoring uses (`{backend}`); brackets hold 95 % "
        "bootstrap intervals.",
        "",
        "| set | posts | macro-F1 | neutral posts accused | campaigning F1 | handed to a person |",
        "|---|---|---|---|---|---|",
    ]
    for set_name, found in metrics["sets"].items():
        figures = found["backends"][backend]
        lines.append(
            f"| {set_name} | {figures['posts']:,} | {figure(figures['macro_f1'])} "
            f"| {figure(figures.get('false_accusation_rate'), percent=True)} "
            f"| {figure(figures['per_class']['campaigning']['f1'])} "
            f"| {figure(figures.get('review_rate'), percent=True)} |"
        )
    lines += ["", "To make them again:", "", "```bash"]
    config = record["config"]
    for set_name in metrics["sets"]:
        paths = config["dev"] if set_name == "dev" else [config["test"][set_name]]
        if not paths:
            lines += ["# dev was held out of the training data; train again with the same seed to measure on it"]
            continue
        files = " ".join(shlex.quote(path) for path in paths)
        lines.append(f"netral evaluate --model {shlex.quote(name)} --data {files}")
    lines += ["```", ""]
    for set_name, found in metrics["sets"].items():
        figures = found["backends"][backend]
        lines += [
            f"### {set_name}",
            "",
            "| label | precision | recall | F1 | posts |",
            "|---|---|---|---|---|",
            *(
                f"| {label} | {figure(figures['per_class'][label.value]['precision'])} "
                f"| {figure(figures['per_class'][label.value]['recall'])} "
                f"| {figure(figures['per_class'][label.value]['f1'])} | {figures['support'][label.value]:,} |"
                for label in LABELS
            ),
            "",
            "| gold \\ predicted | " + " | ".join(label.value for label in LABELS) + " |",
            "|---|---|---|---|",
            *(
                f"| {label} | " + " | ".join(f"{count:,}" for count in counts) + " |"
                for label, counts in zip(LABELS, figures["confusion"]["counts"], strict=True)
            ),
            "",
        ]
    return lines


def _decision(folder: Path) -> list[str]:
    from netral_nlp.inference.decision import Decision

    decision = Decision.load(folder)
    thresholds = ", ".join(f"{label} {decision.review_below[label]:.2f}" for label in LABELS)
    fitted = "fitted on dev" if decision.fitted_on else "not fitted, for want of dev posts of each label"
    return [
        "## Decision",
        "",
        f"Probabilities are calibrated with the temperature {decision.temperature:.3f}"
        f"{' and by the margin of the likeliest label' if decision.margin else ''} ({fitted}). A post is handed "
        "to a person (`needs_review`) where it is less sure than this that no side is taken (`p_neutral` of a neutral "
        f"post) or that one is (`1 - p_neutral` of another): {thresholds}.",
        "",
        *_price(decision),
    ]


def _price(decision: Decision) -> list[str]:
    """What other targets would cost, from the posts that the decision was fitted on."""
    from netral_nlp.inference.decision import ACCUSED

    if not decision.trade_off.get(ACCUSED):
        return []
    rows = []
    for target in (0.1, 0.05, 0.02, 0.01):
        chosen = decision.step_for(ACCUSED, target)
        row = f"| {target:.0%} | {chosen.share:.1%} | {chosen.threshold:.3f} | {chosen.reviewed:.1%} |"
        rows.append(row.replace("%", " %"))
    return [
        "Another target needs no retraining (`netral score --target-accused 0.02`). What each one costs on the posts "
        "that the thresholds were fitted on:",
        "",
        "| target: neutral posts accused without review, at most | to expect on new posts | supportive and "
        "campaigning below | of all posts handed over for it |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _training(
    config: Mapping[str, Any], base_name: str, label_counts: Mapping[str, int], taught: int, record: Mapping[str, Any]
) -> list[str]:
    beside = f" (and {taught:,} posts without labels that a teacher labelled)" if taught else ""
    lines = [
        "## Training",
        "",
        f"{sum(label_counts.values()):,} labelled posts{beside}; base: {base_name}. `training.yaml` holds every value, "
        "the hashes of the data and the versions of the libraries; the same run again:",
        "",
        "```bash",
        "netral train --config training.yaml --output another-folder",
        "```",
        "",
    ]
    if config["base_model"] != "tfidf":
        lines += ["![Learning curves](curves.png)", ""]
    return [*lines, f"Trained with netral-nlp {record['netral_nlp']}.", ""]


def figure(figure: Mapping[str, Any] | None, *, percent: bool = False) -> str:
    """A figure with its interval: `0.741 [0.690, 0.789]`, `4.2 % [2.1, 6.8]`, or a dash."""
    from netral_nlp.evaluation.metrics import Interval

    if figure is None or figure["value"] is None:
        return "–"
    values = (math.nan if figure[key] is None else figure[key] for key in ("value", "low", "high"))
    return Interval(*values).format(percent=percent)
