"""Whatever is killed, a job goes on where it was, and ends as if nothing had happened."""

import json
import os
import signal

import pytest
import torch
from programs import wait_until, write_pictures
from reflection_client import ReflectionClient
from safetensors.torch import load_file

SETTLED = ("SUCCEEDED", "FAILED", "CANCELLED")
# A busy machine may be many times slower than a quiet one.
DEADLINE_SECONDS = 600
# What a step computes, as opposed to how long that took.
COMPUTED = ("pretrain/loss", "pretrain/moco_", "pretrain/rotation_", "pretrain/gradient_norm", "pretrain/feature_spread",
            "pretrain/jigsaw_", "pretrain/colorization_", "pretrain/consistency_", "pretrain/prediction_agreement",
            "finetune/loss", "finetune/labelled_loss", "finetune/unlabelled_loss", "finetune/confident_share")
TWO_TASKS = "[moco: {queue_length: 32}, {weight: 0.3, rotation: {}}]"
# All that a stage can train beside a backbone and heads.
CONSISTENT_TASKS = """[moco: {queue_length: 32}, {weight: 0.5, jigsaw: {}}, {weight: 0.2, colorization: {}}]
    consistency: {taps: {layer3: 0.5, projection: 1}}
    weighting: UNCERTAINTY"""


def job_text(pictures, output, steps, ranks=2, every_steps=10, tasks=TWO_TASKS, image_size=24):
    return f"""
name: resume
data: {{images: {pictures}}}
output: {output}
resources: {{world_size: {ranks}, threads: 1, data_threads: 1}}
checkpoints: {{every_steps: {every_steps}}}
seed: 5
stages:
- pretrain:
    backbone: {{name: resnet10_narrow}}
    tasks: {tasks}
    max_steps: {steps}
    batch_size: 8
    image_size: {image_size}
"""


@pytest.fixture
def client(pretext):
    """submit, look and wait, through whichever coordinator serves this test's state folder."""
    clients = []

    class Client(ReflectionClient):
        def __init__(self):
            super().__init__(f"unix:{pretext.state}/server.sock")
            clients.append(self)

        def submit(self, text, tmp_path):
            file = tmp_path / "job.yaml"
            file.write_text(text)
            return pretext.run("submit", file, "--quiet").stdout.strip()

        def job(self, name):
            return self.call("GetJob", name=name)

        def wait_for_step(self, name, step, attempt=1):
            def reached():
                assert self.state(name) not in SETTLED, f"{self.job(name)}\n{pretext.logs()}"
                job = self.job(name)
                return job.attempt >= attempt and self.state(name) == "RUNNING" and job.progress.step >= step

            wait_until(reached, DEADLINE_SECONDS, f"step {step} of {name}")

        def wait_for_state(self, name, *states):
            def reached():
                state = self.state(name)
                assert state in states or state not in SETTLED, f"{self.job(name)}\n{pretext.logs()}"
                return state if state in states else None

            return wait_until(reached, DEADLINE_SECONDS, f"{name} to be {' or '.join(states)}")

    yield Client
    for client in clients:
        client.close()


def computed(points):
    """{(metric, step): value} of what was computed; each step of a metric may come only once."""
    values = {}
    for point in points:
        if point.metric.startswith(COMPUTED):
            assert (point.metric, point.step) not in values, f"{point.metric} has step {point.step} twice"
            values[point.metric, point.step] = point.value
    return values


def rows_once(output, steps):
    """The rows of metrics.jsonl by step, each of the steps exactly once. What was seen before the first has no loss."""
    rows = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "pretrain/loss" not in row] == [0]
    rows = [row for row in rows if "pretrain/loss" in row]
    assert [row["step"] for row in rows] == list(range(1, steps + 1))
    return rows


def last_row(output):
    """Of metrics.jsonl, while a rank writes it: the last whole line."""
    return json.loads((output / "metrics.jsonl").read_text().rpartition("\n")[0].rpartition("\n")[2])


def assert_same_weights(one, other, name="backbone"):
    ours, theirs = (load_file(folder / "exported" / f"{name}.safetensors") for folder in (one, other))
    assert set(ours) == set(theirs)
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), f"{name} differs"


