"""Scores a table with PyTorch and Transformers; prints tokens and seconds as JSON.

Timed are the forward passes alone, on rows sorted by length. `bf16-autocast` keeps f32 weights and casts on the way;
`bf16-weights` holds the whole model in bf16.
"""

import argparse
import json

import rows
import timed_passes
import torch
from transformers import AutoModelForSequenceClassification


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    texts, _, _ = rows.read(options.table)
    ids, pad = rows.tokenize(options.model, texts, options.max_length)
    model = AutoModelForSequenceClassification.from_pretrained(options.model).eval()
    if options.precision == "bf16-weights":
        model = model.to(torch.bfloat16)

    def forward(input_ids, attention_mask):
        input_ids, attention_mask = torch.from_numpy(input_ids), torch.from_numpy(attention_mask)
        return model(input_ids=input_ids, attention_mask=attention_mask).logits.float().numpy()

    autocast = torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16-autocast")
    with torch.inference_mode(), autocast:
        print(json.dumps(timed_passes.fastest(ids, pad, options.batch_rows, forward)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("table")
    parser.add_argument("--batch-rows", type=int, nargs="+", required=True)
    parser.add_argument("--max-length", type=int, required=True)
    parser.add_argument("--precision", choices=["f32", "bf16-autocast", "bf16-weights"], required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
