"""From full weights to the int8 ONNX model, with a gate: it is kept only if it agrees with the full model."""

from __future__ import annotations

import copy
import json
import logging
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netral_nlp import __version__
from netral_nlp.errors import ConfigError, InputError, MissingExtraError, ModelFolderError, NetralError
from netral_nlp.inference.backends import EncoderBackend, padded
from netral_nlp.inference.batching import score_in_batches
from netral_nlp.inference.encoding import Encoded, PairEncoder
from netral_nlp.inference.folder import ONNX_FILE, ModelFolder
from netral_nlp.inference.samples import SAMPLE_TEXTS
from netral_nlp.labels import LABELS

REPORT_FILE = "export.json"
DEFAULT_GATE = 0.98

_OPSET = 18
_SAME = 1e-3
_FEW = 16
_CONTEXTS = 3
_EXAMPLES = 256
_LARGEST_PROTOBUF = 2_000_000_000

log = logging.getLogger(__name__)

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ExportReport:
    """What an export made, and how it compares with the full weights in fp32.

    Attributes:
        file: the int8 model.
        texts: sample texts compared, alone and as answers to each other.
        agreement: share of them with the same label.
        gate: the share that was asked for.
        largest_difference: of any probability (before the temperature).
        batch_difference: the largest difference between a text alone and the same text in a batch.
        bytes_full: of the weights in the folder.
        bytes_int8: of the int8 model.
        ms_full: milliseconds a text with the torch backend in fp32, in batches.
        ms_int8: the same with the int8 model.
        versions: of the libraries that made it.
    """

    file: str
    texts: int
    agreement: float
    gate: float
    largest_difference: float
    batch_difference: float
    bytes_full: int
    bytes_int8: int
    ms_full: float
    ms_int8: float
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """What `export.json` holds."""
        return {**asdict(self), "file": Path(self.file).name}


def export_onnx(
    folder: str | Path | ModelFolder,
    *,
    output: str | Path | None = None,
    gate: float = DEFAULT_GATE,
    texts: str | Path | Sequence[str] | None = None,
) -> ExportReport:
    """Write the int8 ONNX model of a folder, and `export.json` beside it.

    Nothing is written when the gate is missed.

    Args:
        folder: a model folder (or what `ModelFolder.open` takes) with full weights.
        output: the folder to write into: the model folder itself when None; else it becomes a whole model folder.
        gate: the share of sample texts that must get the same label from both.
        texts: sample texts, or a file with one a line; about a hundred of our own when None. Every second one guides
            the rounding, the others are compared.

    Raises:
        MissingExtraError: torch, transformers or onnx is not installed.
        ModelFolderError: the folder is no encoder or lacks its weights.
        InputError: the file of texts cannot be used.
        NetralError: the int8 model disagrees too often with the full one.
    """
    if not 0 <= gate <= 1:
        raise ConfigError(f"gate must be within 0 to 1, not {gate:g}")
    source = ModelFolder.open(folder)
    if source.kind != "encoder":
        raise ModelFolderError(f"{source.path} is a linear baseline; there is nothing to export")
    _need_libraries()
    from netral_nlp.inference.onnx import OnnxBackend
    from netral_nlp.inference.torch_backend import TorchBackend

    samples = _sample_texts(texts)
    encoder = PairEncoder(source.path, source.max_tokens, source.context_tokens)
    # What the rounding learns from is not what it is judged on.
    units = _pairs(samples[::2], source, encoder)
    examples = _pairs(samples[1::2] or samples, source, encoder)
    full = TorchBackend(source, precision="fp32", device="cpu")
    wanted, ms_full = _timed(full, units)

    target = Path(output) if output is not None else source.path
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=target) as scratch:
        made = Path(scratch) / ONNX_FILE
        _write(_build(full.model, source, examples, units, wanted, Path(scratch)), made)
        backend = OnnxBackend(source, file=made)
        found, ms_int8 = _timed(backend, units)
        alone = np.concatenate([backend.logits([unit]) for unit in units[:32]])
        agreement = float((found.argmax(axis=1) == wanted.argmax(axis=1)).mean())
        report = ExportReport(
            file=str(target / ONNX_FILE),
            texts=len(units),
            agreement=round(agreement, 4),
            gate=gate,
            largest_difference=_largest(found, wanted),
            batch_difference=_largest(alone, found[:32]),
            bytes_full=sum(file.stat().st_size for file in source.path.glob("*.safetensors")),
            bytes_int8=made.stat().st_size,
            ms_full=round(ms_full, 3),
            ms_int8=round(ms_int8, 3),
            versions=_versions(),
        )
        if agreement < gate:
            raise NetralError(
                f"the int8 model of {source.path} gives {agreement:.1%} of {len(units)} sample texts the label of the "
                f"full model, below the gate of {gate:.1%}; keep the torch backend, or lower --gate"
            )
        if target.resolve() != source.path.resolve():
            _copy_folder(source, target)
        made.replace(target / ONNX_FILE)
    document = json.dumps(report.to_dict(), indent=2)
    (target / REPORT_FILE).write_text(document + "\n", encoding="utf-8")
    return report


