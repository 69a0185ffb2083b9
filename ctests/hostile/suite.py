"""Attacks, each known to have broken a ZeroMQ library. The program lives on, and serves others."""

import fnmatch
import pathlib
import subprocess
import threading
import time

import native

LIMIT = 60
# What an attack may leave behind in memory, in kilobytes.
MEMORY_SLACK = 24 * 1024
MIB = 1 << 20


class Failed(Exception):
    """What an attack did."""


class Program:
    """A running target, whose lines are read as they come."""

    def __init__(self, suite, *words):
        self.suite = suite
        self.words = " ".join(words)
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            [suite.binary, *words],
            env=suite.library.environment(),
            cwd=suite.directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        suite.programs.append(self)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.strip())
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)
            self.changed.notify_all()

    def line(self, word, after=0):
        """What follows the word in the first such line from that one on."""
        end = time.monotonic() + LIMIT
        with self.changed:
            while True:
                for text in self.lines[after:]:
                    if text is None:
                        raise Failed(f"{self.words} ended: {self.lines[-4:]}")
                    if text.startswith(word):
                        return text[len(word) :].strip()
                if not self.changed.wait(end - time.monotonic()):
                    raise Failed(f"{self.words}: no line {word}")

    def ask(self, what):
        after = len(self.lines)
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return int(self.line(what.upper(), after))

    @property
    def endpoint(self):
        return self.line("ENDPOINT")

    def end(self):
        """Ends by itself, in order."""
        self.process.stdin.close()
        self.line("DONE")
        if self.process.wait(LIMIT) != 0:
            raise Failed(f"{self.words}: exit {self.process.returncode}")


class Suite:
    def __init__(self, options, directory):
        self.options = options
        self.directory = pathlib.Path(directory)
        self.library = native.Library("ours", options.ours, directory)
        self.binary = str(self.directory / "target")
        source = native.ROOT / "ctests" / "hostile" / "target.c"
        complaints = self.library.compile(source, self.binary)
        if complaints:
            raise native.Missing(complaints)
        self.programs = []
        self.passed = self.failed = 0

    def test(self, body):
        name = body.__name__.replace("_", "-")
        if self.options.only and not any(fnmatch.fnmatch(name, only) for only in self.options.only):
            return
        began = time.monotonic()
        words = ""
        try:
            words = body(self) or ""
            for program in self.programs:
                if program.process.poll() is None:
                    program.end()
            trouble = None
        except (Failed, OSError, EOFError) as error:
            trouble = f"{type(error).__name__}: {error}"
        for program in self.programs:
            if program.process.poll() is None:
                native.kill(program.process)
                program.process.wait()
        self.programs.clear()
        took = time.monotonic() - began
        if trouble:
            self.failed += 1
            print(f"FAIL {name} ({took:.1f} s)\n  {trouble}", flush=True)
        else:
            self.passed += 1
            print(f"ok   {name} ({took:.1f} s) {words}".rstrip(), flush=True)

    # ------------------------------------------------------------------ parts of attacks

    def serve(self, kind, *words, endpoint="tcp://127.0.0.1:*"):
        return Program(self, "serve", kind, "bind", endpoint, *words)

    def call(self, endpoint, *words, seconds="0.3"):
        """An honest client: how many calls a second it gets through."""
        program = Program(self, "call", endpoint, seconds, *words)
        rate = int(program.line("RATE"))
        program.line("DONE")
        return rate


def expect(condition, what):
    if not condition:
        raise Failed(what)


def stays_small(program, before, what, slack=MEMORY_SLACK):
    """Memory comes back, at least after a while."""
    end = time.monotonic() + 10
    while True:
        after = program.ask("memory")
        if after - before <= slack:
            return after - before
        if time.monotonic() > end:
            raise Failed(f"{what} left {after - before} KiB")
        time.sleep(0.1)
