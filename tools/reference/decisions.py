"""Writes the golden file of the decisions of crates/multihot, computed by scikit-learn and scipy.

usage: python -P tools/reference/decisions.py
"""

import json
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import f1_score, fbeta_score, precision_score, recall_score

GOLDEN = Path(__file__).resolve().parents[2] / "crates/multihot/tests/golden"


def drawn(seed, rows, rate, slope, shift, unknown):
    """Logits of f32, coarse enough to tie, and cells of 1, 0 and -1 for unknown."""
    rng = np.random.default_rng(seed)
    truth = rng.random(rows) < rate
    logits = np.round(np.where(truth, 1.0, -1.0) + 1.2 * rng.normal(size=rows), 2) * slope + shift
    cells = np.where(rng.random(rows) < unknown, -1, truth.astype(int))
    return logits.astype(np.float32), cells


def softplus(x):
    return np.logaddexp(0, x)


def targets(yes):
    """Platt's smoothed targets."""
    positives, negatives = yes.sum(), (~yes).sum()
    return np.where(yes, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def fit(features, target):
    """The coefficients of least mean log loss, by a quasi-Newton method to its end."""
    def loss(w):
        z = features @ w
        p = 1 / (1 + np.exp(-z))
        return np.mean(softplus(z) - target * z), features.T @ (p - target) / len(target)
    best = minimize(loss, np.ones(features.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-12})
    return best.x


def platt(z, yes):
    ours = fit(np.stack([z, np.ones_like(z)], 1), targets(yes))
    theirs = _SigmoidCalibration().fit(z, yes.astype(int))
    # scikit-learn has the chance as 1 / (1 + exp(a z + b)), and stops a little earlier.
    assert abs(-theirs.a_ - ours[0]) < 1e-3 and abs(-theirs.b_ - ours[1]) < 1e-3, (theirs.a_, theirs.b_, ours)
    return ours.tolist()


def isotonic(z, yes):
    """The shares of yes of the pools, lowest first."""
    fitted = IsotonicRegression(out_of_bounds="clip").fit_transform(z, yes.astype(float))
    return sorted(set(np.round(fitted, 12)))


def best(z, yes, figure):
    """The highest figure over all cuts, the scores being ranked as the logits are."""
    cuts = np.unique(z)
    return max(figure(yes, z >= cut) for cut in cuts)


def most_found(z, yes, precision):
    allowed = [yes[z >= cut].sum() for cut in np.unique(z) if precision_score(yes, z >= cut) >= precision]
    return int(max(allowed))


def fewest_yes(z, yes, recall):
    return int(min((z >= cut).sum() for cut in np.unique(z) if recall_score(yes, z >= cut) >= recall))


def case(name, **how):
    logits, cells = drawn(**how)
    known = cells >= 0
    z, yes = logits[known].astype(float), cells[known] == 1
    beta = fit(np.stack([-softplus(-z), softplus(z), np.ones_like(z)], 1), targets(yes))
    return {
        "name": name,
        "logits": [float(f"{x:.9g}") for x in logits],
        "cells": cells.tolist(),
        "platt": platt(z, yes),
        "temperature": 1 / fit(z[:, None], yes.astype(float))[0],
        "beta": beta.tolist(),
        "isotonic": isotonic(z, yes),
        "f1": best(z, yes, f1_score),
        "f-beta=2": best(z, yes, lambda truth, decisions: fbeta_score(truth, decisions, beta=2)),
        "precision>=0.8": most_found(z, yes, 0.8),
        "recall>=0.9": fewest_yes(z, yes, 0.9),
    }


def main():
    cases = [
        case("common", seed=1, rows=1200, rate=0.4, slope=1.0, shift=0.0, unknown=0.0),
        case("bold and shifted", seed=2, rows=1200, rate=0.2, slope=3.0, shift=-2.0, unknown=0.0),
        case("shy, a third unknown", seed=3, rows=1800, rate=0.3, slope=0.3, shift=0.5, unknown=0.33),
        case("rare", seed=4, rows=1500, rate=0.05, slope=1.5, shift=1.0, unknown=0.1),
    ]
    (GOLDEN / "decisions.json").write_text(json.dumps({"cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
