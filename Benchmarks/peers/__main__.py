"""Measures every engine in turn and prints one table: `make bench-peers`."""

import argparse
import json
import os
import pathlib
import subprocess
import sys

from .engines import ENGINES
from .files import FILE_TYPES
from .paths import DEFAULT_MODEL, RESULTS, ROOT, TOOL
from .report import notes, report, table
from .turns import Contestant, take_turns

DEFAULT_CONTESTANTS = [
    "subspacepath", "llama.cpp", "llama.cpp:Q4_0", "openvino:Q8_0", "openvino:Q4_0", "transformers"]


def contestant(name):
    engine, _, variant = name.partition(":")
    if engine not in ENGINES:
        raise argparse.ArgumentTypeError(f"no engine {engine}; there are {', '.join(ENGINES)}")
    if variant and variant not in FILE_TYPES:
        raise argparse.ArgumentTypeError(f"no file type {variant}; there are {', '.join(FILE_TYPES)}")
    return Contestant(name)


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def seed(text):
    """As `bench` takes it: 64 bits without a sign."""
    if not text.isdecimal() or int(text) >= 1 << 64:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 2^64 - 1")
    return int(text)


def processors():
    """How many processors may be used here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def parse_options():
    parser = argparse.ArgumentParser(
        prog="peers",
        description="Measure SubspacePath and other engines in turn, on the same files and tokens.")
    parser.add_argument(
        "--model", type=pathlib.Path, default=DEFAULT_MODEL, help="a GGUF file (default: the default model)")
    parser.add_argument(
        "--engines", type=contestant, nargs="+", default=[Contestant(name) for name in DEFAULT_CONTESTANTS],
        metavar="ENGINE[:TYPE]",
        help=f"with a type, on a variant of the file (default: {' '.join(DEFAULT_CONTESTANTS)})")
    parser.add_argument("--prompt-tokens", type=positive, nargs="+", default=[512, 4000], help="(default: 512 4000)")
    parser.add_argument("--generate-tokens", type=positive, default=64, help="(default: 64)")
    parser.add_argument("--rounds", type=positive, default=5, help="(default: 5)")
    parser.add_argument(
        "--threads", type=positive, default=processors(), help="(default: all processors)")
    parser.add_argument("--seed", type=seed, default=42, help="the same seed takes the same tokens (default: 42)")
    parser.add_argument("--quick", action="store_true", help="two rounds, the first prompt length only")
    parser.add_argument(
        "--turn-limit", type=positive, default=1800, help="seconds an engine may take to answer (default: 1800)")
    parser.add_argument(
        "--patience", type=positive, default=300,
        help="seconds that may be spent on waiting for other programs and on measuring again (default: 300)")
    parser.add_argument("--output", type=pathlib.Path, default=RESULTS, help="(default: results/bench/peers.json)")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.prompt_tokens = 2, options.prompt_tokens[:1]
    if not options.model.is_file():
        parser.error(f"{options.model} is missing; `make model` fetches the default one")
    if not TOOL.exists():
        parser.error(f"{TOOL.relative_to(ROOT)} is missing; `make build` makes it")
    return options


def vocabulary_size(model):
    result = subprocess.run(
        [TOOL, "inspect", "--model", model, "--json"], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout)["vocabularySize"]


def say(line):
    print(line, file=sys.stderr, flush=True)


def main():
    options = parse_options()
    model = options.model.resolve()
    task = {
        "model": str(model), "vocabularySize": vocabulary_size(model), "promptTokens": options.prompt_tokens,
        "generateTokens": options.generate_tokens, "threads": options.threads, "seed": options.seed}
    take_turns(options.engines, task, options.rounds, options.turn_limit, options.patience, say)
    result = report(options.engines, task, options.rounds)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    partial = options.output.with_name(options.output.name + ".partial")
    partial.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    partial.replace(options.output)
    print(table(result, options.prompt_tokens))
    print()
    print(notes(result))


main()
