"""Writes the golden file of the loss of exclusive groups of crates/multihot, computed by PyTorch in f64 with autograd.

usage: python -P tools/reference/exclusive.py

Where a row says which outcome it is, the cost is PyTorch's own `cross_entropy`, with its label smoothing; where it only
rules some out, the negative logarithm of the chance that is left, out of `softmax`.
"""

import json
from pathlib import Path

import torch
from torch.nn import functional as F

GOLDEN = Path(__file__).resolve().parents[2] / "crates/multihot/tests/golden/exclusive.json"
LOGITS = [[0, 0, 0, 0], [1, -0.5, 0.25, 2], [-3, 4, 0.5, -17], [17, 3, -2, 8], [0.5, -110, 110, 1]]
EXACTLY_ONE = ["ynnn", "?y??", "nnn?", "n???", "?nn?"]
AT_MOST_ONE = EXACTLY_ONE + ["nnnn"]


def outcome(cells, at_most_one):
    """The only outcome that is left; None where there are several."""
    if "y" in cells:
        return cells.index("y")
    left = [i for i, cell in enumerate(cells + ("?" if at_most_one else "")) if cell != "n"]
    return left[0] if len(left) == 1 else None


def cost(z, cells, at_most_one, smoothing):
    known = outcome(cells, at_most_one)
    if known is not None:
        return F.cross_entropy(z, torch.tensor(known), label_smoothing=smoothing)
    left = torch.tensor([cell != "n" for cell in cells] + [True] * at_most_one)
    right = -torch.log(torch.softmax(z, 0)[left].sum())
    return (1 - smoothing) * right - smoothing * F.log_softmax(z, 0).mean()


def case(logits, cells, at_most_one, smoothing):
    z = torch.tensor(logits + [0] * at_most_one, dtype=torch.float64, requires_grad=True)
    loss = cost(z, cells, at_most_one, smoothing)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(z.grad).all(), (logits, cells)
    return {
        "at_most_one": at_most_one,
        "label_smoothing": smoothing,
        "logits": logits,
        "cells": cells,
        "cost": loss.item(),
        "slopes": z.grad.tolist(),
    }


def main():
    kinds = [(False, EXACTLY_ONE), (True, AT_MOST_ONE)]
    cases = [
        case(logits, cells, at_most_one, smoothing)
        for at_most_one, rows in kinds
        for cells in rows
        for smoothing in [0, 0.1]
        for logits in LOGITS
    ]
    text = json.dumps({"cases": cases}).replace('{"at_most_one"', '\n{"at_most_one"')
    GOLDEN.write_text(text + "\n")
    print(f"{len(cases)} cases, {len(text)} bytes")


main()
