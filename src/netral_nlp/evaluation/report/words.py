"""The findings in plain words, in English and Indonesian, for readers who read no tables."""

from __future__ import annotations

from typing import Literal

from netral_nlp.evaluation import rates as shares
from netral_nlp.evaluation.evaluate import Evaluation
from netral_nlp.evaluation.fairness import ACCUSED, Fairness, FairnessPart
from netral_nlp.evaluation.metrics import Interval
from netral_nlp.evaluation.report.html import p_text
from netral_nlp.evaluation.slices import SMALL
from netral_nlp.evaluation.suites import DIRECTION, INVARIANCE, MINIMUM
from netral_nlp.labels import LABELS, Label
from netral_nlp.page.html import whole

Language = Literal["en", "id"]

KIND_NAMES = {
    "en": {
        "candidate": "candidates",
        "party": "parties",
        "region": "regions",
        "number": "ballot numbers",
        "religion": "names of different religions",
        "gender": "women's and men's names",
    },
    "id": {
        "candidate": "calon",
        "party": "partai",
        "region": "daerah",
        "number": "nomor urut",
        "religion": "nama yang menandai agama",
        "gender": "nama perempuan dan laki-laki",
    },
}
_ABOUT: dict[Language, dict[str, str]] = {
    "en": {"religion": "with {} names", "gender": "with {} names", "number": "about number {}"},
    "id": {"religion": "dengan nama {}", "gender": "dengan nama {}", "number": "tentang nomor {}"},
}
_GROUPS_ID = {
    "Christian": "Kristen",
    "Buddhist or Confucian": "Buddha atau Konghucu",
    "female": "perempuan",
    "male": "laki-laki",
}
"""Groups of the shipped lists whose names differ in Indonesian."""
_BOTH: dict[Language, str] = {"en": "likely between {} and {}", "id": "kemungkinan antara {} dan {}"}
_OF: dict[Language, str] = {"en": "{} of 100", "id": "{} dari 100"}


def summary_sentences(evaluation: Evaluation, language: Language) -> list[str]:
    """Return what a reader should know first; HTML with the figures in bold."""
    metrics = evaluation.metrics
    figures, support = metrics.figures, metrics.support

    def share(interval: Interval, what: str = "") -> str:
        text = f"<strong>{_OF[language].format(_number(interval.value, language))}</strong> {what}".rstrip()
        if interval.low != interval.low:
            return text
        ends = _BOTH[language].format(_number(interval.low, language), _number(interval.high, language))
        return f"{text} ({ends})"

    english = language == "en"
    sizes = {
        "accuracy": metrics.posts,
        "review_rate": metrics.posts,
        "false_accusation_rate": support[Label.NEUTRAL],
        "accused_without_review_rate": support[Label.NEUTRAL],
        "missed_campaigning_rate": support[Label.CAMPAIGNING],
        "campaigning_called_neutral_rate": support[Label.CAMPAIGNING],
    }
    figures = {name: _honest(figures[name], size) for name, size in sizes.items() if name in figures}
    lines = [
        f"The label is right for {share(figures['accuracy'], 'posts')}."
        if english
        else f"Labelnya tepat untuk {share(figures['accuracy'], 'unggahan')}."
    ]
    if support[Label.NEUTRAL]:
        rate = figures["false_accusation_rate"]
        lines.append(
            f"{share(rate, 'neutral posts')} are wrongly called supportive or campaigning. This is the costliest "
            "mistake: it accuses someone who took no side."
            if english
            else f"{share(rate, 'unggahan netral')} keliru disebut memihak atau berkampanye. Ini kesalahan yang paling "
            "mahal: orang yang tidak memihak jadi tertuduh."
        )
    if "review_rate" in figures:
        lines.append(
            f"{share(figures['review_rate'], 'posts')} are handed to a person to decide."
            if english
            else f"{share(figures['review_rate'], 'unggahan')} diserahkan kepada orang untuk diputuskan."
        )
    if "accused_without_review_rate" in figures and support[Label.NEUTRAL]:
        rate = figures["accused_without_review_rate"]
        lines.append(
            f"{share(rate, 'neutral posts')} are accused without anyone being asked to look."
            if english
            else f"{share(rate, 'unggahan netral')} tertuduh tanpa ada yang diminta memeriksa."
        )
    if support[Label.CAMPAIGNING]:
        missed, passed = figures["missed_campaigning_rate"], figures["campaigning_called_neutral_rate"]
        lines.append(
            f"{share(missed, 'campaigning posts')} get another label; {share(passed)} are called neutral."
            if english
            else f"{share(missed, 'unggahan berkampanye')} mendapat label lain; {share(passed)} disebut netral."
        )
    stated = evaluation.flagging[0].stated if evaluation.flagging else ()
    told = [row for row in stated if row.precision.value == row.precision.value]  # NaN where nothing is flagged
    if told:
        row = min(told, key=lambda found: abs(found.prevalence - 0.02))
        percent = _percent(row.prevalence, language)
        ends = _BOTH[language].format(_number(row.precision.low, language), _number(row.precision.high, language))
        lines.append(
            f"In a dump in which only {percent} of posts take a side, of 100 flagged posts about "
            f"<strong>{whole(row.precision.value)}</strong> would be right ({ends}): read each before anything follows."
            if english
            else f"Dalam kumpulan unggahan yang hanya {percent}-nya memihak, dari 100 unggahan yang ditandai kira-kira "
            f"<strong>{_number(row.precision.value, language)}</strong> yang benar ({ends}): baca dulu semuanya "
            "sebelum bertindak."
        )
    lines += _calibration(evaluation, english)
    lines += _suites(evaluation, language)
    if evaluation.fairness is not None:
        lines.append(_fairness_in_short(evaluation.fairness, language))
    rough = [label for label in LABELS if support[label] < SMALL]
    if rough:
        named = ", ".join(f"{support[label]:,} {label.value if english else label.indonesian}" for label in rough)
        lines.append(
            f"Few posts here are of some label ({named}): figures about them are rough."
            if english
            else f"Unggahan dengan label tertentu di sini sedikit ({named}): angka tentangnya masih kasar."
        )
    return lines


