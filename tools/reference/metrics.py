"""Writes the golden file of the metrics of crates/multihot, computed by scikit-learn and torchmetrics.

usage: python -P tools/reference/metrics.py

README.md in this folder says what is decided where they say nothing: unknown cells, one label, rows without a yes.
"""

import itertools
import json
import math
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn import metrics
from torchmetrics.functional import classification as torchmetrics
from torchmetrics.functional.retrieval import retrieval_precision

GOLDEN = Path(__file__).resolve().parents[2] / "crates/multihot/tests/golden"
THREE = ["positive", "sports", "business"]
_ = None  # an unknown cell


def by_hand():
    """Cases small enough to check with a pencil: `(name, labels, logits, cells)`, and thresholds where they are not 0.5."""
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
        ("thresholds of their own", THREE, usual, cells, [0.3, 0.9, 0.6]),
        ("thresholds that nothing and everything reaches", THREE, usual, gaps, [1.0, 0.0, 0.5]),
        ("ties in a row", ["a", "b", "c", "d"], [[1, 1, 0, 0], [2, 2, 2, 2], [0, 1, 1, 1], [1, 0, 0, -1]], [[1, 0, 1, 0], [0, 1, 0, 0], [1, 1, 0, _], [0, 0, 0, 0]]),
        ("two labels without support", THREE, usual, [[a, 0, 0] for a, b, c in cells]),
        ("far logits, one of them wrong", ["a", "b"], [[30, -60], [-30, 60], [30, -30], [-60, 30]], [[1, 0], [0, 1], [0, 0], [0, 1]]),
    ]


def drawn(name, seed, unknown_share, thresholds=None):
    """200 random rows of four labels, from common to rare, the logits coarse enough to tie."""
    rng = np.random.default_rng(seed)
    truth = rng.random((200, 4)) < [0.5, 0.3, 0.1, 0.02]
    logits = np.round(2 * truth - 1.5 + 1.5 * rng.normal(size=truth.shape), 1)
    unknown = rng.random(truth.shape) < unknown_share
    cells = [[_ if u else int(t) for t, u in zip(*row)] for row in zip(truth, unknown)]
    return name, ["common", "usual", "seldom", "rare"], logits.tolist(), cells, thresholds or [0.5] * 4


def report_of(labels, truth, decisions, known):
    """`classification_report` over the known cells, and two more macro averages.

    An unknown cell enters as not true and not predicted: a true negative, which no number of the report counts, so
    each label, each row and the pool see their known cells alone. The added column that is never true, and left out
    by `labels=`, keeps a single label a multi-label problem for scikit-learn.
    """
    empty = np.zeros((len(truth), 1), int)
    y_true = np.hstack([np.where(known, truth, 0), empty])
    y_pred = np.hstack([np.where(known, decisions, 0), empty])
    columns = list(range(len(labels)))

    def report(columns, zero_division):
        options = {"target_names": [labels[column] for column in columns], "output_dict": True}
        return metrics.classification_report(y_true, y_pred, labels=columns, zero_division=zero_division, **options)

    whole = report(columns, np.nan)
    if len(labels) > 1 and known.all():
        plain = metrics.classification_report(truth, decisions, target_names=labels, output_dict=True, zero_division=np.nan)
        assert json.dumps(plain) == json.dumps(whole), "the added column shows"
    for column, label in enumerate(labels):
        check_dropped(whole[label], truth[known[:, column], column], decisions[known[:, column], column])
    undefined = {key: np.nan for key in ("precision", "recall", "f1-score")}
    support = whole["micro avg"]["support"]
    supported = [column for column in columns if y_true[:, column].any()]
    all_labels = report(columns, 0)["macro avg"] if known.any() else undefined
    with_support = report(supported, np.nan)["macro avg"] if supported else undefined
    return whole | {
        "macro avg (all labels)": all_labels | {"support": support},
        "macro avg (labels with support)": with_support | {"support": support},
    }


def check_dropped(entry, truth, decisions):
    """Stops unless a label's entry is what its known cells give when the others are really dropped."""
    if not len(truth):
        return
    numbers = metrics.precision_recall_fscore_support(truth, decisions, average="binary", zero_division=np.nan)
    for ours, theirs in zip(entry.values(), numbers[:3]):
        assert same(ours, theirs)


def same(a, b, bound=0.0):
    """Whether two numbers are equal, or both undefined."""
    return (math.isnan(a) and math.isnan(b)) or abs(a - b) <= bound


def cell_losses(logits, truth):
    """Binary cross-entropy of every cell, finite however far the logit is."""
    return np.logaddexp(0, logits) - logits * truth


