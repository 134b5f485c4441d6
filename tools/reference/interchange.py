"""Checks that our model folders and those of Transformers give the same numbers, in both directions.

usage: python -P tools/reference/interchange.py check-folder MODEL TABLE [--multihot BINARY]
       python -P tools/reference/interchange.py fine-tune ENCODER TABLE OUT [--steps 20] [--multihot BINARY]

`check-folder` scores the texts of TABLE (.csv or .jsonl, column `text`) with Transformers, or with
sentence-transformers where the folder is of that kind, and with `multihot predict --raw`: logits must agree within
1e-4, and so must probabilities, by the activation that docs/checkpoints.md tells for labels that exclude each other, and
by a pipeline where it has one that fits. `fine-tune` trains a few steps with Transformers, saves as
Transformers saves, and checks that folder. Exit 0 when all agrees, 1 when something differs.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from torch.nn import functional

TOLERANCE = 1e-4
YES = {"1", "1.0", "true", "yes", "y", "t", "oui", "vrai"}
NO = {"0", "0.0", "false", "no", "n", "f", "non", "faux"}
ROBERTA_LIKE = {"roberta", "camembert", "xlm-roberta"}


def read_table(path):
    """The rows of a table, each a dict of its columns."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in file if line.strip()]
        return list(csv.DictReader(file))


def label_columns(rows):
    """Every column but `id` and `text` whose known cells are all yes or no."""

    def is_label(column):
        known = [cell for row in rows if (cell := cell_of(row, column)) is not None]
        return bool(known) and "bad" not in known

    return [column for column in rows[0] if column not in ("id", "text") and is_label(column)]


def cell_of(row, column):
    """1, 0, None where unknown, `"bad"` where it is no answer at all."""
    word = str(row.get(column, "")).strip().lower()
    if word in ("", "na", "nan", "none", "null", "?", "-1"):
        return None
    return 1 if word in YES else 0 if word in NO else "bad"


def usable_length(config):
    """How many tokens the position table has room for."""
    taken = config["pad_token_id"] + 1 if config["model_type"] in ROBERTA_LIKE else 0
    return config["max_position_embeddings"] - taken


def max_length_of(config):
    """The stored length where the folder is ours, the usable one else."""
    return (config.get("multihot") or {}).get("max_length") or usable_length(config)


def is_classifier(config):
    return any(name.endswith("ForSequenceClassification") for name in config.get("architectures") or [])


def transformers_logits(folder, texts, max_length):
    """Logits of each text alone, in f32, and the names of the labels."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    labels = [model.config.id2label[index] for index in range(model.config.num_labels)]
    with torch.inference_mode():
        rows = [tokenizer(t, truncation=True, max_length=max_length, return_tensors="pt") for t in texts]
        return labels, torch.cat([model(**row).logits for row in rows])


def sentence_transformers_logits(folder, config, texts, max_length):
    """The same of a mean-pooled folder: what its Dense module puts out."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    print(f"sentence-transformers truncates at {model.max_seq_length}, the folder says {max_length}")
    labels = config["multihot"]["labels"]
    return labels, model.encode(texts, batch_size=1, convert_to_tensor=True)


def pipeline_probabilities(folder, texts, labels, max_length):
    """What `pipeline("text-classification")` answers with its defaults, columns in the order of `labels`."""
    pipe = transformers.pipeline("text-classification", model=str(folder), top_k=None, device="cpu")
    answers = pipe(texts, truncation=True, max_length=max_length)
    scores = [{entry["label"]: entry["score"] for entry in answer} for answer in answers]
    return torch.tensor([[row[label] for label in labels] for row in scores])


def multihot_predictions(binary, folder, table, labels):
    """Logits and uncalibrated probabilities that our program writes for the same table."""
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "predictions.jsonl"
        command = [binary, "predict", folder, table, "--logits", "--raw", "--format", "jsonl", "--output", output]
        subprocess.run(command, check=True)
        rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        assert list(row["logits"]) == labels, f"labels differ: {list(row['logits'])} and {labels}"
    return tuple(torch.tensor([list(row[key].values()) for row in rows]) for key in ("logits", "raw_probabilities"))


