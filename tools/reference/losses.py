"""Writes the golden file of the losses of crates/multihot, computed by PyTorch in f64 with autograd.

usage: python -P tools/reference/losses.py

Each loss is written down here as its paper or its own code has it, on chances, and not in the form that multihot uses.
"""

import json
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import brentq
from torch.nn import functional as F

GOLDEN = Path(__file__).resolve().parents[2] / "crates/multihot/tests/golden/losses.json"
LOGITS = [-110, -17, -6.5, -4, -2.75, -2, -1, -0.375, 0, 0.25, 1, 2.5, 4, 8, 17, 110]
CHANCES = [0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95]


def f32(number):
    """The f32 nearest to it, as multihot holds what is chosen."""
    return float(np.float32(number))


def bce(z, y):
    return F.binary_cross_entropy_with_logits(z, y, reduction="none")


def focal(gamma):
    """`torchvision.ops.sigmoid_focal_loss` without its alpha, line by line."""

    def loss(z, y):
        p = torch.sigmoid(z)
        ce_loss = F.binary_cross_entropy_with_logits(z, y, reduction="none")
        # Not `1 - p`, of which nothing is left at 110.
        p_t_not = torch.sigmoid(-z) * y + p * (1 - y)
        return ce_loss * (p_t_not**gamma)

    return loss


def asymmetric(gamma_pos, gamma_neg, clip):
    """`AsymmetricLoss` of github.com/Alibaba-MIIL/ASL, with gradients through the weight (its
    `disable_torch_grad_focal_loss=False`) and without its eps, for which f64 has no need."""

    def loss(z, y):
        xs_pos = torch.sigmoid(z)
        xs_neg = torch.sigmoid(-z)
        if clip > 0:
            xs_neg = (xs_neg + clip).clamp(max=1)
        los_pos = y * F.logsigmoid(z)
        # Its `log(xs_neg)`; without a clip that is a log of 0 at 110.
        los_neg = (1 - y) * (torch.log(xs_neg) if clip > 0 else F.logsigmoid(-z))
        # Its `1 - pt`: of a yes that is 1 - p, of a no the chance that is left of yes.
        not_pt = torch.where(y == 1, torch.sigmoid(-z), 1 - xs_neg if clip > 0 else xs_pos)
        gamma = torch.where(y == 1, gamma_pos, gamma_neg)
        return -(los_pos + los_neg) * torch.pow(not_pt, gamma)

    return loss


def kinds():
    """`(as config.json has it, the loss)`."""
    yield "bce", bce
    for gamma in [0.5, 2, 5]:
        yield {"focal": {"gamma": gamma}}, focal(gamma)
    for gamma_pos, gamma_neg, clip in [(0, 4, 0.05), (1, 4, 0.05), (0, 4, 0), (1.5, 2.5, 0.2)]:
        numbers = {"gamma_positive": gamma_pos, "gamma_negative": gamma_neg, "clip": f32(clip)}
        yield {"asymmetric": numbers}, asymmetric(gamma_pos, gamma_neg, f32(clip))


def cost(loss, smoothing, weight, z, yes):
    """Cost of a cell with `yes` shares of a yes before smoothing."""
    share = yes * (1 - smoothing) + smoothing / 2
    return weight * share * loss(z, torch.ones_like(z)) + (1 - share) * loss(z, torch.zeros_like(z))


def cost_and_slope(loss, smoothing, weight, logits, yes):
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    costs = cost(loss, smoothing, weight, z, yes)
    costs.sum().backward()
    return costs.tolist(), z.grad.tolist()


def optimum(loss, smoothing, weight, chance):
    """The logit with the least cost when a yes has this chance; None where it is infinite."""
    slope = lambda z: cost_and_slope(loss, smoothing, weight, [z], chance)[1][0]
    low, high = -30.0, 30.0
    return brentq(slope, low, high, xtol=1e-13) if slope(low) < 0 < slope(high) else None


def case(kind, loss, smoothing, weight):
    sides = {}
    for name, yes in [("yes", 1), ("no", 0)]:
        costs, slopes = cost_and_slope(loss, smoothing, weight, LOGITS, yes)
        assert np.isfinite(costs).all() and np.isfinite(slopes).all(), kind
        sides[name] = {"costs": costs, "slopes": slopes}
    optima = [optimum(loss, smoothing, weight, chance) for chance in CHANCES]
    finite = [logit for logit in optima if logit is not None]
    assert optima == sorted(finite) + [None] * (len(optima) - len(finite)), (kind, optima)
    return {"loss": kind, "label_smoothing": smoothing, "weight": weight, **sides, "optima": optima}


def main():
    variants = [(0, 1), (f32(0.1), 1), (0, 4), (f32(0.1), f32(0.3))]
    cases = [case(kind, loss, *variant) for kind, loss in kinds() for variant in variants]
    golden = {"logits": LOGITS, "chances": CHANCES, "cases": cases}
    text = json.dumps(golden).replace('{"loss"', '\n{"loss"')
    GOLDEN.write_text(text + "\n")
    print(f"{len(cases)} cases, {len(text)} bytes")


main()
