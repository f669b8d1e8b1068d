"""What runs a model: the choice between ONNX Runtime, PyTorch and the linear baseline, and what they share."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import ConfigError, ModelFolderError

if TYPE_CHECKING:
    from netral_nlp.inference.encoding import Encoded
    from netral_nlp.inference.folder import ModelFolder

BackendName = Literal["auto", "onnx", "torch"]
BACKENDS: tuple[BackendName, ...] = ("auto", "onnx", "torch")


class EncoderBackend(Protocol):
    """Runs an encoder. Safe to share between threads.

    Attributes:
        name: how it is called where backends are chosen.
        token_budget: tokens of a batch that suit it, padding included.
        workers: batches that it is best given side by side, from as many threads.
    """

    name: str
    token_budget: int
    workers: int

    def logits(self, batch: Sequence[Encoded]) -> npt.NDArray[np.float32]:
        """Score n encoded texts in one forward pass: shape (n, 3), in the order of `LABELS`."""


def open_encoder(
    folder: ModelFolder, backend: str = "auto", threads: int | None = None, precision: str | None = None
) -> EncoderBackend:
    """Load an encoder's folder into a backend.

    Args:
        folder: a folder of kind "encoder".
        backend: "onnx" (the int8 model), "torch" (the full weights), or "auto": the int8 model where there is one.
        threads: processor threads; None for all.
        precision: of the torch backend: "fp32", "bf16" or "fp16".

    Raises:
        ConfigError: an unknown backend, or a precision where it cannot be chosen.
        ModelFolderError: the folder has nothing that the backend can run.
        MissingExtraError: the torch backend is asked for and torch is not installed.
    """
    check_backend(backend)
    if backend == "auto":
        backend = "onnx" if folder.has_onnx and precision is None else "torch"
        if backend == "torch" and not folder.has_onnx and not (find_spec("torch") and find_spec("transformers")):
            raise ModelFolderError(
                f"{folder.onnx_path} is missing, and its other weights need torch: run `netral export` on a machine "
                "with the extra [train], or pip install 'netral-nlp[train]' here"
            )
    if backend == "onnx":
        if precision is not None:
            raise ConfigError("precision is a choice of the torch backend; the ONNX model is int8 (backend='torch')")
        from netral_nlp.inference.onnx import OnnxBackend

        return OnnxBackend(folder, threads)
    from netral_nlp.inference.torch_backend import TorchBackend

    return TorchBackend(folder, threads, precision)


def check_backend(backend: str) -> None:
    """Refuse an unknown backend.

    Raises:
        ConfigError: it is none of `BACKENDS`.
    """
    if backend not in BACKENDS:
        raise ConfigError(f"unknown backend {backend!r}; it can be {', '.join(BACKENDS)}")


def check_threads(threads: int | None) -> int | None:
    """Refuse a number of threads that makes no sense.

    Raises:
        ConfigError: it is below 1 or no whole number.
    """
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
        raise ConfigError(f"threads must be a whole number from 1, not {threads!r}")
    return threads


def padded(batch: Sequence[Encoded], pad_id: int) -> dict[str, npt.NDArray[np.int64]]:
    """Lay encoded texts side by side.

    Args:
        batch: n encoded texts.
        pad_id: what fills the rest of a row; some families count positions by it.

    Returns:
        `input_ids`, `attention_mask` and `token_type_ids`, each of shape (n, longest).
    """
    shape = (len(batch), max(len(row) for row in batch))
    ids = np.full(shape, pad_id, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.int64)
    types = np.zeros(shape, dtype=np.int64)
    for index, row in enumerate(batch):
        length = len(row)
        ids[index, :length] = row.ids
        mask[index, :length] = 1
        types[index, :length] = row.type_ids
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
