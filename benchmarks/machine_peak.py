"""Which share of what the machine can multiply does scoring reach? Needs [train].

    python benchmarks/machine_peak.py [FILE] [--posts 5000] [--threads N] [--json FILE]

The peaks are those of the same threads in the same run, each the best of several sizes, those of the model's own
products among them: fp32 and bf16 (torch), int8 (ONNX Runtime's MatMulInteger of u8 and s8; torch._int_mm). What the
posts need is counted exactly and without padding: the products of each layer's projections (2 (4 h h + 2 h f)
operations a token), of the attention (4 L L h of a text of L tokens) and of the head; a multiplication and an addition
are two operations. Softmax, norms, GELU and embeddings are not counted, nor are they free: 100 % cannot be reached.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import (
    Contender,
    add_dump,
    alternate,
    draw,
    encode_posts,
    parser_of,
    read_posts,
    report,
    run,
    run_model,
    score_command,
    table,
    write_csv,
)

from netral_nlp import NeutralityClassifier
from netral_nlp.inference.folder import ModelFolder
from netral_nlp.inference.onnx import import_runtime

ALONE = "int8 model alone"
END_TO_END = "netral score, end to end"
INT8, INT8_TORCH, BF16, FP32 = "int8, ONNX Runtime", "int8, torch._int_mm", "bf16, torch", "fp32, torch"
Size = tuple[int, int, int]


def operations(config: dict[str, Any], lengths: Sequence[int]) -> int:
    """Floating-point operations that texts of so many tokens need, without padding."""
    hidden, wide = int(config["hidden_size"]), int(config["intermediate_size"])
    layers, labels = int(config["num_hidden_layers"]), len(config["id2label"])
    token = 2 * (4 * hidden * hidden + 2 * hidden * wide)
    head = 2 * (hidden * hidden + hidden * labels)
    return sum(layers * (length * token + 4 * length * length * hidden) + head for length in lengths)


def sizes_of(config: dict[str, Any]) -> list[Size]:
    """Rows, depth and columns: square ones, and those of the model's own layers."""
    hidden, wide = int(config["hidden_size"]), int(config["intermediate_size"])
    squares: list[Size] = [(512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (4096, 4096, 4096)]
    return [*squares, (1024, hidden, hidden), (1024, hidden, wide), (1024, wide, hidden), (4096, hidden, wide)]


def torch_product(size: Size, dtype: torch.dtype) -> Callable[[], object]:
    """A product in fp32 or bf16."""
    rows, depth, columns = size
    left, right = torch.randn(rows, depth).to(dtype), torch.randn(depth, columns).to(dtype)
    out = torch.empty(rows, columns, dtype=dtype)
    return lambda: torch.mm(left, right, out=out)


def torch_int8_product(size: Size) -> Callable[[], object]:
    """A product of s8 and s8 into s32 by torch."""
    rows, depth, columns = size
    left = torch.randint(-127, 127, (rows, depth), dtype=torch.int8)
    right = torch.randint(-127, 127, (depth, columns), dtype=torch.int8)
    return lambda: torch._int_mm(left, right)


def runtime_int8_product(size: Size, threads: int) -> Callable[[], object]:
    """A product of u8 activations and s8 weights into s32 by ONNX Runtime, the weights packed before."""
    from onnx import TensorProto, helper, numpy_helper

    runtime = import_runtime()
    rows, depth, columns = size
    chance = np.random.default_rng(0)
    weights = numpy_helper.from_array(chance.integers(-127, 127, (depth, columns), dtype=np.int8), "right")
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["left", "right"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", TensorProto.UINT8, [rows, depth])],
        [helper.make_tensor_value_info("product", TensorProto.INT32, [rows, columns])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    left = runtime.OrtValue.ortvalue_from_numpy(chance.integers(0, 255, (rows, depth), dtype=np.uint8))
    out = runtime.OrtValue.ortvalue_from_numpy(np.zeros((rows, columns), dtype=np.int32))
    binding.bind_ortvalue_input("left", left)
    binding.bind_ortvalue_output("product", out)
    return lambda: session.run_with_iobinding(binding)


def rate(product: Callable[[], object], size: Size, seconds: float) -> float:
    """Operations a second of the fastest of many products."""
    product()
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        started = time.perf_counter()
        product()
        now = time.perf_counter()
        best = min(best, now - started)
        if now > end:
            return 2 * size[0] * size[1] * size[2] / best


def main() -> None:
    parser = parser_of(__doc__)
    add_dump(parser, 5000)
    parser.add_argument("--turns", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each product and size (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    folder = ModelFolder.open()
    posts = draw(read_posts(args.file, folder.normaliser), args.posts)
    encoded = encode_posts(folder, posts)
    needed = operations(folder.config, [len(one) for one in encoded])
    kinds: dict[str, Callable[[Size], Callable[[], object]]] = {
        INT8: partial(runtime_int8_product, threads=args.threads),
        INT8_TORCH: torch_int8_product,
        BF16: partial(torch_product, dtype=torch.bfloat16),
        FP32: partial(torch_product, dtype=torch.float32),
    }
    rates: dict[str, dict[str, float]] = {name: {} for name in kinds}

    def measure(name: str) -> None:
        for size in sizes_of(folder.config):
            shape = "x".join(map(str, size))
            try:
                found = rate(kinds[name](size), size, args.seconds)
            except (RuntimeError, AttributeError, NotImplementedError):  # this torch has no such product
                continue
            rates[name][shape] = max(found, rates[name].get(shape, 0.0))

    classifier = NeutralityClassifier.from_pretrained(backend="onnx", threads=args.threads)
    with tempfile.TemporaryDirectory() as name:
        dump = write_csv(posts, Path(name) / "posts.csv")
        command = score_command(dump, Path(name) / "out.parquet", threads=args.threads)
        run_model(classifier, encoded[:64])
        contenders = [
            *(Contender(f"products in {kind}", partial(measure, kind)) for kind in kinds),
            Contender(ALONE, lambda: run_model(classifier, encoded), len(posts)),
            Contender(END_TO_END, lambda: run(command), len(posts)),
        ]
        times = alternate(contenders, args.turns)

    peaks = {name: max(found.values()) for name, found in rates.items() if found}
    best_int8 = max(peaks[name] for name in (INT8, INT8_TORCH) if name in peaks)
    print(f"peaks of {args.threads} threads, each the best of {len(sizes_of(folder.config))} sizes\n")
    rows = [
        (name, f"{peak / 1e9:,.0f}", f"{peak / peaks[FP32]:.2f} x", max(rates[name], key=lambda key: rates[name][key]))
        for name, peak in peaks.items()
    ]
    print(table(["product", "10^9 operations/s", "to fp32", "best size"], rows))
    reached = {}
    for name in (ALONE, END_TO_END):
        for how, seconds in (("median", times[name].median), ("best", times[name].best)):
            rate_there = needed / (seconds * len(posts))
            reached[f"{name}, {how}"] = {
                "operations_a_second": rate_there,
                "of_int8_peak": rate_there / best_int8,
                "of_runtime_int8_peak": rate_there / peaks[INT8],
                "of_bf16_peak": rate_there / peaks[BF16],
                "of_fp32_peak": rate_there / peaks[FP32],
            }
    print(f"\n{len(posts):,} posts need {needed / 1e9:,.0f} x 10^9 operations without padding; shares of the peaks\n")
    head = ["scoring", "10^9 operations/s", "of int8 (best)", "of int8 (ONNX Runtime)", "of bf16", "of fp32"]
    rows = [
        (
            name,
            f"{one['operations_a_second'] / 1e9:,.0f}",
            *(f"{100 * share:.1f} %" for key, share in one.items() if key != "operations_a_second"),
        )
        for name, one in reached.items()
    ]
    print(table(head, rows))
    report(
        args,
        __file__,
        {
            "posts": len(posts),
            "windows": len(encoded),
            "tokens": sum(map(len, encoded)),
            "operations": needed,
            "rates_by_size": rates,
            "peaks": peaks,
            "scoring": reached,
            "times": {name: times[name].to_dict() for name in (ALONE, END_TO_END)},
        },
    )


if __name__ == "__main__":
    main()
