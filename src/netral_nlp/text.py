"""One normaliser for training and inference: Indonesian posts in, the text that a model reads out.

Every rule is a named field of `Normaliser` and can be switched off. The settings are saved in the model folder
(`normaliser.json`), so that a model is never fed text that was prepared otherwise than in its training.

Numbers and hand signs (02, ☝️, ✌️) carry meaning in Indonesian elections: no rule removes them.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from netral_nlp.errors import ConfigError, ModelFolderError

FILE_NAME = "normaliser.json"
_VERSION = 1

Masking = Literal["keep", "mask"]
EmojiMode = Literal["keep", "squeeze", "name", "remove"]

# --- characters ---------------------------------------------------------------------------------------------------

# Invisible characters that split or reorder words. The zero-width joiner (U+200D) and the variation selectors build
# emoji, so they go only where they stand outside of one.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0001]"
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")

_PICTURE = (
    "\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf\u2934\u2935\u2b05-\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff\U0001f10d-\U0001f171\U0001f17e-\U0001f1ff\U0001f200-\U0001faff"
)
_SKIN = "\U0001f3fb-\U0001f3ff"
_TAGS = "\U000e0020-\U000e007f"
# Joiners and selectors that stand in no emoji.
_STRAY_JOINER = re.compile(
    f"\u200d(?![{_PICTURE}])|(?<![{_PICTURE}{_SKIN}0-9#*\u200d])[\ufe0e\ufe0f]|(?<=[A-Za-z])\u200d"
)
# One emoji as a reader sees it: a keycap, a flag, or a picture with its skin tone, presentation and joined parts.
EMOJI = re.compile(
    "[0-9#*]\ufe0f?\u20e3"
    "|[\U0001f1e6-\U0001f1ff]{2}"
    f"|[{_PICTURE}][{_SKIN}\ufe0f{_TAGS}]*(?:\u200d[{_PICTURE}][{_SKIN}\ufe0f{_TAGS}]*)*"
)
# Hand signs stand for a candidate's number or for a side: they outlive every emoji rule.
HAND_SIGNS = frozenset("☝✌✊✋✍👆👇👈👉👊👋👌👍👎👏👐🖐🖖🖕🤘🤙🤚🤛🤜🤝🤞🤟🤌🤏🤲🙌🙏🙋💪🫰🫱🫲🫳🫴🫵🫶🫷🫸🔢")
_EMOJI_RUN = re.compile(rf"({EMOJI.pattern})(?:\s?\1){{2,}}")

# Letters of other scripts that pass for Latin ones, as used to slip past filters. Only words that mix them with
# Latin letters are folded: a text in Cyrillic or Greek stays what it is.
_LOOKALIKES = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХЗаеіјорсухѕһԁԛԝɡɑαοενικτυρΑΒΕΖΗΙΚΜΝΟΡΤΥΧıⅼ",
        "ABESIJKMHOPCTYX3aeijopcyxshdqwgaaoeviktupABEZHIKMNOPTYXil",
        strict=True,
    )
)
_LOOKALIKE_TABLE = str.maketrans(_LOOKALIKES)
_MIXED_WORD = re.compile(rf"\b(?=\w*[A-Za-z])(?=\w*[{''.join(_LOOKALIKES)}])\w+\b")
# Styled Latin letters and digits (mathematical, full-width, circled, squared, raised) fold to plain ones.
_STYLED = re.compile(
    "[\u00b2\u00b3\u00b9\u02b0-\u02b8\u1d2c-\u1d6a\u2070-\u2079\u2080-\u2089\u2100-\u2121\u2123-\u214f\u2160-\u217f"
    "\u2460-\u24c1\u24c3-\u24e9\uff01-\uff5e\U0001d400-\U0001d7ff\U0001f130-\U0001f189]"
)
_SMALL_CAPITALS = str.maketrans("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz")
_QUOTES = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "‟": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'", "`": "'", "´": "'", "′": "'"}
)

# --- things that name a person, a place on the web, a number to call -------------------------------------------------

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b")
# Endings that are also words of posts without a space after the full stop ("kerja.me", "siap.top") need a path.
_TLDS = (
    "(?:[a-z]{2,6}\\.)?id|com|net|org|info|xyz|online|site|io|app|biz|edu|gov|int|tv|news|link|blog|"
    "(?:ly|gl|be|gg|me|co|cc|us|uk|my|sg|au|nl|dev|page|store|shop|club|live|asia|vip|cloud|media)(?=/)"
)
_URL = re.compile(
    r"(?:\b(?:https?|ftp|hxxps?)\s?:\s?/\s?/\s?|\bwww\.)[^\s<>\"'“”]*[^\s<>\"'“”.,;:!?)\]}…]"
    r"|\bpic\.twitter\.com/\w+"
    r"|(?<![\w@.#/-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:" + _TLDS + r")\b(?!\.?[a-z0-9_@-])"
    r"(?:[:/?#][^\s<>\"'“”]*[^\s<>\"'“”.,;:!?)\]}…])?",
    re.IGNORECASE,
)
# A handle may hold dots (Instagram, TikTok) and hyphens (YouTube), but does not end in one. Some crawlers put a hash
# of 28 base64 characters in its place.
_HANDLE = re.compile(r"(?<![\w@.+-])[@＠](?:[A-Za-z0-9+/]{27}=|[A-Za-z0-9_](?:[A-Za-z0-9_.·-]*[A-Za-z0-9_])?)")
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:\+\s?62|62|0)[\s.-]?8\d{1,2}(?:[\s.-]?\d){6,10}(?![\w/]|[.,]\d)"  # mobile
    r"|(?<![\w.,/-])(?:\+\s?62[\s.-]?|\(?0)[2-9]\d{1,2}\)?[\s.-]\d{3,4}[\s.-]?\d{3,4}(?![\w/]|[.,]\d)"  # land line
)
_ID_NUMBER = re.compile(r"(?<![\w.,/-])\d{16}(?:\d{2})?(?![\w/]|[.,]\d)")  # NIK and family card (16), NIP (18)

# --- hashtags --------------------------------------------------------------------------------------------------------

_HASHTAG = re.compile(r"(?<![\w&/])[#＃](\w+)")
_HASHTAG_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
# Words of election hashtags, for those written without capitals (#pilihnomor2). Only a hashtag that these words and
# digits cover from end to end is split; everything else is left to the tokenizer.
_HASHTAG_WORDS = frozenset(
    """
    ada adil aja akal aksi aku alam aman anak antar anti asal asli asn awas ayo baik bali bangga bangkit bangsa
    bangun banten banyak barat baru bawaslu beda bekerja bela berani beres berkah berkarya berkemajuan berkuasa
    bermartabat bersama bersatu bersih berubah bisa boleh buat budaya bupati buruk caleg calon camat capres
    cawapres cerdas cinta coblos coblosan cukup curang daerah damai dan dari debat dekat demi demokrasi desa di
    diam dpr dprd dua dukung emas empat gabung ganti gas gaspol gembira generasi golput gotong gubernur guru
    harapan hari hebat hidup hitung honorer ikut indonesia ingat ini itu jabar jaga jakarta jangan jateng jatim
    jawa jaya jelas jempol jilid juara jujur kabupaten kades kalah kalimantan kami kampanye kampung kandidat
    karena karya kawal ke keadilan keluarga kepala kerja kita kok kota kpu kuat kuning lagi lanjut lanjutkan
    lawan lebih lima lugas lurus maju makmur mandiri mari masa masyarakat mau menang menangkan menuju merah
    merakyat merdeka milenial muda nasional negara netral netralitas no nomer nomor nyata nyoblos optimis orang
    padu papua partai pasangan paslon pasti peduli pemilih pemilu pemimpin penjabat periode perubahan pesta
    pilbup pileg pilgub pilih pilihan pilkada pilkades pilpres pilwali pilwalkot politik presiden pro pulau
    putaran putih rakyat raya relawan riang royong saatnya sah salam sama sampai santun satu saya sehat
    sejahtera selalu selamat selatan semangat semua siap solid suara sukses sulawesi sumatera tahun tanah tanpa
    tegas tengah tertib tetap tidak tiga tim timur tolak tps tunggal tuntas turun uang ulang untuk utama utara
    wakil wali walikota waras warga wujudkan yakin yuk
    """.split()
)

# --- reduplication ---------------------------------------------------------------------------------------------------

_REDUPLICATION = re.compile(r"(?<![\w#])([A-Za-z]{3,}?)([2²])(an|in|kan|i|nya|ku|mu|lah|kah|pun|ny)?(?![\w]|[.,]\d)")
# Before these words "2" is a number: of a candidate, a place, a part. Calls such as pilih2 and coblos2 may mean either
# and are left alone, since in this field the number matters more than the doubling.
_NUMBERED = frozenset(
    """
    ayat bab babak blok bulan cabup cagub caleg calon capres cawabup cawagub cawali cawalkot cawapres coblos
    coblosan covid dapil debat dukung edisi episode eps gang gate gelombang grade hari huruf jalur jam jari
    jilid juara juz kandidat kelas kelompok kolom kubu lantai level menangkan minggu nmer nmor nmr nom nomer
    nomor nomr norut nyoblos part pasal pasangan paslon pendukung peringkat periode pertemuan pilbup pileg
    pilgub pilih pilihan pilkada pilpres poin posisi putaran rangking ranking ronde rt rw salam seri sesi sisa
    skor skuad tahap tahun tim tingkat top total tps tusuk unit urut urutan ver versi vol volume
    """.split()
)

_REPEATED_LETTER = re.compile(r"([a-z])\1{2,}", re.IGNORECASE)
_ROMAN = re.compile(r"(?<![A-Za-z])(?:[ixc]*(?:iii|xxx)[ivx]{0,3})(?![A-Za-z])", re.IGNORECASE)
_REPEATED_PUNCTUATION = re.compile(r"([!?,;:~*_=+\-/\\|^\"'])\1{2,}|(\.)\.{3,}")
_LAUGHTER = re.compile(
    r"\b(?:(?:wk){2,}w?|(?:kw){2,}k?|wkwk\w*(?<=[wk]))\b|\b(?:[ah]*(?:ha){2,}h?|(?:he){2,}h?|(?:hi){2,}h?)\b",
    re.IGNORECASE,
)
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]")


@dataclass(frozen=True)
class Masks:
    """The words that stand for what was masked."""

    handle: str = "@user"
    url: str = "http"
    email: str = "email"
    phone: str = "telepon"
    id_number: str = "nik"


@dataclass(frozen=True)
class Normaliser:
    """Turns a post into the text that a model reads. Pure: the same text and settings give the same result.

    Each field is one rule; rules run in the order of the fields.

    Attributes:
        profile: The name of the settings, for people.
        entities: HTML entities are read (`&amp;` becomes `&`).
        invisible: Zero-width, direction and control characters go; joiners inside emoji stay.
        lookalikes: Styled letters (𝗣𝗶𝗹𝗶𝗵, Ｐｉｌｉｈ), and Cyrillic or Greek letters inside Latin words, become plain.
        emails: E-mail addresses are masked.
        urls: Links and bare domains (kpu.go.id, bit.ly/x) are masked.
        handles: Account names (@joko.widodo_x) are masked whole.
        phones: Indonesian phone numbers are masked.
        id_numbers: Numbers of 16 or 18 digits (NIK, NIP) are masked.
        hashtags: Hashtags are split into words; the sign stays (#CoblosNomor2 becomes #Coblos Nomor 2).
        reduplication: "jalan2" becomes "jalan-jalan", but not after words that number something ("paslon2").
        repeated_letters: Three or more equal letters become one ("gaspoooll" becomes "gaspoll").
        repeated_punctuation: Three or more equal marks become one, four or more points become three.
        laughter: "wkwkwkwk" and "hahahaha" get one length.
        emoji: keep; squeeze (a run of three or more equal ones becomes two); name (in English words); remove.
            Hand signs are never removed.
        lowercase: The text becomes lower case.
        masks: The mask words.
    """

    profile: str = "netral"
    entities: bool = True
    invisible: bool = True
    lookalikes: bool = True
    emails: Masking = "mask"
    urls: Masking = "mask"
    handles: Masking = "mask"
    phones: Masking = "mask"
    id_numbers: Masking = "mask"
    hashtags: bool = True
    reduplication: bool = True
    repeated_letters: bool = True
    repeated_punctuation: bool = True
    laughter: bool = True
    emoji: EmojiMode = "squeeze"
    lowercase: bool = True
    masks: Masks = Masks()

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ConfigError(f"normaliser rule {name!r} is {value!r}; it can be {' or '.join(map(repr, allowed))}")

    def __call__(self, text: str) -> str:
        """Normalise one text.

        Args:
            text: Any string; lone surrogates (broken emoji) become the replacement character.

        Returns:
            The text with every rule applied, white space collapsed, no line breaks.
        """
        for step in _steps(self):
            text = step(text)
        return _SPACE.sub(" ", text).strip()

    def has_words(self, normalised: str) -> bool:
        """Say whether anything readable is left in a normalised text once its masks are taken out.

        Words, digits and emoji count (a lone ☝️ takes a side); punctuation and masks do not.
        """
        for mask in asdict(self.masks).values():
            normalised = re.sub(rf"(?<!\w){re.escape(mask)}(?!\w)", " ", normalised)
        return bool(_WORD.search(normalised) or EMOJI.search(normalised))

    @classmethod
    def named(cls, profile: str) -> Normaliser:
        """Return the settings of a known profile: netral, indobert, indobertweet or none.

        Raises:
            ConfigError: there is no such profile.
        """
        if profile not in PROFILES:
            raise ConfigError(f"unknown normaliser profile {profile!r}; known: {', '.join(PROFILES)}")
        return PROFILES[profile]

    @classmethod
    def for_base(cls, base_model: str | Path) -> Normaliser:
        """Return the settings for a base model: those saved in its folder, else by its name, else ours.

        Args:
            base_model: A hub id or a folder.
        """
        folder = Path(base_model)
        if (folder / FILE_NAME).is_file():
            return cls.load(folder)
        name = str(base_model).lower()
        if (folder / "config.json").is_file():
            stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            name = f"{stored.get('_name_or_path', '')} {folder.name}".lower()
        for profile in ("indobertweet", "indobert"):
            if profile in name:
                return PROFILES[profile]
        return PROFILES["netral"]

    def to_dict(self) -> dict[str, Any]:
        """Return every setting as plain JSON values."""
        return {"version": _VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> Normaliser:
        """Read settings as `to_dict` writes them; rules that are not named keep their default.

        Raises:
            ConfigError: an unknown version, rule or value.
        """
        if not isinstance(settings, dict):
            raise ConfigError("normaliser settings are one JSON object")
        values = dict(settings)
        version = values.pop("version", _VERSION)
        if version != _VERSION:
            raise ConfigError(f"normaliser settings of version {version}; this release reads version {_VERSION}")
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ConfigError(f"unknown normaliser rules: {', '.join(unknown)}")
        try:
            values["masks"] = Masks(**values.get("masks", {}))
        except TypeError:
            raise ConfigError("normaliser masks can be handle, url, email, phone and id_number") from None
        return cls(**values)

    def save(self, folder: Path) -> None:
        """Write the settings into a model folder."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
        (Path(folder) / FILE_NAME).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Normaliser:
        """Read the settings of a model folder.

        Raises:
            ModelFolderError: the file is missing or is no JSON object of known settings.
        """
        path = Path(folder) / FILE_NAME
        try:
            settings = json.loads(path.read_text(encoding="utf-8"))
            return cls.from_dict(settings)
        except FileNotFoundError:
            raise ModelFolderError(f"{path}: missing; the model folder is incomplete") from None
        except (ValueError, AttributeError, TypeError, ConfigError) as error:
            raise ModelFolderError(f"{path}: not a normaliser file ({error})") from None


_CHOICES: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(("emails", "urls", "handles", "phones", "id_numbers"), ("keep", "mask")),
    "emoji": ("keep", "squeeze", "name", "remove"),
}

