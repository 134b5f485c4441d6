"""Writes the golden files of crates/multihot-encoder: small random models, and what PyTorch makes of them.

usage: python -P tools/reference/encoders.py [NAME ...]

One folder a model, saved by Transformers (or sentence-transformers), and beside it `expected.json` and
`expected.safetensors`. README.md in this folder says what is in them. With names, only those are written.
"""

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers.activations import ACT2FN

GOLDEN = Path(__file__).resolve().parents[2] / "crates/multihot-encoder/tests/golden"
LABELS = ["positive", "sports", "business"]
LENGTHS = [1, 17, 4, 9, 2]
# -1 is unknown. The last row knows nothing and must leave no trace in loss or gradient.
TARGETS = [[1, 0, 1], [0, -1, 1], [1, 1, 0], [-1, 0, 0], [-1, -1, -1]]
# Row and place of the pad id that stands inside a text, with attention mask 1.
PAD_INSIDE = (3, 4)
ADAMW = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01, "clip": 1.0}
STEPS = 10


@dataclass
class Case:
    """A model to write: its folder, its configuration class, and what differs from `settings`."""

    name: str
    config: type
    changes: dict = field(default_factory=dict)
    pooling: str = "cls"


ROBERTA = {"pad_token_id": 1, "max_position_embeddings": max(LENGTHS) + 2, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
CASES = [
    Case("bert", transformers.BertConfig),
    Case("roberta", transformers.RobertaConfig, ROBERTA),
    Case("camembert", transformers.CamembertConfig, ROBERTA | {"intermediate_size": 40, "hidden_act": "gelu_fast"}),
    # Pad id 0: one usable position more than with pad id 1.
    Case(
        "xlm-roberta",
        transformers.XLMRobertaConfig,
        ROBERTA | {"pad_token_id": 0, "max_position_embeddings": max(LENGTHS) + 1, "hidden_act": "silu", "num_hidden_layers": 1},
    ),
    Case("distilbert", transformers.DistilBertConfig),
    # The head of ELECTRA is always gelu; relu in the layers shows who mixes them up.
    Case("electra", transformers.ElectraConfig, {"embedding_size": 16, "hidden_act": "relu"}),
    Case(
        "bert-60-wide",
        transformers.BertConfig,
        {"hidden_size": 60, "num_attention_heads": 5, "intermediate_size": 77, "hidden_act": "gelu_new", "num_hidden_layers": 1},
    ),
    Case("bert-mean", transformers.BertConfig, {"num_hidden_layers": 1}, pooling="mean"),
]


def settings(case):
    """The configuration of `case`, under the names its family uses."""
    common = {
        "vocab_size": 60,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 37,
        "hidden_act": "gelu",
        "max_position_embeddings": max(LENGTHS),
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
    } | case.changes
    if case.config is transformers.DistilBertConfig:
        names = {
            "hidden_size": "dim",
            "num_hidden_layers": "n_layers",
            "num_attention_heads": "n_heads",
            "intermediate_size": "hidden_dim",
            "hidden_act": "activation",
        }
        common = {names.get(key, key): value for key, value in common.items()}
    return case.config(
        **common,
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
        problem_type="multi_label_classification",
        attn_implementation="eager",
    )


def randomize(model, generator):
    """Draws every parameter large enough that no gradient is near zero, biases and LayerNorm too."""
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            noise = torch.randn(parameter.shape, generator=generator)
            if isinstance(module, torch.nn.LayerNorm) and name == "weight":
                value = 1 + 0.3 * noise
            elif isinstance(module, torch.nn.Embedding):
                value = 0.5 * noise
            else:
                value = 0.25 * noise
            parameter.data.copy_(value)


class MeanPooled(torch.nn.Module):
    """An encoder whose last hidden states are averaged over the tokens and go through one linear layer."""

    def __init__(self, config):
        super().__init__()
        self.bert = transformers.BertModel(config, add_pooling_layer=False)
        self.linear = torch.nn.Linear(config.hidden_size, len(LABELS))

    def forward(self, input_ids, attention_mask):
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * mask).sum(1) / mask.sum(1)


