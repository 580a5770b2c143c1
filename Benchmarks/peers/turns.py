"""Contestants that take turns: each engine lives in a process of its own, and one computes at a time."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time

from .paths import ROOT


# Below this share of the processors, other programs count as quiet.
QUIET = 0.05


class Failure(Exception):
    """Why a contestant has no result."""


class Contestant:
    """An engine on a file; `name` is `engine` or `engine:variant`."""

    def __init__(self, name):
        self.name = name
        self.engine, _, variant = name.partition(":")
        self.variant = variant or None
        self.file = self.version = self.failure = None
        self.choices = []
        # For each workload, a sample a round; `elsewhere` is the share of the processors that other programs used,
        # `emptyStep` what handing work to all threads took, in seconds, where an engine measures it.
        self.samples = []

    def start(self, task, limit):
        """Loads the engine, warms it up and lets it pick its fastest settings."""
        self.limit = limit
        parts = ["prompt", "generation", "emptyStep", "elsewhere"]
        self.samples = [{part: [] for part in parts} for _ in task["promptTokens"]]
        task = task | {"engine": self.engine, "variant": self.variant}
        environment = os.environ | {"OMP_NUM_THREADS": str(task["threads"]), "HF_HUB_OFFLINE": "1"}
        environment["PYTHONPATH"] = str(ROOT / "Benchmarks")
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "peers.worker", json.dumps(task)], cwd=ROOT, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        ready = self.answer()
        self.version, self.file, self.choices = ready["version"], ready["file"], ready["choices"]

    def measure(self, workload):
        """Tokens per second of the prompt and of the generation."""
        print(json.dumps({"workload": workload}), file=self.process.stdin, flush=True)
        return self.answer()

    def keep(self, workload, speeds, elsewhere):
        for part, samples in self.samples[workload].items():
            samples.append(elsewhere if part == "elsewhere" else speeds[part])

    def answer(self):
        if not select.select([self.process.stdout], [], [], self.limit)[0]:
            self.process.kill()
            raise Failure(f"no answer in {self.limit} seconds")
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            last = self.log.read().decode(errors="replace").strip().splitlines()[-1:]
            raise Failure(f"ended with status {self.process.wait()}: {' '.join(last)}")
        value = json.loads(line)
        if "error" in value:
            raise Failure(value["error"])
        return value

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def attempt(contestant, step, say):
    try:
        step()
    except (Failure, OSError) as failure:
        contestant.failure = str(failure).splitlines()[0] if str(failure) else type(failure).__name__
        say(f"{contestant.name}: {contestant.failure}")


def take_turns(contestants, task, rounds, limit, patience, say):
    """Every contestant in turn, `rounds` times.

    A turn that other programs disturbed is taken again once they are quiet, for `patience` seconds of waiting and
    measuring over all turns; the least disturbed one counts.
    """
    for contestant in contestants:
        say(f"preparing {contestant.name}")
        attempt(contestant, lambda: contestant.start(task, limit), say)
    spare = Patience(patience)
    start = time.monotonic()
    for number in range(rounds):
        for workload in range(len(task["promptTokens"])):
            for contestant in contestants:
                if contestant.failure is None:
                    attempt(contestant, lambda: take_turn(contestant, workload, spare), say)
        left = (time.monotonic() - start) / (number + 1) * (rounds - number - 1)
        say(f"round {number + 1} of {rounds}, {left / 60:.1f} minutes left")
    for contestant in contestants:
        if contestant.failure is None:
            contestant.stop()


class Patience:
    """Seconds that may still be spent on waiting for quiet and on measuring again."""

    def __init__(self, seconds):
        self.seconds = seconds

    def wait_for_quiet(self):
        start = time.monotonic()
        while self.seconds > time.monotonic() - start and disturbance(None, lambda: time.sleep(1))[1] > QUIET:
            pass
        self.seconds -= time.monotonic() - start


def take_turn(contestant, workload, spare):
    spare.wait_for_quiet()
    best = disturbance(contestant.process.pid, lambda: contestant.measure(workload))
    while best[1] > QUIET and spare.seconds > 0:
        spare.wait_for_quiet()
        start = time.monotonic()
        again = disturbance(contestant.process.pid, lambda: contestant.measure(workload))
        spare.seconds -= time.monotonic() - start
        best = min(best, again, key=lambda turn: turn[1])
    contestant.keep(workload, *best)


def disturbance(process, body):
    """What `body` returns, and the share of the processors that programs other than `process` used meanwhile."""
    before = processor_times(process)
    value = body()
    total, busy, own = (later - earlier for later, earlier in zip(processor_times(process), before))
    return value, max(0.0, (busy - own) / max(1, total))


def processor_times(process):
    """Clock ticks: all, those in use, and those of a process with its finished children; zeros where unknown.

    They are those of the processors that may be used here, of however many the machine has.
    """
    try:
        names = {f"cpu{number}" for number in os.sched_getaffinity(0)}
        with open("/proc/stat", encoding="ascii") as file:
            lines = [line.split() for line in file]
        values = [sum(column) for column in zip(*(map(int, line[1:9]) for line in lines if line[0] in names))]
        own = 0
        if process is not None:
            with open(f"/proc/{process}/stat", encoding="ascii") as file:
                own = sum(int(value) for value in file.read().rpartition(")")[2].split()[11:15])
    except (OSError, AttributeError):
        return 0, 0, 0
    total = sum(values)
    return total, total - values[3] - values[4], own
