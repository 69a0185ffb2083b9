"""What the test runners share: finding a libzmq, compiling C against it, running programs with a limit.

A `Library` is one build of libzmq (the original's or ours) made ready for a test run: its header
directory, and a directory of our own in which `libzmq.so` and `libzmq.so.5` both name the shared
object, so that programs link and load exactly that one whatever is installed on the machine.
"""

import os
import pathlib
import shutil
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
WARNINGS = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Wno-unused-parameter"]


class Missing(Exception):
    """Something a run needs is not there."""


def default_ours():
    return pathlib.Path(os.environ.get("OXIZMQ_LIBRARY_DIR", ROOT / "target" / "release"))


def default_reference():
    return pathlib.Path(os.environ.get("OXIZMQ_REFERENCE", ROOT / "target" / "reference"))


class Library:
    """One libzmq to compile and run against."""

    def __init__(self, name, directory, scratch, files=("libzmq.so.5", "libzmq.so")):
        self.name = name
        directory = pathlib.Path(directory).resolve()
        self.shared_object = self._first(
            [base / file for base in (directory, directory / "lib") for file in files]
        )
        include = self._first([directory / "include" / "zmq.h", ROOT / "include" / "zmq.h"]).parent
        self.include = include
        self.directory = pathlib.Path(scratch) / f"lib-{name}"
        self.directory.mkdir(parents=True)
        for link in ("libzmq.so", "libzmq.so.5"):
            (self.directory / link).symlink_to(self.shared_object.resolve())

    def _first(self, candidates):
        for candidate in candidates:
            if candidate.exists():
                return candidate
        hint = "cargo build --release" if self.name == "ours" else "scripts/build-reference"
        raise Missing(f"{self.name}: none of {', '.join(map(str, candidates))} ({hint} makes it)")

    def compile(self, source, output, extra=()):
        """Compiles one C program; gives the compiler's complaints, empty when it worked."""
        compiler = os.environ.get("CC", "cc")
        command = [compiler, *WARNINGS, f"-I{self.include}", str(source), "-o", str(output)]
        command += [f"-L{self.directory}", f"-Wl,-rpath,{self.directory}", "-lzmq", "-lpthread", *extra]
        done = subprocess.run(command, capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stderr

    def environment(self):
        """An environment in which this library is the one that any program loads."""
        variables = dict(os.environ)
        variables["LD_LIBRARY_PATH"] = str(self.directory)
        return variables


class Outcome:
    """How a program ended."""

    def __init__(self, output, errors, status, timed_out):
        self.output = output
        self.errors = errors
        self.status = status
        self.timed_out = timed_out

    def ending(self):
        if self.timed_out:
            return "time limit"
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        return f"exit {self.status}"

    def text(self):
        """Output and ending as one text, for comparing."""
        return self.output + f"-- {self.ending()}\n"


def on_one_cpu():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def start(command, directory, environment, pinned=False):
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=on_one_cpu if pinned else None,
    )


def finish(process, limit):
    """Waits for a program; one that runs too long is killed with all it started."""
    timed_out = False
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        timed_out = True
        kill(process)
        output, errors = process.communicate()
    return Outcome(output.decode(errors="replace"), errors.decode(errors="replace"), process.returncode, timed_out)


def kill(process):
    """Ends a program and everything in its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(command, directory, environment, limit, pinned=False):
    """Runs one program in a fresh empty directory, which is removed afterwards."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True)
    try:
        return finish(start(command, directory, environment, pinned), limit)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
