"""Adapt an encoder to Indonesian posts: masked language modelling goes on, on texts without labels.

"Don't Stop Pretraining" (Gururangan et al. 2020): an encoder that has read texts of the kind it will judge needs fewer
labels. What comes out is a base model for `netral train`. A base's pooler is not trained, since no hidden word asks for
it, but it is carried over: BERT's classifiers start from it.
"""

from __future__ import annotations

import json
import logging
import math
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.errors import ConfigError, InputError, MissingExtraError
from netral_nlp.training.adaptation import AdaptationConfig
from netral_nlp.training.run import Run

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from netral_nlp.text import Normaliser
    from netral_nlp.training.masking import Blocks

log = logging.getLogger(__name__)

REPORT = "adaptation.json"
_HELD_OUT_SHARE = 10  # at most one text in so many is held out


@dataclass(frozen=True)
class Corpus:
    """Texts to learn from, and others to measure on.

    Attributes:
        train: normalised, without copies, shuffled.
        held_out: likewise; none of them is in `train`.
        read: texts in the files.
        excluded: texts that were left out because they are, nearly, ones that must not be learnt from.
        near_held_out: texts that were left out because they are near-copies of held-out ones.
        copies: texts that were left out because they stood there already.
        blank: texts that were left out because they have no words.
    """

    train: list[str]
    held_out: list[str]
    read: int
    excluded: int
    near_held_out: int
    copies: int
    blank: int

    def counts(self) -> dict[str, int]:
        """How many texts became what, as the report names them."""
        return {
            "texts": len(self.train),
            "texts_held_out": len(self.held_out),
            "texts_excluded": self.excluded,
            "texts_near_held_out": self.near_held_out,
            "texts_blank": self.blank,
            "copies": self.copies,
        }


def adapt(config: AdaptationConfig) -> Path:
    """Train an encoder on as masked-language model and write its folder.

    A killed run goes on with `resume` from its last whole checkpoint, on the same machine to the same weights.

    Returns:
        A folder in the layout of transformers: an `AutoModelForMaskedLM` in fp32 (with the base's pooler, if it has
        one), its tokenizer, `normaliser.json`, `adaptation.yaml` (every value and hash) and `adaptation.json`
        (perplexities).

    Raises:
        ConfigError: the configuration cannot be carried out, or resume finds another one.
        InputError: the corpus cannot be read or is too small.
        ModelFolderError: the base model is missing or incomplete.
        MissingExtraError: a library of the extra [train] is not installed.
    """
    try:
        import accelerate  # noqa: F401
        import torch
        import transformers  # noqa: F401
    except ImportError:
        raise MissingExtraError("netral adapt", "train") from None
    from netral_nlp.training.base import locate_base, one_device
    from netral_nlp.training.finetune import quiet_transformers, use_bf16

    one_device()
    if config.threads:
        torch.set_num_threads(config.threads)
    bf16 = use_bf16(config.bf16)
    base_folder = locate_base(config.base_model)
    run = Run.begin(config, {"bf16": bf16}, base_folder)
    if run.is_finished:
        log.info("%s is finished already: nothing to do", run.output)
        run.clear_up()
        return run.output
    with quiet_transformers():
        return _adapt(config, run, base_folder, bf16)


