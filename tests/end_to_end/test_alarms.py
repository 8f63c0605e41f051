"""Training that goes wrong says so and what to do next, and a probe draws the curve to judge it by."""

import numpy
from PIL import Image
from programs import write_pictures

SMALL = ["--backbone", "resnet10_narrow", "--batch-size", 16, "--image-size", 32, "--threads", 1]


def settings(values):
    """Options that set fields of the first stage."""
    return [word for field, value in values.items() for word in ("--set", f"stages[0].pretrain.{field}={value}")]


def test_a_collapse_is_told_within_two_hundred_steps(pretext, pictures, tmp_path):
    out = tmp_path / "out"
    # Somebody meant 2e-5 and wrote 20: the weights wither, and with them all that tells pictures apart.
    done = pretext.run("pretrain", "--data", pictures, "--task", "moco", *SMALL, "--max-steps", 200, "--out", out,
                       "--name", "withered", *settings({"optimizer.learning_rate": 0.05, "optimizer.momentum": 0,
                                                        "optimizer.weight_decay": 20}))
    assert "warning: COLLAPSE in pretrain at step " in done.stdout and "what to do: " in done.stdout
    (alarm,) = [alarm for alarm in pretext.json("status", "withered")["alarms"] if alarm["kind"] == "COLLAPSE"]
    assert alarm["stage"] == "pretrain" and int(alarm["step"]) <= 200 and "weight_decay" in alarm["advice"]
    assert "\nWarnings\n" in pretext.run("status", "withered").stdout
    assert "collapse in stage pretrain at step " in (out / "log.txt").read_text()
    (mark,) = pretext.json("metrics", "withered", "--metric", "pretrain/alarm_collapse")
    assert mark["step"] == alarm["step"]


def darken_corners(folder):
    """As a lens does, in all pictures alike."""
    for path in folder.rglob("*.jpg"):
        picture = numpy.asarray(Image.open(path), dtype=float)
        y, x = numpy.mgrid[:picture.shape[0], :picture.shape[1]]
        distance = numpy.hypot(y - picture.shape[0] / 2, x - picture.shape[1] / 2) / (0.7 * picture.shape[0])
        Image.fromarray((picture * (1 - 0.8 * distance[..., None] ** 2)).clip(0, 255).astype("uint8")).save(path)
    return folder


def test_a_leaky_jigsaw_is_told_before_it_trains_and_a_probe_judges_it(pretext, tmp_path):
    plain = write_pictures(tmp_path / "plain", 96)
    vignetted = darken_corners(write_pictures(tmp_path / "vignetted", 96))
    out = tmp_path / "out"
    jigsaw = ["--task", "jigsaw", *SMALL, "--max-steps", 4, *settings({"tasks[0].jigsaw.gap": 0})]
    done = pretext.run("pretrain", "--data", vignetted, *jigsaw, "--out", out, "--name", "leaky",
                       *settings({"probe.data.images": vignetted, "probe.data.labels": "folders", "probe.every_steps": 2}))
    assert "warning: SHORTCUT of jigsaw in pretrain at step 0: " in done.stdout
    (alarm,) = pretext.json("status", "leaky")["alarms"]
    assert (alarm["kind"], alarm["task"]) == ("SHORTCUT", "jigsaw") and "gap" in alarm["advice"]
    (share,) = pretext.json("metrics", "leaky", "--metric", "pretrain/jigsaw_pixel_probe")
    assert share["value"] > 0.5
    for name in ("probe_knn", "probe_layer1", "probe_layer4"):
        points = pretext.json("metrics", "leaky", "--metric", f"pretrain/{name}")
        assert [int(point["step"]) for point in points] == [2, 4]
    assert (out / "plots" / "pretrain-probe.png").exists()
    assert "knn probe " in done.stdout

    pretext.run("pretrain", "--data", plain, *jigsaw, "--out", tmp_path / "sound", "--name", "sound")
    assert pretext.json("status", "sound").get("alarms", []) == []