def test_a_job_survives_its_rank_and_its_coordinator(pretext, client, tmp_path):
    steps = 400
    pictures = write_pictures(tmp_path / "pictures", 96)
    served = pretext.serve()
    api = client()
    undisturbed = api.submit(job_text(pictures, tmp_path / "undisturbed", steps), tmp_path)
    api.wait_for_state(undisturbed, "SUCCEEDED")
    want = computed(api.points(undisturbed))

    name = api.submit(job_text(pictures, tmp_path / "disturbed", steps), tmp_path)
    api.wait_for_step(name, 25)
    os.kill(pretext.pid("pretext-rank1"), signal.SIGKILL)
    api.wait_for_step(name, 60, attempt=2)
    served.kill()
    # The job trains on while nobody coordinates.
    last = last_row(tmp_path / "disturbed")["step"]
    wait_until(lambda: last_row(tmp_path / "disturbed")["step"] >= last + 20, DEADLINE_SECONDS, "20 more steps")
    served = pretext.serve()
    assert api.state(name) == "RUNNING"
    assert api.wait_for_state(name, "SUCCEEDED") == "SUCCEEDED"

    job = api.job(name)
    # The rank cost an attempt, the coordinator none.
    assert (job.attempt, job.restarts) == (2, 1)
    assert job.failure.signal == signal.SIGKILL and job.failure.rank == 1
    got = computed(api.points(name, newest_attempt_only=True))
    assert set(got) == set(want)
    assert {step for metric, step in got if metric == "pretrain/loss"} == set(range(1, steps + 1))
    assert got == want
    for rows in zip(rows_once(tmp_path / "disturbed", steps), rows_once(tmp_path / "undisturbed", steps)):
        assert rows[0]["pretrain/loss"] == rows[1]["pretrain/loss"]
    assert_same_weights(tmp_path / "disturbed", tmp_path / "undisturbed")
    served.stop()


def test_tasks_with_consistency_survive_a_rank_bit_for_bit(pretext, client, tmp_path):
    steps = 80
    pictures = write_pictures(tmp_path / "pictures", 64)
    served = pretext.serve()
    api = client()

    def job(output):
        return api.submit(job_text(pictures, tmp_path / output, steps, tasks=CONSISTENT_TASKS, image_size=32), tmp_path)

    undisturbed = job("undisturbed")
    api.wait_for_state(undisturbed, "SUCCEEDED")
    name = job("disturbed")
    api.wait_for_step(name, 15)
    os.kill(pretext.pid("pretext-rank1"), signal.SIGKILL)
    api.wait_for_state(name, "SUCCEEDED")

    assert api.job(name).attempt == 2
    want, got = computed(api.points(undisturbed)), computed(api.points(name, newest_attempt_only=True))
    for metric in ("consistency_predictions", "consistency_layer3", "consistency_projection", "consistency_cosine_gap",
                   "prediction_agreement", "moco_log_variance", "jigsaw_log_variance", "colorization_log_variance"):
        assert (f"pretrain/{metric}", steps) in want, metric
    for part in ("moco", "jigsaw", "colorization", "consistency"):
        measured = [step for metric, step in want if metric == f"pretrain/{part}_gradient_norm"]
        assert sorted(measured) == [1, *range(10, steps + 1, 10)], part
    assert got == want
    assert_same_weights(tmp_path / "disturbed", tmp_path / "undisturbed")
    served.stop()


def test_a_job_survives_its_agent(pretext, client, tmp_path):
    steps = 200
    pictures = write_pictures(tmp_path / "pictures", 96)
    served = pretext.serve("--lease", "5s")
    api = client()
    name = api.submit(job_text(pictures, tmp_path / "out", steps), tmp_path)
    api.wait_for_step(name, 25)
    ranks = [pretext.pid("pretext-rank0"), pretext.pid("pretext-rank1")]
    os.kill(pretext.pid("pretext-worker"), signal.SIGKILL)
    # No orphan goes on without its agent.
    wait_until(lambda: not {pid for pid, _ in pretext.processes()} & set(ranks), 30, "the ranks to end")
    api.wait_for_state(name, "SUCCEEDED")
    assert api.job(name).attempt == 2
    assert {step for metric, step in computed(api.points(name, newest_attempt_only=True))
            if metric == "pretrain/loss"} == set(range(1, steps + 1))
    rows_once(tmp_path / "out", steps)
    served.stop()


