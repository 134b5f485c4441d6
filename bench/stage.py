"""What the works share: the two sides, tables cut to size, and models made on the way."""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from prepare import say
from works import CAMEMBERT, GOEMOTIONS_MAX_LENGTH, MINILM

# Held-out rows of a training, which `multihot train` looks at after its epoch, outside the measured time.
DEV_ROWS = 32


@dataclass
class TrainTask:
    encoder: Path
    table: Path
    dev: Path
    batch_rows: int
    max_length: int


class Stage:
    def __init__(self, options, ours, rivals, scratch):
        self.data, self.encoders, self.tokenizers = options.data, options.encoders, options.tokenizers
        self.rows, self.rival_batches = options.rows, options.rival_batches
        self.ours, self.rivals, self.scratch = ours, rivals, scratch

    def goemotions(self, rows):
        table, dev = self.table("goemotions", "train", rows), self.table("goemotions", "dev", DEV_ROWS)
        return TrainTask(self.encoders / MINILM, table, dev, batch_rows=32, max_length=GOEMOTIONS_MAX_LENGTH)

    def morfitt(self, rows):
        table, dev = self.table("morfitt_fr", "train", rows), self.table("morfitt_fr", "dev", DEV_ROWS)
        return TrainTask(self.random_camembert, table, dev, batch_rows=12, max_length=256)

    def table(self, name, part, rows):
        """The first rows of a data set, as a table of their own."""
        out = self.scratch / f"{name}-{part}-{rows}.csv"
        with open(self.data / name / f"{part}.csv", encoding="utf-8", newline="") as source:
            header, *cut = [row for row, _ in zip(csv.reader(source), range(rows + 1))]
        if len(cut) < rows:
            raise SystemExit(f"{source.name}: {rows} rows are asked for, {len(cut)} are there")
        with open(out, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *cut])
        return out

    @cached_property
    def minilm_model(self):
        """MiniLM with a head for GoEmotions, fitted on a few rows: one folder that every contestant loads."""
        say("fit a model to predict with")
        self.ours.fit_model(self.goemotions(DEV_ROWS), self.scratch / "minilm-model")
        return self.scratch / "minilm-model"

    @cached_property
    def minilm_onnx(self):
        """The same model as ONNX Runtime likes it best, in f32 and in int8."""
        say("export it to ONNX")
        self.rivals.export_to_onnx(self.minilm_model, self.scratch / "minilm-onnx")
        return self.scratch / "minilm-onnx"

    @cached_property
    def random_camembert(self):
        say("write an encoder in the shape of camembert-base")
        self.rivals.write_random_camembert(self.tokenizers / CAMEMBERT, self.scratch / "random-camembert")
        return self.scratch / "random-camembert"
