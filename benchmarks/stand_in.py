"""A stand-in model and rows made from templates, for benchmarks of everything around the model. Needs [train].

    python benchmarks/stand_in.py FOLDER [--layers 2] [--hidden 128]

The model is a whole folder as `netral train` and `netral export` write it: a random BERT, a small vocabulary and the
int8 ONNX model. Its labels mean nothing; it is 200 times cheaper than the shipped one, so that a million rows take
minutes.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

FORMATS = ("csv", "jsonl", "parquet", "xlsx")
_TEMPLATES = (
    "Antrean nomor {} di kelurahan pagi ini",
    "Ayo coblos nomor urut {}!",
    "Jalan kampung RT {} sudah diaspal, terima kasih",
    "Siapa yang pilih paslon {}? Aku sih mantap",
    "TPS {} buka jam tujuh",
    "Kata pak lurah, warga blok {} boleh datang besok",
    "Dukung terus calon kita, posko {} siap",
    "Harga cabai di kios {} naik lagi, pusing",
)


def make_rows(count: int, first: int = 0) -> Iterator[tuple[str, str]]:
    """Ids and short texts, each different from all others, also after normalising."""
    for number in range(first, first + count):
        yield f"p{number}", _TEMPLATES[number % len(_TEMPLATES)].format(number)


def write_rows(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    """Write ids and texts in the format that the ending says, in flat memory."""
    kind = path.suffix[1:]
    if kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(itertools.chain([("id", "text")], rows))
    elif kind == "jsonl":
        with path.open("w", encoding="utf-8") as file:
            for post, text in rows:
                file.write(json.dumps({"id": post, "text": text}) + "\n")
    elif kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema({"id": pa.string(), "text": pa.string()})
        with pq.ParquetWriter(path, schema) as writer:
            waiting = iter(rows)
            while part := list(itertools.islice(waiting, 50_000)):
                writer.write_table(pa.table(dict(zip(schema.names, zip(*part, strict=True), strict=True)), schema))
    elif kind == "xlsx":
        from openpyxl import Workbook

        book = Workbook(write_only=True)
        sheet = book.create_sheet()
        sheet.append(("id", "text"))
        for row in rows:
            sheet.append(row)
        book.save(path)
    else:
        raise ValueError(f"{path}: none of {', '.join(FORMATS)}")
    return path


def make_stand_in(folder: Path, layers: int = 2, hidden: int = 128) -> Path:
    """Write a model folder: a random BERT of that size, a vocabulary of the templates, the int8 ONNX model."""
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertForSequenceClassification

    from netral_nlp.inference.decision import Decision
    from netral_nlp.inference.export import export_onnx
    from netral_nlp.labels import LABELS
    from netral_nlp.text import Normaliser

    folder.mkdir(parents=True, exist_ok=True)
    normaliser = Normaliser()
    texts = [normaliser(text) for _, text in make_rows(2000)]
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=1000, special_tokens=special, unk_token="<unk>", show_progress=False,
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789!?.,"),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 128}
    settings |= {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")

    torch.manual_seed(0)
    names = [label.value for label in LABELS]
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=hidden, num_hidden_layers=layers,
        num_attention_heads=max(1, hidden // 32), intermediate_size=4 * hidden, max_position_embeddings=512,
        type_vocab_size=2, pad_token_id=1, id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        netral={"max_tokens": 128, "context_tokens": 64},
    )  # fmt: skip
    BertForSequenceClassification(config).half().save_pretrained(folder)
    normaliser.save(folder)
    Decision.default().save(folder)
    export_onnx(folder, gate=0.0, texts=[text for _, text in make_rows(64)])
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=128)
    args = parser.parse_args()
    print(make_stand_in(args.folder, args.layers, args.hidden))


if __name__ == "__main__":
    main()
