"""Writes the golden file of the splits of crates/multihot: what iterative-stratification makes of given tables.

usage: python -P tools/reference/split.py            writes the file
       python -P tools/reference/split.py --time     only says how long it takes on larger tables
       python -P tools/reference/split.py --compare TABLE.csv --multihot target/release/multihot
                                                     splits a table on disk with both

README.md in this folder says what the figures are.
"""

import argparse
import csv
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from iterstrat.ml_stratifiers import IterativeStratification

GOLDEN = Path(__file__).resolve().parents[2] / "crates/multihot/tests/golden"
WAYS = {"5 folds": [0.2] * 5, "10 folds": [0.1] * 10, "train, dev, test": [0.8, 0.1, 0.1]}
SEEDS = range(5)
BLANK = -1


def tables():
    """`(name, cells)`, a row a text: 1 yes, 0 no, BLANK unknown."""
    rng = np.random.default_rng(2011)

    def independent(rows, rates):
        return (rng.random((rows, len(rates))) < rates).astype(int)

    def related(rows, thresholds):
        mood = rng.normal(size=(rows, 1)) + rng.normal(size=(rows, len(thresholds)))
        return (mood > thresholds).astype(int)

    def with_blanks(cells, share):
        return np.where(rng.random(cells.shape) < share, BLANK, cells)

    some = independent(500, np.full(8, 0.17))
    some[np.arange(500), rng.integers(0, 8, 500)] = 1
    return [
        ("from common to rare", independent(600, 0.5 * 0.7 ** np.arange(12))),
        ("labels that go together", related(500, np.linspace(-1.5, 3, 10))),
        ("a label in every row", some),
        ("mostly yes", independent(400, np.array([0.98, 0.9, 0.7, 0.5]))),
        ("rare labels", independent(300, np.full(20, 0.02))),
        ("a third blank", with_blanks(independent(600, 0.5 * 0.7 ** np.arange(10)), 0.33)),
        ("mostly blank", with_blanks(independent(600, np.array([0.5, 0.3, 0.2, 0.1])), 0.9)),
    ]


def distances(cells, parts, shares):
    """How far parts are from their share: yes cells, known cells (both over labels and parts), rows."""
    yes, known, rows = [], [], []
    for part, share in enumerate(shares):
        inside = cells[parts == part]
        yes.append(np.abs((inside == 1).sum(0) - share * (cells == 1).sum(0)))
        known.append(np.abs((inside != BLANK).sum(0) - share * (cells != BLANK).sum(0)))
        rows.append(abs(len(inside) - share * len(cells)))
    return {"yes_mean": np.mean(yes), "yes_max": np.max(yes), "known_mean": np.mean(known), "rows_max": np.max(rows)}


def expected(cells, shares):
    """The distances of iterative-stratification, the mean over some seeds."""
    split = lambda seed: IterativeStratification(cells == 1, np.array(shares), np.random.RandomState(seed))
    found = [distances(cells, split(seed), shares) for seed in SEEDS]
    return {key: round(float(np.mean([each[key] for each in found])), 6) for key in found[0]}


def write():
    letters = {1: "1", 0: "0", BLANK: "?"}
    cases = [
        {
            "name": name,
            "cells": ["".join(letters[cell] for cell in row) for row in cells.tolist()],
            "ways": [{"way": way, "shares": shares, "expected": expected(cells, shares)} for way, shares in WAYS.items()],
        }
        for name, cells in tables()
    ]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (GOLDEN / "split.json").write_text('{"cases":[\n' + lines + "\n]}\n")


def show_time():
    rng = np.random.default_rng(0)
    for rows in (10_000, 100_000, 1_000_000):
        cells = rng.random((rows, 28)) < 0.33 * 0.86 ** np.arange(28)
        start = time.perf_counter()
        IterativeStratification(cells, np.array([0.8, 0.1, 0.1]), np.random.RandomState(0))
        print(f"{rows} rows x 28 labels, 80/10/10: {time.perf_counter() - start:.2f} s", flush=True)


def compare(table, multihot):
    """Prints the distances of both, the mean over some seeds."""
    shares = WAYS["train, dev, test"]
    ours = [of_multihot(table, multihot, seed) for seed in SEEDS]
    labels = [label["label"] for label in ours[0]["parts"][0]["labels"]]
    with open(table, newline="", encoding="utf-8-sig") as file:
        cells = np.array([[int(row[label] or BLANK) for label in labels] for row in csv.DictReader(file)])
    found = [distances_of_report(report) for report in ours]
    for name, figures in [("multihot", found), ("iterative-stratification", [expected(cells, shares)])]:
        means = {key: np.mean([each[key] for each in figures]) for key in figures[0]}
        print(f"{name:<24}", "  ".join(f"{key} {mean:.2f}" for key, mean in means.items()))


def of_multihot(table, multihot, seed):
    with tempfile.TemporaryDirectory() as folder:
        command = [multihot, "split", table, "--out", f"{folder}/parts", "--seed", str(seed), "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def distances_of_report(report):
    counts = np.array([[[label["yes"], label["yes"] + label["no"]] for label in part["labels"]] for part in report["parts"]])
    shares = np.array([part["share"] for part in report["parts"]])
    far = np.abs(counts - shares[:, None, None] * counts.sum(0))
    rows = max(abs(part["rows"] - part["share"] * report["rows"]) for part in report["parts"])
    return {"yes_mean": far[..., 0].mean(), "yes_max": far[..., 0].max(), "known_mean": far[..., 1].mean(), "rows_max": rows}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--compare", metavar="TABLE")
    parser.add_argument("--multihot", default="target/release/multihot")
    args = parser.parse_args()
    if args.time:
        show_time()
    elif args.compare:
        compare(args.compare, args.multihot)
    else:
        write()


if __name__ == "__main__":
    main()
