"""Baselines: what they say, what they rest on, and that they are no worse than they should be."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_support import make_posts, write_posts

from netral_nlp import NeutralityClassifier
from netral_nlp.cli.main import main
from netral_nlp.corpus.labelled import read_labelled
from netral_nlp.errors import ConfigError, InputError
from netral_nlp.evaluation.baselines import BASELINES, baseline_predictions, keyword_predictions, majority
from netral_nlp.evaluation.compare import compare
from netral_nlp.evaluation.keywords import CUES, PARTS, fingerprint, read
from netral_nlp.evaluation.metrics import evaluate
from netral_nlp.labels import LABELS, Label

# (label, what the list is expected to say, text); the two differ where a list of phrases must fail.
POSTS = [
    ("campaigning", "campaigning", "Rabu pagi kita ke TPS, coblos nomor 3 biar pasar desa cepat diperbaiki!"),
    ("campaigning", "campaigning", "Teman-teman guru, jangan pilih yang cuma datang lima tahun sekali"),
    ("campaigning", "campaigning", "Yuk gabung jadi relawan paslon 1, posko buka tiap sore di depan balai"),
    ("campaigning", "campaigning", "#2024GantiBupati sudah cukup jalan kami rusak terus"),
    ("campaigning", "campaigning", "Sebarkan ke grup keluarga ya, ini program beliau untuk nelayan"),
    ("campaigning", "campaigning", "Ayo menangkan paslon dua, tinggal seminggu lagi!! #MenangkanSatuPutaran"),
    ("campaigning", "campaigning", "Hadiri deklarasi akbar Minggu besok di alun-alun, bawa bendera masing2"),
    ("campaigning", "neutral", "Ingat ya bu, yang kumisan itu, amplopnya menyusul habis subuh"),
    ("supportive", "supportive", "Bangga banget punya calon yang ngerti sawah, sehat selalu Pak"),
    ("supportive", "supportive", "Udah fix nomor 2 sih aku, debat kemarin beda kelas"),
    ("supportive", "supportive", "Salam tiga jari dari keluarga kecil kami di pesisir"),
    ("supportive", "supportive", "Lanjutkan Pak! kerja nyatanya kelihatan di kampung kami"),
    ("supportive", "supportive", "Calon kok modal janji doang, dari dulu begitu-begitu aja wkwk"),
    ("supportive", "supportive", "Insyaallah menang satu putaran, amin ya rabb 🤲"),
    ("supportive", "neutral", "Adem lihat senyum beliau di baliho pertigaan 😍"),
    ("neutral", "neutral", "ASN wajib jaga netralitas, jangan ikut-ikutan deklarasi dukungan di medsos"),
    ("neutral", "neutral", "Jangan golput ya, gunakan hak pilihmu hari Rabu"),
    ("neutral", "neutral", "Hasil survei terbaru: paslon 1 unggul tipis, warga masih bisa berubah pikiran"),
    ("neutral", "neutral", "Bawaslu periksa kades yang mengajak warga coblos nomor 1"),
    ("neutral", "neutral", "Ayo dukung timnas malam ini, salam satu jiwa!"),
    ("neutral", "neutral", "Kalian mau pilih siapa? aku masih bingung, programnya mirip semua"),
    ("neutral", "neutral", "Jalan depan puskesmas akhirnya diaspal, terima kasih Pak Camat"),
    ("neutral", "neutral", "Harga cabai naik lagi, ibu-ibu di pasar pada ngeluh"),
    ("neutral", "neutral", "Besok vaksinasi sapi di balai desa jam 8, bawa kartu ternak"),
    ("neutral", "neutral", "Selamat kepada gubernur terpilih, semoga amanah untuk semua warga"),
]
PARTIES = """pdi pdip perjuangan banteng golkar beringin gerindra nasdem pkb pks pan demokrat ppp psi perindo hanura
gelora garuda buruh ummat pbb pkn berkarya"""
CANDIDATES = """prabowo gibran anies muhaimin ganjar mahfud jokowi amin sandiaga ridwan pramono khofifah risma luthfi
andika dedi bobby edy subianto baswedan pranowo"""
COLOURS = "merah putih kuning hijau biru oranye hitam"
TEXTS = [text for _, _, text in POSTS]


def frame(**columns):
    return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})


def own_posts():
    return frame(id=[f"k{row}" for row in range(len(POSTS))], text=TEXTS, label=[Label(gold) for gold, _, _ in POSTS])


def names(predictions):
    return [LABELS[code] for code in predictions.labels]


@pytest.mark.parametrize(("gold", "expected", "text"), POSTS)
def test_the_keyword_list_reads_a_post_as_its_table_says(gold, expected, text):
    found = read(text)
    assert found.label == expected, found
    by_name = {cue.name: cue for cue in CUES}
    spoken_for = [by_name[name].label for name in found.cues]
    if found.guards or not found.cues:
        assert found.label is Label.NEUTRAL
    else:
        assert found.label == max(spoken_for, key=lambda label: label.severity)


def test_the_keyword_list_clearly_beats_the_majority():
    posts = own_posts()
    gold = posts["label"].tolist()
    by_words, about = baseline_predictions("keywords", posts)
    most, _ = baseline_predictions("majority", posts)
    found = compare(gold, by_words, most, resamples=300)
    assert found["macro_f1"].better == "first"
    assert found["macro_f1"].difference.value > 0.4
    assert found.mcnemar.p_value < 0.01
    assert about["cues"] + about["guards"] == len(CUES)
    assert about["fingerprint"] == fingerprint()
    json.dumps(about, allow_nan=False)


def test_what_is_written_otherwise_is_read_alike():
    for text in (
        "COBLOS NOMOR 3", "coblos no. 3", "coblos no.3", "#CoblosNomor3", "#coblosnomor3", "𝗖𝗼𝗯𝗹𝗼𝘀 nomor 3️⃣",
        "coblos  \n nomor tiga", "coblooosss paslon03", "nyoblos nomor urut 3 dong",
    ):  # fmt: skip
        assert read(text).label is Label.CAMPAIGNING, text
    assert read("nomor 2 ✌🏽").label is read("Salam 2 jari ✌️").label is Label.SUPPORTIVE


def test_a_call_outweighs_allegiance_and_a_guard_outweighs_both():
    allegiance = "Bangga punya jagoan seperti beliau"
    assert read(allegiance).label is Label.SUPPORTIVE
    assert read(f"{allegiance}, jangan lupa coblos nomor 1").label is Label.CAMPAIGNING
    guarded = read(f"{allegiance}, jangan lupa coblos nomor 1, begitu isi unggahan yang dilaporkan ke Bawaslu")
    assert guarded.label is Label.NEUTRAL
    assert "coblos with a number" in guarded.cues
    assert "election authority" in guarded.guards


def test_words_that_only_look_like_cues_are_none():
    for text in (
        "Rumah nomor 3 sudah lunas", "Jagung pilihan petani naik harga", "Dukungan logistik bencana sudah tiba",
        "Pemilihan bibit padi unggul", "Bagikan takjil sore ini di masjid", "Gaskan rem pelan-pelan di turunan",
    ):  # fmt: skip
        assert read(text).label is Label.NEUTRAL, (text, read(text))


def test_the_table_treats_all_numbers_alike_and_names_are_no_part_of_it():
    for template in ("coblos nomor {}", "salam {} jari", "fix paslon {}", "jangan pilih nomor {}"):
        assert len({read(template.format(number)).label for number in range(1, 5)}) == 1
    assert read("cebong").label is read("kampret").label is Label.SUPPORTIVE
    words = set(re.findall(r"[a-z]+", " ".join([*PARTS.values(), *(cue.pattern for cue in CUES)])))
    assert not words & set(PARTIES.split() + CANDIDATES.split() + COLOURS.split())
    assert len({cue.name for cue in CUES}) == len(CUES)


@pytest.mark.parametrize("cue", CUES, ids=lambda cue: cue.name)
def test_every_row_of_the_table_is_reached_by_some_post(cue):
    found = read(EXAMPLES[cue.name])
    assert cue.name in (found.guards if cue.label is Label.NEUTRAL else found.cues), found


EXAMPLES = {
    "coblos with a number": "coblos nomor 4",
    "coblos with a candidate": "coblos gambar padi ya",
    "coblos": "#CoblosSemangka",
    "pilih with a number": "pilih nomor 2",
    "hashtag pilih": "#PilihBeliau",
    "do not vote for": "jangan coblos dia",
    "vote for the one who": "pilih yang terbukti kerja",
    "let us support": "mari kita dukung beliau",
    "let us win": "wajib menangkan paslon kita",
    "hashtag win": "#menangkan",
    "hashtag change the office-holder": "#GantiGubernur",
    "join the volunteers": "daftar jadi saksi yuk",
    "come to the declaration": "merapat ke lapangan untuk deklarasi",
    "our declaration": "besok kami akan deklarasi",
    "spread it": "viralkan ke semua grup",
    "ask for support": "mohon doa dan dukungannya",
    "I stand": "saya maju lagi sebagai caleg",
    "programme offered": "Misi kami: sawah lestari",
    "promise if elected": "kalau kami terpilih berobat gratis",
    "gifts for a vote": "sembako murah gratis dari relawan",
    "together for a number": "satukan suara untuk beliau",
    "proud of": "bangga banget sama beliau",
    "my favourite": "jagoan kami memang beda",
    "fixed on a choice": "mantap pilih beliau",
    "my heart is with": "hati saya sudah ke paslon itu",
    "I support": "kami sekeluarga dukung beliau",
    "support": "banyak yang mendukung beliau",
    "win": "kemenangan sudah dekat",
    "praise of a candidate": "capres yang paling cerdas",
    "praise for a candidate": "salut buat pemimpin begini",
    "side with its number": "gaspol 02",
    "finger salute": "salam dua jari",
    "number with a hand sign": "paslon 1 ☝️",
    "carry on": "dua periode lagi",
    "my president": "itu baru presidenku",
    "will win": "optimis menang",
    "we won": "akhirnya jagoannya menang",
    "worthy to lead": "paling pas jadi bupati",
    "rival mocked": "capres itu pencitraan",
    "mocked as a candidate": "muak lihat capres begini",
    "followers mocked": "dasar kampret",
    "neutrality": "jaga netralitas",
    "election authority": "KPPS siap bertugas",
    "survey or count": "hitung cepat sudah masuk separuh",
    "use your vote": "cek DPT dulu",
    "buying of votes": "tolak politik uang",
    "rules and sanctions": "ada sanksi bagi pelanggar",
    "reported speech": "ujarnya kepada wartawan",
    "schedule": "masa tenang mulai Minggu",
    "question which": "kalian dukung siapa",
    "another contest": "pemilihan ketua kelas",
    "peace on all sides": "pilkada aman dan rukun",
    "courtesy to the elected": "selamat kepada bupati terpilih",
}


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gets_a_label_that_follows_from_the_cues(text):
    found = read(text)
    if found.guards or not found.cues:
        assert found.label is Label.NEUTRAL
    else:
        assert found.label is not Label.NEUTRAL
    assert read(text) == found


def test_long_texts_are_read_in_time():
    import time

    start = time.perf_counter()
    for text in ("ayo " * 20_000 + "x", "calon " + "a " * 30_000, "# " * 20_000 + "1" * 20_000):
        read(text)
    assert time.perf_counter() - start < 5


def test_acts_without_words_are_judged_by_their_context():
    call, praise, news = "Coblos nomor 2 ya!", "Bangga punya calon seperti beliau", "KPU tetapkan tiga paslon"
    rows = [
        ("", call, "like", "supportive"),
        ("", call, "follow", "supportive"),
        (None, call, "share", "campaigning"),
        ("", praise, "like", "supportive"),
        ("@budi_t http://contoh.id/a", praise, "bagikan", "supportive"),
        ("", news, "like", "neutral"),
        ("", call, None, "neutral"),
        ("", call, "comment", "neutral"),
        ("", None, "like", "neutral"),
        ("Wah panas sekali hari ini", call, "like", "neutral"),
        ("Jangan pilih dia", news, "comment", "campaigning"),
    ]
    texts, contexts, actions, expected = zip(*rows, strict=True)
    found = keyword_predictions(texts, contexts, actions)
    assert names(found) == list(expected)
    assert found.probabilities is None
    again, _ = baseline_predictions("keywords", frame(text=texts, context=contexts, action=actions))
    assert again.labels.tolist() == found.labels.tolist()
    with pytest.raises(InputError, match="unknown action"):
        keyword_predictions([""], [call], ["melotot"])
    with pytest.raises(InputError, match="2 texts but 1 contexts"):
        keyword_predictions(["a", "b"], ["c"])


def test_the_majority_of_the_training_posts_is_used_where_they_are_given(tmp_path):
    posts = own_posts()
    learnt = [{"text": f"contoh {row}", "label": label} for row, label in enumerate(["supportive"] * 3 + ["neutral"])]
    train = write_posts(tmp_path / "latih.jsonl", learnt)
    found, about = baseline_predictions("majority", posts, train=[train])
    assert set(names(found)) == {Label.SUPPORTIVE}
    assert about["learnt_from"] == "training posts"
    assert about["train"] == ["latih.jsonl"]
    assert about["shares"] == {"neutral": 0.25, "supportive": 0.75, "campaigning": 0.0}

    found, about = baseline_predictions("majority", posts)
    assert set(names(found)) == {Label.NEUTRAL}
    assert about["learnt_from"] == "measured posts"
    assert about["posts"] == len(posts)
    metrics = evaluate(posts["label"].tolist(), found.labels, resamples=0)
    assert metrics["accuracy"].value == pytest.approx(10 / 25)
    assert metrics["false_accusation_rate"].value == 0
    assert metrics["missed_campaigning_rate"].value == 1
    json.dumps(about, allow_nan=False)


def test_of_two_equally_common_labels_the_milder_is_taken():
    assert names(majority(["campaigning", "supportive", "campaigning", "supportive"], 2)) == [Label.SUPPORTIVE] * 2
    with pytest.raises(InputError, match="no labels"):
        majority([], 2)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    write_posts(folder / "latih.jsonl", make_posts(200))
    write_posts(folder / "uji.jsonl", make_posts(60, seed=5))
    return folder


def test_tfidf_learns_predicts_and_leaves_nothing_behind(home, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    posts = read_labelled(home / "uji.jsonl")
    found, about = baseline_predictions("tfidf", posts, train=[home / "latih.jsonl"], seed=1)
    gold = posts["label"].tolist()
    assert np.mean([one is other for one, other in zip(names(found), gold, strict=True)]) > 0.8
    assert found.probabilities.shape == (60, 3)
    assert found.needs_review.dtype == bool
    assert about["posts"] == 200
    assert list(tmp_path.iterdir()) == []
    again, about_again = baseline_predictions("tfidf", posts, train=[home / "latih.jsonl"], seed=1)
    assert (again.probabilities == found.probabilities).all()
    assert about_again == about
    json.dumps(about, allow_nan=False)
    most, _ = baseline_predictions("majority", posts, train=[home / "latih.jsonl"])
    assert compare(gold, found, most, resamples=200)["macro_f1"].better == "first"


def test_tfidf_keeps_its_model_folder_where_asked(home, tmp_path):
    posts = read_labelled(home / "uji.jsonl")
    folder = tmp_path / "linear"
    found, about = baseline_predictions("tfidf", posts, train=[home / "latih.jsonl"], output=folder)
    model = NeutralityClassifier.from_pretrained(folder)
    assert model.folder.fingerprint() == about["fingerprint"]
    scores = model.score(posts["text"].tolist(), posts["context"].tolist())
    assert (scores.probabilities == found.probabilities).all()
    assert main(["predict", "--model", str(folder), "Jangan lupa coblos nomor 2"]) == 0
    with pytest.raises(ConfigError, match="exists and is not empty"):
        baseline_predictions("tfidf", posts, train=[home / "latih.jsonl"], output=folder)


def test_tfidf_says_how_many_measured_posts_it_was_trained_on(home, caplog):
    posts = read_labelled(home / "latih.jsonl").head(7)
    posts.loc[0, "text"] = posts.loc[0, "text"].upper()
    posts.loc[1, "text"] = "Warung kopi pojok buka lagi malam ini"
    _, about = baseline_predictions("tfidf", posts, train=[home / "latih.jsonl"])
    assert about["also_in_training"] == 6
    assert "measured posts are also training posts" in caplog.text
    assert "Warung" not in caplog.text


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: baseline_predictions("ramalan", own_posts()), ConfigError, "unknown baseline 'ramalan'.*majority"),
        (lambda: baseline_predictions("tfidf", own_posts()), ConfigError, "at least one training file"),
        (lambda: baseline_predictions("keywords", own_posts(), output="x"), ConfigError, "no model folder"),
        (lambda: baseline_predictions("keywords", own_posts().head(0)), InputError, "no posts"),
        (lambda: baseline_predictions("keywords", frame(label=["neutral"])), InputError, "'text'"),
        (lambda: baseline_predictions("majority", frame(text=["apa"])), InputError, "needs labels"),
    ],
)
def test_requests_that_make_no_sense_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_majority_and_keywords_need_no_extra(tmp_path):
    program = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'sklearn', 'scipy'): sys.modules[name] = None\n"
        "import pandas as pd\n"
        "from netral_nlp.errors import MissingExtraError\n"
        "from netral_nlp.evaluation.baselines import baseline_predictions\n"
        "posts = pd.DataFrame({'text': ['coblos nomor 1', 'hujan'], 'label': ['campaigning', 'neutral']})\n"
        "for name in ('majority', 'keywords'): print(baseline_predictions(name, posts)[0].labels.tolist())\n"
        "try: baseline_predictions('tfidf', posts, train=['latih.jsonl'])\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    first, second, third = done.stdout.splitlines()
    assert (first, second) == ("[0, 0]", "[2, 0]")
    assert "netral-nlp[train]" in third


def test_every_baseline_is_described():
    assert list(BASELINES) == ["majority", "keywords", "tfidf"]
