"""What a run is of: everything that makes its output, so that only the same run is gone on with."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from typing import Any

from netral_nlp import __version__
from netral_nlp.errors import InputError
from netral_nlp.formats import FileFormat
from netral_nlp.formats.problems import name_problem, shown_name
from netral_nlp.inference.folder import ModelFolder
from netral_nlp.labels import LABELS
from netral_nlp.scoring.columns import Source
from netral_nlp.scoring.engines import decision_of
from netral_nlp.scoring.request import ScoreRequest

_STAMPED = ("onnxruntime", "tokenizers", "numpy", "pyarrow", "torch")


def plan_of(
    request: ScoreRequest,
    sources: Sequence[Source],
    digests: Sequence[str],
    folder: ModelFolder,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that makes the output's bytes; a run may only be resumed under the same plan.

    Args:
        request: the run.
        sources: its inputs.
        digests: the inputs' SHA-256.
        folder: the model.
        more: options of the engine that shape the output.
    """
    decision = decision_of(folder, request.policy)
    return {
        "netral_nlp": __version__,
        "inputs": [
            {
                "name": source.path.name,
                "sha256": digest,
                "bytes": source.bytes_total,
                "columns": source.chosen,
            }
            for source, digest in zip(sources, digests, strict=True)
        ],
        "model": {
            "name": folder.name,
            "fingerprint": folder.fingerprint(),
            "backend": request.backend,
            "precision": request.precision,
        },
        "decision": {
            "temperature": decision.temperature,
            "margin": None if decision.margin is None else decision.margin.to_dict(),
            "review_below": {label.value: decision.review_below[label] for label in LABELS},
            "target": dict(decision.target),
        },
        "options": {
            "chunk_rows": request.chunk_rows,
            "source_column": request.source_column,
            "encoding": request.encoding,
            "delimiter": request.delimiter,
            "sheet": request.sheet,
            **more,
        },
    }


def check_names(source: Source, output_format: FileFormat, shown: str) -> None:
    """Refuse an input with a column whose name the output's format cannot hold.

    Of JSON lines, the rows that have such a key become rejects, one by one.

    Raises:
        InputError: there is such a column.
    """
    if source.format.kind in ("jsonl", "json"):
        return
    for name in source.names:
        problem = name_problem(name, output_format.kind)
        if problem is not None:
            raise InputError(f"{shown}: the name of column {shown_name(name)} cannot be written: {problem}")


def check_same(earlier: Mapping[str, Any], plan: Mapping[str, Any], what: str) -> None:
    """Refuse to go on with a run of something else.

    Raises:
        InputError: the plans differ; the message says in what.
    """
    differences = list(_differences(earlier, plan, ""))
    if differences:
        more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise InputError(f"{what}: {'; '.join(differences[:3])}{more}; give the same as then, or use --overwrite")


def _differences(then: Any, now: Any, place: str) -> Iterator[str]:
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in now:  # the meta file of a finished run says more
            yield from _differences(then.get(key), now.get(key), f"{place} {key}".strip())
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for number, (old, new) in enumerate(zip(then, now, strict=True), start=1):
            yield from _differences(old, new, f"{place} {number}")
    elif then != now:
        if isinstance(then, list) and isinstance(now, list):
            then, now = f"{len(then)} of them", f"{len(now)}"
        yield f"{place} was {_short(then)} and is {_short(now)}"


def _short(value: Any) -> str:
    return "not given" if value is None else str(value)[:60]


def versions(*more: str) -> dict[str, str]:
    """Versions of what takes part in the scores; `more` names further packages."""
    found = {"netral_nlp": __version__, "python": platform.python_version()}
    for package in (*_STAMPED, *more):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
