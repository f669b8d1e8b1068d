"""Read Indonesian social-media posts and say whether each is neutral, supportive of a candidate, or campaigning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["LABELS", "Label", "NetralError", "NeutralityClassifier", "Prediction", "__version__"]

_HOME = {
    "LABELS": "netral_nlp.labels",
    "Label": "netral_nlp.labels",
    "NetralError": "netral_nlp.errors",
    "NeutralityClassifier": "netral_nlp.inference.classifier",
    "Prediction": "netral_nlp.inference.classifier",
}

if TYPE_CHECKING:
    from netral_nlp.errors import NetralError
    from netral_nlp.inference.classifier import NeutralityClassifier, Prediction
    from netral_nlp.labels import LABELS, Label


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that `import netral_nlp` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
