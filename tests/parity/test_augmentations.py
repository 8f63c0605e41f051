"""Every augmentation against torchvision's for the same parameters.

The reference is torchvision on float tensors, which rounds nothing between operations; our views keep 1/64 of a
grey level between theirs. What may be left, in levels of 8 bits, is half a level of the last rounding and what
fixed point costs each operation. Every tolerance below is the largest difference allowed in any one pixel.
"""

import itertools
import json

import numpy
import pytest
import torch
import torchvision.transforms as transforms
import torchvision.transforms.v2.functional as functional

ROUNDING = 0.5
# Weights of 14 bits in two passes, the rows in between kept at 1/64 of a level.
RESIZE = 0.05
# Floats rounded to 1/64 of a level after the last colour operation, and once before contrast.
COLOR = 0.05
# Weights of 15 bits; the tails of the kernel below 1/2048 are cut off and their weight given to the rest.
BLUR = 0.35


def noise(height, width, channels, seed):
    """Full range and no two pixels alike: the hardest picture for a resize."""
    random = numpy.random.default_rng(seed)
    return random.integers(0, 256, (height, width, channels), dtype=numpy.uint8)


def scene(height, width, channels, seed):
    """Waves, edges and flat colours, black and white among them."""
    random = numpy.random.default_rng(seed)
    y, x = numpy.mgrid[:height, :width] / max(height, width)
    picture = numpy.stack([127 + 128 * numpy.sin(9 * x + i + 5 * y * y) for i in range(channels)], -1)
    for _ in range(8):
        top, left = random.integers(0, height), random.integers(0, width)
        picture[top:top + height // 4 + 1, left:left + width // 4 + 1] = random.choice([0, 30, 128, 200, 255], channels)
    return picture.clip(0, 255).astype(numpy.uint8)


PICTURES = {"noise": noise, "scene": scene}
# Height and width of the picture, side of the view: smaller, larger, odd, wide, tall, and no change.
SHAPES = [(333, 500, 224), (500, 333, 96), (64, 64, 32), (28, 28, 28), (7, 9, 33), (1024, 200, 160), (37, 41, 37)]
# Without a resize, so that one operation is seen alone.
SIDES = [16, 33, 96, 224]


@pytest.fixture
def render(run_program, tmp_path):
    """render(picture, [request, ...]) -> the views, each (C, size, size) in levels of 0 .. 255."""

    def run(picture, requests):
        height, width, channels = picture.shape
        raw = tmp_path / "picture.raw"
        raw.write_bytes(picture.tobytes())
        lines = [json.dumps({"image": str(raw), "height": height, "width": width, "channels": channels, **request})
                 for request in requests]
        done = run_program("//worker/augment:render_views", input="\n".join(lines).encode())
        views, taken = [], 0
        for size in (request["size"] for request in requests):
            flat = numpy.frombuffer(done.stdout, numpy.uint8, size * size * channels, taken)
            views.append(torch.from_numpy(flat.reshape(size, size, channels).copy()).permute(2, 0, 1).double())
            taken += flat.size
        assert taken == len(done.stdout)
        return views

    return run


def as_tensor(picture):
    return torch.from_numpy(picture).permute(2, 0, 1)


def kernel_size(size):
    """A tenth of the side, odd, at least 3: 23 at 224, as in SimCLR."""
    return max(3, size // 10 | 1)


def torchvision_view(image, request):
    """torchvision's view of an image tensor (C, H, W), bytes or floats in 0 .. 1, by the same request."""
    size = request["size"]
    image = functional.resized_crop(image, *request.get("crop", [0, 0, *image.shape[1:]]), [size, size], antialias=True)
    for name in request.get("order", []):
        if name in ("saturation", "hue") and image.shape[0] == 1:
            continue
        image = getattr(functional, f"adjust_{name}")(image, request[name])
    if request.get("gray"):
        image = functional.rgb_to_grayscale(image, num_output_channels=image.shape[0])
    if request.get("blur_sigma"):
        image = functional.gaussian_blur(image, [kernel_size(size)] * 2, [request["blur_sigma"]] * 2)
    if request.get("solarize"):
        image = functional.solarize(image, 128 if image.dtype == torch.uint8 else 127.5 / 255)
    if request.get("flip"):
        image = functional.horizontal_flip(image)
    return image


def exact_view(picture, request):
    """torchvision's, in levels, not rounded."""
    return torchvision_view(as_tensor(picture).float() / 255, request).double() * 255


def check(render, picture, requests, tolerance):
    """Every request, with SIMD and without, gives torchvision's view within `tolerance`. Returns the latter."""
    exact = [exact_view(picture, request) for request in requests]
    for extra in ({}, {"scalar": True}):
        got = render(picture, [{**request, **extra} for request in requests])
        for request, ours, want in zip(requests, got, exact):
            difference = (ours - want).abs()
            assert difference.max() <= tolerance, (
                f"{picture.shape} {request} {extra}: up to {difference.max():.3f} levels apart, "
                f"{(difference > tolerance).double().mean():.2%} of the values more than {tolerance}")
    return exact


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("height, width, size", SHAPES)
def test_crop_and_resize(render, kind, channels, height, width, size):
    picture = PICTURES[kind](height, width, channels, seed=height)
    torch.manual_seed(width)
    crops = [(0, 0, height, width), (height - 1, width - 1, 1, 1), (0, 0, 1, width), (0, width // 2, height, 2)]
    crops += [transforms.RandomResizedCrop.get_params(as_tensor(picture), [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(8)]
    check(render, picture, [{"size": size, "crop": list(crop)} for crop in crops], ROUNDING + RESIZE)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("height, width, size", SHAPES + [(300, 301, 224), (97, 96, 96)])
def test_centre_of_evaluation(render, channels, height, width, size):
    picture = scene(height, width, channels, seed=5)
    short = size * 256 // 224 if size > 96 else size
    image = functional.resize(as_tensor(picture).float() / 255, [short], antialias=True)
    want = functional.center_crop(image, [size, size]) * 255
    for extra in ({}, {"scalar": True}):
        got = render(picture, [{"size": size, "center": True, **extra}])[0]
        assert (got - want).abs().max() <= ROUNDING + RESIZE


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name, factors", [
    ("brightness", [0.0, 0.6, 1.0, 1.4, 3.0]),
    ("contrast", [0.0, 0.6, 1.0, 1.4, 3.0]),
    ("saturation", [0.0, 0.6, 1.0, 1.4, 3.0]),
    ("hue", [-0.5, -0.31, -0.1, 0.0, 0.02, 0.1, 0.4, 0.5]),
])
def test_one_colour_operation(render, kind, side, name, factors):
    for channels in (3, 1) if name in ("brightness", "contrast") else (3,):
        picture = PICTURES[kind](side, side, channels, seed=side)
        check(render, picture, [{"size": side, "order": [name], name: factor} for factor in factors], ROUNDING + COLOR)


@pytest.mark.parametrize("order", itertools.permutations(["brightness", "contrast", "saturation", "hue"]))
def test_colour_jitter_in_every_order(render, order):
    torch.manual_seed(hash(order) % 1000)
    requests = []
    for _ in range(4):
        _, brightness, contrast, saturation, hue = transforms.ColorJitter.get_params(
            [0.6, 1.4], [0.6, 1.4], [0.6, 1.4], [-0.1, 0.1])
        requests.append({"size": 48, "order": list(order), "brightness": brightness, "contrast": contrast,
                         "saturation": saturation, "hue": hue})
    for kind in PICTURES:
        check(render, PICTURES[kind](48, 48, 3, seed=2), requests, ROUNDING + COLOR)


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("side", SIDES)
def test_grey_copy(render, kind, side):
    for channels in (1, 3):
        check(render, PICTURES[kind](side, side, channels, seed=3), [{"size": side, "gray": True}], ROUNDING + COLOR)


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", SIDES)
def test_gaussian_blur(render, kind, channels, side):
    picture = PICTURES[kind](side, side, channels, seed=4)
    check(render, picture, [{"size": side, "blur_sigma": sigma} for sigma in (0.1, 0.3, 0.5, 0.9, 1.4, 2.0, 5.0)],
          ROUNDING + BLUR)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("channels", [1, 3])
def test_flip_and_solarise_are_exact(render, side, channels):
    picture = noise(side, side, channels, seed=6)
    requests = [{"size": side, "flip": flip, "solarize": solarize} for flip in (True, False) for solarize in (True, False)]
    for extra in ({}, {"scalar": True}):
        for request, got in zip(requests, render(picture, [{**request, **extra} for request in requests])):
            assert torch.equal(got, torchvision_view(as_tensor(picture), request).double()), request


def draw_request(picture, size):
    """A view of MoCo v2, drawn by torchvision."""
    order, brightness, contrast, saturation, hue = transforms.ColorJitter.get_params(
        [0.6, 1.4], [0.6, 1.4], [0.6, 1.4], [-0.1, 0.1])
    names = ["brightness", "contrast", "saturation", "hue"]
    request = {
        "size": size,
        "crop": list(transforms.RandomResizedCrop.get_params(as_tensor(picture), [0.2, 1.0], [3 / 4, 4 / 3])),
        "order": [names[i] for i in order] if torch.rand(()) < 0.8 else [],
        "brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue,
        "gray": bool(torch.rand(()) < 0.2), "flip": bool(torch.rand(()) < 0.5),
    }
    if torch.rand(()) < 0.5:
        request["blur_sigma"] = float(torch.empty(()).uniform_(0.1, 2.0))
    return request


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("height, width, size", [(333, 500, 224), (120, 90, 64), (32, 32, 32)])
def test_the_whole_pipeline(render, kind, channels, height, width, size):
    picture = PICTURES[kind](height, width, channels, seed=8)
    torch.manual_seed(size + channels)
    requests = [draw_request(picture, size) for _ in range(16)]
    # A resize error is scaled by the factors of brightness and contrast that follow it, at most 1.4 * 1.4.
    exact_views = check(render, picture, requests, ROUNDING + 2 * RESIZE + COLOR + BLUR)
    # torchvision rounds bytes after every operation, so its views of bytes differ more from its own exact ones.
    for request, got, exact in zip(requests, render(picture, requests), exact_views):
        of_bytes = (torchvision_view(as_tensor(picture), request).double() - exact).abs().mean()
        assert (got - exact).abs().mean() <= max(of_bytes, ROUNDING / 2 + 0.05)


def test_solarise_in_the_pipeline_inverts_what_is_rounded_to_128_and_more(render):
    picture = scene(90, 120, 3, seed=9)
    torch.manual_seed(1)
    requests = [draw_request(picture, 64) for _ in range(12)]
    plain = render(picture, requests)
    solarized = render(picture, [{**request, "solarize": True} for request in requests])
    for before, after in zip(plain, solarized):
        assert torch.equal(after, functional.solarize(before.to(torch.uint8), 128).double())