def curve_of(truth, logits):
    """Of the logits: probabilities in f32 tie where logits are far."""
    both = 0 < truth.sum() < len(truth)
    return {
        "roc_auc": metrics.roc_auc_score(truth, logits) if both else np.nan,
        "average_precision": metrics.average_precision_score(truth, logits) if both else np.nan,
    }


def decision_figures_of(truth, decisions):
    """Figures of one list of decisions; what is a share of nothing is undefined."""
    if not len(truth):
        return {key: np.nan for key in DECISION_FIGURES}
    varies = 0 < truth.sum() < len(truth)
    positive = truth.any() or decisions.any()
    nan = {"zero_division": np.nan}
    figures = {
        "accuracy": metrics.accuracy_score(truth, decisions),
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, decisions) if varies else np.nan,
        "specificity": metrics.recall_score(truth, decisions, pos_label=0, **nan),
        "negative_predictive_value": metrics.precision_score(truth, decisions, pos_label=0, **nan),
        "jaccard": metrics.jaccard_score(truth, decisions) if positive else np.nan,
        "f0.5-score": metrics.fbeta_score(truth, decisions, beta=0.5, **nan),
        "f2-score": metrics.fbeta_score(truth, decisions, beta=2, **nan),
        "matthews_correlation": metrics.matthews_corrcoef(truth, decisions)
        if varies and 0 < decisions.sum() < len(decisions)
        else np.nan,
    }
    assert list(figures) == DECISION_FIGURES
    return figures


DECISION_FIGURES = [
    "accuracy",
    "balanced_accuracy",
    "specificity",
    "negative_predictive_value",
    "jaccard",
    "f0.5-score",
    "f2-score",
    "matthews_correlation",
]


def calibration_of(truth, probabilities):
    if not len(truth):
        return {"brier": np.nan, "ece": np.nan, "mce": np.nan, "equal_width": dict.fromkeys(("l1", "l2", "max"), np.nan)}
    # Each cell by the place of the first of its equals, so that these share a bin.
    order = np.sort(probabilities)
    bins = np.searchsorted(order, probabilities, side="left") * BINS // len(truth)
    gaps = {i: probabilities[bins == i].mean() - truth[bins == i].mean() for i in np.unique(bins)}
    # torchmetrics has a bin for exactly 1 alone.
    preds = torch.tensor(np.minimum(probabilities, 1 - 1e-7), dtype=torch.float64)
    target = torch.tensor(truth)

    def equal_width(norm):
        return torchmetrics.binary_calibration_error(preds, target, n_bins=BINS, norm=norm).item()

    return {
        "brier": metrics.brier_score_loss(truth, probabilities, pos_label=1),
        "ece": sum(abs(gap) * (bins == i).mean() for i, gap in gaps.items()),
        "mce": max(abs(gap) for gap in gaps.values()),
        "equal_width": {norm: equal_width(norm) for norm in ("l1", "l2", "max")},
    }


BINS = 15


def points_of(truth, logits):
    """The best that is reached while another figure is held at 0.9; torchmetrics writes 0 for a precision out of reach."""
    names = {
        "recall_at_precision_0.9": torchmetrics.binary_recall_at_fixed_precision,
        "precision_at_recall_0.9": torchmetrics.binary_precision_at_fixed_recall,
        "sensitivity_at_specificity_0.9": torchmetrics.binary_sensitivity_at_specificity,
        "specificity_at_sensitivity_0.9": torchmetrics.binary_specificity_at_sensitivity,
    }
    if not 0 < truth.sum() < len(truth):
        return {name: np.nan for name in names}
    # torchmetrics takes the sigmoid of what is not from 0 to 1; ranks keep every order and every tie.
    preds, target = torch.tensor(rankdata(logits) / (1 + len(logits))), torch.tensor(truth)
    points = {name: function(preds, target, 0.9)[0].item() for name, function in names.items()}
    if points["recall_at_precision_0.9"] == 0:
        points["recall_at_precision_0.9"] = np.nan
    return points


def label_of(truth, probabilities, losses, logits, decisions, threshold):
    """Numbers of one label, from its known cells."""
    log_loss = losses.mean() if len(truth) else np.nan
    if len(truth) and abs(logits).max() < 20:
        exact = 1 / (1 + np.exp(-logits))
        assert abs(metrics.log_loss(truth, exact, labels=[0, 1]) - log_loss) < 1e-12
    matrix = metrics.confusion_matrix(truth, decisions, labels=[0, 1]).tolist() if len(truth) else [[0, 0], [0, 0]]
    return {
        **curve_of(truth, logits),
        "log_loss": log_loss,
        "known": len(truth),
        "positives": int(truth.sum()),
        "threshold": threshold,
        "confusion_matrix": matrix,
        **decision_figures_of(truth, decisions),
        "calibration": calibration_of(truth, probabilities),
        **points_of(truth, logits),
    }


def mean(values):
    """Mean over the defined ones."""
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined) if defined else np.nan