PROFILES: dict[str, Normaliser] = {
    # Ours: lower case, since posts shout and forget capitals alike, and a trimmed vocabulary needs no second copy.
    "netral": Normaliser(),
    # IndoBERT (indobenchmark) was trained on lower-cased text with its own words for what is masked.
    "indobert": Normaliser(profile="indobert", emoji="squeeze", masks=Masks(handle="pengguna", url="tautan")),
    # IndoBERTweet saw @USER and HTTPURL, in lower case, with emoji spelt out.
    "indobertweet": Normaliser(profile="indobertweet", emoji="name", masks=Masks(handle="@USER", url="HTTPURL")),
    "none": Normaliser(
        profile="none", entities=False, invisible=False, lookalikes=False, emails="keep", urls="keep", handles="keep",
        phones="keep", id_numbers="keep", hashtags=False, reduplication=False, repeated_letters=False,
        repeated_punctuation=False, laughter=False, emoji="keep", lowercase=False,
    ),
}  # fmt: skip
"""Known settings by name."""


@lru_cache(maxsize=64)
def _steps(settings: Normaliser) -> tuple[Callable[[str], str], ...]:
    """The functions of the rules that are on, in order."""
    masks = settings.masks
    rules: list[tuple[bool, Callable[[str], str]]] = [
        (True, _mend_surrogates),
        (settings.entities, _read_entities),
        (settings.invisible, _drop_invisible),
        (settings.lookalikes, _fold_lookalikes),
        (settings.emails == "mask", lambda text: _EMAIL.sub(f" {masks.email} ", text) if "@" in text else text),
        (settings.urls == "mask", lambda text: _mask_urls(text, masks.url)),
        (settings.handles == "mask", lambda text: _HANDLE.sub(_literal(masks.handle), text)),
        (settings.id_numbers == "mask", lambda text: _ID_NUMBER.sub(masks.id_number, text)),
        (settings.phones == "mask", lambda text: _PHONE.sub(masks.phone, text)),
        (settings.hashtags, lambda text: _HASHTAG.sub(_split_hashtag, text) if "#" in text or "＃" in text else text),
        (settings.reduplication, lambda text: _REDUPLICATION.sub(_double, text)),
        (settings.repeated_letters, _squeeze_letters),
        (settings.repeated_punctuation, lambda text: _REPEATED_PUNCTUATION.sub(r"\1\2\2\2", text)),
        (settings.laughter, lambda text: _LAUGHTER.sub(_shorten_laughter, text)),
        (settings.emoji == "squeeze", lambda text: text if text.isascii() else _EMOJI_RUN.sub(r"\1\1", text)),
        (settings.emoji == "name", lambda text: text if text.isascii() else EMOJI.sub(_name_emoji, text)),
        (settings.emoji == "remove", lambda text: text if text.isascii() else EMOJI.sub(_remove_emoji, text)),
        (settings.lowercase, lambda text: _lower(text, masks)),
    ]
    return tuple(function for on, function in rules if on)


