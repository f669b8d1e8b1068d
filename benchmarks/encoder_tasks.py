"""How good is an encoder for Indonesian? Fine-tune it on a public task with one recipe and measure macro-F1.

    python benchmarks/encoder_tasks.py --task FOLDER --model FOLDER-OR-ID [FOLDER-OR-ID ...] [--seeds 0 1 2]

A task is a folder with train.jsonl, valid.jsonl and test.jsonl of {"text", "label"}, such as SmSA and EmoT of IndoNLU.
The encoder gets a new head and, if it has one, a new pooler; the epoch with the best macro-F1 on valid is measured on
test. Intervals resample the test posts 2,000 times within their labels. Texts that stand in train too are counted and
left in the test set, as the published figures have them. Prints a table and writes a JSON beside it (--output).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Fine-tune every model with every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", required=True, type=Path)
    parser.add_argument("--model", required=True, nargs="+")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    parts = {name: read(args.task / f"{name}.jsonl") for name in ("train", "valid", "test")}
    known = {text for text, _ in parts["train"]}
    shared = sum(text in known for text, _ in parts["test"])
    sizes = ", ".join(f"{len(rows):,} {name}" for name, rows in parts.items())
    print(f"{args.task.name}: {sizes}; {shared} test texts in train")
    results = []
    for model in args.model:
        for seed in args.seeds:
            started = time.monotonic()
            found = finetune(model, parts, args, seed)
            found |= {"model": Path(model).name, "seed": seed, "seconds": round(time.monotonic() - started)}
            low, high = found["interval"]
            score = f"{found['macro_f1']:.2f} [{low:.2f}, {high:.2f}]"
            how = f"valid {found['valid']:.2f}, epoch {found['epoch']}, {found['seconds']} s"
            print(f"{found['model']}, seed {seed}: macro-F1 {score} ({how})", flush=True)
            results.append(found)
    if args.output:
        document = {"task": args.task.name, "epochs": args.epochs, "learning_rate": args.learning_rate, "runs": results}
        args.output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def read(path: Path) -> list[tuple[str, str]]:
    """Texts and labels of a part."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [(row["text"], row["label"]) for row in rows]


def finetune(
    model_name: str, parts: dict[str, list[tuple[str, str]]], args: argparse.Namespace, seed: int
) -> dict[str, Any]:
    """Train one model; its test figures at the epoch that valid chose."""
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer
    from transformers.utils import logging

    from netral_nlp.text import Normaliser
    from netral_nlp.training.finetune import use_bf16

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    labels = sorted({label for _, label in parts["train"]})
    tokenizer = AutoTokenizer.from_pretrained(model_name)
    folder = Path(model_name)
    normaliser = Normaliser.load(folder) if (folder / "normaliser.json").is_file() else Normaliser.for_base(model_name)
    settings = AutoConfig.from_pretrained(
        model_name, num_labels=len(labels), id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )  # fmt: skip
    # Everything above the encoder starts anew, the pooler too, so that no other task's head helps.
    model = AutoModelForSequenceClassification.from_config(settings, dtype=torch.float32)
    weights = AutoModel.from_pretrained(model_name, dtype=torch.float32).state_dict()
    kept = {name: weight for name, weight in weights.items() if not name.startswith("pooler.")}
    missing = model.base_model.load_state_dict(kept, strict=False).missing_keys
    assert all(name.startswith("pooler.") for name in missing), missing
    encoded = {
        name: [
            tokenizer(normaliser(text), truncation=True, max_length=args.max_tokens)["input_ids"] for text, _ in rows
        ]
        for name, rows in parts.items()
    }
    gold = {name: np.array([labels.index(label) for _, label in rows]) for name, rows in parts.items()}
    bf16 = use_bf16("auto")
    batches = -(-len(encoded["train"]) // args.batch_size)
    steps = batches * args.epochs
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / max(1, 0.1 * steps), max(0.0, (steps - step) / (0.9 * steps)))
    )
    chance = np.random.default_rng(seed)

    def forward(rows: list[list[int]]) -> torch.Tensor:
        batch = tokenizer.pad({"input_ids": rows}, return_tensors="pt")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            return model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float()

    def answers(name: str) -> np.ndarray:
        model.eval()
        order = np.argsort([len(row) for row in encoded[name]], kind="stable")
        found = np.zeros(len(order), dtype=int)
        with torch.no_grad():
            for start in range(0, len(order), 64):
                rows = order[start : start + 64]
                found[rows] = forward([encoded[name][row] for row in rows]).argmax(-1).numpy()
        return found

    best: dict[str, Any] = {"valid": -1.0}
    for epoch in range(1, args.epochs + 1):
        model.train()
        for rows in grouped([len(row) for row in encoded["train"]], args.batch_size, chance):
            logits = forward([encoded["train"][row] for row in rows])
            loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(gold["train"][rows]))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        valid = 100 * macro_f1(gold["valid"], answers("valid"), len(labels))
        if valid > best["valid"]:
            best = {"valid": valid, "epoch": epoch, "said": answers("test")}
    said = best.pop("said")
    test = 100 * macro_f1(gold["test"], said, len(labels))
    return {**best, "macro_f1": test, "interval": interval(gold["test"], said, len(labels)), "posts": len(said)}


def grouped(lengths: list[int], size: int, chance: np.random.Generator) -> list[np.ndarray]:
    """Batches of like length in random order."""
    order = chance.permutation(len(lengths))
    span = size * 50
    batches = []
    for start in range(0, len(order), span):
        part = order[start : start + span]
        part = part[np.argsort([-lengths[row] for row in part], kind="stable")]
        batches += [part[at : at + size] for at in range(0, len(part), size)]
    return [batches[index] for index in chance.permutation(len(batches))]


def macro_f1(gold: np.ndarray, said: np.ndarray, labels: int) -> float:
    """Mean F1 over the labels."""
    scores = []
    for label in range(labels):
        hits = int(((gold == label) & (said == label)).sum())
        scores.append(2 * hits / max(1, int((gold == label).sum()) + int((said == label).sum())))
    return float(np.mean(scores))


def interval(gold: np.ndarray, said: np.ndarray, labels: int) -> tuple[float, float]:
    """95 % interval of the macro-F1 in percent."""
    chance = np.random.default_rng(0)
    groups = [np.flatnonzero(gold == label) for label in range(labels)]
    drawn = []
    for _ in range(2000):
        rows = np.concatenate([chance.choice(group, len(group)) for group in groups if len(group)])
        drawn.append(100 * macro_f1(gold[rows], said[rows], labels))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


if __name__ == "__main__":
    main()
