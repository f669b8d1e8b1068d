"""The model folder: everything that scoring needs, found by a shipped name, a path or a hub id, and checked."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import netral_nlp
from netral_nlp.errors import InputError, ModelFolderError
from netral_nlp.inference.decision import FILE_NAME as DECISION_FILE
from netral_nlp.inference.decision import Decision
from netral_nlp.labels import LABELS, Label
from netral_nlp.text import FILE_NAME as NORMALISER_FILE
from netral_nlp.text import Normaliser

DEFAULT_MODEL = "netral-mini"
CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
WEIGHTS_FILE = "model.safetensors"
WEIGHTS_INDEX_FILE = "model.safetensors.index.json"
ONNX_FILE = "model.int8.onnx"
TRAINING_FILE = "training.yaml"

LINEAR_TYPE = "netral-tfidf"
LINEAR_FILES = ("vocabulary.json", "weights.npz")

DEFAULT_MAX_TOKENS = 128
DEFAULT_CONTEXT_TOKENS = 64

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_HUB_PATTERNS = ("*.json", "*.safetensors", "*.npz", "*.yaml", ONNX_FILE, "README.md")
# Families whose position table starts behind the padding id.
_OFFSET_POSITIONS = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "roberta-prelayernorm", "mpnet"}
)
# Stated by a tokenizer that has no limit: transformers writes a number like 1e30.
_NO_LIMIT = 1_000_000


@dataclass(frozen=True)
class ModelFolder:
    """A model folder whose files were found and whose labels are ours.

    Attributes:
        path: where it is on disk.
        name: the shipped name, the folder's own name, or the hub id.
        config: what `config.json` holds.
        normaliser: what prepares its texts.
        decision: its temperature and thresholds.
        kind: "encoder" (a Hugging Face sequence classifier) or "tfidf" (the linear baseline).
        max_tokens: tokens of one window of a text, with the special tokens that a text alone has; for the baseline,
            words.
        context_tokens: pieces of the context that are read.
    """

    path: Path
    name: str
    config: dict[str, Any]
    normaliser: Normaliser
    decision: Decision
    kind: Literal["encoder", "tfidf"]
    max_tokens: int
    context_tokens: int
    _hashes: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, model: str | Path | ModelFolder | None = None) -> ModelFolder:
        """Find a model folder and check it.

        Args:
            model: None for the shipped default; the name of a shipped model; a folder; or a hub id (`owner/name`),
                which is downloaded unless the hub's cache has it (`HF_HUB_OFFLINE=1` never goes to the network).

        Raises:
            ModelFolderError: nothing is found, a file is missing or damaged, or the labels are not ours.
        """
        if isinstance(model, ModelFolder):
            return model
        path, name = _find(model)
        return cls._read(path, name)

    @classmethod
    def _read(cls, path: Path, name: str) -> ModelFolder:
        config = _read_json(path / CONFIG_FILE)
        kind: Literal["encoder", "tfidf"] = "tfidf" if config.get("model_type") == LINEAR_TYPE else "encoder"
        _check_labels(path / CONFIG_FILE, config)
        if kind == "tfidf":
            for file in LINEAR_FILES:
                _need(path, file)
        else:
            _check_head(path, config)
            _need(path, TOKENIZER_FILE)
            if not any((path / file).is_file() for file in (ONNX_FILE, WEIGHTS_FILE, WEIGHTS_INDEX_FILE)):
                raise ModelFolderError(
                    f"{path}: {WEIGHTS_FILE} and {ONNX_FILE} are missing; the folder needs one of them"
                )
        normaliser, decision = _settings(path, config, kind)
        max_tokens, context_tokens = _lengths(path, config)
        return cls(path, name, config, normaliser, decision, kind, max_tokens, context_tokens)

    @property
    def onnx_path(self) -> Path:
        """Where the int8 model is, or would be."""
        return self.path / ONNX_FILE

    @property
    def has_onnx(self) -> bool:
        """Whether the folder has an int8 model."""
        return self.onnx_path.is_file()

    @property
    def has_weights(self) -> bool:
        """Whether the folder has full weights for the torch backend."""
        return any((self.path / file).is_file() for file in (WEIGHTS_FILE, WEIGHTS_INDEX_FILE))

    def model_files(self) -> list[Path]:
        """The files that shape an answer, sorted by name: not the card, figures, logs or checkpoints."""
        names = {
            CONFIG_FILE,
            TOKENIZER_FILE,
            TOKENIZER_CONFIG_FILE,
            NORMALISER_FILE,
            DECISION_FILE,
            ONNX_FILE,
            WEIGHTS_INDEX_FILE,
            *LINEAR_FILES,
        }
        return sorted(
            file
            for file in self.path.iterdir()
            if file.is_file() and (file.name in names or file.suffix == ".safetensors")
        )

    def file_hashes(self) -> dict[str, str]:
        """The sha256 of each of `model_files()`, in hex, by name; a file is read again only if size or time change."""
        hashes: dict[str, str] = {}
        for file in self.model_files():
            status = file.stat()
            stamp = (status.st_size, status.st_mtime_ns)
            known = self._hashes.get(file.name)
            if known is None or known[0] != stamp:
                with file.open("rb") as stream:
                    known = (stamp, hashlib.file_digest(stream, "sha256").hexdigest())
                self._hashes[file.name] = known
            hashes[file.name] = known[1]
        return hashes

    def fingerprint(self) -> str:
        """A sha256 over the names and contents of `model_files()`: equal folders, equal answers."""
        lines = "".join(f"{digest}  {name}\n" for name, digest in self.file_hashes().items())
        return hashlib.sha256(lines.encode()).hexdigest()


def shipped_models() -> dict[str, Path]:
    """The models that come with the package, by name: inside the wheel, or beside `src` in a source checkout."""
    package = Path(netral_nlp.__file__).resolve().parent
    found: dict[str, Path] = {}
    for home in (package.parent.parent / "models", package / "models"):
        if home.is_dir():
            found.update({path.parent.name: path.parent for path in sorted(home.glob(f"*/{CONFIG_FILE}"))})
    return found


def _find(model: str | Path | None) -> tuple[Path, str]:
    """Where a model is, and what it is called."""
    shipped = shipped_models()
    if model is None:
        if DEFAULT_MODEL not in shipped:
            raise ModelFolderError(
                f"the shipped model {DEFAULT_MODEL} is not installed; reinstall netral-nlp, or name a model folder"
            )
        return shipped[DEFAULT_MODEL], DEFAULT_MODEL
    if not str(model).strip():
        raise ModelFolderError("the model's name is empty; name a shipped model, a folder or a hub id (owner/name)")
    path = Path(model).expanduser()
    if path.is_dir():
        return path, path.resolve().name
    if path.exists():
        raise ModelFolderError(f"{path} is a file; a model is the folder that holds {CONFIG_FILE}")
    if isinstance(model, str):
        if model in shipped:
            return shipped[model], model
        if _HUB_ID.fullmatch(model) and not model.startswith("."):
            return _download(model), model
    raise ModelFolderError(
        f"no model folder {model}; name an existing folder, a shipped model ({', '.join(shipped) or 'none here'}) "
        "or a hub id (owner/name)"
    )


def _download(hub_id: str) -> Path:
    """Fetch a model from the hub, or take it from the hub's cache."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    unreachable: tuple[type[Exception], ...] = (
        LocalEntryNotFoundError,
        HfHubHTTPError,
        ConnectionError,
        TimeoutError,
        *_network_errors(),
    )
    where = f"model {hub_id}: no such folder, and"
    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(_HUB_PATTERNS), etag_timeout=10))
    except GatedRepoError:
        reason = "the hub wants you to accept its terms first; do so on its page and log in with `hf auth login`"
    except RepositoryNotFoundError:
        reason = "the hub knows no such public model; check the id, or log in with `hf auth login` if it is private"
    except HFValidationError:
        reason = "it is no valid hub id (owner/name)"
    except unreachable:
        if constants.HF_HUB_OFFLINE:
            reason = "the hub's cache lacks it; unset HF_HUB_OFFLINE to download it, or name a model folder"
        else:
            reason = "the hub cannot be reached; check the network, or download it elsewhere and name its folder"
    raise ModelFolderError(f"{where} {reason}")


