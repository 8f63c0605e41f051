"""Each pretext task by its name alone, on a folder of colour JPEGs."""

import math

import pytest
from programs import TASKS, write_pictures
from safetensors.torch import load_file


@pytest.mark.parametrize("task", TASKS)
def test_a_task_pretrains_by_its_name(pretext, tmp_path, task):
    pictures = write_pictures(tmp_path / "pictures", 96)
    out = tmp_path / "out"
    done = pretext.run("pretrain", "--data", pictures, "--task", task, "--backbone", "resnet10_narrow", "--max-steps",
                       4, "--batch-size", 16, "--image-size", 32, "--threads", 1, "--out", out, "--name", task)
    assert "FAILED" not in done.stdout
    losses = [float(point["value"]) for point in pretext.json("metrics", task, "--metric", "pretrain/loss")]
    assert len(losses) == 4 and all(math.isfinite(loss) for loss in losses)
    assert load_file(out / "exported" / "backbone.safetensors")


def test_tasks_says_what_fits_a_folder(pretext, tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 20)
    fits = {task["name"]: task["fits"] for task in pretext.json("tasks", "--for", pictures)["tasks"]}
    assert set(fits) == set(TASKS)
    assert fits["colorization"] == "yes" and fits["moco"] == "doubtful"
