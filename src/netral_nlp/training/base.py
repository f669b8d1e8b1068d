"""The base model of a fine-tuning run: found, checked, and given a head for our labels.

Loads torch and transformers inside its functions.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.errors import ConfigError, MissingExtraError, ModelFolderError
from netral_nlp.inference.encoding import Encoded, PairEncoder
from netral_nlp.inference.folder import shipped_models
from netral_nlp.labels import LABELS

if TYPE_CHECKING:
    from netral_nlp.training.config import TrainingConfig

log = logging.getLogger(__name__)

ID2LABEL = {index: label.value for index, label in enumerate(LABELS)}
LABEL2ID = {label.value: index for index, label in enumerate(LABELS)}
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
# These count positions from behind the pad token's id.
_POSITIONS_AFTER_PAD = frozenset(
    {"roberta", "xlm-roberta", "camembert", "xlm-roberta-xl", "mpnet", "longformer", "roberta-prelayernorm", "xmod"}
    | {"data2vec-text", "ibert", "luke", "lilt"}
)
_PAIR_SPECIALS = 4  # the most that a pair's template adds: <s> a </s></s> b </s>


@dataclass(frozen=True)
class Base:
    """An encoder with a head for three labels, and its tokenizer.

    Attributes:
        model: A stock transformers classifier in fp32.
        tokenizer: The fast tokenizer.
        name: What the card calls the base: a hub id or a folder's name.
        has_our_head: Whether the base already told our labels apart (retraining).
        encoder: Makes token ids as scoring makes them, from the tokenizer as it will be saved.
    """

    model: Any
    tokenizer: Any
    name: str
    has_our_head: bool
    encoder: PairEncoder

    def features(self, post: Encoded) -> dict[str, list[int]]:
        """The model's inputs for one post."""
        inputs = {"input_ids": post.ids, "attention_mask": [1] * len(post)}
        segments = getattr(self.model.config, "type_vocab_size", 0)
        if segments > 1 and "token_type_ids" in signature(self.model.forward).parameters:
            inputs["token_type_ids"] = post.type_ids
        return inputs


def load_base(config: TrainingConfig, where: Path) -> Base:
    """Load the base model that the configuration names.

    Args:
        config: The run.
        where: The base's folder, as `locate_base` found it.

    Raises:
        ModelFolderError: the folder is damaged or holds no encoder.
        ConfigError: the model is no encoder that this training can use, or is too short for the configured lengths.
        MissingExtraError: torch or transformers is not installed.
    """
    try:
        import torch
        from transformers import AutoConfig, AutoModelForSequenceClassification
    except ImportError:
        raise MissingExtraError("training an encoder", "train") from None
    settings = loaded(where, lambda: AutoConfig.from_pretrained(where, trust_remote_code=False))
    ours = dict(getattr(settings, "id2label", {}) or {}) == ID2LABEL
    foreign_head = not ours and any(
        name.endswith("ForSequenceClassification") for name in getattr(settings, "architectures", None) or []
    )
    settings.num_labels = len(LABELS)
    settings.id2label, settings.label2id = dict(ID2LABEL), dict(LABEL2ID)
    settings.problem_type = None
    if config.dropout is not None:
        _set_dropout(settings, config.dropout)
    tokenizer = load_tokenizer(where, config.max_tokens, "max_tokens")
    _check_length(settings, config)
    torch.manual_seed(config.seed)  # the head's first weights
    model = loaded(
        where,
        lambda: AutoModelForSequenceClassification.from_pretrained(
            where, config=settings, dtype=torch.float32, trust_remote_code=False, ignore_mismatched_sizes=True
        ),
    )
    if foreign_head:
        log.info("the base's head tells other labels apart: it starts anew")
        model = _new_head(model, settings, config.seed)
    check_pieces(model, tokenizer, where)
    if config.freeze_embeddings:
        model.get_input_embeddings().weight.requires_grad_(False)
    name = where.resolve().name if Path(config.base_model).is_dir() else config.base_model
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer.save_pretrained(scratch)
        encoder = PairEncoder(scratch, config.max_tokens, config.context_tokens)
    model.config.netral = {"max_tokens": config.max_tokens, "context_tokens": config.context_tokens}
    return Base(model, tokenizer, name, ours, encoder)


def locate_base(base_model: str) -> Path:
    """Find a base model: a folder, a shipped model's name, or a hub id, which is downloaded.

    Raises:
        ModelFolderError: it is nowhere, lacks a file, or the hub cannot be reached.
    """
    folder = Path(base_model)
    if not folder.is_dir():
        if base_model in shipped_models():
            folder = shipped_models()[base_model]
        elif base_model.startswith((".", "/", "~")) or "\\" in base_model or base_model.count("/") > 1:
            raise ModelFolderError(f"base_model: there is no folder {base_model}")
        else:
            folder = _download(base_model)
    if not (folder / "config.json").is_file():
        raise ModelFolderError(f"base_model: {folder / 'config.json'} is missing; the folder is no whole model")
    if not any((folder / name).is_file() for name in _WEIGHTS):
        raise ModelFolderError(f"base_model: {folder} holds no weights ({' or '.join(_WEIGHTS)})")
    return folder


