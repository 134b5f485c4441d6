"""Every way in which `compare` calls multihot.

Each method takes a task and gives a `Measurement`: tokens, the seconds they took, peak memory of the whole process.
Today these come from the summaries that `train --json` and `predict --json` print:

- `train`: the time of the updates alone, each from its rows to the end of the optimizer's step.
- `predict`: reading the table, tokenizing, the forward passes and writing the answers; not loading the model.
- `first_answer`: the whole process.
"""

import json
import re
import shutil

import process
from measurement import Measurement


class Multihot:
    def __init__(self, binary, threads):
        self.binary = binary
        self.threads = threads

    def precisions(self, command):
        """The precisions that `multihot COMMAND` of this build knows."""
        text = process.run([self.binary, command, "--help"]).stdout
        option = re.search(r"--precision <.*?(?=\n +--|\Z)", text, re.DOTALL)
        return set(re.findall(r"\b(?:f32|bf16|int8)\b", option[0])) if option else {"f32"}

    def train(self, task, precision, out):
        """One epoch on `task.table`; the model is written to `out` and removed."""
        command = self._train_command(task, precision, out)
        try:
            finished = process.run(command)
        finally:
            shutil.rmtree(out, ignore_errors=True)
        summary = json.loads(finished.stdout)
        return self._measurement(finished, command, summary["train_tokens"], summary["train_seconds"])

    def fit_model(self, task, out):
        """A small model to predict with: what it has learnt does not matter, its shape does."""
        process.run(self._train_command(task, "f32", out))

    def predict(self, model, table, tokens, precision, output):
        """The answers to the rows of `table`, which hold so many `tokens`."""
        command = [self.binary, "predict", model, table, "--output", output, "--json", *self._machine(precision)]
        finished = process.run(command)
        return self._measurement(finished, command, tokens, json.loads(finished.stdout)["seconds"])

    def first_answer(self, model, text):
        """One text, from the start of the process to its end."""
        formats = ["--input-format", "lines", "--format", "jsonl"]
        command = [self.binary, "predict", model, "-", *formats, *self._machine("f32")]
        finished = process.run(command, stdin=text + "\n")
        return self._measurement(finished, command, None, finished.seconds)

    def logits(self, model, table, precision, output):
        """The logits of each row of `table`, in its order."""
        process.run([self.binary, "predict", model, table, "--output", output, "--logits", *self._machine(precision)])
        rows = [json.loads(line) for line in output.read_text().splitlines()]
        return [list(row["logits"].values()) for row in rows]

    def _train_command(self, task, precision, out):
        options = ["--epochs", 1, "--batch-rows", task.batch_rows, "--max-length", task.max_length]
        tables = [task.table, "--dev", task.dev, "--encoder", task.encoder, "--out", out, "--overwrite", "--json"]
        return [self.binary, "train", *tables, *options, *self._machine(precision)]

    def _machine(self, precision):
        return ["--precision", precision, "--threads", self.threads]

    def _measurement(self, finished, command, tokens, seconds):
        return Measurement(tokens, seconds, finished.peak_rss_bytes, finished.cpu_seconds, command)
