"""Writes the golden files of crates/multihot-tokenizer.

    python tools/reference/tokenizers.py [--keep] [--shared FOLDER]

Small tokenizer folders in each layout, made here, and what Transformers gives for them: in each folder `ids.json` has
the ids of texts, `cut.json` ids and types of texts and pairs that are cut on either side. With `--shared` also `real.json`: ids of the real tokenizers in `FOLDER/tokenizers` and `FOLDER/models`, which
are not committed themselves. With `--keep` the folders stay as they are and Transformers is only asked again: the
training of a vocabulary breaks ties by chance. Where a tokenizer.json stands there, the ids are those of the tokenizers library alone.

Written with Python 3.11, transformers 5.23.0, tokenizers 0.23.3, sentencepiece 0.2.3, protobuf 7.36.2 (no torch).
"""

import sys

# This file has the name of a package that it imports: the folder it stands in must not be searched.
sys.path.pop(0)

import argparse  # noqa: E402
import json  # noqa: E402
import shutil  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

import sentencepiece  # noqa: E402
import tokenizers  # noqa: E402
from tokenizers import models, pre_tokenizers, trainers  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

GOLDEN = Path(__file__).resolve().parents[2] / "crates/multihot-tokenizer/tests/golden"

CORPUS = [
    "The match was lost in the last minute, and nobody in the stadium could believe it.",
    "A new bakery opened on the corner; the bread is good, the coffee is better.",
    "The bank raised its rates again, so the price of houses fell by three percent.",
    "She won the race by half a second and cried at the finish line.",
    "Don't buy this phone: the battery dies before lunch, every day.",
    "Les élèves étaient très fatigués après la journée à la mer.",
    "Le gouvernement a annoncé une nouvelle loi sur les retraites ; l'opposition proteste.",
    "Ce film est une merveille, j'ai ri et pleuré du début à la fin.",
    "L'équipe de France a gagné le match 3 à 2 devant 40 000 spectateurs.",
    "Das Wetter in München war schön, aber die Straßen waren naß.",
    "北京 是 中国 的 首都 。 東京は日本の首都です。",
    "Prices went from 12.50 to 13.75 euros (plus 10 %), says the report of 2021.",
    "office file fish finish efficient 1/2 3/4 ... … “quotes” ‘single’ – dash — long",
    "😀 so happy 😀 today 🎉 party 🎉",
]

TEXTS = [
    "",
    " ",
    "The match was lost.",
    "the bread is good, the coffee is better",
    "Les élèves étaient très fatigués.",
    "Les e\u0301le\u0300ves e\u0301taient",
    "STRASSE straße İstanbul ǅ",
    "a b c d",
    "  leading and trailing  ",
    "tabs\tand\nnew\r\nlines\n\nhere",
    "no\u00a0break\u2009thin\u3000wide\u200bzero",
    "½ … ﬁ ﬂ ＡＢＣ ① ™",
    "😀 happy 👩\u200d👩\u200d👧 family 🇫🇷",
    "北京是中国的首都",
    "東京 안녕하세요 привет שלום مرحبا",
    "<s> a <mask> b</s><pad>",
    "<s>the match</s>",
    "a <mask>b <unk> c<unk>NOTUSED <s>NOTUSED",
    "[CLS] a [MASK] b[SEP][PAD] [UNK]",
    "[cls] [ sep ] <S>",
    "a <extra> b<extra>c <ctrl> d Extra extra",
    "▁ the ▁match",
    "control\u0001\u0002char\u007f\ufeffbom\u00adsoft",
    "\u0001the",
    "\u0000nul",
    "e" * 150,
    "supercalifragilisticexpialidocious" * 4,
    "!!!???...,,,;;;",
    "don't we'll they've I'm you'd",
    "12.50 to 13.75 (10 %) 2021",
    "under_score http://a.b/c?d=e#f a@b.c",
    "\ufffd \u0301 \u200d",
]

PAIRS = [
    ("The match was lost in the last minute.", None),
    ("The match was lost.", "Who won?"),
    ("The match was lost in the last minute.", "a b"),
    ("a b", "The match was lost in the last minute."),
    ("the bread is good, the coffee is better", "The match was lost in the last minute."),
    ("the match", ""),
    ("", ""),
]

