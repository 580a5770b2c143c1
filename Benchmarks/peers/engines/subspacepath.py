"""This project's engine, through its command line."""

import json
import subprocess

from ..paths import ROOT, TOOL


class SubspacePath:
    settings = ["int8"]
    warms_up = True

    def __init__(self, file, task):
        self.command = [
            TOOL, "bench", "--model", file, "--threads", str(task["threads"]), "--seed", str(task["seed"]),
            "--repetitions", "1", "--json"]
        if not TOOL.exists():
            raise ImportError(f"{TOOL.relative_to(ROOT)} is missing: run `make build`")
        self.version = "this checkout"
        self.empty_step = None

    def measure(self, setting, prompt, continuation):
        # `bench` takes the same tokens from the same seed (tokens.py), and warms up by itself.
        lengths = ["--prompt-tokens", str(len(prompt)), "--generate-tokens", str(len(continuation))]
        result = subprocess.run(
            [*self.command, *lengths, "--precision", setting], check=True, stdout=subprocess.PIPE, text=True)
        report = json.loads(result.stdout)
        self.version = f"this checkout, {report['instructionSet']}"
        self.empty_step = 1 / report["limits"]["stepsPerSecond"]
        dense = report["lengths"][0]["dense"]
        return len(prompt) / dense["prefillSamples"][0], len(continuation) / dense["decodeSamples"][0]
