"""Make the exports in this folder with the annotation tools' own packages; see README.md."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

HERE = Path(__file__).parent
LABELS = ("neutral", "supportive", "campaigning")
CONFIG = """
<View>
  <Text name="post" value="$text"/>
  <Choices name="sikap" toName="post" choice="single">
    <Choice value="netral"/><Choice value="memihak"/><Choice value="berkampanye"/>
  </Choices>
  <Choices name="arah" toName="post" choice="single"><Choice value="pro"/><Choice value="kontra"/></Choices>
</View>
"""
USERS = {
    "ani@contoh.id": UUID("00000000-0000-0000-0000-0000000000a1"),
    "budi@contoh.id": UUID("00000000-0000-0000-0000-0000000000b2"),
    "citra@contoh.id": UUID("00000000-0000-0000-0000-0000000000c3"),
}
# text, answers of ani, budi and citra: n(eutral), s(upportive), c(ampaigning), x (skipped), d (draft), - (none)
POSTS = [
    ("KPU tetapkan nomor urut tiga pasangan calon bupati, Senin malam di aula", "nnn"),
    ("Sehat terus Pak Danu, kami sekeluarga bangga punya calon seperti bapak 🙏", "sss"),
    ("Jangan lupa Rabu coblos nomor 2, Bu Sari untuk Kabupaten Sukamaju!", "ccc"),
    ("Makin ke sini makin kelihatan, paslon 1 cuma modal janji", "ssn"),
    ("Yuk kumpul di lapangan Sabtu pagi, deklarasi relawan nomor 3, kaos gratis", "cc-"),
    ("ASN diingatkan agar tidak memberi like di akun calon mana pun", "n-x"),
    ("Visi kami: jalan mulus, pupuk murah. Titip suara ya saudara", "csn"),
    ("Harga cabai naik lagi, pasar sepi", "nxd"),
    ("Good morning everyone", "xxx"),
    ("Debat tadi malam, jagoanku tenang sekali menjawab 👏", "s--"),
    ("Jadwal kampanye akbar paslon 1 dan paslon 2, cek di sini", "---"),
    ("Ganti bupati! Sebarkan ke grup RT masing-masing", "c-c"),
]
INDONESIAN = {"n": "netral", "s": "memihak", "c": "berkampanye"}
ENGLISH = dict(zip("nsc", LABELS, strict=True))


def label_studio() -> None:
    """Tasks as the server's JSON export has them; JSON_MIN and CSV by the converter of label-studio-sdk."""
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(CONFIG)
    tasks = []
    annotation_id = 100
    for number, (text, answers) in enumerate(POSTS, start=1):
        annotations, drafts = [], []
        for user, (email, answer) in enumerate(zip(USERS, answers, strict=True), start=1):
            if answer == "-":
                continue
            annotation_id += 1
            result = []
            if answer in INDONESIAN:
                result.append(_choice("sikap", INDONESIAN[answer]))
                if answer in "sc":
                    result.append(_choice("arah", "pro"))
            if answer == "d":
                drafts.append({"id": annotation_id, "user": email, "result": [_choice("sikap", "netral")]})
                continue
            annotations.append(
                {
                    "id": annotation_id,
                    "completed_by": {"id": user, "email": email, "first_name": "", "last_name": ""},
                    "result": result,
                    "was_cancelled": answer == "x",
                    "ground_truth": number == 7 and user == 2,
                    "created_at": f"2026-03-{number:02d}T0{user}:00:00.000000Z",
                    "updated_at": f"2026-03-{number:02d}T0{user}:05:00.000000Z",
                    "draft_created_at": None,
                    "lead_time": 4.5 * user,
                    "prediction": {},
                    "result_count": len(result),
                    "unique_id": str(UUID(int=annotation_id)),
                    "task": number,
                    "project": 1,
                }
            )
        predictions = [{"model_version": "netral", "score": 0.9, "result": [_choice("sikap", "berkampanye")]}]
        tasks.append(
            {
                "id": number,
                "annotations": annotations,
                "file_upload": "tasks.json",
                "drafts": drafts,
                "predictions": predictions,
                "data": {
                    "post_id": f"ls-{number:02d}",
                    "text": text,
                    "platform": "Twitter",
                    "user": f"akun{number % 5}",
                },
                "meta": {},
                "created_at": "2026-03-01T00:00:00.000000Z",
                "updated_at": "2026-03-20T00:00:00.000000Z",
                "inner_id": number,
                "total_annotations": len([one for one in annotations if not one["was_cancelled"]]),
                "cancelled_annotations": len([one for one in annotations if one["was_cancelled"]]),
                "total_predictions": 1,
                "comment_count": 0,
                "unresolved_comment_count": 0,
                "last_comment_updated_at": None,
                "project": 1,
                "updated_by": 1,
                "comment_authors": [],
            }
        )
        if not all(interface.validate_annotation(annotation) for annotation in annotations):
            raise SystemExit(f"task {number}: Label Studio would refuse an annotation")
    whole = HERE / "label_studio.json"
    whole.write_text(json.dumps(tasks, ensure_ascii=False, indent=1), encoding="utf-8")
    by_number = json.loads(json.dumps(tasks))  # the converter names annotators by number where the export does
    for task in by_number:
        for annotation in task["annotations"]:
            annotation["completed_by"] = annotation["completed_by"]["id"]
    with tempfile.TemporaryDirectory() as folder:
        numbered = Path(folder) / "tasks.json"
        numbered.write_text(json.dumps(by_number), encoding="utf-8")
        converter = Converter(CONFIG, folder, download_resources=False)
        converter.convert_to_json_min(str(numbered), f"{folder}/min", is_dir=False)
        shutil.copy(f"{folder}/min/result.json", HERE / "label_studio_min.json")
        converter.convert_to_csv(str(numbered), f"{folder}/csv", is_dir=False, header=True, sep=",")
        shutil.copy(f"{folder}/csv/result.csv", HERE / "label_studio.csv")