# A character map of a few rules, so that the model stays small: the one of nmt_nfkc takes 240 kB.
RULES = [
    ("\u00bd", "1\u20442"), ("\u2026", "..."), ("\ufb01", "fi"), ("\ufb02", "fl"), ("\u00a0", " "), ("\u3000", " "),
    ("\u2009", " "), ("\t", " "), ("\n", " "), ("\r", " "), ("e\u0301", "é"), ("e\u0300", "è"), ("\u0001", ""),
    ("\u0002", ""), ("\u007f", ""), ("\u00ad", ""), ("\ufeff", ""), ("\u200b", " "), ("\uff21", "A"), ("\uff22", "B"),
    ("\uff23", "C"), ("\u2460", "1"), ("\u2122", "TM"),
]  # fmt: skip


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def folder(name, model_type, **files):
    path = GOLDEN / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    for file, value in files.items():
        write_json(path / f"{file}.json", value)
    return path, model_type


def write_rows(path, rows):
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n", encoding="utf-8")


def cut_rows(tokenizer):
    """Texts and pairs, cut as Transformers cuts them; the types are those that a model would be given."""
    rows = []
    for text, pair in PAIRS:
        for side in ["right", "left"]:
            tokenizer.truncation_side = side
            for max_length in [8, 13, 14, 64]:
                # As batches, which data sets are: alone, a text whose pair is empty loses the second separator.
                pairs = None if pair is None else [pair]
                made = tokenizer([text], pairs, truncation=True, max_length=max_length)
                ids = made["input_ids"][0]
                types = made.get("token_type_ids", [[0] * len(ids)])[0]
                rows.append({"text": text, "pair": pair, "side": side, "max_length": max_length, "ids": ids, "types": types})
    return rows


def golden(path, model_type):
    """Writes config.json and what Transformers gives."""
    write_json(path / "config.json", {"model_type": model_type})
    tokenizer = AutoTokenizer.from_pretrained(path)
    pad = tokenizer.pad_token_id
    write_json(path / "config.json", {"model_type": model_type, "vocab_size": len(tokenizer), "pad_token_id": pad})
    ask(path, tokenizer)
    print(path.name, type(tokenizer).__name__, len(tokenizer))
    for index, token in tokenizer.added_tokens_decoder.items():
        print("  ", index, repr(token))


def ask(path, tokenizer):
    write_rows(path / "ids.json", [{"text": text, "ids": tokenizer(text)["input_ids"]} for text in TEXTS])
    write_rows(path / "cut.json", cut_rows(tokenizer))


def word_piece_vocabulary(lowercase):
    trained = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase)
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trained.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=420, special_tokens=special))
    vocabulary = trained.get_vocab()
    return sorted(vocabulary, key=vocabulary.get)


def word_piece():
    plain = word_piece_vocabulary(lowercase=True)
    cased = word_piece_vocabulary(lowercase=False)
    folders = [
        (plain, folder("bert-plain", "bert")),
        (
            cased,
            folder(
                "bert-cased",
                "bert",
                tokenizer_config={"do_lower_case": False, "tokenize_chinese_chars": False, "model_max_length": 512},
                special_tokens_map={"unk_token": "[UNK]", "mask_token": {"content": "[MASK]", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}},
                added_tokens={"<extra>": len(cased)},
            ),
        ),
        (plain, folder("distilbert-accents", "distilbert", tokenizer_config={"do_lower_case": True, "strip_accents": False}, special_tokens_map={"mask_token": "[MASK]"}, added_tokens={"[MASK]": 4, "[SEP]": 3})),
        (
            plain,
            folder(
                "electra-decoder",
                "electra",
                tokenizer_config={
                    "tokenizer_class": "ElectraTokenizer",
                    "added_tokens_decoder": {
                        "4": {"content": "[MASK]", "lstrip": True, "rstrip": True, "normalized": False, "single_word": False, "special": True},
                        str(len(plain)): {"content": "<extra>", "lstrip": False, "rstrip": False, "normalized": True, "single_word": True, "special": False},
                    },
                },
            ),
        ),
    ]
    for vocabulary, (path, model_type) in folders:
        (path / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        golden(path, model_type)


def byte_level():
    trained = tokenizers.Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=480,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    trained.train_from_iterator(CORPUS, trainer)
    with tempfile.TemporaryDirectory() as made:
        trained.model.save(made)
        vocabulary = json.loads((Path(made) / "vocab.json").read_text(encoding="utf-8"))
        merges = (Path(made) / "merges.txt").read_text(encoding="utf-8")
    with_mask = vocabulary | {"<mask>": len(vocabulary)}

    def token(content, **flags):
        return {"content": content, "lstrip": False, "rstrip": False, "normalized": True, "single_word": False} | flags

    mapped = {name: token(content) for name, content in [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "</s>"), ("pad_token", "<pad>"), ("cls_token", "<s>")]}
    folders = [
        (with_mask, folder("roberta-plain", "roberta")),
        (
            with_mask,
            folder(
                "roberta-prefix",
                "roberta",
                tokenizer_config={"add_prefix_space": True, "model_max_length": 512},
                special_tokens_map=mapped | {"mask_token": token("<mask>", lstrip=True)},
            ),
        ),
        (
            vocabulary,
            folder(
                "roberta-added",
                "roberta",
                added_tokens={"<mask>": len(vocabulary), "<extra>": len(vocabulary) + 1},
                special_tokens_map={"additional_special_tokens": ["<ctrl>"]},
            ),
        ),
    ]
    for vocabulary, (path, model_type) in folders:
        (path / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
        (path / "merges.txt").write_text(merges, encoding="utf-8")
        golden(path, model_type)


def train_sentencepiece(prefix, **options):
    corpus = prefix.with_suffix(".txt")
    corpus.write_text("\n".join(CORPUS) + "\n", encoding="utf-8")
    # unk, bos, eos come first, as in the models of XLM-R and CamemBERT.
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(prefix), hard_vocab_limit=False, character_coverage=1.0,
        num_threads=1, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, minloglevel=2, **options,
    )  # fmt: skip
    return Path(f"{prefix}.model")


