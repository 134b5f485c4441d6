"""Times scikit-learn at what `cargo bench -p multihot --bench decisions` does once, on arrays of the same kind: for each label
Platt's calibration and the threshold with the best F1. multihot does it six times, five of them for cross-fitting.

usage: python bench/tuning.py [--rows N]    (1,000,000 unless said otherwise; needs numpy and scikit-learn)
       python bench/tuning.py [--rows N] --csv FILE MODEL    writes the arrays for `multihot tune MODEL FILE --scores`
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np


def arrays(rows, labels):
    rng = np.random.default_rng(1)
    rates = 0.33 * 0.86 ** np.arange(labels)
    truth = rng.random((rows, labels)) < rates
    logits = (np.where(truth, 0.5, -2.5) + 1.5 * rng.normal(size=truth.shape)).astype(np.float32)
    return truth, logits


def write(path, rows, names):
    truth, logits = arrays(rows, len(names))
    with open(path, "w") as file:
        file.write(",".join(["id", *names, *(f"logit_{name}" for name in names)]) + "\n")
        for row in range(rows):
            cells = [str(row), *("1" if yes else "0" for yes in truth[row]), *(f"{logit:.5g}" for logit in logits[row])]
            file.write(",".join(cells) + "\n")


def measure(rows, labels=28):
    from sklearn.calibration import _SigmoidCalibration
    from sklearn.metrics import precision_recall_curve

    truth, logits = arrays(rows, labels)
    started = time.process_time(), time.perf_counter()
    for label in range(labels):
        yes, scores = truth[:, label].astype(int), logits[:, label]
        chances = _SigmoidCalibration().fit(scores, yes).predict(scores)
        precision, recall, thresholds = precision_recall_curve(yes, chances)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        thresholds[np.argmax(f1[:-1])]
    cpu, wall = time.process_time() - started[0], time.perf_counter() - started[1]
    print(f"{rows} rows x {labels} labels, calibrated and cut once: {wall:.1f} s ({cpu:.1f} s of processor time)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--csv", nargs=2, metavar=("FILE", "MODEL"))
    options = parser.parse_args()
    if options.csv:
        path, model = options.csv
        names = json.loads((Path(model) / "config.json").read_text())["id2label"].values()
        write(path, options.rows, list(names))
    else:
        measure(options.rows)


if __name__ == "__main__":
    main()
