"""Writes the golden file of the metrics of crates/multihot, computed by scikit-learn.

usage: python -P tools/reference/metrics.py

README.md in this folder says what is decided where scikit-learn says nothing: unknown cells, one label, overall log loss.
"""

import json
import math
import warnings
from pathlib import Path

import numpy as np
from sklearn import metrics

GOLDEN = Path(__file__).resolve().parents[2] / "crates/multihot/tests/golden"
THREE = ["positive", "sports", "business"]
_ = None  # an unknown cell


def by_hand():
    """Cases small enough to check with a pencil: `(name, labels, logits, cells)`."""
    usual = [[2, -1, 0.5], [-0.5, 3, -2], [1, 1, 1], [-3, -0.25, 4], [0.75, -2, -1], [-1, 0.5, -0.75], [4, -4, 2], [-2, 2, -3]]
    cells = [[1, 0, 1], [1, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0]]
    gaps = [[1, _, 1], [_, 1, 0], [0, 1, _], [_, _, _], [1, 0, 0], [_, 1, 1], [1, _, _], [0, 0, 0]]
    columns = [[logit[0]] for logit in usual]
    tied = [[1, 0.5], [1, 0.5], [1, 0.5], [-1, 0.5], [-1, 0.5], [-1, 0.5]]
    return [
        ("three labels", THREE, usual, cells),
        ("unknown cells, and a row that knows nothing", THREE, usual, gaps),
        ("a label never true", THREE, usual, [[a, 0, c] for a, b, c in cells]),
        ("a label never predicted", THREE, [[a, -1 - abs(b), c] for a, b, c in usual], cells),
        ("a label neither true nor predicted", THREE, [[a, -1 - abs(b), c] for a, b, c in usual], [[a, 0, c] for a, b, c in cells]),
        ("all true", THREE, usual, [[1, 1, 1]] * 8),
        ("all true and all predicted", THREE, [[abs(z) for z in row] for row in usual], [[1, 1, 1]] * 8),
        ("nothing true and nothing predicted", THREE, [[-abs(z) - 1 for z in row] for row in usual], [[0, 0, 0]] * 8),
        ("predicted and never true, so that every weight is zero", THREE, usual, [[0, 0, 0]] * 8),
        ("a label of which nothing is known", THREE, usual, [[a, _, c] for a, b, c in cells]),
        ("nothing known at all", THREE, usual[:2], [[_, _, _]] * 2),
        ("ties in the scores", ["a", "b"], tied, [[1, 1], [1, 0], [0, 1], [1, 0], [0, 0], [0, 1]]),
        ("a logit of exactly 0 is a yes", ["a", "b"], [[0, -0.5], [0, 0], [-1, 0], [1, 1]], [[1, 0], [0, 1], [0, 0], [1, 1]]),
        ("one label", ["spam"], columns, [[a] for a, b, c in cells]),
        ("one label, some unknown", ["spam"], columns, [[a] for a, b, c in gaps]),
        ("one row", THREE, usual[:1], cells[:1]),
        ("far logits, one of them wrong", ["a", "b"], [[30, -60], [-30, 60], [30, -30], [-60, 30]], [[1, 0], [0, 1], [0, 0], [0, 1]]),
    ]


def drawn(name, seed, unknown_share):
    """200 random rows of four labels, from common to rare, the logits coarse enough to tie."""
    rng = np.random.default_rng(seed)
    truth = rng.random((200, 4)) < [0.5, 0.3, 0.1, 0.02]
    logits = np.round(2 * truth - 1.5 + 1.5 * rng.normal(size=truth.shape), 1)
    unknown = rng.random(truth.shape) < unknown_share
    cells = [[_ if u else int(t) for t, u in zip(*row)] for row in zip(truth, unknown)]
    return name, ["common", "usual", "seldom", "rare"], logits.tolist(), cells


def report_of(labels, truth, decisions, known):
    """`classification_report` over the known cells.

    An unknown cell enters as not true and not predicted: a true negative, which no number of the report counts, so
    each label, each row and the pool see their known cells alone. The added column that is never true, and left out
    by `labels=`, keeps a single label a multi-label problem for scikit-learn.
    """
    empty = np.zeros((len(truth), 1), int)
    y_true = np.hstack([np.where(known, truth, 0), empty])
    y_pred = np.hstack([np.where(known, decisions, 0), empty])
    columns = list(range(len(labels)))
    options = {"target_names": labels, "output_dict": True, "zero_division": np.nan}
    report = metrics.classification_report(y_true, y_pred, labels=columns, **options)
    if len(labels) > 1 and known.all():
        plain = metrics.classification_report(truth, decisions, **options)
        assert json.dumps(plain) == json.dumps(report), "the added column shows"
    for column, label in enumerate(labels):
        check_dropped(report[label], truth[known[:, column], column], decisions[known[:, column], column])
    return report