def _literal(mask: str) -> str:
    """A mask word as a replacement in which no backslash means anything."""
    return mask.replace("\\", r"\\")


def _mend_surrogates(text: str) -> str:
    """Join surrogate pairs that were stored as two characters; what stays single is no character."""
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return unicodedata.normalize("NFC", text)


def _read_entities(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _drop_invisible(text: str) -> str:
    text = _CONTROL.sub(" ", text)
    return text if text.isascii() else _STRAY_JOINER.sub("", _INVISIBLE.sub("", text))


def _fold_lookalikes(text: str) -> str:
    if text.isascii():
        return text
    text = _STYLED.sub(_plain, text).translate(_SMALL_CAPITALS).translate(_QUOTES)
    return _MIXED_WORD.sub(lambda match: match[0].translate(_LOOKALIKE_TABLE), text)


def _plain(match: re.Match[str]) -> str:
    character = match[0]
    plain = unicodedata.normalize("NFKC", character)
    if plain != character:
        return plain.strip("()")
    # Squared and negative circled letters (🅰, 🅿) have no decomposition; their names end in the letter.
    last = unicodedata.name(character, "").rsplit(" ", 1)[-1]
    return last if len(last) == 1 else character


def _mask_urls(text: str, mask: str) -> str:
    if "." not in text and "/" not in text:
        return text
    return _URL.sub(_literal(mask), text)


def _split_hashtag(match: re.Match[str]) -> str:
    words: list[str] = []
    for chunk in match[1].split("_"):
        for part in _HASHTAG_PARTS.findall(chunk):
            words.extend(_segment(part))
    return "#" + " ".join(words) if words else match[0]


def _segment(word: str) -> list[str]:
    """Split a word into known hashtag words if they cover it whole, with as few words as possible."""
    lower = word.lower()
    if len(lower) < 6 or not lower.isascii():
        return [word]
    best: list[list[int] | None] = [[]] + [None] * len(lower)  # best[i]: cuts that cover the first i letters
    for end in range(1, len(lower) + 1):
        for start in range(max(0, end - 14), end):
            before = best[start]
            if before is None or lower[start:end] not in _HASHTAG_WORDS:
                continue
            known = best[end]
            if known is None or len(before) + 1 < len(known):
                best[end] = [*before, end]
    cuts = best[-1]
    if not cuts:
        return [word]
    return [word[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]


def _double(match: re.Match[str]) -> str:
    word, _, suffix = match.groups()
    if word.lower() in _NUMBERED or (word.isupper() and len(word) <= 3):
        return match[0]
    return f"{word}-{word.lower()}{suffix or ''}"


def _squeeze_letters(text: str) -> str:
    if not _REPEATED_LETTER.search(text):
        return text
    kept = {match.span() for match in _ROMAN.finditer(text)}  # Pasal III, not "yaIII"

    def squeeze(match: re.Match[str]) -> str:
        start, end = match.span()
        return match[0] if any(low <= start and end <= high for low, high in kept) else match[1]

    return _REPEATED_LETTER.sub(squeeze, text)


def _shorten_laughter(match: re.Match[str]) -> str:
    first = match[0][:2].lower()
    if "w" in first and "k" in first:
        return "wkwk"
    vowel = next((letter for letter in match[0].lower() if letter in "aei"), "a")
    return f"h{vowel}h{vowel}"


def _name_emoji(match: re.Match[str]) -> str:
    names = [unicodedata.name(character, "") for character in match[0] if character not in "\ufe0f\u200d\u20e3"]
    return " " + " ".join(name.lower() for name in names if name) + " "


def _remove_emoji(match: re.Match[str]) -> str:
    emoji = match[0]
    return emoji if emoji[0] in HAND_SIGNS or emoji[0].isdigit() else " "


def _lower(text: str, masks: Masks) -> str:
    lower = text.lower().replace("i̇", "i")  # "İ".lower() leaves a combining dot behind
    for mask in (masks.handle, masks.url):  # some models know their masks in capitals only
        if mask != mask.lower():
            lower = re.sub(rf"(?<!\w){re.escape(mask.lower())}(?!\w)", _literal(mask), lower)
    return lower
