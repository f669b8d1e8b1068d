"""Trim an encoder's vocabulary to the pieces that a corpus uses.

A multilingual encoder spends most of its weights on pieces of other languages: multilingual-e5-small has 250,000
pieces, of which Indonesian posts use a tenth. Dropping the rest changes nothing in how the kept pieces are read
(Abdaoui et al. 2020, "Load What You Need: Smaller Versions of Multilingual BERT") and makes the model four times
smaller.
"""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netral_nlp.errors import ConfigError, MissingExtraError, ModelFolderError
from netral_nlp.text import EMOJI, HAND_SIGNS, Normaliser

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

_SKIN_TONES = "🏻🏼🏽🏾🏿"
_REGIONAL_INDICATORS = "".join(chr(code) for code in range(0x1F1E6, 0x1F200))
_EMOJI_PARTS = "\ufe0f\u200d\u20e3"
ALWAYS_KEPT = "".join(
    dict.fromkeys(
        string.digits
        + string.ascii_letters
        + string.punctuation
        + "“”‘’…–—•·«»°©®™€£¥×÷"
        + "".join(sorted(HAND_SIGNS))
        + _SKIN_TONES
        + _REGIONAL_INDICATORS
        + _EMOJI_PARTS
    )
)
"""Characters that every trimmed vocabulary can write, whether or not the corpus has them."""

_BATCH = 2048


@dataclass(frozen=True)
class TrimReport:
    """What a trim did.

    Attributes:
        pieces_before: Size of the base's vocabulary.
        pieces_after: Size of the trimmed vocabulary.
        parameters_before: Weights of the base.
        parameters_after: Weights of the trimmed encoder.
        coverage: Share of the corpus' tokens, as the base splits it, whose piece is kept.
        unknown_before: Share of unknown tokens with the base's vocabulary.
        unknown_after: Share of unknown tokens with the trimmed one.
        lengthening: Tokens after, divided by tokens before.
        added: Pieces that the base lacked and that were added.
    """

    pieces_before: int
    pieces_after: int
    parameters_before: int
    parameters_after: int
    coverage: float
    unknown_before: float
    unknown_after: float
    lengthening: float
    added: tuple[str, ...]


