"""Each rule of the normaliser, one example an assertion, and what must hold for any text."""

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netral_nlp.errors import ConfigError, ModelFolderError
from netral_nlp.text import PROFILES, Masks, Normaliser

OFF = PROFILES["none"]
OURS = PROFILES["netral"]


def only(**rules):
    """A normaliser with nothing on but the given rules."""
    return replace(OFF, **rules)


@pytest.mark.parametrize(
    ("rules", "text", "expected"),
    [
        # entities
        ({"entities": True}, "Kerja &amp; doa &lt;3", "Kerja & doa <3"),
        # invisible
        ({"invisible": True}, "pi\u200blih no\u00admor\ufeff 1", "pilih nomor 1"),
        ({"invisible": True}, "teks \u202ebalik\u202c", "teks balik"),
        ({"invisible": True}, "nul\x00di tengah", "nul di tengah"),
        ({"invisible": True}, "keluarga 👨‍👩‍👧 utuh", "keluarga 👨‍👩‍👧 utuh"),
        ({"invisible": True}, "pilih\u200dlah", "pilihlah"),
        # lookalikes
        ({"lookalikes": True}, "𝗣𝗶𝗹𝗶𝗵 𝓝𝓸𝓶𝓸𝓻 𝟐", "Pilih Nomor 2"),
        ({"lookalikes": True}, "Ｃｏｂｌｏｓ　０２", "Coblos 02"),
        ({"lookalikes": True}, "сoblоs nоmor ①", "coblos nomor 1"),
        ({"lookalikes": True}, "🅿🅰🅺 ᴋᴀᴅᴇs", "PAK kades"),
        ({"lookalikes": True}, "Москва tetap Москва", "Москва tetap Москва"),
        ({"lookalikes": True}, "“pilih” ‘dia’", "\"pilih\" 'dia'"),
        # emails
        ({"emails": "mask"}, "lapor ke pengaduan@bawaslu.go.id ya", "lapor ke email ya"),
        # urls
        ({"urls": "mask"}, "cek https://infopemilu.kpu.go.id/Pemilu?x=1.", "cek http."),
        ({"urls": "mask"}, "cek kpu.go.id, lalu diskominfo.jatimprov.go.id", "cek http, lalu http"),
        ({"urls": "mask"}, "berita di Kompas.com dan inilah.id/news/1", "berita di http dan http"),
        ({"urls": "mask"}, "daftar bit.ly/relawan-desa (gratis)", "daftar http (gratis)"),
        ({"urls": "mask"}, "foto pic.twitter.com/AbC12", "foto http"),
        (
            {"urls": "mask"},
            "Sudah selesai.Ini saatnya kerja.me dan siap.top",
            "Sudah selesai.Ini saatnya kerja.me dan siap.top",
        ),
        ({"urls": "mask"}, "suara 96.214.691, jam 08.30", "suara 96.214.691, jam 08.30"),
        # handles
        ({"handles": "mask"}, "@joko.widodo_x hadir", "@user hadir"),
        ({"handles": "mask"}, "cc @bawaslu_RI, @kpu-ri.", "cc @user, @user."),
        ({"handles": "mask"}, "tolong@kantor @ pasar", "tolong@kantor @ pasar"),
        # phones
        ({"phones": "mask"}, "WA 0812-3456-7890 atau +62 812 3456 7890", "WA telepon atau telepon"),
        ({"phones": "mask"}, "hub 6281234567890 / (021) 555-1234", "hub telepon / telepon"),
        ({"phones": "mask"}, "pukul 08.30-10.00, 2024, Rp 800.000.000", "pukul 08.30-10.00, 2024, Rp 800.000.000"),
        ({"phones": "mask"}, "02 menang, nomor 08", "02 menang, nomor 08"),
        # id_numbers
        ({"id_numbers": "mask"}, "NIK 3201234567890001 NIP 198001012005011001", "NIK nik NIP nik"),
        ({"id_numbers": "mask"}, "anggaran 1234567890123", "anggaran 1234567890123"),
        # hashtags
        ({"hashtags": True}, "#CoblosNomor2", "#Coblos Nomor 2"),
        ({"hashtags": True}, "#2019GantiPresiden #ASN_Netral", "#2019 Ganti Presiden #ASN Netral"),
        ({"hashtags": True}, "#pilihnomor1 #gantibupati", "#pilih nomor 1 #ganti bupati"),
        ({"hashtags": True}, "#sukamakanbakso", "#sukamakanbakso"),
        # reduplication
        ({"reduplication": True}, "jalan2 sama anak2nya", "jalan-jalan sama anak-anaknya"),
        ({"reduplication": True}, "Orang2 bilang sama2²", "Orang-orang bilang sama2²"),
        ({"reduplication": True}, "paslon2 no2 nomor2 coblos2 tps2 RT2", "paslon2 no2 nomor2 coblos2 tps2 RT2"),
        ({"reduplication": True}, "2 anak, anak 2, G20, mp3, dapil2", "2 anak, anak 2, G20, mp3, dapil2"),
        # repeated_letters
        ({"repeated_letters": True}, "gaspoooll mantaaaap", "gaspoll mantap"),
        ({"repeated_letters": True}, "maaf saat Allah, Pasal III, 1000000", "maaf saat Allah, Pasal III, 1000000"),
        # repeated_punctuation
        ({"repeated_punctuation": True}, "Menang!!!!! kapan??? nanti.....", "Menang! kapan? nanti..."),
        # laughter
        ({"laughter": True}, "wkwkwkwkwk hahahahaha hehe", "wkwk haha hehe"),
        # emoji
        ({"emoji": "squeeze"}, "Gas 🔥🔥🔥🔥🔥 ✌️✌️✌️", "Gas 🔥🔥 ✌️✌️"),
        ({"emoji": "name"}, "Gas 🔥", "Gas fire"),
        ({"emoji": "remove"}, "Gas 🔥 ✌️ 2️⃣ 👍🏽", "Gas ✌️ 2️⃣ 👍🏽"),
        # lowercase
        ({"lowercase": True}, "PILIH Nomor İSTANBUL", "pilih nomor istanbul"),
    ],
)
def test_rule(rules, text, expected):
    assert only(**rules)(text) == expected
    assert OFF(text) == " ".join(text.split()), "the rule can be switched off"


