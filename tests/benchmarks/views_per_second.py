#!/usr/bin/env python3
"""MoCo v2 views per CPU-second beside lightly and torchvision, on one core, in one run.

    tests/benchmarks/views_per_second.py [--pairs 9] [--at-least RATIO] [--binary PATH]

Every side makes two views of the same pictures: random resized crop (0.2 .. 1), colour jitter (0.4, 0.4, 0.4,
0.1; p 0.8), grey (p 0.2), Gaussian blur (p 0.5; not at 32 px), flip, normalised floats. Ours and a peer are
measured by turns (A B A B ...) on the same core; a ratio is that of two neighbours, so that a machine whose
speed drifts does no harm. CPU time is counted, not the clock on the wall.

The pictures are fixed: 64 crops of the photographs in scikit-image's package, 500 x 375, JPEG quality 90.
Peers run in the environment that tests/install_python.sh makes (it is made on the first use).
"""

import argparse
import io
import json
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time

from environment import enter_environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = "//tests/benchmarks:views_per_second"
PHOTOGRAPHS = ["astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png",
               "motorcycle_left.png", "retina.jpg", "rocket.jpg"]
CROPS_EACH = 8


def make_pictures(folder, width, height, encoding, **options):
    """Writes the fixed set and gives back the files' contents in the order of their names."""
    import skimage
    from PIL import Image

    source = pathlib.Path(skimage.__file__).parent / "data"
    draw = random.Random(2024)
    contents = []
    for name in PHOTOGRAPHS:
        photograph = Image.open(source / name).convert("RGB")
        for i in range(CROPS_EACH):
            scale = draw.uniform(0.7, 1.0) * min(photograph.width / 4, photograph.height / 3)
            w, h = int(4 * scale), int(3 * scale)
            left, top = draw.randint(0, photograph.width - w), draw.randint(0, photograph.height - h)
            picture = photograph.crop((left, top, left + w, top + h)).resize((width, height), Image.LANCZOS)
            data = io.BytesIO()
            picture.save(data, encoding, **options)
            (folder / f"{len(contents):03}.{encoding.lower()}").write_bytes(data.getvalue())
            contents.append(data.getvalue())
    return contents


def lightly_views(size):
    from lightly.transforms import MoCoV2Transform

    return MoCoV2Transform(input_size=size, gaussian_blur=0.5 if size > 64 else 0.0)