def trim_vocabulary(
    base_model: str | Path,
    corpus: Iterable[str],
    output: Path,
    *,
    pieces: int = 24_000,
    keep: str = ALWAYS_KEPT,
    normaliser: Normaliser | None = None,
) -> TrimReport:
    """Write a copy of an encoder whose vocabulary holds only what a corpus needs.

    Special tokens, every single character that the corpus has, every emoji of the base and the characters of `keep`
    stay whatever their count; the most frequent pieces fill the rest. Kept pieces keep their order and their vectors.
    A character of `keep` that the base does not know (🫰) is added; its vector is the mean of its kin (of the hand
    signs, or else of all emoji, or of everything).

    Args:
        base_model: A hub id or folder with a Unigram or WordPiece tokenizer (`tokenizer.json`).
        corpus: Texts, one document each; read once.
        output: The folder to write; it must be empty or absent.
        pieces: Size of the trimmed vocabulary.
        keep: Characters that must be writable.
        normaliser: How texts will be prepared for this model; by default the base's own profile. Saved with the result.

    Returns:
        The figures of the trim, also written as `vocabulary.json`.

    Raises:
        ConfigError: the tokenizer is of another kind, the corpus is empty, or `pieces` is too few.
        ModelFolderError: the base cannot be loaded.
        MissingExtraError: torch or transformers is not installed.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise MissingExtraError("trimming a vocabulary", "train") from None
    output = Path(output)
    if output.exists() and any(output.iterdir()):
        raise ConfigError(f"{output}: the folder is not empty; name another with --output")
    normaliser = normaliser or Normaliser.for_base(base_model)
    model = _load_encoder(base_model)
    try:
        wrapper = AutoTokenizer.from_pretrained(str(base_model), trust_remote_code=False)
        tokenizer: Tokenizer = wrapper.backend_tokenizer
    except (OSError, ValueError, AttributeError) as error:
        raise ModelFolderError(f"{base_model}: no fast tokenizer (tokenizer.json) could be loaded ({error})") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    spec = json.loads(tokenizer.to_str())
    kind = spec["model"].get("type")
    if kind not in ("Unigram", "WordPiece"):
        raise ConfigError(f"{base_model}: a {kind} tokenizer cannot be trimmed; Unigram and WordPiece can")

    counts, characters, sample = _count(tokenizer, corpus, normaliser)
    if not counts:
        raise ConfigError("the corpus is empty: no text to choose the pieces by")
    vocabulary = _vocabulary(spec)
    added = _unknown_characters(keep, tokenizer, vocabulary, kind, spec)
    chosen = _choose(vocabulary, spec, kind, counts, characters | set(keep), pieces - len(added))
    new_spec = _rebuild(spec, kind, [*chosen, *added])

    before = sum(parameter.numel() for parameter in model.parameters())
    kept_ids = [vocabulary[token] for token in chosen]
    _shrink(model, kept_ids, [_kin(piece, chosen) for piece in added])
    new_vocabulary = _vocabulary(new_spec)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id"):
        token_id = getattr(model.config, name, None)
        if token_id is not None:
            token = next((token for token, index in vocabulary.items() if index == token_id), None)
            setattr(model.config, name, new_vocabulary.get(token) if token else None)

    output.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(output)
    wrapper.save_pretrained(output)
    (output / "tokenizer.json").write_text(json.dumps(new_spec, ensure_ascii=False), encoding="utf-8")
    normaliser.save(output)

    total = sum(counts.values())
    kept_tokens = set(chosen)
    names = {index: token for token, index in vocabulary.items()}
    old_length, old_unknown = _measure(tokenizer, spec, sample)
    from tokenizers import Tokenizer as LoadedTokenizer

    new_length, new_unknown = _measure(LoadedTokenizer.from_file(str(output / "tokenizer.json")), new_spec, sample)
    report = TrimReport(
        pieces_before=len(vocabulary),
        pieces_after=len(new_vocabulary),
        parameters_before=before,
        parameters_after=sum(parameter.numel() for parameter in model.parameters()),
        coverage=sum(count for index, count in counts.items() if names[index] in kept_tokens) / total,
        unknown_before=old_unknown,
        unknown_after=new_unknown,
        lengthening=new_length / max(old_length, 1),
        added=tuple(added),
    )
    (output / "vocabulary.json").write_text(
        json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return report


def read_corpus(paths: Sequence[str | Path], text_column: str | None = None) -> Iterator[str]:
    """Yield the texts of plain text files (`.txt`, one a line; also `.gz`, `.zst`) and of post dumps.

    Raises:
        InputError: a file is missing or unreadable, or a dump has no text column.
    """
    from netral_nlp.errors import InputError
    from netral_nlp.formats import guess_columns, open_posts

    for path in map(Path, paths):
        if ".txt" in path.suffixes:
            import pyarrow as pa

            try:
                with pa.input_stream(str(path)) as stream:
                    yield from _lines(stream)
            except (OSError, pa.ArrowInvalid) as error:
                raise InputError(f"{path}: cannot be read ({error})") from None
            continue
        with open_posts(path, on_reject=lambda reject: None) as reader:
            column = text_column or guess_columns(reader.columns, reader.export).text
            if column is None or column not in reader.columns:
                raise InputError(
                    f"{path}: no text column; the columns are {', '.join(reader.columns)}; name one with --text-column"
                )
            for batch in reader.batches():
                yield from (text for text in batch.strings(column) if text)


def _lines(stream: Any) -> Iterator[str]:
    import io

    for line in io.TextIOWrapper(stream, encoding="utf-8", errors="replace"):
        if text := line.strip():
            yield text


def _load_encoder(base_model: str | Path) -> PreTrainedModel:
    """The encoder with the head it was saved with, if that is a language-modelling one (adaptation needs it)."""
    from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

    try:
        config = AutoConfig.from_pretrained(str(base_model), trust_remote_code=False)
        masked = any("MaskedLM" in name for name in config.architectures or ())
        loader = AutoModelForMaskedLM if masked else AutoModel
        model: PreTrainedModel = loader.from_pretrained(str(base_model), trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelFolderError(
            f"{base_model}: no encoder could be loaded from a folder of that name or from the hub ({reason})"
        ) from None
    return model


def _vocabulary(spec: dict[str, Any]) -> dict[str, int]:
    """Token to id, added tokens included."""
    stored = spec["model"]["vocab"]
    pieces = stored if isinstance(stored, dict) else {token: index for index, (token, _) in enumerate(stored)}
    return pieces | {token["content"]: token["id"] for token in spec["added_tokens"]}


def _count(
    tokenizer: Tokenizer, corpus: Iterable[str], normaliser: Normaliser
) -> tuple[Counter[int], set[str], list[str]]:
    """Count tokens by id; also the characters seen more than once and every so-many-th text, to measure on."""
    counts: Counter[int] = Counter()
    characters: Counter[str] = Counter()
    sample: list[str] = []
    stream = map(normaliser, corpus)
    number = 0
    while batch := list(islice(stream, _BATCH)):
        for encoding in tokenizer.encode_batch(batch, add_special_tokens=False):
            counts.update(encoding.ids)
        for text in batch:
            characters.update(set(text))
        if number % 8 == 0:
            sample.extend(batch[:512])
        number += 1
    return counts, {character for character, count in characters.items() if count > 1}, sample


def _bare(token: str, kind: str, spec: dict[str, Any]) -> str:
    """A piece without the mark of its place in a word."""
    if kind == "Unigram":
        return token.replace("▁", "")
    return token.removeprefix(spec["model"].get("continuing_subword_prefix", "##"))


def _choose(
    vocabulary: dict[str, int],
    spec: dict[str, Any],
    kind: str,
    counts: Counter[int],
    characters: set[str],
    pieces: int,
) -> list[str]:
    """The tokens to keep, in the order of their ids."""
    special = {token["content"] for token in spec["added_tokens"]}
    special |= {str(spec["model"].get("unk_token", ""))} & vocabulary.keys()
    if kind == "Unigram":
        special |= {spec["model"]["vocab"][spec["model"]["unk_id"]][0], "▁"} & vocabulary.keys()
    needed = set(special)
    for token in vocabulary:
        bare = _bare(token, kind, spec)
        if (len(bare) == 1 and bare in characters) or (bare and EMOJI.fullmatch(bare)):
            needed.add(token)
    if len(needed) > pieces:
        raise ConfigError(f"{pieces} pieces are too few: special tokens and single characters alone need {len(needed)}")
    ranked = sorted(
        (token for token, index in vocabulary.items() if token not in needed and counts[index] > 0),
        key=lambda token: (-counts[vocabulary[token]], vocabulary[token]),
    )
    chosen = needed | set(ranked[: pieces - len(needed)])
    return sorted(chosen, key=vocabulary.__getitem__)


def _unknown_characters(
    keep: str, tokenizer: Tokenizer, vocabulary: dict[str, int], kind: str, spec: dict[str, Any]
) -> list[str]:
    """The pieces that the base lacks to write the characters of `keep`.

    Characters that its own normaliser rewrites ("…") need none. WordPiece needs two each: at the start of a word and
    within one.
    """
    own = tokenizer.normalizer
    written = [
        character
        for character in dict.fromkeys(keep)
        if own is None or own.normalize_str(character).strip() == character
    ]
    if kind == "Unigram":
        bare = {_bare(token, kind, spec) for token in vocabulary}
        return [character for character in written if character not in bare]
    prefix = spec["model"].get("continuing_subword_prefix", "##")
    pieces = [piece for character in written for piece in (character, prefix + character)]
    return [piece for piece in pieces if piece not in vocabulary]


def _rebuild(spec: dict[str, Any], kind: str, tokens: list[str]) -> dict[str, Any]:
    """The tokenizer file over the given tokens, numbered in their order."""
    new: dict[str, Any] = json.loads(json.dumps(spec))
    ids = {token: index for index, token in enumerate(tokens)}
    stored = spec["model"]["vocab"]
    if kind == "Unigram":
        scores = dict(stored)
        lowest = min(scores.values())
        new["model"]["vocab"] = [[token, scores.get(token, lowest)] for token in tokens]
        new["model"]["unk_id"] = ids[stored[spec["model"]["unk_id"]][0]]
    else:
        new["model"]["vocab"] = ids
    for token in new["added_tokens"]:
        token["id"] = ids[token["content"]]
    new["added_tokens"].sort(key=lambda token: token["id"])
    _renumber(new.get("post_processor"), ids)
    return new


def _renumber(processor: dict[str, Any] | None, ids: dict[str, int]) -> None:
    """Give the post-processor (of any kind that names tokens with ids) the new ids."""
    if not processor:
        return
    for part in processor.get("processors", []):
        _renumber(part, ids)
    for entry in (
        processor.get("special_tokens", {}).values() if isinstance(processor.get("special_tokens"), dict) else ()
    ):
        entry["ids"] = [ids[token] for token in entry["tokens"]]
    for name in ("sep", "cls"):
        if isinstance(processor.get(name), list):
            processor[name] = [processor[name][0], ids[processor[name][0]]]


def _kin(piece: str, chosen: list[str]) -> list[int]:
    """Positions of the kept tokens whose mean vector stands for a piece that the base does not know."""
    character = piece[-1]
    bare = [token.replace("▁", "").removeprefix("##") for token in chosen]
    if character in HAND_SIGNS:
        kin = [index for index, token in enumerate(bare) if token in HAND_SIGNS]
    elif EMOJI.fullmatch(character) or character in _SKIN_TONES + _REGIONAL_INDICATORS + _EMOJI_PARTS:
        kin = [index for index, token in enumerate(bare) if token and EMOJI.fullmatch(token)]
    else:
        kin = []
    return kin or list(range(len(chosen)))


def _shrink(model: PreTrainedModel, kept: list[int], kin: list[list[int]]) -> None:
    """Keep the given rows of the embeddings (and of a tied or untied output layer), and append one row a kin list."""
    import torch

    def select(rows: Any) -> Any:
        chosen = rows[torch.tensor(kept)]
        extra = [chosen[torch.tensor(indices)].mean(0, keepdim=True) for indices in kin]
        return torch.cat([chosen, *extra]).clone()

    untyped: Any = model
    with torch.no_grad():
        vectors = select(untyped.get_input_embeddings().weight)
        head = untyped.get_output_embeddings()
        head_vectors = None if head is None else select(head.weight)
        bias = None if head is None or head.bias is None else select(head.bias[:, None])[:, 0]
        untyped.resize_token_embeddings(len(vectors), mean_resizing=False)
        untyped.get_input_embeddings().weight.copy_(vectors)
        if head is not None:
            head = untyped.get_output_embeddings()
            head.weight.copy_(head_vectors)
            if bias is not None:
                head.bias.copy_(bias)


def _measure(tokenizer: Tokenizer, spec: dict[str, Any], sample: list[str]) -> tuple[int, float]:
    """Tokens of the sample, and the share of unknown ones."""
    model = spec["model"]
    unknown = model["unk_id"] if model["type"] == "Unigram" else model["vocab"][model["unk_token"]]
    ids = [index for encoding in tokenizer.encode_batch(sample, add_special_tokens=False) for index in encoding.ids]
    return len(ids), sum(index == unknown for index in ids) / max(len(ids), 1)
