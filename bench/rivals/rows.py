"""Rows of a table as the rivals take them: token ids, grouped into padded batches."""

import csv

import numpy as np
from transformers import AutoTokenizer

# Transformers' grouping by length: so many batches are sorted together, then their order is shuffled.
BATCHES_SORTED_TOGETHER = 50


def read(table):
    """The texts of a CSV table, its 0/1 cells as a matrix, and the names of its labels."""
    with open(table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [column for column in rows[0] if column not in ("id", "text")]
    targets = np.array([[float(row[label]) for label in labels] for row in rows], dtype=np.float32)
    return [row["text"] for row in rows], targets, labels


def tokenize(folder, texts, max_length):
    """The token ids of each text, special ones included, cut to `max_length`; and the id that pads."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(texts, truncation=True, max_length=max_length, padding=False)["input_ids"]
    return ids, tokenizer.pad_token_id


def training_batches(lengths, batch_rows, grouped, seed):
    """The row numbers of each batch of one epoch, in random order or grouped by length."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(lengths))
    if not grouped:
        return chunks(order, batch_rows)
    sorted_parts = [
        sorted(part, key=lambda row: -lengths[row]) for part in chunks(order, batch_rows * BATCHES_SORTED_TOGETHER)
    ]
    batches = [batch for part in sorted_parts for batch in chunks(part, batch_rows)]
    random.shuffle(batches)
    return batches


def sorted_batches(lengths, batch_rows):
    """The row numbers of each batch, the shortest rows first: as little padding as can be."""
    return chunks(sorted(range(len(lengths)), key=lambda row: lengths[row]), batch_rows)


def chunks(rows, size):
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]


def padded(ids, pad):
    """Token ids and attention mask of a batch, as wide as its longest row."""
    shape = (len(ids), max(map(len, ids)))
    input_ids, attention_mask = np.full(shape, pad, np.int64), np.zeros(shape, np.int64)
    for row, row_ids in enumerate(ids):
        input_ids[row, : len(row_ids)] = row_ids
        attention_mask[row, : len(row_ids)] = 1
    return input_ids, attention_mask