def _download(hub_id: str) -> Path:
    """Fetch a base from the hub, or take it from the hub's cache, and return its folder.

    Done before transformers looks, which without a network tries each file again for half a minute.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HFValidationError

    def fetch(*patterns: str) -> Path:
        found = snapshot_download(hub_id, allow_patterns=list(patterns), ignore_patterns=["*/*"], etag_timeout=10)
        return Path(found)

    try:
        folder = fetch("*.json", "*.txt", "*.model", "*.safetensors")
        if not any(folder.glob("*.safetensors")):
            folder = fetch("pytorch_model*.bin")  # read with weights_only: no pickled code runs
    except HFValidationError:
        raise ModelFolderError(
            f"base_model: {hub_id!r} is neither a folder nor a hub id (owner/name) nor a shipped model"
        ) from None
    except Exception as error:  # the client's own errors, and those of whichever HTTP library it is built on
        log.debug("%s: %r", hub_id, error)
        if constants.HF_HUB_OFFLINE:
            why = "HF_HUB_OFFLINE is set and the hub's cache lacks it"
        else:
            why = "the hub does not have it for you, or cannot be reached"
        raise ModelFolderError(
            f"base_model: {hub_id} is no folder, and {why}; check the name, or download it where there is a network "
            f"(hf download {hub_id} --local-dir FOLDER) and name the folder"
        ) from None
    return folder


def loaded(where: Path, load: Any) -> Any:
    """Run a loader of transformers; what it raises for a damaged or foreign folder becomes one line."""
    try:
        return load()
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ModelFolderError(f"base_model: {where} cannot be loaded: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def load_tokenizer(where: Path, length: int, key: str) -> Any:
    """Load the fast tokenizer of a base.

    Args:
        where: the base's folder.
        length: the tokens of an input, special ones included.
        key: the configuration's name for the length.

    Raises:
        ConfigError: there is none that scoring could use, or the length has no room for text.
    """
    from transformers import AutoTokenizer

    tokenizer = loaded(where, lambda: AutoTokenizer.from_pretrained(where, trust_remote_code=False))
    if not tokenizer.is_fast:
        raise ConfigError(f"base_model: {where} has no fast tokenizer (tokenizer.json), which scoring needs")
    if tokenizer.pad_token is None:
        raise ConfigError(
            f"base_model: the tokenizer of {where} has no pad token, as decoders have none; choose an encoder such as "
            "indobenchmark/indobert-base-p1"
        )
    specials = tokenizer.num_special_tokens_to_add(pair=False)
    if specials >= length:
        raise ConfigError(f"{key}: {length} leaves no room beside {specials} special tokens")
    return tokenizer


def readable_positions(settings: Any) -> int | None:
    """The longest input, in tokens, that an encoder has positions for; None where its configuration sets no limit."""
    positions = getattr(settings, "max_position_embeddings", None)
    if not isinstance(positions, int) or positions <= 0:
        return None
    if settings.model_type in _POSITIONS_AFTER_PAD:
        pad = getattr(settings, "pad_token_id", None)
        positions -= 1 + (pad if isinstance(pad, int) else 1)
    return positions


def check_pieces(model: Any, tokenizer: Any, where: Path) -> None:
    """Every piece must have an embedding.

    Raises:
        ConfigError: the tokenizer has more pieces than the model.
    """
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise ConfigError(f"base_model: the tokenizer of {where} has more pieces than the model has embeddings")


def one_device() -> None:
    """Refuse to train on several GPUs: transformers would split each batch over them and multiply its size.

    Raises:
        ConfigError: more than one GPU is visible.
    """
    import torch

    if (count := torch.cuda.device_count()) > 1:
        raise ConfigError(
            f"{count} GPUs are visible, but training uses one: set CUDA_VISIBLE_DEVICES to one, such as 0"
        )


def _check_length(settings: Any, config: TrainingConfig) -> None:
    """The longest input must have positions."""
    positions = readable_positions(settings)
    if positions is None:
        return
    longest = config.max_tokens + config.context_tokens + _PAIR_SPECIALS
    if longest > positions or config.context_tokens + _PAIR_SPECIALS > positions // 2:
        raise ConfigError(
            f"max_tokens: {config.max_tokens} with context_tokens {config.context_tokens} makes inputs of {longest} "
            f"tokens, but {config.base_model} reads {positions} at most, half of them context; lower one of them"
        )


def _set_dropout(settings: Any, dropout: float) -> None:
    """Set every kind of dropout that the architecture has (BERT's, DistilBERT's and DeBERTa's names)."""
    names = (
        "hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout", "dropout", "attention_dropout",
        "seq_classif_dropout", "pooler_dropout", "cls_dropout", "embedding_dropout", "mlp_dropout",
    )  # fmt: skip
    for name in names:
        if hasattr(settings, name):
            setattr(settings, name, dropout)


def _new_head(model: Any, settings: Any, seed: int) -> Any:
    """The same encoder under a head with fresh weights."""
    import torch
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(seed)
    fresh = AutoModelForSequenceClassification.from_config(  # type: ignore[no-untyped-call]
        settings, dtype=torch.float32
    )
    prefix = fresh.base_model_prefix
    getattr(fresh, prefix).load_state_dict(getattr(model, prefix).state_dict())
    return fresh
