"""Writes the golden files of crates/multihot-checkpoint: the same few tensors in every layout that is read.

usage: python -P tools/reference/checkpoints.py

`expected.json` has the values. README.md in this folder says what each file is there for.
"""

import json
import os
import shutil
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file

GOLDEN = Path(__file__).resolve().parents[2] / "crates/multihot-checkpoint/tests/golden"
CONFIG = {
    "architectures": ["BertModel"],
    "hidden_act": "gelu",
    "hidden_size": 4,
    "intermediate_size": 6,
    "max_position_embeddings": 6,
    "model_type": "bert",
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 5,
}
DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}


def state_dict():
    """What real files hold: views, shared and transposed storages, mixed types, an int64 buffer, `_metadata`."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(shape, generator=generator)

    shared = draw(8, 4)
    tensors = OrderedDict()
    # As the state_dict of a module: pickled with an attribute of its own, beside the entries.
    tensors._metadata = OrderedDict({"": {"version": 1}})
    tensors["bert.embeddings.position_ids"] = torch.arange(6).unsqueeze(0)
    tensors["bert.embeddings.word_embeddings.weight"] = draw(5, 4)
    tensors["bert.embeddings.LayerNorm.gamma"] = draw(4)
    tensors["bert.embeddings.LayerNorm.beta"] = draw(4)
    tensors["bert.encoder.layer.0.attention.self.query.weight"] = draw(4, 4).t()
    tensors["bert.encoder.layer.0.intermediate.dense.weight"] = draw(4, 6).t()
    tensors["shared.whole"] = shared
    tensors["shared.rows_2_to_4"] = shared[2:5]
    tensors["shared.column_1"] = shared[:, 1]
    tensors["half"] = edge_values(torch.float16).reshape(2, 4)
    tensors["bfloat"] = edge_values(torch.bfloat16)
    tensors["scalar"] = torch.tensor(1.5)
    tensors["empty"] = torch.zeros(0, 4)
    tensors["classifier.weight"] = draw(3, 4)
    tensors["classifier.bias"] = torch.nn.Parameter(draw(3))
    return tensors


def edge_values(dtype):
    """Largest, smallest normal, smallest subnormal, minus zero and plain ones, of a 16-bit type."""
    info = torch.finfo(dtype)
    subnormal = {torch.float16: 2.0**-24, torch.bfloat16: 2.0**-133}[dtype]
    return torch.tensor([info.max, info.min, info.tiny, subnormal, -0.0, 1.0, -2.5, 0.1], dtype=dtype)


def floats(tensors):
    return {name: t.detach() for name, t in tensors.items() if t.dtype in DTYPES}


def table(tensors):
    """Type, shape and row-major values, as numbers that f32 holds exactly."""
    return {
        name: {"dtype": DTYPES[t.dtype], "shape": list(t.shape), "values": t.float().flatten().tolist()}
        for name, t in tensors.items()
    }


def folder(name):
    path = GOLDEN / name
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    return path


def shards(tensors, stem, ending):
    """Splits in two files of about as many tensors; returns `{file: tensors}` and the index."""
    names = list(tensors)
    halves = [names[: len(names) // 2], names[len(names) // 2 :]]
    files = {
        f"{stem}-{i:05}-of-00002.{ending}": {name: tensors[name] for name in half} for i, half in enumerate(halves, 1)
    }
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    weight_map = {name: file for file, part in files.items() for name in part}
    return files, {"metadata": {"total_size": total}, "weight_map": weight_map}


def write_torch(tensors):
    torch.save(tensors, folder("torch-zip") / "pytorch_model.bin")
    torch.save(tensors, folder("torch-legacy") / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    path = folder("torch-sharded")
    files, index = shards(tensors, "pytorch_model", "bin")
    for file, part in files.items():
        torch.save(part, path / file)
    (path / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")


def write_safetensors(tensors):
    """Safetensors knows neither views nor shared storages: each tensor is written out."""
    whole = {name: t.clone().contiguous() for name, t in floats(tensors).items()}
    metadata = {"format": "pt"}
    save_file(whole, folder("safetensors") / "model.safetensors", metadata)
    path = folder("safetensors-sharded")
    files, index = shards(whole, "model", "safetensors")
    for file, part in files.items():
        save_file(part, path / file, metadata)
    (path / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    for name, dtype in [("f16", torch.float16), ("bf16", torch.bfloat16)]:
        save_file(narrow(tensors, dtype), folder(f"safetensors-{name}") / "model.safetensors", metadata)


def narrow(tensors, dtype):
    """The f32 tensors of a model, rounded to `dtype`."""
    return {n: t.to(dtype).contiguous() for n, t in floats(tensors).items() if t.dtype == torch.float32 and n != "empty"}


class Runs:
    """Unpickles by calling `function(argument)`."""

    def __init__(self, function, argument):
        self.call = (function, (argument,))

    def __reduce__(self):
        return self.call


class Lies:
    """Unpickles as a tensor of a million values over a storage that has four."""

    def __reduce__(self):
        storage = torch.ones(4).storage()
        return torch._utils._rebuild_tensor_v2, (storage, 0, (1000, 1000), (1000, 1), False, OrderedDict())


def write_hostile():
    """Pickles that no reader may follow. The commands do nothing; a reader that ran them would still be wrong."""
    weight = {"weight": torch.ones(2)}
    torch.save(weight | {"evil": Runs(os.system, "true")}, folder("hostile-zip") / "pytorch_model.bin")
    torch.save(
        weight | {"evil": Runs(eval, "None")},
        folder("hostile-legacy") / "pytorch_model.bin",
        _use_new_zipfile_serialization=False,
    )
    torch.save(weight | {"lie": Lies()}, folder("lying-zip") / "pytorch_model.bin")


def check(tensors):
    """Stops unless PyTorch reads the good files back, and refuses the hostile ones."""
    for name in ["torch-zip", "torch-legacy"]:
        loaded = torch.load(GOLDEN / name / "pytorch_model.bin", weights_only=True)
        assert table(floats(loaded)) == table(floats(tensors)), name
    for name in ["hostile-zip", "hostile-legacy", "lying-zip"]:
        try:
            torch.load(GOLDEN / name / "pytorch_model.bin", weights_only=True)
        except Exception as error:
            print(f"{name}: {str(error).splitlines()[0][:100]}")
        else:
            raise AssertionError(f"{name} was read")


def main():
    shutil.rmtree(GOLDEN, ignore_errors=True)
    GOLDEN.mkdir(parents=True)
    tensors = state_dict()
    write_torch(tensors)
    write_safetensors(tensors)
    write_hostile()
    check(tensors)
    tables = {
        "tensors": table(floats(tensors)),
        "f16": table(narrow(tensors, torch.float16)),
        "bf16": table(narrow(tensors, torch.bfloat16)),
    }
    lines = [
        f' "{key}": {{\n' + ",\n".join(f"  {json.dumps(n)}: {json.dumps(t)}" for n, t in value.items()) + "\n }"
        for key, value in tables.items()
    ]
    (GOLDEN / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