def _network_errors() -> tuple[type[Exception], ...]:
    """What the hub's client raises when a connection fails: httpx's since its release 1, requests' before."""
    from importlib import import_module

    found: list[type[Exception]] = []
    for module, name in (("httpx", "HTTPError"), ("requests", "RequestException")):
        try:
            found.append(getattr(import_module(module), name))
        except ImportError:
            continue
    return tuple(found)


def _check_labels(path: Path, config: dict[str, Any]) -> None:
    """Refuse a folder whose labels are not our three in our order."""
    stored = config.get("id2label")
    remedy = f"fine-tune it with `netral train --base-model {path.parent}`"
    if not isinstance(stored, dict):
        raise ModelFolderError(f"{path}: no id2label, so this is a base model and no classifier; {remedy}")
    try:
        labels = [Label.parse(stored[key]) for key in sorted(stored, key=int)]
    except (InputError, ValueError):
        labels = []
    if labels != list(LABELS):
        names = ", ".join(str(value) for value in list(stored.values())[:6])
        raise ModelFolderError(
            f"{path}: its labels are [{names[:80]}], not [{', '.join(LABELS)}] in this order; {remedy}"
        )


def _check_head(path: Path, config: dict[str, Any]) -> None:
    """Refuse an encoder without a classification head: its answers would be random."""
    architectures = config.get("architectures") or []
    if not any(str(name).endswith("ForSequenceClassification") for name in architectures):
        has = ", ".join(map(str, architectures)) or "none"
        raise ModelFolderError(
            f"{path / CONFIG_FILE}: the architecture ({has}) has no classification head; "
            f"fine-tune it with `netral train --base-model {path}`"
        )


