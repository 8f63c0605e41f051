"""Mistakes are told at once, all of them, with where they stand and what would be right."""

import csv
import pathlib
import shutil

import pytest
from programs import write_pictures

REFUSED, USAGE, JOB_FAILED = 1, 64, 10
# One thread: on a busy machine two wait for each other more than they work.
SMALL = ["--backbone", "resnet10_narrow", "--batch-size", 16, "--image-size", 32, "--threads", 1]


def test_submit_reports_five_mistakes_with_their_lines(pretext, pictures, tmp_path):
    spec = tmp_path / "job.yaml"
    spec.write_text(f"""name: five
data: {{images: {pictures}}}
stages:
- pretrain:
    backbone: {{name: resnet19}}
    tasks:
    - moco: {{temprature: 0.2}}
    - {{weight: -1, rotation: {{}}}}
    epochs: many
    batch_size: 256
resources: {{world_size: 3}}
""")
    done = pretext.run("submit", spec, code=USAGE)
    lines = done.stderr.splitlines()
    for line, what in [(5, "resnet19"), (7, "temprature"), (8, "weight"), (9, "epochs"), (11, "world_size")]:
        assert any(f"{spec.name}:{line}:" in text and what in text for text in lines), (
            f"line {line} ({what}) is not reported:\n{done.stderr}")
    assert len(lines) == 5, f"more is reported than is wrong:\n{done.stderr}"
    assert "temperature" in done.stderr, "the nearest name is not offered"
    assert done.stdout == ""


def test_validate_reports_the_same_and_accepts_what_is_right(pretext, pictures, tmp_path):
    spec = tmp_path / "job.yaml"
    text = f"data: {{images: {pictures}}}\nstages:\n- pretrain: {{tasks: [moco: {{}}], epochs: 0}}\n"
    spec.write_text(text)
    assert f"{spec.name}:3:" in pretext.run("validate", spec, code=USAGE).stderr
    spec.write_text(text.replace("epochs: 0", "epochs: 3"))
    assert "resnet18" in pretext.run("validate", spec, "-o", "yaml").stdout


@pytest.mark.parametrize("arguments, wanted", [
    (["pretrain", "--data", ".", "--epoch", "3"], "--epochs"),
    (["pretrian"], "pretrain"),
    (["pretrain", "--data", ".", "--task", "moko"], "moco"),
    (["pretrain", "--data", ".", "--backbone", "resnet81"], "resnet18"),
    (["pretrain", "--data", ".", "--set", "stages[0].pretrain.epoch=3"], "epochs"),
])
def test_an_unknown_name_is_an_error_with_the_nearest_one(pretext, arguments, wanted):
    done = pretext.run(*arguments, code=USAGE)
    assert wanted in done.stderr, done.stderr
    assert done.stdout == ""


def test_a_missing_folder_is_told_before_anything_starts(pretext, pictures):
    done = pretext.run("pretrain", "--data", pictures.with_name("picture"), code=USAGE)
    assert str(pictures.with_name("picture")) in done.stderr
    assert f"did you mean {pictures}?" in done.stderr
    assert pretext.processes() == []


def test_an_output_folder_that_cannot_be_made_is_told(pretext, pictures, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = pretext.run("pretrain", "--data", pictures, "--task", "rotation", *SMALL, "--epochs", 1, "--out",
                       tmp_path / "file" / "out", code=JOB_FAILED)
    assert str(tmp_path / "file") in done.stdout + done.stderr
    assert len(pretext.json("jobs")) == 1 and pretext.json("jobs")[0]["attempt"] == 1


def test_pictures_that_are_all_broken_end_the_job_and_are_named(pretext, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(40):
        (folder / f"{i}.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    done = pretext.run("pretrain", "--data", folder, "--task", "rotation", *SMALL, "--epochs", 1, "--out",
                       tmp_path / "out", code=JOB_FAILED)
    assert ".jpg" in done.stdout and "max_broken_share" in done.stdout, done.stdout
    job = pretext.json("jobs")[0]
    assert job["state"] == "FAILED" and job["failure"]["cause"] == "DATA" and job["attempt"] == 1, job


def test_labels_of_other_pictures_are_told(pretext, pictures, tmp_path):
    table = tmp_path / "labels.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        writer.writerows([f"elsewhere/{i}.jpg", "disc"] for i in range(5))
    done = pretext.run("evaluate", "--data", pictures, "--labels", table, "--from", "random", "--backbone",
                       "resnet10_narrow", "--image-size", 32, "--out", tmp_path / "out", code=JOB_FAILED)
    assert "elsewhere/0.jpg" in done.stdout and str(table) in done.stdout, done.stdout
    assert pretext.json("jobs")[0]["attempt"] == 1


@pytest.mark.parametrize("count, more, wanted", [
    (48, ["--set", "stages[0].pretrain.tasks[0].moco.queue_length=64"], "queue_length 64"),
    (12, [], "batch_size"),
])
def test_a_data_set_that_is_too_small_is_told_with_what_would_do(pretext, tmp_path, count, more, wanted):
    pictures = write_pictures(tmp_path / "pictures", count)
    done = pretext.run("pretrain", "--data", pictures, "--task", "moco", *SMALL, "--epochs", 1, "--out", tmp_path / "out", *more, code=JOB_FAILED)
    assert wanted in done.stdout and str(count) in done.stdout, done.stdout
    assert pretext.json("jobs")[0]["attempt"] == 1


def test_two_jobs_cannot_share_an_output_folder(pretext, pictures, tmp_path):
    arguments = ["pretrain", "--data", pictures, "--task", "rotation", *SMALL, "--epochs", 1, "--out", tmp_path / "out"]
    pretext.run(*arguments)
    before = sorted(path for path in pathlib.Path(tmp_path / "out").rglob("*"))
    done = pretext.run(*arguments, code=REFUSED)
    assert "--out" in done.stderr and "restart" in done.stderr
    assert sorted(path for path in pathlib.Path(tmp_path / "out").rglob("*")) == before
    pretext.run("delete", "--yes", pretext.json("jobs")[0]["name"])
    done = pretext.run(*arguments, code=REFUSED)
    assert "not here any more" in done.stderr and "remove" in done.stderr
    shutil.rmtree(tmp_path / "out")
    pretext.run(*arguments)


def test_a_job_whose_folder_was_removed_does_not_begin_anew_in_silence(pretext, pictures, tmp_path):
    out = tmp_path / "out"
    pretext.run("pretrain", "--data", pictures, "--task", "rotation", *SMALL, "--epochs", 1, "--out", out)
    name = pretext.json("jobs")[0]["name"]
    assert "loss" in pretext.run("status", name).stdout
    shutil.rmtree(out)
    done = pretext.run("restart", name, code=REFUSED)
    assert str(out) in done.stderr and "--from-start" in done.stderr
    pretext.run("restart", name, "--from-start", "--yes")
    pretext.run("watch", name)


def test_a_job_that_is_not_there_is_told_with_the_nearest_one(pretext, pictures, tmp_path):
    pretext.run("pretrain", "--data", pictures, "--task", "rotation", *SMALL, "--epochs", 1, "--out", tmp_path / "out", "--name", "xray")
    assert "did you mean" in pretext.run("status", "xrya", code=66).stderr