def _honest(interval: Interval, posts: int) -> Interval:
    """Return Wilson's interval where the bootstrap's has no width.

    It cannot imagine a mistake that it has not seen: of 0 mistakes in 30 posts it says "between 0 and 0".
    """
    if interval.low == interval.high and posts:
        return shares.rate(round(interval.value * posts), posts)
    return interval


def closing(language: Language) -> str:
    """Return what every summary ends with."""
    if language == "en":
        return (
            "A label points a reviewer to a post. It is never a verdict: a person decides. These figures hold for "
            "posts like the ones measured; posts from other sources can come out worse."
        )
    return (
        "Label hanya menunjuk unggahan mana yang perlu dibaca. Label bukan putusan: manusialah yang memutuskan. "
        "Angka-angka ini berlaku untuk unggahan seperti yang diukur; untuk sumber lain hasilnya bisa lebih buruk."
    )


def fairness_sentences(fairness: Fairness, language: Language = "en") -> list[str]:
    """Return what the fairness part found, one sentence a finding; plain text."""
    lines = [_finding(part, language) for part in fairness.unequal]
    equal: dict[str, None] = {}
    unequal = {part.names for part in fairness.unequal}
    for part in fairness.parts:
        if part.gap is not None and part.names not in unequal:
            equal[KIND_NAMES[language][part.names]] = None
    if equal:
        names = ", ".join(equal)
        lines.append(
            f"No gap beyond chance was found among: {names} (small gaps cannot be seen with this many posts)."
            if language == "en"
            else f"Tidak ditemukan selisih di luar kebetulan antara: {names} (selisih kecil tidak dapat terlihat "
            f"dengan "
            "jumlah unggahan ini)."
        )
    untold: dict[str, None] = {}
    for part in fairness.parts:
        if part.gap is None:
            on_real = part.on == "real posts"
            where = {"en": ("real posts", "templates"), "id": ("unggahan nyata", "kalimat templat")}[language]
            untold[f"{KIND_NAMES[language][part.names]} ({where[0] if on_real else where[1]})"] = None
    if untold:
        lines.append(
            f"Too few posts to compare: {', '.join(untold)}."
            if language == "en"
            else f"Unggahan terlalu sedikit untuk dibandingkan: {', '.join(untold)}."
        )
    return lines


