"""Writes crates/multihot/tests/fixtures: a table and a tiny encoder for whole runs of the program.

usage: python -P tools/reference/fixtures.py

`reviews.csv` holds the shortest rows of example/train.csv. `tiny-bert` is a random BERT without a head, two
layers, 32 wide, whose vocabulary knows the most frequent words of that table and spells the others.
"""

import collections
import csv
import re
from pathlib import Path

import torch
import transformers

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/multihot/tests/fixtures"
ROWS = 120
WORDS = 90
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]


def shortest_rows():
    """The header and `ROWS` rows of the example, in its order: every row with a blank cell, then the shortest."""
    with open(ROOT / "example/train.csv", newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    by_length = sorted(rows, key=lambda row: ("" not in row[2:] or len(row[1]) > 90, len(row[1])))
    kept = by_length[:ROWS]
    return header, [row for row in rows if row in kept]


def vocabulary(rows):
    """Special tokens, punctuation, letters alone and inside a word, and the most frequent words."""
    words = collections.Counter(word for row in rows for word in re.findall(r"[a-z]{2,}", row[1].lower()))
    frequent = sorted(words, key=lambda word: (-words[word], word))[:WORDS]
    return SPECIAL + list("!,.'") + LETTERS + [f"##{letter}" for letter in LETTERS] + sorted(frequent)


def tiny_bert(n_words):
    """A BERT whose weights are large enough for a few steps to move it."""
    torch.manual_seed(2)
    config = transformers.BertConfig(
        vocab_size=n_words,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=64,
        initializer_range=0.1,
    )
    return transformers.BertModel(config)


def main():
    """Writes both."""
    header, rows = shortest_rows()
    FIXTURES.mkdir(parents=True, exist_ok=True)
    with open(FIXTURES / "reviews.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    words = vocabulary(rows)
    folder = FIXTURES / "tiny-bert"
    tiny_bert(len(words)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
