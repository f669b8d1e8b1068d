"""Packing and whole-word masking for `netral adapt`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers
from training_support import make_encoder, make_posts

from netral_nlp.training.masking import IGNORED, NO_WORD, Blocks, drawable_pieces, mask_words, pack

TEXTS = [str(post["text"]).lower() for post in make_posts(120)]


@pytest.fixture(scope="module", params=["wordpiece", "unigram"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder: Path = make_encoder(tmp_path_factory.mktemp("base"), request.param)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def hidden(blocks: Blocks, share: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    ids, words = blocks.ids.astype(np.int64), blocks.words.astype(np.int64)
    chance = np.random.default_rng(seed)
    pieces = drawable_pieces(400, range(5))
    return mask_words(ids, words, share=share, mask_token=4, pieces=pieces, chance=chance)


def test_blocks_hold_every_text_in_order_without_padding(tokenizer: Tokenizer) -> None:
    blocks = pack(tokenizer, TEXTS, 24)
    start, end = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    assert blocks.ids.shape == blocks.words.shape == (len(blocks), 24)
    assert (blocks.ids[:, 0] == start).all()
    flat = blocks.ids[:, 1:].ravel().tolist()
    expected = [token for text in TEXTS for token in [*tokenizer.encode(text, add_special_tokens=False).ids, end]]
    assert flat == expected[: len(flat)]
    assert len(expected) - len(flat) < 23
    assert (blocks.words[np.isin(blocks.ids, (start, end))] == NO_WORD).all()


def test_a_word_of_several_pieces_has_one_number_and_neighbours_differ(tokenizer: Tokenizer) -> None:
    encoding = tokenizer.encode("jangan ketinggalan deklarasi", add_special_tokens=False)
    blocks = pack(tokenizer, ["jangan ketinggalan deklarasi"] * 4, len(encoding) + 2)
    assert blocks.words[0, 1:-1].tolist() == encoding.word_ids
    assert len(set(encoding.word_ids)) == 3


def test_words_of_two_texts_in_one_block_are_not_joined(tokenizer: Tokenizer) -> None:
    blocks = pack(tokenizer, ["coblos", "coblos"] * 20, 30)
    row = blocks.words[0]
    pieces = len(tokenizer.encode("coblos", add_special_tokens=False))
    assert np.bincount(row[row != NO_WORD]).max() == pieces


def test_a_tokenizer_that_takes_a_text_for_one_word_is_read_by_blanks() -> None:
    vocabulary = [("<unk>", 0.0), ("ayo", -1.0), ("▁", -2.0), ("pilih", -1.5), ("nomor", -1.5), ("▁nomor", -1.4)]
    bare = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    bare.normalizer = normalizers.Replace(" ", "▁")
    assert len(set(bare.encode("ayo pilih nomor").word_ids)) == 1
    blocks = pack(bare, ["ayo pilih nomor"] * 3, 4)
    assert len(set(blocks.words[0].tolist())) >= 3


def test_packing_stops_at_the_tokens_asked_for(tokenizer: Tokenizer) -> None:
    assert len(pack(tokenizer, TEXTS, 16, most_tokens=100)) == 7


def test_blocks_are_small_numbers_and_texts_are_read_one_by_one(tokenizer: Tokenizer) -> None:
    read: list[str] = []

    def stream() -> Iterator[str]:
        for text in TEXTS:
            read.append(text)
            yield text

    blocks = pack(tokenizer, stream(), 16, most_tokens=100)
    assert (blocks.ids.dtype, blocks.words.dtype) == (np.int32, np.int16)
    assert len(read) < len(TEXTS)
    assert pack(tokenizer, [], 16).ids.shape == (0, 16)


def test_words_are_numbered_anew_in_every_block_of_a_long_text(tokenizer: Tokenizer) -> None:
    blocks = pack(tokenizer, ["coblos nomor dua " * 14_000], 64)
    assert blocks.words.max() < 64
    assert (blocks.words[:, 1] == 0).all()


@given(share=st.floats(0.05, 0.9), seed=st.integers(0, 2**32))
def test_whole_words_are_hidden_and_the_rest_is_untouched(share: float, seed: int) -> None:
    chance = np.random.default_rng(seed)
    ids = chance.integers(5, 400, (3, 40))
    words = np.sort(chance.integers(0, 15, (3, 40)), axis=1)
    words[:, 0] = words[:, -1] = NO_WORD
    blocks = Blocks(ids.astype(np.int32), words.astype(np.int16))
    inputs, labels = hidden(blocks, share, seed)
    chosen = labels != IGNORED
    assert (labels[chosen] == ids[chosen]).all()
    assert (inputs[~chosen] == ids[~chosen]).all()
    assert not chosen[words == NO_WORD].any()
    for row in range(3):
        for word in set(words[row].tolist()) - {NO_WORD}:
            of_word = words[row] == word
            assert len(set(chosen[row][of_word].tolist())) == 1
            fates = {"mask" if token == 4 else "same" if token == old else "other"
                     for token, old in zip(inputs[row][of_word], ids[row][of_word], strict=True)}  # fmt: skip
            assert fates in ({"mask"}, {"same"}) or "mask" not in fates
        wanted = round(share * int((words[row] != NO_WORD).sum()))
        longest = np.bincount(words[row][words[row] != NO_WORD]).max()
        assert wanted <= chosen[row].sum() <= max(wanted, 1) + longest


def test_of_ten_hidden_words_eight_are_masked_one_is_random_one_stays(tokenizer: Tokenizer) -> None:
    blocks = pack(tokenizer, TEXTS * 20, 64)
    inputs, labels = hidden(blocks, 0.15)
    chosen = labels != IGNORED
    masked, same = (inputs[chosen] == 4).mean(), (inputs[chosen] == labels[chosen]).mean()
    assert chosen.mean() == pytest.approx(0.15, abs=0.03)
    assert masked == pytest.approx(0.8, abs=0.05)
    assert same == pytest.approx(0.1, abs=0.04)
