"""How much likelihood pruning costs: NLL per token minus dense, for each criterion and fraction.

The texts are the questions of data/test/selected_domain followed by their right answers, each along the pathway of its
own scenario; or data/val of the selected domains, inputs without answers, each along the pathway of a scenario of its
domain; or those of --input, JSON lines as `subspacepath perplexity` takes them. Importance and means were measured on
data/answered; data/val chose probe epochs, temperatures, and how much each layer's probes count.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = ROOT / ".build/release/subspacepath"
DOMAINS = ["chemistry", "finance", "history", "math", "philosophy", "technology"]
# Criterion, compensation, whether it knows the scenario.
ROWS = [
    ("causal", "mean", True), ("causal", "mean", False), ("causal", "none", True),
    ("axis-energy", "mean", True), ("axis-energy", "mean", False), ("axis-energy", "none", True),
    ("fluctuation", "mean", True), ("fluctuation", "mean", False),
    ("wanda", "mean", True), ("wanda", "mean", False), ("write-norm", "mean", True), ("write-norm", "mean", False),
    ("sigmoid-reference", "none", True), ("random", "mean", False),
]


def read(*parts):
    return json.loads(ROOT.joinpath("data", *parts).read_text(encoding="utf-8"))


def answered(turn):
    """The question and its right answer; an option's text, not its letter."""
    question, *options = re.split(r"\n(?=[A-Z]\. )", turn["prompt"])
    answers = {option[0]: option[3:] for option in options}
    return f"{question} {answers.get(turn['answer'], turn['answer'])}"


def test_texts():
    for domain in DOMAINS:
        for scenario in read("test", "selected_domain", f"{domain}.json"):
            for turn in scenario["turns"]:
                yield {"text": answered(turn), "scenario": scenario["topic_description"], "group": domain}


def validation_texts():
    for domain in DOMAINS:
        scenarios = read("test", "selected_domain", f"{domain}.json")
        for index, text in enumerate(read("val", f"{domain}.json")):
            scenario = scenarios[index % len(scenarios)]
            yield {"text": text, "scenario": scenario["topic_description"], "group": domain}


def write_texts(path, texts):
    path.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")


def swapped(texts):
    """Every text with a scenario of the next group's."""
    groups = list(dict.fromkeys(text.get("group") for text in texts))
    scenarios = {group: [text.get("scenario") for text in texts if text.get("group") == group] for group in groups}
    for index, text in enumerate(texts):
        others = scenarios[groups[(groups.index(text.get("group")) + 1) % len(groups)]]
        yield text | {"scenario": others[index % len(others)]}


def measure(path, *options):
    command = [str(TOOL), "perplexity", "--input", str(path), "--json", *map(str, options)]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{result.stderr.strip()}")
    return json.loads(result.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    texts = parser.add_mutually_exclusive_group()
    texts.add_argument("--input", type=pathlib.Path, help="texts with scenarios and groups (default: data/test)")
    texts.add_argument("--validation", action="store_true", help="the texts of data/val")
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    parser.add_argument(
        "--criteria", nargs="+", choices=sorted({criterion for criterion, *_ in ROWS}), help="only these (default: all)")
    arguments = parser.parse_args()
    if arguments.input:
        # A text may hold other line separators than the one between lines of JSON.
        lines = arguments.input.read_text(encoding="utf-8-sig").split("\n")
        texts = [json.loads(line) for line in lines if line.strip()]
    else:
        texts = list(validation_texts() if arguments.validation else test_texts())
    fractions = arguments.fractions
    header = " | ".join(f"{100 * fraction:g}%" for fraction in fractions)
    with tempfile.TemporaryDirectory() as folder:
        right, wrong = pathlib.Path(folder) / "right.jsonl", pathlib.Path(folder) / "wrong.jsonl"
        write_texts(right, texts)
        write_texts(wrong, swapped(texts))
        dense = measure(right)["nllPerToken"]
        print(f"dense: {dense:.3f} nats per token over {len(texts)} texts\n")
        print("Heads pruned, rise of nats per token:\n")
        print(f"| criterion | compensation | pathway | {header} |")
        print("|---|---|---|" + "---|" * len(fractions))

        def row(name, compensation, pathway, path, *options, share="prunedFraction"):
            cells = []
            for fraction in fractions:
                result = measure(path, "--compensation", compensation, "--pruned-fraction", fraction, *options)
                # Where that much may not be pruned, the cell says how much was.
                reached = "" if abs(result[share] - fraction) < 0.01 else f" ({100 * result[share]:.0f}%)"
                cells.append(f"{result['nllPerToken'] - dense:+.3f}{reached}")
            print(f"| {name} | {compensation} | {pathway} | {' | '.join(cells)} |", flush=True)

        def is_wanted(criterion):
            return not arguments.criteria or criterion in arguments.criteria

        for criterion, compensation, knows in ROWS:
            if is_wanted(criterion):
                row(criterion, compensation, "the scenario's" if knows else "blind", right,
                    "--criterion", criterion, *([] if knows else ["--blind"]))
        if is_wanted("causal") and len({text.get("group") for text in texts}) > 1:
            row("causal", "mean", "another scenario's", wrong, "--criterion", "causal")
        joint = list(filter(is_wanted, ["causal", "fluctuation", "random"]))
        if not joint:
            return
        print("\nHeads and feed-forward blocks, share of the model's multiply-adds:\n")
        print(f"| criterion | compensation | pathway | {header} |")
        print("|---|---|---|" + "---|" * len(fractions))
        for criterion in joint:
            row(criterion, "mean", "blind" if criterion == "random" else "the scenario's", right,
                "--criterion", criterion, "--prune", "heads,feed-forward",
                *(["--blind"] if criterion == "random" else []), share="multiplyAddsRemoved")


if __name__ == "__main__":
    main()
