#!/usr/bin/env python3
"""Every pretext task at one small budget, on grey and on colour pictures, beside what needs no pretraining.

    tests/benchmarks/task_table.py [--sets fashion clipart] [--only NAME ...] [--work FOLDER] [--out FOLDER]
                                   [--steps 1000] [--draws 10] [--labels 1 4 10 40]

For each set and task one job: pretraining for `--steps` steps of 128 pictures, a kNN and a linear probe of each
block of the frozen backbone, and fine-tuning on 1, 4, 10 and 40 labels a class, each with ten draws of labels.
The control rows are raw pixels, the same network with random weights (probes), and the same network trained from
scratch on the same labels. Nothing is left out: tasks that refuse a set stand there with their reason.

Jobs that are done are kept in `--work` and not run again, so the command may be interrupted. It writes
`task_table.md` for people and `task_table.csv`, one line for each score, to `--out` (default: docs).
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import task_table_controls
import task_table_page
import task_table_sets
from environment import enter_environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
NETWORK = {"name": "resnet10_narrow", "stem": "SMALL"}
BATCH = 128
FINE_TUNING_STEPS, SCRATCH_STEPS = 150, 250


class Pretext:
    """The command line with a coordinator of its own below `work`."""

    def __init__(self, work):
        self.environment = dict(os.environ, PRETEXT_STATE=str(work / "state"))
        programs = [str(ROOT / "bazel-bin" / part) for part in ("client", "server", "worker")]
        self.environment["PATH"] = os.pathsep.join(programs + [self.environment["PATH"]])

    def run(self, *arguments):
        done = subprocess.run(["pretext", *map(str, arguments)], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"pretext {' '.join(map(str, arguments))} ended with {done.returncode}:\n"
                             f"{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "-o", "json"))


def pretraining(row, steps):
    return {"name": "pretrain", "pretrain": {"backbone": NETWORK, "tasks": [{row: {}}], "max_steps": steps,
                                             "batch_size": BATCH}}


def probes(pictures, init):
    stage = {"data": pictures.labelled, "test": pictures.test, "knn": {}, "linear": {"each_block": True}, **init}
    return {"name": "probes", "evaluate": stage}


def fine_tuning(pictures, init, labels, draw):
    stage = {"data": {**pictures.labelled, "labels_per_class": labels, "label_draw": draw}, "test": pictures.test,
             "classify": {}, **init}
    return {"name": f"labels-{labels}-{draw}", "finetune": stage}


def job_of(pictures, row, options):
    """`row`: a task, or "scratch"."""
    if row == "scratch":
        init = {"init": {"random": {}}, "backbone": NETWORK}
        tuned = {**init, "recipe": "FULL", "max_steps": SCRATCH_STEPS}
    else:
        init = {"init": {"stage": "pretrain"}}
        tuned = {**init, "max_steps": FINE_TUNING_STEPS}
    stages = [] if row == "scratch" else [pretraining(row, options.steps)]
    stages.append(probes(pictures, init))
    stages += [fine_tuning(pictures, tuned, labels, draw) for labels in options.labels for draw in range(options.draws)]
    return {"name": f"table-{pictures.name}-{row.replace('_', '-')}", "data": pictures.unlabelled, "stages": stages}


def scores_of(results, options):
    """What a finished job's results say, as the table wants it."""
    def read(stage):
        return json.loads((results / f"{stage}.json").read_text())

    judged = read("probes")
    scores = {"knn": judged["knn"]["top1"], "linear": judged["linear"]["top1"],
              "blocks": {name.removeprefix("linear_"): value["top1"] for name, value in judged.items()
                         if name.startswith("linear_")},
              "labels": {count: [read(f"labels-{count}-{draw}")["test"]["top1"] for draw in range(options.draws)]
                         for count in options.labels}}
    if (results / "pretrain.json").exists():
        scores["pretrain"] = read("pretrain")["last"]
    return scores


def seconds_of(points):
    """From the first step's end to the last's."""
    import datetime

    times = [datetime.datetime.fromisoformat(point["time"].replace("Z", "+00:00")) for point in points]
    return (max(times) - min(times)).total_seconds() if times else 0.0


def run_row(tool, pictures, row, options):
    out = options.work / f"{pictures.name}-{row}-{options.steps}"
    kept = out / "scores.json"
    if kept.exists():
        return task_table_page.keys_as_numbers(json.loads(kept.read_text()))
    job = options.work / f"{pictures.name}-{row}.json"
    job.write_text(json.dumps(job_of(pictures, row, options), indent=1))
    name = tool.run("submit", job, "--out", out, "--quiet").strip()
    print(f"{pictures.name}: {row}: {name}", file=sys.stderr, flush=True)
    tool.run("watch", name)
    scores = scores_of(out / "results", options)
    if row != "scratch":
        scores["seconds"] = seconds_of(tool.json("metrics", name, "--metric", "pretrain/loss"))
    kept.write_text(json.dumps(scores, indent=1))
    return scores


def run_set(tool, pictures, options):
    rows = [("raw pixels", task_table_controls.raw_pixels(pictures, options.labels, options.draws))]
    rows.append(("random weights, from scratch", run_row(tool, pictures, "scratch", options)))
    fits = tool.json("tasks", "--for", pictures.unlabelled["images"])["tasks"]
    for task in fits:
        if options.only and task["name"] not in options.only:
            continue
        if task["fits"] == "no":
            rows.append((task["name"], {"refused": task["why"]}))
        else:
            rows.append((task["name"], run_row(tool, pictures, task["name"], options)))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="+", default=["fashion", "clipart"], choices=task_table_sets.NAMES)
    parser.add_argument("--only", nargs="*", default=[], help="these tasks alone")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path.home() / ".cache/pretext/task_table")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 4, 10, 40])
    options = parser.parse_args()
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    subprocess.run(["bazel", "build", "//server:pretext-server", "//worker:pretext-worker", "//client:pretext"],
                   cwd=ROOT, check=True)
    tool = Pretext(options.work)
    tables = []
    for name in options.sets:
        pictures = task_table_sets.prepare(name, options.work)
        tables.append((pictures, run_set(tool, pictures, options)))
    task_table_page.write(tables, options)
    print(f"written: {options.out / 'task_table.md'}")


if __name__ == "__main__":
    enter_environment("numpy", "PIL", "torch")
    main()
