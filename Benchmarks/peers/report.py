"""Medians, spread and ratios, as JSON and as one table."""

import platform
import statistics

from .turns import QUIET

OURS = "subspacepath"
PARTS = ["prompt", "generation"]


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def summary(samples, ours):
    """Tokens per second of one part, and how many times faster ours is."""
    result = {
        "median": statistics.median(samples), "least": min(samples), "most": max(samples), "samples": samples}
    if ours:
        in_turn = [mine / theirs for mine, theirs in zip(ours, samples)]
        result["ratio"] = statistics.median(ours) / result["median"]
        result["leastRatio"], result["mostRatio"] = min(in_turn), max(in_turn)
    return result


def report(contestants, task, rounds):
    """One JSON object. A ratio is ours over theirs, of the medians; its least and most are those of single rounds."""
    ours = next((each for each in contestants if each.name == OURS and each.failure is None), None)
    entries = []
    for contestant in contestants:
        entry = {"name": contestant.name, "engine": contestant.engine, "file": contestant.file}
        if contestant.failure is not None:
            entries.append(entry | {"missing": contestant.failure})
            continue
        lengths = []
        for index, length in enumerate(task["promptTokens"]):
            parts = {
                part: summary(
                    contestant.samples[index][part],
                    ours.samples[index][part] if ours and contestant is not ours else None)
                | {"setting": contestant.choices[index][PARTS.index(part)]}
                for part in PARTS
            }
            samples = contestant.samples[index]
            lengths.append(
                {"promptTokens": length} | parts | {name: samples[name] for name in ("emptyStep", "elsewhere")})
        entries.append(entry | {"version": contestant.version, "lengths": lengths})
    return {
        "processor": processor(), "rounds": rounds, "threads": task["threads"], "seed": task["seed"],
        "generateTokens": task["generateTokens"], "engines": entries}


def table(result, lengths):
    """Markdown: tokens per second, median (least to most), and ours over theirs."""
    header = ["engine", "file"]
    for length in lengths:
        header += [f"prompt of {length}", "ours is", f"written after {length}", "ours is"]
    rows = []
    for entry in result["engines"]:
        row = [entry["engine"], entry["file"] or entry["name"].partition(":")[2] or "-"]
        for length in entry.get("lengths", []):
            for part in PARTS:
                speed = length[part]
                row.append(f"{speed['median']:.1f} ({speed['least']:.1f} to {speed['most']:.1f})")
                row.append(f"{speed['ratio']:.2f}x" if "ratio" in speed else "")
        if "missing" in entry:
            row += ["missing"] + [""] * (len(header) - len(row) - 1)
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in [header, *rows]]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def notes(result):
    """What was measured, with which settings, and how quiet the machine was."""
    lines = [
        f"{result['processor']}, {result['threads']} threads, {result['rounds']} rounds; tokens per second, median "
        "(least to most)."]
    for entry in result["engines"]:
        name = f"{entry['engine']}, {entry['file'] or entry['name']}"
        if "missing" in entry:
            lines.append(f"- {name}: missing: {entry['missing']}")
            continue
        chosen = "; ".join(
            f"{length['promptTokens']}: {length['prompt']['setting']}, writing: {length['generation']['setting']}"
            for length in entry["lengths"])
        lines.append(f"- {name}: {entry['version']}. {chosen}")
    steps = [
        step for entry in result["engines"] for length in entry.get("lengths", []) for step in length["emptyStep"]
        if step is not None]
    if steps:
        # What a virtual machine's processors share may change from turn to turn.
        lines.append(
            f"Handing work to {result['threads']} threads took {statistics.median(steps) * 1e6:.2f} microseconds in "
            f"the median turn, {min(steps) * 1e6:.2f} at the least and {max(steps) * 1e6:.2f} at the most.")
    elsewhere = [
        share for entry in result["engines"] for length in entry.get("lengths", []) for share in length["elsewhere"]]
    if elsewhere and max(elsewhere) > QUIET:
        lines.append(
            f"Other programs used {statistics.median(elsewhere):.0%} of the processors in the median turn and "
            f"{max(elsewhere):.0%} in the worst: the figures are disturbed.")
    return "\n".join(lines)
