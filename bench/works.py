"""The works that are compared: who takes part, on which rows, and which ratios are drawn from it."""

from dataclasses import dataclass
from functools import partial
from typing import Callable

from measurement import Measurement

# Enough rows that a turn takes half a minute or so on two cores.
DEFAULT_ROWS = {"train-minilm": 1920, "train-camembert": 96, "predict-minilm": 3840}
MINILM, CAMEMBERT = "all-MiniLM-L6-v2", "camembert-base"
# Folders that a work reads: the option that names the outer one, and what has to be inside.
GOEMOTIONS = [("data", "goemotions"), ("encoders", MINILM)]
NEEDS = {
    "train-minilm": GOEMOTIONS,
    "train-camembert": [("data", "morfitt_fr"), ("tokenizers", CAMEMBERT)],
    "predict-minilm": GOEMOTIONS,
    "first-answer": GOEMOTIONS,
}
NAMES = list(NEEDS)
# GoEmotions comments are shorter than this, so that nothing is cut.
GOEMOTIONS_MAX_LENGTH = 128
# Rows whose logits are compared, so that a reader sees that all contestants compute the same.
CHECKED_ROWS = 8
ONE_TEXT = "She won the final in three thrilling sets."


@dataclass
class Contestant:
    name: str
    title: str
    turn: Callable[[], Measurement]
    # `bf16` where that arithmetic is all it is about.
    precision: str = "f32"


@dataclass
class Ratio:
    """How multihot stands to the best of `rivals`: at least `goal` in `tokens_per_s`, at most `goal` in all else."""

    title: str
    ours: str
    rivals: list
    of: str
    goal: float | None = None


@dataclass
class Work:
    title: str
    rows: int
    contestants: list
    ratios: list
    # The contestant from whose logits the others' distance is reported.
    reference: str | None = None


def train_minilm(stage):
    task = stage.goemotions(stage.rows["train-minilm"])
    return Work(
        title="fine-tune all-MiniLM-L6-v2 on GoEmotions, batches of 32 rows",
        rows=stage.rows["train-minilm"],
        contestants=trainers(stage, task, ["f32-random", "f32-grouped", "bf16-random", "bf16-grouped"]),
        ratios=[
            Ratio("bf16, PyTorch grouped", "multihot-bf16", ["torch-bf16-grouped"], "tokens_per_s", 2.0),
            Ratio("bf16, PyTorch's defaults", "multihot-bf16", ["torch-f32-random"], "tokens_per_s", 5.0),
            Ratio("f32, PyTorch grouped", "multihot-f32", ["torch-f32-grouped"], "tokens_per_s", 1.7),
            Ratio("f32, PyTorch's defaults", "multihot-f32", ["torch-f32-random"], "tokens_per_s"),
            Ratio("bf16", "multihot-bf16", ["torch-bf16-grouped"], "peak_rss_bytes", 0.4),
            Ratio("f32", "multihot-f32", ["torch-f32-grouped"], "peak_rss_bytes"),
        ],
    )


def train_camembert(stage):
    task = stage.morfitt(stage.rows["train-camembert"])
    return Work(
        title="fine-tune camembert-base (random weights) on MORFITT, batches of 12 rows, up to 256 tokens",
        rows=stage.rows["train-camembert"],
        contestants=trainers(stage, task, ["f32-grouped", "bf16-grouped"]),
        ratios=[
            Ratio("bf16", "multihot-bf16", ["torch-bf16-grouped"], "tokens_per_s", 1.7),
            Ratio("f32", "multihot-f32", ["torch-f32-grouped"], "tokens_per_s"),
            Ratio("bf16", "multihot-bf16", ["torch-bf16-grouped"], "peak_rss_bytes", 0.5),
            Ratio("f32", "multihot-f32", ["torch-f32-grouped"], "peak_rss_bytes"),
        ],
    )


