"""The two labelled sets of the table: both come from Debian's packages, nothing else is fetched."""

import dataclasses
import gzip
import math
import pathlib
import random
import subprocess

NAMES = ("fashion", "clipart")
CLIP_ART_SIDE = 64
# Folders of openclipart that are about something one can see, each a class.
CLIP_ART_CLASSES = ("animals", "buildings", "computer", "food", "people", "plants", "recreation", "signs_and_symbols",
                    "tools", "transportation")
CLIP_ART_OF_A_FOLDER = 60  # of the pictures of one folder: some hold hundreds that differ by a number
CLIP_ART_OF_A_CLASS = 450
CLIP_ART_TEST_SHARE = 3    # a third of a class is judged by
CLIP_ART_PIXELS = 4_000_000  # larger ones, up to 600 million pixels, are left out


@dataclasses.dataclass
class PictureSet:
    name: str
    title: str
    unlabelled: dict  # DataSpec of what is pretrained on
    labelled: dict    # the same pictures with their labels
    test: dict
    load: object      # () -> (train pictures, train labels, test pictures, test labels) as arrays


def fashion():
    import numpy

    folder = pathlib.Path("/usr/share/datasets/fashion-mnist")
    if not folder.exists():
        raise SystemExit("task_table: Fashion-MNIST is not there; apt-get install dataset-fashion-mnist")

    def spec(part):
        return {"images": str(folder / f"{part}-images-idx3-ubyte.gz"),
                "labels": str(folder / f"{part}-labels-idx1-ubyte.gz")}

    def read(path, header, shape):
        return numpy.frombuffer(gzip.open(path).read(), numpy.uint8, offset=header).reshape(shape)

    def load():
        arrays = []
        for part in ("train", "t10k"):
            arrays += [read(spec(part)["images"], 16, (-1, 28 * 28)), read(spec(part)["labels"], 8, (-1,))]
        return arrays

    train = spec("train")
    return PictureSet("fashion", "Fashion-MNIST: 60,000 grey pictures of clothes, 28 pixels, 10 classes, judged on "
                      "10,000 others", {"images": train["images"]}, train, spec("t10k"), load)


def clip_art_files(source):
    """{class: paths}, the same on every machine."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # the header alone is read
    draw = random.Random(2016)
    chosen = {}
    for name in CLIP_ART_CLASSES:
        folders = {}
        for path in sorted((source / name).rglob("*.png")):
            folders.setdefault(path.parent, []).append(path)
        chosen[name] = []
        for folder in sorted(folders):
            paths = [path for path in folders[folder] if math.prod(Image.open(path).size) <= CLIP_ART_PIXELS]
            chosen[name] += sorted(draw.sample(paths, min(len(paths), CLIP_ART_OF_A_FOLDER)))
        draw.shuffle(chosen[name])
        del chosen[name][CLIP_ART_OF_A_CLASS:]
    return chosen


def unpack_clip_art(work):
    """The package's pictures, fetched once."""
    unpacked = work / "openclipart"
    if not (unpacked / ".done").exists():
        unpacked.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "openclipart-png"], cwd=unpacked, check=True)
        package = next(unpacked.glob("openclipart-png_*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
        package.unlink()
        (unpacked / ".done").touch()
    return unpacked / "usr/share/openclipart/png"


def write_clip_art(work):
    """Onto white, so that no outline leaks through transparency, and small."""
    from PIL import Image

    made = work / "clipart"
    if (made / ".done").exists():
        return made
    for name, paths in clip_art_files(unpack_clip_art(work)).items():
        for i, path in enumerate(paths):
            part = "test" if i % CLIP_ART_TEST_SHARE == 0 else "train"
            with Image.open(path) as opened:
                picture = opened.convert("RGBA")
            side = max(picture.size)
            canvas = Image.new("RGBA", (side, side), "white")
            canvas.alpha_composite(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
            target = made / part / name / f"{i:04}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            canvas.convert("RGB").resize((CLIP_ART_SIDE, CLIP_ART_SIDE), Image.LANCZOS).save(target)
    (made / ".done").touch()
    return made


def clipart(work):
    import numpy
    from PIL import Image

    made = write_clip_art(work)
    counts = {part: sum(1 for _ in (made / part).rglob("*.png")) for part in ("train", "test")}

    def load():
        arrays = []
        for part in ("train", "test"):
            paths = sorted((made / part).rglob("*.png"))
            arrays += [numpy.stack([numpy.asarray(Image.open(path)).reshape(-1) for path in paths]),
                       numpy.array([CLIP_ART_CLASSES.index(path.parent.name) for path in paths])]
        return arrays

    def spec(part):
        return {"images": str(made / part), "labels": "folders"}

    return PictureSet("clipart", f"Open Clip Art: {counts['train']:,} colour pictures, {CLIP_ART_SIDE} pixels, "
                      f"{len(CLIP_ART_CLASSES)} classes, judged on {counts['test']:,} others",
                      {"images": str(made / "train")}, spec("train"), spec("test"), load)


def prepare(name, work):
    return fashion() if name == "fashion" else clipart(work)