def _settings(path: Path, config: dict[str, Any], kind: str) -> tuple[Normaliser, Decision]:
    """Normaliser and decision; a plain Hugging Face folder has neither, and gets the defaults with a warning."""
    files = (NORMALISER_FILE, DECISION_FILE)
    ours = kind == "tfidf" or "netral" in config or any((path / file).is_file() for file in (*files, TRAINING_FILE))
    if ours:
        for file in files:
            _need(path, file)
        return Normaliser.load(path), Decision.load(path)
    normaliser = Normaliser.for_base(path)
    warnings.warn(
        f"{path} has no {NORMALISER_FILE} and no {DECISION_FILE}: its texts are prepared with the profile "
        f"{normaliser.profile!r} and its probabilities are not calibrated",
        stacklevel=4,
    )
    return normaliser, Decision.default()


def _lengths(path: Path, config: dict[str, Any]) -> tuple[int, int]:
    """Tokens of a text's window and of a context, within what the model has positions for."""
    stated = config.get("netral")
    stated = stated if isinstance(stated, dict) else {}
    max_tokens, context_tokens = stated.get("max_tokens"), stated.get("context_tokens", DEFAULT_CONTEXT_TOKENS)
    tokenizer_config = path / TOKENIZER_CONFIG_FILE
    if max_tokens is None and tokenizer_config.is_file():
        limit = _read_json(tokenizer_config).get("model_max_length")
        max_tokens = int(limit) if isinstance(limit, int | float) and 0 < limit < _NO_LIMIT else None
    if max_tokens is None:
        max_tokens = DEFAULT_MAX_TOKENS
    for key, value in (("max_tokens", max_tokens), ("context_tokens", context_tokens)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ModelFolderError(f"{path / CONFIG_FILE}: netral.{key} must be a whole number from 1, not {value!r}")
    positions = _positions(config)
    if positions is not None:
        specials = 4  # the most that a pair's template adds: <s> a </s></s> b </s>
        context_tokens = min(context_tokens, max(1, positions // 2 - specials))
        max_tokens = min(max_tokens, max(1, positions - context_tokens - specials))
    return max_tokens, context_tokens


def _positions(config: dict[str, Any]) -> int | None:
    """How many positions the model can number, or None where it has no table of them."""
    positions = config.get("max_position_embeddings")
    if not isinstance(positions, int) or positions < 1:
        return None
    if config.get("model_type") in _OFFSET_POSITIONS:
        positions -= int(config.get("pad_token_id") or 0) + 1
    return positions


def _need(path: Path, file: str) -> None:
    if not (path / file).is_file():
        raise ModelFolderError(f"{path / file} is missing; the model folder is incomplete, copy or train it again")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelFolderError(
            f"{path} is missing; a model folder holds {CONFIG_FILE}, {TOKENIZER_FILE} and weights"
        ) from None
    except ValueError as error:
        raise ModelFolderError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise ModelFolderError(f"{path} must hold a JSON object, not {type(document).__name__}")
    return document