def exclusive_groups(config, labels):
    """The places of labels that exclude each other, and whether none of them may hold."""
    groups = (config.get("multihot") or {}).get("exclusive", [])
    if not groups and config.get("problem_type") == "single_label_classification":
        return [(list(range(len(labels))), False)]
    return [([labels.index(label) for label in group["labels"]], group["at_most_one"]) for group in groups]


def documented_probabilities(logits, groups):
    """Sigmoids, and in each group the softmax, as docs/checkpoints.md has it."""
    probabilities = logits.sigmoid()
    for members, at_most_one in groups:
        none = torch.zeros(len(logits), int(at_most_one))
        softmax = torch.softmax(torch.cat([logits[:, members], none], 1), 1)
        probabilities[:, members] = softmax[:, : len(members)]
    return probabilities


def agree(what, ours, theirs):
    """Prints the largest difference; whether it is small enough."""
    if ours.shape != theirs.shape:
        print(f"{what}: ours are {list(ours.shape)}, theirs {list(theirs.shape)}")
        return False
    difference = (ours.double() - theirs.double()).abs().max().item()
    print(f"{what}: {ours.shape[0]} rows, {ours.shape[1]} labels, largest difference {difference:.2e}")
    return difference <= TOLERANCE


def check_folder(folder, table, binary):
    config = json.loads((folder / "config.json").read_text())
    texts = [row["text"] or "" for row in read_table(table)]
    max_length = max_length_of(config)
    classifier = is_classifier(config)
    if classifier:
        labels, logits = transformers_logits(folder, texts, max_length)
    else:
        labels, logits = sentence_transformers_logits(folder, config, texts, max_length)
    ours, probabilities = multihot_predictions(binary, folder, table, labels)
    groups = exclusive_groups(config, labels)
    documented = documented_probabilities(logits, groups)
    results = [agree("logits", ours, logits), agree("documented probabilities", probabilities, documented)]
    # A pipeline has one function for all labels.
    if classifier and (not groups or config["problem_type"] == "single_label_classification"):
        piped = pipeline_probabilities(folder, texts, labels, max_length)
        results.append(agree("pipeline", probabilities, piped))
    return all(results)


def fine_tune(encoder, table, out, steps):
    """Takes `steps` steps as a Transformers user would, and saves model and tokenizer to `out`."""
    torch.manual_seed(0)
    rows = read_table(table)
    labels = label_columns(rows)
    tokenizer = transformers.AutoTokenizer.from_pretrained(encoder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        encoder,
        dtype=torch.float32,
        problem_type="multi_label_classification",
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
        ignore_mismatched_sizes=True,
    ).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-4)
    for step in range(steps):
        picked = [rows[i % len(rows)] for i in range(16 * step, 16 * step + 16)]
        loss = batch_loss(model, tokenizer, picked, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 0:
            print(f"step {step}: loss {loss.item():.4f}")
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


def batch_loss(model, tokenizer, rows, labels):
    texts = [row["text"] or "" for row in rows]
    batch = tokenizer(texts, truncation=True, max_length=64, padding=True, return_tensors="pt")
    cells = [[cell_of(row, label) for label in labels] for row in rows]
    known = torch.tensor([[cell is not None for cell in row] for row in cells])
    truth = torch.tensor([[float(cell or 0) for cell in row] for row in cells])
    return functional.binary_cross_entropy_with_logits(model(**batch).logits[known], truth[known])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check-folder")
    check.add_argument("model", type=Path)
    tune = commands.add_parser("fine-tune")
    tune.add_argument("encoder", type=Path)
    for command in (check, tune):
        command.add_argument("table", type=Path)
        command.add_argument("--multihot", type=Path, default=Path("target/release/multihot"))
        command.add_argument("--threads", type=int, default=2)
    tune.add_argument("out", type=Path)
    tune.add_argument("--steps", type=int, default=20)
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    folder = args.model if args.command == "check-folder" else args.out
    if args.command == "fine-tune":
        fine_tune(args.encoder, args.table, args.out, args.steps)
    if not check_folder(folder, args.table, args.multihot):
        sys.exit(f"{folder}: the two programs differ by more than {TOLERANCE}")
    print(f"{folder}: the two programs agree")


if __name__ == "__main__":
    main()