def test_learning_from_unlabelled_pictures_goes_on_bit_for_bit(pretext, client, tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 96)

    def job(output):
        return f"""
name: few-labels
data: {{images: {pictures}, labels: folders, labels_per_class: 10}}
output: {output}
resources: {{world_size: 2, threads: 1, data_threads: 1}}
checkpoints: {{every_steps: 10}}
seed: 5
stages:
- finetune:
    backbone: {{name: resnet10_narrow}}
    init: {{random: {{}}}}
    recipe: FULL
    max_steps: 120
    batch_size: 8
    image_size: 24
    unlabelled: {{ratio: 2, confidence: 0.6, annealing: LINEAR}}
"""

    served = pretext.serve()
    api = client()
    undisturbed = api.submit(job(tmp_path / "undisturbed"), tmp_path)
    api.wait_for_state(undisturbed, "SUCCEEDED")
    name = api.submit(job(tmp_path / "disturbed"), tmp_path)
    api.wait_for_step(name, 25)
    os.kill(pretext.pid("pretext-rank1"), signal.SIGKILL)
    api.wait_for_state(name, "SUCCEEDED")
    assert api.job(name).attempt == 2
    want = computed(api.points(undisturbed))
    assert computed(api.points(name, newest_attempt_only=True)) == want
    assert {step for metric, step in want if metric == "finetune/unlabelled_loss"} == set(range(1, 121))
    assert any(value > 0 for (metric, _), value in want.items() if metric == "finetune/unlabelled_loss")
    assert_same_weights(tmp_path / "disturbed", tmp_path / "undisturbed", "finetune")
    result = json.loads((tmp_path / "disturbed" / "results" / "finetune.json").read_text())
    assert result["unlabelled"]["pictures"] == 96 - 2  # one of each class is held out
    assert "learns without labels too, by UDA" in (tmp_path / "disturbed" / "log.txt").read_text()
    served.stop()


def test_pause_resume_cancel_and_restart_lose_and_repeat_nothing(pretext, client, tmp_path):
    steps = 200
    pictures = write_pictures(tmp_path / "pictures", 96)
    served = pretext.serve()
    api = client()
    reference = api.submit(job_text(pictures, tmp_path / "reference", steps, ranks=1), tmp_path)
    # Checkpoints are left to the pause and the cancel.
    name = api.submit(job_text(pictures, tmp_path / "out", steps, ranks=1, every_steps=100000), tmp_path)
    api.wait_for_step(name, 20)
    pretext.run("pause", name)
    api.wait_for_state(name, "PAUSED")
    paused_at = api.call("ListCheckpoints", name=name).checkpoints[0].step
    assert paused_at >= 20
    assert api.job(name).restarts == 0
    pretext.run("resume", name)
    api.wait_for_step(name, paused_at + 20, attempt=2)
    pretext.run("cancel", name, "--reason", "lunch")
    api.wait_for_state(name, "CANCELLED")
    assert "lunch" in api.job(name).reason
    cancelled_at = api.call("ListCheckpoints", name=name).checkpoints[0].step
    assert cancelled_at >= paused_at + 20
    pretext.run("restart", name)
    api.wait_for_state(name, "SUCCEEDED")
    api.wait_for_state(reference, "SUCCEEDED")

    points = computed(api.points(name))  # of all attempts: nothing was computed twice
    assert points == computed(api.points(reference))
    rows_once(tmp_path / "out", steps)
    assert_same_weights(tmp_path / "out", tmp_path / "reference")
    pretext.run("restart", name, "--from-start", "--yes")
    api.wait_for_state(name, "SUCCEEDED")
    assert computed(api.points(name, newest_attempt_only=True)) == points
    rows_once(tmp_path / "out", steps)
    served.stop()


def test_sigterm_to_a_rank_checkpoints_and_the_job_goes_on(pretext, client, tmp_path):
    steps = 200
    pictures = write_pictures(tmp_path / "pictures", 96)
    served = pretext.serve()
    api = client()
    name = api.submit(job_text(pictures, tmp_path / "out", steps, every_steps=100000), tmp_path)
    api.wait_for_step(name, 20)
    os.kill(pretext.pid("pretext-rank0"), signal.SIGTERM)
    api.wait_for_state(name, "SUCCEEDED")
    # Checkpointed when it was told, so no step was computed twice.
    points = [point for point in api.points(name) if point.metric == "pretrain/loss"]
    assert sorted(point.step for point in points) == list(range(1, steps + 1))
    assert api.job(name).attempt == 2
    served.stop()
