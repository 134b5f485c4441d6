"""Times scikit-learn at what `cargo bench -p multihot --bench decisions` does once, on arrays of the same kind: for each label
Platt's calibration and the threshold with the best F1. multihot does it six times, five of them for cross-fitting.

usage: python bench/tuning.py [ROWS]    (1,000,000 unless said otherwise; needs numpy and scikit-learn)
"""

import sys
import time

import numpy as np
from sklearn.calibration import _SigmoidCalibration
from sklearn.metrics import precision_recall_curve

LABELS = 28


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(1)
    rates = 0.33 * 0.86 ** np.arange(LABELS)
    truth = rng.random((rows, LABELS)) < rates
    logits = (np.where(truth, 0.5, -2.5) + 1.5 * rng.normal(size=truth.shape)).astype(np.float32)
    started = time.process_time(), time.perf_counter()
    for label in range(LABELS):
        yes, scores = truth[:, label].astype(int), logits[:, label]
        chances = _SigmoidCalibration().fit(scores, yes).predict(scores)
        precision, recall, thresholds = precision_recall_curve(yes, chances)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        thresholds[np.argmax(f1[:-1])]
    cpu, wall = time.process_time() - started[0], time.perf_counter() - started[1]
    print(f"{rows} rows x {LABELS} labels, calibrated and cut once: {wall:.1f} s ({cpu:.1f} s of processor time)")


if __name__ == "__main__":
    main()