def torchvision_views(size):
    import torch
    from torchvision.transforms import v2

    steps = [
        v2.RandomResizedCrop(size, scale=(0.2, 1.0), antialias=True),
        v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        v2.RandomGrayscale(0.2),
    ]
    if size > 64:
        steps.append(v2.RandomApply([v2.GaussianBlur(size // 10 | 1, (0.1, 2.0))], p=0.5))
    steps += [
        v2.RandomHorizontalFlip(0.5),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
    view = v2.Compose(steps)
    return lambda picture: [view(picture), view(picture)]


def peer(contents, decode, views, decoded):
    """A function that gives CPU-milliseconds per picture of one round over all pictures."""
    pictures = [decode(content) for content in contents] if decoded else None

    def measure():
        started = time.process_time()
        if decoded:
            for picture in pictures:
                views(picture)
        else:
            for content in contents:
                views(decode(content))
        return 1e3 * (time.process_time() - started) / len(contents)

    measure()
    return measure


def pretext(binary, folder, size, mode, rounds):
    def measure():
        done = subprocess.run([binary, folder, str(size), mode, str(rounds)], check=True, capture_output=True)
        return json.loads(done.stdout)["cpu_ms_per_picture"]

    return measure


def by_turns(ours, theirs, pairs):
    return [(ours(), theirs()) for _ in range(pairs)]


def row(name, runs):
    """Prints one line of the table; ratios are those of neighbours. Gives their median."""
    mine, other = zip(*runs)
    ratios = sorted(b / a for a, b in runs)
    mine, other = statistics.median(mine), statistics.median(other)
    print(f"| {name} | {mine:.3f} ({2e3 / mine:.0f}) | {other:.3f} ({2e3 / other:.0f}) "
          f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f} .. {ratios[-1]:.2f}) |", flush=True)
    return statistics.median(ratios)


def processor():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    isa = [flag for flag in ("avx2", "fma", "avx512f", "avx512_bf16") if flag in fields.get("flags", "").split()]
    return (f"{fields.get('model name', platform.machine())}, family {fields.get('cpu family')} model "
            f"{fields.get('model')}, {' '.join(isa)} (ours uses AVX2)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9, help="measurements of each side (default 9)")
    parser.add_argument("--at-least", type=float, default=0, metavar="RATIO",
                        help="end with 1 when a median ratio to lightly is less")
    parser.add_argument("--binary", type=pathlib.Path, help=f"instead of building {TARGET}")
    arguments = parser.parse_args()
    enter_environment("lightly", "skimage", "torchvision")

    import lightly
    import PIL
    import torch
    import torchvision
    from PIL import Image

    binary = arguments.binary
    if binary is None:
        subprocess.run(["bazel", "build", TARGET], check=True, cwd=ROOT)
        binary = ROOT / "bazel-bin" / "tests" / "benchmarks" / "views_per_second"
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})  # children too
    torch.set_num_threads(1)
    torch.manual_seed(1)
    random.seed(1)

    print(f"command: {' '.join(sys.argv)}")
    print(f"processor: {processor()}; core {core}; load {os.getloadavg()[0]:.1f}")
    print(f"versions: lightly {lightly.__version__}, torch {torch.__version__}, torchvision "
          f"{torchvision.__version__}, Pillow {PIL.__version__}, Python {platform.python_version()}")

    def pil(content):
        return Image.open(io.BytesIO(content)).convert("RGB")

    def tensor(content):
        data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        if content[:2] == b"\xff\xd8":
            return torchvision.io.decode_jpeg(data)
        return torchvision.io.decode_image(data)

    with tempfile.TemporaryDirectory() as temporary:
        photographs = pathlib.Path(temporary) / "photographs"
        small = pathlib.Path(temporary) / "small"
        photographs.mkdir()
        small.mkdir()
        files = make_pictures(photographs, 500, 375, "JPEG", quality=90)
        tiny = make_pictures(small, 32, 32, "PNG")
        print(f"pictures: {len(files)} JPEG of 500 x 375, quality 90, "
              f"{statistics.mean(map(len, files)) / 1024:.1f} KiB on average; the same as 32 x 32\n")

        print("CPU-milliseconds per picture (views per CPU-second), medians; ratio: median of neighbours "
              "(least .. most)\n")
        print("| two views of a picture | Pretext | peer | ratio |\n|---|---|---|---|", flush=True)
        ours = pretext(binary, photographs, 224, "files", 5)
        to_lightly = [row("224 px from JPEG, lightly (PIL)",
                          by_turns(ours, peer(files, pil, lightly_views(224), decoded=False), arguments.pairs))]
        row("224 px from JPEG, torchvision v2 (uint8 tensors)",
            by_turns(ours, peer(files, tensor, torchvision_views(224), decoded=False), arguments.pairs))
        ours = pretext(binary, small, 32, "pixels", 200)
        to_lightly.append(row("32 px from decoded pictures, lightly (PIL)",
                              by_turns(ours, peer(tiny, pil, lightly_views(32), decoded=True), arguments.pairs)))
        row("32 px from decoded pictures, torchvision v2 (uint8 tensors)",
            by_turns(ours, peer(tiny, tensor, torchvision_views(32), decoded=True), arguments.pairs))

        # The limit: what decoding and copying alone take, beside what the data threads do (bytes, no floats).
        runs = by_turns(pretext(binary, photographs, 224, "bytes", 5),
                        pretext(binary, photographs, 224, "limit", 5), arguments.pairs)
        shares = sorted(b / a for a, b in runs)
        print(f"\nAs the data threads make them (uint8): {statistics.median(a for a, _ in runs):.3f} ms a picture; "
              f"decoding and copying alone: {statistics.median(b for _, b in runs):.3f} ms, so "
              f"{100 * statistics.median(shares):.0f} % of the limit ({100 * shares[0]:.0f} .. "
              f"{100 * shares[-1]:.0f} %).")
    if min(to_lightly) < arguments.at_least:
        sys.exit(f"a ratio to lightly is {min(to_lightly):.2f}, less than {arguments.at_least}")


if __name__ == "__main__":
    main()