def _choice(control: str, value: str) -> dict[str, object]:
    return {
        "id": f"{control}{value}"[:10],
        "from_name": control,
        "to_name": "post",
        "type": "choices",
        "origin": "manual",
        "value": {"choices": [value]},
    }


def argilla() -> None:
    """Records of argilla's SDK, exported by its own code: nested and flattened JSON, a `datasets` folder, Parquet."""
    import argilla as rg
    from argilla.records._io import GenericIO, HFDatasetsIO, JsonIO

    status = {"x": "discarded", "d": "draft"}
    records = []
    for number, (text, answers) in enumerate(POSTS, start=1):
        responses = [
            rg.Response("sikap", INDONESIAN.get(answer, "netral"), user_id=user, status=status.get(answer, "submitted"))
            for user, answer in zip(USERS.values(), answers, strict=True)
            if answer != "-"
        ]
        records.append(
            rg.Record(
                id=f"ar-{number:02d}",
                fields={"text": text},
                metadata={"platform": "twitter"},
                responses=responses,
                suggestions=[rg.Suggestion("sikap", "berkampanye", score=0.9, agent="netral")],
            )
        )
    nested = HERE / "argilla.json"
    nested.unlink(missing_ok=True)
    JsonIO.to_json(records, nested)
    flat = GenericIO.to_list(records, flatten=True)
    (HERE / "argilla_flat.jsonl").write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in flat), encoding="utf-8"
    )

    # A dataset of a server, which there is none of: to_datasets only asks its schema for the type of each question.
    offline = SimpleNamespace(schema={"sikap": SimpleNamespace(type="label_selection")})
    dataset = HFDatasetsIO.to_datasets(records, offline)
    shutil.rmtree(HERE / "argilla_datasets", ignore_errors=True)
    dataset.save_to_disk(str(HERE / "argilla_datasets"))
    dataset.to_parquet(str(HERE / "argilla.parquet"))


def argilla_1() -> None:
    """The layout of FeedbackDataset.format_as("datasets") of argilla 1.x, which no longer installs: by its schema."""
    import datasets

    question = [
        {"user_id": datasets.Value("string"), "value": datasets.Value("string"), "status": datasets.Value("string")}
    ]
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "sikap": question,
            "sikap-suggestion": datasets.Value("string"),
            "sikap-suggestion-metadata": {"type": datasets.Value("string"), "score": datasets.Value("float32")},
            "external_id": datasets.Value("string"),
            "metadata": datasets.Value("string"),
        }
    )
    rows = []
    for number, (text, answers) in enumerate(POSTS, start=1):
        given = [
            {
                "user_id": str(user),
                "value": INDONESIAN.get(answer),
                "status": {"x": "discarded", "d": "draft"}.get(answer, "submitted"),
            }
            for user, answer in zip(USERS.values(), answers, strict=True)
            if answer != "-"
        ]
        rows.append(
            {
                "text": text,
                "sikap": given,
                "sikap-suggestion": "berkampanye",
                "sikap-suggestion-metadata": {"type": "model", "score": 0.9},
                "external_id": f"ar-{number:02d}",
                "metadata": json.dumps({"platform": "twitter"}),
            }
        )
    shutil.rmtree(HERE / "argilla_1_datasets", ignore_errors=True)
    datasets.Dataset.from_list(rows, features=features).save_to_disk(str(HERE / "argilla_1_datasets"))


def doccano() -> None:
    """doccano's export by the steps of its pipeline (id, text, meta data, listed labels; pandas; one file a user)."""
    import pandas as pd

    def rows(user: int, listed: bool) -> pd.DataFrame:
        made = []
        for number, (text, answers) in enumerate(POSTS, start=1):
            label = [ENGLISH[answers[user]]] if answers[user] in ENGLISH else []
            made.append(
                {
                    "id": number,
                    "text": text,
                    "post_id": f"do-{number:02d}",
                    "platform": "twitter",
                    "label": label if listed else "#".join(label),
                    "Comments": [] if listed else "",
                }
            )
        return pd.DataFrame(made)

    def packed(name: str, write: object) -> None:
        with zipfile.ZipFile(HERE / name, "w", compression=zipfile.ZIP_DEFLATED) as archive:
            for place, email in enumerate(USERS):
                ending = "jsonl" if "csv" not in name else "csv"
                member = zipfile.ZipInfo(f"{email.split('@')[0]}.{ending}", date_time=(2026, 3, 20, 0, 0, 0))
                archive.writestr(member, write(place))  # type: ignore[operator]

    packed("doccano.zip", lambda user: rows(user, True).to_json(orient="records", force_ascii=False, lines=True))
    packed("doccano_csv.zip", lambda user: rows(user, False).to_csv(index=False))
    shared = rows(0, True)
    shared.to_json(HERE / "doccano_all.json", orient="records", force_ascii=False)
    old = io.StringIO()
    for number, (text, answers) in enumerate(POSTS, start=1):
        annotations = [
            {"label": "nsc".index(answer) + 1, "id": 10 * number + user, "user": user, "document": number}
            for user, answer in enumerate(answers, start=1)
            if answer in "nsc"
        ]
        old.write(
            json.dumps(
                {
                    "id": number,
                    "text": text,
                    "annotations": annotations,
                    "meta": {"post_id": f"do-{number:02d}"},
                    "annotation_approver": None,
                },
                ensure_ascii=False,
            )
            + "\n"
        )
    (HERE / "doccano_old.jsonl").write_text(old.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    for make in (label_studio, argilla, argilla_1, doccano):
        make()
