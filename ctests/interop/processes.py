"""Running ends of an interoperation test: peers in processes of their own, and plain TCP."""

import socket
import subprocess
import threading
import time

import native


class TestFailure(Exception):
    """What went wrong, for the report."""


class Process:
    """A running peer, whose output lines can be waited for."""

    def __init__(self, suite, library, arguments):
        self.name = f"{library.name}: {' '.join(map(str, arguments))}"
        self.lines = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            [str(suite.binaries[library.name]), *map(str, arguments)],
            cwd=suite.directory,
            env=library.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        suite.processes.append(self)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.strip())
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)
            self.changed.notify_all()

    def wait_for(self, line, times, deadline):
        """Waits until a line was printed so often."""
        with self.changed:
            while self.lines.count(line) < times:
                if None in self.lines:
                    raise TestFailure(f"{self.name} ended before {line!r}: {self.tail()}")
                if not self.changed.wait(deadline - time.monotonic()) and time.monotonic() > deadline:
                    raise TestFailure(f"{self.name}: {times} x {line!r} did not come in time: {self.tail()}")

    def count(self, line):
        with self.changed:
            return self.lines.count(line)

    def tail(self):
        return "; ".join(line for line in self.lines[-5:] if line)

    def tell(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def finish(self, deadline):
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TestFailure(f"{self.name} did not end in time") from None
        self.reader.join()
        if self.process.returncode != 0 or "DONE" not in self.lines:
            raise TestFailure(f"{self.name} exit {self.process.returncode}: {self.tail()}")

    def kill(self):
        native.kill(self.process)
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


def listen(deadline):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(deadline - time.monotonic())
    return listener, f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def connect(endpoint, deadline):
    """Connects once the peer listens."""
    address = ("127.0.0.1", int(endpoint.rsplit(":", 1)[1]))
    while True:
        try:
            connection = socket.create_connection(address, timeout=deadline - time.monotonic())
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise TestFailure(f"nobody listens at {endpoint}") from None
            time.sleep(0.01)


def read_exactly(connection, size):
    received = bytearray()
    while len(received) < size:
        data = connection.recv(1 << 16)
        if not data:
            raise TestFailure(f"the stream ended after {len(received)} of {size} bytes")
        received += data
    return bytes(received)
