"""Who takes part, turn after turn, and what the turns come to: medians, spread and ratios."""

import os
from statistics import median

import process
from prepare import say

MEASURED = ("tokens_per_s", "seconds", "peak_rss_bytes")


def measure(name, work, options, obstacles, shown):
    """Every contestant once, then all again, so that a drift of the machine meets each of them."""
    results = {
        contestant.name: empty(contestant, obstacle(name, contestant, options.only, obstacles))
        for contestant in work.contestants
        if takes_part(name, contestant.name, options.only)
    }
    for repeat in range(options.repeats):
        for contestant in work.contestants:
            result = results.get(contestant.name)
            if result and not result["skipped"] and not result["error"]:
                say(f"{name}, turn {repeat + 1} of {options.repeats}: {contestant.title}")
                take_turn(contestant, result, shown)
    summarize(results, work.reference)
    ratios = [compared(ratio, results) for ratio in work.ratios]
    return {
        "name": name,
        "title": work.title,
        "rows": work.rows,
        "contestants": results,
        "ratios": [ratio for ratio in ratios if ratio],
    }


def empty(contestant, skipped):
    return {"title": contestant.title, "command": None, "skipped": skipped, "error": None, "turns": []}


def wanted(work, only):
    """Whether a work, or a contestant of it, is among those asked for."""
    return not only or any(name.split("/")[0] == work for name in only)


def takes_part(work, contestant, only):
    return not only or work in only or f"{work}/{contestant}" in only


def obstacle(work, contestant, only, obstacles):
    """Why a contestant is left out, unless it is asked for by its own name."""
    if f"{work}/{contestant.name}" in only:
        return None
    return obstacles(work, contestant)


def take_turn(contestant, result, shown):
    load = os.getloadavg()[0]
    try:
        measured = contestant.turn()
    except process.Failed as error:
        result["error"] = str(error)
        return
    result["command"] = shown(measured.command)
    result["turns"].append(
        {
            "tokens": measured.tokens,
            "seconds": measured.seconds,
            "tokens_per_s": measured.tokens_per_s,
            "peak_rss_bytes": measured.peak_rss_bytes,
            "cpu_seconds": measured.cpu_seconds,
            "load_before": load,
            **measured.details,
        }
    )


def summarize(results, reference):
    """Adds medians and spread to each contestant, and how far its logits are from the reference's."""
    logits = {name: logits_of(result) for name, result in results.items()}
    for name, result in results.items():
        turns = result["turns"]
        for measured in MEASURED:
            values = [turn[measured] for turn in turns if turn[measured] is not None]
            spread = {"median": median(values), "lowest": min(values), "highest": max(values)} if values else None
            result[measured] = spread
        if logits[name] and logits.get(reference):
            result["largest_logit_difference"] = largest_difference(logits[name], logits[reference])


def logits_of(result):
    return [turn.pop("first_logits") for turn in result["turns"] if "first_logits" in turn][:1]


def largest_difference(one, other):
    pairs = ((a, b) for rows in zip(one[0], other[0]) for a, b in zip(*rows))
    return max(abs(a - b) for a, b in pairs)


def compared(ratio, results):
    """Multihot over the best of its rivals: the ratio of the medians, and the lowest and highest within one round."""

    def measured(name):
        return results.get(name, {}).get(ratio.of)

    rivals = [name for name in ratio.rivals if measured(name)]
    if not rivals or not measured(ratio.ours):
        return None
    more_is_better = ratio.of == "tokens_per_s"
    best = (max if more_is_better else min)(rivals, key=lambda name: measured(name)["median"])
    value = measured(ratio.ours)["median"] / measured(best)["median"]
    rounds = zip(results[ratio.ours]["turns"], results[best]["turns"])
    within = [ours[ratio.of] / theirs[ratio.of] for ours, theirs in rounds]
    reached = None
    if ratio.goal is not None:
        reached = value >= ratio.goal if more_is_better else value <= ratio.goal
    return {
        "title": ratio.title,
        "of": ratio.of,
        "ours": ratio.ours,
        "rival": best,
        "ratio": value,
        "lowest": min(within),
        "highest": max(within),
        "goal": ratio.goal,
        "reached": reached,
    }
