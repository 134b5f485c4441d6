"""Exports a model folder to ONNX Runtime at its best: `f32.onnx`, and `int8.onnx` by dynamic quantization.

The graph goes through ONNX Runtime's own optimizer for transformers. It knows attention only as the tracing exporter
writes the eager kind; from anything newer it leaves attention in pieces, so this script checks that it was fused.
"""

import sys
import warnings
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from transformers import AutoModelForSequenceClassification

INPUTS = ["input_ids", "attention_mask"]
# The newest opset whose patterns the optimizer fuses whole.
OPSET = 17


def main():
    model_folder, out = map(Path, sys.argv[1:])
    model = AutoModelForSequenceClassification.from_pretrained(model_folder, attn_implementation="eager").eval()
    trace(model, out / "traced.onnx")
    fuse(model.config, out / "traced.onnx", out / "f32.onnx")
    # Types of fused operators are unknown to the quantizer's shape inference; all of them give f32.
    as_f32 = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    quantize_dynamic(out / "f32.onnx", out / "int8.onnx", weight_type=QuantType.QInt8, extra_options=as_f32)


def trace(model, path):
    input_ids = torch.arange(2 * 16).reshape(2, 16) + 5
    attention_mask = torch.ones_like(input_ids)
    attention_mask[1, 9:] = 0
    free = {0: "rows", 1: "tokens"}
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            model,
            (input_ids, attention_mask),
            path,
            input_names=INPUTS,
            output_names=["logits"],
            dynamic_axes={name: free for name in INPUTS},
            opset_version=OPSET,
            dynamo=False,
        )


def fuse(config, traced, fused):
    graph = optimizer.optimize_model(
        str(traced),
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        opt_level=0,
    )
    found = graph.get_fused_operator_statistics()["Attention"]
    if found != config.num_hidden_layers:
        sys.exit(f"the optimizer fused attention in {found} of {config.num_hidden_layers} layers: not the rival's best")
    graph.save_model_to_file(str(fused))


if __name__ == "__main__":
    main()