def test_every_rule_has_an_example():
    ours = {field.name for field in fields(Normaliser)} - {"profile", "masks"}
    (marker,) = (mark for mark in test_rule.pytestmark if mark.name == "parametrize")
    shown = {name for rules, *_ in marker.args[1] for name in rules}
    assert shown == ours


@pytest.mark.parametrize("sign", ["02", "☝️", "✌️", "🫰", "🫰🏽", "👍🏻", "2️⃣", "🇮🇩", "01", "3"])
@pytest.mark.parametrize("profile", ["netral", "indobert"])
def test_numbers_and_hand_signs_stay(profile, sign):
    assert sign in PROFILES[profile](f"Salam {sign} semua")


def test_indobertweet_gets_its_own_masks_in_lower_case_text():
    assert PROFILES["indobertweet"]("HALO @Warga lihat https://a.id/B") == "halo @USER lihat HTTPURL"


@pytest.mark.parametrize(
    ("base", "profile"),
    [
        ("indobenchmark/indobert-base-p1", "indobert"),
        ("indolem/indobertweet-base-uncased", "indobertweet"),
        ("intfloat/multilingual-e5-small", "netral"),
    ],
)
def test_base_model_has_its_profile(base, profile):
    assert Normaliser.for_base(base) == PROFILES[profile]


@pytest.mark.parametrize(
    ("text", "words"),
    [("@user http", False), ("", False), ("!!! ...", False), ("☝️", True), ("02", True), ("@user ya", True)],
)
def test_masks_and_punctuation_are_no_words(text, words):
    assert OURS.has_words(text) is words


def test_settings_survive_the_model_folder(tmp_path):
    changed = replace(OURS, emoji="remove", lowercase=False, masks=Masks(handle="@akun"))
    changed.save(tmp_path)
    assert Normaliser.load(tmp_path) == changed
    assert Normaliser.for_base(tmp_path) == changed


def test_missing_or_foreign_settings_are_refused(tmp_path):
    with pytest.raises(ModelFolderError, match=r"normaliser\.json: missing"):
        Normaliser.load(tmp_path)
    for content in ("[]", "{", json.dumps({"version": 99}), json.dumps({"shout": True}), json.dumps({"urls": "eat"})):
        (tmp_path / "normaliser.json").write_text(content)
        with pytest.raises(ModelFolderError, match=r"normaliser\.json"):
            Normaliser.load(tmp_path)
    with pytest.raises(ConfigError, match="known: netral"):
        Normaliser.named("bertje")


@given(st.text())
def test_any_text_gives_clean_text(text):
    normal = OURS(text)
    assert normal == " ".join(normal.split())
    normal.encode("utf-8")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_normalising_is_stable_on_plain_words(text):
    words = OURS(text)
    assert OURS(words).casefold().split() == OURS(OURS(words)).casefold().split()


@given(
    st.lists(
        st.sampled_from(["jangan", "lupa", "coblos", "02", "☝️", "jalan2", "#PilihNomor1", "@a.b", "kpu.go.id", "🔥"])
    )
)
def test_normalised_posts_are_left_alone(words):
    once = OURS(" ".join(words))
    assert OURS(once) == once


def test_broken_surrogates_are_mended():
    assert only()("\ud83d\ude00 halo \ud83d") == "😀 halo \ufffd"
