"""Answers one text with a Transformers pipeline: a whole process, from start to answer."""

import sys

from transformers import pipeline

model, text = sys.argv[1:]
classify = pipeline("text-classification", model=model, top_k=None, device="cpu")
print(classify(text))
