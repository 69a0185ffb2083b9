"""Running one test program: in a process group and a directory of its own, on
the library it was told to use, for a bounded time, and reading what it said."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from .inputs import write_inputs

PASS, FAIL, SKIP, TIMEOUT, CRASH, UNBUILT = (
    "pass",
    "fail",
    "skip",
    "timeout",
    "crash",
    "unbuilt",
)

SKIP_EXIT_CODE = 77
VERDICT = re.compile(r"^.*?:\d+:(?P<case>.+?):(?P<verdict>PASS|FAIL|IGNORE)(?::\s*(?P<words>.*))?$")
STARTED = re.compile(r"^@case (?P<case>.+)$")
CASE_RESULTS = {"PASS": PASS, "FAIL": FAIL, "IGNORE": SKIP}

# Seconds the original's build gives a program, where it is not ten.
UPSTREAM_LIMITS = {
    "test_heartbeats": 60,
    "test_security_zap": 60,
    "test_security_curve": 60,
    "test_reconnect_ivl": 15,
}
LIMIT_FACTOR = 6
LEAST_LIMIT = 120


def time_limit(name):
    """Several times the original's: machines that run tests are busy. Most
    programs end themselves after a minute anyway, with an alarm."""
    return max(LEAST_LIMIT, LIMIT_FACTOR * UPSTREAM_LIMITS.get(name, 10))


@dataclass
class Outcome:
    result: str
    seconds: float = 0.0
    cases: dict = field(default_factory=dict)
    messages: dict = field(default_factory=dict)
    detail: str = ""
    output: str = ""


@dataclass
class Runner:
    library_directory: Path
    cpu: str = None
    backtrace: bool = False

    def run(self, executable, locks, limit, only=(), excepted=()):
        environment = dict(os.environ)
        environment.pop("LD_PRELOAD", None)
        environment["LD_LIBRARY_PATH"] = str(self.library_directory)
        if only:
            environment["UPSTREAM_ONLY_CASES"] = ";".join(only)
        if excepted:
            environment["UPSTREAM_EXCEPT_CASES"] = ";".join(excepted)
        command = [str(executable)]
        if self.cpu is not None:
            command = ["taskset", "-c", self.cpu, *command]

        # Short, because the programs make socket paths in it.
        place = tempfile.mkdtemp(prefix="up-")
        environment["TMPDIR"] = place
        write_inputs(Path(executable).name, Path(place))
        try:
            with held(locks), open(f"{place}/output", "w+b") as output:
                return self._run_here(command, environment, place, output, limit)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _run_here(self, command, environment, place, output, limit):
        begin = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stacks = ""
        try:
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            code = None
            # Stopped, so that the stacks and the output tell of one moment.
            os.killpg(process.pid, signal.SIGSTOP)
            stacks = self._stacks(process.pid)
        finally:
            # The group is the program's own: this ends what it left behind.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        seconds = time.monotonic() - begin
        output.seek(0)
        text = output.read(1 << 20).decode(errors="replace") + stacks
        return read_outcome(code, text, seconds, limit)

    def _stacks(self, pid):
        if not self.backtrace or not shutil.which("gdb"):
            return ""
        done = subprocess.run(
            ["gdb", "-p", str(pid), "-batch", "-ex", "thread apply all backtrace"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=120,
        )
        return "\n" + done.stdout


def read_outcome(code, text, seconds, limit):
    outcome = Outcome(PASS, round(seconds, 2), output=text)
    running = None
    for line in text.splitlines():
        if started := STARTED.match(line):
            running = started["case"]
        elif verdict := VERDICT.match(line):
            outcome.cases[verdict["case"]] = CASE_RESULTS[verdict["verdict"]]
            if verdict["words"]:
                outcome.messages[verdict["case"]] = verdict["words"]
    if running and running not in outcome.cases and code != SKIP_EXIT_CODE:
        outcome.cases[running] = FAIL
        outcome.messages[running] = "did not end"

    within = f" in {running}" if running else ""
    if code is None:
        outcome.result = TIMEOUT
        outcome.detail = f"still running after {limit:.0f} s{within}"
    elif code == -signal.SIGALRM:
        outcome.result = TIMEOUT
        outcome.detail = f"its own alarm rang{within}"
    elif code < 0:
        outcome.result = CRASH
        outcome.detail = f"{signal.Signals(-code).name}{within}"
    elif code == SKIP_EXIT_CODE:
        outcome.result = SKIP
        outcome.detail = "says it cannot run here"
    elif code != 0:
        outcome.result = FAIL
        outcome.detail = f"exit code {code}"
    elif outcome.cases and set(outcome.cases.values()) == {SKIP}:
        outcome.result = SKIP
        outcome.detail = next(iter(outcome.messages.values()), "")
    return outcome


@contextlib.contextmanager
def held(names):
    """Locks over the whole machine, so that two runs of this script do not
    fight for one fixed port. Taken in order, so that they cannot deadlock."""
    directory = Path(tempfile.gettempdir()) / f"oxizmq-test-locks-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        for name in sorted(names):
            lock = stack.enter_context(open(directory / name, "w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
