"""The names of the labels, and what of a wrong one may be shown."""

from __future__ import annotations

import pytest

from netral_nlp.errors import InputError
from netral_nlp.labels import LABELS, LABELS_LISTED, Label, shown_value


def test_both_names_are_read_whatever_the_case() -> None:
    assert [Label.parse(name) for name in ("Netral", " SUPPORTIVE ", "berkampanye")] == list(LABELS)


def test_a_short_wrong_value_is_named_with_the_labels() -> None:
    with pytest.raises(InputError) as caught:
        Label.parse("memihk")
    assert str(caught.value) == (
        "unknown label 'memihk'; the labels are neutral (netral), supportive (memihak), campaigning (berkampanye)"
    )
    assert str(caught.value).endswith(LABELS_LISTED)


def test_a_long_value_may_be_a_post_and_is_not_shown() -> None:
    post = "Jalan desa kami rusak lagi; kapan diperbaiki ya, Pak Camat?"
    with pytest.raises(InputError) as caught:
        Label.parse(post)
    assert str(caught.value) == f"unknown label of {len(post)} characters; {LABELS_LISTED}"


def test_values_are_shown_up_to_32_characters() -> None:
    assert [shown_value("a" * size) for size in (0, 32, 33)] == ["''", repr("a" * 32), "of 33 characters"]
    assert [shown_value(value) for value in (None, 7, True)] == ["None", "7", "True"]
    assert shown_value("x" * 12_000) == "of 12,000 characters"
