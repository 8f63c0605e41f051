"""A folder in, weights out, with nothing running and nothing configured."""

import json

import pytest
import torch
import torchvision
from PIL import Image
from programs import TASKS, wait_until, write_pictures
from safetensors import safe_open
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SMALL = ["--backbone", "resnet10_narrow", "--batch-size", 16, "--image-size", 32, "--threads", 1]


def test_pretrain_gives_weights_that_torchvision_takes(pretext, pictures, tmp_path):
    assert pretext.processes() == []
    out = tmp_path / "out"
    done = pretext.run("pretrain", "--data", pictures, "--task", "moco", "--epochs", 2, "--batch-size", 32,
                       "--image-size", 32, "--threads", 1, "--out", out)

    weights = load_file(out / "exported" / "backbone.safetensors")
    model = torchvision.models.resnet18()
    # Small pictures have the small stem.
    model.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
    report = model.load_state_dict(weights, strict=False)
    assert sorted(report.missing_keys) == ["fc.bias", "fc.weight"]
    assert report.unexpected_keys == []
    assert all(torch.isfinite(value).all() for value in weights.values() if value.is_floating_point())
    with safe_open(out / "exported" / "backbone.safetensors", "pt") as file:
        card = file.metadata()
    assert card["pretext.architecture"] == "resnet18" and card["pretext.task"] == "moco"
    assert "loss" in done.stdout and str(out / "exported" / "backbone.safetensors") in done.stdout
    assert done.stderr == ""


def test_the_standard_stem_loads_into_resnet18_as_it_is(pretext, pictures, tmp_path):
    out = tmp_path / "out"
    pretext.run("pretrain", "--data", pictures, "--task", "rotation", "--max-steps", 4, "--batch-size", 16,
                "--image-size", 64, "--threads", 1, "--set", "stages[0].pretrain.backbone.stem=STANDARD", "--out", out)
    report = torchvision.models.resnet18().load_state_dict(
        load_file(out / "exported" / "backbone.safetensors"), strict=False)
    assert sorted(report.missing_keys) == ["fc.bias", "fc.weight"]
    assert report.unexpected_keys == []


def test_the_output_folder_holds_what_people_and_tools_need(pretext, pictures, tmp_path):
    out = tmp_path / "out"
    pretext.run("pretrain", "--data", pictures, "--task", "moco", *SMALL, "--epochs", 2, "--out", out)
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, 13))
    for name in ("pretrain/loss", "pretrain/moco_accuracy", "pretrain/images_per_second", "pretrain/data_wait_share"):
        assert all(name in row for row in rows if row["step"] in (1, 12)), (name, sorted(rows[-1]))

    events = EventAccumulator(str(out)).Reload()
    assert [point.step for point in events.Scalars("pretrain/loss")] == list(range(1, 13))
    for row, point in zip(rows, events.Scalars("pretrain/loss")):
        assert point.value == pytest.approx(row["pretrain/loss"], rel=1e-6)

    plots = list((out / "plots").glob("*.png"))
    assert plots
    for plot in plots:
        with Image.open(plot) as picture:
            assert picture.format == "PNG" and min(picture.size) >= 100

    log = (out / "log.txt").read_text()
    assert "rank 0" in log
    spec = (out / "job.yaml").read_text()
    assert "resnet10_narrow" in spec and "given" in spec and "default" in spec
    # The resolved job is a job: it is accepted again.
    pretext.run("validate", out / "job.yaml")
    assert list((out / "checkpoints").glob("pretrain-*/manifest.json"))


def test_a_broken_picture_is_named_and_the_run_goes_on(pretext, tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 128)  # so that one is less than a hundredth
    (pictures / "disc" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    out = tmp_path / "out"
    pretext.run("pretrain", "--data", pictures, "--task", "rotation", *SMALL, "--epochs", 1, "--out", out)
    assert "broken.jpg" in (out / "log.txt").read_text()


def test_finetune_and_evaluate_take_the_output_folder(pretext, pictures, tmp_path):
    first = tmp_path / "first"
    pretext.run("pretrain", "--data", pictures, "--task", "moco,rotation:0.3", *SMALL, "--epochs", 1, "--out", first)
    done = pretext.run("finetune", "--data", pictures, "--labels", "folders", "--from", first, "--epochs", 2,
                       "--threads", 1, "--out", tmp_path / "second")
    assert "accuracy" in done.stdout
    done = pretext.run("evaluate", "--data", pictures, "--labels", "folders", "--from", first, "--threads", 1,
                       "--out", tmp_path / "third")
    assert "knn" in done.stdout.lower() and "linear" in done.stdout.lower()


def test_nothing_is_left_running_once_idle(pretext, pictures, tmp_path):
    pretext.run("pretrain", "--data", pictures, "--task", "rotation", *SMALL, "--epochs", 1, "--out", tmp_path / "out")
    assert "pretext-server" in {name for _, name in pretext.processes()}
    # As an idle one does after ten minutes, told by hand.
    served = pretext.serve("--exit-when-idle", "1s")
    wait_until(lambda: pretext.processes() == [], 120, "coordinator and agent to leave")
    assert served.process.wait(timeout=60) == 0


def test_json_is_json_and_nothing_else(pretext, pictures, tmp_path):
    arguments = ["pretrain", "--data", pictures, "--task", "rotation", *SMALL, "--epochs", 1, "--out", tmp_path / "out"]
    lines = pretext.run(*arguments, "-o", "json").stdout.splitlines()
    assert json.loads(lines[-1])["state"] == "SUCCEEDED"
    assert all(json.loads(line)["name"].startswith("jobs/") for line in lines)
    (job,) = pretext.json("jobs")
    assert pretext.json("status", job["name"])["name"] == job["name"]
    assert {point["metric"] for point in pretext.json("metrics", job["name"])} >= {"pretrain/loss"}
    assert {task["name"] for task in pretext.json("tasks")} == set(TASKS)
    assert pretext.json("nodes")[0]["name"].startswith("nodes/")


def test_downloaded_weights_equal_the_ones_in_the_output_folder(pretext, pictures, tmp_path):
    out = tmp_path / "out"
    pretext.run("pretrain", "--data", pictures, "--task", "rotation", *SMALL, "--epochs", 1, "--out", out)
    pretext.run("download", "1", "exported", "--to", tmp_path / "copy")
    for path in (out / "exported").iterdir():
        assert (tmp_path / "copy" / "exported" / path.name).read_bytes() == path.read_bytes()
