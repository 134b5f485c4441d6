"""The command line of `compare`."""

import argparse
import os
from pathlib import Path

import turns
import works

ROOT = Path(__file__).resolve().parent.parent


def parse(description):
    parser = argparse.ArgumentParser(
        prog="bench/compare", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(works.NAMES)
    add = parser.add_argument
    add("--data", type=path, metavar="DIR", help="folder with goemotions/ and morfitt_fr/, train.csv and dev.csv in each")
    add(
        "--encoders",
        type=path,
        metavar="DIR",
        default=ROOT / ".encoders",
        help="folder with all-MiniLM-L6-v2/ [default: where ./first-minute puts it]",
    )
    add("--tokenizers", type=path, metavar="DIR", help="folder with camembert-base/, for train-camembert")
    add("--repeats", type=positive, default=3, metavar="N", help="turns of each contestant [default: 3]")
    add(
        "--rows",
        action="append",
        default=[],
        metavar="[WORK=]N",
        help=f"rows of every work, or of one; may be repeated [default: {defaults()}]",
    )
    add(
        "--only",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"works ({names}) or single contestants, such as `train-minilm/torch-f32-random`",
    )
    add("--threads", type=positive, default=os.cpu_count(), metavar="N", help="threads of each [default: one a core]")
    add(
        "--rival-batches",
        nargs="+",
        type=positive,
        default=[16, 32, 64],
        metavar="ROWS",
        help="batch sizes that rivals predict with; the fastest counts [default: 16 32 64]",
    )
    add("--multihot", type=path, metavar="BINARY", help="a multihot built before [default: build it now]")
    add("--out", type=path, default=Path("compare.json"), metavar="FILE", help="results [default: compare.json]")
    add("--plots", type=path, metavar="DIR", help="draw the results into this folder, as .svg")
    add("--points", type=path, metavar="FILE", help="points of multihot's own cost, to be drawn too (see plot.py)")
    options = parser.parse_args()
    options.rows = rows(parser, options.rows)
    check(parser, options)
    return options


def path(text):
    return Path(text).absolute()


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number from 1 up")
    return number


def defaults():
    return ", ".join(f"{name} {rows}" for name, rows in works.DEFAULT_ROWS.items())


def rows(parser, given):
    """The number of rows of each work: `N` sets all, `WORK=N` sets one."""
    chosen = dict(works.DEFAULT_ROWS)
    for text in given:
        name, _, number = text.rpartition("=")
        if name and name not in chosen:
            parser.error(f"--rows {text}: `{name}` has no rows; {', '.join(chosen)} have")
        try:
            chosen |= dict.fromkeys([name] if name else chosen, positive(number))
        except (ValueError, argparse.ArgumentTypeError):
            parser.error(f"--rows {text}: `{number}` is not a number from 1 up")
    return chosen


def check(parser, options):
    """Stops at once where a folder is missing that would be needed in half an hour."""
    for name in options.only:
        if name.split("/")[0] not in works.NAMES:
            parser.error(f"--only {name}: the works are {', '.join(works.NAMES)}")
    for work in works.NAMES:
        if not turns.wanted(work, options.only):
            continue
        for option, inside in works.NEEDS[work]:
            folder = getattr(options, option)
            if folder is None:
                parser.error(f"{work} needs --{option} (or choose other works with --only)")
            if not (folder / inside).is_dir():
                parser.error(f"--{option} {folder}: {work} needs a folder {inside}/ there")
    if options.points and not options.plots:
        parser.error("--points needs --plots")