def _need_libraries() -> None:
    try:
        import onnx  # noqa: F401
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError:
        raise MissingExtraError("the ONNX export", "train") from None


def _sample_texts(texts: str | Path | Sequence[str] | None) -> list[str]:
    """The texts to compare on, without blank ones."""
    if texts is None:
        return list(SAMPLE_TEXTS)
    if isinstance(texts, str | Path):
        try:
            lines: Sequence[str] = Path(texts).read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError:
            raise InputError(f"{texts} is not UTF-8 text; give one text a line") from None
        except FileNotFoundError:
            raise InputError(f"{texts} does not exist; give a file with one text a line") from None
    else:
        lines = texts
    found = [line for line in lines if line.strip()]
    if not found:
        raise InputError(f"{texts if isinstance(texts, str | Path) else 'texts'}: holds no text to compare on")
    return found


def _pairs(texts: Sequence[str], folder: ModelFolder, encoder: PairEncoder) -> list[Encoded]:
    """Each text alone, and as an answer to those before it: the pair's second segment is part of what must agree."""
    normalised = [folder.normaliser(text) for text in texts]
    return [
        encoder.encode(text, normalised[index - back] if back else None)
        for back in range(min(_CONTEXTS + 1, len(normalised)))
        for index, text in enumerate(normalised)
    ]


def _build(
    model: Any,
    folder: ModelFolder,
    examples: Sequence[Encoded],
    units: Sequence[Encoded],
    wanted: Logits,
    scratch: Path,
) -> Any:
    """The int8 graph: traced, fused, quantised; each step is checked against the full model before the next."""
    from netral_nlp.inference.onnx import OnnxBackend
    from netral_nlp.inference.quantise import observe, quantise

    def right(graph: Any, name: str) -> bool:
        file = scratch / name
        try:
            _write(graph, file)
            logits = OnnxBackend(folder, file=file).logits(list(units[:_FEW]))
            return _largest(logits, wanted[:_FEW]) < _SAME
        except ModelFolderError as error:  # the runtime cannot load it
            log.debug("%s", error)
            return False
        finally:
            file.unlink(missing_ok=True)

    model.set_attn_implementation("eager")  # the pattern that the fusion knows
    traced = None
    for exporter in (_trace, _export_program):
        try:
            candidate = exporter(model, folder, scratch)
        except Exception as error:  # each exporter fails in its own ways, on some architecture or other
            log.warning("%s cannot export %s: %s", exporter.__name__, folder.name, str(error).splitlines()[:1])
            continue
        if right(candidate, "traced.onnx"):
            traced = candidate
            break
        log.warning("what %s made of %s differs from the model", exporter.__name__, folder.name)
    if traced is None:
        raise NetralError(
            f"torch cannot export the architecture of {folder.path} to ONNX; it runs with the torch backend only"
        )
    fused = _fuse(traced, model.config, scratch)
    if fused is None or not right(fused, "fused.onnx"):
        log.warning("the graph of %s cannot be fused: its int8 model will be slower", folder.name)
        fused = traced
    pad_id = int(folder.config.get("pad_token_id") or 0)
    return quantise(fused, observe(fused, (padded([unit], pad_id) for unit in examples[:_EXAMPLES])))


def _example(model: Any) -> tuple[tuple[Any, ...], list[str]]:
    """Inputs to trace with: two rows of different length, and segments where the model reads them."""
    import torch

    ids = torch.arange(6, 24, dtype=torch.long).reshape(2, 9) % max(8, int(model.config.vocab_size))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    inputs, names = [ids, mask], ["input_ids", "attention_mask"]
    if int(getattr(model.config, "type_vocab_size", 0) or 0) > 1:
        types = torch.zeros_like(ids)
        types[:, 4:] = 1
        inputs.append(types)
        names.append("token_type_ids")
    return tuple(inputs), names


