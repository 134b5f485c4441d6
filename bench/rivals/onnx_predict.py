"""Scores a table with ONNX Runtime; prints tokens and seconds as JSON.

Timed are the forward passes alone, on rows sorted by length, with every graph optimization on.
"""

import argparse
import json

import onnxruntime
import rows
import timed_passes


def main():
    options = arguments()
    texts, _, _ = rows.read(options.table)
    ids, pad = rows.tokenize(options.model, texts, options.max_length)
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    settings.intra_op_num_threads = options.threads
    session = onnxruntime.InferenceSession(options.graph, settings, providers=["CPUExecutionProvider"])

    def forward(input_ids, attention_mask):
        return session.run(["logits"], {"input_ids": input_ids, "attention_mask": attention_mask})[0]

    print(json.dumps(timed_passes.fastest(ids, pad, options.batch_rows, forward)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="model folder, for its tokenizer")
    parser.add_argument("graph", help=".onnx file")
    parser.add_argument("table")
    parser.add_argument("--batch-rows", type=int, nargs="+", required=True)
    parser.add_argument("--max-length", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
