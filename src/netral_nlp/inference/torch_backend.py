"""The full backend: the folder's weights on PyTorch, on a processor or a GPU."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import ConfigError, MissingExtraError, ModelFolderError
from netral_nlp.inference.backends import check_threads, padded
from netral_nlp.inference.batching import GPU_TOKEN_BUDGET, SHARED_TOKEN_BUDGET
from netral_nlp.inference.folder import WEIGHTS_FILE
from netral_nlp.labels import LABELS

if TYPE_CHECKING:
    from netral_nlp.inference.encoding import Encoded
    from netral_nlp.inference.folder import ModelFolder

PRECISIONS = ("fp32", "bf16", "fp16")


class TorchBackend:
    """Scores with a folder's full weights. Safe to share between threads, and after a fork on a processor.

    A forked child runs it on one thread (PyTorch's thread pool does not survive a fork); start processes with "spawn"
    where that is too slow, or for a GPU.

    Args:
        folder: the model folder.
        threads: processor threads; this is PyTorch's setting for the whole process. None leaves it.
        precision: "fp32", "bf16" or "fp16"; None is fp32 on a processor and half precision on a GPU. Only fp32 gives
            a text the same probabilities in every batch.
        device: "cpu" or "cuda"; None is the GPU where there is one.

    Attributes:
        model: the transformers model.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ModelFolderError: the weights are missing, damaged or lack the classification head.
        ConfigError: an unknown precision, or `threads` is below 1.
    """

    name = "torch"
    workers = 1  # PyTorch spreads one batch over the threads itself

    def __init__(
        self,
        folder: ModelFolder,
        threads: int | None = None,
        precision: str | None = None,
        *,
        device: str | None = None,
    ) -> None:
        if precision is not None and precision not in PRECISIONS:
            raise ConfigError(f"unknown precision {precision!r}; it can be {', '.join(PRECISIONS)}")
        check_threads(threads)
        try:
            import torch
            import transformers  # noqa: F401
        except ImportError:
            raise MissingExtraError("the torch backend", "train") from None
        self._torch = torch
        if threads is not None:
            torch.set_num_threads(threads)
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.token_budget = SHARED_TOKEN_BUDGET if self._device.type == "cpu" else GPU_TOKEN_BUDGET
        if precision is None:
            half = "bf16" if self._device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp16"
            precision = "fp32" if self._device.type == "cpu" else half
        self._pad_id = int(folder.config.get("pad_token_id") or 0)
        self.model = _load(folder, precision).to(self._device)
        self._takes_types = (
            "token_type_ids" in inspect.signature(self.model.forward).parameters
            and int(folder.config.get("type_vocab_size") or 0) > 1
        )
        self._process = os.getpid()

    def logits(self, batch: Sequence[Encoded]) -> npt.NDArray[np.float32]:
        """Score encoded texts in one forward pass.

        Args:
            batch: n encoded texts.

        Returns:
            Shape (n, 3), in the order of `LABELS`.
        """
        if not batch:
            return np.zeros((0, len(LABELS)), dtype=np.float32)
        if os.getpid() != self._process:
            self._settle_after_fork()
        torch = self._torch
        arrays = padded(batch, self._pad_id)
        if not self._takes_types:
            del arrays["token_type_ids"]
        feeds = {name: torch.from_numpy(array).to(self._device) for name, array in arrays.items()}
        with torch.inference_mode():
            logits = self.model(**feeds).logits
        return np.asarray(logits.float().cpu().numpy(), dtype=np.float32)

    def _settle_after_fork(self) -> None:
        """Make do without what a fork does not copy: PyTorch's thread pool, and a GPU's context."""
        if self._device.type != "cpu":
            raise ConfigError('a model on a GPU cannot be used after a fork; start processes with "spawn"')
        self._torch.set_num_threads(1)
        self._process = os.getpid()


def _load(folder: ModelFolder, precision: str) -> Any:
    """The folder's model in a precision, or an error where its head would be random."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    if not folder.has_weights:
        raise ModelFolderError(
            f"{folder.path / WEIGHTS_FILE} is missing; the torch backend needs it (weights in pickle are not read)"
        )
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    log: Any = logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            folder.path,
            dtype=dtype,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelFolderError(f"{folder.path}: transformers cannot load the model ({reason})") from None
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
    if report["missing_keys"]:
        missing = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelFolderError(
            f"{folder.path / WEIGHTS_FILE} lacks {missing}: its answers would be random; train or copy the model again"
        )
    return model.eval()
