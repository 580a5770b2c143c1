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


def choose_settings(engine, workloads):
    """What was fastest for the prompt and for the generation of each workload, after a warm-up."""
    return [choose(engine, workload) for workload in workloads]


def choose(engine, workload):
    """A setting that fails is left out; where all do, the last failure is raised."""
    trials = {}
    failure = None
    for setting in engine.settings:
        try:
            # The first one warms up, and tells whether it runs at all.
            trials[setting] = engine.measure(setting, *workload)
            if len(engine.settings) > 1:
                trials[setting] = engine.measure(setting, *workload)
        except Exception as error:  # Whatever an engine raises says that it cannot run so.
            failure = error
            trials.pop(setting, None)
    if not trials:
        raise failure
    # Once more, against noise, except what is far behind in both.
    least = [min(trial[part] for trial in trials.values()) for part in (0, 1)]
    for setting, trial in trials.items() if len(trials) > 1 else ():
        if trial[0] < 2 * least[0] or trial[1] < 2 * least[1]:
            trials[setting] = tuple(map(min, trial, engine.measure(setting, *workload)))
    return [min(trials, key=lambda setting: trials[setting][part]) for part in (0, 1)]


def take_turn(engine, workloads, index, choice):
    """Tokens per second; where one setting reads fastest and another writes fastest, each does its part."""
    prompt, continuation = workloads[index]
    seconds = {}
    for setting in dict.fromkeys(choice):
        if not engine.warms_up:
            engine.measure(setting, prompt, continuation)
        seconds[setting] = engine.measure(setting, prompt, continuation)
    return {"prompt": len(prompt) / seconds[choice[0]][0], "generation": len(continuation) / seconds[choice[1]][1]}


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
        task["longest"] = max(task["promptTokens"]) + task["generateTokens"] + 1
        engine = engine_class(task["engine"])(file, task)
        choices = choose_settings(engine, workloads)
        answer({"version": engine.version, "file": file.name, "choices": choices})
        for line in sys.stdin:
            index = json.loads(line)["workload"]
            speeds = take_turn(engine, workloads, index, choices[index])
            answer(speeds | {"emptyStep": getattr(engine, "empty_step", None)})
    except Exception as error:  # Whatever an engine raises is its result here, shown in the table.
        answer({"error": f"{type(error).__name__}: {error}"})


main()
