"""Normalised texts to token ids: one code path for every backend, for training and for scoring.

Only the `tokenizers` library is needed; special tokens and the pair template are those of the model's
`tokenizer.json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netral_nlp.errors import ModelFolderError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text, with the text that it answers where there is one, as the model reads it.

    Attributes:
        ids: token ids, special tokens included.
        type_ids: the segment of each token, as long as `ids`.
        text_cut: the text had more pieces than fit and lost its end.
        context_cut: the context had more pieces than fit and lost its end.
    """

    ids: list[int]
    type_ids: list[int]
    text_cut: bool = False
    context_cut: bool = False

    def __len__(self) -> int:
        return len(self.ids)


class PairEncoder:
    """Encodes texts, alone or as a pair with their context.

    Args:
        folder: a folder with `tokenizer.json`.
        max_tokens: tokens of one window of the text, with the special tokens that a text alone has.
        context_tokens: pieces of the context that fit, special tokens not counted.

    Raises:
        ModelFolderError: `tokenizer.json` is missing or cannot be read.
    """

    def __init__(self, folder: str | Path, max_tokens: int, context_tokens: int) -> None:
        from tokenizers import Tokenizer

        path = Path(folder) / TOKENIZER_FILE
        try:
            tokenizer: Tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelFolderError(
                f"{path} is missing; save the model's fast tokenizer into the folder (tokenizer.save_pretrained)"
            ) from None
        except OSError:
            raise
        except Exception as error:  # the library raises bare Exception
            raise ModelFolderError(f"{path} is not a tokenizer: {error}") from None
        # What a file says about truncation and padding would cut texts behind our back.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._templates = (_template(tokenizer, pair=False), _template(tokenizer, pair=True))
        self.max_pieces = max(1, max_tokens - tokenizer.num_special_tokens_to_add(False))
        self.context_tokens = context_tokens

    @property
    def vocabulary_size(self) -> int:
        """How many pieces the tokenizer knows, added tokens included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def special_tokens(self, *, pair: bool) -> int:
        """How many special tokens the template adds to one text, or to a pair."""
        return int(self._tokenizer.num_special_tokens_to_add(pair))

    def count(self, text: str) -> int:
        """How many pieces a normalised text has, special tokens not counted."""
        return len(self._pieces(text))

    def encode(self, text: str, context: str | None = None) -> Encoded:
        """Encode one normalised text; what does not fit is cut at its end, and said.

        Args:
            text: normalised text.
            context: normalised text that it answers; None or an empty string means none.

        Returns:
            At most `max_pieces` pieces of the text, `context_tokens` of the context, and the special tokens.
        """
        pieces: list[int] = self._pieces(text).ids
        second: list[int] = self._pieces(context).ids if context else []
        segments = (pieces[: self.max_pieces], second[: self.context_tokens])
        ids: list[int] = []
        types: list[int] = []
        for part in self._templates[bool(context)]:
            more = [part.token] if part.segment is None else segments[part.segment]
            ids += more
            types += [part.type_id] * len(more)
        return Encoded(ids, types, len(pieces) > self.max_pieces, len(second) > self.context_tokens)

    def _pieces(self, text: str) -> Encoding:
        # One at a time: encode_batch spreads over threads that neither obey `threads=` nor survive a fork, and
        # tokenizing is a hundredth of the model's time.
        return self._tokenizer.encode(text, add_special_tokens=False)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A special token, or the place of the text (segment 0) or of the context (segment 1)."""

    token: int
    segment: int | None
    type_id: int


def _template(tokenizer: Tokenizer, *, pair: bool) -> tuple[_Slot, ...]:
    """How the tokenizer puts special tokens around a text or a pair, read off an example.

    Cutting an `Encoding` of the library keeps what was cut off, and its template then joins every such rest of a text
    with every rest of the context: a long comment under a long article would take minutes.
    """
    whole = tokenizer.encode("a", "b") if pair else tokenizer.encode("a")
    slots: list[_Slot] = []
    for token, segment, type_id in zip(whole.ids, whole.sequence_ids, whole.type_ids, strict=True):
        if segment is None or not slots or slots[-1].segment != segment:
            slots.append(_Slot(token, segment, type_id))
    return tuple(slots)
