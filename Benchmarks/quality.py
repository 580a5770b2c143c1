"""How much likelihood pruning costs: NLL per token minus dense, for each criterion, compensation and fraction.

The texts are data/val of the selected domains, each along the pathway of a shipped scenario of its own domain. Head
importance and means were measured on data/train; the validation texts only chose probe epochs and temperatures.
"""

import json
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = ROOT / ".build/release/subspacepath"
DOMAINS = ["chemistry", "finance", "history", "math", "philosophy", "technology"]
CRITERIA = ["axis-energy", "write-norm", "random"]
FRACTIONS = [0.2, 0.4]
SCENARIOS = 3


def write_texts(path):
    with open(path, "w", encoding="utf-8") as file:
        for domain in DOMAINS:
            scenarios = json.loads((ROOT / f"data/test/selected_domain/{domain}.json").read_text(encoding="utf-8"))
            texts = json.loads((ROOT / f"data/val/{domain}.json").read_text(encoding="utf-8"))
            for index, text in enumerate(texts):
                scenario = scenarios[index % SCENARIOS]["topic_description"]
                file.write(json.dumps({"text": text, "scenario": scenario, "group": domain}) + "\n")


def nll(path, *options):
    command = [TOOL, "perplexity", "--input", path, "--json", *options]
    result = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(result.stdout)["nllPerToken"]


with tempfile.TemporaryDirectory() as folder:
    texts = pathlib.Path(folder) / "texts.jsonl"
    write_texts(texts)
    dense = nll(texts)
    print(f"dense: {dense:.3f} nats per token\n")
    print("| criterion | compensation | " + " | ".join(f"{fraction:.0%} pruned" for fraction in FRACTIONS) + " |")
    print("|---|---|" + "---|" * len(FRACTIONS))
    for criterion in CRITERIA:
        for compensation in ["mean", "none"]:
            options = ["--criterion", criterion, "--compensation", compensation, "--always-keep", "foundation"]
            rises = [nll(texts, *options, "--pruned-fraction", str(fraction)) - dense for fraction in FRACTIONS]
            print(f"| {criterion} | {compensation} | " + " | ".join(f"+{rise:.2f}" for rise in rises) + " |", flush=True)
