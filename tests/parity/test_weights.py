"""Weights that we write, read by safetensors, torchvision and timm; and pictures that we normalise."""

import pytest
import timm
import torch
import torchvision
import torchvision.transforms.v2.functional as functional
from safetensors import safe_open
from safetensors.torch import load_file, save_file

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


@pytest.fixture
def exported(run_program, tmp_path):
    """exported(backbone, side, ...) -> (path of the weights, what the program wrote beside them)."""

    def export(backbone, side, *arguments):
        images = torch.randint(0, 256, (4, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
        save_file({"images": images}, tmp_path / "images.safetensors")
        run_program("//worker/models:features", "--backbone", backbone, "--seed", 5, "--images",
                    tmp_path / "images.safetensors", "--mean", ",".join(map(str, MEAN)), "--std",
                    ",".join(map(str, STD)), "--export", tmp_path / "backbone.safetensors", "--output",
                    tmp_path / "features.safetensors", *arguments)
        output = load_file(tmp_path / "features.safetensors")
        output["pictures"] = images
        return tmp_path / "backbone.safetensors", output

    return export


def features(model, images):
    model.eval()
    with torch.no_grad():
        return model(images)


def test_pictures_are_normalised_as_torchvision_does(exported):
    _, output = exported("resnet10_narrow", 48, "--small_stem")
    want = functional.normalize(output["pictures"].permute(0, 3, 1, 2).float() / 255, MEAN, STD)
    assert output["images"].shape == want.shape
    # At most 2.7 in size: one rounding more or less of a float.
    assert (output["images"] - want).abs().max() <= 1e-6


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_torchvision_loads_them_with_only_fc_missing(exported, name):
    path, output = exported(name, 64)
    weights = load_file(path)
    model = getattr(torchvision.models, name)()
    report = model.load_state_dict(weights, strict=False)
    assert sorted(report.missing_keys) == ["fc.bias", "fc.weight"]
    assert report.unexpected_keys == []
    for key, value in model.state_dict().items():
        if not key.startswith("fc."):
            assert value.dtype == weights[key].dtype and torch.equal(value, weights[key]), key

    model.fc = torch.nn.Identity()
    got = features(model, output["images"])
    # The same sums in an order of another library: rounding only.
    assert (got - output["features"]).norm() / got.norm() < 1e-5


def test_torchvision_computes_the_same_features_bit_for_bit_in_our_memory_layout(exported):
    path, output = exported("resnet18", 64)
    model = torchvision.models.resnet18()
    model.load_state_dict(load_file(path), strict=False)
    model.fc = torch.nn.Identity()
    model = model.to(memory_format=torch.channels_last)
    got = features(model, output["images"].contiguous(memory_format=torch.channels_last))
    assert torch.equal(got, output["features"])


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_timm_loads_them(exported, name):
    path, output = exported(name, 64)
    model = timm.create_model(name, num_classes=0)
    report = model.load_state_dict(load_file(path), strict=False)
    assert report.missing_keys == [] and report.unexpected_keys == []
    got = features(model, output["images"])
    assert (got - output["features"]).norm() / got.norm() < 1e-5


def test_the_small_stem_is_torchvisions_with_two_layers_replaced(exported):
    path, output = exported("resnet18", 32, "--small_stem")
    model = torchvision.models.resnet18()
    model.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.maxpool = torch.nn.Identity()
    report = model.load_state_dict(load_file(path), strict=False)
    assert sorted(report.missing_keys) == ["fc.bias", "fc.weight"]
    model.fc = torch.nn.Identity()
    got = features(model, output["images"])
    assert (got - output["features"]).norm() / got.norm() < 1e-5


def test_the_file_says_how_to_prepare_pictures(exported):
    path, _ = exported("resnet18", 64)
    with safe_open(path, "pt") as file:
        card = file.metadata()
    assert card["format"] == "pt"
    assert card["pretext.architecture"] == "resnet18"
    assert card["pretext.stem"] == "standard"
    assert card["pretext.weights"] == "raw"
    assert [float(number) for number in card["pretext.mean"].split(",")] == MEAN
    assert [float(number) for number in card["pretext.std"].split(",")] == STD
    assert card["pretext.image_size"] == "64"


def test_weights_written_by_python_come_back_bit_for_bit(run_program, tmp_path):
    """Through our reader and our writer, so that both ends of the format are another's."""
    torch.manual_seed(4)
    model = torchvision.models.resnet18()
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.1, 1)
    state = {key: value.clone() for key, value in model.state_dict().items() if not key.startswith("fc.")}
    save_file(state, tmp_path / "given.safetensors")
    save_file({"images": torch.zeros(1, 3, 32, 32)}, tmp_path / "images.safetensors")
    run_program("//worker/models:features", "--weights", tmp_path / "given.safetensors", "--images",
                tmp_path / "images.safetensors", "--export", tmp_path / "back.safetensors", "--output",
                tmp_path / "features.safetensors")
    back = load_file(tmp_path / "back.safetensors")
    assert set(back) == set(state)
    assert all(torch.equal(back[key], value) and back[key].dtype == value.dtype for key, value in state.items())


@pytest.mark.parametrize("name, fits", [("resnet18", True), ("resnet34", True), ("resnet18d", False)])
def test_timms_weights_are_taken_and_those_of_a_deep_stem_refused(run_program, tmp_path, name, fits):
    torch.manual_seed(4)
    save_file(timm.create_model(name, num_classes=0).state_dict(), tmp_path / "timm.safetensors")
    save_file({"images": torch.zeros(1, 3, 32, 32)}, tmp_path / "images.safetensors")
    arguments = ["//worker/models:features", "--backbone", name.rstrip("d"), "--weights",
                 tmp_path / "timm.safetensors", "--images", tmp_path / "images.safetensors", "--output",
                 tmp_path / "features.safetensors"]
    if fits:
        assert b"0 missing" in run_program(*arguments).stderr
    else:
        with pytest.raises(AssertionError, match="has a deep stem"):
            run_program(*arguments)
