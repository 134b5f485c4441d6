"""Draws the results of `compare`, and multihot's cost against what it depends on, as small .svg files.

usage: plot.py DIR [--compared COMPARE.json] [--points POINTS.json]

A file of points is what `multihot bench --sweep lengths,batch,rows,threads --json` prints, or a JSON list of objects as
stand there under `sweep`:
    {"work": "train", "what": "lengths", "x": 64, "precision": "bf16", "tokens_per_s": 4210.0}
`what` is `lengths`, `batch`, `rows` or `threads`, and `x` its value; `work` is `train` or `predict`, and may be
left out. There is one plot for each `what`, with one line for each work and precision.
"""

import argparse
import json
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, NullLocator

# Greys and hues that stand out on white and on black alike, as the background is left to the page.
INK = "#808080"
OURS, THEIRS = "#e8710a", "#4a90d9"
DASHES = {"train": "-", "predict": "--", None: "-"}
HUES = {"f32": "#4a90d9", "bf16": "#e8710a", "int8": "#2ca05a"}
AXES = {
    "lengths": "tokens of a row",
    "batch": "rows of a batch",
    "rows": "rows of the table",
    "threads": "threads",
}
STYLE = {
    "svg.fonttype": "none",
    # The same figures give the same file.
    "svg.hashsalt": "multihot",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.25,
    "legend.frameon": False,
}


def main():
    options = arguments()
    matplotlib.use("svg")
    matplotlib.rcParams.update(STYLE)
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.compared:
        for work in json.loads(options.compared.read_text())["works"]:
            draw_comparison(work, options.folder)
    if options.points:
        points = json.loads(options.points.read_text())
        if isinstance(points, dict):
            points = points["sweep"]
        for what in {point["what"]: None for point in points}:
            draw_cost(what, [point for point in points if point["what"] == what], options.folder)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--compared", type=Path, metavar="COMPARE.json")
    parser.add_argument("--points", type=Path, metavar="POINTS.json")
    return parser.parse_args()


def draw_comparison(work, folder):
    """A bar for each contestant: the median, and lines from the lowest turn to the highest."""
    took_part = {name: found for name, found in work["contestants"].items() if found["turns"]}
    if not took_part:
        return
    measured = "tokens_per_s" if any(found["tokens_per_s"] for found in took_part.values()) else "seconds"
    spreads = [found[measured] for found in took_part.values()]
    medians = [spread["median"] for spread in spreads]
    below = [spread["median"] - spread["lowest"] for spread in spreads]
    above = [spread["highest"] - spread["median"] for spread in spreads]
    colours = [OURS if name.startswith("multihot") else THEIRS for name in took_part]

    figure, axes = pyplot.subplots(figsize=(7, 0.8 + 0.34 * len(took_part)))
    titles = [found["title"] for found in took_part.values()]
    axes.barh(titles, medians, xerr=[below, above], color=colours, ecolor=INK, height=0.7)
    axes.invert_yaxis()
    axes.set_xlabel("tokens a second (more is better)" if measured == "tokens_per_s" else "seconds (less is better)")
    axes.set_title(work["title"], fontsize=10)
    axes.xaxis.set_major_formatter(FuncFormatter(number))
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    save(figure, folder / f"compare-{work['name']}.svg")


def draw_cost(what, points, folder):
    """Tokens a second against `what`. A cost that is linear in the tokens is a level line."""
    figure, axes = pyplot.subplots(figsize=(7, 3.6))
    lines = {}
    for point in points:
        line = lines.setdefault((point.get("work"), point["precision"]), [])
        line.append((point["x"], point["tokens_per_s"]))
    for (work, precision), line in lines.items():
        label = f"{work}, {precision}" if work else precision
        style = {"color": HUES[precision], "marker": "o", "markersize": 4, "label": label}
        axes.plot(*zip(*sorted(line)), DASHES[work], **style)
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(sorted({point["x"] for point in points}))
    axes.xaxis.set_major_formatter(FuncFormatter(number))
    axes.yaxis.set_major_formatter(FuncFormatter(number))
    axes.set_ylim(bottom=0)
    axes.set_xlabel(AXES[what])
    axes.set_ylabel("tokens a second")
    axes.grid()
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    save(figure, folder / f"{what.replace('_', '-')}.svg")


def number(value, _):
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def save(figure, path):
    figure.savefig(path, transparent=True, bbox_inches="tight", metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
