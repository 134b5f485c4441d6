"""Every way in which `compare` calls the rivals: programs under rivals/, each a process of its own."""

import json
from pathlib import Path

import process
from measurement import Measurement

PROGRAMS = Path(__file__).resolve().parent / "rivals"


class Rivals:
    def __init__(self, python, threads):
        self.python = python
        self.threads = threads
        # Nothing is looked up on the network, and no pool is larger than the others'.
        self.environment = {
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "TRANSFORMERS_VERBOSITY": "error",
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
        }

    def train(self, task, precision, order):
        options = ["--batch-rows", task.batch_rows, "--max-length", task.max_length, "--threads", self.threads]
        how = ["--precision", precision, "--order", order]
        return self._measure("torch_train", task.encoder, task.table, *options, *how)

    def torch_predict(self, model, table, max_length, batches, precision):
        options = ["--batch-rows", *batches, "--max-length", max_length, "--threads", self.threads]
        return self._measure("torch_predict", model, table, *options, "--precision", precision)

    def onnx_predict(self, model, graph, table, max_length, batches):
        options = ["--batch-rows", *batches, "--max-length", max_length, "--threads", self.threads]
        return self._measure("onnx_predict", model, graph, table, *options)

    def first_answer(self, model, text):
        command, finished = self._run("first_answer", model, text)
        return Measurement(None, finished.seconds, finished.peak_rss_bytes, finished.cpu_seconds, command)

    def count_tokens(self, folder, table, max_length):
        _, finished = self._run("count_tokens", folder, table, max_length)
        return json.loads(finished.stdout)

    def export_to_onnx(self, model, out):
        out.mkdir()
        self._run("onnx_export", model, out)

    def write_random_camembert(self, tokenizer, out):
        self._run("random_camembert", tokenizer, out)

    def _measure(self, program, *arguments):
        """Runs a program that prints its own tokens and seconds, which leave loading and tokenizing out."""
        command, finished = self._run(program, *arguments)
        details = json.loads(finished.stdout.splitlines()[-1])
        tokens, seconds = details.pop("tokens"), details.pop("seconds")
        return Measurement(tokens, seconds, finished.peak_rss_bytes, finished.cpu_seconds, command, details)

    def _run(self, program, *arguments):
        command = [self.python, PROGRAMS / f"{program}.py", *arguments]
        return command, process.run(command, self.environment)
