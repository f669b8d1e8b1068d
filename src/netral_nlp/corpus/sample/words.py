"""What annotators read: names of the choices, questions and the guide in a few lines, in Indonesian or English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from netral_nlp.errors import ConfigError
from netral_nlp.labels import LABELS, Label

COLOURS: Final = {Label.NEUTRAL: "#4477AA", Label.SUPPORTIVE: "#AA7700", Label.CAMPAIGNING: "#CC3311"}
"""Colours that colour-blind annotators tell apart, dark enough for white letters."""
UNSURE_COLOUR: Final = "#666666"
KEYS: Final = {Label.NEUTRAL: "1", Label.SUPPORTIVE: "2", Label.CAMPAIGNING: "3"}
UNSURE_KEY: Final = "0"
DIRECTION_KEYS: Final = ("pro", "contra", "both")


@dataclass(frozen=True)
class Words:
    """The words of one language.

    Attributes:
        labels: label -> the choice's name.
        meanings: label -> one line.
        unsure: the mark of an annotator who is torn.
        sure: its opposite, for tools that need two choices.
        directions: pro, contra, both -> the choice's name.
        title: over the post.
        context: over the post that it answers.
        question: over the labels.
        direction: over the directions.
        required: told where no label is chosen.
        guide: the title of the guide.
        lines: the guide.
    """

    labels: Mapping[Label, str]
    meanings: Mapping[Label, str]
    unsure: str
    sure: str
    directions: Mapping[str, str]
    title: str
    context: str
    question: str
    direction: str
    required: str
    guide: str
    lines: tuple[str, ...]

    def markdown(self) -> str:
        """Return the guide as Markdown."""
        labels = [f"- **{self.labels[label]}**: {self.meanings[label]}" for label in LABELS]
        return "\n".join([f"# {self.guide}", "", *(f"{line}\n" for line in self.lines[:2]), *labels, "",
                          *(f"- {line}" for line in self.lines[2:]), ""])  # fmt: skip


_INDONESIAN = Words(
    labels={label: label.indonesian for label in LABELS},
    meanings={
        Label.NEUTRAL: "penulis tidak berpihak: berita, jadwal, hasil, imbauan netralitas, pertanyaan, kebijakan",
        Label.SUPPORTIVE: "penulis berpihak (mendukung atau menyerang calon atau partai), tanpa mengajak orang lain",
        Label.CAMPAIGNING: "teksnya sendiri mengajak atau menjual: ajakan memilih atau tidak memilih, program, hadiah",
    },
    unsure="ragu-ragu",
    sure="yakin",
    directions={"pro": "pro", "contra": "kontra", "both": "keduanya"},
    title="Unggahan",
    context="Menanggapi",
    question="Apakah unggahan ini netral?",
    direction="Arah (boleh dikosongkan)",
    required="Pilih satu label, atau lewati unggahan ini",
    guide="Panduan singkat",
    lines=(
        "1. Apakah penulis berpihak dalam pemilu di Indonesia? Kalau tidak: netral.",
        "2. Kalau ya, apakah teksnya sendiri berusaha menggerakkan pemilih lain? Kalau ya: berkampanye. Kalau tidak: "
        "memihak.",
        "Nilai maksud penulis, termasuk sindiran. Beberapa hal dalam satu teks: ambil yang terberat.",
        "Berita tentang dukungan itu netral; disertai sorakan atau tagar kampanye, tidak lagi.",
        "Kritik terhadap lembaga atau kebijakan itu netral; terhadap calon atau partai, memihak.",
        "Komentar dinilai menurut unggahan yang ditanggapi.",
        "Bukan bahasa Indonesia atau tidak terbaca: lewati. Benar-benar bimbang: tandai juga ragu-ragu.",
    ),
)
_ENGLISH = Words(
    labels={label: label.value for label in LABELS},
    meanings={
        Label.NEUTRAL: "the author takes no side: news, schedules, results, neutrality appeals, questions, policy",
        Label.SUPPORTIVE: "the author takes a side, for or against a candidate or party, without calling on others",
        Label.CAMPAIGNING: "the text itself calls or sells: a call to vote or not to vote, a programme, gifts",
    },
    unsure="unsure",
    sure="sure",
    directions={"pro": "pro", "contra": "contra", "both": "both"},
    title="Post",
    context="In answer to",
    question="Is this post neutral?",
    direction="Direction (may be left empty)",
    required="Choose one label, or skip the post",
    guide="The guide in short",
    lines=(
        "1. Does the author take a side in an Indonesian election? If not: neutral.",
        "2. If so, does the text itself try to move other voters? If so: campaigning. If not: supportive.",
        "Judge what the author meant, sarcasm included. Of several things in one text the most severe counts.",
        "News about support is neutral; with cheering or a campaign hashtag it is not.",
        "Criticism of institutions or policy is neutral; of a candidate or party, supportive.",
        "A comment is judged in the light of the post that it answers.",
        "Not Indonesian or not readable: skip it. Truly torn: mark unsure as well.",
    ),
)
LANGUAGES: Final = {"id": _INDONESIAN, "en": _ENGLISH}


def words_of(language: str) -> Words:
    """Return the words of a language.

    Raises:
        ConfigError: it is neither `id` nor `en`.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"unknown language {language!r} (--language); known: {', '.join(LANGUAGES)}")
    return LANGUAGES[language]