def _finding(part: FairnessPart, language: Language) -> str:
    gap = part.gap
    assert gap is not None
    rates = {group.group: group.rate for group in part.groups}
    worst, best = rates[gap.worst], rates[gap.best]
    clear = gap.verdict == "clear"
    real = part.on == "real posts"
    p_shown = p_text(gap.p_adjusted) if gap.p_adjusted < 0.001 else f"= {p_text(gap.p_adjusted)}"
    if language == "en":
        mistake = "wrongly accused" if part.mistake == ACCUSED else "wrongly called neutral"
        where = "Among real posts that name them" if real else "In sentences that differ in nothing but the name"
        sure = "a clear gap" if clear else "a possible gap"
        about = _ABOUT["en"].get(part.names, "about {}")
        return (
            f"{where}, {KIND_NAMES['en'][part.names]} differ ({sure}): posts {about.format(gap.worst)} are {mistake} "
            f"in {whole(worst.value)} of 100 cases, {about.format(gap.best)} in {whole(best.value)}; chance alone "
            f"makes a largest gap of about {gap.expected * 100:.0f} points (p {p_shown})."
        )
    mistake = "keliru dituduh" if part.mistake == ACCUSED else "keliru disebut netral"
    where = "Pada unggahan nyata yang menyebut namanya" if real else "Pada kalimat yang hanya berbeda namanya"
    sure = "selisih jelas" if clear else "mungkin ada selisih"
    about = _ABOUT["id"].get(part.names, "tentang {}")
    first, second = (about.format(_GROUPS_ID.get(group, group)) for group in (gap.worst, gap.best))
    return (
        f"{where}, {KIND_NAMES['id'][part.names]} diperlakukan berbeda ({sure}): unggahan {first} {mistake} pada "
        f"{_number(worst.value, 'id')} dari 100 kasus, unggahan {second} pada {_number(best.value, 'id')}; secara "
        f"kebetulan saja pun muncul selisih terbesar sekitar {gap.expected * 100:.0f} poin "
        f"(p {p_shown.replace('.', ',')})."
    )


def _fairness_in_short(fairness: Fairness, language: Language) -> str:
    clear = [part for part in fairness.unequal if part.gap is not None and part.gap.verdict == "clear"]
    if clear:
        kinds = ", ".join(dict.fromkeys(KIND_NAMES[language][part.names] for part in clear))
        return (
            f"Sides are <strong>not treated alike</strong>: there is a clear gap among {kinds} (see Fairness)."
            if language == "en"
            else f"Pihak-pihak <strong>tidak diperlakukan sama</strong>: ada selisih jelas antara {kinds} "
            "(lihat Fairness)."
        )
    if fairness.unequal:
        kinds = ", ".join(dict.fromkeys(KIND_NAMES[language][part.names] for part in fairness.unequal))
        return (
            f"Sides may not be treated quite alike: there is a possible gap among {kinds} (see Fairness)."
            if language == "en"
            else f"Pihak-pihak mungkin tidak diperlakukan persis sama: ada kemungkinan selisih antara {kinds} (lihat "
            "Fairness)."
        )
    if all(part.gap is None for part in fairness.parts):
        return (
            "Whether sides are treated alike cannot be said: too few posts name them."
            if language == "en"
            else "Belum dapat dikatakan apakah semua pihak diperlakukan sama: terlalu sedikit unggahan yang menyebut "
            "mereka."
        )
    return (
        "No side is treated worse beyond chance, as far as this many posts can tell."
        if language == "en"
        else "Tidak ada pihak yang diperlakukan lebih buruk di luar kebetulan, sejauh jumlah unggahan ini dapat "
        "menunjukkan."
    )


def _calibration(evaluation: Evaluation, english: bool) -> list[str]:
    if "ece" not in evaluation.metrics.figures:
        return []
    points = evaluation.metrics["ece"].value * 100
    if english:
        return [
            f"Stated confidence and the share that is right lie {points:.1f} percentage points apart on average. Even "
            "perfect confidence shows some gap by chance; see the confidence section for how much."
        ]
    shown = f"{points:.1f}".replace(".", ",")
    return [
        f"Keyakinan yang disebutkan dan bagian yang benar rata-rata berselisih {shown} poin persen. Keyakinan yang "
        "sempurna pun menunjukkan selisih karena kebetulan; besarnya ada di bagian tentang keyakinan (confidence)."
    ]


def _suites(evaluation: Evaluation, language: Language) -> list[str]:
    if evaluation.suites is None:
        return []
    passed = {result.kind: result.passed.value for result in evaluation.suites.kinds}
    names = {
        "en": {
            MINIMUM: "on the guide's rules and edge cases",
            INVARIANCE: "on pairs that differ in what must not matter",
            DIRECTION: "on pairs with and without a call to others",
        },
        "id": {
            MINIMUM: "untuk aturan dan kasus batas pedoman",
            INVARIANCE: "untuk pasangan yang hanya berbeda pada hal yang tidak boleh berpengaruh",
            DIRECTION: "untuk pasangan dengan dan tanpa ajakan",
        },
    }[language]
    told = ", ".join(
        f"<strong>{whole(passed[kind]) if language == 'en' else _number(passed[kind], 'id')}</strong> {names[kind]}"
        for kind in names
        if kind in passed
    )
    if language == "en":
        return [f"Of every 100 written test cases of a kind it passes {told}."]
    return [f"Dari setiap 100 kasus uji tertulis sejenis, yang lulus: {told}."]


def _number(share: float, language: Language) -> str:
    text = whole(share)
    return text if language == "en" else text.replace(".", ",")


def _percent(share: float, language: Language) -> str:
    text = f"{share * 100:g} %"
    return text if language == "en" else text.replace(".", ",")
