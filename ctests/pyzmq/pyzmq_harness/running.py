"""Running pyzmq's test files, each in a process of its own, so that a crash or
a hang costs one file's tests and no more."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness.running import held

from .environments import HERE

PASSED, FAILED, SKIPPED, RERUN = "passed", "failed", "skipped", "rerun"
ENDING = "(process)"


@dataclass
class FileOutcome:
    name: str
    seconds: float = 0.0
    tests: dict = field(default_factory=dict)
    words: dict = field(default_factory=dict)
    output: str = ""
    libraries: list = field(default_factory=list)


def test_files(tests):
    return sorted(path.name for path in (tests / "tests").glob("test_*.py"))


def fixed_ports(text):
    return sorted(set(re.findall(r"(?:127\.0\.0\.1|\*):(\d{4,5})\b", text)))


def run_file(environment, tests, name, variables, limits, deselected=(), selected=()):
    """Runs one file, or the `selected` tests of it; `limits` are the seconds
    of a test and of the file."""
    test_limit, file_limit = limits
    place = Path(tempfile.mkdtemp(prefix="pz-"))
    record = place / "record"
    command = [environment.python, "-m", "pytest", "-q", "--color=no", "--durations=0"]
    command += ["-p", "recorder", "-p", "no:cacheprovider", f"--basetemp={place}/tmp"]
    command += [f"--timeout={test_limit}", "--timeout-method=signal", f"--rootdir={tests}"]
    command += [f"--deselect=tests/{test}" for test in deselected]
    command += [f"tests/{test}" for test in selected] or [f"tests/{name}"]
    locks = [f"pyzmq-{name}", *fixed_ports((tests / "tests" / name).read_text())]
    variables = {
        **variables,
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYZMQ_TESTS_RECORD": str(record),
        "TMPDIR": str(place),
    }
    try:
        with held(locks), open(place / "output", "w+b") as output:
            begin = time.monotonic()
            code = _run(command, tests, variables, output, file_limit)
            seconds = time.monotonic() - begin
            output.seek(0)
            text = output.read(1 << 20).decode(errors="replace")
        return _read(name, record, code, round(seconds, 1), text, file_limit)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _run(command, tests, variables, output, limit):
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=tests,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return process.wait(timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(name, record, code, seconds, text, limit):
    outcome = FileOutcome(name, seconds, output=text)
    for line in record.read_text().splitlines() if record.exists() else ():
        entry = json.loads(line)
        if "libraries" in entry:
            outcome.libraries = entry["libraries"]
        else:
            _account(outcome, entry)
    unfinished = [test for test, result in outcome.tests.items() if result == "started"]
    for test in unfinished:
        outcome.tests[test] = FAILED
        outcome.words[test] = "did not end"

    # Pytest's own codes: 0 all passed, 1 some failed, 5 nothing to run.
    if code in (0, 1, 5):
        return outcome
    ending = f"{name}::{ENDING}"
    outcome.tests[ending] = FAILED
    if code is None:
        outcome.words[ending] = f"still running after {limit} s"
    elif code < 0:
        outcome.words[ending] = f"died of {signal.Signals(-code).name}"
    else:
        outcome.words[ending] = f"pytest exit code {code}"
    return outcome


def _account(outcome, entry):
    """The worst phase of a test counts; a rerun begins it anew."""
    test = entry["test"].removeprefix("tests/")
    result = entry["outcome"]
    if result == RERUN:
        outcome.tests[test] = "started"
        return
    before = outcome.tests.get(test)
    if result == FAILED:
        outcome.words[test] = entry.get("words", "")
    if before in (FAILED, SKIPPED) and result != FAILED and entry.get("phase") != "setup":
        return
    if result == PASSED and entry.get("phase") == "setup":
        return
    outcome.tests[test] = result
