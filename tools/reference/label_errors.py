"""Writes crates/multihot/tests/golden/label_errors.json: what cleanlab finds wrong."""

import json
import pathlib

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.internal.multilabel_scorer import MultilabelScorer
from cleanlab.internal.multilabel_utils import stack_complement
from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class

GOLDEN = pathlib.Path(__file__).parents[2] / "crates/multihot/tests/golden/label_errors.json"
N_LABELS = 4


def draw(seed, rows, wrong, unknown):
    """Logits of labels from rare to frequent, on which the model is from good to poor."""
    random = np.random.default_rng(seed)
    truth = random.random((rows, N_LABELS)) < np.array([0.03, 0.15, 0.5, 0.8])
    centre = np.array([4.0, 3.0, 2.0, 0.7])
    logits = np.where(truth, centre, -centre) + random.normal(size=truth.shape) + np.array([-1.5, 0.0, 0.0, 0.5])
    logits = np.round(logits, 3)
    given = truth ^ (random.random(truth.shape) < wrong)
    known = random.random(truth.shape) >= unknown
    return logits, given, known


def case(name, seed, rows, wrong, unknown):
    logits, given, known = draw(seed, rows, wrong, unknown)
    probabilities = (1 / (1 + np.exp(-logits.astype(np.float32).astype(np.float64)))).astype(np.float32).astype(np.float64)
    suspects = []
    for label in range(N_LABELS):
        # cleanlab knows no unknown cells: they are dropped, label by label.
        of_label = np.flatnonzero(known[:, label])
        p = probabilities[of_label, label]
        found = find_label_issues(
            given[of_label, label].astype(int), stack_complement(p), filter_by="confident_learning", n_jobs=1
        )
        suspects += [(int(of_label[i]), label) for i in np.flatnonzero(found)]
    lists = [np.flatnonzero(row).tolist() for row in given]
    if known.all():
        at_once = find_multilabel_issues_per_class(lists, probabilities, filter_by="confident_learning", n_jobs=1)
        assert sorted(suspects) == [(int(i), int(k)) for i, k in np.argwhere(at_once)]
    # Without `strict`, which refuses a row that has one label only.
    quality = MultilabelScorer(strict=False)
    qualities = []
    for row in range(rows):
        of_row = known[row]
        if not of_row.any():
            qualities.append(None)
            continue
        value = quality(given[[row]][:, of_row].astype(int), probabilities[[row]][:, of_row])[0]
        qualities.append(float(f"{value:.12g}"))
    own = np.where(given, probabilities, 1 - probabilities)
    suspects.sort(key=lambda suspect: (own[suspect], suspect))
    return {
        "name": name,
        "logits": logits.tolist(),
        "cells": [[int(g) if k else None for g, k in zip(*row)] for row in zip(given, known)],
        "suspects": suspects,
        "qualities": qualities,
    }


def main():
    cases = [
        case("one cell in ten wrong", 1, 200, 0.1, 0.0),
        case("one in twenty wrong, one in five unknown", 2, 200, 0.05, 0.2),
        case("nothing wrong", 3, 100, 0.0, 0.0),
        case("most unknown", 4, 60, 0.3, 0.7),
    ]
    lines = [json.dumps(entry, separators=(",", ":")) for entry in cases]
    GOLDEN.write_text('{"cases": [\n' + ",\n".join(lines) + "\n]}\n")
    for entry in cases:
        print(entry["name"], len(entry["suspects"]), "suspects")


if __name__ == "__main__":
    main()