def read_texts(config: AdaptationConfig, normaliser: Normaliser) -> Corpus:
    """Read the corpus, leave out copies and what must not be learnt from, shuffle, and hold some texts out.

    Near-copies of held-out texts are not learnt from either: they would flatter the perplexity.

    Raises:
        InputError: a file cannot be read, or fewer than two texts are left.
    """
    from netral_nlp.corpus.duplicates import near_duplicates_across
    from netral_nlp.training.vocabulary import read_corpus

    texts: dict[str, None] = {}
    read = blank = 0
    for raw in read_corpus(config.corpus, config.text_column):
        read += 1
        text = normaliser(raw)
        if normaliser.has_words(text):
            texts.setdefault(text)
        else:
            blank += 1
    kept = list(texts)
    copies = read - blank - len(kept)
    excluded: set[int] = set()
    if config.exclude:
        barred = [
            normaliser(raw)
            for path in config.exclude
            for raw in read_corpus([path], _column_in(path, config.text_column))
        ]
        barred = [text for text in barred if normaliser.has_words(text)]
        excluded = {near.row for near in near_duplicates_across(kept, barred, config.near)}
        log.info("%d texts are left out: they or their like are in %s", len(excluded), ", ".join(config.exclude))
        kept = [text for row, text in enumerate(kept) if row not in excluded]
    if len(kept) < 2:
        raise InputError(f"{', '.join(config.corpus)}: only {len(kept)} texts are left to learn from")
    random.Random(config.seed).shuffle(kept)
    held = max(1, min(config.held_out, len(kept) // _HELD_OUT_SHARE))
    train, held_out = kept[held:], kept[:held]
    near = {pair.row for pair in near_duplicates_across(train, held_out, config.near)}
    train = [text for row, text in enumerate(train) if row not in near]
    return Corpus(train, held_out, read, len(excluded), len(near), copies, blank)


def _column_in(path: str, text_column: str | None) -> str | None:
    """The corpus' text column if a dump has it too; None leaves it to be guessed."""
    from netral_nlp.formats import open_posts

    if text_column is None or ".txt" in Path(path).suffixes:
        return None
    with open_posts(Path(path), on_reject=lambda reject: None) as reader:
        return text_column if text_column in reader.columns else None


def _pack_corpus(
    config: AdaptationConfig, tokenizer: Tokenizer, normaliser: Normaliser
) -> tuple[Blocks, Blocks, dict[str, int]]:
    """Blocks to learn from, blocks to measure on, and the counts of texts; the texts themselves are let go."""
    from netral_nlp.training.masking import pack

    corpus = read_texts(config, normaliser)
    blocks = pack(tokenizer, corpus.train, config.block_tokens, most_tokens=config.tokens or None)
    held_out = pack(tokenizer, corpus.held_out, config.block_tokens)
    if not len(blocks):
        raise InputError(
            f"{', '.join(config.corpus)}: the {len(corpus.train)} texts to learn from do not fill one block of "
            f"{config.block_tokens} tokens; give more, or lower block_tokens"
        )
    if not len(held_out):
        raise InputError(
            f"held_out: the {len(corpus.held_out)} held-out texts do not fill one block of {config.block_tokens} "
            "tokens; raise held_out, give more texts (a tenth of them is held out at most), or lower block_tokens"
        )
    return blocks, held_out, corpus.counts()


def count_steps(blocks: int, config: AdaptationConfig) -> tuple[int, int]:
    """How many steps a run takes, and how many tokens it trains on in them.

    The last batch of an epoch may be short. `tokens` is a least number; 0 is every block once.
    """
    in_an_epoch = math.ceil(blocks / config.batch_size)
    epochs, rest = divmod(math.ceil(config.tokens / config.block_tokens) or blocks, blocks)
    more = math.ceil(rest / config.batch_size)
    trained = epochs * blocks + min(more * config.batch_size, blocks)
    return epochs * in_an_epoch + more, trained * config.block_tokens


def _adapt(config: AdaptationConfig, run: Run, base_folder: Path, bf16: bool) -> Path:
    from transformers import set_seed

    from netral_nlp.training.finetune import choose_normaliser
    from netral_nlp.training.loop import last_whole_checkpoint

    normaliser = choose_normaliser(config, base_folder)
    model, wrapper, pooler = _load(base_folder, config)
    tokenizer: Tokenizer = wrapper.backend_tokenizer
    tokenizer.no_truncation()
    tokenizer.no_padding()
    blocks, held_out, counts = _pack_corpus(config, tokenizer, normaliser)
    steps, tokens = count_steps(len(blocks), config)
    log.info(
        "%d texts (left out: %d copies, %d without words, %d excluded, %d like held-out ones), %d held out; "
        "%d steps of %d tokens, %.2f epochs; %s",
        counts["texts"], counts["copies"], counts["texts_blank"], counts["texts_excluded"],
        counts["texts_near_held_out"], counts["texts_held_out"], steps, config.batch_size * config.block_tokens,
        tokens / blocks.ids.size, "bfloat16" if bf16 else "float32",
    )  # fmt: skip
    run.prepare()
    checkpoint = last_whole_checkpoint(run.checkpoints) if config.resume else None
    if checkpoint is not None:
        log.info("resuming after step %s", checkpoint.name.removeprefix("checkpoint-"))
    set_seed(config.seed)
    trainer = make_trainer(
        model, wrapper, blocks, held_out, config, steps=steps, bf16=bf16, checkpoints=run.checkpoints, logs=run.logs
    )
    before = _known(run.checkpoints) or _remember(run.checkpoints, trainer.perplexity())
    log.info("perplexity of hidden words before: %.1f", before)
    started = time.monotonic()
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    after = trainer.last_perplexity()
    log.info("perplexity of hidden words after: %.1f", after)
    folder = run.stage()
    model.to("cpu").save_pretrained(folder)
    _add_weights(folder / "model.safetensors", pooler)
    wrapper.save_pretrained(folder)
    normaliser.save(folder)
    report = {
        **counts,
        "steps": steps,
        "tokens": tokens,
        "seconds": round(time.monotonic() - started, 1),
        "perplexity_before": before,
        "perplexity_after": after,
        "log": trainer.state.log_history,
    }
    (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return run.finish()


def make_trainer(
    model: Any,
    wrapper: Any,
    train: Blocks,
    held_out: Blocks,
    config: AdaptationConfig,
    *,
    steps: int,
    bf16: bool,
    checkpoints: Path,
    logs: Path,
) -> Any:
    """Put the loop together.

    Args:
        model: a masked-language model in fp32.
        wrapper: its fast tokenizer.
        train: what is learnt from.
        held_out: what perplexity is measured on.
        config: the run.
        steps: how many steps it takes.
        bf16: whether to compute in bfloat16.
        checkpoints: where checkpoints go.
        logs: where TensorBoard's events go.
    """
    import torch
    from torch.utils.tensorboard import SummaryWriter
    from transformers import PrinterCallback, TrainerCallback, TrainingArguments
    from transformers.integrations.integration_utils import TensorBoardCallback

    from netral_nlp.training.loop import Checkpoints, EpochOrder, EpochSampler, Progress
    from netral_nlp.training.masked_loop import MaskedTrainer, PerplexityLines, parameter_groups

    every = max(1, math.ceil(steps / config.checkpoints))
    arguments = TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=steps,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(config.warmup_share * steps),
        max_grad_norm=config.max_grad_norm,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=None if config.keep_checkpoints else 2,
        logging_strategy="steps",
        logging_steps=config.log_every,
        remove_unused_columns=False,
        bf16=bf16,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=config.seed,
        report_to="none",
        disable_tqdm=True,
    )
    sampler = EpochSampler(config.batch_size, [config.block_tokens] * len(train), config.seed)
    callbacks: list[TrainerCallback] = [EpochOrder(sampler), PerplexityLines(), Checkpoints(None)]
    callbacks.append(TensorBoardCallback(SummaryWriter(log_dir=str(logs))))  # type: ignore[no-untyped-call]
    if sys.stderr.isatty():
        callbacks.append(Progress())
    trainer = MaskedTrainer(
        model=model,
        wrapper=wrapper,
        blocks=train,
        held_out=held_out,
        config=config,
        args=arguments,
        sampler=sampler,
        optimizers=(torch.optim.AdamW(parameter_groups(model, config), fused=True), None),
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _load(folder: Path, config: AdaptationConfig) -> tuple[Any, Any, dict[str, Any]]:
    """The masked-language model, its tokenizer, and the base's pooler, which that model lacks.

    A base without a head for words gets a new one, tied to its embeddings.
    """
    import torch
    from transformers import AutoConfig, AutoModelForMaskedLM

    from netral_nlp.training.base import check_pieces, load_tokenizer, loaded, readable_positions

    settings = loaded(folder, lambda: AutoConfig.from_pretrained(folder, trust_remote_code=False))
    wrapper = load_tokenizer(folder, config.block_tokens, "block_tokens")
    if wrapper.mask_token is None:
        raise ConfigError(f"base_model: the tokenizer of {folder} has no mask token; choose an encoder such as BERT")
    positions = readable_positions(settings)
    if positions is not None and positions < config.block_tokens:
        raise ConfigError(f"block_tokens: {config.block_tokens}, but {config.base_model} reads {positions} at most")
    _forget_labels(settings)
    torch.manual_seed(config.seed)  # a new head's first weights
    model = loaded(
        folder,
        lambda: AutoModelForMaskedLM.from_pretrained(
            folder, config=settings, dtype=torch.float32, trust_remote_code=False, ignore_mismatched_sizes=True
        ),
    )
    check_pieces(model, wrapper, folder)
    return model, wrapper, _pooler_of(folder, model)


def _forget_labels(settings: Any) -> None:
    """Take what our classifiers add off a configuration: the adapted encoder tells no labels apart."""
    from netral_nlp.training.base import ID2LABEL

    if dict(getattr(settings, "id2label", None) or {}) == ID2LABEL:
        settings.id2label = {0: "LABEL_0", 1: "LABEL_1"}  # what transformers takes for none
        settings.label2id = {"LABEL_0": 0, "LABEL_1": 1}
        settings.problem_type = None
    if hasattr(settings, "netral"):
        del settings.netral


def _pooler_of(folder: Path, model: Any) -> dict[str, Any]:
    """The base's pooler, by the names that its weights have below a head; none where the base was saved without."""
    import torch
    from transformers import AutoModel

    from netral_nlp.training.base import loaded

    prefix = model.base_model_prefix
    if getattr(getattr(model, prefix, None), "pooler", None) is not None:
        return {}
    encoder, found = loaded(
        folder,
        lambda: AutoModel.from_pretrained(
            folder, dtype=torch.float32, trust_remote_code=False, ignore_mismatched_sizes=True, output_loading_info=True
        ),
    )
    pooler = getattr(encoder, "pooler", None)
    if pooler is None or any("pooler." in str(name) for name in found["missing_keys"]):
        return {}
    return {f"{prefix}.pooler.{name}": weight.clone() for name, weight in pooler.state_dict().items()}


def _add_weights(path: Path, more: dict[str, Any]) -> None:
    """Put more weights into a file of weights."""
    from safetensors.torch import load_file, save_file

    if more and path.is_file():
        save_file({**load_file(path), **more}, path, metadata={"format": "pt"})


def _remember(folder: Path, perplexity: float) -> float:
    """Keep the first perplexity for a run that is resumed."""
    scratch = folder / "before.json.part"
    scratch.write_text(json.dumps(perplexity), encoding="utf-8")
    scratch.replace(folder / "before.json")
    return perplexity


def _known(folder: Path) -> float | None:
    path = folder / "before.json"
    return float(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None
