"""Posts as nobody should write them and as the internet does: made here, for no program in particular.

Each is one post. Words are Indonesian; names, places and numbers are invented.
"""

from __future__ import annotations

_INVISIBLE = [
    "pilih\u200byang\u200bjujur",  # zero-width spaces between the words
    "\u200d\u200d\u200d",
    "co\u00adblos no\u00admor du\u00ada",  # soft hyphens
    "\u2060Ayo\u2060 ke\u2060 TPS\u2060",
    "\ufeff",
    "\ufeffTanda urutan bita di depan",
    "Tanda urutan bita \ufeff di tengah\ufeff",
    "\u202eayas gnukud oyA",  # right-to-left override, never closed
    "Pilih \u202bnomor\u202c dua \u2067lalu\u2069 pulang",
    "\u200f\u200e\u200f\u200e",
    "kosong\u3164\u3164\u3164pengisi hangul",
    "label bahasa \U000e0069\U000e0064\U000e007f",
    "pemilih variasi \ufe0f\ufe0e\ufe0f",
    "\u180e\u2028\u2029\x85",  # line ends that are no line feed
    "baris\u2028satu\u2029paragraf dua\x85baris tiga",
    "tab\tdi\ttengah\tdan\takhir\t",
    "\t",
    "\x0b\x0c",
    "halaman\x0cbaru dan tab\x0btegak",
    "\x1b[31mmerah\x1b[0m di terminal",
    "\x1b]0;judul\x07 bel \x07\x08\x08",
    "pemisah \x1c berkas \x1d grup \x1e rekaman \x1f unit",
    "\x7f hapus \x7f",
    "\x80\x9f kendali C1 \x90",
    "bukan karakter \ufffe \uffff \ufdd0",
    "\U0010ffff di ujung Unicode, \ue000 milik pribadi, \ufffc objek",
    "pengganti \ufffd\ufffd\ufffd",
    "nol \0 di tengah",
    "\0",
    "\0\0\0 tiga nol di depan",
    "balik\rbaris saja",
    "\r",
    "\n",
    "\r\n",
    "\n\n\nBaris kosong dulu\r\nlalu teks\n\rterbalik\n",
    "   ",
    "\u00a0\u2003\u3000",
    "",
]
_EMOJI = [
    "☝️✌️🤟🖐️",
    "👨‍👩‍👧‍👦 sekeluarga pilih nomor 2",
    "👩🏽‍🌾👨🏿‍🏫🧕🏻",
    "🇮🇩🇮🇩🇮🇩🇮",  # the last flag is a half
    "1️⃣2️⃣3️⃣#️⃣*️⃣",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "‍👍‍",  # joiners that join nothing
    "😀" * 2000,
    "🫰🫱🏿‍🫲🏻🫵",
    "❤️‍🔥 demi kampung halaman ❤️‍🔥",
]
_MARKS = [
    "d\u0335u\u0336k\u0337u\u0338n\u0334g",
    "a" + "\u0301" * 200,
    "\u0301\u0302\u0303",  # marks without a letter
    "Z" + "".join(chr(mark) for mark in range(0x300, 0x36F)) + " zalgo",
    "\u0301" * 100_000,
    "é e\u0301 ê e\u0302 ñ n\u0303",
    "ﬁlm ﬂora ﷺ ㎏ Ⅷ",
    "Å Å Å",
]
_SCRIPTS = [
    "الحمد لله، hari ini hujan",
    "نومور دوا دڤيليه ووڠ كامڤوڠ",  # Jawi
    "ꦲꦪꦺꦴꦚꦺꦴꦧ꧀ꦭꦺꦴꦱ꧀",
    "ᮃᮚᮧ ᮊ ᮒᮨᮕᮨᮞ᮪",
    "ᬳᬬᭀ ᬫᬶᬮᬶᬄ",
    "ᨒᨚᨈᨑ ᨅᨘᨁᨗᨔᨗ",
    "аyо сoblоs nоmоr duа",  # Cyrillic letters among Latin ones
    "𝗔𝘆𝗼 𝗰𝗼𝗯𝗹𝗼𝘀 𝗻𝗼𝗺𝗼𝗿 𝟮",
    "Ａｙｏ　ｐｉｌｉｈ　２",
    "ⓟⓘⓛⓘⓗ 🅱🅰🅿🅰🅺",
    "ᴀʏᴏ ᴋᴇ ᴛᴘꜱ",
    "İstanbul ıĞ ẞ ŉ ǰ",  # letters whose case changes their length
    "ʻOkina, 'kutip', ‘tunggal’, “ganda”, «sudut», „bawah“",
]
_FORMULAS = [
    '=HYPERLINK("http://contoh.example/masuk","klik di sini")',
    "=1+1",
    "=SUM(A1:A9)*2",
    "+6281200000000",
    "-2+3",
    "@SUM(1;2)",
    "\t=1+1",
    " =1+1",
    "=cmd|'/C calc'!A0",
    "=",
    "==",
    "#N/A",
    "#REF!",
    "#NAMA?",
    "'=bukan rumus",
    "_x000D_",
    "_x0041_ _x0000_ _xD83D_ _xD83D__xDE00_ _x005F_",
    "_x_x000D__",
]
_CODE = [
    "'; DROP TABLE pemilih; --",
    '" OR ""="',
    "<script>alert('coblos')</script>",
    "<img src=x onerror=salin()>",
    "&lt;b&gt;tebal&lt;/b&gt; &amp;amp; &#0; &#xD83D;",
    "<![CDATA[ pilih ]]> <!-- jangan --> <?xml version='1.0'?>",
    "</si></sst>",
    "$(rm -rf posko) `whoami` ; ls | wc && echo $HOME",
    "%s %d %n %x {0} {nama} {{ganda}} ${lingkungan} #{ruby} <%= erb %> [[wiki]] {% jinja %}",
    "{",
    "}}}}{{{{",
    "%00 %0a %0d %ff",
    "\\0 \\n \\r \\u0000 \\ud800 \\x00 \\",
    "\\",
    "\\\\\\",
    "^[a-z]+(.*)*$",
    "../../../../rahasia/daftar-pemilih.csv",
    "C:\\Relawan\\baru\\teks.txt",
    "\\\\peladen\\bagi\\data",
    "file:///dev/null",
    "/dev/stdin",
    "~/.profil",
    "https://contoh.example/?q=%E2%98%9D&x=a,b;c|d#jangkar",
    "CON", "nul", "out.csv.parts/journal.jsonl",
]  # fmt: skip
_FRAGMENTS = [
    '"',
    '""',
    '"""',
    "'",
    "''",
    '"kutip" di awal',
    'di akhir "kutip"',
    'kutip yang " tidak ditutup',
    '"buka saja, tidak ditutup\nbaris kedua, masih di dalam',
    'a","b","c',
    '","',
    ",,,,,,,,",
    ";;;;;;;;",
    "||||||||",
    ",",
    "koma, titik koma; tab\t pipa| semua",
    "sep=;",
    '{"text": "di dalam teks", "id": 7}',
    '{"text": "putus di ten',
    "[1, 2, [3, {",
    "true",
    '\\"',
    "[" * 5000,
    "text,label,p_neutral,p_supportive,p_campaigning,needs_review",
    "text",
    "label",
    "id\ttext\tlabel",
    "needs_review=true",
    "posts.csv: row 3: has 2 fields instead of 4",
    "%PDF-1.7",
    "PK\x03\x04",
    "PAR1\x15",
    "SQLite format 3",
]
_NUMBERS = [
    "0", "-0", "1780000000000000001", "9" * 300, "-" + "9" * 400, "1e999", "1E-400", "0x1F", "0b101", "1_000",
    "1.000.000,50", "1,000,000.50", "٣٤٥", "²³½⅓", "Ⅳ", "Rp 50.000,-", "50%", "+62 812-0000-0000", "007", ".5", "5.",
    "NaN", "nan", "inf", "-Infinity", "None", "null", "NULL", "NA", "N/A", "<NA>", "-", "--", "undefined", "nihil",
    "True", "FALSE", "benar", "TRUE()",
    "2024-11-27", "27/11/2024", "11-27-24", "2024-02-30", "31 Februari 2024", "24:61:61", "0000-00-00", "45623",
    "2024-11-27T07:00:00+07:00", "1 Mei", "MARET2", "3-5", "1/2", "SEPT1",
]  # fmt: skip
_LONG = [
    "wk" * 20_000,
    "a" * 32_767,
    "a" * 32_768,
    "Pilih " + "yang jujur dan " * 600 + "amanah",
    "!" * 100_000,
    "kata\n" * 1200,
    "\n" * 19_800,
    "RT " * 1500,
    "https://contoh.example/" + "a" * 10_000,
    "#" + "coblos" * 800,
    "@" * 5000,
    '"' * 20_001,
    "🤟" * 16_384,
]
SURROGATE_TEXTS: list[str] = [
    "\ud800",
    "emoji terpotong \ud83d",
    "\ude00\ud83d terbalik",
    "pasangan dalam dua bagian \ud83d \ude00",
]
"""With half of a surrogate pair; nothing but a JSON escape can spell them."""

HOSTILE_TEXTS: list[str] = [
    *_INVISIBLE, *_EMOJI, *_MARKS, *_SCRIPTS, *_FORMULAS, *_CODE, *_FRAGMENTS, *_NUMBERS, *_LONG, *SURROGATE_TEXTS,
]  # fmt: skip
"""All of them."""

HOSTILE_NAMES: list[str] = [
    "x\0y", "\n", "baris\nbaru", "balik\rbaris", 'kutip"dua', "'", "", " ", "\ufeffawal", "\u202e", "a,b;c|d\te",
    "=A1", "#N/A", "_x0000_", "_xD83D_", "\uffff", "%PDF-", "PAR1\x15", "label", "label_input", "p_neutral",
    "needs_review", "n" * 5000, "😀", "{", "\\", "\x1b[31m", "null", "1", "sep=;",
]  # fmt: skip
"""Names of columns; none of them holds half of a surrogate pair."""