def trainers(stage, task, torch_ways):
    """PyTorch in each of `torch_ways`, precision and order of the rows, and multihot in f32 and bf16."""

    def torch(way):
        precision, order = way.split("-")
        turn = partial(stage.rivals.train, task, precision, order)
        return Contestant(f"torch-{way}", f"PyTorch {precision}, {order}", turn, precision)

    def multihot(precision):
        turn = partial(stage.ours.train, task, precision, stage.scratch / "trained")
        return Contestant(f"multihot-{precision}", f"multihot {precision}", turn, precision)

    return [torch(way) for way in torch_ways] + [multihot(precision) for precision in ("f32", "bf16")]


def predict_minilm(stage):
    model = stage.minilm_model
    table = stage.table("goemotions", "train", stage.rows["predict-minilm"])
    first_rows = stage.table("goemotions", "train", CHECKED_ROWS)
    tokens = stage.rivals.count_tokens(model, table, GOEMOTIONS_MAX_LENGTH)["tokens"]
    batches = stage.rival_batches

    def torch(way, title):
        turn = partial(stage.rivals.torch_predict, model, table, GOEMOTIONS_MAX_LENGTH, batches, way)
        return Contestant(f"torch-{way}", f"PyTorch {title}", turn, way.split("-")[0])

    def onnx_runtime(precision):
        def turn():
            # Exported at the first turn: only where ONNX Runtime takes part.
            graph = stage.minilm_onnx / f"{precision}.onnx"
            return stage.rivals.onnx_predict(model, graph, table, GOEMOTIONS_MAX_LENGTH, batches)

        return Contestant(f"onnx-{precision}", f"ONNX Runtime {precision}", turn, precision)

    def multihot(precision):
        def turn():
            measured = stage.ours.predict(model, table, tokens, precision, stage.scratch / "answers.csv")
            answers = stage.scratch / "answers.jsonl"
            measured.details["first_logits"] = stage.ours.logits(model, first_rows, precision, answers)
            return measured

        return Contestant(f"multihot-{precision}", f"multihot {precision}", turn, precision)

    return Work(
        title="predict with all-MiniLM-L6-v2 and 28 labels on GoEmotions",
        rows=stage.rows["predict-minilm"],
        contestants=[
            torch("f32", "f32"),
            torch("bf16-autocast", "bf16, autocast"),
            torch("bf16-weights", "bf16, weights too"),
            onnx_runtime("f32"),
            onnx_runtime("int8"),
            multihot("f32"),
            multihot("bf16"),
            multihot("int8"),
        ],
        ratios=[
            Ratio("f32", "multihot-f32", ["torch-f32", "onnx-f32"], "tokens_per_s", 1.15),
            Ratio("bf16", "multihot-bf16", ["torch-bf16-autocast", "torch-bf16-weights"], "tokens_per_s", 1.7),
            Ratio("int8", "multihot-int8", ["onnx-int8"], "tokens_per_s", 1.8),
        ],
        reference="torch-f32",
    )


def first_answer(stage):
    model = stage.minilm_model
    # One untimed round each puts every file into the system's cache.
    contestants = [
        Contestant("transformers", "Python + Transformers", partial(stage.rivals.first_answer, model, ONE_TEXT)),
        Contestant("multihot", "multihot", partial(stage.ours.first_answer, model, ONE_TEXT)),
    ]
    for contestant in contestants:
        contestant.turn()
    return Work(
        title="first answer to one text, from the start of the process to its end",
        rows=1,
        contestants=contestants,
        ratios=[
            Ratio("start to first answer", "multihot", ["transformers"], "seconds", 0.05),
            Ratio("start to first answer", "multihot", ["transformers"], "peak_rss_bytes"),
        ],
    )


MAKERS = {
    "train-minilm": train_minilm,
    "train-camembert": train_camembert,
    "predict-minilm": predict_minilm,
    "first-answer": first_answer,
}
