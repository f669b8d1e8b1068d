"""The light backend: the int8 model on ONNX Runtime.

One batch runs on one thread, and as many batches side by side as there are threads: threads that share a batch wait
for each other after every one of its small operations (docs/performance.md has the figures).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from netral_nlp.errors import ModelFolderError
from netral_nlp.inference.backends import check_threads, padded
from netral_nlp.inference.batching import TOKEN_BUDGET
from netral_nlp.inference.processes import PerProcess, available_cpus
from netral_nlp.labels import LABELS

if TYPE_CHECKING:
    from pathlib import Path

    from netral_nlp.inference.encoding import Encoded
    from netral_nlp.inference.folder import ModelFolder

# Its fused operator sums in a scalar loop: eight times slower than the additions and the norm that it stands for.
_SLOWER = ["SkipLayerNormFusion"]


class OnnxBackend:
    """Scores with a folder's int8 ONNX model. Safe to share between threads, and after a fork.

    Args:
        folder: the model folder.
        threads: batches to run side by side, each on one processor thread; all that the process may use when None.
        file: another ONNX file of the same model.

    Raises:
        ModelFolderError: the ONNX file is missing or cannot be loaded.
        ConfigError: `threads` is below 1.
    """

    name = "onnx"
    token_budget = TOKEN_BUDGET
    workers: int

    def __init__(self, folder: ModelFolder, threads: int | None = None, *, file: Path | None = None) -> None:
        self._file = file or folder.onnx_path
        self.workers = check_threads(threads) or available_cpus()
        self._pad_id = int(folder.config.get("pad_token_id") or 0)
        if not self._file.is_file():
            raise ModelFolderError(f"{self._file} is missing; write it with `netral export --model {folder.path}`")
        self._session: PerProcess[Any] = PerProcess(self._load)
        self._inputs = {entry.name for entry in self._session.get().get_inputs()}

    def logits(self, batch: Sequence[Encoded]) -> npt.NDArray[np.float32]:
        """Score encoded texts in one forward pass.

        Args:
            batch: n encoded texts.

        Returns:
            Shape (n, 3), in the order of `LABELS`.
        """
        if not batch:
            return np.zeros((0, len(LABELS)), dtype=np.float32)
        arrays = padded(batch, self._pad_id)
        feeds = {name: array for name, array in arrays.items() if name in self._inputs}
        return np.asarray(self._session.get().run(["logits"], feeds)[0], dtype=np.float32)

    def _load(self) -> Any:
        onnxruntime = import_runtime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(
                str(self._file),
                sess_options=options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=_SLOWER,
            )
        except Exception as error:  # the runtime's own exception classes have no public common base
            reason = " ".join(str(error).split())[:200]
            raise ModelFolderError(
                f"{self._file} cannot be loaded by onnxruntime {onnxruntime.__version__} ({reason}); "
                "copy the file again or write it anew with `netral export`"
            ) from None
        names = {entry.name for entry in session.get_inputs()}, {entry.name for entry in session.get_outputs()}
        if not {"input_ids", "attention_mask"} <= names[0] or "logits" not in names[1]:
            raise ModelFolderError(f"{self._file} is no model of ours; write it anew with `netral export`")
        return session


def import_runtime() -> Any:
    """Import ONNX Runtime with its telemetry off.

    Since release 1.29 its wheels report to their maker over the network. That is not ours to allow, and the thread
    that does it makes every forked child hang at its end.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    if hasattr(onnxruntime, "disable_telemetry_events"):  # also where somebody else imported it first
        onnxruntime.disable_telemetry_events()
    return onnxruntime