def weighted_mean(values, weights):
    defined = [(value, weight) for value, weight in zip(values, weights) if not math.isnan(value)]
    total = sum(weight for _, weight in defined)
    return sum(v * w for v, w in defined) / total if total else mean(values)


def averages_of(columns, logits, truth, decisions, known):
    """`(micro, macro, weighted, samples)`."""
    keys = ["roc_auc", "average_precision", *DECISION_FIGURES]
    supports = [column["positives"] for column in columns]
    rows = [
        curve_of(truth[row, kept], logits[row, kept]) | decision_figures_of(truth[row, kept], decisions[row, kept])
        for row, kept in enumerate(known)
    ]
    micro = curve_of(truth[known], logits[known]) | decision_figures_of(truth[known], decisions[known])
    macro = {key: mean([column[key] for column in columns]) for key in keys}
    weighted = {key: weighted_mean([column[key] for column in columns], supports) for key in keys}
    samples = {key: mean([row[key] for row in rows]) for key in keys}
    if known.all() and len(columns) > 1:
        check_averages(micro, macro, weighted, samples, columns, rows, logits, truth, decisions)
    return micro, macro, weighted, samples


def check_averages(micro, macro, weighted, samples, columns, rows, logits, truth, decisions):
    """Stops unless the averages are those that scikit-learn and torchmetrics give, where these give any."""
    for ours, average, parts in [(micro, "micro", [micro]), (macro, "macro", columns), (weighted, "weighted", columns), (samples, "samples", rows)]:
        def defined(key):
            return not any(math.isnan(part[key]) for part in parts)

        if defined("roc_auc"):
            assert same(ours["roc_auc"], metrics.roc_auc_score(truth, logits, average=average), 1e-12)
            assert same(ours["average_precision"], metrics.average_precision_score(truth, logits, average=average), 1e-12)
        if defined("jaccard") and truth.any():
            assert same(ours["jaccard"], metrics.jaccard_score(truth, decisions, average=average), 1e-12)
            assert same(ours["f2-score"], metrics.fbeta_score(truth, decisions, beta=2, average=average), 1e-12)
        if average != "samples" and truth.any() and all(truth.any(axis=0)):
            preds, target = torch.tensor(decisions), torch.tensor(truth)
            options = {"num_labels": len(columns), "average": average}
            for key, function in [
                ("specificity", torchmetrics.multilabel_specificity),
                ("negative_predictive_value", torchmetrics.multilabel_negative_predictive_value),
                ("accuracy", torchmetrics.multilabel_accuracy),
            ]:
                if defined(key):
                    assert same(ours[key], function(preds, target, **options).item(), 1e-6), key
    if not math.isnan(micro["matthews_correlation"]):
        theirs = torchmetrics.multilabel_matthews_corrcoef(torch.tensor(decisions), torch.tensor(truth), num_labels=len(columns))
        assert same(micro["matthews_correlation"], theirs.item(), 1e-6)


def ranking_of(logits, truth, known):
    """Figures of the rows' own rankings, each over the rows where it is defined."""
    n_labels = truth.shape[1]
    rows = [(truth[row, kept], logits[row, kept]) for row, kept in enumerate(known)]
    with_yes = [(t[None], p[None]) for t, p in rows if t.any()]
    with_both = [(t[None], p[None]) for t, p in rows if t.any() and not t.all()]
    # One label alone is no multi-label problem for scikit-learn; one below all others changes neither figure.
    padded = [(np.pad(t, ((0, 0), (0, 1))), np.pad(p, ((0, 0), (0, 1)), constant_values=p.min() - 1)) for t, p in with_yes]
    lrap = [metrics.label_ranking_average_precision_score(t, p) for t, p in padded]
    coverage = [metrics.coverage_error(t, p) for t, p in padded]
    loss = [metrics.label_ranking_loss(t, p) for t, p in with_both]
    ndcg = [metrics.ndcg_score(t, p) if t.size > 1 else 1.0 for t, p in with_yes]
    tops = [k for k in (1, 3, 5) if k < n_labels]
    if known.all() and len(with_both) == len(rows):
        assert same(mean(lrap), metrics.label_ranking_average_precision_score(truth, logits), 1e-12)
        assert same(mean(coverage), metrics.coverage_error(truth, logits), 1e-12)
        assert same(mean(loss), metrics.label_ranking_loss(truth, logits), 1e-12)
        assert same(mean(ndcg), metrics.ndcg_score(truth, logits), 1e-12)
        arrays = torch.sigmoid(torch.tensor(logits)), torch.tensor(truth)
        assert same(mean(lrap), torchmetrics.multilabel_ranking_average_precision(*arrays, num_labels=n_labels).item(), 1e-6)
        assert same(mean(coverage), torchmetrics.multilabel_coverage_error(*arrays, num_labels=n_labels).item(), 1e-6)
    found = {k: [(found_at(t, p, k), t.sum()) for t, p in rows if len(t) >= k] for k in tops}
    return {
        "rows_with_yes": len(with_yes),
        "rows_with_both": len(with_both),
        "label_ranking_average_precision": mean(lrap),
        "coverage_error": mean(coverage),
        "label_ranking_loss": mean(loss),
        "ndcg": mean(ndcg),
        "one_error": mean([1 - found_at(t[0], p[0], 1) for t, p in with_yes]),
        "precision_at": {str(k): mean([n / k for n, _ in found[k]]) for k in tops},
        "recall_at": {str(k): mean([n / yes for n, yes in found[k] if yes]) for k in tops},
    }


