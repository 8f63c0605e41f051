"""Writes the table for people, and every score for programs."""

import csv
import statistics

BLOCKS = ("layer1", "layer2", "layer3", "layer4")


def keys_as_numbers(scores):
    return {**scores, "labels": {int(count): values for count, values in scores["labels"].items()}}


def percent(value):
    return "" if value is None else f"{100 * value:.1f}"


def over_draws(values):
    if len(values) < 2:
        return percent(values[0])
    return f"{100 * statistics.mean(values):.1f} ± {100 * statistics.stdev(values):.1f}"


def exercise(task, last):
    """How well the pretext task itself is done: its accuracy, else its loss over what knowing nothing has."""
    if f"{task}_accuracy" in last:
        return f"accuracy {percent(last[f'{task}_accuracy'])} %"
    loss, chance = last[f"{task}_loss"], last[f"{task}_chance_loss"]
    return f"loss {loss:.3g} of {chance:.3g}"


def row_of(name, scores, budgets):
    if "refused" in scores:
        return [name, f"refused: {scores['refused']}"] + [""] * (7 + len(budgets) + 1)
    last = scores.get("pretrain", {})
    cells = [name, exercise(name, last) if last else "", percent(scores["knn"]), percent(scores["linear"])]
    cells += [percent(scores["blocks"].get(block)) for block in BLOCKS]
    cells += [over_draws(scores["labels"][budget]) for budget in budgets]
    cells += [f"{scores['seconds']:.0f}" if "seconds" in scores else "",
              f"{last['peak_memory_bytes'] / 2**20:.0f}" if "peak_memory_bytes" in last else ""]
    return cells


def set_as_markdown(pictures, rows, budgets):
    heads = ["", "the exercise", "kNN", "linear"] + [f"linear {block}" for block in BLOCKS]
    heads += [f"{budget} label{'s' * (budget > 1)} a class" for budget in budgets] + ["seconds", "MiB"]
    lines = [f"## {pictures.title}", "", "| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row_of(name, scores, budgets)) + " |" for name, scores in rows]
    pixels = rows[0][1]
    below = [name for name, scores in rows[2:] if "knn" in scores
             and max(scores["linear"], *scores["blocks"].values()) <= pixels["linear"]]
    if below:
        lines += ["", f"No better than raw pixels here, by the best linear probe: {', '.join(below)}."]
    return lines


def scores_as_rows(pictures, rows):
    for name, scores in rows:
        for measure in ("knn", "linear"):
            if measure in scores:
                yield [pictures.name, name, measure, "", "", scores[measure]]
        for block, value in scores.get("blocks", {}).items():
            yield [pictures.name, name, f"linear_{block}", "", "", value]
        for budget, values in scores.get("labels", {}).items():
            for draw, value in enumerate(values):
                yield [pictures.name, name, "fine_tuned", budget, draw, value]


def write(tables, options):
    options.out.mkdir(parents=True, exist_ok=True)
    lines = ["# What each task is worth at a small budget", "",
             f"Made by `tests/benchmarks/task_table.py`; every score of it is in `task_table.csv`. Each task was given "
             f"{options.steps:,} steps of 128 pictures with its defaults and resnet10_narrow, on two cores. Top-1 in "
             f"percent on pictures that no training saw; fine-tuning as mean and standard deviation over "
             f"{options.draws} draws of the labels. *Raw pixels* have a linear classifier in place of fine-tuning; "
             f"*random weights* stand beside the probes, *from scratch* beside fine-tuning. Seconds and memory are the "
             f"pretraining's.", "",
             "Read it as a comparison at this budget and no other: contrastive tasks gain most from longer training, "
             "and the exercise's own score says little about what a task is worth.", ""]
    for pictures, rows in tables:
        lines += set_as_markdown(pictures, rows, options.labels) + [""]
    (options.out / "task_table.md").write_text("\n".join(lines))
    with open(options.out / "task_table.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["set", "row", "measure", "labels_per_class", "draw", "top1"])
        for pictures, rows in tables:
            writer.writerows(scores_as_rows(pictures, rows))
