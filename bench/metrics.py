"""Times scikit-learn on the arrays that `cargo bench -p multihot --bench metrics` evaluates, figure by figure.

usage: python bench/metrics.py [ROWS]    (1,000,000 unless said otherwise; needs numpy and scikit-learn)

What `multihot evaluate` reports and scikit-learn has no function for (macro averages of calibration errors, precision at k,
intervals) is left out.
"""

import sys
import time
import warnings

import numpy as np
from sklearn import metrics

LABELS = 28


def main():
    warnings.simplefilter("ignore")
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(1)
    truth = (rng.random((rows, LABELS)) < 0.04).astype(np.int8)
    logits = (np.where(truth, -1.5, -3.5) + rng.normal(size=truth.shape)).astype(np.float32)
    start = time.process_time(), time.perf_counter()
    probabilities = 1 / (1 + np.exp(-logits))
    decisions = (probabilities >= 0.3).astype(np.int8)
    columns = range(LABELS)

    def each_label(function, scores):
        return [function(truth[:, column], scores[:, column]) for column in columns]

    figures = {
        "classification_report": lambda: metrics.classification_report(truth, decisions, output_dict=True, zero_division=np.nan),
        "multilabel_confusion_matrix": lambda: metrics.multilabel_confusion_matrix(truth, decisions),
        "jaccard_score": lambda: [metrics.jaccard_score(truth, decisions, average=a) for a in (None, "micro", "macro", "weighted", "samples")],
        "fbeta_score": lambda: [metrics.fbeta_score(truth, decisions, beta=b, average=None) for b in (0.5, 2)],
        "matthews_corrcoef": lambda: each_label(metrics.matthews_corrcoef, decisions),
        "balanced_accuracy_score": lambda: each_label(metrics.balanced_accuracy_score, decisions),
        "accuracy_score": lambda: metrics.accuracy_score(truth, decisions),
        "hamming_loss": lambda: metrics.hamming_loss(truth, decisions),
        "roc_auc_score": lambda: [metrics.roc_auc_score(truth, logits, average=a) for a in (None, "micro")],
        "average_precision_score": lambda: [metrics.average_precision_score(truth, logits, average=a) for a in (None, "micro")],
        "label_ranking_average_precision_score": lambda: metrics.label_ranking_average_precision_score(truth, logits),
        "coverage_error": lambda: metrics.coverage_error(truth, logits),
        "label_ranking_loss": lambda: metrics.label_ranking_loss(truth, logits),
        "ndcg_score": lambda: metrics.ndcg_score(truth, probabilities),
        "log_loss": lambda: each_label(metrics.log_loss, probabilities),
        "brier_score_loss": lambda: each_label(metrics.brier_score_loss, probabilities),
    }
    for name, figure in figures.items():
        began = time.process_time(), time.perf_counter()
        figure()
        cpu, wall = time.process_time() - began[0], time.perf_counter() - began[1]
        print(f"{name:<40} {wall:8.1f} s  ({cpu:.1f} s of processor time)", flush=True)
    cpu, wall = time.process_time() - start[0], time.perf_counter() - start[1]
    print(f"{'all':<40} {wall:8.1f} s  ({cpu:.1f} s of processor time)")


if __name__ == "__main__":
    main()
