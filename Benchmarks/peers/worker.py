"""A process that holds one engine and measures when told to: `python -m peers.worker JSON`.

Commands and answers are JSON, one a line. What engines print goes to standard error.
"""

import json
import os
import pathlib
import sys

from .engines import engine_class
from .files import variant
from .tokens import random_tokens


def best(trials, part):
    """The setting that took least time for a part (0: prompt, 1: generation)."""
    return min(trials, key=lambda setting: trials[setting][part])


def choose_settings(engine, workloads):
    """What was fastest for the prompt and for the generation of each workload, after a warm-up."""
    settings = engine.settings
    choices = []
    for index, workload in enumerate(workloads):
        if index == 0:
            for setting in settings:
                engine.measure(setting, *workload)
        trials = {}
        if len(settings) > 1:
            for setting in settings * 2:
                seconds = engine.measure(setting, *workload)
                trials[setting] = tuple(map(min, seconds, trials.get(setting, seconds)))
        else:
            trials = {settings[0]: (0, 0)}
        choices.append([best(trials, 0), best(trials, 1)])
    return choices


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value):
        print(json.dumps(value), file=answers, flush=True)

    task = json.loads(sys.argv[1])
    try:
        file = variant(pathlib.Path(task["model"]), task["variant"])
        workloads = [
            random_tokens(task["seed"], task["vocabularySize"], length, task["generateTokens"])
            for length in task["promptTokens"]
        ]
        longest = max(task["promptTokens"]) + task["generateTokens"] + 1
        engine = engine_class(task["engine"])(file, task["threads"], longest)
        choices = choose_settings(engine, workloads)
        answer({"version": engine.version, "file": file.name, "choices": choices})
        for line in sys.stdin:
            index = json.loads(line)["workload"]
            # Where one setting reads fastest and another writes fastest, each does its part.
            seconds = {setting: engine.measure(setting, *workloads[index]) for setting in set(choices[index])}
            prompt, continuation = workloads[index]
            answer(
                {
                    "prompt": len(prompt) / seconds[choices[index][0]][0],
                    "generation": len(continuation) / seconds[choices[index][1]][1],
                }
            )
    except Exception as error:  # Whatever an engine raises is its result here, shown in the table.
        answer({"error": f"{type(error).__name__}: {error}"})


main()
