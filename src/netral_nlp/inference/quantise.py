"""An ONNX encoder in 8 bits whose answer to a text does not depend on the texts beside it.

ONNX Runtime's own dynamic quantisation scales activations over the whole batch, so that a post's probabilities would
change with its neighbours. Here every token has a scale of its own, every column of a weight matrix too, and the
product between them is exact integer arithmetic: the same text gives the same integers alone or in any batch.

Two things keep the rounding small. A few channels of an encoder's activations are ten times larger than the rest and
would take the scale of a token for themselves: each channel is divided by a factor that its weights are multiplied by
(SmoothQuant, Xiao et al. 2023, arXiv:2211.10438). A GELU is never below -0.17, so that its results use all 256 steps.
And each weight of all but the widest matrices is rounded such that it makes up for the rounding of those before it, on
what the example texts send through it (GPTQ, Frantar et al. 2023, arXiv:2210.17323).

Weights use the range -63..63. Processors without VNNI add two 8-bit products in 16 bits, and 2 * 255 * 63 still fits:
no processor overflows, and all give the same integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

WEIGHT_LIMIT = 63
"""The largest integer of a weight matrix."""

_LIMIT = 127
_SMALLEST = 1e-12
_DAMPING = 0.01  # share of the mean that is added to each channel's energy, so that few examples do not mislead
_BLOCK = 128
_WIDEST = 2048  # beyond, what the rounding of one weight asks of the others costs minutes and gigabytes: it is left out
_SMOOTHING = 0.6  # how much of a channel's size moves into the weights; found on dev posts, flat from 0.5 to 0.7
_LEAST_GELU = 0.17
_GELUS = frozenset({"Gelu", "BiasGelu", "FastGelu"})
_MICROSOFT = "com.microsoft"

Array = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass
class Activation:
    """What example texts send into a weight matrix.

    Attributes:
        largest: the largest absolute value of each channel, shape (channels,).
        products: the sum over tokens of the products of each two channels, shape (channels, channels); None of very
            wide activations.
    """

    largest: Array
    products: Doubles | None


def quantise_columns(weights: Array, products: Doubles | None = None) -> tuple[npt.NDArray[np.int8], Array]:
    """Round a weight matrix to integers with one scale a column.

    Args:
        weights: shape (inputs, outputs).
        products: of the inputs, see `Activation`; without, each weight is rounded by itself.

    Returns:
        The integers, of the same shape, and the scales, of shape (outputs,).
    """
    scales = (np.maximum(np.abs(weights).max(axis=0), _SMALLEST) / WEIGHT_LIMIT).astype(np.float32)
    rest = weights.astype(np.float64) / scales
    if products is None:
        return np.rint(rest).astype(np.int8), scales
    # In steps of each column's scale, one row after the other: what a row's rounding spoils, the rows after it mend.
    mend = _mending(products)
    rounded = np.empty_like(rest)
    for start in range(0, len(rest), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(rest)))
        errors = np.empty_like(rest[block])
        for row in range(block.start, block.stop):
            rounded[row] = np.clip(np.rint(rest[row]), -WEIGHT_LIMIT, WEIGHT_LIMIT)
            errors[row - start] = (rest[row] - rounded[row]) / mend[row, row]
            rest[row + 1 : block.stop] -= np.outer(mend[row, row + 1 : block.stop], errors[row - start])
        rest[block.stop :] -= mend[block, block.stop :].T @ errors
    return rounded.astype(np.int8), scales


def _mending(products: Doubles) -> Doubles:
    """How an error in one row of weights is best made up for in the rows after it: upper triangular."""
    energy = products.copy()
    energy[np.diag_indices_from(energy)] += _DAMPING * np.diag(energy).mean() + _SMALLEST
    mend: Doubles = np.linalg.cholesky(np.linalg.inv(energy)).T
    return mend


def quantise_rows(table: Array) -> tuple[npt.NDArray[np.int8], Array]:
    """Round an embedding table to integers with one scale a row.

    Args:
        table: shape (pieces, width).

    Returns:
        The integers, of the same shape, and the scales, of shape (pieces, 1).
    """
    scales = (np.maximum(np.abs(table).max(axis=1, keepdims=True), _SMALLEST) / _LIMIT).astype(np.float32)
    return np.clip(np.rint(table / scales), -_LIMIT, _LIMIT).astype(np.int8), scales


def observe(model: Any, feeds: Iterable[Mapping[str, npt.NDArray[np.int64]]]) -> dict[str, Activation]:
    """See what example texts send into each weight matrix.

    Args:
        model: an `onnx.ModelProto` in full precision.
        feeds: inputs of the model, one text at a time.

    Returns:
        What was seen of each such input, by its name.
    """
    from onnx import ModelProto, TensorProto, helper

    from netral_nlp.inference.onnx import import_runtime

    watched = ModelProto()
    watched.CopyFrom(model)
    names = sorted({node.input[0] for node in _products(watched.graph)})
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    runtime = import_runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    taken = {entry.name for entry in session.get_inputs()}
    seen: dict[str, Activation] = {}
    for feed in feeds:
        arrays = session.run(names, {name: array for name, array in feed.items() if name in taken})
        for name, array in zip(names, arrays, strict=True):
            rows = array.reshape(-1, array.shape[-1])
            largest = np.abs(rows).max(axis=0)
            products = (rows.T @ rows).astype(np.float64) if len(largest) <= _WIDEST else None
            if name in seen:
                seen[name].largest = np.maximum(seen[name].largest, largest)
                if products is not None:
                    seen[name].products += products
            else:
                seen[name] = Activation(largest, products)
    return seen


def quantise(model: Any, seen: Mapping[str, Activation], *, smallest_table: int = 256) -> Any:
    """Put an encoder's matrix products and embedding tables into 8 bits.

    Products of two activations (attention), biases, norms and the head stay in full precision.

    Args:
        model: an `onnx.ModelProto` with opset 18 or later; left as it is.
        seen: what `observe` saw of it.
        smallest_table: embedding tables with fewer rows stay as they are.

    Returns:
        A new `onnx.ModelProto`.
    """
    from onnx import ModelProto, helper

    result = ModelProto()
    result.CopyFrom(model)
    _Quantiser(result.graph, seen, smallest_table).run()
    if not any(entry.domain == _MICROSOFT for entry in result.opset_import):
        result.opset_import.append(helper.make_opsetid(_MICROSOFT, 1))
    return result


class _Quantiser:
    """Rewrites one graph in place."""

    def __init__(self, graph: Any, seen: Mapping[str, Activation], smallest_table: int) -> None:
        self._graph = graph
        self._seen = seen
        self._smallest_table = smallest_table
        self._weights = {entry.name: entry for entry in graph.initializer}
        self._makers = {output: node.op_type for node in graph.node for output in node.output}
        self._products: dict[str, list[str]] = {}
        for node in _products(graph):
            self._products.setdefault(node.input[0], []).append(node.input[1])
        self._made: dict[str, Any] = {}
        self._quantised: dict[str, Array] = {}
        self._nodes: list[Any] = []

    def run(self) -> None:
        products = {node.output[0] for node in _products(self._graph)}
        for node in list(self._graph.node):
            if node.op_type == "MatMul" and node.output[0] in products:
                self._product(node.input[0], node.input[1], node.output[0])
            elif node.op_type == "Gather" and self._is_table(node.input[0]):
                self._look_up(node.input[0], node.input[1], node.output[0])
            else:
                self._nodes.append(node)
        used = {name for node in self._nodes for name in node.input} | {entry.name for entry in self._graph.output}
        kept = [entry for name, entry in (self._weights | self._made).items() if name in used]
        for field, entries in (("initializer", kept), ("node", self._nodes), ("value_info", [])):
            del getattr(self._graph, field)[:]
            getattr(self._graph, field).extend(entries)

    def _product(self, name: str, weights_name: str, output: str) -> None:
        """One product with a weight matrix: integers times integers, then both scales."""
        smoothing = self._quantise_activation(name)
        weights = self._array(weights_name) * smoothing[:, None]
        products = self._seen[name].products
        columns, scales = quantise_columns(
            weights, None if products is None else products / np.outer(smoothing, smoothing)
        )
        shifted = self._is_gelu(name)
        self._add(
            "MatMulIntegerToFloat",
            [
                f"{name}_u8",
                self._constant(f"{weights_name}_i8", columns),
                self._constant("netral_one", np.array(1, dtype=np.float32)),
                self._constant(f"{weights_name}_scales", scales),
                self._zero(shifted),
                self._constant("netral_weight_zero", np.array(0, dtype=np.int8)),
            ],
            f"{output}_unscaled",
            domain=_MICROSOFT,
        )
        if not shifted:
            self._add("Mul", [f"{output}_unscaled", f"{name}_scale"], output)
            return
        self._add("Mul", [f"{output}_unscaled", f"{name}_scale"], f"{output}_shifted")
        back = -_LEAST_GELU * (columns.astype(np.float32) * scales).sum(axis=0)
        shift_back = self._constant(f"{weights_name}_shift", back.astype(np.float32))
        self._add("Add", [f"{output}_shifted", shift_back], output)

    def _quantise_activation(self, name: str) -> Array:
        """Round an activation with one scale a token; returns what its weights are to be multiplied by."""
        if name in self._quantised:
            return self._quantised[name]
        matrices = [np.abs(self._array(weights)).max(axis=1) for weights in self._products[name]]
        smoothing = np.ones(len(matrices[0]), dtype=np.float32)
        shifted = self._is_gelu(name)
        if shifted:
            least = self._constant("netral_least_gelu", np.array(_LEAST_GELU, dtype=np.float32))
            self._add("Add", [name, least], f"{name}_ready")
            magnitudes = f"{name}_ready"
        else:
            smoothing = _smoothing(self._seen[name].largest, np.max(matrices, axis=0))
            self._add("Mul", [name, self._constant(f"{name}_smoothing", 1 / smoothing)], f"{name}_ready")
            self._add("Abs", [f"{name}_ready"], f"{name}_abs")
            magnitudes = f"{name}_abs"
        steps = np.float32(255 if shifted else _LIMIT)
        last_axis = self._constant("netral_last_axis", np.array([-1], dtype=np.int64))
        self._add("ReduceMax", [magnitudes, last_axis], f"{name}_most", keepdims=1)
        smallest = self._constant("netral_smallest", np.array(_SMALLEST, dtype=np.float32))
        self._add("Max", [f"{name}_most", smallest], f"{name}_max")
        steps_name = self._constant(f"netral_{steps:.0f}", np.array(steps))
        self._add("Div", [steps_name, f"{name}_max"], f"{name}_inverse")
        self._add("Mul", [f"{name}_ready", f"{name}_inverse"], f"{name}_scaled")
        one = self._constant("netral_one", np.array(1, dtype=np.float32))
        self._add("QuantizeLinear", [f"{name}_scaled", one, self._zero(shifted)], f"{name}_u8")
        self._add("Div", [f"{name}_max", steps_name], f"{name}_scale")
        self._quantised[name] = smoothing
        return smoothing

    def _look_up(self, table: str, places: str, output: str) -> None:
        """Rows of an embedding table, taken as integers and scaled afterwards."""
        rows, scales = quantise_rows(self._array(table))
        self._add("Gather", [self._constant(f"{table}_i8", rows), places], f"{output}_i8")
        self._add("Gather", [self._constant(f"{table}_scales", scales), places], f"{output}_scale")
        self._add("Cast", [f"{output}_i8"], f"{output}_unscaled", to=1)
        self._add("Mul", [f"{output}_unscaled", f"{output}_scale"], output)

    def _is_table(self, name: str) -> bool:
        return _is_matrix(self._weights.get(name)) and self._weights[name].dims[0] >= self._smallest_table

    def _is_gelu(self, name: str) -> bool:
        return self._makers.get(name) in _GELUS

    def _zero(self, shifted: bool) -> str:
        value = 0 if shifted else 128
        return self._constant(f"netral_zero_{value}", np.array(value, dtype=np.uint8))

    def _array(self, name: str) -> Array:
        from onnx import numpy_helper

        return np.asarray(numpy_helper.to_array(self._weights[name]), dtype=np.float32)

    def _constant(self, name: str, value: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        if name not in self._made:
            self._made[name] = numpy_helper.from_array(value, name)
        return name

    def _add(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> None:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, [output], name=f"{output}_node", domain=domain, **attributes))


def _smoothing(activations: Array, weights: Array) -> Array:
    """A factor for each channel that shares its size between activation and weights, 1 in the geometric mean.

    Args:
        activations: the largest absolute value of each channel, shape (channels,).
        weights: the largest absolute weight of each channel, shape (channels,).
    """
    factors = np.maximum(activations, 1e-5) ** _SMOOTHING / np.maximum(weights, 1e-5) ** (1 - _SMOOTHING)
    return np.asarray(factors / np.exp(np.log(factors).mean()), dtype=np.float32)


def _products(graph: Any) -> list[Any]:
    """The nodes that multiply an activation by a weight matrix."""
    weights = {entry.name: entry for entry in graph.initializer}
    return [
        node
        for node in graph.node
        if node.op_type == "MatMul" and node.input[0] not in weights and _is_matrix(weights.get(node.input[1]))
    ]


def _is_matrix(entry: Any | None) -> bool:
    return entry is not None and len(entry.dims) == 2 and entry.data_type == 1  # float32
