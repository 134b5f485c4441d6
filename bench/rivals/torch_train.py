"""Fine-tunes an encoder for one epoch with PyTorch and Transformers; prints tokens and seconds as JSON.

Timed are the steps alone: loading, tokenizing, padding and a short warm-up come before the clock starts.
"""

import argparse
import json
import time

import rows
import torch
from transformers import AutoModelForSequenceClassification

WARMUP_STEPS = 2
# AdamW, clipping and the linear schedule are what `multihot train` does too.
LEARNING_RATE, WEIGHT_DECAY, LARGEST_NORM = 5e-5, 0.01, 1.0


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    texts, targets, labels = rows.read(options.table)
    ids, pad = rows.tokenize(options.encoder, texts, options.max_length)
    model = AutoModelForSequenceClassification.from_pretrained(
        options.encoder, num_labels=len(labels), problem_type="multi_label_classification"
    )
    lengths = [len(row) for row in ids]
    order = rows.training_batches(lengths, options.batch_rows, options.order == "grouped", options.seed)
    batches = [batch(ids, targets, chosen, pad) for chosen in order]
    step = stepper(model, len(batches) + WARMUP_STEPS, options.precision)

    model.train()
    for inputs in batches[:WARMUP_STEPS]:
        step(inputs)
    started = time.perf_counter()
    losses = [step(inputs) for inputs in batches]
    seconds = time.perf_counter() - started
    cells = sum(inputs["input_ids"].numel() for inputs in batches)
    report = {"tokens": sum(lengths), "seconds": seconds, "padded_tokens": cells, "steps": len(batches)}
    print(json.dumps(report | {"last_loss": losses[-1]}))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoder")
    parser.add_argument("table")
    parser.add_argument("--batch-rows", type=int, required=True)
    parser.add_argument("--max-length", type=int, required=True)
    parser.add_argument("--order", choices=["random", "grouped"], required=True)
    parser.add_argument("--precision", choices=["f32", "bf16"], required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def batch(ids, targets, chosen, pad):
    input_ids, attention_mask = rows.padded([ids[row] for row in chosen], pad)
    return {
        "input_ids": torch.from_numpy(input_ids),
        "attention_mask": torch.from_numpy(attention_mask),
        "labels": torch.from_numpy(targets[chosen]),
    }


def stepper(model, steps, precision):
    """One update: forward under autocast if asked for, backward, clipping, AdamW in its fused form."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: 1 - done / (steps + 1))

    def step(inputs):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = model(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_NORM)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        return loss.item()

    return step


if __name__ == "__main__":
    main()