def sentence_piece():
    with tempfile.TemporaryDirectory() as made:
        made = Path(made)
        rules = made / "rules.tsv"
        rules.write_text(
            "".join(
                " ".join(f"{ord(c):04X}" for c in source) + "\t" + " ".join(f"{ord(c):04X}" for c in target) + "\n"
                for source, target in RULES
            ),
            encoding="utf-8",
        )
        mapped = train_sentencepiece(made / "mapped", model_type="unigram", vocab_size=300, normalization_rule_tsv=str(rules))
        bare = train_sentencepiece(
            made / "bare", model_type="unigram", vocab_size=260, normalization_rule_name="identity",
            user_defined_symbols=["<extra>"], control_symbols=["<ctrl>"],
        )  # fmt: skip
        pairs = train_sentencepiece(made / "pairs", model_type="bpe", vocab_size=200, normalization_rule_name="identity")
        for model, (path, model_type) in [
            (mapped, folder("xlm-roberta-mapped", "xlm-roberta")),
            (
                mapped,
                folder(
                    "camembert-mapped",
                    "camembert",
                    tokenizer_config={"tokenizer_class": "CamembertTokenizer"},
                    special_tokens_map={"mask_token": {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": True, "single_word": False}, "additional_special_tokens": ["<s>NOTUSED", "</s>NOTUSED"]},
                ),
            ),
            (bare, folder("xlm-roberta-bare", "xlm-roberta")),
            (bare, folder("camembert-bare", "camembert")),
            (mapped, folder("bert-with-xlm-roberta", "bert", tokenizer_config={"tokenizer_class": "XLMRobertaTokenizer", "additional_special_tokens": ["<ctrl>"]})),
        ]:
            shutil.copy(model, path / "sentencepiece.bpe.model")
            golden(path, model_type)
        path, _ = folder("not-unigram", "xlm-roberta", config={"model_type": "xlm-roberta", "vocab_size": 300, "pad_token_id": 1})
        shutil.copy(pairs, path / "sentencepiece.bpe.model")


def real(shared):
    texts = TEXTS + CORPUS
    roberta = AutoTokenizer.from_pretrained(shared / "tokenizers/roberta-base")
    ids = {"tokenizers/roberta-base": [roberta(text)["input_ids"] for text in texts]}
    for name in ["tokenizers/camembert-base", "models/all-MiniLM-L6-v2", "models/multilingual-e5-small-fr-en"]:
        tokenizer = tokenizers.Tokenizer.from_file(str(shared / name / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        ids[name] = [tokenizer.encode(text).ids for text in texts]
    (GOLDEN / "real.json").write_text(json.dumps({"texts": texts, "ids": ids}), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the folders as they are")
    parser.add_argument("--shared", type=Path, help="the folder of the real tokenizers")
    options = parser.parse_args()
    if options.keep:
        for rows in sorted(GOLDEN.glob("*/ids.json")):
            ask(rows.parent, AutoTokenizer.from_pretrained(rows.parent))
    else:
        word_piece()
        byte_level()
        sentence_piece()
    if options.shared:
        real(options.shared)
