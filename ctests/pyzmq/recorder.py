"""A pytest plugin: writes what happens to each test as it happens, one JSON
object a line, so that a process that dies or is killed still leaves word."""

import json
import os


class Recorder:
    def __init__(self, path):
        self.stream = open(path, "a")

    def write(self, **entry):
        self.stream.write(json.dumps(entry) + "\n")
        self.stream.flush()

    def pytest_sessionstart(self):
        import zmq.backend  # noqa: F401  (loads the extension and its library)

        with open("/proc/self/maps") as maps:
            files = {line.split(None, 5)[5].strip() for line in maps if "/" in line}
        self.write(libraries=sorted(path for path in files if "libzmq" in path))

    def pytest_collectreport(self, report):
        if report.failed:
            self.write(
                test=report.nodeid or "collection", outcome="failed", words=report.longreprtext
            )

    def pytest_runtest_logstart(self, nodeid):
        self.write(test=nodeid, outcome="started")

    def pytest_runtest_logreport(self, report):
        words = report.longreprtext if report.failed or report.outcome == "rerun" else ""
        self.write(
            test=report.nodeid,
            outcome=report.outcome,
            phase=report.when,
            seconds=report.duration,
            words=words,
            expected_failure=hasattr(report, "wasxfail"),
        )


def pytest_configure(config):
    path = os.environ.get("PYZMQ_TESTS_RECORD")
    if path:
        config.pluginmanager.register(Recorder(path))
