"""Writes an encoder with the true shape of camembert-base and random weights.

Speed and memory depend on the shape alone. The tokenizer is the real one, so that rows have their real lengths.
"""

import shutil
import sys
from pathlib import Path

import torch
from transformers import CamembertConfig, CamembertModel

tokenizer, out = map(Path, sys.argv[1:])
torch.manual_seed(0)
config = CamembertConfig(
    vocab_size=32005,
    hidden_size=768,
    num_hidden_layers=12,
    num_attention_heads=12,
    intermediate_size=3072,
    max_position_embeddings=514,
    type_vocab_size=1,
    layer_norm_eps=1e-5,
    pad_token_id=1,
    bos_token_id=5,
    eos_token_id=6,
)
CamembertModel(config).save_pretrained(out)
for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
    if (tokenizer / name).exists():
        shutil.copy(tokenizer / name, out)
