"""Results on the screen and in a file."""

import json

# Of the JSON file; a change that a reader would trip over adds one.
FORMAT = 1
UNITS = {"tokens_per_s": "tokens a second", "seconds": "seconds", "peak_rss_bytes": "peak memory"}


def show(result):
    counts_tokens = any(contestant["tokens_per_s"] for contestant in result["contestants"].values())
    measured = "tokens_per_s" if counts_tokens else "seconds"
    rows = f"{result['rows']:,} row{'' if result['rows'] == 1 else 's'}"
    print(f"\n{result['title']} ({rows})\n")
    line("", UNITS[measured], "lowest..highest", "peak MB")
    for contestant in result["contestants"].values():
        line(contestant["title"], *figures(contestant, measured))
    if result["ratios"]:
        print()
        line("multihot to its best rival", "ratio", "lowest..highest", "goal")
    for ratio in result["ratios"]:
        line(f"{ratio['title']} ({UNITS[ratio['of']]})", *ratio_figures(ratio))
    for contestant in result["contestants"].values():
        if contestant["error"]:
            print(f"\n{contestant['title']} failed: {contestant['error']}")


def figures(contestant, measured):
    if contestant["skipped"]:
        return ("-", contestant["skipped"], "")
    if not contestant[measured]:
        return ("failed", "", "")
    number = (lambda value: f"{value:,.0f}") if measured == "tokens_per_s" else (lambda value: f"{value:.3f}")
    median, lowest, highest = (number(contestant[measured][key]) for key in ("median", "lowest", "highest"))
    return (median, f"{lowest}..{highest}", f"{contestant['peak_rss_bytes']['median'] / 1e6:,.0f}")


def ratio_figures(ratio):
    goal = ""
    if ratio["goal"] is not None:
        bound = "at least" if ratio["of"] == "tokens_per_s" else "at most"
        goal = f"{bound} {ratio['goal']:g}: {'reached' if ratio['reached'] else 'missed'}"
    return (f"{ratio['ratio']:.3g}", f"{ratio['lowest']:.3g}..{ratio['highest']:.3g}", goal)


def line(title, value, spread, last):
    print(f"  {title:<44}{value:>16}  {spread:<20}{last}".rstrip(), flush=True)


def write(options, facts, results):
    settings = {"threads": options.threads, "repeats": options.repeats, "rival_batches": options.rival_batches}
    whole = {"format": FORMAT, "machine": facts, "settings": settings, "works": results}
    options.out.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