def new_model(case, seed):
    """The random model of `case`, without dropout."""
    config = settings(case)
    if case.pooling == "mean":
        model = MeanPooled(config)
    else:
        model = transformers.AutoModelForSequenceClassification.from_config(config)
    randomize(model, torch.Generator().manual_seed(seed))
    return model.eval()


def logits_of(model, ids, mask):
    if isinstance(model, MeanPooled):
        return model.linear(model(ids, mask))
    return model(input_ids=ids, attention_mask=mask).logits


def draw_rows(case, seed):
    """Token ids of ragged rows; the pad id is in them only where `PAD_INSIDE` says."""
    config = settings(case)
    generator = torch.Generator().manual_seed(1000 + seed)
    words = [word for word in range(config.vocab_size) if word != config.pad_token_id]
    rows = [[words[i] for i in torch.randint(len(words), (length,), generator=generator)] for length in LENGTHS]
    row, place = PAD_INSIDE
    rows[row][place] = config.pad_token_id
    return rows


def padded(rows, pad):
    """The rows as one rectangle of ids, and its attention mask."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


def masked_loss(logits, targets):
    """Mean binary cross-entropy on the logits, over the known cells."""
    known = targets >= 0
    return functional.binary_cross_entropy_with_logits(logits[known], targets[known].to(logits.dtype))


def forward_backward(model, rows, pad, targets):
    """Logits, loss and gradients by name, all rows in one padded batch."""
    model.zero_grad()
    logits = logits_of(model, *padded(rows, pad))
    loss = masked_loss(logits, targets)
    loss.backward()
    gradients = {name: p.grad.detach().clone() for name, p in model.named_parameters()}
    return logits.detach(), loss.item(), gradients


def row_by_row(model, rows):
    """Logits of each row alone: no pad token, no attention mask to get wrong."""
    with torch.no_grad():
        return torch.cat([logits_of(model, *padded([row], 0)) for row in rows])


def optimizer_of(model):
    """`torch.optim.AdamW`, with no weight decay on biases and LayerNorm."""
    plain = {id(p) for m in model.modules() if isinstance(m, torch.nn.LayerNorm) for p in m.parameters()}
    plain |= {id(p) for name, p in model.named_parameters() if name.endswith("bias")}
    decayed = [p for p in model.parameters() if id(p) not in plain]
    others = [p for p in model.parameters() if id(p) in plain]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": ADAMW["weight_decay"]}, {"params": others, "weight_decay": 0.0}],
        lr=ADAMW["learning_rate"],
        betas=(ADAMW["beta1"], ADAMW["beta2"]),
        eps=ADAMW["epsilon"],
    )


def train(model, rows, pad, targets):
    """Takes `STEPS` steps; the loss before each, and the gradient's norm before clipping."""
    optimizer = optimizer_of(model)
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = masked_loss(logits_of(model, *padded(rows, pad)), targets)
        loss.backward()
        losses.append(loss.item())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), ADAMW["clip"]).item())
        optimizer.step()
    return losses, norms


def whole_norm(gradients):
    return torch.cat([g.flatten().double() for g in gradients.values()]).norm().item()


def check_f32(name, f32, f64):
    """Stops unless PyTorch's own f32 is within the tolerances that the Rust tests ask for."""
    (logits, loss, gradients), (logits64, loss64, gradients64) = f32, f64
    logit_error = (logits.double() - logits64).abs().max().item()
    whole = whole_norm(gradients64)
    worst = max(
        ((g.double() - gradients64[n]).norm() / (1e-4 * gradients64[n].norm() + 1e-7 * whole)).item()
        for n, g in gradients.items()
    )
    print(f"{name}: f32 against f64: logits {logit_error:.1e}, loss {abs(loss - loss64):.1e}, gradients {worst:.3f} of the bound")
    assert logit_error < 1e-5 and abs(loss - loss64) < 5e-7 and worst < 0.5, name


