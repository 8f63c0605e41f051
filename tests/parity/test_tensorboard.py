"""The output folder's metrics as TensorBoard reads them."""

import json

import numpy
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader


def loss(step):
    return numpy.float32(8 / (1 + step))


@pytest.fixture
def report(run_program, tmp_path):
    def run(attempt, stage, start, end, *flags):
        run_program("//worker/report:report_steps", "--output", tmp_path, "--attempt", attempt, "--stage", stage,
                    "--from", start, "--to", end, *flags)

    run.output = tmp_path
    return run


def expect_steps(accumulator, **stages):
    """Each stage's metrics have each step from 1 to the given one exactly once, with the right values."""
    wanted = {f"{stage}/{metric}" for stage in stages for metric in ("loss", "learning_rate")}
    assert set(accumulator.Tags()["scalars"]) == wanted
    for stage, steps in stages.items():
        points = accumulator.Scalars(f"{stage}/loss")
        assert [point.step for point in points] == list(range(1, steps + 1))
        assert [numpy.float32(point.value) for point in points] == [loss(point.step) for point in points]


def read_lines(output):
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def test_every_record_has_valid_checksums_and_known_fields(report):
    report(1, "pretrain", 0, 50)
    (path,) = report.output.glob("events.out.tfevents.*")
    events = list(LegacyEventFileLoader(str(path)).Load())
    assert events[0].file_version == "brain.Event:2"
    assert [event.step for event in events[1:]] == list(range(1, 51))
    assert all(1.5e9 < event.wall_time < 1e10 for event in events)


def test_a_resume_shows_every_step_once_to_a_reader_that_starts_afterwards(report):
    report(1, "pretrain", 0, 60)
    report(2, "pretrain", 40, 60)
    report(3, "finetune", 0, 20)
    report(4, "finetune", 10, 30)
    accumulator = EventAccumulator(str(report.output)).Reload()
    expect_steps(accumulator, pretrain=60, finetune=30)


def test_a_resume_shows_every_step_once_to_a_reader_that_watches(report):
    accumulator = EventAccumulator(str(report.output))
    report(1, "pretrain", 0, 60)
    expect_steps(accumulator.Reload(), pretrain=60)
    report(2, "finetune", 0, 20)
    expect_steps(accumulator.Reload(), pretrain=60, finetune=20)
    # The stale steps 11 .. 20 go, and those of the stage before stay.
    report(3, "finetune", 10, 15)
    expect_steps(accumulator.Reload(), pretrain=60, finetune=15)


def test_metrics_jsonl_holds_the_same_under_the_same_names(report):
    report(1, "pretrain", 0, 12)
    report(2, "pretrain", 10, 20)
    lines = read_lines(report.output)
    assert [(line["stage"], line["step"]) for line in lines] == [("pretrain", step) for step in range(1, 21)]
    assert [line["attempt"] for line in lines] == [1] * 10 + [2] * 10
    assert all(line["pretrain/loss"] == 8 / (1 + line["step"]) for line in lines)
    assert ("resumed after step 10: loss 0.666667 at step 11, the same as before"
            in (report.output / "log.txt").read_text())


def test_plots_are_pictures(report):
    report(1, "pretrain", 0, 100, "--finish")
    for name in ["pretrain-loss.png", "pretrain-learning-rate.png"]:
        with Image.open(report.output / "plots" / name) as picture:
            assert picture.format == "PNG" and picture.width == 1200
