"""Writes crates/multihot/tests/golden/baseline.json: TF-IDF and logistic regression by scikit-learn."""

import csv
import json
import pathlib

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = ROOT / "crates/multihot/tests/golden/baseline.json"
LABELS = ["positive", "sports", "business"]
ODD = ["", "I a ! 😀", "the the the the", "The team, the TEAM: the team won", "Où est l'équipe ?", "unheard-of wordage"]


def texts_and_cells(name, rows):
    with open(ROOT / "example" / name, newline="") as file:
        read = list(csv.DictReader(file))[:rows]
    return [row["text"] for row in read], np.array([[row[label] for label in LABELS] for row in read])


def plain(values):
    return [float(f"{value:.9g}") for value in values]


def main():
    texts, cells = texts_and_cells("train.csv", 150)
    # Each label knows other rows; nothing is left out of the words.
    known = (cells != "") & (np.random.default_rng(1).random(cells.shape) >= [0.0, 0.1, 0.4])
    others = ODD + texts_and_cells("dev.csv", 20)[0]
    vectorizer = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    features = vectorizer.fit_transform(texts)
    logits = []
    for label in range(len(LABELS)):
        rows = known[:, label]
        model = LogisticRegression(C=4.0, solver="newton-cg", tol=1e-12, max_iter=1000)
        model.fit(features[rows], cells[rows, label] == "1")
        logits.append(model.decision_function(vectorizer.transform(others)))
    fields = {
        "texts": texts,
        "cells": [[int(c) if k else None for c, k in zip(*row)] for row in zip(cells, known)],
        "idf": dict(sorted(zip(vectorizer.get_feature_names_out(), plain(vectorizer.idf_)))),
        "others": others,
        "logits": [plain(row) for row in np.array(logits).T],
    }
    lines = [f'"{key}": {json.dumps(value, ensure_ascii=False, separators=(",", ":"))}' for key, value in fields.items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
