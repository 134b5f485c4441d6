"""Times a rival's forward passes over all rows at several batch sizes, and keeps the fastest."""

import time

import numpy as np
import rows

# Rows whose logits are reported, so that a reader sees that all contestants compute the same.
CHECKED_ROWS = 8


def fastest(ids, pad, batch_sizes, forward):
    """The report of the fastest batch size. `forward` takes ids and mask and gives logits, all as arrays."""
    reports = [timed(ids, pad, batch_rows, forward) for batch_rows in batch_sizes]
    return min(reports, key=lambda report: report["seconds"])


def timed(ids, pad, batch_rows, forward):
    order = rows.sorted_batches([len(row) for row in ids], batch_rows)
    batches = [rows.padded([ids[row] for row in chosen], pad) for chosen in order]
    for warm_up in {0, len(batches) // 2, len(batches) - 1}:
        forward(*batches[warm_up])
    started = time.perf_counter()
    logits = [forward(*inputs) for inputs in batches]
    seconds = time.perf_counter() - started
    by_row = dict(zip(np.concatenate(order), np.concatenate(logits)))
    return {
        "tokens": sum(map(len, ids)),
        "seconds": seconds,
        "batch_rows": batch_rows,
        "padded_tokens": sum(inputs[0].size for inputs in batches),
        "first_logits": [by_row[row].tolist() for row in range(min(CHECKED_ROWS, len(ids)))],
    }