def _wrapped(model: Any, names: Sequence[str]) -> Any:
    """The model as a module from tensors to logits, in the order of the names."""
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            return self.model(**dict(zip(names, inputs, strict=True))).logits

    return Logits().eval()


def _trace(model: Any, folder: ModelFolder, scratch: Path) -> Any:
    """Export by tracing: its graphs are those that ONNX Runtime's fusions know."""
    import torch

    inputs, names = _example(model)
    file = scratch / "trace.onnx"
    axes = {name: {0: "texts", 1: "tokens"} for name in names} | {"logits": {0: "texts"}}
    with _quiet():
        torch.onnx.export(
            _wrapped(model, names), inputs, str(file), input_names=names, output_names=["logits"],
            dynamic_axes=axes, opset_version=_OPSET, dynamo=False,
        )  # fmt: skip
    return _read(file)


def _export_program(model: Any, folder: ModelFolder, scratch: Path) -> Any:
    """Export through torch.export, for what cannot be traced."""
    import torch

    inputs, names = _example(model)
    file = scratch / "program.onnx"
    shape = {0: torch.export.Dim("texts", min=1, max=4096), 1: torch.export.Dim("tokens", min=2, max=512)}
    with _quiet():
        torch.onnx.export(
            _wrapped(model, names), inputs, str(file), input_names=names, output_names=["logits"],
            dynamic_shapes=((shape,) * len(inputs),), opset_version=_OPSET, dynamo=True, external_data=False,
            verbose=False,
        )  # fmt: skip
    return _read(file)


def _fuse(graph: Any, config: Any, scratch: Path) -> Any | None:
    """Fuse attention, layer norm and GELU where ONNX Runtime knows the pattern; None where it fails."""
    from netral_nlp.inference.onnx import import_runtime

    import_runtime()
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False  # would hide the embedding table from the quantisation
    options.enable_skip_layer_norm = options.enable_bias_skip_layer_norm = False  # slower than its parts
    options.use_multi_head_attention = True  # keeps the projections as products that are quantised
    file = scratch / "unfused.onnx"
    _write(graph, file)
    try:
        with _quiet():
            return optimizer.optimize_model(
                str(file), model_type="bert", num_heads=int(getattr(config, "num_attention_heads", 0)),
                hidden_size=int(getattr(config, "hidden_size", 0)), opt_level=0, optimization_options=options,
            ).model  # fmt: skip
    except Exception as error:  # a fusion that stumbles over an unknown pattern may raise anything
        log.debug("fusion: %s", error)
        return None
    finally:
        file.unlink()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' notes to developers of torch off the user's screen."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _read(file: Path) -> Any:
    import onnx

    graph = onnx.load(str(file))
    file.unlink()
    return graph


def _write(graph: Any, file: Path) -> None:
    import onnx

    if graph.ByteSize() > _LARGEST_PROTOBUF:
        onnx.save(copy.deepcopy(graph), str(file), save_as_external_data=True, location=f"{file.name}.data")
    else:
        onnx.save(graph, str(file))


def _timed(backend: EncoderBackend, units: Sequence[Encoded]) -> tuple[Logits, float]:
    """Logits of all units, shape (n, 3), and milliseconds a unit (of the second of two passes)."""
    lengths = [len(unit) for unit in units]
    for _ in range(2):
        start = time.perf_counter()
        logits = score_in_batches(
            units, lengths, backend.logits, width=len(LABELS), budget=backend.token_budget, workers=backend.workers
        )
        seconds = time.perf_counter() - start
    return logits, 1000 * seconds / len(units)


def _largest(logits: Logits, others: Logits) -> float:
    """The largest difference of any probability."""
    from netral_nlp.inference.decision import Decision

    default = Decision.default()
    difference = np.abs(default.probabilities(logits) - default.probabilities(others))
    return float(f"{difference.max():.3g}")


def _copy_folder(source: ModelFolder, target: Path) -> None:
    """Everything of the model but its int8 model and reports of former exports."""
    for file in source.path.iterdir():
        if file.is_file() and file.name not in (ONNX_FILE, REPORT_FILE):
            shutil.copy2(file, target / file.name)


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    libraries = ("onnx", "onnxruntime", "torch", "transformers")
    return {"netral-nlp": __version__, **{name: version(name) for name in libraries}}
