"""`netral info`: what a model is, how good it is, and what it runs on."""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netral_nlp.inference.folder import ModelFolder

_LIBRARIES = ("onnxruntime", "tokenizers", "numpy", "pyarrow", "pandas", "torch", "transformers", "scikit-learn", "ray")
_FIGURES = {
    "macro_f1": "macro-F1",
    "false_accusation_rate": "neutral posts accused",
    "missed_campaigning_rate": "campaigning missed",
}


def add_parser(subparsers: Any) -> None:
    """Add the command `info` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "info",
        help="show a model's labels, files, thresholds and figures, and the versions here",
        description="Show a model's labels, base, files with their hashes, thresholds and dev figures, and the "
        "versions of what runs it.",
    )
    parser.add_argument("--model", metavar="PATH|ID", help="model folder or hub id (default: the shipped model)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what is known of the model.

    Raises:
        ModelFolderError: the model cannot be found or is incomplete.
    """
    from netral_nlp.inference.folder import ModelFolder

    document = describe(ModelFolder.open(args.model))
    print(json.dumps(document, indent=2, ensure_ascii=False) if args.json else "\n".join(_lines(document)))
    return 0


def describe(folder: ModelFolder) -> dict[str, Any]:
    """Everything that `netral info` tells, as plain values."""
    from netral_nlp.labels import LABELS

    training = _training(folder.path)
    hashes = folder.file_hashes()
    return {
        "name": folder.name,
        "path": str(folder.path),
        "kind": folder.kind,
        "base_model": training.get("config", {}).get("base_model") or folder.config.get("_name_or_path") or None,
        "architecture": _architecture(folder.config),
        "labels": {label.value: {"indonesian": label.indonesian, "meaning": label.meaning} for label in LABELS},
        "normaliser": folder.normaliser.profile,
        "max_tokens": folder.max_tokens,
        "context_tokens": folder.context_tokens,
        "temperature": folder.decision.temperature,
        "review_below": {label.value: folder.decision.review_below[label] for label in LABELS},
        "decision_target": dict(folder.decision.target),
        "fingerprint": folder.fingerprint(),
        "files": {name: {"bytes": (folder.path / name).stat().st_size, "sha256": hashes[name]} for name in hashes},
        "figures": _figures(folder.path),
        "export": _json(folder.path / "export.json"),
        "versions": _versions(),
    }


def _lines(document: dict[str, Any]) -> list[str]:
    total = sum(file["bytes"] for file in document["files"].values())
    lines = [
        f"{document['name']}  {document['path']}",
        f"  kind          {document['kind']}, {document['architecture']}".rstrip(", "),
        f"  base model    {document['base_model'] or 'not stated'}",
        f"  reads         {document['max_tokens']} tokens of a text at once, {document['context_tokens']} of its "
        f"context; normaliser {document['normaliser']}",
        f"  fingerprint   {document['fingerprint']}",
        f"  temperature   {document['temperature']:.4g}",
        "",
        "labels",
    ]
    for name, label in document["labels"].items():
        threshold = document["review_below"][name]
        lines.append(f"  {name:<12}  {label['indonesian']:<12}  review below {threshold:.3f}  {label['meaning']}")
    lines += ["", f"files ({total / 1e6:.1f} MB)"]
    for name, file in document["files"].items():
        lines.append(f"  {name:<24}{file['bytes']:>12,}  sha256 {file['sha256'][:16]}…")
    if document["figures"]:
        lines += ["", "figures (as measured when the model was made)"]
        for name, figures in document["figures"].items():
            told = ", ".join(f"{_FIGURES[key]} {_interval(value)}" for key, value in figures.items() if key in _FIGURES)
            lines.append(f"  {name} ({figures['posts']:,} posts, {figures['backend']}): {told}")
    if document["export"]:
        export = document["export"]
        lines.append(
            f"  int8 model: the full model's label on {export['agreement']:.1%} of {export['texts']} sample texts"
        )
    lines += ["", "versions", "  " + ", ".join(f"{name} {version}" for name, version in document["versions"].items())]
    return lines


def _interval(value: dict[str, float | None]) -> str:
    if value.get("value") is None:
        return "–"
    if value.get("low") is None:
        return f"{value['value']:.3f}"
    return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


def _architecture(config: dict[str, Any]) -> str:
    layers, width = config.get("num_hidden_layers") or config.get("n_layers"), config.get("hidden_size")
    shape = f" {layers}x{width}, {config.get('vocab_size'):,} pieces" if layers and width else ""
    return f"{config.get('model_type', '')}{shape}"


def _figures(path: Path) -> dict[str, Any]:
    """The figures of `metrics.json` by set, of the backend that scoring uses."""
    document = _json(path / "metrics.json")
    if not document:
        return {}
    found: dict[str, Any] = {}
    default = document.get("default_backend")
    for name, entry in document.get("sets", {}).items():
        backends = entry.get("backends", {})
        backend = default if default in backends else next(iter(backends), None)
        if backend is not None:
            figures = {key: value for key, value in backends[backend].items() if key in _FIGURES}
            found[name] = {"backend": backend, "posts": backends[backend].get("posts", 0), **figures}
    return found


def _training(path: Path) -> dict[str, Any]:
    import yaml

    file = path / "training.yaml"
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, yaml.YAMLError):
        return {}
    return document if isinstance(document, dict) and isinstance(document.get("config", {}), dict) else {}


def _json(file: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    from netral_nlp import __version__

    found = {"netral-nlp": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
