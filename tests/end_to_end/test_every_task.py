"""Each pretext task by its name alone, on a folder of colour JPEGs."""

import math

import pytest
from PIL import Image
from programs import TASKS, write_pictures
from safetensors.torch import load_file


@pytest.mark.parametrize("task", TASKS)
def test_a_task_pretrains_by_its_name(pretext, tmp_path, task):
    pictures = write_pictures(tmp_path / "pictures", 96)
    out = tmp_path / "out"
    done = pretext.run("pretrain", "--data", pictures, "--task", task, "--backbone", "resnet10_narrow", "--max-steps",
                       4, "--batch-size", 16, "--image-size", 32, "--threads", 1, "--out", out, "--name", task)
    assert "FAILED" not in done.stdout
    # A task may prepare at first, and has no loss then.
    losses = {int(point["step"]): float(point["value"])
              for point in pretext.json("metrics", task, "--metric", "pretrain/loss")}
    assert sorted(losses) in ([1, 2, 3, 4], [2, 3, 4]) and all(map(math.isfinite, losses.values()))
    assert load_file(out / "exported" / "backbone.safetensors")
    # A row a picture: the picture itself and what is asked, then the same with what is answered.
    asked, answered = tmp_path / "asked.png", tmp_path / "answered.png"
    pretext.run("show-batch", "--data", pictures, "--task", task, "--image-size", 32, "--pictures", 3, "--out", asked)
    said = pretext.json("show-batch", "--job", task, "--pictures", 3, "--out", answered)
    assert said["tasks"] == [task] and said["step"] == 4 and said["pictures"] == 3
    with Image.open(asked) as before, Image.open(answered) as after:
        for sheet in (before, after):
            sheet.load()
            assert sheet.mode == "RGB" and sheet.width > 2 * 144 and sheet.height > 3 * 144
        assert after.size >= before.size and after.tobytes() != before.tobytes()


def test_tasks_says_what_fits_a_folder(pretext, tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 20)
    fits = {task["name"]: task["fits"] for task in pretext.json("tasks", "--for", pictures)["tasks"]}
    assert set(fits) == set(TASKS)
    assert fits["colorization"] == "yes" and fits["moco"] == "doubtful"