def check_dropped(entry, truth, decisions):
    """Stops unless a label's entry is what its known cells give when the others are really dropped."""
    if not len(truth):
        return
    numbers = metrics.precision_recall_fscore_support(truth, decisions, average="binary", zero_division=np.nan)
    for ours, theirs in zip(entry.values(), numbers[:3]):
        assert ours == theirs or (math.isnan(ours) and math.isnan(theirs))


def cell_losses(logits, truth):
    """Binary cross-entropy of every cell, finite however far the logit is."""
    return np.logaddexp(0, logits) - logits * truth


def label_of(truth, probabilities, losses, logits):
    """Threshold-free numbers of one label, from its known cells."""
    both = 0 < truth.sum() < len(truth)
    log_loss = losses.mean() if len(truth) else np.nan
    if len(truth) and abs(logits).max() < 20:
        exact = 1 / (1 + np.exp(-logits))
        assert abs(metrics.log_loss(truth, exact, labels=[0, 1]) - log_loss) < 1e-12
    return {
        "roc_auc": metrics.roc_auc_score(truth, probabilities) if both else np.nan,
        "average_precision": metrics.average_precision_score(truth, probabilities) if both else np.nan,
        "log_loss": log_loss,
        "known": len(truth),
        "positives": int(truth.sum()),
    }


def mean(values):
    """Mean over the defined ones."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else np.nan


def expected_of(labels, logits, probabilities, truth, known):
    decisions = (probabilities >= 0.5).astype(int)
    wrong = known & (decisions != truth)
    right, some = ~wrong.any(axis=1), known.any(axis=1)
    losses = cell_losses(logits, truth)
    if known.all():
        assert metrics.hamming_loss(truth, decisions) == wrong.mean()
        assert metrics.accuracy_score(truth, decisions) == right.mean()
    columns = {}
    for column, label in enumerate(labels):
        kept = known[:, column]
        columns[label] = label_of(*(values[kept, column] for values in (truth, probabilities, losses, logits)))
    return {
        "rows": len(truth),
        "report": report_of(labels, truth, decisions, known),
        "labels": columns,
        "macro": {key: mean([column[key] for column in columns.values()]) for key in ("roc_auc", "average_precision")},
        "subset_accuracy": right[some].mean() if some.any() else np.nan,
        "hamming_loss": wrong[known].mean() if known.any() else np.nan,
        "log_loss": losses[known].mean() if known.any() else np.nan,
    }


def plain(value):
    """Numbers as JSON has them: NaN is null, whole numbers are written as such, the rest to 12 digits."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, int)):
        return value
    value = float(value)
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() else float(f"{value:.12g}")


def case(name, labels, logits, cells):
    """One case, its inputs rounded to what f32 holds before anything is computed from them."""
    logits32 = np.array(logits, np.float32)
    exact = 1 / (1 + np.exp(-logits32.astype(np.float64)))
    probabilities = exact.astype(np.float32)
    known = np.array([[cell is not None for cell in row] for row in cells])
    truth = np.array([[cell or 0 for cell in row] for row in cells])
    expected = expected_of(labels, logits32.astype(np.float64), probabilities.astype(np.float64), truth, known)
    return {
        "name": name,
        "labels": labels,
        # Nine digits name one f32.
        "logits": [[plain(float(f"{z:.9g}")) for z in row] for row in logits32],
        "probabilities": [[plain(float(f"{p:.9g}")) for p in row] for row in probabilities],
        "cells": cells,
        "expected": plain(expected),
    }


def main():
    warnings.simplefilter("ignore")
    cases = by_hand() + [drawn("200 random rows", 1, 0.0), drawn("200 random rows, one cell in eight unknown", 2, 0.125)]
    GOLDEN.mkdir(parents=True, exist_ok=True)
    written = []
    for inputs in cases:
        entry = case(*inputs)
        fields = [f'  "{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in entry.items()]
        written.append(" {\n" + ",\n".join(fields) + "\n }")
    (GOLDEN / "metrics.json").write_text('{"cases": [\n' + ",\n".join(written) + "\n]}\n")


if __name__ == "__main__":
    main()
