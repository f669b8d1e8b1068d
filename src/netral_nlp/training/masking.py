"""Masked language modelling over packed blocks, whole words at a time.

Words are what the tokenizer says they are (`word_ids()`). The stock collator of transformers tells words apart by the
`##` of WordPiece and takes a whole post of a SentencePiece tokenizer for one word.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

IGNORED = -100
"""The label of a token that is not to be guessed."""
NO_WORD = -1
"""The word of a special token."""
_MASK_SHARE, _RANDOM_SHARE = 0.8, 0.1  # the rest stays as it is (Devlin et al. 2019)

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Blocks:
    """Texts packed into blocks of one length.

    Attributes:
        ids: token ids, (blocks, tokens).
        words: the word that each token is of, numbered within its block; `NO_WORD` for special tokens. Same shape.
    """

    ids: npt.NDArray[np.int32]
    words: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.ids)


def pack(tokenizer: Tokenizer, texts: Iterable[str], length: int, *, most_tokens: int | None = None) -> Blocks:
    """Pack texts into blocks: a start token, texts with an end token after each, the last one cut where it is full.

    Texts are read one by one, and their tokens kept as numbers of two and four bytes; nothing needs all texts at once.
    A text that is cut goes on in the next block (Liu et al. 2019, "RoBERTa", FULL-SENTENCES across documents). What is
    left over at the end and does not fill a block is dropped.

    Args:
        tokenizer: with a template that puts special tokens around a text.
        texts: normalised.
        length: tokens of a block.
        most_tokens: stop when so many tokens are packed; None packs all.

    Returns:
        No padding: every token of every block is of a text or special.
    """
    template = tokenizer.encode("a")
    start = _specials_before(template)
    end = [token for token, word in zip(template.ids, template.word_ids, strict=True) if word is None][len(start) :]
    ids, words = array("i"), array("h")
    filled = 0  # tokens of the last block
    number = NO_WORD  # of the word that was packed last
    for text in texts:
        encoding = tokenizer.encode(text, add_special_tokens=False)
        piece_ids = [*encoding.ids, *end]
        piece_words = [*_words(encoding.word_ids, encoding.offsets, text), *([NO_WORD] * len(end))]
        at, before = 0, NO_WORD
        while at < len(piece_ids):
            if not filled:
                ids.extend(start)
                words.extend([NO_WORD] * len(start))
                filled, number, before = len(start), NO_WORD, NO_WORD
            take = min(length - filled, len(piece_ids) - at)
            ids.extend(piece_ids[at : at + take])
            for word in piece_words[at : at + take]:
                if word not in (NO_WORD, before):
                    number, before = number + 1, word
                words.append(NO_WORD if word == NO_WORD else number)
            at += take
            filled = (filled + take) % length
            if not filled and most_tokens is not None and len(ids) >= most_tokens:
                return _blocks(ids, words, length)
    return _blocks(ids, words, length)


def drawable_pieces(vocabulary: int, specials: Sequence[int]) -> IntArray:
    """The ids below `vocabulary` that may stand in for a hidden piece: all but `specials`."""
    return np.setdiff1d(np.arange(vocabulary), np.asarray(specials, dtype=np.int64))


def mask_words(
    ids: IntArray,
    words: IntArray,
    *,
    share: float,
    mask_token: int,
    pieces: IntArray,
    chance: np.random.Generator,
) -> tuple[IntArray, IntArray]:
    """Hide whole words of blocks: of ten chosen words eight are masked, one becomes random pieces, one stays.

    Words are chosen at random until they hold `share` of a block's tokens. (Devlin et al. 2019, "BERT"; whole words as
    in its later release, and in Cui et al. 2021.)

    Args:
        ids: token ids, (blocks, tokens).
        words: as in `Blocks`.
        share: of the tokens that are of words.
        mask_token: the id that hides a piece.
        pieces: the ids that random pieces are drawn from (`drawable_pieces`).
        chance: the source of randomness.

    Returns:
        The inputs, and the labels with `IGNORED` where nothing is to be guessed; new arrays of the same shape.
    """
    inputs = ids.copy()
    labels = np.full_like(ids, IGNORED)
    for row, (own, belongs) in enumerate(zip(ids, words, strict=True)):
        is_text = belongs != NO_WORD
        wanted = round(share * int(is_text.sum()))
        if not is_text.any():
            continue
        counts = np.bincount(belongs[is_text])
        order = chance.permutation(np.flatnonzero(counts))
        taken = order[: int(np.searchsorted(np.cumsum(counts[order]), max(wanted, 1))) + 1]
        fate = np.full(len(counts), np.nan)
        fate[taken] = chance.random(len(taken))
        of_token = np.full(len(own), np.nan)
        of_token[is_text] = fate[belongs[is_text]]
        chosen = ~np.isnan(of_token)
        labels[row, chosen] = own[chosen]
        inputs[row, chosen & (of_token < _MASK_SHARE)] = mask_token
        swapped = chosen & (of_token >= _MASK_SHARE) & (of_token < _MASK_SHARE + _RANDOM_SHARE)
        inputs[row, swapped] = chance.choice(pieces, int(swapped.sum()))
    return inputs, labels


def _specials_before(template: object) -> list[int]:
    found: list[int] = []
    for token, word in zip(template.ids, template.word_ids, strict=True):  # type: ignore[attr-defined]
        if word is not None:
            break
        found.append(token)
    return found


def _words(word_ids: Sequence[int | None], offsets: Sequence[tuple[int, int]], text: str) -> list[int]:
    """The word of each piece; by the blanks of the text where the tokenizer takes all of it for one word."""
    known = [word for word in word_ids if word is not None]
    if len(set(known)) > 1 or len(text.split()) <= 1:
        return [NO_WORD if word is None else word for word in word_ids]
    blanks = np.cumsum([character.isspace() for character in text])
    return [int(blanks[min(end, len(text)) - 1]) if end else 0 for _, end in offsets]


def _blocks(ids: array[int], words: array[int], length: int) -> Blocks:
    """The whole blocks, without a copy."""
    whole = len(ids) // length * length
    return Blocks(
        np.asarray(ids, dtype=np.int32)[:whole].reshape(-1, length),
        np.asarray(words, dtype=np.int16)[:whole].reshape(-1, length),
    )