def reference(case, seed):
    """Everything expected of `case`, in f64; `model` itself stays in f32."""
    model, rows = new_model(case, seed), draw_rows(case, seed)
    pad = settings(case).pad_token_id
    targets = torch.tensor(TARGETS)
    f32 = forward_backward(model, rows, pad, targets)
    f32_losses, _ = train(new_model(case, seed), rows, pad, targets)
    exact = new_model(case, seed).double()
    f64 = forward_backward(exact, rows, pad, targets)
    check_f32(case.name, f32, f64)
    assert (row_by_row(exact, rows) - f64[0]).abs().max() < 1e-12, "padding changes the logits"
    losses, norms = train(exact, rows, pad, targets)
    drift = max(abs(a - b) for a, b in zip(losses, f32_losses))
    print(f"  steps: f32 drifts {drift:.1e} from f64; loss {losses[0]:.4f} to {losses[-1]:.4f}")
    assert drift < 5e-6, "choose calmer weights"
    return model, rows, f64, losses, norms


def save_model(case, model, folder):
    """Saves as the library does, so that the folder is laid out as real ones are."""
    model.zero_grad()
    if case.pooling == "cls":
        model.save_pretrained(folder)
        return
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer
    from transformers import BertTokenizer

    # The pooler that the file lacks is drawn afresh on loading, and saved with the rest, unused.
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        model.bert.save_pretrained(scratch)
        vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(5, model.bert.config.vocab_size)]
        BertTokenizer(vocab={word: i for i, word in enumerate(vocab)}).save_pretrained(scratch)
        transformer = Transformer(scratch, max_seq_length=max(LENGTHS))
        width = model.bert.config.hidden_size
        dense = Dense(width, len(LABELS), activation_function=torch.nn.Identity())
        dense.linear.load_state_dict(model.linear.state_dict())
        pipeline = SentenceTransformer(modules=[transformer, Pooling(width, pooling_mode="mean"), dense], device="cpu")
        pipeline.save(str(folder), create_model_card=False)
    check_sentence_transformer(model, folder)


def check_sentence_transformer(model, folder):
    """Stops unless the saved folder gives the numbers of `model`."""
    from sentence_transformers import SentenceTransformer

    pipeline = SentenceTransformer(str(folder), device="cpu")
    text = "w7 w8 w30"
    ids = pipeline.tokenizer(text)["input_ids"]
    ours = row_by_row(model, [ids])[0]
    theirs = pipeline.encode(text, convert_to_tensor=True)
    assert (ours - theirs).abs().max() < 1e-5, "the sentence-transformers folder gives other numbers"


def write(case, seed):
    model, rows, (logits, loss, gradients), losses, norms = reference(case, seed)
    folder = GOLDEN / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_model(case, model, folder)
    tensors = {"logits": logits} | {f"grad.{name}": gradient for name, gradient in gradients.items()}
    save_file({name: t.float().contiguous() for name, t in tensors.items()}, folder / "expected.safetensors")
    expected = {
        "name": case.name,
        "pooling": case.pooling,
        "rows": rows,
        "targets": TARGETS,
        "logits": logits.tolist(),
        "loss": loss,
        "gradient_norm": whole_norm(gradients),
        "adamw": ADAMW,
        "step_losses": losses,
        "step_gradient_norms": norms,
    }
    write_json(folder / "expected.json", expected)
    check_saved(case, folder)


def check_saved(case, folder):
    """Stops unless what was written loads back to the same logits."""
    if case.pooling != "cls":
        return
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    expected = json.loads((folder / "expected.json").read_text())
    logits = load_file(folder / "expected.safetensors")["logits"]
    assert (row_by_row(model, expected["rows"]) - logits).abs().max() < 1e-5, case.name


def write_json(path, value):
    """One line a top-level key: small, and still readable in a diff."""
    lines = [f" {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def write_activations():
    """Values and derivatives of every activation, in f64, on a grid of exact f32 numbers."""
    far = [8.0, 12.0, 50.0]
    grid = [-x for x in reversed(far)] + [i / 4 for i in range(-24, 25)] + far
    table = {"x": grid}
    for name in ["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "tanh"]:
        x = torch.tensor(grid, dtype=torch.float64, requires_grad=True)
        y = ACT2FN[name](x)
        y.sum().backward()
        table[name] = [float(f"{v:.10g}") for v in y.tolist()]
        table[f"d_{name}"] = [float(f"{v:.10g}") for v in x.grad.tolist()]
    write_json(GOLDEN / "activations.json", table)


def main(names):
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for seed, case in enumerate(CASES):
        if not names or case.name in names:
            write(case, seed)
    write_activations()


if __name__ == "__main__":
    main(sys.argv[1:])
