"""Counts the tokens of a table, special ones included, as a rival's tokenizer cuts them; prints JSON."""

import json
import sys

import rows

folder, table, max_length = sys.argv[1:]
texts, _, _ = rows.read(table)
ids, _ = rows.tokenize(folder, texts, int(max_length))
print(json.dumps({"rows": len(ids), "tokens": sum(map(len, ids)), "longest": max(map(len, ids))}))