def found_at(truth, logits, k):
    """How many yes are among the `k` highest: the mean over all orders that the logits allow."""
    orders = itertools.permutations(range(len(truth)))
    found = [truth[list(order[:k])].sum() for order in orders if (np.diff(logits[list(order)]) <= 0).all()]
    if len(found) == 1 and truth.any():
        theirs = retrieval_precision(torch.tensor(rankdata(logits)), torch.tensor(truth), top_k=k).item()
        assert same(found[0] / k, theirs, 1e-6)
    return sum(found) / len(found)


def expected_of(labels, logits, probabilities, truth, known, thresholds):
    decisions = (probabilities >= np.array(thresholds, np.float32)).astype(int)
    wrong = known & (decisions != truth)
    right, some = ~wrong.any(axis=1), known.any(axis=1)
    losses = cell_losses(logits, truth)
    if known.all():
        assert metrics.hamming_loss(truth, decisions) == wrong.mean()
        assert metrics.accuracy_score(truth, decisions) == right.mean()
    columns = {}
    for column, label in enumerate(labels):
        kept = known[:, column]
        arrays = (values[kept, column] for values in (truth, probabilities, losses, logits, decisions))
        columns[label] = label_of(*arrays, thresholds[column])
    if known.all() and len(labels) > 1:
        matrices = metrics.multilabel_confusion_matrix(truth, decisions).tolist()
        assert matrices == [column["confusion_matrix"] for column in columns.values()]
    micro, macro, weighted, samples = averages_of(list(columns.values()), logits, truth, decisions, known)
    calibrations = [column["calibration"] for column in columns.values()]
    calibration = {key: mean([of[key] for of in calibrations]) for key in ("brier", "ece", "mce")}
    widths = {key: mean([of["equal_width"][key] for of in calibrations]) for key in ("l1", "l2", "max")}
    return {
        "rows": len(truth),
        "report": report_of(labels, truth, decisions, known),
        "labels": columns,
        "macro": macro,
        "subset_accuracy": right[some].mean() if some.any() else np.nan,
        "hamming_loss": wrong[known].mean() if known.any() else np.nan,
        "log_loss": losses[known].mean() if known.any() else np.nan,
        "micro": micro,
        "weighted": weighted,
        "samples": samples,
        "ranking": ranking_of(logits, truth, known),
        "calibration": calibration | {"equal_width": widths},
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


def case(name, labels, logits, cells, thresholds=None):
    """One case, its inputs rounded to what f32 holds before anything is computed from them."""
    logits32 = np.array(logits, np.float32)
    exact = 1 / (1 + np.exp(-logits32.astype(np.float64)))
    probabilities = exact.astype(np.float32)
    known = np.array([[cell is not None for cell in row] for row in cells])
    truth = np.array([[cell or 0 for cell in row] for row in cells])
    thresholds = thresholds or [0.5] * len(labels)
    expected = expected_of(labels, logits32.astype(np.float64), probabilities.astype(np.float64), truth, known, thresholds)
    return {
        "name": name,
        "labels": labels,
        # Nine digits name one f32.
        "logits": [[plain(float(f"{z:.9g}")) for z in row] for row in logits32],
        "probabilities": [[plain(float(f"{p:.9g}")) for p in row] for row in probabilities],
        "cells": cells,
        "thresholds": thresholds,
        "expected": plain(expected),
    }


def main():
    warnings.simplefilter("ignore")
    cases = by_hand() + [drawn("200 random rows", 1, 0.0), drawn("200 random rows, one cell in eight unknown", 2, 0.125, [0.5, 0.35, 0.2, 0.05])]
    GOLDEN.mkdir(parents=True, exist_ok=True)
    written = []
    for inputs in cases:
        entry = case(*inputs)
        fields = [f'  "{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in entry.items()]
        written.append(" {\n" + ",\n".join(fields) + "\n }")
    (GOLDEN / "metrics.json").write_text('{"cases": [\n' + ",\n".join(written) + "\n]}\n")


if __name__ == "__main__":
    main()
