"""The keyword list: what somebody would write in an afternoon, and what a model must clearly beat.

A table of Indonesian cue phrases, each with the label it speaks for, and of guards, phrases that speak against taking
a text as anybody's own side. Patterns are read on text that the normaliser's profile `netral` prepared: lower case,
hashtags split into words (`#coblosnomor2` is `#coblos nomor 2`), links and handles masked.

No pattern names a candidate, a party, a colour or a slogan of one: the list treats all sides alike. Where a word for
the followers of one side stands, so does the one for the other.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from netral_nlp.labels import Label
from netral_nlp.text import Normaliser


@dataclass(frozen=True)
class Cue:
    """A phrase and what it speaks for.

    Attributes:
        name: what the phrase is, for people.
        label: what a text with it is called; `neutral` makes it a guard.
        pattern: a regular expression. It begins and ends at the edge of a word. `<name>` stands for a part of `PARTS`.
    """

    name: str
    label: Label
    pattern: str


@dataclass(frozen=True)
class Reading:
    """What the list makes of a text.

    Attributes:
        label: of the severest cue, unless a guard stands in the text; neutral without a cue.
        cues: names of the cues found, in the order of the table.
        guards: names of the guards found.
    """

    label: Label
    cues: tuple[str, ...]
    guards: tuple[str, ...]


PARTS: dict[str, str] = {
    # a candidate's number, in digits, words or a keycap; never a longer number
    "n": r"(?:0?\d{1,2}\ufe0f?\u20e3?(?!\d)|satu|dua|tiga|empat|lima|enam)",
    # the same in digits only: "salam satu" greets many a football club
    "d": r"(?:0?\d{1,2}\ufe0f?\u20e3?(?!\d))",
    # the word that numbers a candidate
    "nomor": r"(?:nomor|nomer|nmr|nmor|no)\.?(?: ?urut)?",
    # what somebody stands as, short and long
    "calon": r"(?:paslon|pasangan calon|calon|capres|cawapres|cagub|cawagub|cabup|cawabup|cawalkot|cawali|caleg"
    r"|cakades|kandidat)",
    # the office
    "jabatan": r"(?:presiden|wapres|gubernur|wagub|bupati|wabup|wali ?kota|kades|lurah|dewan)",
    # an opening that addresses others
    "ajakan": r"(?:ayo+|ayok|yuk|yok|kuy|mari|marilah|jangan lupa|jgn lupa|jangan sampai lupa|saatnya|mohon|tolong"
    r"|pastikan|waktunya|silakan|silahkan)",
    # up to three words between two others
    "3": r"(?: [^\s.!?]+){0,3}",
    # up to six
    "6": r"(?: [^\s.!?]+){0,6}",
    # what is said in praise
    "pujian": r"(?:hebat|mantap|mantul|keren|terbaik|juara|the best|top|salut|idaman|harapan|sejati|amanah|jujur|cerdas"
    r"|merakyat|tegas|berani|terbukti|kebanggaan)",
    # a hand sign, whatever the colour of the skin
    "jari": r"[☝✌🤟🤘🖐✋👍👆🫰]",
}
"""Pieces that patterns share."""

_CALL, _SIDE, _GUARD = Label.CAMPAIGNING, Label.SUPPORTIVE, Label.NEUTRAL

CUES: tuple[Cue, ...] = (
    # --- calls: the text itself tries to move voters ---------------------------------------------------------------
    Cue("coblos with a number", _CALL, r"(?:coblos(?:lah|in)?|nyoblos)<3> (?:<nomor> ?|paslon ?)?<n>"),
    Cue("coblos with a candidate", _CALL, r"coblos(?:lah)? (?:<calon>|gambar|partai|foto)"),
    Cue("coblos", _CALL, r"#? ?coblos(?:lah|in|kan)?"),
    Cue("pilih with a number", _CALL, r"pilih(?:lah)? (?:<calon> )?(?:<nomor> ?|paslon ?)<n>"),
    Cue("hashtag pilih", _CALL, r"# ?pilih(?: \w+)"),
    Cue(
        "do not vote for",
        _CALL,
        r"(?:jangan|jgn|ga usah|gak usah|tidak usah|stop)(?: mau| lagi| sampai)? (?:pilih|coblos|dukung)",
    ),
    Cue(
        "vote for the one who",
        _CALL,
        r"pilih(?:lah)? (?:yang|yg) (?:sudah|udah|pasti|jelas|terbukti|peduli|jujur|amanah)",
    ),
    Cue("let us support", _CALL, r"<ajakan><3> (?:dukung|coblos|pilih|menangkan|kawal|kasih suara|beri suara)"),
    Cue(
        "let us win",
        _CALL,
        r"(?:menangkan|kita menangkan|wajib menang(?:kan)?)<3> (?:<calon>|<nomor>|kita|<jabatan>|<n>)",
    ),
    Cue("hashtag win", _CALL, r"# ?menangkan"),
    Cue("hashtag change the office-holder", _CALL, r"# ?(?:\d{2,4} ?)?ganti <jabatan>"),
    Cue(
        "join the volunteers",
        _CALL,
        r"(?:gabung|bergabung|daftar|join|masuk)(?:lah)?<3> (?:relawan|timses|tim sukses|tim pemenangan|saksi)",
    ),
    Cue(
        "come to the declaration",
        _CALL,
        r"(?:<ajakan>|hadiri|hadirilah|datang|kumpul|merapat)<6> (?:deklarasi|kampanye akbar|kampanye terbuka"
        r"|konser kemenangan)",
    ),
    # Without a first person it is mostly news of somebody's declaration.
    Cue("our declaration", _CALL, r"(?:kami|kita|saya|ayo|yuk|mari)<3> deklarasi(?:kan)?"),
    Cue(
        "spread it",
        _CALL,
        r"(?:sebarkan|sebarin|viralkan|viralin|bagikan|share)<3> (?:ke |di )(?:grup|group|semua|tetangga|keluarga"
        r"|teman|story|status)",
    ),
    Cue("ask for support", _CALL, r"(?:mohon|minta)<3> (?:dukungan|dukungannya|suara|suaranya)"),
    Cue("I stand", _CALL, r"(?:saya|kami) (?:maju|mencalonkan diri|siap maju)<3> (?:sebagai|jadi|di) <calon>"),
    Cue("programme offered", _CALL, r"(?:visi|misi|program(?: kerja| unggulan)?) (?:kami|saya|paslon|<calon>) ?:"),
    Cue(
        "promise if elected",
        _CALL,
        r"(?:kalau|jika|bila|kalo|apabila)<3> (?:terpilih|menang)<6> (?:gratis|akan|bakal)",
    ),
    Cue(
        "gifts for a vote",
        _CALL,
        r"(?:kaos|kaus|sembako|doorprize|uang transport|snack)<3> gratis<6> (?:relawan|paslon|<calon>|coblos"
        r"|kampanye)",
    ),
    Cue(
        "together for a number",
        _CALL,
        r"(?:satukan suara|satu suara|bulatkan tekad|rapatkan barisan)<3> (?:untuk|buat|demi|dukung|pilih)",
    ),
    # --- allegiance: a side taken, told and not sold ----------------------------------------------------------------
    Cue("proud of", _SIDE, r"bangga<3> (?:punya|sama|dengan|dukung|jadi pendukung|pada)"),
    Cue(
        "my favourite",
        _SIDE,
        r"(?:jagoan|idola|andalan|pilihan)(?:ku|mu|nya| kita| kami| saya| gue| gw| aku| hati(?:ku)?)",
    ),
    Cue(
        "fixed on a choice",
        _SIDE,
        r"(?:fix|fiks|mantap|mantep|auto|tetap|tetep|yakin|all in|sudah pasti)<3> (?:pilih|dukung|<nomor> ?<n>"
        r"|paslon ?<n>|<n> ?<jari>)",
    ),
    Cue(
        "my heart is with",
        _SIDE,
        r"(?:hati|suara|pilihan)(?: saya| kami| aku| gue| gw|ku)?<3> (?:di|ke|untuk|buat|milik) (?:paslon|<nomor>"
        r"|<calon>|<n>)",
    ),
    Cue(
        "I support",
        _SIDE,
        r"(?:(?:saya|aku|kami|gue|gw|kita|sekeluarga)<3> (?:dukung|mendukung|pilih|milih)|dukung penuh|siap dukung"
        r"|tetap dukung|pendukung setia)",
    ),
    Cue("support", _SIDE, r"(?:dukung|mendukung|support|ngedukung)"),
    Cue("win", _SIDE, r"(?:menang|kemenangan|jaya|unggul telak)"),
    Cue("praise of a candidate", _SIDE, r"(?:<calon>|<jabatan>|pemimpin)<3> <pujian>"),
    Cue("praise for a candidate", _SIDE, r"<pujian><3> (?:<calon>|<jabatan>|pemimpin)"),
    Cue(
        "side with its number",
        _SIDE,
        r"(?:(?:gas|gaskan|gaspol|bismillah|mantap|salam|tim|team|#) ?(?:<nomor> ?|paslon ?)?<d>|gas(?:kan"
        r"|pol)? <nomor> <n>)",
    ),
    Cue("finger salute", _SIDE, r"salam <n> jari"),
    Cue("number with a hand sign", _SIDE, r"(?:<nomor> ?|paslon ?)<n>[^\w]{0,3}<jari>"),
    Cue("carry on", _SIDE, r"(?:lanjutkan|lanjutken|lanjut (?:dua|2) periode|(?:dua|2) periode(?: lagi)?)"),
    Cue(
        "my president",
        _SIDE,
        r"(?:presiden|gubernur|bupati|wali ?kota|kades)(?:ku| gue| gw| pilihanku| pilihan kami)",
    ),
    Cue(
        "will win",
        _SIDE,
        r"(?:insya ?allah|inshaallah|semoga|pasti|yakin|bakal|optimis)<3> (?:menang|jadi <jabatan>|terpilih"
        r"|satu putaran|1 putaran)",
    ),
    Cue("we won", _SIDE, r"(?:alhamdulillah|akhirnya|hore+|yes)<6> (?:kita menang|menang|unggul)"),
    Cue(
        "worthy to lead",
        _SIDE,
        r"(?:layak|pantas|cocok|paling pas)<3> (?:jadi|memimpin|pimpin) (?:<jabatan>|pemimpin|daerah|kota"
        r"|kabupaten)",
    ),
    Cue(
        "rival mocked",
        _SIDE,
        r"<calon>(?: \S+){0,6} (?:modal janji|obral janji|omdo|omong doang|pencitraan|pembohong|tukang bohong"
        r"|tukang tipu|boneka|plin ?plan|(?:tidak|gak|ga|nggak|ngga|ndak) (?:becus|layak|pantas|jelas)|gagal)",
    ),
    Cue(
        "mocked as a candidate",
        _SIDE,
        r"(?:omdo|omong doang|modal janji|obral janji|pencitraan|pembohong|muak|males|kapok"
        r"|ogah)(?: \S+){0,4} <calon>",
    ),
    Cue("followers mocked", _SIDE, r"(?:cebong|cebongers?|kampret|kampreters?)"),
    # --- guards: the text is about the election, its rules or another contest ---------------------------------------
    Cue("neutrality", _GUARD, r"(?:netral(?:itas)?|ketidaknetralan|tidak memihak|tak memihak)"),
    Cue(
        "election authority",
        _GUARD,
        r"(?:kpu|kpud|kip|bawaslu|panwas\w*|dkpp|ppk|pps|kpps|ptps|mahkamah konstitusi|gakkumdu)",
    ),
    Cue(
        "survey or count",
        _GUARD,
        r"(?:survei|survey|elektabilitas|quick count|hitung cepat|real count|exit poll|margin of error|rekapitulasi"
        r"|perolehan suara)",
    ),
    Cue(
        "use your vote",
        _GUARD,
        r"(?:hak pilih(?:mu|nya|ku|kita)?|hak suara(?:mu|nya)?|golput|dpt|daftar pemilih(?: tetap)?)",
    ),
    Cue("buying of votes", _GUARD, r"(?:politik uang|money politics?|serangan fajar|jual suara|beli suara)"),
    Cue(
        "rules and sanctions",
        _GUARD,
        r"(?:dilarang|larangan|pelanggaran|melanggar|sanksi|kode etik|diimbau|mengimbau|imbauan|himbauan|dugaan"
        r"|diduga)",
    ),
    Cue(
        "reported speech",
        _GUARD,
        r"(?:kata dia|kata beliau|ujar(?:nya)?|ucap(?:nya)|tutur(?:nya)?|menurut(?:nya)?|dilaporkan|tegas(?:nya)"
        r"|jelas(?:nya))",
    ),
    Cue(
        "schedule",
        _GUARD,
        r"(?:jadwal|tahapan|undian nomor|pengundian|penetapan (?:paslon|pasangan|calon)|masa tenang"
        r"|logistik pemilu)",
    ),
    Cue(
        "question which",
        _GUARD,
        r"(?:(?:pilih|dukung|milih) (?:siapa|yang mana|yg mana)|masih bingung|belum (?:nentuin|menentukan))",
    ),
    Cue(
        "another contest",
        _GUARD,
        r"(?:osis|ketua kelas|ketua rt|ketua rw|idol|timnas|liga|sepak ?bola|bola voli|audisi|voting|polling|lomba"
        r"|final|konser(?! kemenangan))",
    ),
    Cue(
        "peace on all sides",
        _GUARD,
        r"(?:(?:pemilu|pilkada|pilpres|pilkades) (?:\w+ )?(?:damai|aman|badunsanak|rukun|jujur)"
        r"|siapa ?pun (?:yang )?(?:menang|terpilih)|beda pilihan|semua (?:paslon|calon|kandidat))",
    ),
    Cue("courtesy to the elected", _GUARD, r"selamat<3> (?:<jabatan>|<calon>)?<3> ?terpilih"),
)
"""The table. Order says nothing but how the cues are listed."""


def read(text: str) -> Reading:
    """Read one text with the list.

    Args:
        text: as posted.

    Returns:
        The label and what it rests on. A text without words is neutral.
    """
    normalised = Normaliser.named("netral")(text)
    found = [cue for cue, pattern in _compiled() if pattern.search(normalised)]
    guards = tuple(cue.name for cue in found if cue.label is _GUARD)
    cues = [cue for cue in found if cue.label is not _GUARD]
    label = max((cue.label for cue in cues), key=lambda label: label.severity, default=Label.NEUTRAL)
    return Reading(Label.NEUTRAL if guards else label, tuple(cue.name for cue in cues), guards)


def fingerprint() -> str:
    """Return the SHA-256 of the table: figures of two versions of the list are not the same baseline's."""
    rows = [f"{name}\t{part}" for name, part in PARTS.items()]
    rows += [f"{cue.name}\t{cue.label.value}\t{cue.pattern}" for cue in CUES]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


@lru_cache(maxsize=1)
def _compiled() -> tuple[tuple[Cue, re.Pattern[str]], ...]:
    def expand(pattern: str) -> str:
        # The parts name no other parts, so one pass is enough.
        return re.sub(r"<(\w+)>", lambda match: PARTS[match[1]], pattern)

    # Hashtags and emoji are no word characters: an edge is where no letter or digit goes on.
    return tuple((cue, re.compile(rf"(?<!\w)(?:{expand(cue.pattern)})(?!\w)")) for cue in CUES)
