"""Running each row's program on one library after the other, again and again."""

import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import time

import native

BENCHES = native.ROOT / "benches"
PROGRAMS = [path.stem for path in sorted(BENCHES.glob("*.c")) if path.stem != "instructions"]
LIMIT_SECONDS = 90
# A library that fails so often in a row is not tried again there.
MOST_FAILURES = 2
# One that takes so long for a run has three of them, and no more.
SLOW_SECONDS = 15
SLOW_RUNS = 3
# How often the interval of a ratio draws from its pairs, and how much of what comes out it leaves
# away at either end.
DRAWS = 1000
LEFT_AWAY = 0.05


class Failed(Exception):
    """A run without numbers; its words say why."""


def build(library, directory):
    """Compiles the programs without any path to a library: the environment decides at every run."""
    directory.mkdir()
    for name in PROGRAMS:
        command = [os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wno-unused-function"]
        command += [f"-I{library.include}", str(BENCHES / f"{name}.c"), "-o", str(directory / name)]
        command += [f"-L{library.directory}", "-lzmq", "-lpthread", "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"bench: {name}.c does not compile:\n{done.stderr}")


# What ran without a library, among the runs of a row.
BARE = "bare"


class Bare:
    """Stands among the libraries for a connection without one (`bare.c`)."""

    name = BARE

    def __init__(self, library):
        # The program is linked like all others, and uses nothing of it.
        self.environment = library.environment


class Result:
    """What came of a row: each library's runs, with None for one that failed, and the failures. What the
    system did alone is kept like a library's, but compared with ours only."""

    def __init__(self, row, names):
        self.row = row
        self.runs = {name: [] for name in names}
        self.failures = {name: [] for name in names}
        self.slow = set()

    def gave_up(self, name):
        return len(self.failures[name]) >= MOST_FAILURES

    def has_enough(self, name):
        return name in self.slow and sum(run is not None for run in self.runs[name]) >= SLOW_RUNS

    def has(self, name, key):
        runs = self.runs.get(name, ())
        return any(run and key in run for run in runs) and not self.gave_up(name)

    def median(self, name, key):
        return statistics.median(run[key] for run in self.runs[name] if run)

    def peers(self, key):
        return [name for name in self.runs if name not in ("ours", BARE) and self.has(name, key)]

    def better_peer(self, key, more_is_better):
        peers = self.peers(key)
        best = max if more_is_better else min
        return best(peers, key=lambda name: self.median(name, key)) if peers else None

    def judged(self, metric):
        """The number that its goal is about; None where there is none."""
        if metric.alone:
            return self.median("ours", metric.key) if self.has("ours", metric.key) else None
        compared = self.ratio(metric.key, metric.more_is_better())
        return compared and compared[0]

    def ratio(self, key, more_is_better):
        """Ours to the better peer: the median over all turns of what the two runs of a turn give, and
        the interval in which it lies nine times out of ten. None where there is nothing to compare."""
        return self.ratio_to(self.better_peer(key, more_is_better), key)

    def ratio_to(self, peer, key):
        if peer is None or not self.has("ours", key) or not self.has(peer, key):
            return None
        pairs = [(run[key], other[key]) for run, other in zip(self.runs["ours"], self.runs[peer]) if run and other]
        single = [ours / theirs for ours, theirs in pairs if theirs] or [0.0]
        return statistics.median(single), *interval(single)


def interval(ratios):
    """Where the median of such ratios lies, found by drawing from them again and again (bootstrap)."""
    draw = random.Random(len(ratios))
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(DRAWS))
    left_away = int(DRAWS * LEFT_AWAY)
    return medians[left_away], medians[-1 - left_away]


def values_of(outcome):
    """What a program printed, by name."""
    return dict(line.split("=", 1) for line in outcome.output.splitlines() if "=" in line)


class Runner:
    def __init__(self, options, scratch, libraries, python, with_bare):
        self.options = options
        self.scratch = scratch
        self.libraries = libraries
        # The interpreter that has pyzmq; None where it could not be installed.
        self.python = python
        self.bare = [Bare(libraries[0])] if with_bare else []
        self.programs = scratch / "programs"
        build(libraries[0], self.programs)

    def command(self, row, library):
        seconds = self.options.seconds * row.longer
        warm_up = self.options.seconds / 3
        timing = ["--pin", int(row.pinned), "--seconds", seconds, "--warm-up", warm_up]
        if library.name == BARE:
            return [self.programs / "bare", *row.bare, *timing]
        if row.program == "memory":
            timing = []
        if row.program.endswith(".py"):
            return [self.python, BENCHES / row.program, *row.arguments, *timing]
        return [self.programs / row.program, *row.arguments, *timing]

    def once(self, row, library):
        """One run's numbers by name."""
        of_python = row.program.endswith(".py")
        # The wheel has its own libzmq, which only a preloaded one takes the place of.
        own = of_python and library.name == "libzmq"
        is_free = own or library.name == BARE
        environment = dict(os.environ) if of_python else library.environment()
        if of_python and not own:
            environment["LD_PRELOAD"] = str(library.shared_object)
        outcome = native.run(self.command(row, library), self.scratch / "run", environment, LIMIT_SECONDS)
        if outcome.status != 0 or outcome.timed_out:
            words = " ".join(outcome.errors.split())
            late = outcome.timed_out or outcome.status == -signal.SIGALRM
            ending = "not done in time" if late else outcome.ending()
            raise Failed(f"{ending}{': ' if words else ''}{words[-300:]}")
        values = values_of(outcome)
        used = pathlib.Path(values.pop("library", "nothing")).resolve()
        if not is_free and used != library.shared_object.resolve():
            raise Failed(f"loaded {used} instead of {library.shared_object}")
        return {name: float(value) for name, value in values.items()}

    def interruptions(self):
        """How the machine interrupts a thread that does nothing, as a sentence."""
        command = [self.programs / "interruptions"]
        outcome = native.run(command, self.scratch / "run", self.libraries[0].environment(), LIMIT_SECONDS)
        values = values_of(outcome)
        try:
            return (
                f"A thread that only looks at the clock is interrupted {float(values['rate']):,.0f} times a second on "
                f"each processor: for {values['median']} µs, one time in ten for {values['ninety']} µs, one in a "
                f"hundred for {values['ninety_nine']} µs"
            )
        except KeyError:
            sys.exit(f"bench: interruptions: {outcome.ending()}: {outcome.errors}")

    def row(self, row):
        contestants = self.libraries + (self.bare if row.bare else [])
        result = Result(row, [library.name for library in contestants])
        for _ in range(self.options.repeat):
            # In any order, so that nobody gains from its place.
            for library in random.sample(contestants, len(contestants)):
                if result.gave_up(library.name) or result.has_enough(library.name):
                    continue
                values, begin = None, time.monotonic()
                try:
                    values = self.once(row, library)
                except Failed as failed:
                    result.failures[library.name].append(str(failed))
                    print(f"bench: {row.label()}: {library.name}: {failed}", file=sys.stderr, flush=True)
                result.runs[library.name].append(values)
                if time.monotonic() - begin > SLOW_SECONDS:
                    result.slow.add(library.name)
        return result
