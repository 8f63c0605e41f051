"""Prints the main job's table from `pretext metrics JOB -o json` on standard input.

Each arm's accuracy is that of its last weights on the 10,000 test pictures; mean, standard deviation and every
draw are shown. Nothing here is chosen by test accuracy.
"""

import json
import re
import statistics
import sys


def last_values(points):
    values = {}
    for point in sorted(points, key=lambda p: (int(p["attempt"]), int(p["step"]))):
        values[point["metric"]] = float(point["value"])
    return values


def main():
    values = last_values(json.load(sys.stdin))

    def draws(arm):
        found = {m.group(1): v for k, v in values.items() if (m := re.fullmatch(rf"{arm}-(\d+)/test_accuracy", k))}
        return [100 * found[d] for d in sorted(found, key=int)]

    rows = []
    for title, arm in [("pretrained, then fine-tuned", "finetune"), ("same network from scratch", "scratch")]:
        scores = draws(arm)
        if len(scores) < 2:
            sys.exit(f"summary: the job has no {arm}-N/test_accuracy for at least two draws")
        rows.append((title, statistics.mean(scores), statistics.stdev(scores), scores))

    print("\nTen labels a class, test accuracy in % (10,000 pictures), last weights")
    for title, mean, spread, scores in rows:
        print(f"  {title:<30} {mean:5.1f} ± {spread:3.1f}   draws: " + "  ".join(f"{s:.1f}" for s in scores))
    gains = [a - b for a, b in zip(rows[0][3], rows[1][3])]
    print(f"  {'gain, draw by draw':<30} {statistics.mean(gains):+5.1f} ± {statistics.stdev(gains):3.1f}")

    print("\nFrozen features, all 60,000 labels, test accuracy in %")
    print(f"  {'':<30} {'kNN (k=20)':>11} {'linear':>8}")
    for title, arm in [("pretrained", "pretrained"), ("random weights", "random")]:
        knn, linear = values.get(f"{arm}/knn_top1"), values.get(f"{arm}/linear_top1")
        if knn is None or linear is None:
            sys.exit(f"summary: the job has no {arm}/knn_top1 and {arm}/linear_top1")
        print(f"  {title:<30} {100 * knn:>11.1f} {100 * linear:>8.1f}")


if __name__ == "__main__":
    main()
