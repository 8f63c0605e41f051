"""The backbones against torchvision's, from the same weights."""

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file


def randomise(model, seed):
    """Weights and running statistics that differ in every channel, so that a swapped pair shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("running_var") or name.endswith("bn1.weight") or name.endswith("bn2.weight"):
                value.uniform_(0.5, 1.5, generator=generator)
            elif name.endswith("running_mean") or name.endswith("bias"):
                value.uniform_(-0.2, 0.2, generator=generator)


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
@pytest.mark.parametrize("channels", [1, 3])
def test_features_from_the_same_weights_equal_torchvisions(run_program, tmp_path, name, channels):
    torch.manual_seed(7)
    model = getattr(torchvision.models, name)()
    if channels == 1:
        model.conv1 = torch.nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    randomise(model, 11)
    model.fc = torch.nn.Identity()
    model.eval()
    images = torch.randn(3, channels, 96, 96, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        want = model(images)

    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / "weights.safetensors",
              metadata={"format": "pt"})
    save_file({"images": images}, tmp_path / "images.safetensors")
    run_program("//worker/models:features", "--backbone", name, "--weights", tmp_path / "weights.safetensors",
                "--images", tmp_path / "images.safetensors", "--output", tmp_path / "features.safetensors")
    got = load_file(tmp_path / "features.safetensors")["features"]

    assert got.shape == want.shape
    assert (got - want).norm() / want.norm() < 1e-5
