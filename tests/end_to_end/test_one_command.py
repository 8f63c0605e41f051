"""A folder in, weights out, with nothing running and nothing configured."""

import torch
import torchvision
from safetensors.torch import load_file


def test_pretrain_gives_weights_that_torchvision_takes(pretext, pictures, tmp_path):
    out = tmp_path / "out"
    done = pretext.run("pretrain", "--data", pictures, "--task", "moco", "--epochs", 2, "--batch-size", 32,
                       "--image-size", 32, "--out", out)

    weights = load_file(out / "exported" / "backbone.safetensors")
    model = torchvision.models.resnet18()
    model.conv1 = torch.nn.Conv2d(3, 64, weights["conv1.weight"].shape[-1], bias=False)
    report = model.load_state_dict(weights, strict=False)
    assert sorted(report.missing_keys) == ["fc.bias", "fc.weight"]
    assert report.unexpected_keys == []
    assert all(torch.isfinite(value).all() for value in weights.values() if value.is_floating_point())
    assert "loss" in done.stdout
    for part in ["job.yaml", "metrics.jsonl", "log.txt", "checkpoints", "plots"]:
        assert (out / part).exists(), part
    assert list(out.glob("events.out.tfevents.*"))


def test_the_standard_stem_loads_into_resnet18_as_it_is(pretext, pictures, tmp_path):
    out = tmp_path / "out"
    pretext.run("pretrain", "--data", pictures, "--task", "rotation", "--epochs", 1, "--batch-size", 32,
                "--image-size", 64, "--set", "stages[0].pretrain.backbone.stem=STANDARD", "--out", out)
    report = torchvision.models.resnet18().load_state_dict(
        load_file(out / "exported" / "backbone.safetensors"), strict=False)
    assert sorted(report.missing_keys) == ["fc.bias", "fc.weight"]
    assert report.unexpected_keys == []


def test_a_broken_picture_is_named_and_the_run_goes_on(pretext, pictures, tmp_path):
    (pictures / "disc" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    out = tmp_path / "out"
    pretext.run("pretrain", "--data", pictures, "--task", "rotation", "--backbone", "resnet10_narrow", "--epochs", 1,
                "--batch-size", 16, "--image-size", 32, "--out", out)
    assert "broken.jpg" in (out / "log.txt").read_text()


def test_finetune_and_evaluate_take_the_output_folder(pretext, pictures, tmp_path):
    first = tmp_path / "first"
    pretext.run("pretrain", "--data", pictures, "--task", "moco,rotation:0.3", "--backbone", "resnet10_narrow",
                "--epochs", 1, "--batch-size", 32, "--image-size", 32, "--out", first)
    second = tmp_path / "second"
    done = pretext.run("finetune", "--data", pictures, "--labels", "folders", "--from", first, "--epochs", 2,
                       "--out", second)
    assert "accuracy" in done.stdout
    done = pretext.run("evaluate", "--data", pictures, "--labels", "folders", "--from", first, "--out",
                       tmp_path / "third")
    assert "knn" in done.stdout and "linear" in done.stdout
